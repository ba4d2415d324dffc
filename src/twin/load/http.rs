//! Targets that take POST requests: messages leave as JSON over connections that are kept, one or many to a request.
//!
//! A request holds one message as it is, or with `batch` above one an array of those that were waiting; nothing waits for a batch to
//! fill. Its media type is that of its messages. A message is safe when its request is answered with 2xx. Any other answer is a refusal: counted with its status, sent no
//! more, and never counted as acknowledged. A request that breaks is sent again until the target has been away for too long.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::value::RawValue;
use ureq::Agent;
use ureq::http::Uri;

use super::super::{TwinError, clock};
use super::courier::{Courier, Trouble};
use super::ears::MOMENT;
use crate::pipeline::transport::{Message, PublisherOptions, Witness};
use crate::studies::load::Tag;
use crate::telemetry::payload::media_type;

/// Most connections: each has a thread of its own.
pub(super) const CONNECTIONS_MAX: u16 = 1000;
/// Most messages in a request.
const BATCH_MAX: usize = 10_000;
/// Longest wait for the answer to a request.
const ANSWER_MAX: Duration = Duration::from_mins(1);
/// Longest answer that is read [bytes].
const ANSWER_BYTES_MAX: u64 = 1 << 20;
/// How often to look for room where as many messages wait as may.
const ROOM_AGAIN: Duration = Duration::from_millis(1);
/// First and longest wait between two attempts.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// Most kinds of refusals that are told apart.
const REASONS_MAX: usize = 50;

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpTarget {
    url: String,
    /// Messages in a request, at most.
    pub(super) batch: usize,
}

impl HttpTarget {
    /// Reads `http://host:port/path` or, encrypted, `https://host/path`; `#batch=100` behind it puts up to so many messages into a
    /// request.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (url, fragment) = text.split_once('#').unwrap_or((text, ""));
        let uri: Uri = url.parse().map_err(|error| format!("`{url}` is no address: {error}"))?;
        let host = uri.host().filter(|host| !host.is_empty());
        if host.is_none() {
            return Err(format!("`{url}` names no host; write it like `http://127.0.0.1:8080/telemetry`"));
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err("user and password do not belong into the address".to_owned());
        }
        let batch = match fragment.strip_prefix("batch=") {
            Some(number) => number.parse().ok().filter(|batch| (1..=BATCH_MAX).contains(batch)),
            None => fragment.is_empty().then_some(1),
        };
        let batch = batch.ok_or_else(|| format!("behind `#` stands `batch=` and a number from 1 to {BATCH_MAX}"))?;
        Ok(Self { url: url.to_owned(), batch })
    }

    /// Whether requests are encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        self.url.starts_with("https://")
    }
}

impl fmt::Display for HttpTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)?;
        if self.batch > 1 { write!(f, " (up to {} messages a request)", self.batch) } else { Ok(()) }
    }
}

/// What all connections share.
#[derive(Debug)]
struct Shared {
    target: HttpTarget,
    witness: Arc<dyn Witness>,
    give_up: Duration,
    /// How often all connections were broken on purpose.
    cuts: AtomicU64,
    resent: AtomicU64,
    reconnects: AtomicU64,
    ended: AtomicBool,
    refusals: Mutex<BTreeMap<String, u64>>,
    failure: Mutex<Option<String>>,
}

/// Connections at work; they end when this is dropped.
pub(super) struct Posts {
    lanes: Vec<Lane>,
    /// Most bytes that wait for one connection.
    bytes_max: usize,
    shared: Arc<Shared>,
}

