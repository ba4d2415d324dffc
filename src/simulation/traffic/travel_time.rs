//! Travel times as drivers know them at departure: a moving average of the speeds on every road.
//!
//! The average spans the last [`SPAN`] steps of one second's worth of speeds, SUMO's default for routing devices
//! (`device.rerouting.adaptation-steps`). A road counts as free until somebody has driven on it.

use super::facts::RoadFacts;
use super::road::Road;

/// How many samples the average spans.
const SPAN: usize = 180;

/// Speeds on every road, averaged.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct TravelTimes {
    /// Average speed by edge [m/s].
    mean: Vec<f64>,
    /// The last samples by edge, [`SPAN`] each; empty for a road nobody has driven on.
    samples: Vec<Vec<f64>>,
    next: usize,
    /// Speed limit by edge [m/s].
    limit: Vec<f64>,
    /// Vehicles and sum of speeds by edge in the present step.
    present: Vec<(u32, f64)>,
}

impl TravelTimes {
    pub(crate) fn new(facts: &RoadFacts) -> Self {
        let limit: Vec<f64> = facts
            .edges
            .iter()
            .map(|&(first, lanes)| (first..first + lanes).map(|l| facts.lane(l).speed).fold(0.0, f64::max))
            .collect();
        Self {
            mean: limit.clone(),
            samples: vec![Vec::new(); limit.len()],
            next: 0,
            present: vec![(0, 0.0); limit.len()],
            limit,
        }
    }

    /// Takes the speeds of one step.
    pub(crate) fn sample(&mut self, road: &Road) {
        self.present.fill((0, 0.0));
        for &lane in &road.active {
            let facts = road.facts.lane(lane);
            if facts.internal {
                continue;
            }
            let cell = &mut self.present[facts.edge as usize];
            for body in road.lanes[lane as usize].iter().filter(|b| !road.is_block(b)) {
                cell.0 += 1;
                cell.1 += body.speed;
            }
        }
        let slot = self.next % SPAN;
        self.next += 1;
        for edge in 0..self.limit.len() {
            let (vehicles, speeds) = self.present[edge];
            let samples = &mut self.samples[edge];
            if samples.is_empty() {
                if vehicles == 0 {
                    continue;
                }
                *samples = vec![self.limit[edge]; SPAN];
            }
            let speed = if vehicles == 0 { self.limit[edge] } else { speeds / f64::from(vehicles) };
            self.mean[edge] += (speed - samples[slot]) / SPAN as f64;
            samples[slot] = speed;
        }
    }

    /// How long a way takes by the present speeds, from the start of its first road to the end of its last; paths over junctions
    /// are left out [s].
    pub(crate) fn along(&self, facts: &RoadFacts, way: &[u32]) -> f64 {
        way.iter()
            .map(|&edge| facts.lane(facts.edges[edge as usize].0).length / self.mean[edge as usize].max(0.1))
            .sum()
    }

    /// How many times longer a road takes than at the driver's own free speed, at least 1.
    pub(crate) fn factor(&self, edge: usize, free_speed: f64) -> f64 {
        let free = free_speed.min(self.limit[edge]);
        (free / self.mean[edge].max(0.001)).max(1.0)
    }
}
