//! The batch view at work: goes over the history of a day, hour by hour, and holds the windows made of it against the live ones.
//!
//! On demand, or as a service beside the listener, which takes every day once it has ended and again when more of it has come. What
//! it has done stands in the table `reconciled`; what it has not stays to be done, so dying and starting again is going on.
//! Windows are left alone that somebody may still tell, and tables in which rows stand that the history does not explain: those were made
//! with other topics or other roads, and correcting them would count things twice.
//!
//! Memory: the windows of an hour; where those are too many, of half of it, down to a quarter of an hour.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use super::TwinError;
use super::intake::Folders;
use super::parts::Equipment;
use crate::city::network::Network;
use crate::pipeline::analytics::{
    self, Agreement, AnalystSettings, BATCH_TABLES, Progress, Reconciler, RoadIndex, reconcile as compare,
};
use crate::pipeline::stores::{Row, StoreError, StoreSettings, Stores};
use crate::pipeline::transport::partition_of;
use crate::primitives::Timestamp;
use crate::telemetry::{ReadingKind, TopicMap};

mod service;

pub(super) use service::Daily;

/// A day, an hour, and the longest window [ms].
const DAY: i64 = 86_400_000;
const HOUR: i64 = 3_600_000;
const QUARTER: i64 = 900_000;
/// Rows written together.
const WRITE_MAX: usize = 1000;
/// What windows are made of.
const KINDS: [ReadingKind; 5] =
    [ReadingKind::Position, ReadingKind::LoopCount, ReadingKind::CameraCount, ReadingKind::Air, ReadingKind::Parking];

/// What is to be reconciled.
#[derive(Debug, Clone)]
pub struct ReconcileSettings {
    /// Folder of a listener or a run.
    pub folder: PathBuf,
    /// Which parts it ran on.
    pub equipment: Equipment,
    /// Topics by reading, as when it was kept.
    pub topics: TopicMap,
    /// The roads readings were matched to, if they were.
    pub network: Option<Arc<Network>>,
    /// Midnight of the day; every day in the history if none.
    pub day: Option<Timestamp>,
    /// Whether to write what is right over what is not.
    pub write: bool,
}

/// What came of a day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DayReconciled {
    /// The day, `YYYY-MM-DD`.
    pub day: String,
    /// How the rows of each table compare.
    pub tables: BTreeMap<String, Agreement>,
    /// Windows of the day that somebody may still tell, and that were not compared.
    pub unsettled: u64,
    /// Rows written.
    pub written: u64,
    /// What was left alone, and why.
    pub left_alone: Vec<String>,
    /// Whether it was interrupted, so that the rest of the day was not compared.
    pub interrupted: bool,
}

impl DayReconciled {
    /// Whether live and batch view said the same, or do so now.
    pub fn agrees(&self) -> bool {
        let differs: u64 = self.tables.values().map(|one| one.corrected + one.missing).sum();
        let extra: u64 = self.tables.values().map(|one| one.extra).sum();
        differs == self.written && extra == 0 && self.left_alone.is_empty() && !self.interrupted
    }
}

/// Reconciles a day, or every day there is, until `stop` says so.
///
/// # Errors
/// When nothing is kept in the folder, it is in use or cannot be read, or its windows were made with roads that were not given.
pub fn reconcile(settings: &ReconcileSettings, stop: &dyn Fn() -> bool) -> Result<Vec<DayReconciled>, TwinError> {
    let folders = Folders::of(&settings.folder);
    // Opening them would make new ones.
    if !Stores::are_in(&folders.stores) && settings.equipment.parts.history.is_none() {
        let place = settings.folder.display();
        let sentence =
            format!("there are no stores in `{place}`; name the folder of a listener, or of a run that used the wire");
        return Err(TwinError::Service(sentence));
    }
    let equipment = &settings.equipment;
    let elsewhere = equipment.parts.stores(&equipment.environment)?;
    let stores = Stores::open_parts(&folders.stores, StoreSettings::default(), elsewhere)?;
    let roads = settings.network.as_deref().map(|network| Arc::new(RoadIndex::new(network)));
    let partitions = equipment.parts.partitions();
    let view = View { stores: &stores, topics: &settings.topics, partitions, roads, stop };
    let days: Vec<Timestamp> = match settings.day {
        Some(day) => vec![day],
        None => days(&stores)?.into_keys().collect(),
    };
    let mut done = Vec::new();
    for day in days {
        done.push(view.day(day, settings.write)?);
        if stop() {
            break;
        }
    }
    Ok(done)
}

/// The first day whose windows the history still explains: the day before it is needed as well, and what has come late of days that
/// are gone by age explains nothing.
fn first_day(stores: &Stores) -> Result<Timestamp, StoreError> {
    let before = stores.gone()?.before;
    Ok(before.map_or(Timestamp::MIN, |before| Timestamp::milliseconds(before.as_milliseconds().saturating_add(DAY))))
}

