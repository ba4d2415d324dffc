//! Tumbling windows in event time: sums by key, closed by the watermark, corrected for a while, then forgotten.
//!
//! A window is told when the watermark has passed its end. Its sums are kept for the allowed lateness; a record that comes in
//! that time makes the window to be told again, corrected. What comes later still is counted and changes nothing. Sums have a
//! fixed size, so a key with a thousand times the records costs the same for each.
//!
//! Limit: [`WINDOWS_MAX`] windows at a time; records that would open another are counted and left out of the windows.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

use serde::{Deserialize, Serialize};

use crate::primitives::Timestamp;

/// Most windows of one kind kept at a time in a partition.
pub(super) const WINDOWS_MAX: usize = 1_000_000;

/// What became of a table's windows beyond the ordinary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WindowCounts {
    /// Windows told.
    pub told: u64,
    /// Windows told again because a record came late.
    pub corrected: u64,
    /// Records that came when their window had been forgotten.
    pub too_late: u64,
    /// Records whose window could not be opened because there were too many.
    pub crowded: u64,
}

/// The windows of one kind.
#[derive(Debug)]
pub(super) struct Windows<K, A> {
    /// Length of a window [ms].
    length: i64,
    /// How long after its end a window's sums are kept [ms].
    lateness: i64,
    /// Sums by beginning of the window [ms] and key.
    panes: BTreeMap<i64, HashMap<K, A>>,
    kept: usize,
    /// Windows that begin before this have been told [ms].
    told_to: i64,
    /// Windows that begin before this have been forgotten [ms].
    forgotten_to: i64,
    /// Windows to be told again.
    corrected: BTreeSet<(i64, K)>,
    pub(super) counts: WindowCounts,
}

/// What a checkpoint keeps of windows.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WindowsState<A> {
    told_to: i64,
    forgotten_to: i64,
    counts: WindowCounts,
    corrected: Vec<(i64, String)>,
    panes: Vec<(i64, Vec<(String, A)>)>,
}

impl<K: Ord + Hash + Clone, A: Default> Windows<K, A> {
    pub(super) fn new(length: i64, lateness: i64) -> Self {
        Self {
            length: length.max(1),
            lateness: lateness.max(0),
            panes: BTreeMap::new(),
            kept: 0,
            told_to: i64::MIN,
            forgotten_to: i64::MIN,
            corrected: BTreeSet::new(),
            counts: WindowCounts::default(),
        }
    }

    /// Beginning of the window that holds an instant [ms].
    pub(super) const fn begin(&self, at: i64) -> i64 {
        at.div_euclid(self.length) * self.length
    }

    /// The sums of the window of `key` that holds an instant [ms]; none if it is forgotten or would be one too many.
    pub(super) fn at(&mut self, key: &K, at: i64) -> Option<&mut A> {
        let begin = self.begin(at);
        if begin < self.forgotten_to {
            self.counts.too_late += 1;
            return None;
        }
        let pane = self.panes.entry(begin).or_default();
        if self.kept >= WINDOWS_MAX && !pane.contains_key(key) {
            self.counts.crowded += 1;
            return None;
        }
        if begin < self.told_to {
            self.corrected.insert((begin, key.clone()));
        }
        match pane.entry(key.clone()) {
            Entry::Occupied(sums) => Some(sums.into_mut()),
            Entry::Vacant(place) => {
                self.kept += 1;
                Some(place.insert(A::default()))
            }
        }
    }

    /// Tells every window that ends before the watermark and has not been told, in order, and forgets the oldest.
    pub(super) fn advance(&mut self, watermark: i64, mut tell: impl FnMut(Timestamp, &K, &A)) {
        let told_to = self.begin(watermark.saturating_sub(1));
        if told_to <= self.told_to {
            return;
        }
        // Corrections first: they are about windows that may be forgotten below.
        self.correct(&mut tell);
        self.tell_range(self.told_to, told_to, &mut tell);
        self.told_to = told_to;
        let forgotten_to = self.begin(watermark.saturating_sub(1).saturating_sub(self.lateness));
        if forgotten_to > self.forgotten_to {
            self.forgotten_to = forgotten_to;
            let rest = self.panes.split_off(&forgotten_to);
            let gone = std::mem::replace(&mut self.panes, rest);
            self.kept -= gone.values().map(HashMap::len).sum::<usize>();
        }
    }

    /// Tells every window that has not been told.
    pub(super) fn finish(&mut self, mut tell: impl FnMut(Timestamp, &K, &A)) {
        self.correct(&mut tell);
        if let Some((&last, _)) = self.panes.last_key_value() {
            let told_to = last.saturating_add(self.length);
            self.tell_range(self.told_to, told_to, &mut tell);
            self.told_to = self.told_to.max(told_to);
        }
    }

    /// Tells and forgets every window there is: what is to come is about other keys.
    pub(super) fn drain(&mut self, mut tell: impl FnMut(Timestamp, &K, &A)) {
        for (begin, pane) in std::mem::take(&mut self.panes) {
            for (key, sums) in &pane {
                tell(Timestamp::milliseconds(begin), key, sums);
            }
        }
        self.kept = 0;
    }

    /// Tells again what has changed since it was told.
    pub(super) fn correct(&mut self, mut tell: impl FnMut(Timestamp, &K, &A)) {
        for (begin, key) in std::mem::take(&mut self.corrected) {
            if let Some(sums) = self.panes.get(&begin).and_then(|pane| pane.get(&key)) {
                self.counts.corrected += 1;
                tell(Timestamp::milliseconds(begin), &key, sums);
            }
        }
    }

    fn tell_range(&mut self, from: i64, to: i64, tell: &mut impl FnMut(Timestamp, &K, &A)) {
        if from >= to {
            return;
        }
        for (&begin, pane) in self.panes.range(from..to) {
            let mut keys: Vec<&K> = pane.keys().collect();
            keys.sort();
            for key in keys {
                self.counts.told += 1;
                tell(Timestamp::milliseconds(begin), key, &pane[key]);
            }
        }
    }

    /// What a checkpoint keeps; keys become text, sums what `keep` makes of them.
    pub(super) fn state<B>(&self, text: impl Fn(&K) -> String, keep: impl Fn(&A) -> B) -> WindowsState<B> {
        let pane = |pane: &HashMap<K, A>| {
            let mut sums: Vec<(String, B)> = pane.iter().map(|(key, sums)| (text(key), keep(sums))).collect();
            sums.sort_by(|a, b| a.0.cmp(&b.0));
            sums
        };
        WindowsState {
            told_to: self.told_to,
            forgotten_to: self.forgotten_to,
            counts: self.counts,
            corrected: self.corrected.iter().map(|(begin, key)| (*begin, text(key))).collect(),
            panes: self.panes.iter().map(|(begin, sums)| (*begin, pane(sums))).collect(),
        }
    }

    /// Takes over what a checkpoint kept; none if a key is none.
    pub(super) fn restore<B>(
        &mut self,
        state: WindowsState<B>,
        key: impl Fn(&str) -> Option<K>,
        back: impl Fn(B) -> A,
    ) -> Option<()> {
        (self.told_to, self.forgotten_to, self.counts) = (state.told_to, state.forgotten_to, state.counts);
        for (begin, text) in state.corrected {
            self.corrected.insert((begin, key(&text)?));
        }
        for (begin, sums) in state.panes {
            let pane = self.panes.entry(begin).or_default();
            for (text, sums) in sums {
                pane.insert(key(&text)?, back(sums));
            }
        }
        self.kept = self.panes.values().map(HashMap::len).sum();
        Some(())
    }
}
