//! What is written is what is read, for every kind of reading and whatever it holds.

use proptest::prelude::*;

use super::field::{Column, ColumnType, Value};
use super::json::{self, DecodeError};
use super::reading::{CallStatus, Fix, IncidentStatus, Reading, ReadingKind, Severity, Sky, UnitStatus};
use super::record::{DeviceId, Record};
use crate::primitives::Timestamp;

fn any_value<'a>(column: &Column, die: u64, word: &'a str) -> Value<'a> {
    if column.optional && die.is_multiple_of(5) {
        return Value::Missing;
    }
    let (low, high) = (*column.range.start(), column.range.end().min(4_000_000_000.0));
    #[expect(clippy::cast_precision_loss, reason = "any number in the range will do")]
    let share = (die % 1_000_003) as f64 / 1_000_003.0;
    match column.holds {
        ColumnType::Flag => Value::Flag(die.is_multiple_of(2)),
        ColumnType::Number => Value::Number(low + share * (high - low)),
        #[expect(clippy::cast_possible_truncation, reason = "within u32 by the line above")]
        ColumnType::Whole => Value::Whole((low + share * (high - low)) as i64),
        ColumnType::Text => Value::Text(one_of(column.name, die).unwrap_or(word)),
    }
}

fn one_of(column: &str, die: u64) -> Option<&'static str> {
    fn pick<T: Copy>(all: &[T], die: u64) -> T {
        all[usize::try_from(die % all.len() as u64).expect("small")]
    }
    Some(match column {
        "fix" => pick(Fix::ALL, die).word(),
        "sky" => pick(Sky::ALL, die).word(),
        "severity" => pick(Severity::ALL, die).word(),
        _ => return None,
    })
}

/// Status columns differ by kind; this gives the right word.
pub(crate) fn any_record(kind: ReadingKind, dice: &[u64]) -> Record {
    let words: Vec<String> = dice.iter().map(|die| format!("r{die}")).collect();
    let status = |die: u64| match kind {
        ReadingKind::Incident => IncidentStatus::ALL[usize::from(die.is_multiple_of(2))].word(),
        ReadingKind::Call => CallStatus::ALL[usize::try_from(die % 11).expect("small")].word(),
        _ => UnitStatus::ALL[usize::try_from(die % 7).expect("small")].word(),
    };
    let values: Vec<Value<'_>> = kind
        .columns()
        .iter()
        .enumerate()
        .map(|(k, column)| {
            let die = dice[k % dice.len()];
            if column.name == "status" {
                Value::Text(status(die))
            } else {
                any_value(column, die, &words[k % dice.len()])
            }
        })
        .collect();
    let reading = Reading::from_values(kind, &values).expect("every column has a value of its type");
    Record {
        device: DeviceId::of(kind, &words[0]),
        epoch: 0,
        sequence: dice[0],
        time: Timestamp::milliseconds(1_780_000_000_000 + i64::try_from(dice[0] % 86_400_000).expect("small")),
        reading,
    }
}

proptest! {
    #[test]
    fn json_gives_back_every_record_to_the_last_bit(kind in 0..ReadingKind::ALL.len(), dice in prop::collection::vec(any::<u64>(), 16)) {
        let record = any_record(ReadingKind::ALL[kind], &dice);
        let mut bytes = Vec::new();
        json::encode(&record, &mut bytes);
        let read = json::decode(&bytes).expect("what was written can be read");
        prop_assert_eq!(&read, &record);
        let mut again = Vec::new();
        json::encode(&read, &mut again);
        prop_assert_eq!(again, bytes);
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(json::decode(&bytes).is_err());
    }

    #[test]
    fn a_message_cut_short_or_with_a_flipped_byte_is_refused_or_read(kind in 0..ReadingKind::ALL.len(), dice in prop::collection::vec(any::<u64>(), 16), at in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = Vec::new();
        json::encode(&any_record(ReadingKind::ALL[kind], &dice), &mut bytes);
        let at = at.index(bytes.len());
        prop_assert!(json::decode(&bytes[..at]).is_err());
        bytes[at] = byte;
        if let Ok(record) = json::decode(&bytes) {
            prop_assert!(record.reading.out_of_range().is_none());
        }
    }
}

#[test]
fn every_way_to_be_no_record_has_its_reason() {
    let good =
        r#"{"type":"health","device":"dev-1","epoch":0,"seq":0,"timestamp":"2026-06-02T07:00:00.000Z","uptime_s":5}"#;
    assert!(json::decode(good.as_bytes()).is_ok());
    let with = |from: &str, to: &str| json::decode(good.replace(from, to).as_bytes()).expect_err(to).word();
    assert_eq!(with("\"health\"", "\"wealth\""), "unknown_type");
    assert_eq!(with("dev-1", "../etc"), "bad_device");
    assert_eq!(with("2026-06-02T", "yesterday"), "bad_timestamp");
    assert_eq!(with("\"uptime_s\":5", "\"uptime_s\":-5"), "not_a_reading");
    assert_eq!(with(",\"uptime_s\":5", ""), "not_a_reading");
    assert_eq!(with("\"epoch\":0,", ""), "not_a_record");
    assert_eq!(with("\"seq\":0", "\"seq\":-1"), "not_a_record");
    assert_eq!(
        json::decode(&vec![b' '; json::MESSAGE_MAX + 1]).expect_err("long"),
        DecodeError::TooLong(json::MESSAGE_MAX + 1)
    );
    assert_eq!(with("\"uptime_s\":5", "\"uptime_s\":5,\"battery_v\":1e9"), "out_of_range");
}
