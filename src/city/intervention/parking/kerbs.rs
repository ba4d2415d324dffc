//! The places along every road by time of day: what the scenario says, and measures over it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{KerbTerms, Places};
use crate::city::intervention::model::Window;
use crate::city::intervention::plan::Closures;
use crate::city::intervention::roads;
use crate::city::network::Network;
use crate::primitives::ids::EdgeId;
use crate::primitives::text::{Findings, Place, Problem};
use crate::primitives::{SimTime, VehicleClass};

/// What holds along a road.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Terms {
    /// Places.
    pub places: u32,
    /// Price of an hour.
    pub price: f64,
    /// Share of the trips that end here and want one, 0 to 1.
    pub share: f64,
}

/// What one entry of the scenario, or one measure, says.
#[derive(Debug)]
struct Layer {
    /// By road, the number of places if it says one.
    roads: BTreeMap<EdgeId, Option<u32>>,
    price: Option<f64>,
    share: Option<f64>,
    window: Option<Window>,
}

/// All of them, in order.
#[derive(Debug)]
pub(super) struct Kerbs<'a> {
    network: &'a Network,
    closures: &'a Closures,
    layers: Vec<Layer>,
    /// How many of them are the scenario's.
    base: usize,
    known: BTreeSet<EdgeId>,
}

impl<'a> Kerbs<'a> {
    pub(super) const fn new(network: &'a Network, closures: &'a Closures) -> Self {
        Self { network, closures, layers: Vec::new(), base: 0, known: BTreeSet::new() }
    }

    /// Lays one more over the others; in words, or nothing where it does not fit, which is then noted.
    pub(super) fn lay(&mut self, terms: &KerbTerms, window: Option<Window>, findings: &mut Findings) -> Option<String> {
        let network = self.network;
        let chosen = roads::resolve(network, &terms.roads, findings)?;
        let open = |edge: &EdgeId| network.edge_allows(*edge, VehicleClass::Passenger);
        let mut chosen: Vec<EdgeId> = chosen.into_iter().filter(open).collect();
        if terms.places.is_none() {
            // A price alone makes no places.
            chosen.retain(|edge| self.known.contains(edge));
        }
        if chosen.is_empty() {
            let message = "none of these roads has places for cars at its kerb";
            let problem = Problem::new(terms.roads.place.clone(), message);
            findings.problem(problem.help("say how many there are with `places` or `bay`, or choose other roads"));
            return None;
        }
        let count = |edge: EdgeId| match terms.places {
            None => None,
            Some(Places::Each(places)) => Some(places),
            Some(Places::Bay(bay)) => Some(whole(network.edge(edge).length.as_metres() / bay.as_metres())),
        };
        let roads: BTreeMap<EdgeId, Option<u32>> = chosen.iter().map(|&edge| (edge, count(edge))).collect();
        self.known.extend(&chosen);
        let mut said = roads::describe(network, &terms.roads, &chosen);
        if terms.places.is_some() {
            let places: u64 = roads.values().flatten().map(|&places| u64::from(places)).sum();
            let _ = write!(said, ", {places} places");
        }
        if let Some(price) = terms.price {
            let _ = write!(said, ", {price} per hour");
        }
        self.layers.push(Layer { roads, price: terms.price, share: terms.share, window });
        Some(said)
    }

    /// What is laid from now on is a measure.
    pub(super) const fn close_base(&mut self) {
        self.base = self.layers.len();
    }

    pub(super) const fn base_layers(&self) -> usize {
        self.base
    }

    pub(super) const fn layers(&self) -> usize {
        self.layers.len()
    }

    pub(super) fn is_known(&self, edge: EdgeId) -> bool {
        self.known.contains(&edge)
    }

    /// Every road with places at any time.
    pub(super) fn roads(&self) -> impl Iterator<Item = EdgeId> {
        self.known.iter().copied()
    }

    /// What holds for whoever comes to a road at an instant, under the first so many layers; none where nothing is said of it.
    pub(super) fn at(&self, edge: EdgeId, now: SimTime, layers: usize) -> Option<Terms> {
        let mut terms: Option<Terms> = None;
        for (number, layer) in self.layers.iter().take(layers).enumerate() {
            let Some(places) = layer.roads.get(&edge) else { continue };
            if layer.window.is_some_and(|window| !window.contains(now)) {
                continue;
            }
            // Where only a measure makes places, nobody has wanted any.
            let share = if number < self.base { 1.0 } else { 0.0 };
            let before = terms.unwrap_or(Terms { places: 0, price: 0.0, share });
            terms = Some(Terms {
                places: places.unwrap_or(before.places),
                price: layer.price.unwrap_or(before.price),
                share: layer.share.unwrap_or(before.share),
            });
        }
        terms
    }

    /// Whether cars may not drive on a road at an instant.
    pub(super) fn is_closed(&self, edge: EdgeId, now: SimTime) -> bool {
        self.closures.is_closed(&self.network.edge(edge).name, now)
    }

    /// Roads with places, and their number, at an instant.
    pub(super) fn supply(&self, now: SimTime) -> (usize, u64) {
        let counts = self.roads().filter_map(|edge| self.at(edge, now, self.layers())).map(|terms| terms.places);
        counts.filter(|places| *places > 0).fold((0, 0), |(roads, sum), places| (roads + 1, sum + u64::from(places)))
    }

    /// Two measures that say the number or the price of the same places at the same time.
    pub(super) fn refuse_quarrels(&self, places: &[&Place], findings: &mut Findings) {
        let measures = self.layers.get(self.base..).unwrap_or_default();
        for (at, one) in measures.iter().enumerate() {
            for (other_at, other) in measures.iter().enumerate().skip(at + 1) {
                let says = |layer: &Layer| (layer.price.is_some(), layer.roads.values().any(Option::is_some));
                let ((price, count), (other_price, other_count)) = (says(one), says(other));
                let alike = price && other_price || count && other_count;
                let meet = one.roads.keys().any(|edge| other.roads.contains_key(edge));
                let (Some(first), Some(second)) = (places.get(at), places.get(other_at)) else { continue };
                if alike && meet && overlap(one.window, other.window) {
                    let message = format!("this and line {} contradict each other on some road", first.line);
                    let help = "let one of them end before the other begins, or leave one out";
                    findings.problem(Problem::new((*second).clone(), message).help(help));
                }
            }
        }
    }
}

/// Whether two daily times have an instant in common.
fn overlap(one: Option<Window>, other: Option<Window>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.contains(other.from) || other.contains(one.from),
        _ => true,
    }
}

/// How many whole times something fits.
fn whole(times: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded on both sides")]
    let whole = times.clamp(0.0, 1e6) as u32;
    whole
}
