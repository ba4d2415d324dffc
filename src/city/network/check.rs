//! Is this network sound? Laws that hold for every network, built or imported, and how much of it can be reached.
//!
//! A network that breaks a law would make vehicles vanish, jump or meet head-on. Looks only; repairs nothing.

use std::collections::BTreeMap;

use petgraph::algo::tarjan_scc;
use petgraph::graph::DiGraph;

use super::assembly::RequestRow;
use super::model::{Aspect, Network, RightOfWay};
use crate::primitives::VehicleClass;
use crate::primitives::ids::{JunctionId, LaneId, LinkId};
use crate::primitives::text::{Findings, Place, Problem};

/// Ends of shapes that should be one place may be this far apart [m]; files round to centimetres.
const GAP_MAX: f64 = 1.0;

/// What a look over a network has found.
#[derive(Debug, Clone)]
pub struct NetworkCheck {
    /// Broken laws, each naming lane or link.
    pub findings: Findings,
    /// Roads for cars in the largest set within which every road can be reached from every other.
    pub roads_connected: usize,
    /// All roads for cars.
    pub roads: usize,
    /// Names of lanes of roads that lead nowhere though the junction has roads that lead on.
    pub lanes_stuck: Vec<String>,
}

impl NetworkCheck {
    /// Share of the roads for cars that lie in the largest strongly connected set, 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "a city has far fewer than 2^53 roads")]
    pub fn share_connected(&self) -> f64 {
        if self.roads == 0 { 1.0 } else { self.roads_connected as f64 / self.roads as f64 }
    }
}

/// Looks over a network: ids within bounds, paths that chain, conflicts seen from both sides, no two paths that cross
/// without one yielding, no conflicting greens, lanes with a way on, and connection.
pub fn check_network(network: &Network) -> NetworkCheck {
    let mut check = Check { network, findings: Findings::default() };
    if check.ids() {
        check.links();
        check.shapes();
        check.conflicts();
        check.signals();
    }
    let ids_are_sound = check.findings.is_ok();
    let (roads_connected, roads) = if ids_are_sound { connection(network) } else { (0, 0) };
    let lanes_stuck = if ids_are_sound { lanes_stuck(network) } else { Vec::new() };
    NetworkCheck { findings: check.findings, roads_connected, roads, lanes_stuck }
}

/// What is wrong with the right-of-way matrix of one junction: rows of unequal length, paths that meet for one side only,
/// or a link that yields to one it does not meet.
pub fn check_requests(junction: &str, rows: &[RequestRow]) -> Findings {
    let mut findings = Findings::default();
    let mut complain = |message: String| {
        findings.problem(Problem::new(Place::file("network"), format!("junction `{junction}`: {message}")));
    };
    for (i, row) in rows.iter().enumerate() {
        if row.foes.len() != rows.len() || row.response.len() != rows.len() {
            complain(format!("row {i} of the right-of-way matrix has another length than the matrix"));
            continue;
        }
        for (j, other) in rows.iter().enumerate() {
            if row.foes[j] && !other.foes.get(i).copied().unwrap_or(false) {
                complain(format!("the path of link {i} meets that of link {j}, but not the other way round"));
            }
            if row.response[j] && !row.foes[j] {
                complain(format!("link {i} yields to link {j}, whose path it does not meet"));
            }
        }
        if row.foes[i] {
            complain(format!("link {i} meets itself"));
        }
    }
    findings
}

struct Check<'a> {
    network: &'a Network,
    findings: Findings,
}

