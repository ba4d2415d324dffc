//! How fast a city goes by the clock on the wall: which step is due when.
//!
//! Pure: is told what time it is. A city that cannot keep up is not chased: what it is behind by more than a second on the wall is
//! forgiven, so that it never runs in bursts.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::primitives::{SimDuration, SimTime};

/// Slowest and fastest pace besides as fast as possible [city seconds for a second].
pub(super) const FACTORS: std::ops::RangeInclusive<f64> = 0.5..=60.0;
/// How far behind the clock on the wall a city may be and catch up.
const FORGIVEN: Duration = Duration::from_secs(1);
/// Over how long the pace is measured.
const MEASURED: Duration = Duration::from_secs(3);

/// The pace of a city.
#[derive(Debug)]
pub(super) struct Tempo {
    /// City seconds for a second on the wall; none is as fast as possible.
    factor: Option<f64>,
    /// The city was there then.
    anchor: (Instant, SimTime),
    /// Where it was when, lately.
    seen: VecDeque<(Instant, SimTime)>,
}

impl Tempo {
    pub(super) fn new(factor: Option<f64>, now: Instant, time: SimTime) -> Self {
        Self { factor, anchor: (now, time), seen: VecDeque::new() }
    }

    pub(super) fn factor(&self) -> Option<f64> {
        self.factor
    }

    pub(super) fn set(&mut self, factor: Option<f64>, now: Instant, time: SimTime) {
        self.factor = factor;
        self.begin(now, time);
    }

    /// The city goes on from here.
    pub(super) fn begin(&mut self, now: Instant, time: SimTime) {
        self.anchor = (now, time);
        self.seen.clear();
    }

    /// How long until the step that begins at `time` is over by the clock on the wall; nothing if it is due.
    pub(super) fn until_due(&mut self, now: Instant, time: SimTime, step: SimDuration) -> Duration {
        let Some(factor) = self.factor else { return Duration::ZERO };
        let ahead = (time + step - self.anchor.1).as_seconds().max(0.0) / factor;
        let due = self.anchor.0 + Duration::from_secs_f64(ahead);
        if now.saturating_duration_since(due) > FORGIVEN {
            self.anchor = (now, time + step);
            return Duration::ZERO;
        }
        due.saturating_duration_since(now)
    }

    /// Takes note of where the city is.
    pub(super) fn note(&mut self, now: Instant, time: SimTime) {
        if self.seen.back().is_some_and(|&(_, last)| last > time) {
            self.seen.clear();
        }
        self.seen.push_back((now, time));
        while self.seen.len() > 2 && self.seen.get(1).is_some_and(|&(at, _)| now.duration_since(at) >= MEASURED) {
            self.seen.pop_front();
        }
    }

    /// City seconds for a second on the wall, as they came to lately.
    pub(super) fn reached(&self, now: Instant) -> f64 {
        let (Some(&(from, begin)), Some(&(_, end))) = (self.seen.front(), self.seen.back()) else { return 0.0 };
        let wall = now.duration_since(from).as_secs_f64();
        if wall < 0.05 { 0.0 } else { (end - begin).as_seconds() / wall }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twin::clock;

    const STEP: SimDuration = SimDuration::milliseconds(1000);

    fn at(seconds: i64) -> SimTime {
        SimTime::milliseconds(seconds * 1000)
    }

    #[test]
    fn a_step_is_due_when_the_wall_has_come_to_its_end() {
        let begin = clock::instant();
        let mut tempo = Tempo::new(Some(10.0), begin, at(100));
        assert_eq!(tempo.until_due(begin, at(100), STEP), Duration::from_millis(100));
        assert_eq!(tempo.until_due(begin + Duration::from_millis(100), at(100), STEP), Duration::ZERO);
        assert_eq!(tempo.until_due(begin + Duration::from_millis(100), at(101), STEP), Duration::from_millis(100));
        tempo.set(None, begin, at(101));
        assert_eq!(tempo.until_due(begin, at(101), STEP), Duration::ZERO);
    }

    #[test]
    fn a_city_that_was_held_up_does_not_run_in_a_burst() {
        let begin = clock::instant();
        let mut tempo = Tempo::new(Some(1.0), begin, at(0));
        let late = begin + Duration::from_mins(1);
        assert_eq!(tempo.until_due(late, at(0), STEP), Duration::ZERO);
        assert_eq!(tempo.until_due(late, at(1), STEP), Duration::from_secs(1), "the minute is forgiven");
    }

    #[test]
    fn the_pace_reached_is_that_of_the_last_seconds() {
        let begin = clock::instant();
        let mut tempo = Tempo::new(None, begin, at(0));
        for second in 0..10_u32 {
            tempo.note(begin + Duration::from_secs(second.into()), at(i64::from(second) * 5));
        }
        let reached = tempo.reached(begin + Duration::from_secs(9));
        assert!((reached - 5.0).abs() < 1e-9, "{reached}");
        tempo.note(begin + Duration::from_secs(10), at(0));
        assert!(tempo.reached(begin + Duration::from_secs(10)).abs() < 1e-9, "after a jump back it begins anew");
    }
}
