//! Apache Kafka as the bus: what the file of parts says of it, and the bus made from that, as far as this program was built for it.
//!
//! A program without the feature `kafka` reads the same files, and refuses the part with a sentence.

use std::path::PathBuf;

#[cfg(feature = "kafka")]
use std::time::Duration;

#[cfg(feature = "kafka")]
use super::connect::sentence;
use super::file::{login, pair};
use super::{Login, Secrets};
use crate::pipeline::transport::Membership;
#[cfg(feature = "kafka")]
use crate::pipeline::transport::{KafkaBus, KafkaGroup, KafkaOptions, KafkaSecurity, Mechanism};
use crate::primitives::fields::{Fields, Reader};
use crate::twin::TwinError;

/// What may be said of it.
pub(super) const KEYS: [&str; 14] = [
    "brokers",
    "topic",
    "partitions",
    "replication",
    "group",
    "name",
    "tls",
    "ca",
    "certificate",
    "key",
    "mechanism",
    "user-from",
    "password-from",
    "workers",
];
/// Most partitions: each has a thread of its own that works on it.
const PARTITIONS_MAX: f64 = 64.0;
/// Longest name Kafka gives a topic.
const TOPIC_MAX: usize = 249;
/// How passwords are shown to it.
const MECHANISMS: [(&str, &str); 3] =
    [("PLAIN", "PLAIN"), ("SCRAM-SHA-256", "SCRAM-SHA-256"), ("SCRAM-SHA-512", "SCRAM-SHA-512")];

/// Where the messages of the topic are worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Workers {
    /// In the process that listens, which has the stores for itself.
    #[default]
    Here,
    /// In as many processes as one likes, `citytwin consume`, which share partitions and stores; who listens only listens.
    Group,
}

/// A topic of Kafka, which is the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kafka {
    /// Brokers to begin with: `host:port` and commas.
    pub brokers: String,
    /// The topic.
    pub topic: String,
    /// Partitions it has.
    pub partitions: u16,
    /// Copies of each, where we make it.
    pub replication: Option<u16>,
    /// Under which group the brokers are told how far everything is kept.
    pub group: String,
    /// How we are named in their logs.
    pub name: String,
    /// Whether connections are encrypted.
    pub encrypted: bool,
    /// Who may vouch for the brokers, instead of the system's list.
    pub ca: Option<PathBuf>,
    /// Our certificate and its key, if they ask for them.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// How a password is shown.
    pub mechanism: &'static str,
    /// Who we are to them.
    pub login: Login,
    /// Where the messages are worked on.
    pub workers: Workers,
}

impl Kafka {
    /// The topic and where it is, for people.
    pub(crate) fn place(&self) -> String {
        format!("Kafka, the topic `{}` at {}", self.topic, self.brokers)
    }
}

