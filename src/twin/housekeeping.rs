//! Housekeeping while a listener stands: keeps the pieces of history few, however often batches are kept.
//!
//! A batch by time leaves a piece for every kind of reading and partition; without this a day would leave hundreds of thousands.
//! Nobody depends on it: what cannot be tidied is said once and tried again.

use std::time::Duration;

use super::board::{Board, Order};
use super::clock;
use crate::pipeline::stores::Stores;

/// How often to look whether there is something to tidy.
const EVERY: Duration = Duration::from_secs(20);
/// How often to look whether to end.
const MOMENT: Duration = Duration::from_millis(100);

/// Tidies until told to end.
pub(super) fn keep_tidy(stores: &Stores, board: &Board) {
    let mut said = None;
    while board.order() == Order::Work {
        match stores.tidy() {
            Ok(true) => continue,
            Ok(false) => said = None,
            Err(error) => {
                let sentence = format!("housekeeping: {error}");
                if said.as_ref() != Some(&sentence) {
                    board.say(sentence.clone());
                    said = Some(sentence);
                }
            }
        }
        let since = clock::instant();
        while board.order() == Order::Work && since.elapsed() < EVERY {
            board.pause(MOMENT);
        }
    }
}
