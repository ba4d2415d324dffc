//! Live state in the embedded database.
//!
//! Two tables: the words by (kind, device), with place and time beside the JSON so that a search decodes only what it hands out;
//! and their ages by (kind, event time, device), so that the dead and the oldest are found without looking at the others.

use std::ops::ControlFlow;
use std::sync::Arc;

use redb::{Durability, ReadableTable as _, ReadableTableMetadata as _, Table, TableDefinition};

use super::area::{Area, place_of};
use super::{LiveSettings, LiveStatus, LiveStore};
use crate::pipeline::stores::database::{Book, Worked};
use crate::pipeline::stores::error::StoreError;
use crate::primitives::Timestamp;
use crate::telemetry::{DeviceId, ReadingKind, Record, json};

/// Epoch, sequence, event time [ms], latitude and longitude [deg, not a number if none], canonical JSON.
type Word<'a> = (u32, u64, i64, f64, f64, &'a [u8]);

const WORDS: TableDefinition<'_, (&str, &str), Word<'_>> = TableDefinition::new("live");
const AGES: TableDefinition<'_, (&str, i64, &str), ()> = TableDefinition::new("live_ages");
/// `clock` [ms], `evicted`, `expired`.
const METER: TableDefinition<'_, &str, i64> = TableDefinition::new("live_meter");

/// The last words, in the database.
#[derive(Debug)]
pub(in crate::pipeline::stores) struct BookLive {
    book: Arc<Book>,
    settings: LiveSettings,
}

type Words<'t> = Table<'t, (&'static str, &'static str), Word<'static>>;
type Ages<'t> = Table<'t, (&'static str, i64, &'static str), ()>;
type Meter<'t> = Table<'t, &'static str, i64>;

impl BookLive {
    pub(in crate::pipeline::stores) fn open(book: Arc<Book>, settings: LiveSettings) -> Result<Self, StoreError> {
        book.make(|work| {
            work.open_table(WORDS)?;
            work.open_table(AGES)?;
            work.open_table(METER)?;
            Ok(())
        })?;
        Ok(Self { book, settings })
    }

    /// Takes the dead away.
    fn bury(&self, words: &mut Words<'_>, ages: &mut Ages<'_>, meter: &mut Meter<'_>) -> Worked<()> {
        let Some(clock) = meter.get("clock")?.map(|clock| clock.value()) else { return Ok(()) };
        let mut dead = 0;
        for &kind in ReadingKind::ALL {
            let last = self.settings.dead_at(kind, Timestamp::milliseconds(clock)).as_milliseconds();
            let word = kind.word();
            let buried =
                ages.extract_from_if((word, i64::MIN, "")..(word, last.saturating_add(1), ""), |_, ()| true)?;
            for entry in buried {
                let (age, _) = entry?;
                words.remove((word, age.value().2))?;
                dead += 1;
            }
        }
        add(meter, "expired", dead)
    }

    /// Takes the oldest away until there is room.
    fn evict(&self, words: &mut Words<'_>, ages: &mut Ages<'_>, meter: &mut Meter<'_>) -> Worked<()> {
        let mut gone = 0;
        while words.len()? > self.settings.capacity {
            let mut oldest: Option<(i64, &str, String)> = None;
            for &kind in ReadingKind::ALL {
                let word = kind.word();
                if let Some(first) = ages.range((word, i64::MIN, "")..=(word, i64::MAX, "~"))?.next() {
                    let age = first?.0;
                    let (_, time, device) = age.value();
                    // Kinds come in their order: of equally old ones the first goes.
                    if oldest.as_ref().is_none_or(|(oldest, ..)| time < *oldest) {
                        oldest = Some((time, word, device.to_owned()));
                    }
                }
            }
            let Some((time, word, device)) = oldest else { break };
            ages.remove((word, time, device.as_str()))?;
            words.remove((word, device.as_str()))?;
            gone += 1;
        }
        add(meter, "evicted", gone)
    }

