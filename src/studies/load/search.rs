//! The search for the highest rate at which a target keeps a stated latency: twice as much until it fails, then ever closer.
//!
//! Knows no clock and sends nothing: it says which rate to try next, and is told what came of it.

/// Most trials of a search: from 1 to a million a second it takes 20 to double and 7 to come within a hundredth.
const TRIALS_MAX: usize = 40;

/// What is searched for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Search {
    /// Ninety-nine of a hundred messages are acknowledged within this [µs].
    pub p99_us: u64,
    /// The first rate that is tried, and the highest [1/s].
    pub from: f64,
    /// The highest [1/s].
    pub to: f64,
    /// How long each is held [s].
    pub hold: f64,
    /// The search ends when it knows the rate to within this share, 0 to 1.
    pub within: f64,
}

/// One rate that was tried.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Trial {
    /// The rate [1/s].
    pub rate: f64,
    /// What 99 of 100 messages did not exceed [µs]; none where it is not known, because too many were not acknowledged.
    pub p99_us: Option<u64>,
    /// Whether that is as it should be.
    pub held: bool,
}

/// A search under way.
#[derive(Debug, Clone)]
pub struct Searching {
    search: Search,
    trials: Vec<Trial>,
}

impl Searching {
    /// A search of which nothing is known.
    pub fn new(search: Search) -> Self {
        Self { search, trials: Vec::new() }
    }

    /// The rate to try next [1/s]; none when it is known well enough.
    pub fn next_rate(&self) -> Option<f64> {
        if self.trials.len() >= TRIALS_MAX {
            return None;
        }
        let failed = self.trials.iter().filter(|trial| !trial.held).map(|trial| trial.rate).min_by(f64::total_cmp);
        match (self.best(), failed) {
            (None, None) => Some(self.search.from),
            (None, Some(_)) => None,
            (Some(best), None) => (best < self.search.to).then(|| (best * 2.0).min(self.search.to)),
            (Some(best), Some(failed)) => {
                // A target that held more than it failed at is at its limit: nothing closer can be known.
                (failed - best > self.search.within * best).then(|| f64::midpoint(best, failed))
            }
        }
    }

    /// Notes what came of a rate: what 99 of 100 messages did not exceed, if that is known.
    pub fn note(&mut self, rate: f64, p99_us: Option<u64>) {
        let held = p99_us.is_some_and(|p99| p99 <= self.search.p99_us);
        self.trials.push(Trial { rate, p99_us, held });
    }

    /// What was tried so far.
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// The highest rate that was held; none if none was.
    pub fn best(&self) -> Option<f64> {
        self.trials.iter().filter(|trial| trial.held).map(|trial| trial.rate).max_by(f64::total_cmp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn searched(search: Search, capacity: f64) -> (Option<f64>, usize) {
        let mut searching = Searching::new(search);
        while let Some(rate) = searching.next_rate() {
            assert!((search.from..=search.to).contains(&rate), "{rate}");
            searching.note(rate, Some(if rate <= capacity { 1000 } else { 900_000 }));
        }
        (searching.best(), searching.trials().len())
    }

    #[test]
    fn it_comes_as_near_to_the_limit_as_asked() {
        let search = Search { p99_us: 50_000, from: 100.0, to: 100_000.0, hold: 1.0, within: 0.02 };
        for capacity in [101.0, 777.0, 1234.5, 50_000.0, 99_999.0] {
            let (best, trials) = searched(search, capacity);
            let best = best.expect("a rate");
            assert!(best <= capacity && best >= capacity / 1.021, "{best} of {capacity}");
            assert!(trials < 20, "{trials} trials");
        }
        assert_eq!(searched(search, 99.0), (None, 1), "not even the first rate was held");
        assert_eq!(searched(search, 1e9).0, Some(100_000.0), "no further than asked");
    }

    #[test]
    fn a_rate_whose_messages_were_not_acknowledged_is_not_held() {
        let search = Search { p99_us: 50_000, from: 100.0, to: 1000.0, hold: 1.0, within: 0.5 };
        let mut searching = Searching::new(search);
        searching.note(100.0, None);
        assert_eq!((searching.next_rate(), searching.best()), (None, None));
    }
}
