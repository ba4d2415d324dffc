//! Confirmations: whoever makes messages durable tells their publisher so, over whatever broker stands between them.
//!
//! A broker's acknowledgement says that the broker has a message, not that it survives. So a publisher that asks for it sets on
//! each message a response topic and, as correlation data, a number (request and response of MQTT 5, OASIS 2019, section 4.10);
//! when a message is in the log, a confirmation with its number goes to that topic. Neither end looks into a payload.
//!
//! ```text
//! confirmation  version u8 = 1 | first number u64, big-endian | run | run | ...
//! run           numbers passed over since the last run | numbers in it, less one         (LEB128, 7 bits a byte, lowest first)
//! ```
//!
//! The response topic holds 64 random bits, drawn anew by every publisher: an answer to an earlier process of the same name, or
//! to a name somebody guessed, confirms nothing. Who may listen to `citytwin/ack/#` is for the broker's list of rights.

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};

/// How every response topic begins; messages to such topics are confirmations and never data.
pub const CONFIRMATION_PREFIX: &str = "citytwin/ack/";
/// Longest response topic that is answered [bytes].
pub(super) const RESPONSE_TOPIC_BYTES_MAX: usize = 192;
/// Longest confirmation [bytes]; more numbers make more confirmations.
pub(super) const CONFIRMATION_BYTES_MAX: usize = 4096;
/// Response topics waiting for their confirmations; beyond it the numbers are forgotten and counted, and their messages come again.
const TOPICS_MAX: usize = 16_384;
/// Runs of numbers that wait, over all topics; beyond it as well.
const RUNS_MAX: usize = 262_144;
const VERSION: u8 = 1;
/// Two numbers of ten digits of 7 bits.
const RUN_BYTES_MAX: usize = 20;

/// What a message asks to be told, as it stands in its properties: the topic, if it is one that is answered, and the number.
/// Both come from outside.
pub(super) fn asked(response_topic: Option<&Bytes>, correlation: Option<&Bytes>) -> Option<(Bytes, u64)> {
    let (topic, number) = (response_topic?, correlation?);
    let number = u64::from_be_bytes(number[..].try_into().ok()?);
    is_response_topic(topic).then(|| (topic.clone(), number))
}

/// Whether bytes are a topic of ours that confirmations go to.
pub(super) fn is_response_topic(topic: &[u8]) -> bool {
    let bad = |byte: &u8| matches!(byte, b'+' | b'#' | b'$' | 0x7f..) || *byte <= b' ';
    topic.len() > CONFIRMATION_PREFIX.len()
        && topic.len() <= RESPONSE_TOPIC_BYTES_MAX
        && topic.starts_with(CONFIRMATION_PREFIX.as_bytes())
        && !topic.iter().any(bad)
}

/// Numbers from the first to the last.
type Run = (u64, u64);

/// Numbers that wait to be confirmed, by response topic.
#[derive(Debug, Default)]
pub(super) struct Confirmations {
    topics: BTreeMap<Bytes, Vec<Run>>,
    runs: usize,
}

impl Confirmations {
    /// Notes a number; false if there is no more room.
    pub(super) fn note(&mut self, topic: &Bytes, number: u64) -> bool {
        if let Some(runs) = self.topics.get_mut(topic) {
            if let Some((_, last)) = runs.last_mut().filter(|(_, last)| last.checked_add(1) == Some(number)) {
                *last = number;
                return true;
            }
            if self.runs >= RUNS_MAX {
                return false;
            }
            runs.push((number, number));
        } else {
            if self.topics.len() >= TOPICS_MAX || self.runs >= RUNS_MAX {
                return false;
            }
            // A copy of its own, so that the packet it came in is not kept for it.
            self.topics.insert(Bytes::copy_from_slice(topic), vec![(number, number)]);
        }
        self.runs += 1;
        true
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// The next topic with a confirmation of at most `bytes_max` bytes, and how many numbers it holds.
    pub(super) fn next(&mut self, bytes_max: usize) -> Option<(Bytes, BytesMut, u64)> {
        let mut entry = self.topics.first_entry()?;
        let topic = entry.key().clone();
        let runs = entry.get_mut();
        // In order, so that the differences are small and no run lies inside another.
        runs.sort_unstable();
        let (payload, taken, numbers) = encode(runs, bytes_max);
        self.runs -= taken;
        if taken == runs.len() {
            entry.remove();
        } else {
            runs.drain(..taken);
        }
        Some((topic, payload, numbers))
    }
}

/// Writes as many sorted runs as fit, at least one: the bytes, how many runs, and how many numbers.
fn encode(runs: &[Run], bytes_max: usize) -> (BytesMut, usize, u64) {
    let mut out = BytesMut::with_capacity(bytes_max.min(9 + RUN_BYTES_MAX * runs.len()));
    let mut next = runs.first().map_or(0, |(first, _)| *first);
    out.put_u8(VERSION);
    out.put_u64(next);
    let (mut taken, mut numbers) = (0, 0_u64);
    for (first, last) in runs {
        if taken > 0 && out.len() + RUN_BYTES_MAX > bytes_max {
            break;
        }
        taken += 1;
        // What a message that came twice has said already.
        let first = (*first).max(next);
        if *last < first {
            continue;
        }
        leb128(first - next, &mut out);
        leb128(last - first, &mut out);
        numbers += (last - first).saturating_add(1);
        next = last.saturating_add(1);
    }
    (out, taken, numbers)
}

fn leb128(mut value: u64, out: &mut BytesMut) {
    loop {
        let digit = u8::try_from(value & 0x7f).unwrap_or(0);
        value >>= 7;
        out.put_u8(if value > 0 { digit | 0x80 } else { digit });
        if value == 0 {
            return;
        }
    }
}

/// The runs of a confirmation, from the first to the last number each; ends at what is none. Any bytes may be handed in.
pub(super) fn decode(payload: &[u8]) -> impl Iterator<Item = Run> + '_ {
    let begin = match payload {
        [VERSION, rest @ ..] if payload.len() <= CONFIRMATION_BYTES_MAX => rest.split_first_chunk::<8>(),
        _ => None,
    };
    let (mut next, mut rest) = begin.map_or((None, &[][..]), |(first, rest)| (Some(u64::from_be_bytes(*first)), rest));
    std::iter::from_fn(move || {
        let first = next?.checked_add(take_leb128(&mut rest)?)?;
        let last = first.checked_add(take_leb128(&mut rest)?)?;
        next = last.checked_add(1);
        Some((first, last))
    })
}

