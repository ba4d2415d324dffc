//! One connection to the broker: made again whenever it breaks, until the broker stays away for too long.
//!
//! Writes many messages per system call and reads many answers per system call. Keeps nothing that a broken connection would
//! lose: that is the lane's.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::Interest;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use super::super::confirm;
use super::super::packet::{self, Asking};
use super::super::stream::Stream;
use super::super::target::dial;
use super::lane::{Lane, Next};
use super::patience::Patience;
use super::wire::{Said, Wire, WireError};
use super::{Confirm, Protocol, PublishError, PublisherOptions, Target};

/// Bytes written to the socket at once, about.
const OUT_BYTES: usize = 64 * 1024;
/// So many connections get room in advance.
const FEW: u16 = 64;
/// First and longest wait between two attempts.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// A broker that takes connections and breaks them before it acknowledges anything gets so many chances.
const FRUITLESS_MAX: u32 = 20;
/// Messages wait at most so long for company before they are sent.
const GATHER: Duration = Duration::from_millis(1);

/// Why a connection is of no use.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Wire(#[from] WireError),
    #[error("{0}")]
    Said(String),
    /// Trying again would be of no use either.
    #[error("{0}")]
    Final(PublishError),
}

/// Keeps a lane connected until it is closed, abandoned, or without hope.
pub(super) async fn run(lane: Arc<Lane>, target: Target, options: PublisherOptions, number: usize) {
    let confirmed = match (options.confirm, options.protocol) {
        (Confirm::Broker, _) => None,
        (Confirm::EndToEnd { timeout }, Protocol::V5) => match response_topic(&options.name, number) {
            Ok(topic) => Some(Confirmed { topic, patience: Patience::new(timeout, options.give_up) }),
            Err(reason) => return lane.fail(PublishError::Refused { target, reason }),
        },
        (Confirm::EndToEnd { .. }, Protocol::V311) => {
            let reason = "confirmations from end to end need MQTT 5, and 3.1.1 was asked for".to_owned();
            return lane.fail(PublishError::Refused { target, reason });
        }
    };
    let mut connection = TheConnection {
        lane: &lane,
        confirmed,
        target: &target,
        options: &options,
        number,
        client_id: format!("{}-{number}", options.name),
        wire: Wire(options.protocol),
        // Thousands of connections say little each; their buffers grow when there is something to say.
        out: BytesMut::with_capacity(if options.partitions > FEW { 0 } else { 2 * OUT_BYTES }),
        input: BytesMut::with_capacity(if options.partitions > FEW { 0 } else { 16 * 1024 }),
        ids: Vec::new(),
        cause: "no answer".to_owned(),
        welcomed: false,
        fruitful: false,
    };
    let mut fruitless = 0;
    loop {
        let made = timeout(options.give_up, connection.make()).await;
        let broken = match made {
            Ok(Ok((stream, window))) => connection.serve(stream, window).await,
            Ok(Err(error)) => Err(Broken::Final(error)),
            Err(_) => {
                let cause = std::mem::take(&mut connection.cause);
                Err(Broken::Final(PublishError::Unreachable { target: target.clone(), waited: options.give_up, cause }))
            }
        };
        match broken {
            Ok(()) => return,
            Err(Broken::Final(error)) => return lane.fail(error),
            Err(_) if lane.is_abandoned() => return,
            Err(broken) => connection.cause = broken.to_string(),
        }
        fruitless = if connection.fruitful || !lane.awaits_answers() { 0 } else { fruitless + 1 };
        if fruitless >= FRUITLESS_MAX {
            let reason =
                format!("it broke {FRUITLESS_MAX} connections in a row, at last because: {}", connection.cause);
            return lane.fail(PublishError::Refused { target, reason });
        }
        if fruitless > 0 {
            let _ = timeout(backoff(fruitless), pending::<()>()).await;
        }
    }
}

/// How long to wait before the next attempt: doubled each time.
fn backoff(attempt: u32) -> Duration {
    BACKOFF.0.saturating_mul(1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX)).min(BACKOFF.1)
}

/// Where confirmations come to, and how long they are waited for.
struct Confirmed {
    topic: String,
    patience: Patience,
}

