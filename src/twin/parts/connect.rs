//! From the file of parts to the parts: reads secrets and certificates, and hands out what the services need.

use std::path::Path;
use std::sync::Arc;

use super::{BusPart, Kafka, Login, Mosquitto, PartsFile, Secrets, Server, Workers};
use crate::pipeline::alerting::{self, AlertRules};
use crate::pipeline::transport::{
    BridgeOptions, Bus, Credentials, DurableLog, ListenerSecurity, LogOptions, TlsClient, TlsClientFiles, TlsServer,
    Users,
};
use crate::telemetry::TopicMap;
use crate::twin::TwinError;
use crate::twin::intake::PARTITIONS;

pub(super) fn sentence(error: impl std::fmt::Display) -> TwinError {
    TwinError::Service(error.to_string())
}

/// What a variable holds.
pub(super) fn secret(secrets: Secrets<'_>, name: &str) -> Result<String, TwinError> {
    let found = secrets(name).filter(|value| !value.is_empty());
    found.ok_or_else(|| {
        sentence(format!("the environment variable `{name}`, which the file of parts names, is not set; set it"))
    })
}

impl Login {
    /// User and password, as far as they are named.
    pub(super) fn resolve(&self, secrets: Secrets<'_>) -> Result<(Option<String>, Option<String>), TwinError> {
        let of = |name: &Option<String>| name.as_deref().map(|name| secret(secrets, name)).transpose();
        Ok((of(&self.user_from)?, of(&self.password_from)?))
    }
}

/// Everything but letters, digits and `-._~` as `%XX` (RFC 3986, 2.1).
fn escaped(text: &str) -> String {
    let one = |byte: u8| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(one).collect()
}

impl Server {
    /// Its URL with user and password in it; never to be shown.
    pub(in crate::twin) fn with_login(&self, secrets: Secrets<'_>) -> Result<String, TwinError> {
        let (user, password) = self.login.resolve(secrets)?;
        let Some((scheme, rest)) = self.url.split_once("://") else { return Ok(self.url.clone()) };
        let (named, rest) = rest.split_once('@').map_or((None, rest), |(named, rest)| (Some(named.to_owned()), rest));
        let user = user.map(|user| escaped(&user)).or(named);
        Ok(match (user, password) {
            (None, None) => format!("{scheme}://{rest}"),
            (Some(user), None) => format!("{scheme}://{user}@{rest}"),
            (user, Some(password)) => format!("{scheme}://{}:{}@{rest}", user.unwrap_or_default(), escaped(&password)),
        })
    }
}

impl PartsFile {
    /// How our own listener lets clients in.
    ///
    /// # Errors
    /// When a file cannot be read or holds something else.
    pub(crate) fn security(&self) -> Result<ListenerSecurity, TwinError> {
        let listen = &self.listen;
        let tls = listen
            .certificate
            .as_ref()
            .map(|(certificate, key)| TlsServer::load(certificate, key, listen.clients.as_deref()).map_err(sentence));
        let users = listen.users.as_ref().map(|path| Users::load(path).map(Arc::new).map_err(sentence));
        Ok(ListenerSecurity {
            tls: tls.transpose()?,
            users: users.transpose()?,
            allow_anonymous: listen.anonymous,
            door: None,
        })
    }

    /// Rules, areas and actions; none of them without a file.
    ///
    /// # Errors
    /// When the file is wrong.
    pub(crate) fn rules(&self) -> Result<Arc<AlertRules>, TwinError> {
        let Some(path) = &self.alerts else { return Ok(Arc::default()) };
        let rules = alerting::read(path).map_err(|findings| {
            let first = findings
                .problems()
                .first()
                .map_or_else(String::new, |first| format!("{}: {}", first.place, first.message));
            sentence(format!("the alert rules have {} problems, the first is at {first}", findings.problems().len()))
        });
        rules.map(Arc::new)
    }

    /// The broker to bridge from, if there is one.
    pub(crate) fn broker(&self) -> Option<&Mosquitto> {
        match &self.bus {
            BusPart::Mosquitto(broker) => Some(broker),
            BusPart::Embedded | BusPart::Kafka(_) => None,
        }
    }