    fn dead_at(&self, kind: ReadingKind, clock: Option<i64>) -> i64 {
        clock.map_or(i64::MIN, |clock| self.settings.dead_at(kind, Timestamp::milliseconds(clock)).as_milliseconds())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Record, StoreError> {
        let damaged = |error: json::DecodeError| StoreError::Damaged {
            path: self.book.path().to_owned(),
            reason: format!("the live state holds what is {error}"),
        };
        json::decode(bytes).map_err(damaged)
    }
}

fn add(meter: &mut Meter<'_>, name: &str, count: i64) -> Worked<()> {
    if count > 0 {
        let before = meter.get(name)?.map_or(0, |value| value.value());
        meter.insert(name, before.saturating_add(count))?;
    }
    Ok(())
}

/// Puts a record in unless there is a newer one.
fn put_one(record: &Record, words: &mut Words<'_>, ages: &mut Ages<'_>, bytes: &mut Vec<u8>) -> Worked<()> {
    let (kind, device) = (record.kind().word(), record.device.as_str());
    let old = words.get((kind, device))?.map(|old| {
        let (epoch, sequence, time, ..) = old.value();
        (epoch, sequence, time)
    });
    if let Some((epoch, sequence, time)) = old {
        if (epoch, sequence) >= (record.epoch, record.sequence) {
            return Ok(());
        }
        ages.remove((kind, time, device))?;
    }
    let time = record.time.as_milliseconds();
    let (latitude, longitude) = place_of(record).unwrap_or((f64::NAN, f64::NAN));
    bytes.clear();
    json::encode(record, bytes);
    let word = (record.epoch, record.sequence, time, latitude, longitude, bytes.as_slice());
    words.insert((kind, device), word)?;
    ages.insert((kind, time, device), ())?;
    Ok(())
}

impl LiveStore for BookLive {
    fn put(&self, records: &[&Record], watermark: Option<Timestamp>) -> Result<(), StoreError> {
        self.book.write(Durability::None, |work| {
            let (mut words, mut ages) = (work.open_table(WORDS)?, work.open_table(AGES)?);
            let mut meter = work.open_table(METER)?;
            let clock = meter.get("clock")?.map(|clock| clock.value());
            if let Some(later) =
                watermark.map(Timestamp::as_milliseconds).filter(|mark| clock.is_none_or(|at| at < *mark))
            {
                meter.insert("clock", later)?;
            }
            let mut bytes = Vec::new();
            for record in records {
                put_one(record, &mut words, &mut ages, &mut bytes)?;
            }
            self.bury(&mut words, &mut ages, &mut meter)?;
            self.evict(&mut words, &mut ages, &mut meter)
        })
    }

    fn get(&self, kind: ReadingKind, device: &DeviceId) -> Result<Option<Record>, StoreError> {
        let found = self.book.read(|work| {
            let clock = work.open_table(METER)?.get("clock")?.map(|clock| clock.value());
            let found = work.open_table(WORDS)?.get((kind.word(), device.as_str()))?;
            Ok(found.and_then(|word| {
                let (_, _, time, _, _, json) = word.value();
                (time > self.dead_at(kind, clock)).then(|| json.to_vec())
            }))
        })?;
        found.map(|json| self.decode(&json)).transpose()
    }

    fn scan(
        &self,
        kind: ReadingKind,
        area: &Area,
        each: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.book.read(|work| {
            let clock = work.open_table(METER)?.get("clock")?.map(|clock| clock.value());
            let dead_at = self.dead_at(kind, clock);
            let words = work.open_table(WORDS)?;
            for entry in words.range((kind.word(), "")..=(kind.word(), "~"))? {
                let (_, word) = entry?;
                let (_, _, time, latitude, longitude, json) = word.value();
                let place = (!latitude.is_nan()).then_some((latitude, longitude));
                if time > dead_at && area.holds(place) {
                    match self.decode(json).map(&mut *each) {
                        Ok(ControlFlow::Continue(())) => {}
                        Ok(ControlFlow::Break(())) => break,
                        Err(error) => return Ok(Err(error)),
                    }
                }
            }
            Ok(Ok(()))
        })?
    }

    fn clock(&self) -> Result<Option<Timestamp>, StoreError> {
        self.book.read(|work| Ok(work.open_table(METER)?.get("clock")?.map(|at| Timestamp::milliseconds(at.value()))))
    }

    fn status(&self) -> Result<LiveStatus, StoreError> {
        self.book.read(|work| {
            let meter = work.open_table(METER)?;
            let count = |name| Worked::Ok(meter.get(name)?.map_or(0, |value| value.value().cast_unsigned()));
            let words = work.open_table(WORDS)?.len()?;
            Ok(LiveStatus::new(words, self.settings.capacity, count("evicted")?, count("expired")?))
        })
    }
}
