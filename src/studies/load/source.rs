//! Where a load takes what its devices say from: made up here, or told by a city or a recording that somebody else reads.
//!
//! Rate and timing are the schedule's; what is said, and by whom, is the source's. Devices count anew here: whatever their numbers were
//! in the source, each counts from 0 without gaps, and a source that has come to its end and begins again begins a new epoch, so
//! device, epoch and sequence stay unique however long a load lasts.

use std::collections::HashMap;

use super::devices::Devices;
use crate::primitives::Timestamp;
use crate::primitives::random::{KeyedRng, Purpose, Seed};
use crate::telemetry::{DeviceId, Emission, Fate};

/// Most devices of a source.
pub const SOURCE_DEVICES_MAX: usize = 1_000_000;

/// What a source has next.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// Something a device says, and what it would have said without error.
    Said(Box<Emission>),
    /// It has come to its end and begins again.
    Again,
    /// Nothing yet; asking again is worth while.
    Nothing,
    /// Nothing any more, for this reason.
    Failed(String),
}

/// Somebody who tells what devices say, in an order of its own.
pub trait Source: Send + std::fmt::Debug {
    /// The next thing; waits a moment at most.
    fn next(&mut self) -> Told;
}

/// One thing a device says, under the number it has in this load.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Word {
    /// The number of the device, in the order in which devices were met.
    pub device: u64,
    /// What it says and what is true; its time is still to be set.
    pub emission: Emission,
}

/// Who speaks.
#[derive(Debug)]
pub(super) enum Voices {
    /// Devices nobody simulates.
    Synthetic {
        devices: Devices,
        /// What each device says next.
        sequences: Vec<u32>,
        /// The devices' turns so far, those of the hot road aside.
        turns: u64,
    },
    /// Those of a source.
    Told {
        source: Box<dyn Source>,
        /// The number of each device, and what it says next.
        known: HashMap<DeviceId, (u32, u64)>,
        epoch: u32,
        /// Whether anything was said since it began (again).
        spoke: bool,
    },
}

impl Voices {
    pub(super) fn synthetic(devices: Devices) -> Self {
        let sequences = vec![0; usize::try_from(devices.count()).unwrap_or(0)];
        Self::Synthetic { devices, sequences, turns: 0 }
    }

    pub(super) fn told(source: Box<dyn Source>) -> Self {
        Self::Told { source, known: HashMap::new(), epoch: 0, spoke: false }
    }

    /// Devices that have spoken, or are there to speak.
    pub(super) fn count(&self) -> u64 {
        match self {
            Self::Synthetic { devices, .. } => devices.count(),
            Self::Told { known, .. } => known.len() as u64,
        }
    }

    /// What is said next, as of `time`; none if nothing is there yet. A share of `hot` of the turns is one road's.
    ///
    /// # Errors
    /// A sentence when nothing more will be said.
    pub(super) fn next(&mut self, seed: Seed, n: u64, hot: f64, time: Timestamp) -> Result<Option<Word>, String> {
        match self {
            Self::Synthetic { devices, sequences, turns } => {
                let mut dice: KeyedRng = seed.stream(Purpose::LoadFault, n, 2);
                let device = if hot > 0.0 && dice.unit() < hot {
                    devices.hot(dice.next())
                } else {
                    *turns += 1;
                    (*turns - 1) % devices.count()
                };
                let place = usize::try_from(device).ok().and_then(|at| sequences.get_mut(at));
                let sequence = place.map_or(0, |next| std::mem::replace(next, next.saturating_add(1)));
                let record = devices.record(device, u64::from(sequence), time);
                let truth = record.reading.clone();
                Ok(Some(Word { device, emission: Emission { record, truth, fault: None, fate: Fate::Sent } }))
            }
            Self::Told { source, known, epoch, spoke } => loop {
                match source.next() {
                    Told::Said(emission) => {
                        *spoke = true;
                        return numbered(known, *epoch, *emission, time).map(Some);
                    }
                    Told::Nothing => return Ok(None),
                    Told::Failed(why) => return Err(why),
                    Told::Again if !*spoke => {
                        return Err("the source says nothing from its beginning to its end".to_owned());
                    }
                    Told::Again => {
                        *epoch = epoch.checked_add(1).ok_or("the source has begun again too often")?;
                        *spoke = false;
                        for (_, next) in known.values_mut() {
                            *next = 0;
                        }
                    }
                }
            },
        }
    }
}

/// What a device of a source says, under its number of this load.
fn numbered(
    known: &mut HashMap<DeviceId, (u32, u64)>,
    epoch: u32,
    mut emission: Emission,
    time: Timestamp,
) -> Result<Word, String> {
    let count = known.len();
    let (number, next) = match known.get_mut(&emission.record.device) {
        Some(known) => known,
        None if count >= SOURCE_DEVICES_MAX => {
            return Err(format!("the source has more than {SOURCE_DEVICES_MAX} devices, which no load takes"));
        }
        None => known.entry(emission.record.device.clone()).or_insert((u32::try_from(count).unwrap_or(u32::MAX), 0)),
    };
    (emission.record.epoch, emission.record.sequence, emission.record.time) = (epoch, *next, time);
    // What the radio of the source did to it is not this load's: its own faults say what is lost and damaged.
    emission.fate = Fate::Sent;
    *next += 1;
    Ok(Word { device: u64::from(*number), emission })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source that tells some devices' names, again and again.
    #[derive(Debug)]
    struct Names(Vec<Option<&'static str>>, usize);

    impl Source for Names {
        fn next(&mut self) -> Told {
            let at = self.1;
            self.1 = (self.1 + 1) % (self.0.len() + 1);
            match self.0.get(at) {
                None => Told::Again,
                Some(None) => Told::Nothing,
                Some(Some(name)) => {
                    let mut record = Devices::new(Seed(1), 1, "x").record(0, 77, Timestamp::milliseconds(0));
                    record.device = name.parse().expect("a device");
                    record.epoch = 5;
                    let truth = record.reading.clone();
                    Told::Said(Box::new(Emission { record, truth, fault: None, fate: Fate::Lost }))
                }
            }
        }
    }

    #[test]
    fn devices_count_without_gaps_and_anew_in_every_epoch() {
        let mut voices = Voices::told(Box::new(Names(vec![Some("a"), Some("b"), None, Some("a")], 0)));
        let mut said = Vec::new();
        let time = Timestamp::milliseconds(9);
        while said.len() < 7 {
            if let Some(word) = voices.next(Seed(1), 0, 0.0, time).expect("a source") {
                let record = &word.emission.record;
                assert_eq!((record.time, word.emission.fate), (time, Fate::Sent));
                said.push((word.device, record.device.to_string(), record.epoch, record.sequence));
            }
        }
        let said: Vec<_> =
            said.iter().map(|(n, name, epoch, sequence)| (*n, name.as_str(), *epoch, *sequence)).collect();
        assert_eq!(
            said,
            [
                (0, "a", 0, 0),
                (1, "b", 0, 0),
                (0, "a", 0, 1),
                (0, "a", 1, 0),
                (1, "b", 1, 0),
                (0, "a", 1, 1),
                (0, "a", 2, 0)
            ]
        );
        assert_eq!(voices.count(), 2);
    }

    #[test]
    fn a_source_that_says_nothing_is_a_sentence_and_no_endless_loop() {
        let why = Voices::told(Box::new(Names(Vec::new(), 0))).next(Seed(1), 0, 0.0, Timestamp::milliseconds(0));
        assert!(why.expect_err("nothing is said").contains("says nothing"));
    }
}
