//! Looks into a folder of Parquet: files that have appeared since the last look are read, whoever writes them.
//!
//! A file has to have columns `device` and `sequence` (or `seq`), and may have `epoch`; others are passed over. It is read at two
//! looks: a message may have been sent between the moment it was asked for and the moment its file was found. One that cannot be read
//! is still being written, and is tried again.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::file::reader::{FileReader as _, SerializedFileReader};
use ::parquet::record::Field;
use ::parquet::schema::types::Type;

use super::{Sight, Sought};

/// Most files that are known.
const FILES_MAX: usize = 100_000;
/// Deepest folder that is looked into.
const DEPTH_MAX: usize = 8;
/// Looks at which a file is read.
const READS: u8 = 2;

/// A folder of Parquet as it is looked into.
#[derive(Debug)]
pub struct ParquetSight {
    folder: PathBuf,
    /// How often each file was read.
    read: HashMap<PathBuf, u8>,
}

impl ParquetSight {
    /// Takes a folder; it need not be there yet. What lies in it now is not looked at.
    pub fn new(folder: &Path) -> Self {
        let mut sight = Self { folder: folder.to_owned(), read: HashMap::new() };
        let mut there = Vec::new();
        // One that cannot be read now says so when it is looked into.
        drop(files_under(folder, 0, &mut there));
        sight.read = there.into_iter().map(|path| (path, READS)).collect();
        sight
    }
}

fn files_under(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let cannot = |error: std::io::Error| format!("`{}` cannot be read: {error}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            if depth < DEPTH_MAX {
                files_under(&path, depth + 1, files)?;
            }
        } else if name.ends_with(".parquet") {
            files.push(path);
        }
        if files.len() > FILES_MAX {
            return Err(format!("`{}` holds more than {FILES_MAX} files", folder.display()));
        }
    }
    Ok(())
}

/// Device, epoch and sequence of every row; none where the file is not of this kind, or not whole.
fn rows(path: &Path) -> Option<HashSet<(String, u64, u64)>> {
    let file = SerializedFileReader::new(File::open(path).ok()?).ok()?;
    let schema = file.metadata().file_metadata().schema_descr().root_schema_ptr();
    let wanted: Vec<Arc<Type>> = schema
        .get_fields()
        .iter()
        .filter(|field| ["device", "epoch", "sequence", "seq"].contains(&field.name()))
        .map(Arc::clone)
        .collect();
    let projected = Type::group_type_builder(schema.name()).with_fields(wanted).build().ok()?;
    let mut found = HashSet::new();
    for row in file.get_row_iter(Some(projected)).ok()? {
        let row = row.ok()?;
        let (mut device, mut epoch, mut sequence) = (None, 0, None);
        for (name, field) in row.get_column_iter() {
            match (name.as_str(), field) {
                ("device", Field::Str(text)) => device = Some(text.clone()),
                ("epoch", field) => epoch = whole(field).unwrap_or(0),
                ("sequence" | "seq", field) => sequence = whole(field),
                _ => {}
            }
        }
        if let (Some(device), Some(sequence)) = (device, sequence) {
            found.insert((device, epoch, sequence));
        }
    }
    Some(found)
}

fn whole(field: &Field) -> Option<u64> {
    match field {
        Field::Int(number) => u64::try_from(*number).ok(),
        Field::Long(number) => u64::try_from(*number).ok(),
        Field::UInt(number) => Some(u64::from(*number)),
        Field::ULong(number) => Some(*number),
        _ => None,
    }
}

impl Sight for ParquetSight {
    fn place(&self) -> String {
        format!("parquet://{}", self.folder.display())
    }

    fn look(&mut self, sought: &[&Sought]) -> Result<Vec<bool>, String> {
        let mut files = Vec::new();
        files_under(&self.folder, 0, &mut files)?;
        let mut seen = vec![false; sought.len()];
        for path in files {
            let read = self.read.entry(path.clone()).or_default();
            if *read >= READS {
                continue;
            }
            let Some(rows) = rows(&path) else { continue };
            *read += 1;
            for (seen, one) in seen.iter_mut().zip(sought) {
                *seen |= rows.contains(&(one.device.to_string(), u64::from(one.epoch), one.sequence));
            }
        }
        Ok(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::stores::conformance::bay;
    use crate::pipeline::stores::{SentRow, SentTruth};
    use crate::telemetry::{Emission, Fate};

    #[test]
    fn a_message_is_seen_when_its_file_is_whole_and_not_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut sight = ParquetSight::new(folder.path());
        let record = bay("bay-1", 2, 9, 0, (51.5, -0.1));
        let sought = |sequence| Sought { device: record.device.clone(), kind: record.kind(), epoch: 2, sequence };
        let (nine, ten) = (sought(9), sought(10));
        assert_eq!(sight.look(&[&nine, &ten]), Ok(vec![false, false]));
        std::fs::write(folder.path().join("half.parquet"), "PAR1 and no more").expect("a file");
        let mut table = SentTruth::create(folder.path()).expect("a table");
        let emission =
            Emission { truth: record.reading.clone(), record: record.clone(), fault: None, fate: Fate::Sent };
        table.add(&SentRow { emission, faults: String::new(), due_us: 0, sent_us: None }).expect("a row");
        assert_eq!(sight.look(&[&nine]), Ok(vec![false]), "the file has no name yet");
        table.finish().expect("a file");
        assert_eq!(sight.look(&[&nine, &ten]), Ok(vec![true, false]));
        assert_eq!(ParquetSight::new(folder.path()).look(&[&nine]), Ok(vec![false]), "what lay there before is not it");
        let gone = ParquetSight::new(&folder.path().join("none")).look(&[&nine]);
        assert!(gone.expect_err("no folder").contains("cannot be read"));
    }
}
