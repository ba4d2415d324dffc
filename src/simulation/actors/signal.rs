//! The signal as an actor: runs its program by the clock, or by the gaps between vehicles on its detectors.
//!
//! Actuation is by gap: a green lasts its minimum, is extended while the gaps on any of its green lanes are shorter than
//! the program allows, and ends at its maximum (Roess, Prassas, `McShane` 2011, "Traffic Engineering", chapter 20; SUMO's
//! `actuated` has the same parameters).

use std::sync::Arc;

use bevy_ecs::prelude::*;

use super::{Action, Actions, Directory, Identity, Percept, Wakes, Woken};
use crate::city::network::{Aspect, Network, Signal, SignalControl, SignalProgram};
use crate::primitives::{SimDuration, SimTime};
use crate::simulation::traffic::road::Road;

/// A detector before a stop line.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Detector {
    lane: u32,
    /// Where it lies [m] from the lane's start.
    position: f64,
    /// Link indices of the signal that the lane feeds.
    indices: Vec<u32>,
    /// When a vehicle was last on it.
    last_seen: SimTime,
}

/// A signal controller.
#[derive(Component, Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Controller {
    program: Arc<SignalProgram>,
    /// Links by link index.
    links: Arc<Vec<Vec<u32>>>,
    phase: usize,
    /// When the phase began.
    since: SimTime,
    detectors: Vec<Detector>,
}

impl Controller {
    /// The controller of a signal in the phase that `now` falls into; none for a signal without a program.
    pub(crate) fn new(network: &Network, signal: &Signal, now: SimTime) -> Option<Self> {
        let program = signal.programs.last()?.clone();
        if program.phases.is_empty() || cycle(&program) <= SimDuration::ZERO {
            return None;
        }
        let links: Vec<Vec<u32>> = signal.links.iter().map(|l| l.iter().map(|id| id.raw()).collect()).collect();
        let (phase, into) = phase_at(&program, now);
        let detectors = match program.control {
            SignalControl::FixedTime => Vec::new(),
            SignalControl::Actuated { detector_gap, .. } => place_detectors(network, signal, detector_gap),
        };
        Some(Self { program: Arc::new(program), links: Arc::new(links), phase, since: now - into, detectors })
    }

    /// The phase it is in, when that began, and what it shows on each link.
    pub(crate) fn phase(&self) -> (usize, SimTime, &[Aspect]) {
        (self.phase, self.since, &self.program.phases[self.phase].aspects)
    }

    /// When it next has to think.
    fn next_thought(&self) -> SimTime {
        let phase = &self.program.phases[self.phase];
        match self.program.control {
            SignalControl::Actuated { .. } if self.is_extensible() => self.since + phase.duration_min,
            SignalControl::FixedTime | SignalControl::Actuated { .. } => self.since + phase.duration,
        }
    }

    fn is_extensible(&self) -> bool {
        let phase = &self.program.phases[self.phase];
        phase.duration_max > phase.duration_min
            && phase.aspects.iter().any(|a| matches!(a, Aspect::GreenMajor | Aspect::GreenMinor))
            && !phase.aspects.iter().any(|a| matches!(a, Aspect::YellowMajor | Aspect::YellowMinor))
    }

    /// What the phase shows.
    fn show(&self) -> Action {
        let aspects = &self.program.phases[self.phase].aspects;
        let heads = self
            .links
            .iter()
            .enumerate()
            .flat_map(|(i, links)| {
                let aspect = aspects.get(i).copied().unwrap_or(Aspect::Red);
                links.iter().map(move |&link| (link, aspect))
            })
            .collect();
        Action::Show { heads }
    }

    /// Looks at the detectors.
    fn perceive(&mut self, road: &Road, now: SimTime) {
        for detector in &mut self.detectors {
            let on_it = road.lanes[detector.lane as usize].iter().any(|body| {
                let back = body.pos - road.kind(body).length;
                // On it now, or passed over it within the step.
                back <= detector.position && body.pos >= detector.position
                    || (back > detector.position && back - body.speed * road.dt <= detector.position)
            });
            if on_it {
                detector.last_seen = now;
            }
        }
    }

    /// Whether the green must go on for the vehicles still coming.
    fn is_demanded(&self, now: SimTime) -> bool {
        let SignalControl::Actuated { gap_max, .. } = self.program.control else { return false };
        let aspects = &self.program.phases[self.phase].aspects;
        let is_green =
            |index: &u32| matches!(aspects.get(*index as usize), Some(Aspect::GreenMajor | Aspect::GreenMinor));
        self.detectors.iter().any(|d| d.indices.iter().any(is_green) && now - d.last_seen < gap_max)
    }

