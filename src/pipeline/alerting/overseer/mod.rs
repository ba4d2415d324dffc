//! The second stage: follows all partitions, closes windows when all have passed them, and decides what is an alert.
//!
//! A step reads what is new, decides, and writes alerts, notices and its own memory in one go. So whoever dies goes on from what
//! was written: the same alerts come out, each once. What a window says is decided once, from the rows that were there when the
//! least watermark passed its end; a later correction changes the row and no alert. Events are looked at as soon as they are
//! there, because an alarm cannot wait for a watermark; counts of events wait for it.
//!
//! Knows no wire, no thread and no clock: what time it is, is told. There may be one overseer over a set of tables at a time.

mod judge;
mod memory;
mod pipeline;
mod progress;
mod windows;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use judge::{Decided, Judge};
use memory::Memory;
pub use memory::OVERSEER;
pub use pipeline::Gauge;
use pipeline::Gauges;
use progress::{Reached, Watch};

use super::metric::Stream;
use super::rules::{Aggregation, AlertRules, Grouping, Rule};
use super::subscribers::Subscribers;
use crate::pipeline::analytics::Event;
use crate::pipeline::stores::tables::Tables;
use crate::pipeline::stores::{Row, StoreError};
use crate::primitives::{SimDuration, Timestamp};
use crate::telemetry::field::Text;

/// Most events looked at in a step; the rest waits for the next.
const EVENTS_MAX: u64 = 10_000;
/// Most windows closed in a step; the rest waits for the next.
const WINDOWS_MAX: u64 = 200;
/// Length of the pieces in which events are counted [ms].
const MINUTE: i64 = 60_000;

/// How an overseer waits and looks back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverseerSettings {
    /// How many partitions there are.
    pub partitions: u16,
    /// How long a partition is waited for that has never told a watermark [s on the wall].
    pub patience: SimDuration,
    /// How long a partition is waited for whose watermark stands still while others move [s on the wall].
    pub idle: SimDuration,
    /// How far back from the least watermark what is found is still worth an alert [s of event time].
    pub look_back: SimDuration,
}

impl OverseerSettings {
    /// Those of a city with this many partitions: 5 s for the silent, 2 min for the idle, a day back.
    pub fn of(partitions: u16) -> Self {
        Self {
            partitions,
            patience: SimDuration::seconds(5.0),
            idle: SimDuration::seconds(120.0),
            look_back: SimDuration::seconds(86_400.0),
        }
    }
}

/// What a step is told from outside.
#[derive(Debug, Clone, Copy)]
pub struct Now<'a> {
    /// The clock on the wall.
    pub at: Timestamp,
    /// What the pipeline says of itself.
    pub gauges: &'a [Gauge],
}

/// What another operator of this stage found, to be written in the same go: either all of it is there afterwards or nothing.
///
/// If a step fails, it is not known which: the operator is to go on from what the tables say.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extra<'a> {
    /// Events, in the order of their numbers, under a partition no worker has. Those found before are left out.
    pub events: &'a [Event],
    /// Further rows, such as the operator's own state.
    pub rows: &'a [Row],
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stepped {
    /// Events looked at.
    pub events: u64,
    /// Windows closed.
    pub windows: u64,
    /// Alerts raised.
    pub raised: u64,
    /// Alerts that are over.
    pub resolved: u64,
    /// Notices written for the deliverer.
    pub notices: u64,
    /// Events that came after their minute had been counted.
    pub late: u64,
    /// Events too old to be worth an alert.
    pub old: u64,
    /// Events that were never found although later ones were.
    pub missing: u64,
    /// Rows that could not be read.
    pub unreadable: u64,
    /// Pairs of rule and subject that found no room to be remembered, and gauges left out.
    pub crowded: u64,
    /// Whether there is more to do at once.
    pub more: bool,
    /// The least watermark, if there is one; none at the end of time too.
    pub reached: Option<Timestamp>,
}

/// Rules over the same stream with windows of the same length.
#[derive(Debug)]
struct Group {
    stream: Stream,
    /// [ms]
    length: i64,
    /// By their place among the rules.
    rules: Vec<usize>,
}

impl Group {
    fn name(&self) -> String {
        format!("{:?}/{}", self.stream, self.length).to_lowercase()
    }
}

/// Follows the tables and decides what is an alert.
#[derive(Debug)]
pub struct Overseer {
    rules: Arc<AlertRules>,
    /// Who asked to be told while the city runs.
    subscribers: Option<Arc<Subscribers>>,
    settings: OverseerSettings,
    groups: Vec<Group>,
    watch: Watch,
    gauges: Gauges,
    /// None before the first step, and after one that failed.
    memory: Option<Memory>,
}

