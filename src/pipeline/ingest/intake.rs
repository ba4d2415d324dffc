//! The intake of one partition: every message becomes a trusted record, a duplicate, or a case for quarantine, and is counted.
//!
//! The order of judgement: can it be decoded, did it come under its topic, has it been here before, is its time believable. A
//! record far ahead of the partition's clock is held until others confirm its time or go on without it, because after a quiet
//! night the first record looks like one from a lying clock. Held records come out of [`Intake::decided`].
//!
//! Does not know where messages come from nor who takes the records.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};

use super::clock::{Clock, PATIENCE};
use super::quarantine::{Quarantined, Reason, Refused};
use super::sequences::{Device, Gap, HOLES_MAX, LEAP_MAX, Noted};
use crate::primitives::{SimDuration, Timestamp};
use crate::telemetry::{DeviceId, Record, TopicMap};

/// Most messages held; beyond it the oldest goes to quarantine.
pub(super) const HELD_MAX: usize = 1024;

/// How an intake judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntakeSettings {
    /// How much later than the newest a record may come and still be in time.
    pub disorder_max: SimDuration,
    /// How far ahead of the partition's clock a record may be and be believed at once.
    pub ahead_max: SimDuration,
    /// Most devices remembered; records of further devices go to quarantine until some are forgotten, see
    /// [`Intake::forget_silent`].
    pub devices_max: usize,
    /// Most holes in the sequences of all devices together; beyond it each new one makes its device forget its oldest.
    pub holes_max: usize,
}

impl Default for IntakeSettings {
    fn default() -> Self {
        Self {
            disorder_max: SimDuration::milliseconds(30_000),
            ahead_max: SimDuration::milliseconds(600_000),
            devices_max: 1_000_000,
            holes_max: 4_000_000,
        }
    }
}

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Taken {
    /// A record that has not been here before.
    Fresh {
        /// The record.
        record: Record,
        /// Whether its time lies before the watermark, so that windows it belongs to may have been closed.
        late: bool,
    },
    /// It has been here before; nothing is to be done.
    Duplicate,
    /// Its time is far ahead; what becomes of it is said later by [`Intake::decided`].
    Held,
    /// It is not trusted.
    Quarantined(Quarantined),
}

/// How many messages became what, since the partition began.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct IntakeCounts {
    /// Messages taken.
    pub taken: u64,
    /// Records that had not been here before.
    pub fresh: u64,
    /// Those of them that came after the watermark.
    pub late: u64,
    /// Records that had been here before.
    pub duplicates: u64,
    /// Messages refused before with the same bytes.
    pub refused_again: u64,
    /// Messages held at present.
    pub held: u64,
    /// Messages in quarantine, by [`Reason::word`].
    pub quarantined: BTreeMap<String, u64>,
    /// Devices forgotten because they were silent for long.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub silent: u64,
    /// Sequences of theirs that never came.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub silent_missing: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl IntakeCounts {
    /// Messages in quarantine, for whatever reason.
    pub fn quarantined_total(&self) -> u64 {
        self.quarantined.values().sum()
    }
}

/// The day of an instant [days since 1970].
fn day_of(at: Timestamp) -> i64 {
    at.as_milliseconds().div_euclid(86_400_000)
}

/// A message whose time is far ahead.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Held {
    pub(super) offset: u64,
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
    pub(super) record: Record,
    /// What the clock showed when it came.
    pub(super) clock: Timestamp,
}

/// A message that is not trusted, before it is one of a partition.
struct Refusal {
    reason: Reason,
    sentence: String,
}

/// The first operator of a partition.
#[derive(Debug)]
pub struct Intake {
    pub(super) partition: u16,
    pub(super) settings: IntakeSettings,
    pub(super) devices: HashMap<DeviceId, Device>,
    pub(super) holes: usize,
    pub(super) clock: Clock,
    pub(super) held: VecDeque<Held>,
    /// Held messages in a row, without any in time between them.
    pub(super) held_in_a_row: u64,
    /// Held messages that have been decided but not yet fetched, and whether they are trusted.
    pub(super) decided: VecDeque<(Held, bool)>,
    pub(super) refused: Refused,
    pub(super) counts: IntakeCounts,
    pub(super) reasons: BTreeMap<Reason, u64>,
}

impl Intake {
    /// An intake that has seen nothing.
    pub fn new(partition: u16, settings: IntakeSettings) -> Self {
        Self {
            partition,
            settings,
            devices: HashMap::new(),
            holes: 0,
            clock: Clock::default(),
            held: VecDeque::new(),
            held_in_a_row: 0,
            decided: VecDeque::new(),
            refused: Refused::default(),
            counts: IntakeCounts::default(),
            reasons: BTreeMap::new(),
        }
    }

