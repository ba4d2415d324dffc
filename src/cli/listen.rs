//! `citytwin listen`: the standing end of the wire on its own, for devices that are not this program's.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;

use super::publishing::Whose;
use crate::primitives::text::Place;
use crate::twin::{self, Listening};

/// What `listen` is told.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder in which everything is kept
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Where to listen [default: what the file of parts says, or 127.0.0.1:1883]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = super::address)]
    listen: Option<SocketAddr>,
    /// File that says which parts to run on: embedded ones, Mosquitto, Kafka, Redis, PostgreSQL, S3
    #[arg(long, value_name = "FILE")]
    parts: Option<PathBuf>,
    #[command(flatten)]
    whose: Whose,
    /// Serve a registry of schemas here as well, kept in the same folder; what is registered can be read from then on
    #[cfg(feature = "schemas")]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = super::address)]
    registry: Option<SocketAddr>,
    /// File that says who may come to the registry, and how it is encrypted; `citytwin key` makes its keys
    #[cfg(feature = "schemas")]
    #[arg(long, value_name = "FILE", requires = "registry")]
    access: Option<PathBuf>,
    /// What was made of the messages is kept for good so often, in seconds [default: 5]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    keep_every: Option<Duration>,
    /// When it is interrupted, nothing more will come: close the windows that are still open
    #[arg(long)]
    finish: bool,
    /// While another process keeps the folder, stand by; go on where it was when it has ended, however it ends
    #[arg(long)]
    standby: bool,
    /// Tell so often how it goes, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    tell_every: Option<u64>,
}

/// Reads a time in seconds.
pub(super) fn seconds(word: &str) -> Result<Duration, String> {
    let seconds = word.parse().ok().filter(|seconds| (0.01..=86_400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "write seconds from 0.01 to 86400".to_owned())
}

/// Refuses what only makes sense where messages are worked on.
fn only_listens(arguments: &Arguments) -> Result<(), ExitCode> {
    let asked = [
        (arguments.finish, "--finish", "give it to `citytwin consume`"),
        (arguments.keep_every.is_some(), "--keep-every", "give it to `citytwin consume`"),
        (arguments.standby, "--standby", "leave it out: several may listen at once"),
    ];
    let Some((_, flag, instead)) = asked.into_iter().find(|(asked, ..)| *asked) else { return Ok(()) };
    super::tell(&format!(
        "error: the file of parts says `workers: group`, so nothing is kept here and `{flag}` has no effect; {instead}"
    ));
    Err(ExitCode::from(super::INVALID))
}

/// Listens until interrupted.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    listen(arguments).unwrap_or_else(|code| code)
}

fn listen(arguments: &Arguments) -> Result<ExitCode, ExitCode> {
    let equipment = super::equipment(arguments.parts.as_deref())?;
    let parts = &equipment.parts;
    if parts.works_in_group() {
        only_listens(arguments)?;
    }
    let (topics, network) = arguments.whose.read(parts)?;
    let address = arguments.listen.or(parts.listen.address).unwrap_or(SocketAddr::from(([127, 0, 0, 1], 1883)));
    let place = Place::file(arguments.parts.clone().unwrap_or_else(|| "command line".into()));
    super::understood(equipment.check(&place, address))?;
    #[cfg(feature = "schemas")]
    let registry = {
        let folder = arguments.out.join("registry");
        let begin = |address| super::registry::begin(&folder, address, arguments.access.as_deref(), topics.schemas());
        arguments.registry.map(begin).transpose()?
    };
    let interrupted = super::interrupts()?;
    let settings = Listening {
        folder: arguments.out.clone(),
        address,
        topics,
        network,
        equipment,
        tell_every: arguments.tell_every.map(Duration::from_secs),
        keep_every: arguments.keep_every,
        finish: arguments.finish,
        standby: arguments.standby,
    };
    let mut ready = |place: &str| super::tell(&format!("{place}; interrupt to end"));
    let mut tell = |news: &str| super::tell(news);
    // Devices go on when the registry is lost: what they send is in the log, and can be read by what was registered.
    #[cfg(feature = "schemas")]
    let lost = std::cell::Cell::new(false);
    let ends = || {
        #[cfg(feature = "schemas")]
        if !lost.get()
            && let Some(reason) = registry.as_ref().and_then(crate::twin::RegistryServer::failure)
        {
            lost.set(true);
            super::tell(&format!("error: the registry of schemas serves no more, the listener goes on: {reason}"));
        }
        interrupted.load(Ordering::SeqCst)
    };
    let code = listened(arguments, &settings, &mut ready, &mut tell, &ends);
    #[cfg(feature = "schemas")]
    if lost.get() {
        return Err(ExitCode::from(super::FAILED));
    }
    Ok(code)
}

/// Listens until it ends, and says what was heard.
fn listened(
    arguments: &Arguments,
    settings: &Listening,
    ready: &mut dyn FnMut(&str),
    tell: &mut dyn FnMut(&str),
    ends: &dyn Fn() -> bool,
) -> ExitCode {
    match twin::listen(settings, ready, tell, ends) {
        Ok(heard) if heard.only_listened => {
            super::tell(&format!(
                "{} messages in the topic; they are worked on by whoever consumes it",
                heard.messages
            ));
            super::print(&arguments.out.display().to_string(), ExitCode::SUCCESS)
        }
        Ok(heard) => {
            super::tell(&format!("{} messages in the log", heard.messages));
            super::tell(&format!("  stored as records: {}", heard.stored));
            for (reason, count) in &heard.quarantined {
                super::tell(&format!("  in quarantine as {reason}: {count}"));
            }
            super::tell(&super::tally(heard.tally));
            super::tell(&format!("  from device to live state: {}", heard.shown));
            super::tell(&format!("  from device to stores: {}", heard.kept));
            super::print(&arguments.out.display().to_string(), ExitCode::SUCCESS)
        }
        Err(error) => {
            super::tell(&format!("error: {error}"));
            ExitCode::from(super::FAILED)
        }
    }
}
