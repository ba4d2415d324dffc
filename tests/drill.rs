//! Drills in a small town: the same file, seed and actions make the same drill; nobody does more than their role may or sees more than it
//! would; and what is expected is found to be met, late or missed.

#[path = "common/town.rs"]
#[allow(dead_code, reason = "each test uses its part of it")]
mod town;

#[path = "common/drilled.rs"]
#[allow(dead_code, reason = "each test uses its part of it")]
mod drilled;

use std::sync::Arc;

use citytwin::city::emergency::{PlannedCall, PlannedIncident, Spot};
use citytwin::primitives::random::{Purpose, Seed};
use citytwin::primitives::{Category, Distance, IncidentKind, SimDuration, SimTime};
use citytwin::simulation::change::Change;
use citytwin::simulation::outcome::{LawCounts, Stage};
use citytwin::studies::drill::director::{ACTIONS_MAX, Director};
use citytwin::studies::drill::model::{Action, Expect, Expected, Inject, Power, Rating, Trigger};
use citytwin::studies::drill::record::How;
use drilled::{Drilled, LENGTH, Play, START, at, drilled, inject};
use proptest::prelude::*;

fn declare(what: &str) -> Action {
    Action::Declare { what: what.to_owned() }
}

/// Somebody at the dispatcher's desk who sends whoever is soonest to what waits, and does this and that besides.
fn by_hand(play: &mut Play) {
    let second = play.city.time().as_seconds() - START;
    if (second - 5.0).abs() < 1e-9 {
        play.take("dispatcher");
        play.take("controller");
    }
    if second > 5.0 && second.rem_euclid(15.0).abs() < 1e-9 {
        for call in play.waiting() {
            let _ = play.send_soonest(call);
        }
    }
    let units = play.director.view(&play.city, "dispatcher").units.expect("a dispatcher sees units");
    if (second - 200.0).abs() < 1e-9
        && let Some(unit) = units.iter().find(|unit| unit.divertible)
    {
        play.act("dispatcher", &Action::StandDown { unit: unit.unit.clone() }).expect("it is on its way");
    }
    if second.rem_euclid(50.0).abs() < 1e-9 {
        for unit in units.iter().filter(|unit| unit.call.is_some()) {
            let direct = Action::Direct { unit: unit.unit.clone(), hospital: "South Hospital".to_owned() };
            let _ = play.act("dispatcher", &direct);
        }
        let _ = play.act("dispatcher", &Action::Acknowledge { message: 1 });
        let _ = play.act("controller", &Action::Deliver { inject: "I-06".to_owned() });
    }
}

/// Everything that a drill leaves.
fn left(play: &Play) -> (Vec<String>, String, Vec<u8>) {
    (play.log.clone(), play.city.state_hash(), play.director.save())
}

/// A review would be of another drill than the one that was played.
#[test]
fn the_same_file_seed_and_actions_make_the_same_drill() {
    let town = drilled(3, 100, 30.0);
    let played = |threads: usize, aside: bool| {
        let mut play = town.play(threads);
        while !play.director.is_over(&play.city) {
            by_hand(&mut play);
            if aside && play.city.time() == SimTime::seconds(START + 180.0) {
                let (mut bytes, saved) = (Vec::new(), play.director.save());
                play.city.save(&mut bytes).expect("memory takes everything");
                play.city = town.city(threads);
                play.city.restore(&bytes).expect("its own state");
                play.director = Director::restore(&town.drill, &saved).expect("its own state");
            }
            play.step();
        }
        play
    };
    let one = played(1, false);
    let told = left(&one);
    assert!(told.0.len() > 60, "hardly anything happened: {:#?}", told.0);
    assert_eq!(left(&played(4, false)), told, "four threads made another drill");
    assert_eq!(left(&played(1, true)), told, "a state put aside in the middle went another way");
    for kind in ["action", "inject", "message", "call", "unit", "hospital", "met", "missed"] {
        let of_it = format!("\"what\":\"{kind}\"");
        assert!(told.0.iter().any(|line| line.contains(&of_it)), "no line of {kind}: {:#?}", told.0);
    }
    assert_eq!(one.director.lines_told(), told.0.len() as u64);
    // Lines read back as they were written.
    for line in &told.0 {
        let read: citytwin::studies::drill::log::LogLine = serde_json::from_str(line).expect("a line");
        assert_eq!(&read.json(), line);
    }
    assert_eq!(one.city.finish(true).laws, LawCounts::default());
}