impl Check<'_> {
    fn complain(&mut self, message: String) {
        self.findings.problem(Problem::new(Place::file("network"), message));
    }

    fn link_name(&self, id: LinkId) -> String {
        let link = self.network.link(id);
        format!("from `{}` to `{}`", self.network.lane_name(link.from), self.network.lane_name(link.to))
    }

    /// Whether every id points into its column and ranges hold each other; nothing else can be looked at before.
    fn ids(&mut self) -> bool {
        let network = self.network;
        let (junctions, lanes, links) = (network.junctions.len(), network.lanes.len(), network.links.len());
        let mut faults = Vec::new();
        for (i, edge) in network.edges.iter().enumerate() {
            let inside = edge.lanes.end as usize <= lanes && edge.from.index().max(edge.to.index()) < junctions;
            let own = inside && edge.lane_ids().all(|lane| network.lane(lane).edge.index() == i);
            if !own || edge.lanes.is_empty() {
                faults.push(format!("edge `{}` has no lanes of its own or no junctions", edge.name));
            }
        }
        for (i, lane) in network.lanes.iter().enumerate() {
            let inside = lane.links.end as usize <= links && lane.edge.index() < network.edges.len();
            let own = inside && lane.link_ids().all(|link| network.link(link).from.index() == i);
            let (incoming, conflicts) = (lane.incoming.end as usize, lane.conflicts.end as usize);
            if !own || incoming > network.incoming.len() || conflicts > network.conflicts.len() {
                faults.push(format!("lane number {i} has links that are not its own"));
            }
        }
        for (i, link) in network.links.iter().enumerate() {
            let far = link.from.index().max(link.to.index()).max(link.via.unwrap_or(link.to).index());
            let known = far < lanes && link.junction.index() < junctions;
            if !known || link.signal.is_some_and(|(signal, _)| signal.index() >= network.signals.len()) {
                faults.push(format!("link number {i} names a lane, junction or signal there is not"));
            }
        }
        if network.incoming.iter().any(|link| link.index() >= links) {
            faults.push("a lane is led into by a link there is not".to_owned());
        }
        for junction in &network.junctions {
            if junction.links.iter().any(|link| link.index() >= links) {
                faults.push(format!("junction `{}` names a link there is not", junction.name));
            }
        }
        for message in &faults {
            self.complain(message.clone());
        }
        faults.is_empty()
    }

    /// Every link's internal lanes chain from its start to its end, within its junction.
    fn links(&mut self) {
        let network = self.network;
        for index in 0..network.links.len() {
            let id = LinkId::new(index);
            let link = network.link(id);
            if network.edge_of(link.to).is_internal() {
                self.complain(format!("the link {} ends inside a junction", self.link_name(id)));
            }
            let from_edge = network.edge_of(link.from);
            let touches = |junction: JunctionId| from_edge.to == junction || from_edge.is_internal();
            if !touches(link.junction) || network.edge_of(link.to).from != link.junction {
                self.complain(format!("the link {} is not where its roads meet", self.link_name(id)));
            }
            let mut via = link.via;
            let mut steps = 0;
            // Files have paths that nobody drives on; they may lead nowhere.
            while let Some(lane) = via.filter(|&lane| network.lane(lane).allowed.any_on_road()) {
                let onward = network.lane(lane).link_ids().find(|&next| network.link(next).to == link.to);
                steps += 1;
                let Some(next) = onward.filter(|_| network.edge_of(lane).is_internal() && steps < 8) else {
                    self.complain(format!("the path {} breaks off inside the junction", self.link_name(id)));
                    break;
                };
                via = network.link(next).via;
            }
            let entered = network.lane_after(id);
            if !network.incoming(entered).contains(&id) {
                self.complain(format!("the lane entered {} does not know it", self.link_name(id)));
            }
        }
    }

    /// Lanes have a length and begin where the lane before ends.
    fn shapes(&mut self) {
        let network = self.network;
        for index in 0..network.lanes.len() {
            let lane = &network.lanes[index];
            let number_fine = lane.length.is_finite() && lane.speed.is_finite() && lane.width.is_finite();
            let points_fine = lane.shape.points().iter().all(|p| p.x.is_finite() && p.y.is_finite());
            if !number_fine
                || !points_fine
                || lane.length.as_metres() <= 0.0
                || lane.speed.as_metres_per_second() <= 0.0
            {
                self.complain(format!(
                    "lane `{}` has no length, speed or place",
                    network.lane_name(LaneId::new(index))
                ));
            }
        }
        for index in 0..network.links.len() {
            let link = &network.links[index];
            let Some(via) = link.via else { continue };
            let (from, after) = (&network.lane(link.from).shape, &network.lane(via).shape);
            if let (Some(end), Some(start)) = (from.points().last(), after.points().first())
                && (end - start).norm() > GAP_MAX
            {
                self.complain(format!("the path {} begins away from its lane", self.link_name(LinkId::new(index))));
            }
        }
    }

    /// Conflicts are seen from both sides, and of two paths that cross one yields.
    fn conflicts(&mut self) {
        let network = self.network;
        for index in 0..network.lanes.len() {
            let lane = LaneId::new(index);
            for conflict in network.conflicts(lane) {
                let (here, there) = (network.lane_name(lane), network.lane_name(conflict.foe()));
                let back = network.conflicts(conflict.foe());
                let Some(mirror) = back.iter().find(|other| other.foe() == lane) else {
                    self.complain(format!("`{here}` meets `{there}`, but not the other way round"));
                    continue;
                };
                if mirror.yields != conflict.foe_yields || mirror.foe_yields != conflict.yields {
                    self.complain(format!("`{here}` and `{there}` disagree about who yields"));
                }
                let within = |at: f64, length: f64| (-0.01..=length + 0.01).contains(&at);
                if !within(conflict.at().as_metres(), network.lane(lane).length.as_metres()) {
                    self.complain(format!("`{here}` meets `{there}` beyond its end"));
                }
                if !conflict.diverges && !conflict.yields && !conflict.foe_yields && here < there {
                    let both_major = network.incoming(lane).iter().all(|&link| {
                        let way = |id: LinkId| network.link(id).right_of_way;
                        way(link) == RightOfWay::Major && way(conflict.entry()) == RightOfWay::Major
                    });
                    if both_major {
                        self.complain(format!("`{here}` and `{there}` cross and neither yields"));
                    }
                }
            }
        }
    }

    /// Programs have phases with a head for every link, and no two crossing links have green with priority together.
    fn signals(&mut self) {
        let network = self.network;
        let mut entries: BTreeMap<LaneId, Vec<LinkId>> = BTreeMap::new();
        for junction in &network.junctions {
            for &link in &junction.links {
                let mut via = network.link(link).via;
                while let Some(lane) = via {
                    let known = entries.entry(lane).or_default();
                    if known.contains(&link) {
                        break;
                    }
                    known.push(link);
                    via = network.lane(lane).link_ids().find_map(|next| network.link(next).via);
                }
            }
        }
        for signal in &network.signals {
            for program in &signal.programs {
                if program.phases.is_empty() || program.phases.iter().all(|phase| phase.duration.as_milliseconds() <= 0)
                {
                    self.complain(format!("signal `{}` has a program without phases", signal.name));
                }
                if program.phases.iter().any(|phase| phase.aspects.len() < signal.links.len()) {
                    self.complain(format!("signal `{}` has a phase that does not show every head", signal.name));
                }
            }
        }
        for (&lane, links) in &entries {
            for conflict in network.conflicts(lane).iter().filter(|c| !c.diverges && !c.yields && !c.foe_yields) {
                for &link in links {
                    self.green_together(link, conflict.entry());
                }
            }
        }
    }

    fn green_together(&mut self, a: LinkId, b: LinkId) {
        let network = self.network;
        let (Some((signal, head_a)), Some((other, head_b))) = (network.link(a).signal, network.link(b).signal) else {
            return;
        };
        if signal != other || a >= b {
            return;
        }
        let Some(program) = network.signal(signal).programs.last() else { return };
        let green = |aspects: &[Aspect], head: u32| aspects.get(head as usize) == Some(&Aspect::GreenMajor);
        if program.phases.iter().any(|phase| green(&phase.aspects, head_a) && green(&phase.aspects, head_b)) {
            let name = &network.signal(signal).name;
            let message =
                format!("signal `{name}` gives green to heads {head_a} and {head_b}, which cross without yielding");
            self.complain(message);
        }
    }
}

