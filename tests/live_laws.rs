//! The numbered laws under whoever sits at the desk: whatever is done to a random town at random times, nobody vanishes, overlaps or jumps,
//! no greens meet, no call is lost, and the number of threads, a saved state and a fork change nothing.

#[path = "common/town.rs"]
#[allow(dead_code, reason = "each test uses its part of it")]
mod town;

#[path = "common/staffed.rs"]
#[allow(dead_code, reason = "each test uses its part of it")]
mod staffed;

use citytwin::city::scenario::settings::RunSettings;
use citytwin::city::scenario::{Weather, WeatherSky};
use citytwin::primitives::ids::{EdgeId, SignalId};
use citytwin::primitives::random::{Purpose, Seed};
use citytwin::primitives::{Category, Distance, IncidentKind, SimDuration, SimTime};
use citytwin::simulation::City;
use citytwin::simulation::change::Change;
use citytwin::simulation::outcome::LawCounts;
use proptest::prelude::*;
use staffed::Staffed;
use town::Town;

/// When somebody does something, what, and four numbers that say to whom and how.
type Deed = (u32, u8, [usize; 4]);

/// What was tried, and what was said to it.
type Answer = (u8, Result<String, String>);

const END: f64 = 420.0;

fn towns() -> impl Strategy<Value = Town> {
    (2..5_usize, 2..4_usize, 70.0..200.0_f64, 1..4_usize, any::<u64>())
        .prop_map(|(columns, rows, block, lanes, seed)| Town { columns, rows, block, lanes, seed })
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    prop::collection::vec((0..400_u32, 0..12_u8, prop::array::uniform4(0..1000_usize)), 1..32)
}

/// What is meant by a deed in the city as it is now; much of it cannot be done.
fn change(town: &Staffed, city: &City, (_, what, [who, how, more, most]): &Deed) -> Change {
    let roads = town.roads();
    let road: EdgeId = roads[who % roads.len()];
    let small = |number: usize| u32::try_from(number).expect("below a thousand");
    let seconds = |number: usize| SimDuration::seconds(f64::from(small(number)));
    match what {
        0 => Change::CloseRoad { road },
        1 => Change::OpenRoad { road: city.closed_roads().get(who % 5).copied().unwrap_or(road) },
        2 => Change::Incident {
            road,
            kind: [IncidentKind::Crash, IncidentKind::Breakdown, IncidentKind::Obstruction][how % 3],
            position: (how % 2 == 0).then(|| town.network.edge(road).length * (f64::from(small(*most)) / 1000.0)),
            lanes: small(more % 3),
            duration: seconds(5 + most % 200),
            casualties: small(how % 3),
        },
        3 => Change::ClearIncident { incident: small(who % 6) },
        4 => {
            let signals = town.network.signals.len();
            let signal = SignalId::new(if signals == 0 { 0 } else { who % signals });
            let phases = city.signal(signal).map_or(0, |view| view.durations.len());
            let of = |at: usize| seconds([how, more, most][at % 3] % 40 + 1);
            let offset = (how % 2 == 0).then(|| seconds(*more));
            Change::RetimeSignal { signal, durations: (0..phases).map(of).collect(), offset }
        }
        5 => {
            let sky = [WeatherSky::Dry, WeatherSky::Rain, WeatherSky::Snow, WeatherSky::Fog][how % 4];
            let falls = if how % 4 % 3 == 0 { 0.0 } else { f64::from(small(more % 30)) };
            Change::Weather(Weather { precipitation: falls, ..Weather::under(sky) })
        }
        6 => Change::Call {
            road,
            position: (how % 2 == 0).then(|| Distance::metres(f64::from(small(*more)))),
            category: [Category::C1, Category::C2, Category::C4][most % 3],
        },
        7 => Change::SendUnit { unit: small(who % 4), call: small(how % 5) },
        8 => Change::Dispatch { by_hand: how % 3 > 0 },
        9 => Change::StandDown { unit: small(who % 3) },
        10 => Change::NameHospital { unit: small(who % 3), hospital: small(how % 2) },
        _ => Change::Bays { hospital: small(who % 2), bays: small(how % 4) },
    }
}

