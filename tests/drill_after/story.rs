//! Records of drills made by hand: a city of twelve ambulances and two hospitals whose every second is written down here.

use citytwin::primitives::ids::{EdgeId, LaneId};
use citytwin::primitives::{Category, Distance, SimDuration, SimTime, Timestamp};
use citytwin::simulation::outcome::{Call, Happened, Happening, Stage, UnitStatus};
use citytwin::studies::drill::model::{Action, InjectKind, Logged, Medium, Rating, Standard};
use citytwin::studies::drill::record::{
    CallRecord, Came, Circle, Declared, ExpectOutcome, HospitalRecord, How, InjectOutcome, Message, ObjectiveOutcome,
    Record, UnitRecord,
};

/// Seconds after midnight.
pub(crate) fn at(seconds: i64) -> SimTime {
    SimTime::milliseconds(seconds * 1000)
}

/// A drill of so many minutes from `start` [s] in which nothing happens.
pub(crate) fn quiet(start: i64, minutes: i64) -> Record {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    Record {
        drill: "Harbour bridge".to_owned(),
        question: Some("Can one dispatcher keep the city covered while the bridge is closed?".to_owned()),
        marking: "for training only".to_owned(),
        scenario: "harbour city, morning".to_owned(),
        seed: 42,
        midnight: Timestamp::midnight("2026-06-02").expect("a day"),
        branch: 1,
        start: at(start),
        ended: at(start + minutes * 60),
        length: SimDuration::milliseconds(minutes * 60_000),
        area: Some(Circle { name: "The whole city".to_owned(), lon: 7.1, lat: 50.7, radius_km: 4.0 }),
        roles: vec![
            ("dispatcher".to_owned(), "Dispatcher".to_owned()),
            ("controller".to_owned(), "Exercise controller".to_owned()),
        ],
        people: Vec::new(),
        objectives: Vec::new(),
        standards: vec![Standard::Nfpa1710, Standard::NhsArp],
        actions: Vec::new(),
        calls: Vec::new(),
        happened: Vec::new(),
        units: names(&["A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "A10", "A11", "A12"])
            .into_iter()
            .zip(0..)
            .map(|(name, number)| UnitRecord {
                name,
                station: if number < 6 { "North".to_owned() } else { "Harbour".to_owned() },
            })
            .collect(),
        hospitals: names(&["St Anne", "Harbour Clinic"])
            .into_iter()
            .map(|name| HospitalRecord { name, bays: 3, changed: Vec::new() })
            .collect(),
        injects: Vec::new(),
        messages: Vec::new(),
        declared: Vec::new(),
    }
}

/// A call that rings, and what a test says of it further.
pub(crate) fn ring(record: &mut Record, number: u32, category: Category, came: Came, when: i64) {
    let call = Call {
        number,
        category,
        edge: EdgeId::new(number as usize),
        lane: LaneId::new(number as usize),
        position: Distance::metres(10.0),
        incident: None,
        unit: None,
        hospital: None,
        chain: [None; Stage::ALL.len()],
    };
    let road =
        ["Quay Street", "Mill Lane", "Bridge Road", "Station Square", "Elm Avenue"][number as usize % 5].to_owned();
    record.calls.push(CallRecord { call, road, came });
    stage(record, number, Stage::Call, None, when);
}

/// A call reaches a stage.
pub(crate) fn stage(record: &mut Record, call: u32, stage: Stage, unit: Option<u32>, when: i64) {
    let hospital = (stage == Stage::Depart).then_some(call % 2);
    record.happened.push(Happened { at: at(when), what: Happening::Call { call, stage, unit, hospital } });
}

/// An ambulance does something else.
pub(crate) fn unit(record: &mut Record, unit: u32, status: UnitStatus, call: Option<u32>, when: i64) {
    record.happened.push(Happened { at: at(when), what: Happening::Unit { unit, status, call } });
}

/// A dispatched call to its end, `spans` being seconds from the dispatch on: turnout, travel, to the patient, with the patient, and, where
/// the patient is transported, to the hospital, handover, clearing.
pub(crate) fn serve(record: &mut Record, call: u32, by: u32, sent: i64, spans: &[i64]) -> i64 {
    let conveyed = spans.len() > 4;
    let stages: &[(Stage, Option<UnitStatus>)] = if conveyed {
        &[
            (Stage::Dispatch, Some(UnitStatus::Dispatched)),
            (Stage::EnRoute, Some(UnitStatus::EnRoute)),
            (Stage::Arrive, Some(UnitStatus::AtScene)),
            (Stage::Patient, None),
            (Stage::Depart, Some(UnitStatus::Transporting)),
            (Stage::Hospital, Some(UnitStatus::AtHospital)),
            (Stage::Handover, None),
            (Stage::Clear, Some(UnitStatus::Returning)),
        ]
    } else {
        &[
            (Stage::Dispatch, Some(UnitStatus::Dispatched)),
            (Stage::EnRoute, Some(UnitStatus::EnRoute)),
            (Stage::Arrive, Some(UnitStatus::AtScene)),
            (Stage::Patient, None),
            (Stage::Clear, Some(UnitStatus::Returning)),
        ]
    };
    let mut when = sent;
    let ended = record.ended;
    for (position, (reached, status)) in stages.iter().enumerate() {
        if position > 0 {
            when += spans[position - 1];
        }
        if at(when) > ended {
            break;
        }
        stage(record, call, *reached, Some(by), when);
        if let Some(status) = status {
            let serves = (*status != UnitStatus::Returning).then_some(call);
            unit(record, by, *status, serves, when);
        }
    }
    when
}

/// Numbers that look like chance and are the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, low: i64, high: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let span = u64::try_from(high - low + 1).expect("low to high");
        low + i64::try_from((self.0 >> 33) % span).expect("small")
    }
}

