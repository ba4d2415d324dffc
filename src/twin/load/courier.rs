//! Where a load goes: what every kind of target does for it, and how targets are named.
//!
//! A target of another kind is a [`Courier`] of its own and an arm in [`LoadTarget`]; nothing else of a load knows what it is sent to.

use std::fmt;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::super::TwinError;
use super::ears::MOMENT;
#[cfg(feature = "kafka")]
use crate::pipeline::transport::{Feed, FeedOptions, KafkaTarget};
use crate::pipeline::transport::{Message, Publisher, PublisherOptions, Target, Witness};
use crate::studies::load::Tag;

/// What a courier had to do besides handing on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Trouble {
    /// Messages sent once more.
    pub(super) resent: u64,
    /// Connections made again.
    pub(super) reconnects: u64,
}

/// Carries messages to a target and tells a [`Witness`] what becomes of each: [`Witness::connected`] for every connection, and
/// [`Witness::safe`] for every message that its target has vouched for, by its tag and once.
pub(super) trait Courier: Send {
    /// Takes a message for a connection, counted on from the first when there are fewer. Returns at once, but where as many messages as
    /// the target's limits allow are on their way: then it waits for room, about [`MOMENT`] at most, and gives the message back when there
    /// is none, so that whoever sends can look whether to go on. How long that takes is measured as the schedule's error.
    ///
    /// # Errors
    /// A sentence when nothing more can be sent.
    fn send(&self, connection: usize, message: Message, tag: Tag) -> Result<Option<Message>, String>;

    /// Breaks every connection, as a power cut does; they come back by themselves.
    fn cut(&self);

    /// Why nothing more can be sent, if that is so.
    fn failure(&self) -> Option<String>;

    /// What it had to do besides.
    fn trouble(&self) -> Trouble;

    /// Messages that the target has refused for good; nobody waits for them any more. Most targets refuse none without ending.
    fn refused(&self) -> u64 {
        0
    }

    /// Of messages that were refused, how many for which reason.
    fn refusals(&self) -> Vec<(String, u64)> {
        Vec::new()
    }
}

/// What a load is aimed at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadTarget {
    /// A broker of MQTT: `mqtt://` or `mqtts://`.
    Mqtt(Target),
    /// Something that takes POST requests: `http://` or `https://`.
    #[cfg(feature = "actions")]
    Http(super::http::HttpTarget),
    /// A topic of Kafka: `kafka://` or `kafkas://`.
    #[cfg(feature = "kafka")]
    Kafka(KafkaTarget),
}

