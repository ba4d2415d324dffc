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
mod telling;
mod wire;
mod worker;

use crate::pipeline::stores::StoreError;
use crate::pipeline::transport::{BusError, ListenError};
use crate::studies::audit::AuditError;

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
    /// A service gave up.
    #[error("{0}")]
    Service(String),
}
