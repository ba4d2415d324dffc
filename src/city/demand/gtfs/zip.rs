//! The files in a ZIP archive, as far as timetables come in them: stored or deflated, not encrypted, below 4 GiB.
//!
//! After PKWARE's APPNOTE 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16. Nothing is trusted: every offset is checked, a file is unpacked
//! only up to the size it states and the limit, and its checksum must be right. Archives beyond these bounds are refused in words.

use std::io::Read;

use flate2::Crc;
use flate2::read::DeflateDecoder;

/// The most files in an archive.
const ENTRIES_MAX: usize = 1000;
/// The largest file unpacked [bytes].
const UNPACKED_MAX: u64 = 1 << 30;
/// The longest that the record at the end can be: its fields and a comment [bytes].
const END_MAX: usize = 22 + 65_535;

/// A file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its name, with folders.
    pub name: String,
    method: u16,
    encrypted: bool,
    crc: u32,
    packed: usize,
    size: u64,
    header: usize,
}

fn bytes<const N: usize>(from: &[u8], at: usize) -> Option<[u8; N]> {
    from.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn short(from: &[u8], at: usize) -> Option<u16> {
    bytes(from, at).map(u16::from_le_bytes)
}

fn long(from: &[u8], at: usize) -> Option<u32> {
    bytes(from, at).map(u32::from_le_bytes)
}

fn size(from: &[u8], at: usize) -> Option<usize> {
    usize::try_from(long(from, at)?).ok()
}

/// The files of an archive, in its order.
///
/// # Errors
/// Why it cannot be read, in words.
pub(super) fn entries(archive: &[u8]) -> Result<Vec<Entry>, String> {
    let last = archive.len().saturating_sub(END_MAX);
    let tail = &archive[last..];
    let end = (0..tail.len().saturating_sub(21)).rev().find(|&at| tail[at..].starts_with(b"PK\x05\x06"));
    let Some(end) = end.map(|end| last + end) else { return Err("is no ZIP archive, or is cut short".to_owned()) };
    let broken = || "is a ZIP archive with a broken list of files".to_owned();
    let count = usize::from(short(archive, end + 10).ok_or_else(broken)?);
    let mut at = size(archive, end + 16).ok_or_else(broken)?;
    if count == usize::from(u16::MAX) || at == 0xffff_ffff {
        return Err("is a ZIP archive of the large form (ZIP64); unpack it and name the folder".to_owned());
    }
    if count > ENTRIES_MAX {
        return Err(format!("is a ZIP archive of {count} files; a feed has a few dozen"));
    }
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        let (entry, next) = entry(archive, at).ok_or_else(broken)?;
        entries.push(entry);
        at = next;
    }
    Ok(entries)
}

/// A row of the list of files, and where the next begins.
fn entry(archive: &[u8], at: usize) -> Option<(Entry, usize)> {
    if !archive.get(at..)?.starts_with(b"PK\x01\x02") {
        return None;
    }
    let name = usize::from(short(archive, at + 28)?);
    let rest = usize::from(short(archive, at + 30)?) + usize::from(short(archive, at + 32)?);
    let entry = Entry {
        name: String::from_utf8_lossy(archive.get(at + 46..at + 46 + name)?).into_owned(),
        method: short(archive, at + 10)?,
        encrypted: short(archive, at + 8)? & 1 != 0,
        crc: long(archive, at + 16)?,
        packed: size(archive, at + 20)?,
        size: u64::from(long(archive, at + 24)?),
        header: size(archive, at + 42)?,
    };
    Some((entry, at + 46 + name + rest))
}

/// The bytes of a file.
///
/// # Errors
/// Why they cannot be had, in words.
pub(super) fn unpack(archive: &[u8], entry: &Entry) -> Result<Vec<u8>, String> {
    if entry.encrypted {
        return Err("is encrypted".to_owned());
    }
    if entry.size > UNPACKED_MAX {
        return Err(format!("is larger than {} MiB unpacked", UNPACKED_MAX >> 20));
    }
    let packed = packed(archive, entry).ok_or("lies outside its archive")?;
    let mut unpacked = Vec::new();
    // One byte more than stated is enough to know that the archive lies.
    let read = match entry.method {
        0 => packed.take(entry.size + 1).read_to_end(&mut unpacked),
        8 => DeflateDecoder::new(packed).take(entry.size + 1).read_to_end(&mut unpacked),
        method => {
            return Err(format!("is packed by method {method}; only deflate is known, unpack it and name the folder"));
        }
    };
    let mut crc = Crc::new();
    crc.update(&unpacked);
    if read.is_err() || unpacked.len() as u64 != entry.size || crc.sum() != entry.crc {
        return Err("is damaged: it does not unpack to what the archive says".to_owned());
    }
    Ok(unpacked)
}

