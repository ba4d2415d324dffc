//! Signals with other plans: retimed, coordinated, adaptive.
//!
//! Yellow and red times stay as they are: they belong to the junction and not to the plan. A green wave is an offset for each signal, so
//! that the green of the way begins when whoever left the one before with its green arrives (Little 1966, Operations Research 14, 568,
//! for one direction). Knows no traffic.

use super::junctions;
use super::model::{Deed, Measure, Written};
use crate::city::network::{Aspect, Network, SignalControl, SignalProgram, webster};
use crate::city::routing::Router;
use crate::primitives::ids::{EdgeId, SignalId};
use crate::primitives::text::{Findings, Problem};
use crate::primitives::{SimDuration, Speed, VehicleClass};

/// The shortest green a plan may have [s].
const GREEN_MIN: f64 = 5.0;
/// The longest cycle a plan may have [s].
const CYCLE_MAX: f64 = 300.0;
/// Longest green of an adaptive stage, as a multiple of its green by the clock, and in any case [s].
const GREEN_MAX_SHARE: f64 = 1.5;
const GREEN_MAX_LEAST: f64 = 20.0;
/// SUMO's defaults of an adaptive signal [s]: how far before the line detectors lie, headway of a queue, and when waiting counts first.
const DETECTOR_GAP: f64 = 2.0;
const PASSING_TIME: f64 = 1.9;
const INACTIVE_AFTER: f64 = 180.0;

/// Gives signals of a network other plans where a measure says so; what was done, in words.
pub(super) fn apply(network: &mut Network, measure: &Measure, findings: &mut Findings) -> Option<String> {
    match &measure.deed {
        Deed::Retime { signal, cycle, greens, offset } => {
            let id = junctions::signal(network, signal, findings)?;
            let mut program = program(network, id, signal, findings)?;
            retime(&mut program, *cycle, greens)
                .map_err(|(message, help)| wrong(signal, message, help, findings))
                .ok()?;
            program.offset = offset.unwrap_or(program.offset);
            let said = format!("retime `{}`: cycle {} s", network.signal(id).name, seconds(length(&program)));
            network.signals[id.index()].programs.push(program);
            Some(said)
        }
        Deed::Coordinate { signals, speed, cycle } => coordinate(network, signals, *speed, *cycle, findings),
        Deed::Adaptive { signals, gap_max } => {
            for signal in signals {
                let id = junctions::signal(network, signal, findings)?;
                let mut program = program(network, id, signal, findings)?;
                make_adaptive(&mut program, *gap_max);
                network.signals[id.index()].programs.push(program);
            }
            Some(format!("make {} signal(s) adaptive", signals.len()))
        }
        _ => None,
    }
}

fn wrong(at: &Written, message: String, help: String, findings: &mut Findings) {
    findings.problem(Problem::new(at.place.clone(), message).help(help));
}

fn seconds(span: SimDuration) -> f64 {
    span.as_seconds()
}

/// How long a program's cycle is.
fn length(program: &SignalProgram) -> SimDuration {
    program.phases.iter().fold(SimDuration::ZERO, |sum, phase| sum + phase.duration)
}

/// A copy of the program that runs, by the clock.
fn program(network: &Network, id: SignalId, wanted: &Written, findings: &mut Findings) -> Option<SignalProgram> {
    let running = network.signal(id).programs.last();
    let of_rails = |program: &&SignalProgram| {
        matches!(program.control, SignalControl::Block | SignalControl::LevelCrossing { .. })
    };
    let Some(running) = running.filter(|program| !of_rails(program) && !webster::stages(program).is_empty()) else {
        let message = format!("`{}` has no plan that could be changed", wanted.text);
        wrong(wanted, message, "name a signal of the road with stages of green".to_owned(), findings);
        return None;
    };
    let mut program = running.clone();
    program.name = format!("{}'", running.name);
    program.control = SignalControl::FixedTime;
    for phase in &mut program.phases {
        phase.next.clear();
    }
    Some(program)
}

