//! One hand-in under way: it is done when the last of its messages is durable, or cannot become so.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::super::bus::{BusError, Done};
use super::shared::Shared;

/// One hand-in.
pub(super) struct Call {
    /// Its partition.
    pub partition: u16,
    bytes: usize,
    shared: Arc<Shared>,
    state: Mutex<State>,
}

struct State {
    left: usize,
    range: Option<Range<u64>>,
    error: Option<BusError>,
    done: Option<Done>,
}

impl Call {
    /// Of so many messages, for which room was taken.
    pub(super) fn new(shared: &Arc<Shared>, partition: u16, (messages, bytes): (usize, usize), done: Done) -> Self {
        let state = State { left: messages, range: None, error: None, done: Some(done) };
        Self { partition, bytes, shared: Arc::clone(shared), state: Mutex::new(state) }
    }

    /// One message is durable.
    pub(super) fn delivered(&self, offset: u64) {
        self.settle(1, |state| {
            let range = state.range.get_or_insert(offset..offset + 1);
            *range = range.start.min(offset)..range.end.max(offset + 1);
        });
    }

    /// So many messages cannot become durable.
    pub(super) fn failed(&self, error: &BusError, messages: usize) {
        self.settle(messages, |state| {
            state.error.get_or_insert_with(|| error.clone());
        });
    }

    fn settle(&self, messages: usize, note: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        note(&mut state);
        state.left = state.left.saturating_sub(messages);
        if state.left > 0 {
            return;
        }
        let Some(done) = state.done.take() else { return };
        let result = match (state.error.take(), state.range.take()) {
            (None, Some(range)) => Ok(range),
            (error, _) => Err(error.unwrap_or_else(|| BusError::Stopped { cause: "nothing was handed in".into() })),
        };
        drop(state);
        self.shared.give_room(self.bytes);
        done(result);
    }
}