    /// The topic that is the log, if it is not ours.
    pub(crate) fn kafka(&self) -> Option<&Kafka> {
        match &self.bus {
            BusPart::Kafka(kafka) => Some(kafka),
            BusPart::Embedded | BusPart::Mosquitto(_) => None,
        }
    }

    /// Whether several processes share the work on the topic, so that none of them is the one that listens.
    pub fn works_in_group(&self) -> bool {
        self.kafka().is_some_and(|kafka| kafka.workers == Workers::Group)
    }

    /// Partitions of the log.
    pub(crate) fn partitions(&self) -> u16 {
        self.kafka().map_or(PARTITIONS, |kafka| kafka.partitions)
    }

    /// The log: a topic, or our own in a folder. `begins` says for each partition where our own begins if it is made anew.
    ///
    /// # Errors
    /// When a variable is not set, or log or topic cannot be used. Brokers need not answer yet.
    pub(crate) fn log(&self, folder: &Path, begins: Vec<u64>, secrets: Secrets<'_>) -> Result<Arc<dyn Bus>, TwinError> {
        Ok(match self.kafka() {
            Some(kafka) => Arc::new(kafka.open(secrets)?),
            None => Arc::new(DurableLog::open(folder, LogOptions { begins, ..LogOptions::new(PARTITIONS) })?),
        })
    }
}

impl Mosquitto {
    /// User and password for it.
    pub(crate) fn credentials(&self, secrets: Secrets<'_>) -> Result<Option<Credentials>, TwinError> {
        let (user, password) = self.login.resolve(secrets)?;
        Ok(user.map(|user| Credentials { user, password: password.unwrap_or_default() }))
    }

    /// How to encrypt to it; none where it is not.
    pub(crate) fn tls(&self) -> Result<Option<TlsClient>, TwinError> {
        if !self.target.encrypted {
            return Ok(None);
        }
        let files = TlsClientFiles {
            authorities: self.ca.clone(),
            certificate: self.certificate.as_ref().map(|pair| pair.0.clone()),
            key: self.certificate.as_ref().map(|pair| pair.1.clone()),
        };
        TlsClient::load(&files).map(Some).map_err(sentence)
    }

    /// How to fetch from it.
    pub(crate) fn bridge(&self, topics: &TopicMap, secrets: Secrets<'_>) -> Result<BridgeOptions, TwinError> {
        let mut options = BridgeOptions::new(self.name.as_str(), self.group.as_str(), topics.filters());
        options.credentials = self.credentials(secrets)?;
        options.tls = self.tls()?;
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_come_into_the_url_whole() {
        let server = |url: &str, user: Option<&str>, password: Option<&str>| Server {
            url: url.to_owned(),
            name: "x".to_owned(),
            login: Login { user_from: user.map(str::to_owned), password_from: password.map(str::to_owned) },
            ca: None,
            places: true,
        };
        let secrets = |name: &str| match name {
            "U" => Some("me & you".to_owned()),
            "P" => Some("p@ss:/w%rd".to_owned()),
            _ => None,
        };
        let whole = |server: Server| server.with_login(&secrets).map_err(|error| error.to_string());
        assert_eq!(whole(server("redis://h:1/0", None, None)), Ok("redis://h:1/0".to_owned()));
        assert_eq!(whole(server("postgres://a@h/d", None, None)), Ok("postgres://a@h/d".to_owned()));
        assert_eq!(whole(server("redis://h", None, Some("P"))), Ok("redis://:p%40ss%3A%2Fw%25rd@h".to_owned()));
        assert_eq!(
            whole(server("postgres://a@h/d", Some("U"), Some("P"))),
            Ok("postgres://me%20%26%20you:p%40ss%3A%2Fw%25rd@h/d".to_owned())
        );
        let missing = whole(server("redis://h", None, Some("NOWHERE"))).expect_err("not set");
        assert!(missing.contains("`NOWHERE`") && missing.contains("set it"), "{missing}");
    }
}