/// Nobody came, and so the bots play: every inject comes, and the city goes as if its own dispatcher sent.
#[test]
fn bots_play_a_whole_drill() {
    let town = drilled(3, 100, 30.0);
    let mut play = town.play(1);
    play.finish();
    assert!(!play.city.is_dispatched_by_hand());
    assert_eq!(play.city.time(), SimTime::seconds(START + LENGTH));
    let record = play.director.record(&play.city);
    assert!(record.people.is_empty() && record.actions.is_empty());
    let of = |id: &str| record.injects.iter().find(|one| one.id == id).expect("an inject of the drill");
    for id in ["I-01", "I-02", "I-05", "I-07"] {
        assert_eq!(of(id).how, How::Time, "{id}");
    }
    let sent = of("I-01").expect.as_ref().expect("something is expected");
    assert!(sent.met.is_some() && sent.by.is_none(), "a bot sends as well: {sent:?}");
    assert!(of("I-02").expect.as_ref().is_some_and(|expect| expect.met == of("I-02").delivered), "bots take note");
    let brought = record.calls.iter().filter(|call| call.came != citytwin::studies::drill::record::Came::City).count();
    assert_eq!(brought, 4, "the call and three who are hurt");
    assert!(record.calls.len() > brought, "nobody called by chance");
    let reached = record.calls.iter().filter(|call| call.call.at(Stage::Arrive).is_some()).count();
    assert!(reached >= 4, "the bot reached {reached} of {}", record.calls.len());
    assert_eq!(play.city.finish(true).laws, LawCounts::default());
}

/// What is expected is met in time, met late, or missed; a contingency comes only where it was missed.
#[test]
fn what_is_expected_is_met_late_or_missed() {
    let expect = |what, within| Some(Expect { what, role: Some(0), within: SimDuration::seconds(within) });
    let declared = |id: &str, trigger, what: &str| Inject {
        expect: expect(Expected::Declare { what: what.to_owned() }, 30.0),
        ..inject(id, trigger)
    };
    let made_up = |id: &str, unless| inject(id, Trigger { unless: Some(unless), ..at(100.0) });
    let injects = vec![
        declared("A", at(10.0), "met"),
        declared("B", at(10.0), "late"),
        declared("C", at(10.0), "missed"),
        Inject { expect: expect(Expected::Acknowledge, 30.0), ..inject("D", at(10.0)) },
        Inject { expect: expect(Expected::Say { to: 1 }, 30.0), ..inject("E", at(10.0)) },
        made_up("F", 0),
        made_up("G", 2),
    ];
    let town = drilled(3, 20, 0.0).with(injects);
    let mut play = town.play(1);
    play.until(0.0);
    play.take("dispatcher");
    play.until(5.0);
    play.act("dispatcher", &declare("met")).expect("anything may be declared");
    play.until(40.0);
    play.act("controller", &declare("met")).expect_err("a controller declares nothing");
    play.act("dispatcher", &declare("Met ")).expect("a moment before the deadline");
    play.act("dispatcher", &Action::Acknowledge { message: 4 }).expect("its message");
    play.until(41.0);
    play.act("dispatcher", &Action::Say { to: "controller".to_owned(), text: "late".to_owned() }).expect("it may");
    play.until(60.0);
    play.act("dispatcher", &declare("late")).expect("anything may be declared");
    play.finish();
    let view = play.director.view(&play.city, "controller").injects.expect("a controller sees injects");
    let states: Vec<_> =
        view.iter().map(|one| (one.state, one.expect.as_ref().map_or("", |expect| expect.state))).collect();
    let wanted = [("met", "A"), ("late", "B"), ("missed", "C"), ("met", "D"), ("late", "E")];
    for ((state, expected), (found, inject)) in wanted.iter().map(|w| ("delivered", w.0)).zip(states.iter().zip(&view))
    {
        assert_eq!(*found, (state, expected), "{inject:?}");
    }
    assert_eq!((states[5].0, states[6].0), ("off", "delivered"), "{view:#?}");
    let record = play.director.record(&play.city);
    assert_eq!(record.injects[5].how, How::Not);
    let met = record.injects[0].expect.as_ref().expect("something is expected");
    assert_eq!((met.met, met.by.as_deref()), (met.deadline, Some("Ann")), "the early one came before the inject");
}

