//! A topic of somebody's brokers as one address: where they are, how one gets in, and how records are shared out to partitions.
//!
//! Holds no secret: who one is comes beside it.

use std::fmt;
use std::path::PathBuf;

use super::super::target::Credentials;
use super::settings::{KafkaOptions, KafkaSecurity, Mechanism};

/// Longest name of a topic, as the brokers have it [bytes].
const TOPIC_NAME_MAX: usize = 249;
/// Where a broker listens that names no port.
const PORT: &str = "9092";
/// The longest a record may wait for company [ms].
const LINGER_MAX: u16 = 1000;
/// How records may be packed; librdkafka is built with these.
const COMPRESSIONS: [&str; 4] = ["none", "gzip", "snappy", "lz4"];

/// Who chooses a record's partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Partitioner {
    /// As our listener does: FNV-1a of the key.
    #[default]
    Ours,
    /// As the clients in Java do: murmur2 of the key.
    Murmur2,
}

/// A topic and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaTarget {
    /// Brokers to begin with, `host:port` and commas.
    pub brokers: String,
    /// The topic.
    pub topic: String,
    /// Who chooses partitions.
    pub partitioner: Partitioner,
    /// How records are packed.
    pub compression: &'static str,
    /// How long a record waits for company [ms].
    pub linger_ms: u16,
    encrypted: bool,
    ca: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    mechanism: Option<Mechanism>,
}

impl KafkaTarget {
    /// Reads `kafka://host:9092,host:9092/topic` or, encrypted, `kafkas://`; behind `?` may stand, with `&` between them,
    /// `partitioner=ours|murmur2`, `compression=`, `linger=` in milliseconds, `mechanism=`, `ca=`, `certificate=` and `key=`.
    ///
    /// # Errors
    /// A sentence saying what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (encrypted, rest) = match text.split_once("://") {
            Some(("kafka", rest)) => (false, rest),
            Some(("kafkas", rest)) => (true, rest),
            _ => return Err(shape()),
        };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        if place.contains('@') {
            return Err("user and password do not belong into the address".to_owned());
        }
        let (brokers, topic) = place.split_once('/').ok_or_else(shape)?;
        let brokers = brokers.split(',').map(broker).collect::<Result<Vec<_>, _>>()?.join(",");
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if topic.is_empty() || topic.len() > TOPIC_NAME_MAX || !topic.chars().all(known) {
            let shown = topic.escape_debug();
            return Err(format!("`{shown}` is no name of a topic; it has 1 to {TOPIC_NAME_MAX} of A-Z a-z 0-9 . _ -"));
        }
        let mut target = Self {
            brokers,
            topic: topic.to_owned(),
            partitioner: Partitioner::Ours,
            compression: COMPRESSIONS[0],
            // As long as our listener's own producer waits.
            linger_ms: 2,
            encrypted,
            ca: None,
            certificate: None,
            key: None,
            mechanism: None,
        };
        query.split('&').filter(|part| !part.is_empty()).try_for_each(|part| target.set(part))?;
        if target.certificate.is_some() != target.key.is_some() {
            return Err("`certificate=` and `key=` go together".to_owned());
        }
        if !encrypted && (target.ca.is_some() || target.certificate.is_some()) {
            return Err("certificates are for encrypted connections: write kafkas://".to_owned());
        }
        Ok(target)
    }

    fn set(&mut self, part: &str) -> Result<(), String> {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let one_of = |words: &str| format!("`{key}=` is one of {words}");
        match key {
            "partitioner" => {
                self.partitioner = match value {
                    "ours" => Partitioner::Ours,
                    "murmur2" => Partitioner::Murmur2,
                    _ => return Err(one_of("ours and murmur2")),
                }
            }
            "compression" => {
                let known = COMPRESSIONS.into_iter().find(|known| *known == value);
                self.compression = known.ok_or_else(|| one_of(&COMPRESSIONS.join(", ")))?;
            }
            "linger" => {
                let linger = value.parse().ok().filter(|linger| *linger <= LINGER_MAX);
                self.linger_ms = linger.ok_or_else(|| format!("`linger=` is 0 to {LINGER_MAX} milliseconds"))?;
            }
            "mechanism" => {
                let known = Mechanism::ALL.into_iter().find(|(word, _)| *word == value);
                let (_, mechanism) = known.ok_or_else(|| one_of(&Mechanism::ALL.map(|(word, _)| word).join(", ")))?;
                self.mechanism = Some(mechanism);
            }
            "ca" | "certificate" | "key" if value.is_empty() => return Err(format!("`{key}=` names a file (PEM)")),
            "ca" => self.ca = Some(value.into()),
            "certificate" => self.certificate = Some(value.into()),
            "key" => self.key = Some(value.into()),
            _ => {
                let known = "partitioner=, compression=, linger=, mechanism=, ca=, certificate= and key=";
                return Err(format!("`{}` is not one of {known}", key.escape_debug()));
            }
        }
        Ok(())
    }

    /// The same as settings for clients that call themselves `name`.
    ///
    /// # Errors
    /// A sentence when a mechanism is named, and nobody to log in.
    pub(super) fn options(&self, name: &str, login: Option<&Credentials>) -> Result<KafkaOptions, String> {
        let mut options = KafkaOptions::new(&self.brokers, &self.topic, 1);
        name.clone_into(&mut options.client);
        name.clone_into(&mut options.group);
        if self.mechanism.is_some() && login.is_none() {
            return Err("`mechanism=` needs a user and a password, and there are none".to_owned());
        }
        let mechanism = self.mechanism.unwrap_or(Mechanism::Plain);
        options.security = KafkaSecurity {
            encrypted: self.encrypted,
            ca: self.ca.clone(),
            certificate: self.certificate.clone().zip(self.key.clone()),
            login: login.map(|login| (mechanism, login.user.clone(), login.password.clone())),
        };
        Ok(options)
    }
}

