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
    gap_max: SimDuration,
    detector_gap: SimDuration,
}

impl ProgramReader {
    /// Takes in a `tlLogic`, a `phase` or a `param`; parameters outside a program say nothing to us.
    pub(crate) fn open(&mut self, element: &Element<'_>, findings: &mut Findings) {
        match (element.name, &mut self.current) {
            ("tlLogic", _) => self.current = begin(element, findings),
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
            current.program.control = SignalControl::Actuated { gap_max, detector_gap };
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
        "static" | "" => false,
        "actuated" => true,
        // Railway signals have no phases; they govern no road.
        "rail_signal" | "rail_crossing" => return None,
        "delay_based" | "NEMA" => {
            findings.unsupported(format!("signal programs of type {kind} (run as actuated)"), 1);
            true
        }
        other => {
            findings.unsupported(format!("signal programs of type {other} (run as fixed time)"), 1);
            false
        }
    };
    let program = SignalProgram {
        name: element.get("programID").unwrap_or("0").to_string(),
        control: SignalControl::FixedTime,
        offset: element.time("offset", findings).unwrap_or(SimTime::ZERO) - SimTime::ZERO,
        phases: Vec::new(),
    };
    Some(Current {
        place: element.place(),
        signal,
        program,
        actuated,
        gap_max: SimDuration::seconds(GAP_MAX),
        detector_gap: SimDuration::seconds(DETECTOR_GAP),
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
        match key {
            "max-gap" => seconds(&mut self.gap_max),
            "detector-gap" => seconds(&mut self.detector_gap),
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
