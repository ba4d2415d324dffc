//! States of a city that a session can go back to: kept on its way, thinned when there are many.
//!
//! A state holds the city before whatever is ordered at its instant, and what belongs to it besides. Memory is bounded by how many there are, and how many there
//! may be by how large a saved state of the city is.

use std::io::{self, Write};

use crate::primitives::{SimDuration, SimTime};
use crate::simulation::City;

/// Most states kept.
const KEPT_MAX: usize = 24;
/// Fewest states kept, however large: the beginning, and one to halve what lies behind it.
const KEPT_MIN: usize = 2;
/// Bytes that all of them may take up together.
const BYTES_MAX: u64 = 1 << 30;
/// A city in memory takes up about so many times the bytes of its saved state: indices and room to grow.
const SPREAD: u64 = 3;
/// How far apart they are at first [s].
const EVERY: SimDuration = SimDuration::milliseconds(120_000);

/// The states kept, by time, each with what belongs to it.
#[derive(Debug)]
pub(super) struct Checkpoints<E = ()> {
    begin: SimTime,
    every: SimDuration,
    most: usize,
    kept: Vec<Kept<E>>,
}

#[derive(Debug)]
struct Kept<E> {
    time: SimTime,
    city: City,
    beside: E,
}

/// Counts what is written.
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<E: Clone> Checkpoints<E> {
    /// Begins with a city as it is now, which is the earliest instant there is to go back to.
    pub(super) fn from(city: &City, beside: impl FnOnce() -> E) -> Self {
        let mut counter = Counter(0);
        // A counter takes everything.
        drop(city.save(&mut counter));
        let fit = BYTES_MAX / (counter.0.max(1) * SPREAD);
        let most = usize::try_from(fit).unwrap_or(KEPT_MAX).clamp(KEPT_MIN, KEPT_MAX);
        let mut made = Self { begin: city.time(), every: EVERY, most, kept: Vec::new() };
        made.keep(city, beside);
        made
    }

    /// Keeps a city as a step left it, if its time has come.
    pub(super) fn keep(&mut self, city: &City, beside: impl FnOnce() -> E) {
        let time = city.time();
        if !self.is_on_grid(time) {
            return;
        }
        let Err(place) = self.kept.binary_search_by_key(&time, |kept| kept.time) else { return };
        self.kept.insert(place, Kept { time, city: city.fork(), beside: beside() });
        while self.kept.len() > self.most {
            self.every = SimDuration::milliseconds(self.every.as_milliseconds().saturating_mul(2));
            let (begin, every) = (self.begin, self.every);
            self.kept.retain(|kept| on_grid(begin, every, kept.time));
        }
    }

    /// The latest state that is not after `time`, as a city of its own.
    pub(super) fn before(&self, time: SimTime) -> Option<(City, E)> {
        let after = self.kept.partition_point(|kept| kept.time <= time);
        let kept = self.kept.get(after.checked_sub(1)?)?;
        Some((kept.city.fork(), kept.beside.clone()))
    }

    /// What is kept from after `time` is no longer what will be.
    pub(super) fn forget_after(&mut self, time: SimTime) {
        self.kept.retain(|kept| kept.time <= time);
    }

    /// The earliest instant one can go back to.
    pub(super) fn begin(&self) -> SimTime {
        self.begin
    }

    fn is_on_grid(&self, time: SimTime) -> bool {
        on_grid(self.begin, self.every, time)
    }
}

fn on_grid(begin: SimTime, every: SimDuration, time: SimTime) -> bool {
    (time - begin).as_milliseconds() % every.as_milliseconds().max(1) == 0
}
