//! The balance: emitted = stored + quarantined + lost, for every device, by reading back what is kept.
//!
//! Every record found is encoded again and its fingerprint added up, block by block: a record that is there but says something else is
//! found as surely as one that is missing. Which ones are there is noted in one bit each; nothing else grows with their number. The
//! same is done over each place where records lie: the stores, the log, a database.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::path::PathBuf;

use super::blocks::Blocks;
use super::ledger::{BLOCK, Entry, Ledger, Line};
use crate::pipeline::stores::records::Asked;
use crate::pipeline::stores::{Kept, StoreError, Stores};
use crate::pipeline::transport::{Bus, BusError};
use crate::telemetry::{DeviceId, Digest, ReadingKind, Record, SchemaBook, json};

/// Most lines, and runs of one, of which missing sequences are listed.
const MISSING_MAX: usize = 100;
/// Most strangers listed one by one; more are added up under the last.
const STRANGERS_MAX: usize = 10_000;

/// Why no balance could be drawn.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The stores cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] BusError),
    /// The log has dropped what its readers no longer needed.
    #[error(
        "partition {partition} of the log begins at message {begin}: what came before was dropped to make room, and cannot be audited"
    )]
    Trimmed {
        /// The partition.
        partition: u16,
        /// Its first message.
        begin: u64,
    },
    /// An export cannot be read.
    #[error("the export `{}`, row {line}: {reason}", path.display())]
    Export {
        /// The file.
        path: PathBuf,
        /// The row, from 1; 0 before the first.
        line: u64,
        /// What is wrong and what to do.
        reason: String,
    },
}

/// One side against the other, for a device, a kind, or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Account {
    /// Records made.
    pub emitted: u64,
    /// Of these, rows in the history.
    pub stored: u64,
    /// Of these, messages in the quarantine.
    pub quarantined: u64,
    /// Of these, lost by the radio, which the ledger counts.
    pub lost: u64,
    /// Of these, by a sender that was cut off, the last of a device, of which nothing has come: they were about to be sent.
    pub unsent: u64,
    /// Of these, gone by age: the first of a device, of which nothing is left, and no more of them than were taken away.
    pub gone: u64,
    /// Rows in the history that are there already.
    pub doubled: u64,
    /// Rows in the history that the device never emitted: its sequence did not go so far, or nothing was missing.
    pub forged: u64,
    /// Blocks whose rows are all there but do not all say what was sent.
    pub damaged: u64,
}

impl Account {
    /// What is missing; less than nothing if there is more than there should be.
    pub fn unexplained(&self) -> i64 {
        let parts = [self.stored, self.quarantined, self.lost, self.unsent, self.gone];
        let explained = parts.into_iter().fold(0_u64, u64::saturating_add);
        if self.emitted >= explained {
            i64::try_from(self.emitted - explained).unwrap_or(i64::MAX)
        } else {
            i64::try_from(explained - self.emitted).map_or(i64::MIN, |more| -more)
        }
    }

    /// Whether both sides agree.
    pub fn closes(&self) -> bool {
        self.unexplained() == 0 && self.doubled == 0 && self.forged == 0 && self.damaged == 0
    }

    fn add(&mut self, other: &Self) {
        self.emitted += other.emitted;
        self.stored += other.stored;
        self.quarantined += other.quarantined;
        self.lost += other.lost;
        self.unsent += other.unsent;
        self.gone += other.gone;
        self.doubled += other.doubled;
        self.forged += other.forged;
        self.damaged += other.damaged;
    }
}

