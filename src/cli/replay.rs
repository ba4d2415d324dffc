//! `citytwin replay`: the recording of a run goes through the same pipeline into new stores, without the simulator.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use clap::Args;

use crate::city::scenario::{self, Overrides};
use crate::primitives::text::Place;
use crate::telemetry::TopicMap;
use crate::twin;

/// What `replay` is told.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder of a run that used the wire, or its `log`
    recording: PathBuf,
    /// Folder for the new stores
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The scenario whose roads readings are matched to; without it the trackers' roads stay unknown
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Mapping file: a topic for each reading type; the scenario's unless given
    #[arg(long, value_name = "FILE")]
    topics: Option<PathBuf>,
}

/// Feeds it in.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    feed_in(arguments).unwrap_or_else(|code| code)
}

fn feed_in(arguments: &Arguments) -> Result<ExitCode, ExitCode> {
    let loaded = arguments.scenario.as_ref().map(|file| scenario::load(file, &Overrides::default())).transpose();
    let loaded = super::understood(loaded)?;
    let topics = match (&arguments.topics, &loaded) {
        (Some(path), _) => super::topics_in(path, "city", &Place::file("command line")),
        (None, Some(loaded)) => super::topics_of(loaded),
        (None, None) => Ok(TopicMap::new("city")),
    };
    let topics = super::understood(topics)?;
    let interrupted = super::interrupts()?;
    let network = loaded.as_ref().map(|loaded| &*loaded.network);
    let stop = || interrupted.load(Ordering::SeqCst);
    Ok(match twin::replay(&arguments.recording, &arguments.out, &topics, network, &stop) {
        Ok(replayed) => {
            let code = if stop() { ExitCode::from(super::INTERRUPTED) } else { ExitCode::SUCCESS };
            super::tell(&format!("{} messages fed in, {} bytes", replayed.messages, replayed.bytes));
            super::print(&arguments.out.display().to_string(), code)
        }
        Err(error) => {
            super::tell(&format!("error: {error}"));
            ExitCode::from(super::FAILED)
        }
    })
}
