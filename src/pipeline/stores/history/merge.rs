//! Records of several pieces in one order.

use std::ops::ControlFlow;

use parquet::errors::ParquetError;
use parquet::file::reader::ChunkReader;

use super::read::TableReader;
use crate::pipeline::stores::error::StoreError;
use crate::pipeline::stores::sorted::order;
use crate::telemetry::Record;

/// Most pieces read at once; more are merged in rounds. Each costs about 2 MB while it is read.
pub(super) const MERGE_MAX: usize = 16;

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
