//! The shipped drill, played by bots alone: what its first lines promise comes to pass in its city, and nothing is refused.

use std::fmt::Write as _;
use std::path::Path;

use citytwin::city::scenario::Overrides;
use citytwin::simulation::City;
use citytwin::simulation::outcome::{LawCounts, Stage};
use citytwin::studies::drill::director::Director;
use citytwin::studies::drill::file;
use citytwin::studies::drill::record::{Came, How};

#[test]
fn the_shipped_drill_tells_its_story_to_bots() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/drills/quince_bridge.yaml");
    let loaded = file::load(&path, &Overrides::default(), None).expect("the shipped drill");
    let mut city = City::of_scenario(&loaded.city);
    let mut director = Director::new(&loaded.drill);
    let mut told = String::new();
    while !director.is_over(&city) {
        director.before_step(&mut city);
        city.step();
        director.after_step(&city);
        for line in director.log() {
            let _ = writeln!(told, "{}", line.json());
        }
    }
    let refused: Vec<_> =
        told.lines().filter(|line| line.contains("\"what\":\"inject\"") && line.contains("\"refused\":[\"")).collect();
    assert_eq!(refused, Vec::<&str>::new());
    let record = director.record(&city);
    let of = |id: &str| record.injects.iter().find(|inject| inject.id == id).unwrap_or_else(|| panic!("{id}"));
    for (inject, outcome) in loaded.drill.injects.iter().zip(&record.injects) {
        let trigger = &inject.trigger;
        if let Some(at) = trigger.at.filter(|_| trigger.when.is_empty() && trigger.unless.is_none()) {
            assert_eq!((outcome.how, outcome.delivered), (How::Time, Some(at)), "{}", outcome.id);
        }
    }
    let came: Vec<_> = record
        .injects
        .iter()
        .map(|inject| (&inject.id, inject.how, inject.delivered.map(|at| (at - record.start).as_seconds() / 60.0)))
        .collect();
    assert_eq!(of("I-07").how, How::Time, "no bot declares a major incident: {came:?}");
    for (id, why) in [("I-08", "nearly everybody is out"), ("I-11", "the first hospital fills up")] {
        assert_eq!(of(id).how, How::State, "{why}: {came:?}");
    }
    let after_the_bus = of("I-08").delivered.zip(of("I-05").delivered).map(|(call, bus)| call - bus);
    let minutes = after_the_bus.expect("both came").as_seconds() / 60.0;
    assert!(
        (1.0..8.0).contains(&minutes),
        "the second call comes at the worst moment, not {minutes} min after the bus"
    );
    let of_the_bus = record.calls.iter().filter(|call| call.came == Came::Inject("I-05".into())).count();
    assert_eq!(of_the_bus, 12, "patients of the bus");
    let reached = record.calls.iter().filter(|call| call.call.at(Stage::Arrive).is_some()).count();
    assert!(reached * 2 > record.calls.len(), "of {} who called {reached} were reached", record.calls.len());
    assert_eq!(city.finish(true).laws, LawCounts::default());
}
