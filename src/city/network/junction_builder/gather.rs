//! Writes the plans of all junctions down as the parts of a network, with SUMO's names and order.
//!
//! Roads come first, so that a road's edge id is its position in the map; the paths of a junction follow, one internal edge
//! for the lanes of a turn (`:node_0`, named by its first link), and one for each second part of a path behind a waiting
//! place. Decides nothing.

use super::curves::part;
use super::shape::RoadShape;
use super::{JunctionPlan, Path};
use crate::city::network::assembly::NetworkParts;
use crate::city::network::bare::{BareMap, Sign};
use crate::city::network::model::{Edge, EdgeKind, Junction, JunctionKind, Lane, Link, RightOfWay, Signal};
use crate::primitives::ids::{EdgeId, JunctionId, LaneId, LinkId, SignalId};
use crate::primitives::{ClassSet, Distance, Polyline, Speed};

/// From how far away crossing traffic can be seen [m]; SUMO's default.
const VISIBILITY: Distance = Distance::metres(4.5);

/// The parts under construction; links are kept by lane until all are known.
struct Gathering {
    parts: NetworkParts,
    links: Vec<Vec<Link>>,
    /// For the lane up to a waiting place: the junction, and the links waited for by request index.
    awaited: Vec<(LaneId, usize, Vec<usize>)>,
}

/// Writes everything down.
pub(super) fn gather(
    map: &BareMap,
    roads: &[RoadShape],
    first_lanes: &[usize],
    plans: Vec<JunctionPlan>,
) -> NetworkParts {
    let parts = NetworkParts {
        junctions: Vec::with_capacity(map.nodes.len()),
        requests: Vec::with_capacity(map.nodes.len()),
        edges: Vec::new(),
        lanes: Vec::new(),
        links: Vec::new(),
        signals: Vec::new(),
        projection: map.projection.clone(),
        left_hand: map.left_hand,
    };
    let mut gathering = Gathering { parts, links: Vec::new(), awaited: Vec::new() };
    for (road, shape) in map.roads.iter().zip(roads) {
        let edge = EdgeId::new(gathering.parts.edges.len());
        let first = gathering.parts.lanes.len();
        for (bare, line) in road.lanes.iter().zip(&shape.lanes) {
            gathering.lane(edge, first, (line.clone(), shape.length), road.speed, bare.width, bare.allowed);
        }
        gathering.edge(Edge {
            name: road.name.clone(),
            street: road.street.clone(),
            kind: EdgeKind::Road,
            from: JunctionId::new(road.from),
            to: JunctionId::new(road.to),
            lanes: range(first, gathering.parts.lanes.len()),
            priority: road.priority,
            length: shape.length,
            road_type: road.road_type.clone(),
        });
    }
    for (node, plan) in plans.into_iter().enumerate() {
        gathering.junction(map, node, plan, first_lanes);
    }
    gathering.finish()
}

fn range(first: usize, end: usize) -> std::ops::Range<u32> {
    LaneId::new(first).raw()..LaneId::new(end).raw()
}

impl Gathering {
    fn edge(&mut self, edge: Edge) {
        self.parts.edges.push(edge);
    }

    fn lane(
        &mut self,
        edge: EdgeId,
        first: usize,
        (shape, length): (Polyline, Distance),
        speed: Speed,
        width: Distance,
        allowed: ClassSet,
    ) {
        let index = LaneId::new(self.parts.lanes.len() - first).raw();
        self.parts.lanes.push(Lane {
            edge,
            index,
            length,
            speed,
            width,
            allowed,
            change_left: ClassSet::ALL,
            change_right: ClassSet::ALL,
            shape,
            links: 0..0,
            incoming: 0..0,
            conflicts: 0..0,
        });
        self.links.push(Vec::new());
    }

