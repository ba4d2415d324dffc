//! A fork beside the city without its change: both run ahead, and what becomes of them is held against each other meanwhile.
//!
//! The city without the change is stepped on a thread of its own; the one with it is the session's.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::cast::Cast;
use super::slots::Slot;
use super::stage::{Parting, Stage, locked};
use crate::api::port::{Branch, Difference, Sample};
use crate::primitives::SimTime;

/// A fork that is held against the city it left.
#[derive(Debug)]
pub(super) struct Branching {
    from: SimTime,
    until: SimTime,
    base: Arc<Base>,
    /// How far both have come.
    reached: SimTime,
    differences: Vec<Difference>,
    /// Given back when both are there.
    slot: Option<Slot>,
}

/// What the thread of the base tells.
#[derive(Debug)]
struct Base {
    samples: Arc<Mutex<Vec<Sample>>>,
    /// How far it has come [ms after midnight].
    reached: AtomicI64,
    /// Whether it is there, or will not come any farther.
    done: AtomicBool,
    /// Whether nobody wants it any more.
    stop: AtomicBool,
}

impl Branching {
    /// Lets the city without the change run ahead until an instant.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn begin(cast: &Arc<Cast>, base: Parting, until: SimTime, slot: Slot) -> std::io::Result<Self> {
        let mut stage = Stage::take_up(cast, base, false);
        let from = stage.time();
        let told = Arc::new(Base {
            samples: Arc::clone(stage.samples()),
            reached: AtomicI64::new(from.as_milliseconds()),
            done: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        });
        let tell = Arc::clone(&told);
        thread::Builder::new().name("fork's base".to_owned()).spawn(move || {
            // However it ends, nobody waits for it for ever.
            let _end = Done(&tell.done);
            while stage.time() < until && !stage.is_over() && !tell.stop.load(Ordering::Relaxed) {
                stage.step();
                tell.reached.store(stage.time().as_milliseconds(), Ordering::Release);
            }
        })?;
        Ok(Self { from, until, base: told, reached: from, differences: Vec::new(), slot: Some(slot) })
    }

    pub(super) fn until(&self) -> SimTime {
        self.until
    }

    /// Holds what is new of both against each other; whether there was anything.
    pub(super) fn look(&mut self, variant: &Stage) -> bool {
        if self.slot.is_none() {
            return false;
        }
        // Read before the samples: what was done by then has left its numbers.
        let done = self.base.done.load(Ordering::Acquire);
        let base_at = SimTime::milliseconds(self.base.reached.load(Ordering::Acquire));
        let before = self.reached;
        self.reached = before.max(base_at.min(variant.time()));
        let last = self.differences.last().map_or(self.from.as_seconds(), |difference| difference.time_s);
        let new = |samples: &Mutex<Vec<Sample>>| -> Vec<Sample> {
            let samples = locked(samples);
            samples[samples.partition_point(|sample| sample.time_s <= last)..].to_vec()
        };
        let (bases, variants) = (new(&self.base.samples), new(variant.samples()));
        let pairs = bases.iter().zip(&variants).take_while(|(base, variant)| same(base.time_s, variant.time_s));
        self.differences.extend(pairs.map(|(base, variant)| Difference {
            time_s: base.time_s,
            base: base.totals,
            variant: variant.totals,
        }));
        if done && (variant.time() >= self.until || variant.is_over()) {
            self.slot = None;
        }
        self.reached > before
    }

    /// What becomes of both, as far as is known.
    pub(super) fn told(&self) -> Branch {
        Branch {
            from_s: self.from.as_seconds(),
            reached_s: self.reached.as_seconds(),
            until_s: self.until.as_seconds(),
            compared: u32::try_from(self.differences.len()).unwrap_or(u32::MAX),
            differences: self.differences.clone(),
        }
    }
}

impl Drop for Branching {
    fn drop(&mut self) {
        self.base.stop.store(true, Ordering::Relaxed);
    }
}

/// Both are whole steps after the same midnight.
fn same(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-6
}

/// Says that it is done when it goes.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
