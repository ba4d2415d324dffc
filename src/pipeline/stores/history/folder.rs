//! History as a folder of Parquet files, laid out by kind and day so that pandas and `DuckDB` read it as a partitioned table.
//!
//! A file is written under a temporary name, flushed to disk, renamed, and its folder flushed: under its own name it is whole.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufWriter, Read as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::columns::{Beside, TableWriter};
use super::merge::{in_rounds, together};
use super::piece::{Piece, Span, by_day, nothing_to_merge};
use super::read::TableReader;
use super::{Each, History};
use crate::pipeline::stores::error::StoreError;
use crate::telemetry::{ReadingKind, Record};

/// How unfinished files end.
const UNFINISHED: &str = ".part";

/// History in a folder.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    /// Gives unfinished files names of their own.
    begun: AtomicU64,
}

/// A file that is not yet what it will be.
struct Draft {
    path: PathBuf,
    writer: TableWriter<BufWriter<File>>,
}

impl Folder {
    /// Opens the folder, or makes it.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(root).map_err(StoreError::file("make", root))?;
        Ok(Self { root: root.to_owned(), begun: AtomicU64::new(0) })
    }

    fn path(&self, piece: &Piece) -> PathBuf {
        self.root.join(&piece.name)
    }

    fn begin(&self, folder: &str, kind: ReadingKind) -> Result<Draft, StoreError> {
        let folder = self.root.join(folder);
        if !folder.is_dir() {
            fs::create_dir_all(&folder).map_err(StoreError::file("make", &folder))?;
            for made in [folder.parent(), Some(&self.root)].into_iter().flatten() {
                flush_folder(made)?;
            }
        }
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!(".{number}{UNFINISHED}"));
        let file = File::create(&path).map_err(StoreError::file("write", &path))?;
        let writer = TableWriter::new(BufWriter::with_capacity(1 << 16, file), kind, Beside::Nothing);
        let writer = writer.map_err(StoreError::parquet("write", &path))?;
        Ok(Draft { path, writer })
    }

    fn finish(
        &self,
        draft: Draft,
        name: impl FnOnce(u64, &Path) -> Result<Piece, StoreError>,
    ) -> Result<Piece, StoreError> {
        let Draft { path, writer } = draft;
        let written = StoreError::parquet("write", &path);
        let (rows, file) = writer.finish().map_err(written)?;
        let file = file.into_inner().map_err(|error| StoreError::file("write", &path)(error.into_error()))?;
        file.sync_all().map_err(StoreError::file("write", &path))?;
        let piece = name(rows, &path)?;
        let target = self.path(&piece);
        fs::rename(&path, &target).map_err(StoreError::file("write", &target))?;
        flush_folder(target.parent().unwrap_or(&self.root))?;
        Ok(piece)
    }

    /// Ends a file, or takes away what there is of it.
    fn close(
        &self,
        draft: Draft,
        filled: Result<(), StoreError>,
        name: impl FnOnce(u64, &Path) -> Result<Piece, StoreError>,
    ) -> Result<Piece, StoreError> {
        let path = draft.path.clone();
        let done = filled.and_then(|()| self.finish(draft, name));
        if done.is_err() {
            // If even that fails, the next opening takes it away.
            drop(fs::remove_file(&path));
        }
        done
    }

    fn reader(&self, piece: &Piece) -> Result<(PathBuf, TableReader<File>), StoreError> {
        let path = self.path(piece);
        let file = File::open(&path).map_err(StoreError::file("read", &path))?;
        let reader = TableReader::open(file, piece.kind).map_err(StoreError::parquet("read", &path))?;
        Ok((path, reader))
    }

    /// Merges a few pieces into a draft.
    fn merge_few(&self, pieces: &[Piece], draft: &mut Draft) -> Result<(), StoreError> {
        let (path, writer) = (&draft.path, &mut draft.writer);
        self.together(pieces, &mut |record| {
            writer.add(&record).map_err(StoreError::parquet("write", path))?;
            Ok(ControlFlow::Continue(()))
        })
    }

    /// Hands over the records of some pieces in the order of history, until told to break off.
    fn together(
        &self,
        pieces: &[Piece],
        each: &mut dyn FnMut(Record) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        let sources = pieces.iter().map(|piece| self.reader(piece)).collect::<Result<Vec<_>, _>>()?;
        let readers = sources.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
        let cannot = |at: usize| StoreError::parquet("read", &readers[at]);
        together(sources.into_iter().map(|(_, reader)| reader).collect(), &|at, error| cannot(at)(error), each)
    }

    /// Every file below the folder, whole or not.
    fn files(&self) -> Result<Vec<PathBuf>, StoreError> {
        let mut files = Vec::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            let cannot = |error| StoreError::file("read", &folder)(error);
            for entry in fs::read_dir(&folder).map_err(cannot)? {
                let entry = entry.map_err(cannot)?;
                if entry.file_type().map_err(cannot)?.is_dir() {
                    folders.push(entry.path());
                } else {
                    files.push(entry.path());
                }
            }
        }
        Ok(files)
    }
}

