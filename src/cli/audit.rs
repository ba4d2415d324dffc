//! `citytwin audit`: whether everything a run's devices told is accounted for, found by reading its stores.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::studies::report::{Account, Balance};
use crate::twin;

/// What `audit` is told.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder of a run that used the wire
    folder: PathBuf,
}

/// Audits; fails when something is missing, doubled or damaged.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    match twin::audit(&arguments.folder) {
        Ok(balance) => {
            let code = if balance.holds() { ExitCode::SUCCESS } else { ExitCode::from(super::FAILED) };
            super::print(&table(&balance), code)
        }
        Err(error) => {
            super::tell(&format!("error: {error}"));
            ExitCode::from(super::FAILED)
        }
    }
}

/// The balance in a few lines: `emitted = stored + quarantined + lost`, kind by kind.
pub(super) fn table(balance: &Balance) -> String {
    let head = ["records", "emitted", "stored", "quarantined", "lost", "unexplained", "doubled", "damaged"];
    let line = |name: &str, account: &Account| {
        let Account { emitted, stored, doubled, quarantined, lost, unexplained, damaged } = account;
        format!("{name:<12}{emitted:>12}{stored:>12}{quarantined:>12}{lost:>12}{unexplained:>12}{doubled:>12}{damaged:>12}")
    };
    let mut lines = vec![format!("{:<12}{}", head[0], head[1..].iter().map(|h| format!("{h:>12}")).collect::<String>())];
    lines.extend(balance.kinds.iter().map(|(name, account)| line(name, account)));
    lines.push(line("total", &balance.total));
    for (reason, count) in &balance.reasons {
        lines.push(format!("  in quarantine as {reason}: {count}"));
    }
    if balance.foreign > 0 {
        lines.push(format!("  from devices that are none of the city's: {}", balance.foreign));
    }
    for (device, account) in balance.worst.iter().take(10) {
        lines.push(line(&format!("! {device}"), account));
    }
    let verdict = if balance.holds() { "the balance closes" } else { "the balance does not close" };
    lines.push(format!("{verdict}: {} devices", balance.devices));
    lines.join("\n")
}
