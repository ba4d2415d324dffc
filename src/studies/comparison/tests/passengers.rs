//! Time and delay of people in a comparison, by how many are aboard and get on.

use super::*;

const STATED: &str = "compare:\n  measures: [person-time]\n  passengers: { aboard: { car: 1.5, bus: 20 } }\n";

#[test]
fn people_spend_the_time_of_their_vehicles() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = street(folder.path(), STATED);
    let (design, base) = design(&file, &["base", "slow"], Some(vec![3, 4]));
    let (completed, _) = compare((&file, &design, &base), &folder.path().join("out"), 1, None);
    completed.expect("a comparison");
    let run = super::super::record::read(&folder.path().join("out"), "base", 3).expect("a record");
    let of = |name: &str| run.measures.get(name).copied().expect(name);
    // Everybody has arrived, so people spend what vehicles did.
    assert!(of("unfinished").abs() < 1e-9, "the street is empty at the end");
    let spent = |group: &str| {
        of(&format!("arrived.{group}")) * (of(&format!("travel-time.{group}")) + of(&format!("depart-delay.{group}")))
            / 3600.0
    };
    assert!((of("person-time.car") - 1.5 * spent("car")).abs() < 1e-9);
    assert!((of("person-time") - 1.5 * spent("car") - 20.0 * spent("bus")).abs() < 1e-9);
    assert!(of("person-delay") > 0.0 && of("person-delay") < of("person-time"));
    assert!(!run.measures.contains_key("passenger-delay"), "nobody said how many get on");
}

/// Two buses of five stops: one leaves two of them 60 s and 120 s late, the other is on time; 40 people get on each.
#[test]
fn passengers_are_late_where_they_get_off() {
    use crate::primitives::SimTime;
    use crate::primitives::ids::VehicleId;
    use crate::simulation::outcome::{LeftStop, Outcome};

    let folder = tempfile::tempdir().expect("a folder");
    let file = street(folder.path(), "compare:\n  passengers: { boardings: 40 }\n");
    let loaded = scenario::load(&file, &Overrides::default()).expect("it loads");
    let left = |vehicle: usize, stop: u32, late: f64| LeftStop {
        vehicle: VehicleId::new(vehicle),
        stop,
        at: SimTime::seconds(100.0 + late),
        due: SimTime::seconds(100.0),
    };
    let left_stops = vec![left(0, 0, 60.0), left(1, 0, 0.0), left(0, 1, 120.0)];
    let measures = measures_of(&loaded, &Outcome { left_stops, ..Outcome::default() });
    // 40 people by 90 s on the mean are an hour.
    assert!((measures["passenger-delay"] - 1.0).abs() < 1e-12);
    assert!(!measures.contains_key("person-time"), "nobody said how many are aboard");
}
