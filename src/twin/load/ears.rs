//! What comes back to a load: acknowledgements and connections, noted with their time as they come.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::super::clock;
use crate::pipeline::transport::Witness;
use crate::studies::load::{Recorder, Tag};

/// The longest wait before looking again whether to stop.
pub(super) const MOMENT: Duration = Duration::from_millis(50);

/// Hears what becomes of messages and connections.
#[derive(Debug)]
pub(super) struct Ears {
    heard: Mutex<Heard>,
    changed: Condvar,
}

#[derive(Debug)]
struct Heard {
    /// Time 0 of the schedule; when the ears were made until [`Ears::begin`].
    begun: Instant,
    recorder: Recorder,
    expected: usize,
    connected: usize,
    /// Storms that not every connection has come back from: when they broke them [µs], and which are away.
    broken: Vec<(u64, HashSet<usize>)>,
    /// Whether somebody waits: telling nobody costs as much as noting a message.
    waited_for: bool,
}

/// Whole microseconds of a time.
pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Ears {
    /// For a load of about so many seconds.
    pub(super) fn new(seconds: f64) -> Self {
        let begun = clock::instant();
        let heard = Heard {
            begun,
            recorder: Recorder::new(seconds),
            expected: 0,
            connected: 0,
            broken: Vec::new(),
            waited_for: false,
        };
        Self { heard: Mutex::new(heard), changed: Condvar::new() }
    }

    /// A panic elsewhere leaves nothing half-changed here, so its poison does not matter.
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The schedule begins now.
    pub(super) fn begin(&self) -> Instant {
        let mut heard = self.heard();
        heard.begun = clock::instant();
        heard.begun
    }

    /// So many connections are to come.
    pub(super) fn expect(&self, connections: usize) {
        self.heard().expected = connections;
    }

    /// Works with what was measured.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Recorder) -> T) -> T {
        work(&mut self.heard().recorder)
    }

    /// Every connection is broken now.
    pub(super) fn broke(&self) {
        let mut heard = self.heard();
        let storm = (micros(heard.begun.elapsed()), (0..heard.connected).collect());
        heard.broken.push(storm);
        heard.recorder.broke();
    }

    /// Waits a moment, or until what is waited for is so; whether it is.
    fn wait(&self, is_so: impl Fn(&Heard) -> bool) -> bool {
        let mut heard = self.heard();
        heard.waited_for = true;
        let waited = self.changed.wait_timeout_while(heard, MOMENT, |heard| !is_so(heard));
        let (mut heard, _) = waited.unwrap_or_else(PoisonError::into_inner);
        heard.waited_for = false;
        is_so(&heard)
    }

    /// Waits a moment, or until every connection stands; whether they do.
    pub(super) fn wait_connected(&self) -> bool {
        self.wait(|heard| heard.connected >= heard.expected)
    }

    /// Waits a moment, or until only so many messages are not acknowledged; whether that is so.
    pub(super) fn wait_answered(&self, refused: u64) -> bool {
        self.wait(|heard| heard.recorder.open() <= refused)
    }

    /// Waits a moment, or until every connection that a storm broke is back; whether they are.
    pub(super) fn wait_returned(&self) -> bool {
        self.wait(|heard| heard.broken.is_empty())
    }

    /// Connections that stand, or stood.
    pub(super) fn connections(&self) -> usize {
        self.heard().connected
    }
}

impl Witness for Ears {
    fn safe(&self, tags: &[u64]) {
        let mut heard = self.heard();
        let now = micros(heard.begun.elapsed());
        for tag in tags {
            heard.recorder.acknowledged(Tag::of(*tag), now);
        }
        let is_waited_for = heard.waited_for;
        drop(heard);
        if is_waited_for {
            self.changed.notify_all();
        }
    }

    fn connected(&self, connection: usize, again: bool) {
        let mut heard = self.heard();
        let now = micros(heard.begun.elapsed());
        if again {
            // A storm may come before all are back from the one before it: whoever is back then is back from both.
            let Heard { broken, recorder, .. } = &mut *heard;
            for (at, missing) in broken.iter_mut() {
                if missing.remove(&connection) {
                    recorder.reconnected(now.saturating_sub(*at));
                }
            }
            broken.retain(|(_, missing)| !missing.is_empty());
        } else {
            heard.connected += 1;
        }
        drop(heard);
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two storms in quick succession find some connections still away: those come back once, from both.
    #[test]
    fn whoever_comes_back_is_back_from_every_storm() {
        let ears = Ears::new(1.0);
        ears.expect(2);
        (0..2).for_each(|number| ears.connected(number, false));
        assert!(ears.wait_connected() && ears.wait_returned());
        ears.broke();
        ears.connected(0, true);
        ears.broke();
        assert!(!ears.wait_returned());
        ears.connected(0, true);
        ears.connected(1, true);
        assert!(ears.wait_returned());
        assert_eq!(ears.with(|recorder| recorder.returned()), 4, "two connections, twice");
    }
}
