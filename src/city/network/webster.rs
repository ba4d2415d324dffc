//! How long a signal shows green: cycle and splits after Webster, and the times between two greens.
//!
//! Webster (1958), Traffic Signal Settings, Road Research Technical Paper 39: the cycle of least delay is
//! `C = (1.5·L + 5) / (1 - Y)` (eq. 7) with the lost time `L` [s] and `Y` the sum over the stages of their largest ratio of
//! flow to saturation flow; greens share `C - L` in proportion to those ratios. Valid below saturation, `Y` < 1.
//!
//! Knows phases, flows and speeds; nothing of geometry. Counts may come from assumptions or from the field.

use std::collections::BTreeMap;

use super::model::{Aspect, Network, Phase, SignalControl, SignalProgram, Turn};
use crate::primitives::ids::{LaneId, LinkId, SignalId};
use crate::primitives::{Distance, Flow, SimDuration, Speed};

/// Shortest cycle [s]; below it, lost time eats the capacity.
const CYCLE_MIN: f64 = 40.0;
/// Longest cycle [s]; beyond it, people on foot stop waiting for green.
const CYCLE_MAX: f64 = 120.0;
/// Shortest green [s]: a start, and a second vehicle.
const GREEN_MIN: f64 = 6.0;
/// Shortest green of an actuated stage [s], as SUMO's default.
const GREEN_MIN_ACTUATED: f64 = 5.0;
/// Longest green of an actuated stage, as a multiple of its Webster green.
const GREEN_MAX_SHARE: f64 = 1.5;
/// Highest `Y` the cycle formula is used for; the cycle has long reached its limit there.
const LOAD_MAX: f64 = 0.95;

/// The traffic of one link of a signal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stream {
    /// Its index into the aspects.
    pub head: usize,
    /// The lane it starts from; streams of one lane share its saturation flow.
    pub lane: LaneId,
    /// How much traffic there is [veh/h].
    pub flow: Flow,
    /// How much a green without end would let through [veh/h].
    pub saturation: Flow,
}

/// Saturation flow of a lane by where it leads: 1,900 veh/h straight on, reduced by 0.95 to the left and 0.85 to the right
/// (Transportation Research Board 2000, Highway Capacity Manual, chapter 16, eq. 16-4 and exhibit 16-7).
pub fn saturation_flow(turn: Turn) -> Flow {
    Flow::vehicles_per_hour(match turn {
        Turn::Straight | Turn::SlightLeft | Turn::SlightRight => 1900.0,
        Turn::Left | Turn::Back => 1900.0 * 0.95,
        Turn::Right => 1900.0 * 0.85,
    })
}

/// How long yellow lasts before red on an approach with this speed limit.
///
/// `y = t + v / (2·a)` (Gazis, Herman and Maradudin 1960, Operations Research 8, 112; Institute of Transportation Engineers
/// 2020, Guidelines for Determining Traffic Signal Change and Clearance Intervals, level grade) with the reaction time
/// `t` = 1 s and the deceleration `a` = 3.5 m/s² that gives the usual 3 s at 50 km/h; rounded up to half seconds.
pub fn yellow(speed: Speed) -> SimDuration {
    let seconds = 1.0 + speed.as_metres_per_second() / (2.0 * 3.5);
    SimDuration::seconds(((seconds * 2.0).ceil() / 2.0).clamp(3.0, 6.0))
}

/// How long all show red, so that the last vehicle clears a path: `r = (W + L) / v` (Institute of Transportation Engineers
/// 2020) with a vehicle length `L` = 6 m, at no more than 50 km/h; rounded up to half seconds.
pub fn all_red(path: Distance, speed: Speed) -> SimDuration {
    let speed = speed.min(Speed::kilometres_per_hour(50.0)).max(Speed::metres_per_second(3.0));
    let seconds = (path + Distance::metres(6.0)) / speed;
    SimDuration::seconds(((seconds.as_seconds() * 2.0).ceil() / 2.0).clamp(1.0, 5.0))
}

/// Gives a program the cycle and greens of least delay for the traffic given; yellow and red times stay.
///
/// Stages are the phases without yellow in which somebody gets green who had none before. A link that is green in several stages loads the first in which
/// it has priority, or else the first.
pub fn retime(program: &mut SignalProgram, streams: &[Stream]) {
    let stages = stages(program);
    // Trains do not wait for the road.
    let of_rails = matches!(program.control, SignalControl::Block | SignalControl::LevelCrossing { .. });
    if stages.is_empty() || of_rails {
        return;
    }
    let phases = program.phases.iter().enumerate();
    let between = phases.filter(|(phase, _)| !stages.contains(phase));
    let lost: f64 = between.map(|(_, phase)| phase.duration.as_seconds()).sum();
    let ratios = flow_ratios(program, &stages, streams);
    for (&stage, green) in stages.iter().zip(greens(&ratios, lost)) {
        let phase = &mut program.phases[stage];
        phase.duration = SimDuration::seconds(green);
        (phase.duration_min, phase.duration_max) = match program.control {
            SignalControl::FixedTime | SignalControl::Block | SignalControl::LevelCrossing { .. } => {
                (phase.duration, phase.duration)
            }
            SignalControl::Actuated { .. } => (
                SimDuration::seconds(green.min(GREEN_MIN_ACTUATED)),
                SimDuration::seconds((green * GREEN_MAX_SHARE).ceil().max(20.0)),
            ),
        };
    }
}

