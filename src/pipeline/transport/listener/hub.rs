//! Who is connected and who wants which messages; and the last message of topics that keep theirs (retained).
//!
//! Everything is in memory and bounded, in messages and in bytes: a subscriber whose queue is full loses messages, its own and
//! counted, and nobody waits for it. What all queues hold together is bounded too: then whoever has something waiting loses. Retained messages are forgotten when the process ends.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc};

use super::super::message::Message;
use super::ListenerLimits;
use super::counters::{Counters, add};
use super::topics::{Tree, Wish, matches};

/// A message on its way to one subscriber.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) message: Message,
    /// Quality of service 1.
    pub(super) acknowledged: bool,
    /// Sent because it was kept, or to one who wants to know that it is.
    pub(super) retain: bool,
    _room: Room,
}

/// Room that a delivery takes as long as it waits [bytes], in its subscriber's queue and in all.
#[derive(Debug)]
struct Room {
    bytes: usize,
    taken: [Arc<AtomicUsize>; 2],
}

impl Room {
    /// Takes room, if there is as much below the limits; only one asks at a time.
    fn take(bytes: usize, taken: [&Arc<AtomicUsize>; 2], limits: [usize; 2]) -> Option<Self> {
        let fits = |(taken, limit): (&Arc<AtomicUsize>, usize)| {
            taken.load(Ordering::Relaxed).checked_add(bytes).is_some_and(|sum| sum <= limit)
        };
        if !taken.into_iter().zip(limits).all(fits) {
            return None;
        }
        for taken in taken {
            taken.fetch_add(bytes, Ordering::Relaxed);
        }
        Some(Self { bytes, taken: taken.map(Arc::clone) })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        for taken in &self.taken {
            taken.fetch_sub(self.bytes, Ordering::Relaxed);
        }
    }
}

/// A connected client's place.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) number: u64,
    pub(super) deliveries: mpsc::Receiver<Delivery>,
    /// Told when another connection takes this client's identifier.
    pub(super) taken_over: Arc<Notify>,
}

/// What came of a wish to subscribe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subscribed {
    Granted,
    TooMany,
}

#[derive(Debug)]
pub(super) struct Hub {
    state: Mutex<State>,
    /// Number of filters, so that publishers need no lock while nobody listens.
    filters: AtomicUsize,
    /// What waits in all queues [bytes].
    waiting: Arc<AtomicUsize>,
    counters: Arc<Counters>,
    limits: ListenerLimits,
}

#[derive(Debug, Default)]
struct State {
    next_number: u64,
    numbers: BTreeMap<Arc<str>, u64>,
    clients: BTreeMap<u64, Client>,
    tree: Tree,
    retained: BTreeMap<Arc<str>, Message>,
    /// Their topics and payloads [bytes].
    retained_bytes: usize,
    /// Reused by every delivery.
    found: Vec<Wish>,
}

#[derive(Debug)]
struct Client {
    id: Arc<str>,
    filters: Vec<String>,
    deliver: mpsc::Sender<Delivery>,
    /// What waits in its queue [bytes].
    waiting: Arc<AtomicUsize>,
    taken_over: Arc<Notify>,
}

impl Hub {
    pub(super) fn new(counters: Arc<Counters>, limits: ListenerLimits) -> Self {
        let waiting = Arc::default();
        Self { state: Mutex::default(), filters: AtomicUsize::new(0), waiting, counters, limits }
    }

    /// A panic elsewhere leaves nothing half-changed here, so its poison does not matter.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place under an identifier; whoever held it before is told to go.
    pub(super) fn join(&self, id: &str) -> Seat {
        let (deliver, deliveries) = mpsc::channel(self.limits.subscriber_queue.max(1));
        let taken_over = Arc::new(Notify::new());
        let state = &mut *self.state();
        let number = state.next_number;
        state.next_number += 1;
        let id: Arc<str> = id.into();
        if let Some(old) = state.numbers.insert(Arc::clone(&id), number) {
            if let Some(client) = state.clients.get(&old) {
                client.taken_over.notify_one();
            }
            self.forget(state, old);
        }
        let waiting = Arc::default();
        let client = Client { id, filters: Vec::new(), deliver, waiting, taken_over: Arc::clone(&taken_over) };
        state.clients.insert(number, client);
        Seat { number, deliveries, taken_over }
    }

