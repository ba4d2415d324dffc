//! What a worker must never do: end, lose or double a message, wherever its batches are cut.

use std::ops::ControlFlow;

use proptest::prelude::*;

use super::*;
use crate::pipeline::stores::Stores;
use crate::pipeline::transport::{MemoryBus, Message};
use crate::telemetry::reading::Health;
use crate::telemetry::{Reading, Record, json};

/// Seven in the morning of a day, and a minute [ms].
const SEVEN: i64 = 1_780_383_600_000;
const MINUTE: i64 = 60_000;

/// Device, sequence, time [ms].
type Said = (String, u64, i64);

fn message((device, sequence, ms): &Said, topics: &TopicMap) -> Message {
    let record = Record {
        device: device.parse().expect("a name"),
        epoch: 0,
        sequence: *sequence,
        time: Timestamp::milliseconds(*ms),
        reading: Reading::Health(Health { battery_v: None, uptime_s: 5, message: None }),
    };
    let mut payload = Vec::new();
    json::encode(&record, &mut payload);
    Message::new(topics.topic(record.kind(), &record.device), payload)
}

/// Lets workers take these messages, a new one after each part; the last one closes what is open. How many records and how many
/// messages of the quarantine there are in the end.
fn kept(parts: &[&[Said]]) -> Result<(u64, u64), String> {
    let (bus, stores, topics) =
        (Arc::new(MemoryBus::new(1, 1 << 20)), Arc::new(Stores::in_memory()), Arc::new(TopicMap::new("a")));
    for (number, part) in parts.iter().enumerate() {
        let messages = part.iter().map(|said| message(said, &topics)).collect();
        bus.submit(
            0,
            messages,
            Box::new(|done| {
                done.expect("it has room");
            }),
        );
        let board = Arc::new(Board::default());
        board.give(if number + 1 == parts.len() { Order::Finish } else { Order::Leave });
        let worker = Worker {
            partition: 0,
            bus: Arc::clone(&bus) as Arc<dyn Bus>,
            keeper: Arc::clone(&stores) as Arc<dyn Keeper>,
            topics: Arc::clone(&topics),
            roads: None,
            geofences: Vec::new().into(),
            batch_messages: 1000,
            pace: Pace::HURRIED,
            silent_after: None,
            said: None,
            board,
            dies_after: None,
        };
        worker.run()?;
    }
    let mut records = 0;
    let each = &mut |_: Record| {
        records += 1;
        ControlFlow::Continue(())
    };
    stores.scan(crate::telemetry::ReadingKind::Health, each).map_err(|error| error.to_string())?;
    let quarantined = stores.quarantine().totals().map_err(|error| error.to_string())?.messages();
    Ok((records, quarantined))
}

/// `rounds` rounds of five honest devices every five seconds, from `ms` on.
fn honest(from: u64, rounds: u64, ms: i64) -> Vec<Said> {
    let of_round = |round: u64| {
        let at = ms + i64::try_from(round - from).expect("small") * 5000;
        (0..5).map(move |device| (format!("dev-{device}"), round, at))
    };
    (from..from + rounds).flat_map(of_round).collect()
}

/// One clock that is wrong goes to quarantine when the others have gone on, which takes longer than a batch.
#[test]
fn a_liar_of_an_earlier_batch_is_refused_in_a_later_one() {
    let mut first = honest(0, 4, SEVEN);
    first.push(("liar".to_owned(), 0, SEVEN + 300 * MINUTE));
    let second = honest(4, 20, SEVEN + 20_000);
    assert_eq!(kept(&[&first, &second]), Ok((120, 1)));
}

/// All clocks go on an hour later: what was held is believed in a batch of a few messages.
#[test]
fn what_was_held_is_believed_in_a_small_batch() {
    let mut first = honest(0, 4, SEVEN);
    first.extend((0..40).map(|n| ("dev-0".to_owned(), 4 + n, SEVEN + 60 * MINUTE)));
    let second: Vec<Said> = (1..5).map(|device| (format!("dev-{device}"), 4, SEVEN + 60 * MINUTE)).collect();
    assert_eq!(kept(&[&first, &second]), Ok((64, 0)));
}

/// What is still held when nothing more comes has no message of its own batch to go with.
#[test]
fn what_is_held_at_the_end_is_refused_without_a_new_message() {
    let mut first = honest(0, 4, SEVEN);
    first.push(("liar".to_owned(), 0, SEVEN + 300 * MINUTE));
    assert_eq!(kept(&[&first, &[]]), Ok((20, 1)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However wrong clocks are and wherever batches are cut, every message is a record or in quarantine, once.
    #[test]
    fn nothing_is_lost_where_batches_are_cut(
        ahead in prop::collection::vec((0_usize..7, prop::sample::select(vec![0_i64, 0, 0, 0, 1, 11, 47, 60, 300, -60])), 1..200),
        cuts in prop::collection::vec(0_usize..200, 0..6),
    ) {
        let mut sequences = [0_u64; 7];
        let said: Vec<Said> = (0_i64..)
            .zip(&ahead)
            .map(|(n, (device, minutes))| {
                sequences[*device] += 1;
                (format!("dev-{device}"), sequences[*device] - 1, SEVEN + n * 3000 + minutes * MINUTE)
            })
            .collect();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(said.len())).chain([0, said.len()]).collect();
        cuts.sort_unstable();
        let parts: Vec<&[Said]> = cuts.windows(2).map(|pair| &said[pair[0]..pair[1]]).collect();
        let (records, quarantined) = kept(&parts).map_err(TestCaseError::fail)?;
        prop_assert_eq!(records + quarantined, said.len() as u64);
        // And where they are cut changes nothing of it.
        prop_assert_eq!(kept(&[&said]), Ok((records, quarantined)));
    }
}
