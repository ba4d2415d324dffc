//! The bridge's one task: connects, reads while there is room, hands to the bus, acknowledges and confirms, and connects again.

use std::future::{Future, pending};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::Interest;
use tokio::sync::{mpsc, watch};
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use super::super::bus::BusError;
use super::super::confirm::{CONFIRMATION_BYTES_MAX, Confirmations};
use super::super::packet::{self, Arrived, Packet};
use super::Shared;
use super::counters::add;
use super::intake::{Intake, Taken};
use super::link::{self, Link, PACKET_BYTES_MAX};
use crate::primitives::fail_point;

/// Everything that takes time is counted in these.
const TICK: Duration = Duration::from_millis(100);
/// First and longest wait between two attempts to connect.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// Ticks after which a connection is worth an attempt at once when it breaks. Sooner it is not: two bridges of one name would
/// throw each other out without a pause.
const LASTING: u32 = 20;
/// More bytes than this waiting to be sent stop reading.
const OUT_BYTES_MAX: usize = 256 * 1024;
/// A packet that carries a confirmation is longer than it by at most so much [bytes].
const CONFIRMATION_HEAD_MAX: usize = 256;

type Making = Pin<Box<dyn Future<Output = Result<Link, String>> + Send>>;

/// A partition, and what the bus said to its batch.
type Told = (u16, Result<(), BusError>);

pub(super) struct Connection {
    shared: Arc<Shared>,
    intake: Intake,
    confirmations: Confirmations,
    link: Option<Link>,
    making: Option<Making>,
    /// Attempts since the broker was there for [`LASTING`] the last time.
    attempts: u32,
    /// Ticks the connection has lasted.
    lasted: u32,
    tell: mpsc::UnboundedSender<Told>,
    told: mpsc::UnboundedReceiver<Told>,
    closing: watch::Receiver<bool>,
    ticks: Interval,
    /// Ticks since the broker said something, and since it was asked to.
    silent: (u32, u32),
    /// Reads no more; ends when everything is durable and acknowledged. The ticks it has left for that.
    leaving: Option<u32>,
}

impl Connection {
    pub(super) fn new(shared: Arc<Shared>, closing: watch::Receiver<bool>) -> Self {
        let (tell, told) = mpsc::unbounded_channel();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        shared.counters.lost("it has not answered yet".to_owned());
        let intake = Intake::new(shared.bus.partitions());
        Self {
            shared,
            intake,
            confirmations: Confirmations::default(),
            link: None,
            making: None,
            attempts: 0,
            lasted: 0,
            tell,
            told,
            closing,
            ticks,
            silent: (0, 0),
            leaving: None,
        }
    }

    /// Works until told to stop and done, or until the bus can take nothing more.
    pub(super) async fn run(mut self) {
        loop {
            self.dispatch();
            self.answer();
            if let Some(error) = self.flush().err() {
                self.lose(error.to_string());
            }
            if self.is_done() {
                break;
            }
            self.begin_making();
            self.turn().await;
        }
        if let Some(mut link) = self.link.take() {
            packet::disconnect(&mut link.out);
            // Whether it hears that or not, what it has no acknowledgement for it keeps.
            let _ = timeout(TICK * 10, link.stream.send_all(&mut link.out)).await;
            link.stream.say_end();
        }
    }

    /// Whether there is nothing more to do, or no time for it.
    fn is_done(&self) -> bool {
        let bus_lost = self.shared.failed.borrow().as_ref().is_some_and(BusError::is_final);
        let sent = self.link.as_ref().is_none_or(|link| link.out.is_empty() && !link.stream.has_backlog());
        bus_lost
            || self.leaving.is_some_and(|ticks| {
                ticks == 0 || (self.intake.is_empty() && sent && (self.link.is_none() || self.confirmations.is_empty()))
            })
    }

