//! Counts, means, percentiles and shares of intervals, with what is not over yet counted apart.
//!
//! A call that still waits when the drill ends must not make the figures better than they are: what it has waited so far counts
//! wherever a verdict depends on it.

use serde::Serialize;

use crate::studies::report::statistics::Sample;

use super::course::Span;

/// Fewest calls from which a percentile or a share is judged; with fewer, one call alone decides it.
pub(super) const ENOUGH: usize = 10;

/// An interval over many calls.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Spans {
    /// Those that came to an end [s].
    pub(super) done: Sample,
    /// How long the others had lasted when the drill was over [s].
    pub(super) open: Vec<f64>,
}

impl Spans {
    pub(super) fn new(spans: impl Iterator<Item = Span> + Clone) -> Self {
        let open = spans.clone().filter_map(|span| if let Span::Open(so_far) = span { Some(so_far) } else { None });
        Self {
            done: Sample::new(spans.clone().filter_map(Span::done)),
            open: open.map(|span| span.as_seconds()).collect(),
        }
    }

    /// All of them, those that are open with what they have lasted so far: no percentile or mean can turn out lower.
    fn at_least(&self) -> Sample {
        Sample::new(self.done.values().iter().chain(&self.open).copied())
    }

    /// A percentile that none of the open ones can raise; none if there may be no end to it.
    fn at_most(&self, share: f64) -> Option<f64> {
        // Not infinity, which a sample leaves out: later than any drill lasts.
        let never = f64::from(u32::MAX);
        let all = Sample::new(self.done.values().iter().copied().chain(self.open.iter().map(|_| never)));
        all.percentile(share).filter(|value| *value < never / 1000.0)
    }

    pub(super) fn figures(&self) -> Figures {
        let done = &self.done;
        Figures {
            n: done.len(),
            open: self.open.len(),
            mean_s: done.mean(),
            p50_s: done.percentile(0.5),
            p90_s: done.percentile(0.9),
            p95_s: done.percentile(0.95),
            longest_s: done.max(),
            few: done.len() < ENOUGH,
        }
    }

    /// The share that ended within a limit [s], held against the share that is asked.
    pub(super) fn within(&self, limit: f64, asked: f64) -> Standing {
        let within = self.done.values().iter().filter(|span| **span <= limit).count();
        let past = self.open.iter().filter(|so_far| **so_far > limit).count();
        let (known, all) = (self.done.len() + past, self.done.len() + self.open.len());
        if all == 0 {
            return Standing { kind: Kind::Share, ..Standing::default() };
        }
        let undecided = all - known;
        // Ten of ten thousand of a per cent of a call: no share is missed for the rounding of a quotient.
        let lowest = real(within) / real(all) + 1e-9 >= asked;
        let highest = real(within + undecided) / real(all) + 1e-9 >= asked;
        let verdict = match (all < ENOUGH, lowest, highest) {
            (true, ..) => Verdict::TooFew,
            (_, true, _) => Verdict::Met,
            (_, _, false) => Verdict::NotMet,
            _ => Verdict::Open,
        };
        let interval = (known > 0).then(|| wilson(within, known));
        Standing {
            kind: Kind::Share,
            n: known,
            open: self.open.len(),
            value: (known > 0).then(|| real(within) / real(known)),
            low: interval.map(|interval| interval.0),
            high: interval.map(|interval| interval.1),
            verdict,
        }
    }

    /// The mean, held against the highest that is asked for [s].
    pub(super) fn mean_against(&self, limit: f64) -> Standing {
        let lowest = self.at_least().mean();
        self.time_against(self.done.mean(), lowest, None, limit)
    }

    /// A percentile, held against the highest that is asked for [s].
    pub(super) fn percentile_against(&self, share: f64, limit: f64) -> Standing {
        let lowest = self.at_least().percentile(share);
        self.time_against(self.done.percentile(share), lowest, self.at_most(share), limit)
    }

    fn time_against(&self, value: Option<f64>, lowest: Option<f64>, highest: Option<f64>, limit: f64) -> Standing {
        let all = self.done.len() + self.open.len();
        let verdict = match lowest {
            None => Verdict::Nothing,
            Some(_) if all < ENOUGH => Verdict::TooFew,
            Some(lowest) if lowest > limit => Verdict::NotMet,
            Some(_) if self.open.is_empty() || highest.is_some_and(|highest| highest <= limit) => Verdict::Met,
            Some(_) => Verdict::Open,
        };
        Standing { kind: Kind::Time, n: self.done.len(), open: self.open.len(), value, low: None, high: None, verdict }
    }
}

