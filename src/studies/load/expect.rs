//! What a load is expected to show, and whether it did: the sentence and the exit code for a pipeline of somebody's own.

use serde::Serialize;

use super::figures::{Measured, Quantiles, duration};

/// What is expected of a load; what is none is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Expect {
    /// Half of the messages are acknowledged within this [µs].
    pub p50_us: Option<u64>,
    /// 90 of 100.
    pub p90_us: Option<u64>,
    /// 99 of 100.
    pub p99_us: Option<u64>,
    /// 999 of 1,000.
    pub p999_us: Option<u64>,
    /// All.
    pub longest_us: Option<u64>,
    /// At most so many messages are never acknowledged.
    pub lost: Option<u64>,
    /// At least this share of the messages that were due is acknowledged, 0 to 1.
    pub achieved: Option<f64>,
    /// The sender itself hands 99 of 100 messages over within this [µs].
    pub schedule_error_us: Option<u64>,
    /// The search finds at least this rate [1/s].
    pub found_rate: Option<f64>,
    /// Half of the messages looked for are in the store within this [µs].
    pub store_p50_us: Option<u64>,
    /// 99 of 100 of them.
    pub store_p99_us: Option<u64>,
    /// All of them.
    pub store_longest_us: Option<u64>,
}

/// One expectation, held against what was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Held {
    /// What is expected.
    pub expected: String,
    /// What was measured.
    pub measured: String,
    /// Whether that is as expected.
    pub holds: bool,
}

impl Expect {
    /// Whether anything is expected of a store.
    pub fn is_about_store(&self) -> bool {
        self.store_p50_us.is_some() || self.store_p99_us.is_some() || self.store_longest_us.is_some()
    }

    /// Every expectation against what was measured; `refused` is how many messages the target would not have, `found` the highest rate of a
    /// search, `store` what was seen of a store. That nothing is refused is expected of every load, unless it is said how much may be lost or
    /// has to be achieved.
    pub fn hold(&self, measured: &Measured, refused: u64, found: Option<f64>, store: Option<&Quantiles>) -> Vec<Held> {
        let latency = &measured.latency;
        let mut held = Vec::new();
        if refused > 0 && self.lost.is_none() && self.achieved.is_none() {
            let expected = "nothing is refused".to_owned();
            held.push(Held { expected, measured: refused.to_string(), holds: false });
        }
        for (name, limit, value) in [
            ("p50", self.p50_us, latency.p50_us),
            ("p90", self.p90_us, latency.p90_us),
            ("p99", self.p99_us, latency.p99_us),
            ("p99.9", self.p999_us, latency.p999_us),
            ("longest", self.longest_us, latency.longest_us),
            ("p99 of the schedule's own error", self.schedule_error_us, measured.schedule_error.p99_us),
            ("p50 to the store", self.store_p50_us, store.and_then(|store| store.p50_us)),
            ("p99 to the store", self.store_p99_us, store.and_then(|store| store.p99_us)),
            ("longest to the store", self.store_longest_us, store.and_then(|store| store.longest_us)),
        ] {
            let Some(limit) = limit else { continue };
            held.push(Held {
                expected: format!("{name} at most {}", duration(Some(limit))),
                measured: duration(value),
                // One that is not known reaches into messages that were never acknowledged.
                holds: value.is_some_and(|value| value <= limit),
            });
        }
        if let Some(limit) = self.lost {
            let open = measured.handed.saturating_sub(measured.acknowledged);
            held.push(Held {
                expected: format!("at most {limit} messages without acknowledgement"),
                measured: open.to_string(),
                holds: open <= limit,
            });
        }
        if let Some(limit) = self.achieved {
            let share = share(measured.own_acknowledged, measured.asked);
            held.push(Held {
                expected: format!("at least {} % of what was due is acknowledged", limit * 100.0),
                measured: format!("{:.2} %", share * 100.0),
                holds: share >= limit,
            });
        }
        if let Some(limit) = self.found_rate {
            held.push(Held {
                expected: format!("at least {limit} messages a second are kept"),
                measured: found.map_or_else(|| "none".to_owned(), |rate| format!("{rate:.0}")),
                holds: found.is_some_and(|rate| rate >= limit),
            });
        }
        held
    }
}

