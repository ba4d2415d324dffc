//! The messages of a load, one after the other: whose turn it is, what it says, and what goes wrong with it on its way.
//!
//! Everything a device said stands in the ledger, once, whatever becomes of it here; what strangers send does not. Knows no clock and
//! no socket.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use bytes::Bytes;

use super::DEVICES_MAX;
use super::faults::{FaultCounts, Faults, Labels, LoadFault};
use super::hostile::hostile;
use super::source::{Voices, Word};
use super::wrongs::Wrongs;
use crate::primitives::random::{KeyedRng, Purpose, Seed};
use crate::primitives::{SimDuration, Timestamp};
use crate::telemetry::{Emission, Fate, ReadingKind, Record, TopicMap, json};

/// Turns of its device a message may be held back.
const TURNS_MAX: usize = 3;
/// Most messages held back at once; beyond it none is reordered or doubled until some have gone.
const HELD_MAX: usize = 100_000;

/// What is to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// What a device said, and what was true; none of a copy or a stranger's message.
    pub emission: Option<Emission>,
    /// Whether the ledger is to hear of it: it has not been said before.
    pub is_new: bool,
    /// What was put on it.
    pub labels: Labels,
    /// When it was due, after the beginning [µs].
    pub due_us: u64,
    /// What a stranger's message is, in a word.
    pub hostile: Option<&'static str>,
    /// Its canonical bytes, for the ledger; empty if there is nothing for it.
    pub canonical: Bytes,
    /// Its topic.
    pub topic: Arc<str>,
    /// The number of the device that sends it, by which connections are shared out.
    pub device: u64,
    /// The bytes to send; none if they are sent later, or never.
    pub payload: Option<Bytes>,
}

impl Said {
    /// Whether what was true is to be written down now: it is sent, or never will be.
    pub fn is_final(&self) -> bool {
        self.payload.is_some() || self.emission.as_ref().is_some_and(|emission| emission.fate == Fate::Lost)
    }
}

/// A message that waits for its turn.
#[derive(Debug)]
struct Held {
    turn: u64,
    number: u64,
    said: Said,
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        (self.turn, self.number) == (other.turn, other.number)
    }
}

impl Eq for Held {}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.turn, self.number).cmp(&(other.turn, other.number))
    }
}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// When a device speaks, and whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Turn {
    /// When the message is due, after the beginning [µs].
    pub due_us: u64,
    /// The share of such turns that one road's devices have, 0 to 1.
    pub hot: f64,
}

impl Turn {
    /// The same to the millisecond, as devices' clocks go.
    fn since(self) -> SimDuration {
        SimDuration::milliseconds(i64::try_from((self.due_us + 500) / 1000).unwrap_or(i64::MAX))
    }
}

/// The messages of a load, one after the other.
#[derive(Debug)]
pub struct Load {
    voices: Voices,
    topics: TopicMap,
    /// The topic of each device that has spoken, made once for as long as it tells one kind.
    known: Vec<Option<(ReadingKind, Arc<str>)>>,
    seed: Seed,
    wrongs: Wrongs,
    begin: Timestamp,
    next: u64,
    held: BinaryHeap<Reverse<Held>>,
    counts: FaultCounts,
}

impl Load {
    /// A load of devices that nobody simulates, which begins at `begin` by their clocks.
    pub fn new(devices: super::Devices, topics: TopicMap, seed: Seed, faults: Faults, begin: Timestamp) -> Self {
        Self::of(Voices::synthetic(devices), topics, seed, faults, begin)
    }

    /// A load of what a source tells.
    pub fn told(
        source: Box<dyn super::Source>,
        topics: TopicMap,
        seed: Seed,
        faults: Faults,
        begin: Timestamp,
    ) -> Self {
        Self::of(Voices::told(source), topics, seed, faults, begin)
    }

    fn of(voices: Voices, topics: TopicMap, seed: Seed, faults: Faults, begin: Timestamp) -> Self {
        let (held, counts, wrongs) = (BinaryHeap::new(), FaultCounts::default(), Wrongs::new(seed, faults));
        Self { voices, topics, known: Vec::new(), seed, wrongs, begin, next: 0, held, counts }
    }

