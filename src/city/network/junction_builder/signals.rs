//! Signal plans: which streams go together, in which order, and the phases between.
//!
//! Approaches that face each other go together and their left turns wait for a gap (`g`); where left turns have lanes of
//! their own against two oncoming lanes they get a stage of their own afterwards, and against three they go only then
//! (Federal Highway Administration 2008, Traffic Signal Timing Manual, section 4.4). Every other approach has its own stage.
//! Durations are Webster's, for flows assumed from lanes and priority: no counts exist when a map is built.

use super::paths::Path;
use super::right_of_way::Approach;
use super::turns::Connection;
use crate::city::network::assembly::RequestRow;
use crate::city::network::bare::BareMap;
use crate::city::network::model::{Aspect, Phase, SignalControl, SignalProgram, Turn};
use crate::city::network::webster::{self, Stream};
use crate::primitives::ids::LaneId;
use crate::primitives::{Distance, Flow, SimDuration};

/// Against this many oncoming lanes, left turns with lanes of their own get a stage of their own.
const LANES_FOR_LEFT_STAGE: usize = 2;
/// Against this many oncoming lanes, left turns go in their own stage only.
const LANES_FOR_LEFT_ONLY: usize = 3;
/// Turns beyond this angle wait for oncoming traffic [rad].
const LEFT_MIN: f64 = 0.35;
/// Assumed peak flow of a lane of the most important approaches [veh/h].
const FLOW_MAJOR: f64 = 600.0;
/// Assumed peak flow of a lane of the others [veh/h].
const FLOW_MINOR: f64 = 300.0;

/// What a junction looks like to its signal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Crossing<'a> {
    pub map: &'a BareMap,
    pub approaches: &'a [Approach],
    pub connections: &'a [Connection],
    pub paths: &'a [Path],
    pub requests: &'a [RequestRow],
}

/// What each link shows in one stage; none is red.
type Stage = Vec<Option<Aspect>>;

/// The program of a junction, or none where nothing crosses. `first_lanes` gives the network's first lane of each road.
pub(super) fn program(crossing: Crossing<'_>, first_lanes: &[usize], actuated: bool) -> Option<SignalProgram> {
    let stages = crossing.stages();
    if stages.len() < 2 {
        return None;
    }
    let mut phases = Vec::new();
    for (index, stage) in stages.iter().enumerate() {
        let green = |aspect: &Option<Aspect>| aspect.unwrap_or(Aspect::Red);
        // Any duration will do until Webster has spoken.
        phases.push(phase(SimDuration::seconds(20.0), stage.iter().map(green).collect()));
        crossing.passage(stage, &stages[(index + 1) % stages.len()], &mut phases);
    }
    let control = if actuated {
        // SUMO's defaults.
        SignalControl::Actuated {
            gap_max: SimDuration::seconds(3.0),
            detector_gap: SimDuration::seconds(2.0),
            passing_time: SimDuration::seconds(1.9),
            inactive_after: SimDuration::seconds(180.0),
        }
    } else {
        SignalControl::FixedTime
    };
    let mut program = SignalProgram { name: "0".to_owned(), control, offset: SimDuration::ZERO, phases };
    webster::retime(&mut program, &crossing.assumed_streams(first_lanes));
    Some(program)
}

fn phase(duration: SimDuration, aspects: Vec<Aspect>) -> Phase {
    Phase { duration, duration_min: duration, duration_max: duration, aspects, next: Vec::new() }
}

