//! The ledger while devices speak: what is about to be sent is written down first, so that whoever is killed leaves a ledger behind.
//!
//! An append-only file of commits, each with its length and a checksum; one that a kill cut short was never followed by a message,
//! and is passed over. Not synced: it survives the process, not the machine, as a message in a socket does not either.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::ledger::{Entry, Ledger, LedgerError, Line, is_sound};
use crate::primitives::fail_point;
use crate::telemetry::{DeviceId, Digest, Emission, ReadingKind};

/// How a journal begins.
const MAGIC: &[u8; 8] = b"ctledgr1";
/// Longest commit that is believed [bytes].
const COMMIT_MAX: usize = 256 << 20;
/// Length and checksum before a commit [bytes].
const HEAD: usize = 12;
/// What stands before the number of messages that may be on their way; 0 stands before a device, 1 before a record.
const UNDER_WAY: u8 = 2;

/// A ledger that is written down as it grows; one by default is in memory only.
#[derive(Debug, Default)]
pub struct Journal {
    path: PathBuf,
    /// None where the ledger is to be in memory only.
    file: Option<File>,
    ledger: Ledger,
    devices: HashMap<DeviceId, u64>,
    /// The commit under way.
    commit: Vec<u8>,
}

impl Journal {
    /// Begins a journal, in the place of any that was there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(path: &Path) -> Result<Self, LedgerError> {
        let cannot = |source| LedgerError::File { doing: "write", path: path.to_owned(), source };
        let mut file = File::create(path).map_err(cannot)?;
        file.write_all(MAGIC).map_err(cannot)?;
        Ok(Self {
            path: path.to_owned(),
            file: Some(file),
            ledger: Ledger::default(),
            devices: HashMap::new(),
            commit: vec![0; HEAD],
        })
    }

    /// Says at the beginning how many messages may be on their way at once: whoever is killed cannot say it afterwards. Only what is
    /// written before any record is found again.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn may_have_under_way(&mut self, most: u64) -> Result<(), LedgerError> {
        self.commit.resize(self.commit.len().max(HEAD), 0);
        self.commit.push(UNDER_WAY);
        put_number(&mut self.commit, most);
        self.commit()
    }

    /// How many messages may have been on their way, as a journal says at its beginning; none where it does not.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn under_way(path: &Path) -> Result<Option<u64>, LedgerError> {
        let cannot = |source| LedgerError::File { doing: "read", path: path.to_owned(), source };
        // As much as a tag and the longest number need.
        let mut begin = Vec::with_capacity(64);
        File::open(path)
            .map_err(cannot)?
            .take(MAGIC.len() as u64 + HEAD as u64 + 11)
            .read_to_end(&mut begin)
            .map_err(cannot)?;
        let first = begin.get(MAGIC.len() + HEAD..).and_then(<[u8]>::split_first);
        Ok(first.filter(|(tag, _)| **tag == UNDER_WAY).and_then(|(_, mut rest)| take_number(&mut rest)))
    }

    /// Notes a record that is about to be sent; [`Self::commit`] must come before it is.
    pub fn add(&mut self, emission: &Emission, json: &[u8]) {
        let (line, block, entry) = Ledger::entry_of(emission, json);
        let next = self.devices.len() as u64;
        self.commit.resize(self.commit.len().max(HEAD), 0);
        let out = &mut self.commit;
        let device = *self.devices.entry(line.device.clone()).or_insert_with(|| {
            out.push(0);
            put_text(out, line.device.as_str());
            next
        });
        out.push(1);
        put_number(out, device);
        put_text(out, line.kind.word());
        for number in [
            u64::from(line.epoch),
            block,
            entry.sequence_end,
            entry.emitted,
            entry.lost,
            entry.garbled,
            entry.sent.count,
        ] {
            put_number(out, number);
        }
        out.extend_from_slice(&entry.sent.sum.to_le_bytes());
        self.ledger.add_entry(line, block, &entry);
    }

    /// Writes down what was noted; only then may it be sent.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn commit(&mut self) -> Result<(), LedgerError> {
        if self.commit.len() <= HEAD {
            return Ok(());
        }
        let length = u32::try_from(self.commit.len() - HEAD).unwrap_or(u32::MAX);
        let checksum = checksum(&self.commit[HEAD..]);
        self.commit[..4].copy_from_slice(&length.to_le_bytes());
        self.commit[4..HEAD].copy_from_slice(&checksum);
        let written = self.file.as_mut().map_or(Ok(()), |file| file.write_all(&self.commit));
        written.map_err(|source| LedgerError::File { doing: "write", path: self.path.clone(), source })?;
        self.commit.truncate(HEAD);
        fail_point::reach("ledger/written");
        Ok(())
    }

    /// The ledger of everything noted.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Takes the journal away: what it says is not all there is.
    ///
    /// # Errors
    /// When it cannot be taken away.
    pub fn discard(self) -> Result<Ledger, LedgerError> {
        Ledger::remove(&self.path)?;
        Ok(self.ledger)
    }

    /// Writes the ledger as a file of its own, and takes the journal away.
    ///
    /// # Errors
    /// When the ledger cannot be written; the journal stays then.
    pub fn close(self, ledger: &Path) -> Result<Ledger, LedgerError> {
        self.ledger.write(ledger)?;
        Ledger::remove(&self.path)?;
        Ok(self.ledger)
    }

    /// Reads the ledger out of a journal that nobody closed, and how many records its last commit holds: all before were handed to
    /// the publisher when that was written.
    ///
    /// # Errors
    /// When it cannot be read, or is damaged before its last commit.
    pub fn read(path: &Path) -> Result<(Ledger, u64), LedgerError> {
        let bytes =
            std::fs::read(path).map_err(|source| LedgerError::File { doing: "read", path: path.to_owned(), source })?;
        read(&bytes).map_err(|position| LedgerError::Journal { path: path.to_owned(), position: position as u64 })
    }
}

