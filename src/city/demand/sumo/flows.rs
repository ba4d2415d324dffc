//! Flows: when the vehicles of a `flow` depart.
//!
//! Even flows count whole milliseconds as SUMO does; random ones draw from keyed streams.

use crate::city::network::xml::Element;
use crate::primitives::random::{Purpose, Seed};
use crate::primitives::text::{Findings, Place};
use crate::primitives::{SimDuration, SimTime};

use super::ReadSettings;

/// The most vehicles one flow may bring.
const VEHICLES_MAX: u64 = 2_000_000;

/// How a flow brings its vehicles.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rhythm {
    /// One after each span.
    Even(SimDuration),
    /// With this chance in every second.
    Chance(f64),
    /// After spans drawn from an exponential distribution of this mean [s].
    Poisson(f64),
}

/// A flow as the file has it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RawFlow {
    pub(super) begin: SimTime,
    end: SimTime,
    number: Option<u64>,
    rhythm: Rhythm,
    place: Place,
}

/// Reads when a flow's vehicles depart.
pub(super) fn read_flow(element: &Element<'_>, settings: &ReadSettings, findings: &mut Findings) -> Option<RawFlow> {
    if let Some(word @ ("triggered" | "containerTriggered")) = element.get("begin") {
        findings.unsupported(format!("flows with begin=\"{word}\""), 1);
        return None;
    }
    let begin = if element.get("begin").is_some() { element.time("begin", findings)? } else { settings.begin };
    let end = if element.get("end").is_some() { Some(element.time("end", findings)?) } else { settings.end };
    let number = match element.get("number") {
        None => None,
        Some(_) => Some(u64::from(element.whole("number", findings)?)),
    };
    if end.is_some_and(|end| end < begin) {
        findings.problem(element.problem("a flow ends before it begins"));
        return None;
    }
    let rhythm = read_rhythm(element, begin, end, number, findings)?;
    if end.is_none() && number.is_none() {
        let problem = element.problem("a flow has neither an end nor a number of vehicles");
        findings.problem(problem.help("give it 'end' or 'number', or give the run an end"));
        return None;
    }
    Some(RawFlow { begin, end: end.unwrap_or(SimTime::MAX), number, rhythm, place: element.place() })
}

fn read_rhythm(
    element: &Element<'_>,
    begin: SimTime,
    end: Option<SimTime>,
    number: Option<u64>,
    findings: &mut Findings,
) -> Option<Rhythm> {
    let given: Vec<&str> = ["period", "vehsPerHour", "perHour", "probability"]
        .into_iter()
        .filter(|name| element.get(name).is_some())
        .collect();
    let mut positive = |name: &str| {
        let value = element.number(name, findings)?;
        if value <= 0.0 {
            findings.problem(element.problem(format!("'{name}' of a flow is not positive: {value}")));
            return None;
        }
        Some(value)
    };
    match (given.as_slice(), number, end) {
        (["period"], _, _) => {
            let text = element.get("period").unwrap_or("").trim();
            if let Some(inside) = text.strip_prefix("exp(").and_then(|rest| rest.strip_suffix(')')) {
                if let Some(rate) = inside.trim().parse::<f64>().ok().filter(|rate| rate.is_finite() && *rate > 0.0) {
                    return Some(Rhythm::Poisson(1.0 / rate));
                }
                findings.problem(element.problem(format!("the rate in '{text}' is not a positive number")));
                return None;
            }
            let span = element.time("period", findings)? - SimTime::ZERO;
            if span <= SimDuration::ZERO {
                findings.problem(element.problem("'period' of a flow is not positive"));
                return None;
            }
            Some(Rhythm::Even(span))
        }
        ([name @ ("vehsPerHour" | "perHour")], _, _) => {
            let rate = positive(name)?;
            Some(Rhythm::Even(SimDuration::seconds(3600.0 / rate).max(SimDuration::milliseconds(1))))
        }
        (["probability"], _, _) => {
            let chance = positive("probability")?;
            if chance > 1.0 {
                findings.problem(element.problem(format!("'probability' of a flow is above 1: {chance}")));
                return None;
            }
            Some(Rhythm::Chance(chance))
        }
        ([], Some(0), _) => Some(Rhythm::Even(SimDuration::seconds(1.0))),
        ([], Some(number), Some(end)) => {
            let whole = (end - begin).as_milliseconds();
            let span = whole / i64::try_from(number).unwrap_or(i64::MAX);
            Some(Rhythm::Even(SimDuration::milliseconds(span)))
        }
        ([], Some(_), None) => {
            findings.problem(element.problem("a flow with a number of vehicles has no end to spread them over"));
            None
        }
        ([], None, _) => {
            let problem = element.problem("a flow does not say how many vehicles it brings");
            findings.problem(problem.help("give it 'number', 'period', 'vehsPerHour' or 'probability'"));
            None
        }
        _ => {
            findings.problem(element.problem(format!("a flow has several of {}", given.join(", "))));
            None
        }
    }
}

impl RawFlow {
    /// When its vehicles depart, in order; the same on every call.
    pub(super) fn departures(
        &self,
        seed: Seed,
        order: u64,
        until: Option<SimTime>,
        findings: &mut Findings,
    ) -> Vec<SimTime> {
        let end = until.map_or(self.end, |until| until.min(self.end));
        let most = self.number.unwrap_or(u64::MAX);
        let mut times = Vec::new();
        let mut time = self.begin;
        let mut draw = 0_u64;
        while (times.len() as u64) < most {
            match self.rhythm {
                Rhythm::Even(span) => {
                    // More vehicles than milliseconds all depart at once, at the begin.
                    if time > end || (time == end && span > SimDuration::ZERO) {
                        break;
                    }
                    times.push(time);
                    time += span;
                }
                Rhythm::Chance(chance) => {
                    if time >= end {
                        break;
                    }
                    if seed.stream(Purpose::FlowTime, order, draw).unit() < chance {
                        times.push(time);
                    }
                    time += SimDuration::seconds(1.0);
                }
                Rhythm::Poisson(mean) => {
                    let share = seed.stream(Purpose::FlowTime, order, draw).unit();
                    time += SimDuration::seconds(-libm::log(1.0 - share) * mean);
                    if time >= end {
                        break;
                    }
                    times.push(time);
                }
            }
            draw += 1;
            if times.len() as u64 > VEHICLES_MAX || draw > 100 * VEHICLES_MAX {
                let message = format!("a flow brings more than {VEHICLES_MAX} vehicles");
                findings.problem(crate::primitives::text::Problem::new(self.place.clone(), message));
                return Vec::new();
            }
        }
        times
    }
}