    /// Judges the next message of the partition; afterwards [`Self::decided`] is to be asked until it has nothing.
    pub fn take(&mut self, offset: u64, topic: &str, payload: &[u8], topics: &TopicMap) -> Taken {
        self.counts.taken += 1;
        let record = match self.judge(topic, payload, topics) {
            Ok(Some(record)) => record,
            Ok(None) => {
                self.counts.duplicates += 1;
                return Taken::Duplicate;
            }
            Err(refusal) => return self.refuse(offset, topic, payload, refusal),
        };
        let before = self.clock.now;
        if self.clock.hear(&record.device, record.time) {
            self.settle();
        }
        if let (Some(clock), Some(now)) = (before, self.clock.now)
            && self.is_ahead(record.time, now)
        {
            let (topic, payload) = (topic.to_owned(), payload.to_vec());
            self.hold(Held { offset, topic, payload, record, clock });
            return Taken::Held;
        }
        self.held_in_a_row = 0;
        self.trust(record)
    }

    /// The next held message whose fate is decided, in the order in which they came; none if there is none yet.
    pub fn decided(&mut self) -> Option<Taken> {
        let (held, trusted) = self.decided.pop_front()?;
        self.counts.held -= 1;
        if trusted {
            return Some(self.trust(held.record));
        }
        let sentence = format!(
            "the time {} is far ahead of {}, what the other devices say, and nobody confirmed it",
            held.record.time, held.clock
        );
        let refusal = Refusal { reason: Reason::AheadOfTime, sentence };
        Some(self.quarantine(held.offset, &held.topic, &held.payload, refusal))
    }

    /// The stream has ended: whatever is still held goes to quarantine, by way of [`Self::decided`].
    pub fn finish(&mut self) {
        while let Some(held) = self.held.pop_front() {
            self.decided.push_back((held, false));
        }
    }

    /// No record in time is older than this; none while nobody knows the time.
    pub fn watermark(&self) -> Option<Timestamp> {
        let back = SimDuration::milliseconds(-self.settings.disorder_max.as_milliseconds());
        self.clock.now.map(|now| now.later(back))
    }

    /// How many messages became what.
    pub fn counts(&self) -> IntakeCounts {
        let mut counts = self.counts.clone();
        for (reason, count) in &self.reasons {
            *counts.quarantined.entry(reason.word().to_owned()).or_insert(0) += count;
        }
        counts
    }

    /// Forgets devices of which nothing was heard since before an instant, by the partition's clock in whole days; gives how many.
    ///
    /// What such a device sends again is taken for new. So `before` is to be earlier than anything that a record sent again could
    /// be held against: then its first copy is gone by age, and so is the second as soon as it comes. For equal states of equal
    /// streams, this is to be called at equal places of the stream.
    pub fn forget_silent(&mut self, before: Timestamp) -> usize {
        let (day, today, known) = (day_of(before), self.clock.now.map(day_of), self.devices.len());
        let (mut holes, mut missing) = (0, 0_u64);
        self.devices.retain(|_, device| {
            let stays = !device.is_silent_since(day, today);
            if !stays {
                holes += device.holes();
                missing = missing.saturating_add(device.missing());
            }
            stays
        });
        let gone = known - self.devices.len();
        self.holes -= holes;
        self.counts.silent += gone as u64;
        self.counts.silent_missing = self.counts.silent_missing.saturating_add(missing);
        gone
    }

    /// How many devices are remembered.
    pub fn devices(&self) -> usize {
        self.devices.len()
    }

    /// What has not come although later records of its device have, by device and sequence. Open: it may still come.
    pub fn gaps(&self) -> Vec<Gap> {
        let mut devices: Vec<_> = self.devices.iter().filter(|(_, device)| device.holes() > 0).collect();
        devices.sort_by_key(|(id, _)| *id);
        devices.iter().flat_map(|(id, device)| device.gaps(id)).collect()
    }

    /// How many sequences were in gaps that had to be forgotten because there were too many.
    pub fn forgotten(&self) -> u64 {
        self.devices.values().fold(self.counts.silent_missing, |sum, device| sum.saturating_add(device.forgotten()))
    }

