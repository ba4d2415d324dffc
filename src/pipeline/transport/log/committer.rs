//! The thread that makes messages durable: gathers what is waiting, writes it, syncs once, and tells everybody.
//!
//! One thread for all partitions, so that a commit under load carries everybody's messages. Every file error stops the log:
//! the files are cut back to the last commit, whoever waits hears why, and nothing more is taken until the log is opened again.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, PoisonError};

use super::super::bus::{BusError, Done};
use super::super::message::Message;
use super::Shared;
use super::disk::{Disk, Tape};
use super::frame;
use super::lane::{Segment, segment_name};
use crate::primitives::fail_point;

/// Messages of one call, waiting to be written.
pub(super) struct Batch {
    pub(super) partition: u16,
    pub(super) messages: Vec<Message>,
    pub(super) done: Done,
}

/// The writing side of a partition.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) tape: Box<dyn Tape>,
    /// Offset of the next message.
    pub(super) next: u64,
    /// Durable bytes of it.
    pub(super) bytes: u64,
}

/// Owns the files being written.
pub(super) struct Committer {
    pub(super) shared: Arc<Shared>,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) writers: Vec<Writer>,
    /// Of all segments [bytes].
    pub(super) total: u64,
    /// Reused by every commit.
    pub(super) buffer: Vec<u8>,
}

/// What one partition gets in one commit.
struct Group {
    partition: u16,
    batches: Vec<Batch>,
    /// Frames written: first offset and place [bytes].
    frame: (u64, u64),
    /// The writer's place before [bytes], and what was added to it.
    before: u64,
    added: u64,
}

impl Committer {
    /// Commits until the log is closed and nothing is waiting.
    pub(super) fn run(mut self) {
        while let Some(batches) = self.shared.gather() {
            self.commit(batches);
        }
    }

    fn commit(&mut self, batches: Vec<Batch>) {
        if let Some(cause) = self.shared.failure() {
            return refuse(batches, &cause);
        }
        let mut by_partition: BTreeMap<u16, Vec<Batch>> = BTreeMap::new();
        for batch in batches {
            by_partition.entry(batch.partition).or_default().push(batch);
        }
        let mut groups = Vec::with_capacity(by_partition.len());
        for (partition, batches) in by_partition {
            let bytes: u64 = batches.iter().map(|batch| frame::encoded_max(&batch.messages)).sum();
            if let Err(full) = self.make_room(bytes) {
                refuse(batches, &full);
                continue;
            }
            let writer = &self.writers[usize::from(partition)];
            let mut group =
                Group { partition, batches, frame: (writer.next, writer.bytes), before: writer.bytes, added: 0 };
            let written = self.write(&mut group, bytes);
            groups.push(group);
            if let Err(error) = written {
                return self.fail(groups, &error);
            }
        }
        let mut groups = groups.into_iter();
        while let Some(group) = groups.next() {
            match self.writers[usize::from(group.partition)].tape.sync() {
                Ok(()) => self.publish(group),
                Err(error) => {
                    let path = self.path(group.partition);
                    let error = BusError::io("make durable", &path)(error);
                    return self.fail(std::iter::once(group).chain(groups).collect(), &error);
                }
            }
        }
        self.shared.tell_readers();
    }

    /// Removes released segments, oldest of the longest partition first, until so many bytes more may be written.
    fn make_room(&mut self, bytes: u64) -> Result<(), BusError> {
        while self.total + bytes > self.shared.options.bytes_max {
            let removable = self.shared.lanes.iter().filter_map(|lane| {
                let lane = lane.lock().unwrap_or_else(PoisonError::into_inner);
                let oldest = lane.segments.first().filter(|_| lane.segments.len() > 1)?;
                (oldest.end <= lane.released).then(|| (lane.bytes(), lane.number))
            });
            let Some((_, number)) = removable.max() else {
                let place = format!("the log in `{}`", self.shared.folder.display());
                return Err(BusError::Full { place, limit: self.shared.options.bytes_max });
            };
            let mut lane = self.shared.lanes[usize::from(number)].lock().unwrap_or_else(PoisonError::into_inner);
            let oldest = lane.segments.remove(0);
            drop(lane);
            // Its name may come back after a crash; then it is read and released once more.
            fs::remove_file(&oldest.path).map_err(BusError::io("remove", &oldest.path)).inspect_err(|error| {
                self.shared.stop(error);
            })?;
            self.total -= oldest.bytes;
            self.shared.count_removed(oldest.bytes);
        }
        Ok(())
    }

