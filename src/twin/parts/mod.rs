//! Which parts a city runs on: embedded ones, or servers, as one file says; and how they are reached.
//!
//! ```yaml
//! bus: { mosquitto: { url: "mqtts://broker:8883", user-from: MQTT_USER, password-from: MQTT_PASSWORD, ca: ca.pem } }
//! live: { redis: { url: "redis://cache:6379/0", password-from: REDIS_PASSWORD } }
//! records: { postgres: { url: "postgres://citytwin@db:5432/city", password-from: PG_PASSWORD } }
//! history: { s3: { url: "s3://cities/halvermere", region: eu-central-1, key-from: S3_KEY, secret-from: S3_SECRET } }
//! ```
//!
//! Secrets stand in environment variables, whose names the file holds.

mod check;
mod connect;
mod doctor;
mod file;
mod kafka;
mod s3;
mod servers;
#[cfg(test)]
#[cfg(feature = "kafka")]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::pipeline::alerting::subscribers::SubscriptionSettings;
use crate::pipeline::stores::Retention;
use crate::pipeline::transport::Target;

pub use doctor::{Examined, doctor};
pub use file::read;
pub use kafka::{Kafka, Workers};
pub use s3::S3;

/// The environment, as whoever may read it hands it in.
pub type Environment = fn(&str) -> Option<String>;

/// Takes the name of an environment variable and gives what it holds.
pub(crate) type Secrets<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Who one is to a server: names of the variables that hold user and password.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Login {
    /// The variable with the user's name.
    pub user_from: Option<String>,
    /// The variable with the password.
    pub password_from: Option<String>,
}

/// Where messages come in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum BusPart {
    /// Our own listener, before our own log.
    #[default]
    Embedded,
    /// A broker, from which a bridge fetches into our log.
    Mosquitto(Mosquitto),
    /// Our own listener, before a topic of Kafka instead of our log; devices of others may write there as well.
    Kafka(Kafka),
}

/// A foreign broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mosquitto {
    /// Where it is.
    pub target: Target,
    /// Bridges of one group share the messages.
    pub group: String,
    /// The bridge's own name at the broker.
    pub name: String,
    /// Who we are to it.
    pub login: Login,
    /// Who may vouch for it, instead of Mozilla's list.
    pub ca: Option<PathBuf>,
    /// Our certificate and its key, if it asks for them.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// A server of state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its URL, without user and password.
    pub url: String,
    /// What keeps cities apart in it: a prefix of keys, or a schema.
    pub name: String,
    /// Who we are to it.
    pub login: Login,
    /// Who may vouch for it, instead of Mozilla's list.
    pub ca: Option<PathBuf>,
    /// Whether places are indexed, where the server can.
    pub places: bool,
}

/// How our own listener lets clients in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListenPart {
    /// Where it listens, unless the command line says another.
    pub address: Option<SocketAddr>,
    /// Who may come in with which password, and to which topics.
    pub users: Option<PathBuf>,
    /// Certificate and key, for encryption.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Who may vouch for clients, which must show certificates then.
    pub clients: Option<PathBuf>,
    /// Whether anybody may come in from beyond this machine.
    pub anonymous: bool,
    /// Most connections at once, from all addresses and users together or from one; the usual limit if none.
    pub connections: Option<u32>,
}

impl ListenPart {
    /// Whether whoever comes in is asked who it is, or has to encrypt.
    pub(crate) fn is_guarded(&self) -> bool {
        self.users.is_some() || self.clients.is_some() || self.certificate.is_some()
    }

    /// How it is reached at an address.
    pub fn url(&self, address: SocketAddr) -> String {
        format!("{}://{address}", if self.certificate.is_some() { "mqtts" } else { "mqtt" })
    }
}

/// Parts and the environment their secrets are in.
#[derive(Debug, Clone)]
pub struct Equipment {
    /// Which parts.
    pub parts: PartsFile,
    /// Where their secrets are.
    pub environment: Environment,
    /// What those may be told who ask for it while the city runs; nobody may ask if none.
    pub webhooks: Option<SubscriptionSettings>,
}

impl Default for Equipment {
    /// Embedded parts, which need no secrets.
    fn default() -> Self {
        Self { parts: PartsFile::default(), environment: |_| None, webhooks: None }
    }
}

/// The parts of a city.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartsFile {
    /// Where messages come in.
    pub bus: BusPart,
    /// Redis for the live state; embedded if none.
    pub live: Option<Server>,
    /// PostgreSQL for records, figures and tables; embedded if none.
    pub records: Option<Server>,
    /// A bucket for history, checkpoints and what else has no server of its own; the folder if none.
    pub history: Option<S3>,
    /// Our own listener.
    pub listen: ListenPart,
    /// Mapping of readings to topics.
    pub topics: Option<PathBuf>,
    /// The city's name, for topics that hold it.
    pub city: Option<String>,
    /// Rules, areas and actions.
    pub alerts: Option<PathBuf>,
    /// How long what is kept.
    pub keep: Retention,
}