/// The way to one connection.
struct Lane {
    way: SyncSender<(Message, Tag)>,
    /// Bytes that wait in it.
    bytes: Arc<AtomicUsize>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A panic elsewhere leaves nothing half-changed here, so its poison does not matter.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Posts {
    /// Begins a thread for each connection.
    pub(super) fn begin(
        target: &HttpTarget,
        options: &PublisherOptions,
        witness: &Arc<dyn Witness>,
    ) -> Result<Self, TwinError> {
        if options.partitions > CONNECTIONS_MAX {
            let sentence = format!("a target of HTTP takes at most {CONNECTIONS_MAX} connections");
            return Err(TwinError::Service(sentence));
        }
        let shared = Arc::new(Shared {
            target: target.clone(),
            witness: Arc::clone(witness),
            give_up: options.give_up,
            cuts: AtomicU64::new(0),
            resent: AtomicU64::new(0),
            reconnects: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            refusals: Mutex::default(),
            failure: Mutex::default(),
        });
        let mut lanes = Vec::new();
        for number in 0..usize::from(options.partitions.max(1)) {
            let (way, waiting) = sync_channel(options.messages_max.max(1));
            let bytes = Arc::new(AtomicUsize::new(0));
            let connection = Connection {
                number,
                waiting_bytes: Arc::clone(&bytes),
                agent: agent(),
                shared: Arc::clone(&shared),
                cuts: 0,
                back: true,
                body: Vec::new(),
            };
            std::thread::Builder::new()
                .name("post".to_owned())
                .spawn(move || connection.serve(&waiting))
                .map_err(|error| TwinError::Service(format!("cannot start a thread for a connection: {error}")))?;
            lanes.push(Lane { way, bytes });
            // Connections are made with the first request, and that is no part of the load before it.
            witness.connected(number, false);
        }
        Ok(Self { lanes, bytes_max: options.bytes_max, shared })
    }
}

impl Courier for Posts {
    fn send(&self, connection: usize, message: Message, tag: Tag) -> Result<Option<Message>, String> {
        let lane = &self.lanes[connection % self.lanes.len()];
        let (since, bytes, mut one) = (clock::instant(), message.bytes(), (message, tag));
        loop {
            let waiting = lane.bytes.load(Ordering::SeqCst);
            if waiting == 0 || waiting + bytes <= self.bytes_max {
                lane.bytes.fetch_add(bytes, Ordering::SeqCst);
                one = match lane.way.try_send(one) {
                    Ok(()) => return Ok(None),
                    Err(TrySendError::Full(one)) => one,
                    Err(TrySendError::Disconnected(_)) => {
                        let ended = || format!("the connection to {} has ended", self.shared.target);
                        return Err(self.failure().unwrap_or_else(ended));
                    }
                };
                lane.bytes.fetch_sub(bytes, Ordering::SeqCst);
            }
            if since.elapsed() >= MOMENT {
                return Ok(Some(one.0));
            }
            std::thread::park_timeout(ROOM_AGAIN);
        }
    }

    fn cut(&self) {
        self.shared.cuts.fetch_add(1, Ordering::SeqCst);
    }

    fn failure(&self) -> Option<String> {
        lock(&self.shared.failure).clone()
    }

    fn trouble(&self) -> Trouble {
        Trouble {
            resent: self.shared.resent.load(Ordering::SeqCst),
            reconnects: self.shared.reconnects.load(Ordering::SeqCst),
        }
    }

    fn refused(&self) -> u64 {
        lock(&self.shared.refusals).values().sum()
    }

    fn refusals(&self) -> Vec<(String, u64)> {
        lock(&self.shared.refusals).iter().map(|(reason, count)| (reason.clone(), *count)).collect()
    }
}

impl Drop for Posts {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
    }
}

/// An agent with one connection, which is kept.
fn agent() -> Agent {
    use ureq::tls::{RootCerts, TlsConfig};
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = TlsConfig::builder().root_certs(RootCerts::WebPki).unversioned_rustls_crypto_provider(provider);
    let config = Agent::config_builder()
        .tls_config(tls.build())
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .max_idle_connections(1)
        .max_idle_connections_per_host(1)
        .timeout_global(Some(ANSWER_MAX))
        .user_agent("citytwin");
    Agent::new_with_config(config.build())
}

struct Connection {
    number: usize,
    waiting_bytes: Arc<AtomicUsize>,
    agent: Agent,
    shared: Arc<Shared>,
    /// Cuts that were seen.
    cuts: u64,
    /// Whether it has answered since the last one.
    back: bool,
    body: Vec<u8>,
}

