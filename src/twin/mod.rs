//! The running twin: the city, the wire and the stores as services under supervision.
//!
//! Starts and ends them in the right order, paces the city to what the wire takes, and restarts what dies. Holds no logic of the
//! city or of the pipeline.

mod board;
mod gateway;
mod intake;
mod listen;
mod replay;
mod service;
mod tables;
mod telling;
mod wire;
mod worker;

use std::path::Path;

use crate::pipeline::stores::{StoreError, Stores};
use crate::pipeline::transport::{BusError, ListenError};
use crate::studies::audit::{self, AuditError, Balance, Ledger, LedgerError};

pub use crate::pipeline::transport::{Credentials, Protocol, Target};
pub use board::Tally;
pub use intake::Folders;
pub use listen::{Heard, Listening, listen};
pub use replay::{Replayed, replay};
pub use wire::{TwinWire, WireSettings};

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
    /// A service gave up.
    #[error("{0}")]
    Service(String),
}

/// Audits the run in a folder: its ledger against what its stores hold.
///
/// # Errors
/// When there is no such run, it is still going on, or its files cannot be read.
pub fn audit(run: &Path) -> Result<Balance, TwinError> {
    let folders = Folders::of(run);
    // Opening them would make new ones, and an audit is to leave everything as it is.
    if !Stores::are_in(&folders.stores) {
        let sentence =
            format!("there are no stores in `{}`; name the folder of a run that used the wire", run.display());
        return Err(TwinError::Service(sentence));
    }
    if !folders.ledger.exists() {
        let sentence = format!(
            "there is no ledger in `{}`: it is written at the end of a run, and this one has not come to it; run it again with \
             the same `--out`, it goes on from what is kept",
            run.display()
        );
        return Err(TwinError::Service(sentence));
    }
    let ledger = Ledger::read(&folders.ledger)?;
    Ok(audit::balance(&ledger, &Stores::open(&folders.stores)?)?)
}
