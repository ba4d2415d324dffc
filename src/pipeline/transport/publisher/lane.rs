//! What one connection has to send and what it waits for: the place where whoever publishes and the connection meet.
//!
//! A message stays here, in order, until its PUBACK; so a new connection can take up where the old one broke. Knows no socket.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{Message, PublishError, PublisherCounts, PublisherOptions};

/// So many messages are worth a packet to the broker at once.
const WORTH_SENDING: usize = 128;

#[derive(Debug)]
pub(super) struct Lane {
    state: Mutex<State>,
    /// There is room again, or nothing left, or no hope.
    changed: Condvar,
    /// There is something to send, or to end.
    pub(super) work: Notify,
    messages_max: usize,
    bytes_max: usize,
}

#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own that somebody waits for")]
struct State {
    waiting: VecDeque<Message>,
    sent: VecDeque<(u16, Message)>,
    /// Of both [bytes].
    bytes: usize,
    last_id: u16,
    /// Callers that block.
    blocked: usize,
    /// The connection sleeps until there is work.
    idle: bool,
    /// Somebody waits for the end: no time to gather.
    hurry: bool,
    closing: bool,
    abandoned: bool,
    failed: Option<PublishError>,
    counts: PublisherCounts,
}

impl State {
    fn len(&self) -> usize {
        self.waiting.len() + self.sent.len()
    }
}

/// What the connection shall do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// There is more to send than fits now, or nothing new: wait for answers, and for `work`.
    Wait,
    /// Everything is acknowledged and nothing will come.
    End,
}

impl Lane {
    pub(super) fn new(options: &PublisherOptions) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            work: Notify::new(),
            messages_max: options.messages_max.max(1),
            bytes_max: options.bytes_max,
        }
    }

    /// A panic elsewhere leaves nothing half-changed here, so its poison does not matter.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for room and takes a message.
    pub(super) fn put(&self, message: Message) -> Result<(), PublishError> {
        let mut state = self.state();
        let bytes = message.bytes();
        let full = |state: &State| {
            let over = state.len() >= self.messages_max || (state.bytes > 0 && state.bytes + bytes > self.bytes_max);
            over && state.failed.is_none()
        };
        if full(&state) {
            state.blocked += 1;
            state = self.changed.wait_while(state, |state| full(state)).unwrap_or_else(PoisonError::into_inner);
            state.blocked -= 1;
        }
        if let Some(error) = &state.failed {
            return Err(error.clone());
        }
        state.bytes += bytes;
        state.waiting.push_back(message);
        state.counts.published += 1;
        let wake = state.idle && (state.waiting.len() == 1 || state.waiting.len() == WORTH_SENDING);
        drop(state);
        if wake {
            self.work.notify_one();
        }
        Ok(())
    }

    /// Whether sending now is better than to gather for another moment.
    pub(super) fn worth_sending(&self) -> bool {
        let state = self.state();
        state.hurry || state.closing || state.waiting.len() >= WORTH_SENDING
    }

    /// Sends nothing late from now on, because somebody waits.
    pub(super) fn hurry(&self) {
        self.state().hurry = true;
        self.work.notify_one();
    }

    pub(super) fn wait_until_empty(&self) -> Result<(), PublishError> {
        let mut state = self.state();
        state.blocked += 1;
        let busy = |state: &mut State| state.len() > 0 && state.failed.is_none();
        state = self.changed.wait_while(state, busy).unwrap_or_else(PoisonError::into_inner);
        state.blocked -= 1;
        state.hurry = false;
        state.failed.clone().map_or(Ok(()), Err)
    }

    /// Takes nothing more; the connection ends when everything is acknowledged.
    pub(super) fn close(&self) {
        self.state().closing = true;
        self.work.notify_one();
    }

    /// Takes nothing more; the connection ends at once.
    pub(super) fn abandon(&self) {
        let mut state = self.state();
        state.abandoned = true;
        state.failed.get_or_insert(PublishError::Closed);
        drop(state);
        self.changed.notify_all();
        self.work.notify_one();
    }

    /// Whether the connection is to end at once.
    pub(super) fn is_abandoned(&self) -> bool {
        self.state().abandoned
    }

    /// An error if messages are left without PUBACK.
    pub(super) fn left(&self) -> Result<(), PublishError> {
        let state = self.state();
        match &state.failed {
            Some(error) => Err(error.clone()),
            None if state.len() > 0 => Err(PublishError::Closed),
            None => Ok(()),
        }
    }

    /// Whether messages are on their way.
    pub(super) fn awaits_answers(&self) -> bool {
        !self.state().sent.is_empty()
    }

    /// Nothing more is published, and this is why.
    pub(super) fn fail(&self, error: PublishError) {
        self.state().failed.get_or_insert(error);
        self.changed.notify_all();
    }

    pub(super) fn add_counts(&self, sum: &mut PublisherCounts) {
        let counts = self.state().counts;
        sum.published += counts.published;
        sum.acknowledged += counts.acknowledged;
        sum.resent += counts.resent;
        sum.reconnects += counts.reconnects;
    }

    /// Hands out every message without PUBACK again, in order, for a new connection.
    pub(super) fn send_again(&self, again: bool, mut send: impl FnMut(u16, &Message)) {
        let mut state = self.state();
        state.sent.iter().for_each(|(id, message)| send(*id, message));
        state.counts.resent += state.sent.len() as u64;
        state.counts.reconnects += u64::from(again);
    }

    /// Hands out new messages while `send` has room and the window is open.
    pub(super) fn send_new(&self, window: usize, mut send: impl FnMut(u16, &Message) -> bool) -> Next {
        let state = &mut *self.state();
        let mut room = true;
        while room && state.sent.len() < window {
            let id = if state.last_id == u16::MAX { 1 } else { state.last_id + 1 };
            // Only a broker that leaves one message out for 65,534 others gets here.
            if state.sent.front().is_some_and(|(oldest, _)| *oldest == id) {
                break;
            }
            let Some(message) = state.waiting.pop_front() else { break };
            room = send(id, &message);
            state.last_id = id;
            state.sent.push_back((id, message));
        }
        state.idle = state.waiting.is_empty();
        if state.abandoned || (state.closing && state.len() == 0) { Next::End } else { Next::Wait }
    }

    /// The broker has these messages. Returns an identifier nobody waited for.
    pub(super) fn acknowledge(&self, ids: &[u16]) -> Result<(), u16> {
        let (mut state, mut unknown) = (self.state(), None);
        for id in ids {
            // Brokers answer in order, so it is the first one as a rule.
            let at = state.sent.iter().position(|(sent, _)| sent == id);
            // The others are answered all the same, and whoever waits for them is told.
            unknown = unknown.or(at.is_none().then_some(*id));
            if let Some((_, message)) = at.and_then(|at| state.sent.remove(at)) {
                state.bytes -= message.bytes();
                state.counts.acknowledged += 1;
            }
        }
        // Waking a caller for every message would cost more than the message; a quarter of the room is worth it.
        let roomy =
            state.len() <= self.messages_max - self.messages_max.div_ceil(4) && state.bytes <= self.bytes_max / 4 * 3;
        let wake = state.blocked > 0 && (roomy || state.len() == 0);
        drop(state);
        if wake {
            self.changed.notify_all();
        }
        unknown.map_or(Ok(()), Err)
    }

    /// The topic of a message on its way.
    pub(super) fn topic_of(&self, id: u16) -> Option<std::sync::Arc<str>> {
        let state = self.state();
        state.sent.iter().find(|(sent, _)| *sent == id).map(|(_, message)| std::sync::Arc::clone(&message.topic))
    }
}
