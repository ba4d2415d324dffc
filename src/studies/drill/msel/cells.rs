//! What stands in the cells of a spreadsheet, in the words of a drill file: times as spreadsheets show them, types and methods as planners
//! call them.

use super::super::file::{Moment, is_by_hand, moment};
use super::super::model::{InjectKind, Medium};
use crate::primitives::units::{DURATION, Unreadable};

/// What to do about a formula that came to nothing.
pub(super) const MEND: &str = "mend the formula, or make the column wider";

/// What spreadsheets show where a formula comes to nothing.
const FAULTS: [&str; 11] = [
    "#REF!",
    "#NAME?",
    "#VALUE!",
    "#DIV/0!",
    "#N/A",
    "#NULL!",
    "#NUM!",
    "#SPILL!",
    "#CALC!",
    "#ERROR!",
    "#GETTING_DATA",
];

/// Whether a cell is what a spreadsheet shows where a formula comes to nothing, or where a column is too narrow.
pub(super) fn is_fault(text: &str) -> bool {
    let text = text.trim();
    FAULTS.iter().any(|fault| text.eq_ignore_ascii_case(fault)) || text.len() > 2 && text.chars().all(|c| c == '#')
}

/// When an inject comes, taken apart: `T+00:12:00 when units-free <= 1 for 2 min unless I-03`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct When {
    pub at: Option<String>,
    pub states: Option<String>,
    pub lasting: Option<String>,
    pub unless: Option<String>,
}

/// Takes a cell of the column of times apart.
pub(super) fn when(text: &str) -> Result<When, Unreadable> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // Small letters for the search only where they take up as much room.
    let small = text.to_ascii_lowercase();
    let find = |word: &str| {
        let begins = small.strip_prefix(word.trim_start()).map(|_| 0);
        begins.or_else(|| small.find(word).map(|at| at + 1))
    };
    let unless = find(" unless ");
    let states = find(" when ").or_else(|| find(" if ")).filter(|at| unless.is_none_or(|unless| *at < unless));
    let end_of_states = unless.unwrap_or(text.len());
    let end_of_time = states.or(unless).unwrap_or(text.len());
    let after = |from: usize, to: usize| text[from..to].split_once(' ').map_or("", |(_, rest)| rest).trim();
    let trimmed = |part: &str| {
        let part = part.trim_matches(|c: char| c == ' ' || c == ',' || c == ';');
        (!part.is_empty()).then(|| part.to_owned())
    };
    let mut parts = When {
        at: trimmed(&text[..end_of_time]).map(|at| time(&at)).transpose()?,
        unless: unless.and_then(|at| trimmed(after(at, text.len()))),
        ..When::default()
    };
    if let Some(states) = states.map(|at| after(at, end_of_states)) {
        // A state of which the last `for` is followed by a duration lasts.
        match states.rsplit_once(" for ") {
            Some((state, lasting)) if DURATION.read(lasting).is_ok() => {
                parts.states = trimmed(state);
                parts.lasting = trimmed(lasting);
            }
            _ => parts.states = trimmed(states),
        }
    }
    Ok(parts)
}

/// A time as a drill file has it, of one as a spreadsheet shows it.
///
/// Besides a drill file's forms: `7:12 AM`, a day before the time, a part of a day (`0.3`) and a spreadsheet's count of days (`45983.3`).
pub(super) fn time(text: &str) -> Result<String, Unreadable> {
    let text = text.trim();
    let refused = |message: String, help: &str| Err(Unreadable { message, help: help.to_owned() });
    if text.starts_with('#') {
        return refused(format!("`{text}` is a fault of the spreadsheet"), MEND);
    }
    if text == "0" {
        return Ok("00:00:00".to_owned());
    }
    if moment(text).is_ok() || is_by_hand(text) {
        return Ok(text.to_owned());
    }
    if let Some(clock) = half_day(text) {
        return Ok(clock);
    }
    // Of a day and a time, the time; a drill is on one day.
    if let Some(clock) = text.rsplit_once([' ', 'T']).map(|(_, clock)| clock)
        && text.starts_with(|c: char| c.is_ascii_digit())
        && text.contains(['-', '/', '.'])
        && let Ok(Moment::Clock(_)) = moment(clock)
    {
        return Ok(clock.to_owned());
    }
    match text.replace(',', ".").parse::<f64>() {
        Ok(days) if (0.0..1e6).contains(&days) && text.contains(['.', ',']) => {
            Ok(of_seconds((days.fract() * 86_400.0).round()))
        }
        Ok(number) if (100.0..2400.0).contains(&number) && number.fract() == 0.0 && number % 100.0 < 60.0 => {
            let (hours, minutes) = ((number / 100.0).floor(), number % 100.0);
            let help = format!(
                "write `{hours:02}:{minutes:02}` for the time of day, or `T+{hours:02}:{minutes:02}` since the start"
            );
            refused(format!("`{text}` may be a time of day or one since the start"), &help)
        }
        _ => {
            let problem = moment(text).err();
            problem.map_or_else(|| Ok(text.to_owned()), Err)
        }
    }
}

