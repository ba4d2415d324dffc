//! Whether a message can be seen in a store, ours or anybody's: asked from outside, changing nothing there.
//!
//! A store of ours is asked in its own words. Anybody else's is asked what its owner writes down, and an [`Answer`] is read in one of two ways: where the
//! question holds the sequence, anything but nothing means that it is there; where it does not, the answer is the newest sequence of the
//! device, and everything up to that is there.

mod parquet;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;

use crate::telemetry::{DeviceId, ReadingKind, json};

pub use self::parquet::ParquetSight;
#[cfg(feature = "postgres")]
pub use self::postgres::PostgresSight;
#[cfg(feature = "redis")]
pub use self::redis::RedisSight;

/// A message that is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought {
    /// Who sent it.
    pub device: DeviceId,
    /// What it reports.
    pub kind: ReadingKind,
    /// Its epoch.
    pub epoch: u32,
    /// Its sequence.
    pub sequence: u64,
}

impl Sought {
    /// A text in which `{device}`, `{kind}`, `{epoch}` and `{sequence}` are filled in.
    pub fn fill(&self, template: &str) -> String {
        template
            .replace("{device}", self.device.as_str())
            .replace("{kind}", self.kind.word())
            .replace("{epoch}", &self.epoch.to_string())
            .replace("{sequence}", &self.sequence.to_string())
    }
}

/// A store that can be looked into.
pub trait Sight: Send {
    /// Which store it is, without user and password.
    fn place(&self) -> String;

    /// Which of the messages are there.
    ///
    /// # Errors
    /// A sentence when that cannot be said now.
    fn look(&mut self, sought: &[&Sought]) -> Result<Vec<bool>, String>;
}

/// What a store answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Nothing.
    Nothing,
    /// Something that is there because it was asked for by its sequence.
    Something,
    /// Everything up to this epoch and sequence; of any epoch where none is named.
    UpTo(Option<u32>, u64),
}

impl Answer {
    /// Reads the text of an answer to a question that held the sequence, or did not.
    ///
    /// # Errors
    /// A sentence when it says neither yes nor no.
    pub fn read(text: &str, by_sequence: bool) -> Result<Self, String> {
        let text = text.trim().trim_matches('"');
        let nothing = matches!(text, "" | "0" | "false" | "f" | "null" | "(nil)" | "[]" | "{}");
        if by_sequence {
            return Ok(if nothing { Self::Nothing } else { Self::Something });
        }
        if let Ok(number) = text.parse::<u64>() {
            return Ok(Self::UpTo(None, number));
        }
        if nothing {
            return Ok(Self::Nothing);
        }
        if let Ok(record) = json::decode(text.as_bytes()) {
            return Ok(Self::UpTo(Some(record.epoch), record.sequence));
        }
        let shown: String = text.chars().filter(|c| !c.is_control()).take(60).collect();
        Err(format!(
            "it answers `{shown}`, which is neither a sequence nor a record; ask for the newest sequence, or by {{sequence}}"
        ))
    }

    /// Whether a message is there by this answer.
    pub fn has(&self, sought: &Sought) -> bool {
        match self {
            Self::Nothing => false,
            Self::Something => true,
            Self::UpTo(epoch, sequence) => {
                (epoch.unwrap_or(sought.epoch), *sequence) >= (sought.epoch, sought.sequence)
            }
        }
    }
}

/// Asks once for each message, or where answers are about devices once for each of those.
///
/// # Errors
/// That of the first question that was not answered.
pub fn ask_each(
    sought: &[&Sought],
    by_sequence: bool,
    ask: &mut dyn FnMut(&Sought) -> Result<Answer, String>,
) -> Result<Vec<bool>, String> {
    let mut known: Vec<(&Sought, Answer)> = Vec::new();
    let mut seen = Vec::with_capacity(sought.len());
    for one in sought {
        let same = |(other, _): &&(&Sought, Answer)| {
            (&other.device, other.kind, other.epoch) == (&one.device, one.kind, one.epoch)
        };
        let answer = if let Some((_, answer)) = known.iter().find(same).filter(|_| !by_sequence) {
            answer.clone()
        } else {
            let answer = ask(one)?;
            known.push((one, answer.clone()));
            answer
        };
        seen.push(answer.has(one));
    }
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sought(sequence: u64) -> Sought {
        Sought { device: "gps-1".parse().expect("a device"), kind: ReadingKind::Position, epoch: 0, sequence }
    }

    #[test]
    fn answers_are_read_by_what_was_asked() {
        let read = |text, by_sequence| Answer::read(text, by_sequence);
        assert_eq!(read(" 0 ", true), Ok(Answer::Nothing));
        assert_eq!(read("17", true), Ok(Answer::Something));
        assert_eq!(read("17\n", false), Ok(Answer::UpTo(None, 17)));
        assert_eq!(read("0", false), Ok(Answer::UpTo(None, 0)), "the first sequence is there");
        assert_eq!(read("(nil)", false), Ok(Answer::Nothing));
        assert!(read("<html>", false).expect_err("no answer").contains("neither a sequence nor a record"));
        for (answer, expected) in [
            (Answer::UpTo(None, 5), [true, true, false]),
            (Answer::UpTo(Some(1), 0), [true, true, true]),
            (Answer::Nothing, [false; 3]),
        ] {
            assert_eq!([4, 5, 6].map(|sequence| answer.has(&sought(sequence))), expected, "{answer:?}");
        }
        assert_eq!(sought(7).fill("x:{device}/{epoch}/{sequence}"), "x:gps-1/0/7");
    }

    #[test]
    fn a_device_is_asked_once_for_all_its_messages() {
        let all: Vec<Sought> = (0..9).map(sought).collect();
        let (all, mut asked): (Vec<&Sought>, u32) = (all.iter().collect(), 0);
        let seen = ask_each(&all, false, &mut |_| {
            asked += 1;
            Ok(Answer::UpTo(None, 3))
        });
        assert_eq!((seen.map(|seen| seen.iter().filter(|seen| **seen).count()), asked), (Ok(4), 1));
    }
}
