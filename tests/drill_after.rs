//! The review of a drill: every figure of it worked out again here from the raw list of what happened, by other means.

#[path = "drill_after/cap.rs"]
mod cap;
#[path = "drill_after/story.rs"]
mod story;

use std::collections::BTreeMap;

use citytwin::primitives::Category;
use citytwin::simulation::outcome::{Happening, Stage, UnitStatus};
use citytwin::studies::drill::after::after_action;
use citytwin::studies::drill::model::Medium;
use citytwin::studies::drill::record::{Came, How, Record};
use serde_json::Value;
use story::{busy, expects, inject, played, quiet, ring, serve, stage, unit};

const START: i64 = 27_000;

fn json(played: &Record, bots: &Record) -> Value {
    serde_json::from_str(&after_action(played, bots).json()).expect("JSON")
}

/// The rows of a list, by one of their words.
fn by<'a>(list: &'a Value, key: &str) -> BTreeMap<String, &'a Value> {
    let word = |row: &Value| row[key].as_str().map_or_else(|| row[key].to_string(), str::to_owned);
    list.as_array().expect("a list").iter().map(|row| (word(row), row)).collect()
}

#[track_caller]
fn close(found: &Value, expected: Option<f64>, what: &str) {
    match (found.as_f64(), expected) {
        (None, None) => {}
        (Some(found), Some(expected)) if (found - expected).abs() < 1e-6 => {}
        _ => panic!("{what}: found {found}, expected {expected:?}"),
    }
}

/// What a call went through, read off the raw list from its end: times in seconds.
struct Read {
    category: Category,
    /// First time of each stage.
    first: BTreeMap<Stage, f64>,
    /// Last time of each stage, dispatch and setting out only if nobody called the unit away after that.
    last: BTreeMap<Stage, f64>,
    dispatches: usize,
}

/// Calls that rang from T+0 on.
fn read(record: &Record) -> Vec<Read> {
    let mut calls = Vec::new();
    for known in &record.calls {
        let mut read =
            Read { category: known.call.category, first: BTreeMap::new(), last: BTreeMap::new(), dispatches: 0 };
        let mut waits_from = f64::MIN;
        for happened in record.happened.iter().rev() {
            let Happening::Call { call, stage, .. } = happened.what else { continue };
            if call != known.call.number {
                continue;
            }
            let when = happened.at.as_seconds();
            read.first.insert(stage, when);
            if stage == Stage::Queue {
                waits_from = waits_from.max(when);
            }
            let is_of_a_former_unit = matches!(stage, Stage::Dispatch | Stage::EnRoute) && when < waits_from;
            if !is_of_a_former_unit {
                read.last.entry(stage).or_insert(when);
            }
            read.dispatches += usize::from(stage == Stage::Dispatch);
        }
        if read.first.get(&Stage::Call).is_some_and(|rang| *rang >= record.start.as_seconds()) {
            calls.push(read);
        }
    }
    calls
}

/// Ended spans and open ones of an interval [s].
fn spans(calls: &[Read], interval: &str, ended: f64) -> (Vec<f64>, Vec<f64>) {
    let (mut done, mut open) = (Vec::new(), Vec::new());
    for call in calls {
        let (first, last) = (|stage| call.first.get(&stage).copied(), |stage| call.last.get(&stage).copied());
        let (from, to) = match interval {
            "answer" => (first(Stage::Call), first(Stage::Answer)),
            "understanding" => (first(Stage::Answer), first(Stage::Queue)),
            "waiting" => (first(Stage::Queue), first(Stage::Dispatch)),
            "processing" => (first(Stage::Answer), first(Stage::Dispatch)),
            "change_of_unit" if call.dispatches > 1 || last(Stage::Dispatch).is_none() => {
                (first(Stage::Dispatch), last(Stage::Dispatch))
            }
            "change_of_unit" => (None, None),
            "turnout" => (last(Stage::Dispatch), last(Stage::EnRoute)),
            "travel" => (last(Stage::EnRoute), last(Stage::Arrive)),
            "to_patient" => (last(Stage::Arrive), last(Stage::Patient)),
            "on_scene" => (last(Stage::Patient), last(Stage::Depart).or(last(Stage::Clear))),
            "to_hospital" => (last(Stage::Depart), last(Stage::Hospital)),
            "handover" => (last(Stage::Hospital), last(Stage::Handover)),
            "clearing" => (last(Stage::Handover), last(Stage::Clear)),
            "response" => (first(Stage::Call), last(Stage::Arrive)),
            other => panic!("an interval that nobody knows: {other}"),
        };
        match (from, to) {
            (Some(from), Some(to)) => done.push(to - from),
            (Some(from), None) => open.push(ended - from),
            _ => {}
        }
    }
    done.sort_by(f64::total_cmp);
    (done, open)
}

