//! `citytwin load`: many devices tell somebody's broker what they see, on a schedule, with a ledger of what was sent.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use clap::Args;

use super::publishing::{Publishing, topics};
use crate::primitives::SimDuration;
use crate::studies::load::Faults;
use crate::twin::{self, LoadSettings};

/// What `load` is told.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    publishing: Publishing,
    /// Folder for the ledger
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Devices
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    devices: u32,
    /// Messages a second, over all devices
    #[arg(long, default_value_t = 1000.0, value_parser = rate)]
    rate: f64,
    /// How long, in seconds
    #[arg(long, default_value_t = 10.0, value_parser = rate)]
    seconds: f64,
    /// Root of every draw
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What the devices' names begin with; two loads at one target need two names
    #[arg(long, default_value = "load")]
    name: String,
    /// Share of messages that are sent twice, 0 to 1
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    doubled: f64,
    /// Share of messages that are overtaken by later ones
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    reordered: f64,
    /// Share of messages that come ten minutes late
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    late: f64,
    /// Share of messages that are cut off in the middle
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    malformed: f64,
    /// For each message of a device, the share of hostile ones that strangers send
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    hostile: f64,
    /// From this second on all devices' clocks are wrong, by `--clock-step-by` seconds
    #[arg(long, value_name = "SECONDS", requires = "clock_step_by")]
    clock_step_at: Option<f64>,
    /// By how many seconds the clocks are wrong then
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true, requires = "clock_step_at")]
    clock_step_by: Option<f64>,
    /// Share of devices whose clocks are an hour ahead all the time
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    wrong_clocks: f64,
    /// Mapping file: a topic for each reading type
    #[arg(long, value_name = "FILE")]
    topics: Option<PathBuf>,
    /// Print the figures as one JSON object
    #[arg(long)]
    json: bool,
}

fn rate(word: &str) -> Result<f64, String> {
    word.parse()
        .ok()
        .filter(|rate| (0.001..=10_000_000.0).contains(rate))
        .ok_or_else(|| "write a number above 0".to_owned())
}

fn share(word: &str) -> Result<f64, String> {
    word.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| "write a share from 0 to 1".to_owned())
}

/// Sends it.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    send(arguments).unwrap_or_else(|code| code)
}

fn send(arguments: &Arguments) -> Result<ExitCode, ExitCode> {
    let settings = settings(arguments)?;
    let interrupted = super::interrupts()?;
    Ok(match twin::load(&settings, &|| interrupted.load(Ordering::SeqCst)) {
        Ok(loaded) => {
            let rate = if loaded.took.is_zero() { 0.0 } else { tally(loaded.sent) / loaded.took.as_secs_f64() };
            super::tell(&format!(
                "{} records in the ledger, {} messages sent and acknowledged in {:.1} s, {rate:.0} a second",
                loaded.emitted,
                loaded.sent,
                loaded.took.as_secs_f64()
            ));
            super::tell(&format!("  late against the schedule: {}", loaded.lateness));
            let (resent, reconnects) = (loaded.publisher.resent, loaded.publisher.reconnects);
            super::tell(&format!("  sent once more: {resent}; connections made again: {reconnects}"));
            let figures = serde_json::json!({
                "emitted": loaded.emitted,
                "sent": loaded.sent,
                "seconds": loaded.took.as_secs_f64(),
                "resent": resent,
                "reconnects": reconnects,
                "interrupted": loaded.interrupted,
            });
            let text = if arguments.json { super::json(&figures) } else { arguments.out.display().to_string() };
            let code = if loaded.interrupted { ExitCode::from(super::INTERRUPTED) } else { ExitCode::SUCCESS };
            super::print(&text, code)
        }
        Err(error) => {
            super::tell(&format!("error: {error}"));
            ExitCode::from(super::FAILED)
        }
    })
}

#[expect(clippy::cast_precision_loss, reason = "messages of a load")]
fn tally(messages: u64) -> f64 {
    messages as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rate and seconds are above zero")]
fn settings(arguments: &Arguments) -> Result<LoadSettings, ExitCode> {
    let clock_step = arguments.clock_step_at.zip(arguments.clock_step_by);
    Ok(LoadSettings {
        folder: arguments.out.clone(),
        target: arguments.publishing.target.clone(),
        publisher: arguments.publishing.options(&arguments.name)?,
        topics: topics(arguments.topics.as_deref(), None, None)?,
        devices: arguments.devices,
        name: arguments.name.clone(),
        rate: arguments.rate,
        messages: (arguments.rate * arguments.seconds).ceil() as u64,
        seed: arguments.seed,
        faults: Faults {
            doubled: arguments.doubled,
            reordered: arguments.reordered,
            late: arguments.late,
            malformed: arguments.malformed,
            hostile: arguments.hostile,
            clock_step: clock_step.map(|(at, by)| (SimDuration::seconds(at), SimDuration::seconds(by))),
            wrong_clocks: arguments.wrong_clocks,
        },
    })
}
