//! History as objects of a bucket, named as the files of a folder are, with a word at the end that nobody else gives.
//!
//! A piece of a batch is written in memory and sent in one go. Merged ones are laid out in a file first, because they have their names
//! from their content, and sent part by part. Reading holds a few blocks of each piece.

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use super::columns::{Beside, TableWriter};
use super::merge::{in_rounds, together};
use super::piece::{Piece, Span, by_day, nothing_to_merge};
use super::read::TableReader;
use super::{Each, History};
use crate::pipeline::stores::bucket::{Bucket, object_of};
use crate::pipeline::stores::error::StoreError;
use crate::telemetry::Record;

/// Bytes fetched in one go, and how many such blocks of a piece are held.
const BLOCK: u64 = 1 << 20;
const BLOCKS_MAX: usize = 4;

/// History in a bucket.
#[derive(Debug)]
pub(in crate::pipeline::stores) struct BucketHistory {
    bucket: Arc<Bucket>,
    /// Where merged pieces are laid out before they are sent.
    scratch: PathBuf,
}

/// An object as a file that is read in blocks.
struct Blocks {
    bucket: Arc<Bucket>,
    name: String,
    length: u64,
    /// The blocks read last, the newest in front.
    held: Arc<Mutex<VecDeque<(u64, Bytes)>>>,
}

impl Blocks {
    fn block(&self, number: u64) -> Result<Bytes, StoreError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = held.iter().position(|(known, _)| *known == number) {
            let found = held.remove(at).unwrap_or_default();
            let bytes = found.1.clone();
            held.push_front(found);
            return Ok(bytes);
        }
        let from = number * BLOCK;
        let to = (from + BLOCK).min(self.length);
        let missing = || self.bucket.damaged(&self.name, "it is missing");
        let bytes = self.bucket.range(&self.name, from..to)?.ok_or_else(missing)?;
        if bytes.len() as u64 != to - from {
            return Err(self.bucket.damaged(&self.name, "it is shorter than it says"));
        }
        held.truncate(BLOCKS_MAX - 1);
        held.push_front((number, bytes.clone()));
        Ok(bytes)
    }

    /// Bytes from a place, as many as its block has; none at the end.
    fn some(&self, at: u64) -> Result<Bytes, StoreError> {
        if at >= self.length {
            return Ok(Bytes::new());
        }
        let block = self.block(at / BLOCK)?;
        let within = usize::try_from(at % BLOCK).unwrap_or(usize::MAX).min(block.len());
        Ok(block.slice(within..))
    }
}

impl Length for Blocks {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Blocks {
    type T = Onward;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Onward> {
        let Self { bucket, name, length, held } = self;
        let blocks = Self { bucket: Arc::clone(bucket), name: name.clone(), length: *length, held: Arc::clone(held) };
        Ok(Onward { blocks, at: start })
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let outer = |error: StoreError| ParquetError::External(Box::new(error));
        let first = self.some(start).map_err(outer)?;
        if first.len() >= length {
            return Ok(first.slice(..length));
        }
        let mut all = first.to_vec();
        while all.len() < length {
            let more = self.some(start + all.len() as u64).map_err(outer)?;
            if more.is_empty() {
                return Err(ParquetError::EOF(String::from("it ends in the middle")));
            }
            all.extend_from_slice(&more[..more.len().min(length - all.len())]);
        }
        Ok(all.into())
    }
}

/// Reads on from a place.
pub(super) struct Onward {
    blocks: Blocks,
    at: u64,
}

impl Read for Onward {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let some = self.blocks.some(self.at).map_err(std::io::Error::other)?;
        let read = some.len().min(buffer.len());
        buffer[..read].copy_from_slice(&some[..read]);
        self.at += read as u64;
        Ok(read)
    }
}

/// Hashes what is written through it.
struct Hashed<W> {
    out: W,
    hasher: blake3::Hasher,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

/// A file that goes away with whoever made it.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

impl BucketHistory {
    pub(in crate::pipeline::stores) fn new(bucket: &Arc<Bucket>, scratch: PathBuf) -> Self {
        Self { bucket: Arc::clone(bucket), scratch }
    }

    /// What an error of a piece's table is: often that of the bucket behind it.
    fn cannot(&self, piece: &Piece, error: ParquetError) -> StoreError {
        let damaged = |reason: String| self.bucket.damaged(&object_of(&piece.name), reason);
        match error {
            ParquetError::External(inner) => match inner.downcast::<StoreError>() {
                Ok(error) => *error,
                Err(inner) => match inner.downcast::<std::io::Error>() {
                    Ok(error) => match error.downcast::<StoreError>() {
                        Ok(error) => error,
                        Err(error) => damaged(error.to_string()),
                    },
                    Err(other) => damaged(other.to_string()),
                },
            },
            other => damaged(other.to_string()),
        }
    }

