//! The MQTT listener inside the binary: 3.1.1 and 5 on one port, acknowledging only what the bus says is durable.
//!
//! Quality of service 0, 1 and, in 3.1.1, 2 (in MQTT 5 it announces 1 as the highest). Serves subscribers with wildcards,
//! retained messages and quality of service 0 and 1. Sessions end with their connection. Beyond this machine it asks who comes:
//! by password or certificate, encrypted if it has a certificate of its own. Whatever a client sends, only its own connection
//! suffers, and the reason is counted. Publishers that ask for confirmations get them when their messages are durable.

mod connection;
mod counters;
mod guard;
mod hub;
mod rate;
mod session;
pub(super) mod topics;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval};

pub use self::counters::ListenerStats;
pub use self::guard::ListenerSecurity;

use self::connection::TheConnection;
use self::counters::{Counters, Refusal, add};
use self::guard::{Guard, Origin};
use self::hub::Hub;
use super::bus::{Bus, BusError};
use super::door::Door;
use super::greeting::ASSIGNED;
use super::message::{PAYLOAD_BYTES_MAX, TOPIC_BYTES_MAX};
use super::stream::Stream;
use super::tls::TlsServer;

/// Connections that may wait to be accepted; the system may allow fewer.
const WAITING_MAX: u32 = 4096;

/// What the listener allows its clients; each limit says what happens there.
#[derive(Debug, Clone)]
pub struct ListenerLimits {
    /// Connections at once; more are closed at once.
    pub connections: usize,
    /// Connections of one address (of IPv6: of one /64) at once; more are closed at once.
    pub connections_per_address: usize,
    /// Connections of one user at once; more are turned away.
    pub connections_per_user: usize,
    /// Messages one connection may send, and bytes; beyond it the socket is not read for a while [1/s].
    pub messages_per_second: u64,
    /// The same in bytes [1/s].
    pub bytes_per_second: u64,
    /// Longest packet [bytes]; a longer one ends its connection.
    pub packet_bytes: usize,
    /// Longest client identifier [bytes]; a longer one is turned away.
    pub client_id_bytes: usize,
    /// A connection without CONNECT is closed after this time; one that ends has as long to take the last words.
    pub connect_timeout: Duration,
    /// MQTT 5's Receive Maximum: a client that sends more messages than this without waiting for answers is disconnected.
    pub receive_maximum: u16,
    /// Reads of one connection that wait for the disk; beyond it the socket is not read.
    pub rounds: usize,
    /// Bytes of one connection that wait for the disk; beyond it the socket is not read.
    pub waiting_bytes: usize,
    /// The same for all connections together; beyond it they take turns.
    pub waiting_bytes_total: usize,
    /// Messages that wait for one subscriber; beyond it its messages are dropped and counted.
    pub subscriber_queue: usize,
    /// Their topics and payloads [bytes]; beyond it the same.
    pub subscriber_bytes: usize,
    /// The same for all subscribers together [bytes].
    pub subscriber_bytes_total: usize,
    /// Filters of one client; more are refused in SUBACK.
    pub filters_per_client: usize,
    /// Topics whose last message is kept for later subscribers; more are not kept, and counted.
    pub retained_max: usize,
    /// Their topics and payloads together [bytes]; beyond it the same. A topic whose new message does not fit keeps the old one.
    pub retained_bytes: usize,
}

impl Default for ListenerLimits {
    fn default() -> Self {
        Self {
            connections: 1024,
            connections_per_address: 1024,
            connections_per_user: 1024,
            messages_per_second: 200_000,
            bytes_per_second: 128 << 20,
            packet_bytes: PAYLOAD_BYTES_MAX + TOPIC_BYTES_MAX + 1024,
            client_id_bytes: 256,
            connect_timeout: Duration::from_secs(10),
            receive_maximum: 8192,
            rounds: 256,
            waiting_bytes: 2 << 20,
            waiting_bytes_total: 32 << 20,
            subscriber_queue: 1024,
            subscriber_bytes: 8 << 20,
            subscriber_bytes_total: 64 << 20,
            filters_per_client: 64,
            retained_max: 4096,
            retained_bytes: 32 << 20,
        }
    }
}

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address cannot be used.
    #[error("cannot listen on {address}: {source}; choose another address, or port 0 for any free one")]
    Address {
        /// Where it was to listen.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// Anybody could come in from other machines.
    #[error(
        "a listener on {address} would let anybody in; name a users file or the authority of client certificates, listen on \
         127.0.0.1, or allow anonymous clients in so many words"
    )]
    Open {
        /// Where it was to listen.
        address: SocketAddr,
    },
}

