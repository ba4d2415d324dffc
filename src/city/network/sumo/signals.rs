//! Signal programs (`tlLogic`): their phases and how they run.
//!
//! Used for networks and for additional files alike, which may bring other programs for the same signals.

use crate::primitives::SimDuration;
use crate::primitives::SimTime;
use crate::primitives::text::{Findings, Place};

use super::super::model::{Aspect, Phase, SignalControl, SignalProgram};
use super::super::xml::Element;

/// Longest green under actuation where a phase names only the shortest [s] (SUMO).
const DURATION_MAX: f64 = 2_147_483.0;
/// The longest gap that extends a green where the program does not say [s] (SUMO).
const GAP_MAX: f64 = 3.0;
/// Travel time from detector to stop line where the program does not say [s] (SUMO).
const DETECTOR_GAP: f64 = 2.0;

/// Headway of a discharging queue where the program does not say [s] (SUMO).
const PASSING_TIME: f64 = 1.9;
/// Time without green after which a detector comes first where the program does not say [s] (SUMO).
const INACTIVE_AFTER: f64 = 180.0;
/// Least time until a train arrives for a level crossing to stay open, beyond its closing time [s] (SUMO).
const CROSSING_TIME_GAP: f64 = 15.0;
/// How long a level crossing stays closed behind a train [s] (SUMO).
const CROSSING_OPENING_DELAY: f64 = 3.0;
/// How long a level crossing shows red and yellow before it is open [s] (SUMO).
const CROSSING_OPENING: f64 = 3.0;
/// Shortest time a level crossing is open [s] (SUMO).
const CROSSING_GREEN_MIN: f64 = 5.0;
/// How long a level crossing shows yellow before it is closed [s] (SUMO).
const CROSSING_YELLOW: f64 = 5.0;

/// How a signal that trains operate runs, by SUMO's word for it; none for every other one.
pub(crate) fn rail_control(kind: &str) -> Option<SignalControl> {
    match kind {
        "rail_signal" => Some(SignalControl::Block),
        "rail_crossing" => Some(SignalControl::LevelCrossing {
            time_gap: SimDuration::seconds(CROSSING_TIME_GAP),
            opening_delay: SimDuration::seconds(CROSSING_OPENING_DELAY),
            green_min: SimDuration::seconds(CROSSING_GREEN_MIN),
        }),
        _ => None,
    }
}

/// The program of a signal that trains operate, with one head; [`show_heads`] gives it more.
pub(crate) fn rail_program(name: String, control: SignalControl) -> SignalProgram {
    let phase = |aspect: Aspect, seconds: f64| {
        let duration = SimDuration::seconds(seconds);
        let aspects = vec![aspect];
        Phase { duration, duration_min: duration, duration_max: duration, aspects, next: Vec::new() }
    };
    let phases = match control {
        SignalControl::LevelCrossing { .. } => vec![
            phase(Aspect::GreenMajor, 1.0),
            phase(Aspect::YellowMinor, CROSSING_YELLOW),
            phase(Aspect::Red, 1.0),
            phase(Aspect::RedYellow, CROSSING_OPENING),
        ],
        _ => vec![phase(Aspect::GreenMajor, 1.0), phase(Aspect::Red, 1.0)],
    };
    SignalProgram { name, control, offset: SimDuration::ZERO, phases }
}

/// Lets every phase of a signal that trains operate show at least this many heads; all heads show the same.
pub(crate) fn show_heads(program: &mut SignalProgram, heads: usize) {
    if matches!(program.control, SignalControl::Block | SignalControl::LevelCrossing { .. }) {
        for phase in &mut program.phases {
            let aspect = phase.aspects[0];
            phase.aspects.resize(heads.max(phase.aspects.len()), aspect);
        }
    }
}

/// Gathers one `tlLogic` with what lies in it.
#[derive(Debug, Default)]
pub(crate) struct ProgramReader {
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    place: Place,
    signal: String,
    program: SignalProgram,
    actuated: bool,
    /// Whether trains operate it; then its phases are fixed and come from nobody's file.
    rail: bool,
    gap_max: SimDuration,
    detector_gap: SimDuration,
    passing_time: SimDuration,
    inactive_after: SimDuration,
}

impl ProgramReader {
    /// Takes in a `tlLogic`, a `phase` or a `param`; parameters outside a program say nothing to us.
    pub(crate) fn open(&mut self, element: &Element<'_>, findings: &mut Findings) {
        match (element.name, &mut self.current) {
            ("tlLogic", _) => self.current = begin(element, findings),
            ("phase", Some(current)) if current.rail => {}
            ("phase", Some(current)) => current.program.phases.extend(read_phase(element, findings)),
            ("param", Some(current)) => current.parameter(element, findings),
            _ => {}
        }
    }