impl Overseer {
    /// An overseer with these rules. What it remembers lies in the tables it is stepped with.
    pub fn new(rules: Arc<AlertRules>, settings: OverseerSettings) -> Self {
        let mut groups: BTreeMap<(Stream, i64), Vec<usize>> = BTreeMap::new();
        for (place, rule) in rules.rules.iter().enumerate() {
            groups.entry((rule.metric.stream(), rule.window.as_milliseconds())).or_default().push(place);
        }
        let groups = groups.into_iter().filter(|((stream, _), _)| *stream != Stream::Pipeline);
        let groups = groups.map(|((stream, length), rules)| Group { stream, length, rules }).collect();
        Self {
            rules,
            subscribers: None,
            settings,
            groups,
            watch: Watch::default(),
            gauges: Gauges::default(),
            memory: None,
        }
    }

    /// The same, which also tells those who ask for it while the city runs.
    #[must_use]
    pub fn telling(self, subscribers: Option<Arc<Subscribers>>) -> Self {
        Self { subscribers, ..self }
    }

    /// Looks at what is new and writes what follows from it.
    ///
    /// # Errors
    /// When the tables cannot be read or written. The next step goes on from what they hold then.
    pub fn step(&mut self, tables: &dyn Tables, now: Now<'_>, extra: Extra<'_>) -> Result<Stepped, StoreError> {
        let mut memory = match self.memory.take() {
            Some(memory) => memory,
            None => self.recall(tables, now.at)?,
        };
        let (mut stepped, mut decided) = (Stepped::default(), Decided::default());
        let (progress, unreadable) = progress::read(tables)?;
        stepped.unreadable += unreadable;
        let waits = (self.settings.patience, self.settings.idle);
        let reached = self.watch.reached(&progress, self.settings.partitions, now.at, waits);
        stepped.reached = reached.filter(|reached| reached.least < i64::MAX).map(|r| Timestamp::milliseconds(r.least));
        let before = memory.cursors.clone();
        let crowded = memory.crowded;
        let rules = Arc::clone(&self.rules);
        let subscribers = self.subscribers.clone();
        let mut judge = Judge {
            rules: &rules,
            subscribers: subscribers.as_deref(),
            memory: &mut memory,
            decided: &mut decided,
            now: now.at,
        };
        let horizon = self.horizon(reached);
        let partitions =
            (0..self.settings.partitions).chain(progress.keys().copied().filter(|p| *p >= self.settings.partitions));
        for partition in partitions {
            let next = judge.memory.cursors.events.get(&partition).copied().unwrap_or(0);
            let (found, more) = read_events(tables, partition, next, EVENTS_MAX.saturating_sub(stepped.events))?;
            stepped.more |= more;
            for (number, event) in found {
                if let Some(event) = event {
                    self.event(&mut judge, &event, horizon, &mut stepped);
                } else {
                    stepped.unreadable += 1;
                    judge.memory.cursors.events.insert(partition, number.saturating_add(1));
                }
            }
        }
        for event in extra.events {
            let next = judge.memory.cursors.events.get(&event.partition).copied().unwrap_or(0);
            if event.number >= next {
                judge.decided.rows.push(row_of(event));
                self.event(&mut judge, event, horizon, &mut stepped);
            }
        }
        if let Some(reached) = reached {
            self.close(tables, &mut judge, reached, &mut stepped)?;
        }
        let mut gauges = self.gauges.clone();
        stepped.crowded += gauges.take(now, &rules, &mut judge);
        stepped.crowded += memory.crowded - crowded;
        (stepped.raised, stepped.resolved, stepped.notices) = (decided.raised, decided.resolved, decided.notices);
        let remembered = memory.rows();
        // The first row are the cursors, which need not be written if nothing moved.
        let moved = memory.cursors != before || !memory.is_old || remembered.len() > 1;
        let mut rows = decided.rows;
        if moved {
            rows.extend(remembered);
            memory.is_old = true;
        }
        rows.extend_from_slice(extra.rows);
        if !rows.is_empty() {
            tables.put_lasting(&rows)?;
        }
        (self.memory, self.gauges) = (Some(memory), gauges);
        Ok(stepped)
    }