/// The outcome of an audit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Balance {
    /// Everything.
    pub total: Account,
    /// By kind of reading.
    pub kinds: BTreeMap<ReadingKind, Account>,
    /// By device, kind and epoch.
    pub devices: BTreeMap<Line, Account>,
    /// Rows of history by devices that are in no ledger. They are somebody else's and do not weigh.
    pub strangers: BTreeMap<String, u64>,
    /// Messages in the quarantine that no device of the ledger accounts for. They do not weigh.
    pub strange_messages: u64,
    /// Which sequences are missing, from the first to the last of each run, where an export was read; of the first lines and runs only.
    pub missing: Vec<(Line, Vec<(u64, u64)>)>,
    /// Whether a record may be there more than once: in a log, where it is as good as once, because whoever reads it sees that.
    pub copies_allowed: bool,
    /// Of a sender that was cut off, the most it can have been about to send; more are losses that nobody explains.
    pub unsent_max: u64,
}

impl Balance {
    /// Whether the books of every device agree, and nobody was about to send more than a sender can. Sums alone would not do: one
    /// device's loss would hide another's surplus.
    pub fn closes(&self) -> bool {
        self.total.unsent <= self.unsent_max && self.devices.values().all(|account| self.is_closed(account))
    }

    /// Whether an account of this balance closes.
    pub fn is_closed(&self, account: &Account) -> bool {
        let doubled = if self.copies_allowed { 0 } else { account.doubled };
        Account { doubled, ..*account }.closes()
    }

    /// The lines that do not close, the worst first.
    pub fn open_lines(&self) -> Vec<(&Line, &Account)> {
        let weight = |account: &Account| {
            account.unexplained().unsigned_abs() + account.doubled + account.forged + account.damaged
        };
        let mut open: Vec<_> = self.devices.iter().filter(|(_, account)| !self.is_closed(account)).collect();
        open.sort_by(|(a, x), (b, y)| weight(y).cmp(&weight(x)).then_with(|| a.cmp(b)));
        open
    }
}

/// Words of one bit a sequence, of which a block has [`BLOCK`].
const WORDS: usize = 16;
const _: () = assert!(WORDS as u64 * 64 >= BLOCK);

/// What has been found of a block of the ledger.
struct Block {
    entry: Entry,
    /// One bit a sequence: whether its row is there.
    seen: [u64; WORDS],
    digest: Digest,
}

impl Block {
    /// Notes a sequence; says whether it was there before, or none if the device never came so far.
    fn see(&mut self, sequence: u64) -> Option<bool> {
        if sequence >= self.entry.sequence_end {
            return None;
        }
        let within = sequence % BLOCK;
        let word = self.seen.get_mut(usize::try_from(within / 64).ok()?)?;
        let bit = 1 << (within % 64);
        let before = *word & bit != 0;
        *word |= bit;
        Some(before)
    }
}

/// What has been found of one line of the ledger.
struct Found {
    blocks: Blocks<Block>,
    account: Account,
    /// Messages the radio damaged, and how many of them have been found.
    garbled: (u64, u64),
}

impl Found {
    fn new(entries: &Blocks<Entry>) -> Self {
        let sum = |of: fn(&Entry) -> u64| entries.values().map(of).sum();
        let account =
            Account { emitted: sum(|entry| entry.emitted), lost: sum(|entry| entry.lost), ..Account::default() };
        let block = |entry: &Entry| Block { entry: *entry, seen: [0; WORDS], digest: Digest::default() };
        let blocks = entries.iter().map(|(number, entry)| (number, block(entry))).collect();
        Self { blocks, account, garbled: (sum(|entry| entry.garbled), 0) }
    }

    /// Notes a record by its sequence; says whether it was there before, or none if it was never emitted.
    fn see(&mut self, sequence: u64) -> Option<bool> {
        self.blocks.get_mut(sequence / BLOCK)?.see(sequence)
    }

    /// Sequences behind the last one that is there.
    fn trailing(&self) -> u64 {
        let end = self.blocks.values().map(|block| block.entry.sequence_end).max().unwrap_or(0);
        let last = self.blocks.iter().rev().find_map(|(number, block)| {
            let (word, bits) = block.seen.iter().enumerate().rev().find(|(_, bits)| **bits != 0)?;
            Some(number * BLOCK + word as u64 * 64 + u64::from(63 - bits.leading_zeros()))
        });
        end - last.map_or(0, |last| last + 1)
    }

