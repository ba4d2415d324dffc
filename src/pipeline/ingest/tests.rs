//! What an intake must never do: lose, double or misjudge a message, whatever its order, and whenever it starts anew.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::primitives::{SimDuration, Timestamp};
use crate::telemetry::reading::Health;
use crate::telemetry::{DeviceId, PayloadFormat, Reading, Record, SchemaFormat, TopicMap, json};

/// Seven in the morning of a day [ms].
const SEVEN: i64 = 1_780_383_600_000;
const MINUTE: i64 = 60_000;

type Message = (String, Vec<u8>);
type Identity = (String, u32, u64);

fn record(device: &str, epoch: u32, sequence: u64, ms: i64) -> Record {
    let reading = Reading::Health(Health { battery_v: None, uptime_s: 5, message: None });
    let device: DeviceId = device.parse().expect("a device");
    Record { device, epoch, sequence, time: Timestamp::milliseconds(ms), reading }
}

fn topics() -> TopicMap {
    TopicMap::new("Halvermere")
}

fn message(record: &Record) -> Message {
    let mut payload = Vec::new();
    json::encode(record, &mut payload);
    (topics().topic(record.kind(), &record.device), payload)
}

/// What became of a stream.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    fresh: Vec<Identity>,
    late: usize,
    duplicates: u64,
    quarantined: Vec<Quarantined>,
}

impl Outcome {
    fn note(&mut self, taken: Taken) {
        match taken {
            Taken::Fresh { record, late } => {
                self.fresh.push((record.device.to_string(), record.epoch, record.sequence));
                self.late += usize::from(late);
            }
            Taken::Duplicate => self.duplicates += 1,
            Taken::Held => {}
            Taken::Quarantined(quarantined) => self.quarantined.push(quarantined),
        }
    }

    fn reasons(&self) -> BTreeMap<&'static str, usize> {
        let mut reasons = BTreeMap::new();
        for quarantined in &self.quarantined {
            *reasons.entry(quarantined.reason.word()).or_insert(0) += 1;
        }
        reasons
    }

    fn fresh_set(&self) -> BTreeSet<Identity> {
        let set: BTreeSet<Identity> = self.fresh.iter().cloned().collect();
        assert_eq!(set.len(), self.fresh.len(), "no record is fresh twice");
        set
    }
}

fn feed(intake: &mut Intake, from: u64, messages: &[Message], outcome: &mut Outcome) {
    let topics = topics();
    for (offset, (topic, payload)) in (from..).zip(messages) {
        outcome.note(intake.take(offset, topic, payload, &topics));
        while let Some(taken) = intake.decided() {
            outcome.note(taken);
        }
    }
}

fn end(intake: &mut Intake, outcome: &mut Outcome) {
    intake.finish();
    while let Some(taken) = intake.decided() {
        outcome.note(taken);
    }
}

/// Everything that became of a stream from beginning to end.
fn run(messages: &[Message]) -> (Intake, Outcome) {
    let (mut intake, mut outcome) = (Intake::new(3, IntakeSettings::default()), Outcome::default());
    feed(&mut intake, 0, messages, &mut outcome);
    end(&mut intake, &mut outcome);
    let counts = intake.counts();
    let judged = counts.fresh + counts.duplicates + counts.refused_again + counts.quarantined_total();
    assert_eq!(judged, counts.taken, "every message has become something: {counts:?}");
    (intake, outcome)
}

/// `devices` devices that report every five seconds, in the order of time.
fn city(devices: usize, rounds: u64) -> Vec<Record> {
    (0..rounds)
        .flat_map(|round| {
            let ms = SEVEN + i64::try_from(round).expect("small") * 5000;
            (0..devices).map(move |device| record(&format!("dev-{device}"), 0, round, ms))
        })
        .collect()
}