/// What all connections share.
#[derive(Debug)]
struct Shared {
    bus: Arc<dyn Bus>,
    hub: Hub,
    counters: Arc<Counters>,
    limits: ListenerLimits,
    /// Bytes that may still be handed to the bus.
    room: Arc<Semaphore>,
    failed: watch::Sender<Option<BusError>>,
    assigned: AtomicU64,
    guard: Arc<Guard>,
    /// Ticks since it began.
    clock: watch::Sender<u64>,
}

impl Shared {
    /// An identifier for a client that brings none.
    fn next_client_id(&self) -> String {
        format!("{ASSIGNED}{}", self.assigned.fetch_add(1, Ordering::Relaxed))
    }
}

/// A listener at work.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    shared: Arc<Shared>,
    closing: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Listener {
    /// Listens on an address of this machine's own (port 0 for any free one) for everybody there, and serves on the runtime until
    /// shut down.
    ///
    /// # Errors
    /// When the address is taken, not of this machine, or open to others.
    pub fn spawn(
        runtime: &Handle,
        address: SocketAddr,
        bus: Arc<dyn Bus>,
        limits: ListenerLimits,
    ) -> Result<Self, ListenError> {
        Self::guarded(runtime, address, bus, limits, ListenerSecurity::default())
    }

    /// Listens on any address, for those whom `security` lets in.
    ///
    /// # Errors
    /// When the address is taken or not of this machine, or when it is open to others and `security` asks nobody who it is.
    pub fn guarded(
        runtime: &Handle,
        address: SocketAddr,
        bus: Arc<dyn Bus>,
        limits: ListenerLimits,
        security: ListenerSecurity,
    ) -> Result<Self, ListenError> {
        if !address.ip().to_canonical().is_loopback() && !security.asks() && !security.allow_anonymous {
            return Err(ListenError::Open { address });
        }
        let failed = |source| ListenError::Address { address, source };
        let entered = runtime.enter();
        let socket = bind(address).map_err(failed)?;
        drop(entered);
        let bound = socket.local_addr().map_err(failed)?;
        let counters = Arc::new(Counters::default());
        let shared = Arc::new(Shared {
            bus,
            hub: Hub::new(Arc::clone(&counters), limits.clone()),
            counters,
            guard: Arc::new(Guard::new(security, &limits)),
            clock: watch::Sender::new(0),
            room: Arc::new(Semaphore::new(limits.waiting_bytes_total.clamp(1, Semaphore::MAX_PERMITS))),
            limits,
            failed: watch::Sender::new(None),
            assigned: AtomicU64::new(0),
        });
        let closing = watch::Sender::new(false);
        let task = runtime.spawn(serve(socket, Arc::clone(&shared), closing.subscribe()));
        Ok(Self { address: bound, shared, closing, task })
    }

    /// Where it listens, with the port it got.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Whether it still accepts connections; if not without having been shut down, something went wrong inside it.
    pub fn is_serving(&self) -> bool {
        !self.task.is_finished()
    }

    /// What it has done so far.
    pub fn stats(&self) -> ListenerStats {
        self.shared.counters.stats()
    }

    /// The last reason why messages could not be stored; since then they have not been acknowledged.
    pub fn failure(&self) -> Option<BusError> {
        self.shared.failed.borrow().clone()
    }

    /// Waits until messages cannot be stored, and says why.
    pub async fn failed(&self) -> BusError {
        let mut failed = self.shared.failed.subscribe();
        loop {
            let error = failed.borrow_and_update().clone();
            match error {
                Some(error) => return error,
                // The sender lives as long as `self`.
                None => drop(failed.changed().await),
            }
        }
    }

    /// Stops listening and reading; returns when everything taken is durable and answered, or cannot be.
    pub async fn shutdown(self) -> ListenerStats {
        self.closing.send_replace(true);
        // A panic of the task has ended it as well.
        let _ = self.task.await;
        self.shared.counters.stats()
    }
}

/// Listens with room for a whole city that comes back at once: with std's 128 places the kernel drops the rest of them, and those try
/// again after a second (RFC 6298, section 2.1).
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // As std does: a listener that starts anew does not wait for its old connections to be forgotten.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING_MAX)
}

