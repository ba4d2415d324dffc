//! What the guard is told: who may come in, from where, how often.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::caller::Role;
use super::issuer::IssuerSettings;
use super::keys::Key;
use super::rate::Rate;
use super::seats::Seats;

/// Who may come in and how. By default nobody is asked: for this machine only.
#[derive(Debug, Clone, Default)]
pub struct GuardSettings {
    /// Keys of programs and people.
    pub keys: Vec<Key>,
    /// Whose tokens are believed.
    pub issuer: Option<IssuerSettings>,
    /// Origins of other pages that may read answers, such as `https://board.example.org`.
    pub origins: Vec<String>,
    /// Names under which the server may be called, without port; none for any.
    pub hosts: Vec<String>,
    /// How often whom.
    pub rates: Rates,
    /// Whether something before the server encrypts.
    pub behind_proxy: bool,
    /// Addresses whose word on where a request comes from (`X-Forwarded-For`) is believed.
    pub proxies: Vec<IpAddr>,
    /// The file of who ordered what.
    pub audit: Option<PathBuf>,
    /// Whether people come in by the PIN of a role, as into a drill.
    pub by_pin: bool,
    /// Who has joined the drill; the server sets it where its twin runs one.
    pub seats: Option<Seats>,
}

impl GuardSettings {
    /// Whether whoever comes has to say who it is.
    pub fn asks(&self) -> bool {
        self.has_keys() || self.by_pin || self.seats.is_some()
    }

    /// Whether anybody can show a key or a token of an issuer.
    pub(super) fn has_keys(&self) -> bool {
        !self.keys.is_empty() || self.issuer.is_some()
    }

    /// Whether an address can be served with this.
    ///
    /// # Errors
    /// A sentence that says what is missing.
    pub fn check(&self, address: SocketAddr, encrypted: bool) -> Result<(), String> {
        if address.ip().to_canonical().is_loopback() {
            return Ok(());
        }
        if !self.asks() {
            return Err(format!(
                "{address} is open beyond this machine and nobody is asked who they are: make a key with `citytwin key NAME --role \
                 viewer`, write it into a file and name that with `--access FILE`, or stay on 127.0.0.1"
            ));
        }
        if !encrypted && !self.behind_proxy {
            return Err(format!(
                "{address} is open beyond this machine and keys would go over the net in plain words: write `tls: {{ certificate: ..., \
                 key: ... }}` into the file of access, or `tls: behind-proxy` if something before it encrypts"
            ));
        }
        Ok(())
    }
}

/// How often somebody may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// Programs with a key or a token, by role.
    pub viewer: Rate,
    /// The same of a trainer.
    pub trainer: Rate,
    /// The same of an operator.
    pub operator: Rate,
    /// The same of an admin.
    pub admin: Rate,
    /// A person on the page, who is logged in there.
    pub page: Rate,
    /// An address that says nothing: files of the page, health, logins.
    pub address: Rate,
    /// An address where nobody is asked.
    pub open: Rate,
    /// Wrong keys and tokens of an address before it has to wait.
    pub failures: Rate,
    /// Wrong PINs of an address before it has to wait.
    pub guesses: Rate,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            viewer: Rate::hourly(1_000),
            trainer: Rate::hourly(10_000),
            operator: Rate::hourly(10_000),
            admin: Rate::hourly(36_000),
            page: Rate::hourly(36_000),
            address: Rate::hourly(36_000),
            open: Rate { per_hour: 36_000_000, burst: 100_000 },
            failures: Rate { per_hour: 600, burst: 10 },
            guesses: Rate { per_hour: 600, burst: 5 },
        }
    }
}

impl Rates {
    pub(super) const fn of(&self, role: Role) -> Rate {
        match role {
            Role::Viewer => self.viewer,
            Role::Trainer => self.trainer,
            Role::Operator => self.operator,
            Role::Admin => self.admin,
        }
    }
}

/// Most connections that may be open at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crowding {
    /// Of an address, or of a network of IPv6 with 2^64 of them; those of proxies that are believed are not counted.
    pub of_address: usize,
    /// Of this machine.
    pub of_this_machine: usize,
}

impl Default for Crowding {
    fn default() -> Self {
        Self { of_address: 256, of_this_machine: 1_000 }
    }
}

/// Most that a request may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest body [bytes].
    pub body_bytes: usize,
    /// Longest headers [bytes].
    pub head_bytes: usize,
    /// Longest wait for a whole body.
    pub body_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body_bytes: 1 << 20, head_bytes: 32 << 10, body_wait: Duration::from_secs(15) }
    }
}