/// Forty-two calls in seventy-five minutes, a bus with twelve patients among them; `hesitates` [s] is what the dispatcher takes to decide.
pub(crate) fn busy(hesitates: i64) -> Record {
    let start = 27_000;
    let mut record = quiet(start, 75);
    let mut free = [start; 12];
    let mut rings: Vec<(i64, Came)> =
        (0..29).map(|n| (start - 300 + n * 160 + (n * n * 37) % 90, Came::City)).collect();
    rings.extend((0..12).map(|n| (start + 1320 + n * 14, Came::Inject("I-04".to_owned()))));
    rings.push((start + 1800, Came::Inject("I-05".to_owned())));
    rings.sort_by_key(|(when, _)| *when);
    for ((when, came), number) in rings.into_iter().zip(0..) {
        // Its own dice for each call, the same in every run.
        let mut dice = Dice(u64::from(number) * 977 + 3);
        let category = match (&came, dice.roll(0, 9)) {
            (Came::Inject(_), 0..=5) | (_, 0..=1) => Category::C1,
            (Came::Inject(_), _) | (_, 2..=5) => Category::C2,
            (_, 6..=8) => Category::C3,
            _ => Category::C4,
        };
        ring(&mut record, number, category, came, when);
        let (answered, understood) = (when + dice.roll(2, 14), dice.roll(25, 70));
        let understood = answered + understood;
        for (reached, when) in [(Stage::Answer, answered), (Stage::Queue, understood)] {
            if at(when) <= record.ended {
                stage(&mut record, number, reached, None, when);
            }
        }
        let by =
            (0..12).min_by_key(|unit| (free[*unit].max(understood), (unit + number as usize) % 12)).expect("twelve");
        let sent = free[by].max(understood) + hesitates * dice.roll(1, 4);
        let conveyed = dice.roll(0, 9) < 6;
        let all = [
            dice.roll(25, 62),
            dice.roll(120, 520) + if hesitates > 0 { dice.roll(-80, 60) } else { 0 },
            dice.roll(30, 110),
            dice.roll(240, 600),
            dice.roll(200, 480),
            dice.roll(300, 900),
            dice.roll(60, 240),
        ];
        if at(sent) <= record.ended {
            free[by] = serve(
                &mut record,
                number,
                u32::try_from(by).expect("twelve"),
                sent,
                if conveyed { &all } else { &all[..4] },
            );
        }
    }
    hospitals(&mut record);
    record.happened.sort_by_key(|happened| happened.at);
    record
}

