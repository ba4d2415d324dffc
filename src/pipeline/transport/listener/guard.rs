//! Who comes in: connections an address and a user may have, logins, and what follows from failing at them.
//!
//! Passwords are verified off the threads that serve sockets, two at a time, and an address that fails too often is turned away
//! unheard until it has calmed down. Holds no socket; what time it is comes as ticks.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

use super::super::door::Door;
use super::super::tls::TlsServer;
use super::super::users::{Rights, Users};
use super::ListenerLimits;
use super::counters::Refusal;

/// Passwords verified at once; each takes a processor and 19 MiB.
const VERIFYING_MAX: usize = 2;
/// Failed logins of an address before it is turned away unheard; one is forgiven each second.
const FAILURES_MAX: u32 = 10;
/// Addresses whose failures are remembered; beyond it all are forgiven one at once.
const ADDRESSES_MAX: usize = 65_536;

/// Who may come in, and whether what is said is encrypted. By default everybody, in plain words: for this machine only.
#[derive(Debug, Clone, Default)]
pub struct ListenerSecurity {
    /// Encryption; with authorities for clients their certificates say who they are.
    pub tls: Option<TlsServer>,
    /// Who may come in with which password and to which topics; for those with certificates, to which topics.
    pub users: Option<Arc<Users>>,
    /// Whether to listen beyond this machine although anybody may come in.
    pub allow_anonymous: bool,
    /// Where connections of this process come in, which may do everything.
    pub door: Option<Door>,
}

impl ListenerSecurity {
    /// Whether whoever comes in has to say who it is.
    pub(super) fn asks(&self) -> bool {
        self.users.is_some() || self.tls.as_ref().is_some_and(TlsServer::asks_clients)
    }
}

/// User and password of a CONNECT.
pub(super) type Login = (String, Vec<u8>);

/// Where a connection comes from.
#[derive(Debug)]
pub(super) enum Origin {
    /// From an address, with its place among those from there.
    Network(IpAddr, #[expect(dead_code, reason = "counts the connection as long as it is held")] Place),
    /// From this process, through the door.
    Inside,
}

/// What a client has shown before it said anything.
#[derive(Debug)]
pub(super) enum Shown {
    Nothing,
    /// A certificate that was verified, and whom it is about.
    Certificate(Option<String>),
}

#[derive(Debug)]
pub(super) struct Guard {
    pub(super) security: ListenerSecurity,
    verifying: Semaphore,
    connections_per_address: usize,
    connections_per_user: usize,
    crowd: Mutex<Crowd>,
}

#[derive(Debug, Default)]
struct Crowd {
    connections: BTreeMap<Who, usize>,
    failures: BTreeMap<IpAddr, u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Address(IpAddr),
    User(Arc<str>),
}

/// A connection that counts for an address or a user, as long as it lives.
#[derive(Debug)]
pub(super) struct Place {
    guard: Arc<Guard>,
    who: Who,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut crowd = self.guard.crowd();
        if let Some(count) = crowd.connections.get_mut(&self.who) {
            *count -= 1;
            if *count == 0 {
                crowd.connections.remove(&self.who);
            }
        }
    }
}

/// Somebody who may come in.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) rights: Arc<Rights>,
    /// None where nobody was asked for a name.
    #[expect(dead_code, reason = "counts the connection as long as it is held")]
    pub(super) place: Option<Place>,
}

impl Guard {
    pub(super) fn new(security: ListenerSecurity, limits: &ListenerLimits) -> Self {
        Self {
            security,
            verifying: Semaphore::new(VERIFYING_MAX),
            connections_per_address: limits.connections_per_address.max(1),
            connections_per_user: limits.connections_per_user.max(1),
            crowd: Mutex::default(),
        }
    }

    /// A panic elsewhere leaves nothing half-changed here, so its poison does not matter.
    fn crowd(&self) -> MutexGuard<'_, Crowd> {
        self.crowd.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sit(self: &Arc<Self>, who: Who, limit: usize) -> Option<Place> {
        let mut crowd = self.crowd();
        let count = crowd.connections.entry(who.clone()).or_default();
        if *count >= limit {
            return None;
        }
        *count += 1;
        drop(crowd);
        Some(Place { guard: Arc::clone(self), who })
    }

    /// Counts a connection for its address, if it may have another.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr) -> Result<Place, Refusal> {
        self.sit(Who::Address(neighbourhood(address)), self.connections_per_address).ok_or(Refusal::PerAddress)
    }

    /// Whether somebody may come in, by certificate or by password.
    pub(super) async fn admit(
        self: &Arc<Self>,
        address: IpAddr,
        shown: Shown,
        login: Option<Login>,
    ) -> Result<Admitted, Refusal> {
        let (name, rights) = match (shown, &self.security.users) {
            (Shown::Nothing, None) => return Ok(Admitted { rights: Arc::default(), place: None }),
            (Shown::Certificate(name), users) => {
                let name = name.ok_or(Refusal::Certificate)?;
                let rights = match users {
                    Some(users) => users.certified(&name).ok_or(Refusal::Certificate)?,
                    None => Arc::default(),
                };
                (name, rights)
            }
            (Shown::Nothing, Some(users)) => {
                let (name, password) = login.ok_or(Refusal::Anonymous)?;
                let rights = match users.remembers(&name, &password) {
                    Some(rights) => rights,
                    None => self.verify(neighbourhood(address), users, name.clone(), password).await?,
                };
                (name, rights)
            }
        };
        let place = self.sit(Who::User(name.into()), self.connections_per_user).ok_or(Refusal::PerUser)?;
        Ok(Admitted { rights, place: Some(place) })
    }

    async fn verify(
        &self,
        address: IpAddr,
        users: &Arc<Users>,
        name: String,
        password: Vec<u8>,
    ) -> Result<Arc<Rights>, Refusal> {
        // Never closed.
        let permit = self.verifying.acquire().await.map_err(|_| Refusal::Internal)?;
        // Looked at only now, so that those who wait for their turn do not get in between.
        if self.crowd().failures.get(&address).is_some_and(|failures| *failures >= FAILURES_MAX) {
            return Err(Refusal::Attempts);
        }
        let users = Arc::clone(users);
        let verified = tokio::task::spawn_blocking(move || users.verify(&name, &password)).await;
        drop(permit);
        if let Some(rights) = verified.map_err(|_| Refusal::Internal)? {
            return Ok(rights);
        }
        let mut crowd = self.crowd();
        if crowd.failures.len() >= ADDRESSES_MAX {
            crowd.forgive();
        }
        *crowd.failures.entry(address).or_default() += 1;
        Err(Refusal::Password)
    }

    /// A second has gone by: every address is forgiven one failure.
    pub(super) fn forgive(&self) {
        self.crowd().forgive();
    }
}

impl Crowd {
    fn forgive(&mut self) {
        self.failures.retain(|_, failures| {
            *failures -= 1;
            *failures > 0
        });
    }
}

/// Whoever has one address of IPv6 has at least 2^64 of them.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address @ IpAddr::V4(_) => address,
    }
}
