//! Makes sure of the topic before anything is handed in or read: that it is there, and has as many partitions as were asked for; and
//! looks whether the brokers are still there when there is reason to doubt it.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::super::bus::BusError;
use super::settings::KafkaOptions;
use super::shared::{Ears, Shared};

/// Wait before brokers that are away are asked again.
const AGAIN: Duration = Duration::from_millis(200);

/// Wait between two looks whether the brokers are doubted.
const LOOK: Duration = Duration::from_secs(1);

/// Asks for the topic until it is known, and then for the brokers whenever they are doubted, until the bus is closed.
pub(super) fn watch(options: &KafkaOptions, shared: &Arc<Shared>) {
    let admin = match AdminClient::from_config_and_context(&options.common(), Ears(Arc::clone(shared))) {
        Ok(admin) => admin,
        Err(error) => {
            shared.fail(BusError::Refused { place: shared.place.clone(), reason: error.to_string() });
            return;
        }
    };
    loop {
        match look(&admin, options, shared) {
            Ok(true) => break shared.set_ready(),
            Ok(false) => {}
            Err(error) if error.is_passing() => {}
            Err(error) => {
                shared.fail(error);
                return;
            }
        }
        if !shared.pause(AGAIN) {
            return;
        }
    }
    while shared.pause(LOOK) {
        if shared.is_doubtful() {
            // Others ask as well, but not of a bus that nobody uses; and one broker that is lost is not all.
            match admin.inner().fetch_metadata(Some(&options.topic), options.patience) {
                Ok(_) => shared.note_answer(),
                Err(_) => shared.note_silence(),
            }
        }
    }
}

/// One look at the topic, which is made if it is not there; whether it is as it should be.
fn look(admin: &AdminClient<Ears>, options: &KafkaOptions, shared: &Shared) -> Result<bool, BusError> {
    let asked = admin.inner().fetch_metadata(Some(&options.topic), options.patience);
    let metadata = asked.map_err(|error| shared.error(&error))?;
    shared.note_answer();
    let Some(topic) = metadata.topics().first() else { return Ok(false) };
    let refused = |reason: String| Err(BusError::Refused { place: shared.place.clone(), reason });
    match topic.error().map(Code::from) {
        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => {
            return make(admin, options, shared).map(|()| false);
        }
        Some(code) => return Err(shared.error(&KafkaError::MetadataFetch(code))),
        None => {}
    }
    let found = topic.partitions().len();
    if found == 0 || topic.partitions().iter().any(|partition| partition.leader() < 0) {
        return Ok(false);
    }
    if found != usize::from(options.partitions) {
        let asked = options.partitions;
        return refused(format!(
            "it has {found} partitions, not {asked}; write `partitions: {found}`, or name another topic"
        ));
    }
    Ok(true)
}

fn make(admin: &AdminClient<Ears>, options: &KafkaOptions, shared: &Shared) -> Result<(), BusError> {
    let replication = options.replication.map_or(-1, i32::from);
    let wanted = NewTopic::new(&options.topic, i32::from(options.partitions), TopicReplication::Fixed(replication));
    let settings =
        AdminOptions::new().operation_timeout(Some(options.patience)).request_timeout(Some(options.patience));
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| shared.away(error.to_string()))?;
    let made = runtime.block_on(admin.create_topics([&wanted], &settings)).map_err(|error| shared.error(&error))?;
    match made.into_iter().next() {
        // Somebody else was faster.
        None | Some(Ok(_) | Err((_, Code::TopicAlreadyExists))) => Ok(()),
        Some(Err((_, code))) => Err(shared.error(&KafkaError::AdminOp(code))),
    }
}
