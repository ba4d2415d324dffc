//! The balance: emitted = stored + quarantined + lost, for every device, by reading back what is kept.
//!
//! Every record found is encoded again and its fingerprint added up, block by block: a record that is there but says something else is
//! found as surely as one that is missing. Which ones are there is noted in one bit each; nothing else grows with their number. The
//! same is done over each place where records lie: the stores, the log, a database.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::path::PathBuf;

use super::found::Found;
use super::ledger::{Ledger, Line};
use super::marks::Marks;
use crate::pipeline::stores::records::Asked;
use crate::pipeline::stores::{Kept, StoreError, Stores};
use crate::pipeline::transport::{Bus, BusError};
use crate::telemetry::{DeviceId, ReadingKind, Record, SchemaBook, json};

/// Most lines of which missing sequences are listed.
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
    /// The truth beside a ledger cannot be read.
    #[error("the truth `{}`: {reason}; take it away to audit without it", path.display())]
    Truth {
        /// The file.
        path: PathBuf,
        /// What is wrong.
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
    /// Blocks whose rows are all there but do not all say what was sent, or of which more rows than were sent so cannot be read.
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
    /// Messages in the quarantine, or rows of an export that are no records, which no device of the ledger accounts for. They do not weigh.
    pub strange_messages: u64,
    /// Whether an export was read.
    pub is_of_export: bool,
    /// Which sequences are missing, of the first lines that lack any, where an export was read.
    pub missing: Vec<Missing>,
    /// Further lines that lack any.
    pub missing_more: usize,
    /// Rows whose content was compared with what was sent.
    pub compared: u64,
    /// Rows that were only counted: they do not hold the message, or it cannot be read, or of their block something is missing.
    pub counted: u64,
    /// Copies that are known to be the sender's own; they are in no account.
    pub own_copies: u64,
    /// How many records may be there once more: in a log any number, because whoever reads it sees that; of an export as many as the sender
    /// may have sent twice.
    pub copies_max: u64,
    /// Of a sender that was cut off, the most it can have been about to send; more are losses that nobody explains.
    pub unsent_max: u64,
}

/// Which sequences of a line are missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The line.
    pub line: Line,
    /// From the first to the last of each run.
    pub runs: Vec<(u64, u64)>,
    /// Further runs.
    pub more_runs: u64,
    /// How many of all these may be missing: they were never sent or damaged on purpose, and it is not known which of them.
    pub excused: u64,
}

impl Balance {
    /// Whether the books of every device agree, and nobody was about to send more than a sender can. Sums alone would not do: one
    /// device's loss would hide another's surplus.
    pub fn closes(&self) -> bool {
        self.total.unsent <= self.unsent_max && self.devices.values().all(|account| self.is_closed(account))
    }

    /// Whether an account of this balance closes.
    pub fn is_closed(&self, account: &Account) -> bool {
        let doubled = if self.total.doubled <= self.copies_max { 0 } else { account.doubled };
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

/// Whose a message is.
pub(super) struct Named {
    pub(super) device: DeviceId,
    /// None where it is not said.
    pub(super) kind: Option<ReadingKind>,
    pub(super) epoch: u32,
    pub(super) sequence: u64,
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
    pub(super) fn new(ledger: &Ledger, mut marks: Marks) -> Self {
        let (mut found, mut lines) = (HashMap::new(), HashMap::<DeviceId, Vec<Line>>::new());
        for (line, entries) in ledger.lines() {
            found.insert(line.clone(), Found::new(entries, marks.lines.remove(line).unwrap_or_default()));
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
            Some(true) => found.copy(record.sequence),
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

    /// A row that says of a record only whose it is; what it says is not known, or with `is_spoiled` cannot be read. Where a device tells
    /// several kinds and the row does not say which, it is of the first that lacks it.
    pub(super) fn seen(&mut self, named: &Named, is_spoiled: bool) {
        let Named { device, kind, epoch, sequence } = named;
        let fits = |line: &&Line| line.epoch == *epoch && kind.is_none_or(|kind| line.kind == kind);
        let lines: Vec<Line> = self.lines.get(device).into_iter().flatten().filter(fits).cloned().collect();
        let Some(first) = lines.first() else { return self.stranger(device) };
        let mut was_there = None;
        for line in &lines {
            let Some(found) = self.found.get_mut(line) else { continue };
            match found.see(*sequence) {
                Some(false) => {
                    found.account.stored += 1;
                    if is_spoiled {
                        found.spoil(*sequence);
                    }
                    return;
                }
                Some(true) => was_there = was_there.or(Some(line)),
                None => {}
            }
        }
        match self.found.get_mut(was_there.unwrap_or(first)) {
            Some(found) if was_there.is_some() => found.copy(*sequence),
            Some(found) => found.account.forged += 1,
            None => {}
        }
    }

    /// What the sender damaged on purpose nobody can read, and it may be missing.
    pub(super) fn allow_garbled(&mut self) {
        self.found.values_mut().for_each(Found::allow_garbled);
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

    /// The outcome; of a sender that was cut off, what is missing at the end of a device's sequence was never sent. Of an export is listed
    /// what is missing.
    pub(super) fn close(self, is_of_export: bool, copies_max: u64, cut_off: Option<u64>) -> Balance {
        let Self { found, strangers, strange_messages, mut gone, .. } = self;
        let unsent_max = cut_off.unwrap_or(0);
        let mut balance =
            Balance { strangers, strange_messages, is_of_export, copies_max, unsent_max, ..Balance::default() };
        let mut found: Vec<(Line, Found)> = found.into_iter().collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        for (line, mut found) in found {
            let (leading, unsent_max) = (found.leading(), found.unsent_max());
            let account = &mut found.account;
            let missing = u64::try_from(account.unexplained()).unwrap_or(0).min(leading);
            account.gone = take(gone.0.entry(line.kind).or_default(), missing);
            account.gone += take(&mut gone.1, missing - account.gone);
            if cut_off.is_some() {
                account.unsent = u64::try_from(account.unexplained()).unwrap_or(0).min(unsent_max);
            }
            found.account.damaged = found.damaged();
            let (account, (compared, counted)) = (found.account, found.compared());
            balance.compared += compared;
            balance.counted += counted;
            balance.own_copies += found.own_copies;
            if is_of_export && account.unexplained() > 0 {
                if balance.missing.len() < MISSING_MAX {
                    balance.missing.push(found.missing(&line));
                } else {
                    balance.missing_more += 1;
                }
            }
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
    let mut books = Books::new(ledger, Marks::default());
    for &kind in ReadingKind::ALL {
        stores.scan(kind, &mut |record| {
            books.stored(&record);
            ControlFlow::Continue(())
        })?;
    }
    quarantine(&mut books, stores, book)?;
    books.gone.0 = stores.gone()?.records;
    Ok(books.close(false, 0, cut_off))
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
    let mut books = Books::new(ledger, Marks::default());
    for &kind in ReadingKind::ALL {
        stores.records().scan(&Asked::all(kind), &mut |record| {
            books.stored(&record);
            ControlFlow::Continue(())
        })?;
    }
    quarantine(&mut books, stores, book)?;
    books.gone.0 = stores.records().gone()?.map_or_else(|| stores.gone(), Ok)?.records;
    Ok(books.close(false, 0, cut_off))
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
    let mut books = Books::new(ledger, Marks::default());
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
    Ok(books.close(false, u64::MAX, cut_off))
}