    /// Gives a place up.
    pub(super) fn leave(&self, number: u64) {
        self.forget(&mut self.state(), number);
    }

    fn forget(&self, state: &mut State, number: u64) {
        let Some(client) = state.clients.remove(&number) else { return };
        for filter in &client.filters {
            state.tree.remove(filter, number);
        }
        self.filters.fetch_sub(client.filters.len(), Ordering::Relaxed);
        if state.numbers.get(&client.id) == Some(&number) {
            state.numbers.remove(&client.id);
        }
    }

    /// Adds a valid filter, and sends what is kept for it if `send_kept` says so (it hears whether the filter is new).
    pub(super) fn subscribe(&self, filter: &str, wish: Wish, send_kept: impl FnOnce(bool) -> bool) -> Subscribed {
        let state = &mut *self.state();
        let Some(client) = state.clients.get_mut(&wish.client) else { return Subscribed::TooMany };
        let known = client.filters.iter().any(|known| known == filter);
        if !known && client.filters.len() >= self.limits.filters_per_client {
            return Subscribed::TooMany;
        }
        if !known {
            client.filters.push(filter.to_owned());
            self.filters.fetch_add(1, Ordering::Relaxed);
        }
        state.tree.insert(filter, wish);
        if send_kept(!known) {
            for message in state.retained.values().filter(|kept| matches(filter, &kept.topic)) {
                self.hand(client, message, wish.acknowledged, true);
            }
        }
        Subscribed::Granted
    }

    /// Takes a filter away; says whether it was there.
    pub(super) fn unsubscribe(&self, filter: &str, number: u64) -> bool {
        let state = &mut *self.state();
        let Some(client) = state.clients.get_mut(&number) else { return false };
        client.filters.retain(|known| known != filter);
        let removed = state.tree.remove(filter, number);
        self.filters.fetch_sub(usize::from(removed), Ordering::Relaxed);
        removed
    }

    /// Whether anybody has to hear of messages without the mark to be kept.
    pub(super) fn has_listeners(&self) -> bool {
        self.filters.load(Ordering::Relaxed) > 0
    }

    /// Keeps and delivers durable messages of one client; each with the mark whether it is to be kept.
    pub(super) fn publish(&self, from: u64, messages: Vec<(Message, bool)>) {
        if messages.is_empty() {
            return;
        }
        let state = &mut *self.state();
        for (message, retain) in messages {
            if retain {
                self.keep(state, &message);
            }
            state.found.clear();
            state.tree.wishes(&message.topic, &mut state.found);
            // A client with several filters that match gets the message once, as well as any of them asks.
            state.found.sort_unstable_by_key(|wish| (wish.client, !wish.acknowledged));
            state.found.dedup_by_key(|wish| wish.client);
            for wish in state.found.iter().filter(|wish| !(wish.no_local && wish.client == from)) {
                let Some(client) = state.clients.get(&wish.client) else { continue };
                let retain = retain && wish.keep_retain;
                self.hand(client, &message, wish.acknowledged, retain);
            }
        }
    }

    /// Puts a message into a client's queue, or counts that there was no room.
    fn hand(&self, client: &Client, message: &Message, acknowledged: bool, retain: bool) {
        let limits = [self.limits.subscriber_bytes, self.limits.subscriber_bytes_total];
        let room = Room::take(message.bytes(), [&client.waiting, &self.waiting], limits);
        let handed = room.is_some_and(|room| {
            let delivery = Delivery { message: message.clone(), acknowledged, retain, _room: room };
            client.deliver.try_send(delivery).is_ok()
        });
        if !handed {
            add(&self.counters.subscriber_drops, 1);
        }
    }

    fn keep(&self, state: &mut State, message: &Message) {
        let old = state.retained.get(&message.topic).map(Message::bytes);
        if message.payload.is_empty() {
            state.retained.remove(&message.topic);
            state.retained_bytes -= old.unwrap_or(0);
            return;
        }
        let bytes = state.retained_bytes - old.unwrap_or(0) + message.bytes();
        if (state.retained.len() < self.limits.retained_max || old.is_some()) && bytes <= self.limits.retained_bytes {
            state.retained.insert(Arc::clone(&message.topic), message.clone());
            state.retained_bytes = bytes;
        } else {
            add(&self.counters.retained_refused, 1);
        }
    }
}
