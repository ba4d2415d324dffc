//! Measures that change who travels: more or fewer trips, something new that draws them, buses, a charge.
//!
//! Nobody who stays changes its place in the list, for dice are keyed by it: whoever no longer travels departs at no time, and whoever is
//! new stands behind everybody else.

use std::sync::Arc;

use super::model::{AdviceTimes, Deed, Intervention, Measure, RoadChoice};
use super::{charge, lines, roads};
use crate::city::demand::{
    ArrivalSpeed, Demand, DepartLane, DepartPosition, DepartSpeed, Departure, Route, RouteChoice, Vehicle,
};
use crate::city::network::Network;
use crate::city::routing::Router;
use crate::primitives::ids::{EdgeId, KindId, RouteId};
use crate::primitives::random::{KeyedRng, Purpose, Seed};
use crate::primitives::text::{Findings, Problem};
use crate::primitives::{ClassSet, SimDuration, SimTime, Speed, VehicleClass};

/// The most rows that measures may add.
pub(super) const ADDED_MAX: usize = 2_000_000;
/// A trip that is made twice departs up to this much earlier or later the second time [s].
const APART: f64 = 150.0;
/// How often a trip is drawn again that has no way.
const TRIES: u64 = 8;

/// Changes a demand as measures ask, a copy of it where others share it and any does; one sentence for each that does.
///
/// # Errors
/// Everything that does not fit the map or the demand, at once.
pub fn travellers(
    network: &Network,
    demand: &mut Arc<Demand>,
    interventions: &[&Intervention],
    seed: Seed,
    span: (SimTime, SimTime),
) -> Result<Vec<String>, Findings> {
    let mut findings = Findings::default();
    let mut resolved = Vec::new();
    let rows = demand.vehicles.len();
    for (one, at, measure) in
        interventions.iter().flat_map(|one| (1_u64..).zip(&one.measures).map(|(at, measure)| (*one, at, measure)))
    {
        let said = match &measure.deed {
            Deed::Advice { share, every, times } => {
                let by = match times {
                    AdviceTimes::Live => String::new(),
                    AdviceTimes::Predicted { days } => format!(" by what {days} earlier day(s) let expect"),
                };
                Some(format!("{:.0} % of drivers look for the fastest way every {every}{by}", share * 100.0))
            }
            Deed::Beside(said) => Some(said.clone()),
            deed if is_of_demand(deed) => {
                let demand = Arc::make_mut(demand);
                let (number, label) = (key(&one.name, at), format!("{}-{at}", one.name));
                Change { network, demand, measure, number, label, seed, span, findings: &mut findings }.apply()
            }
            _ => None,
        };
        resolved.extend(said.map(|said| format!("{}: {said}", one.name)));
    }
    if demand.vehicles.len() - rows > ADDED_MAX
        && let Some(one) = interventions.first()
    {
        let message = format!("{} more vehicles are too many", demand.vehicles.len() - rows);
        findings.problem(Problem::new(one.place.clone(), message).help(format!("at most {ADDED_MAX}")));
    }
    if findings.is_ok() { Ok(resolved) } else { Err(findings) }
}

/// The key of a measure's dice: the same in every variant that has its intervention (FNV-1a over the name: Fowler, Noll and Vo 1991).
pub(super) fn key(name: &str, at: u64) -> u64 {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    hash.wrapping_add(at << 32)
}

/// Whether a measure changes who travels.
fn is_of_demand(deed: &Deed) -> bool {
    matches!(
        deed,
        Deed::Scale { .. }
            | Deed::Develop { .. }
            | Deed::AddLine { .. }
            | Deed::ChangeLine { .. }
            | Deed::Charge { .. }
    )
}

/// One measure on its way into a demand.
pub(super) struct Change<'a> {
    pub network: &'a Network,
    pub demand: &'a mut Demand,
    pub measure: &'a Measure,
    /// The key of its dice.
    pub number: u64,
    /// The intervention's name and its place in it; unique in a variant.
    pub label: String,
    pub seed: Seed,
    pub span: (SimTime, SimTime),
    pub findings: &'a mut Findings,
}

