//! What every verb that publishes is told about its target, and what every verb that reads topics makes of its flags.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use crate::city::network::Network;
use crate::city::scenario::{self, LoadedScenario, Overrides};
use crate::primitives::text::Place;
use crate::telemetry::TopicMap;
use crate::twin::{Confirm, PartsFile, Protocol, PublisherOptions, TlsClient, TlsClientFiles};

/// When a message is safe, who vouches for the target, and how long it may be away.
#[derive(Debug, Args)]
pub(super) struct Publishing {
    /// A message is safe when the broker acknowledges it, or only when whoever keeps it says so, through whatever broker
    #[arg(long, value_name = "broker|end-to-end", default_value = "broker", value_parser = confirm)]
    confirm: Confirm,
    /// Certificates (PEM) of who may vouch for an `mqtts://` target, instead of Mozilla's list
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Give up when the target has been away for so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    give_up: u64,
}

fn confirm(word: &str) -> Result<Confirm, String> {
    match word {
        "broker" => Ok(Confirm::Broker),
        "end-to-end" => Ok(Confirm::END_TO_END),
        _ => Err("write `broker` or `end-to-end`".to_owned()),
    }
}

impl Publishing {
    /// How to publish under a name, to which the process is added: two of one name throw each other out of a broker.
    pub(super) fn options(&self, name: &str, encrypted: bool) -> Result<PublisherOptions, ExitCode> {
        let mut options = PublisherOptions::new(Protocol::V5, 1, format!("{name}-{}", std::process::id()));
        options.credentials = super::run::credentials("CITYTWIN_MQTT");
        options.confirm = self.confirm;
        options.give_up = Duration::from_secs(self.give_up);
        if encrypted {
            let files = TlsClientFiles { authorities: self.ca.clone(), ..TlsClientFiles::default() };
            let tls = TlsClient::load(&files).map_err(|error| {
                super::tell(&format!("error: {error}"));
                ExitCode::from(super::INVALID)
            })?;
            options.tls = Some(tls);
        }
        Ok(options)
    }
}

/// Whose devices speak: the roads they are on, and the topics they speak at.
#[derive(Debug, Args)]
pub(super) struct Whose {
    /// The scenario whose roads readings are matched to
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Mapping file: a topic for each reading type [default: what the file of parts says, or the scenario]
    #[arg(long, value_name = "FILE")]
    topics: Option<PathBuf>,
    /// The city's name, for topics that hold it [default: what the file of parts says, the scenario's, or `city`]
    #[arg(long)]
    city: Option<String>,
}

impl Whose {
    /// The topics, and the roads if a scenario has any.
    pub(super) fn read(&self, parts: &PartsFile) -> Result<(TopicMap, Option<Arc<Network>>), ExitCode> {
        let loaded = self.scenario.as_ref().map(|file| scenario::load(file, &Overrides::default())).transpose();
        let loaded = super::understood(loaded)?;
        let city = self.city.as_deref().or(parts.city.as_deref());
        let file = self.topics.as_deref().or(parts.topics.as_deref());
        Ok((topics(file, city, loaded.as_ref())?, loaded.map(|loaded| loaded.network)))
    }
}

/// The topics of a mapping file if one is named, else those of a city if one is named, else the scenario's, else the usual.
pub(super) fn topics(
    file: Option<&Path>,
    city: Option<&str>,
    loaded: Option<&LoadedScenario>,
) -> Result<TopicMap, ExitCode> {
    super::understood(match (file, city, loaded) {
        (Some(path), city, _) => super::topics_in(path, city.unwrap_or("city"), &Place::file("command line")),
        (None, Some(city), _) => Ok(TopicMap::new(city)),
        (None, None, Some(loaded)) => super::topics_of(loaded),
        (None, None, None) => Ok(TopicMap::new("city")),
    })
}
