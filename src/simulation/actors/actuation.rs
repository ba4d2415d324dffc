//! Actuation: how long a green lasts by the gaps between vehicles on detectors before the stop lines.
//!
//! A green lasts its minimum, is extended while a detector that serves it alone sees gaps shorter than allowed, and ends at its
//! maximum (Roess, Prassas, `McShane` 2011, "Traffic Engineering", chapter 20). Where the detectors lie, which of them serve a
//! phase, and which of several phases follows, is as SUMO's `actuated` programs have it, whose parameters these are.

use crate::city::network::{Aspect, Network, Phase, Signal, SignalControl, SignalProgram, Turn};
use crate::primitives::ids::LaneId;
use crate::primitives::{SimDuration, SimTime, VehicleClass};
use crate::simulation::traffic::road::Road;

/// Road a standing car takes up with the gap before it, as detectors are placed for [m] (SUMO).
const STANDING_ROOM: f64 = 7.5;
/// What a phase that is being served counts for against others in whose way it is (SUMO).
const SERVED: f64 = 10.0;
/// How many lanes upstream of its stop line a detector may lie at most (a bound, not a behaviour).
const UPSTREAM_MAX: usize = 8;

/// A detector before a stop line.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Detector {
    /// The lane it lies on: the stop line's, or one upstream of it where that is short.
    lane: u32,
    /// Where it lies [m] from that lane's start.
    position: f64,
    /// The longest gap that extends a green [s].
    gap_max: f64,
    /// When the last vehicle left it [s]; now while one is on it.
    left: f64,
    /// When a phase that it serves last began [s].
    green: f64,
    /// Which phases it serves.
    serves: Vec<bool>,
}

/// The actuation of one controller.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Actuation {
    detectors: Vec<Detector>,
    /// Travel time from detector to stop line [s].
    detector_gap: f64,
    /// Waiting for longer than this, a detector gets its phase before all others [s].
    inactive_after: f64,
}

/// Whether somebody has green in a phase and nobody yellow.
fn is_green(phase: &Phase) -> bool {
    phase.aspects.iter().any(|&aspect| shows_green(aspect))
        && !phase.aspects.iter().any(|aspect| matches!(aspect, Aspect::YellowMajor | Aspect::YellowMinor))
}

const fn shows_green(aspect: Aspect) -> bool {
    matches!(aspect, Aspect::GreenMajor | Aspect::GreenMinor)
}

const fn is_actuated(phase: &Phase) -> bool {
    phase.duration_max.as_milliseconds() != phase.duration_min.as_milliseconds()
}

impl Actuation {
    /// The actuation of a program; none where it runs otherwise.
    pub(crate) fn new(network: &Network, signal: &Signal, program: &SignalProgram, now: SimTime) -> Option<Self> {
        let SignalControl::Actuated { gap_max, detector_gap, passing_time, inactive_after } = program.control else {
            return None;
        };
        let plan = Plan::new(network, signal, program);
        let mut detectors: Vec<Detector> = Vec::new();
        for (at, &stop_lane) in plan.lanes.iter().enumerate() {
            let Some(shortest) = plan.shortest_green(at) else { continue };
            let speed = network.lane(stop_lane).speed.as_metres_per_second();
            let queue = (shortest.as_seconds() / passing_time.as_seconds() + 0.5) * STANDING_ROOM;
            let before = (detector_gap.as_seconds() * speed).min(queue);
            let (lane, position) = place(network, stop_lane, before);
            detectors.push(Detector {
                lane: lane.raw(),
                position,
                gap_max: gap_max.as_seconds(),
                left: now.as_seconds(),
                green: 0.0,
                serves: (0..program.phases.len()).map(|phase| plan.is_served(phase, at)).collect(),
            });
        }
        let inactive_after = inactive_after.as_seconds();
        Some(Self { detectors, detector_gap: detector_gap.as_seconds(), inactive_after })
    }

    /// Looks at the detectors.
    pub(crate) fn perceive(&mut self, road: &Road, now: f64) {
        for detector in &mut self.detectors {
            let (at, lane) = (detector.position, detector.lane as usize);
            for body in &road.lanes[lane] {
                let back = body.pos - road.kind(body).length;
                if body.pos >= at && back <= at {
                    detector.left = now;
                } else if back > at && back - body.speed * road.dt <= at {
                    // Has left it within the step.
                    detector.left = detector.left.max(now - (back - at) / body.speed);
                }
            }
            for tail in &road.tails[lane] {
                if tail.back <= at {
                    detector.left = now;
                } else if tail.back - tail.speed * road.dt <= at {
                    detector.left = detector.left.max(now - (tail.back - at) / tail.speed);
                }
            }
        }
    }