/// Moves every message by fewer than `reach` places: sorts by place plus a die.
fn shuffled<T: Clone>(items: &[T], dice: &[u64], reach: u64) -> Vec<T> {
    let mut order: Vec<(u64, usize)> =
        (0..items.len()).map(|i| (i as u64 + dice[i % dice.len()].wrapping_mul(i as u64 + 1) % reach, i)).collect();
    order.sort_unstable();
    order.iter().map(|&(_, i)| items[i].clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn doubling_and_reordering_on_the_way_change_nothing(dice in prop::collection::vec(any::<u64>(), 31), reach in 1_u64..60) {
        let records = city(7, 40);
        let mut messages: Vec<Message> = records.iter().map(message).collect();
        let doubled: Vec<Message> =
            messages.iter().zip(dice.iter().cycle()).filter(|(_, die)| die.is_multiple_of(3)).map(|(m, _)| m.clone()).collect();
        messages.extend(doubled.iter().cloned());
        let (intake, outcome) = run(&shuffled(&messages, &dice, reach));
        let clean = run(&records.iter().map(message).collect::<Vec<_>>());
        prop_assert_eq!(outcome.fresh_set(), clean.1.fresh_set());
        prop_assert_eq!(outcome.duplicates, doubled.len() as u64);
        prop_assert_eq!(&outcome.quarantined, &[]);
        prop_assert_eq!(intake.gaps(), []);
        prop_assert_eq!(intake.watermark(), clean.0.watermark());
    }

    #[test]
    fn what_never_came_is_a_gap_until_it_comes(lost in prop::collection::btree_set(0_u64..400, 0..200)) {
        // The last one comes, so that every other is known to be missing.
        let mut lost = lost;
        lost.remove(&399);
        let all: Vec<Record> = (0..400).map(|k| record("dev-1", 2, k, SEVEN + 1000 * i64::try_from(k).expect("small"))).collect();
        let came: Vec<Message> = all.iter().filter(|r| !lost.contains(&r.sequence)).map(message).collect();
        let (mut intake, mut outcome) = run(&came);
        let missing: BTreeSet<u64> = intake.gaps().iter().flat_map(|gap| gap.from..gap.to).collect();
        prop_assert_eq!(&missing, &lost);
        let late: Vec<Message> = all.iter().filter(|r| lost.contains(&r.sequence)).map(message).collect();
        feed(&mut intake, 1000, &late, &mut outcome);
        prop_assert_eq!(intake.gaps(), []);
        prop_assert_eq!(outcome.fresh_set().len(), 400);
        feed(&mut intake, 2000, &late, &mut outcome);
        prop_assert_eq!(outcome.duplicates, late.len() as u64);
    }

    #[test]
    fn starting_anew_anywhere_changes_nothing(dice in prop::collection::vec(any::<u64>(), 31), cuts in prop::collection::vec(any::<prop::sample::Index>(), 1..4)) {
        let messages = shuffled(&troubled(), &dice, 25);
        let (mut whole, mut expected) = (Intake::new(3, IntakeSettings::default()), Outcome::default());
        feed(&mut whole, 0, &messages, &mut expected);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(messages.len())).collect();
        cuts.extend([0, messages.len()]);
        cuts.sort_unstable();
        let (mut intake, mut outcome) = (Intake::new(3, IntakeSettings::default()), Outcome::default());
        for pair in cuts.windows(2) {
            feed(&mut intake, pair[0] as u64, &messages[pair[0]..pair[1]], &mut outcome);
            let state = intake.state();
            intake = Intake::restore(&state).expect("its own state");
            prop_assert_eq!(intake.state(), state);
        }
        prop_assert_eq!(whole.state(), intake.state());
        end(&mut whole, &mut expected);
        end(&mut intake, &mut outcome);
        prop_assert_eq!(&outcome, &expected);
        prop_assert!(!expected.quarantined.is_empty() && expected.duplicates > 0);
    }

    #[test]
    fn a_damaged_state_is_refused_or_sound_but_never_a_panic(at in any::<prop::sample::Index>(), byte: u8) {
        let (intake, _) = run(&troubled());
        let mut state = intake.state();
        let at = at.index(state.len());
        prop_assert!(Intake::restore(&state[..at]).is_err());
        state[at] = byte;
        if let Ok(mut intake) = Intake::restore(&state) {
            feed(&mut intake, 0, &troubled(), &mut Outcome::default());
        }
    }
}

