//! A matrix made by the gravity model on the roads of a map, and what a matrix puts on each road.

use std::collections::BTreeMap;

use super::counts::Count;
use super::ends::{End, Ends, Inside};
use super::gravity::{Deterrence, distribute};
use super::matrix::{Cell, Matrix};
use super::ways::{Lay, Way, minutes};
use super::zones::Zones;
use crate::city::demand::model::VehicleKind;
use crate::city::network::Network;
use crate::city::network::places::Places;
use crate::city::routing::Router;
use crate::primitives::ids::EdgeId;
use crate::primitives::text::{Findings, Place};

/// A city on which matrices are made and laid.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    /// The roads.
    pub network: &'a Network,
    /// Ways on them.
    pub router: &'a Router,
    /// What the map says beyond its roads.
    pub places: Option<&'a Places>,
    /// The zones.
    pub zones: &'a Zones,
    /// What the trips are made with.
    pub kind: &'a VehicleKind,
    /// Whether zones without a road lie beyond the map.
    pub rim: bool,
    /// For each edge how many times longer it takes than on empty roads, which it takes unless this is given.
    pub slow: Option<&'a [f64]>,
}

/// A matrix made by the gravity model.
#[derive(Debug, Clone, PartialEq)]
pub struct Modelled {
    /// The matrix.
    pub matrix: Matrix,
    /// Mean time of a trip on empty roads [min].
    pub mean_minutes: f64,
    /// Rounds of balancing made.
    pub rounds: u32,
    /// How far the worst row or column is from its total, as a share of all trips.
    pub error: f64,
    /// Pairs of zones without a way from one to the other.
    pub without_a_way: usize,
}

/// Trips on roads and turns.
#[derive(Debug, Clone, PartialEq)]
pub struct Loads {
    /// On each edge.
    pub roads: Vec<f64>,
    /// From one road straight into another.
    pub turns: BTreeMap<(EdgeId, EdgeId), f64>,
}