    /// What the tables remember, without rules that are gone.
    fn recall(&self, tables: &dyn Tables, now: Timestamp) -> Result<Memory, StoreError> {
        let mut memory = Memory::read(tables)?;
        let mut decided = Decided::default();
        let mut judge =
            Judge { rules: &self.rules, subscribers: None, memory: &mut memory, decided: &mut decided, now };
        judge.gone(now.as_milliseconds());
        if !decided.rows.is_empty() {
            decided.rows.extend(memory.rows());
            tables.put_lasting(&decided.rows)?;
        }
        Ok(memory)
    }

    /// What happened before is too old for an alert [ms].
    fn horizon(&self, reached: Option<Reached>) -> i64 {
        let look_back = self.settings.look_back.as_milliseconds();
        reached.map_or(i64::MIN, |reached| reached.least.min(reached.known).saturating_sub(look_back))
    }

    /// Looks at an event with every rule that is about events.
    fn event(&self, judge: &mut Judge<'_>, event: &Event, horizon: i64, stepped: &mut Stepped) {
        let next = judge.memory.cursors.events.entry(event.partition).or_default();
        stepped.missing += event.number.saturating_sub(*next);
        *next = event.number.saturating_add(1);
        stepped.events += 1;
        if event.at.as_milliseconds() < horizon {
            stepped.old += 1;
            return;
        }
        let rules = Arc::clone(&self.rules);
        for rule in &rules.events {
            judge.event(rule, event);
        }
        for group in self.groups.iter().filter(|group| group.stream == Stream::Events) {
            let next = judge.memory.cursors.windows.get(&group.name()).copied();
            let from = next.map_or(i64::MIN, |next| next.saturating_mul(group.length));
            for rule in group.rules.iter().filter_map(|place| rules.rules.get(*place)) {
                let kinds = &rule.filter.kinds;
                let about = (kinds.is_empty() || kinds.contains(&event.kind))
                    && rule.filter.takes_status(event)
                    && rule.filter.takes_event(&rules.geofences, event);
                if !about {
                    continue;
                }
                if event.at.as_milliseconds() < from {
                    stepped.late += 1;
                    continue;
                }
                let Some(subject) = counted_as(rule, event) else { continue };
                let Some(entry) = judge.memory.entry(&rule.name, &subject) else { continue };
                let minute = event.at.as_milliseconds().div_euclid(MINUTE);
                if entry.counts.len() < memory::COUNTS_MAX || entry.counts.contains_key(&minute) {
                    *entry.counts.entry(minute).or_default() += 1;
                } else {
                    stepped.crowded += 1;
                }
            }
        }
    }

    /// Closes the windows that all partitions have passed.
    fn close(
        &self,
        tables: &dyn Tables,
        judge: &mut Judge<'_>,
        reached: Reached,
        stepped: &mut Stepped,
    ) -> Result<(), StoreError> {
        let known = reached.least.min(reached.known);
        let rules = Arc::clone(&self.rules);
        for group in &self.groups {
            let name = group.name();
            let cursor = judge.memory.cursors.windows.get(&name).copied();
            let first = cursor.unwrap_or_else(|| {
                // A rule that is new looks forward; rules that come first look back.
                let from = if judge.memory.is_old { known } else { self.horizon(Some(reached)) };
                from.div_euclid(group.length)
            });
            let mine: Vec<&Rule> = group.rules.iter().filter_map(|place| rules.rules.get(*place)).collect();
            let next = match group.stream {
                // Counts wait until all that is there has been counted.
                Stream::Events if stepped.more => continue,
                Stream::Events => {
                    close_counts(judge, group, &mine, (cursor, known, reached.least == i64::MAX), stepped)
                }
                _ => self.close_windows(tables, judge, group, &mine, (first, reached), stepped)?,
            };
            if cursor != Some(next) {
                for rule in &mine {
                    judge.quiet(rule, next);
                }
            }
            judge.memory.cursors.windows.insert(name, next);
        }
        for rule in &rules.events {
            judge.forgotten(rule, known);
        }
        Ok(())
    }

    /// Closes windows of a table; the next one.
    fn close_windows(
        &self,
        tables: &dyn Tables,
        judge: &mut Judge<'_>,
        group: &Group,
        rules: &[&Rule],
        (first, reached): (i64, Reached),
        stepped: &mut Stepped,
    ) -> Result<i64, StoreError> {
        let (length, mut next) = (group.length, first);
        let Some(table) = group.stream.table() else { return Ok(next) };
        while let Some(start) = windows::next_start(tables, table, next.saturating_mul(length))? {
            let index = start.div_euclid(length);
            let (from, to) = (index.saturating_mul(length), index.saturating_add(1).saturating_mul(length));
            if to > reached.least {
                break;
            }
            if stepped.windows >= WINDOWS_MAX {
                stepped.more = true;
                return Ok(next);
            }
            let (samples, unreadable) = windows::read(tables, group.stream, (from, to), rules, &self.rules.geofences)?;
            stepped.unreadable += unreadable;
            for (rule, samples) in rules.iter().zip(samples) {
                judge.quiet(rule, index);
                for (subject, sample) in samples {
                    judge.window(rule, &subject, &sample, index);
                }
            }
            stepped.windows += 1;
            next = index + 1;
        }
        // Nobody will speak of what all have passed.
        let passed = if reached.least == i64::MAX { next } else { reached.least.div_euclid(length) };
        Ok(next.max(passed))
    }
}