/// Reads what the file says.
pub(super) fn read(reader: &mut Reader<'_>, fields: &Fields<'_>, partitions: u16) -> Option<Kafka> {
    let brokers = brokers(reader, fields);
    let topic = topic(reader, fields);
    let mut named = |key: &str| match fields.get(key) {
        Some(node) => reader.text(node, key),
        None => Some("citytwin".to_owned()),
    };
    let (group, name) = (named("group"), named("name"));
    let mut count = |key: &str, most: f64| {
        let node = fields.get(key)?;
        let number = reader.number(node, key, 1.0..=most)?;
        if number.fract() > 0.0 {
            reader.wrong(node, format!("`{key}` is no whole number"), "write one without a fraction");
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range, or refused")]
        Some(number as u16)
    };
    let (asked, replication) = (count("partitions", PARTITIONS_MAX), count("replication", 32.0));
    let encrypted = reader.flag(fields, "tls", false);
    let (ca, certificate) = (reader.file(fields, "ca"), pair(reader, fields));
    if !encrypted && (ca.is_some() || certificate.is_some()) {
        reader.wrong(fields.node(), "`kafka` has certificates and does not encrypt", "write `tls: true` as well");
    }
    let mechanism = match fields.get("mechanism") {
        Some(node) => reader.word(node, "mechanism", &MECHANISMS),
        None => Some("PLAIN"),
    };
    let login = login(reader, fields);
    if login.user_from.is_some() != login.password_from.is_some() {
        let message = "`kafka` has only one of `user-from` and `password-from`";
        reader.wrong(fields.node(), message, "write both, or neither");
    } else if login.user_from.is_none() && fields.get("mechanism").is_some() {
        let help = "write `user-from` and `password-from` as well";
        reader.wrong(fields.node(), "`kafka` has a `mechanism` and no password to show by it", help);
    }
    let workers = match fields.get("workers") {
        Some(node) => reader.word(node, "workers", &[("here", Workers::Here), ("group", Workers::Group)]),
        None => Some(Workers::Here),
    };
    Some(Kafka {
        brokers: brokers?,
        topic: topic?,
        partitions: asked.unwrap_or(partitions),
        replication,
        group: group?,
        name: name?,
        encrypted,
        ca,
        certificate,
        mechanism: mechanism?,
        login,
        workers: workers?,
    })
}

/// Hosts and ports; a word with more in it may hold a password and is not shown.
fn brokers(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<String> {
    let help = "write host and port of one or more, with commas: `kafka-1:9092,kafka-2:9092`";
    let node = reader.needed(fields, "brokers", help)?;
    let text = reader.text(node, "brokers")?;
    let is_broker = |one: &str| {
        let (host, port) = one.rsplit_once(':').unwrap_or((one, "9092"));
        !host.is_empty() && !one.contains(['/', '@', ' ']) && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    if !text.split(',').map(str::trim).all(is_broker) {
        reader.wrong_unshown(node, "`brokers` names no broker", help);
        return None;
    }
    Some(text.split(',').map(str::trim).collect::<Vec<_>>().join(","))
}

fn topic(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<String> {
    let node = reader.needed(fields, "topic", "name the topic, one a city; it is made if it is not there")?;
    let text = reader.text(node, "topic")?;
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if !plain || text.is_empty() || text.len() > TOPIC_MAX || text == "." || text == ".." {
        let help = format!("Kafka allows 1 to {TOPIC_MAX} of A-Z a-z 0-9 . _ -");
        reader.wrong(node, format!("`topic` cannot be `{}`", text.escape_debug()), help);
        return None;
    }
    Some(text)
}

#[cfg(feature = "kafka")]
impl Kafka {
    /// How long a doctor or an audit waits for it, and what comes first at a start.
    const PATIENCE: Duration = Duration::from_secs(5);

    fn options(&self, secrets: Secrets<'_>) -> Result<KafkaOptions, TwinError> {
        let (user, password) = self.login.resolve(secrets)?;
        let mechanism = Mechanism::ALL.iter().find(|(word, _)| *word == self.mechanism);
        let mechanism = mechanism.map_or(Mechanism::Plain, |(_, mechanism)| *mechanism);
        let security = KafkaSecurity {
            encrypted: self.encrypted,
            ca: self.ca.clone(),
            certificate: self.certificate.clone(),
            login: user.zip(password).map(|(user, password)| (mechanism, user, password)),
        };
        Ok(KafkaOptions {
            group: self.group.clone(),
            client: self.name.clone(),
            replication: self.replication,
            security,
            // Of a group with members it is they who say how far they are.
            tells_group: self.workers == Workers::Here,
            ..KafkaOptions::new(&self.brokers, &self.topic, self.partitions)
        })
    }

    /// The bus; brokers that are away are asked again until they answer.
    ///
    /// # Errors
    /// When a variable is not set or a certificate is none, or the brokers answer and refuse.
    pub(crate) fn open(&self, secrets: Secrets<'_>) -> Result<KafkaBus, TwinError> {
        let bus = KafkaBus::open(self.options(secrets)?)?;
        match bus.wait_ready(Self::PATIENCE) {
            Err(error) if !error.is_passing() => Err(error.into()),
            _ => Ok(bus),
        }
    }

    /// Joins the group of those who work on the topic; brokers need not answer yet.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub(crate) fn join(&self, secrets: Secrets<'_>, member: Option<&str>) -> Result<Box<dyn Membership>, TwinError> {
        Ok(Box::new(KafkaGroup::join(&self.options(secrets)?, member)?))
    }

    /// Whether what is said of it can be used; it need not answer.
    pub(super) fn check(&self, secrets: Secrets<'_>) -> Result<(), TwinError> {
        for path in self.ca.iter().chain(self.certificate.iter().flat_map(|pair| [&pair.0, &pair.1])) {
            // librdkafka says that something is wrong with a file, and not with which.
            std::fs::File::open(path)
                .map_err(|error| sentence(format!("cannot read `{}`: {error}", path.display())))?;
        }
        Ok(self.options(secrets)?.check()?)
    }

    /// Whether it answers, and the topic is as it should be or can be made.
    pub(crate) fn ask(&self, secrets: Secrets<'_>) -> Result<KafkaBus, TwinError> {
        self.check(secrets)?;
        let bus = KafkaBus::open(self.options(secrets)?)?;
        bus.wait_ready(Self::PATIENCE)?;
        Ok(bus)
    }
}

/// The complaint of a program that was built without it.
#[cfg(not(feature = "kafka"))]
#[expect(clippy::unused_self, reason = "asked as where it is built in")]
impl Kafka {
    fn built_without() -> TwinError {
        TwinError::Service(
            "`bus` names Kafka, which this program was built without; build it with `--features kafka`, or name another".to_owned(),
        )
    }

    pub(crate) fn open(&self, _: Secrets<'_>) -> Result<crate::pipeline::transport::MemoryBus, TwinError> {
        Err(Self::built_without())
    }

    pub(crate) fn join(&self, _: Secrets<'_>, _: Option<&str>) -> Result<Box<dyn Membership>, TwinError> {
        Err(Self::built_without())
    }

    pub(super) fn check(&self, _: Secrets<'_>) -> Result<(), TwinError> {
        Err(Self::built_without())
    }

    pub(crate) fn ask(&self, _: Secrets<'_>) -> Result<crate::pipeline::transport::MemoryBus, TwinError> {
        Err(Self::built_without())
    }
}
