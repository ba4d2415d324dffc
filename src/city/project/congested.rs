//! Ways in a fit that answer to how full the roads are: a matrix is fitted, laid on the roads, and fitted again to the ways that are fastest
//! then.
//!
//! Times are the volume-delay function of the Bureau of Public Roads (1964, Traffic Assignment Manual), `t = t₀ (1 + 0.15 (v / c)⁴)`, with a
//! capacity per lane that the planner gives. Shares of ways are averaged over the rounds (method of successive averages: Powell and Sheffi 1982,
//! Transportation Science 16, 45) until the relative gap is small: by how much shorter all trips together would be on the fastest ways
//! of the moment.

use std::collections::BTreeMap;

use super::FitWish;
use crate::city::demand::od::{Count, Fitted, Fitting, Ground, Matrix};
use crate::city::network::Network;
use crate::primitives::ids::EdgeId;
use crate::primitives::text::{Findings, Problem};

/// `α` of the Bureau of Public Roads.
const ALPHA: f64 = 0.15;
/// The most rounds.
const ROUNDS_MAX: u32 = 40;
/// The gap that is small enough.
const GAP_MAX: f64 = 1e-3;
/// The most pairs of zones whose ways are kept.
const PAIRS_MAX: usize = 100_000;

/// By which times ways are the fastest.
#[derive(Debug, Clone, Copy)]
pub enum FitTimes<'a> {
    /// Those of empty roads.
    Empty,
    /// Given ones: for each edge how many times longer than empty.
    Given(&'a [f64]),
    /// Those that follow from the fitted traffic, with this capacity of a lane [veh/h].
    ByVolume(f64),
}

/// How far the rounds came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Settling {
    pub(super) rounds: u32,
    pub(super) gap: f64,
}

impl Settling {
    /// In a sentence.
    pub(super) fn told(self) -> String {
        let Self { rounds, gap } = self;
        let enough = if gap <= GAP_MAX { "" } else { "; the ways have not settled" };
        format!("ways by times of the fitted traffic: relative gap {:.2} % after {rounds} rounds{enough}", gap * 100.0)
    }
}

/// `1 + 0.15 (v / c)⁴`.
fn factor(volume: f64, capacity: f64) -> f64 {
    let full = volume / capacity;
    1.0 + ALPHA * full * full * full * full
}

/// Everything the rounds work on.
pub(super) struct Rounds<'a> {
    pub(super) wish: &'a FitWish<'a>,
    pub(super) matrix: &'a Matrix,
    pub(super) counts: &'a [&'a Count],
    /// Flow of the scenario's other demand on each edge [veh/h].
    pub(super) others: &'a [f64],
    /// Capacity of a lane [veh/h].
    pub(super) lane_capacity: f64,
    /// Length of the time of the matrix [h].
    pub(super) hours: f64,
}

/// For each pair its share on each count and each road.
type Shares = Vec<Vec<(usize, f64)>>;