/// Events with their numbers; none where one cannot be read.
type Found = Vec<(u64, Option<Event>)>;

/// Reads the new events of a partition, as many as there may be, and whether there are more.
fn read_events(tables: &dyn Tables, partition: u16, next: u64, most: u64) -> Result<(Found, bool), StoreError> {
    let prefix = format!("{partition:05}/");
    let after = next.checked_sub(1).map_or_else(String::new, |last| format!("{prefix}{last:020}"));
    let (mut found, mut more) = (Found::new(), false);
    tables.scan_after("events", &prefix, &after, &mut |key, json| {
        let Some(number) = key.strip_prefix(&prefix).and_then(|number| number.parse().ok()) else {
            return ControlFlow::Continue(());
        };
        if found.len() as u64 >= most {
            more = true;
            return ControlFlow::Break(());
        }
        let event = serde_json::from_slice::<Event>(json).ok();
        found.push((number, event.filter(|event| event.partition == partition && event.number == number)));
        ControlFlow::Continue(())
    })?;
    Ok((found, more))
}

/// The row of an event.
fn row_of(event: &Event) -> Row {
    Row { table: "events".to_owned(), key: event.key(), json: super::alert::json(event) }
}

/// Under which subject an event counts; none if it counts for none.
fn counted_as(rule: &Rule, event: &Event) -> Option<Text> {
    match rule.by {
        Grouping::Subject => Some(Text::clone(&event.subject)),
        Grouping::Road => event.road.clone(),
        Grouping::All => Some(Text::from(windows::EVERYTHING)),
    }
}

/// Closes windows in which events were counted; the next one.
///
/// `known` is the watermark all have passed, or at the end of time the last there was, whose own window is closed too then.
fn close_counts(
    judge: &mut Judge<'_>,
    group: &Group,
    rules: &[&Rule],
    (first, known, ended): (Option<i64>, i64, bool),
    stepped: &mut Stepped,
) -> i64 {
    let (length, minutes) = (group.length, group.length / MINUTE);
    let end = known.div_euclid(length) + i64::from(ended);
    // Before anybody told anything, nothing was missing.
    let mut next = first.unwrap_or_else(|| {
        let counted = rules.iter().filter_map(|rule| judge.memory.first_count(&rule.name)).min();
        counted.map_or(end, |minute| minute.div_euclid(minutes).min(end))
    });
    while next < end {
        if stepped.windows >= WINDOWS_MAX {
            stepped.more = true;
            break;
        }
        for rule in rules {
            let mut subjects = judge.memory.subjects(&rule.name, |_| true);
            if rule.by == Grouping::All && subjects.is_empty() {
                subjects.push(Text::from(windows::EVERYTHING));
            }
            for subject in subjects {
                let span = next.saturating_mul(minutes)..next.saturating_add(1).saturating_mul(minutes);
                let counts = judge.memory.get(&rule.name, &subject).map(|entry| &entry.counts);
                let count = |minute: i64| counts.and_then(|counts| counts.get(&minute)).copied().unwrap_or(0);
                #[expect(clippy::cast_precision_loss, reason = "events of a minute")]
                let values = span.clone().map(|minute| count(minute) as f64).collect();
                if counts.is_some_and(|counts| counts.range(..span.end).next().is_some())
                    && let Some(entry) = judge.memory.entry(&rule.name, &subject)
                {
                    entry.counts = entry.counts.split_off(&span.end);
                }
                let road = (rule.by == Grouping::Road).then(|| Text::clone(&subject));
                judge.window(rule, &subject, &windows::Sample { values, road, place: None }, next);
            }
        }
        stepped.windows += 1;
        next += 1;
    }
    next
}

/// The word of an aggregation.
fn word_of(aggregation: Aggregation) -> &'static str {
    Aggregation::ALL.iter().find(|known| known.1 == aggregation).map_or("", |known| known.0)
}

#[cfg(test)]
mod tests;