impl Crossing<'_> {
    fn of_approach(&self, approach: usize) -> impl Iterator<Item = usize> {
        (0..self.connections.len()).filter(move |&link| self.connections[link].approach == approach)
    }

    /// Whether two approaches can have green together: nothing meets, or only left turns that wait.
    fn compatible(&self, a: usize, b: usize) -> bool {
        let facing = self.approaches[a].faces(&self.approaches[b]);
        self.of_approach(a).all(|i| {
            self.of_approach(b).all(|j| {
                let waits = |i: usize, j: usize| self.requests[i].response[j] && self.connections[i].angle > LEFT_MIN;
                !self.requests[i].foes[j] || (facing && (waits(i, j) || waits(j, i)))
            })
        })
    }

    /// Approaches that go together, the best facing pairs first.
    fn groups(&self) -> Vec<Vec<usize>> {
        let used = (0..self.approaches.len()).filter(|&a| self.of_approach(a).next().is_some());
        let mut groups: Vec<Vec<usize>> = used.map(|a| vec![a]).collect();
        loop {
            let facing = |a: usize, b: usize| -self.approaches[a].heading.dot(&self.approaches[b].heading);
            let mut best: Option<(f64, usize, usize)> = None;
            for first in 0..groups.len() {
                for second in first + 1..groups.len() {
                    let pairs = || groups[first].iter().flat_map(|&a| groups[second].iter().map(move |&b| (a, b)));
                    if pairs().all(|(a, b)| self.compatible(a, b)) {
                        let likeness = pairs().map(|(a, b)| facing(a, b)).fold(-1.0, f64::max);
                        if best.is_none_or(|(other, ..)| likeness > other) {
                            best = Some((likeness, first, second));
                        }
                    }
                }
            }
            let Some((_, first, second)) = best else { return groups };
            let joined = groups.remove(second);
            groups[first].extend(joined);
        }
    }

    /// Left turns of an approach whose lanes lead nowhere else.
    fn exclusive_lefts(&self, approach: usize) -> Vec<usize> {
        let is_left = |link: usize| self.connections[link].angle > LEFT_MIN;
        self.of_approach(approach)
            .filter(|&link| {
                let lane = self.connections[link].from;
                is_left(link)
                    && self.of_approach(approach).all(|other| self.connections[other].from != lane || is_left(other))
            })
            .collect()
    }

    /// Lanes of an approach that lead straight on.
    fn straight_lanes(&self, approach: usize) -> usize {
        let straight = self.of_approach(approach).filter(|&link| self.connections[link].turn == Turn::Straight);
        let mut lanes: Vec<_> = straight.map(|link| self.connections[link].from.1).collect();
        lanes.dedup();
        lanes.len()
    }

    fn stages(&self) -> Vec<Stage> {
        let mut stages = Vec::new();
        for group in self.groups() {
            let mut together: Vec<usize> = group.iter().flat_map(|&approach| self.of_approach(approach)).collect();
            let mut afterwards = Vec::new();
            if let [a, b] = group[..]
                && self.approaches[a].faces(&self.approaches[b])
            {
                let lefts = [(a, b), (b, a)].map(|(approach, oncoming)| {
                    let lanes = self.straight_lanes(oncoming);
                    let lefts = self.exclusive_lefts(approach);
                    if lanes >= LANES_FOR_LEFT_ONLY {
                        together.retain(|link| !lefts.contains(link));
                    }
                    if lanes >= LANES_FOR_LEFT_STAGE { lefts } else { Vec::new() }
                });
                afterwards = match (lefts[0].is_empty(), lefts[1].is_empty()) {
                    // Without left turns from the other side the whole approach keeps its green.
                    (false, true) => self.of_approach(a).collect(),
                    (true, false) => self.of_approach(b).collect(),
                    _ => lefts.concat(),
                };
            }
            stages.push(self.stage(&together));
            if !afterwards.is_empty() {
                stages.push(self.stage(&afterwards));
            }
        }
        stages
    }

    /// A stage in which these links are green: with priority unless they yield to another of them.
    fn stage(&self, green: &[usize]) -> Stage {
        let aspect = |link: usize| {
            let yields = green.iter().any(|&other| self.requests[link].response[other]);
            if yields { Aspect::GreenMinor } else { Aspect::GreenMajor }
        };
        (0..self.connections.len()).map(|link| green.contains(&link).then(|| aspect(link))).collect()
    }

    /// The phases from one stage to the next: yellow for those that end, then red until the junction is clear.
    fn passage(&self, stage: &Stage, next: &Stage, phases: &mut Vec<Phase>) {
        let ending = |link: usize| stage[link].is_some() && next[link].is_none();
        let limit = |link: usize| self.map.roads[self.connections[link].from.0].speed;
        let links = || (0..stage.len()).filter(|&link| ending(link));
        let Some(yellow) = links().map(|link| webster::yellow(limit(link))).max() else { return };
        let clearing = |link: usize| {
            let path = &self.paths[link];
            webster::all_red(Distance::metres(path.line.length()), path.speed)
        };
        let red = links().map(clearing).max().unwrap_or(SimDuration::ZERO);
        let aspects = |last: fn(Aspect) -> Aspect| -> Vec<Aspect> {
            let shown = |link: usize| match stage[link] {
                Some(aspect) if ending(link) => last(aspect),
                Some(aspect) => aspect,
                None => Aspect::Red,
            };
            (0..stage.len()).map(shown).collect()
        };
        let yellow_of = |aspect| match aspect {
            Aspect::GreenMajor => Aspect::YellowMajor,
            _ => Aspect::YellowMinor,
        };
        phases.push(phase(yellow, aspects(yellow_of)));
        phases.push(phase(red, aspects(|_| Aspect::Red)));
    }

    /// Traffic as it may be: more on the more important approaches, most of it straight on.
    fn assumed_streams(&self, first_lanes: &[usize]) -> Vec<Stream> {
        let highest = self.approaches.iter().map(|approach| self.map.roads[approach.road].priority).max();
        let share = |link: usize| match self.connections[link].turn {
            Turn::Straight => 3.0,
            Turn::Back => 0.1,
            _ => 1.0,
        };
        let mut streams = Vec::new();
        for (index, approach) in self.approaches.iter().enumerate() {
            let road = &self.map.roads[approach.road];
            let lanes = road.lanes.iter().filter(|lane| lane.allowed.allows_cars()).count().max(1);
            let per_lane = if Some(road.priority) == highest { FLOW_MAJOR } else { FLOW_MINOR };
            let total = per_lane * f64::from(u32::try_from(lanes).unwrap_or(1));
            let shares: f64 = self.of_approach(index).map(share).sum();
            streams.extend(self.of_approach(index).map(|link| {
                let connection = &self.connections[link];
                Stream {
                    head: link,
                    lane: LaneId::new(first_lanes[connection.from.0] + connection.from.1),
                    flow: Flow::vehicles_per_hour(total * share(link) / shares),
                    saturation: webster::saturation_flow(connection.turn),
                }
            }));
        }
        streams
    }
}