    /// How often what went wrong so far.
    pub const fn counts(&self) -> FaultCounts {
        self.counts
    }

    /// Messages of devices made so far.
    pub fn made(&self) -> u64 {
        self.next
    }

    /// Devices that have spoken, or are there to speak.
    pub fn devices(&self) -> u64 {
        self.voices.count()
    }

    /// Makes the next device speak, and gives what is sent for that: none, one or several messages. Says whether there was anything to
    /// say: a source may need more time.
    ///
    /// # Errors
    /// A sentence when nothing more will be said.
    pub fn speak(&mut self, turn: Turn, out: &mut Vec<Said>) -> Result<bool, String> {
        let n = self.next;
        let time = self.begin.later(turn.since());
        let Some(word) = self.voices.next(self.seed, n, turn.hot, time)? else { return Ok(false) };
        self.next += 1;
        while self.held.peek().is_some_and(|held| held.0.turn <= n) {
            if let Some(Reverse(held)) = self.held.pop() {
                out.push(held.said);
            }
        }
        let mut dice = self.seed.stream(Purpose::LoadFault, n, 0);
        let faults = self.wrongs.faults;
        let mut said = self.say(word, turn, &mut dice);
        if said.payload.is_some() {
            let count = self.voices.count().max(1);
            let turns = |dice: &mut KeyedRng| n + count * (1 + dice.below(TURNS_MAX) as u64);
            let has_room = self.held.len() + 2 <= HELD_MAX;
            if dice.unit() < faults.doubled && has_room {
                said.labels.put(LoadFault::Doubled);
                let copy = Said { emission: None, is_new: false, canonical: Bytes::new(), ..said.clone() };
                self.held.push(Reverse(Held { turn: turns(&mut dice), number: n, said: copy }));
            }
            if dice.unit() < faults.reordered && has_room {
                said.labels.put(LoadFault::Reordered);
                let later = Said { is_new: false, canonical: Bytes::new(), ..said.clone() };
                self.held.push(Reverse(Held { turn: turns(&mut dice), number: n, said: later }));
                // The ledger hears of it now, the wire later.
                said.payload = None;
            }
        }
        self.counts.note(said.labels);
        let device = said.device;
        out.push(said);
        if dice.unit() < faults.hostile {
            let hostile = hostile(n, &mut dice);
            out.push(Said {
                emission: None,
                is_new: false,
                labels: Labels::default(),
                due_us: turn.due_us,
                hostile: Some(hostile.what),
                canonical: Bytes::new(),
                topic: hostile.topic.into(),
                device,
                payload: Some(hostile.payload.into()),
            });
            self.counts.hostile += 1;
        }
        Ok(true)
    }

    /// What is still held back, at the end.
    pub fn rest(&mut self, out: &mut Vec<Said>) {
        while let Some(Reverse(held)) = self.held.pop() {
            out.push(held.said);
        }
    }

    fn say(&mut self, word: Word, turn: Turn, dice: &mut KeyedRng) -> Said {
        let Word { device, mut emission } = word;
        let (mut labels, sequence) = (Labels::default(), emission.record.sequence);
        let record = &mut emission.record;
        record.time = self.wrongs.clock(device, record.time, turn.since(), &mut labels);
        if dice.unit() < self.wrongs.faults.late {
            record.time = Wrongs::late(record.time);
            labels.put(LoadFault::Late);
        }
        let silence = self.wrongs.silence(device, sequence);
        if self.wrongs.changes_readings {
            record.reading = self.wrongs.reading(device, sequence, self.next, record.reading.clone(), &mut labels);
        }
        let mut canonical = Vec::with_capacity(320);
        json::encode(record, &mut canonical);
        let canonical = Bytes::from(canonical);
        let topic = self.topic(device, &emission.record);
        let malformed = dice.unit() < self.wrongs.faults.malformed;
        let payload = if let Some(fault) = silence {
            emission.fate = Fate::Lost;
            // What else was to go wrong with it cannot be seen.
            labels = Labels::default();
            labels.put(fault);
            None
        } else {
            // What is sent as it is stands in memory once.
            let mut payload =
                self.topics.framed(&emission.record, &canonical).map_or_else(|| canonical.clone(), Bytes::from);
            if let Some(more) = self.wrongs.field(device, &payload) {
                payload = more.into();
                labels.put(LoadFault::SchemaDrift);
            }
            if malformed {
                payload.truncate(payload.len() * 2 / 3);
                labels.put(LoadFault::Malformed);
            }
            if malformed || labels.has(LoadFault::Sentinel) {
                // Whoever reads strictly refuses it, and may.
                emission.fate = Fate::Garbled;
            }
            Some(payload)
        };
        Said {
            emission: Some(emission),
            is_new: true,
            labels,
            due_us: turn.due_us,
            hostile: None,
            canonical,
            topic,
            device,
            payload,
        }
    }