impl Change<'_> {
    pub(super) fn wrong(&mut self, message: impl Into<String>, help: impl Into<String>) {
        self.findings.problem(Problem::new(self.measure.place.clone(), message).help(help));
    }

    fn apply(&mut self) -> Option<String> {
        let measure = self.measure;
        match &measure.deed {
            Deed::Scale { factor, roads, classes } => self.scale(*factor, roads.as_ref(), *classes),
            Deed::Develop { roads, trips, leaving } => self.develop(roads, *trips, *leaving),
            Deed::AddLine { line, stops, headway, dwell } => lines::add(self, line, stops, *headway, *dwell),
            Deed::ChangeLine { line, headway, dwell } => lines::change(self, line, *headway, *dwell),
            Deed::Charge { .. } => {
                charge::answer(self.network, measure, self.demand, (self.seed, self.number), self.findings)
            }
            _ => None,
        }
    }

    /// Whether something that happens at a time falls under the measure.
    pub(super) fn holds(&self, at: SimTime) -> bool {
        at < SimTime::MAX && self.measure.window.is_none_or(|window| window.contains(at))
    }

    /// Dice for one of the rows that the measure adds or takes away.
    pub(super) fn dice(&self, row: u64, attempt: u64) -> KeyedRng {
        self.seed.stream(Purpose::DemandChange, row, self.number.wrapping_mul(256) | attempt)
    }

    fn scale(&mut self, factor: f64, choice: Option<&RoadChoice>, classes: ClassSet) -> Option<String> {
        let network = self.network;
        let (chosen, what) = match choice {
            Some(choice) => {
                let edges = roads::resolve(network, choice, self.findings)?;
                let what = format!("trips to and from {}", roads::describe(network, choice, &edges));
                (Some(edges), what)
            }
            None => (None, "all trips".to_owned()),
        };
        let mut touched = 0;
        for row in 0..self.demand.vehicles.len() {
            let vehicle = &self.demand.vehicles[row];
            let class = self.demand.kind(vehicle.kind).class;
            let edges = &self.demand.route(vehicle.route).edges;
            let ends = [edges.first().copied(), edges.last().copied()];
            let meant = vehicle.line.is_none()
                && (classes.is_empty() || classes.contains(class))
                && chosen
                    .as_ref()
                    .is_none_or(|chosen| ends.iter().flatten().any(|edge| chosen.binary_search(edge).is_ok()));
            let departs = vehicle.departure.time;
            if !meant || !self.holds(departs) {
                continue;
            }
            touched += 1;
            let mut dice = self.dice(row as u64, 0);
            let draw = dice.unit();
            if factor < 1.0 {
                if draw >= factor {
                    self.demand.vehicles[row].departure.time = SimTime::MAX;
                }
                continue;
            }
            let mut more = factor - 1.0;
            let mut copy = 1;
            while more >= 1.0 || draw < more {
                let mut again = self.demand.vehicles[row].clone();
                again.name = format!("{}+{}.{copy}", again.name, self.label);
                let shifted = again.departure.time + SimDuration::seconds((dice.unit() * 2.0 - 1.0) * APART);
                again.departure.time = shifted.max(self.span.0);
                self.demand.vehicles.push(again);
                if self.demand.vehicles.len() > 2 * ADDED_MAX || more < 1.0 {
                    break;
                }
                (more, copy) = (more - 1.0, copy + 1);
            }
        }
        Some(format!("{:+.0} % of {touched} ({what})", (factor - 1.0) * 100.0))
    }

    fn develop(&mut self, choice: &RoadChoice, trips: u32, leaving: f64) -> Option<String> {
        let network = self.network;
        let edges = roads::resolve(network, choice, self.findings)?;
        let open = |edge: &EdgeId| network.edge_allows(*edge, VehicleClass::Passenger);
        let here: Vec<EdgeId> = edges.iter().copied().filter(open).collect();
        let car = |vehicle: &&Vehicle| {
            self.demand.kind(vehicle.kind).class == VehicleClass::Passenger && vehicle.departure.time < SimTime::MAX
        };
        let others: Vec<Vehicle> = self.demand.vehicles.iter().filter(car).cloned().collect();
        if here.is_empty() || others.is_empty() {
            self.wrong(
                "there are no roads for cars here, or no cars whose ends could be the other ends of its trips",
                "choose other roads",
            );
            return None;
        }
        let router = Router::new(network);
        let (begin, end) = self.hours();
        for trip in 0..u64::from(trips) {
            let mut made = None;
            for attempt in 0..TRIES {
                let mut dice = self.dice(1 << 40 | trip, attempt);
                let like = &others[dice.below(others.len())];
                let there = &self.demand.route(like.route).edges;
                let home = here[dice.below(here.len())];
                let out = dice.unit() < leaving;
                let ends = if out { (home, *there.last()?) } else { (*there.first()?, home) };
                let kind = self.demand.kind(like.kind);
                let way = router.shortest(ends.0, ends.1, kind.class, kind.speed_max).filter(|_| ends.0 != ends.1);
                if let Some(edges) = way {
                    let time = begin + SimDuration::seconds(dice.unit() * (end - begin).as_seconds());
                    made = Some((like.kind, edges, time));
                    break;
                }
            }
            let Some((kind, edges, time)) = made else { continue };
            let name = format!("new-{}-{trip}", self.label);
            self.add(name, kind, edges, time);
        }
        Some(format!("{trips} trips to and from {}", roads::describe(network, choice, &edges)))
    }

    /// From when to when the measure holds within the run: the first of its windows, or all of it.
    pub(super) fn hours(&self) -> (SimTime, SimTime) {
        let Some(window) = self.measure.window else { return self.span };
        let from = window.from.max(self.span.0);
        let to = if window.to > window.from { window.to.min(self.span.1) } else { self.span.1 };
        if from < to { (from, to) } else { self.span }
    }

    /// Adds somebody who takes the fastest way at its departure.
    fn add(&mut self, name: String, kind: KindId, edges: Vec<EdgeId>, time: SimTime) {
        let route = RouteId::new(self.demand.routes.len());
        self.demand.routes.push(Route { edges });
        self.demand.vehicles.push(Vehicle {
            name,
            kind,
            route,
            choice: RouteChoice::FastestAtDeparture { via: Vec::new() },
            departure: Departure {
                time,
                lane: DepartLane::Best,
                position: DepartPosition::Base,
                speed: DepartSpeed::At(Speed::ZERO),
            },
            arrival_position: None,
            arrival_speed: ArrivalSpeed::Current,
            stops: Vec::new(),
            line: None,
        });
    }
}
