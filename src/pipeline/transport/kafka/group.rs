//! A member of a consumer group: says which partitions are ours, and reads none of them.
//!
//! The client that joins the group holds its partitions paused; they are read by clients of their own, from where the checkpoints
//! say. Partitions move cooperatively (KIP-429): those that stay are not interrupted. One that is wanted elsewhere is given up only
//! when its worker has kept what it had, so nothing is made twice while everybody is well.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::config::{FromClientConfigAndContext as _, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::topic_partition_list::Offset;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, TopicPartitionList};

use super::super::bus::BusError;
use super::super::membership::{GroupNews, Membership};
use super::settings::KafkaOptions;
use super::shared::is_passing;
use super::words;

/// A place in the group of a topic's consumers.
pub struct KafkaGroup {
    consumer: BaseConsumer<Heard>,
    topic: String,
    /// The group and its topic, for people.
    place: String,
    /// What is wanted elsewhere and has not been let go.
    wanted: Vec<u16>,
}

/// What the client was told and nobody has heard yet.
#[derive(Debug, Clone, Default)]
struct Heard {
    news: Arc<Mutex<VecDeque<GroupNews>>>,
    /// Whether we are leaving: whatever is wanted then is free at once.
    leaving: Arc<AtomicBool>,
}

impl fmt::Debug for KafkaGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KafkaGroup({})", self.place)
    }
}

impl KafkaGroup {
    /// Joins the group of the options; as `member` again and again, if that is said: who comes back under his name within
    /// [`KafkaOptions::session`] finds his partitions as they were, and nobody else is interrupted (KIP-345).
    ///
    /// # Errors
    /// When the options are no good. Brokers need not answer yet.
    pub fn join(options: &KafkaOptions, member: Option<&str>) -> Result<Self, BusError> {
        let place = format!("the group `{}` of {}", options.group, options.place());
        let refused = |error: KafkaError| BusError::Refused { place: place.clone(), reason: words(&error) };
        let consumer = BaseConsumer::from_config_and_context(&options.joining(member), Heard::default());
        let consumer = consumer.map_err(refused)?;
        consumer.subscribe(&[&options.topic]).map_err(refused)?;
        Ok(Self { consumer, topic: options.topic.clone(), place, wanted: Vec::new() })
    }

    /// The next piece of news that waits.
    fn next(&mut self) -> Option<GroupNews> {
        let news = self.consumer.context().queue().pop_front();
        if let Some(GroupNews::Wanted(partitions)) = &news {
            self.wanted.extend(partitions);
        }
        news
    }

    /// Tells the brokers how far we are, as a member of this generation: from one that they have given up they take nothing.
    fn commit(&self, partition: u16, offset: u64, mode: CommitMode) -> KafkaResult<()> {
        let (mut list, offset) = (TopicPartitionList::new(), Offset::Offset(i64::try_from(offset).unwrap_or(i64::MAX)));
        list.add_partition_offset(&self.topic, i32::from(partition), offset)?;
        self.consumer.commit(&list, mode)
    }

    fn list(&self, partitions: &[u16]) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for &partition in partitions {
            list.add_partition(&self.topic, i32::from(partition));
        }
        list
    }
}

impl Membership for KafkaGroup {
    fn hear(&mut self, moment: Duration) -> Result<Option<GroupNews>, BusError> {
        if let Some(news) = self.next() {
            return Ok(Some(news));
        }
        // Messages that were fetched before the pause are read elsewhere.
        if let Some(Err(error)) = self.consumer.poll(moment)
            && ends_membership(&error)
        {
            return Err(BusError::Refused { place: self.place.clone(), reason: words(&error) });
        }
        Ok(self.next())
    }

    fn let_go(&mut self, partitions: &[u16]) {
        // If the group has taken them away meanwhile, there is nothing to let go.
        drop(self.consumer.incremental_unassign(&self.list(partitions)));
        self.wanted.retain(|partition| !partitions.contains(partition));
    }

    fn note(&mut self, partition: u16, offset: u64) {
        drop(self.commit(partition, offset, CommitMode::Async));
    }

    fn confirm(&mut self, partition: u16, offset: u64) -> bool {
        self.commit(partition, offset, CommitMode::Sync).is_ok()
    }
}

impl Drop for KafkaGroup {
    fn drop(&mut self) {
        // The client leaves the group when it is dropped, and waits until what was wanted from it before has been let go.
        self.consumer.context().leaving.store(true, Ordering::SeqCst);
        while self.next().is_some() {}
        if !self.wanted.is_empty() {
            drop(self.consumer.incremental_unassign(&self.list(&self.wanted)));
        }
    }
}

impl Heard {
    fn queue(&self) -> MutexGuard<'_, VecDeque<GroupNews>> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The partitions of a list.
fn numbers(list: &TopicPartitionList) -> Vec<u16> {
    list.elements().iter().filter_map(|element| u16::try_from(element.partition()).ok()).collect()
}

impl ClientContext for Heard {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, _: KafkaError, _: &str) {}
}

impl ConsumerContext for Heard {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, what: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let partitions = numbers(list);
        if what == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            drop(consumer.incremental_assign(list));
            drop(consumer.pause(list));
            self.queue().push_back(GroupNews::Given(partitions));
        } else if self.leaving.load(Ordering::SeqCst) {
            drop(consumer.incremental_unassign(list));
        } else if consumer.assignment_lost() {
            drop(consumer.incremental_unassign(list));
            self.queue().push_back(GroupNews::Lost(partitions));
        } else {
            self.queue().push_back(GroupNews::Wanted(partitions));
        }
    }
}

/// Whether an error says that the group will not have us, now or later, unless somebody does something.
fn ends_membership(error: &KafkaError) -> bool {
    if matches!(error, KafkaError::MessageConsumptionFatal(_)) {
        return true;
    }
    let ends = |code: Code| {
        matches!(
            code,
            Code::InconsistentGroupProtocol
                | Code::InvalidGroupId
                | Code::InvalidSessionTimeout
                | Code::GroupAuthorizationFailed
                | Code::TopicAuthorizationFailed
                | Code::GroupMaxSizeReached
                | Code::FencedInstanceId
        )
    };
    error.rdkafka_error_code().is_some_and(|code| !is_passing(code) && ends(code))
}
