//! Travel times as drivers know them at departure: a moving average of the speeds on every road.
//!
//! The average spans the last [`SPAN`] steps of one second's worth of speeds, SUMO's default for routing devices
//! (`device.rerouting.adaptation-steps`). A road counts as free until somebody has driven on it. Paths over junctions are roads
//! here too: whoever waits in the middle for a gap makes the turn as slow as it is.

use super::facts::RoadFacts;
use super::road::Road;

/// How many samples the average spans.
const SPAN: usize = 180;
/// A road on which nobody has been for this many samples, the present one included, has nothing but those of an empty road.
const STAYS_WARM: u8 = SPAN as u8 + 1;

/// Speeds on every road, averaged.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct TravelTimes {
    /// Average speed by edge [m/s].
    mean: Vec<f64>,
    /// The last samples by edge, [`SPAN`] each; empty for a road nobody has driven on.
    samples: Vec<Vec<f64>>,
    next: usize,
    /// Edges whose last samples are not all those of an empty road: only they are looked at.
    warm: Vec<u32>,
    /// By edge, for how many more samples it is one of them if nobody comes.
    warmth: Vec<u8>,
    /// Speed limit of the fastest lane by edge [m/s].
    limit: Vec<f64>,
    /// Lanes and sum of their speed limits by edge [m/s].
    empty: Vec<(u32, f64)>,
    /// Weight and weighted sum of speeds by edge in the present step [m/s]; between steps that of an empty road.
    present: Vec<(u32, f64)>,
}

impl TravelTimes {
    pub(crate) fn new(facts: &RoadFacts) -> Self {
        let limit: Vec<f64> = facts
            .edges
            .iter()
            .map(|&(first, lanes)| (first..first + lanes).map(|l| facts.lane(l).speed).fold(0.0, f64::max))
            .collect();
        let empty: Vec<(u32, f64)> = facts
            .edges
            .iter()
            .map(|&(first, lanes)| (lanes, (first..first + lanes).map(|l| facts.lane(l).speed).sum()))
            .collect();
        Self {
            mean: empty.iter().map(|&(lanes, speeds)| mean_speed(lanes, speeds)).collect(),
            samples: vec![Vec::new(); limit.len()],
            next: 0,
            warm: Vec::new(),
            warmth: vec![0; limit.len()],
            present: empty.clone(),
            limit,
            empty,
        }
    }

    /// Takes over the limits of roads that have changed. Where nobody has been for long the road is as fast as its limit at once;
    /// elsewhere the average follows those who drive there.
    pub(crate) fn set_limits(&mut self, facts: &RoadFacts) {
        for (edge, &(first, lanes)) in facts.edges.iter().enumerate() {
            let speeds = || (first..first + lanes).map(|lane| facts.lane(lane).speed);
            let empty = (lanes, speeds().sum());
            if self.empty[edge] == empty {
                continue;
            }
            self.limit[edge] = speeds().fold(0.0, f64::max);
            self.empty[edge] = empty;
            self.present[edge] = empty;
            if self.warmth[edge] == 0 {
                self.mean[edge] = mean_speed(empty.0, empty.1);
                self.samples[edge] = Vec::new();
            }
        }
    }

    /// Takes the speeds of one step. An empty lane counts as one vehicle at its speed limit: a road with a lane free is not as slow as
    /// the queue beside it. (SUMO's rule, footways included.)
    pub(crate) fn sample(&mut self, road: &Road) {
        for &lane in &road.active {
            let facts = road.facts.lane(lane);
            let bodies = road.lanes[lane as usize].iter().filter(|b| !road.is_block(b));
            let (vehicles, speeds) = bodies.fold((0, 0.0), |(n, sum), body| (n + 1, sum + body.speed));
            if vehicles > 0 {
                self.note(facts.edge, vehicles, speeds - facts.speed);
            }
        }
        self.average();
    }

    /// Takes in a lane with vehicles: how many there are, and by how much the sum of their speeds differs from the limit of the lane,
    /// which counted while it was empty [m/s].
    fn note(&mut self, edge: u32, vehicles: u32, difference: f64) {
        let at = edge as usize;
        if self.warmth[at] == 0 {
            self.warm.push(edge);
            if self.samples[at].is_empty() {
                self.samples[at] = vec![self.mean[at]; SPAN];
            }
        }
        self.warmth[at] = STAYS_WARM;
        let cell = &mut self.present[at];
        cell.0 = cell.0 + vehicles - 1;
        cell.1 += difference;
    }