/// The stages of a program by the numbers of their phases: those without yellow in which somebody gets green who had none before.
pub fn stages(program: &SignalProgram) -> Vec<usize> {
    (0..program.phases.len()).filter(|&phase| is_stage(&program.phases, phase)).collect()
}

/// The streams of a signal of a network, with the flow of each link given: counts, or the flows of an assignment.
pub fn streams(network: &Network, signal: SignalId, flow: impl Fn(LinkId) -> Flow) -> Vec<Stream> {
    let heads = network.signal(signal).links.iter().enumerate();
    heads
        .flat_map(|(head, links)| links.iter().map(move |&link| (head, link)))
        .map(|(head, link)| Stream {
            head,
            lane: network.link(link).from,
            flow: flow(link),
            saturation: saturation_flow(network.link(link).turn),
        })
        .collect()
}

/// Whether a phase is a stage of its own rather than a passage between two: somebody gets green, or priority, in it.
fn is_stage(phases: &[Phase], index: usize) -> bool {
    let (phase, before) = (&phases[index], &phases[(index + phases.len() - 1) % phases.len()]);
    let passing = [Aspect::YellowMajor, Aspect::YellowMinor, Aspect::RedYellow];
    let rank = |aspect: Option<&Aspect>| match aspect {
        Some(Aspect::GreenMajor) => 2,
        Some(Aspect::GreenMinor) => 1,
        _ => 0,
    };
    let mut heads = phase.aspects.iter().enumerate();
    !phase.aspects.iter().any(|aspect| passing.contains(aspect))
        && heads.any(|(head, aspect)| rank(Some(aspect)) > rank(before.aspects.get(head)))
}

/// Largest ratio of flow to saturation flow among the lanes that each stage serves.
fn flow_ratios(program: &SignalProgram, stages: &[usize], streams: &[Stream]) -> Vec<f64> {
    let shown = |stage: usize, head: usize| program.phases[stages[stage]].aspects.get(head).copied();
    let mut loads: BTreeMap<(usize, LaneId), f64> = BTreeMap::new();
    for stream in streams {
        let first = |aspect: Aspect| (0..stages.len()).find(|&stage| shown(stage, stream.head) == Some(aspect));
        let Some(stage) = first(Aspect::GreenMajor).or_else(|| first(Aspect::GreenMinor)) else { continue };
        let ratio = (stream.flow / stream.saturation).max(0.0);
        *loads.entry((stage, stream.lane)).or_default() += if ratio.is_finite() { ratio } else { 0.0 };
    }
    let largest = |stage: usize| {
        let of_stage = loads.iter().filter(|((at, _), _)| *at == stage);
        of_stage.map(|(_, load)| *load).fold(0.0, f64::max)
    };
    (0..stages.len()).map(largest).collect()
}

/// Greens in whole seconds for the flow ratios of the stages and the lost time of the cycle [s].
fn greens(ratios: &[f64], lost: f64) -> Vec<f64> {
    let load: f64 = ratios.iter().sum();
    let cycle = ((1.5 * lost + 5.0) / (1.0 - load.min(LOAD_MAX))).clamp(CYCLE_MIN, CYCLE_MAX);
    let stages = f64::from(u32::try_from(ratios.len()).unwrap_or(1));
    let room = (cycle - lost - GREEN_MIN * stages).max(0.0);
    // Every stage has its shortest green; what is left goes where the share of flow asks for more than that.
    let wish = |ratio: f64| {
        let share = if load > 0.0 { ratio / load } else { 1.0 / stages };
        (share * (cycle - lost) - GREEN_MIN).max(0.0)
    };
    let wishes: f64 = ratios.iter().map(|&ratio| wish(ratio)).sum();
    ratios
        .iter()
        .map(|&ratio| GREEN_MIN + if wishes > 0.0 { (wish(ratio) * room / wishes).round() } else { 0.0 })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yellow_is_three_seconds_in_town() {
        assert_eq!(yellow(Speed::kilometres_per_hour(30.0)), SimDuration::seconds(3.0));
        assert_eq!(yellow(Speed::kilometres_per_hour(50.0)), SimDuration::seconds(3.0));
        assert_eq!(yellow(Speed::kilometres_per_hour(70.0)), SimDuration::seconds(4.0));
    }

    #[test]
    fn webster_gives_the_cycle_of_the_formula() {
        // L = 10 s, Y = 0.6: C = 20 / 0.4 = 50 s, 40 s of green in the proportion 2 to 1.
        let greens = greens(&[0.4, 0.2], 10.0);
        assert_eq!(greens, [27.0, 13.0]);
    }

    #[test]
    fn the_cycle_keeps_its_bounds() {
        for (ratios, lost, cycle) in
            [(&[0.05, 0.05][..], 8.0, 40.0), (&[0.6, 0.5], 10.0, 120.0), (&[0.0, 0.0], 8.0, 40.0)]
        {
            let total = greens(ratios, lost).iter().sum::<f64>() + lost;
            assert!((total - cycle).abs() <= 1.0, "{ratios:?} gives {total} s");
        }
    }
}
