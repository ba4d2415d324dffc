//! Emergencies as actors: incidents that block lanes, people who call, a dispatcher, ambulances and hospitals.
//!
//! They know of each other by mail only. What they do is noted in the [`Diary`], for the books and for whoever tells the world.
//! Durations are drawn for (seed, call, stage), so that a longer treatment shifts nobody else's dice.

pub(crate) mod ambulance;
pub(crate) mod by_hand;
pub(crate) mod caller;
pub(crate) mod dispatcher;
pub(crate) mod hospital;
pub(crate) mod incident;

use std::f64::consts::TAU;

use bevy_ecs::prelude::*;

use super::{Wayfinding, actor};
use crate::city::emergency::Spot;
use crate::primitives::ids::EdgeId;
use crate::primitives::random::{Purpose, Seed};
use crate::primitives::{Category, SimDuration, SimTime, Speed, VehicleClass};
use crate::simulation::kernel::ActorId;
use crate::simulation::outcome::{Happened, Happening, Stage};
use crate::simulation::traffic::facts::{NONE, RoadFacts};

/// Column of the people who call.
pub(crate) const CALLERS: u16 = 30;
/// Column of the dispatcher.
pub(crate) const DISPATCHERS: u16 = 31;
/// Column of the ambulances, by number.
pub(crate) const AMBULANCES: u16 = 32;
/// Column of the hospitals, by number.
pub(crate) const HOSPITALS: u16 = 33;
/// Column of the incidents, by number.
pub(crate) const INCIDENTS: u16 = 34;

/// The one dispatcher.
pub(crate) const DISPATCHER: ActorId = ActorId::new(DISPATCHERS, 0);
/// Everybody who may call.
pub(crate) const PUBLIC: ActorId = ActorId::new(CALLERS, 0);

/// What a call is about.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Order {
    /// The call's number.
    pub call: u32,
    /// Where the patient is.
    pub spot: Spot,
    /// How urgent.
    pub category: Category,
    /// The incident it came of.
    pub incident: Option<u32>,
}

/// How the service works.
#[derive(Resource, Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct Rules {
    /// Root of every draw.
    pub seed: Seed,
    /// Whether blue light and siren may be used.
    pub siren: bool,
    /// Mean time at the patient [s].
    pub treatment: f64,
    /// Mean time at the hospital [s]; none takes that of the category.
    pub handover: Option<f64>,
}

/// What happened in this step, in the order of the turns.
#[derive(Resource, Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Diary(pub Vec<Happened>);

impl Diary {
    /// Notes something.
    pub(crate) fn note(&mut self, at: SimTime, what: Happening) {
        self.0.push(Happened { at, what });
    }

    /// Notes that a call has reached a stage.
    pub(crate) fn stage(&mut self, at: SimTime, call: u32, stage: Stage, unit: Option<u32>, hospital: Option<u32>) {
        self.note(at, Happening::Call { call, stage, unit, hospital });
    }
}

/// Answering the telephone: exponential with mean 5 s, so that 95 % are answered within 15 s (NFPA 1710).
pub(crate) fn time_to_answer(rules: &Rules, call: u32) -> SimDuration {
    let draw = rules.seed.stream(Purpose::CallStage, u64::from(call), Stage::Answer as u64).unit();
    SimDuration::seconds(-libm::log(1.0 - draw) * 5.0)
}

/// Taking the call: log-normal with median 35 s and 64 s for 90 % (NFPA 1710).
pub(crate) fn time_to_understand(rules: &Rules, call: u32) -> SimDuration {
    log_normal(rules, call, Stage::Queue, 35.0, 0.471)
}

/// Mean turnout [s]: of the log-normal below, 40 exp(0.316² / 2).
pub(crate) const TURN_OUT: f64 = 42.0;

/// Turnout: log-normal with median 40 s and 60 s for 90 % (NFPA 1710, emergency medical services).
pub(crate) fn time_to_turn_out(rules: &Rules, call: u32) -> SimDuration {
    log_normal(rules, call, Stage::EnRoute, 40.0, 0.316)
}

/// From the kerb to the patient: log-normal with median 60 s; an assumption.
pub(crate) fn time_to_patient(rules: &Rules, call: u32) -> SimDuration {
    log_normal(rules, call, Stage::Patient, 60.0, 0.6)
}

/// At the patient: log-normal with the scenario's mean and a coefficient of variation of 0.42; an assumption.
pub(crate) fn time_to_treat(rules: &Rules, call: u32) -> SimDuration {
    let sigma = 0.4;
    log_normal(rules, call, Stage::Depart, rules.treatment * libm::exp(-0.5 * sigma * sigma), sigma)
}