    /// Writes a group's messages; durable only after the sync.
    fn write(&mut self, group: &mut Group, bytes: u64) -> Result<(), BusError> {
        fail_point::reach("log/gathered");
        let writer = &self.writers[usize::from(group.partition)];
        let head = frame::SEGMENT_HEAD as u64;
        if writer.bytes > head && writer.bytes + bytes > self.shared.options.segment_bytes {
            self.roll(group.partition)?;
        }
        let path = self.path(group.partition);
        let writer = &mut self.writers[usize::from(group.partition)];
        group.before = writer.bytes;
        group.frame.1 = writer.bytes;
        self.buffer.clear();
        let messages = group.batches.iter().flat_map(|batch| &batch.messages);
        frame::encode(messages, writer.next, &mut self.buffer);
        group.added = self.buffer.len() as u64;
        writer.tape.append(&self.buffer).map_err(BusError::io("write", &path))?;
        fail_point::reach("log/written");
        Ok(())
    }

    /// Begins a new segment. Everything in the old one is durable, because every commit ends with a sync.
    fn roll(&mut self, partition: u16) -> Result<(), BusError> {
        let mut lane = self.shared.lanes[usize::from(partition)].lock().unwrap_or_else(PoisonError::into_inner);
        let next = self.writers[usize::from(partition)].next;
        let path = lane.folder.join(segment_name(next));
        let writer = new_segment(&*self.disk, &path, next)?;
        lane.segments.push(Segment::new(path, next, next, writer.bytes));
        self.total += writer.bytes;
        self.writers[usize::from(partition)] = writer;
        Ok(())
    }

    /// Shows a group's messages to readers, and tells who handed them in.
    fn publish(&mut self, group: Group) {
        fail_point::reach("log/synced");
        let writer = &mut self.writers[usize::from(group.partition)];
        let from = writer.next;
        let count: usize = group.batches.iter().map(|batch| batch.messages.len()).sum();
        writer.next += count as u64;
        writer.bytes += group.added;
        self.total += group.added;
        let mut lane = self.shared.lanes[usize::from(group.partition)].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(segment) = lane.segments.last_mut() {
            segment.note(group.frame.0, group.frame.1);
            segment.end = writer.next;
            segment.bytes = writer.bytes;
        }
        drop(lane);
        self.shared.count_commit(group.partition, writer.next, count as u64, group.added);
        let mut at = from;
        for batch in group.batches {
            let end = at + batch.messages.len() as u64;
            (batch.done)(Ok(at..end));
            at = end;
        }
        fail_point::reach("log/shown");
    }

    /// Stops the log: cuts the files back to what is durable and tells everybody why.
    fn fail(&mut self, groups: Vec<Group>, error: &BusError) {
        self.shared.stop(error);
        for group in groups {
            // Should even this fail, the torn tail is found and cut when the log is opened again.
            let _ = self.writers[usize::from(group.partition)].tape.cut(group.before);
            refuse(group.batches, error);
        }
        self.shared.tell_readers();
    }

    fn path(&self, partition: u16) -> std::path::PathBuf {
        let lane = self.shared.lanes[usize::from(partition)].lock().unwrap_or_else(PoisonError::into_inner);
        lane.segments.last().map_or_else(|| lane.folder.clone(), |segment| segment.path.clone())
    }
}

/// Creates a segment's file with its head, durable; leaves nothing behind if that fails.
pub(super) fn new_segment(disk: &dyn Disk, path: &std::path::Path, base: u64) -> Result<Writer, BusError> {
    let begin = || {
        let mut tape = disk.create(path)?;
        tape.append(&frame::segment_head(base))?;
        tape.sync()?;
        Ok(tape)
    };
    let tape = begin().map_err(|error| {
        let _ = fs::remove_file(path);
        BusError::io("create", path)(error)
    })?;
    Ok(Writer { tape, next: base, bytes: frame::SEGMENT_HEAD as u64 })
}

fn refuse(batches: Vec<Batch>, error: &BusError) {
    for batch in batches {
        (batch.done)(Err(error.clone()));
    }
}
