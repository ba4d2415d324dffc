//! What a run says of delays: on every road and path over a junction, by interval.
//!
//! The delay of an interval is the time lost there against everybody's wished speed, per length of road driven: time lost over distance
//! driven, times the length (Edie 1963 for the generalised means of time and distance). Halts by timetable are no delay. In an interval in
//! which nobody drove on a road it is that of the whole run, and where nobody ever drove there is none.

use crate::city::network::Network;
use crate::city::routing::Delays;
use crate::simulation::outcome::{RoadInterval, RoadTable};

/// A delay beyond all that are used [s]: nobody moves.
const STANDSTILL: f64 = 1e6;

/// The delays in the roads' table of a run.
pub fn delays(network: &Network, table: &RoadTable) -> Delays {
    let mut columns = Vec::with_capacity(network.edges.len());
    for (index, edge) in network.edges.iter().enumerate() {
        let length = edge.length.as_metres();
        let cells: Vec<&RoadInterval> = table.intervals.iter().filter_map(|row| row.get(index)).collect();
        let whole = cells.iter().fold((0.0, 0.0), |sum, cell| (sum.0 + cell.time_loss, sum.1 + cell.travelled));
        if whole.0 <= 0.0 {
            columns.push(Vec::new());
            continue;
        }
        let usual = per_length(whole.0, whole.1, length);
        let of = |cell: &RoadInterval| {
            let quiet = cell.travelled <= 0.0 && cell.time_loss <= 0.0;
            if quiet { usual } else { per_length(cell.time_loss, cell.travelled, length) }
        };
        columns.push(cells.into_iter().map(of).collect());
    }
    Delays::new(table.begin, table.interval, columns)
}

/// The time that a length of road costs where so much was lost over such a distance [s].
fn per_length(lost: f64, driven: f64, length: f64) -> f64 {
    if lost <= 0.0 {
        return 0.0;
    }
    (lost * length / driven.max(1e-3)).min(STANDSTILL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_time_lost_per_length_driven() {
        // Ten vehicles that drove 100 m each lost 5 s each.
        assert!((per_length(50.0, 1000.0, 100.0) - 5.0).abs() < 1e-12);
        assert!(per_length(0.0, 0.0, 100.0).abs() < 1e-12);
        assert!((per_length(300.0, 0.0, 100.0) - STANDSTILL).abs() < 1e-6, "nobody moved at all");
    }
}
