//! The bridge: takes messages from somebody else's broker into the log, and lets the broker forget them when they are in it.
//!
//! ```text
//!  Publisher ══▶ broker ══ $share/<group>/<filter>, session, QoS 1 ══▶ Bridge ──submit──▶ Bus
//!      ▲            │ ◀──────────── PUBACK, in order ─────────────────   │ ◀──── done ─────┘
//!      └────────────┴ ◀──────────── confirmations, QoS 0 ──────────────  ┘
//! ```
//!
//! A broker is not a log: what it has acknowledged may be gone after its next crash, and what it queues for a reader that is away
//! it drops beyond its limit. So a message is acknowledged to the broker after its commit, and confirmed to its publisher if that
//! asks for it (`confirm.rs`). Bridges of one group share a broker's messages. The broker may die, come back without what it
//! knew, or fall silent: the bridge comes back for ever, and says since when and why it is away. Does not decode a payload.

mod connection;
mod counters;
mod intake;
mod link;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::connection::Connection;
use self::counters::Counters;
use super::bus::{Bus, BusError};
use super::listener::topics::is_filter;
use super::target::{Credentials, Target};
use super::tls::TlsClient;

pub use self::counters::{Away, BridgeStats};

/// Longest group name [bytes].
const GROUP_BYTES_MAX: usize = 64;
/// Most filters of one bridge.
const FILTERS_MAX: usize = 256;

/// How to take messages from a broker.
#[derive(Debug, Clone)]
pub struct BridgeOptions {
    /// Client identifier; stays the same over restarts, because what the broker keeps for this bridge is kept under it. Two of
    /// one name throw each other out.
    pub name: String,
    /// Bridges of one group share the messages; other groups get them all again.
    pub group: String,
    /// What to take, as `TopicMap::filters` names it.
    pub filters: Vec<String>,
    /// How long the broker keeps messages for a bridge that is away.
    pub session_expiry: Duration,
    /// A broker silent for one and a half of it is taken for gone.
    pub keep_alive: Duration,
    /// Messages the broker sends without their acknowledgement, at most.
    pub receive_maximum: u16,
    /// Messages that wait for the log [bytes]; beyond it the broker is not read from.
    pub waiting_bytes: usize,
    /// A broker that does not answer the first words within this time is tried again.
    pub connect_timeout: Duration,
    /// On leaving, what has been received may take so long to become durable; what has not by then stays with the broker.
    pub shutdown_timeout: Duration,
    /// For the broker, if it asks.
    pub credentials: Option<Credentials>,
    /// How to encrypt to a broker named `mqtts://`; none believes Mozilla's list of authorities.
    pub tls: Option<TlsClient>,
}

impl BridgeOptions {
    /// Default sizes: an hour of memory at the broker, 20 s of silence, 4,096 messages on their way, 16 MiB waiting.
    pub fn new(name: impl Into<String>, group: impl Into<String>, filters: Vec<String>) -> Self {
        Self {
            name: name.into(),
            group: group.into(),
            filters,
            session_expiry: Duration::from_hours(1),
            keep_alive: Duration::from_secs(20),
            receive_maximum: 4096,
            waiting_bytes: 16 << 20,
            connect_timeout: Duration::from_secs(10),
            shutdown_timeout: Duration::from_secs(10),
            credentials: None,
            tls: None,
        }
    }

    fn check(&self) -> Result<(), BridgeError> {
        let group = &self.group;
        if group.is_empty() || group.len() > GROUP_BYTES_MAX || group.contains(['/', '+', '#', '\0']) {
            let sentence = format!(
                "`{group}` is no name of a group of bridges; it has 1 to {GROUP_BYTES_MAX} bytes without `/`, `+` and `#`"
            );
            return Err(BridgeError(sentence));
        }
        if self.name.is_empty() {
            return Err(BridgeError(
                "a bridge needs a name of its own; the broker keeps its messages under it".to_owned(),
            ));
        }
        if self.filters.is_empty() || self.filters.len() > FILTERS_MAX {
            let count = self.filters.len();
            return Err(BridgeError(format!("a bridge takes 1 to {FILTERS_MAX} topic filters, not {count}")));
        }
        match self.filters.iter().find(|filter| !is_filter(filter) || filter.starts_with('$')) {
            Some(filter) => Err(BridgeError(format!(
                "`{filter}` is no topic filter for a bridge; `+` and `#` stand for whole levels, `#` last, and no filter begins with `$`"
            ))),
            None => Ok(()),
        }
    }
}

/// Why there is no bridge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BridgeError(String);

/// What the bridge's task and its owner share.
#[derive(Debug)]
struct Shared {
    bus: Arc<dyn Bus>,
    target: Target,
    options: BridgeOptions,
    counters: Counters,
    failed: watch::Sender<Option<BusError>>,
}

/// A bridge at work.
#[derive(Debug)]
pub struct Bridge {
    shared: Arc<Shared>,
    closing: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Bridge {
    /// Begins to take messages from a broker into a bus, on the runtime's threads, until shut down. A broker that is not there
    /// is no error: [`BridgeStats::away`] says so.
    ///
    /// # Errors
    /// When name, group or filters cannot be what they are.
    pub fn spawn(
        runtime: &Handle,
        target: &Target,
        bus: Arc<dyn Bus>,
        options: BridgeOptions,
    ) -> Result<Self, BridgeError> {
        options.check()?;
        let shared = Arc::new(Shared {
            bus,
            target: target.clone(),
            options,
            counters: Counters::default(),
            failed: watch::Sender::new(None),
        });
        let closing = watch::Sender::new(false);
        let entered = runtime.enter();
        let task = runtime.spawn(Connection::new(Arc::clone(&shared), closing.subscribe()).run());
        drop(entered);
        Ok(Self { shared, closing, task })
    }

    /// Whether it still works; if not without having been shut down, [`Self::failure`] says why.
    pub fn is_serving(&self) -> bool {
        !self.task.is_finished()
    }

    /// What it has done so far, and whether it has a broker.
    pub fn stats(&self) -> BridgeStats {
        self.shared.counters.stats()
    }

    /// The last reason why messages could not be stored. One that is final has ended the bridge; any other it waits out.
    pub fn failure(&self) -> Option<BusError> {
        self.shared.failed.borrow().clone()
    }

    /// Stops reading; returns when everything received is durable and acknowledged, or the time for it is over.
    pub async fn shutdown(self) -> BridgeStats {
        self.closing.send_replace(true);
        // A panic of the task has ended it as well.
        let _ = self.task.await;
        self.shared.counters.stats()
    }
}

/// What becomes of any message from a broker: for those who throw any bytes at it.
pub(super) fn take_any(arrived: super::packet::Arrived) -> usize {
    let mut intake = intake::Intake::new(4);
    intake.take(arrived);
    let mut bytes = 0;
    intake.dispatch(|_, messages| bytes += messages.iter().map(super::Message::bytes).sum::<usize>());
    bytes
}