fn take_leb128(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, left) = rest.split_first()?;
        *rest = left;
        let digit = u64::from(byte & 0x7f);
        let shifted = digit << shift;
        if shifted >> shift != digit {
            return None;
        }
        value |= shifted;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_topics_of_ours_are_answered() {
        let long = format!("citytwin/ack/{}", "x".repeat(RESPONSE_TOPIC_BYTES_MAX));
        for (topic, expected) in [
            ("citytwin/ack/city-0/1f", true),
            ("citytwin/ack/", false),
            ("citytwin/ackx/a", false),
            ("city/gps/1", false),
            ("$SYS/citytwin/ack/a", false),
            ("citytwin/ack/#", false),
            ("citytwin/ack/a/+", false),
            ("citytwin/ack/a b", false),
            ("citytwin/ack/a\0", false),
            ("citytwin/ack/ü", false),
            (long.as_str(), false),
        ] {
            assert_eq!(is_response_topic(topic.as_bytes()), expected, "{topic}");
        }
        let topic = Bytes::from_static(b"citytwin/ack/a");
        assert_eq!(asked(Some(&topic), Some(&Bytes::from_static(&[0; 7]))), None, "seven bytes are no number");
        assert_eq!(asked(Some(&topic), None), None);
    }

    /// What waits for confirmation is bounded whatever devices ask for.
    #[test]
    fn a_flood_of_response_topics_is_cut_off() {
        let mut waiting = Confirmations::default();
        let noted = (0..20_000).filter(|n| waiting.note(&Bytes::from(format!("citytwin/ack/{n}")), 0)).count();
        assert_eq!(noted, TOPICS_MAX);
        let topic = Bytes::from_static(b"citytwin/ack/0");
        let noted = (0..RUNS_MAX as u64).filter(|n| waiting.note(&topic, 10 + n * 2)).count();
        assert_eq!(noted, RUNS_MAX - TOPICS_MAX);
        assert!(waiting.note(&topic, 11 + (noted as u64 - 1) * 2), "a run that goes on needs no room");
    }

    proptest! {
        #[test]
        fn every_number_noted_is_confirmed_and_no_other(
            mut numbers in prop::collection::vec(prop_oneof![0_u64..3000, Just(u64::MAX), any::<u64>()], 1..400),
            bytes_max in 30_usize..200,
        ) {
            let topic = Bytes::from_static(b"citytwin/ack/a");
            let mut waiting = Confirmations::default();
            for number in &numbers {
                prop_assert!(waiting.note(&topic, *number));
            }
            let mut told = Vec::new();
            while let Some((to, payload, _)) = waiting.next(bytes_max) {
                prop_assert_eq!(&to, &topic);
                prop_assert!(payload.len() <= bytes_max);
                told.extend(decode(&payload).flat_map(|(first, last)| first..=last));
            }
            prop_assert_eq!(waiting.runs, 0);
            told.sort_unstable();
            told.dedup();
            numbers.sort_unstable();
            numbers.dedup();
            prop_assert_eq!(told, numbers);
        }

        #[test]
        fn any_bytes_are_read_without_harm(payload in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut last_seen = None;
            for (first, last) in decode(&payload) {
                prop_assert!(first <= last && last_seen.is_none_or(|seen| first > seen));
                last_seen = Some(last);
            }
            prop_assert!(decode(&payload).count() <= payload.len() / 2);
        }
    }
}
