//! What somebody at a dispatcher's desk does to the city: sending by hand, calling back, naming hospitals; and bays that come and go.

#[path = "common/town.rs"]
#[allow(dead_code, reason = "each test uses its part of it")]
mod town;

#[path = "common/drilled.rs"]
#[allow(dead_code, reason = "each test uses its part of it")]
mod drilled;

use citytwin::city::scenario::{SensorSettings, Weather};
use citytwin::primitives::{Category, SimDuration, SimTime};
use citytwin::simulation::City;
use citytwin::simulation::change::Change;
use citytwin::simulation::outcome::{LawCounts, Stage, UnitStatus};
use citytwin::telemetry::Reading;
use drilled::{Drilled, drilled};

fn refused(said: Result<String, String>) -> String {
    said.expect_err("it cannot be done")
}

/// A city that is dispatched by hand, with two calls that wait and a hospital without bays.
fn waiting(town: &Drilled) -> City {
    let mut city = town.city(1);
    let roads: Vec<_> = town.network.roads().map(|(id, _)| id).collect();
    assert!(refused(city.intervene(Change::Dispatch { by_hand: false })).contains("already"));
    city.intervene(Change::Dispatch { by_hand: true }).expect("there is a dispatcher");
    city.intervene(Change::Bays { hospital: 0, bays: 0 }).expect("any number");
    for part in [2, 4] {
        let road = roads[roads.len() * part / 8];
        city.intervene(Change::Call { road, position: None, category: Category::C1 }).expect("a road");
    }
    assert!(city.predict(0).is_err(), "it has not rung");
    while city.open_calls().iter().filter(|call| call.at(Stage::Queue).is_some()).count() < 2 {
        city.step();
    }
    city
}

/// Calls wait, a unit is sent and called back; and the prediction is that of the city's own dispatcher.
#[test]
fn units_go_and_come_back_by_hand_alone() {
    let mut city = waiting(&drilled(5, 20, 0.0));
    for _ in 0..60 {
        city.step();
    }
    assert!(city.units().iter().all(|unit| unit.status == UnitStatus::Available), "somebody went by themselves");
    let understood: Vec<_> = city.open_calls().iter().map(|call| call.at(Stage::Queue)).collect();
    let first = u32::from(understood[1] < understood[0]);
    let mut predicted = city.predict(first).expect("it waits");
    assert_eq!(predicted.len(), 3);
    assert!(predicted.iter().all(|one| one.turnout.is_some() && one.travel > SimDuration::ZERO), "{predicted:?}");
    predicted.sort_by_key(|one| (one.travel, one.unit));
    // The city's own dispatcher would send whom the prediction puts first.
    let mut other = city.fork();
    other.intervene(Change::Dispatch { by_hand: false }).expect("it was taken over");
    other.step();
    assert_eq!(other.call(first).and_then(|call| call.unit), Some(predicted[0].unit));
    city.intervene(Change::SendUnit { unit: 0, call: 0 }).expect("it is free");
    assert!(refused(city.intervene(Change::StandDown { unit: 0 })).contains("next step"));
    assert!(refused(city.intervene(Change::StandDown { unit: 1 })).contains("no call"));
    for _ in 0..3 {
        city.step();
    }
    let diverted = city.predict(1).expect("it waits");
    assert_eq!(diverted[0].from_call, Some(0), "{diverted:?}");
    city.intervene(Change::StandDown { unit: 0 }).expect("it is on its way");
    for _ in 0..30 {
        city.step();
    }
    let call = city.call(0).expect("it rang");
    assert_eq!((call.unit, call.at(Stage::Dispatch)), (None, None), "somebody else was sent");
    assert!(matches!(city.unit(0).expect("a unit").status, UnitStatus::Available | UnitStatus::Returning));
    assert_eq!(city.finish(true).laws, LawCounts::default());
}

/// Whoever is brought anywhere is brought where it is said, and waits there as long as there are no bays.
#[test]
fn patients_go_where_they_are_sent_and_bays_come_and_go() {
    let mut city = waiting(&drilled(5, 20, 0.0));
    for (unit, call) in [(0, 0), (1, 1)] {
        city.intervene(Change::SendUnit { unit, call }).expect("it is free");
        city.step();
        city.step();
        city.intervene(Change::NameHospital { unit, hospital: 0 }).expect("it has a call");
        assert!(refused(city.intervene(Change::NameHospital { unit, hospital: 0 })).contains("already"));
    }
    assert!(refused(city.intervene(Change::NameHospital { unit: 2, hospital: 0 })).contains("no patient"));
    assert!(refused(city.intervene(Change::NameHospital { unit: 0, hospital: 9 })).contains("no hospital"));
    assert!(refused(city.intervene(Change::Bays { hospital: 0, bays: 1001 })).contains("1000"));
    let mut waited = 0;
    while city.open_calls().iter().any(|call| call.at(Stage::Hospital).is_none())
        && city.time() < SimTime::seconds(640.0)
    {
        city.step();
    }
    for _ in 0..20 {
        city.step();
        waited += city.hospitals()[0].waiting;
    }
    let brought: Vec<_> = city.calls().into_iter().filter(|call| call.at(Stage::Hospital).is_some()).collect();
    assert!(!brought.is_empty(), "no patient of the test is brought anywhere; take another seed");
    assert!(brought.iter().all(|call| call.hospital == Some(0)), "{brought:?}");
    assert!(waited > 0, "a hospital without bays took somebody over");
    city.intervene(Change::Bays { hospital: 0, bays: 5 }).expect("any number");
    for _ in 0..3 {
        city.step();
    }
    assert_eq!((city.hospitals()[0].bays, city.hospitals()[0].waiting), (5, 0));
    assert_eq!(city.finish(true).laws, LawCounts::default());
}

/// Whoever reads the wire would count the beds of yesterday, also after the city was put aside.
#[test]
fn other_bays_are_told() {
    let town = drilled(5, 0, 0.0);
    let watched = || {
        let mut city = town.city(1);
        city.install_sensors(&town.network, &town.demand, &SensorSettings::default(), &Weather::default());
        city.open_control_room(&town.network, &town.plan);
        city
    };
    let bays = |city: &mut City| {
        city.step();
        let told = city.take_emissions();
        let of_hospital = told.iter().filter_map(|emission| match &emission.record.reading {
            Reading::Hospital(hospital) => Some((hospital.hospital_id.to_string(), hospital.bays)),
            _ => None,
        });
        of_hospital.collect::<Vec<_>>()
    };
    let mut city = watched();
    assert_eq!(bays(&mut city), []);
    city.intervene(Change::Bays { hospital: 1, bays: 7 }).expect("any number");
    assert_eq!(bays(&mut city), [("South Hospital".to_owned(), 7)]);
    city.intervene(Change::Bays { hospital: 1, bays: 8 }).expect("any number");
    let (mut bytes, mut other) = (Vec::new(), watched());
    city.save(&mut bytes).expect("memory takes everything");
    other.restore(&bytes).expect("its own state");
    let mut fork = city.fork();
    for city in [&mut city, &mut other, &mut fork] {
        assert_eq!(bays(city), [("South Hospital".to_owned(), 8)]);
        assert_eq!(city.hospitals()[1].bays, 8);
    }
    assert_eq!(city.state_hash(), other.state_hash());
}
