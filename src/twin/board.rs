//! The notice board of the running services: who failed, who was restarted, and whether it is time to end.
//!
//! The one thing services share besides what they work on. Knows no service by name.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::latency::Latency;

/// Most sentences that wait to be said.
const NEWS_MAX: usize = 100;

/// What the services are to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Order {
    /// Go on.
    Work = 0,
    /// Take nothing more from outside; whoever listens ends.
    Hush = 1,
    /// Nothing more will come: take what is left, close what is open, and end.
    Finish = 2,
    /// Take what is left, close nothing, and end.
    Leave = 3,
    /// Take nothing more, keep what was taken, and end: somebody else goes on with it.
    HandOver = 4,
    /// Keep nothing, and end: somebody else may work on it already.
    Drop = 5,
}

/// What is known of the services.
#[derive(Debug, Default)]
pub(crate) struct Board {
    order: AtomicU8,
    undelivered: AtomicU64,
    notices: Mutex<Notices>,
    changed: Condvar,
}

/// What workers saw besides records that were new, since the folder was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Messages that had been there before.
    pub duplicates: u64,
    /// Records that came after their windows could have been closed.
    pub late: u64,
    /// Sequences of devices that never came although later ones did.
    pub missing: u64,
}

impl std::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, seen| Self {
            duplicates: sum.duplicates + seen.duplicates,
            late: sum.late + seen.late,
            missing: sum.missing + seen.missing,
        })
    }
}

#[derive(Debug, Default)]
struct Notices {
    /// By partition.
    tallies: BTreeMap<u16, Tally>,
    /// Until shown, until kept.
    latencies: (Latency, Latency),
    /// Until shown, by partition, as of its last checkpoint.
    lately: BTreeMap<u16, Latency>,
    /// What is wrong now, by who says so.
    troubles: BTreeMap<String, String>,
    failure: Option<String>,
    restarts: BTreeMap<String, u32>,
    /// By partition: where its worker went on, and the offset before which everything is kept.
    kept: BTreeMap<u16, (u64, u64)>,
    /// Why a worker ended: its partition is somebody else's by now.
    moved: Option<String>,
    ended: u32,
    /// What is to be said to people and has not been.
    news: Vec<String>,
    /// Pieces of news that nobody fetched in time.
    unsaid: u64,
}

impl Board {
    /// What the services are to do now.
    pub(crate) fn order(&self) -> Order {
        match self.order.load(Ordering::SeqCst) {
            0 => Order::Work,
            1 => Order::Hush,
            2 => Order::Finish,
            3 => Order::Leave,
            4 => Order::HandOver,
            _ => Order::Drop,
        }
    }

    /// Tells the services what to do; an order is never taken back.
    pub(crate) fn give(&self, order: Order) {
        self.order.fetch_max(order as u8, Ordering::SeqCst);
    }

    /// A worker found its partition in other hands; all others of this board are to end as well. The first reason stands.
    pub(crate) fn moves(&self, sentence: String) {
        self.notices().moved.get_or_insert(sentence);
        self.give(Order::Drop);
        self.changed.notify_all();
    }

    /// Why the worker ended although nobody told it to, if it found its partition in other hands.
    pub(crate) fn moved(&self) -> Option<String> {
        self.notices().moved.clone()
    }

    /// Everything of a partition before an offset is kept; the first time it is where its worker goes on.
    pub(crate) fn keeps(&self, partition: u16, offset: u64) {
        self.notices().kept.entry(partition).or_insert((offset, offset)).1 = offset;
    }

    /// Where the worker of a partition went on, and the offset before which everything is kept; none if it has not begun.
    pub(crate) fn kept(&self, partition: u16) -> Option<(u64, u64)> {
        self.notices().kept.get(&partition).copied()
    }

    /// A service has given up; the first reason stands, and all others are to leave.
    pub(crate) fn fail(&self, sentence: String) {
        self.notices().failure.get_or_insert(sentence);
        self.give(Order::Leave);
        self.changed.notify_all();
    }

    /// Why the services gave up, if they did.
    pub(crate) fn failure(&self) -> Option<String> {
        self.notices().failure.clone()
    }

    /// A service died and is started again; says how many times that was.
    pub(crate) fn restarted(&self, name: &str) -> u32 {
        let mut notices = self.notices();
        let times = notices.restarts.entry(name.to_owned()).or_default();
        *times += 1;
        *times
    }

