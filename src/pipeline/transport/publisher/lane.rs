//! What one connection has to send and what it waits for: the place where whoever publishes and the connection meet.
//!
//! A message stays here, in order, until it is safe: until its PUBACK, or until its confirmation where confirmations are asked
//! for; so a new connection can take up where the old one broke. Every message has a number that it keeps however often it is
//! sent. Knows no socket.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;

use super::{Confirm, Message, PublishError, PublisherCounts, PublisherOptions, Witness};

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
    /// Whether a PUBACK makes a message safe, or only a confirmation.
    until_confirmed: bool,
    witness: Option<Arc<dyn Witness>>,
    /// Whether `state` has a failure: looked at for each message, by whoever has thousands of lanes.
    has_failed: AtomicBool,
}

#[derive(Debug)]
struct Entry {
    message: Message,
    /// By what the witness knows it.
    tag: u64,
    /// Acknowledged or confirmed, and here only because one before it is not; its message is gone.
    safe: bool,
}

#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own that somebody waits for")]
struct State {
    /// Every message that is not safe, and what lies between them.
    spool: VecDeque<Entry>,
    /// Number of the first message in `spool`.
    first: u64,
    /// Number of the message to be sent next.
    next: u64,
    /// Messages from this number on have never been sent.
    unsent: u64,
    /// Packet identifiers on their way, with the numbers of their messages.
    in_flight: VecDeque<(u16, u64)>,
    /// Of messages in `spool` [bytes].
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
    /// The connection is to break.
    cut: bool,
    failed: Option<PublishError>,
    counts: PublisherCounts,
    /// Tags of what became safe, until the witness has heard of them.
    told: Vec<u64>,
}

impl State {
    fn end(&self) -> u64 {
        self.first + self.spool.len() as u64
    }

    fn entry(&mut self, number: u64) -> Option<&mut Entry> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.spool.get_mut(at)
    }

    /// Lets go of a message; whether it was kept until now.
    fn make_safe(&mut self, number: u64) -> bool {
        let Some(entry) = self.entry(number).filter(|entry| !entry.safe) else { return false };
        entry.safe = true;
        let (bytes, tag) = (entry.message.bytes(), entry.tag);
        // Others may have to wait for one before them, and need no room for that.
        entry.message.payload = Bytes::new();
        self.bytes -= bytes;
        self.told.push(tag);
        while self.spool.front().is_some_and(|entry| entry.safe) {
            self.spool.pop_front();
            self.first += 1;
        }
        self.next = self.next.max(self.first);
        true
    }

    /// Everything that is not safe is sent again, in order.
    fn begin_again(&mut self) {
        self.next = self.first;
    }
}

