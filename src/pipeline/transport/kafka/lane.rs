//! Reading one partition: a client of its own, set to where its reader stands, and what has been fetched and not been read yet.
//!
//! Partitions are given to readers by whoever keeps the checkpoints, not by the brokers: a reader says itself where it goes on.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rdkafka::TopicPartitionList;
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::producer::{Producer as _, ThreadedProducer};
use rdkafka::topic_partition_list::Offset;

use super::super::bus::BusError;
use super::super::message::{Logged, Message};
use super::settings::KafkaOptions;
use super::shared::{Ears, Shared, is_passing};

/// How long one look at what has been fetched lasts.
const MOMENT: Duration = Duration::from_millis(100);

/// How often a client is sought in that has not begun to fetch.
const SEEKS_MAX: u32 = 10;

/// The reader of a partition.
pub(super) struct Lane {
    partition: u16,
    topic: String,
    patience: Duration,
    shared: Arc<Shared>,
    consumer: BaseConsumer<Ears>,
    /// For questions: on the consumer's connections they would wait behind a fetch that waits for messages.
    asking: Arc<ThreadedProducer<Ears>>,
    reader: Mutex<Reader>,
}

/// Where the client stands.
#[derive(Default)]
struct Reader {
    /// What the client gives next, less what lies here; none if it has been set nowhere.
    next: Option<u64>,
    /// Fetched and not read.
    fetched: VecDeque<Logged>,
    /// Whether the client has been given the partition.
    is_assigned: bool,
}

/// What one look at the client brought.
enum Looked {
    Message(Logged),
    /// The broker had nothing more to give.
    End,
    Nothing,
}

impl Lane {
    pub(super) fn open(
        options: &KafkaOptions,
        shared: &Arc<Shared>,
        asking: &Arc<ThreadedProducer<Ears>>,
        partition: u16,
    ) -> Result<Self, KafkaError> {
        let consumer = BaseConsumer::from_config_and_context(&options.consuming(), Ears(Arc::clone(shared)))?;
        Ok(Self {
            partition,
            topic: options.topic.clone(),
            patience: options.patience,
            shared: Arc::clone(shared),
            consumer,
            asking: Arc::clone(asking),
            reader: Mutex::default(),
        })
    }

    /// Where reading stands is set anew after whatever went wrong.
    fn reader(&self) -> MutexGuard<'_, Reader> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the brokers from where to where the partition reaches.
    pub(super) fn look(&self) -> Result<(), BusError> {
        let asked = self.asking.client().fetch_watermarks(&self.topic, i32::from(self.partition), self.patience);
        let (begin, end) = asked.map_err(|error| {
            self.shared.note_doubt();
            self.shared.error(&error)
        })?;
        self.shared.note_answer();
        self.shared.note_begin(self.partition, u64::try_from(begin).unwrap_or(0));
        self.shared.note_end(self.partition, u64::try_from(end).unwrap_or(0));
        Ok(())
    }

    /// Messages from an offset on, within limits, but at least one if there is one.
    pub(super) fn read(&self, from: u64, messages_max: usize, bytes_max: usize) -> Result<Vec<Logged>, BusError> {
        let reader = &mut *self.reader();
        if reader.place() != Some(from) {
            self.look()?;
            self.check(from)?;
            self.set(reader, from)?;
        } else if self.shared.end(self.partition) <= from {
            // Others may have written meanwhile.
            self.look()?;
        }
        let (mut read, mut bytes, mut next) = (Vec::new(), 0, from);
        let (mut patience, mut is_fresh) = (self.patience, false);
        loop {
            // What is known to be there is waited for; what came with it is taken as well.
            let is_known = next < self.shared.end(self.partition);
            if !is_known && read.is_empty() {
                break;
            }
            let looked = match reader.fetched.pop_front() {
                Some(logged) => Looked::Message(logged),
                None => self.poll(reader, if is_known { MOMENT } else { Duration::ZERO })?,
            };
            let logged = match looked {
                Looked::Message(logged) => logged,
                // What is told of an end may be older than the messages that were written after it.
                Looked::End if read.is_empty() && !is_fresh => {
                    self.set(reader, from)?;
                    is_fresh = true;
                    continue;
                }
                Looked::End if read.is_empty() => {
                    self.shared.note_hole(self.partition, from);
                    break;
                }
                Looked::Nothing if is_known => {
                    patience = patience.saturating_sub(MOMENT);
                    if patience.is_zero() && read.is_empty() {
                        return Err(self.shared.away(String::from("nothing comes")));
                    }
                    if patience.is_zero() {
                        break;
                    }
                    continue;
                }
                Looked::End | Looked::Nothing => break,
            };
            bytes += logged.message.bytes();
            if !read.is_empty() && (read.len() >= messages_max || bytes > bytes_max) {
                reader.fetched.push_front(logged);
                break;
            }
            next = logged.offset + 1;
            read.push(logged);
        }
        Ok(read)
    }

