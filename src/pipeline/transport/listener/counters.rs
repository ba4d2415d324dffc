//! What the listener counts, and why it ends connections.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Why a connection was refused or ended by the listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    TooManyConnections,
    ConnectTimeout,
    KeepAlive,
    Version,
    ClientId,
    Malformed,
    Protocol,
    PacketTooLarge,
    Topic,
    Qos,
    ReceiveMaximum,
    TopicAlias,
    TakenOver,
    Bus,
    Internal,
    PerAddress,
    PerUser,
    Encryption,
    Certificate,
    Anonymous,
    Password,
    Attempts,
    Forbidden,
}

impl Refusal {
    /// Every reason, in the order of the counters.
    const ALL: [(Self, &'static str); 23] = [
        (Self::TooManyConnections, "too many connections"),
        (Self::ConnectTimeout, "no CONNECT in time"),
        (Self::KeepAlive, "silent for longer than the keep-alive"),
        (Self::Version, "unsupported protocol version"),
        (Self::ClientId, "client identifier not valid"),
        (Self::Malformed, "malformed packet"),
        (Self::Protocol, "protocol error"),
        (Self::PacketTooLarge, "packet too large"),
        (Self::Topic, "topic name not allowed"),
        (Self::Qos, "quality of service not supported"),
        (Self::ReceiveMaximum, "receive maximum exceeded"),
        (Self::TopicAlias, "topic alias not valid"),
        (Self::TakenOver, "client identifier taken over"),
        (Self::Bus, "message could not be stored"),
        (Self::Internal, "internal error"),
        (Self::PerAddress, "too many connections of one address"),
        (Self::PerUser, "too many connections of one user"),
        (Self::Encryption, "encryption not agreed on"),
        (Self::Certificate, "certificate of nobody who is known"),
        (Self::Anonymous, "no user name given"),
        (Self::Password, "wrong user name or password"),
        (Self::Attempts, "too many wrong passwords of one address"),
        (Self::Forbidden, "publishing not allowed to the user"),
    ];

    /// The reason in words.
    pub(super) fn in_words(self) -> &'static str {
        Self::ALL.iter().find(|(known, _)| *known == self).map_or("", |(_, words)| words)
    }
}

/// Counters of a listener; only ever grow, but for the open connections.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) accepted: AtomicU64,
    pub(super) open: AtomicU64,
    pub(super) publishes: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) acknowledged: AtomicU64,
    pub(super) delivered: AtomicU64,
    pub(super) subscriber_drops: AtomicU64,
    pub(super) retained_refused: AtomicU64,
    pub(super) denied_publishes: AtomicU64,
    pub(super) denied_subscriptions: AtomicU64,
    pub(super) throttled: AtomicU64,
    refused: [AtomicU64; Refusal::ALL.len()],
}

/// Adds to a counter.
pub(super) fn add(counter: &AtomicU64, more: usize) {
    counter.fetch_add(more as u64, Ordering::Relaxed);
}

/// What a listener has done since it began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListenerStats {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections open now.
    pub open: u64,
    /// Messages received and handed to the bus.
    pub publishes: u64,
    /// Their topics and payloads [bytes].
    pub bytes: u64,
    /// Messages acknowledged (quality of service 1 and 2), each of them durable.
    pub acknowledged: u64,
    /// Messages sent to subscribers.
    pub delivered: u64,
    /// Messages a subscriber did not get because its queue was full or it takes no packets of that size.
    pub subscriber_drops: u64,
    /// Messages not kept for later subscribers because too many are kept already.
    pub retained_refused: u64,
    /// Messages not taken because their user may not publish to their topics.
    pub denied_publishes: u64,
    /// Subscriptions not granted because their user may not see those topics.
    pub denied_subscriptions: u64,
    /// How often a connection sent more than its rate, and was not read from for a while.
    pub throttled: u64,
    /// Connections refused or ended by the listener, by reason.
    pub refused: BTreeMap<&'static str, u64>,
}

impl Counters {
    /// Counts a connection refused or ended.
    pub(super) fn refuse(&self, refusal: Refusal) {
        if let Some(at) = Refusal::ALL.iter().position(|(known, _)| *known == refusal) {
            add(&self.refused[at], 1);
        }
    }

    /// The counters as they stand.
    pub(super) fn stats(&self) -> ListenerStats {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let refused = Refusal::ALL.iter().zip(&self.refused).map(|((_, name), count)| (*name, of(count)));
        ListenerStats {
            accepted: of(&self.accepted),
            open: of(&self.open),
            publishes: of(&self.publishes),
            bytes: of(&self.bytes),
            acknowledged: of(&self.acknowledged),
            delivered: of(&self.delivered),
            subscriber_drops: of(&self.subscriber_drops),
            retained_refused: of(&self.retained_refused),
            denied_publishes: of(&self.denied_publishes),
            denied_subscriptions: of(&self.denied_subscriptions),
            throttled: of(&self.throttled),
            refused: refused.filter(|(_, count)| *count > 0).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reason missing from the table would end connections without a trace.
    #[test]
    fn every_reason_is_counted_under_its_name() {
        let counters = Counters::default();
        for (refusal, _) in Refusal::ALL {
            counters.refuse(refusal);
        }
        assert_eq!(counters.stats().refused.len(), Refusal::ALL.len());
    }
}
