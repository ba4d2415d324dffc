//! Rules about the pipeline itself: what it says of itself at every step, as one number a minute of the clock on the wall.
//!
//! Samples are not kept over a restart: a window that was under way begins anew.

use std::collections::BTreeMap;

use super::Now;
use super::judge::Judge;
use super::windows::{EVERYTHING, Sample};
use crate::pipeline::alerting::metric::Stream;
use crate::pipeline::alerting::rules::{AlertRules, Grouping};
use crate::telemetry::field::Text;

/// Length of a piece [ms].
const MINUTE: i64 = 60_000;
/// Most numbers remembered for a rule; further subjects are left out, and counted.
const NUMBERS_MAX: usize = 100_000;

/// What the pipeline says of itself now.
#[derive(Debug, Clone, PartialEq)]
pub struct Gauge {
    /// The metric, by its name in the table of metrics: `pipeline.lag_s` and so on.
    pub metric: &'static str,
    /// Whom it is about, such as `partition 2`.
    pub subject: String,
    /// The number, in the metric's unit.
    pub value: f64,
}

/// Numbers of the windows under way.
#[derive(Debug, Clone, Default)]
pub(super) struct Gauges {
    /// By rule, minute and subject: the last of the minute.
    numbers: BTreeMap<usize, BTreeMap<(i64, Text), f64>>,
    /// The window under way, by rule.
    windows: BTreeMap<usize, i64>,
}

impl Gauges {
    /// Takes what is said now and closes windows that have ended; how many numbers found no room.
    pub(super) fn take(&mut self, now: Now<'_>, rules: &AlertRules, judge: &mut Judge<'_>) -> u64 {
        let mut crowded = 0;
        let at = now.at.as_milliseconds();
        for (place, rule) in rules.rules.iter().enumerate() {
            if rule.metric.stream() != Stream::Pipeline {
                continue;
            }
            let length = rule.window.as_milliseconds();
            let current = at.div_euclid(length);
            let next = *self.windows.get(&place).unwrap_or(&current);
            let numbers = self.numbers.entry(place).or_default();
            // Of a long pause, only what was told is looked at.
            if current > next {
                let mut ended: BTreeMap<(i64, Text), Sample> = BTreeMap::new();
                for ((minute, subject), value) in numbers.iter() {
                    let index = (minute * MINUTE).div_euclid(length);
                    let subject = if rule.by == Grouping::All { Text::from(EVERYTHING) } else { Text::clone(subject) };
                    if (next..current).contains(&index) {
                        ended.entry((index, subject)).or_default().values.push(*value);
                    }
                }
                for ((index, subject), sample) in ended {
                    judge.window(rule, &subject, &sample, index);
                }
                judge.quiet(rule, current);
                *numbers = numbers.split_off(&(current * length / MINUTE, Text::from("")));
            }
            self.windows.insert(place, current);
            let minute = at.div_euclid(MINUTE);
            for gauge in now.gauges.iter().filter(|gauge| gauge.metric == rule.metric.name && gauge.value.is_finite()) {
                if !rule.filter.takes(&[], None, Some(&gauge.subject), None) {
                    continue;
                }
                let key = (minute, Text::from(gauge.subject.as_str()));
                if numbers.len() < NUMBERS_MAX || numbers.contains_key(&key) {
                    numbers.insert(key, gauge.value);
                } else {
                    crowded += 1;
                }
            }
        }
        crowded
    }
}
