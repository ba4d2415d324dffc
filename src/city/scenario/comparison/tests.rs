//! What a file may say of a comparison, and what it is told where it may not.

use super::super::effects::{BusEngine, CarEngine, Dioxide};
use super::super::indicators::Group;
use super::*;
use crate::primitives::text::Findings;
use std::path::Path;

/// The comparison of a file with these keys from its sixth line on, or what is wrong with them.
fn read(keys: &str) -> Result<Comparison, Vec<String>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/a.yaml");
    let text = format!(
        "citytwin: 1\nname: A\nmap: {{ city: ../maps/halvermere }}\ntime: {{ start: 07:00, run: 1 h }}\n\
         demand: [{{ synthetic: {{ flow: 100 veh/h }} }}]\n{keys}interventions: {{ calm: [{{ change-speed: {{ road: High Street, \
         limit: 30 km/h }} }}] }}\nvariants: {{ as-is: [], calm: [calm] }}\n"
    );
    let mut findings = Findings::default();
    let scenario = super::super::parse(&text, &Place::file(file), &mut findings);
    let told = |problem: &crate::primitives::text::Problem| {
        let (place, help) = (&problem.place, problem.help.as_deref().unwrap_or_default());
        format!("{}:{} {} ({help})", place.line, place.column, problem.message)
    };
    match scenario {
        Some(scenario) if findings.is_ok() => Ok(scenario.comparison),
        _ => {
            // The grammar and the rules may both stumble over a value; a reader of files is told once.
            let mut problems: Vec<String> = findings.problems().iter().map(told).collect();
            problems.dedup();
            Err(problems)
        }
    }
}

#[test]
fn what_is_not_said_is_usual() {
    let usual = read("").expect("nothing to complain of");
    assert_eq!(usual, Comparison { against: "as-is".to_owned(), ..Comparison::default() });
}

#[test]
fn conditions_are_read_in_the_measures_own_unit() {
    let keys = "compare: { seeds: [4, 9], confidence: 90 %, noticeable: 1 min, measures: [travel-time.bus] }\nexpect:\n\
        - { variant: calm, measure: travel-time.bus, change: \"< -5 %\" }\n\
        - { variant: calm, measure: travel-time, change: \"<= 1 min\" }\n\
        - { variant: as-is, measure: ambulance-response.p90, value: \"<= 8 min\" }\n\
        - { variant: calm, measure: network-speed, value: \"> 18 km/h\" }\n\
        - { variant: calm, measure: los-ef, change: \"<= 2 pp\" }\n\
        - { variant: calm, measure: planning-time-index, value: \">= 1.5\" }\n\
        - { variant: calm, measure: vehicle-time, value: \"< 1200 h\" }\n";
    let comparison = read(keys).expect("nothing to complain of");
    assert_eq!((comparison.seeds, comparison.noticeable), (Some(vec![4, 9]), SimDuration::seconds(60.0)));
    let found: Vec<(Relation, Subject, f64)> = comparison
        .expectations
        .iter()
        .map(|one| (one.relation, one.subject, (one.bound * 1000.0).round() / 1000.0))
        .collect();
    let expected = [
        (Relation::Less, Subject::RelativeChange, -5.0),
        (Relation::AtMost, Subject::Change, 60.0),
        (Relation::AtMost, Subject::Value, 480.0),
        (Relation::More, Subject::Value, 18.0),
        (Relation::AtMost, Subject::Change, 2.0),
        (Relation::AtLeast, Subject::Value, 1.5),
        (Relation::Less, Subject::Value, 1200.0),
    ];
    assert_eq!(found, expected);
}

/// A measure that has to be observed is, whether it is in the list or not; nobody else pays for it.
#[test]
fn what_a_measure_needs_is_observed() {
    let seen = |keys: &str| read(keys).expect("nothing to complain of").observe;
    let nothing = Observe::default();
    assert_eq!(seen(""), nothing);
    assert_eq!(seen("compare: { observe: [safety] }\n"), Observe { safety: true, ..nothing });
    assert_eq!(seen("compare: { measures: [excess-wait] }\n"), Observe { headways: true, ..nothing });
    let expected = "expect: [{ variant: calm, measure: queue-length.p95, value: \"<= 0.12 km\" }]\n";
    assert_eq!(seen(expected), Observe { queues: true, ..nothing });
    let bound = read(expected).expect("nothing to complain of").expectations[0].bound;
    assert!((bound - 120.0).abs() < 1e-9, "{bound}");
}

#[test]
fn engines_and_prices_are_what_is_stated() {
    let keys = "compare: { measures: [nox.bus, cost], effects: { engines: { car: petrol-euro-6, bus: diesel-euro-vi }, \
        value-of-time: { car: 15 EUR/h, bus: 200 EUR/h }, fuel-price: 2.40 EUR/kg, co2-price: 200 EUR/t } }\n";
    let effects = read(keys).expect("nothing to complain of").effects;
    assert_eq!((effects.car, effects.bus), (Some(CarEngine::PetrolEuro6), Some(BusEngine::DieselEuroVI)));
    assert_eq!((effects.time[Group::Car as usize], effects.time[Group::Truck as usize]), (Some(15.0), None));
    assert_eq!((effects.fuel, effects.co2, effects.nox), (Some(2.4), Some(0.2), None));
    assert_eq!(effects.currency(), "EUR");
    assert_eq!(read("").expect("nothing to complain of").effects, Effects::default());
}