fn of_seconds(seconds: f64) -> String {
    let (hours, rest) = ((seconds / 3600.0).floor(), seconds % 3600.0);
    format!("{hours:02}:{:02}:{:02}", (rest / 60.0).floor(), rest % 60.0)
}

/// `7:12 AM` as `07:12:00`.
fn half_day(text: &str) -> Option<String> {
    let upper = text.to_ascii_uppercase().replace('.', "");
    let (clock, noon) = match (upper.strip_suffix("AM"), upper.strip_suffix("PM")) {
        (Some(clock), _) => (clock, 0.0),
        (_, Some(clock)) => (clock, 43_200.0),
        _ => return None,
    };
    let clock = clock.trim();
    // A day may stand before it.
    let clock = clock.rsplit_once(' ').map_or(clock, |(_, clock)| clock);
    match moment(clock) {
        Ok(Moment::Clock(seconds)) if (3_600.0..46_800.0).contains(&seconds) => {
            Some(of_seconds(seconds % 43_200.0 + noon))
        }
        _ => None,
    }
}

/// Small letters and digits alone.
fn bare(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The type of an inject.
pub(super) fn kind(text: &str) -> Result<InjectKind, Unreadable> {
    match bare(text).as_str() {
        "informational" | "information" | "info" | "inject" | "administrative" | "admin" | "message" => {
            Ok(InjectKind::Informational)
        }
        "event" | "keyevent" | "expectedevent" | "incident" | "action" => Ok(InjectKind::Event),
        "media" | "press" | "news" => Ok(InjectKind::Media),
        "contingency" | "contingent" | "contingencyinject" | "ifneeded" => Ok(InjectKind::Contingency),
        _ => Err(Unreadable {
            message: format!("`{text}` is no type of inject"),
            help: "write `informational`, `event`, `media` or `contingency`".to_owned(),
        }),
    }
}

/// The method of delivery.
pub(super) fn medium(text: &str) -> Result<Medium, Unreadable> {
    match bare(text).as_str() {
        "phone" | "telephone" | "phonecall" | "call" | "mobile" | "tel" | "999" | "911" | "112" => Ok(Medium::Phone),
        "radio" | "airwave" | "tetra" => Ok(Medium::Radio),
        "cad" | "screen" | "mdt" | "computer" => Ok(Medium::Cad),
        "email" | "mail" => Ok(Medium::Email),
        "media" | "tv" | "news" | "press" | "social" | "socialmedia" | "internet" => Ok(Medium::Media),
        "cap" | "alert" | "warning" | "publicalert" => Ok(Medium::Cap),
        "inperson" | "verbal" | "facetoface" | "person" | "runner" | "controller" | "handout" => Ok(Medium::InPerson),
        _ => Err(Unreadable {
            message: format!("`{text}` is no method of delivery"),
            help: "write `phone`, `radio`, `cad`, `email`, `media`, `cap` or `in-person`".to_owned(),
        }),
    }
}

/// Whether a cell says that there is nothing.
pub(super) fn is_nothing(text: &str) -> bool {
    text.is_empty()
        || matches!(text, "-" | "\u{2013}" | "\u{2014}" | "/")
        || matches!(bare(text).as_str(), "na" | "none" | "nobody" | "nil")
}
