//! Networks kept as they came out of the reader, so that the second run of a city does not read its file again.
//!
//! One file per network in a folder of the caller's choice, never beside the source, which may lie where nothing can be written.
//! It is used only if the source's bytes, hashed anew every time, are the ones it was made of, if this very program made it, and
//! if it is whole; else the source is read as if there were no cache, and the cache written again. Whatever goes wrong with the
//! cache itself (a full disk, a folder that cannot be written) costs time and nothing else. Knows no demand.

mod columns;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use blake3::{Hash, Hasher};

use super::model::Network;
use super::sumo::read_source;
use super::xml::{SIZE_MAX, Source, read_bytes};
use crate::primitives::text::{Findings, Place};

/// What every file of the cache begins with; the digit is the version of the form.
const MAGIC: &[u8; 8] = b"ctwinet2";
/// Smallest source worth keeping [bytes]; anything below is read in a few milliseconds.
const SOURCE_MIN: u64 = 256 << 10;
/// Bytes before the columns: the magic and three hashes (of the program, the source and the columns).
const HEADER: usize = 8 + 3 * 32;
/// How many runs may write the cache of one network at the same time.
const WRITERS_MAX: usize = 16;

/// Everything that decides what a source becomes: a cache made by a program that reads differently is not used.
const READERS: [&str; 18] = [
    env!("CARGO_PKG_VERSION"),
    include_str!("cache.rs"),
    include_str!("cache/columns.rs"),
    include_str!("assembly.rs"),
    include_str!("assembly/conflicts.rs"),
    include_str!("model.rs"),
    include_str!("names.rs"),
    include_str!("sumo/mod.rs"),
    include_str!("sumo/build.rs"),
    include_str!("sumo/junctions.rs"),
    include_str!("sumo/raw.rs"),
    include_str!("sumo/signals.rs"),
    include_str!("xml.rs"),
    include_str!("xml/number.rs"),
    include_str!("xml/walk.rs"),
    include_str!("../../primitives/class.rs"),
    include_str!("../../primitives/geometry.rs"),
    include_str!("../../primitives/time.rs"),
];

/// A folder of networks read before.
#[derive(Debug, Clone)]
pub struct NetworkCache {
    folder: PathBuf,
}

impl NetworkCache {
    /// The cache in a folder, which is made when there is something to keep.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// What [`read_network`](super::sumo::read_network) says of a file, from the cache where it can be.
    ///
    /// # Errors
    /// Every problem of the file at once; only networks without a problem are kept.
    pub fn read(&self, path: &Path) -> Result<(Network, Findings), Findings> {
        // A pipe can be read once only.
        let worth_it = fs::metadata(path).is_ok_and(|about| about.is_file() && about.len() >= SOURCE_MIN);
        if !worth_it {
            return super::sumo::read_network(path);
        }
        let file = self.file_of(path);
        if let Some(kept) = hash_of(path).ok().and_then(|source| open(&file, &source)) {
            return Ok(kept);
        }
        let problem = |problem| {
            let mut findings = Findings::default();
            findings.problem(problem);
            findings
        };
        // Hashed again: these are the bytes that are read, whatever the file was a moment ago.
        let bytes = read_bytes(path).map_err(problem)?;
        let source = blake3::hash(&bytes);
        let text = Source::from_bytes(Place::file(path), bytes).map_err(problem)?;
        let (network, left_out) = read_source(&text)?;
        drop(text);
        // Without a cache the next run takes longer; that is all.
        let _ = self.store(&file, &source, &columns::encode(&network, &left_out));
        Ok((network, left_out))
    }

    /// The cache's file for a source: its name, and what tells apart sources of the same name in different folders.
    fn file_of(&self, path: &Path) -> PathBuf {
        let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let place = blake3::hash(whole.as_os_str().as_encoded_bytes()).to_hex();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name: String = name.chars().take(80).collect();
        self.folder.join(format!("{name}-{}.network", &place[..16]))
    }