/// At the hospital's door, handing over and getting ready again: log-normal; mean and standard deviation by acuity, high 52.5
/// (21.5), medium 42.0 (16.4), low 32.5 (14.4) min, measured over 61,094 transports in Mecklenburg County; or the scenario's
/// mean with the same relative spread. Handing over takes four fifths of it (an assumption), cleaning up the rest.
pub(crate) fn time_at_hospital(rules: &Rules, call: u32, category: Category) -> (SimDuration, SimDuration) {
    let (mean, deviation) = match category {
        Category::C1 => (52.5, 21.5),
        Category::C2 => (42.0, 16.4),
        Category::C3 | Category::C4 => (32.5, 14.4),
    };
    let spread: f64 = deviation / mean;
    let variance = libm::log(1.0 + spread * spread);
    let mean = rules.handover.unwrap_or(mean * 60.0);
    let total =
        log_normal(rules, call, Stage::Handover, mean * libm::exp(-0.5 * variance), variance.sqrt()).as_seconds();
    (SimDuration::seconds(0.8 * total), SimDuration::seconds(0.2 * total))
}

/// Whether a patient is brought to hospital: about six in ten over all categories, the more urgent the likelier (an
/// assumption in the order of NHS England's conveyance rates).
pub(crate) fn is_conveyed(rules: &Rules, call: u32, category: Category) -> bool {
    let share = match category {
        Category::C1 => 0.75,
        Category::C2 => 0.65,
        Category::C3 => 0.50,
        Category::C4 => 0.30,
    };
    rules.seed.stream(Purpose::CallStage, u64::from(call), Stage::Hospital as u64).unit() < share
}

/// A log-normal duration with a median [s] and the standard deviation of its logarithm.
fn log_normal(rules: &Rules, call: u32, stage: Stage, median: f64, sigma: f64) -> SimDuration {
    let mut rng = rules.seed.stream(Purpose::CallStage, u64::from(call), stage as u64);
    // A standard normal draw (Box and Muller 1958).
    let (radius, angle) = (1.0 - rng.unit(), rng.unit() * TAU);
    let normal = (-2.0 * libm::log(radius)).sqrt() * libm::cos(angle);
    SimDuration::seconds(median * libm::exp(sigma * normal))
}

/// The quickest way by present traffic from a place on a road to a spot, and how long it takes [s]; the way begins with the
/// road one is on. A spot farther back on the same road is reached once round.
pub(crate) fn way_to(ways: &Wayfinding, facts: &RoadFacts, from: (u32, f64), to: &Spot) -> Option<(Vec<u32>, f64)> {
    let (edge, pos) = from;
    let goal = to.edge.raw();
    let length = |edge: u32| facts.lane(facts.edges[edge as usize].0).length;
    if edge == goal && to.position.as_metres() >= pos - 10.0 {
        let share = (to.position.as_metres() - pos).max(0.0) / length(edge).max(1.0);
        return Some((vec![edge], ways.times.along(facts, &[edge]) * share));
    }
    let best = if edge == goal {
        let mut best: Option<(Vec<u32>, f64)> = None;
        for next in next_edges(facts, edge) {
            if let Some(rest) = quickest(ways, next, goal) {
                let time = ways.times.along(facts, &rest);
                if best.as_ref().is_none_or(|(_, known)| time < *known) {
                    best = Some(([vec![edge], rest].concat(), time));
                }
            }
        }
        best?.0
    } else {
        quickest(ways, edge, goal)?
    };
    let time = |edge: u32| ways.times.along(facts, &[edge]);
    let skipped = time(edge) * (pos / length(edge).max(1.0)).clamp(0.0, 1.0);
    let spared = time(goal) * (1.0 - to.position.as_metres() / length(goal).max(1.0)).clamp(0.0, 1.0);
    let total = ways.times.along(facts, &best) - skipped - spared;
    Some((best, total))
}

fn quickest(ways: &Wayfinding, from: u32, to: u32) -> Option<Vec<u32>> {
    // Faster than any limit: an ambulance is bound by roads, not by its engine.
    let speed = Speed::kilometres_per_hour(200.0);
    let factor = |edge: EdgeId| ways.times.factor(edge.index(), speed.as_metres_per_second(), 1.0);
    let (from, to) = (EdgeId::new(from as usize), EdgeId::new(to as usize));
    let way = ways.router.shortest_by(from, to, VehicleClass::Emergency, speed, factor)?;
    Some(way.iter().map(|edge| edge.raw()).collect())
}

/// Roads an ambulance may turn into at the end of a road.
fn next_edges(facts: &RoadFacts, edge: u32) -> Vec<u32> {
    let (first, lanes) = facts.edges[edge as usize];
    let mut next: Vec<u32> = (first..first + lanes)
        .flat_map(|lane| {
            let facts = facts.lane(lane);
            facts.first_link..facts.first_link + facts.link_count
        })
        .map(|link| facts.link(link).to)
        .filter(|&to| to != NONE && facts.lane(to).allowed.contains(VehicleClass::Emergency))
        .map(|to| facts.lane(to).edge)
        .collect();
    next.sort_unstable();
    next.dedup();
    next
}

/// An entity's place in its column.
pub(crate) fn unit_actor(unit: u32) -> ActorId {
    actor(AMBULANCES, unit)
}