impl Rounds<'_> {
    /// Fits again and again; what is left in `fitting` are the shares of the last round.
    ///
    /// # Errors
    /// More pairs of zones than are kept, and as [`Ground::shares_on`].
    pub(super) fn settle(&self, fitting: &mut Fitting) -> Result<(Fitted, Settling), Findings> {
        if self.matrix.cells.len() > PAIRS_MAX {
            let message = format!("the matrix has {} pairs, more than {PAIRS_MAX}", self.matrix.cells.len());
            let mut findings = Findings::default();
            let help = "give times with `--times`, or fit a matrix of fewer zones";
            findings.problem(Problem::new(self.matrix.place.clone(), message).help(help));
            return Err(findings);
        }
        let network = self.wish.ground.network;
        let empty = empty_times(self.wish.ground);
        let roads = every_road(network);
        let watched: Vec<&Count> = self.counts.iter().copied().chain(&roads).collect();
        let ids: Vec<EdgeId> = roads.iter().filter_map(|road| road.roads.first().copied()).collect();
        let mut shares = self.wish.ground.shares_on(self.matrix, &watched)?;
        let mut rounds = 0;
        loop {
            fitting.shares = self.of_counts(&shares);
            let fitted = fitting.solve();
            let flows = self.flows(&shares, &fitted.trips, &ids, network.edges.len());
            let factors: Vec<f64> = (0..network.edges.len())
                .map(|edge| factor(flows[edge], self.lane_capacity * lanes(network, EdgeId::new(edge))))
                .collect();
            let ground = Ground { slow: Some(&factors), ..self.wish.ground };
            let fresh = ground.shares_on(self.matrix, &watched)?;
            let time = |shares: &Shares| -> f64 {
                let of_pair = |(trips, shares): (&f64, &Vec<(usize, f64)>)| {
                    let on_roads = shares
                        .iter()
                        .filter_map(|(at, share)| Some((ids.get(at.checked_sub(self.counts.len())?)?, share)));
                    trips
                        * on_roads.map(|(edge, share)| share * empty[edge.index()] * factors[edge.index()]).sum::<f64>()
                };
                fitted.trips.iter().zip(shares).map(of_pair).sum()
            };
            let (spent, least) = (time(&shares), time(&fresh));
            let gap = if spent > 0.0 { ((spent - least) / spent).max(0.0) } else { 0.0 };
            if gap <= GAP_MAX || rounds == ROUNDS_MAX {
                return Ok((fitted, Settling { rounds, gap }));
            }
            rounds += 1;
            let step = 1.0 / f64::from(rounds + 1);
            shares = shares.iter().zip(&fresh).map(|(old, new)| averaged(old, new, step)).collect();
        }
    }

    /// The part of shares that is of counts.
    fn of_counts(&self, shares: &Shares) -> Shares {
        let part =
            |shares: &Vec<(usize, f64)>| shares.iter().filter(|(at, _)| *at < self.counts.len()).copied().collect();
        shares.iter().map(part).collect()
    }

    /// Flow on each edge [veh/h].
    fn flows(&self, shares: &Shares, trips: &[f64], ids: &[EdgeId], edges: usize) -> Vec<f64> {
        let mut flows = self.others.to_vec();
        flows.resize(edges, 0.0);
        for (trips, shares) in trips.iter().zip(shares) {
            for (at, share) in shares {
                if let Some(edge) = at.checked_sub(self.counts.len()).and_then(|at| ids.get(at)) {
                    flows[edge.index()] += trips * share / self.hours;
                }
            }
        }
        flows
    }
}

/// Two lists of shares, the second with the weight of a step.
fn averaged(old: &[(usize, f64)], new: &[(usize, f64)], step: f64) -> Vec<(usize, f64)> {
    let mut sums: BTreeMap<usize, f64> = BTreeMap::new();
    for (list, weight) in [(old, 1.0 - step), (new, step)] {
        for (at, share) in list {
            *sums.entry(*at).or_default() += weight * share;
        }
    }
    sums.into_iter().collect()
}

/// A count of each road, to see which ways lead over it.
fn every_road(network: &Network) -> Vec<Count> {
    let zero = crate::primitives::SimTime::ZERO;
    let count = |edge| Count {
        name: String::new(),
        roads: vec![edge],
        next: None,
        from: zero,
        to: zero,
        vehicles: 0.0,
        line: 0,
    };
    network.roads().map(|(edge, _)| count(edge)).collect()
}

/// Time on each edge when it is empty [s].
fn empty_times(ground: Ground<'_>) -> Vec<f64> {
    let time = |edge: usize| {
        let time = ground.router.travel_time(&[EdgeId::new(edge)], ground.kind.class, ground.kind.speed_max);
        time.map_or(0.0, crate::primitives::SimDuration::as_seconds)
    };
    (0..ground.network.edges.len()).map(time).collect()
}

/// Lanes of an edge.
fn lanes(network: &Network, edge: EdgeId) -> f64 {
    f64::from(u32::try_from(network.edge(edge).lane_count()).unwrap_or(1).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_road_takes_fifteen_per_cent_longer() {
        assert!((factor(0.0, 800.0) - 1.0).abs() < 1e-12);
        assert!((factor(800.0, 800.0) - 1.15).abs() < 1e-12);
        assert!((factor(1600.0, 800.0) - 3.4).abs() < 1e-12);
    }

    #[test]
    fn shares_are_averaged() {
        let averaged = averaged(&[(0, 1.0), (2, 1.0)], &[(1, 1.0), (2, 1.0)], 0.25);
        assert_eq!(averaged, [(0, 0.75), (1, 0.25), (2, 1.0)]);
    }
}