/// Definition 7 of Hyndman and Fan, in whole hundredths so that no rounding decides: share in per cent.
fn percentile(sorted: &[f64], per_cent: usize) -> Option<f64> {
    let steps = per_cent * (sorted.len().checked_sub(1)?);
    let (below, rest) = (steps / 100, steps % 100);
    let low = sorted[below];
    let high = sorted.get(below + 1).copied().unwrap_or(low);
    #[expect(clippy::cast_precision_loss, reason = "below one hundred")]
    let part = rest as f64 / 100.0;
    Some(low * (1.0 - part) + high * part)
}

#[expect(clippy::cast_precision_loss, reason = "a few dozen calls")]
fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[track_caller]
fn check_intervals(played: &Record, bots: &Record) {
    let review = json(played, bots);
    let rows = review["intervals"].as_array().expect("intervals");
    assert_eq!(rows.len(), 13);
    for row in rows {
        let name = row["interval"].as_str().expect("a word");
        for (key, record) in [("played", played), ("by_bots", bots)] {
            let (done, open) = spans(&read(record), name, record.ended.as_seconds());
            let found = &row[key];
            let what = format!("{key} {name}");
            assert_eq!(
                (found["n"].as_u64(), found["open"].as_u64()),
                (Some(done.len() as u64), Some(open.len() as u64)),
                "{what}"
            );
            close(&found["mean_s"], mean(&done), &what);
            for (figure, share) in [("p50_s", 50), ("p90_s", 90), ("p95_s", 95)] {
                close(&found[figure], percentile(&done, share), &format!("{what} {figure}"));
            }
            close(&found["longest_s"], done.last().copied(), &what);
            assert_eq!(found["few"], Value::Bool(done.len() < 10), "{what}");
        }
    }
}

/// Every interval of every run of this file.
#[test]
fn every_interval_is_that_of_the_raw_list() {
    let (with_people, bots) = played();
    check_intervals(&with_people, &bots);
    check_intervals(&taken_back(), &quiet(START, 30));
    check_intervals(&over_midnight(), &never_answered(12, 3));
    // The story holds what the figures are to be tried on: most intervals end often, some are open.
    let (done, open) = spans(&read(&with_people), "response", with_people.ended.as_seconds());
    assert!(done.len() >= 25 && !open.is_empty(), "{} {}", done.len(), open.len());
}

