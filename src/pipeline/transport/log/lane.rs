//! One partition on disk: its segments, what a crash left of the last one, and reading.
//!
//! Knows which bytes are durable because the committer says so after its sync; never writes.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::super::bus::BusError;
use super::super::message::Logged;
use super::frame::{self, FRAME_HEAD, SEGMENT_HEAD};

/// Bytes of a segment between two entries of its index.
const INDEX_STEP: u64 = 64 * 1024;
/// Least and most bytes taken from a file at once.
const CHUNK: std::ops::RangeInclusive<usize> = 64 * 1024..=1024 * 1024;

/// A partition as its readers see it: durable messages only.
#[derive(Debug)]
pub(super) struct Lane {
    /// The partition.
    pub(super) number: u16,
    /// Where its segments lie.
    pub(super) folder: PathBuf,
    /// In order, without gaps; never empty.
    pub(super) segments: Vec<Segment>,
    /// What no consumer needs any more ends here.
    pub(super) released: u64,
    /// Where the last read ended: an offset, its segment's base, and a frame's place at or before it [bytes].
    hint: (u64, u64, u64),
}

/// A file of consecutive messages.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    /// First offset in it.
    pub(super) base: u64,
    /// Offset after its last durable message.
    pub(super) end: u64,
    /// Durable bytes.
    pub(super) bytes: u64,
    /// Some frames: first offset and place [bytes]; grows as the segment is written and read.
    index: Vec<(u64, u64)>,
    reader: Option<File>,
}

impl Segment {
    pub(super) fn new(path: PathBuf, base: u64, end: u64, bytes: u64) -> Self {
        Self { path, base, end, bytes, index: vec![(base, SEGMENT_HEAD as u64)], reader: None }
    }

    /// Remembers where a frame begins, if the last place remembered is far enough away.
    pub(super) fn note(&mut self, first: u64, at: u64) {
        if self.index.last().is_none_or(|(noted, place)| first > *noted && at >= place + INDEX_STEP) {
            self.index.push((first, at));
        }
    }

    /// Up to `length` bytes from a place on; less only at the end of what is durable.
    fn chunk(&mut self, at: u64, length: usize) -> Result<Bytes, BusError> {
        let file = match &mut self.reader {
            Some(file) => file,
            none => none.insert(File::open(&self.path).map_err(BusError::io("read", &self.path))?),
        };
        let length = length.min(usize::try_from(self.bytes.saturating_sub(at)).unwrap_or(usize::MAX));
        let mut bytes = vec![0; length];
        file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(&mut bytes)).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                self.damaged(at, "the file is shorter than it was")
            } else {
                BusError::io("read", &self.path)(error)
            }
        })?;
        Ok(bytes.into())
    }

    fn damaged(&self, position: u64, what: &'static str) -> BusError {
        BusError::Damaged { path: self.path.clone(), position, what }
    }
}

/// The name of a segment's file.
pub(super) fn segment_name(base: u64) -> String {
    format!("{base:020}.log")
}

/// What a crash left behind at the end of a partition, and was cut away: bytes never acknowledged.
pub(super) type TornBytes = u64;

impl Lane {
    /// Reads the names of the segments and the whole last one; what a crash left behind its last whole frame is told to the
    /// caller, who cuts it away.
    pub(super) fn open(number: u16, folder: PathBuf) -> Result<(Self, TornBytes), BusError> {
        fs::create_dir_all(&folder).map_err(BusError::io("create", &folder))?;
        let mut bases = Vec::new();
        for entry in fs::read_dir(&folder).map_err(BusError::io("read", &folder))? {
            let entry = entry.map_err(BusError::io("read", &folder))?;
            let name = entry.file_name();
            let base = name.to_str().and_then(|name| name.strip_suffix(".log")).and_then(|base| base.parse().ok());
            bases.extend(base.map(|base: u64| (base, entry.path())));
        }
        bases.sort();
        let mut torn = 0;
        // A crash between creating a file and writing its head leaves a file without messages.
        while let Some((base, path)) = bases.last() {
            let bytes = fs::metadata(path).map_err(BusError::io("read", path))?.len();
            let (base, path) = (*base, path.clone());
            if bytes >= SEGMENT_HEAD as u64 || (base == 0 && bases.len() == 1) {
                break;
            }
            torn += bytes;
            fs::remove_file(&path).map_err(BusError::io("remove", &path))?;
            bases.pop();
        }
        let mut segments: Vec<Segment> = Vec::new();
        for (index, (base, path)) in bases.iter().enumerate() {
            let bytes = fs::metadata(path).map_err(BusError::io("read", path))?.len();
            let segment = if let Some((next, _)) = bases.get(index + 1) {
                // Earlier segments were whole when the next one was begun; their frames are checked when they are read.
                Segment::new(path.clone(), *base, *next, bytes)
            } else {
                let (end, whole) = recover(path, *base)?;
                torn += bytes.saturating_sub(whole);
                Segment::new(path.clone(), *base, end, whole)
            };
            segments.push(segment);
        }
        let begin = segments.first().map_or(0, |segment| segment.base);
        Ok((Self { number, folder, segments, released: begin, hint: (0, 0, 0) }, torn))
    }

    pub(super) fn begin(&self) -> u64 {
        self.segments.first().map_or(0, |segment| segment.base)
    }