/// A stream with everything that happens: holes, doubles, damage, a liar, a silence, a new epoch.
fn troubled() -> Vec<Message> {
    let mut records: Vec<Record> = city(5, 20).into_iter().filter(|r| r.sequence % 7 != 3).collect();
    for round in 0..20 {
        records.push(record("liar", 0, round, SEVEN + 300 * MINUTE));
    }
    for device in 0..5 {
        for sequence in 0..60 {
            let ms = SEVEN + 120 * MINUTE + i64::try_from(sequence).expect("small") * 15_000;
            records.push(record(&format!("dev-{device}"), 1, sequence, ms));
        }
    }
    let mut messages: Vec<Message> = records.iter().map(message).collect();
    let again: Vec<Message> = messages.iter().step_by(4).cloned().collect();
    messages.extend(again);
    messages.extend((0..10).map(|k| ("smart-cities.events/dev-1".to_owned(), vec![b'{', k])));
    messages
}

#[test]
fn hostile_messages_are_counted_by_reason_and_disturb_nobody() {
    let honest = city(6, 100);
    let good = |device: &str, epoch, sequence, ms| message(&record(device, epoch, sequence, ms));
    let (topic, bytes) = good("dev-0", 0, 7777, SEVEN);
    let text = String::from_utf8(bytes).expect("text");
    let with = |from: &str, to: &str| (topic.clone(), text.replace(from, to).into_bytes());
    let mut hostile: Vec<(Message, &str)> = vec![
        ((topic.clone(), Vec::new()), "not_a_record"),
        ((topic.clone(), b"\xff\xfe{".to_vec()), "not_a_record"),
        ((topic.clone(), vec![b'['; 16_000]), "not_a_record"),
        ((topic.clone(), vec![b' '; json::MESSAGE_MAX + 1]), "too_long"),
        (with("\"health\"", "\"wealth\""), "unknown_type"),
        (with("\"dev-0\"", "\"../../etc\""), "bad_device"),
        (with("T", "?"), "bad_timestamp"),
        (with("\"uptime_s\":5", "\"uptime_s\":-5"), "not_a_reading"),
        (with("}", ",\"battery_v\":1e300}"), "out_of_range"),
        (("smart-cities.events/dev-1".to_owned(), text.clone().into_bytes()), "wrong_topic"),
        (("gps_data/dev-0".to_owned(), text.clone().into_bytes()), "wrong_topic"),
        ((topic.clone(), text.clone().into_bytes()), "sequence_leap"),
        (good("dev-1", 0, u64::MAX, SEVEN), "sequence_leap"),
        (good("dev-2", 0, 1 << 40, SEVEN), "sequence_leap"),
        (good("stranger", 0, 0, SEVEN + 500 * MINUTE), "ahead_of_time"),
        (good("stranger", 0, 1, Timestamp::MAX.as_milliseconds()), "ahead_of_time"),
    ];
    // Many more of a kind, all different.
    hostile.extend((0..984).map(|k| ((topic.clone(), format!("garbage {k}").into_bytes()), "not_a_record")));
    let mut expected: BTreeMap<&str, usize> = BTreeMap::new();
    let mut messages: Vec<Message> = honest.iter().map(message).collect();
    for (k, (bad, reason)) in hostile.into_iter().enumerate() {
        *expected.entry(reason).or_insert(0) += 1;
        messages.insert(100 + k % 400, bad);
    }
    let (intake, outcome) = run(&messages);
    assert_eq!(outcome.reasons(), expected);
    assert_eq!(expected.values().sum::<usize>(), 1000);
    assert_eq!(outcome.fresh_set(), run(&honest.iter().map(message).collect::<Vec<_>>()).1.fresh_set());
    assert_eq!((outcome.late, outcome.duplicates, intake.gaps()), (0, 0, vec![]));
    for quarantined in &outcome.quarantined {
        let offset = usize::try_from(quarantined.offset).expect("small");
        assert_eq!((&quarantined.topic, &quarantined.payload), (&messages[offset].0, &messages[offset].1));
        assert_eq!(quarantined.key(), format!("00003-{offset:020}"));
    }
    let by_word: BTreeMap<String, u64> = expected.into_iter().map(|(word, n)| (word.to_owned(), n as u64)).collect();
    assert_eq!(intake.counts().quarantined, by_word);
}