/// Shares, means and percentiles of the standards, and what may be said of them.
#[test]
fn every_row_of_the_standards_is_that_of_the_raw_list() {
    let (with_people, bots) = played();
    let review = json(&with_people, &bots);
    let rows = review["standards"].as_array().expect("standards");
    assert_eq!(rows.len(), 12);
    for row in rows {
        let categories: Vec<&str> =
            row["categories"].as_array().expect("some").iter().filter_map(Value::as_str).collect();
        let limit = row["limit_s"].as_f64().expect("a limit");
        for (key, record) in [("played", &with_people), ("by_bots", &bots)] {
            let mut calls = read(record);
            calls.retain(|call| categories.contains(&call.category.name()));
            let ended = record.ended.as_seconds();
            let (done, open) = spans(&calls, row["interval"].as_str().expect("a word"), ended);
            let found = &row[key];
            let what = format!("{key} {}", row["name"]);
            let all = done.len() + open.len();
            let verdict = found["verdict"].as_str().expect("a word");
            if let Some(asked) = row["asked"].as_f64() {
                let within = done.iter().filter(|span| **span <= limit).count();
                let past = open.iter().filter(|span| **span > limit).count();
                let known = done.len() + past;
                assert_eq!(found["n"].as_u64(), Some(known as u64), "{what}");
                #[expect(clippy::cast_precision_loss, reason = "a few dozen calls")]
                let share = |part: usize, whole: usize| (whole > 0).then(|| part as f64 / whole as f64);
                close(&found["value"], share(within, known), &what);
                let (worst, best) = (share(within, all), share(all - (known - within), all));
                let expected = match (worst, best) {
                    (None, _) => "nothing",
                    _ if all < 10 => "too_few",
                    (Some(worst), _) if worst >= asked - 1e-9 => "met",
                    (_, Some(best)) if best < asked - 1e-9 => "not_met",
                    _ => "open",
                };
                assert_eq!(verdict, expected, "{what}");
            } else {
                // What was not over counts with what it had lasted; it may yet last for ever.
                let with = |open: &mut dyn Iterator<Item = f64>| {
                    let mut all: Vec<f64> = done.iter().copied().chain(open).collect();
                    all.sort_by(f64::total_cmp);
                    all
                };
                let lowest = with(&mut open.iter().copied());
                let highest = with(&mut open.iter().map(|_| 1e12));
                let is_mean = row["name"].as_str().is_some_and(|name| name.ends_with("mean"));
                let of = |all: &[f64]| if is_mean { mean(all) } else { percentile(all, 90) };
                close(&found["value"], of(&lowest), &what);
                assert_eq!(
                    (found["n"].as_u64(), found["at_least"].as_bool()),
                    (Some(all as u64), Some(!open.is_empty())),
                    "{what}"
                );
                let expected = match of(&lowest) {
                    None => "nothing",
                    _ if all < 10 => "too_few",
                    Some(lowest) if lowest > limit => "not_met",
                    _ if of(&highest).is_some_and(|highest| highest <= limit) => "met",
                    _ => "open",
                };
                assert_eq!(verdict, expected, "{what}");
            }
        }
    }
    let words: Vec<&str> = rows.iter().filter_map(|row| row["played"]["verdict"].as_str()).collect();
    assert!(words.contains(&"met") && words.contains(&"not_met") && words.contains(&"too_few"), "{words:?}");
}

#[test]
fn a_drill_without_a_call_says_so() {
    let record = quiet(START, 30);
    let review = after_action(&record, &record);
    let page = review.html();
    assert!(
        page.contains("No call came in while the drill was played.") && page.contains("Nobody did anything"),
        "{page}"
    );
    let review = json(&record, &record);
    assert_eq!(review["about"]["calls"], 0);
    for row in review["standards"].as_array().expect("rows") {
        assert_eq!((row["played"]["verdict"].as_str(), row["played"]["value"].as_f64()), (Some("nothing"), None));
    }
    assert!(review["survivors"]["no"]["why"].as_str().is_some_and(|why| why.contains("there were 0")));
}

/// So many calls answered after five seconds, and one that nobody ever answers, which rings for `unanswered` minutes.
fn never_answered(answered: u32, unanswered: i64) -> Record {
    let mut record = quiet(START, 30);
    for number in 0..answered {
        let when = START + i64::from(number) * 20;
        ring(&mut record, number, Category::C2, Came::City, when);
        stage(&mut record, number, Stage::Answer, None, when + 5);
    }
    ring(&mut record, answered, Category::C1, Came::City, START + (30 - unanswered) * 60);
    record
}