impl Ground<'_> {
    /// How many times longer than empty an edge takes.
    fn factor(&self, edge: EdgeId) -> f64 {
        self.slow.and_then(|slow| slow.get(edge.index())).copied().unwrap_or(1.0)
    }

    /// What something makes of where trips begin and end.
    ///
    /// # Errors
    /// Roads that do not exist and coordinates that are on no earth.
    pub(super) fn ends<T>(&self, use_them: impl FnOnce(&Ends<'_>) -> T) -> Result<T, Findings> {
        let mut findings = Findings::default();
        let inside = Inside::new(self.network, self.places, self.zones, &mut findings);
        if !findings.is_ok() {
            return Err(findings);
        }
        Ok(use_them(&inside.ends(self.kind.class, self.rim)))
    }

    /// For every zone whether trips can begin or end there.
    ///
    /// # Errors
    /// As [`Ground::gravity`].
    pub fn usable(&self) -> Result<Vec<bool>, Findings> {
        self.ends(|ends| ends.zones.iter().map(|end| !matches!(end, End::Nowhere)).collect())
    }

    /// Distributes the trips that begin and end in each zone by their times on empty roads. Zones tied to roads, such as gates, have no
    /// trips to themselves.
    ///
    /// # Errors
    /// As [`super::demand`], as far as zones are concerned.
    pub fn gravity(
        &self,
        (origins, destinations): (&[f64], &[f64]),
        deterrence: Deterrence,
    ) -> Result<Modelled, Findings> {
        let count = self.zones.list.len();
        let wanted: Vec<(usize, Vec<usize>)> = (0..count).map(|from| (from, (0..count).collect())).collect();
        let times: Vec<Option<f64>> = self.ends(|ends| {
            let lay = Lay { router: self.router, ends, kind: self.kind, factor: |edge| self.factor(edge) };
            let tied = |zone: usize| !self.zones.list[zone].roads.is_empty();
            let told = |from: usize, to: usize, ways: Vec<Way>| minutes(&ways).filter(|_| from != to || !tied(from));
            lay.between(&wanted, told).into_iter().flatten().collect()
        })?;
        let made = distribute(origins, destinations, &times, deterrence);
        let busy = |at: usize| origins[at / count] > 0.0 && destinations[at % count] > 0.0;
        let without_a_way = times.iter().enumerate().filter(|(at, time)| time.is_none() && busy(*at)).count();
        let cells = made.trips.iter().enumerate().filter(|(_, trips)| **trips > 0.0);
        let cells = cells.map(|(at, trips)| Cell { from: at / count, to: at % count, trips: *trips, line: 0 });
        let matrix = Matrix {
            place: Place::file("matrix"),
            zones: self.zones.list.iter().map(|zone| (zone.name.clone(), 0)).collect(),
            cells: cells.collect(),
        };
        let (mean_minutes, rounds, error) = (made.mean_minutes, made.rounds, made.error);
        Ok(Modelled { matrix, mean_minutes, rounds, error, without_a_way })
    }

    /// What a matrix puts on roads and turns by the fastest ways on empty roads; the zones of the matrix are those of the ground in the
    /// same order.
    ///
    /// # Errors
    /// As [`Ground::gravity`].
    pub fn loads(&self, matrix: &Matrix) -> Result<Loads, Findings> {
        let mut wanted: Vec<(usize, Vec<usize>)> = Vec::new();
        let mut trips: Vec<Vec<f64>> = Vec::new();
        for from in 0..matrix.zones.len() {
            let row: Vec<&Cell> = matrix.cells.iter().filter(|cell| cell.from == from).collect();
            wanted.push((from, row.iter().map(|cell| cell.to).collect()));
            trips.push(row.iter().map(|cell| cell.trips).collect());
        }
        self.ends(|ends| {
            let lay = Lay { router: self.router, ends, kind: self.kind, factor: |edge| self.factor(edge) };
            let mut loads = Loads { roads: vec![0.0; self.network.edges.len()], turns: BTreeMap::new() };
            let ways = lay.between(&wanted, |_, _, ways| ways);
            for (ways, trips) in ways.iter().flatten().zip(trips.iter().flatten()) {
                for way in ways {
                    for edge in &way.edges {
                        loads.roads[edge.index()] += trips * way.share;
                    }
                    for turn in way.edges.windows(2) {
                        *loads.turns.entry((turn[0], turn[1])).or_default() += trips * way.share;
                    }
                }
            }
            loads
        })
    }

    /// For each pair of a matrix the counts that its trips pass, by their place in the list, and the share of the trips that does. The
    /// zones of the matrix are those of the ground in the same order.
    ///
    /// # Errors
    /// As [`Ground::gravity`].
    pub fn shares_on(&self, matrix: &Matrix, counts: &[&Count]) -> Result<Vec<Vec<(usize, f64)>>, Findings> {
        let mut watched: BTreeMap<EdgeId, Vec<usize>> = BTreeMap::new();
        let mut turns: BTreeMap<(EdgeId, EdgeId), Vec<usize>> = BTreeMap::new();
        for (at, count) in counts.iter().enumerate() {
            for road in &count.roads {
                match count.next {
                    Some(next) => turns.entry((*road, next)).or_default().push(at),
                    None => watched.entry(*road).or_default().push(at),
                }
            }
        }
        let mut rows: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (at, cell) in matrix.cells.iter().enumerate() {
            rows.entry(cell.from).or_default().push(at);
        }
        let wanted: Vec<(usize, Vec<usize>)> =
            rows.iter().map(|(from, cells)| (*from, cells.iter().map(|at| matrix.cells[*at].to).collect())).collect();
        let told = self.ends(|ends| {
            let lay = Lay { router: self.router, ends, kind: self.kind, factor: |edge| self.factor(edge) };
            lay.between(&wanted, |_, _, ways| {
                let mut shares: BTreeMap<usize, f64> = BTreeMap::new();
                for way in &ways {
                    // A trip that passes two roads of one count is counted at both.
                    let on_roads = way.edges.iter().filter_map(|edge| watched.get(edge));
                    let on_turns = way.edges.windows(2).filter_map(|turn| turns.get(&(turn[0], turn[1])));
                    for count in on_roads.chain(on_turns).flatten() {
                        *shares.entry(*count).or_default() += way.share;
                    }
                }
                shares.into_iter().collect::<Vec<_>>()
            })
        })?;
        let mut shares = vec![Vec::new(); matrix.cells.len()];
        for (cells, told) in rows.values().zip(told) {
            for (at, one) in cells.iter().zip(told) {
                shares[*at] = one;
            }
        }
        Ok(shares)
    }
}
