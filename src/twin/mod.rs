//! The running twin: the city, the wire and the stores as services under supervision.
//!
//! Starts and ends them in the right order, paces the city to what the wire takes, and restarts what dies. Holds no logic of the
//! city or of the pipeline.

mod board;
mod clock;
mod consume;
mod control;
mod desk;
mod edge;
mod exported;
mod gateway;
mod gauges;
mod housekeeping;
mod intake;
mod latency;
mod listen;
mod load;
mod only_listen;
mod parts;
mod reconcile;
#[cfg(feature = "schemas")]
mod registry;
mod replay;
mod said;
mod send;
mod serve;
mod service;
mod tables;
mod telling;
mod watch;
mod wire;
mod worker;

use std::path::Path;
use std::sync::Arc;

use crate::pipeline::alerting;
use crate::pipeline::stores::{LiveSettings, StoreError, StoreSettings, Stores};
use crate::pipeline::transport::{Bus, BusError, DurableLog, ListenError, LogOptions};
use crate::primitives::text::Findings;
use crate::studies::audit::{self, Audit, AuditError, Journal, Ledger, LedgerError};
use crate::telemetry::SchemaBook;

pub use crate::api::guard::{NewKey, Role, is_name, new_key};
pub use crate::pipeline::alerting::metrics_table as alert_metrics;
pub use crate::pipeline::analytics::Agreement;
pub use crate::pipeline::transport::{
    Confirm, Credentials, Protocol, PublisherOptions, Target, TlsClient, TlsClientFiles, hash_password,
};
pub use crate::studies::audit::ExportColumns;
pub use board::Tally;
pub use consume::{Consumed, Consuming, NO_GROUP, consume};
pub use desk::{open_alerts, requeue};
pub use exported::{Export, audit_export};
pub use intake::Folders;
pub use latency::Latency;
pub use listen::{Heard, Listening, listen};
pub use load::{LoadSettings, LoadSource, LoadTarget, LoadUnderWay, Loaded, load, read_profile, read_source};
pub use parts::{BusPart, Environment, Equipment, Examined, Kafka, PartsFile, S3, Workers, doctor, read as read_parts};
pub use reconcile::{DayReconciled, ReconcileSettings, reconcile};
#[cfg(feature = "schemas")]
pub use registry::RegistryServer;
pub use replay::{Replayed, replay};
pub use send::{SendSettings, Sent, send};
pub use serve::{
    DrillSettings, Drilling, Pin, RealCity, Remade, ServeSettings, Served, again as drill_again,
    by_bots as drill_by_bots, until,
};
pub use wire::{LiveCity, TwinWire, WireSettings};