    /// How many times each service was started again.
    pub(crate) fn restarts(&self) -> BTreeMap<String, u32> {
        self.notices().restarts.clone()
    }

    /// Something people should hear of while it happens; what nobody fetches is counted beyond a limit.
    pub(crate) fn say(&self, sentence: String) {
        let mut notices = self.notices();
        if notices.news.len() < NEWS_MAX {
            notices.news.push(sentence);
        } else {
            notices.unsaid += 1;
        }
    }

    /// Something is wrong from now on, until the same says that it is well again.
    pub(crate) fn ails(&self, who: &str, sentence: String) {
        self.notices().troubles.insert(who.to_owned(), sentence);
    }

    /// What was wrong with it is well again.
    pub(crate) fn mends(&self, who: &str) {
        self.notices().troubles.remove(who);
    }

    /// What is wrong now, in sentences, each once.
    pub(crate) fn troubles(&self) -> Vec<String> {
        let notices = self.notices();
        let mut sentences: Vec<String> = notices.failure.iter().chain(notices.troubles.values()).cloned().collect();
        sentences.sort();
        sentences.dedup();
        sentences
    }

    /// What is to be said and has not been.
    pub(crate) fn news(&self) -> Vec<String> {
        let mut notices = self.notices();
        let unsaid = std::mem::take(&mut notices.unsaid);
        let mut news = std::mem::take(&mut notices.news);
        if unsaid > 0 {
            news.push(format!("{unsaid} more sentences were not kept"));
        }
        news
    }

    /// The worker of a partition says what it has seen in all.
    pub(crate) fn saw(&self, partition: u16, seen: Tally) {
        self.notices().tallies.insert(partition, seen);
    }

    /// How many notices the deliverer holds that have not arrived.
    pub(crate) fn undelivered(&self) -> u64 {
        self.undelivered.load(Ordering::Relaxed)
    }

    /// The deliverer says how many it holds.
    pub(crate) fn leaves_undelivered(&self, notices: u64) {
        self.undelivered.store(notices, Ordering::Relaxed);
    }

    /// A worker says how long records took to be shown and to be kept.
    pub(crate) fn add_latencies(&self, shown: &Latency, kept: &Latency) {
        let latencies = &mut self.notices().latencies;
        latencies.0.add(shown);
        latencies.1.add(kept);
    }

    /// A worker says how long records took to be shown since its last checkpoint.
    pub(crate) fn showed_lately(&self, partition: u16, shown: Latency) {
        self.notices().lately.insert(partition, shown);
    }

    /// How long records took to be shown between the last checkpoints.
    pub(crate) fn lately(&self) -> Latency {
        let mut sum = Latency::default();
        self.notices().lately.values().for_each(|one| sum.add(one));
        sum
    }

    /// How long records took to be shown and to be kept, as the workers say that have ended.
    pub(crate) fn latencies(&self) -> (Latency, Latency) {
        self.notices().latencies.clone()
    }

    /// What the workers saw, by partition, as of when they last kept it.
    pub(crate) fn tallies(&self) -> BTreeMap<u16, Tally> {
        self.notices().tallies.clone()
    }

    /// What the workers saw, as of when they last kept it.
    pub(crate) fn tally(&self) -> Tally {
        self.notices().tallies.values().copied().sum()
    }

    /// A service has done what it was to do.
    pub(crate) fn ended(&self) {
        self.notices().ended += 1;
        self.changed.notify_all();
    }

    /// Waits until this many services have ended, or one has failed.
    pub(crate) fn wait_for(&self, services: u32) {
        let mut notices = self.notices();
        while notices.ended < services && notices.failure.is_none() {
            notices = self.changed.wait(notices).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits at most so long until this many services have ended, or one has failed; whether they have.
    pub(crate) fn wait_for_within(&self, services: u32, time: Duration) -> bool {
        let waits = |notices: &mut Notices| notices.ended < services && notices.failure.is_none();
        let waited = self.changed.wait_timeout_while(self.notices(), time, waits);
        waited.unwrap_or_else(PoisonError::into_inner).0.ended >= services
    }

    /// Waits a moment for news.
    pub(crate) fn pause(&self, moment: Duration) {
        drop(self.changed.wait_timeout(self.notices(), moment));
    }

    /// A service that dies while it holds the lock leaves plain values behind, which stay good.
    fn notices(&self) -> MutexGuard<'_, Notices> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
