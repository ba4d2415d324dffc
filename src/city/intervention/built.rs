//! Measures that build: lanes, signals, roundabouts and turns of a bare map, whose junctions are then built anew.
//!
//! Roads keep their ids, so that everything which names one is found on the new map. A SUMO network has its junctions given and cannot be
//! built anew: there such a measure is refused rather than half done.

use std::sync::Arc;

use super::model::{Deed, Intervention, LaneWish, Measure, RoadChoice};
use super::{junctions, ring, roads, signals};
use crate::city::network::Network;
use crate::city::network::bare::{BareControl, BareLane, BareMap};
use crate::primitives::ClassSet;
use crate::primitives::ids::EdgeId;
use crate::primitives::text::{Findings, Problem};

/// The most lanes a road may come to have.
const LANES_MAX: usize = 8;

/// A network with what measures have built.
#[derive(Debug, Clone)]
pub struct Rebuilt {
    /// The network; the very one there was where nothing is built.
    pub network: Arc<Network>,
    /// Whether roads and junctions were built anew, so that ids are others.
    pub anew: bool,
    /// What was done, one sentence for each measure.
    pub resolved: Vec<String>,
}

/// Builds what measures ask for: first lanes and junctions, then plans of signals.
///
/// # Errors
/// Everything that does not fit the map, at once.
pub fn rebuild(
    network: &Arc<Network>,
    map: Option<&BareMap>,
    interventions: &[&Intervention],
) -> Result<Rebuilt, Findings> {
    let mut findings = Findings::default();
    let mut resolved = Vec::new();
    let measures = || interventions.iter().flat_map(|one| one.measures.iter().map(|measure| (*one, measure)));
    let mut changed: Option<BareMap> = None;
    for (one, measure) in measures().filter(|(_, measure)| is_built(&measure.deed)) {
        let Some(map) = map else {
            let problem = Problem::new(
                measure.place.clone(),
                "a SUMO network has its junctions given, and nothing can be built in it",
            );
            findings.problem(problem.help("change the network itself, or use a `city` map"));
            continue;
        };
        let mut builder =
            Builder { network, map: changed.take().unwrap_or_else(|| map.clone()), measure, findings: &mut findings };
        let said = builder.build();
        changed = Some(builder.map);
        resolved.extend(said.map(|said| format!("{}: {said}", one.name)));
    }
    let mut built = Arc::clone(network);
    let anew = changed.is_some();
    if let Some(map) = changed.filter(|_| findings.is_ok()) {
        built = Arc::new(map.build()?);
        confirm(&built, measures().map(|(_, measure)| measure), &mut findings);
    }
    let before: Vec<usize> = built.signals.iter().map(|signal| signal.programs.len()).collect();
    for (one, measure) in measures() {
        if matches!(measure.deed, Deed::Retime { .. } | Deed::Coordinate { .. } | Deed::Adaptive { .. }) {
            let said = signals::apply(Arc::make_mut(&mut built), measure, &mut findings);
            resolved.extend(said.map(|said| format!("{}: {said}", one.name)));
            let twice = built.signals.iter().zip(&before).find(|(signal, before)| signal.programs.len() > *before + 1);
            if let Some((signal, _)) = twice {
                let message = format!("the signal `{}` is given two plans", signal.name);
                findings.problem(Problem::new(measure.place.clone(), message).help("keep one of the two"));
                break;
            }
        }
    }
    if findings.is_ok() { Ok(Rebuilt { network: built, anew, resolved }) } else { Err(findings) }
}

fn is_built(deed: &Deed) -> bool {
    matches!(
        deed,
        Deed::AllowTurn { .. }
            | Deed::AddLane { .. }
            | Deed::RemoveLane { .. }
            | Deed::AddSignal { .. }
            | Deed::Roundabout { .. }
    )
}

/// Whether every new signal has come to be: where nothing crosses, none is built.
fn confirm<'a>(built: &Network, measures: impl Iterator<Item = &'a Measure>, findings: &mut Findings) {
    for measure in measures {
        let Deed::AddSignal { junction, .. } = &measure.deed else { continue };
        let Some(id) = junctions::junction(built, junction, findings) else { continue };
        if !built.junction(id).links.iter().any(|&link| built.link(link).signal.is_some()) {
            let problem = Problem::new(junction.place.clone(), format!("nothing crosses at `{}`", junction.text));
            findings.problem(problem.help("a signal there would stop nobody; choose another junction"));
        }
    }
}

struct Builder<'a> {
    network: &'a Network,
    map: BareMap,
    measure: &'a Measure,
    findings: &'a mut Findings,
}

