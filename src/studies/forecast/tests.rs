//! What a navigation service would tell wrongly otherwise.

use super::days::{Day, Seen};
use super::*;
use crate::city::scenario::{self, Overrides, fork};
use crate::primitives::random::Seed;
use crate::primitives::{SimDuration, SimTime};

/// A variant of the fork with these keys; days are read from the folder again, so it has to stay.
fn load(folder: &std::path::Path, more: &str, seed: u64, variant: &str) -> LoadedScenario {
    let overrides = Overrides { seed: Some(Seed(seed)), ..Overrides::default() };
    let loaded = scenario::load(&fork::scenario(folder, more), &overrides);
    let loaded = loaded.unwrap_or_else(|findings| panic!("{:?}", findings.problems()));
    loaded.variant(variant).unwrap_or_else(|findings| panic!("{:?}", findings.problems()))
}

const ADVICE: &str = "interventions:\n  live:\n    - rerouting-advice: { share: 100 %, every: 1 min }\n  predicted:\n    \
                      - rerouting-advice: { share: 100 %, every: 1 min, times: predicted, days: 2 }\n\
                      variants: { none: [], live: [live], predicted: [predicted] }\n";

fn learnt(seed: u64) -> Forecast {
    let folder = tempfile::tempdir().expect("a folder");
    let loaded = load(folder.path(), ADVICE, seed, "predicted");
    learn(&loaded, &|| false).unwrap_or_else(|findings| panic!("{:?}", findings.problems())).expect("it is asked for")
}

/// Every road's delay is a line over the city's profile, plus what only that day had.
#[test]
fn what_roads_have_in_common_with_the_city_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let network = load(folder.path(), ADVICE, 7, "none").network;
    let day = |shift: f64| {
        let profile = [0.01, 0.05, 0.12, 0.03];
        let cell = |index: usize, interval: usize| {
            let length = network.edges[index].length.as_metres();
            let slope = if index.is_multiple_of(2) { 0.5 } else { 1.5 };
            let delay = slope * length * profile[interval] + shift;
            Seen { lost: 10.0 * delay.max(0.0), driven: 10.0 * length }
        };
        let cells = (0..4).map(|interval| (0..network.edges.len()).map(|index| cell(index, interval)).collect());
        Day { begin: SimTime::ZERO, interval: SimDuration::seconds(300.0), cells: cells.collect() }
    };
    let fitted = fit::fit(&network, &[day(0.0), day(0.0)]);
    let exact = fit::error(&network, &fitted, &day(0.0), 2);
    assert!(exact.error_mean_s < 1e-6 && exact.error_without_s > 0.1, "{exact:?}");
    let other = fit::error(&network, &fitted, &day(2.0), 2);
    assert!(
        (other.error_mean_s - 2.0).abs() < 1e-6 && (other.error_root_mean_square_s - 2.0).abs() < 1e-6,
        "{other:?}"
    );
}

#[test]
fn a_day_that_nothing_was_learnt_from_is_foretold_better_than_by_empty_roads() {
    let forecast = learnt(7);
    let prediction = forecast.prediction;
    assert_eq!(prediction.days, 2);
    assert!(prediction.error_mean_s < 0.6 * prediction.error_without_s, "{prediction:?}");
}

#[test]
fn what_is_learnt_does_not_depend_on_the_seed_of_the_run() {
    assert_eq!(learnt(7), learnt(8));
}

#[test]
fn nothing_is_learnt_without_need() {
    let folder = tempfile::tempdir().expect("a folder");
    for variant in ["none", "live"] {
        let loaded = load(folder.path(), ADVICE, 7, variant);
        assert_eq!(days_of(&loaded), None);
        assert!(learn(&loaded, &|| false).expect("no day is loaded").is_none());
    }
    let loaded = load(folder.path(), ADVICE, 7, "predicted");
    assert!(learn(&loaded, &|| true).expect("it loads").is_none(), "interrupted");
}