/// A call that still rings has missed the 15 and 40 seconds, although no interval of it ever ended.
#[test]
fn a_call_never_answered_counts_against_the_limit() {
    let record = never_answered(12, 3);
    let review = json(&record, &record);
    let answer = by(&review["intervals"], "interval")["answer"];
    assert_eq!((answer["played"]["n"].as_u64(), answer["played"]["open"].as_u64()), (Some(12), Some(1)));
    let row = &review["standards"][0];
    assert_eq!((row["limit_s"].as_f64(), row["played"]["n"].as_u64()), (Some(15.0), Some(13)));
    assert_eq!(row["played"]["verdict"], "not_met");
    close(&row["played"]["value"], Some(12.0 / 13.0), "share");
    let call = by(&review["calls"], "call")["12"];
    assert_eq!((call["response_s"].as_f64(), call["waited_s"].as_f64()), (None, Some(180.0)));
    // One more that has rung for less than the limit leaves it open whether 95 in 100 are kept.
    let mut record = never_answered(12, 3);
    record.calls.pop();
    record.happened.retain(|happened| !matches!(happened.what, Happening::Call { call: 12, .. }));
    ring(&mut record, 12, Category::C1, Came::City, START + 30 * 60 - 6);
    let review = json(&record, &record);
    assert_eq!(review["standards"][0]["played"]["verdict"], "open");
    assert_eq!(review["standards"][0]["played"]["n"], 12);
}

/// A1 is sent, sets out and is called away; A2 comes. A third call's unit is called away and nobody comes.
fn taken_back() -> Record {
    let mut record = quiet(START, 30);
    for number in 0..2 {
        ring(&mut record, number, Category::C1, Came::City, START + 60);
        stage(&mut record, number, Stage::Answer, None, START + 65);
        stage(&mut record, number, Stage::Queue, None, START + 100);
        stage(&mut record, number, Stage::Dispatch, Some(number), START + 110);
        unit(&mut record, number, UnitStatus::Dispatched, Some(number), START + 110);
        stage(&mut record, number, Stage::EnRoute, Some(number), START + 150);
        unit(&mut record, number, UnitStatus::EnRoute, Some(number), START + 150);
        stage(&mut record, number, Stage::Queue, None, START + 200);
        unit(&mut record, number, UnitStatus::Returning, None, START + 200);
    }
    serve(&mut record, 0, 2, START + 230, &[50, 300, 60, 400]);
    record.happened.sort_by_key(|happened| happened.at);
    record
}

#[test]
fn a_unit_called_away_ends_the_wait_and_the_one_that_came_the_journey() {
    let record = taken_back();
    let review = json(&record, &record);
    let calls = by(&review["calls"], "call");
    let first = calls["0"];
    assert_eq!(first["units_sent"], serde_json::json!(["A1", "A3"]));
    assert_eq!((first["unit"].as_str(), first["response_s"].as_f64()), (Some("A3"), Some(230.0 - 60.0 + 350.0)));
    let intervals = by(&review["intervals"], "interval");
    let of = |interval: &str, figure: &str| intervals[interval]["played"][figure].as_f64();
    // Both were sent 10 s after they were understood, whatever came later.
    assert_eq!((of("waiting", "n"), of("waiting", "mean_s")), (Some(2.0), Some(10.0)));
    assert_eq!(
        (of("turnout", "n"), of("turnout", "mean_s"), of("turnout", "open")),
        (Some(1.0), Some(50.0), Some(0.0))
    );
    assert_eq!((of("travel", "n"), of("travel", "mean_s"), of("travel", "open")), (Some(1.0), Some(300.0), Some(0.0)));
    // The one got another unit 120 s after its first; the other still has none.
    assert_eq!(
        (of("change_of_unit", "n"), of("change_of_unit", "mean_s"), of("change_of_unit", "open")),
        (Some(1.0), Some(120.0), Some(1.0))
    );
    let other = calls["1"];
    assert_eq!((other["unit"].as_str(), other["waited_s"].as_f64()), (None, Some(1740.0)));
    let page = after_action(&record, &record).html();
    assert!(page.contains("A3 <span class=\"code\">after A1</span>") && page.contains("A2 called away"), "{page}");
    let lane = by(&review["units"], "unit")["A1"];
    let statuses: Vec<&str> =
        lane["stretches"].as_array().expect("some").iter().filter_map(|s| s["status"].as_str()).collect();
    assert_eq!(statuses, ["available", "dispatched", "en-route", "returning"]);
    close(&lane["busy"], Some(90.0 / 1800.0), "busy");
}