/// An interval in figures.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(super) struct Figures {
    /// Calls in which it came to an end; the figures are of these.
    pub(super) n: usize,
    /// Calls in which it had begun and was not over.
    pub(super) open: usize,
    pub(super) mean_s: Option<f64>,
    pub(super) p50_s: Option<f64>,
    pub(super) p90_s: Option<f64>,
    pub(super) p95_s: Option<f64>,
    pub(super) longest_s: Option<f64>,
    /// Whether there are too few to judge a percentile by.
    pub(super) few: bool,
}

/// What a [`Standing`] is given in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// From 0 to 1.
    #[default]
    Share,
    /// Seconds.
    Time,
}

/// How one figure stands against what is asked.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(super) struct Standing {
    pub(super) kind: Kind,
    /// Calls it is known of.
    pub(super) n: usize,
    /// Calls in which the interval was not over.
    pub(super) open: usize,
    /// The share, or the time [s].
    pub(super) value: Option<f64>,
    /// Lower and upper end of the 95 % interval of a share.
    pub(super) low: Option<f64>,
    pub(super) high: Option<f64>,
    pub(super) verdict: Verdict,
}

/// What may be said of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// What is asked was kept.
    Met,
    /// It was not.
    NotMet,
    /// Fewer than ten calls: nothing may be said.
    TooFew,
    /// It depends on calls that were not over.
    Open,
    /// There was no such call.
    #[default]
    Nothing,
}

/// The 95 % interval of a share (Wilson 1927, "Probable inference, the law of succession, and statistical inference", Journal of the
/// American Statistical Association 22, 209-212).
pub(super) fn wilson(part: usize, whole: usize) -> (f64, f64) {
    let (n, share, z) = (real(whole), real(part) / real(whole), 1.959_963_985);
    let square = z * z;
    let middle = (share + square / (2.0 * n)) / (1.0 + square / n);
    let half = z / (1.0 + square / n) * (share * (1.0 - share) / n + square / (4.0 * n * n)).sqrt();
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

/// The 95 % interval of a median by order statistics (exact, whatever the distribution); none of fewer than six values, of which
/// none holds 95 %.
pub(super) fn median_interval(sample: &Sample) -> Option<(f64, f64)> {
    let n = sample.len();
    // The most values that may lie on one side with a probability of at most 2.5 %.
    let mut rank = 0;
    if n > 500 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number of calls")]
        let below = (real(n) / 2.0 - 0.98 * real(n).sqrt()).floor() as usize;
        rank = below;
    } else {
        let mut term = libm::exp2(-real(n));
        let mut sum = term;
        while sum <= 0.025 && rank < n {
            rank += 1;
            term *= real(n - rank + 1) / real(rank);
            sum += term;
        }
    }
    let low = rank.checked_sub(1)?;
    Some((*sample.values().get(low)?, *sample.values().get(n - rank)?))
}

#[expect(clippy::cast_precision_loss, reason = "a drill has far fewer than 2^53 calls")]
pub(super) fn real(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wilson's interval for 8 of 10 is 0.490 to 0.943, for 10 of 10 it is 0.722 to 1 (worked by hand).
    #[test]
    fn a_share_of_few_has_a_wide_interval() {
        let close = |(a, b): (f64, f64), (c, d): (f64, f64)| (a - c).abs() < 5e-4 && (b - d).abs() < 5e-4;
        assert!(close(wilson(8, 10), (0.4902, 0.9433)), "{:?}", wilson(8, 10));
        assert!(close(wilson(10, 10), (0.7225, 1.0)), "{:?}", wilson(10, 10));
        assert!(close(wilson(0, 10), (0.0, 0.2775)), "{:?}", wilson(0, 10));
    }

    /// From the table of the binomial distribution with one half: 6 values need all of them, 10 the 2nd to 9th, 20 the 6th to 15th.
    #[test]
    fn the_interval_of_a_median_keeps_the_middle_values() {
        let of = |n: u32| median_interval(&Sample::new((1..=n).map(f64::from)));
        assert_eq!((of(0), of(5), of(6)), (None, None, Some((1.0, 6.0))));
        assert_eq!((of(10), of(20)), (Some((2.0, 9.0)), Some((6.0, 15.0))));
        // The two ways meet: at 500 the exact one, above it the normal one.
        assert_eq!((of(500), of(502)), (Some((228.0, 273.0)), Some((229.0, 274.0))));
    }
}