/// Why the twin could not do what was asked; every one is a sentence that says where and what to do.
#[derive(Debug, thiserror::Error)]
pub enum TwinError {
    /// The stores failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log failed.
    #[error(transparent)]
    Log(#[from] BusError),
    /// Nobody can listen there.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The books cannot be checked.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The ledger cannot be read or written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A topic of somebody else's cannot be read.
    #[cfg(feature = "kafka")]
    #[error(transparent)]
    Topic(#[from] crate::pipeline::transport::FeedError),
    /// A service gave up.
    #[error("{0}")]
    Service(String),
}

/// Checks a file of alert rules; a line of what is in it.
///
/// # Errors
/// Everything wrong with it.
pub fn check_alerts(file: &Path) -> Result<String, Findings> {
    let rules = alerting::read(file)?;
    let (metrics, events) = (rules.rules.len(), rules.events.len());
    let (areas, actions) = (rules.geofences.len(), rules.actions.len());
    Ok(format!("{metrics} rules about metrics, {events} about events, {areas} areas, {actions} actions: all well"))
}

/// Audits what was sent from one folder against what is kept in one; they may be the same. `received` is a file with the event
/// ids that receivers of webhooks wrote down, one a line.
///
/// # Errors
/// When there is no ledger or nothing is kept, the folder is in use, or its files cannot be read.
pub fn audit(sender: &Path, keeper: &Path, equipment: &Equipment, received: Option<&Path>) -> Result<Audit, TwinError> {
    let kept = Folders::of(keeper);
    // Opening them would make new ones, and an audit is to leave everything as it is.
    if !Stores::are_in(&kept.stores) && equipment.parts.history.is_none() {
        let sentence =
            format!("there are no stores in `{}`; name the folder of a run that used the wire", keeper.display());
        return Err(TwinError::Service(sentence));
    }
    let (ledger, unsent_max) = ledger_of(sender)?;
    let elsewhere = equipment.parts.stores(&equipment.environment)?;
    let rules = equipment.parts.rules()?;
    let received = received.map(desk::received).transpose()?;
    let stores = Stores::open_to_read(&kept.stores, StoreSettings::default(), elsewhere)?;
    let schemas = SchemaBook::default();
    intake::read_schemas(&kept, &schemas)?;
    let mut audit = Audit { cut_off: unsent_max.is_some(), ..Audit::default() };
    audit.balances.push(("stores", audit::balance(&ledger, &stores, &schemas, unsent_max)?));
    match stores.live_left_out() {
        Some(why) => audit.left_out.push(("live state", why.to_owned())),
        None => audit.live = Some(audit::live(&stores, LiveSettings::default())?),
    }
    if equipment.parts.alerts.is_some() {
        // A run, which has a ledger of its own, tells nobody.
        let tells = !kept.ledger.exists() && !kept.journal.exists();
        audit.alerts = Some(audit::alerts(&stores, &rules, tells, received.as_ref())?);
    }
    audit.windows = Some(audit::windows(&stores)?);
    if equipment.parts.records.is_some() {
        audit.balances.push(("database", audit::balance_of_records(&ledger, &stores, &schemas, unsent_max)?));
    }
    let log: Option<Arc<dyn Bus>> = match equipment.parts.kafka() {
        Some(kafka) => Some(Arc::new(kafka.ask(&equipment.environment)?)),
        None if DurableLog::is_in(&kept.log) => {
            Some(Arc::new(DurableLog::open(&kept.log, LogOptions::new(intake::PARTITIONS))?))
        }
        None => None,
    };
    if let Some(log) = log {
        match audit::balance_of_log(&ledger, &*log, &schemas, unsent_max) {
            Ok(balance) => audit.balances.push(("log", balance)),
            Err(error @ AuditError::Trimmed { .. }) => audit.left_out.push(("log", error.to_string())),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(audit)
}

/// The ledger of what was sent from a folder; of a sender that was cut off also how many messages it can have been about to send.
fn ledger_of(sender: &Path) -> Result<(Ledger, Option<u64>), TwinError> {
    let sent = Folders::of(sender);
    let cut_off = !sent.ledger.exists();
    if cut_off && !sent.journal.exists() {
        let sentence = format!(
            "there is no ledger in `{}`: it is written while a run tells and when it ends; run it again with the same `--out`, it \
             goes on from what is kept",
            sender.display()
        );
        return Err(TwinError::Service(sentence));
    }
    let (ledger, last) = if cut_off { Journal::read(&sent.journal)? } else { (Ledger::read(&sent.ledger)?, 0) };
    // What its publisher may keep, and what was written down and not yet handed to it. A load that ended knows how many those were, and one that
    // was killed wrote down at its beginning how many they may be.
    let spools = PublisherOptions::new(Protocol::V5, intake::PARTITIONS, "").messages_max as u64;
    let written = if cut_off { Journal::under_way(&sent.journal)? } else { None };
    let spools = written.unwrap_or(spools * u64::from(intake::PARTITIONS));
    let kept_back = load::open_at_the_end(sender).unwrap_or(spools);
    let unsent_max = cut_off.then(|| last.saturating_add(kept_back));
    if cut_off && ledger.emitted() == 0 {
        let sentence = "was cut off before anything was sent, which vouches for nothing; run it again";
        return Err(TwinError::Service(format!("the run in `{}` {sentence}", sender.display())));
    }
    Ok((ledger, unsent_max))
}
