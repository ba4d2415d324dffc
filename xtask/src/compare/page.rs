//! What a comparison looks like: a table for the terminal, a section of `docs/compare-sumo.md`, and CSV.
//!
//! The page is kept section by section: a run replaces those of the scenarios it ran and leaves the others as they are, each with
//! the command and the day it is from. Scenarios by path get their section under `target/` only.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use super::figures::{Comparison, Row};
use super::machine::{self, Cost, Side};
use super::scene::write;
use super::{GRID, KNOWN, sumo, workshop};
use crate::root;

/// One scenario's part of the page.
#[derive(Debug, Clone)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) text: String,
}

/// The figures for the terminal.
pub(super) fn table(comparison: &Comparison) -> String {
    let mut text = format!("\n{:<16} {:>10} {:>10} {:>8} {:>8}\n", comparison.name, "ours", "SUMO", "off %", "allowed");
    for row in &comparison.rows {
        let verdict = match row.reached() {
            Some(false) => "  not reached",
            _ => "",
        };
        let _ = writeln!(
            text,
            "{:<16} {:>10.2} {:>10} {:>8} {:>8}{verdict}",
            row.figure,
            row.ours.mean,
            if row.sumo.mean.is_nan() { "-".to_owned() } else { format!("{:.2}", row.sumo.mean) },
            percent(row),
            allowed(row)
        );
    }
    let (figures, of) = deciding(comparison);
    let (bins, of_bins) = Comparison::reached(&comparison.bins);
    let _ = writeln!(text, "reached: {figures} of {of} figures, {bins} of {of_bins} five-minute bins of arrivals");
    text
}

fn deciding(comparison: &Comparison) -> (usize, usize) {
    Comparison::reached(&comparison.rows)
}

fn percent(row: &Row) -> String {
    row.off_percent().map_or("-".to_owned(), |off| format!("{off:+.1}"))
}

fn allowed(row: &Row) -> String {
    row.allowed.map_or("-".to_owned(), |allowed| format!("{allowed:.2}"))
}

fn verdict(row: &Row) -> &'static str {
    match row.reached() {
        None => "-",
        Some(true) => "yes",
        Some(false) => "**no**",
    }
}

/// A scenario's section; its figures are written as CSV on the way.
pub(super) fn section(comparison: &Comparison, cost: &Cost, command: &str) -> Result<Section, String> {
    let name = &comparison.name;
    let seeds = comparison.rows.first().map_or(0.0, |row| row.ours.seeds);
    let (figures, of) = deciding(comparison);
    let (bins, of_bins) = Comparison::reached(&comparison.bins);
    let mean = comparison.rows.iter().find(|row| row.figure == "duration.mean").map_or("-".to_owned(), percent);
    let mut text = overview_row(&[
        name,
        &format!("{figures} of {of}"),
        &format!("{bins} of {of_bins}"),
        &mean,
        &format!("{:.1}", cost.ratio),
        &format!("{:.1}", cost.ratio_whole),
        &format!("{:.0} / {:.0}", cost.ours.memory, cost.sumo.memory),
    ]);
    let _ = writeln!(text, "`{command}`, {}, {seeds:.0} seeds, {} pairs.\n", stamp(), cost.pairs);
    let _ = writeln!(text, "| figure | ours | SUMO | off % | allowed | within |\n|---|---:|---:|---:|---:|---|");
    for row in &comparison.rows {
        let Row { figure, ours, sumo, .. } = row;
        let (off, allowed, verdict) = (percent(row), allowed(row), verdict(row));
        let _ = writeln!(text, "| {figure} | {:.2} | {:.2} | {off} | {allowed} | {verdict} |", ours.mean, sumo.mean);
    }
    let _ = writeln!(text, "\nArrivals per five minutes, those off marked: {}.", bins_in_words(comparison));
    text.push('\n');
    text += &costs(&cost.ours, &cost.sumo);
    write(&workshop().join(format!("{name}.csv")), csv(comparison).as_bytes())?;
    Ok(Section { name: name.clone(), text })
}