fn settings(seed: u64, threads: usize) -> RunSettings {
    let last_resort_after = Some(SimDuration::seconds(120.0));
    RunSettings {
        end: Some(SimTime::seconds(END)),
        seed: Seed(seed),
        threads,
        last_resort_after,
        ..RunSettings::default()
    }
}

/// A city with its deeds at their time, and what was said to each. Once it is put aside and gone on with: as a fork, or from its state.
fn run(
    town: &Staffed,
    mut city: City,
    deeds: &[Deed],
    aside: Option<(u32, usize)>,
) -> Result<(City, Vec<Answer>), TestCaseError> {
    let mut said = Vec::new();
    for second in 0.. {
        if city.is_over() {
            break;
        }
        for deed in deeds.iter().filter(|deed| deed.0 == second) {
            let before = city.state_hash();
            let change = change(town, &city, deed);
            let answer = city.intervene(change.clone());
            if let Err(why) = &answer {
                prop_assert_eq!(city.state_hash(), before, "a refused {:?} left something behind", change);
                prop_assert!(why.contains(';') || why.contains("no "), "it does not say what to do: {}", why);
            }
            said.push((deed.1, answer));
        }
        if let Some((_, threads)) = aside.filter(|aside| aside.0 == second) {
            let mut bytes = Vec::new();
            city.save(&mut bytes).expect("memory takes everything");
            city = city.fork();
            let mut other = town.city(settings(town_seed(town), threads), false);
            prop_assert_eq!(other.restore(&bytes), Ok(()));
            prop_assert_eq!(other.state_hash(), city.state_hash());
            if threads > 1 {
                city = other;
            }
        }
        city.step();
    }
    Ok((city, said))
}

/// Every town of a test has the seed of its row count, so that a saved state finds its city.
fn town_seed(town: &Staffed) -> u64 {
    town.network.edges.len() as u64
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn the_laws_hold_whatever_is_done(town in towns(), vehicles in 1..150_usize, deeds in deeds(), aside in 0..400_u32) {
        let town = staffed::staffed(town, vehicles, 2);
        let city = |threads| town.city(settings(town_seed(&town), threads), false);
        let (one, said) = run(&town, city(1), &deeds, None)?;
        let (two, said_to_two) = run(&town, city(2), &deeds, None)?;
        prop_assert_eq!(&said, &said_to_two);
        prop_assert_eq!(one.state_hash(), two.state_hash(), "two threads made another city");
        let (forked, _) = run(&town, city(1), &deeds, Some((aside, 1)))?;
        prop_assert_eq!(one.state_hash(), forked.state_hash(), "a fork at {} went another way", aside);
        let (restored, _) = run(&town, city(1), &deeds, Some((aside, 2)))?;
        prop_assert_eq!(one.state_hash(), restored.state_hash(), "a state of {} went another way", aside);
        let outcome = one.finish(false);
        prop_assert_eq!(outcome.laws, LawCounts::default(), "a law was broken");
        prop_assert_eq!(outcome.inserted, outcome.arrived + outcome.running, "vehicles vanish or multiply");
        prop_assert_eq!(outcome.loaded, outcome.inserted + outcome.waiting_to_enter, "departures are lost");
        prop_assert_eq!(&outcome, &two.finish(false));
    }
}

/// The laws would hold as well if everything were refused.
#[test]
fn of_everything_that_is_tried_something_is_done() {
    let town = staffed::staffed(Town { columns: 4, rows: 3, block: 120.0, lanes: 2, seed: 8 }, 120, 2);
    let deed = |n: u64| {
        let mut rng = Seed(8).stream(Purpose::Demand, n, 1);
        let numbers = std::array::from_fn(|_| rng.below(1000));
        (u32::try_from(rng.below(400)).expect("small"), u8::try_from(n % 12).expect("small"), numbers)
    };
    let deeds: Vec<Deed> = (0..600).map(deed).collect();
    let city = town.city(settings(town_seed(&town), 1), false);
    let (city, said) = run(&town, city, &deeds, None).expect("lawful");
    assert_eq!(said.len(), deeds.len());
    for what in 0..12 {
        let (done, refused): (Vec<_>, Vec<_>) = said.iter().filter(|one| one.0 == what).partition(|one| one.1.is_ok());
        assert!(!done.is_empty(), "deed {what} is never done: {refused:?}");
    }
    assert_eq!(city.finish(true).laws, LawCounts::default());
}