/// Makes what a folder lists last through a power cut.
fn flush_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder).and_then(|open| open.sync_all()).map_err(StoreError::file("flush", folder))
}

/// The first 128 bits of a file's hash: equal files have equal names.
fn fingerprint(path: &Path) -> Result<String, StoreError> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 16];
    let mut file = File::open(path).map_err(StoreError::file("read", path))?;
    loop {
        match file.read(&mut buffer).map_err(StoreError::file("read", path))? {
            0 => return Ok(hasher.finalize().to_hex()[..32].to_owned()),
            read => drop(hasher.update(&buffer[..read])),
        }
    }
}

impl History for Folder {
    fn stage(&self, span: Span, rows: &[&Record]) -> Result<Vec<Piece>, StoreError> {
        let mut made = Vec::new();
        for (kind, day, rows) in by_day(rows) {
            let piece = Piece::of(kind, day, &span.to_string(), rows.len() as u64);
            let written = self.begin(piece.folder(), kind).and_then(|mut draft| {
                let filled = rows.iter().try_for_each(|row| draft.writer.add(row));
                let filled = filled.map_err(StoreError::parquet("write", &draft.path));
                self.close(draft, filled, |_, _| Ok(piece))
            });
            match written {
                Ok(piece) => made.push(piece),
                Err(error) => {
                    // They would go at the next opening; on a full disk their room is wanted now.
                    drop(self.remove(&made));
                    return Err(error);
                }
            }
        }
        Ok(made)
    }

