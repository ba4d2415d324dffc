//! Which records of a device have been here: sequences as one number and the holes below it.
//!
//! A device counts its records from 0 without gaps, so what has been seen is everything below the next sequence except a few
//! holes. In order this costs one comparison; a hole stays open until its records come, however late, and is nobody's loss until
//! somebody says so at the end. The representation is exact: a record is never taken for another.
//!
//! Limits: a sequence more than [`LEAP_MAX`] beyond the next is believed only when [`WITNESSES`] records say so one after another;
//! beyond the allowed number of holes the oldest is forgotten: its sequences count as seen, and are counted as forgotten.

use serde::{Deserialize, Serialize};

use crate::telemetry::DeviceId;

/// How far a sequence may leap ahead of the last one and be believed at once.
pub(super) const LEAP_MAX: u64 = 4096;
/// How many records must agree on a longer leap.
const WITNESSES: usize = 3;
/// Most holes kept for one epoch of one device.
pub(super) const HOLES_MAX: usize = 1024;

/// A run of sequences that have not come: from the first to before the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Hole(u64, u64);

/// Records of a device that have not come, although later ones have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The device.
    pub device: DeviceId,
    /// Its epoch.
    pub epoch: u32,
    /// The first sequence that has not come.
    pub from: u64,
    /// The sequence after the last one that has not come.
    pub to: u64,
}

/// What the sequences say about a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Noted {
    /// It has not been here before.
    New,
    /// It has been here before.
    Again,
    /// Its epoch is older than those remembered.
    OldEpoch,
    /// Its sequence is too far beyond the last one; the next expected sequence is this.
    Leap(u64),
}

/// The sequences of one epoch that have been here.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Sequences {
    /// One more than the highest that has been here.
    next: u64,
    /// What has not been here below it, in order, neither empty nor touching.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    holes: Vec<Hole>,
    /// Sequences that leapt ahead and wait for another to agree, rising.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    leaps: Vec<u64>,
    /// How many sequences were in holes that had to be forgotten.
    #[serde(default, skip_serializing_if = "is_zero")]
    forgotten: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Sequences {
    fn note(&mut self, sequence: u64, holes_max: usize) -> Noted {
        if sequence < self.next {
            return self.fill(sequence, holes_max);
        }
        if sequence == u64::MAX {
            return Noted::Leap(self.next);
        }
        if sequence - self.next > LEAP_MAX && !self.agrees(sequence) {
            return Noted::Leap(self.next);
        }
        if sequence > self.next {
            self.holes.push(Hole(self.next, sequence));
        }
        self.next = sequence + 1;
        // The witnesses of a leap are in quarantine: when they come again, they have been here before.
        for witness in std::mem::take(&mut self.leaps) {
            if witness < sequence {
                self.fill(witness, usize::MAX);
            }
        }
        self.forget(holes_max);
        Noted::New
    }

    /// Whether a leap to `sequence` has enough witnesses; it is one of them from now on.
    fn agrees(&mut self, sequence: u64) -> bool {
        if let Some(&last) = self.leaps.last()
            && (sequence <= last || sequence - last > LEAP_MAX)
        {
            self.leaps.clear();
        }
        self.leaps.push(sequence);
        self.leaps.len() >= WITNESSES
    }

    fn fill(&mut self, sequence: u64, holes_max: usize) -> Noted {
        let after = self.holes.partition_point(|hole| hole.0 <= sequence);
        let Some(at) = after.checked_sub(1) else { return Noted::Again };
        let Hole(from, to) = self.holes[at];
        if sequence >= to {
            return Noted::Again;
        }
        match (from == sequence, sequence + 1 == to) {
            (true, true) => drop(self.holes.remove(at)),
            (true, false) => self.holes[at].0 = sequence + 1,
            (false, true) => self.holes[at].1 = sequence,
            (false, false) => {
                self.holes[at].1 = sequence;
                self.holes.insert(after, Hole(sequence + 1, to));
                self.forget(holes_max);
            }
        }
        Noted::New
    }

    fn forget(&mut self, holes_max: usize) {
        while self.holes.len() > holes_max {
            let Hole(from, to) = self.holes.remove(0);
            self.forgotten = self.forgotten.saturating_add(to - from);
        }
    }

    /// Whether the parts fit together, as they always do unless the bytes they came from were damaged.
    fn is_sound(&self) -> bool {
        let rising = self.holes.windows(2).all(|pair| pair[0].1 < pair[1].0);
        let full = self.holes.iter().all(|hole| hole.0 < hole.1);
        rising && full && self.holes.last().is_none_or(|hole| hole.1 < self.next)
    }
}