    /// Puts the present step into the averages.
    fn average(&mut self) {
        let slot = self.next % SPAN;
        self.next += 1;
        let Self { warm, warmth, present, empty, mean, samples, .. } = self;
        warm.retain(|&edge| {
            let edge = edge as usize;
            let (weight, speeds) = present[edge];
            let speed = mean_speed(weight, speeds);
            mean[edge] += (speed - samples[edge][slot]) / SPAN as f64;
            samples[edge][slot] = speed;
            present[edge] = empty[edge];
            warmth[edge] -= 1;
            warmth[edge] > 0
        });
    }

    /// Whether its columns are as long as those of a city with so many edges; for what comes from outside.
    pub(crate) fn fits(&self, edges: usize) -> bool {
        let columns = [self.mean.len(), self.samples.len(), self.warmth.len(), self.limit.len(), self.empty.len()];
        let sampled = |&edge: &u32| self.samples.get(edge as usize).is_some_and(|samples| samples.len() == SPAN);
        columns.iter().all(|&length| length == edges)
            && self.present.len() == edges
            && self.samples.iter().all(|samples| samples.is_empty() || samples.len() == SPAN)
            && self.warm.iter().all(|edge| sampled(edge) && self.warmth[*edge as usize] > 0)
    }

    /// How long a way takes by the present speeds, from the start of its first road to the end of its last; paths over junctions
    /// are left out [s].
    pub(crate) fn along(&self, facts: &RoadFacts, way: &[u32]) -> f64 {
        way.iter()
            .map(|&edge| facts.lane(facts.edges[edge as usize].0).length / self.mean[edge as usize].max(0.1))
            .sum()
    }

    /// How many times longer a road takes than at the free speed of its kind of vehicle, at least 1; `eagerness` is how many times the
    /// limit the driver would drive.
    pub(crate) fn factor(&self, edge: usize, free_speed: f64, eagerness: f64) -> f64 {
        let limit = self.limit[edge];
        let free = free_speed.min(limit);
        (free / self.mean[edge].min(limit * eagerness).max(0.001)).max(1.0)
    }
}

/// The mean of `speeds` added up with a total `weight` [m/s].
fn mean_speed(weight: u32, speeds: f64) -> f64 {
    speeds.max(0.0) / f64::from(weight.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Edges of one lane with these limits [m/s].
    fn times(limits: &[f64]) -> TravelTimes {
        let empty: Vec<(u32, f64)> = limits.iter().map(|&limit| (1, limit)).collect();
        TravelTimes {
            mean: limits.to_vec(),
            samples: vec![Vec::new(); limits.len()],
            next: 0,
            warm: Vec::new(),
            warmth: vec![0; limits.len()],
            limit: limits.to_vec(),
            present: empty.clone(),
            empty,
        }
    }

    /// Roads are looked at only while it matters; the averages must be those of looking at every road in every step.
    #[test]
    fn averages_do_not_depend_on_who_is_looked_at() {
        let limits = [13.9, 27.8, 8.3];
        let mut times = times(&limits);
        let mut samples = limits.map(|limit| vec![limit; SPAN]);
        let mut means = limits;
        let away = 20..=2 * SPAN;
        for step in 0..4 * SPAN {
            // One road is never driven on, one all the time, and one for a while, then not for longer than the average spans, then again.
            let speeds = [None, Some(5.0 + (step % 7) as f64), (!away.contains(&step)).then_some(1.5)];
            for edge in 0..limits.len() {
                if let Some(speed) = speeds[edge] {
                    times.note(edge as u32, 1, speed - limits[edge]);
                }
                let present = mean_speed(1, limits[edge] + speeds[edge].map_or(0.0, |speed| speed - limits[edge]));
                means[edge] += (present - samples[edge][step % SPAN]) / SPAN as f64;
                samples[edge][step % SPAN] = present;
            }
            times.average();
            assert_eq!(times.mean, means, "step {step}");
            assert!(times.fits(limits.len()) && !times.fits(limits.len() + 1));
            // Once all its samples are of an empty road nobody looks at it any more.
            let resting = (away.start() + SPAN - 1..=*away.end()).contains(&step);
            assert_eq!(times.warm.contains(&2), !resting, "step {step}");
        }
        times.samples[1].pop();
        assert!(!times.fits(limits.len()), "a window cut short is no window");
    }
}