/// How full the hospitals are, from the calls' own stages.
fn hospitals(record: &mut Record) {
    let mut news: Vec<(SimTime, u32, i32)> = Vec::new();
    for Happened { at, what } in &record.happened {
        match what {
            Happening::Call { call, stage: Stage::Hospital, .. } => news.push((*at, call % 2, 1)),
            Happening::Call { call, stage: Stage::Handover, .. } => news.push((*at, call % 2, -1)),
            _ => {}
        }
    }
    news.sort();
    let mut there = [0; 2];
    for (at, hospital, change) in news {
        let now = &mut there[hospital as usize];
        *now += change;
        let (taking_over, waiting) = ((*now).min(3), (*now - 3).max(0));
        let count = |patients: i32| u32::try_from(patients).expect("nobody leaves who was not there");
        let what = Happening::Hospital { hospital, taking_over: count(taking_over), waiting: count(waiting) };
        record.happened.push(Happened { at, what });
    }
    record.hospitals[1].changed.push((record.start + SimDuration::seconds(2400.0), 2));
}

/// An inject at a minute of the drill.
pub(crate) fn inject(record: &Record, id: &str, minute: i64, by: Medium, text: &str) -> InjectOutcome {
    InjectOutcome {
        id: id.to_owned(),
        text: text.to_owned(),
        kind: InjectKind::Event,
        from: "Police control".to_owned(),
        to: Some("dispatcher".to_owned()),
        by,
        trigger: format!("T+{minute}:00"),
        delivered: Some(record.start + SimDuration::milliseconds(minute * 60_000)),
        how: How::Time,
        place: None,
        expect: None,
        objective: None,
    }
}

/// What is expected of it within so many seconds, and when it was done [s after the delivery].
pub(crate) fn expects(mut inject: InjectOutcome, words: &str, within: i64, done: Option<i64>) -> InjectOutcome {
    let after = |seconds: i64| inject.delivered.map(|at| at + SimDuration::milliseconds(seconds * 1000));
    inject.expect = Some(ExpectOutcome {
        words: words.to_owned(),
        role: Some("dispatcher".to_owned()),
        deadline: after(within),
        met: done.and_then(after),
        by: done.map(|_| "Mara".to_owned()),
    });
    inject
}

/// The busy drill with people, injects, objectives, messages and declarations, and the same by bots alone.
pub(crate) fn played() -> (Record, Record) {
    let (mut record, mut bots) = (busy(9), busy(0));
    for record in [&mut record, &mut bots] {
        planned(record);
    }
    people(&mut record);
    (record, bots)
}

/// What the planners wrote.
fn planned(record: &mut Record) {
    let (warning, bus) = (
        "Flooding expected along the quay from noon; units keep clear of Quay Street.",
        "A bus has overturned on Mill Lane, twelve people are hurt.",
    );
    let rows = [
        (
            "I-01",
            3,
            Medium::Phone,
            "The bridge on Bridge Road is closed after a crane struck it.",
            Some(("take note", 120)),
        ),
        ("I-02", 8, Medium::Media, "Local radio asks how long the bridge will be closed.", None),
        ("I-03", 15, Medium::Cap, warning, Some(("take note", 180))),
        ("I-04", 22, Medium::Radio, bus, Some(("declare major-incident", 300))),
        ("I-05", 30, Medium::Cad, "A child does not breathe, Elm Avenue.", Some(("a unit is diverted", 90))),
        (
            "I-06",
            40,
            Medium::Phone,
            "Harbour Clinic can take two patients and no more.",
            Some(("a unit is sent to St Anne", 600)),
        ),
        ("I-07", 45, Medium::Phone, "The duty officer asks why no major incident was declared.", None),
    ];
    let mut injects: Vec<InjectOutcome> = Vec::new();
    for (id, when, by, text, expected) in rows {
        let inject = inject(record, id, when, by, text);
        injects.push(match expected {
            Some((words, within)) => expects(inject, words, within, None),
            None => inject,
        });
    }
    injects[0].place = Some(Circle { name: "Bridge Road".to_owned(), lon: 7.112, lat: 50.705, radius_km: 0.2 });
    for (position, objective) in [(0, "O-1"), (3, "O-2"), (4, "O-2"), (5, "O-3")] {
        injects[position].objective = Some(objective.to_owned());
    }
    (injects[1].kind, injects[6].kind) = (InjectKind::Media, InjectKind::Contingency);
    "Weather service".clone_into(&mut injects[2].from);
    "T+45:00, unless I-04 was met".clone_into(&mut injects[6].trigger);
    (injects[6].delivered, injects[6].how) = (None, How::Not);
    record.injects = injects;
    let objective = |(id, capability, text): (&str, &str, &str)| ObjectiveOutcome {
        id: id.to_owned(),
        capability: Some(capability.to_owned()),
        text: text.to_owned(),
        rating: None,
        note: None,
        by: None,
    };
    let kept = "Declare a major incident in time and keep units for what else comes in.";
    let rows = [
        ("O-1", "Situational assessment", "Learn of a closed road and send round it."),
        ("O-2", "Operational coordination", kept),
        ("O-3", "Public health and medical services", "Spread patients over both hospitals."),
    ];
    record.objectives = rows.map(objective).to_vec();
}

