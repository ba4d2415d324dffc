//! The balance: emitted = stored + quarantined + lost, for every device, by reading the stores back.
//!
//! Every row of history is encoded again and its fingerprint added up: a row that is there but says something else is found as surely
//! as one that is missing. Which rows are there is noted in one bit each; nothing else grows with their number.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use super::ledger::{Entry, Ledger, Line};
use crate::pipeline::stores::{Kept, StoreError, Stores};
use crate::telemetry::{DeviceId, Digest, ReadingKind, Record, json};

/// Most records for which one line of the ledger gets a bit each: 128 MB.
const BITS_MAX: u64 = 1 << 30;

/// Most strangers listed one by one; more are added up under the last.
const STRANGERS_MAX: usize = 10_000;

/// Why no balance could be drawn.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The stores cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A line of the ledger is longer than can be checked.
    #[error("device `{device}` emitted up to sequence {sequence}, more than {BITS_MAX} can be checked")]
    TooLong {
        /// The device.
        device: DeviceId,
        /// Its highest sequence.
        sequence: u64,
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
    /// Rows in the history that are there already.
    pub doubled: u64,
    /// Rows in the history that the device never emitted: its sequence did not go so far, or nothing was missing.
    pub forged: u64,
    /// Devices whose rows are all there but do not all say what was sent.
    pub damaged: u64,
}

impl Account {
    /// What is missing; less than nothing if there is more than there should be.
    pub fn unexplained(&self) -> i64 {
        let explained = self.stored.saturating_add(self.quarantined).saturating_add(self.lost);
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
}

impl Balance {
    /// Whether the books of every device agree. Sums alone would not do: one device's loss would hide another's surplus.
    pub fn closes(&self) -> bool {
        self.devices.values().all(Account::closes)
    }

    /// The lines that do not close, the worst first.
    pub fn open_lines(&self) -> Vec<(&Line, &Account)> {
        let weight = |account: &Account| {
            account.unexplained().unsigned_abs() + account.doubled + account.forged + account.damaged
        };
        let mut open: Vec<_> = self.devices.iter().filter(|(_, account)| !account.closes()).collect();
        open.sort_by(|(a, x), (b, y)| weight(y).cmp(&weight(x)).then_with(|| a.cmp(b)));
        open
    }
}

/// What has been found of one line of the ledger.
struct Found {
    entry: Entry,
    /// One bit a sequence: whether its row is there.
    seen: Vec<u64>,
    account: Account,
    digest: Digest,
}

impl Found {
    fn new(line: &Line, entry: Entry) -> Result<Self, AuditError> {
        if entry.sequence_end > BITS_MAX {
            return Err(AuditError::TooLong { device: line.device.clone(), sequence: entry.sequence_end });
        }
        let words = usize::try_from(entry.sequence_end.div_ceil(64)).unwrap_or(usize::MAX);
        let account = Account { emitted: entry.emitted, lost: entry.lost, ..Account::default() };
        Ok(Self { entry, seen: vec![0; words], account, digest: Digest::default() })
    }

    /// Notes a sequence; says whether it was there before, or none if the device never came so far.
    fn see(&mut self, sequence: u64) -> Option<bool> {
        if sequence >= self.entry.sequence_end {
            return None;
        }
        let word = self.seen.get_mut(usize::try_from(sequence / 64).ok()?)?;
        let bit = 1 << (sequence % 64);
        let before = *word & bit != 0;
        *word |= bit;
        Some(before)
    }
}

/// The books while they are being compared.
struct Books {
    found: HashMap<Line, Found>,
    /// Lines by device, for messages that name a device and nothing else.
    lines: HashMap<DeviceId, Vec<Line>>,
    strangers: BTreeMap<String, u64>,
    strange_messages: u64,
    bytes: Vec<u8>,
}

impl Books {
    fn new(ledger: &Ledger) -> Result<Self, AuditError> {
        let (mut found, mut lines) = (HashMap::new(), HashMap::<DeviceId, Vec<Line>>::new());
        for (line, entry) in ledger.lines() {
            found.insert(line.clone(), Found::new(&line, entry)?);
            lines.entry(line.device.clone()).or_default().push(line);
        }
        Ok(Self { found, lines, strangers: BTreeMap::new(), strange_messages: 0, bytes: Vec::new() })
    }

    fn line(record: &Record) -> Line {
        Line { device: record.device.clone(), kind: record.kind(), epoch: record.epoch }
    }

    /// A row of history.
    fn stored(&mut self, record: &Record) {
        let Some(found) = self.found.get_mut(&Self::line(record)) else {
            let name = record.device.as_str();
            let full = self.strangers.len() >= STRANGERS_MAX && !self.strangers.contains_key(name);
            *self.strangers.entry(if full { String::from("others") } else { name.to_owned() }).or_default() += 1;
            return;
        };
        match found.see(record.sequence) {
            None => found.account.forged += 1,
            Some(true) => found.account.doubled += 1,
            Some(false) => {
                found.account.stored += 1;
                self.bytes.clear();
                json::encode(record, &mut self.bytes);
                found.digest.add(&self.bytes);
            }
        }
    }

    /// A message of the quarantine: a record refused whole, or one that the radio damaged, or somebody else's.
    fn quarantined(&mut self, message: &Kept) {
        let readable = message.is_whole().then(|| json::decode(&message.payload).ok()).flatten();
        let Some(record) = readable else { return self.garbled(message.device.as_ref(), 1) };
        if let Some(found) = self.found.get_mut(&Self::line(&record))
            && found.see(record.sequence) == Some(false)
        {
            found.account.quarantined += 1;
            self.bytes.clear();
            json::encode(&record, &mut self.bytes);
            found.digest.add(&self.bytes);
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
                let whole = found.digest.count - found.account.stored;
                let own = count.min(found.entry.garbled.saturating_sub(found.account.quarantined - whole));
                found.account.quarantined += own;
                count -= own;
            }
        }
        self.strange_messages += count;
    }

    fn close(self) -> Balance {
        let Self { found, strangers, strange_messages, .. } = self;
        let mut balance = Balance { strangers, strange_messages, ..Balance::default() };
        for (line, Found { entry, mut account, digest, .. }) in found {
            if digest.count == entry.sent.count && digest != entry.sent {
                account.damaged = 1;
            }
            balance.total.add(&account);
            balance.kinds.entry(line.kind).or_default().add(&account);
            balance.devices.insert(line, account);
        }
        balance
    }
}

/// Compares what was emitted with what the stores hold.
///
/// # Errors
/// When the stores cannot be read, or a device emitted more records than can be checked.
pub fn balance(ledger: &Ledger, stores: &Stores) -> Result<Balance, AuditError> {
    let mut books = Books::new(ledger)?;
    for &kind in ReadingKind::ALL {
        stores.scan(kind, &mut |record| {
            books.stored(&record);
            ControlFlow::Continue(())
        })?;
    }
    stores.quarantine().scan(&mut |message| {
        books.quarantined(&message);
        ControlFlow::Continue(())
    })?;
    for ((device, _), count) in stores.quarantine().totals()?.counted {
        books.garbled(device.parse().ok().as_ref(), count);
    }
    Ok(books.close())
}