    /// Sequences before the first one that is there.
    fn leading(&self) -> u64 {
        let end = self.blocks.values().map(|block| block.entry.sequence_end).max().unwrap_or(0);
        let first = self.blocks.iter().find_map(|(number, block)| {
            let (word, bits) = block.seen.iter().enumerate().find(|(_, bits)| **bits != 0)?;
            Some(number * BLOCK + word as u64 * 64 + u64::from(bits.trailing_zeros()))
        });
        first.unwrap_or(end)
    }

    /// The first runs of sequences that are not there.
    fn missing(&self) -> Vec<(u64, u64)> {
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for (number, block) in self.blocks.iter() {
            for sequence in number * BLOCK..block.entry.sequence_end {
                let within = usize::try_from(sequence % BLOCK).unwrap_or(0);
                if block.seen.get(within / 64).is_some_and(|word| word & (1 << (within % 64)) != 0) {
                    continue;
                }
                if let Some((_, last)) = runs.last_mut().filter(|(_, last)| *last + 1 == sequence) {
                    *last = sequence;
                } else if runs.len() == MISSING_MAX {
                    return runs;
                } else {
                    runs.push((sequence, sequence));
                }
            }
        }
        runs
    }

    /// Adds a record that is there for the first time to its block's fingerprint.
    fn add(&mut self, sequence: u64, json: &[u8]) {
        if let Some(block) = self.blocks.get_mut(sequence / BLOCK) {
            block.digest.add(json);
        }
    }
}

/// The books while they are being compared.
pub(super) struct Books {
    found: HashMap<Line, Found>,
    /// Lines by device, for messages that name a device and nothing else.
    lines: HashMap<DeviceId, Vec<Line>>,
    strangers: BTreeMap<String, u64>,
    strange_messages: u64,
    /// How many records of each kind, and how many messages of the quarantine, may be missing because they are gone by age.
    gone: (BTreeMap<ReadingKind, u64>, u64),
    bytes: Vec<u8>,
}

impl Books {
    pub(super) fn new(ledger: &Ledger) -> Self {
        let (mut found, mut lines) = (HashMap::new(), HashMap::<DeviceId, Vec<Line>>::new());
        for (line, entries) in ledger.lines() {
            found.insert(line.clone(), Found::new(entries));
            lines.entry(line.device.clone()).or_default().push(line.clone());
        }
        let gone = Default::default();
        Self { found, lines, strangers: BTreeMap::new(), strange_messages: 0, gone, bytes: Vec::new() }
    }

    fn line(record: &Record) -> Line {
        Line { device: record.device.clone(), kind: record.kind(), epoch: record.epoch }
    }

    /// A row of history.
    pub(super) fn stored(&mut self, record: &Record) {
        let Some(found) = self.found.get_mut(&Self::line(record)) else {
            return self.stranger(&record.device);
        };
        match found.see(record.sequence) {
            None => found.account.forged += 1,
            Some(true) => found.account.doubled += 1,
            Some(false) => {
                found.account.stored += 1;
                self.bytes.clear();
                json::encode(record, &mut self.bytes);
                found.add(record.sequence, &self.bytes);
            }
        }
    }

    /// A row by a device that is in no ledger.
    fn stranger(&mut self, device: &DeviceId) {
        let name = device.as_str();
        let full = self.strangers.len() >= STRANGERS_MAX && !self.strangers.contains_key(name);
        *self.strangers.entry(if full { String::from("others") } else { name.to_owned() }).or_default() += 1;
    }