/// What the connection shall do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// There is more to send than fits now, or nothing new: wait for answers, and for `work`.
    Wait,
    /// Everything is safe and nothing will come.
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
            until_confirmed: matches!(options.confirm, Confirm::EndToEnd { .. }),
            witness: options.witness.clone(),
            has_failed: AtomicBool::new(false),
        }
    }

    /// A panic elsewhere leaves nothing half-changed here, so its poison does not matter.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for room and takes a message.
    pub(super) fn put(&self, message: Message, tag: u64) -> Result<(), PublishError> {
        self.put_within(message, tag, Duration::MAX).map(drop)
    }

    /// Waits for room, but at most so long, and takes a message; gives it back where there was no room.
    pub(super) fn put_within(
        &self,
        message: Message,
        tag: u64,
        longest: Duration,
    ) -> Result<Option<Message>, PublishError> {
        let mut state = self.state();
        let bytes = message.bytes();
        let full = |state: &State| {
            let over =
                state.spool.len() >= self.messages_max || (state.bytes > 0 && state.bytes + bytes > self.bytes_max);
            over && state.failed.is_none()
        };
        if full(&state) {
            state.blocked += 1;
            let waited = self.changed.wait_timeout_while(state, longest, |state| full(state));
            let (changed, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            state = changed;
            state.blocked -= 1;
            if waited.timed_out() {
                return Ok(Some(message));
            }
        }
        if let Some(error) = &state.failed {
            return Err(error.clone());
        }
        state.bytes += bytes;
        state.spool.push_back(Entry { message, tag, safe: false });
        state.counts.published += 1;
        let waiting = state.end() - state.next;
        let wake = state.idle && (waiting == 1 || waiting == WORTH_SENDING as u64);
        drop(state);
        if wake {
            self.work.notify_one();
        }
        Ok(None)
    }

    /// Whether sending now is better than to gather for another moment.
    pub(super) fn worth_sending(&self) -> bool {
        let state = self.state();
        state.hurry || state.closing || state.end() - state.next >= WORTH_SENDING as u64
    }

    /// Sends nothing late from now on, because somebody waits.
    pub(super) fn hurry(&self) {
        self.state().hurry = true;
        self.work.notify_one();
    }

    pub(super) fn wait_until_empty(&self) -> Result<(), PublishError> {
        let mut state = self.state();
        state.blocked += 1;
        let busy = |state: &mut State| !state.spool.is_empty() && state.failed.is_none();
        state = self.changed.wait_while(state, busy).unwrap_or_else(PoisonError::into_inner);
        state.blocked -= 1;
        state.hurry = false;
        state.failed.clone().map_or(Ok(()), Err)
    }

    /// Takes nothing more; the connection ends when everything is safe.
    pub(super) fn close(&self) {
        self.state().closing = true;
        self.work.notify_one();
    }

    /// Takes nothing more; the connection ends at once.
    pub(super) fn abandon(&self) {
        let mut state = self.state();
        state.abandoned = true;
        state.failed.get_or_insert(PublishError::Closed);
        self.has_failed.store(true, Ordering::Release);
        drop(state);
        self.changed.notify_all();
        self.work.notify_one();
    }

    /// Breaks the connection; it is made again.
    pub(super) fn cut(&self) {
        self.state().cut = true;
        self.work.notify_one();
    }

    /// Whether the connection is to break, told once.
    pub(super) fn take_cut(&self) -> bool {
        std::mem::take(&mut self.state().cut)
    }

    /// Why nothing more is published, if that is so.
    pub(super) fn failure(&self) -> Option<PublishError> {
        if self.has_failed.load(Ordering::Acquire) { self.state().failed.clone() } else { None }
    }

    /// Whether the connection is to end at once.
    pub(super) fn is_abandoned(&self) -> bool {
        self.state().abandoned
    }

    /// An error if messages are left that are not safe.
    pub(super) fn left(&self) -> Result<(), PublishError> {
        let state = self.state();
        match &state.failed {
            Some(error) => Err(error.clone()),
            None if !state.spool.is_empty() => Err(PublishError::Closed),
            None => Ok(()),
        }
    }

    /// Whether messages are on their way without PUBACK.
    pub(super) fn awaits_answers(&self) -> bool {
        !self.state().in_flight.is_empty()
    }

    /// Nothing more is published, and this is why.
    pub(super) fn fail(&self, error: PublishError) {
        self.state().failed.get_or_insert(error);
        self.has_failed.store(true, Ordering::Release);
        self.changed.notify_all();
    }

    pub(super) fn add_counts(&self, sum: &mut PublisherCounts) {
        let state = self.state();
        let counts = state.counts;
        sum.published += counts.published;
        sum.acknowledged += counts.acknowledged;
        sum.confirmed += counts.confirmed;
        sum.kept += state.spool.iter().filter(|entry| !entry.safe).count() as u64;
        sum.resent += counts.resent;
        sum.timeouts += counts.timeouts;
        sum.reconnects += counts.reconnects;
    }

    /// A new connection: what is not safe is sent again, in order.
    pub(super) fn begin(&self, again: bool) {
        let mut state = self.state();
        state.in_flight.clear();
        state.begin_again();
        state.counts.reconnects += u64::from(again);
    }

    /// Hands out messages while `send` has room and the window is open: their packet identifiers, their numbers, and whether
    /// they were sent before.
    pub(super) fn send(&self, window: usize, mut send: impl FnMut(u16, u64, &Message, bool) -> bool) -> Next {
        let state = &mut *self.state();
        let mut room = true;
        while room && state.in_flight.len() < window {
            // The highest is kept for subscribing.
            let id = if state.last_id >= u16::MAX - 1 { 1 } else { state.last_id + 1 };
            // Only a broker that leaves one message out for 65,533 others gets here.
            if state.in_flight.front().is_some_and(|(oldest, _)| *oldest == id) {
                break;
            }
            let (number, again) = (state.next, state.next < state.unsent);
            if number == state.end() {
                break;
            }
            state.next += 1;
            // Confirmed by another way while it waited to be sent again.
            let Some(entry) = state.entry(number).filter(|entry| !entry.safe) else { continue };
            room = send(id, number, &entry.message, again);
            state.last_id = id;
            state.unsent = state.unsent.max(number + 1);
            state.counts.resent += u64::from(again);
            state.in_flight.push_back((id, number));
        }
        state.idle = state.next == state.end();
        if state.abandoned || (state.closing && state.spool.is_empty()) { Next::End } else { Next::Wait }
    }

    /// The broker has these messages. Returns an identifier nobody waited for.
    pub(super) fn acknowledge(&self, ids: &[u16]) -> Result<(), u16> {
        let (mut state, mut unknown) = (self.state(), None);
        for id in ids {
            // Brokers answer in order, so it is the first one as a rule.
            let at = state.in_flight.iter().position(|(sent, _)| sent == id);
            // The others are answered all the same, and whoever waits for them is told.
            unknown = unknown.or(at.is_none().then_some(*id));
            if let Some((_, number)) = at.and_then(|at| state.in_flight.remove(at)) {
                if self.until_confirmed {
                    state.counts.acknowledged += 1;
                } else {
                    state.counts.acknowledged += u64::from(state.make_safe(number));
                }
            }
        }
        self.wake(state);
        unknown.map_or(Ok(()), Err)
    }

    /// These messages are safe at the other end, from the first number to the last of each run; whether the oldest that was kept
    /// is one of them. Numbers that were never sent are nobody's.
    pub(super) fn confirm(&self, runs: impl Iterator<Item = (u64, u64)>) -> bool {
        let mut state = self.state();
        let before = state.first;
        for (first, last) in runs {
            let until = last.min(state.unsent.saturating_sub(1));
            let mut number = first.max(state.first);
            while number <= until && number < state.unsent {
                state.counts.confirmed += u64::from(state.make_safe(number));
                number += 1;
            }
        }
        let progress = state.first > before;
        self.wake(state);
        progress
    }

    /// Waking a caller for every message would cost more than the message; a quarter of the room is worth it.
    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let told = if self.witness.is_some() { std::mem::take(&mut state.told) } else { Vec::new() };
        state.told.clear();
        let roomy = state.spool.len() <= self.messages_max - self.messages_max.div_ceil(4)
            && state.bytes <= self.bytes_max / 4 * 3;
        let wake = state.blocked > 0 && (roomy || state.spool.is_empty());
        drop(state);
        if let Some(witness) = self.witness.as_ref().filter(|_| !told.is_empty()) {
            witness.safe(&told);
        }
        if wake {
            self.changed.notify_all();
        }
    }

    /// Whether anything was sent and is not safe.
    pub(super) fn awaits_safety(&self) -> bool {
        let state = self.state();
        state.first < state.unsent
    }

    /// No confirmation came in time: what is not safe is sent again, in order.
    pub(super) fn send_again_late(&self) {
        let mut state = self.state();
        state.begin_again();
        state.counts.timeouts += 1;
    }

    /// The topic of a message on its way.
    pub(super) fn topic_of(&self, id: u16) -> Option<Arc<str>> {
        let mut state = self.state();
        let (_, number) = *state.in_flight.iter().find(|(sent, _)| *sent == id)?;
        state.entry(number).map(|entry| Arc::clone(&entry.message.topic))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Protocol;
    use super::*;

    fn lane() -> Lane {
        let options = PublisherOptions::new(Protocol::V5, 1, "city");
        let confirm = Confirm::EndToEnd { timeout: Duration::from_secs(5) };
        Lane::new(&PublisherOptions { confirm, ..options })
    }

    fn sent(lane: &Lane, window: usize) -> Vec<(u64, bool)> {
        let mut sent = Vec::new();
        lane.send(window, |_, number, _, again| {
            sent.push((number, again));
            true
        });
        sent
    }

    fn numbers(range: std::ops::Range<u64>, again: bool) -> Vec<(u64, bool)> {
        range.map(|number| (number, again)).collect()
    }

    /// The broker's word frees the window, the other end's word frees the message.
    #[test]
    fn a_message_is_kept_until_it_is_confirmed() {
        let lane = lane();
        (0..10).for_each(|number| lane.put(Message::new("t", vec![number]), 0).unwrap());
        assert_eq!(sent(&lane, 4), numbers(0..4, false));
        lane.acknowledge(&[1, 2, 3, 4]).unwrap();
        assert_eq!(sent(&lane, 4), numbers(4..8, false));
        assert!(!lane.confirm([(1, 2)].into_iter()), "the oldest is not among them");
        lane.begin(true);
        assert_eq!(sent(&lane, 3), [(0, true), (3, true), (4, true)], "in order, and without what is safe");
        lane.acknowledge(&[9, 10, 11]).unwrap();
        assert_eq!(sent(&lane, 9), [(5, true), (6, true), (7, true), (8, false), (9, false)]);
        assert!(lane.confirm([(0, 8)].into_iter()));
        assert!(lane.awaits_safety());
        lane.send_again_late();
        assert_eq!(sent(&lane, 9), numbers(9..10, true));
        assert!(lane.confirm([(0, u64::MAX)].into_iter()));
        assert!(!lane.awaits_safety());
        lane.wait_until_empty().unwrap();
        let mut counts = PublisherCounts::default();
        lane.add_counts(&mut counts);
        assert_eq!((counts.confirmed, counts.kept, counts.resent, counts.timeouts), (10, 0, 7, 1));
    }

    /// Whoever sends has to be able to look whether to go on while a broker acknowledges nothing.
    #[test]
    fn who_waits_for_room_only_so_long_gets_the_message_back() {
        let options = PublisherOptions { messages_max: 1, ..PublisherOptions::new(Protocol::V5, 1, "city") };
        let lane = Lane::new(&options);
        let put = |payload: u8| lane.put_within(Message::new("t", vec![payload]), 0, Duration::from_millis(1));
        assert_eq!(put(1).unwrap(), None);
        assert_eq!(put(2).unwrap().map(|message| message.payload.to_vec()), Some(vec![2]));
        assert_eq!(sent(&lane, 4), numbers(0..1, false), "only the first was taken");
        lane.acknowledge(&[1]).unwrap();
        assert_eq!(put(3).unwrap(), None);
        assert!(lane.failure().is_none());
        lane.fail(PublishError::Closed);
        assert!(put(4).is_err() && lane.failure().is_some());
    }

    /// A confirmation of what was never sent is somebody's lie, and costs nothing.
    #[test]
    fn what_was_not_sent_cannot_be_confirmed() {
        let lane = lane();
        (0..3).for_each(|number| lane.put(Message::new("t", vec![number]), 0).unwrap());
        assert!(!lane.confirm([(0, u64::MAX), (1, 1)].into_iter()));
        assert_eq!(sent(&lane, 1), numbers(0..1, false));
        assert!(lane.confirm([(0, u64::MAX)].into_iter()));
        assert_eq!(sent(&lane, 9), numbers(1..3, false));
    }
}
