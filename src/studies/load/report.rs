//! Everything a load has to tell: what was asked and measured, in figures for programs and in a few lines for people.

use serde::Serialize;

use super::expect::Held;
use super::faults::{FaultCounts, Faults};
use super::figures::{Measured, Quantiles, duration};
use super::search::Trial;
use super::store::StoreMeasured;

/// How a load ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "how", content = "why", rename_all = "lowercase")]
pub enum End {
    /// Everything was sent, and waited for.
    Completed,
    /// Somebody interrupted it.
    Interrupted,
    /// It could not go on; a sentence says why. What was measured until then is right.
    Failed(String),
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// The latency that was to be kept by 99 of 100 messages [µs].
    pub p99_us: u64,
    /// The highest rate at which it was [1/s]; none if not even the first was.
    pub rate: Option<f64>,
    /// What was tried.
    pub trials: Vec<Trial>,
}

/// What a client beside the load measured that waits for each answer before it sends again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Beside {
    /// Messages a second it would have sent to a target that answers at once.
    pub rate: f64,
    /// From sent to acknowledged.
    pub latency: Quantiles,
}

/// The report of a load.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadReport {
    /// Its name.
    pub name: String,
    /// Where to.
    pub target: String,
    /// When it began, by the clock on the wall.
    pub began: String,
    /// Identities.
    pub devices: u64,
    /// Connections.
    pub connections: u16,
    /// Root of every draw.
    pub seed: u64,
    /// How it ended.
    pub end: End,
    /// Records in the ledger.
    pub emitted: u64,
    /// Messages sent once more after a lost connection.
    pub resent: u64,
    /// Connections made again.
    pub reconnects: u64,
    /// Messages that the target refused, by reason.
    pub refusals: Vec<(String, u64)>,
    /// How long the sender had to wait because as many messages as may be were without acknowledgement [s].
    pub waited_s: f64,
    /// What was measured.
    pub measured: Measured,
    /// What was searched for and found.
    pub search: Option<Found>,
    /// A client that waits for each answer.
    pub beside: Option<Beside>,
    /// What was seen in the store.
    pub store: Option<StoreMeasured>,
    /// Where messages came from.
    pub source: String,
    /// Shares of messages with which something was to go wrong.
    #[serde(skip)]
    pub faults: Faults,
    /// How often it did.
    pub fault_counts: FaultCounts,
    /// What was expected.
    pub expectations: Vec<Held>,
}

impl LoadReport {
    /// Whether everything that was expected holds.
    pub fn holds(&self) -> bool {
        self.expectations.iter().all(|held| held.holds)
    }

    /// Messages handed over that were never acknowledged.
    pub fn unacknowledged(&self) -> u64 {
        self.measured.handed.saturating_sub(self.measured.acknowledged)
    }

    /// Messages acknowledged a second, over the whole of it.
    #[expect(clippy::cast_precision_loss, reason = "messages of a load")]
    pub fn rate(&self) -> f64 {
        if self.measured.seconds > 0.0 { self.measured.acknowledged as f64 / self.measured.seconds } else { 0.0 }
    }
}

impl std::fmt::Display for LoadReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let measured = &self.measured;
        write!(
            f,
            "{} records in the ledger, {} messages sent, {} acknowledged in {:.1} s, {:.0} a second",
            self.emitted,
            measured.handed,
            measured.acknowledged,
            measured.seconds,
            self.rate()
        )?;
        if self.unacknowledged() > 0 {
            write!(f, "\n  NOT acknowledged: {}; they count as slower than any other", self.unacknowledged())?;
        }
        write!(f, "\n  from due to acknowledged: {}", measured.latency)?;
        write!(f, "\n  from due to sent, the schedule's own error: {}", measured.schedule_error)?;
        if measured.phases.len() > 1 {
            for phase in &measured.phases {
                write!(f, "\n    {}: {} of {} sent, {}", phase.name, phase.handed, phase.asked, phase.latency)?;
            }
        }
        if let Some(store) = &self.store {
            write!(f, "\n  {store}")?;
        }
        if let Some(beside) = &self.beside {
            write!(f, "\n  a client that waits for each answer, beside it: {}", beside.latency)?;
        }
        if let Some(back) = &measured.reconnecting {
            write!(
                f,
                "\n  connections back after {} storms: {}, the slowest after {}",
                measured.storms,
                back.count,
                duration(back.longest_us)
            )?;
        }
        if let Some(found) = &self.search {
            let rate = found.rate.map_or_else(|| "none of the rates tried".to_owned(), |rate| format!("{rate:.0}/s"));
            write!(f, "\n  the highest rate with a p99 of {}: {rate}", duration(Some(found.p99_us)))?;
        }
        write!(f, "\n  sent once more: {}; connections made again: {}", self.resent, self.reconnects)?;
        if self.waited_s > 0.0 {
            write!(f, "; waited for room: {:.1} s", self.waited_s)?;
        }
        for (reason, count) in &self.refusals {
            write!(f, "\n  refused: {count}, {reason}")?;
        }
        for held in &self.expectations {
            let word = if held.holds { "as expected" } else { "NOT as expected" };
            write!(f, "\n  {word}: {}; measured: {}", held.expected, held.measured)?;
        }
        match &self.end {
            End::Completed => Ok(()),
            End::Interrupted => f.write_str("\n  interrupted: these are the figures so far"),
            End::Failed(why) => write!(f, "\n  ended before its time: {why}\n  these are the figures so far"),
        }
    }
}