/// The days of the history that windows are made of, each with its records.
fn days(stores: &Stores) -> Result<BTreeMap<Timestamp, u64>, StoreError> {
    let (mut days, first) = (BTreeMap::new(), first_day(stores)?);
    for piece in stores.pieces()? {
        if let Some(day) = piece.day().filter(|day| KINDS.contains(&piece.kind) && *day >= first) {
            *days.entry(day).or_default() += piece.rows;
        }
    }
    Ok(days)
}

/// How far each partition has come.
pub(super) fn progress(stores: &Stores) -> Result<Vec<Progress>, StoreError> {
    let mut found = Vec::new();
    stores.tables().scan("progress", "", &mut |_, json| {
        found.extend(serde_json::from_slice::<Progress>(json).ok());
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

fn sum(a: Agreement, b: Agreement) -> Agreement {
    Agreement {
        equal: a.equal + b.equal,
        corrected: a.corrected + b.corrected,
        missing: a.missing + b.missing,
        extra: a.extra + b.extra,
    }
}

/// Length of a table's windows [ms].
fn length(table: &str) -> i64 {
    match table {
        "position_minutes" | "road_minutes" => 60_000,
        "air_windows" => QUARTER,
        _ => 300_000,
    }
}

/// A row as it lies in the tables: table, key, JSON.
type Live = (String, String, Vec<u8>);

/// What the history makes of a span.
struct Made {
    rows: Vec<analytics::Row>,
    /// Tables and keys of windows that somebody may still tell.
    unsettled: BTreeSet<(&'static str, String)>,
    left_out: u64,
}

/// The history against the tables.
struct View<'a> {
    stores: &'a Stores,
    topics: &'a TopicMap,
    partitions: u16,
    roads: Option<Arc<RoadIndex>>,
    stop: &'a dyn Fn() -> bool,
}

impl View<'_> {
    /// Compares a day, and writes what is right if asked to.
    fn day(&self, day: Timestamp, write: bool) -> Result<DayReconciled, TwinError> {
        let mut result = DayReconciled { day: day.date(), ..DayReconciled::default() };
        let begin = day.as_milliseconds();
        if day < first_day(self.stores)? {
            result.left_alone.push("the history of this day, or of the one before it, is gone by age".to_owned());
            return Ok(result);
        }
        let floors = self.floors()?;
        let busy = self.busy(begin)?;
        let mut corrections = Vec::new();
        let mut spans: Vec<(i64, i64)> = (0..24).rev().map(|n| (begin + n * HOUR, begin + (n + 1) * HOUR)).collect();
        while let Some((from, to)) = spans.pop() {
            if (self.stop)() {
                result.interrupted = true;
                break;
            }
            let live = self.live(from, to, &floors)?;
            if live.is_empty() && !is_busy(&busy, from, to) {
                continue;
            }
            let made = self.made(from, to, &floors)?;
            if (self.stop)() {
                // The history was not read to its end.
                result.interrupted = true;
                break;
            }
            if made.left_out > 0 && to - from > QUARTER {
                let middle = from + (to - from) / QUARTER / 2 * QUARTER;
                spans.extend([(middle, to), (from, middle)]);
                continue;
            }
            if made.left_out > 0 {
                let at = Timestamp::milliseconds(from);
                result.left_alone.push(format!("the quarter of an hour from {at}: it has more windows than fit"));
                continue;
            }
            result.unsettled += made.unsettled.len() as u64;
            let settled = live.into_iter().filter(|(table, key, _)| {
                let name = BATCH_TABLES.iter().find(|name| **name == table.as_str());
                name.is_none_or(|name| !made.unsettled.contains(&(*name, key.clone())))
            });
            let compared = compare(made.rows, settled);
            for (table, one) in compared.tables {
                let all = result.tables.entry(table).or_default();
                *all = sum(*all, one);
            }
            corrections.extend(compared.rows.into_iter().filter(|_| write));
        }
        self.write(&mut result, &corrections)?;
        Ok(result)
    }

    /// Writes rows of tables that the history explains.
    fn write(&self, result: &mut DayReconciled, rows: &[analytics::Row]) -> Result<(), TwinError> {
        let strange = |table: &str| result.tables.get(table).map_or(0, |one| one.extra);
        let mut alone: BTreeSet<&str> = BTreeSet::new();
        let mut right = Vec::new();
        for row in rows {
            if strange(row.table()) > 0 {
                alone.insert(row.table());
                continue;
            }
            right.push(Row { table: row.table().to_owned(), key: row.key(), json: row.json().into_bytes() });
        }
        let alone: Vec<String> = alone
            .into_iter()
            .map(|table| {
                format!(
                    "{table}: {} of its rows are none that the history makes, so nothing is written; was it kept with the same \
                     scenario, topics and city?",
                    strange(table)
                )
            })
            .collect();
        result.left_alone.extend(alone);
        for rows in right.chunks(WRITE_MAX) {
            self.stores.tables().put(rows)?;
            result.written += rows.len() as u64;
        }
        Ok(())
    }

    /// In which hours of a day, the one before and a bit of the one after there are records: of bays, of others.
    fn busy(&self, begin: i64) -> Result<BTreeSet<(bool, i64)>, StoreError> {
        let mut hours = BTreeSet::new();
        let times = Timestamp::milliseconds(begin - DAY)..Timestamp::milliseconds(begin + DAY + QUARTER);
        for kind in KINDS {
            self.stores.scan_in_order(kind, &times, &mut |record| {
                hours.insert((kind == ReadingKind::Parking, record.time.as_milliseconds().div_euclid(HOUR)));
                self.go_on()
            })?;
        }
        Ok(hours)
    }

    fn go_on(&self) -> ControlFlow<()> {
        if (self.stop)() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Before which rows of the tables are gone by age [ms].
    fn floors(&self) -> Result<BTreeMap<&'static str, i64>, StoreError> {
        let mut floors = BTreeMap::new();
        for table in BATCH_TABLES {
            if let Some(since) = self.stores.rows_since(table)? {
                floors.insert(table, since.as_milliseconds());
            }
        }
        Ok(floors)
    }

    /// The live rows of a span, those left out that age may have taken in part.
    fn live(&self, from: i64, to: i64, floors: &BTreeMap<&'static str, i64>) -> Result<Vec<Live>, TwinError> {
        let end = Timestamp::milliseconds(to).to_string();
        let mut live: Vec<Live> = Vec::new();
        for table in BATCH_TABLES {
            let first = Timestamp::milliseconds(from.max(floors.get(table).copied().unwrap_or(from))).to_string();
            self.stores.tables().scan_after(table, "", &first, &mut |key, json| {
                if key >= end.as_str() {
                    return ControlFlow::Break(());
                }
                live.push((table.to_owned(), key.to_owned(), json.to_vec()));
                ControlFlow::Continue(())
            })?;
        }
        if self.roads.is_none() && live.iter().any(|(table, ..)| table == "travel_times") {
            return Err(TwinError::Service(
                "these windows were made with the roads of a scenario; name it with `--scenario`".to_owned(),
            ));
        }
        Ok(live)
    }

    /// What the history makes of a span.
    fn made(&self, from: i64, to: i64, floors: &BTreeMap<&'static str, i64>) -> Result<Made, StoreError> {
        let settings = |partition| AnalystSettings::new(partition, self.roads.clone());
        let (begin, end) = (Timestamp::milliseconds(from), Timestamp::milliseconds(to));
        let mut partitions: Vec<Reconciler> =
            (0..self.partitions).map(|partition| Reconciler::new(settings(partition), begin, end)).collect();
        for kind in KINDS {
            let Some(one) = partitions.first() else { break };
            let times = one.needs_from(kind)..one.needs_to();
            let mut last = None;
            self.stores.scan_in_order(kind, &times, &mut |record| {
                // Records of a device come one after the other.
                let partition = match &last {
                    Some((device, partition)) if *device == record.device => *partition,
                    _ => partition_of(&self.topics.topic(kind, &record.device), self.partitions),
                };
                if let Some(reconciler) = partitions.get_mut(usize::from(partition)) {
                    reconciler.take(&record);
                }
                last = Some((record.device, partition));
                self.go_on()
            })?;
        }
        let progress: BTreeMap<u16, Progress> =
            progress(self.stores)?.into_iter().map(|progress| (progress.partition, progress)).collect();
        let mut made = Made { rows: Vec::new(), unsettled: BTreeSet::new(), left_out: 0 };
        for (partition, reconciler) in (0..self.partitions).zip(partitions) {
            let view = reconciler.finish();
            made.left_out += view.left_out;
            let is_gone = |row: &analytics::Row| {
                let floor = floors.get(row.table()).copied().unwrap_or(i64::MIN);
                row.start().is_some_and(|start| start.as_milliseconds() < floor)
            };
            for row in view.rows.into_iter().filter(|row| !is_gone(row)) {
                if is_settled(&row, progress.get(&partition)) {
                    made.rows.push(row);
                } else {
                    made.unsettled.insert((row.table(), row.key()));
                }
            }
        }
        Ok(made)
    }
}

/// Whether there are records that windows of a span may be made of.
fn is_busy(hours: &BTreeSet<(bool, i64)>, from: i64, to: i64) -> bool {
    let hour = |at: i64| at.div_euclid(HOUR);
    hours.range((false, hour(from))..=(false, hour(to + QUARTER))).next().is_some()
        || hours.range((true, hour(from - DAY))..=(true, hour(to))).next().is_some()
}

/// Whether nobody will tell a window any more: its partition has ended, or is further by the longest a reading reaches back.
fn is_settled(row: &analytics::Row, progress: Option<&Progress>) -> bool {
    let Some(start) = row.start() else { return false };
    let until = start.as_milliseconds().saturating_add(length(row.table())).saturating_add(QUARTER);
    progress.is_some_and(|progress| progress.ended || progress.watermark_ms.is_some_and(|watermark| watermark > until))
}
