//! Publishers: messages go to a broker over MQTT, a connection per partition, and whoever publishes waits when it is slow.
//!
//! At least once: a message is kept until it is safe and sent again after a lost connection, in the old order, whether or not the
//! broker remembers a session. Safe is what has its PUBACK where that means "on disk", as the listener's next door does; through
//! other brokers it is what the log's end has confirmed. Topics go to connections as they go to partitions, so a topic's messages keep their
//! order. Works with the listener next door and with any broker of MQTT 3.1.1 or 5. Does not read environment or files:
//! credentials are handed in.

mod connection;
mod lane;
mod patience;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use self::lane::Lane;
use super::door::Door;
use super::message::{Message, PAYLOAD_BYTES_MAX, TOPIC_BYTES_MAX, partition_of};
use super::target::{Credentials, Target};
use super::tls::TlsClient;

/// Which MQTT is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// MQTT 3.1.1.
    V311,
    /// MQTT 5.
    V5,
}

/// Whose word makes a message safe, so that its publisher forgets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirm {
    /// The broker's PUBACK: right for the built-in listener, whose PUBACK means "on disk".
    Broker,
    /// The log's end says so, through whatever broker (needs MQTT 5). A PUBACK only lets the next message go.
    EndToEnd {
        /// Without any news of the oldest message for so long, everything that is not safe is sent again; each time in a row it
        /// waits twice as long, as TCP does (RFC 6298, 5.3 and 5.5).
        timeout: Duration,
    },
}

impl Confirm {
    /// End to end, with 5 s of patience.
    pub const END_TO_END: Self = Self::EndToEnd { timeout: Duration::from_secs(5) };
}

/// Who hears what becomes of messages, one by one, at the moment it happens. Called on the threads of the runtime, so it must not
/// wait for anything.
pub trait Witness: std::fmt::Debug + Send + Sync {
    /// These messages are safe, each by the tag it was published with, each told once.
    fn safe(&self, tags: &[u64]);
    /// A connection of this number stands, for the first time or again.
    fn connected(&self, connection: usize, again: bool);
}

/// How to publish.
#[derive(Debug, Clone)]
pub struct PublisherOptions {
    /// Which MQTT.
    pub protocol: Protocol,
    /// Connections, one per partition.
    pub partitions: u16,
    /// Client identifiers are this, a hyphen and the partition; two publishers of one name would take turns in throwing each
    /// other out.
    pub name: String,
    /// Messages of one connection on their way without PUBACK, at most; a broker may ask for less.
    pub window: u16,
    /// Messages of one connection kept in all, on their way or waiting for it; at the limit publishing blocks.
    pub messages_max: usize,
    /// The same in bytes of topics and payloads.
    pub bytes_max: usize,
    /// A broker silent for longer is taken for gone.
    pub keep_alive: Duration,
    /// Without a broker for so long, or without a confirmation where they are asked for, the publisher gives up.
    pub give_up: Duration,
    /// For the broker, if it asks.
    pub credentials: Option<Credentials>,
    /// Whose word makes a message safe.
    pub confirm: Confirm,
    /// How to encrypt to a broker named `mqtts://`; none believes Mozilla's list of authorities.
    pub tls: Option<TlsClient>,
    /// The way to a listener of this process, in place of a connection over the network; the target is its name then.
    pub door: Option<Door>,
    /// Who hears what becomes of each message; nobody if none.
    pub witness: Option<Arc<dyn Witness>>,
}

impl PublisherOptions {
    /// Default sizes: 2,000 on their way, 8,192 messages or 8 MiB kept, keep-alive 60 s, giving up after 30 s.
    pub fn new(protocol: Protocol, partitions: u16, name: impl Into<String>) -> Self {
        Self {
            protocol,
            partitions: partitions.max(1),
            name: name.into(),
            window: 2000,
            messages_max: 8192,
            bytes_max: 8 << 20,
            keep_alive: Duration::from_mins(1),
            give_up: Duration::from_secs(30),
            credentials: None,
            confirm: Confirm::Broker,
            tls: None,
            door: None,
            witness: None,
        }
    }
}

/// Why nothing more is published. What had its PUBACK is with the broker; [`PublisherCounts`] says how much had not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// No connection within the time given.
    #[error(
        "cannot reach the broker {target} for {} s: {cause}; see that it runs and that the address is right",
        waited.as_secs()
    )]
    Unreachable {
        /// Which broker.
        target: Target,
        /// How long it was tried.
        waited: Duration,
        /// The last attempt's end.
        cause: String,
    },
    /// The broker does not want us.
    #[error("the broker {target} refuses the connection: {reason}")]
    Refused {
        /// Which broker.
        target: Target,
        /// In its words.
        reason: String,
    },
    /// The broker does not want a message.
    #[error("the broker {target} refuses a message to `{topic}`: {reason}")]
    Rejected {
        /// Which broker.
        target: Target,
        /// The message's topic.
        topic: Arc<str>,
        /// In its words.
        reason: String,
    },
    /// The log's end has confirmed nothing within the time given, though the broker takes messages.
    #[error(
        "nothing sent to the broker {target} was confirmed for {} s; see that `citytwin listen` bridges it, and that its log has room",
        waited.as_secs()
    )]
    Unconfirmed {
        /// Which broker.
        target: Target,
        /// How long it was waited for.
        waited: Duration,
    },
    /// Topic or payload is longer than allowed; nothing was sent.
    #[error(
        "a message to `{topic}` is too long: topics have at most {TOPIC_BYTES_MAX} bytes, payloads {PAYLOAD_BYTES_MAX}"
    )]
    TooLarge {
        /// The message's topic.
        topic: Arc<str>,
    },
    /// The publisher is closed.
    #[error("the publisher is closed")]
    Closed,
}

