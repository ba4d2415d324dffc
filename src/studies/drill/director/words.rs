//! Triggers, conditions and expectations in words, for controllers and the review.

use std::fmt::Write;

use crate::primitives::{SimDuration, SimTime};
use crate::studies::drill::model::{Comparison, Condition, Drill, Expect, Expected, Measure, Trigger};

/// A time as players read it: after T+0.
pub(super) fn t_plus(drill: &Drill, at: SimTime) -> String {
    let after = at - drill.start;
    let sign = if after < SimDuration::ZERO { "T-" } else { "T+" };
    let clock = SimTime::milliseconds(after.as_milliseconds().abs());
    format!("{sign}{clock}")
}

/// What an inject waits for; `hospital` gives a hospital's name.
pub(in crate::studies::drill) fn trigger(drill: &Drill, trigger: &Trigger, hospital: &dyn Fn(u32) -> String) -> String {
    let mut words = String::new();
    if let Some(at) = trigger.at {
        let _ = write!(words, "at {}", t_plus(drill, at));
    }
    for (place, one) in trigger.when.iter().enumerate() {
        words.push_str(match (place, words.is_empty()) {
            (0, true) => "when ",
            (0, false) => ", when ",
            _ => " and ",
        });
        words.push_str(&condition(drill, one, hospital));
    }
    if trigger.lasting > SimDuration::ZERO {
        let _ = write!(words, " for {}", trigger.lasting);
    }
    if words.is_empty() {
        words.push_str("by hand");
    }
    if let Some(inject) = trigger.unless.and_then(|inject| drill.injects.get(inject)) {
        let _ = write!(words, ", unless what {} expects was done", inject.id);
    }
    words
}

fn condition(drill: &Drill, condition: &Condition, hospital: &dyn Fn(u32) -> String) -> String {
    let id = |inject: usize| drill.injects.get(inject).map_or("?", |inject| inject.id.as_str());
    let yes = match (condition.is, condition.value) {
        (Comparison::Equal | Comparison::AtLeast, value) => value > 0.5,
        (Comparison::More, value) => value < 1.0,
        _ => false,
    };
    let not = if yes { "" } else { " not" };
    let (what, unit) = match condition.of {
        Measure::UnitsFree => ("units free".to_owned(), ""),
        Measure::CallsWaiting => ("calls waiting".to_owned(), ""),
        Measure::LongestWait => ("the longest wait".to_owned(), " s"),
        Measure::HospitalLoad(number) => (format!("the load of {}", hospital(number)), ""),
        Measure::HospitalWaiting(number) => (format!("ambulances waiting at {}", hospital(number)), ""),
        Measure::Delivered(inject) => return format!("{} is{not} delivered", id(inject)),
        Measure::Met(inject) => return format!("what {} expects is{not} done", id(inject)),
        Measure::Missed(inject) => return format!("what {} expects is{not} missed", id(inject)),
    };
    let is = match condition.is {
        Comparison::Less => "<",
        Comparison::AtMost => "≤",
        Comparison::Equal => "=",
        Comparison::AtLeast => "≥",
        Comparison::More => ">",
    };
    format!("{what} {is} {}{unit}", condition.value)
}

/// What is expected.
pub(in crate::studies::drill) fn expect(drill: &Drill, expect: &Expect, hospital: &dyn Fn(u32) -> String) -> String {
    let mut words = match &expect.what {
        Expected::Acknowledge => "take note of the message".to_owned(),
        Expected::Assign { units, category } => {
            let of = category.map_or(String::new(), |category| format!(" to {category} calls"));
            let units = if *units == 1 { "1 unit".to_owned() } else { format!("{units} units") };
            format!("send {units}{of}")
        }
        Expected::Divert => "divert a unit".to_owned(),
        Expected::StandDown => "call a unit back".to_owned(),
        Expected::Direct { hospital: None } => "name a hospital for a unit".to_owned(),
        Expected::Direct { hospital: Some(number) } => format!("direct a unit to {}", hospital(*number)),
        Expected::Declare { what } => format!("declare {what}"),
        Expected::Say { to } => {
            format!("tell {}", drill.roles.get(*to).map_or("somebody", |role| role.title.as_str()))
        }
    };
    let _ = write!(words, " within {}", expect.within);
    words
}