/// An inject waits for a state that must hold for a while, and is not fooled by a moment.
#[test]
fn a_state_must_hold_as_long_as_it_is_said() {
    let town = drilled(3, 20, 0.0);
    let call = |id: &str, after| Inject { effects: town.drill.injects[0].effects.clone(), ..inject(id, at(after)) };
    let waits = inject("waits", town.drill.injects[2].trigger.clone());
    let town = town.with(vec![call("first", 10.0), call("second", 200.0), waits]);
    let mut play = town.play(1);
    play.until(0.0);
    play.take("dispatcher");
    let waited = |play: &mut Play, wanted: f64| {
        while play.waiting().is_empty() {
            play.step();
        }
        let since = play.city.time();
        while play.city.time() - since < SimDuration::seconds(wanted) {
            play.step();
        }
        since
    };
    let delivered = |play: &Play| play.director.record(&play.city).injects[2].delivered;
    waited(&mut play, 15.0);
    let first = play.waiting()[0];
    play.send_soonest(first).expect("units are free");
    play.until(200.0);
    assert_eq!(delivered(&play), None, "it held for 15 s, not for 20");
    let since = waited(&mut play, 30.0);
    assert_eq!(delivered(&play), Some(since + SimDuration::seconds(20.0)));
}

/// Two cities that differ in what nobody has told: a patient's place and category, calls and injects to come, an incident.
fn untold(town: &Drilled, other: bool) -> Drilled {
    let spot = |part: usize| {
        let roads: Vec<_> = town.network.roads().map(|(id, _)| id).collect();
        let edge = roads[roads.len() * part / 8];
        let lane = town.network.edge(edge).lane_ids().next().expect("a lane");
        Spot { edge, lane, position: Distance::metres(50.0) }
    };
    let mut plan = town.plan.clone();
    let (road, category) = if other { (2, Category::C4) } else { (5, Category::C1) };
    plan.calls.push(PlannedCall { at: SimTime::seconds(START + 20.0), spot: spot(road), category });
    // One that has not rung yet.
    let later = if other { 300.0 } else { 400.0 };
    plan.calls.push(PlannedCall { at: SimTime::seconds(START + later), spot: spot(1), category });
    if other {
        let edge = spot(6).edge;
        plan.incidents.push(PlannedIncident {
            at: SimTime::seconds(START + 1.0),
            duration: SimDuration::seconds(500.0),
            kind: IncidentKind::Breakdown,
            edge,
            lanes: town.network.edge(edge).lane_ids().take(1).collect(),
            position: Distance::metres(60.0),
            length: Distance::metres(8.0),
            casualties: 0,
        });
    }
    let mut town = Drilled { plan, ..town.with(town.drill.injects.clone()) };
    if other {
        town = town.with(vec![inject("I-01", at(501.0)), inject("another", at(502.0))]);
    }
    town
}

/// A dispatcher sees nothing that nobody has told: two cities that differ in that alone look the same.
#[test]
fn a_dispatcher_sees_only_what_was_told() {
    let town = drilled(3, 20, 0.0).with(vec![inject("I-01", at(500.0))]);
    let (one, two) = (untold(&town, false), untold(&town, true));
    let (mut one, mut two) = (one.play(1), two.play(1));
    let road = one.city.network().roads().map(|(id, _)| id).nth(4).expect("a road");
    let seen = |play: &Play, role: &str| {
        serde_json::to_string(&play.director.view(&play.city, role)).expect("a view has a form")
    };
    let mut ringing = 0;
    loop {
        let calls = one.director.view(&one.city, "dispatcher").calls.expect("a dispatcher sees calls");
        if calls.iter().any(|call| call.status == "waiting") {
            break;
        }
        ringing += calls.iter().filter(|call| matches!(call.status, "ringing" | "answered")).count();
        if two.city.time() == SimTime::seconds(START + 5.0) {
            two.city.intervene(Change::CloseRoad { road }).expect("it is open");
        }
        for play in [&mut one, &mut two] {
            if play.city.time() == SimTime::seconds(START) {
                play.take("dispatcher");
            }
            play.step();
        }
        if one.waiting().is_empty() {
            assert_eq!(seen(&one, "dispatcher"), seen(&two, "dispatcher"), "at {}", one.city.time());
            assert_eq!(seen(&one, "helper"), seen(&two, "helper"));
        }
        assert!(one.city.time() < SimTime::seconds(START + 300.0), "the call was never understood");
    }
    assert!(ringing > 5, "nobody rang for long enough to be seen");
    assert_ne!(one.city.state_hash(), two.city.state_hash(), "the cities are the same");
    assert_ne!(seen(&one, "controller"), seen(&two, "controller"), "a controller sees the difference");
    let view = seen(&one, "dispatcher");
    assert!(view.contains("\"category\":\"C1\""), "once it is understood it is seen: {view}");
    for word in ["\"injects\"", "\"truth\"", "\"actions\"", "\"objectives\"", "incident"] {
        assert!(!view.contains(word), "{word} in {view}");
    }
}