/// Twenty minutes before midnight to twenty after.
fn over_midnight() -> Record {
    let mut record = quiet(85_200, 40);
    ring(&mut record, 0, Category::C2, Came::City, 86_390);
    stage(&mut record, 0, Stage::Answer, None, 86_396);
    stage(&mut record, 0, Stage::Queue, None, 86_430);
    serve(&mut record, 0, 0, 86_435, &[40, 200, 50, 300]);
    // It rings before T+0 and is in no figure.
    ring(&mut record, 1, Category::C1, Came::City, 85_100);
    record.happened.sort_by_key(|happened| happened.at);
    record
}

#[test]
fn midnight_is_an_instant_like_any_other() {
    let record = over_midnight();
    let review = json(&record, &record);
    assert_eq!((review["about"]["calls"].as_u64(), review["about"]["calls_before"].as_u64()), (Some(1), Some(1)));
    close(&review["calls"][0]["response_s"], Some(86_435.0 + 240.0 - 86_390.0), "response");
    let page = after_action(&record, &record).html();
    assert!(
        page.contains("<dd>23:40:00</dd>") && page.contains("00:20:00 on the next day, after 40 min of 40 min"),
        "{page}"
    );
    assert!(page.contains("T+19:50") && page.contains(">00:05<"), "{page}");
    assert!(page.contains("1 call came in before T+0"));
}

#[test]
fn what_was_expected_is_met_late_missed_open_or_off() {
    let mut record = quiet(START, 30);
    let expected = |id: &str, minute: i64, done: Option<i64>| {
        expects(inject(&quiet(START, 30), id, minute, Medium::Phone, "Do."), "do", 120, done)
    };
    record.injects = vec![
        expected("met", 1, Some(120)),
        expected("late", 1, Some(121)),
        expected("missed", 28, None),
        expected("open", 29, None),
        inject(&record, "told", 1, Medium::Phone, "Hear."),
        expected("off", 1, None),
    ];
    record.injects[5].delivered = None;
    record.injects[5].how = How::Held;
    let review = json(&record, &quiet(START, 30));
    for (id, row) in by(&review["injects"], "inject") {
        assert_eq!(row["state"].as_str(), Some(id.as_str()));
        assert!(row["by_bots"].is_null());
    }
    let tally = serde_json::json!({"met": 1, "late": 1, "missed": 1, "open": 1, "told": 1, "off": 1});
    assert_eq!(review["expectations"], tally);
    assert!(after_action(&record, &record).html().contains("1 of 3 expectations were met in time, 1 late, 1 missed."));
}

/// The bot's run lacks the call that a person brought about, and has the inject's calls under other numbers.
#[test]
fn a_call_is_matched_by_where_it_comes_from() {
    let run = |numbers: [u32; 4], late: i64, extra: bool| {
        let mut record = quiet(START, 30);
        let origins = [Came::City, Came::Inject("I-1".to_owned()), Came::Inject("I-1".to_owned()), Came::City];
        for (position, (number, came)) in (0..).zip(numbers.into_iter().zip(origins)) {
            // What an inject brings may come at another time; chance may not.
            let when = START + 60 + position * 30 + if matches!(came, Came::Inject(_)) { late } else { 0 };
            ring(&mut record, number, Category::C2, came, when);
            serve(
                &mut record,
                number,
                u32::try_from(position).expect("few"),
                when + 100 + late,
                &[40, 100 * (position + 1), 60, 100],
            );
        }
        if extra {
            ring(&mut record, 90, Category::C2, Came::Person, START + 600);
        }
        record
    };
    let review = json(&run([0, 1, 2, 3], 7, true), &run([0, 2, 3, 1], 0, false));
    let theirs: BTreeMap<String, Option<u64>> =
        by(&review["calls"], "call").into_iter().map(|(call, row)| (call, row["call_by_bots"].as_u64())).collect();
    let expected = [("0", Some(0)), ("1", Some(2)), ("2", Some(3)), ("3", Some(1)), ("90", None)];
    assert_eq!(theirs, expected.into_iter().map(|(call, other)| (call.to_owned(), other)).collect());
    let all = &review["against_bots"];
    assert_eq!((all["calls"].as_u64(), all["n"].as_u64(), all["other_dice"].as_u64()), (Some(4), Some(4), Some(3)));
    assert_eq!((all["slower"].as_u64(), all["quicker"].as_u64(), all["low_s"].as_f64()), (Some(4), Some(0), None));
    close(&all["mean_s"], Some(7.0), "mean difference");
    close(&all["median_s"], Some(7.0), "median difference");
}

