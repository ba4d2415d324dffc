//! Where a broker is, who one is to it, and how to get there.
//!
//! Does not read environment or files: what is secret is handed in, and never shown. Knows no MQTT.

use std::fmt;

use tokio::net::TcpStream;

use super::stream::Stream;
use super::tls::TlsClient;

/// A broker's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Whether what is said is encrypted (`mqtts://`).
    pub encrypted: bool,
}

impl Target {
    /// An address without encryption.
    pub fn plain(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port, encrypted: false }
    }

    /// Reads `mqtt://host:port` or, encrypted, `mqtts://host:port`; the port may be left out and is 1883, or 8883, then.
    ///
    /// # Errors
    /// A sentence saying what is wrong, when it is something else or carries credentials.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (encrypted, rest) = match text.split_once("://") {
            Some(("mqtt", rest)) => (false, rest),
            Some(("mqtts" | "ssl", rest)) => (true, rest),
            _ => return Err("a broker is named as mqtt://host:port, or mqtts://host:port with encryption".to_owned()),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains('@') {
            return Err("user and password do not belong into the address".to_owned());
        }
        let (host, port) = match rest.rsplit_once(':') {
            // Colons inside brackets belong to an IPv6 address.
            Some((host, port)) if !port.ends_with(']') => {
                let number = port.parse().ok().filter(|port| *port > 0);
                (host, number.ok_or_else(|| format!("`{port}` is no port; it is a number from 1 to 65535"))?)
            }
            _ => (rest, if encrypted { 8883 } else { 1883 }),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        if bare.is_empty() || !bare.chars().all(known) {
            return Err(format!("`{host}` is no name of a host"));
        }
        Ok(Self { host: bare.to_owned(), port, encrypted })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bracketed = self.host.contains(':');
        let (open, close) = if bracketed { ("[", "]") } else { ("", "") };
        let scheme = if self.encrypted { "mqtts" } else { "mqtt" };
        write!(f, "{scheme}://{open}{}{close}:{}", self.host, self.port)
    }
}

/// User and password for a broker; never shown.
#[derive(Clone)]
pub struct Credentials {
    /// User name.
    pub user: String,
    /// Password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// Opens a connection, encrypted if the address says so.
pub(super) async fn dial(target: &Target, tls: Option<&TlsClient>) -> std::io::Result<Stream> {
    let socket = TcpStream::connect((target.host.as_str(), target.port)).await?;
    let connection = match (target.encrypted, tls) {
        (false, _) => None,
        (true, Some(tls)) => Some(tls.connection(&target.host)),
        (true, None) => Some(TlsClient::public().map_err(std::io::Error::other)?.connection(&target.host)),
    };
    let connection = connection.transpose().map_err(std::io::Error::other)?;
    Ok(Stream::new(socket, connection))
}