#[expect(clippy::cast_precision_loss, reason = "messages of a load")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::super::figures::{Recorder, Tag};
    use super::super::schedule::{Due, Phase, Schedule, Shape};
    use super::*;

    /// A hundred messages a second, of which number `n` is acknowledged after `n` ms, but for the last ones.
    fn measured(unanswered: u64) -> Measured {
        let phase = Phase { name: "a".to_owned(), seconds: 1.0, shape: Shape::Constant(100.0) };
        let (schedule, mut recorder) = (Schedule::new(vec![phase]), Recorder::new(1.0));
        for n in 0..100 {
            let due: Due = schedule.due(n).expect("one of its messages");
            let tag = Tag::new(due);
            recorder.handed(tag, tag.due_us() + 200);
            if n < 100 - unanswered {
                recorder.acknowledged(tag, tag.due_us() + n * 1000);
            }
        }
        recorder.figures(&schedule, 1.0)
    }

    #[test]
    fn each_expectation_is_held_against_its_own_figure() {
        let all = Expect {
            p50_us: Some(49_500),
            p99_us: Some(97_000),
            lost: Some(0),
            achieved: Some(1.0),
            schedule_error_us: Some(300),
            found_rate: Some(10.0),
            ..Expect::default()
        };
        let holds = |unanswered, found| -> Vec<bool> {
            all.hold(&measured(unanswered), 0, found, None).iter().map(|held| held.holds).collect()
        };
        // p99 is 98 ms; the order is that of the table, then of the counts.
        assert_eq!(holds(0, Some(10.0)), [true, false, true, true, true, true]);
        assert_eq!(holds(1, Some(9.0)), [true, false, true, false, false, false]);
        assert!(Expect::default().hold(&measured(0), 0, None, None).is_empty());
    }

    /// A platform that refuses everything has kept nothing; who is content with that has to say so.
    #[test]
    fn nothing_may_be_refused_unless_it_is_said_how_much_may_be_lost() {
        let held = Expect::default().hold(&measured(1), 1, None, None);
        assert_eq!(held.iter().map(|held| (held.measured.as_str(), held.holds)).collect::<Vec<_>>(), [("1", false)]);
        for expect in
            [Expect { lost: Some(1), ..Expect::default() }, Expect { achieved: Some(0.5), ..Expect::default() }]
        {
            assert!(expect.hold(&measured(1), 1, None, None).iter().all(|held| held.holds), "{expect:?}");
        }
    }

    /// Copies that are acknowledged do not make up for devices' messages that are not.
    #[test]
    fn what_is_achieved_counts_devices_messages_once() {
        let phase = Phase { name: "a".to_owned(), seconds: 1.0, shape: Shape::Constant(100.0) };
        let (schedule, mut recorder) = (Schedule::new(vec![phase]), Recorder::new(1.0));
        for n in 0..100 {
            let own = Tag::new(schedule.due(n).expect("one of its messages"));
            for tag in [own, own.beside()] {
                recorder.handed(tag, tag.due_us());
            }
            recorder.acknowledged(if n < 90 { own } else { own.beside() }, own.due_us() + 5);
        }
        let measured = recorder.figures(&schedule, 1.0);
        assert_eq!((measured.acknowledged, measured.own_acknowledged), (100, 90));
        assert_eq!(measured.phases[0].handed, 200, "they are of the phase they are sent in");
        let expect = Expect { achieved: Some(0.95), ..Expect::default() };
        assert!(!expect.hold(&measured, 0, None, None)[0].holds);
    }

    /// A store that could not be read has no latency, and whatever is expected of it does not hold.
    #[test]
    fn what_is_expected_of_a_store_is_held_against_what_was_seen_there() {
        let expect = Expect { store_p99_us: Some(1000), ..Expect::default() };
        let seen = |p99_us| Quantiles { p99_us, ..Quantiles::default() };
        let holds = |store: Option<&Quantiles>| expect.hold(&measured(0), 0, None, store)[0].holds;
        assert!(holds(Some(&seen(Some(1000)))) && !holds(Some(&seen(Some(1001)))));
        assert!(!holds(Some(&seen(None))) && !holds(None));
    }

    /// A target that never answers would otherwise look fast: only its quick answers would count.
    #[test]
    fn what_is_not_acknowledged_counts_as_longer_than_anything() {
        let (few, many) = (measured(1), measured(60));
        assert_eq!((few.latency.p90_us.is_some(), few.latency.longest_us), (true, None));
        assert_eq!((many.latency.count, many.latency.unknown, many.latency.p50_us), (40, 60, None));
        assert_eq!(duration(many.latency.p99_us), "unknown");
        assert_eq!(few.schedule_error.p99_us, Some(200));
        assert_eq!((few.phases[0].asked, few.phases[0].handed, few.over_time[0].unacknowledged), (100, 100, 1));
        assert!((few.over_time[0].asked_rate - 100.0).abs() < 1e-9);
    }
}