    /// Whether there can be a message at an offset, now or later.
    fn check(&self, from: u64) -> Result<(), BusError> {
        let (partition, begin, end) =
            (self.partition, self.shared.begin(self.partition), self.shared.last(self.partition));
        if from < begin {
            return Err(BusError::Gone { partition, from, begin });
        }
        if from > end {
            return Err(BusError::Beyond { partition, from, end });
        }
        Ok(())
    }

    /// Sets the client to an offset.
    ///
    /// What is assigned is sought in, and not assigned once more: an assignment that changes again before it has taken effect stops its
    /// fetcher twice, for which librdkafka ends the process (its issue 5573, in 2.12 as in 2.15).
    fn set(&self, reader: &mut Reader, from: u64) -> Result<(), BusError> {
        *reader = Reader { is_assigned: reader.is_assigned, ..Reader::default() };
        let offset = Offset::Offset(i64::try_from(from).unwrap_or(i64::MAX));
        if !(reader.is_assigned && self.seek(offset)) {
            let mut place = TopicPartitionList::new();
            let set = place.add_partition_offset(&self.topic, i32::from(self.partition), offset);
            set.and_then(|()| self.consumer.assign(&place)).map_err(|error| self.shared.error(&error))?;
            reader.is_assigned = true;
        }
        reader.next = Some(from);
        Ok(())
    }

    /// Seeks in what is assigned; whether it could. One whose fetcher has not begun or has given up cannot; the latter only an assignment
    /// helps, which is long past the last one then.
    fn seek(&self, offset: Offset) -> bool {
        for _ in 0..SEEKS_MAX {
            if self.consumer.seek(&self.topic, i32::from(self.partition), offset, MOMENT).is_ok() {
                return true;
            }
            // Whatever it gives now is not from there.
            drop(self.consumer.poll(MOMENT));
        }
        false
    }

    /// Waits at most so long for what comes next.
    fn poll(&self, reader: &mut Reader, moment: Duration) -> Result<Looked, BusError> {
        match self.consumer.poll(moment) {
            None => Ok(Looked::Nothing),
            Some(Ok(message)) => {
                let logged = logged(&message);
                self.shared.note_answer();
                reader.next = Some(logged.offset + 1);
                self.shared.note_end(self.partition, logged.offset + 1);
                Ok(Looked::Message(logged))
            }
            Some(Err(KafkaError::PartitionEOF(_))) => Ok(Looked::End),
            Some(Err(error)) => match error.rdkafka_error_code() {
                // It is set anew, and told from where to where there is something.
                Some(Code::OffsetOutOfRange | Code::AutoOffsetReset) => {
                    let from = reader.next.take().unwrap_or(0);
                    self.look()?;
                    self.check(from)?;
                    Ok(Looked::Nothing)
                }
                Some(code) if is_passing(code) => Ok(Looked::Nothing),
                _ => Err(self.shared.error(&error)),
            },
        }
    }

    /// Waits a moment for a message at an offset; whether there is one.
    pub(super) fn wait_at(&self, offset: u64, moment: Duration) -> bool {
        let reader = &mut *self.reader();
        // Only a client that stands there hears of it at once; for all others it is looked at now and then.
        if reader.place() != Some(offset) || !reader.fetched.is_empty() {
            return !reader.fetched.is_empty() && reader.place() == Some(offset);
        }
        match self.poll(reader, moment) {
            Ok(Looked::Message(logged)) => {
                reader.fetched.push_back(logged);
                true
            }
            _ => false,
        }
    }

    /// Whether the client stands at an offset.
    pub(super) fn is_at(&self, offset: u64) -> bool {
        self.reader().place() == Some(offset)
    }

    /// Tells the brokers that everything before an offset is kept; for their tools, not for us, so it is told once and not again.
    pub(super) fn commit(&self, offset: u64) {
        let mut place = TopicPartitionList::new();
        let offset = Offset::Offset(i64::try_from(offset).unwrap_or(i64::MAX));
        if place.add_partition_offset(&self.topic, i32::from(self.partition), offset).is_ok() {
            drop(self.consumer.commit(&place, CommitMode::Async));
        }
    }
}

impl Reader {
    /// What would be read next.
    fn place(&self) -> Option<u64> {
        self.fetched.front().map(|logged| logged.offset).or(self.next)
    }
}

/// A record as a message: its key is the topic. One without a key, or with one that is no text, has no topic of ours, and goes where
/// messages go that nobody expects.
fn logged(record: &BorrowedMessage<'_>) -> Logged {
    let topic = record.key().and_then(|key| std::str::from_utf8(key).ok()).unwrap_or_default();
    let payload = Bytes::copy_from_slice(record.payload().unwrap_or_default());
    Logged { offset: u64::try_from(record.offset()).unwrap_or(0), message: Message::new(topic, payload) }
}
