//! Whether what a file of parts names can be used at all: looked at before anything is begun or written.
//!
//! Servers need not answer for it; what a variable must hold, a file must say and an address must allow is all that counts.

use std::net::SocketAddr;

use super::{Equipment, PartsFile};
use crate::pipeline::alerting::{self, Deliverer};
use crate::primitives::text::{Findings, Place, Problem};
use crate::telemetry::TopicMap;

impl Equipment {
    /// Looks at everything that is named; `place` is where it is named, `address` where messages are to come in.
    ///
    /// # Errors
    /// Everything that is wrong, without secrets.
    pub fn check(&self, place: &Place, address: SocketAddr) -> Result<(), Findings> {
        let (parts, mut findings) = (&self.parts, Findings::default());
        let mut wrong = |sentence: String| findings.problem(Problem::new(place.clone(), sentence));
        if let Err(error) = parts.stores(&self.environment) {
            wrong(error.to_string());
        }
        if let Some(Err(error)) = parts.kafka().map(|kafka| kafka.check(&self.environment)) {
            wrong(error.to_string());
        }
        if parts.works_in_group() {
            self.in_group().into_iter().for_each(|sentence| wrong(sentence.to_owned()));
        }
        if let Some(broker) = parts.broker() {
            if let Err(error) = broker.bridge(&TopicMap::new("city"), &self.environment) {
                wrong(error.to_string());
            }
        } else {
            self.listening(address).unwrap_or_else(&mut wrong);
        }
        if let Some(path) = &parts.alerts {
            match alerting::read(path) {
                Ok(rules) => {
                    for sentence in Deliverer::new(&rules, &self.environment).err().into_iter().flatten() {
                        findings.problem(Problem::new(Place::file(path), sentence));
                    }
                }
                Err(more) => findings.absorb(more),
            }
        }
        if findings.is_ok() { Ok(()) } else { Err(findings) }
    }

    /// What several processes on one city need, and is not said, or cannot be had by them.
    fn in_group(&self) -> Vec<&'static str> {
        let parts = &self.parts;
        let rules = [
            (
                parts.live.is_none(),
                "`workers: group`: several processes share one live state, and an embedded one is in one process alone: write \
                 `live: { redis: { url: ... } }`",
            ),
            (
                parts.history.is_none(),
                "`workers: group`: several processes share one history with its checkpoints, and a folder is one process's alone: write \
                 `history: { s3: ... }`",
            ),
            (
                parts.records.is_some(),
                "`workers: group`: tables in PostgreSQL have one writer, who keeps all others out: leave out `records`, they lie beside \
                 the history then",
            ),
            (
                parts.alerts.is_some(),
                "`workers: group`: alerts are raised by one process that has the city to itself: leave out `alerts`, or write \
                 `workers: here`",
            ),
        ];
        rules.into_iter().filter(|(wrong, _)| *wrong).map(|(_, sentence)| sentence).collect()
    }

    fn listening(&self, address: SocketAddr) -> Result<(), String> {
        let PartsFile { listen, .. } = &self.parts;
        self.parts.security().map_err(|error| error.to_string())?;
        let asks = listen.users.is_some() || listen.clients.is_some() || listen.anonymous;
        if asks || address.ip().to_canonical().is_loopback() {
            return Ok(());
        }
        Err(format!(
            "{address} is open beyond this machine and nobody is asked who they are: write `listen: {{ users: ... }}` or \
             `listen: {{ clients: ... }}`, or `anonymous: true` if that is meant"
        ))
    }
}