/// The same stream in every form has the same outcome, and so has one whose devices speak in different forms.
#[test]
fn a_framed_stream_has_the_outcome_of_the_plain_one() {
    let mut records = city(5, 30);
    // A stranger far ahead is held over a restart.
    records.push(record("stranger", 0, 0, SEVEN + 500 * MINUTE));
    let forms = SchemaFormat::ALL.map(|format| topics().in_format(PayloadFormat::Framed(format)));
    let framed = |record: &Record, forms: &TopicMap| {
        let (topic, canonical) = message(record);
        (topic, forms.payload(record, &canonical))
    };
    let plain = run(&records.iter().map(message).collect::<Vec<_>>()).1;
    assert_eq!((plain.fresh_set().len(), &plain.reasons()), (150, &BTreeMap::from([("ahead_of_time", 1)])));
    let mixed: Vec<Message> = records.iter().zip(0_usize..).map(|(r, n)| framed(r, &forms[n % 3])).collect();
    let mut streams: Vec<Vec<Message>> =
        forms.iter().map(|forms| records.iter().map(|r| framed(r, forms)).collect()).collect();
    streams.push(mixed);
    for messages in streams {
        let (mut intake, mut outcome) = (Intake::new(3, IntakeSettings::default()), Outcome::default());
        feed(&mut intake, 0, &messages, &mut outcome);
        let state = intake.state();
        let mut intake = Intake::restore(&state).expect("its own state");
        assert_eq!(intake.state(), state);
        end(&mut intake, &mut outcome);
        assert_eq!((&outcome.fresh, outcome.reasons()), (&plain.fresh, plain.reasons()));
        assert_eq!(outcome.quarantined[0].payload, messages[150].1, "the bytes as they came");
    }
}

#[test]
fn damaged_frames_and_unknown_schemas_are_counted_by_reason() {
    let avro = topics().in_format(PayloadFormat::Framed(SchemaFormat::Avro));
    let (topic, canonical) = message(&record("dev-1", 0, 0, SEVEN));
    let whole = avro.payload(&record("dev-1", 0, 0, SEVEN), &canonical);
    let with_id = |id: u32| [&[0], &id.to_be_bytes()[..], &whole[5..]].concat();
    let payloads = [whole.clone(), with_id(999), with_id(4_000_000_000), with_id(34), with_id(36), with_id(2)];
    let cut = [&whole[..3], &whole[..whole.len() - 1], &[][..]].map(<[u8]>::to_vec);
    let messages: Vec<Message> = payloads.into_iter().chain(cut).map(|payload| (topic.clone(), payload)).collect();
    let (intake, outcome) = run(&messages);
    assert_eq!(outcome.fresh_set().len(), 1);
    let reasons: BTreeMap<&str, usize> = outcome.reasons();
    assert_eq!(reasons.values().sum::<usize>(), 8);
    // Cut off within the frame; and what would be Protobuf's path, in a message of Avro, is none.
    assert_eq!((reasons["unknown_schema"], reasons["bad_frame"]), (2, 2), "{reasons:?}");
    assert_eq!(intake.counts().quarantined_total(), 8);
}

#[test]
fn a_publisher_that_starts_anew_does_not_fill_the_quarantine_twice() {
    let messages = troubled();
    let twice: Vec<Message> = messages.iter().chain(&messages).cloned().collect();
    let (once, first) = run(&messages);
    let (intake, both) = run(&twice);
    assert_eq!(both.fresh_set(), first.fresh_set());
    assert_eq!(both.reasons(), first.reasons());
    assert_eq!(intake.counts().refused_again, once.counts().refused_again + 10);
}

/// Four honest devices; whoever lies does so with every record.
fn with_liars(liars: &[(&str, i64)], first: bool) -> Vec<Message> {
    let mut records = Vec::new();
    for round in 0..200_u64 {
        let now = SEVEN + i64::try_from(round).expect("small") * 5000;
        let lies = liars.iter().map(|(name, ahead)| record(name, 0, round, now + ahead * MINUTE));
        let honest = (0..4).map(|k| record(&format!("dev-{k}"), 0, round, now));
        if first {
            records.extend(lies.chain(honest));
        } else {
            records.extend(honest.chain(lies));
        }
    }
    records.iter().map(message).collect()
}