    /// The program that closes: signal, program, place.
    pub(crate) fn finish(&mut self, findings: &mut Findings) -> Option<(String, SignalProgram, Place)> {
        let mut current = self.current.take()?;
        let (gap_max, detector_gap) = (current.gap_max, current.detector_gap);
        if current.actuated {
            let (passing_time, inactive_after) = (current.passing_time, current.inactive_after);
            current.program.control = SignalControl::Actuated { gap_max, detector_gap, passing_time, inactive_after };
        }
        let phases = &current.program.phases;
        let problem = if phases.is_empty() {
            Some("has no phase")
        } else if phases.iter().any(|phase| phase.aspects.len() != phases[0].aspects.len()) {
            Some("has phases with different numbers of states")
        } else if phases.iter().any(|phase| phase.next.iter().any(|&next| next as usize >= phases.len())) {
            Some("has a phase whose 'next' names no phase")
        } else if phases.iter().all(|phase| phase.duration == SimDuration::ZERO) {
            Some("has no phase that lasts any time")
        } else {
            None
        };
        if let Some(problem) = problem {
            let message = format!("program '{}' of signal '{}' {problem}", current.program.name, current.signal);
            findings.problem(crate::primitives::text::Problem::new(current.place, message));
            return None;
        }
        Some((current.signal, current.program, current.place))
    }
}

fn begin(element: &Element<'_>, findings: &mut Findings) -> Option<Current> {
    let signal = element.required("id", findings)?.into_owned();
    let kind = element.get("type").unwrap_or("static");
    let actuated = match kind {
        "static" | "" | "rail_signal" | "rail_crossing" => false,
        "actuated" => true,
        "delay_based" | "NEMA" => {
            findings.unsupported(format!("signal programs of type {kind} (run as actuated)"), 1);
            true
        }
        other => {
            findings.unsupported(format!("signal programs of type {other} (run as fixed time)"), 1);
            false
        }
    };
    let name = element.get("programID").unwrap_or("0").to_string();
    let offset = element.time("offset", findings).unwrap_or(SimTime::ZERO) - SimTime::ZERO;
    let rail = rail_control(kind);
    let program = match rail {
        Some(control) => rail_program(name, control),
        None => SignalProgram { name, control: SignalControl::FixedTime, offset, phases: Vec::new() },
    };
    Some(Current {
        place: element.place(),
        signal,
        program,
        actuated,
        rail: rail.is_some(),
        gap_max: SimDuration::seconds(GAP_MAX),
        detector_gap: SimDuration::seconds(DETECTOR_GAP),
        passing_time: SimDuration::seconds(PASSING_TIME),
        inactive_after: SimDuration::seconds(INACTIVE_AFTER),
    })
}

impl Current {
    fn parameter(&mut self, element: &Element<'_>, findings: &mut Findings) {
        /// What describes a signal or its outputs without changing how it runs.
        const QUIET: [&str; 6] = ["file", "freq", "period", "show-detectors", "vTypes", "cycleTime"];
        let key = element.get("key").unwrap_or("");
        let mut seconds = |target: &mut SimDuration| {
            if let Some(value) = element.time("value", findings) {
                *target = value - SimTime::ZERO;
            }
        };
        if let SignalControl::LevelCrossing { time_gap, opening_delay, green_min } = &mut self.program.control {
            let phases = &mut self.program.phases;
            match key {
                "time-gap" => seconds(time_gap),
                "opening-delay" => seconds(opening_delay),
                "min-green" => seconds(green_min),
                "yellow-time" => seconds(&mut phases[1].duration),
                "opening-time" => seconds(&mut phases[3].duration),
                "space-gap" => findings.unsupported("signal parameter 'space-gap'", 1),
                _ => {}
            }
            return;
        }
        match key {
            "max-gap" => seconds(&mut self.gap_max),
            "detector-gap" => seconds(&mut self.detector_gap),
            "passing-time" => seconds(&mut self.passing_time),
            "inactive-threshold" => seconds(&mut self.inactive_after),
            _ if self.actuated && !QUIET.contains(&key) => {
                findings.unsupported(format!("signal parameter '{key}'"), 1);
            }
            _ => {}
        }
    }
}

fn read_phase(element: &Element<'_>, findings: &mut Findings) -> Option<Phase> {
    element.required("duration", findings)?;
    let mut span = |name: &str| element.time(name, findings).map(|time| time - SimTime::ZERO);
    let (duration, shortest, longest) = (span("duration")?, span("minDur"), span("maxDur"));
    let text = element.required("state", findings)?;
    let aspects: Option<Vec<Aspect>> = text.chars().map(aspect).collect();
    if aspects.is_none() {
        findings.problem(element.problem(format!("the phase '{text}' shows an unknown state")));
    }
    let next = element.get("next").map_or(Some(Vec::new()), |text| {
        text.split([' ', ',']).filter(|word| !word.is_empty()).map(|word| word.parse().ok()).collect()
    });
    if next.is_none() {
        findings.problem(element.problem("'next' of a phase is not a list of phases"));
    }
    if [Some(duration), shortest, longest].iter().flatten().any(|span| *span < SimDuration::ZERO) {
        findings.problem(element.problem("a phase cannot last less than no time"));
        return None;
    }
    // Without a shortest duration a phase is not actuated.
    let duration_min = shortest.unwrap_or(duration);
    let open_end = if shortest.is_some() { SimDuration::seconds(DURATION_MAX) } else { duration };
    Some(Phase { duration, duration_min, duration_max: longest.unwrap_or(open_end), aspects: aspects?, next: next? })
}

fn aspect(state: char) -> Option<Aspect> {
    Some(match state {
        'r' => Aspect::Red,
        'u' => Aspect::RedYellow,
        'y' => Aspect::YellowMinor,
        'Y' => Aspect::YellowMajor,
        'g' => Aspect::GreenMinor,
        'G' => Aspect::GreenMajor,
        's' => Aspect::Stop,
        'o' => Aspect::OffBlinking,
        'O' => Aspect::Off,
        _ => return None,
    })
}