    /// Thinks; the time of the next thought, and whether the phase changed.
    fn think(&mut self, now: SimTime) -> (SimTime, bool) {
        let phase = &self.program.phases[self.phase];
        let lasted = now - self.since;
        if let SignalControl::Actuated { gap_max, .. } = self.program.control
            && self.is_extensible()
        {
            if lasted < phase.duration_min {
                return (self.since + phase.duration_min, false);
            }
            if lasted < phase.duration_max && self.is_demanded(now) {
                let again = now + SimDuration::milliseconds(gap_max.as_milliseconds().clamp(100, 1000));
                return (again.min(self.since + phase.duration_max), false);
            }
        } else if lasted < phase.duration {
            return (self.since + phase.duration, false);
        }
        let next = phase.next.first().map_or(self.phase + 1, |&n| n as usize);
        self.phase = next % self.program.phases.len();
        self.since = now;
        (self.next_thought(), true)
    }
}

fn cycle(program: &SignalProgram) -> SimDuration {
    program.phases.iter().fold(SimDuration::ZERO, |sum, p| sum + p.duration)
}

/// The phase of a program at an instant, and how long it has lasted.
fn phase_at(program: &SignalProgram, now: SimTime) -> (usize, SimDuration) {
    let since_start = (now - SimTime::ZERO) - program.offset;
    let mut into = since_start.as_milliseconds().rem_euclid(cycle(program).as_milliseconds().max(1));
    for (i, phase) in program.phases.iter().enumerate() {
        let lasts = phase.duration.as_milliseconds();
        if into < lasts {
            return (i, SimDuration::milliseconds(into));
        }
        into -= lasts;
    }
    (0, SimDuration::ZERO)
}

fn place_detectors(network: &Network, signal: &Signal, gap: SimDuration) -> Vec<Detector> {
    let mut detectors: Vec<Detector> = Vec::new();
    for (index, links) in signal.links.iter().enumerate() {
        for &link in links {
            let lane = network.link(link).from;
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            if let Some(known) = detectors.iter_mut().find(|d| d.lane == lane.raw()) {
                known.indices.push(index);
                continue;
            }
            let facts = network.lane(lane);
            let before = (facts.speed * gap).min(facts.length);
            detectors.push(Detector {
                lane: lane.raw(),
                position: (facts.length - before).as_metres(),
                indices: vec![index],
                last_seen: SimTime::milliseconds(i64::MIN / 4),
            });
        }
    }
    detectors
}

/// Actuated signals look at their detectors.
pub(crate) fn perceive(percept: Res<'_, Percept>, mut signals: Query<'_, '_, &mut Controller>) {
    for mut controller in &mut signals {
        if !controller.detectors.is_empty() {
            controller.perceive(&percept.road, percept.now);
        }
    }
}

/// Signals whose time has come think, and show what they decided.
pub(crate) fn think(
    woken: Res<'_, Woken>,
    percept: Res<'_, Percept>,
    directory: Res<'_, Directory>,
    mut signals: Query<'_, '_, (&Identity, &mut Controller)>,
    mut wakes: ResMut<'_, Wakes>,
    mut actions: ResMut<'_, Actions>,
) {
    for &actor in &woken.0 {
        let Some((identity, mut controller)) = directory.0.get(&actor).and_then(|&e| signals.get_mut(e).ok()) else {
            continue;
        };
        let (again, changed) = controller.think(percept.now);
        if changed {
            actions.0.push(controller.show());
        }
        wakes.0.set(again, identity.0);
    }
}

/// What a controller shows at the beginning, and when it first thinks.
pub(crate) fn first_turn(controller: &Controller) -> (Action, SimTime) {
    (controller.show(), controller.next_thought())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::city::network::Phase;

    fn program(offset: f64) -> SignalProgram {
        let phase = |seconds: f64| Phase {
            duration: SimDuration::seconds(seconds),
            duration_min: SimDuration::seconds(seconds),
            duration_max: SimDuration::seconds(seconds),
            aspects: vec![Aspect::GreenMajor],
            next: Vec::new(),
        };
        SignalProgram {
            name: "0".into(),
            control: SignalControl::FixedTime,
            offset: SimDuration::seconds(offset),
            phases: vec![phase(30.0), phase(5.0), phase(25.0)],
        }
    }

    /// A positive offset delays the cycle: green waves depend on it.
    #[test]
    fn the_offset_delays_the_cycle() {
        let at = |offset: f64, t: f64| {
            let (phase, into) = phase_at(&program(offset), SimTime::seconds(t));
            (phase, into.as_seconds())
        };
        assert_eq!(at(0.0, 0.0), (0, 0.0));
        assert_eq!(at(0.0, 61.0), (0, 1.0));
        assert_eq!(at(10.0, 41.0), (1, 1.0));
        assert_eq!(at(10.0, 5.0), (2, 20.0));
        assert_eq!(at(-10.0, 25.0), (2, 0.0));
    }
}