    /// The record, if it has not been here before.
    fn judge(&mut self, topic: &str, payload: &[u8], topics: &TopicMap) -> Result<Option<Record>, Refusal> {
        let record = topics
            .decode(payload)
            .map_err(|error| Refusal { reason: Reason::from(&error), sentence: error.to_string() })?;
        let expected = topics.topic(record.kind(), &record.device);
        if expected != topic {
            let sentence = format!("a {} reading of {} belongs under {expected}", record.kind().word(), record.device);
            return Err(Refusal { reason: Reason::WrongTopic, sentence });
        }
        match self.note(&record)? {
            Noted::New => Ok(Some(record)),
            Noted::Again => Ok(None),
            Noted::OldEpoch => {
                let epoch = self.devices.get(&record.device).map_or(0, Device::epoch);
                let sentence =
                    format!("{} sends epoch {} although it is in epoch {epoch}", record.device, record.epoch);
                Err(Refusal { reason: Reason::EpochBackwards, sentence })
            }
            Noted::Leap(next) => {
                let sentence = format!(
                    "{} sends sequence {} although {next} is next; at most {LEAP_MAX} may be skipped",
                    record.device, record.sequence
                );
                Err(Refusal { reason: Reason::SequenceLeap, sentence })
            }
        }
    }

    /// Takes note of a record's identity.
    fn note(&mut self, record: &Record) -> Result<Noted, Refusal> {
        let (known, today) = (self.devices.len(), self.clock.now.map(day_of));
        let device = match self.devices.entry(record.device.clone()) {
            Entry::Occupied(device) => device.into_mut(),
            Entry::Vacant(_) if known >= self.settings.devices_max => {
                let sentence = format!("{known} devices are known already");
                return Err(Refusal { reason: Reason::TooManyDevices, sentence });
            }
            Entry::Vacant(place) => place.insert(Device::new(record.epoch)),
        };
        device.hear(today);
        let before = device.holes();
        let room = self.settings.holes_max.saturating_sub(self.holes);
        let noted = device.note(record.epoch, record.sequence, HOLES_MAX.min(before.saturating_add(room)));
        self.holes = (self.holes + device.holes()).saturating_sub(before);
        Ok(noted)
    }

    fn trust(&mut self, record: Record) -> Taken {
        let late = self.watermark().is_some_and(|watermark| record.time < watermark);
        self.counts.fresh += 1;
        self.counts.late += u64::from(late);
        Taken::Fresh { record, late }
    }

    fn refuse(&mut self, offset: u64, topic: &str, payload: &[u8], refusal: Refusal) -> Taken {
        if self.refused.again(topic, payload) {
            self.counts.refused_again += 1;
            return Taken::Duplicate;
        }
        self.quarantine(offset, topic, payload, refusal)
    }

    fn quarantine(&mut self, offset: u64, topic: &str, payload: &[u8], refusal: Refusal) -> Taken {
        let Refusal { reason, sentence } = refusal;
        *self.reasons.entry(reason).or_insert(0) += 1;
        let (topic, payload) = (topic.to_owned(), payload.to_vec());
        Taken::Quarantined(Quarantined { partition: self.partition, offset, topic, payload, reason, sentence })
    }

    fn is_ahead(&self, time: Timestamp, now: Timestamp) -> bool {
        time.since(now) > self.settings.ahead_max
    }

    fn hold(&mut self, held: Held) {
        self.counts.held += 1;
        self.held.push_back(held);
        self.held_in_a_row += 1;
        // Nobody has said otherwise for so long that these are all who still speak.
        if self.held_in_a_row >= PATIENCE && self.are_plausible() {
            self.held_in_a_row = 0;
            let told = self.held.iter().map(|held| (&held.record.device, held.record.time));
            if self.clock.believe(told) {
                self.settle();
            }
        }
        if self.held.len() > HELD_MAX
            && let Some(oldest) = self.held.pop_front()
        {
            self.decided.push_back((oldest, false));
        }
    }

    /// Whether those who are held can be the only ones left: several devices, or one that went on from where the clock stands.
    fn are_plausible(&self) -> bool {
        let mut held = self.held.iter();
        let (Some(first), Some(now)) = (held.next(), self.clock.now) else { return false };
        let ahead = SimDuration::milliseconds(self.settings.ahead_max.as_milliseconds().saturating_mul(2));
        held.any(|other| other.record.device != first.record.device) || first.record.time.since(now) <= ahead
    }

    /// After the clock has moved: what is no longer ahead is trusted. What is still ahead although the others have gone on from
    /// where they were, and so were not silent, is not.
    fn settle(&mut self) {
        let Some(now) = self.clock.now else { return };
        for held in std::mem::take(&mut self.held) {
            if !self.is_ahead(held.record.time, now) {
                self.decided.push_back((held, true));
            } else if now.since(held.clock) > self.settings.disorder_max {
                self.decided.push_back((held, false));
            } else {
                self.held.push_back(held);
            }
        }
    }
}
