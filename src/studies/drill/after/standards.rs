//! What the figures are held against: NFPA 1710 for emergency medical services, and NHS England's Ambulance Response Programme.
//!
//! Each row names its source and the year of it, what it is measured over, and how this page reads it.

use serde::Serialize;

use crate::primitives::{Category, SimTime};

use super::super::model::Standard;
use super::course::{Course, Part};
use super::figures::{Spans, Standing};

/// Where the numbers come from.
const NFPA: &str = "NFPA 1710 (2020)";
const NHS: &str = "NHS England, Ambulance Response Programme (2017)";

/// How this page reads NFPA 1710.
pub(super) const NFPA_READING: &str = "NFPA 1710 is read for emergency medical services. Answering and processing are held against \
    every call; turnout and travel against calls of categories C1 and C2, to which units drive with blue light and siren. A drill does \
    not tell crews apart: every ambulance counts as the first responder with a defibrillator and as the advanced life support unit.";
/// How it reads the Ambulance Response Programme.
pub(super) const NHS_READING: &str = "The Ambulance Response Programme stops its clock at the most appropriate vehicle and not at \
    the first: where a patient is transported, at the vehicle that transports. Here one ambulance serves a call to its end, so the one \
    that arrives is the one that transports, and one that was called away on its way never stops the clock. The clock runs from when \
    the telephone rings. NHS England starts it a little later, once the problem is known, so these figures are never better than \
    theirs would be.";

/// What is asked of an interval.
#[derive(Debug, Clone, Copy)]
enum Asked {
    /// This share of calls within so many seconds.
    Within(f64, f64),
    /// A mean of at most so many seconds.
    Mean(f64),
    /// A 90th percentile of at most so many seconds.
    Ninetieth(f64),
}

/// A row of a standard.
struct Rule {
    of: Standard,
    name: &'static str,
    part: Part,
    over: &'static [Category],
    asked: Asked,
}

const EVERY: &[Category] = &Category::ALL;
const URGENT: &[Category] = &[Category::C1, Category::C2];

const fn nfpa(name: &'static str, part: Part, over: &'static [Category], asked: Asked) -> Rule {
    Rule { of: Standard::Nfpa1710, name, part, over, asked }
}

const fn nhs(name: &'static str, over: &'static [Category], asked: Asked) -> Rule {
    Rule { of: Standard::NhsArp, name, part: Part::Response, over, asked }
}

const RULES: [Rule; 12] = [
    nfpa("Calls answered", Part::Answer, EVERY, Asked::Within(0.95, 15.0)),
    nfpa("Calls answered", Part::Answer, EVERY, Asked::Within(0.99, 40.0)),
    nfpa("Calls processed", Part::Processing, EVERY, Asked::Within(0.90, 64.0)),
    nfpa("Turnout", Part::Turnout, URGENT, Asked::Within(0.90, 60.0)),
    nfpa("Travel, first responder with defibrillator", Part::Travel, URGENT, Asked::Within(0.90, 240.0)),
    nfpa("Travel, advanced life support", Part::Travel, URGENT, Asked::Within(0.90, 480.0)),
    nhs("Category 1, mean", &[Category::C1], Asked::Mean(420.0)),
    nhs("Category 1, 90th centile", &[Category::C1], Asked::Ninetieth(900.0)),
    nhs("Category 2, mean", &[Category::C2], Asked::Mean(1080.0)),
    nhs("Category 2, 90th centile", &[Category::C2], Asked::Ninetieth(2400.0)),
    nhs("Category 3, 90th centile", &[Category::C3], Asked::Ninetieth(7200.0)),
    nhs("Category 4, 90th centile", &[Category::C4], Asked::Ninetieth(10_800.0)),
];

/// A row of a standard with how both runs stand against it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Held {
    pub(super) standard: &'static str,
    #[serde(skip)]
    pub(super) of: Standard,
    pub(super) name: &'static str,
    /// Which interval.
    pub(super) interval: &'static str,
    /// Over calls of which categories.
    pub(super) categories: Vec<&'static str>,
    /// The most seconds.
    pub(super) limit_s: f64,
    /// The share of calls that it is asked of; none for a mean or percentile.
    pub(super) asked: Option<f64>,
    pub(super) played: Standing,
    pub(super) by_bots: Standing,
}

/// Every row of the standards that the drill names.
pub(super) fn held(standards: &[Standard], played: (&[Course], SimTime), by_bots: (&[Course], SimTime)) -> Vec<Held> {
    RULES.iter().filter(|rule| standards.contains(&rule.of)).map(|rule| row(rule, played, by_bots)).collect()
}

fn row(rule: &Rule, played: (&[Course], SimTime), by_bots: (&[Course], SimTime)) -> Held {
    let standing = |(calls, ended): (&[Course], SimTime)| {
        let over = calls.iter().filter(|call| rule.over.contains(&call.category));
        let spans = Spans::new(over.map(|call| rule.part.of(call, ended)));
        match rule.asked {
            Asked::Within(share, limit) => spans.within(limit, share),
            Asked::Mean(limit) => spans.mean_against(limit),
            Asked::Ninetieth(limit) => spans.percentile_against(0.9, limit),
        }
    };
    let (limit_s, asked) = match rule.asked {
        Asked::Within(share, limit) => (limit, Some(share)),
        Asked::Mean(limit) | Asked::Ninetieth(limit) => (limit, None),
    };
    Held {
        standard: match rule.of {
            Standard::Nfpa1710 => NFPA,
            Standard::NhsArp => NHS,
        },
        of: rule.of,
        name: rule.name,
        interval: rule.part.word(),
        categories: rule.over.iter().map(|category| category.name()).collect(),
        limit_s,
        asked,
        played: standing(played),
        by_bots: standing(by_bots),
    }
}
