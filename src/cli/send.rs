//! `citytwin send`: SUMO's vehicles tell a broker where they are, with a ledger of what was sent.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;

use crate::city::network::{Network, sumo};
use crate::city::scenario::settings::RunSettings;
use crate::city::scenario::{self, Overrides};
use crate::primitives::Timestamp;
use crate::primitives::text::Place;
use crate::telemetry::TopicMap;
use crate::twin::{self, Confirm, Protocol, PublisherOptions, SendSettings, Target, TlsClient, TlsClientFiles};

/// What `send` is told.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// SUMO's floating car data (`--fcd-output`), plain or gzip
    file: PathBuf,
    /// Where to send, `mqtt://host:port`; user and password come from `CITYTWIN_MQTT_USER` and `CITYTWIN_MQTT_PASSWORD`
    #[arg(long, value_name = "URL", value_parser = Target::parse)]
    target: Target,
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
    /// A message is safe when the broker acknowledges it, or only when whoever keeps it says so, through whatever broker
    #[arg(long, value_name = "broker|end-to-end", default_value = "broker", value_parser = super::load::confirm)]
    confirm: Confirm,
    /// Certificates (PEM) of who may vouch for an `mqtts://` target, instead of Mozilla's list
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Give up when the target has been away for so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    give_up: u64,
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
    let topics = match (&arguments.topics, &arguments.city, &loaded) {
        (Some(path), city, _) => {
            super::topics_in(path, city.as_deref().unwrap_or("city"), &Place::file("command line"))
        }
        (None, Some(city), _) => Ok(TopicMap::new(city)),
        (None, None, Some(loaded)) => super::topics_of(loaded),
        (None, None, None) => Ok(TopicMap::new("city")),
    };
    let topics = super::understood(topics)?;
    let network: Option<Arc<Network>> = match (&loaded, &arguments.net) {
        (Some(loaded), _) => Some(Arc::clone(&loaded.network)),
        (None, Some(net)) => Some(Arc::new(super::understood(sumo::read_network(net))?.0)),
        (None, None) => None,
    };
    let day = loaded.as_ref().map_or_else(|| RunSettings::default().midnight, |loaded| loaded.settings.midnight);
    let mut publisher = PublisherOptions::new(Protocol::V5, 1, format!("send-{}", std::process::id()));
    publisher.credentials = super::run::credentials();
    publisher.confirm = arguments.confirm;
    publisher.give_up = Duration::from_secs(arguments.give_up);
    if arguments.target.encrypted {
        let files = TlsClientFiles { authorities: arguments.ca.clone(), ..TlsClientFiles::default() };
        let tls = TlsClient::load(&files).map_err(|error| {
            super::tell(&format!("error: {error}"));
            ExitCode::from(super::INVALID)
        })?;
        publisher.tls = Some(tls);
    }
    Ok(SendSettings {
        file: arguments.file.clone(),
        folder: arguments.out.clone(),
        target: arguments.target.clone(),
        publisher,
        topics,
        network,
        midnight: arguments.begin.unwrap_or(day),
        speed_up: (!arguments.as_fast).then_some(arguments.speed_up),
    })
}