    /// A row that says of a record only whose it is; what it says is not known. Where a device tells several kinds and the row does not
    /// say which, it is of the first that lacks it.
    pub(super) fn seen(&mut self, device: &DeviceId, kind: Option<ReadingKind>, epoch: u32, sequence: u64) {
        let fits = |line: &&Line| line.epoch == epoch && kind.is_none_or(|kind| line.kind == kind);
        let lines: Vec<Line> = self.lines.get(device).into_iter().flatten().filter(fits).cloned().collect();
        let Some(first) = lines.first() else { return self.stranger(device) };
        let mut was_there = None;
        for line in &lines {
            let Some(found) = self.found.get_mut(line) else { continue };
            match found.see(sequence) {
                Some(false) => {
                    found.account.stored += 1;
                    return;
                }
                Some(true) => was_there = was_there.or(Some(line)),
                None => {}
            }
        }
        if let Some(found) = self.found.get_mut(was_there.unwrap_or(first)) {
            let account = &mut found.account;
            *(if was_there.is_some() { &mut account.doubled } else { &mut account.forged }) += 1;
        }
    }

    /// What the sender damaged on purpose nobody can read, and it may be missing.
    pub(super) fn allow_garbled(&mut self) {
        for found in self.found.values_mut() {
            let missing = u64::try_from(found.account.unexplained()).unwrap_or(0);
            found.account.quarantined += missing.min(found.garbled.0 - found.garbled.1);
        }
    }

    /// Runs of sequences that are missing, of the first lines that lack any; those that were damaged on purpose are among them.
    pub(super) fn missing(&self) -> Vec<(Line, Vec<(u64, u64)>)> {
        let mut lines: Vec<_> = self.found.iter().filter(|(_, found)| found.account.unexplained() > 0).collect();
        lines.sort_by_key(|(line, _)| *line);
        lines.truncate(MISSING_MAX);
        lines.into_iter().map(|(line, found)| (line.clone(), found.missing())).collect()
    }

    /// A message of the quarantine: a record refused whole, or one that the radio damaged, or somebody else's.
    fn quarantined(&mut self, message: &Kept, book: &SchemaBook) {
        let readable = message.is_whole().then(|| book.decode(&message.payload).ok()).flatten();
        let Some(record) = readable else { return self.garbled(message.device.as_ref(), 1) };
        if let Some(found) = self.found.get_mut(&Self::line(&record))
            && found.see(record.sequence) == Some(false)
        {
            found.account.quarantined += 1;
            self.bytes.clear();
            json::encode(&record, &mut self.bytes);
            found.add(record.sequence, &self.bytes);
        } else {
            // What can be read was not damaged, and whoever it is about has it already, or never said it.
            self.strange_messages += 1;
        }
    }

    /// Messages that name a device and cannot be read: as many as its radio damaged are its own.
    fn garbled(&mut self, device: Option<&DeviceId>, mut count: u64) {
        let lines = device.and_then(|device| self.lines.get(device)).map_or(&[][..], Vec::as_slice);
        for line in lines {
            if let Some(found) = self.found.get_mut(line) {
                let own = count.min(found.garbled.0 - found.garbled.1);
                found.garbled.1 += own;
                found.account.quarantined += own;
                count -= own;
            }
        }
        self.strange_messages += count;
    }

    /// The outcome; of a sender that was cut off, what is missing at the end of a device's sequence was never sent.
    pub(super) fn close(self, copies_allowed: bool, cut_off: Option<u64>) -> Balance {
        let Self { found, strangers, strange_messages, mut gone, .. } = self;
        let unsent_max = cut_off.unwrap_or(0);
        let mut balance = Balance { strangers, strange_messages, copies_allowed, unsent_max, ..Balance::default() };
        let mut found: Vec<(Line, Found)> = found.into_iter().collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        for (line, found) in found {
            let (leading, trailing) = (found.leading(), found.trailing());
            let Found { blocks, mut account, .. } = found;
            let missing = u64::try_from(account.unexplained()).unwrap_or(0).min(leading);
            account.gone = take(gone.0.entry(line.kind).or_default(), missing);
            account.gone += take(&mut gone.1, missing - account.gone);
            if cut_off.is_some() {
                account.unsent = u64::try_from(account.unexplained()).unwrap_or(0).min(trailing);
            }
            let is_damaged =
                |block: &&Block| block.digest.count == block.entry.sent.count && block.digest != block.entry.sent;
            account.damaged = blocks.values().filter(is_damaged).count() as u64;
            balance.total.add(&account);
            balance.kinds.entry(line.kind).or_default().add(&account);
            balance.devices.insert(line, account);
        }
        balance
    }
}