/// What a caller says is told with the call once it is understood; what goes to a role is a message of it, and is not told twice.
#[test]
fn what_a_caller_says_is_known_when_the_call_is_understood() {
    let town = drilled(3, 20, 0.0);
    let of_a_call = || town.drill.injects[0].effects.clone();
    let calls = |id: &str, to| Inject { to, effects: of_a_call(), ..inject(id, at(5.0)) };
    let mut play = town.with(vec![calls("I-01", None), calls("I-02", Some(0))]).play(1);
    let mut seen = std::collections::BTreeSet::new();
    while play.city.time() < SimTime::seconds(START + 300.0) {
        play.step();
        for call in play.director.view(&play.city, "dispatcher").calls.expect("a dispatcher sees calls") {
            assert!(call.text.is_none() || call.understood_s.is_some(), "{call:?}");
            seen.insert((call.call, call.text));
        }
    }
    assert!(seen.iter().filter_map(|(_, text)| text.as_deref()).eq(["what I-01 says"]), "{seen:?}");
}

/// A unit is where it last said it is, and nowhere else.
#[test]
fn a_unit_is_where_it_last_reported() {
    let town = drilled(3, 60, 60.0);
    let mut play = town.play(1);
    let mut before: Vec<(f64, f64, f64)> = Vec::new();
    let (mut moved, mut behind) = (0, 0);
    while !play.director.is_over(&play.city) {
        play.step();
        let began = (play.city.time() - play.city.settings().step).as_seconds();
        let units = play.director.view(&play.city, "dispatcher").units.expect("a dispatcher sees units");
        let now: Vec<_> = units.iter().map(|unit| (unit.lon, unit.lat, unit.seen_s)).collect();
        for ((unit, was), truth) in units.iter().zip(&before).zip(play.city.units()) {
            let is = (unit.lon, unit.lat, unit.seen_s);
            if is != *was {
                moved += 1;
                assert!((unit.seen_s - began).abs() < 1e-9, "{unit:?} at {began}");
                assert_eq!((unit.lon, unit.lat), play.city.place(truth.lane, truth.position));
            } else if (unit.lon, unit.lat) != play.city.place(truth.lane, truth.position) {
                behind += 1;
                // Who has just left the road reports in the next step.
                assert!(began - unit.seen_s < 7.0, "{unit:?} at {began}: {truth:?}");
            }
        }
        before = now;
    }
    assert!(moved > 20 && behind > 20, "{moved} reports, {behind} times elsewhere");
}

