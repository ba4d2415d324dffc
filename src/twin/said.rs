//! When a city that is not of this world said what, on the wall: so that it can be told how long its records took.
//!
//! A simulated city runs by its own clock, ahead of the one on the wall or behind it; a record's time alone says nothing of its age.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::primitives::Timestamp;

/// Steps that are remembered; records of older ones are counted as of an unknown age.
const STEPS_MAX: usize = 4096;

/// The last steps of a city, by its own time, with the time on the wall at which each was told.
#[derive(Debug, Default)]
pub(super) struct Said(Mutex<VecDeque<(Timestamp, Timestamp)>>);

impl Said {
    /// What happened in the city up to `until` is told now.
    pub(super) fn note(&self, until: Timestamp, now: Timestamp) {
        let mut steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if steps.back().is_some_and(|&(last, _)| last >= until) {
            // Told once more from an earlier instant on: what was remembered is of another try.
            steps.clear();
        }
        if steps.len() == STEPS_MAX {
            steps.pop_front();
        }
        steps.push_back((until, now));
    }

    /// When a record of this time was told; none if that was too long ago.
    pub(super) fn when(&self, time: Timestamp) -> Option<Timestamp> {
        let steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (oldest, _) = steps.front()?;
        let place = steps.partition_point(|&(until, _)| until < time);
        // The first step remembered may not be the one in which it was told.
        if place == 0 && time < *oldest && steps.len() == STEPS_MAX {
            return None;
        }
        steps.get(place).map(|&(_, now)| now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_as_old_as_the_step_that_told_it() {
        let at = Timestamp::milliseconds;
        let said = Said::default();
        assert_eq!(said.when(at(0)), None);
        for step in 1..=3 {
            said.note(at(step * 1000), at(1_000_000 + step));
        }
        assert_eq!(said.when(at(0)), Some(at(1_000_001)));
        assert_eq!(said.when(at(1000)), Some(at(1_000_001)));
        assert_eq!(said.when(at(1001)), Some(at(1_000_002)));
        assert_eq!(said.when(at(3001)), None, "it has not been told yet");
        said.note(at(500), at(2_000_000));
        assert_eq!(said.when(at(400)), Some(at(2_000_000)), "it began again");
        for step in 1..=5_000_i64 {
            said.note(at(500 + step), at(3_000_000 + step));
        }
        assert_eq!(said.when(at(501)), None, "forgotten");
        assert_eq!(said.when(at(5_500)), Some(at(3_005_000)));
    }
}