/// What a publisher has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PublisherCounts {
    /// Messages taken.
    pub published: u64,
    /// Messages the broker has acknowledged; one that was sent again counts again where confirmations are asked for.
    pub acknowledged: u64,
    /// Messages the log's end has confirmed, each once.
    pub confirmed: u64,
    /// Messages taken that are not safe yet.
    pub kept: u64,
    /// Messages sent once more after a lost connection, or because no confirmation came.
    pub resent: u64,
    /// How often no confirmation came in time.
    pub timeouts: u64,
    /// Connections made again after the first.
    pub reconnects: u64,
}

/// Publishes messages, blocking whoever publishes while the broker is slow.
#[derive(Debug)]
pub struct Publisher {
    lanes: Vec<Arc<Lane>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Publisher {
    /// Begins to connect, on the runtime's threads; what is published waits until there is a connection.
    pub fn connect(runtime: &Handle, target: &Target, options: &PublisherOptions) -> Self {
        let lanes: Vec<Arc<Lane>> = (0..options.partitions.max(1)).map(|_| Arc::new(Lane::new(options))).collect();
        let tasks = lanes.iter().enumerate().map(|(number, lane)| {
            runtime.spawn(connection::run(Arc::clone(lane), target.clone(), options.clone(), number))
        });
        Self { tasks: tasks.collect(), lanes }
    }

    /// Takes a message. Blocks while its connection keeps as many as it may: not for the threads of an async runtime.
    ///
    /// # Errors
    /// When the message is too long, or when the publisher has given up on the broker.
    pub fn publish(&self, message: Message) -> Result<(), PublishError> {
        if message.topic.len() > TOPIC_BYTES_MAX || message.payload.len() > PAYLOAD_BYTES_MAX {
            return Err(PublishError::TooLarge { topic: message.topic });
        }
        let lanes = u16::try_from(self.lanes.len()).unwrap_or(u16::MAX);
        self.lanes[usize::from(partition_of(&message.topic, lanes))].put(message, 0)
    }

    /// Takes a message for the connection of this number (counted on from the first when there are fewer), whatever its topic is; the
    /// witness hears of it by its tag. Waits as [`Self::publish`] does, but at most so long, and gives the message back where that was not
    /// enough.
    ///
    /// # Errors
    /// When the message is too long, or when the publisher has given up on the broker.
    pub fn publish_on(
        &self,
        connection: usize,
        message: Message,
        tag: u64,
        longest: Duration,
    ) -> Result<Option<Message>, PublishError> {
        if message.topic.len() > TOPIC_BYTES_MAX || message.payload.len() > PAYLOAD_BYTES_MAX {
            return Err(PublishError::TooLarge { topic: message.topic });
        }
        self.lanes[connection % self.lanes.len()].put_within(message, tag, longest)
    }

    /// Breaks every connection, without a goodbye, as a power cut does; each is made again at once.
    pub fn cut(&self) {
        self.lanes.iter().for_each(|lane| lane.cut());
    }

    /// Why nothing more is published, if that is so.
    pub fn failure(&self) -> Option<PublishError> {
        self.lanes.iter().find_map(|lane| lane.failure())
    }

    /// Sends what is gathered without waiting for more.
    pub fn hurry(&self) {
        self.lanes.iter().for_each(|lane| lane.hurry());
    }

    /// Returns when every message taken is safe. Blocks: not for the threads of an async runtime.
    ///
    /// # Errors
    /// When the publisher gives up on the broker.
    pub fn flush(&self) -> Result<(), PublishError> {
        self.hurry();
        self.lanes.iter().try_for_each(|lane| lane.wait_until_empty())
    }

    /// What it has done so far, over all connections.
    pub fn counts(&self) -> PublisherCounts {
        let mut sum = PublisherCounts::default();
        for lane in &self.lanes {
            lane.add_counts(&mut sum);
        }
        sum
    }

    /// Flushes, says goodbye to the broker and waits until the connections are closed.
    ///
    /// # Errors
    /// When the publisher gives up on the broker.
    pub async fn close(mut self) -> Result<PublisherCounts, PublishError> {
        self.lanes.iter().for_each(|lane| lane.close());
        for task in std::mem::take(&mut self.tasks) {
            // A panic of the task has ended it as well, and is seen below as messages left.
            let _ = task.await;
        }
        self.lanes.iter().try_for_each(|lane| lane.left())?;
        Ok(self.counts())
    }
}

impl Drop for Publisher {
    /// Lets the connections go; what is not safe yet may or may not reach the broker.
    fn drop(&mut self) {
        self.lanes.iter().for_each(|lane| lane.abandon());
    }
}

/// What a publisher makes of any bytes of a broker of MQTT 3.1.1: for those who throw any bytes at it.
pub(super) fn read_any_311(bytes: &[u8]) -> usize {
    let (wire, mut stream) = (wire::Wire(Protocol::V311), bytes::BytesMut::from(bytes));
    let mut packets = 0;
    while let Ok(Some(_)) = wire.read(&mut stream) {
        packets += 1;
    }
    packets
}
