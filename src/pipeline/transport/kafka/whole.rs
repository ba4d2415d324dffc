//! Reading a topic of somebody else's as a whole: from the first record its brokers still have to the last they had at the beginning.
//!
//! Every partition is read by one client that joins no group and commits nothing. Does not know what records say.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::config::{FromClientConfigAndContext as _, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::Offset;
use rdkafka::{ClientContext, TopicPartitionList};

use super::super::target::Credentials;
use super::address::KafkaTarget;
use super::cause::Cause;
use super::feed::FeedError;
use super::shared::is_passing;
use super::words;

/// Longest wait for an answer, and for the next record where one is known to be.
const PATIENCE: Duration = Duration::from_secs(20);
/// One wait for a record.
const MOMENT: Duration = Duration::from_millis(200);

/// Hears what a client tells of trouble; its log goes nowhere.
#[derive(Clone, Default)]
struct Ears(Arc<Mutex<Cause>>);

impl ClientContext for Ears {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).note(&error, reason);
    }
}

impl ConsumerContext for Ears {}

/// A topic about to be read.
struct Reader<'a> {
    target: &'a KafkaTarget,
    consumer: BaseConsumer<Ears>,
    ears: Ears,
}

impl Reader<'_> {
    fn error(&self, error: &KafkaError) -> FeedError {
        let heard = self.ears.0.lock().unwrap_or_else(PoisonError::into_inner).words();
        match error.rdkafka_error_code() {
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => FeedError::no_topic(self.target),
            Some(code) if !is_passing(code) => {
                FeedError::Refused { target: self.target.to_string(), reason: code.to_string() }
            }
            _ => self.away(&heard.unwrap_or_else(|| words(error))),
        }
    }

    fn away(&self, cause: &str) -> FeedError {
        FeedError::Unreachable { target: self.target.to_string(), waited: PATIENCE, cause: cause.to_owned() }
    }

    /// What the brokers have of each partition.
    fn ranges(&self) -> Result<Vec<Range<i64>>, FeedError> {
        let asked = self.consumer.fetch_metadata(Some(&self.target.topic), PATIENCE);
        let metadata = asked.map_err(|error| self.error(&error))?;
        let topic = metadata.topics().first();
        if let Some(code) = topic.and_then(rdkafka::metadata::MetadataTopic::error).map(Code::from) {
            return Err(self.error(&KafkaError::MetadataFetch(code)));
        }
        let partitions = i32::try_from(topic.map_or(0, |topic| topic.partitions().len())).unwrap_or(i32::MAX);
        let range = |partition| {
            let asked = self.consumer.fetch_watermarks(&self.target.topic, partition, PATIENCE);
            asked.map(|(begin, end)| begin..end).map_err(|error| self.error(&error))
        };
        (0..partitions).map(range).collect()
    }
}

/// Hands every record's payload to `take`, in its partition's order; the offsets that each partition was read from and to. A partition
/// that does not begin at 0 has lost what came before, by age or otherwise.
///
/// # Errors
/// When the brokers are away, refuse, or know no such topic; and with what `take` ends with.
pub fn read_topic<E: From<FeedError>>(
    target: &KafkaTarget,
    login: Option<&Credentials>,
    take: &mut dyn FnMut(&[u8]) -> Result<(), E>,
) -> Result<Vec<Range<u64>>, E> {
    let refused = |reason: String| FeedError::Refused { target: target.to_string(), reason };
    let options = target.options("citytwin-audit", login).map_err(refused)?;
    let mut config = options.consuming();
    config.set("auto.offset.reset", "earliest");
    let ears = Ears::default();
    let consumer =
        BaseConsumer::from_config_and_context(&config, ears.clone()).map_err(|error| refused(words(&error)))?;
    let reader = Reader { target, consumer, ears };
    let ranges = reader.ranges()?;
    // Partitions that have something left to be read.
    let mut open: Vec<bool> = ranges.iter().map(|range| !range.is_empty()).collect();
    let mut place = TopicPartitionList::new();
    for (partition, range) in (0_i32..).zip(&ranges).filter(|(_, range)| !range.is_empty()) {
        place
            .add_partition_offset(&target.topic, partition, Offset::Offset(range.start))
            .map_err(|error| reader.error(&error))?;
    }
    reader.consumer.assign(&place).map_err(|error| reader.error(&error))?;
    let mut patience = PATIENCE;
    while open.iter().any(|open| *open) {
        match reader.consumer.poll(MOMENT) {
            None if patience.is_zero() => return Err(reader.away("nothing comes").into()),
            None => patience = patience.saturating_sub(MOMENT),
            Some(Ok(record)) => {
                patience = PATIENCE;
                let partition = usize::try_from(record.partition()).unwrap_or(usize::MAX);
                let Some(end) = ranges.get(partition).map(|range| range.end) else { continue };
                if record.offset() < end {
                    take(record.payload().unwrap_or_default())?;
                }
                if record.offset() + 1 >= end {
                    close(&mut open, partition);
                }
            }
            // What stands at the end need not be a record: transactions leave marks.
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                close(&mut open, usize::try_from(partition).unwrap_or(usize::MAX));
            }
            Some(Err(error)) if error.rdkafka_error_code().is_some_and(is_passing) => {
                patience = patience.saturating_sub(MOMENT);
                if patience.is_zero() {
                    return Err(reader.error(&error).into());
                }
            }
            Some(Err(error)) => return Err(reader.error(&error).into()),
        }
    }
    let whole = |offset: i64| u64::try_from(offset).unwrap_or(0);
    Ok(ranges.into_iter().map(|range| whole(range.start)..whole(range.end)).collect())
}

fn close(open: &mut [bool], partition: usize) {
    if let Some(open) = open.get_mut(partition) {
        *open = false;
    }
}
