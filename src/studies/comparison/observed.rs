//! What was observed of the roads while a run went, in the measures and details that a record keeps.
//!
//! Whether a run is watched is the scenario's to say; one that is not costs nothing and has none of these measures.

use serde::{Deserialize, Serialize};

use super::{air, calibration};
use crate::city::network::Network;
use crate::city::scenario::{LoadedScenario, Observe};
use crate::primitives::SimTime;
use crate::simulation::outcome::VehicleInstant;
use crate::studies::experiment::{self, Finished, Progress, RunError, Watcher};
use crate::studies::forecast::Forecast;
use crate::studies::observation::{Crossings, Observed, Observer, Wanted};

/// An approach over the measured time: its road, mean, 95th percentile and most of its queue [m], spill-back [s].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ApproachTotal(pub String, pub f64, pub f64, pub f64, pub f64);

struct Watching(Observer);

impl Watcher for Watching {
    fn look(&mut self, time: SimTime, vehicles: &[VehicleInstant]) {
        self.0.look(time, vehicles);
    }
}

/// What a scenario asks to be observed.
fn wanted(loaded: &LoadedScenario) -> Wanted {
    let Observe { queues, headways, safety, noise, air: _ } = loaded.comparison.observe;
    Wanted { queues, headways, safety, noise, air: air::wanted(loaded), stretches: calibration::stretches(loaded) }
}

/// Makes a run, watched as far as the scenario asks for it.
pub(super) fn run(
    loaded: &LoadedScenario,
    learnt: Option<&Forecast>,
    interrupted: &dyn Fn() -> bool,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Finished, Observed), RunError> {
    let wanted = wanted(loaded);
    if wanted.is_nothing() {
        let made = experiment::run_watched(loaded, learnt, None, interrupted, progress)?;
        return Ok((made, Observed::default()));
    }
    let mut watching = Watching(Observer::new(&loaded.network, &loaded.demand, loaded.measured_from, wanted));
    let made = experiment::run_watched(loaded, learnt, Some(&mut watching), interrupted, progress)?;
    Ok((made, watching.0.finish()))
}

/// The measures of what was observed, by name.
#[expect(clippy::cast_precision_loss, reason = "vehicle-seconds of a run stay far below 2^53")]
pub(super) fn measures(observed: &Observed) -> Vec<(&'static str, f64)> {
    let mut found = Vec::new();
    if let Some(queues) = &observed.queues {
        found.extend([
            ("queue-length", queues.mean),
            ("queue-length.p95", queues.p95),
            ("queue-longest", queues.max),
            ("queued-vehicles", queues.vehicles),
            ("spill-back", queues.spill_back),
        ]);
    }
    if let Some(headways) = &observed.headways {
        found.extend([
            ("bus-headway", headways.mean),
            ("headway-variation", headways.variation),
            ("excess-wait", headways.excess_wait),
        ]);
    }
    if let Some(safety) = observed.safety {
        let share = |count: u64| count as f64 / safety.driven as f64 * 100.0;
        found.extend([("critical-following", share(safety.critical)), ("close-following", share(safety.short))]);
    }
    if let Some(crossings) = observed.crossings.as_ref().filter(|crossings| crossings.seconds > 0) {
        found.extend([
            ("critical-crossing", per_hour(crossings, crossings.critical)),
            ("close-crossing", per_hour(crossings, crossings.short)),
        ]);
    }
    if let Some(power) = observed.noise.as_ref().and_then(|noise| noise.power) {
        found.push(("noise-power", power));
    }
    found
}

fn per_hour(crossings: &Crossings, count: u32) -> f64 {
    f64::from(count) / f64::from(crossings.seconds) * 3600.0
}

/// The junctions where vehicles came close on crossing paths: their id, critical and close pairs per hour.
pub(super) fn crossings(network: &Network, observed: &Observed) -> Vec<(String, f64, f64)> {
    let seen = observed.crossings.iter().filter(|crossings| crossings.seconds > 0);
    seen.flat_map(|seen| {
        seen.junctions.iter().map(|(junction, (critical, short))| {
            let [critical, short] = [*critical, *short].map(|count| super::record::tenth(per_hour(seen, count)));
            (network.junction(*junction).name.clone(), critical, short)
        })
    })
    .collect()
}

/// The level beside every road that was used [dB(A)].
pub(super) fn noise(network: &Network, observed: &Observed) -> Vec<(String, f64)> {
    let roads = observed.noise.iter().flat_map(|noise| &noise.roads);
    // To a hundredth, which is more than anybody hears.
    roads.map(|(road, level)| (network.edge(*road).name.clone(), (level * 100.0).round() / 100.0)).collect()
}

/// The approaches where a queue was seen.
pub(super) fn approaches(network: &Network, observed: &Observed) -> Vec<ApproachTotal> {
    let seen = observed.queues.iter().flat_map(|queues| &queues.approaches);
    seen.map(|one| {
        let [mean, p95, max, back] = [one.mean, one.p95, one.max, one.spill_back].map(super::record::tenth);
        ApproachTotal(network.edge(one.road).name.clone(), mean, p95, max, back)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::city::scenario::indicators::{Measure, Needs, QUANTITIES};
    use crate::studies::observation::{Headways, Noise, Pursuit, Queues};

    /// Every measure that has to be asked for has a value where it was asked for, by a name of the table.
    #[test]
    fn what_is_observed_has_the_names_of_the_table() {
        let safety = Pursuit { driven: 400, critical: 1, short: 10 };
        let observed = Observed {
            queues: Some(Queues::default()),
            headways: Some(Headways { count: 3, mean: 600.0, variation: 0.2, excess_wait: 12.0 }),
            safety: Some(safety),
            crossings: Some(Crossings { seconds: 1_800, critical: 1, short: 3, ..Crossings::default() }),
            noise: Some(Noise { power: Some(90.0), roads: Vec::new() }),
            air: None,
            journeys: Vec::new(),
        };
        let found = measures(&observed);
        for quantity in QUANTITIES
            .iter()
            .filter(|quantity| matches!(quantity.needs, Needs::Queues | Needs::Headways | Needs::Safety | Needs::Noise))
        {
            assert!(found.iter().any(|(name, _)| *name == quantity.name), "{}", quantity.name);
        }
        for (name, _) in &found {
            assert!(Measure::parse(name).is_ok(), "{name}");
        }
        let value = |wanted: &str| found.iter().find(|(name, _)| *name == wanted).map(|one| one.1);
        assert_eq!((value("critical-following"), value("close-following")), (Some(0.25), Some(2.5)));
        assert_eq!((value("critical-crossing"), value("close-crossing")), (Some(2.0), Some(6.0)));
        assert!(measures(&Observed::default()).is_empty());
    }
}