    fn reader(&self, piece: &Piece) -> Result<TableReader<Blocks>, StoreError> {
        let name = object_of(&piece.name);
        let Some((length, _)) = self.bucket.head(&name)? else {
            return Err(self.bucket.damaged(&name, "it is missing"));
        };
        let blocks = Blocks { bucket: Arc::clone(&self.bucket), name, length, held: Arc::default() };
        TableReader::open(blocks, piece.kind).map_err(|error| self.cannot(piece, error))
    }

    fn together(
        &self,
        pieces: &[Piece],
        each: &mut dyn FnMut(Record) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        let readers = pieces.iter().map(|piece| self.reader(piece)).collect::<Result<Vec<_>, _>>()?;
        together(readers, &|at, error| self.cannot(&pieces[at], error), each)
    }

    /// Lays out what some pieces hold in a file; gives how many rows that are, and the fingerprint of the file.
    fn lay_out(&self, pieces: &[Piece], first: &Piece, path: &Path) -> Result<(u64, String), StoreError> {
        let file = File::create(path).map_err(StoreError::file("write", path))?;
        let out = Hashed { out: BufWriter::with_capacity(1 << 16, file), hasher: blake3::Hasher::new() };
        let cannot = || StoreError::parquet("write", path);
        let mut writer = TableWriter::new(out, first.kind, Beside::Nothing).map_err(cannot())?;
        self.together(pieces, &mut |record| {
            writer.add(&record).map_err(cannot())?;
            Ok(ControlFlow::Continue(()))
        })?;
        let (rows, mut out) = writer.finish().map_err(cannot())?;
        out.flush().map_err(StoreError::file("write", path))?;
        Ok((rows, out.hasher.finalize().to_hex()[..32].to_owned()))
    }
}

impl History for BucketHistory {
    fn stage(&self, span: Span, rows: &[&Record]) -> Result<Vec<Piece>, StoreError> {
        let mut made = Vec::new();
        for (kind, day, rows) in by_day(rows) {
            let piece = Piece::of(kind, day, &format!("{span}-{}", self.bucket.fresh()), rows.len() as u64);
            let written = (|| {
                let mut writer = TableWriter::new(Vec::new(), kind, Beside::Nothing)?;
                rows.iter().try_for_each(|row| writer.add(row))?;
                writer.finish()
            })();
            let (_, bytes) = written.map_err(|error| self.cannot(&piece, error))?;
            if let Err(error) = self.bucket.put(&object_of(&piece.name), bytes) {
                // If they stay, they are swept.
                drop(self.remove(&made));
                return Err(error);
            }
            made.push(piece);
        }
        Ok(made)
    }

    fn read(&self, piece: &Piece, each: &mut Each<'_>) -> Result<ControlFlow<()>, StoreError> {
        let mut reader = self.reader(piece)?;
        while let Some(record) = reader.next().map_err(|error| self.cannot(piece, error))? {
            if each(record).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn read_in_order(&self, pieces: &[Piece], each: &mut Each<'_>) -> Result<(), StoreError> {
        self.together(pieces, &mut |record| Ok(each(record)))
    }

    fn merge(&self, pieces: &[Piece]) -> Result<Piece, StoreError> {
        let first = pieces.first().ok_or_else(nothing_to_merge)?.clone();
        let (merged, between) = in_rounds(pieces, &mut |few, is_last| {
            let scratch = Scratch(self.scratch.join(format!(".{}.part", self.bucket.fresh())));
            let (rows, fingerprint) = self.lay_out(few, &first, &scratch.0)?;
            let name =
                if is_last { format!("all-{rows}-{fingerprint}") } else { format!("round-{}", self.bucket.fresh()) };
            let piece = first.beside(&name, rows);
            self.bucket.put_file(&object_of(&piece.name), &scratch.0)?;
            Ok(piece)
        });
        // If they stay, they are swept.
        drop(self.remove(&between));
        merged
    }

    fn keep_only(&self, listed: &BTreeSet<Piece>) -> Result<u64, StoreError> {
        let mut missing: BTreeSet<String> = listed.iter().map(|piece| object_of(&piece.name)).collect();
        let there = self.bucket.list("history")?;
        let stray: Vec<String> = there.into_iter().map(|one| one.name).filter(|name| !missing.remove(name)).collect();
        self.bucket.delete(&stray)?;
        match missing.pop_first() {
            None => Ok(stray.len() as u64),
            Some(name) => Err(self.bucket.damaged(&name, "it is part of the history, but missing")),
        }
    }

    fn remove(&self, pieces: &[Piece]) -> Result<(), StoreError> {
        self.bucket.delete(&pieces.iter().map(|piece| object_of(&piece.name)).collect::<Vec<_>>())
    }

    fn is_shared(&self) -> bool {
        true
    }
}
