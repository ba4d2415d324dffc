//! The files in a ZIP archive, as far as timetables come in them: stored or deflated, and not encrypted.
//!
//! Nothing is trusted: a file is unpacked only up to the size it states and the limit, and its checksum must be right. Archives beyond
//! these bounds are refused in words.

use std::borrow::Cow;
use std::io::{Cursor, Read};

use zip::ZipArchive;
use zip::result::ZipError;

/// The most files in an archive.
const ENTRIES_MAX: usize = 1000;
/// The largest file unpacked [bytes].
const UNPACKED_MAX: u64 = 1 << 30;

/// An archive in memory.
#[derive(Debug)]
pub(super) struct Archive {
    archive: ZipArchive<Cursor<Vec<u8>>>,
}

impl Archive {
    /// The archive of these bytes.
    ///
    /// # Errors
    /// Why it cannot be read, in words.
    pub(super) fn of(bytes: Vec<u8>) -> Result<Self, String> {
        let archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| match error {
            ZipError::UnsupportedArchive(why) => format!("is a ZIP archive of a form that is not known: {why}"),
            _ => "is no ZIP archive, or is cut short".to_owned(),
        })?;
        match archive.len() {
            count if count > ENTRIES_MAX => Err(format!("is a ZIP archive of {count} files; a feed has a few dozen")),
            _ => Ok(Self { archive }),
        }
    }

    /// The names of its files, with folders; those that are no text are of no interest.
    pub(super) fn names(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.archive.file_names().filter_map(Result::ok)
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// Why they cannot be had, in words.
    pub(super) fn unpack(&mut self, name: &str) -> Result<Vec<u8>, String> {
        let file = self.archive.by_name(name).map_err(|error| match error {
            ZipError::UnsupportedArchive(why) if why == ZipError::PASSWORD_REQUIRED => "is encrypted".to_owned(),
            ZipError::UnsupportedArchive(_) => {
                "is packed by a method that is not known; unpack it and name the folder".to_owned()
            }
            _ => "is damaged: the archive does not lead to it".to_owned(),
        })?;
        let size = file.size();
        if size > UNPACKED_MAX {
            return Err(format!("is larger than {} MiB unpacked", UNPACKED_MAX >> 20));
        }
        let mut unpacked = Vec::new();
        // One byte more than stated is enough to know that the archive lies.
        let read = file.take(size + 1).read_to_end(&mut unpacked);
        if read.is_err() || unpacked.len() as u64 != size {
            return Err("is damaged: it does not unpack to what the archive says".to_owned());
        }
        Ok(unpacked)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write as _;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// An archive of these files, deflated.
    pub(in super::super) fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in files {
            let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
            writer.start_file(*name, options).expect("memory");
            writer.write_all(text.as_bytes()).expect("memory");
        }
        writer.finish().expect("memory").into_inner()
    }

    /// The same archive with the sizes it states as unpacked replaced.
    fn lying(mut bytes: Vec<u8>, stated: u32) -> Vec<u8> {
        for (head, at) in [(b"PK\x03\x04", 22), (b"PK\x01\x02", 24)] {
            let found = bytes.windows(4).position(|four| four == head).expect("it has one");
            bytes[found + at..found + at + 4].copy_from_slice(&stated.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn what_was_packed_comes_out() {
        let text = "stop_id\n".repeat(1000);
        let mut whole = Archive::of(archive(&[("a/stops.txt", &text), ("empty.txt", "")])).expect("an archive");
        let mut names: Vec<Cow<'_, str>> = whole.names().collect();
        names.sort_unstable();
        assert_eq!(names, ["a/stops.txt", "empty.txt"]);
        assert_eq!(whole.unpack("a/stops.txt").expect("whole"), text.as_bytes());
        assert!(whole.unpack("empty.txt").expect("whole").is_empty());
    }

    #[test]
    fn an_archive_that_lies_is_refused() {
        for stated in [10, 2_000_000] {
            let bomb = lying(archive(&[("stops.txt", &"0".repeat(1_000_000))]), stated);
            let refused = Archive::of(bomb).expect("an archive").unpack("stops.txt").expect_err("it lies");
            assert!(refused.contains("damaged"), "{refused}");
        }
        let large = lying(archive(&[("stops.txt", "0")]), u32::MAX - 1);
        let refused = Archive::of(large).and_then(|mut large| large.unpack("stops.txt")).expect_err("too large");
        assert!(refused.contains("larger than 1024 MiB"), "{refused}");
        assert!(Archive::of(b"not an archive".to_vec()).expect_err("no").contains("is no ZIP archive"));
    }

    #[test]
    fn damage_does_no_harm() {
        let text = "stop_id\n1\n";
        let whole = archive(&[("stops.txt", text)]);
        for cut in 0..whole.len() {
            let read = Archive::of(whole[..cut].to_vec()).and_then(|mut part| part.unpack("stops.txt"));
            assert!(read.is_err(), "{cut}");
        }
        for flip in 0..whole.len() {
            let mut other = whole.clone();
            other[flip] ^= 0x55;
            // Whatever it says, it is read without harm; and what is read is what was packed.
            if let Ok(read) = Archive::of(other).and_then(|mut other| other.unpack("stops.txt")) {
                assert_eq!(read, text.as_bytes(), "{flip}");
            }
        }
    }
}
