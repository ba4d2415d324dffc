//! `citytwin send`: SUMO's vehicles tell a broker where they are, with a ledger of what was sent.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use clap::Args;

use super::publishing::{Publishing, topics};
use crate::city::network::{Network, sumo};
use crate::city::scenario::settings::RunSettings;
use crate::city::scenario::{self, Overrides};
use crate::primitives::Timestamp;
use crate::twin::{self, SendSettings, Target};

/// What `send` is told.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// SUMO's floating car data (`--fcd-output`), plain or gzip
    file: PathBuf,
    /// Where to send, `mqtt://host:port`; user and password come from `CITYTWIN_MQTT_USER` and `CITYTWIN_MQTT_PASSWORD`
    #[arg(long, value_name = "URL", value_parser = Target::parse)]
    target: Target,
    #[command(flatten)]
    publishing: Publishing,
    /// Folder for the ledger
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The network the vehicles drive on, for their longitude and latitude; not needed if SUMO wrote those (`--fcd-output.geo`)
    #[arg(long, value_name = "FILE", conflicts_with = "scenario")]
    net: Option<PathBuf>,
    /// The scenario the vehicles drive in, for its roads, its day and its topics
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// The instant of time 0 of the file, such as 2026-06-02T00:00:00Z [default: midnight of the scenario's day, or 2026-06-02]
    #[arg(long, value_name = "TIMESTAMP")]
    begin: Option<Timestamp>,
    /// Seconds of the file in a second
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = factor)]
    speed_up: f64,
    /// Send as fast as the target takes it
    #[arg(long, conflicts_with = "speed_up")]
    as_fast: bool,
    /// Mapping file: a topic for each reading type; the scenario's unless given
    #[arg(long, value_name = "FILE")]
    topics: Option<PathBuf>,
    /// The city's name, for topics that hold it [default: the scenario's, or `city`]
    #[arg(long)]
    city: Option<String>,
    /// Print the figures as one JSON object
    #[arg(long)]
    json: bool,
}

fn factor(word: &str) -> Result<f64, String> {
    let factor = word.parse().ok().filter(|factor| (0.001..=1_000_000.0).contains(factor));
    factor.ok_or_else(|| "write a number from 0.001 to 1000000".to_owned())
}

/// Sends it.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    send(arguments).unwrap_or_else(|code| code)
}

fn send(arguments: &Arguments) -> Result<ExitCode, ExitCode> {
    let settings = settings(arguments)?;
    let interrupted = super::interrupts()?;
    Ok(match twin::send(&settings, &|| interrupted.load(Ordering::SeqCst)) {
        Ok(sent) => {
            super::tell(&format!(
                "{} positions of {} vehicles in the ledger, sent and acknowledged in {:.1} s",
                sent.emitted,
                sent.vehicles,
                sent.took.as_secs_f64()
            ));
            if let Some((first, last)) = sent.span {
                super::tell(&format!("  from {first} to {last}"));
            }
            if sent.left_out > 0 {
                super::tell(&format!("  left out, because they are no vehicles: {}", sent.left_out));
            }
            let (resent, reconnects) = (sent.publisher.resent, sent.publisher.reconnects);
            super::tell(&format!("  sent once more: {resent}; connections made again: {reconnects}"));
            let figures = serde_json::json!({
                "emitted": sent.emitted,
                "vehicles": sent.vehicles,
                "left_out": sent.left_out,
                "seconds": sent.took.as_secs_f64(),
                "resent": resent,
                "reconnects": reconnects,
                "interrupted": sent.interrupted,
            });
            let text = if arguments.json { super::json(&figures) } else { arguments.out.display().to_string() };
            let code = if sent.interrupted { ExitCode::from(super::INTERRUPTED) } else { ExitCode::SUCCESS };
            super::print(&text, code)
        }
        Err(error) => {
            super::tell(&format!("error: {error}"));
            ExitCode::from(super::FAILED)
        }
    })
}

fn settings(arguments: &Arguments) -> Result<SendSettings, ExitCode> {
    let loaded = arguments.scenario.as_ref().map(|file| scenario::load(file, &Overrides::default())).transpose();
    let loaded = super::understood(loaded)?;
    let topics = topics(arguments.topics.as_deref(), arguments.city.as_deref(), loaded.as_ref())?;
    let network: Option<Arc<Network>> = match (&loaded, &arguments.net) {
        (Some(loaded), _) => Some(Arc::clone(&loaded.network)),
        (None, Some(net)) => Some(Arc::new(super::understood(sumo::read_network(net))?.0)),
        (None, None) => None,
    };
    let day = loaded.as_ref().map_or_else(|| RunSettings::default().midnight, |loaded| loaded.settings.midnight);
    Ok(SendSettings {
        file: arguments.file.clone(),
        folder: arguments.out.clone(),
        target: arguments.target.clone(),
        publisher: arguments.publishing.options("send", arguments.target.encrypted)?,
        topics,
        network,
        midnight: arguments.begin.unwrap_or(day),
        speed_up: (!arguments.as_fast).then_some(arguments.speed_up),
    })
}
