//! Where a topic is and how it is reached, and what librdkafka is told of that.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;

use super::super::bus::BusError;
use super::words;

/// How a client proves who it is (SASL).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// The password itself, for encrypted connections.
    Plain,
    /// A proof of the password (RFC 5802) with SHA-256.
    Scram256,
    /// The same with SHA-512.
    Scram512,
}

impl Mechanism {
    /// Its name in SASL, and in the file of parts.
    pub const ALL: [(&'static str, Self); 3] =
        [("PLAIN", Self::Plain), ("SCRAM-SHA-256", Self::Scram256), ("SCRAM-SHA-512", Self::Scram512)];

    fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, mechanism)| *mechanism == self).map_or("PLAIN", |(word, _)| word)
    }
}

/// Who one is to the brokers, and how what is said is hidden from others.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct KafkaSecurity {
    /// Whether connections are encrypted.
    pub encrypted: bool,
    /// Who may vouch for the brokers, instead of the system's list.
    pub ca: Option<PathBuf>,
    /// Our certificate and its key, if they ask for them.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Mechanism, user and password.
    pub login: Option<(Mechanism, String, String)>,
}

impl fmt::Debug for KafkaSecurity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let login = self.login.as_ref().map(|(mechanism, user, _)| (mechanism, user));
        f.debug_struct("KafkaSecurity")
            .field("encrypted", &self.encrypted)
            .field("login", &login)
            .finish_non_exhaustive()
    }
}

/// A topic and how it is used.
#[derive(Debug, Clone)]
pub struct KafkaOptions {
    /// Brokers to begin with, `host:port` and commas.
    pub brokers: String,
    /// The topic; made if it is not there.
    pub topic: String,
    /// The group under which the brokers are told how far everything has been kept.
    pub group: String,
    /// How we are named in the brokers' logs.
    pub client: String,
    /// Partitions it has, 1 to 1024; one that has another number is refused.
    pub partitions: u16,
    /// Copies of each partition where the topic is made here; as many as the brokers find right if none.
    pub replication: Option<u16>,
    /// Who we are.
    pub security: KafkaSecurity,
    /// No more may wait to be acknowledged; beyond it hand-ins are refused as busy [bytes].
    pub queue_bytes_max: usize,
    /// A question to the brokers is given up after this time.
    pub patience: Duration,
    /// Whether whoever reads a partition tells the group how far he is; not where the group has members, who tell it themselves.
    pub tells_group: bool,
    /// A member of the group that is not heard of for so long is taken for dead; brokers allow 6 s to 30 min unless told otherwise.
    pub session: Duration,
}

impl KafkaOptions {
    /// Default sizes: 64 MiB waiting, as for the built-in log, and 3 s for an answer.
    pub fn new(brokers: impl Into<String>, topic: impl Into<String>, partitions: u16) -> Self {
        Self {
            brokers: brokers.into(),
            topic: topic.into(),
            group: "citytwin".to_owned(),
            client: "citytwin".to_owned(),
            partitions: partitions.clamp(1, 1024),
            replication: None,
            security: KafkaSecurity::default(),
            queue_bytes_max: 64 << 20,
            patience: Duration::from_secs(3),
            tells_group: true,
            session: Duration::from_secs(10),
        }
    }

    /// Looks whether it can be told to a client at all; nobody is asked.
    ///
    /// # Errors
    /// With what cannot be used, without secrets.
    pub fn check(&self) -> Result<(), BusError> {
        let refused = |error: KafkaError| BusError::Refused { place: self.place(), reason: words(&error) };
        self.producing().create_native_config().map_err(refused)?;
        self.consuming().create_native_config().map(drop).map_err(refused)
    }

    /// The topic and its brokers, for people.
    pub(super) fn place(&self) -> String {
        format!("the topic `{}` of Kafka at {}", self.topic, self.brokers)
    }