/// Who may do what: everything that a role has no power for is refused, and leaves nothing behind.
#[test]
fn nobody_does_more_than_their_role_may() {
    let town = drilled(3, 20, 0.0);
    let mut play = town.play(1);
    play.until(0.0);
    for role in ["dispatcher", "controller", "helper"] {
        play.take(role);
    }
    while play.waiting().len() < 2 {
        play.step();
    }
    let (first, second) = (play.waiting()[0], play.waiting()[1]);
    let (one, two) = ("ambulance-1-1".to_owned(), "ambulance-1-2".to_owned());
    play.act("dispatcher", &Action::Assign { unit: one.clone(), call: first }).expect("it is free");
    for _ in 0..3 {
        play.step();
    }
    let text = || "text".to_owned();
    let tried = [
        (Power::Assign, Action::Assign { unit: two.clone(), call: second }),
        (Power::Divert, Action::Assign { unit: one.clone(), call: second }),
        (Power::StandDown, Action::StandDown { unit: one.clone() }),
        (Power::StandDown, Action::Assign { unit: two, call: first }),
        (Power::Direct, Action::Direct { unit: one, hospital: "South Hospital".to_owned() }),
        (Power::Declare, declare("anything")),
        (Power::Say, Action::Say { to: "helper".to_owned(), text: text() }),
        (Power::Say, Action::Note { text: text() }),
        (Power::Inject, Action::Deliver { inject: "I-06".to_owned() }),
        (Power::Inject, Action::Hold { inject: "I-06".to_owned() }),
        (Power::Inject, Action::Improvise { to: "press".to_owned(), from: text(), text: text() }),
        (Power::Rate, Action::Rate { objective: "send".to_owned(), rating: Rating::P, note: None }),
        (Power::Hand, Action::Hand { role: "press".to_owned(), bot: true }),
        (Power::Clock, Action::End),
    ];
    for role in &town.drill.roles {
        for (power, action) in &tried {
            let (mut city, mut director) = (play.city.fork(), play.director.clone());
            let before = (city.state_hash(), director.save());
            let answer = director.act(&mut city, &role.name, "Bob", action);
            let allowed = role.may.contains(power);
            assert_eq!(answer.is_ok(), allowed, "{} {action:?}: {answer:?}", role.name);
            if let Err(why) = answer {
                assert_eq!((city.state_hash(), director.save()), before, "{action:?} left something behind");
                assert!(why.contains(';'), "it does not say what to do: {why}");
            }
        }
    }
    let asked = play.director.recommend(&play.city, "controller", second);
    assert!(asked.is_err(), "a controller sends nobody");
    assert!(play.director.view(&play.city, "nobody").calls.is_none(), "a role that there is not sees nothing");
    assert!(play.act("nobody", &declare("x")).is_err_and(|why| why.contains("the roles are dispatcher, controller")));
}

/// The bot sends before somebody has come and whenever it is told to; the player's hand does in between.
#[test]
fn a_role_goes_between_people_and_its_bot() {
    let town = drilled(3, 20, 0.0);
    let mut play = town.play(1);
    let early = play.act("dispatcher", &Action::Assign { unit: "x".to_owned(), call: 0 }).expect_err("too early");
    assert!(early.contains("begins at"), "{early}");
    play.until(-20.0);
    play.take("dispatcher");
    play.step();
    assert!(!play.city.is_dispatched_by_hand(), "before T+0 the city runs by itself");
    play.until(1.0);
    assert!(play.city.is_dispatched_by_hand());
    play.until(120.0);
    assert!(!play.waiting().is_empty(), "somebody was sent though nobody sent");
    let hand = |bot| Action::Hand { role: "dispatcher".to_owned(), bot };
    play.act("dispatcher", &hand(true)).expect_err("only the controller hands over");
    play.act("controller", &hand(true)).expect("it may");
    let call = play.waiting()[0];
    let said = play.send_soonest(call).expect_err("the bot plays");
    assert!(said.contains("a bot plays"), "{said}");
    play.act("dispatcher", &hand(false)).expect_err("it was taken away");
    play.until(125.0);
    assert!(!play.city.is_dispatched_by_hand() && !play.waiting().contains(&call), "the bot sent nobody");
    play.act("controller", &hand(false)).expect("it may");
    play.step();
    assert!(play.city.is_dispatched_by_hand());
    play.act("controller", &Action::End).expect("it may");
    assert!(play.director.is_over(&play.city));
    play.act("dispatcher", &declare("x")).expect_err("it is over");
    let rate = Action::Rate { objective: "send".to_owned(), rating: Rating::S, note: Some("slow".to_owned()) };
    play.act("controller", &rate).expect("ratings come afterwards");
    assert_eq!(play.director.record(&play.city).objectives[0].rating, Some(Rating::S));
}

/// A city that nobody took over has the hash that it had before anybody could; one that was, another.
#[test]
fn a_city_that_nobody_took_over_is_as_it_was() {
    let town = drilled(3, 20, 60.0);
    let (mut plain, mut watched) = (town.city(1), town.with(Vec::new()).play(1));
    for _ in 0..200 {
        plain.step();
        watched.step();
    }
    assert_eq!(plain.state_hash(), watched.city.state_hash(), "a director alone changes the city");
    watched.take("dispatcher");
    watched.step();
    plain.step();
    assert_ne!(plain.state_hash(), watched.city.state_hash());
}

