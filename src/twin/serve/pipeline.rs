//! How the wire fares, for whoever looks at it: numbers of the log, the workers and the publisher.
//!
//! Asked for often and by many, so an answer serves everybody for a while.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::stage::locked;
use crate::api::port::Pipeline;
use crate::twin::clock;
use crate::twin::wire::Instruments;

/// How old an answer may be.
const AGE_MAX: Duration = Duration::from_millis(500);
/// Over how long the rate of messages is measured.
const MEASURED: Duration = Duration::from_secs(10);

/// Looks at a wire.
#[derive(Debug)]
pub(super) struct Gauge {
    instruments: Instruments,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    last: Option<(Instant, Pipeline)>,
    /// Messages in the log, at the instants at which somebody asked.
    seen: VecDeque<(Instant, u64)>,
}

impl Gauge {
    pub(super) fn new(instruments: Instruments) -> Self {
        let gauge = Self { instruments, known: Mutex::default() };
        let messages = gauge.messages();
        locked(&gauge.known).seen.push_back((clock::instant(), messages));
        gauge
    }

    /// What people should hear of that happened since they were last told.
    pub(super) fn news(&self) -> Vec<String> {
        self.instruments.board.news()
    }

    /// Why the wire gave up, if it did.
    pub(super) fn failure(&self) -> Option<String> {
        self.instruments.board.failure()
    }

    fn messages(&self) -> u64 {
        self.instruments.intake.as_ref().map_or(0, crate::twin::intake::Intake::messages)
    }

    /// How the wire fares now.
    pub(super) fn look(&self) -> Pipeline {
        let mut known = locked(&self.known);
        let now = clock::instant();
        if let Some((made, pipeline)) = &known.last
            && now.duration_since(*made) < AGE_MAX
        {
            return pipeline.clone();
        }
        let pipeline = self.make(&mut known, now);
        known.last = Some((now, pipeline.clone()));
        pipeline
    }

    fn make(&self, known: &mut Known, now: Instant) -> Pipeline {
        let Instruments { intake, board, publisher } = &self.instruments;
        let messages = self.messages();
        let tally = board.tally();
        let mut troubles = board.troubles();
        let quarantined = match intake.as_ref().map(|intake| intake.stores.quarantine().totals()) {
            Some(Ok(totals)) => totals.messages(),
            Some(Err(error)) => {
                troubles.push(format!("the quarantine: {error}"));
                0
            }
            None => 0,
        };
        let lately = board.lately();
        let seconds = |share| lately.quantile(share).map(|latency| latency.as_secs_f64());
        Pipeline {
            present: intake.is_some(),
            messages,
            messages_per_s: rate(&mut known.seen, now, messages),
            behind: intake.as_ref().and_then(crate::twin::intake::Intake::behind),
            spooled: publisher.as_ref().map_or(0, |publisher| publisher.counts().kept),
            duplicates: tally.duplicates,
            late: tally.late,
            quarantined,
            shown_s: seconds(0.5).zip(seconds(0.99)),
            restarts: board.restarts(),
            troubles,
        }
    }
}

/// Messages a second over the last seconds; takes note of what is there now.
fn rate(seen: &mut VecDeque<(Instant, u64)>, now: Instant, messages: u64) -> f64 {
    // The last look before the span stays: rare looks give a mean over longer.
    while seen.get(1).is_some_and(|&(at, _)| now.duration_since(at) >= MEASURED) {
        seen.pop_front();
    }
    let rate = seen.front().map_or(0.0, |&(at, before)| {
        let wall = now.duration_since(at).as_secs_f64();
        let new = u32::try_from(messages.saturating_sub(before)).unwrap_or(u32::MAX);
        if wall < 0.05 { 0.0 } else { f64::from(new) / wall }
    });
    seen.push_back((now, messages));
    rate
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let begin = clock::instant();
        let mut seen = VecDeque::from([(begin, 0)]);
        let mut last = 0.0;
        for second in 1..=60_u32 {
            let messages = if second <= 30 { second * 100 } else { 3_000 + (second - 30) * 10 };
            last = rate(&mut seen, begin + Duration::from_secs(second.into()), messages.into());
        }
        assert!((last - 10.0).abs() < 1e-9, "{last}");
        assert!(seen.len() < 15, "{}", seen.len());
    }
}
