//! What every bus promises: partitions of messages in order, acknowledged when durable, read from any place.
//!
//! Shaped after a Kafka topic (partition, offset, log end), so that the built-in log, the one in memory and a real broker are
//! one thing to their consumers. One conformance suite holds every implementation to it. Does not know how messages arrive.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use super::message::{Logged, Message, PAYLOAD_BYTES_MAX, TOPIC_BYTES_MAX};

/// Called once, from the bus's own thread, when messages are durable or when they cannot become so. Must not block.
pub type Done = Box<dyn FnOnce(Result<Range<u64>, BusError>) + Send>;

/// A partitioned, durable, ordered log of messages.
pub trait Bus: Send + Sync + fmt::Debug {
    /// Number of partitions; at least 1 and fixed for the life of the bus.
    fn partitions(&self) -> u16;

    /// First offset that can still be read.
    fn begin(&self, partition: u16) -> u64;

    /// Offset after the last durable message.
    fn end(&self, partition: u16) -> u64;

    /// The same as far as it is known here without asking anybody. Where what stands at the end of a partition is no message, as
    /// transactions leave it, this is the offset after the last message once somebody has read up to there.
    fn known_end(&self, partition: u16) -> u64 {
        self.end(partition)
    }

    /// Durable messages from `from` on, in order: at least one if there is one, otherwise within both limits.
    ///
    /// # Errors
    /// When `from` lies outside `begin..=end`, when the partition does not exist, or when the log cannot be read or is damaged.
    fn read(&self, partition: u16, from: u64, max_messages: usize, max_bytes: usize) -> Result<Vec<Logged>, BusError>;

    /// Sleeps until `end(partition) > offset`, at most for `timeout`; says whether it is so.
    fn wait_beyond(&self, partition: u16, offset: u64, timeout: Duration) -> bool;

    /// Hands in messages of one partition without waiting; `done` hears the range of their offsets once they are durable.
    /// Messages of one partition become durable in the order they are handed in, all of one call or none; where a broker of others
    /// keeps them, a process that dies may leave the first of a call behind, of which nobody has heard.
    fn submit(&self, partition: u16, messages: Vec<Message>, done: Done);

    /// Says that messages before `up_to` are no longer needed by any consumer; a bus at its size limit may then drop them.
    fn release(&self, partition: u16, up_to: u64);

    /// Why it cannot be used now, as far as that is known here without asking anybody; none if it can.
    fn trouble(&self) -> Option<BusError> {
        None
    }

    /// Appends and waits until durable. Blocks: not for the threads of an async runtime.
    ///
    /// # Errors
    /// When the messages are not durable; none of them is visible then.
    fn append(&self, partition: u16, messages: Vec<Message>) -> Result<Range<u64>, BusError> {
        let (told, hear) = mpsc::sync_channel(1);
        self.submit(partition, messages, Box::new(move |result| drop(told.send(result))));
        hear.recv().unwrap_or_else(|_| Err(BusError::Stopped { cause: "the bus was closed".into() }))
    }
}

/// Why a bus did not do what was asked. Nothing acknowledged before is lost by any of them.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BusError {
    /// The system refused; a log takes nothing more until it is opened again, its files end after the last whole commit.
    #[error("cannot {action} `{}`: {}", path.display(), reason(source))]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// The bus holds as much as it may, and its consumers still need all of it. It takes more once they release something.
    #[error(
        "{place} is full: it may hold {limit} bytes and its consumers have released none of them; let them catch up, or raise its limit"
    )]
    Full {
        /// Which log.
        place: String,
        /// Its limit [bytes].
        limit: u64,
    },
    /// More is waiting to be written than may wait; try again when something has been written.
    #[error("more than {limit} bytes wait to be written")]
    Busy {
        /// Its limit [bytes].
        limit: usize,
    },
    /// A file holds something else than what was written, in a place that had been durable. The log is not opened or read past it.
    #[error(
        "`{}` is damaged at byte {position}: {what}; what lies before it can be read, restore the file from a copy or move the log's folder away and start again",
        path.display()
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Where in it [bytes].
        position: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// Another process has the log open.
    #[error("the log in `{}` is in use by another process; stop it, or choose another folder", path.display())]
    Locked {
        /// The log's folder.
        path: PathBuf,
    },
    /// The folder holds a log with another number of partitions.
    #[error("the log in `{}` has {found} partitions, not {asked}; put back what is missing, or choose another folder", path.display())]
    Partitions {
        /// The log's folder.
        path: PathBuf,
        /// Partitions it has.
        found: u16,
        /// Partitions asked for.
        asked: u16,
    },
    /// The messages asked for have been dropped.
    #[error("partition {partition} begins at {begin}: {from} has been dropped")]
    Gone {
        /// Which partition.
        partition: u16,
        /// Offset asked for.
        from: u64,
        /// First offset there is.
        begin: u64,
    },
    /// The offset asked for has never been durable: whoever asks remembers another log.
    #[error(
        "partition {partition} of the log ends at {end}, and {from} was asked for: the log is not the one that was read before; \
         put it back from a copy, or begin in an empty folder"
    )]
    Beyond {
        /// Which partition.
        partition: u16,
        /// Offset asked for.
        from: u64,
        /// Offset after the last message.
        end: u64,
    },
    /// There is no such partition.
    #[error("there is no partition {partition}, only {partitions}")]
    NoPartition {
        /// Which one.
        partition: u16,
        /// How many there are.
        partitions: u16,
    },
    /// A topic or payload is longer than allowed; nothing of the batch was taken.
    #[error("a {what} of {bytes} bytes is longer than {limit}")]
    TooLarge {
        /// `topic` or `payload`.
        what: &'static str,
        /// Its length [bytes].
        bytes: usize,
        /// Its limit [bytes].
        limit: usize,
    },
    /// A broker does not answer. Nothing is wrong with what it holds; try again, it may come back.
    #[error("{place} does not answer: {reason}; what comes in waits until it does")]
    Away {
        /// Which topic, and where.
        place: String,
        /// What was seen of it.
        reason: String,
    },
    /// A broker refuses what it is asked; trying again is of no use.
    #[error("{place} refuses: {reason}")]
    Refused {
        /// Which topic, and where.
        place: String,
        /// Why, and what to do.
        reason: String,
    },
    /// An earlier error stopped the log.
    #[error("the log has stopped: {cause}")]
    Stopped {
        /// The earlier error.
        cause: Arc<str>,
    },
}

impl BusError {
    /// An error about `path`, to be used with `map_err`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source: Arc::new(source) }
    }

    /// Whether the bus takes nothing more until it is opened again.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Io { .. } | Self::Stopped { .. } | Self::Damaged { .. } | Self::Refused { .. })
    }

    /// Whether the same may succeed later, without anybody doing anything here.
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Away { .. })
    }
}

/// The reason in words, and what to do where that is known.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "the disk is full; make room and start again, nothing acknowledged is lost".to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            "permission denied; give this user the right to write there, or choose another folder".to_owned()
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "the file system is read-only; make it writable, or choose another folder".to_owned()
        }
        _ => format!("{error}; look at the disk and start again, nothing acknowledged is lost"),
    }
}

/// Checks what every bus must refuse.
pub(crate) fn check_limits(messages: &[Message]) -> Result<(), BusError> {
    for message in messages {
        let parts =
            [("topic", message.topic.len(), TOPIC_BYTES_MAX), ("payload", message.payload.len(), PAYLOAD_BYTES_MAX)];
        for (what, bytes, limit) in parts {
            if bytes > limit {
                return Err(BusError::TooLarge { what, bytes, limit });
            }
        }
    }
    Ok(())
}