impl LoadTarget {
    /// Reads an address; its scheme says of which kind the target is.
    ///
    /// # Errors
    /// A sentence saying what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once("://").map(|(scheme, _)| scheme) {
            #[cfg(feature = "actions")]
            Some("http" | "https") => super::http::HttpTarget::parse(text).map(Self::Http),
            #[cfg(not(feature = "actions"))]
            Some("http" | "https") => {
                Err("this program was built without HTTP; build it with `--features actions`".to_owned())
            }
            #[cfg(feature = "kafka")]
            Some("kafka" | "kafkas") => KafkaTarget::parse(text).map(Self::Kafka),
            #[cfg(not(feature = "kafka"))]
            Some("kafka" | "kafkas") => Err(WITHOUT_KAFKA.to_owned()),
            Some("mqtt" | "mqtts" | "ssl") => Target::parse(text).map(Self::Mqtt),
            _ => Err("a target is named as mqtt://host:port, mqtts://host:port, http://host:port/path or \
                      kafka://host:port/topic"
                .to_owned()),
        }
    }

    /// Whether what is sent to it is encrypted.
    pub fn is_encrypted(&self) -> bool {
        match self {
            Self::Mqtt(target) => target.encrypted,
            #[cfg(feature = "actions")]
            Self::Http(target) => target.is_encrypted(),
            // Its certificates stand in the address, and librdkafka reads them.
            #[cfg(feature = "kafka")]
            Self::Kafka(_) => false,
        }
    }

    /// How many connections it is sent to over unless somebody says so. A producer of Kafka has a connection to each broker by itself, and
    /// each further one halves what goes into a request: four of them take twice the processor time of one.
    pub const fn usual_connections(&self) -> u16 {
        match self {
            Self::Mqtt(_) => 4,
            #[cfg(feature = "actions")]
            Self::Http(_) => 4,
            #[cfg(feature = "kafka")]
            Self::Kafka(_) => 1,
        }
    }

    /// Most connections that it can be sent to over.
    pub fn connections_max(&self) -> u16 {
        match self {
            Self::Mqtt(_) => crate::studies::load::CONNECTIONS_MAX,
            #[cfg(feature = "actions")]
            Self::Http(_) => super::http::CONNECTIONS_MAX,
            #[cfg(feature = "kafka")]
            Self::Kafka(_) => crate::pipeline::transport::FEED_CONNECTIONS_MAX,
        }
    }

    /// What a login to it is asked under in the environment: the beginning of the variables for user and password.
    pub const fn login(&self) -> &'static str {
        match self {
            Self::Mqtt(_) => "CITYTWIN_MQTT",
            #[cfg(feature = "actions")]
            Self::Http(_) => "CITYTWIN_MQTT",
            #[cfg(feature = "kafka")]
            Self::Kafka(_) => "CITYTWIN_KAFKA",
        }
    }

    /// Begins to connect.
    pub(super) fn open(
        &self,
        runtime: &Handle,
        options: &PublisherOptions,
        witness: &Arc<dyn Witness>,
    ) -> Result<Box<dyn Courier>, TwinError> {
        let courier: Box<dyn Courier> = match self {
            Self::Mqtt(target) => {
                let options = PublisherOptions { witness: Some(Arc::clone(witness)), ..options.clone() };
                Box::new(Broker(Publisher::connect(runtime, target, &options)))
            }
            #[cfg(feature = "actions")]
            Self::Http(target) => Box::new(super::http::Posts::begin(target, options, witness)?),
            #[cfg(feature = "kafka")]
            Self::Kafka(target) => {
                let options = FeedOptions {
                    connections: options.partitions,
                    name: options.name.clone(),
                    messages_max: options.messages_max,
                    bytes_max: options.bytes_max,
                    give_up: options.give_up,
                    credentials: options.credentials.clone(),
                    witness: Arc::clone(witness),
                };
                Box::new(Topic(Feed::begin(target, &options).map_err(TwinError::Service)?))
            }
        };
        Ok(courier)
    }
}

/// What a program without Kafka says of addresses of it.
#[cfg(not(feature = "kafka"))]
pub(in super::super) const WITHOUT_KAFKA: &str =
    "this program was built without Kafka; build it with `--features kafka`";

impl fmt::Display for LoadTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mqtt(target) => target.fmt(f),
            #[cfg(feature = "actions")]
            Self::Http(target) => target.fmt(f),
            #[cfg(feature = "kafka")]
            Self::Kafka(target) => target.fmt(f),
        }
    }
}

/// A broker of MQTT; a message is safe when the publisher says so.
struct Broker(Publisher);

impl Courier for Broker {
    fn send(&self, connection: usize, message: Message, tag: Tag) -> Result<Option<Message>, String> {
        self.0.publish_on(connection, message, tag.number(), MOMENT).map_err(|error| error.to_string())
    }

    fn cut(&self) {
        self.0.cut();
    }

    fn failure(&self) -> Option<String> {
        self.0.failure().map(|error| error.to_string())
    }

    fn trouble(&self) -> Trouble {
        let counts = self.0.counts();
        Trouble { resent: counts.resent, reconnects: counts.reconnects }
    }
}

/// A topic of Kafka; a message is safe when all replicas of its partition have it.
#[cfg(feature = "kafka")]
struct Topic(Feed);

#[cfg(feature = "kafka")]
impl Courier for Topic {
    fn send(&self, connection: usize, message: Message, tag: Tag) -> Result<Option<Message>, String> {
        let taken = self.0.send(connection, &message, tag.number()).map_err(|error| error.to_string())?;
        Ok((!taken).then_some(message))
    }

    fn cut(&self) {
        self.0.cut();
    }

    fn failure(&self) -> Option<String> {
        self.0.failure().map(|error| error.to_string())
    }

    fn trouble(&self) -> Trouble {
        let counts = self.0.counts();
        Trouble { resent: counts.resent, reconnects: counts.reconnects }
    }

    fn refused(&self) -> u64 {
        self.0.counts().refused
    }

    fn refusals(&self) -> Vec<(String, u64)> {
        self.0.refusals()
    }
}