/// The ledger in a journal's bytes and the records of its last commit, or where it is damaged.
fn read(bytes: &[u8]) -> Result<(Ledger, u64), usize> {
    let Some(rest) = bytes.strip_prefix(MAGIC) else {
        return if MAGIC.starts_with(bytes) { Ok(Default::default()) } else { Err(0) };
    };
    let (mut ledger, mut last, mut devices, mut rest) = (Ledger::default(), 0, Vec::new(), rest);
    while !rest.is_empty() {
        let position = bytes.len() - rest.len();
        let Some((head, body)) = rest.split_at_checked(HEAD) else { return Ok((ledger, last)) };
        let length = head.first_chunk().map_or(0, |length| u32::from_le_bytes(*length) as usize);
        if length > COMMIT_MAX {
            return Err(position);
        }
        // Cut short: nothing of it was sent.
        let Some((commit, after)) = body.split_at_checked(length) else { return Ok((ledger, last)) };
        let taken = if checksum(commit) == head[4..] { take(commit, &mut devices, &mut ledger) } else { None };
        last = taken.ok_or(position)?;
        rest = after;
    }
    Ok((ledger, last))
}

/// Takes the entries of a commit, and gives how many records were made in it; none if it holds anything else.
fn take(mut commit: &[u8], devices: &mut Vec<DeviceId>, ledger: &mut Ledger) -> Option<u64> {
    let mut made = 0_u64;
    while let Some((tag, rest)) = commit.split_first() {
        commit = rest;
        if *tag == 0 {
            devices.push(take_text(&mut commit)?.parse().ok()?);
            continue;
        }
        if *tag == UNDER_WAY {
            take_number(&mut commit)?;
            continue;
        }
        let device = devices.get(usize::try_from(take_number(&mut commit)?).ok()?)?.clone();
        let kind = ReadingKind::from_word(take_text(&mut commit)?)?;
        let epoch = u32::try_from(take_number(&mut commit)?).ok()?;
        let mut numbers = [0; 6];
        for number in &mut numbers {
            *number = take_number(&mut commit)?;
        }
        let [block, sequence_end, emitted, lost, garbled, count] = numbers;
        let (sum, rest) = commit.split_first_chunk::<16>()?;
        commit = rest;
        let sent = Digest { count, sum: u128::from_le_bytes(*sum) };
        let entry = Entry { sequence_end, emitted, lost, garbled, sent };
        if !is_sound(block, &entry) {
            return None;
        }
        made = made.saturating_add(emitted);
        ledger.add_entry(Line { device, kind, epoch }, block, &entry);
    }
    Some(made)
}

fn checksum(bytes: &[u8]) -> [u8; 8] {
    let mut sum = [0; 8];
    sum.copy_from_slice(&blake3::hash(bytes).as_bytes()[..8]);
    sum
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn take_text<'a>(from: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(take_number(from)?).ok()?;
    let (text, rest) = from.split_at_checked(length)?;
    *from = rest;
    std::str::from_utf8(text).ok()
}

/// Seven bits a byte, the lowest first (LEB128).
fn put_number(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            return out.push(low & 0x7f);
        }
        out.push(low | 0x80);
    }
}

fn take_number(from: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = from.split_first()?;
        *from = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