/// When, which role, what, and three numbers that say to whom and how.
type Deed = (u32, usize, u8, [usize; 3]);

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    prop::collection::vec((0..620_u32, 0..5_usize, 0..17_u8, prop::array::uniform3(0..100_usize)), 1..60)
}

/// What somebody tries; much of it cannot be done.
fn action((_, _, what, [who, how, more]): &Deed) -> Action {
    let small = |number: usize| u32::try_from(number).expect("below a hundred");
    let pick = |all: &[&str], number: usize| all[number % all.len()].to_owned();
    let unit = pick(&["ambulance-1-1", "ambulance-1-2", "ambulance-1-3", "", "x"], *who);
    let role = pick(&["dispatcher", "controller", "helper", "press", "nobody"], *who);
    let inject = format!("I-0{}", who % 9);
    let text = ["something", "", "\u{7}", "a\nb"][how % 4].repeat(1 + (more % 3) * 80);
    match what {
        0..=3 => Action::Assign { unit, call: small(how % 6) },
        4 => Action::StandDown { unit },
        5 => Action::Direct { unit, hospital: pick(&["North Hospital", "South Hospital", "none"], *how) },
        6 => Action::Declare { what: pick(&["major-incident", "", "x"], *how) },
        7 => Action::Acknowledge { message: small(*how) },
        8 => Action::Say { to: role, text },
        9 => Action::Note { text },
        10 => Action::Deliver { inject },
        11 => Action::Hold { inject },
        12 => Action::Release { inject },
        13 => Action::Improvise { to: role, from: pick(&["the mayor", ""], *how), text },
        14 => Action::Rate { objective: pick(&["send", "x"], *how), rating: Rating::M, note: Some(text) },
        15 if how % 20 == 0 => Action::End,
        _ => Action::Hand { role, bot: how % 3 == 0 },
    }
}

/// Which powers an action needs one of; taking one's own role needs none.
fn needs(action: &Action) -> &'static [Power] {
    match action {
        Action::Assign { .. } => &[Power::Assign, Power::Divert],
        Action::StandDown { .. } => &[Power::StandDown],
        Action::Direct { .. } => &[Power::Direct],
        Action::Declare { .. } => &[Power::Declare],
        Action::Acknowledge { .. } | Action::Say { .. } | Action::Note { .. } => &[Power::Say],
        Action::Deliver { .. } | Action::Hold { .. } | Action::Release { .. } | Action::Improvise { .. } => {
            &[Power::Inject]
        }
        Action::Rate { .. } => &[Power::Rate],
        Action::Hand { .. } => &[Power::Hand],
        Action::End => &[Power::Clock],
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_tried_the_drill_goes_on(seed in 1..40_u64, deeds in deeds()) {
        let town = drilled(seed, 40, 20.0);
        let mut play = town.play(1);
        while !play.director.is_over(&play.city) {
            let second = play.city.time().as_seconds();
            for deed in deeds.iter().filter(|deed| (f64::from(deed.0) - second).abs() < 1e-9) {
                let action = action(deed);
                let role = ["dispatcher", "controller", "helper", "press", "nobody"][deed.1];
                let before = play.city.state_hash();
                let answer = play.act(role, &action);
                match answer {
                    Ok(_) => {
                        let part = town.drill.roles.iter().find(|one| one.name == role).expect("a role of the drill");
                        let own = matches!(&action, Action::Hand { role: handed, bot: false } if handed == role);
                        let may = needs(&action).iter().any(|power| part.may.contains(power));
                        prop_assert!(own || may, "{} did {:?}", role, action);
                    }
                    Err(why) => {
                        prop_assert_eq!(play.city.state_hash(), before, "a refused {:?} left something behind", action);
                        prop_assert!(why.contains(';') || why.contains("no "), "it does not say what to do: {}", why);
                    }
                }
            }
            play.step();
            let view = serde_json::to_value(play.director.view(&play.city, "dispatcher")).expect("a view has a form");
            for hidden in ["injects", "objectives", "actions", "truth"] {
                prop_assert!(view.get(hidden).is_none(), "a dispatcher sees {}", hidden);
            }
            for call in view["calls"].as_array().expect("a dispatcher sees calls") {
                let unclear = matches!(call["status"].as_str(), Some("ringing" | "answered"));
                prop_assert_eq!(unclear, call["category"].is_null(), "{}", call);
                prop_assert_eq!(unclear, call["road"].is_null() && call["lon"].is_null(), "{}", call);
            }
        }
        let saved = play.director.save();
        let again = Director::restore(&town.drill, &saved).expect("its own state");
        prop_assert_eq!(again.save(), saved);
        let record = play.director.record(&play.city);
        prop_assert_eq!(record.calls.len(), play.city.calls().len());
        prop_assert_eq!(play.city.finish(true).laws, LawCounts::default());
    }
}

