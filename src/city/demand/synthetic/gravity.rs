//! Where trips begin and end: zones and gateways, and the gravity model between zones.
//!
//! Doubly constrained, after Wilson (1967, "A statistical theory of spatial distribution models", Transp. Res. 1, 253;
//! Ortúzar and Willumsen 2011, "Modelling transport", chapter 5): `T_ij = A_i O_i B_j D_j exp(-β t_ij)`, with
//! the factors `A`, `B` found by balancing rows and columns in turn (Furness 1965).

use crate::city::network::Network;
use crate::city::network::places::Places;
use crate::city::routing::Router;
use crate::primitives::ids::EdgeId;
use crate::primitives::text::{Findings, Place, Problem, closest};
use crate::primitives::{Speed, VehicleClass};

/// Rounds of balancing; a few dozen bring any such matrix to within a tenth of a per cent.
const ROUNDS: u32 = 60;

/// A zone on the network.
#[derive(Debug)]
pub(super) struct ZoneEnd {
    pub population: f64,
    pub jobs: f64,
    /// Roads with their shares.
    pub roads: Vec<(EdgeId, f64)>,
}

/// A gateway on the network.
#[derive(Debug)]
pub(super) struct GatewayEnd {
    pub inbound: EdgeId,
    pub outbound: EdgeId,
    pub share: f64,
}

/// Where trips begin and end.
#[derive(Debug)]
pub(super) struct Ends {
    pub zones: Vec<ZoneEnd>,
    pub gateways: Vec<GatewayEnd>,
}

/// The edge of this name; a problem that says who wants it, if there is none.
pub(super) fn find_edge(network: &Network, name: &str, whose: &str, findings: &mut Findings) -> Option<EdgeId> {
    let found = network.find_edge(name);
    if found.is_none() {
        let problem =
            Problem::new(Place::file("places of the map"), format!("{whose} lies on {name}, which is no road"));
        let names = network.edge_names();
        findings.problem(match closest(name, names) {
            Some(like) => problem.help(format!("did you mean {like}?")),
            None => problem,
        });
    }
    found
}

impl Ends {
    /// Finds every road the zones and gateways name.
    pub(super) fn resolve(network: &Network, places: &Places, findings: &mut Findings) -> Self {
        let mut zones = Vec::new();
        for zone in &places.zones {
            let whose = format!("zone {}", zone.name);
            let roads: Vec<(EdgeId, f64)> = zone
                .roads
                .iter()
                .filter_map(|(road, share)| Some((find_edge(network, road, &whose, findings)?, *share)))
                .collect();
            if !roads.is_empty() {
                zones.push(ZoneEnd { population: zone.population, jobs: zone.jobs, roads });
            }
        }
        let mut gateways = Vec::new();
        for gateway in &places.gateways {
            let whose = format!("gateway {}", gateway.name);
            let inbound = find_edge(network, &gateway.inbound, &whose, findings);
            let outbound = find_edge(network, &gateway.outbound, &whose, findings);
            if let (Some(inbound), Some(outbound)) = (inbound, outbound) {
                gateways.push(GatewayEnd { inbound, outbound, share: gateway.share });
            }
        }
        if zones.is_empty() {
            findings.problem(Problem::new(Place::file("places of the map"), "there is no zone with a road"));
        }
        Self { zones, gateways }
    }

    /// Trips from homes to jobs between every two zones, row by row, as shares that sum to 1.
    pub(super) fn commuting(&self, network: &Network, router: &Router, beta_per_minute: f64) -> Vec<f64> {
        let count = self.zones.len();
        let mut matrix = Vec::with_capacity(count * count);
        for from in &self.zones {
            for to in &self.zones {
                let minutes = Self::minutes(network, router, from, to);
                matrix.push(minutes.map_or(0.0, |minutes| libm::exp(-beta_per_minute * minutes)));
            }
        }
        let origins: Vec<f64> = self.zones.iter().map(|zone| zone.population).collect();
        let destinations: Vec<f64> = self.zones.iter().map(|zone| zone.jobs).collect();
        balance(&mut matrix, &origins, &destinations);
        matrix
    }

    /// Travel time on empty roads between the most important roads of two zones [min]; within a zone, that of its size.
    fn minutes(network: &Network, router: &Router, from: &ZoneEnd, to: &ZoneEnd) -> Option<f64> {
        let (a, b) = (from.main_road()?, to.main_road()?);
        if a == b {
            // Half the zone's roads at 20 km/h.
            let roads: f64 = from.roads.iter().map(|(edge, _)| network.edge(*edge).length.as_kilometres()).sum();
            return Some((roads / 4.0 / 20.0 * 60.0).max(1.0));
        }
        let fast = Speed::kilometres_per_hour(130.0);
        let way = router.shortest(a, b, VehicleClass::Passenger, fast)?;
        router.travel_time(&way, VehicleClass::Passenger, fast).map(|time| time.as_seconds() / 60.0)
    }
}

impl ZoneEnd {
    fn main_road(&self) -> Option<EdgeId> {
        let largest = self.roads.iter().fold(None, |best: Option<&(EdgeId, f64)>, next| match best {
            Some(best) if best.1 >= next.1 => Some(best),
            _ => Some(next),
        });
        largest.map(|(edge, _)| *edge)
    }
}

/// Scales a matrix in place until its rows and columns stand in the proportions given; it sums to 1 then, unless all is zero.
fn balance(matrix: &mut [f64], rows: &[f64], columns: &[f64]) {
    let (width, total_rows, total_columns) = (columns.len(), rows.iter().sum::<f64>(), columns.iter().sum::<f64>());
    if total_rows <= 0.0 || total_columns <= 0.0 {
        matrix.fill(0.0);
        return;
    }
    for _ in 0..ROUNDS {
        for (j, column) in columns.iter().enumerate() {
            let sum: f64 = (0..rows.len()).map(|i| matrix[i * width + j]).sum();
            let scale = if sum > 0.0 { column / total_columns / sum } else { 0.0 };
            (0..rows.len()).for_each(|i| matrix[i * width + j] *= scale);
        }
        for (i, row) in rows.iter().enumerate() {
            let sum: f64 = matrix[i * width..(i + 1) * width].iter().sum();
            let scale = if sum > 0.0 { row / total_rows / sum } else { 0.0 };
            matrix[i * width..(i + 1) * width].iter_mut().for_each(|cell| *cell *= scale);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A zone would send out more people than live in it.
    #[test]
    fn rows_and_columns_come_out_as_asked() {
        let mut matrix = vec![1.0, 0.3, 0.1, 0.3, 1.0, 0.2, 0.1, 0.2, 1.0];
        let (rows, columns) = ([500.0, 300.0, 200.0], [100.0, 100.0, 800.0]);
        balance(&mut matrix, &rows, &columns);
        for i in 0..3 {
            let row: f64 = matrix[i * 3..i * 3 + 3].iter().sum();
            let column: f64 = (0..3).map(|k| matrix[k * 3 + i]).sum();
            assert!((row - rows[i] / 1000.0).abs() < 1e-4 && (column - columns[i] / 1000.0).abs() < 1e-4);
        }
    }
}
