//! Routes: names resolved to edges, gaps found, trips given a way; equal routes are kept once.
//!
//! A route is checked for every class that uses it, and complained about once per class however many vehicles drive it.

use std::collections::{BTreeMap, BTreeSet};

use crate::city::network::Network;
use crate::city::network::xml::suggest;
use crate::city::routing::Router;
use crate::primitives::VehicleClass;
use crate::primitives::ids::{EdgeId, RouteId};
use crate::primitives::random::{Purpose, Seed};
use crate::primitives::text::{Findings, Place, Problem};

use super::super::model::{Route, VehicleKind};
use super::results::no_way;
use super::rows::{ChoiceMember, RawRoute, RawVehicle, RawWay, Rows};

/// A way a trip asks for: class, top speed in bits, and the edges it must pass.
type Asked = (VehicleClass, u64, Vec<EdgeId>);

/// Why a vehicle has no route.
#[derive(Debug, Clone)]
pub(super) enum Unsound {
    /// A problem nobody has heard of yet.
    New(Problem),
    /// One that was told before.
    Told,
}

/// What a vehicle's way was resolved to: its route, and the raw route whose stops it has.
pub(super) type Found = Result<(RouteId, Option<usize>), Unsound>;

/// Every distinct route so far.
pub(super) struct Routes<'r> {
    network: &'r Network,
    router: &'r Router,
    rows: &'r Rows,
    distinct: Vec<Route>,
    by_edges: BTreeMap<Vec<EdgeId>, RouteId>,
    by_row: BTreeMap<(usize, VehicleClass), Option<RouteId>>,
    by_trip: BTreeMap<Asked, Option<RouteId>>,
}

impl<'r> Routes<'r> {
    pub(super) fn new(network: &'r Network, router: &'r Router, rows: &'r Rows) -> Self {
        Self {
            network,
            router,
            rows,
            distinct: Vec::new(),
            by_edges: BTreeMap::new(),
            by_row: BTreeMap::new(),
            by_trip: BTreeMap::new(),
        }
    }

