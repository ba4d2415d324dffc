//! One connection: reads while there is room, hands messages to the bus, and answers them once they are durable.
//!
//! What one read brings is a round: it goes to the bus as one batch per partition, and its answers leave together, in the order
//! the messages came. While too much waits for the disk the socket is not read, so that TCP holds the sender back. Keeps no
//! state beyond the connection and never decodes a payload.

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::Interest;
use tokio::sync::{mpsc, watch};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::super::bus::BusError;
use super::super::confirm::{CONFIRMATION_BYTES_MAX, Confirmations};
use super::super::message::{Message, partition_of};
use super::super::stream::Stream;
use super::super::tls::subject;
use super::Shared;
use super::counters::{Refusal, add};
use super::guard::{Admitted, Login, Origin, Shown};
use super::hub::{Seat, Subscribed};
use super::rate::Allowance;
use super::session::{Answer, Asked, Grant, Heard, Session};
use super::topics::{Wish, is_filter};

/// Bytes taken from the socket at once.
const READ_BYTES: usize = 64 * 1024;
/// More bytes than this waiting to be sent stop reading and delivering.
const OUT_BYTES_MAX: usize = 256 * 1024;
/// Messages for a subscriber that leave in one write, at most.
const DELIVERIES_AT_ONCE: usize = 128;
/// Half-periods of the keep-alive without a byte after which a client is gone: the standard allows one and a half periods.
const SILENT_TICKS_MAX: u32 = 3;

/// A batch's number and what the bus said.
type Told = (u64, Result<(), BusError>);

/// What one read brought, until all of it is durable.
#[derive(Debug)]
struct Round {
    /// Batches the bus has not answered yet.
    left: usize,
    answers: Vec<Answer>,
    /// For subscribers and for keeping, each with the mark to be kept.
    heard: Vec<(Message, bool)>,
    /// Who wants to be told that it is durable, by which number.
    asked: Vec<(Bytes, u64)>,
    bytes: usize,
}

#[derive(Debug)]
pub(super) struct TheConnection {
    shared: Arc<Shared>,
    stream: Stream,
    origin: Origin,
    /// Who it is, once that is known, and what it may do.
    admitted: Option<Admitted>,
    allowance: Allowance,
    clock: watch::Receiver<u64>,
    session: Session,
    seat: Option<Seat>,
    rounds: VecDeque<Round>,
    /// Number of the first round in `rounds`.
    first_round: u64,
    /// Bytes of all rounds.
    waiting_bytes: usize,
    tell: mpsc::UnboundedSender<Told>,
    told: mpsc::UnboundedReceiver<Told>,
    closing: watch::Receiver<bool>,
    ticks: Interval,
    silent_ticks: u32,
    /// Neither reads nor takes deliveries any more; ends when nothing is waiting.
    leaving: bool,
    /// Says goodbye for the whole listener when nothing is waiting.
    farewell: bool,
    /// The socket is of no use any more.
    dead: bool,
    confirmations: Confirmations,
    buffer: Vec<u8>,
}

impl TheConnection {
    pub(super) fn new(shared: Arc<Shared>, stream: Stream, origin: Origin, closing: watch::Receiver<bool>) -> Self {
        let (tell, told) = mpsc::unbounded_channel();
        let session = Session::new(&shared.limits);
        let ticks = ticks(shared.limits.connect_timeout);
        let clock = shared.clock.subscribe();
        let now = *clock.borrow();
        let allowance = Allowance::new(shared.limits.messages_per_second, shared.limits.bytes_per_second, now);
        Self {
            shared,
            stream,
            origin,
            admitted: None,
            allowance,
            clock,
            session,
            seat: None,
            rounds: VecDeque::new(),
            first_round: 0,
            waiting_bytes: 0,
            tell,
            told,
            closing,
            ticks,
            silent_ticks: 0,
            leaving: false,
            farewell: false,
            dead: false,
            confirmations: Confirmations::default(),
            buffer: vec![0; READ_BYTES],
        }
    }

    /// Serves the client until one of both leaves and everything taken is durable.
    pub(super) async fn run(mut self) {
        loop {
            if self.farewell && self.rounds.is_empty() {
                // Not before the last answer: nothing may be said after goodbye.
                self.farewell = false;
                self.session.shut_down();
            }
            self.flush();
            let sent = self.session.out.is_empty() && !self.stream.has_backlog();
            if self.leaving && self.rounds.is_empty() && (self.dead || sent) {
                self.stream.say_end();
                break;
            }
            self.turn().await;
        }
        if let Some(seat) = &self.seat {
            self.shared.hub.leave(seat.number);
        }
    }