impl Connection {
    /// Sends what comes until nothing more will.
    fn serve(mut self, waiting: &Receiver<(Message, Tag)>) {
        let mut next = None;
        while !self.shared.ended.load(Ordering::SeqCst) {
            let first = match next.take().map_or_else(|| waiting.recv_timeout(MOMENT), Ok) {
                Ok(first) => first,
                Err(RecvTimeoutError::Timeout) => {
                    self.storm();
                    self.come_back();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            // What is no JSON goes alone; nothing is looked at where everything does.
            let most = if self.shared.target.batch > 1 && is_json(&first.0) { self.shared.target.batch } else { 1 };
            let mut batch = vec![first];
            while batch.len() < most {
                match waiting.try_recv() {
                    Ok(one) if is_json(&one.0) => batch.push(one),
                    // What is damaged on purpose goes alone, so that it damages nothing else.
                    Ok(one) => {
                        next = Some(one);
                        break;
                    }
                    Err(_) => break,
                }
            }
            let delivered = self.deliver(&batch);
            let bytes = batch.iter().map(|(message, _)| message.bytes()).sum();
            self.waiting_bytes.fetch_sub(bytes, Ordering::SeqCst);
            if !delivered {
                return;
            }
        }
    }

    /// Breaks the connection if that was asked for; the next request makes it again.
    fn storm(&mut self) {
        let cuts = self.shared.cuts.load(Ordering::SeqCst);
        if cuts > self.cuts {
            (self.cuts, self.back) = (cuts, false);
            self.agent = agent();
            self.shared.reconnects.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// A connection that has nothing to send comes back with an empty question, as a device's keep-alive would; it asks until it is answered.
    fn come_back(&mut self) {
        if !self.back && self.agent.head(&self.shared.target.url).call().is_ok() {
            self.answered();
        }
    }

    fn answered(&mut self) {
        if !self.back {
            self.back = true;
            self.shared.witness.connected(self.number, true);
        }
    }

    /// Sends a request until it is answered; false when the target was given up.
    fn deliver(&mut self, batch: &[(Message, Tag)]) -> bool {
        let (since, mut wait) = (clock::instant(), BACKOFF.0);
        loop {
            self.storm();
            match self.post(batch) {
                Ok(status) if (200..300).contains(&status) => {
                    self.answered();
                    let tags: Vec<u64> = batch.iter().map(|(_, tag)| tag.number()).collect();
                    self.shared.witness.safe(&tags);
                    return true;
                }
                Ok(status) => {
                    self.answered();
                    self.refused(format!("answered with status {status}"), batch.len() as u64);
                    return true;
                }
                Err(cause) => {
                    if since.elapsed() >= self.shared.give_up {
                        let (target, waited) = (&self.shared.target, self.shared.give_up.as_secs());
                        let sentence = format!(
                            "cannot reach {target} for {waited} s: {cause}; see that it runs and that the address is right"
                        );
                        lock(&self.shared.failure).get_or_insert(sentence);
                        return false;
                    }
                }
            }
            if self.shared.ended.load(Ordering::SeqCst) {
                return false;
            }
            std::thread::park_timeout(wait);
            wait = (wait * 2).min(BACKOFF.1);
            self.shared.resent.fetch_add(batch.len() as u64, Ordering::SeqCst);
        }
    }

    fn refused(&self, reason: String, messages: u64) {
        let mut refusals = lock(&self.shared.refusals);
        let known = refusals.contains_key(&reason) || refusals.len() < REASONS_MAX;
        *refusals.entry(if known { reason } else { "other reasons".to_owned() }).or_default() += messages;
    }

    /// One request; the status of its answer, or why there was none.
    fn post(&mut self, batch: &[(Message, Tag)]) -> Result<u16, String> {
        let request = self.agent.post(&self.shared.target.url);
        let answer = match batch {
            [(message, _)] if self.shared.target.batch == 1 || !is_json(message) => request
                .header("Content-Type", media_type(&message.payload))
                .header("X-Topic", &*message.topic)
                .send(&message.payload[..]),
            _ => {
                self.body.clear();
                for (number, (message, _)) in batch.iter().enumerate() {
                    self.body.push(if number == 0 { b'[' } else { b',' });
                    self.body.extend_from_slice(&message.payload);
                }
                self.body.push(b']');
                // Plain objects may stand among those of linked data, not the other way round.
                let media = batch.iter().map(|(message, _)| media_type(&message.payload)).max();
                request.header("Content-Type", media.unwrap_or_default()).send(&self.body[..])
            }
        };
        let mut answer = answer.map_err(|error| error.to_string())?;
        // Read to its end, so that the connection can be used again. What cannot be read to its end was answered all the same, and is not
        // sent twice for that; its connection is of no more use.
        if answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec().is_err() {
            self.agent = agent();
        }
        Ok(answer.status().as_u16())
    }
}

/// Whether a message can stand in an array with others.
fn is_json(message: &Message) -> bool {
    serde_json::from_slice::<&RawValue>(&message.payload).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_their_batches() {
        let parse = |text| HttpTarget::parse(text).map(|target| (target.to_string(), target.batch));
        assert_eq!(parse("http://127.0.0.1:80/in"), Ok(("http://127.0.0.1:80/in".to_owned(), 1)));
        assert_eq!(parse("https://x/a?b=c#batch=50").map(|(_, batch)| batch), Ok(50));
        for (text, needle) in [
            ("http://", "is no address"),
            ("http://me:secret@x/", "do not belong"),
            ("http://x/#batch=0", "1 to 10000"),
            ("http://x/#btach=5", "`batch=`"),
        ] {
            let wrong = parse(text).expect_err(text);
            assert!(wrong.contains(needle) && !wrong.contains("secret"), "{text}: {wrong}");
        }
    }
}
