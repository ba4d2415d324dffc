//! The doctor: which parts of a configuration answer, which do not, and what still works without them.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use super::{PartsFile, Secrets};
use crate::pipeline::alerting;
use crate::pipeline::transport::{Confirm, Message, Protocol, Publisher, PublisherOptions, is_ours};
use crate::twin::{clock, wire};

/// How long a broker is waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// What was found of one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// The part, such as `live state`.
    pub part: &'static str,
    /// What it is, and where.
    pub what: String,
    /// What is wrong with it; none if nothing is.
    pub wrong: Option<String>,
    /// What works, and what waits, while it is away.
    pub meanwhile: &'static str,
    /// How long it took to answer.
    pub took: Duration,
}

fn examine(
    part: &'static str,
    what: String,
    meanwhile: &'static str,
    look: impl FnOnce() -> Result<(), String>,
) -> Examined {
    let begun = clock::instant();
    let wrong = look().err();
    Examined { part, what, wrong, meanwhile, took: begun.elapsed() }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Looks at every part once; nothing is changed but what finding out takes. `folder` is where the rest is kept, if that is known.
pub fn doctor(parts: &PartsFile, secrets: Secrets<'_>, folder: Option<&Path>) -> Vec<Examined> {
    let mut found = bus(parts, secrets);
    let embedded = || "embedded, in the folder".to_owned();
    let what = parts.live.as_ref().map_or_else(embedded, |server| format!("Redis, {}", server.url));
    found.push(examine("live state", what, "history and records go on; new messages wait in the log", || {
        parts.ask_live(secrets).map_err(text)
    }));
    let what = parts.records.as_ref().map_or_else(embedded, |server| format!("PostgreSQL, {}", server.url));
    found.push(examine("records and tables", what, "the live state goes on; new messages wait in the log", || {
        parts.ask_records(secrets).map_err(text)
    }));
    let what = parts.history.as_ref().map_or_else(embedded, |s3| format!("S3, {}", s3.place()));
    found.push(examine("history", what, "what is shown goes on for a while; new messages wait in the log", || {
        parts.ask_history(secrets).map_err(text)
    }));
    if let Some(path) = &parts.alerts {
        let what = format!("rules in `{}`", path.display());
        found.push(examine("alerts", what, "nothing starts before the file is right", || {
            let rules = alerting::read(path).map_err(|findings| {
                format!("{} problems; `citytwin alerts check` shows them", findings.problems().len())
            })?;
            alerting::Deliverer::new(&rules, secrets).map(drop).map_err(|reasons| reasons.join("; "))
        }));
    }
    let lives = parts.keep.named().map(|(name, life)| match life {
        Some(life) => format!("{name} {} d", life.as_seconds() / 86_400.0),
        None => format!("{name} forever"),
    });
    found.push(examine("keep", lives.join(", "), "nothing depends on it", || Ok(())));
    if let Some(folder) = folder {
        let what = format!("`{}`", folder.display());
        found.push(examine("folder", what, "nothing starts without it", || writable(folder)));
    }
    found
}

fn bus(parts: &PartsFile, secrets: Secrets<'_>) -> Vec<Examined> {
    if let Some(broker) = parts.broker() {
        let what = format!("Mosquitto, {}", broker.target);
        let bus = examine("bus", what, "devices keep what they have to say; what is in the log is worked on", || {
            let runtime = wire::threads().map_err(text)?;
            let mut options = PublisherOptions::new(Protocol::V5, 1, format!("{}-doctor", broker.name));
            options.credentials = broker.credentials(secrets).map_err(text)?;
            options.tls = broker.tls().map_err(text)?;
            options.give_up = PATIENCE;
            options.confirm = Confirm::Broker;
            let publisher = Publisher::connect(runtime.handle(), &broker.target, &options);
            // A message of its own, which nobody's filters cover.
            let said = publisher.publish(Message::new("citytwin/doctor", "here")).and_then(|()| publisher.flush());
            runtime.shutdown_background();
            said.map_err(text)
        });
        return vec![bus];
    }
    let listener = listener(parts);
    let Some(kafka) = parts.kafka() else { return vec![listener] };
    let meanwhile = "devices keep what they have to say; what has been read is worked on";
    vec![listener, examine("log", kafka.place(), meanwhile, || kafka.ask(secrets).map(drop).map_err(text))]
}

fn listener(parts: &PartsFile) -> Examined {
    let address = parts.listen.address.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 1883)));
    let mut at_work = false;
    let what = format!("embedded, listening on {address}");
    let mut bus = examine("bus", what, "nothing starts without it", || {
        parts.security().map_err(text)?;
        let security = &parts.listen;
        let guarded = security.users.is_some() || security.clients.is_some() || security.anonymous;
        if !address.ip().is_loopback() && !guarded {
            return Err(
                "it is open beyond this machine and asks nobody who it is: write `users` or `clients`".to_owned()
            );
        }
        let Err(error) = TcpListener::bind(address) else { return Ok(()) };
        let certificate = security.certificate.as_ref().map(|(certificate, _)| certificate.as_path());
        at_work = error.kind() == ErrorKind::AddrInUse && is_ours(address, certificate);
        if at_work { Ok(()) } else { Err(format!("cannot listen there: {error}")) }
    });
    if at_work {
        bus.what += ", where a listener of ours is at work already; another needs another address";
    }
    bus
}

/// Whether something can be written in a folder, or in the nearest that is there.
fn writable(folder: &Path) -> Result<(), String> {
    let there = folder.ancestors().find(|folder| folder.is_dir()).ok_or("it is not there")?;
    let probe = there.join(".citytwin-doctor");
    let written = std::fs::write(&probe, b"x").and_then(|()| std::fs::remove_file(&probe));
    written.map_err(|error| format!("cannot write in `{}`: {error}", there.display()))
}
