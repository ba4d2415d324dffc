//! The notices of one action: which are due, which are under way, and whether the action answers at all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Courier, Outcome};
use crate::pipeline::alerting::outbox::{Notice, NoticeState, RETRIES};
use crate::primitives::{SimDuration, Timestamp};

/// Most tries of an action under way at a time.
const FLYING_MAX: usize = 4;
/// After how many failures in a row an action is only probed.
const FAILURES_MAX: u32 = 5;
/// How long after a failed probe the next one comes.
const PROBE: SimDuration = SimDuration::milliseconds(15_000);
/// The longest anybody may ask to be left alone [s].
const AFTER_MAX: u32 = 3_600;
/// Longest reason kept [bytes].
const REASON_MAX: usize = 500;

/// What became of a notice, beside what it was before.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) notice: Notice,
    before: Notice,
}

/// The notices of an action.
#[derive(Debug)]
pub(super) struct Lane {
    courier: Arc<dyn Courier>,
    waiting: BTreeMap<u64, Notice>,
    flying: BTreeMap<u64, Notice>,
    /// The first notice that was left in the table for want of room.
    behind: Option<u64>,
    /// Failures in a row.
    failures: u32,
    /// No probe before.
    probe: Option<Timestamp>,
    /// Whether nobody takes its notices any more.
    closed: bool,
}

impl Lane {
    pub(super) fn new(courier: Arc<dyn Courier>) -> Self {
        let (waiting, flying) = (BTreeMap::new(), BTreeMap::new());
        Self { courier, waiting, flying, behind: None, failures: 0, probe: None, closed: false }
    }

    /// Nobody takes its notices any more; what is under way ends.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// Whether it was closed, and nothing of it is under way or waits.
    pub(super) fn is_over(&self) -> bool {
        self.closed && self.flying.is_empty() && self.waiting.is_empty()
    }

    /// The notices that wait though nobody takes them any more.
    pub(super) fn abandoned(&mut self) -> Vec<Notice> {
        if self.closed { std::mem::take(&mut self.waiting).into_values().collect() } else { Vec::new() }
    }

    pub(super) fn flying(&self) -> usize {
        self.flying.len()
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn body(&self, notice: &Notice) -> String {
        self.courier.body(notice)
    }

    /// The first notice that is not settled.
    pub(super) fn first(&self) -> Option<u64> {
        [self.waiting.keys().next().copied(), self.flying.keys().next().copied(), self.behind]
            .into_iter()
            .flatten()
            .min()
    }

    /// The first notice left in the table, if there is room for it now; it is looked for again then.
    pub(super) fn behind_with_room(&mut self, most: usize) -> Option<u64> {
        if self.waiting.len() * 2 > most { None } else { self.behind.take() }
    }

    /// Takes a notice of the table, or leaves it there if there is no room. What is held already stays as it is.
    pub(super) fn hold(&mut self, notice: Notice, most: usize) {
        let number = notice.number;
        if self.waiting.contains_key(&number) || self.flying.contains_key(&number) {
            return;
        }
        if self.waiting.len() >= most {
            self.behind = Some(self.behind.map_or(number, |behind| behind.min(number)));
        } else {
            self.waiting.insert(number, notice);
        }
    }

    const fn is_probed(&self) -> bool {
        self.failures >= FAILURES_MAX
    }

    fn room(&self) -> usize {
        let most = if self.is_probed() { 1 } else { FLYING_MAX };
        most.saturating_sub(self.flying.len())
    }

    /// What is first of its alert, in order: a resolution does not overtake the alert.
    fn in_order(&self) -> impl Iterator<Item = &Notice> {
        let mut alerts: BTreeSet<&str> = self.flying.values().map(|notice| notice.alert.id.as_str()).collect();
        self.waiting.values().filter(move |notice| alerts.insert(&notice.alert.id))
    }

    /// The notices that may be tried now.
    pub(super) fn due(&self, now: Timestamp) -> Vec<u64> {
        if self.is_probed() && self.probe.is_some_and(|probe| probe > now) {
            return Vec::new();
        }
        let due = self.in_order().filter(|notice| notice.next_try <= now);
        if self.is_probed() {
            // Whoever has most tries left probes: else the oldest would use up all of theirs, and wait longest when the action is back.
            let probe = due.min_by_key(|notice| (notice.attempts, notice.number));
            return probe.map(|notice| notice.number).into_iter().take(self.room()).collect();
        }
        due.map(|notice| notice.number).take(self.room()).collect()
    }

    /// When something is due again, unless a try ends before.
    pub(super) fn next(&self, now: Timestamp) -> Option<Timestamp> {
        if self.room() == 0 {
            return None;
        }
        let next = self.in_order().map(|notice| notice.next_try).min()?;
        let probe = self.probe.filter(|_| self.is_probed());
        Some(next.max(probe.unwrap_or(next)).max(now))
    }

    /// A notice is tried now: who carries it, and the notice.
    pub(super) fn take_off(&mut self, number: u64, now: Timestamp) -> Option<(Arc<dyn Courier>, Notice)> {
        let notice = self.waiting.remove(&number)?;
        self.flying.insert(number, notice.clone());
        if self.is_probed() {
            self.probe = Some(now.later(PROBE));
        }
        Some((Arc::clone(&self.courier), notice))
    }

    /// A try has ended: what the notice is now.
    pub(super) fn land(&mut self, number: u64, outcome: Outcome, now: Timestamp) -> Option<Settled> {
        let before = self.flying.remove(&number)?;
        let mut notice = before.clone();
        notice.attempts = notice.attempts.saturating_add(1);
        let (state, reason) = match outcome {
            Outcome::Delivered => {
                self.failures = 0;
                (NoticeState::Delivered, None)
            }
            // Somebody answered, only not as one would wish.
            Outcome::Never { reason } => {
                self.failures = 0;
                (NoticeState::Dead, Some(reason))
            }
            Outcome::Again { reason, after } => {
                self.failures = self.failures.saturating_add(1);
                if self.is_probed() {
                    self.probe = Some(now.later(PROBE));
                }
                let tried = usize::try_from(notice.attempts).unwrap_or(usize::MAX);
                match RETRIES.get(tried.saturating_sub(1)) {
                    Some(wait) => {
                        let wait = (*wait).max(i64::from(after.unwrap_or(0).min(AFTER_MAX)));
                        notice.next_try = now.later(SimDuration::milliseconds(wait * 1000));
                        (NoticeState::Pending, Some(reason))
                    }
                    None => (NoticeState::Dead, Some(reason)),
                }
            }
        };
        notice.state = state;
        notice.settled = (state != NoticeState::Pending).then_some(now);
        notice.last_error = reason
            .map(|reason| crate::pipeline::alerting::alert::cut(&reason, REASON_MAX).to_owned())
            .or(notice.last_error);
        Some(Settled { notice, before })
    }

    /// What became of a notice is written down, or could not be: then it is tried again as it was.
    pub(super) fn put_back(&mut self, settled: Settled, written: bool) {
        let notice = if written { settled.notice } else { settled.before };
        if notice.state == NoticeState::Pending {
            self.waiting.insert(notice.number, notice);
        }
    }
}