fn bins_in_words(comparison: &Comparison) -> String {
    let words = comparison.bins.iter().map(|row| {
        let mark = if row.reached() == Some(false) { "**" } else { "" };
        format!("{mark}{:.0}/{:.0}{mark}", row.ours.mean, row.sumo.mean)
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The table of both sides' costs.
pub(super) fn costs(ours: &Side, sumo: &Side) -> String {
    let mut text = "| cost, one thread, no outputs | ours | SUMO | ratio |\n|---|---:|---:|---:|\n".to_owned();
    let million = |value: f64| value / 1e6;
    let rows = [
        (
            "million vehicle updates per CPU s, simulation alone",
            million(ours.rate),
            million(sumo.rate),
            ours.rate / sumo.rate,
        ),
        (
            "million vehicle updates per user CPU s, whole process",
            million(ours.rate_whole),
            million(sumo.rate_whole),
            ours.rate_whole / sumo.rate_whole,
        ),
        ("CPU s, simulation alone", ours.simulation, sumo.simulation, sumo.simulation / ours.simulation),
        ("user CPU s, whole process", ours.process, sumo.process, sumo.process / ours.process),
        ("million vehicle updates", million(ours.updates), million(sumo.updates), ours.updates / sumo.updates),
        ("peak memory [MB]", ours.memory, sumo.memory, sumo.memory / ours.memory),
    ];
    for (what, ours, sumo, ratio) in rows {
        let _ = writeln!(text, "| {what} | {ours:.3} | {sumo:.3} | {ratio:.2} |");
    }
    text
}

/// A row of the table at the head of the page, kept in the section it is about.
pub(super) fn overview_row(cells: &[&str; 7]) -> String {
    format!("<!-- row: | {} | -->\n", cells.join(" | "))
}

fn csv(comparison: &Comparison) -> String {
    let mut text =
        "kind,figure,ours_mean,ours_sd,ours_seeds,sumo_mean,sumo_sd,sumo_seeds,allowed,off_percent\n".to_owned();
    for (kind, rows) in [("figure", &comparison.rows), ("arrivals_5min", &comparison.bins)] {
        for row in rows {
            let Row { figure, ours, sumo, .. } = row;
            let _ = writeln!(
                text,
                "{kind},{figure},{:.4},{:.4},{:.0},{:.4},{:.4},{:.0},{},{}",
                ours.mean,
                ours.deviation,
                ours.seeds,
                sumo.mean,
                sumo.deviation,
                sumo.seeds,
                row.allowed.map_or(String::new(), |allowed| format!("{allowed:.4}")),
                row.off_percent().map_or(String::new(), |off| format!("{off:.2}"))
            );
        }
    }
    text
}

/// Writes the sections: all under `target/`, those of the known scenarios into the page.
pub(super) fn publish(sections: &[Section]) -> Result<(), String> {
    for section in sections {
        write(&workshop().join(format!("{}.md", section.name)), section.text.as_bytes())?;
    }
    let known: Vec<&str> = KNOWN.into_iter().chain([GRID]).collect();
    if !sections.iter().any(|section| known.contains(&section.name.as_str())) {
        return Ok(());
    }
    let path = root().join("docs/compare-sumo.md");
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    let mut kept: Vec<(&str, String)> = Vec::new();
    for name in known {
        let new = sections.iter().find(|section| section.name == name).map(|section| section.text.clone());
        if let Some(text) = new.or_else(|| section_of(&old, name)) {
            kept.push((name, text));
        }
    }
    write(&path, page(&kept).as_bytes())
}

/// A scenario's section of an earlier page.
fn section_of(page: &str, name: &str) -> Option<String> {
    let (_, rest) = page.split_once(&format!("\n## {name}\n\n"))?;
    Some(rest.split("\n## ").next().unwrap_or(rest).trim_end().to_owned() + "\n")
}

fn page(sections: &[(&str, String)]) -> String {
    let mut text = format!(
        "# Beside SUMO\n\nWritten by `cargo xtask compare-sumo` and `cargo xtask compare-sumo grid`; do not edit. Last on {}: {}; citytwin \
         {}, {}; SUMO {} from the package index, optimised build as published.\n\n",
        day(),
        machine::machine(),
        machine::line_of("git", &["describe", "--always", "--dirty"]),
        machine::line_of("rustc", &["--version"]),
        sumo::VERSION
    );
    text += HOW;
    text += "\n| scenario | figures within | bins within | mean duration off % | cost ratio, simulation | cost ratio, process | peak MB, ours / SUMO |\n";
    text += "|---|---|---|---:|---:|---:|---|\n";
    for (_, section) in sections {
        let rows = section.lines().filter_map(|line| line.strip_prefix("<!-- row: ")?.strip_suffix(" -->"));
        for row in rows {
            let _ = writeln!(text, "{row}");
        }
    }
    for (name, section) in sections {
        let _ = write!(text, "\n## {name}\n\n{section}");
    }
    text
}

const HOW: &str = "Both sides run the same files with the same seeds, one after the other. Trips that ended are compared: means, medians and 90 % quantiles of
duration, waiting time (at 0.1 m/s or less) and time loss decide, the rest is published. Allowed is the larger of 5 %, one second and three
standard errors of the difference of two means, both scattered as SUMO's seeds are; of a five-minute bin of arrivals the larger of 2 % and
three standard errors. Teleports are SUMO's, beside our last-resort moves; overlaps are SUMO's collisions and our LAW-2.

Cost is the middle of pairs of runs, ours then SUMO's, one thread, no outputs, SUMO without detectors and statistics. *Simulation* is the
loop of steps alone: ours as CPU time of the process between first and last step, SUMO's as the duration it reports times the share of
the wall in which its process computed, because it reports time on the wall. *Process* is user CPU time from start to end. A ratio is
vehicle updates per CPU second, ours over SUMO's.
";

/// Today and the state of the project.
pub(super) fn stamp() -> String {
    format!("{}, {}", day(), machine::line_of("git", &["describe", "--always", "--dirty"]))
}

/// Today, as year, month and day.
#[expect(clippy::disallowed_methods, reason = "a comparison is dated")]
fn day() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    civil(seconds / 86_400)
}

/// The date of a day since 1970-01-01 (Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`).
fn civil(days: u64) -> String {
    let z = days + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_dates() {
        assert_eq!(civil(0), "1970-01-01");
        assert_eq!(civil(11_016), "2000-02-29");
        assert_eq!(civil(20_818), "2026-12-31");
    }

    #[test]
    fn a_section_survives_a_page_written_without_it() {
        let row = overview_row(&["a", "1", "2", "3", "4", "5", "6"]);
        let first = page(&[("cologne1", format!("{row}one\n")), ("wildau", "two\n".to_owned())]);
        assert_eq!(section_of(&first, "cologne1").as_deref(), Some(format!("{row}one\n").as_str()));
        assert_eq!(section_of(&first, "wildau").as_deref(), Some("two\n"));
        assert_eq!(section_of(&first, "cologne8"), None);
        assert!(first.contains("\n| a | 1 | 2 | 3 | 4 | 5 | 6 |\n"));
    }
}
