//! The signal as an actor: runs its program by the clock, or leaves it to [`Actuation`] how long its greens last.

use std::collections::BTreeMap;
use std::sync::Arc;

use bevy_ecs::prelude::*;

use super::actuation::Actuation;
use super::{Action, Actions, Directory, Identity, Percept, Wakes, Woken};
use crate::city::network::{Aspect, Network, Phase, Signal, SignalControl, SignalProgram};
use crate::primitives::{SimDuration, SimTime};

/// A signal controller.
#[derive(Component, Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Controller {
    program: Arc<SignalProgram>,
    /// Links by link index.
    links: Arc<Vec<Vec<u32>>>,
    phase: usize,
    /// When the phase began.
    since: SimTime,
    /// When it thinks first; for the first phase may have begun before the run.
    first: SimTime,
    actuation: Option<Actuation>,
}

impl Controller {
    /// The controller of a signal in the phase that `now` falls into; none for a signal without a program.
    pub(crate) fn new(network: &Network, signal: &Signal, now: SimTime) -> Option<Self> {
        let program = signal.programs.last()?.clone();
        let of_rails = matches!(program.control, SignalControl::Block | SignalControl::LevelCrossing { .. });
        if of_rails || program.phases.is_empty() || cycle(&program) <= SimDuration::ZERO {
            return None;
        }
        let links: Vec<Vec<u32>> = signal.links.iter().map(|l| l.iter().map(|id| id.raw()).collect()).collect();
        let (phase, into) = phase_at(&program, now);
        let first = now + (program.phases[phase].duration - into);
        let actuation = Actuation::new(network, signal, &program, now);
        // What happened before the run began no detector has seen: an actuated phase counts from now.
        let since = if actuation.is_some() { now } else { now - into };
        Some(Self { program: Arc::new(program), links: Arc::new(links), phase, since, first, actuation })
    }

    /// The phase it is in, when that began, and what it shows on each link.
    pub(crate) fn phase(&self) -> (usize, SimTime, &[Aspect]) {
        (self.phase, self.since, &self.program.phases[self.phase].aspects)
    }

    /// The program it runs.
    pub(crate) fn program(&self) -> &SignalProgram {
        &self.program
    }

    /// Runs another program from now on, with the same phases in the same order.
    pub(crate) fn run(&mut self, program: Arc<SignalProgram>) {
        self.program = program;
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

    /// Thinks; the time of the next thought, and whether the phase changed.
    fn think(&mut self, now: SimTime) -> (SimTime, bool) {
        let lasted = now - self.since;
        let (next, again) = match &mut self.actuation {
            Some(actuation) => actuation.decide(&self.program.phases, self.phase, lasted, now),
            None => self.by_the_clock(lasted),
        };
        let changed = next != self.phase;
        if changed {
            self.phase = next;
            self.since = now;
        }
        (now + again, changed)
    }

    /// The phase the program has by the clock, and how long it still lasts.
    fn by_the_clock(&self, lasted: SimDuration) -> (usize, SimDuration) {
        let phase = &self.program.phases[self.phase];
        if lasted < phase.duration {
            return (self.phase, phase.duration - lasted);
        }
        let next = phase.next.first().map_or(self.phase + 1, |&n| n as usize) % self.program.phases.len();
        (next, self.program.phases[next].duration)
    }
}

/// How long a round of a program takes.
pub(crate) fn cycle(program: &SignalProgram) -> SimDuration {
    program.phases.iter().fold(SimDuration::ZERO, |sum, p| sum + p.duration)
}

/// By how much signals still have to be late to have the offsets that they were given, by signal; there once one was given.
#[derive(Resource, Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Shifts(BTreeMap<u32, SimDuration>);

impl Shifts {
    /// Lets a signal become so much later, whatever it still had to.
    pub(crate) fn put(&mut self, signal: u32, late: SimDuration) {
        self.0.remove(&signal);
        if late > SimDuration::ZERO {
            self.0.insert(signal, late);
        }
    }

    /// By how much a signal still has to be late.
    pub(crate) fn of(&self, signal: u32) -> SimDuration {
        self.0.get(&signal).copied().unwrap_or(SimDuration::ZERO)
    }

    /// By how much longer a phase lasts that has just begun: a green by up to a half, in whole steps of `dt` seconds.
    fn take(&mut self, signal: u32, phase: &Phase, dt: f64) -> SimDuration {
        let late = self.of(signal);
        let green = phase.aspects.iter().any(|aspect| matches!(aspect, Aspect::GreenMajor | Aspect::GreenMinor));
        if late <= SimDuration::ZERO || !green {
            return SimDuration::ZERO;
        }
        let step = SimDuration::seconds(dt).as_milliseconds().max(1);
        let steps = (phase.duration.as_milliseconds() / (2 * step)).max(1);
        let part = late.min(SimDuration::milliseconds(steps * step));
        self.put(signal, late - part);
        part
    }
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

/// Actuated signals look at their detectors.
pub(crate) fn perceive(percept: Res<'_, Percept>, mut signals: Query<'_, '_, &mut Controller>) {
    for mut controller in &mut signals {
        if let Some(actuation) = &mut controller.actuation {
            actuation.perceive(&percept.road, percept.now.as_seconds());
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
    mut shifts: Option<ResMut<'_, Shifts>>,
) {
    for &actor in &woken.0 {
        let Some((identity, mut controller)) = directory.get(actor).and_then(|e| signals.get_mut(e).ok()) else {
            continue;
        };
        let (mut again, changed) = controller.think(percept.now);
        if changed {
            actions.0.push(controller.show());
            if let Some(shifts) = &mut shifts {
                again += shifts.take(actor.index(), &controller.program.phases[controller.phase], percept.road.dt);
            }
        }
        wakes.0.set(again, identity.0);
    }
}

/// What a controller shows at the beginning, and when it first thinks.
pub(crate) fn first_turn(controller: &Controller) -> (Action, SimTime) {
    (controller.show(), controller.first)
}

#[cfg(test)]
mod tests {
    use super::*;

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