    /// Writes beside the final name and renames, so that nobody ever sees half a file.
    fn store(&self, file: &Path, source: &Hash, columns: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let draft = |number: usize| {
            let mut name = file.as_os_str().to_owned();
            name.push(format!(".part{number}"));
            PathBuf::from(name)
        };
        for number in 0..WRITERS_MAX {
            let part = draft(number);
            let mut out = match File::create_new(&part) {
                Ok(out) => out,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            };
            let written = write(&mut out, source, columns).and_then(|()| fs::rename(&part, file));
            if written.is_err() {
                let _ = fs::remove_file(&part);
            }
            return written;
        }
        // Runs that were killed have left all of these; the next one finds room again.
        fs::remove_file(draft(0))
    }
}

fn write(out: &mut File, source: &Hash, columns: &[u8]) -> io::Result<()> {
    out.write_all(MAGIC)?;
    for hash in [readers(), *source, blake3::hash(columns)] {
        out.write_all(hash.as_bytes())?;
    }
    out.write_all(columns)
}

/// The hash of [`READERS`].
fn readers() -> Hash {
    static READERS_HASH: OnceLock<Hash> = OnceLock::new();
    *READERS_HASH.get_or_init(|| {
        let mut hasher = Hasher::new();
        for text in READERS {
            hasher.update(&text.len().to_le_bytes());
            hasher.update(text.as_bytes());
        }
        hasher.finalize()
    })
}

/// The hash of a file, read piece by piece.
fn hash_of(path: &Path) -> io::Result<Hash> {
    let mut hasher = Hasher::new();
    hasher.update_reader(File::open(path)?.take(SIZE_MAX))?;
    Ok(hasher.finalize())
}

