//! Records of several pieces in one order.

use std::ops::ControlFlow;

use parquet::errors::ParquetError;
use parquet::file::reader::ChunkReader;

use super::piece::Piece;
use super::read::TableReader;
use crate::pipeline::stores::error::StoreError;
use crate::pipeline::stores::sorted::order;
use crate::telemetry::Record;

/// Most pieces read at once; more are merged in rounds. Each costs about 2 MB while it is read.
const MERGE_MAX: usize = 16;

/// Makes one piece of a few; is told whether it is the last.
type Make<'a> = &'a mut dyn FnMut(&[Piece], bool) -> Result<Piece, StoreError>;

/// Merges pieces into one, some at a time. Gives it, and beside it those that were made on the way, which nobody needs any more.
pub(super) fn in_rounds(pieces: &[Piece], make: Make<'_>) -> (Result<Piece, StoreError>, Vec<Piece>) {
    let (mut pieces, mut between) = (pieces.to_vec(), Vec::new());
    loop {
        let few: Vec<Piece> = pieces.drain(..pieces.len().min(MERGE_MAX)).collect();
        let is_last = pieces.is_empty();
        match make(&few, is_last) {
            Ok(piece) if !is_last => {
                between.push(piece.clone());
                pieces.push(piece);
            }
            done => return (done, between),
        }
    }
}

/// Hands over the records of some tables in the order of history, until told to break off; `cannot` says what an error of one of them is.
pub(super) fn together<R: ChunkReader + 'static>(
    readers: Vec<TableReader<R>>,
    cannot: &dyn Fn(usize, ParquetError) -> StoreError,
    each: &mut dyn FnMut(Record) -> Result<ControlFlow<()>, StoreError>,
) -> Result<(), StoreError> {
    let mut sources = Vec::with_capacity(readers.len());
    for (at, mut reader) in readers.into_iter().enumerate() {
        let head = reader.next().map_err(|error| cannot(at, error))?;
        sources.push((at, reader, head));
    }
    // The least head comes next; with so few sources a look at each is as good as a heap.
    loop {
        let heads = sources.iter_mut().filter(|(.., head)| head.is_some());
        let least = heads.min_by(|(.., a), (.., b)| match (a, b) {
            (Some(a), Some(b)) => order(a, b),
            _ => std::cmp::Ordering::Equal,
        });
        let Some((at, reader, head)) = least else { return Ok(()) };
        if let Some(record) = head.take()
            && each(record)?.is_break()
        {
            return Ok(());
        }
        *head = reader.next().map_err(|error| cannot(*at, error))?;
    }
}