/// The drill would go on as well if everything were refused.
#[test]
fn of_everything_that_is_tried_something_is_done() {
    let town = drilled(8, 40, 40.0);
    let mut play = town.play(1);
    let (mut done, mut refused) = ([0_u32; 17], [0_u32; 17]);
    let mut deed = |play: &mut Play, n: u64| {
        let mut rng = Seed(8).stream(Purpose::Demand, n, 1);
        let what = u8::try_from(n % 17).expect("small");
        let deed = (0, rng.below(3), what, std::array::from_fn(|_| rng.below(100)));
        let role = ["dispatcher", "controller", "dispatcher"][deed.1];
        let action = action(&deed);
        // Whoever ends it ends the test.
        if matches!(action, Action::End) {
            return;
        }
        let counts = if play.act(role, &action).is_ok() { &mut done } else { &mut refused };
        counts[usize::from(what)] += 1;
    };
    play.until(0.0);
    play.take("dispatcher");
    for n in 0_u64.. {
        if play.director.is_over(&play.city) {
            break;
        }
        deed(&mut play, n);
        if n % 2 == 0 {
            play.step();
        }
    }
    for what in 0..17 {
        assert!(done[what] > 0 && refused[what] > 0, "deed {what}: {done:?} were done, {refused:?} refused");
    }
    assert_eq!(play.city.finish(true).laws, LawCounts::default());
}

/// What is too long, too much or no text is refused; a view shows the newest.
#[test]
fn everything_has_a_limit() {
    let town = drilled(3, 0, 0.0);
    let mut play = town.play(1);
    play.until(0.0);
    let say = |long: usize| Action::Say { to: "dispatcher".to_owned(), text: "x".repeat(long) };
    let refused = |said: Result<String, String>| said.expect_err("it is too much");
    assert!(refused(play.act("controller", &say(1001))).contains("1001 characters, and 1000 is the most"));
    assert!(refused(play.act("controller", &say(0))).contains("empty"));
    let unnamed = play.director.act(&mut play.city, "controller", "", &say(1));
    assert!(refused(unnamed).contains("a name is empty"));
    for _ in 0..600 {
        play.act("controller", &say(1000)).expect("it may");
    }
    let view = play.director.view(&play.city, "dispatcher");
    assert_eq!((view.messages.len(), view.messages[0].message), (500, 101));
    let view = play.director.view(&play.city, "controller");
    assert_eq!((view.said.len(), view.actions.expect("it sees them").len()), (200, 500));
    for _ in 600..ACTIONS_MAX {
        play.act("controller", &Action::Note { text: "x".to_owned() }).expect("it may");
    }
    assert!(refused(play.act("controller", &say(1))).contains("end the drill"));
    play.act("controller", &Action::End).expect("that is always possible");
    assert_eq!(play.director.record(&play.city).actions.len(), ACTIONS_MAX + 1);
}

/// A state of another drill, or something else, is refused with a sentence.
#[test]
fn a_state_of_another_drill_is_refused() {
    let town = drilled(3, 0, 0.0);
    let director = Director::new(&town.drill);
    let other = town.with(vec![inject("I-01", at(1.0))]);
    assert!(Director::restore(&town.drill, &director.save()).is_ok_and(|same| same == director));
    assert!(Director::restore(&other.drill, &director.save()).is_err_and(|why| why.contains("another drill")));
    assert!(Director::restore(&other.drill, b"{}").is_err_and(|why| why.contains("no saved state")));
    assert!(Arc::strong_count(&town.drill) > 1);
}
