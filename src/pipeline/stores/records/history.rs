//! Records read back from the history: every piece that may hold what is asked for, row by row.
//!
//! Keeps nothing itself, because the history has every record already. Pieces of other days and kinds are not opened.

use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError, RwLock};

use super::series::Gatherer;
use super::{Asked, EachRecord, Point, Records, SeriesAsked};
use crate::pipeline::stores::checkpoints::Checkpoints;
use crate::pipeline::stores::error::StoreError;
use crate::pipeline::stores::history::{History, Piece};
use crate::pipeline::stores::live::{Area, place_of};
use crate::primitives::Timestamp;
use crate::telemetry::{ReadingKind, Record};

/// The history as somebody who is asked.
#[derive(Debug)]
pub(in crate::pipeline::stores) struct HistoryRecords {
    history: Arc<dyn History>,
    checkpoints: Arc<dyn Checkpoints>,
    /// Held while pieces are read, so that none is taken away.
    pieces: Arc<RwLock<()>>,
}

impl HistoryRecords {
    pub(in crate::pipeline::stores) fn new(
        history: &Arc<dyn History>,
        checkpoints: &Arc<dyn Checkpoints>,
        pieces: &Arc<RwLock<()>>,
    ) -> Self {
        let (history, checkpoints) = (Arc::clone(history), Arc::clone(checkpoints));
        Self { history, checkpoints, pieces: Arc::clone(pieces) }
    }
}

/// Whether a piece may hold records of a time: its day is, as far as it has one.
pub(in crate::pipeline::stores) fn may_hold(piece: &Piece, asked: &Asked) -> bool {
    let day = piece.folder().rsplit_once("date=").and_then(|(_, day)| Timestamp::midnight(day));
    let day_ms = 86_400_000;
    day.is_none_or(|day| {
        let next = Timestamp::milliseconds(day.as_milliseconds() + day_ms);
        (asked.times.end == Timestamp::MAX || day < asked.times.end) && asked.times.start < next
    })
}

impl Records for HistoryRecords {
    fn put(&self, _: u16, _: u64, _: &[&Record]) -> Result<(), StoreError> {
        Ok(())
    }

    fn scan(&self, asked: &Asked, each: &mut EachRecord<'_>) -> Result<(), StoreError> {
        let _reading = self.pieces.read().unwrap_or_else(PoisonError::into_inner);
        let pieces = self.checkpoints.pieces()?;
        for piece in pieces.iter().filter(|piece| piece.kind == asked.kind && may_hold(piece, asked)) {
            let mut wanted =
                |record: Record| if asked.wants(&record) { each(record) } else { ControlFlow::Continue(()) };
            if self.history.read(piece, &mut wanted)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn within(&self, asked: &Asked, area: &Area, each: &mut EachRecord<'_>) -> Result<(), StoreError> {
        self.scan(asked, &mut |record| {
            if area.holds(place_of(&record)) { each(record) } else { ControlFlow::Continue(()) }
        })
    }

    fn series(&self, asked: &SeriesAsked) -> Result<Vec<Point>, StoreError> {
        let (place, _) = asked.column()?;
        let mut gatherer = Gatherer::new(asked.width);
        let mut done = Ok(());
        self.scan(&asked.records, &mut |record| {
            done = gatherer.add_record(&record, place);
            if done.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        done.map(|()| gatherer.points())
    }

    fn count(&self, kind: ReadingKind) -> Result<u64, StoreError> {
        let pieces = self.checkpoints.pieces()?;
        Ok(pieces.iter().filter(|piece| piece.kind == kind).map(|piece| piece.rows).sum())
    }
}