    pub(super) fn network(&self) -> &'r Network {
        self.network
    }

    pub(super) fn edges(&self, id: RouteId) -> &[EdgeId] {
        &self.distinct[id.index()].edges
    }

    pub(super) fn into_routes(self) -> Vec<Route> {
        self.distinct
    }

    /// The route of the `number`th vehicle of a row.
    pub(super) fn resolve(&mut self, raw: &RawVehicle, kind: &VehicleKind, seed: Seed, number: u64) -> Found {
        let complain = |message: String| Unsound::New(Problem::new(raw.place.clone(), message));
        match &raw.way {
            RawWay::Missing => Err(complain(format!("{} '{}' has no route", raw.tag, raw.name))),
            RawWay::Own(row) => self.by_row(*row, kind),
            RawWay::OwnChoice(choice) => {
                let row = self.choose(*choice, seed, raw.order, number).map_err(Unsound::New)?;
                self.by_row(row, kind)
            }
            RawWay::Named(name) => {
                if let Some(&row) = self.rows.route_names.get(name) {
                    return self.by_row(row, kind);
                }
                let Some(&choice) = self.rows.choice_names.get(name) else {
                    let message = format!("{} '{}' has an unknown route '{name}'", raw.tag, raw.name);
                    let names = self.rows.route_names.keys().chain(self.rows.choice_names.keys());
                    let problem = Problem::new(raw.place.clone(), message);
                    return Err(Unsound::New(suggest(problem, name, names.map(String::as_str))));
                };
                let row = self.choose(choice, seed, raw.order, number).map_err(Unsound::New)?;
                self.by_row(row, kind)
            }
            RawWay::Ends { from, via, to } => {
                let id = self.trip(raw, (from, via, to), kind)?;
                Ok((id, None))
            }
            RawWay::Seen(roads) => self.seen(raw, roads, kind).map(|id| (id, None)).map_err(Unsound::New),
        }
    }

    /// Every route that this kind can drive, as often as it is given; what is wrong with one is told.
    pub(super) fn all(&mut self, kind: &VehicleKind, findings: &mut Findings) -> Vec<RouteId> {
        let rows = self.rows;
        let mut found = Vec::new();
        let mut named = BTreeSet::new();
        for raw in &rows.vehicles {
            let row = match &raw.way {
                RawWay::Own(row) => Some(*row),
                RawWay::Named(name) => rows.route_names.get(name).copied(),
                // Of a choice that belongs to a vehicle the likeliest was driven; SUMO writes the others with a probability of 0.
                RawWay::OwnChoice(choice) => {
                    rows.choices[*choice]
                        .members
                        .iter()
                        .rev()
                        .fold((0.0, None), |best, one| match &one.0 {
                            ChoiceMember::Route(row) if one.1 > best.0 => (one.1, Some(*row)),
                            _ => best,
                        })
                        .1
                }
                _ => None,
            };
            named.extend(row);
            let way = match (&raw.way, row) {
                (_, Some(row)) => self.by_row(row, kind),
                (RawWay::Ends { from, via, to }, _) => self.trip(raw, (from, via, to), kind).map(|id| (id, None)),
                _ => {
                    findings.unsupported("vehicles whose route is a choice", 1);
                    continue;
                }
            };
            match way {
                Ok((id, _)) => found.push(id),
                Err(Unsound::New(problem)) => findings.problem(problem),
                Err(Unsound::Told) => {}
            }
        }
        // Routes that a vehicle's choice replaced on the way are no routes that anybody drove.
        let replaced = rows.choices.iter().flat_map(|choice| &choice.members);
        named.extend(replaced.filter_map(|(member, weight)| match member {
            ChoiceMember::Route(row) if *weight <= 0.0 => Some(*row),
            _ => None,
        }));
        for row in (0..rows.routes.len()).filter(|row| !named.contains(row)) {
            match self.by_row(row, kind) {
                Ok((id, _)) => found.push(id),
                Err(Unsound::New(problem)) => findings.problem(problem),
                Err(Unsound::Told) => {}
            }
        }
        found
    }

    /// The way of a vehicle that was seen on these roads, with those between them that it was not seen on.
    fn seen(&mut self, raw: &RawVehicle, roads: &[EdgeId], kind: &VehicleKind) -> Result<RouteId, Problem> {
        let mut edges: Vec<EdgeId> = roads.iter().take(1).copied().collect();
        if let Some(first) = edges.first().filter(|edge| !self.network.edge_allows(**edge, kind.class)) {
            let name = &self.network.edge(*first).name;
            let message = format!("'{}' was first seen on '{name}', closed to class {}", raw.name, kind.class);
            let help = "describe its type in a file under `sumo-additional`";
            return Err(Problem::new(raw.place.clone(), message).help(help));
        }
        for pair in roads.windows(2) {
            if self.router.connects(pair[0], pair[1], kind.class) {
                edges.push(pair[1]);
                continue;
            }
            let between = self.router.shortest(pair[0], pair[1], kind.class, kind.speed_max);
            let between = between.ok_or_else(|| no_way(raw, self.network, (pair[0], pair[1])))?;
            edges.extend(between.into_iter().skip(1));
        }
        Ok(self.intern(edges))
    }

    /// Draws one route of a choice.
    fn choose(&self, choice: usize, seed: Seed, order: u64, number: u64) -> Result<usize, Problem> {
        let choice = &self.rows.choices[choice];
        let weights: Vec<f64> = choice.members.iter().map(|(_, weight)| *weight).collect();
        let draw = seed.stream(Purpose::RouteChoice, order, number).unit();
        let member = draw_weighted(&weights, draw)
            .ok_or_else(|| Problem::new(choice.place.clone(), "a choice of routes has no member with a chance"))?;
        match &choice.members[member].0 {
            ChoiceMember::Route(row) => Ok(*row),
            ChoiceMember::Named(name) => self.rows.route_names.get(name).copied().ok_or_else(|| {
                let problem =
                    Problem::new(choice.place.clone(), format!("a choice of routes has an unknown route '{name}'"));
                suggest(problem, name, self.rows.route_names.keys().map(String::as_str))
            }),
        }
    }

    fn by_row(&mut self, row: usize, kind: &VehicleKind) -> Found {
        if let Some(known) = self.by_row.get(&(row, kind.class)) {
            return known.map(|id| (id, Some(row))).ok_or(Unsound::Told);
        }
        let checked = self.check(&self.rows.routes[row], kind);
        let id = checked.map(|edges| self.intern(edges));
        self.by_row.insert((row, kind.class), id.as_ref().ok().copied());
        id.map(|id| (id, Some(row))).map_err(Unsound::New)
    }

    /// The edges of a route a vehicle of this kind can drive.
    fn check(&self, raw: &RawRoute, kind: &VehicleKind) -> Result<Vec<EdgeId>, Problem> {
        let words = raw.edges.split([' ', ',', '\t', '\n', '\r']).filter(|word| !word.is_empty());
        let edges: Vec<EdgeId> =
            words.map(|name| self.find_edge(name, &raw.place, "a route")).collect::<Result<_, _>>()?;
        let complain = |message: String| Problem::new(raw.place.clone(), message);
        let name = |edge: EdgeId| self.network.edge(edge).name.as_str();
        let Some(&first) = edges.first() else { return Err(complain("a route has no edge".to_string())) };
        if !self.network.edge_allows(first, kind.class) {
            return Err(complain(format!("a route begins on '{}', closed to class {}", name(first), kind.class)));
        }
        for pair in edges.windows(2) {
            if !self.router.connects(pair[0], pair[1], kind.class) {
                let message = format!(
                    "a route is not connected: class {} cannot turn from '{}' into '{}'",
                    kind.class,
                    name(pair[0]),
                    name(pair[1])
                );
                return Err(complain(message));
            }
        }
        Ok(edges)
    }

    fn find_edge(&self, name: &str, place: &Place, who: &str) -> Result<EdgeId, Problem> {
        let found = self.network.find_edge(name).filter(|&edge| !self.network.edge(edge).is_internal());
        found.ok_or_else(|| {
            let problem = Problem::new(place.clone(), format!("{who} uses an unknown edge '{name}'"));
            let problem = problem.help("it is not in the network, or only ships or people on foot may use it");
            suggest(problem, name, self.network.edge_names())
        })
    }

    fn trip(
        &mut self,
        raw: &RawVehicle,
        (from, via, to): (&str, &[String], &str),
        kind: &VehicleKind,
    ) -> Result<RouteId, Unsound> {
        let who = format!("{} '{}'", raw.tag, raw.name);
        let names = std::iter::once(from).chain(via.iter().map(String::as_str)).chain(std::iter::once(to));
        let passed: Result<Vec<EdgeId>, Problem> = names.map(|name| self.find_edge(name, &raw.place, &who)).collect();
        let passed = passed.map_err(Unsound::New)?;
        let asked = (kind.class, kind.speed_max.as_metres_per_second().to_bits(), passed);
        let found = if let Some(known) = self.by_trip.get(&asked) {
            *known
        } else {
            let (class, _, passed) = &asked;
            let last = passed.len() - 1;
            let via = passed.get(1..last).unwrap_or_default();
            let way = self.router.shortest_via(passed[0], via, passed[last], *class, kind.speed_max);
            let id = way.map(|edges| self.intern(edges));
            self.by_trip.insert(asked, id);
            id
        };
        found.ok_or_else(|| {
            let over = if via.is_empty() { String::new() } else { format!(" over '{}'", via.join("', '")) };
            let message = format!("{who}: class {} has no way from '{from}' to '{to}'{over}", kind.class);
            Unsound::New(Problem::new(raw.place.clone(), message))
        })
    }

    fn intern(&mut self, edges: Vec<EdgeId>) -> RouteId {
        if let Some(&known) = self.by_edges.get(&edges) {
            return known;
        }
        let id = RouteId::new(self.distinct.len());
        self.by_edges.insert(edges.clone(), id);
        self.distinct.push(Route { edges });
        id
    }
}

/// The position a draw in `[0, 1)` falls on among weights; none where no weight is a positive number.
pub(super) fn draw_weighted(weights: &[f64], draw: f64) -> Option<usize> {
    let sound = |weight: f64| if weight.is_finite() && weight > 0.0 { weight } else { 0.0 };
    let total: f64 = weights.iter().map(|&weight| sound(weight)).sum();
    let mut left = draw * total;
    let mut last = None;
    for (i, &weight) in weights.iter().enumerate() {
        if sound(weight) > 0.0 {
            last = Some(i);
            if left < weight {
                return last;
            }
            left -= weight;
        }
    }
    last
}
