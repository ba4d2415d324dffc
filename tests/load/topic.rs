//! Topics of Kafka for a test: made, and read by librdkafka's own consumer, so that nothing of ours vouches for ours.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

/// Long enough that only a broker that never answers is not waited for.
const LONG: Duration = Duration::from_mins(1);

/// The broker in the environment.
pub(crate) fn broker() -> String {
    std::env::var("CITYTWIN_TEST_KAFKA").expect("set CITYTWIN_TEST_KAFKA to host:port of a broker")
}

/// Makes a topic at brokers; its address for a load.
pub(crate) fn make(brokers: &str, partitions: i32) -> String {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    let name = format!("load-{}-{number}", std::process::id());
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create().expect("a client");
    let topic = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let settings = AdminOptions::new().operation_timeout(Some(LONG)).request_timeout(Some(LONG));
    let made = runtime.block_on(admin.create_topics([&topic], &settings)).expect("an answer");
    assert!(made.iter().all(Result::is_ok), "{made:?}");
    format!("kafka://{brokers}/{name}")
}

/// What a topic holds: each record's partition, key and payload, and the offsets at which partitions begin.
pub(crate) struct Held {
    pub(crate) records: Vec<(i32, Vec<u8>, Vec<u8>)>,
    pub(crate) begins: Vec<i64>,
}

/// Everything in a topic that has come to rest.
pub(crate) fn read(url: &str, partitions: i32) -> Held {
    let (brokers, topic) = url.trim_start_matches("kafka://").split_once('/').expect("an address");
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("group.id", "a-test").set("auto.offset.reset", "error");
    let consumer: BaseConsumer = config.create().expect("a client");
    let (mut place, mut begins, mut left) = (TopicPartitionList::new(), Vec::new(), 0);
    for partition in 0..partitions {
        let (begin, end) = consumer.fetch_watermarks(topic, partition, LONG).expect("an answer");
        place.add_partition_offset(topic, partition, Offset::Offset(begin)).expect("a place");
        begins.push(begin);
        left += end - begin;
    }
    consumer.assign(&place).expect("an assignment");
    let mut records = Vec::new();
    while left > 0 {
        let record = consumer.poll(LONG).expect("there is one").expect("no trouble");
        let bytes = |part: Option<&[u8]>| part.unwrap_or_default().to_vec();
        records.push((record.partition(), bytes(record.key()), bytes(record.payload())));
        left -= 1;
    }
    Held { records, begins }
}
