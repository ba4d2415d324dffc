//! What the city told, in a few figures, and how far its devices were from the truth.
//!
//! Errors stand beside what each device's model promises of them, because an error is no fault as long as it is no larger.

use std::fmt::Write as _;

use crate::simulation::outcome::Outcome;

use super::super::markup::{NO_FIGURE, count, escape, key_figures, number, per_cent};
use super::table::{Column, Table, figures, words};
use super::values::{Balance, Errors, Grade};

/// The section.
pub(super) fn section(balance: &Balance, grading: &[Grade], outcome: &Outcome) -> String {
    let mut html = String::from("<section aria-labelledby=\"told\"><h2 id=\"told\">What the city told</h2>");
    let total = balance.total;
    if total.emitted == 0 {
        html.push_str("<p class=\"none\">No device told anything.</p>");
    } else {
        html.push_str(&key_figures(&[
            ("Records", count(total.emitted)),
            ("Devices", count(balance.devices)),
            ("Records per simulated second", rate(total.emitted, outcome)),
            ("Lost by the radio", share(total.lost, total.emitted)),
            ("Quarantined", share(total.quarantined, total.emitted)),
            ("The balance", if balance.holds() { "closes" } else { "does not close" }.to_owned()),
        ]));
    }
    html.push_str(&grades(grading));
    html.push_str("</section>");
    html
}

/// Records per second of simulated time, warm-up included, because devices speak in it too.
#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 records")]
fn rate(emitted: u64, outcome: &Outcome) -> String {
    let seconds = (outcome.end - outcome.begin).as_seconds();
    if seconds <= 0.0 {
        return NO_FIGURE.to_owned();
    }
    let rate = emitted as f64 / seconds;
    number(rate, usize::from(rate < 100.0))
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 records")]
fn share(part: u64, whole: u64) -> String {
    if part == 0 {
        return "0".to_owned();
    }
    let (parts, share) = (count(part), part as f64 / whole as f64);
    // Less than the smallest share that is written would read as more than it is.
    if share < 0.001 { parts } else { format!("{parts} ({})", per_cent(part as f64, whole as f64)) }
}

fn grades(grading: &[Grade]) -> String {
    const COLUMNS: [Column; 8] = [
        words("Device"),
        words("Measures"),
        figures("Records<br>graded"),
        words("Unit"),
        figures("Mean error"),
        figures("RMSE"),
        figures("Median<br>size"),
        figures("95 in 100<br>within"),
    ];
    let mut table =
        Table::new("Errors of the devices, measured less true; in brackets what the device’s model expects", &COLUMNS);
    for grade in grading {
        let figure = |of: fn(&Errors) -> Option<f64>| beside(of(&grade.found), of(&grade.expected));
        table.row(
            &escape(&grade.device),
            &[
                escape(&grade.quantity),
                count(grade.graded),
                escape(&grade.unit),
                figure(|errors| errors.mean),
                figure(|errors| errors.rms),
                figure(|errors| errors.p50),
                figure(|errors| errors.p95),
            ],
        );
    }
    table.end()
}

/// A figure, and the expected one in brackets.
fn beside(found: Option<f64>, expected: Option<f64>) -> String {
    let mut text = found.map_or_else(|| NO_FIGURE.to_owned(), |found| number(found, 2));
    if let Some(expected) = expected {
        let _ = write!(text, " <span class=\"code\">({})</span>", number(expected, 2));
    }
    text
}