/// How many roads for cars lie in the largest strongly connected set, and how many there are.
fn connection(network: &Network) -> (usize, usize) {
    let mut graph: DiGraph<(), ()> = DiGraph::new();
    let mut nodes = BTreeMap::new();
    for (id, _) in network.roads().filter(|(id, _)| network.edge_allows(*id, VehicleClass::Passenger)) {
        nodes.insert(id, graph.add_node(()));
    }
    for link in &network.links {
        let cars = network.lane(link.from).allowed.intersection(network.lane(link.to).allowed).allows_cars();
        let ends = (nodes.get(&network.lane(link.from).edge), nodes.get(&network.lane(link.to).edge));
        if let ((Some(&from), Some(&to)), true) = (ends, cars) {
            graph.update_edge(from, to, ());
        }
    }
    (tarjan_scc(&graph).iter().map(Vec::len).max().unwrap_or(0), nodes.len())
}

/// Lanes people drive on that end without a link where the junction has links or other roads leave it.
fn lanes_stuck(network: &Network) -> Vec<String> {
    let mut leaves = vec![false; network.junctions.len()];
    for (_, edge) in network.roads() {
        leaves[edge.from.index()] = true;
    }
    let mut stuck = Vec::new();
    for (_, edge) in network.roads().filter(|(_, edge)| leaves[edge.to.index()]) {
        for id in edge.lane_ids() {
            let lane = network.lane(id);
            if lane.links.is_empty() && lane.allowed.any_on_road() {
                stuck.push(network.lane_name(id));
            }
        }
    }
    stuck
}