#[test]
fn a_clock_that_is_hours_ahead_makes_nobody_late() {
    let last = Timestamp::milliseconds(SEVEN + 199 * 5000 - 30_000);
    for liars in [&[("liar", 300)][..], &[("liar", 11)], &[("liar", 300), ("other", 47)], &[("behind", -300)]] {
        for first in [true, false] {
            let (intake, outcome) = run(&with_liars(liars, first));
            assert_eq!(intake.watermark(), Some(last), "{liars:?}");
            let honest = outcome.fresh.iter().filter(|(device, ..)| device.starts_with("dev")).count();
            assert_eq!(honest, 800, "{liars:?}");
            let behind = usize::from(liars[0].1 < 0) * 200;
            // The start-up, when nobody knows the time yet, may take a first lie for the truth.
            assert!((behind.saturating_sub(2)..=behind).contains(&outcome.late), "{liars:?}: {} late", outcome.late);
            if behind == 0 {
                let refused = outcome.reasons()["ahead_of_time"];
                assert!((199 * liars.len()..=200 * liars.len()).contains(&refused), "{liars:?}: {refused}");
            }
        }
    }
}

#[test]
fn after_a_quiet_night_everybody_is_believed() {
    let mut records = city(5, 20);
    records.extend(city(5, 40).into_iter().skip(100).map(|mut record| {
        record.time = record.time.later(SimDuration::milliseconds(180 * MINUTE));
        record
    }));
    let (intake, outcome) = run(&records.iter().map(message).collect::<Vec<_>>());
    assert_eq!((outcome.fresh_set().len(), outcome.late), (200, 0));
    assert_eq!(outcome.quarantined, []);
    assert_eq!(intake.watermark(), Some(Timestamp::milliseconds(SEVEN + 180 * MINUTE + 39 * 5000 - 30_000)));
}

/// Few devices that report once an hour must not be taken for liars.
#[test]
fn stations_that_report_once_an_hour_are_believed() {
    for devices in 1..=4 {
        let mut records = city(devices, 400);
        for record in &mut records {
            record.time = Timestamp::milliseconds(SEVEN + i64::try_from(record.sequence).expect("small") * 60 * MINUTE);
        }
        let (_, outcome) = run(&records.iter().map(message).collect::<Vec<_>>());
        assert_eq!((outcome.fresh_set().len(), outcome.late), (400 * devices, 0), "{devices}: {:?}", outcome.reasons());
    }
}

/// The others have gone silent for good; those that remain are believed after a while, and nothing of theirs is refused.
#[test]
fn the_last_that_remain_go_on() {
    for remain in 1..=2 {
        let mut records = city(5, 20);
        for round in 20..2000_u64 {
            let ms = SEVEN + i64::try_from(round).expect("small") * 5000;
            records.extend((0..remain).map(|device| record(&format!("dev-{device}"), 0, round, ms)));
        }
        let (intake, outcome) = run(&records.iter().map(message).collect::<Vec<_>>());
        assert_eq!(outcome.fresh_set().len(), records.len(), "{:?}", outcome.reasons());
        assert_eq!(intake.watermark(), Some(Timestamp::milliseconds(SEVEN + 1999 * 5000 - 30_000)));
    }
}

/// A device that has run wild does not become the city's clock by talking more than everybody else.
#[test]
fn one_device_that_floods_moves_nothing() {
    let mut records = city(4, 100);
    let flood = (0..3000).map(|k| record("wild", 0, k, SEVEN + 300 * MINUTE + i64::try_from(k).expect("small")));
    records.splice(200..200, flood);
    let (intake, outcome) = run(&records.iter().map(message).collect::<Vec<_>>());
    assert_eq!((outcome.fresh_set().len(), outcome.late), (400, 0));
    assert_eq!(outcome.reasons(), BTreeMap::from([("ahead_of_time", 3000)]));
    assert_eq!(intake.watermark(), Some(Timestamp::milliseconds(SEVEN + 99 * 5000 - 30_000)));
}

#[test]
fn records_of_an_earlier_epoch_are_taken_while_it_is_remembered() {
    let told = [(5, 0), (5, 1), (6, 0), (5, 2), (6, 1), (5, 1), (8, 0), (6, 2), (5, 3), (7, 0)];
    let messages: Vec<Message> = told.iter().map(|&(epoch, k)| message(&record("dev-1", epoch, k, SEVEN))).collect();
    let (_, outcome) = run(&messages);
    let fresh: Vec<(u32, u64)> = outcome.fresh.iter().map(|(_, epoch, k)| (*epoch, *k)).collect();
    assert_eq!(fresh, [(5, 0), (5, 1), (6, 0), (5, 2), (6, 1), (8, 0), (6, 2)]);
    assert_eq!((outcome.duplicates, outcome.reasons()["epoch_backwards"]), (1, 2));
}