/// Same record, same bytes; and with many calls the difference has an interval and survivors are given, with their curve.
#[test]
fn the_same_records_give_the_same_bytes() {
    let (with_people, bots) = played();
    let (one, other) = (after_action(&with_people, &bots), after_action(&with_people.clone(), &bots.clone()));
    assert_eq!((one.html(), one.json()), (other.html(), other.json()));
    let again: Record = serde_json::from_str(&serde_json::to_string(&with_people).expect("JSON")).expect("a record");
    assert_eq!(after_action(&again, &bots).json(), one.json());
    let review = json(&with_people, &bots);
    let differences: Vec<f64> =
        review["calls"].as_array().expect("calls").iter().filter_map(|call| call["difference_s"].as_f64()).collect();
    assert_eq!(review["against_bots"]["n"].as_u64(), Some(differences.len() as u64));
    close(&review["against_bots"]["mean_s"], mean(&differences), "mean difference");
    assert!(review["against_bots"]["low_s"].as_f64() <= review["against_bots"]["median_s"].as_f64());
    check_survivors(&busy(9), &busy(0));
}

fn check_survivors(played: &Record, bots: &Record) {
    let review = json(played, bots);
    let expected = &review["survivors"]["expected"];
    let both = read(played).into_iter().zip(read(bots)).filter(|(here, _)| here.category == Category::C1);
    let minutes = |call: &Read| Some((call.last.get(&Stage::Patient)? - call.first[&Stage::Call]) / 60.0);
    let pairs: Vec<(f64, f64)> = both.filter_map(|(here, there)| Some((minutes(&here)?, minutes(&there)?))).collect();
    assert!(pairs.len() >= 10, "{}", pairs.len());
    let rate = |minutes: f64| (67.0 - 5.5 * minutes).max(0.0);
    let all = |side: fn(&(f64, f64)) -> f64| mean(&pairs.iter().map(|pair| rate(side(pair))).collect::<Vec<_>>());
    close(&expected["played"], all(|pair| pair.0), "survivors as played");
    close(&expected["by_bots"], all(|pair| pair.1), "survivors by bots");
    assert!(expected["curve"].as_str().is_some_and(|curve| curve.contains("Larsen")));
}

