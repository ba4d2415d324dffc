//! What has been found of one line of the ledger: one bit a sequence, and a fingerprint a block.

use std::collections::BTreeMap;
use std::ops::Range;

use super::balance::{Account, Missing};
use super::blocks::Blocks;
use super::ledger::{BLOCK, Entry, Line};
use super::marks::Mark;
use crate::telemetry::{Digest, Fate};

/// Most runs of one line of which missing sequences are listed.
const RUNS_MAX: usize = 100;
/// Words of one bit a sequence, of which a block has [`BLOCK`].
const WORDS: usize = 16;
const _: () = assert!(WORDS as u64 * 64 >= BLOCK);

/// What has been found of a block of the ledger.
struct Block {
    entry: Entry,
    /// One bit a sequence: whether its row is there.
    seen: [u64; WORDS],
    digest: Digest,
    /// Rows that name a message of the block and hold nothing that can be read: those known to have been sent so, and the others.
    unread: (u32, u32),
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

    fn has(&self, sequence: u64) -> bool {
        let within = usize::try_from(sequence % BLOCK).unwrap_or(0);
        self.seen.get(within / 64).is_some_and(|word| word & (1 << (within % 64)) != 0)
    }

    /// Rows that are there.
    fn rows(&self) -> u64 {
        self.seen.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Rows that were compared: with one missing, nothing can be said of the sum of the others.
    fn compared(&self) -> u64 {
        if self.digest.count == self.entry.sent.count { self.digest.count } else { 0 }
    }

    /// Whether everything is there and does not say what was sent, or more cannot be read than was sent so.
    fn is_damaged(&self, known: bool) -> bool {
        let (own, others) = (u64::from(self.unread.0), u64::from(self.unread.1));
        let own_left = if known { 0 } else { self.entry.garbled.saturating_sub(own) };
        let differs = self.digest.count == self.entry.sent.count && self.digest != self.entry.sent;
        differs || others > own_left
    }
}

/// What has been found of one line of the ledger.
pub(super) struct Found {
    blocks: Blocks<Block>,
    pub(super) account: Account,
    /// Messages the radio damaged, and how many of them have been found.
    pub(super) garbled: (u64, u64),
    /// What was put on messages, where that is known.
    marks: BTreeMap<u64, Mark>,
    /// Copies that the sender itself sent.
    pub(super) own_copies: u64,
}

impl Found {
    pub(super) fn new(entries: &Blocks<Entry>, marks: BTreeMap<u64, Mark>) -> Self {
        let sum = |of: fn(&Entry) -> u64| entries.values().map(of).sum();
        let account =
            Account { emitted: sum(|entry| entry.emitted), lost: sum(|entry| entry.lost), ..Account::default() };
        let block =
            |entry: &Entry| Block { entry: *entry, seen: [0; WORDS], digest: Digest::default(), unread: (0, 0) };
        let blocks = entries.iter().map(|(number, entry)| (number, block(entry))).collect();
        Self { blocks, account, garbled: (sum(|entry| entry.garbled), 0), marks, own_copies: 0 }
    }

    /// Notes a record by its sequence; says whether it was there before, or none if it was never emitted.
    pub(super) fn see(&mut self, sequence: u64) -> Option<bool> {
        self.blocks.get_mut(sequence / BLOCK)?.see(sequence)
    }

    /// Notes that a record is there once more.
    pub(super) fn copy(&mut self, sequence: u64) {
        match self.marks.get_mut(&sequence) {
            Some(mark) if mark.has_copy => {
                mark.has_copy = false;
                self.own_copies += 1;
            }
            _ => self.account.doubled += 1,
        }
    }

    /// Adds a record that is there for the first time to its block's fingerprint.
    pub(super) fn add(&mut self, sequence: u64, json: &[u8]) {
        if let Some(block) = self.blocks.get_mut(sequence / BLOCK) {
            block.digest.add(json);
        }
    }

    /// Notes that what is there of a record cannot be read.
    pub(super) fn spoil(&mut self, sequence: u64) {
        let is_own = self.marks.get(&sequence).is_some_and(|mark| mark.fate == Fate::Garbled);
        if let Some(block) = self.blocks.get_mut(sequence / BLOCK) {
            *(if is_own { &mut block.unread.0 } else { &mut block.unread.1 }) += 1;
        }
    }

    /// The messages of a block with this fate; none where the marks do not know as many as the ledger.
    fn marked(&self, number: u64, fate: Fate, count: u64) -> Option<Vec<u64>> {
        let within = number.saturating_mul(BLOCK)..number.saturating_add(1).saturating_mul(BLOCK);
        let marked = self.marks.range(within).filter(|(_, mark)| mark.fate == fate);
        let marked: Vec<u64> = marked.map(|(sequence, _)| *sequence).collect();
        (marked.len() as u64 == count).then_some(marked)
    }