    /// How much longer a phase goes on at least for the vehicles still coming; none where it is over.
    fn extension(&self, phase: &Phase, index: usize, lasted: SimDuration, now: f64) -> Option<SimDuration> {
        if !is_green(phase) || lasted >= phase.duration_max {
            return None;
        }
        let coming = self.detectors.iter().filter(|d| d.serves[index] && now - d.left < d.gap_max);
        let gap = coming.map(|d| now - d.left).reduce(f64::min)?;
        let left = phase.duration_min - lasted;
        let to_stop_line = SimDuration::seconds(self.detector_gap - gap);
        let mut longer = left.max(to_stop_line).max(SimDuration::milliseconds(1)).as_milliseconds();
        if longer % 1000 != 0 {
            // Phases last whole seconds.
            let lasted = lasted.as_milliseconds();
            longer = ((longer + lasted) / 1000 + 1) * 1000 - lasted;
        }
        Some(SimDuration::milliseconds(longer).min(phase.duration_max - lasted))
    }

    /// Decides at an instant which phase follows the one that has lasted for `lasted`, and when to think again.
    pub(crate) fn decide(
        &mut self,
        phases: &[Phase],
        phase: usize,
        lasted: SimDuration,
        now: SimTime,
    ) -> (usize, SimDuration) {
        let seconds = now.as_seconds();
        let current = &phases[phase];
        let next = if current.next.len() > 1 {
            self.choose(phases, phase, lasted, seconds)
        } else if let Some(longer) = self.extension(current, phase, lasted, seconds) {
            return (phase, longer);
        } else {
            current.next.first().map_or(phase + 1, |&next| next as usize) % phases.len()
        };
        let lasted = if next == phase { lasted } else { SimDuration::ZERO };
        if is_green(&phases[next]) {
            for detector in self.detectors.iter_mut().filter(|d| d.serves[next]) {
                detector.green = seconds;
            }
        }
        (next, (phases[next].duration_min - lasted).max(SimDuration::seconds(1.0)))
    }

    /// Which of several phases follows: the one whose detectors ask most; the first where nobody asks.
    fn choose(&self, phases: &[Phase], phase: usize, lasted: SimDuration, now: f64) -> usize {
        let current = &phases[phase];
        let can_extend = lasted < current.duration_max;
        let first = current.next[0] as usize;
        let (mut chosen, mut most) = (first, 0.0);
        let asks = |index: usize| -> f64 {
            let serving = self.detectors.iter().filter(|d| d.serves[index]);
            serving.map(|d| self.urgency(d, phase, can_extend, now)).sum()
        };
        if can_extend && asks(phase) > most {
            (chosen, most) = (phase, asks(phase));
        }
        for &next in &current.next {
            let asked = asks(green_after(phases, next as usize));
            if asked > most {
                (chosen, most) = (next as usize, asked);
            }
        }
        // Somebody waits for a phase that cannot follow at once: go on by the default way.
        if self.detectors.iter().any(|d| self.urgency(d, phase, can_extend, now) > most) {
            chosen = first;
        }
        chosen
    }

    fn urgency(&self, detector: &Detector, phase: usize, can_extend: bool, now: f64) -> f64 {
        let waits = detector.green < detector.left;
        if now - detector.left >= detector.gap_max && !waits {
            return 0.0;
        }
        let inactive = now - detector.green;
        if inactive > self.inactive_after {
            return inactive.trunc();
        }
        match (detector.serves[phase], can_extend) {
            (true, true) => SERVED,
            (true, false) => 0.0,
            (false, _) => 1.0,
        }
    }
}

/// The green phase that a phase leads to.
fn green_after(phases: &[Phase], from: usize) -> usize {
    let mut phase = from;
    for _ in 0..phases.len() {
        if is_green(&phases[phase]) {
            return phase;
        }
        phase = phases[phase].next.first().map_or(phase + 1, |&next| next as usize) % phases.len();
    }
    from
}

/// Where a detector lies that is so far before a stop line [m]: lane, and position from its start [m].
fn place(network: &Network, stop_lane: LaneId, before: f64) -> (LaneId, f64) {
    let mut lane = stop_lane;
    let mut position = network.lane(lane).length.as_metres() - before;
    for _ in 0..UPSTREAM_MAX {
        let [link] = *network.incoming(lane) else { break };
        if position >= 0.0 {
            break;
        }
        lane = network.link(link).from;
        position += network.lane(lane).length.as_metres();
    }
    (lane, position.max(0.0))
}

/// A program seen from its stop lines.
struct Plan<'n> {
    network: &'n Network,
    signal: &'n Signal,
    program: &'n SignalProgram,
    /// The lanes with stop lines, in the order of the heads.
    lanes: Vec<LaneId>,
    /// Heads that each of those lanes has.
    heads: Vec<Vec<usize>>,
    /// For each head: it never has priority, ...
    never_major: Vec<bool>,
    /// ... its road has only one lane for motor vehicles, ...
    one_lane: Vec<bool>,
    /// ... it only turns back.
    turns_back: Vec<bool>,
}