/// The topic for one publisher's confirmations: random, so that nothing said to another comes here.
fn response_topic(name: &str, number: usize) -> Result<String, String> {
    let mut random = [0; 8];
    rustls::crypto::ring::default_provider()
        .secure_random
        .fill(&mut random)
        .map_err(|_| "the system has no random numbers for the topic of confirmations".to_owned())?;
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let name: String = name.chars().take(64).map(plain).collect();
    Ok(format!("{}{name}-{number}/{:016x}", confirm::CONFIRMATION_PREFIX, u64::from_be_bytes(random)))
}

struct TheConnection<'a> {
    lane: &'a Lane,
    confirmed: Option<Confirmed>,
    target: &'a Target,
    options: &'a PublisherOptions,
    number: usize,
    client_id: String,
    wire: Wire,
    out: BytesMut,
    input: BytesMut,
    ids: Vec<u16>,
    /// What ended the last attempt.
    cause: String,
    /// Whether there has been a connection.
    welcomed: bool,
    /// Whether the last one brought a message to the broker.
    fruitful: bool,
}

impl TheConnection<'_> {
    /// Tries until the broker says welcome; how long is the caller's business.
    async fn make(&mut self) -> Result<(Stream, usize), PublishError> {
        for attempt in 1_u32.. {
            if self.lane.is_abandoned() {
                break;
            }
            match self.try_once().await {
                Ok(made) => return Ok(made),
                Err(Broken::Final(error)) => return Err(error),
                Err(broken) => self.cause = broken.to_string(),
            }
            let _ = timeout(backoff(attempt), self.lane.work.notified()).await;
        }
        Err(PublishError::Closed)
    }

    async fn try_once(&mut self) -> Result<(Stream, usize), Broken> {
        let mut stream = match &self.options.door {
            Some(door) => Stream::new(door.dial().await?, None),
            None => dial(self.target, self.options.tls.as_ref()).await?,
        };
        self.out.clear();
        self.input.clear();
        let keep_alive = u16::try_from(self.options.keep_alive.as_secs()).unwrap_or(u16::MAX);
        self.wire.connect(&self.client_id, keep_alive, self.options.credentials.as_ref(), &mut self.out)?;
        stream.send_all(&mut self.out).await?;
        loop {
            if let Some(said) = self.wire.read(&mut self.input)? {
                return match said {
                    Said::Welcome(window) => Ok((stream, usize::from(window.min(self.options.window).max(1)))),
                    Said::Refused { reason, again: true } => Err(Broken::Said(reason)),
                    Said::Refused { reason, again: false } => {
                        Err(Broken::Final(PublishError::Refused { target: self.target.clone(), reason }))
                    }
                    _ => Err(Broken::Said("it does not answer CONNECT with CONNACK".to_owned())),
                };
            }
            stream.ready(Interest::READABLE).await?;
            match stream.try_read_buf(&mut self.input) {
                Ok(0) => return Err(Broken::Said("it closes the connection".to_owned())),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sends and hears until everything is done (Ok) or the connection breaks.
    async fn serve(&mut self, mut stream: Stream, window: usize) -> Result<(), Broken> {
        self.fruitful = false;
        self.lane.begin(self.welcomed);
        if let Some(witness) = &self.options.witness {
            witness.connected(self.number, self.welcomed);
        }
        self.welcomed = true;
        if let Some(confirmed) = &self.confirmed {
            // Said before the first message, so that no confirmation can come before it.
            packet::subscribe(u16::MAX, std::iter::once(confirmed.topic.as_str()), false, &mut self.out);
        }
        let mut ticks = ticks(self.options.keep_alive / 2);
        let mut looks = ticks_of(self.confirmed.as_ref());
        let mut silent_ticks = 0;
        loop {
            if self.fill(window)? == Next::End {
                Wire::disconnect(&mut self.out);
                // Nothing is left to lose.
                let _ = stream.send_all(&mut self.out).await;
                stream.say_end();
                return Ok(());
            }
            if self.lane.take_cut() {
                return Err(Broken::Said("it was cut on purpose".to_owned()));
            }
            stream.send(&mut self.out)?;
            let interest =
                if self.out.is_empty() { Interest::READABLE } else { Interest::READABLE | Interest::WRITABLE };
            tokio::select! {
                biased;
                ready = stream.ready(interest) => {
                    if ready?.is_readable() && self.hear(&mut stream)? {
                        silent_ticks = 0;
                    }
                }
                () = self.lane.work.notified() => {
                    if !self.lane.worth_sending() {
                        let _ = timeout(GATHER, self.lane.work.notified()).await;
                    }
                }
                _ = ticks.tick() => {
                    silent_ticks += 1;
                    if silent_ticks > 2 {
                        return Err(Broken::Said("it has been silent for longer than the keep-alive".to_owned()));
                    }
                    Wire::ping(&mut self.out);
                }
                _ = looks.tick() => self.look()?,
            }
        }
    }

    /// Looks how long nothing was confirmed, and sends again or gives up.
    fn look(&mut self) -> Result<(), Broken> {
        let Some(confirmed) = &mut self.confirmed else { return Ok(()) };
        if confirmed.patience.look(self.lane.awaits_safety()) {
            self.lane.send_again_late();
        }
        match confirmed.patience.exhausted() {
            Some(waited) => Err(Broken::Final(PublishError::Unconfirmed { target: self.target.clone(), waited })),
            None => Ok(()),
        }
    }

    /// Writes new messages into the buffer while it has room.
    fn fill(&mut self, window: usize) -> Result<Next, WireError> {
        let (wire, out) = (self.wire, &mut self.out);
        if out.len() >= OUT_BYTES {
            return Ok(Next::Wait);
        }
        let mut written = Ok(());
        let topic = self.confirmed.as_ref().map(|confirmed| confirmed.topic.as_str());
        let next = self.lane.send(window, |id, number, message, again| {
            let asking = topic.map(|response_topic| Asking { response_topic, correlation: number });
            written = wire.publish(message, id, again, asking, out);
            written.is_ok() && out.len() < OUT_BYTES
        });
        written.map(|()| next)
    }

    /// Reads what there is; whether there was anything.
    fn hear(&mut self, stream: &mut Stream) -> Result<bool, Broken> {
        match stream.try_read_buf(&mut self.input) {
            Ok(0) => return Err(Broken::Said("it closes the connection".to_owned())),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        self.ids.clear();
        let mut end = Ok(true);
        while let Some(said) = self.wire.read(&mut self.input)? {
            match said {
                Said::Acknowledged(id) => self.ids.push(id),
                Said::Rejected(id, reason) => {
                    let topic = self.lane.topic_of(id).unwrap_or_default();
                    let target = self.target.clone();
                    end = Err(Broken::Final(PublishError::Rejected { target, topic, reason }));
                }
                Said::Told { topic, payload, id } => {
                    if id != 0 {
                        packet::acknowledge(id, &mut self.out);
                    }
                    let confirmed = self.confirmed.as_mut().filter(|confirmed| confirmed.topic.as_bytes() == topic);
                    if let Some(confirmed) = confirmed {
                        self.fruitful = true;
                        if self.lane.confirm(confirm::decode(&payload)) {
                            confirmed.patience.renew();
                        }
                    }
                }
                Said::Unheard(reason) => {
                    let topic = self.confirmed.as_ref().map_or("", |confirmed| confirmed.topic.as_str());
                    let reason = format!("it lets nobody listen to `{topic}`: {reason}");
                    end = Err(Broken::Final(PublishError::Refused { target: self.target.clone(), reason }));
                }
                Said::Goodbye(reason) => end = Err(Broken::Said(reason)),
                // It answers pings, so it is no broker that only takes connections and breaks them.
                Said::Alive | Said::Welcome(_) | Said::Refused { .. } => self.fruitful = true,
            }
        }
        if !self.ids.is_empty() {
            self.fruitful = true;
            let nobody = |id| Broken::Said(format!("it acknowledges message {id}, which was not sent"));
            self.lane.acknowledge(&self.ids).map_err(nobody)?;
        }
        end
    }
}

fn ticks(period: Duration) -> Interval {
    let mut ticks = interval(period.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick would come at once.
    ticks.reset();
    ticks
}

/// Looks for confirmations; hardly ever where none are asked for.
fn ticks_of(confirmed: Option<&Confirmed>) -> Interval {
    ticks(confirmed.map_or(Duration::from_hours(1), |confirmed| confirmed.patience.period()))
}
