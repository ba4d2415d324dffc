//! What a bridge counts, and whether it has a broker.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A bridge without a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Away {
    /// For how long, to a tenth of a second.
    pub since: Duration,
    /// Why, in a sentence.
    pub cause: String,
}

/// What a bridge has done since it began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BridgeStats {
    /// Messages received.
    pub received: u64,
    /// Their topics and payloads [bytes].
    pub bytes: u64,
    /// Of the received, those the broker marks as sent before.
    pub again: u64,
    /// Messages that lie in the bus.
    pub committed: u64,
    /// Messages acknowledged to the broker.
    pub acknowledged: u64,
    /// Messages confirmed to their publishers, and the packets that took.
    pub confirmed: (u64, u64),
    /// Confirmations there was no room for, or no publisher of ours to hear them; the messages are durable and come again.
    pub unconfirmed: u64,
    /// Messages with payloads longer than allowed; what fits lies in the bus, to be found in quarantine.
    pub refused_payloads: u64,
    /// Messages with topics that are none or too long; under what is left of the topic they lie in the bus.
    pub refused_topics: u64,
    /// Confirmations of others that the filters brought here; acknowledged and not kept.
    pub ignored: u64,
    /// How often the bus had no room, and the bridge waited.
    pub bus_waits: u64,
    /// Connections made.
    pub connections: u64,
    /// How often the broker has agreed to send what was asked for.
    pub subscribed: u64,
    /// Of these, those at which the broker did not remember the bridge; but for the first, what it had kept is lost there.
    pub sessions_lost: u64,
    /// Set while there is no broker.
    pub away: Option<Away>,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) received: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) again: AtomicU64,
    pub(super) committed: AtomicU64,
    pub(super) acknowledged: AtomicU64,
    pub(super) confirmed: AtomicU64,
    pub(super) confirmations: AtomicU64,
    pub(super) unconfirmed: AtomicU64,
    pub(super) refused_payloads: AtomicU64,
    pub(super) refused_topics: AtomicU64,
    pub(super) ignored: AtomicU64,
    pub(super) bus_waits: AtomicU64,
    pub(super) connections: AtomicU64,
    pub(super) subscribed: AtomicU64,
    pub(super) sessions_lost: AtomicU64,
    away: Mutex<Option<Away>>,
}

/// Adds to a counter.
pub(super) fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

impl Counters {
    fn away(&self) -> MutexGuard<'_, Option<Away>> {
        self.away.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There is no broker, and this is why.
    pub(super) fn lost(&self, cause: String) {
        let mut away = self.away();
        let since = away.as_ref().map_or(Duration::ZERO, |away| away.since);
        *away = Some(Away { since, cause });
    }

    /// There is a broker.
    pub(super) fn found(&self) {
        *self.away() = None;
    }

    /// Time has gone by.
    pub(super) fn pass(&self, time: Duration) {
        if let Some(away) = &mut *self.away() {
            away.since += time;
        }
    }

    pub(super) fn stats(&self) -> BridgeStats {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        BridgeStats {
            received: of(&self.received),
            bytes: of(&self.bytes),
            again: of(&self.again),
            committed: of(&self.committed),
            acknowledged: of(&self.acknowledged),
            confirmed: (of(&self.confirmed), of(&self.confirmations)),
            unconfirmed: of(&self.unconfirmed),
            refused_payloads: of(&self.refused_payloads),
            refused_topics: of(&self.refused_topics),
            ignored: of(&self.ignored),
            bus_waits: of(&self.bus_waits),
            connections: of(&self.connections),
            subscribed: of(&self.subscribed),
            sessions_lost: of(&self.sessions_lost),
            away: self.away().clone(),
        }
    }
}
