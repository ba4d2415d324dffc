//! Figures of a comparison in words: differences with their intervals, and the verdict in one sentence.
//!
//! One wording for the page, the terminal and the files. Computes nothing.

use super::analysis::{Finding, Line, VariantResult};
use super::design::Design;
use super::statistics::paired::Interval;
use crate::city::scenario::indicators::{Measure, Unit};
use crate::studies::report::markup::number;

/// A figure with a sign in front, as differences are written.
pub(super) fn signed(value: f64, decimals: usize) -> String {
    let text = number(value, decimals);
    if value > 0.0 && text.bytes().any(|b| (b'1'..=b'9').contains(&b)) { format!("+{text}") } else { text }
}

/// Most decimals of a value.
const DECIMALS_MAX: usize = 6;

/// Decimals that show a value whose interval is this wide: the usual ones of the unit, and more until the interval is five of the last one wide, so
/// that its ends are told apart from each other and from zero.
pub(super) fn decimals(unit: Unit, interval: Interval) -> usize {
    let usual = unit.decimals();
    let width = interval.ends.map_or(0.0, |(low, high)| high - low);
    // What is exactly the same has no width, and needs no more.
    if width <= 0.0 {
        return usual;
    }
    let steps_of = |decimals: usize| (0..decimals).fold(width, |steps, _| steps * 10.0);
    (usual..DECIMALS_MAX).find(|decimals| steps_of(*decimals) >= 5.0).unwrap_or(DECIMALS_MAX)
}

/// A difference with its interval: `−31.2 s [−39.0, −23.4]`.
pub(super) fn difference(interval: Interval, unit: Unit) -> String {
    let decimals = decimals(unit, interval);
    let symbol = if unit.symbol().is_empty() { String::new() } else { format!("\u{a0}{}", unit.symbol()) };
    // Hundredths differ by points, so that nobody takes five of them for a twentieth.
    let symbol = if unit == Unit::PerCent { "\u{a0}pp".to_owned() } else { symbol };
    let ends = interval
        .ends
        .map_or(String::new(), |(low, high)| format!(" [{},\u{a0}{}]", signed(low, decimals), signed(high, decimals)));
    format!("{}{symbol}{ends}", signed(interval.value, decimals))
}

/// A relative change in per cent, without its interval.
pub(super) fn relative(interval: Option<Interval>) -> String {
    interval.map_or_else(|| "–".to_owned(), |interval| format!("{}\u{a0}%", signed(interval.value * 100.0, 1)))
}

/// The verdict on a variant in one sentence, over the headline measures.
pub(super) fn verdict(design: &Design, name: &str, result: &VariantResult) -> String {
    let lines: Vec<&Line> = design
        .rules
        .headlines
        .iter()
        .filter_map(|measure| result.lines.iter().find(|line| line.measure == *measure))
        .collect();
    if result.is_same() {
        return format!("{name}: exactly the same in every run and every measure.");
    }
    if lines.is_empty() {
        return format!("{name}: none of the headline measures could be measured.");
    }
    let currency = design.rules.effects.currency();
    let in_currency = |line: &&Line| match line.measure.quantity().unit {
        Unit::Money => clause(line).replace(&format!("\u{a0}{}", Unit::Money.symbol()), &format!("\u{a0}{currency}")),
        _ => clause(line),
    };
    let told: Vec<String> = lines.iter().map(in_currency).collect();
    format!("{name}: {}.", told.join("; "))
}

/// What people call a measure, in the middle of a sentence.
pub(super) fn in_a_sentence(measure: Measure) -> String {
    let label = measure.label();
    let mut letters = label.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

/// "travel time of buses −31.2 s [−39.0, −23.4], better".
fn clause(line: &Line) -> String {
    let label = in_a_sentence(line.measure);
    match line.finding {
        Finding::Same => format!("{label} the same"),
        finding => {
            let what = match finding {
                Finding::NotShown => "no difference beyond chance",
                other => other.name(),
            };
            let unit = line.measure.quantity().unit;
            let change = difference(line.paired.difference, unit);
            // Decibels are a ratio already, and of nothing there is no share.
            let share = line.paired.relative.filter(|_| unit != Unit::Decibels);
            let share = share.map_or(String::new(), |share| format!(" ({})", relative(Some(share))));
            format!("{label} {change}{share}, {what}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_carry_their_sign_and_interval() {
        let interval = Interval { value: -31.24, ends: Some((-39.0, -23.44)) };
        assert_eq!(difference(interval, Unit::Seconds), "−31.2\u{a0}s [−39.0,\u{a0}−23.4]");
        let none = Interval { value: 0.5, ends: None };
        assert_eq!(difference(none, Unit::PerCent), "+0.5\u{a0}pp");
        assert_eq!((signed(0.0, 1), signed(0.04, 1), signed(-0.04, 1)), ("0.0".into(), "0.0".into(), "0.0".into()));
        let narrow = Interval { value: 0.0015, ends: Some((0.0001, 0.0029)) };
        assert_eq!(difference(narrow, Unit::Seconds), "+0.0015\u{a0}s [+0.0001,\u{a0}+0.0029]");
        let nothing = Interval { value: 0.0, ends: Some((0.0, 0.0)) };
        assert_eq!(difference(nothing, Unit::Seconds), "0.0\u{a0}s [0.0,\u{a0}0.0]");
        assert_eq!(relative(Some(Interval { value: -0.051, ends: None })), "−5.1\u{a0}%");
    }
}