    /// What the sender damaged on purpose may be missing: of every block those that are known to be, or else as many as are missing and
    /// have not come as they were sent.
    pub(super) fn allow_garbled(&mut self) {
        let mut allowed = 0;
        for (number, block) in self.blocks.iter() {
            let Entry { emitted, lost, garbled, .. } = block.entry;
            allowed += if let Some(marked) = self.marked(number, Fate::Garbled, garbled) {
                marked.into_iter().filter(|sequence| !block.has(*sequence)).count() as u64
            } else {
                let missing = (emitted - lost).saturating_sub(block.rows());
                missing.min(garbled.saturating_sub(u64::from(block.unread.0) + u64::from(block.unread.1)))
            };
        }
        self.account.quarantined += allowed;
    }

    fn end(&self) -> u64 {
        self.blocks.values().map(|block| block.entry.sequence_end).max().unwrap_or(0)
    }

    /// Sequences behind the last one that is there.
    fn trailing(&self) -> u64 {
        let last = self.blocks.iter().rev().find_map(|(number, block)| {
            let (word, bits) = block.seen.iter().enumerate().rev().find(|(_, bits)| **bits != 0)?;
            Some(number * BLOCK + word as u64 * 64 + u64::from(63 - bits.leading_zeros()))
        });
        self.end() - last.map_or(0, |last| last + 1)
    }

    /// How many messages at the end a sender that was cut off can not have come to send: what was never to be sent as it was is none of them,
    /// where that is known.
    pub(super) fn unsent_max(&self) -> u64 {
        let begin = self.end() - self.trailing();
        let known = |number: u64, entry: &Entry| {
            let of = |fate, count| self.marked(number, fate, count).unwrap_or_default();
            let all = [of(Fate::Lost, entry.lost), of(Fate::Garbled, entry.garbled)].concat();
            all.into_iter().filter(|sequence| *sequence >= begin).count() as u64
        };
        let ends_behind = |block: &Block| block.entry.sequence_end > begin;
        let blocks = self.blocks.iter().filter(|(_, block)| ends_behind(block));
        self.trailing().saturating_sub(blocks.map(|(number, block)| known(number, &block.entry)).sum())
    }

    /// Sequences before the first one that is there.
    pub(super) fn leading(&self) -> u64 {
        let first = self.blocks.iter().find_map(|(number, block)| {
            let (word, bits) = block.seen.iter().enumerate().find(|(_, bits)| **bits != 0)?;
            Some(number * BLOCK + word as u64 * 64 + u64::from(bits.trailing_zeros()))
        });
        first.unwrap_or_else(|| self.end())
    }

    /// Blocks that do not say what was sent.
    pub(super) fn damaged(&self) -> u64 {
        let known = |number, block: &Block| self.marked(number, Fate::Garbled, block.entry.garbled).is_some();
        self.blocks.iter().filter(|(number, block)| block.is_damaged(known(*number, block))).count() as u64
    }

    /// Rows of which was compared what they say, and rows that were only counted.
    pub(super) fn compared(&self) -> (u64, u64) {
        let of = |block: &Block| (block.compared(), block.rows() - block.compared().min(block.rows()));
        self.blocks.values().map(of).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    /// The first runs of sequences that are not there and ought to be. What the sender never came to send is none of them, nor what it
    /// dropped or damaged on purpose where it is known which that was; where it is not, so many more are listed than are missing.
    pub(super) fn missing(&self, line: &Line) -> Missing {
        let (mut runs, mut listed, mut more_runs): (Vec<(u64, u64)>, u64, u64) = (Vec::new(), 0, 0);
        let unsent = if self.account.unsent > 0 { self.trailing() } else { 0 };
        let end = self.end() - unsent;
        let mut run: Option<Range<u64>> = None;
        let mut take = |run: Range<u64>| {
            if runs.len() < RUNS_MAX { runs.push((run.start, run.end - 1)) } else { more_runs += 1 }
        };
        for (number, block) in self.blocks.iter() {
            let Entry { sequence_end, lost, garbled, .. } = block.entry;
            let of = |fate, count| self.marked(number, fate, count).unwrap_or_default();
            let mut excused = [of(Fate::Lost, lost), of(Fate::Garbled, garbled)].concat();
            excused.sort_unstable();
            for sequence in number * BLOCK..sequence_end.min(end) {
                if block.has(sequence) || excused.binary_search(&sequence).is_ok() {
                    continue;
                }
                listed += 1;
                match &mut run {
                    Some(run) if run.end == sequence => run.end += 1,
                    _ => run.replace(sequence..sequence + 1).into_iter().for_each(&mut take),
                }
            }
        }
        run.into_iter().for_each(&mut take);
        let missing = u64::try_from(self.account.unexplained()).unwrap_or(0);
        Missing { line: line.clone(), runs, more_runs, excused: listed.saturating_sub(missing) }
    }
}