impl Builder<'_> {
    fn wrong(&mut self, message: impl Into<String>, help: impl Into<String>) {
        self.findings.problem(Problem::new(self.measure.place.clone(), message).help(help));
    }

    /// Positions in the map of the roads that are meant, and how they are called.
    fn roads(&mut self, choice: &RoadChoice) -> Option<(Vec<usize>, String)> {
        let edges = roads::resolve(self.network, choice, self.findings)?;
        let said = roads::describe(self.network, choice, &edges);
        let name = |edge: &EdgeId| &self.network.edge(*edge).name;
        Some((
            edges.iter().filter_map(|edge| self.map.roads.iter().position(|road| road.name == *name(edge))).collect(),
            said,
        ))
    }

    fn node(&mut self, wanted: &super::model::Written) -> Option<usize> {
        let junction = junctions::junction(self.network, wanted, self.findings)?;
        let name = &self.network.junction(junction).name;
        let found = self.map.nodes.iter().position(|node| node.name == *name);
        if found.is_none() {
            self.wrong(format!("`{name}` has been built over by another measure"), "leave one of the two out");
        }
        found
    }

    /// What was built, in words.
    fn build(&mut self) -> Option<String> {
        let measure = self.measure;
        match &measure.deed {
            Deed::AddLane { roads, kerb, allow } => {
                let (roads, said) = self.roads(roads)?;
                for &road in &roads {
                    self.add_lane(road, *kerb, *allow);
                }
                Some(format!("add a lane to {said}"))
            }
            Deed::RemoveLane { roads, lane } => {
                let (roads, said) = self.roads(roads)?;
                for &road in &roads {
                    self.remove_lane(road, *lane);
                }
                Some(format!("remove a lane of {said}"))
            }
            Deed::AllowTurn { out_of, into } => {
                let ((from, from_said), (to, to_said)) = (self.roads(out_of)?, self.roads(into)?);
                let before = self.map.turn_bans.len();
                self.map.turn_bans.retain(|(a, b)| !(from.contains(a) && to.contains(b)));
                if self.map.turn_bans.len() == before {
                    self.wrong("the map bans no such turn", "it is allowed already, or the roads do not meet");
                    return None;
                }
                Some(format!("allow turning from {from_said} into {to_said}"))
            }
            Deed::AddSignal { junction, adaptive } => {
                let node = self.node(junction)?;
                if self.map.nodes[node].control.is_signal() {
                    self.wrong(
                        format!("`{}` has a signal already", junction.text),
                        "use `retime-signal` or `make-adaptive`",
                    );
                    return None;
                }
                self.map.nodes[node].control =
                    if *adaptive { BareControl::ActuatedSignal } else { BareControl::Signal };
                Some(format!("a signal at `{}`", junction.text))
            }
            Deed::Roundabout { junction, radius } => {
                let node = self.node(junction)?;
                match ring::replace(&mut self.map, node, radius.as_metres()) {
                    Ok(arms) => Some(format!("a roundabout with {arms} arms at `{}`", junction.text)),
                    Err((message, help)) => {
                        self.wrong(message, help);
                        None
                    }
                }
            }
            _ => None,
        }
    }

    fn add_lane(&mut self, road: usize, kerb: bool, allow: ClassSet) {
        let road = &mut self.map.roads[road];
        let beside = if kerb { road.lanes.first() } else { road.lanes.last() };
        let Some(&beside) = beside.filter(|_| road.lanes.len() < LANES_MAX) else {
            let message = format!("`{}` has {} lanes already", road.name, road.lanes.len());
            self.wrong(message, format!("at most {LANES_MAX}"));
            return;
        };
        let allowed = if allow.is_empty() { beside.allowed } else { allow };
        let lane = BareLane { allowed, ..beside };
        let at = if kerb { 0 } else { road.lanes.len() };
        road.lanes.insert(at, lane);
    }

    fn remove_lane(&mut self, road: usize, wish: LaneWish) {
        let road = &mut self.map.roads[road];
        let open = |lane: &&BareLane| lane.allowed.allows_cars();
        let at = match wish {
            LaneWish::Kerb => road.lanes.iter().position(|lane| lane.allowed.allows_cars()),
            LaneWish::Middle => road.lanes.iter().rposition(|lane| lane.allowed.allows_cars()),
            LaneWish::Index(index) => Some(index as usize).filter(|&index| index < road.lanes.len()),
        };
        let cars = road.lanes.iter().filter(open).count();
        match at {
            Some(at) if road.lanes.len() > 1 && (cars > 1 || !road.lanes[at].allowed.allows_cars()) => {
                road.lanes.remove(at);
            }
            _ => {
                let message = format!("`{}` has {} lanes, {cars} of them for cars", road.name, road.lanes.len());
                self.wrong(message, "one has to stay; use `close-road` for all of it");
            }
        }
    }
}
