//! What does not change about the city that is looked at: where its lanes, signals and roads lie on the map.

use std::sync::Arc;

use crate::api::answers::roads::drawable;
use crate::api::scene::{Bounds, Tracks};
use crate::city::network::{Network, Signal};
use crate::primitives::ids::EdgeId;

/// Signals are told where the map shows no more than this [°]; beyond, they are too small to be seen.
const SIGNALS_WITHIN: f64 = 0.1;

/// What does not change about a city.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) tracks: Arc<Tracks>,
    /// Ids of the signals.
    pub(super) signals: Vec<String>,
    /// Longitude and latitude [°] of the signals.
    at: Vec<(f64, f64)>,
    /// Edges by the order in which the map counts its roads, and a ROADS too.
    pub(super) roads: Vec<usize>,
    /// The place of every edge in that order; none for one that is not drawn.
    drawn: Vec<Option<u32>>,
}

impl Place {
    pub(super) fn of(network: &Network) -> Self {
        let tracks = Arc::new(Tracks::of(network));
        let at = |signal: &Signal| {
            let junction = signal.links.iter().flatten().next().map(|&link| network.link(link).junction);
            junction.map_or((0.0, 0.0), |junction| tracks.ground().lon_lat(network.junction(junction).position))
        };
        let roads: Vec<usize> = drawable(network).into_iter().map(EdgeId::index).collect();
        let mut drawn = vec![None; network.edges.len()];
        for (index, &edge) in (0..).zip(&roads) {
            drawn[edge] = Some(index);
        }
        Self {
            at: network.signals.iter().map(at).collect(),
            signals: network.signals.iter().map(|signal| signal.name.clone()).collect(),
            roads,
            drawn,
            tracks,
        }
    }

    /// The places of edges in the order by which the map counts its roads, ascending; those that are not drawn are left out.
    pub(super) fn drawn(&self, edges: &[u32]) -> Vec<u32> {
        let drawn = |&edge: &u32| self.drawn.get(edge as usize).copied().flatten();
        let mut places: Vec<u32> = edges.iter().filter_map(drawn).collect();
        places.sort_unstable();
        places
    }

    /// The signals in a rectangle, by number; none where it shows too much.
    pub(super) fn visible(&self, bounds: Option<Bounds>) -> Arc<[u32]> {
        let Some(bounds) = bounds.filter(|bounds| bounds.side() <= SIGNALS_WITHIN) else { return Arc::default() };
        (0..).zip(&self.at).filter(|(_, at)| bounds.contains(**at)).map(|(number, _)| number).collect()
    }
}
