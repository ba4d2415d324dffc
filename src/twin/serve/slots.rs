//! How many cities may compute as fast as they can at once, beside the live one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::api::port::Refused;

/// Places for cities that compute.
#[derive(Debug)]
pub(super) struct Slots {
    most: usize,
    taken: Arc<AtomicUsize>,
}

/// A place that is given back when this goes.
#[derive(Debug)]
pub(super) struct Slot(Arc<AtomicUsize>);

impl Slots {
    pub(super) fn new(most: usize) -> Self {
        Self { most, taken: Arc::default() }
    }

    /// Takes a place, if one is free.
    pub(super) fn take(&self) -> Result<Slot, Refused> {
        let one_more = |taken| (taken < self.most).then_some(taken + 1);
        self.taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more).map_err(|taken| {
            Refused::TooMany(format!(
                "{taken} cities compute as fast as they can already; wait until one is there, or end it"
            ))
        })?;
        Ok(Slot(Arc::clone(&self.taken)))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