    fn topic(&mut self, device: u64, record: &Record) -> Arc<str> {
        let kind = record.kind();
        let make = || Arc::from(self.topics.topic(kind, &record.device));
        let Some(at) = usize::try_from(device).ok().filter(|at| *at < DEVICES_MAX as usize) else { return make() };
        if self.known.len() <= at {
            self.known.resize(at + 1, None);
        }
        match &self.known[at] {
            Some((known, topic)) if *known == kind => Arc::clone(topic),
            _ => {
                let topic: Arc<str> = make();
                self.known[at] = Some((kind, Arc::clone(&topic)));
                topic
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::Devices;
    use super::super::wrongs::AHEAD;
    use super::*;

    fn load(faults: Faults) -> Load {
        let begin = Timestamp::milliseconds(1_780_358_400_000);
        Load::new(Devices::new(Seed(1), 50, "x"), TopicMap::new("x"), Seed(3), faults, begin)
    }

    /// A thousand a second.
    fn turn(n: u64, hot: f64) -> Turn {
        Turn { due_us: n * 1000, hot }
    }

    fn all(mut load: Load, messages: u64) -> (Vec<Said>, FaultCounts) {
        let mut said = Vec::new();
        (0..messages).for_each(|n| assert_eq!(load.speak(turn(n, 0.0), &mut said), Ok(true)));
        load.rest(&mut said);
        (said, load.counts())
    }

    fn told(said: &[Said]) -> Vec<&Emission> {
        said.iter().filter(|said| said.is_new).filter_map(|said| said.emission.as_ref()).collect()
    }

    /// One road that everybody talks about is what breaks platforms that share out work by road.
    #[test]
    fn a_hot_road_has_its_share_and_every_device_still_counts_without_gaps() {
        let begin = Timestamp::milliseconds(1_780_358_400_000);
        let devices = Devices::new(Seed(1), 1000, "x");
        let mut load = Load::new(devices, TopicMap::new("x"), Seed(3), Faults::default(), begin);
        let mut said = Vec::new();
        (0..5000).for_each(|n| assert_eq!(load.speak(turn(n, 0.8), &mut said), Ok(true)));
        let (mut next, mut roads) = (BTreeMap::new(), BTreeMap::<String, u32>::new());
        for record in told(&said).into_iter().map(|emission| &emission.record) {
            let expected = next.entry(record.device.clone()).or_insert(0);
            assert_eq!(record.sequence, *expected, "{:?}", record.device);
            *expected += 1;
            if let crate::telemetry::Reading::LoopCount(count) = &record.reading {
                *roads.entry(count.road_id.to_string()).or_default() += 1;
            }
        }
        let hottest = roads.values().max().copied().unwrap_or_default();
        assert!((3800..4200).contains(&hottest), "{hottest} of 5000");
    }

    #[test]
    fn without_faults_every_device_speaks_in_turn_and_once() {
        let (said, counts) = all(load(Faults::default()), 500);
        assert_eq!((said.len(), counts), (500, FaultCounts::default()));
        for (n, said) in (0_u64..).zip(&said) {
            let emission = said.emission.as_ref().expect("a device speaks");
            assert_eq!((emission.record.sequence, said.payload.as_ref()), (n / 50, Some(&said.canonical)));
            assert!(said.labels.is_empty() && said.is_final());
        }
    }

    #[test]
    fn every_fault_comes_about_as_often_as_asked_and_nothing_is_lost_by_it() {
        let faults =
            Faults { doubled: 0.1, reordered: 0.1, late: 0.1, malformed: 0.1, hostile: 0.1, ..Faults::default() };
        let (said, counts) = all(load(faults), 5000);
        let new = told(&said);
        assert_eq!(new.len(), 5000, "the ledger hears of everything once");
        let garbled = new.iter().filter(|emission| emission.fate == Fate::Garbled).count() as u64;
        assert!((400..600).contains(&garbled) && counts.of(LoadFault::Malformed) == garbled, "{garbled}");
        let mut sent: BTreeMap<&[u8], u64> = BTreeMap::new();
        for said in said.iter().filter(|said| said.hostile.is_none()) {
            said.payload.iter().for_each(|payload| *sent.entry(payload).or_default() += 1);
        }
        assert_eq!(sent.len(), 5000, "everything is sent at least once");
        let twice = sent.values().filter(|count| **count > 1).count() as u64;
        assert!((400..600).contains(&twice) && counts.of(LoadFault::Doubled) == twice, "{twice}");
        let hostile = said.iter().filter(|said| said.hostile.is_some()).count() as u64;
        assert!((400..600).contains(&hostile) && counts.hostile == hostile, "{hostile}");
        // The truth is told of each once, when it is sent.
        let finals = said.iter().filter(|said| said.emission.is_some() && said.is_final()).count();
        assert_eq!(finals, 5000);
        assert_eq!(said, all(load(faults), 5000).0, "the same seed says the same");
    }

    /// The labels are what a platform is graded by: they have to be on exactly the messages that are wrong.
    #[test]
    fn labels_are_on_what_is_wrong_and_on_nothing_else() {
        let faults =
            Faults { drop_out: 0.1, sentinel: 0.1, null_island: 0.1, frozen: 0.2, battery: 0.1, ..Faults::default() };
        let ((right, _), (wrong, counts)) = (all(load(Faults::default()), 2500), all(load(faults), 2500));
        assert_eq!(right.len(), wrong.len());
        let mut lost = 0;
        for (right, wrong) in right.iter().zip(&wrong) {
            let (before, after) = (right.emission.as_ref().unwrap(), wrong.emission.as_ref().unwrap());
            assert_eq!((&before.record.device, before.record.sequence), (&after.record.device, after.record.sequence));
            assert_eq!(before.truth, after.truth, "the truth is the truth");
            let silent = wrong.labels.has(LoadFault::DropOut) || wrong.labels.has(LoadFault::Battery);
            assert_eq!((wrong.payload.is_none(), after.fate == Fate::Lost), (silent, silent));
            lost += u64::from(silent);
            assert!(silent || wrong.labels.is_empty() == (before.record == after.record), "{}", wrong.labels);
        }
        assert_eq!(lost, counts.of(LoadFault::DropOut) + counts.of(LoadFault::Battery));
        for fault in
            [LoadFault::DropOut, LoadFault::Sentinel, LoadFault::NullIsland, LoadFault::Frozen, LoadFault::Battery]
        {
            assert!(counts.of(fault) > 20, "{fault:?}: {counts:?}");
        }
    }

    #[test]
    fn a_wrong_clock_is_its_devices_and_wrong_all_the_time() {
        let by_device = |faults| {
            let mut times: BTreeMap<_, Vec<Timestamp>> = BTreeMap::new();
            for emission in told(&all(load(faults), 5000).0) {
                times.entry(emission.record.device.clone()).or_default().push(emission.record.time);
            }
            times
        };
        let (right, wrong) =
            (by_device(Faults::default()), by_device(Faults { wrong_clocks: 0.2, ..Faults::default() }));
        let ahead = |device| {
            let mut pairs = right[device].iter().zip(&wrong[device]);
            let all_right = pairs.clone().all(|(right, wrong)| right == wrong);
            assert!(all_right || pairs.all(|(right, wrong)| right.later(AHEAD) == *wrong), "{device:?}");
            !all_right
        };
        let liars = right.keys().filter(|device| ahead(*device)).count();
        assert!((4..20).contains(&liars), "{liars} of 50");
    }
}