/// The network of a cache's file, if that was made of this source by this program and is whole.
fn open(file: &Path, source: &Hash) -> Option<(Network, Findings)> {
    let mut kept = File::open(file).ok()?;
    let mut header = [0; HEADER];
    kept.read_exact(&mut header).ok()?;
    let (magic, hashes) = header.split_first_chunk::<8>()?;
    let [program, made_of, content] = hashes.as_chunks::<32>().0 else { return None };
    if magic != MAGIC || readers() != *program || *source != *made_of {
        return None;
    }
    let length = kept.metadata().ok()?.len().min(SIZE_MAX);
    let mut columns = Vec::new();
    columns.try_reserve_exact(usize::try_from(length).ok()?).ok()?;
    kept.take(SIZE_MAX).read_to_end(&mut columns).ok()?;
    if blake3::hash(&columns) != *content {
        return None;
    }
    columns::decode(&columns)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::city::network::model::SignalControl;
    use crate::city::network::sumo::tests::signalled;
    use crate::primitives::SimDuration;

    /// A network large enough to be kept, and a folder for the cache.
    fn city() -> (TempDir, PathBuf, NetworkCache) {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path().join("town.net.xml");
        fs::write(&path, padded("")).expect("it can be written");
        let cache = NetworkCache::in_folder(folder.path().join("cache"));
        (folder, path, cache)
    }

    fn padded(comment: &str) -> String {
        let filling = "a comment of a size\n".repeat(1 + usize::try_from(SOURCE_MIN).expect("small") / 20);
        format!("{}<!-- {filling} {comment} -->\n", signalled())
    }

    fn kept(cache: &NetworkCache, path: &Path) -> Option<(Network, Findings)> {
        open(&cache.file_of(path), &hash_of(path).expect("it can be read"))
    }

    #[test]
    fn what_comes_out_is_what_went_in() {
        let (_folder, path, cache) = city();
        assert!(kept(&cache, &path).is_none(), "nothing is kept yet");
        let (network, left_out) = cache.read(&path).expect("it is a network");
        let (again, left_out_again) = kept(&cache, &path).expect("it was kept");
        assert_eq!(again, network);
        assert_eq!(left_out_again.left_out(), left_out.left_out());
        assert_eq!(again.find_edge("wc"), network.find_edge("wc"));
        assert_eq!(cache.read(&path).expect("it is kept").0, network);
        let bytes = columns::encode(&network, &left_out);
        assert_eq!(columns::encode(&again, &left_out_again), bytes, "the same bytes for the same network");
    }

    #[test]
    fn railways_come_out_as_they_went_in() {
        let (_folder, path, cache) = city();
        let text = padded("")
            .replace(r#"<edge id="ce""#, r#"<edge id="ce" bidi="ec""#)
            .replace(r#"type="traffic_light""#, r#"type="rail_crossing""#)
            .replace(r#"type="priority""#, r#"type="rail_signal""#);
        fs::write(&path, text).expect("it can be written");
        let (mut network, left_out) = cache.read(&path).expect("it is a network");
        assert_eq!(
            network.single_tracks.get(&network.find_edge("ce").expect("it is kept")),
            network.find_edge("ec").as_ref()
        );
        assert_eq!(kept(&cache, &path).expect("it was kept").0, network);
        let crossing = SignalControl::LevelCrossing {
            time_gap: SimDuration::seconds(1.0),
            opening_delay: SimDuration::seconds(2.0),
            green_min: SimDuration::seconds(3.0),
        };
        for control in [SignalControl::Block, crossing] {
            network.signals[0].programs[0].control = control;
            assert_eq!(columns::decode(&columns::encode(&network, &left_out)).expect("it is whole").0, network);
        }
    }

    #[test]
    fn a_changed_source_is_read_again() {
        let (_folder, path, cache) = city();
        cache.read(&path).expect("it is a network");
        let file = cache.file_of(&path);
        let before = fs::read(&file).expect("it is kept");
        // The same length, and no clock is asked.
        let changed = padded("").replace("a comment of a size", "a comment of a site");
        fs::write(&path, changed).expect("it can be written");
        assert!(kept(&cache, &path).is_none());
        cache.read(&path).expect("it is a network");
        assert_ne!(fs::read(&file).expect("it is kept"), before);
        assert!(kept(&cache, &path).is_some());
    }

    #[test]
    fn a_damaged_or_foreign_cache_is_never_a_city() {
        let (_folder, path, cache) = city();
        let (network, _) = cache.read(&path).expect("it is a network");
        let file = cache.file_of(&path);
        let sound = fs::read(&file).expect("it is kept");
        for at in (0..sound.len()).step_by(7).chain([sound.len() - 1]) {
            let mut damaged = sound.clone();
            damaged[at] ^= 0x10;
            fs::write(&file, &damaged).expect("it can be written");
            assert!(kept(&cache, &path).is_none(), "byte {at}");
            fs::write(&file, &sound[..at]).expect("it can be written");
            assert!(kept(&cache, &path).is_none(), "cut at {at}");
        }
        assert_eq!(cache.read(&path).expect("the source is read").0, network);
        assert!(kept(&cache, &path).is_some(), "and kept again");
    }

    #[test]
    fn columns_that_are_cut_or_changed_never_panic() {
        let (_folder, path, cache) = city();
        let (network, left_out) = cache.read(&path).expect("it is a network");
        let bytes = columns::encode(&network, &left_out);
        for at in 0..bytes.len() {
            assert!(columns::decode(&bytes[..at]).is_none(), "cut at {at}");
            let mut changed = bytes.clone();
            changed[at] = 0xff;
            let _ = columns::decode(&changed);
        }
    }

    #[test]
    fn where_nothing_can_be_written_there_is_no_cache() {
        let (folder, path, _) = city();
        let blocked = folder.path().join("blocked");
        fs::write(&blocked, "a file where the folder should be").expect("it can be written");
        assert!(NetworkCache::in_folder(&blocked).read(&path).is_ok());
        let crowded = NetworkCache::in_folder(folder.path().join("crowded"));
        crowded.read(&path).expect("it is a network");
        let file = crowded.file_of(&path);
        fs::remove_file(&file).expect("it is there");
        for number in 0..WRITERS_MAX {
            fs::write(format!("{}.part{number}", file.display()), "left behind").expect("it can be written");
        }
        assert!(crowded.read(&path).is_ok() && !file.exists(), "no room this time");
        assert!(crowded.read(&path).is_ok() && file.exists(), "but the next");
    }

    #[test]
    fn a_source_with_problems_is_not_kept() {
        let (_folder, path, cache) = city();
        fs::write(&path, padded("").replace("</net>", "")).expect("it can be written");
        assert!(cache.read(&path).is_err());
        assert!(!cache.file_of(&path).exists());
        assert!(cache.read(Path::new("nowhere.net.xml")).is_err());
    }
}
