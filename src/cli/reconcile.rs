//! `citytwin reconcile`: the windows of a day made anew from the history, held against those that were told as it happened.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use clap::Args;

use super::publishing::Whose;
use crate::primitives::Timestamp;
use crate::twin::{self, DayReconciled, ReconcileSettings};

/// What `reconcile` is told.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder of a listener, or of a run that used the wire; nobody else may be using it
    folder: PathBuf,
    /// The day; every day in the history unless given
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    day: Option<Timestamp>,
    /// File that says which parts it was kept on
    #[arg(long, value_name = "FILE")]
    parts: Option<PathBuf>,
    #[command(flatten)]
    whose: Whose,
    /// Write what is right over what is not; otherwise nothing is written
    #[arg(long)]
    write: bool,
    /// Print the figures as one JSON object
    #[arg(long)]
    json: bool,
}

fn day(word: &str) -> Result<Timestamp, String> {
    Timestamp::midnight(word).ok_or_else(|| "write a day like 2026-06-02".to_owned())
}

/// Reconciles; fails when the views differ and nothing was written.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    reconcile(arguments).unwrap_or_else(|code| code)
}

fn reconcile(arguments: &Arguments) -> Result<ExitCode, ExitCode> {
    let settings = settings(arguments)?;
    let interrupted = super::interrupts()?;
    Ok(match twin::reconcile(&settings, &|| interrupted.load(Ordering::SeqCst)) {
        Ok(days) => {
            let text = if arguments.json { super::json(&figures(&days)) } else { sentences(&days) };
            let code = if interrupted.load(Ordering::SeqCst) {
                ExitCode::from(super::INTERRUPTED)
            } else if days.iter().all(DayReconciled::agrees) {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(super::FAILED)
            };
            super::print(&text, code)
        }
        Err(error) => {
            super::tell(&format!("error: {error}"));
            ExitCode::from(super::FAILED)
        }
    })
}

fn settings(arguments: &Arguments) -> Result<ReconcileSettings, ExitCode> {
    let equipment = super::equipment(arguments.parts.as_deref())?;
    let parts = &equipment.parts;
    let (topics, network) = arguments.whose.read(parts)?;
    Ok(ReconcileSettings {
        folder: arguments.folder.clone(),
        topics,
        network,
        day: arguments.day,
        write: arguments.write,
        equipment,
    })
}

fn figures(days: &[DayReconciled]) -> serde_json::Value {
    let day = |day: &DayReconciled| {
        let tables: serde_json::Map<String, serde_json::Value> = day
            .tables
            .iter()
            .map(|(table, one)| {
                let figures = serde_json::json!({
                    "equal": one.equal, "corrected": one.corrected, "missing": one.missing, "extra": one.extra,
                });
                (table.clone(), figures)
            })
            .collect();
        serde_json::json!({
            "day": day.day,
            "agrees": day.agrees(),
            "tables": tables,
            "unsettled": day.unsettled,
            "written": day.written,
            "left_alone": day.left_alone,
        })
    };
    serde_json::json!({ "agrees": days.iter().all(DayReconciled::agrees), "days": days.iter().map(day).collect::<Vec<_>>() })
}

fn sentences(days: &[DayReconciled]) -> String {
    let mut lines = Vec::new();
    for day in days {
        lines.push(format!("{}:", day.day));
        for (table, one) in &day.tables {
            lines.push(format!(
                "  {table}: {} equal, {} to be corrected, {} missing, {} that the history does not explain",
                one.equal, one.corrected, one.missing, one.extra
            ));
        }
        if day.unsettled > 0 {
            lines.push(format!("  not compared, because they are still open: {}", day.unsettled));
        }
        lines.extend(day.left_alone.iter().map(|sentence| format!("  left alone: {sentence}")));
        lines.push(format!("  rows written: {}", day.written));
    }
    let all = days.iter().all(DayReconciled::agrees);
    lines.push((if all { "live and batch view agree" } else { "live and batch view do NOT agree" }).to_owned());
    lines.join("\n")
}