/// Second by second: which bays were taken, who waited, and what every ambulance did.
#[test]
fn hospitals_and_units_are_what_they_were_in_every_second() {
    let (record, bots) = played();
    let review = json(&record, &bots);
    let seconds = |time: citytwin::primitives::SimTime| time.as_milliseconds() / 1000;
    let (start, ended) = (seconds(record.start), seconds(record.ended));
    for (hospital, number) in record.hospitals.iter().zip(0..) {
        let (mut full, mut most) = (0, 0);
        for now in start..ended {
            let there =
                record.happened.iter().rev().filter(|happened| seconds(happened.at) <= now).find_map(|happened| {
                    let Happening::Hospital { hospital, taking_over, waiting } = happened.what else { return None };
                    (hospital == number).then_some((taking_over, waiting))
                });
            let (taking_over, waiting) = there.unwrap_or((0, 0));
            let bays = hospital
                .changed
                .iter()
                .rev()
                .find(|(at, _)| seconds(*at) <= now)
                .map_or(hospital.bays, |(_, bays)| *bays);
            full += i32::from(taking_over >= bays);
            most = most.max(waiting);
        }
        let found = by(&review["hospitals"], "hospital")[&hospital.name];
        close(&found["full_s"], Some(f64::from(full)), &hospital.name);
        assert_eq!(found["most_waiting"], most, "{}", hospital.name);
    }
    for (known, number) in record.units.iter().zip(0..) {
        let lane = by(&review["units"], "unit")[&known.name];
        let stretches = lane["stretches"].as_array().expect("some");
        let mut news = record
            .happened
            .iter()
            .filter_map(|happened| {
                let Happening::Unit { unit, status, call } = happened.what else { return None };
                (unit == number).then_some((seconds(happened.at), status.name(), call))
            })
            .collect::<Vec<_>>();
        news.insert(0, (i64::MIN, "available", None));
        for now in start..ended {
            #[expect(clippy::cast_precision_loss, reason = "a day has 86,400 s")]
            let instant = now as f64 + 0.5;
            let within = |row: &&Value| row["from_s"].as_f64() <= Some(instant) && Some(instant) < row["to_s"].as_f64();
            let shown: Vec<&Value> = stretches.iter().filter(within).collect();
            let (_, status, call) = news.iter().rev().find(|(at, ..)| *at <= now).expect("from the beginning");
            assert_eq!(shown.len(), 1, "{} at {now}", known.name);
            assert_eq!(
                (shown[0]["status"].as_str(), shown[0]["call"].as_u64()),
                (Some(*status), call.map(u64::from)),
                "{now}"
            );
        }
    }
}

/// Elements of HTML without an end.
const VOID: [&str; 3] = ["meta", "br", "!DOCTYPE"];

/// The page loads nothing, runs nothing, marks itself, and every element that it opens it closes; whatever names try.
#[test]
fn the_page_stands_alone_and_no_name_in_it_acts() {
    let (mut record, bots) = played();
    let hostile = "</td><script>alert(1)</script><img src=x onerror=alert(1)>\"'&\u{202e}";
    record.drill = hostile.to_owned();
    record.marking = hostile.to_owned();
    record.question = Some(hostile.to_owned());
    record.units[0].name = hostile.to_owned();
    record.hospitals[0].name = hostile.to_owned();
    record.declared[0].what = hostile.to_owned();
    record.people[0].1 = hostile.to_owned();
    record.calls[9].road = hostile.to_owned();
    for inject in &mut record.injects {
        (inject.text, inject.id, inject.from) = (hostile.to_owned(), hostile.to_owned(), hostile.to_owned());
    }
    for action in &mut record.actions {
        (action.said, action.person) = (hostile.to_owned(), hostile.to_owned());
    }
    let page = after_action(&record, &bots).html();
    assert!(page.contains("default-src 'none'; style-src 'unsafe-inline'\""));
    for word in ["<script", "<img", "<link", "url(", "http:", "https:", "\u{202e}"] {
        assert!(!page.contains(word), "{word}");
    }
    let mut open: Vec<&str> = Vec::new();
    for tag in page.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(tag, _)| tag) {
        for word in ["src=", "href=", "style=", " on"] {
            assert!(!tag.contains(word), "{tag}");
        }
        let name = tag.trim_start_matches('/').split([' ', '/']).next().expect("a name");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{tag}");
        } else if !VOID.contains(&name) && !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

/// The page of the story, left where it can be looked at.
#[test]
fn the_page_marks_itself_and_is_left_to_be_looked_at() {
    let (record, bots) = played();
    let page = after_action(&record, &bots).html();
    assert_eq!(page.matches("<p>EXERCISE – for training only</p>").count(), 2);
    assert!(page.contains("<title>EXERCISE – for training only · Harbour bridge"));
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(folder.join("drill-after.html"), page).expect("written");
    let mut plain = quiet(START, 30);
    for (marking, expected) in
        [("", "EXERCISE"), ("EXERCISE: harbour", "EXERCISE – harbour"), ("EXERCISES", "EXERCISE – EXERCISES")]
    {
        plain.marking = marking.to_owned();
        assert_eq!(json(&plain, &plain)["about"]["marking"], expected);
    }
}