/// Accepts connections until told to close, then waits for those there are.
async fn serve(socket: TcpListener, shared: Arc<Shared>, mut closing: watch::Receiver<bool>) {
    let mut tasks = JoinSet::new();
    let mut ticks = interval(rate::TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            accepted = socket.accept() => match accepted {
                Ok(_) if tasks.len() >= shared.limits.connections => shared.counters.refuse(Refusal::TooManyConnections),
                Ok((stream, from)) => match receive(&shared, stream, from) {
                    Ok((stream, origin)) => welcome(&shared, stream, origin, &mut tasks, &closing),
                    Err(refusal) => shared.counters.refuse(refusal),
                },
                // Out of file handles, as a rule: wait for a connection to end, or a moment.
                Err(_) => {
                    shared.counters.refuse(Refusal::TooManyConnections);
                    let moment = tokio::time::timeout(Duration::from_millis(100), tasks.join_next());
                    if let Ok(Some(ended)) = moment.await {
                        count_end(&shared, &ended);
                    }
                }
            },
            // Those of this process are few, and always find room.
            stream = through(shared.guard.security.door.as_ref()) => {
                welcome(&shared, Stream::new(stream, None), Origin::Inside, &mut tasks, &closing);
            }
            Some(ended) = tasks.join_next() => count_end(&shared, &ended),
            _ = ticks.tick() => tick(&shared),
            _ = closing.changed() => break,
        }
    }
    drop(socket);
    while !tasks.is_empty() {
        tokio::select! {
            Some(ended) = tasks.join_next() => count_end(&shared, &ended),
            _ = ticks.tick() => tick(&shared),
        }
    }
}

/// Makes a connection of a socket, if its address may have another.
fn receive(shared: &Shared, socket: TcpStream, from: SocketAddr) -> Result<(Stream, Origin), Refusal> {
    let place = shared.guard.enter(from.ip())?;
    let tls = shared.guard.security.tls.as_ref().map(TlsServer::connection).transpose();
    Ok((Stream::new(socket, tls.map_err(|_| Refusal::Encryption)?), Origin::Network(from.ip(), place)))
}

/// The next connection through the door; never if there is none.
async fn through(door: Option<&Door>) -> TcpStream {
    match door {
        Some(door) => door.next().await,
        None => std::future::pending().await,
    }
}

/// Begins to serve a connection.
fn welcome(
    shared: &Arc<Shared>,
    stream: Stream,
    origin: Origin,
    tasks: &mut JoinSet<()>,
    closing: &watch::Receiver<bool>,
) {
    add(&shared.counters.accepted, 1);
    add(&shared.counters.open, 1);
    tasks.spawn(TheConnection::new(Arc::clone(shared), stream, origin, closing.clone()).run());
}

/// Lets time go by for everybody.
fn tick(shared: &Shared) {
    shared.clock.send_modify(|ticks| *ticks += 1);
    if (*shared.clock.borrow()).is_multiple_of(rate::TICKS_PER_SECOND) {
        shared.guard.forgive();
    }
}

/// What a client's bytes do to the protocol's state, without a socket: for those who throw any bytes at it.
pub(super) fn hear(bytes: &[u8]) -> usize {
    let limits = ListenerLimits::default();
    let mut session = session::Session::new(&limits);
    let mut heard = Vec::new();
    // In pieces, as a socket brings them.
    for piece in bytes.chunks(97) {
        let before = heard.len();
        session.receive(piece, &mut heard);
        for at in before..heard.len() {
            match &heard[at] {
                session::Heard::Connect { .. } => session.accept(None),
                session::Heard::Publish { answer, .. } => session.answer(*answer),
                session::Heard::Subscribe { id, asked } => {
                    let grants: Vec<_> =
                        asked.iter().map(|asked| session::Grant::Granted(asked.acknowledged)).collect();
                    session.granted(*id, &grants);
                }
                session::Heard::Unsubscribe { id, filters } => {
                    session.removed(*id, &filters.iter().map(|filter| topics::is_filter(filter)).collect::<Vec<_>>());
                }
                session::Heard::Leave | session::Heard::Refused(_) => return heard.len() + session.out.len(),
            }
        }
    }
    heard.len() + session.out.len()
}

fn count_end(shared: &Shared, ended: &Result<(), tokio::task::JoinError>) {
    shared.counters.open.fetch_sub(1, Ordering::Relaxed);
    if ended.is_err() {
        shared.counters.refuse(Refusal::Internal);
    }
}
