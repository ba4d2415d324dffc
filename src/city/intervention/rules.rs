//! Measures that are rules of lanes: closed, slow, reserved, not to be turned into, for residents only.
//!
//! Each says whom it keeps off which lane, or how fast one may drive there; when, and what several of them come to, is the plan's.

use std::collections::BTreeMap;

use super::model::{Deed, LaneWish, Measure, RoadChoice};
use super::plan::Effect;
use super::roads;
use crate::city::network::{EdgeKind, Network};
use crate::primitives::ids::{EdgeId, LaneId};
use crate::primitives::text::{Findings, Problem};
use crate::primitives::{ClassSet, Speed, VehicleClass};

/// Lays one measure out.
pub(super) struct Layer<'a> {
    pub network: &'a Network,
    pub measure: &'a Measure,
    /// Its place in the list.
    pub number: usize,
    pub effects: &'a mut BTreeMap<LaneId, Vec<Effect>>,
    pub findings: &'a mut Findings,
}

impl Layer<'_> {
    pub(super) fn wrong(&mut self, message: impl Into<String>, help: impl Into<String>) {
        self.findings.problem(Problem::new(self.measure.place.clone(), message).help(help));
    }

    fn add(&mut self, lane: LaneId, barred: ClassSet, access: bool, speed: Option<Speed>) {
        let effect = Effect { barred, access, speed, window: self.measure.window, measure: self.number };
        self.effects.entry(lane).or_default().push(effect);
    }

    fn resolve(&mut self, roads: &RoadChoice) -> Option<Vec<EdgeId>> {
        roads::resolve(self.network, roads, self.findings)
    }

    /// What was done, in words; none where something is wrong or it is no rule of lanes.
    pub(super) fn lay(&mut self) -> Option<String> {
        let network = self.network;
        let measure = self.measure;
        match &measure.deed {
            Deed::Close { roads, lanes, except } => {
                let edges = self.resolve(roads)?;
                let before = self.findings.problems().len();
                for &edge in &edges {
                    self.close(edge, lanes, except.complement());
                    // The other roads of the street have no such lane either, as a rule; one of them is enough to know.
                    if self.findings.problems().len() > before {
                        return None;
                    }
                }
                Some(format!("close {}", roads::describe(network, roads, &edges)))
            }
            Deed::Speed { roads, limit } => {
                let edges = self.resolve(roads)?;
                for lane in edges.iter().flat_map(|&edge| network.edge(edge).lane_ids()) {
                    self.add(lane, ClassSet::EMPTY, false, Some(*limit));
                }
                let limit = limit.as_kilometres_per_hour();
                Some(format!("{limit:.0} km/h on {}", roads::describe(network, roads, &edges)))
            }
            Deed::Reserve { roads, lane, allow } => {
                let edges = self.resolve(roads)?;
                let lost: usize = edges.iter().map(|&edge| self.reserve(edge, *lane, *allow)).sum();
                let said = format!("reserve a lane of {}", roads::describe(network, roads, &edges));
                let turns = if lost == 1 { "turn" } else { "turns" };
                Some(if lost == 0 { said } else { format!("{said}; cars lose {lost} {turns} there") })
            }
            Deed::BanTurn { out_of, into, except } => self.ban(out_of, into, *except),
            Deed::Calm { roads, filters, except } => self.calm(roads.as_ref(), filters.as_ref(), *except),
            _ => None,
        }
    }

    /// Keeps classes off a road or some of its lanes.
    fn close(&mut self, edge: EdgeId, lanes: &[u32], barred: ClassSet) {
        let road = self.network.edge(edge);
        if let Some(missing) = lanes.iter().find(|&&index| index as usize >= road.lane_count()) {
            let message = format!("`{}` has no lane {missing}", road.name);
            self.wrong(message, format!("its lanes are 0 to {}, counted from the kerb", road.lane_count() - 1));
            return;
        }
        for (index, lane) in (0_u32..).zip(road.lane_ids()) {
            if lanes.is_empty() || lanes.contains(&index) {
                self.add(lane, barred, false, None);
            }
        }
    }

    /// Reserves a lane of a road; how many of its turns cars lose by that.
    fn reserve(&mut self, edge: EdgeId, wish: LaneWish, allow: ClassSet) -> usize {
        let network = self.network;
        let road = network.edge(edge);
        let open = |lane: &LaneId| network.lane(*lane).allowed.allows_cars();
        let cars: Vec<LaneId> = road.lane_ids().filter(open).collect();
        let chosen = match wish {
            LaneWish::Kerb => cars.first().copied(),
            LaneWish::Middle => cars.last().copied(),
            LaneWish::Index(index) => road.lane_ids().nth(index as usize),
        };
        let Some(chosen) = chosen else {
            let message = format!("`{}` has no such lane", road.name);
            self.wrong(message, format!("it has {} lanes, {} of them for cars", road.lane_count(), cars.len()));
            return 0;
        };
        if cars == [chosen] && !allow.allows_cars() {
            let message = format!("`{}` has a single lane for cars", road.name);
            self.wrong(message, "use `close-road` with `except`, or `add-lane`");
            return 0;
        }
        self.add(chosen, allow.complement(), false, None);
        let leads = |lane: LaneId| network.lane(lane).link_ids().map(|link| network.lane(network.link(link).to).edge);
        let others: Vec<EdgeId> = cars.iter().filter(|&&lane| lane != chosen).flat_map(|&lane| leads(lane)).collect();
        let mut lost: Vec<EdgeId> = leads(chosen).filter(|to| !others.contains(to)).collect();
        lost.dedup();
        if allow.allows_cars() { 0 } else { lost.len() }
    }

    /// Keeps classes off the paths from some roads into others.
    fn ban(&mut self, out_of: &RoadChoice, into: &RoadChoice, except: ClassSet) -> Option<String> {
        let network = self.network;
        let (from, to) = (self.resolve(out_of)?, self.resolve(into)?);
        let mut paths = Vec::new();
        for link in
            from.iter().flat_map(|&edge| network.edge(edge).lane_ids()).flat_map(|lane| network.lane(lane).link_ids())
        {
            let link = network.link(link);
            if !to.contains(&network.lane(link.to).edge) {
                continue;
            }
            let path = link.via.filter(|&via| network.edge_of(via).kind == EdgeKind::Internal);
            let Some(path) = path else {
                let name = &network.edge_of(link.from).name;
                self.wrong(
                    format!("the turn from `{name}` has no path over the junction that could be closed"),
                    "close the road instead",
                );
                return None;
            };
            paths.push(path);
        }
        if paths.is_empty() {
            let name = |choice: &RoadChoice| {
                choice.names.first().map_or("the area".to_owned(), |name| format!("`{}`", name.text))
            };
            let message = format!("nobody can turn from {} into {} anyway", name(out_of), name(into));
            self.wrong(message, "name two roads that meet at a junction; the turn may be banned in the map already");
            return None;
        }
        for &path in &paths {
            self.add(path, except.complement(), false, None);
        }
        let said = roads::describe(network, out_of, &from);
        Some(format!("ban {} turning path(s) from {said} into {}", paths.len(), roads::describe(network, into, &to)))
    }

    /// Roads for those who have business there, and filters.
    fn calm(&mut self, roads: Option<&RoadChoice>, filters: Option<&RoadChoice>, except: ClassSet) -> Option<String> {
        let network = self.network;
        // Whoever walks or cycles is no through traffic.
        let gentle = ClassSet::of(&[VehicleClass::Bicycle, VehicleClass::Pedestrian, VehicleClass::Wheelchair]);
        let barred = except.union(gentle).complement();
        let mut said = Vec::new();
        if let Some(roads) = roads {
            let edges = self.resolve(roads)?;
            for lane in edges.iter().flat_map(|&edge| network.edge(edge).lane_ids()) {
                self.add(lane, barred, true, None);
            }
            said.push(format!("residents only: {}", roads::describe(network, roads, &edges)));
        }
        if let Some(filters) = filters {
            let edges = self.resolve(filters)?;
            for &edge in &edges {
                self.close(edge, &[], barred);
            }
            said.push(format!("filtered: {}", roads::describe(network, filters, &edges)));
        }
        Some(said.join("; "))
    }
}