    pub(super) fn end(&self) -> u64 {
        self.segments.last().map_or(0, |segment| segment.end)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Messages from an offset on; see [`Bus::read`](super::super::bus::Bus::read).
    pub(super) fn read(&mut self, from: u64, max_messages: usize, max_bytes: usize) -> Result<Vec<Logged>, BusError> {
        let (partition, begin, end) = (self.number, self.begin(), self.end());
        if from < begin {
            return Err(BusError::Gone { partition, from, begin });
        }
        if from > end {
            return Err(BusError::Beyond { partition, from, end });
        }
        let mut wanted = Wanted { next: from, max_messages, max_bytes, bytes: 0, read: Vec::new(), full: false };
        let mut index = self.segments.partition_point(|segment| segment.end <= from);
        while let Some(segment) = self.segments.get_mut(index) {
            let (offset, base, place) = self.hint;
            let start = if base == segment.base && offset == wanted.next && place > 0 {
                place
            } else {
                let entry = segment.index.partition_point(|(first, _)| *first <= wanted.next);
                segment.index[entry.saturating_sub(1)].1
            };
            let place = wanted.take_from(segment, start)?;
            self.hint = (wanted.next, segment.base, place);
            if wanted.full {
                break;
            }
            index += 1;
        }
        Ok(wanted.read)
    }
}

/// A read under way.
struct Wanted {
    next: u64,
    max_messages: usize,
    max_bytes: usize,
    bytes: usize,
    read: Vec<Logged>,
    full: bool,
}

impl Wanted {
    /// Takes messages from a segment, from a frame's place on; returns the place of the frame to go on with.
    fn take_from(&mut self, segment: &mut Segment, start: u64) -> Result<u64, BusError> {
        let mut at = start;
        while self.next < segment.end {
            let length = self.max_bytes.saturating_add(FRAME_HEAD).clamp(*CHUNK.start(), *CHUNK.end());
            let chunk = segment.chunk(at, length)?;
            let mut within = 0;
            while self.next < segment.end {
                let place = at + within as u64;
                let rest = &chunk[within..];
                let Some(head) = frame::head(rest) else {
                    if rest.len() < FRAME_HEAD && within > 0 {
                        break;
                    }
                    return Err(segment.damaged(place, "no frame begins there"));
                };
                segment.note(head.first, place);
                if head.end() <= self.next && head.frame() <= rest.len() {
                    within += head.frame();
                    continue;
                }
                if head.frame() > rest.len() && within > 0 {
                    break;
                }
                let whole = if head.frame() > rest.len() {
                    segment.chunk(place, head.frame())?
                } else {
                    chunk.slice(within..within + head.frame())
                };
                if head.first > self.next {
                    return Err(segment.damaged(place, "messages are missing before it"));
                }
                if !self.take_frame(&head, &whole).map_err(|what| segment.damaged(place, what))? {
                    return Ok(place);
                }
                within += head.frame();
            }
            at += within as u64;
        }
        Ok(at)
    }

    /// Takes the messages of one frame; false if not all of them found room.
    fn take_frame(&mut self, head: &frame::Head, whole: &Bytes) -> Result<bool, &'static str> {
        let body = frame::body(head, whole).ok_or("its checksum does not match")?;
        for logged in frame::messages(head, whole.slice(body)) {
            let logged = logged.ok_or("it holds something that is no message")?;
            if logged.offset < self.next {
                continue;
            }
            let bytes = self.bytes + logged.message.bytes();
            if !self.read.is_empty() && (self.read.len() >= self.max_messages || bytes > self.max_bytes) {
                self.full = true;
                return Ok(false);
            }
            self.bytes = bytes;
            self.next = logged.offset + 1;
            self.read.push(logged);
        }
        Ok(true)
    }
}

/// Walks through the last segment: the offset after its last whole frame, and where that ends [bytes].
///
/// # Errors
/// When a frame that is not whole has a whole one behind it: then it was durable once, and is damaged now.
fn recover(path: &Path, base: u64) -> Result<(u64, u64), BusError> {
    let bytes = fs::read(path).map_err(BusError::io("read", path))?;
    let damaged = |at: usize, what| Err(BusError::Damaged { path: path.to_owned(), position: at as u64, what });
    if bytes.len() < SEGMENT_HEAD {
        return Ok((base, 0));
    }
    if bytes[..SEGMENT_HEAD] != frame::segment_head(base) {
        // The head is durable before the first message: without messages behind it, a crash has torn it.
        return match frame::next_sound(&bytes, 0, base) {
            Some(_) => damaged(0, "it does not begin as a segment of this log does"),
            None => Ok((base, 0)),
        };
    }
    let (mut at, mut next) = (SEGMENT_HEAD, base);
    while at < bytes.len() {
        let rest = &bytes[at..];
        let head = frame::head(rest);
        match head {
            Some(head) if head.first == next && frame::body(&head, rest).is_some() => {
                at += head.frame();
                next = head.end();
            }
            Some(head) if head.first != next => return damaged(at, "a frame out of order begins there"),
            // The head is whole, so it says where the next frame would begin; bytes in between are a client's and prove nothing.
            Some(head) => match frame::next_sound(&bytes, at.saturating_add(head.frame()), head.end()) {
                Some(_) => return damaged(at, "its checksum does not match, and sound messages follow"),
                None => break,
            },
            None => match frame::next_sound(&bytes, at + 1, next) {
                Some(_) => return damaged(at, "no frame begins there, and sound messages follow"),
                None => break,
            },
        }
    }
    Ok((next, at as u64))
}