    /// Waits for one thing to happen, and does what it asks for.
    async fn turn(&mut self) {
        let interest = self.interest();
        let throttled = !self.leaving && self.allowance.in_debt();
        let deliver = !self.leaving && self.session.out.len() < OUT_BYTES_MAX && self.session.may_deliver();
        let (deliveries, taken_over) = match &mut self.seat {
            Some(seat) => (Some(&mut seat.deliveries), Some(&seat.taken_over)),
            None => (None, None),
        };
        let stream = &self.stream;
        let ready = async {
            match interest {
                Some(interest) => stream.ready(interest).await,
                None => pending().await,
            }
        };
        let delivery = async {
            match deliveries {
                Some(deliveries) => deliveries.recv().await,
                None => pending().await,
            }
        };
        let taken = async {
            match taken_over {
                Some(taken_over) => taken_over.notified().await,
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
            () = taken, if !self.leaving => self.refuse(Refusal::TakenOver),
            _ = self.closing.changed(), if !self.leaving => {
                self.farewell = true;
                self.leave();
            }
            _ = self.clock.changed(), if throttled => {
                let now = *self.clock.borrow_and_update();
                self.allowance.fill(now);
            }
            ready = ready => match ready {
                Ok(ready) if ready.is_readable() && !self.leaving => self.read().await,
                Ok(_) => {}
                Err(_) => self.hang_up(),
            },
            Some(delivery) = delivery, if deliver => {
                self.deliver(&delivery);
                for _ in 1..DELIVERIES_AT_ONCE {
                    let Some(Ok(delivery)) = self.seat.as_mut().map(|seat| seat.deliveries.try_recv()) else { break };
                    self.deliver(&delivery);
                    if !self.session.may_deliver() || self.session.out.len() >= OUT_BYTES_MAX {
                        break;
                    }
                }
            }
            _ = self.ticks.tick() => self.tick(),
        }
    }

    /// What the socket is asked for now.
    fn interest(&self) -> Option<Interest> {
        let read = self.may_read();
        let write = !self.dead && (!self.session.out.is_empty() || self.stream.has_backlog());
        match (read, write) {
            (true, true) => Some(Interest::READABLE | Interest::WRITABLE),
            (true, false) => Some(Interest::READABLE),
            (false, true) => Some(Interest::WRITABLE),
            (false, false) => None,
        }
    }

    /// Whether what is read would find room.
    fn may_read(&self) -> bool {
        let limits = &self.shared.limits;
        let room = self.rounds.len() < limits.rounds && self.waiting_bytes < limits.waiting_bytes;
        !self.leaving && room && self.session.out.len() < OUT_BYTES_MAX && !self.allowance.in_debt()
    }

    /// Sends what can be sent without waiting.
    fn flush(&mut self) {
        if !self.dead && self.stream.send(&mut self.session.out).is_err() {
            self.hang_up();
        }
    }

    /// Takes nothing more; what is waiting has its time, whatever keep-alive the client asked for.
    fn leave(&mut self) {
        if !self.leaving {
            self.leaving = true;
            self.ticks = ticks(self.shared.limits.connect_timeout);
        }
    }

    /// The other side is gone.
    fn hang_up(&mut self) {
        self.leave();
        self.dead = true;
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.shared.counters.refuse(refusal);
        self.session.say_goodbye(refusal);
        self.leave();
    }

    fn tick(&mut self) {
        if self.leaving {
            // It has had its time to take the last words.
            self.dead = true;
        } else if self.seat.is_none() {
            self.refuse(Refusal::ConnectTimeout);
        } else if self.may_read() {
            // A client that is not read from because the disk is slow is not silent.
            self.silent_ticks += 1;
            if self.silent_ticks >= SILENT_TICKS_MAX {
                self.refuse(Refusal::KeepAlive);
            }
        }
    }

    async fn read(&mut self) {
        let read = match self.stream.try_read(&mut self.buffer) {
            Ok(0) => return self.hang_up_after_reading(),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(_) => {
                if !self.stream.is_established() {
                    self.shared.counters.refuse(Refusal::Encryption);
                }
                return self.hang_up();
            }
        };
        self.silent_ticks = 0;
        let mut heard = Vec::new();
        let buffer = std::mem::take(&mut self.buffer);
        self.session.receive(&buffer[..read], &mut heard);
        self.buffer = buffer;
        let now = *self.clock.borrow();
        if self.allowance.take(heard.len(), read, now) {
            add(&self.shared.counters.throttled, 1);
        }
        let mut round = Round { left: 0, answers: Vec::new(), heard: Vec::new(), asked: Vec::new(), bytes: 0 };
        let mut batches: Vec<(u16, Vec<Message>)> = Vec::new();
        for heard in heard {
            if self.leaving {
                break;
            }
            match heard {
                Heard::Publish { message, retain, answer, asked } => {
                    if !self.admitted.as_ref().is_some_and(|admitted| admitted.rights.may_publish(&message.topic)) {
                        round.answers.extend(self.deny(answer));
                        continue;
                    }
                    round.asked.extend(asked);
                    round.answers.push(answer);
                    round.bytes += message.bytes();
                    if retain || self.shared.hub.has_listeners() {
                        round.heard.push((message.clone(), retain));
                    }
                    let partition = partition_of(&message.topic, self.shared.bus.partitions());
                    match batches.iter_mut().find(|(known, _)| *known == partition) {
                        Some((_, batch)) => batch.push(message),
                        None => batches.push((partition, vec![message])),
                    }
                }
                Heard::Connect { client_id, keep_alive, may_assign, login } => {
                    self.connect(&client_id, keep_alive, may_assign, login).await;
                }
                Heard::Subscribe { id, asked } => self.subscribe(id, asked),
                Heard::Unsubscribe { id, filters } => self.unsubscribe(id, &filters),
                Heard::Leave => self.leave(),
                Heard::Refused(refusal) => {
                    self.shared.counters.refuse(refusal);
                    self.leave();
                }
            }
        }
        self.submit(round, batches).await;
    }

    /// The other side sends no more; what it sent is still made durable and delivered.
    fn hang_up_after_reading(&mut self) {
        self.leave();
        self.dead = self.session.out.is_empty() && self.rounds.is_empty();
    }

    /// Hands a round to the bus; waits while all connections together have too much waiting.
    async fn submit(&mut self, mut round: Round, batches: Vec<(u16, Vec<Message>)>) {
        if round.answers.is_empty() {
            return;
        }
        let counters = &self.shared.counters;
        add(&counters.publishes, batches.iter().map(|(_, batch)| batch.len()).sum());
        add(&counters.bytes, round.bytes);
        round.left = batches.len();
        let number = self.first_round + self.rounds.len() as u64;
        self.waiting_bytes += round.bytes;
        self.rounds.push_back(round);
        if batches.is_empty() {
            return self.complete();
        }
        for (partition, messages) in batches {
            let bytes =
                messages.iter().map(Message::bytes).sum::<usize>().clamp(1, self.shared.limits.waiting_bytes_total);
            let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
            // Never closed, so there always is a permit in the end: the bus answers every batch.
            let permit = Arc::clone(&self.shared.room).acquire_many_owned(bytes).await;
            let tell = self.tell.clone();
            let done = move |result: Result<_, BusError>| {
                drop(permit);
                // Nobody hears it when the connection has gone for good.
                let _ = tell.send((number, result.map(drop)));
            };
            self.shared.bus.submit(partition, messages, Box::new(done));
        }
    }

    /// A batch is durable, or cannot become so.
    fn hear_bus(&mut self, (number, result): Told) {
        if let Err(error) = result {
            return self.lose_bus(error);
        }
        let Some(at) = number.checked_sub(self.first_round).and_then(|at| usize::try_from(at).ok()) else { return };
        if let Some(round) = self.rounds.get_mut(at) {
            round.left = round.left.saturating_sub(1);
        }
        self.complete();
    }

    /// Answers what is durable.
    fn complete(&mut self) {
        // Answers keep the order of the messages: a later round that is durable first waits for those before it.
        while self.rounds.front().is_some_and(|round| round.left == 0) {
            let Some(round) = self.rounds.pop_front() else { break };
            self.first_round += 1;
            self.waiting_bytes -= round.bytes;
            let taken = |answer: &&Answer| matches!(answer, Answer::Acknowledge(_) | Answer::Receive(_));
            let answered = round.answers.iter().filter(taken).count();
            add(&self.shared.counters.acknowledged, answered);
            round.answers.into_iter().for_each(|answer| self.session.answer(answer));
            let mut heard = round.heard;
            self.confirm(&round.asked, &mut heard);
            self.shared.hub.publish(self.seat.as_ref().map_or(u64::MAX, |seat| seat.number), heard);
        }
    }

    /// Adds the confirmations of durable messages; one that finds no room is missed, and its message comes again.
    fn confirm(&mut self, asked: &[(Bytes, u64)], heard: &mut Vec<(Message, bool)>) {
        if asked.is_empty() || !self.shared.hub.has_listeners() {
            return;
        }
        for (topic, number) in asked {
            self.confirmations.note(topic, *number);
        }
        while let Some((topic, payload, _)) = self.confirmations.next(CONFIRMATION_BYTES_MAX) {
            heard.push((Message::new(&*String::from_utf8_lossy(&topic), payload), false));
        }
    }

    /// Nothing is acknowledged any more: the client keeps what has no answer and sends it again another time.
    fn lose_bus(&mut self, error: BusError) {
        if !self.leaving {
            self.refuse(Refusal::Bus);
        }
        self.first_round += self.rounds.len() as u64;
        self.rounds.clear();
        self.waiting_bytes = 0;
        self.shared.failed.send_replace(Some(error));
    }

    /// Says in its turn that a message is not taken; where the protocol has no words for that, the connection ends.
    fn deny(&mut self, answer: Answer) -> Option<Answer> {
        add(&self.shared.counters.denied_publishes, 1);
        match answer {
            Answer::Acknowledge(id) if self.session.can_deny() => Some(Answer::Deny(id)),
            _ => {
                self.refuse(Refusal::Forbidden);
                None
            }
        }
    }

    fn turn_away(&mut self, refusal: Refusal) {
        self.shared.counters.refuse(refusal);
        self.session.turn_away(refusal);
        self.leave();
    }

    async fn connect(&mut self, client_id: &str, keep_alive: u16, may_assign: bool, login: Option<Login>) {
        if self.shared.failed.borrow().as_ref().is_some_and(BusError::is_final) {
            return self.turn_away(Refusal::Bus);
        }
        if (client_id.is_empty() && !may_assign) || client_id.len() > self.shared.limits.client_id_bytes {
            return self.turn_away(Refusal::ClientId);
        }
        let admitted = match &self.origin {
            Origin::Inside => Ok(Admitted { rights: Arc::default(), place: None }),
            Origin::Network(address, _) => {
                let certificate = self.stream.peer_certificate();
                let shown = certificate.map_or(Shown::Nothing, |certificate| Shown::Certificate(subject(certificate)));
                self.shared.guard.admit(*address, shown, login).await
            }
        };
        match admitted {
            Ok(admitted) => self.admitted = Some(admitted),
            Err(refusal) => return self.turn_away(refusal),
        }
        let assigned = client_id.is_empty().then(|| self.shared.next_client_id());
        self.seat = Some(self.shared.hub.join(assigned.as_deref().unwrap_or(client_id)));
        self.session.accept(assigned.as_deref());
        // Without a keep-alive of its own a client may be silent for ever; half a day's ticks change nothing then.
        let half = if keep_alive == 0 { Duration::MAX } else { Duration::from_millis(u64::from(keep_alive) * 500) };
        self.ticks = ticks(half.min(Duration::from_hours(24 * 365)));
        self.silent_ticks = 0;
    }

    fn subscribe(&mut self, id: u16, asked: Vec<Asked>) {
        let Some(client) = self.seat.as_ref().map(|seat| seat.number) else { return };
        let mut grants = Vec::with_capacity(asked.len());
        for Asked { filter, acknowledged, no_local, keep_retain, kept } in asked {
            let wish = Wish { client, acknowledged, no_local, keep_retain };
            grants.push(if !is_filter(&filter) {
                Grant::NotValid
            } else if filter.starts_with("$share/") {
                Grant::Shared
            } else if !self.admitted.as_ref().is_some_and(|admitted| admitted.rights.may_subscribe(&filter)) {
                add(&self.shared.counters.denied_subscriptions, 1);
                Grant::Denied
            } else {
                match self.shared.hub.subscribe(&filter, wish, |new| if new { kept.0 } else { kept.1 }) {
                    Subscribed::Granted => Grant::Granted(acknowledged),
                    Subscribed::TooMany => Grant::TooMany,
                }
            });
        }
        self.session.granted(id, &grants);
    }

    fn unsubscribe(&mut self, id: u16, filters: &[String]) {
        let Some(client) = self.seat.as_ref().map(|seat| seat.number) else { return };
        let removed: Vec<bool> = filters.iter().map(|filter| self.shared.hub.unsubscribe(filter, client)).collect();
        self.session.removed(id, &removed);
    }

    fn deliver(&mut self, delivery: &super::hub::Delivery) {
        let counters = &self.shared.counters;
        let counter = if self.session.deliver(delivery) { &counters.delivered } else { &counters.subscriber_drops };
        add(counter, 1);
    }
}

fn ticks(period: Duration) -> Interval {
    let mut ticks = interval(period.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick would come at once.
    ticks.reset();
    ticks
}
