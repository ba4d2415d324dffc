//! `citytwin consume`: one of several processes at work on a city, which share the partitions of a topic of Kafka.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;

use super::publishing::Whose;
use crate::primitives::text::{Findings, Place, Problem};
use crate::twin::{self, Consumed, Consuming};

/// What `consume` is told.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// File that says which parts to run on: Kafka with `workers: group`, Redis, a history that several processes share
    #[arg(long, value_name = "FILE")]
    parts: PathBuf,
    /// Folder of this process alone, for what is not finished; schemas that were registered are read from it
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Name of this member: whoever comes back under it in time finds its partitions as they were
    #[arg(long, value_name = "NAME", value_parser = name)]
    member: Option<String>,
    #[command(flatten)]
    whose: Whose,
    /// What was made of the messages is kept for good so often, in seconds [default: 5]
    #[arg(long, value_name = "SECONDS", value_parser = super::listen::seconds)]
    keep_every: Option<Duration>,
    /// When it ends, nothing more will come: close the windows that are still open
    #[arg(long)]
    finish: bool,
    /// End when the group has kept everything that is in the topic now
    #[arg(long)]
    until_caught_up: bool,
    /// Tell so often how it goes, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    tell_every: Option<u64>,
}

/// Reads the name of a member.
fn name(word: &str) -> Result<String, String> {
    let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if word.is_empty() || word.len() > 64 || !plain {
        return Err("write 1 to 64 of A-Z a-z 0-9 . _ -".to_owned());
    }
    Ok(word.to_owned())
}

/// Consumes until interrupted, or everything is kept.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    consume(arguments).unwrap_or_else(|code| code)
}

fn consume(arguments: &Arguments) -> Result<ExitCode, ExitCode> {
    let equipment = super::equipment(Some(&arguments.parts))?;
    let parts = &equipment.parts;
    let place = Place::file(&arguments.parts);
    let mut findings = Findings::default();
    if !parts.works_in_group() {
        findings.problem(Problem::new(place.clone(), twin::NO_GROUP.to_owned()));
    }
    super::understood(if findings.is_ok() { Ok(()) } else { Err(findings) })?;
    // Nobody comes in here.
    super::understood(equipment.check(&place, SocketAddr::from(([127, 0, 0, 1], 0))))?;
    let (topics, network) = arguments.whose.read(parts)?;
    let interrupted = super::interrupts()?;
    let settings = Consuming {
        folder: arguments.out.clone(),
        topics,
        network,
        equipment,
        member: arguments.member.clone(),
        tell_every: arguments.tell_every.map(Duration::from_secs),
        keep_every: arguments.keep_every,
        finish: arguments.finish,
        until_caught_up: arguments.until_caught_up,
    };
    let mut ready = |place: &str| super::tell(&format!("{place}; interrupt to end"));
    let mut tell = |news: &str| super::tell(news);
    Ok(match twin::consume(&settings, &mut ready, &mut tell, &|| interrupted.load(Ordering::SeqCst)) {
        Ok(consumed) => {
            told(&consumed);
            super::print(&arguments.out.display().to_string(), ExitCode::SUCCESS)
        }
        Err(error) => {
            super::tell(&format!("error: {error}"));
            ExitCode::from(super::FAILED)
        }
    })
}

fn told(consumed: &Consumed) {
    let Consumed { kept, rebalances, moved, dropped, tally, restarts, shown, stored } = consumed;
    super::tell(&format!("{kept} messages kept by this member"));
    super::tell(&format!(
        "  {rebalances} rebalances, {moved} partitions found in other hands, {dropped} let go unkept"
    ));
    super::tell(&super::tally(*tally));
    for (service, times) in restarts {
        super::tell(&format!("  {service} was started again {times} times"));
    }
    super::tell(&format!("  from device to live state: {shown}"));
    super::tell(&format!("  from device to stores: {stored}"));
}