/// What the players did.
fn people(record: &mut Record) {
    let start = record.start;
    let minute = |minutes: f64| start + SimDuration::seconds(minutes * 60.0);
    record.people = vec![("dispatcher".to_owned(), "Mara".to_owned()), ("controller".to_owned(), "Jonas".to_owned())];
    let done = [(0, Some(3.6)), (2, None), (3, Some(28.5)), (4, Some(31.0)), (5, Some(47.0))];
    for (position, when) in done {
        let expect = record.injects[position].expect.as_mut().expect("something");
        (expect.met, expect.by) = (when.map(minute), when.map(|_| "Mara".to_owned()));
    }
    for (objective, (rating, note)) in record.objectives.iter_mut().zip([
        (Rating::P, "Told all crews within a minute."),
        (Rating::M, "Declared after six and a half minutes; by then four crews stood at one place."),
        (Rating::S, "St Anne was used late."),
    ]) {
        (objective.rating, objective.note, objective.by) =
            (Some(rating), Some(note.to_owned()), Some("Jonas".to_owned()));
    }
    for (number, inject) in (1..).zip(record.injects.iter().filter(|inject| inject.delivered.is_some())) {
        record.messages.push(Message {
            number,
            time: inject.delivered.expect("delivered"),
            from: inject.from.clone(),
            to: "dispatcher".to_owned(),
            by: inject.by,
            text: inject.text.clone(),
            acknowledged: inject.expect.as_ref().and_then(|expect| expect.met),
        });
    }
    actions(record);
}

/// What was declared and done.
fn actions(record: &mut Record) {
    let start = record.start;
    let minute = |minutes: f64| start + SimDuration::seconds(minutes * 60.0);
    let declare = |what: &str, when: f64| Declared {
        time: minute(when),
        role: "dispatcher".to_owned(),
        person: "Mara".to_owned(),
        what: what.to_owned(),
    };
    record.declared = vec![declare("major-incident", 28.5), declare("major-incident-stand-down", 68.0)];
    let mut act = |when: f64, role: &str, person: &str, action: Action, said: &str| {
        let number = record.actions.len() as u64 + 1;
        let (role, person, said) = (role.to_owned(), person.to_owned(), said.to_owned());
        record.actions.push(Logged { number, time: minute(when), role, person, action, said });
    };
    act(
        0.0,
        "dispatcher",
        "Mara",
        Action::Hand { role: "dispatcher".to_owned(), bot: false },
        "Mara plays the dispatcher.",
    );
    act(3.6, "dispatcher", "Mara", Action::Acknowledge { message: 1 }, "Message 1 was noted.");
    act(
        4.2,
        "dispatcher",
        "Mara",
        Action::Assign { unit: "A2".to_owned(), call: 4 },
        "A2 is sent to call 4; it should be there in 5 min 12 s.",
    );
    act(
        28.5,
        "dispatcher",
        "Mara",
        Action::Declare { what: "major-incident".to_owned() },
        "A major incident is declared.",
    );
    act(
        31.0,
        "dispatcher",
        "Mara",
        Action::Assign { unit: "A5".to_owned(), call: 29 },
        "A5 is diverted from call 21 to call 29.",
    );
    act(
        47.0,
        "dispatcher",
        "Mara",
        Action::Direct { unit: "A1".to_owned(), hospital: "St Anne".to_owned() },
        "A1 goes to St Anne.",
    );
    act(
        50.0,
        "controller",
        "Jonas",
        Action::Note { text: "The quay was forgotten.".to_owned() },
        "Noted: The quay was forgotten.",
    );
    act(
        68.0,
        "dispatcher",
        "Mara",
        Action::Declare { what: "major-incident-stand-down".to_owned() },
        "The major incident is over.",
    );
}
