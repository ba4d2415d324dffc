//! Signals are retimed: phases keep their order and what they show, and last longer or shorter.
//!
//! So no two streams ever get green that would not have got it before (LAW-4). What clears a junction, phases with yellow and phases
//! in which nobody has green, never lasts shorter than it was built to. An offset is reached by greens that last up to half as
//! long again, never by a jump.

use std::fmt::Write;
use std::sync::Arc;

use crate::city::network::{Aspect, Phase, SignalControl, SignalProgram};
use crate::primitives::ids::SignalId;
use crate::primitives::{SimDuration, SimTime};
use crate::simulation::City;
use crate::simulation::actors::signal::{Controller, Shifts, cycle};
use crate::simulation::actors::{Directory, SIGNALS, Wakes, actor};

/// How long a phase may last [s].
const DURATION: std::ops::RangeInclusive<f64> = 1.0..=600.0;
/// The largest offset [s].
const OFFSET_MAX: f64 = 86_400.0;

/// Gives a signal other durations.
pub(super) fn retime(
    city: &mut City,
    signal: SignalId,
    durations: &[SimDuration],
    offset: Option<SimDuration>,
) -> Result<String, String> {
    let Some(built) = city.origin.network.signals.get(signal.index()) else {
        return Err(format!("the map has no signal number {}; name one of its signals", signal.raw()));
    };
    let (name, id) = (built.name.clone(), actor(SIGNALS, signal.raw()));
    let entity = city.world.resource::<Directory>().get(id);
    let controller = entity.and_then(|entity| city.world.get::<Controller>(entity));
    let (Some(entity), Some(controller), Some(built)) = (entity, controller, built.programs.last()) else {
        return Err(format!("trains or nobody operate `{name}`; choose a signal that has a program of its own"));
    };
    let now = city.time();
    let program = other_program(&name, built, controller.program(), durations, offset)?;
    let program = in_steps(program, city.settings.step);
    let (phase, since, _) = controller.phase();
    let mut said = format!("`{name}` has other times");
    if matches!(program.control, SignalControl::FixedTime) {
        let step = city.settings.step;
        let left = (since + program.phases[phase].duration).max(now) - now;
        let ends = now + in_whole(left, step);
        let late = offset.map_or(SimDuration::ZERO, |offset| lateness(&program, phase, ends, offset));
        let late = in_whole(late, step);
        let mut wakes = city.world.resource_mut::<Wakes>();
        wakes.0.cancel(id);
        wakes.0.set(ends, id);
        let _ = write!(said, ", {} s for a round", cycle(&program).as_seconds());
        if late > SimDuration::ZERO {
            let _ = write!(said, "; it has its offset once it is {} s later", late.as_seconds());
        }
        if late > SimDuration::ZERO || city.world.contains_resource::<Shifts>() {
            city.world.get_resource_or_init::<Shifts>().put(signal.raw(), late);
        }
    } else {
        said += ": its greens last at most so long";
    }
    if let Some(mut controller) = city.world.get_mut::<Controller>(entity) {
        controller.run(Arc::new(program));
    }
    Ok(said)
}

/// The program with these durations, or what is wrong with them.
fn other_program(
    name: &str,
    built: &SignalProgram,
    running: &SignalProgram,
    durations: &[SimDuration],
    offset: Option<SimDuration>,
) -> Result<SignalProgram, String> {
    let phases = running.phases.len();
    if durations.len() != phases {
        return Err(format!("`{name}` has {phases} phases, not {}; give a duration for each", durations.len()));
    }
    let actuated = matches!(running.control, SignalControl::Actuated { .. });
    if actuated && offset.is_some() {
        return Err(format!("`{name}` goes by who comes and keeps no round; leave its offset out"));
    }
    if offset.is_some_and(|offset| offset.as_seconds().abs() > OFFSET_MAX) {
        return Err(format!("the offset of `{name}` is to be within a day; say up to {OFFSET_MAX} s"));
    }
    if offset.is_some() && running.phases.iter().any(|phase| !phase.next.is_empty()) {
        return Err(format!("the phases of `{name}` do not always follow each other; leave its offset out"));
    }
    let mut program = running.clone();
    for (number, ((phase, built), &wanted)) in program.phases.iter_mut().zip(&built.phases).zip(durations).enumerate() {
        let seconds = wanted.as_seconds();
        if !DURATION.contains(&seconds) {
            return Err(format!("phase {number} of `{name}` cannot last {seconds} s; say 1 to 600 s"));
        }
        let varies = actuated && built.duration_min != built.duration_max;
        let least = match (varies, clears(phase)) {
            (true, _) => built.duration_min,
            (false, true) => built.duration,
            (false, false) => SimDuration::ZERO,
        };
        if wanted < least {
            let why = if varies { "its detectors lie so that it does" } else { "it clears the junction" };
            let least = least.as_seconds();
            return Err(format!(
                "phase {number} of `{name}` lasts at least {least} s, for {why}; say {least} s or more"
            ));
        }
        phase.duration_max = wanted;
        phase.duration = if varies { phase.duration.min(wanted) } else { wanted };
        phase.duration_min = if varies { phase.duration_min } else { wanted };
    }
    program.offset = offset.unwrap_or(program.offset);
    Ok(program)
}

/// The program as it will run: by the clock a phase lasts a whole number of steps, and a round that did not would drift.
fn in_steps(mut program: SignalProgram, step: SimDuration) -> SignalProgram {
    if matches!(program.control, SignalControl::FixedTime) {
        for phase in &mut program.phases {
            phase.duration = in_whole(phase.duration, step);
            (phase.duration_min, phase.duration_max) = (phase.duration, phase.duration);
        }
    }
    program
}

/// A duration in whole steps, at least as long.
fn in_whole(duration: SimDuration, step: SimDuration) -> SimDuration {
    let step = step.as_milliseconds().max(1);
    SimDuration::milliseconds((duration.as_milliseconds() + step - 1).div_euclid(step) * step)
}

/// Whether a phase lets a junction clear: somebody has yellow, or nobody green.
fn clears(phase: &Phase) -> bool {
    let shows = |wanted: &[Aspect]| phase.aspects.iter().any(|aspect| wanted.contains(aspect));
    shows(&[Aspect::YellowMajor, Aspect::YellowMinor, Aspect::RedYellow])
        || !shows(&[Aspect::GreenMajor, Aspect::GreenMinor])
}

/// How much later than at `ends` the phase behind `phase` would have to begin for the round to have its offset [s].
fn lateness(program: &SignalProgram, phase: usize, ends: SimTime, offset: SimDuration) -> SimDuration {
    let before: i64 = program.phases[..=phase].iter().map(|phase| phase.duration.as_milliseconds()).sum();
    let wanted = offset.as_milliseconds() + before;
    let round = cycle(program).as_milliseconds().max(1);
    SimDuration::milliseconds((wanted - (ends - SimTime::ZERO).as_milliseconds()).rem_euclid(round))
}