    fn junction(&mut self, map: &BareMap, node: usize, plan: JunctionPlan, first_lanes: &[usize]) {
        let junction = JunctionId::new(node);
        let bare = &map.nodes[node];
        let signal = plan.program.as_ref().map(|_| SignalId::new(self.parts.signals.len()));
        let entries = self.first_parts(junction, &bare.name, &plan);
        let mut seconds = plan.connections.len();
        for (index, connection) in plan.connections.iter().enumerate() {
            let target = LaneId::new(first_lanes[connection.to.0] + connection.to.1);
            let request = u32::try_from(index).unwrap_or(u32::MAX);
            let foes = plan.requests[index].foes.contains(&true);
            let entry = Link {
                from: LaneId::new(first_lanes[connection.from.0] + connection.from.1),
                via: Some(entries[index]),
                to: target,
                junction,
                turn: connection.turn,
                right_of_way: right_of_way(map, &plan, index),
                signal: signal.map(|signal| (signal, request)),
                request: Some(request),
                keep_clear: foes,
                may_wait_inside: plan.waiting[index].is_some(),
                visibility: VISIBILITY,
                yields_to: Vec::new(),
            };
            let inner = |from: LaneId, via: Option<LaneId>, right_of_way: RightOfWay| Link {
                from,
                via,
                right_of_way,
                signal: None,
                request: None,
                keep_clear: false,
                may_wait_inside: false,
                ..entry.clone()
            };
            if let Some(waiting) = &plan.waiting[index] {
                let path = &plan.paths[index];
                let rest = part(&path.line, waiting.at, path.line.length());
                let name = format!(":{}_{seconds}", bare.name);
                let second = self.internal_edge(junction, name, &[(index, rest)], &plan);
                seconds += 1;
                self.awaited.push((entries[index], node, waiting.oncoming.clone()));
                self.links[entries[index].index()].push(inner(entries[index], Some(second), RightOfWay::Minor));
                self.links[second.index()].push(inner(second, None, RightOfWay::Major));
            } else {
                self.links[entries[index].index()].push(inner(entries[index], None, RightOfWay::Major));
            }
            self.links[entry.from.index()].push(entry);
        }
        if let Some(program) = plan.program {
            self.parts.signals.push(Signal { name: bare.name.clone(), programs: vec![program], links: Vec::new() });
        }
        self.parts.junctions.push(Junction {
            name: bare.name.clone(),
            kind: plan.kind,
            position: bare.position,
            shape: plan.outline,
            links: Vec::new(),
        });
        self.parts.requests.push(plan.requests);
    }

    /// Writes down the paths up to the waiting place or the end, one edge for each turn; gives the lane of each link.
    fn first_parts(&mut self, junction: JunctionId, node: &str, plan: &JunctionPlan) -> Vec<LaneId> {
        let mut entries = Vec::with_capacity(plan.connections.len());
        let same_turn = |a: &super::Connection, b: &super::Connection| a.from.0 == b.from.0 && a.to.0 == b.to.0;
        for turn in plan.connections.chunk_by(same_turn) {
            let first = entries.len();
            let lines: Vec<(usize, Polyline)> = (first..first + turn.len())
                .map(|index| {
                    let line = &plan.paths[index].line;
                    let line =
                        plan.waiting[index].as_ref().map_or_else(|| line.clone(), |place| part(line, 0.0, place.at));
                    (index, line)
                })
                .collect();
            let lane = self.internal_edge(junction, format!(":{node}_{first}"), &lines, plan);
            entries.extend((0..turn.len()).map(|i| LaneId::new(lane.index() + i)));
        }
        entries
    }

    /// Writes down an internal edge with a lane for each link given; gives its first lane.
    fn internal_edge(
        &mut self,
        junction: JunctionId,
        name: String,
        lines: &[(usize, Polyline)],
        plan: &JunctionPlan,
    ) -> LaneId {
        let edge = EdgeId::new(self.parts.edges.len());
        let first = self.parts.lanes.len();
        let mut longest = Distance::ZERO;
        for (index, line) in lines {
            let Path { speed, width, .. } = plan.paths[*index];
            let length = Distance::metres(line.length().max(0.1));
            longest = longest.max(length);
            let allowed = plan.connections[*index].allowed;
            self.lane(edge, first, (line.clone(), length), speed, Distance::metres(width), allowed);
        }
        self.edge(Edge {
            name,
            street: None,
            kind: EdgeKind::Internal,
            from: junction,
            to: junction,
            lanes: range(first, self.parts.lanes.len()),
            priority: 0,
            length: longest,
            road_type: None,
        });
        LaneId::new(first)
    }

    fn finish(mut self) -> NetworkParts {
        for (lane, links) in self.parts.lanes.iter_mut().zip(self.links) {
            let first = LaneId::new(self.parts.links.len()).raw();
            self.parts.links.extend(links);
            lane.links = first..LaneId::new(self.parts.links.len()).raw();
        }
        // Inside the junction one waits for oncoming traffic only: the cross traffic has already been passed.
        let mut entries = vec![Vec::new(); self.parts.requests.len()];
        for (index, link) in self.parts.links.iter().enumerate() {
            if let Some(request) = link.request {
                entries[link.junction.index()].push((request, LinkId::new(index)));
            }
        }
        for entries in &mut entries {
            entries.sort_unstable();
        }
        for (lane, junction, awaited) in self.awaited {
            for link in self.parts.lanes[lane.index()].link_ids() {
                self.parts.links[link.index()].yields_to = awaited.iter().map(|&i| entries[junction][i].1).collect();
            }
        }
        self.parts
    }
}

fn right_of_way(map: &BareMap, plan: &JunctionPlan, index: usize) -> RightOfWay {
    let yields = plan.requests[index].response.contains(&true);
    match plan.kind {
        JunctionKind::TrafficLight => RightOfWay::Signal,
        JunctionKind::AllwayStop if yields => RightOfWay::AllwayStop,
        JunctionKind::RightBeforeLeft if yields => RightOfWay::Equal,
        _ if yields && map.markings.signs.get(&plan.connections[index].from.0) == Some(&Sign::Stop) => RightOfWay::Stop,
        _ if yields => RightOfWay::Minor,
        _ => RightOfWay::Major,
    }
}