/// A device that was out of reach for longer than a leap may be is believed when three of its records agree.
#[test]
fn a_long_silence_of_one_device_is_believed_in_the_end() {
    let told = [0, 1, 90_000, 90_001, 90_002, 90_003, 90_000, 50];
    let messages: Vec<Message> = told.iter().map(|&k| message(&record("dev-1", 0, k, SEVEN))).collect();
    let (intake, outcome) = run(&messages);
    let fresh: Vec<u64> = outcome.fresh.iter().map(|(_, _, k)| *k).collect();
    assert_eq!(fresh, [0, 1, 90_002, 90_003, 50]);
    assert_eq!((outcome.duplicates, outcome.reasons()["sequence_leap"]), (1, 2));
    let gaps: Vec<(u64, u64)> = intake.gaps().iter().map(|gap| (gap.from, gap.to)).collect();
    assert_eq!(gaps, [(2, 50), (51, 90_000)]);
}

#[test]
fn what_is_beyond_the_limits_is_counted() {
    let settings = IntakeSettings { devices_max: 2, holes_max: 3, ..IntakeSettings::default() };
    let (mut intake, mut outcome) = (Intake::new(0, settings), Outcome::default());
    let mut records: Vec<Record> = (0..3).map(|device| record(&format!("dev-{device}"), 0, 0, SEVEN)).collect();
    // Every second is missing: five holes, of which three can be kept.
    records.extend((1..=5).map(|k| record("dev-0", 0, 2 * k, SEVEN)));
    feed(&mut intake, 0, &records.iter().map(message).collect::<Vec<_>>(), &mut outcome);
    assert_eq!(outcome.reasons(), BTreeMap::from([("too_many_devices", 1)]));
    assert_eq!((intake.devices(), intake.gaps().len(), intake.forgotten()), (2, 3, 2));
}

#[test]
fn devices_that_are_silent_for_long_make_room_and_are_counted() {
    let day = 24 * 60 * MINUTE;
    let settings = IntakeSettings { devices_max: 4, ..IntakeSettings::default() };
    let (mut intake, mut outcome) = (Intake::new(0, settings), Outcome::default());
    // One goes silent with a hole of two; three speak on for twelve days, so that the clock is believed.
    let mut records = Vec::new();
    for n in 0..12 * 24 * 6_i64 {
        let at = SEVEN + n * 10 * MINUTE;
        records.extend((1..=3).map(|device| record(&format!("dev-{device}"), 0, n.unsigned_abs(), at)));
        if n == 1 {
            records.extend([0, 3].map(|sequence| record("dev-4", 0, sequence, at)));
        }
    }
    feed(&mut intake, 0, &records.iter().map(message).collect::<Vec<_>>(), &mut outcome);
    assert_eq!((outcome.fresh.len(), intake.devices(), intake.gaps().len()), (records.len(), 4, 1));
    let now = intake.watermark().expect("known");
    let back = |days: i64| now.later(SimDuration::milliseconds(-days * day));
    assert_eq!(intake.forget_silent(back(12)), 0, "not that long");
    feed(&mut intake, 20_000, &[message(&record("dev-5", 0, 0, SEVEN + 12 * day))], &mut outcome);
    assert_eq!(outcome.reasons(), BTreeMap::from([("too_many_devices", 1)]));
    // The same, whenever it is started anew.
    let mut other = Intake::restore(&intake.state()).expect("a state");
    for intake in [&mut intake, &mut other] {
        assert_eq!(intake.forget_silent(back(8)), 1);
        assert_eq!((intake.devices(), intake.gaps().len(), intake.forgotten()), (3, 0, 2));
        assert_eq!((intake.counts().silent, intake.counts().silent_missing), (1, 2));
        let mut after = Outcome::default();
        let next = [message(&record("dev-6", 0, 0, SEVEN + 12 * day)), message(&records[records.len() - 1])];
        feed(intake, 20_001, &next, &mut after);
        assert_eq!((after.fresh.len(), after.duplicates), (1, 1), "there is room, and who speaks is known as before");
    }
    assert!(intake.state() == other.state());
}