/// Sets greens and cycle.
fn retime(
    program: &mut SignalProgram,
    cycle: Option<SimDuration>,
    given: &[SimDuration],
) -> Result<(), (String, String)> {
    let stages = webster::stages(program);
    let mut greens: Vec<f64> = stages.iter().map(|&stage| seconds(program.phases[stage].duration)).collect();
    let lost = seconds(length(program)) - greens.iter().sum::<f64>();
    if !given.is_empty() {
        if given.len() != stages.len() {
            let message = format!("the plan has {} greens and the signal {} stages", given.len(), stages.len());
            let now: Vec<String> = greens.iter().map(|green| format!("{green} s")).collect();
            return Err((message, format!("its greens are now [{}]", now.join(", "))));
        }
        greens = given.iter().map(|green| seconds(*green)).collect();
    } else if let Some(cycle) = cycle {
        greens = shared_out(&greens, seconds(cycle) - lost);
    }
    let total = lost + greens.iter().sum::<f64>();
    if let Some(cycle) = cycle.map(seconds).filter(|cycle| (cycle - total).abs() > 0.05) {
        let message = format!("greens and times between add up to {total} s, and the cycle is {cycle} s");
        return Err((message, format!("the times between take {lost} s; leave `cycle` or `greens` out")));
    }
    if let Some(short) = greens.iter().find(|&&green| green < GREEN_MIN) {
        return Err((format!("a green of {short} s is too short"), format!("at least {GREEN_MIN} s")));
    }
    if total > CYCLE_MAX {
        return Err((format!("a cycle of {total} s is too long"), format!("at most {CYCLE_MAX} s")));
    }
    for (&stage, green) in stages.iter().zip(greens) {
        program.phases[stage].duration = SimDuration::seconds(green);
    }
    for phase in &mut program.phases {
        (phase.duration_min, phase.duration_max) = (phase.duration, phase.duration);
    }
    Ok(())
}

/// Greens in the proportions there are that sum up to `room`, in whole seconds but for the first.
fn shared_out(greens: &[f64], room: f64) -> Vec<f64> {
    let sum: f64 = greens.iter().sum();
    let mut shared: Vec<f64> = greens.iter().map(|green| (green / sum * room).floor()).collect();
    let rest = room - shared.iter().sum::<f64>();
    if let Some(first) = shared.first_mut() {
        *first += rest;
    }
    shared
}

/// Lets greens end early or late.
fn make_adaptive(program: &mut SignalProgram, gap_max: SimDuration) {
    program.control = SignalControl::Actuated {
        gap_max,
        detector_gap: SimDuration::seconds(DETECTOR_GAP),
        passing_time: SimDuration::seconds(PASSING_TIME),
        inactive_after: SimDuration::seconds(INACTIVE_AFTER),
    };
    for stage in webster::stages(program) {
        let phase = &mut program.phases[stage];
        let green = seconds(phase.duration);
        phase.duration_min = SimDuration::seconds(green.min(GREEN_MIN));
        phase.duration_max = SimDuration::seconds((green * GREEN_MAX_SHARE).ceil().max(GREEN_MAX_LEAST));
    }
}

/// A green wave.
fn coordinate(
    network: &mut Network,
    wanted: &[Written],
    speed: Speed,
    cycle: Option<SimDuration>,
    findings: &mut Findings,
) -> Option<String> {
    let ids: Vec<SignalId> = wanted.iter().filter_map(|one| junctions::signal(network, one, findings)).collect();
    if ids.len() < wanted.len() {
        return None;
    }
    let mut programs = Vec::new();
    for (id, one) in ids.iter().zip(wanted) {
        programs.push(program(network, *id, one, findings)?);
    }
    let cycle = cycle.or_else(|| programs.iter().map(length).max())?;
    for (program, one) in programs.iter_mut().zip(wanted) {
        retime(program, Some(cycle), &[]).map_err(|(message, help)| wrong(one, message, help, findings)).ok()?;
    }
    let router = Router::new(network);
    let mut way: Vec<(EdgeId, f64)> = Vec::new();
    for (pair, one) in ids.windows(2).zip(&wanted[1..]) {
        let Some(found) = between(network, &router, pair[0], pair[1]) else {
            let message = format!("there is no way from the signal before to `{}`", one.text);
            wrong(one, message, "name the signals in driving order".to_owned(), findings);
            return None;
        };
        way.push(found);
    }
    // The first signal serves whoever goes on to the second; it keeps its offset.
    let first = exit_green(network, ids[0], &programs[0], way.first()?.0);
    let mut arrives = first + seconds(programs[0].offset);
    for (number, (edge, metres)) in way.iter().enumerate() {
        let program = &mut programs[number + 1];
        arrives += metres / speed.as_metres_per_second();
        let begins = approach_green(network, ids[number + 1], program, *edge);
        let offset = (arrives - begins).rem_euclid(seconds(cycle));
        program.offset = SimDuration::seconds(offset.round());
    }
    for (id, program) in ids.iter().zip(programs) {
        network.signals[id.index()].programs.push(program);
    }
    let (speed, cycle) = (speed.as_kilometres_per_hour(), seconds(cycle));
    Some(format!("coordinate {} signals for {speed:.0} km/h with a cycle of {cycle} s", ids.len()))
}