/// Takes as much as is wanted of what there is; how much that was.
fn take(of: &mut u64, wanted: u64) -> u64 {
    let taken = wanted.min(*of);
    *of -= taken;
    taken
}

/// Compares what was emitted with what the stores hold; `book` reads what lies in quarantine framed for schemas, `cut_off` says that the sender did not come to its end,
/// and how many messages it can have been about to send by then.
///
/// # Errors
/// When the stores cannot be read.
pub fn balance(
    ledger: &Ledger,
    stores: &Stores,
    book: &SchemaBook,
    cut_off: Option<u64>,
) -> Result<Balance, AuditError> {
    let mut books = Books::new(ledger);
    for &kind in ReadingKind::ALL {
        stores.scan(kind, &mut |record| {
            books.stored(&record);
            ControlFlow::Continue(())
        })?;
    }
    quarantine(&mut books, stores, book)?;
    books.gone.0 = stores.gone()?.records;
    Ok(books.close(false, cut_off))
}

/// Compares what was emitted with the records of the database beside the history.
///
/// # Errors
/// When it cannot be read.
pub fn balance_of_records(
    ledger: &Ledger,
    stores: &Stores,
    book: &SchemaBook,
    cut_off: Option<u64>,
) -> Result<Balance, AuditError> {
    let mut books = Books::new(ledger);
    for &kind in ReadingKind::ALL {
        stores.records().scan(&Asked::all(kind), &mut |record| {
            books.stored(&record);
            ControlFlow::Continue(())
        })?;
    }
    quarantine(&mut books, stores, book)?;
    books.gone.0 = stores.records().gone()?.map_or_else(|| stores.gone(), Ok)?.records;
    Ok(books.close(false, cut_off))
}

/// Adds what is in quarantine.
fn quarantine(books: &mut Books, stores: &Stores, book: &SchemaBook) -> Result<(), AuditError> {
    stores.quarantine().scan(&mut |message| {
        books.quarantined(&message, book);
        ControlFlow::Continue(())
    })?;
    let totals = stores.quarantine().totals()?;
    books.gone.1 = totals.gone;
    for ((device, _), count) in totals.counted {
        books.garbled(device.parse().ok().as_ref(), count);
    }
    Ok(())
}

/// Compares what was emitted with the messages of a log: every one of them, read and decoded anew.
///
/// # Errors
/// When the log cannot be read, or has dropped messages.
pub fn balance_of_log(
    ledger: &Ledger,
    log: &dyn Bus,
    book: &SchemaBook,
    cut_off: Option<u64>,
) -> Result<Balance, AuditError> {
    /// Messages and bytes read at once.
    const READ: (usize, usize) = (4096, 4 << 20);
    let mut books = Books::new(ledger);
    for partition in 0..log.partitions() {
        let (mut next, end) = (log.begin(partition), log.end(partition));
        if next > 0 {
            return Err(AuditError::Trimmed { partition, begin: next });
        }
        while next < end {
            let logged = log.read(partition, next, READ.0, READ.1)?;
            // A broker keeps places for itself between messages, and at the end.
            next = logged.last().map_or(end, |logged| logged.offset + 1);
            for message in logged.iter().map(|logged| &logged.message) {
                if let Ok(record) = book.decode(&message.payload) {
                    books.stored(&record);
                } else {
                    let device = message.topic.rsplit('/').next().and_then(|level| level.parse().ok());
                    books.garbled(device.as_ref(), 1);
                }
            }
        }
    }
    Ok(books.close(true, cut_off))
}
