//! The few numbers one looks at first: counts, means over the finished trips, and what speaks against the run.
//!
//! Computed from the outcome alone; the units are in the names.

use serde::Serialize;

use super::gridlock::{self, Gridlock};
use super::stopwatch::Elapsed;
use crate::city::network::Network;
use crate::simulation::outcome::{Convergence, LawCounts, Outcome, Prediction, Trip};

/// The few numbers one looks at first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Vehicles due by the end of the run.
    pub loaded: u32,
    /// Vehicles that entered.
    pub inserted: u32,
    /// Vehicles that arrived.
    pub arrived: u32,
    /// Vehicles still on the road at the end.
    pub running: u32,
    /// Vehicles still waiting for room to enter at the end.
    pub waiting_to_enter: u32,
    /// The longest that queue ever was.
    pub waiting_to_enter_max: u32,
    /// Finished trips the means are over: those begun after the warm-up.
    pub trips: usize,
    /// Mean time on the road [s].
    pub duration_mean_s: Option<f64>,
    /// Mean time at 0.1 m/s or less, planned stops left out [s].
    pub waiting_time_mean_s: Option<f64>,
    /// Mean time lost against driving at the wished speed [s].
    pub time_loss_mean_s: Option<f64>,
    /// Mean time waited for room to enter [s].
    pub depart_delay_mean_s: Option<f64>,
    /// Mean distance driven [m].
    pub route_length_mean_m: Option<f64>,
    /// Vehicles moved as a last resort.
    pub last_resort_moves: u32,
    /// Braking harder than comfortable.
    pub emergency_brakings: u32,
    /// How ways were found, where the scenario asks for an equilibrium.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equilibrium: Option<Equilibrium>,
    /// How far the travel times are off that advice was given by, where they were predicted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prediction: Option<Prediction>,
    /// How often each law was broken.
    pub laws: Laws,
    /// Steps simulated.
    pub steps: u64,
    /// Vehicles on the road, summed over the steps.
    pub vehicle_updates: u64,
    /// CPU time of the loop of steps, all threads together; none with a wire, whose work is not the engine's [s].
    pub simulation_cpu_seconds: Option<f64>,
    /// The same on the wall [s].
    pub simulation_wall_seconds: Option<f64>,
    /// Vehicle updates per second of that CPU time.
    pub updates_per_cpu_second: Option<f64>,
    /// Whether somebody stopped the run before its end.
    pub interrupted: bool,
    /// Where nobody moved any more at the end, and since when; none where everybody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gridlock: Option<Gridlock>,
    /// Hash of the state at the end.
    pub state_hash: String,
}

/// How ways were found over many iterations, as files have it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Equilibrium {
    /// Whether the gap that was asked for has been reached.
    pub reached: bool,
    /// The relative gap of the ways that were driven; none where no iteration came to its end.
    pub gap: Option<f64>,
    /// The relative gap that was asked for.
    pub wanted: f64,
    /// Travellers who looked for a way.
    pub travellers: usize,
    /// The iteration whose ways were driven, from 1.
    pub used: u32,
    /// The relative gap of every iteration.
    pub gaps: Vec<f64>,
    /// How many travellers changed their way after each iteration.
    pub swapped: Vec<u32>,
}

impl From<&Convergence> for Equilibrium {
    fn from(convergence: &Convergence) -> Self {
        Self {
            reached: convergence.reached(),
            gap: convergence.gap(),
            wanted: convergence.wanted,
            travellers: convergence.travellers,
            used: convergence.used,
            gaps: convergence.iterations.iter().map(|iteration| iteration.gap).collect(),
            swapped: convergence.iterations.iter().map(|iteration| iteration.swapped).collect(),
        }
    }
}

/// How often each law was broken, as files have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Laws {
    /// LAW-1: vehicles are conserved.
    pub conservation: u64,
    /// LAW-2: no two vehicles overlap on a lane.
    pub overlap: u64,
    /// LAW-3: nobody moves farther than its speed allows.
    pub jump: u64,
    /// LAW-4: no signal shows green to conflicting links that do not yield.
    pub conflicting_greens: u64,
    /// LAW-5: every departure is accounted for.
    pub departures: u64,
    /// LAW-6: every call is with somebody until it is over.
    pub calls: u64,
    /// LAW-7: the times of a call run forward without holes.
    pub chain: u64,
}

impl From<LawCounts> for Laws {
    fn from(laws: LawCounts) -> Self {
        Self {
            conservation: laws.conservation,
            overlap: laws.overlap,
            jump: laws.jump,
            conflicting_greens: laws.conflicting_greens,
            departures: laws.departures,
            calls: laws.calls,
            chain: laws.chain,
        }
    }
}

impl Summary {
    /// The numbers of an outcome; `steps` is what the loop of steps cost.
    #[expect(clippy::cast_precision_loss, reason = "counts of a run stay far below 2^53")]
    pub(super) fn of(network: &Network, outcome: &Outcome, steps: Elapsed) -> Self {
        let finished: Vec<&Trip> = outcome.trips.iter().filter(|trip| trip.arrival.is_some()).collect();
        let mean = |value: fn(&Trip) -> f64| {
            let sum: f64 = finished.iter().map(|trip| value(trip)).sum();
            (!finished.is_empty()).then(|| sum / finished.len() as f64)
        };
        Self {
            loaded: outcome.loaded,
            inserted: outcome.inserted,
            arrived: outcome.arrived,
            running: outcome.running,
            waiting_to_enter: outcome.waiting_to_enter,
            waiting_to_enter_max: outcome.waiting_to_enter_max,
            trips: finished.len(),
            duration_mean_s: mean(|trip| trip.duration.as_seconds()),
            waiting_time_mean_s: mean(|trip| trip.waiting_time.as_seconds()),
            time_loss_mean_s: mean(|trip| trip.time_loss.as_seconds()),
            depart_delay_mean_s: mean(|trip| trip.depart_delay.as_seconds()),
            route_length_mean_m: mean(|trip| trip.route_length.as_metres()),
            last_resort_moves: outcome.last_resort_moves,
            emergency_brakings: outcome.emergency_brakings,
            equilibrium: outcome.convergence.as_ref().map(Equilibrium::from),
            prediction: outcome.prediction,
            laws: outcome.laws.into(),
            steps: outcome.steps,
            vehicle_updates: outcome.updates,
            simulation_cpu_seconds: steps.cpu,
            simulation_wall_seconds: Some(steps.wall).filter(|wall| *wall > 0.0),
            updates_per_cpu_second: steps.cpu.filter(|cpu| *cpu > 0.0).map(|cpu| outcome.updates as f64 / cpu),
            interrupted: outcome.interrupted,
            gridlock: gridlock::find(network, outcome),
            state_hash: outcome.state_hash.clone(),
        }
    }
}
