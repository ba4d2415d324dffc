//! Writing signal programs as SUMO's `tlLogic`, the counterpart of `signals`.

use std::fmt::Write as _;

use super::super::model::{Aspect, Signal, SignalControl, SignalProgram};
use super::super::xml::attribute;

/// Writes one program of a signal; the phases of those that trains operate are known to everybody.
pub(super) fn write_program(text: &mut String, signal: &Signal, program: &SignalProgram) {
    let (kind, parameters) = match program.control {
        SignalControl::FixedTime => ("static", Vec::new()),
        SignalControl::Actuated { gap_max, detector_gap, passing_time, inactive_after } => (
            "actuated",
            vec![
                ("max-gap", gap_max),
                ("detector-gap", detector_gap),
                ("passing-time", passing_time),
                ("inactive-threshold", inactive_after),
            ],
        ),
        SignalControl::Block => ("rail_signal", Vec::new()),
        SignalControl::LevelCrossing { time_gap, opening_delay, green_min } => {
            let phases = program.phases.iter().map(|phase| phase.duration);
            let own =
                ["", "yellow-time", "", "opening-time"].into_iter().zip(phases).filter(|(name, _)| !name.is_empty());
            let given = [("time-gap", time_gap), ("opening-delay", opening_delay), ("min-green", green_min)];
            ("rail_crossing", given.into_iter().chain(own).collect())
        }
    };
    let _ = writeln!(
        text,
        "    <tlLogic{} type=\"{kind}\"{} offset=\"{}\">",
        attribute("id", &signal.name),
        attribute("programID", &program.name),
        program.offset.as_seconds()
    );
    let is_rail = matches!(program.control, SignalControl::Block | SignalControl::LevelCrossing { .. });
    for phase in program.phases.iter().filter(|_| !is_rail) {
        let states: String = phase.aspects.iter().copied().map(Aspect::letter).collect();
        let _ = write!(text, "        <phase duration=\"{}\" state=\"{states}\"", phase.duration.as_seconds());
        if phase.duration_min != phase.duration || phase.duration_max != phase.duration {
            let (least, most) = (phase.duration_min.as_seconds(), phase.duration_max.as_seconds());
            let _ = write!(text, " minDur=\"{least}\" maxDur=\"{most}\"");
        }
        if !phase.next.is_empty() {
            let next: Vec<String> = phase.next.iter().map(ToString::to_string).collect();
            let _ = write!(text, " next=\"{}\"", next.join(" "));
        }
        text.push_str("/>\n");
    }
    for (name, value) in parameters {
        let _ = writeln!(text, "        <param key=\"{name}\" value=\"{}\"/>", value.as_seconds());
    }
    text.push_str("    </tlLogic>\n");
}
