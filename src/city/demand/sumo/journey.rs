//! How a journey begins and ends: when, on which lane, where and how fast.

use crate::city::network::xml::Element;
use crate::primitives::text::Findings;
use crate::primitives::{Distance, SimTime, Speed};

use super::super::model::{DepartLane, DepartPosition, DepartSpeed};
use super::ReadSettings;
use super::rows::RawArrival;

pub(super) fn read_depart(element: &Element<'_>, findings: &mut Findings) -> Option<SimTime> {
    let text = element.required("depart", findings)?;
    if let word @ ("triggered" | "containerTriggered" | "split" | "begin" | "now") = text.trim() {
        findings.unsupported(format!("vehicles with depart=\"{word}\""), 1);
        return None;
    }
    element.time("depart", findings)
}

pub(super) fn read_start(
    element: &Element<'_>,
    settings: &ReadSettings,
    findings: &mut Findings,
) -> (DepartLane, DepartPosition, DepartSpeed) {
    const POSITIONS: [(&str, DepartPosition); 5] = [
        ("base", DepartPosition::Base),
        ("random", DepartPosition::Random),
        ("random_free", DepartPosition::RandomFree),
        ("free", DepartPosition::Free),
        ("last", DepartPosition::Last),
    ];
    let mut word = |name: &str, known: bool| {
        let text = element.get(name).unwrap_or("");
        if !known && !text.is_empty() {
            let message = format!("'{name}' of <{}> has an unknown value: '{text}'", element.name);
            findings.problem(element.problem(message));
        }
    };
    let lane = element.get("departLane").and_then(parse_depart_lane);
    word("departLane", lane.is_some());
    let speed = element.get("departSpeed").and_then(parse_depart_speed);
    word("departSpeed", speed.is_some());
    let position = match element.get("departPos") {
        Some(text) if text.trim().parse::<f64>().is_ok() => {
            element.number("departPos", findings).map(|at| DepartPosition::At(Distance::metres(at)))
        }
        Some(word @ ("stop" | "splitFront" | "speedAware")) => {
            findings.unsupported(format!("departPos=\"{word}\" (base used)"), 1);
            None
        }
        _ => element.word("departPos", &POSITIONS, findings),
    };
    for (attribute, default) in
        [("departEdge", "0"), ("arrivalEdge", "-1"), ("arrivalLane", "current"), ("speedFactor", "")]
    {
        if element.get(attribute).is_some_and(|value| value != default) {
            findings.unsupported(format!("'{attribute}' of vehicles"), 1);
        }
    }
    (
        lane.unwrap_or(settings.depart_lane),
        position.unwrap_or(DepartPosition::Base),
        speed.unwrap_or(settings.depart_speed),
    )
}

/// A lane to depart on, by index or by SUMO's word for a choice.
pub(crate) fn parse_depart_lane(text: &str) -> Option<DepartLane> {
    Some(match text.trim() {
        "first" => DepartLane::First,
        "random" => DepartLane::Random,
        "free" => DepartLane::Free,
        "allowed" => DepartLane::Allowed,
        "best" => DepartLane::Best,
        "best_prob" => DepartLane::BestProbable,
        index => DepartLane::Index(index.parse().ok()?),
    })
}

/// A speed to depart at, in m/s or by SUMO's word for a choice.
pub(crate) fn parse_depart_speed(text: &str) -> Option<DepartSpeed> {
    Some(match text.trim() {
        "random" => DepartSpeed::Random,
        "max" => DepartSpeed::Max,
        "desired" => DepartSpeed::Desired,
        "speedLimit" => DepartSpeed::SpeedLimit,
        "last" => DepartSpeed::Last,
        "avg" => DepartSpeed::Average,
        number => {
            let speed: f64 = number.parse().ok()?;
            (speed.is_finite() && speed >= 0.0).then(|| DepartSpeed::At(Speed::metres_per_second(speed)))?
        }
    })
}

pub(super) fn read_arrival(element: &Element<'_>, findings: &mut Findings) -> RawArrival {
    match element.get("arrivalPos") {
        None | Some("max") => RawArrival::End,
        Some("center") => RawArrival::Centre,
        Some("random") => {
            findings.unsupported("arrivalPos=\"random\" (the end used)", 1);
            RawArrival::End
        }
        Some(_) => element.number("arrivalPos", findings).map_or(RawArrival::End, RawArrival::At),
    }
}