    /// What every client is told. Holds the password: never to be shown.
    pub(super) fn common(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers).set("client.id", &self.client);
        // Topics are made on purpose, with the right number of partitions, or not at all.
        config.set("allow.auto.create.topics", "false");
        // A broker that comes back is noticed within a second.
        config.set("reconnect.backoff.ms", "100").set("reconnect.backoff.max.ms", "1000");
        let security = &self.security;
        config.set(
            "security.protocol",
            match (security.encrypted, security.login.is_some()) {
                (false, false) => "plaintext",
                (true, false) => "ssl",
                (false, true) => "sasl_plaintext",
                (true, true) => "sasl_ssl",
            },
        );
        if let Some(ca) = &security.ca {
            config.set("ssl.ca.location", ca.to_string_lossy());
        }
        if let Some((certificate, key)) = &security.certificate {
            config.set("ssl.certificate.location", certificate.to_string_lossy());
            config.set("ssl.key.location", key.to_string_lossy());
        }
        if let Some((mechanism, user, password)) = &security.login {
            config.set("sasl.mechanisms", mechanism.word()).set("sasl.username", user).set("sasl.password", password);
        }
        config
    }

    /// What the producer is told: nothing twice, nothing out of order, nothing given up, nothing acknowledged by one broker alone.
    pub(super) fn producing(&self) -> ClientConfig {
        let mut config = self.common();
        config.set("enable.idempotence", "true").set("acks", "all").set("enable.gapless.guarantee", "true");
        // A broker that is away is waited for. What may wait is counted here, not there.
        config.set("message.timeout.ms", "0").set("queue.buffering.max.messages", "0");
        config.set("queue.buffering.max.kbytes", "1048576");
        // As long as the built-in log waits for company.
        config.set("linger.ms", "2");
        config
    }

    /// What the reader of a partition is told.
    pub(super) fn consuming(&self) -> ClientConfig {
        let mut config = self.common();
        config.set("group.id", &self.group);
        // How far everything has been kept stands in the checkpoints; the brokers are told it afterwards.
        config.set("enable.auto.commit", "false").set("enable.auto.offset.store", "false");
        config.set("auto.offset.reset", "error").set("isolation.level", "read_committed");
        config.set("enable.partition.eof", "true").set("fetch.wait.max.ms", "200");
        config.set("queued.max.messages.kbytes", "8192").set("fetch.queue.backoff.ms", "10");
        config
    }

    /// What a member of the group is told: it only holds partitions, so it wants to be asked before one is taken, and fetches nothing.
    pub(super) fn joining(&self, member: Option<&str>) -> ClientConfig {
        let mut config = self.common();
        config.set("group.id", &self.group).set("partition.assignment.strategy", "cooperative-sticky");
        if let Some(member) = member {
            config.set("group.instance.id", member);
        }
        config.set("session.timeout.ms", self.session.as_millis().to_string());
        config.set("heartbeat.interval.ms", (self.session / 5).as_millis().to_string());
        config.set("enable.auto.commit", "false").set("enable.auto.offset.store", "false");
        // A topic that is made after we joined is noticed soon.
        config.set("topic.metadata.refresh.interval.ms", "10000");
        // What slips in before the pause is not looked at; where it would begin does not matter.
        config.set("auto.offset.reset", "latest").set("queued.max.messages.kbytes", "64");
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A password that stood in a debug output would stand in every log of it.
    #[test]
    fn what_is_shown_of_the_options_holds_no_password() {
        let mut options = KafkaOptions::new("localhost:9092", "city", 4);
        options.security.login = Some((Mechanism::Scram512, "ann".to_owned(), "swordfish".to_owned()));
        options.security.encrypted = true;
        let shown = format!("{options:?}");
        assert!(shown.contains("ann") && !shown.contains("swordfish"), "{shown}");
        let config = options.common();
        assert_eq!(config.get("security.protocol"), Some("sasl_ssl"));
        assert_eq!(config.get("sasl.mechanisms"), Some("SCRAM-SHA-512"));
        assert_eq!(config.get("sasl.password"), Some("swordfish"));
    }
}