fn packed<'a>(archive: &'a [u8], entry: &Entry) -> Option<&'a [u8]> {
    if !archive.get(entry.header..)?.starts_with(b"PK\x03\x04") {
        return None;
    }
    let skip = 30 + usize::from(short(archive, entry.header + 26)?) + usize::from(short(archive, entry.header + 28)?);
    let from = entry.header.checked_add(skip)?;
    archive.get(from..from.checked_add(entry.packed)?)
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write as _;

    use super::*;

    /// An archive of these files, deflated; the sizes it states are `more` bytes off.
    pub(in super::super) fn archive(files: &[(&str, &str)], more: i64) -> Vec<u8> {
        let long = |length: usize| u32::try_from(length).expect("small");
        let short = |length: usize| u16::try_from(length).expect("small");
        let (mut out, mut list) = (Vec::new(), Vec::new());
        for (name, text) in files {
            let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
            packer.write_all(text.as_bytes()).expect("memory");
            let packed = packer.finish().expect("memory");
            let mut crc = Crc::new();
            crc.update(text.as_bytes());
            let size = u32::try_from(i64::from(long(text.len())) + more).expect("small");
            let mut fields = Vec::new();
            for part in [0_u16, 8, 0, 0] {
                fields.extend(part.to_le_bytes());
            }
            for part in [crc.sum(), long(packed.len()), size] {
                fields.extend(part.to_le_bytes());
            }
            fields.extend(short(name.len()).to_le_bytes());
            fields.extend(0_u16.to_le_bytes());
            list.extend(b"PK\x01\x02\x14\0\x14\0");
            list.extend(&fields);
            list.extend([0; 10]);
            list.extend(long(out.len()).to_le_bytes());
            list.extend(name.as_bytes());
            out.extend(b"PK\x03\x04\x14\0");
            out.extend(&fields);
            out.extend(name.as_bytes());
            out.extend(packed);
        }
        let at = long(out.len());
        let length = long(list.len());
        out.extend(list);
        out.extend(b"PK\x05\x06\0\0\0\0");
        for _ in 0..2 {
            out.extend(short(files.len()).to_le_bytes());
        }
        out.extend(length.to_le_bytes());
        out.extend(at.to_le_bytes());
        out.extend([0; 2]);
        out
    }

    #[test]
    fn what_was_packed_comes_out() {
        let text = "stop_id\n".repeat(1000);
        let whole = archive(&[("a/stops.txt", &text), ("empty.txt", "")], 0);
        let list = entries(&whole).expect("an archive");
        assert_eq!(list.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["a/stops.txt", "empty.txt"]);
        assert_eq!(unpack(&whole, &list[0]).expect("whole"), text.as_bytes());
        assert!(unpack(&whole, &list[1]).expect("whole").is_empty());
    }

    #[test]
    fn an_archive_that_lies_is_refused() {
        let bomb = archive(&[("stops.txt", &"0".repeat(1_000_000))], -999_990);
        let list = entries(&bomb).expect("an archive");
        assert!(unpack(&bomb, &list[0]).expect_err("more than it says").contains("damaged"));
        assert!(entries(b"not an archive").expect_err("no").contains("is no ZIP archive"));
        let whole = archive(&[("stops.txt", "stop_id\n1\n")], 0);
        for cut in 0..whole.len() {
            let part = &whole[..cut];
            if let Ok(list) = entries(part) {
                assert!(list.iter().all(|entry| unpack(part, entry).is_err()), "{cut}");
            }
        }
        for flip in 0..whole.len() {
            let mut other = whole.clone();
            other[flip] ^= 0x55;
            // Whatever it says, it is read without harm.
            if let Ok(list) = entries(&other) {
                for entry in &list {
                    drop(unpack(&other, entry));
                }
            }
        }
    }
}