impl<'n> Plan<'n> {
    fn new(network: &'n Network, signal: &'n Signal, program: &'n SignalProgram) -> Self {
        let mut lanes: Vec<LaneId> = Vec::new();
        let mut heads: Vec<Vec<usize>> = Vec::new();
        for (head, links) in signal.links.iter().enumerate() {
            for &link in links {
                let lane = network.link(link).from;
                let at = lanes.iter().position(|&known| known == lane).unwrap_or_else(|| {
                    lanes.push(lane);
                    heads.push(Vec::new());
                    lanes.len() - 1
                });
                if !heads[at].contains(&head) {
                    heads[at].push(head);
                }
            }
        }
        let for_motors = |lane: LaneId| {
            let allowed = network.lane(lane).allowed;
            let on_foot =
                [VehicleClass::Pedestrian, VehicleClass::Wheelchair, VehicleClass::Bicycle, VehicleClass::Ignoring];
            VehicleClass::ALL.iter().any(|class| !on_foot.contains(class) && allowed.contains(*class))
        };
        let has_one_lane = |head: usize| {
            let edges = signal.links[head].iter().map(|&link| network.edge_of(network.link(link).from));
            edges.into_iter().any(|edge| edge.lane_ids().filter(|&lane| for_motors(lane)).count() == 1)
        };
        let turns_back = |head: usize| signal.links[head].iter().all(|&link| network.link(link).turn == Turn::Back);
        let is_major =
            |head: usize| program.phases.iter().any(|phase| phase.aspects.get(head) == Some(&Aspect::GreenMajor));
        let count = signal.links.len();
        Self {
            network,
            signal,
            program,
            lanes,
            heads,
            never_major: (0..count).map(|head| !is_major(head)).collect(),
            one_lane: (0..count).map(has_one_lane).collect(),
            turns_back: (0..count).map(turns_back).collect(),
        }
    }

    /// The shortest minimum of the actuated phases in which a lane has green; none where it has none.
    fn shortest_green(&self, lane: usize) -> Option<SimDuration> {
        let phases = self.program.phases.iter().filter(|phase| is_actuated(phase));
        let green = phases.filter(|phase| self.heads[lane].iter().any(|&head| shows_green(phase.aspects[head])));
        green.map(|phase| phase.duration_min).min()
    }

    /// Whether all of a head's traffic can be counted on to drive in a phase.
    fn drives(&self, phase: &Phase, head: usize) -> bool {
        match phase.aspects[head] {
            Aspect::GreenMajor => true,
            // A yielding stream moves for certain only beside one with priority from the same lane that it does not rule.
            Aspect::GreenMinor => {
                let beside_major = || {
                    let lanes = self.heads.iter().filter(|heads| heads.contains(&head));
                    lanes.flatten().any(|&other| phase.aspects[other] == Aspect::GreenMajor)
                };
                self.one_lane[head] || ((self.never_major[head] || self.turns_back[head]) && beside_major())
            }
            _ => false,
        }
    }

    /// Whether the detector of a lane serves a phase: everybody on the lane, and on the lane of the same signal that it leads
    /// to, can drive in it.
    fn is_served(&self, phase: usize, lane: usize) -> bool {
        let phase = &self.program.phases[phase];
        let all_drive = |lane: usize| self.heads[lane].iter().all(|&head| self.drives(phase, head));
        let onward = self.heads[lane].iter().flat_map(|&head| &self.signal.links[head]);
        let onward = onward.map(|&link| self.network.link(link)).filter(|link| link.turn != Turn::Back);
        let mut onward = onward.filter(|link| link.from == self.lanes[lane]);
        is_actuated(phase)
            && all_drive(lane)
            && onward.all(|link| self.lanes.iter().position(|&known| known == link.to).is_none_or(all_drive))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase(aspect: Aspect, shortest: f64, longest: f64) -> Phase {
        let seconds = SimDuration::seconds;
        let (duration_min, duration_max) = (seconds(shortest), seconds(longest));
        Phase { duration: duration_min, duration_min, duration_max, aspects: vec![aspect], next: Vec::new() }
    }

    #[test]
    fn a_green_ends_with_the_first_long_gap_or_at_its_maximum() {
        let phases = [phase(Aspect::GreenMajor, 5.0, 20.0), phase(Aspect::YellowMinor, 3.0, 3.0)];
        let detector =
            Detector { lane: 0, position: 0.0, gap_max: 3.0, left: 99.0, green: 0.0, serves: vec![true, false] };
        let mut actuation = Actuation { detectors: vec![detector], detector_gap: 2.0, inactive_after: 180.0 };
        let seconds = SimDuration::seconds;
        let now = SimTime::seconds(100.0);
        assert_eq!(actuation.decide(&phases, 0, seconds(2.0), now), (0, seconds(3.0)), "its minimum it keeps");
        assert_eq!(actuation.decide(&phases, 0, seconds(8.0), now), (0, seconds(1.0)), "whoever comes gets through");
        assert_eq!(actuation.decide(&phases, 0, seconds(20.0), now), (1, seconds(3.0)), "it is at its maximum");
        actuation.detectors[0].left = 97.0;
        assert_eq!(actuation.decide(&phases, 0, seconds(8.0), now), (1, seconds(3.0)), "the gap is long");
        actuation.detectors[0].serves[0] = false;
        actuation.detectors[0].left = 100.0;
        assert_eq!(actuation.decide(&phases, 0, seconds(8.0), now), (1, seconds(3.0)), "it does not serve this phase");
    }
}