#[test]
fn a_background_is_what_is_stated() {
    let keys = "compare: { measures: [no2-over-hour], effects: { engines: { car: diesel-euro-6 }, primary-no2: 30 %, background: { no2: \
        20 ug/m3, ozone: 0.06 mg/m3, pm2-5: 9 µg/m³ } } }\n";
    let comparison = read(keys).expect("nothing to complain of");
    let dioxide = Dioxide { background: 20.0, ozone: 60.0, primary: 0.3 };
    assert_eq!((comparison.effects.dioxide, comparison.effects.fine), (Some(dioxide), Some(9.0)));
    assert_eq!(comparison.observe, Observe { air: true, ..Observe::default() });
}

#[test]
fn every_mistake_has_its_place_and_what_to_do() {
    let cases = [
        ("compare: { against: calmm }\n", "6:21 there is no variant `calmm` (did you mean `calm`?)"),
        (
            "compare: { measures: [travel-tme] }\n",
            "6:23 there is no measure `travel-tme` (did you mean `travel-time`?)",
        ),
        ("compare: { min-runs: 1 }\n", "6:22 `min-runs` cannot be 1"),
        ("compare: { min-runs: 9, max-runs: 5 }\n", "6:35 at most 5 runs are fewer than at least 9"),
        ("compare: { seeds: [1, 1] }\n", "6:23 the seed 1 is given twice"),
        ("compare: { precision: 5 }\n", "6:23 "),
        ("compare: { confidence: 100 % }\n", "6:24 `confidence` cannot be 100 %"),
        ("compare: { observe: [queus] }\n", "6:22 an entry of `observe` cannot be `queus` (did you mean `queues`?)"),
        ("compare: { measures: [nox] }\n", "6:23 nothing is stated of which `nox` could be made (add `effects"),
        (
            "compare: { effects: { co2-price: 9 EUR/t } }\n",
            "6:34 there is a price and nothing that burns fuel (add `engines",
        ),
        (
            "compare: { effects: { value-of-time: { car: 9 EUR/h, bus: 9 GBP/h } } }\n",
            "6:59 prices are in two currencies (there is one in EUR",
        ),
        ("compare: { effects: { value-of-time: { car: 9 EUR/kg } } }\n", "6:45 "),
        (
            "expect: [{ variant: calm, measure: noise-power, change: \"< -1 %\" }]\n",
            "6:57 decibels do not change by per cent",
        ),
        ("compare: { sedes: [1, 2] }\n", "6:12 unknown key `sedes`"),
        (
            "expect: [{ variant: clam, measure: stops, change: \"< 0 %\" }]\n",
            "6:21 there is no variant `clam` (did you mean `calm`?)",
        ),
        (
            "expect: [{ variant: as-is, measure: stops, change: \"< 0 %\" }]\n",
            "6:21 `as-is` does not change against itself",
        ),
        ("expect: [{ variant: calm, measure: throughput.bus, change: \"< 0 %\" }]\n", "6:36 `throughput` has no `bus`"),
        ("expect: [{ variant: calm, measure: stops }]\n", "6:10 nothing is expected"),
        (
            "expect: [{ variant: calm, measure: stops, change: \"-5 %\" }]\n",
            "6:51 `-5 %` is not a condition (begin it with `<`",
        ),
        (
            "expect: [{ variant: calm, measure: travel-time, value: \"< 8\" }]\n",
            "6:56 `8` has no unit, so it is not a duration",
        ),
        (
            "expect: [{ variant: calm, measure: travel-time, value: \"< 8 min\", change: \"< 1 s\" }]\n",
            "6:56 `change` and `value` are both given",
        ),
    ];
    all_told(&cases);
}

#[test]
fn the_air_takes_engines_and_a_whole_background() {
    all_told(&[
        (
            "compare: { observe: [air] }\n",
            "6:22 nothing is stated that gives anything off to the air (state what cars or buses burn",
        ),
        (
            "compare: { effects: { engines: { car: petrol-euro-6 }, background: { no2: 20 ug/m3 } } }\n",
            "6:68 nitrogen dioxide takes `no2`, `ozone` and `primary-no2`, and one is missing",
        ),
        (
            "compare: { effects: { background: { pm2-5: 9 ug/m3 } } }\n",
            "6:35 there is a background and nothing that adds to it",
        ),
        (
            "compare: { effects: { engines: { car: petrol-euro-6 }, background: { pm2-5: 9 g/m3 } } }\n",
            "6:77 unknown unit `g/m3`",
        ),
        (
            "compare: { measures: [no2-highest], effects: { engines: { car: petrol-euro-6 } } }\n",
            "6:23 nothing is stated of which `no2-highest` could be made",
        ),
    ]);
}

/// Each has one problem, which begins like this.
fn all_told(cases: &[(&str, &str)]) {
    for (keys, expected) in cases {
        let problems = read(keys).expect_err(keys);
        assert!(problems.len() == 1 && problems[0].starts_with(expected), "{keys}: {problems:?}");
    }
}