fn shape() -> String {
    "a topic is named as kafka://host:9092/topic, or kafkas:// with encryption".to_owned()
}

/// A broker with its port.
fn broker(text: &str) -> Result<String, String> {
    let (host, port) = match text.rsplit_once(':') {
        // Colons inside brackets belong to an IPv6 address.
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (text, PORT),
    };
    if !port.parse::<u16>().is_ok_and(|port| port > 0) {
        return Err(format!("`{}` is no port; it is a number from 1 to 65535", port.escape_debug()));
    }
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if bare.is_empty() || !bare.chars().all(known) {
        return Err(format!("`{}` is no name of a host", host.escape_debug()));
    }
    Ok(format!("{host}:{port}"))
}

impl fmt::Display for KafkaTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.encrypted { "kafkas" } else { "kafka" };
        write!(f, "{scheme}://{}/{}", self.brokers, self.topic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_what_stands_behind_them() {
        let target = KafkaTarget::parse("kafka://a:1,b,[::1]/city.gps").unwrap();
        assert_eq!((target.brokers.as_str(), target.topic.as_str()), ("a:1,b:9092,[::1]:9092", "city.gps"));
        assert_eq!(target.to_string(), "kafka://a:1,b:9092,[::1]:9092/city.gps");
        let text = "kafkas://k/t?partitioner=murmur2&compression=lz4&linger=5&mechanism=SCRAM-SHA-256&ca=ca.pem";
        let target = KafkaTarget::parse(text).unwrap();
        assert_eq!((target.partitioner, target.compression, target.linger_ms), (Partitioner::Murmur2, "lz4", 5));
        let login = Credentials { user: "ann".to_owned(), password: "swordfish".to_owned() };
        let security = target.options("load", Some(&login)).unwrap().security;
        assert!(security.encrypted && security.ca.is_some());
        assert_eq!(security.login.map(|(mechanism, ..)| mechanism), Some(Mechanism::Scram256));
        assert!(target.options("load", None).is_err());
    }

    #[test]
    fn what_is_wrong_with_an_address_is_a_sentence() {
        for (text, needle) in [
            ("kafka://host:9092", "kafka://host:9092/topic"),
            ("kafka://:9092/t", "no name of a host"),
            ("kafka://h:x/t", "`x` is no port"),
            ("kafka://h/", "no name of a topic"),
            ("kafka://h/a b", "no name of a topic"),
            ("kafka://me:secret@h/t", "do not belong"),
            ("kafka://h/t?partitioner=crc", "ours and murmur2"),
            ("kafka://h/t?compression=zip", "gzip"),
            ("kafka://h/t?linger=5000", "0 to 1000"),
            ("kafka://h/t?acks=1", "`acks` is not one of"),
            ("kafka://h/t?ca=x", "kafkas://"),
            ("kafkas://h/t?key=x", "go together"),
            ("kafkas://h/t?ca=", "names a file"),
            ("kafka://h/t?mechanism=GSSAPI", "SCRAM-SHA-512"),
        ] {
            let wrong = KafkaTarget::parse(text).expect_err(text);
            assert!(wrong.contains(needle) && !wrong.contains("secret"), "{text}: {wrong}");
        }
    }
}