/// What is remembered of a device: its present epoch, and the one before for records that come late.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Device {
    epoch: u32,
    seen: Sequences,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<Box<(u32, Sequences)>>,
    /// Sequences forgotten with epochs before those.
    #[serde(default, skip_serializing_if = "is_zero")]
    forgotten: u64,
    /// When it was last heard of, by the partition's clock [days since 1970]; none while nobody knew the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    heard: Option<i64>,
}

impl Device {
    /// A device first heard of in this epoch.
    pub(super) fn new(epoch: u32) -> Self {
        Self { epoch, seen: Sequences::default(), previous: None, forgotten: 0, heard: None }
    }

    /// It was heard of on a day.
    pub(super) fn hear(&mut self, day: Option<i64>) {
        self.heard = self.heard.max(day);
    }

    /// Whether it was last heard of before a day; one that was heard of when nobody knew the time counts as heard of today.
    pub(super) fn is_silent_since(&mut self, day: i64, today: Option<i64>) -> bool {
        self.heard = self.heard.or(today);
        self.heard.is_some_and(|heard| heard < day)
    }

    /// Sequences that have not come, those that were forgotten included.
    pub(super) fn missing(&self) -> u64 {
        let holes = self.epochs().flat_map(|(_, seen)| &seen.holes).map(|hole| hole.1 - hole.0);
        holes.fold(self.forgotten(), u64::saturating_add)
    }

    /// Takes note of a record.
    pub(super) fn note(&mut self, epoch: u32, sequence: u64, holes_max: usize) -> Noted {
        if epoch == self.epoch {
            return self.seen.note(sequence, holes_max);
        }
        if epoch > self.epoch {
            let mut seen = Sequences::default();
            let noted = seen.note(sequence, holes_max);
            let old = std::mem::replace(&mut self.seen, seen);
            if let Some(dropped) = self.previous.replace(Box::new((self.epoch, old))) {
                let missing: u64 = dropped.1.holes.iter().map(|hole| hole.1 - hole.0).sum();
                self.forgotten = self.forgotten.saturating_add(missing).saturating_add(dropped.1.forgotten);
            }
            self.epoch = epoch;
            return noted;
        }
        match self.previous.as_mut() {
            Some(previous) if previous.0 == epoch => previous.1.note(sequence, holes_max),
            Some(_) => Noted::OldEpoch,
            None => {
                let mut seen = Sequences::default();
                let noted = seen.note(sequence, holes_max);
                self.previous = Some(Box::new((epoch, seen)));
                noted
            }
        }
    }

    /// The epochs remembered, the older first.
    fn epochs(&self) -> impl Iterator<Item = (u32, &Sequences)> {
        self.previous.iter().map(|previous| (previous.0, &previous.1)).chain([(self.epoch, &self.seen)])
    }

    /// How many holes are kept.
    pub(super) fn holes(&self) -> usize {
        self.seen.holes.len() + self.previous.as_ref().map_or(0, |previous| previous.1.holes.len())
    }

    /// How many sequences were in holes that had to be forgotten.
    pub(super) fn forgotten(&self) -> u64 {
        self.epochs().fold(self.forgotten, |sum, (_, seen)| sum.saturating_add(seen.forgotten))
    }

    /// The youngest epoch.
    pub(super) const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// What has not come, in order.
    pub(super) fn gaps<'a>(&'a self, device: &'a DeviceId) -> impl Iterator<Item = Gap> + 'a {
        self.epochs().flat_map(move |(epoch, seen)| {
            seen.holes.iter().map(move |&Hole(from, to)| Gap { device: device.clone(), epoch, from, to })
        })
    }

    /// Whether the parts fit together.
    pub(super) fn is_sound(&self) -> bool {
        self.epochs().all(|(_, seen)| seen.is_sound()) && self.previous.as_ref().is_none_or(|old| old.0 < self.epoch)
    }
}