    fn read(&self, piece: &Piece, each: &mut Each<'_>) -> Result<ControlFlow<()>, StoreError> {
        let (path, mut reader) = self.reader(piece)?;
        while let Some(record) = reader.next().map_err(StoreError::parquet("read", &path))? {
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
        let first = pieces.first().ok_or_else(nothing_to_merge)?;
        let (merged, between) = in_rounds(pieces, &mut |few, is_last| {
            let mut draft = self.begin(first.folder(), first.kind)?;
            let filled = self.merge_few(few, &mut draft);
            let number = self.begun.fetch_add(1, Ordering::Relaxed);
            // What is not the last is listed nowhere, so gone at the next opening should the process die here.
            self.close(draft, filled, |rows, path| {
                let name =
                    if is_last { format!("all-{rows}-{}", fingerprint(path)?) } else { format!("round-{number}") };
                Ok(first.beside(&name, rows))
            })
        });
        self.remove(&between)?;
        merged
    }

    fn keep_only(&self, listed: &BTreeSet<Piece>) -> Result<u64, StoreError> {
        let mut missing: BTreeSet<PathBuf> = listed.iter().map(|piece| self.path(piece)).collect();
        let mut removed = 0;
        for file in self.files()? {
            let ours = file.extension().is_some_and(|ending| ending == "parquet")
                || file.to_string_lossy().ends_with(UNFINISHED);
            if !missing.remove(&file) && ours {
                fs::remove_file(&file).map_err(StoreError::file("remove", &file))?;
                removed += 1;
            }
        }
        match missing.pop_first() {
            None => Ok(removed),
            Some(path) => {
                Err(StoreError::Damaged { path, reason: String::from("it is part of the history, but missing") })
            }
        }
    }

    fn remove(&self, pieces: &[Piece]) -> Result<(), StoreError> {
        for piece in pieces {
            let path = self.path(piece);
            fs::remove_file(&path).map_err(StoreError::file("remove", &path))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::stores::conformance::beat;
    use crate::pipeline::stores::sorted::Sorted;

    fn stage(history: &Folder, partition: u16, records: &[Record]) -> Piece {
        let span = Span { partition, from: 0, to: records.len() as u64 };
        let pieces = history.stage(span, Sorted::new(records).rows()).expect("can be written");
        let [piece] = pieces.try_into().expect("one kind and day");
        piece
    }

    fn rows(history: &Folder, piece: &Piece) -> Vec<Record> {
        let mut rows = Vec::new();
        let done = history.read(piece, &mut |row| {
            rows.push(row);
            ControlFlow::Continue(())
        });
        assert_eq!(done.expect("can be read"), ControlFlow::Continue(()));
        rows
    }

    #[test]
    fn a_piece_of_several_groups_of_rows_is_read_to_its_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let history = Folder::open(folder.path()).expect("a fresh folder");
        let records: Vec<Record> = (0..70_000).map(|n| beat("dev-1", n, 7)).collect();
        let piece = stage(&history, 0, &records);
        assert!(rows(&history, &piece) == records);
    }

    #[test]
    fn many_pieces_are_merged_in_rounds_into_what_few_would_give() {
        let folder = tempfile::tempdir().expect("a folder");
        let history = Folder::open(folder.path()).expect("a fresh folder");
        let records: Vec<Record> = (0..50).map(|n| beat(["dev-1", "dev-2"][usize::from(n % 3 == 0)], n, 7)).collect();
        let many: Vec<Piece> = (0..50).map(|n| stage(&history, n, &records[usize::from(n)..][..1])).collect();
        let few = [stage(&history, 50, &records[..20]), stage(&history, 51, &records[20..])];
        let merged = history.merge(&many).expect("can be merged");
        assert_eq!(history.merge(&few).expect("can be merged"), merged);
        assert_eq!(rows(&history, &merged).len(), 50);
        let left = history.files().expect("can be read");
        assert_eq!(left.len(), many.len() + few.len() + 1, "nothing of the rounds is left: {left:?}");
    }

    #[test]
    fn a_piece_that_was_cut_or_is_another_kinds_is_named_and_not_believed() {
        let folder = tempfile::tempdir().expect("a folder");
        let history = Folder::open(folder.path()).expect("a fresh folder");
        let records: Vec<Record> = (0..500).map(|n| beat("dev-1", n, 7)).collect();
        let piece = stage(&history, 0, &records);
        let path = history.path(&piece);
        let whole = fs::read(&path).expect("can be read");
        for length in [0, 4, 100, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..length]).expect("can be written");
            let error = history.read(&piece, &mut |_| ControlFlow::Continue(())).expect_err("cut");
            assert!(matches!(&error, StoreError::Damaged { path: named, .. } if *named == path), "{error}");
        }
        let other = Piece { kind: ReadingKind::Air, ..piece };
        fs::write(&path, &whole).expect("can be written");
        let error = history.read(&other, &mut |_| ControlFlow::Continue(())).expect_err("another kind");
        assert!(error.to_string().contains("other columns"), "{error}");
    }
}