    /// Waits for one thing to happen, and does what it asks for.
    async fn turn(&mut self) {
        let interest = self.interest();
        let link = self.link.as_ref();
        let ready = async {
            match (link, interest) {
                (Some(link), Some(interest)) => link.stream.ready(interest).await,
                _ => pending().await,
            }
        };
        let making = &mut self.making;
        let made = async {
            match making {
                Some(making) => making.await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(told) = self.told.recv() => {
                self.hear_bus(told);
                while let Ok(told) = self.told.try_recv() {
                    self.hear_bus(told);
                }
            }
            _ = self.closing.changed(), if self.leaving.is_none() => {
                let ticks = self.shared.options.shutdown_timeout.as_millis() / TICK.as_millis();
                self.leaving = Some(u32::try_from(ticks).unwrap_or(u32::MAX).max(1));
                self.making = None;
            }
            made = made => {
                self.making = None;
                match made {
                    Ok(link) => self.begin(link),
                    Err(cause) => self.lose(cause),
                }
            }
            ready = ready => {
                let read = match ready {
                    Ok(ready) if ready.is_readable() => self.read(),
                    Ok(_) => Ok(()),
                    Err(error) => Err(error.to_string()),
                };
                if let Err(cause) = read {
                    self.lose(cause);
                }
            }
            _ = self.ticks.tick() => self.tick(),
        }
    }

    /// What the socket is asked for now.
    fn interest(&self) -> Option<Interest> {
        let link = self.link.as_ref()?;
        let write = !link.out.is_empty() || link.stream.has_backlog();
        match (self.may_read(), write) {
            (true, true) => Some(Interest::READABLE | Interest::WRITABLE),
            (true, false) => Some(Interest::READABLE),
            (false, true) => Some(Interest::WRITABLE),
            (false, false) => None,
        }
    }

    /// Whether what is read would find room.
    fn may_read(&self) -> bool {
        let options = &self.shared.options;
        let room = self.intake.bytes() < options.waiting_bytes
            && self.intake.len() < 2 * usize::from(options.receive_maximum).max(1024);
        let sent = self.link.as_ref().is_none_or(|link| link.out.len() < OUT_BYTES_MAX);
        room && sent && self.leaving.is_none()
    }

    /// Begins to connect where there is no connection, after a pause that grows.
    fn begin_making(&mut self) {
        if self.link.is_some() || self.making.is_some() || self.leaving.is_some() {
            return;
        }
        let doubled = BACKOFF.0.saturating_mul(1_u32.checked_shl(self.attempts.saturating_sub(1)).unwrap_or(u32::MAX));
        let pause = if self.attempts == 0 { Duration::ZERO } else { doubled.min(BACKOFF.1) };
        self.attempts = self.attempts.saturating_add(1);
        let shared = Arc::clone(&self.shared);
        self.making = Some(Box::pin(async move {
            let _ = timeout(pause, pending::<()>()).await;
            link::make(&shared).await
        }));
    }

    fn begin(&mut self, link: Link) {
        let counters = &self.shared.counters;
        add(&counters.connections, 1);
        add(&counters.sessions_lost, u64::from(!link.terms.session_present));
        counters.found();
        (self.silent, self.lasted) = ((0, 0), 0);
        self.link = Some(link);
        // What came in one go with the welcome.
        if let Err(cause) = self.hear() {
            self.lose(cause);
        }
    }

    /// The connection is of no use any more; what it brought still goes to the bus.
    fn lose(&mut self, cause: String) {
        self.link = None;
        // Its identifiers mean nothing any more; the next one sends again what has no acknowledgement.
        self.intake.begin();
        self.shared.counters.lost(cause);
    }

    fn tick(&mut self) {
        self.intake.tick();
        self.shared.counters.pass(TICK);
        if let Some(ticks) = &mut self.leaving {
            *ticks = ticks.saturating_sub(1);
        }
        // A broker that is not read from because the bus is slow is not silent, but wants to hear from us all the same.
        let reading = self.may_read();
        let Some(link) = &mut self.link else { return };
        let own = self.shared.options.keep_alive;
        let keep_alive = link
            .terms
            .keep_alive
            .filter(|seconds| *seconds > 0)
            .map_or(own, |seconds| own.min(Duration::from_secs(seconds.into())));
        let half = u32::try_from((keep_alive / 2).as_millis() / TICK.as_millis()).unwrap_or(u32::MAX).max(1);
        self.lasted = self.lasted.saturating_add(1);
        if self.lasted >= LASTING {
            self.attempts = 0;
        }
        self.silent.0 += u32::from(reading);
        self.silent.1 += 1;
        if self.silent.1 >= half {
            self.silent.1 = 0;
            packet::ping(&mut link.out);
        }
        if self.silent.0 > half.saturating_mul(3) {
            self.lose("it has been silent for longer than the keep-alive".to_owned());
        }
    }

    /// Reads what there is, once.
    fn read(&mut self) -> Result<(), String> {
        if !self.may_read() {
            return Ok(());
        }
        let Some(link) = &mut self.link else { return Ok(()) };
        match link.stream.try_read_buf(&mut link.input) {
            Ok(0) => return Err("it closes the connection".to_owned()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.to_string()),
        }
        self.silent.0 = 0;
        self.hear()
    }

    /// Takes every whole packet there is.
    fn hear(&mut self) -> Result<(), String> {
        loop {
            let Some(link) = &mut self.link else { return Ok(()) };
            let Some(packet) = packet::read(&mut link.input, PACKET_BYTES_MAX).map_err(|error| error.to_string())?
            else {
                return Ok(());
            };
            match packet {
                Packet::Publish(arrived) => self.take(arrived),
                Packet::Subscribed(codes) => {
                    self.granted(&codes)?;
                }
                Packet::Goodbye(code) => return Err(format!("it disconnects: {}", packet::reason(code))),
                Packet::Welcome(_) | Packet::Refused(_) => return Err("it answers CONNECT twice".to_owned()),
                Packet::Acknowledged { .. } | Packet::Pong | Packet::Other => {}
            }
        }
    }

    fn granted(&mut self, codes: &[u8]) -> Result<(), String> {
        let denied = codes.iter().zip(&self.shared.options.filters).find(|(code, _)| **code >= 0x80);
        if let Some((code, filter)) = denied {
            // Whoever has to change the broker's rights needs longer than a moment.
            self.attempts = 6;
            return Err(format!("it lets nobody take `{filter}`: {}", packet::reason(*code)));
        }
        add(&self.shared.counters.subscribed, 1);
        Ok(())
    }

    fn take(&mut self, arrived: Arrived) {
        let counters = &self.shared.counters;
        add(&counters.received, 1);
        add(&counters.bytes, (arrived.topic.len() + arrived.payload.len()) as u64);
        add(&counters.again, u64::from(arrived.again));
        match self.intake.take(arrived) {
            Taken::Whole => {}
            Taken::PayloadCut => add(&counters.refused_payloads, 1),
            Taken::TopicMended => add(&counters.refused_topics, 1),
            Taken::Ignored => add(&counters.ignored, 1),
        }
    }

    fn dispatch(&mut self) {
        let (shared, tell) = (&self.shared, &self.tell);
        self.intake.dispatch(|partition, messages| {
            let tell = tell.clone();
            let done = move |result: Result<_, BusError>| {
                // Nobody hears it when the bridge has gone.
                let _ = tell.send((partition, result.map(drop)));
            };
            shared.bus.submit(partition, messages, Box::new(done));
        });
    }

    fn hear_bus(&mut self, (partition, result): Told) {
        let counters = &self.shared.counters;
        match result {
            Ok(()) => {
                let confirmations = &mut self.confirmations;
                let committed = self.intake.commit(partition, |topic, number| {
                    if !confirmations.note(topic, number) {
                        add(&counters.unconfirmed, 1);
                    }
                });
                add(&counters.committed, committed);
                fail_point::reach("bridge/committed");
            }
            Err(error) => {
                add(&counters.bus_waits, u64::from(!error.is_final()));
                self.intake.refuse(partition);
                self.shared.failed.send_replace(Some(error));
            }
        }
    }

    /// Acknowledges and confirms what is durable, while there is room to say so.
    fn answer(&mut self) {
        let counters = &self.shared.counters;
        while let Some(id) = self.intake.next_answer() {
            // There are none of a connection that is gone.
            let Some(link) = &mut self.link else { continue };
            packet::acknowledge(id, &mut link.out);
            add(&counters.acknowledged, 1);
        }
        let Some(Link { out, terms, .. }) = &mut self.link else { return };
        let bytes_max = terms.packet_bytes.saturating_sub(CONFIRMATION_HEAD_MAX).clamp(32, CONFIRMATION_BYTES_MAX);
        while out.len() < OUT_BYTES_MAX {
            let Some((topic, payload, numbers)) = self.confirmations.next(bytes_max) else { break };
            // Only what is such text was noted.
            let topic = String::from_utf8_lossy(&topic);
            packet::publish(&topic, &payload, None, false, None, out);
            add(&counters.confirmed, numbers);
            add(&counters.confirmations, 1);
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.link.as_mut().map_or(Ok(()), |link| link.stream.send(&mut link.out))
    }
}