/// The last road of the shortest way from one signal to the next, and the length of that way [m].
fn between(network: &Network, router: &Router, from: SignalId, to: SignalId) -> Option<(EdgeId, f64)> {
    let links = |signal: SignalId| network.signal(signal).links.iter().flatten().map(|&link| network.link(link));
    let mut starts: Vec<EdgeId> = links(from).map(|link| network.lane(link.to).edge).collect();
    let mut ends: Vec<EdgeId> = links(to).map(|link| network.lane(link.from).edge).collect();
    for list in [&mut starts, &mut ends] {
        list.sort_unstable();
        list.dedup();
    }
    let (car, fast) = (VehicleClass::Passenger, Speed::metres_per_second(1.0));
    let mut best: Option<(EdgeId, f64)> = None;
    for &start in &starts {
        for &end in &ends {
            let Some(way) = router.shortest(start, end, car, fast) else { continue };
            let metres: f64 = way.iter().map(|&edge| network.edge(edge).length.as_metres()).sum();
            if best.is_none_or(|(_, other)| metres < other) {
                best = Some((end, metres));
            }
        }
    }
    best
}

/// When within its cycle a signal first shows green on the approach `edge`, straight on before other turns [s].
fn approach_green(network: &Network, id: SignalId, program: &SignalProgram, edge: EdgeId) -> f64 {
    let straight = |link: &crate::city::network::Link| link.turn == crate::city::network::Turn::Straight;
    let heads = |only_straight: bool| -> Vec<usize> {
        let links = network.signal(id).links.iter().enumerate();
        let fits = |link: &crate::city::network::Link| {
            network.lane(link.from).edge == edge && (!only_straight || straight(link))
        };
        links.filter(|(_, links)| links.iter().any(|&link| fits(network.link(link)))).map(|(head, _)| head).collect()
    };
    begins(program, &heads(true)).or_else(|| begins(program, &heads(false))).unwrap_or(0.0)
}

/// When within its cycle a signal first shows green to those who go on towards the approach `edge` of the next [s].
fn exit_green(network: &Network, id: SignalId, program: &SignalProgram, edge: EdgeId) -> f64 {
    let signal = network.signal(id);
    let towards = |link: &crate::city::network::Link| {
        let to = network.edge(network.lane(link.to).edge);
        let next = network.edge(edge);
        network.lane(link.to).edge == edge || (to.street.is_some() && to.street == next.street)
    };
    let straight = |link: &crate::city::network::Link| link.turn == crate::city::network::Turn::Straight;
    let pick = |only_straight: bool| -> Vec<usize> {
        let fits = |link: &crate::city::network::Link| towards(link) && (!only_straight || straight(link));
        let links = signal.links.iter().enumerate();
        links.filter(|(_, links)| links.iter().any(|&link| fits(network.link(link)))).map(|(head, _)| head).collect()
    };
    begins(program, &pick(true)).or_else(|| begins(program, &pick(false))).unwrap_or(0.0)
}

/// When a program first turns green for any of some heads, from its first phase [s].
fn begins(program: &SignalProgram, heads: &[usize]) -> Option<f64> {
    let green = |phase: usize| {
        let aspects = &program.phases[phase].aspects;
        heads.iter().any(|&head| matches!(aspects.get(head), Some(Aspect::GreenMajor | Aspect::GreenMinor)))
    };
    let phases = program.phases.len();
    let turns = (0..phases).find(|&phase| green(phase) && !green((phase + phases - 1) % phases))?;
    Some(program.phases[..turns].iter().map(|phase| seconds(phase.duration)).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greens_keep_their_proportions() {
        assert_eq!(shared_out(&[20.0, 10.0], 60.0), [40.0, 20.0]);
        let shared = shared_out(&[7.0, 5.0, 3.0], 50.0);
        assert!((shared.iter().sum::<f64>() - 50.0).abs() < 1e-9 && shared[0] > shared[1] && shared[1] > shared[2]);
    }
}
