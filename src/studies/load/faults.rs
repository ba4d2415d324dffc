//! What goes wrong with messages on their way, with stated shares and a seed: twice, late, out of order, damaged, hostile.
//!
//! Everything a device said stands in the ledger, once, whatever becomes of it here; what hostile strangers send does not.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use bytes::Bytes;

use super::devices::Devices;
use crate::primitives::random::{KeyedRng, Purpose, Seed};
use crate::primitives::{SimDuration, Timestamp};
use crate::telemetry::{Emission, Fate, Record, TopicMap, json};

/// Shares of messages with which something goes wrong, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Faults {
    /// Sent twice; the copy comes up to three of its device's turns later.
    pub doubled: f64,
    /// Sent up to three of its device's turns later.
    pub reordered: f64,
    /// Measured ten minutes ago, as after an outage.
    pub late: f64,
    /// Cut off in the middle.
    pub malformed: f64,
    /// Followed by something a stranger sends.
    pub hostile: f64,
    /// From this time after the beginning on, every device's clock is wrong by so much.
    pub clock_step: Option<(SimDuration, SimDuration)>,
    /// The share of the devices whose clock is an hour ahead all the time, while everybody else's is right.
    pub wrong_clocks: f64,
}

/// By how much a wrong clock is ahead.
const AHEAD: SimDuration = SimDuration::milliseconds(3_600_000);
/// How late a late message is.
const LATE: SimDuration = SimDuration::milliseconds(600_000);
/// Turns of its device a message may be held back.
const TURNS_MAX: usize = 3;

/// What is to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// For the ledger; none if it has been said before, or a stranger says it.
    pub emission: Option<Emission>,
    /// Its canonical bytes, for the ledger; empty if there is nothing for it.
    pub canonical: Bytes,
    /// Its topic.
    pub topic: Arc<str>,
    /// The number of the device that sends it, by which connections are shared out.
    pub device: u64,
    /// The bytes to send; none if they are sent later.
    pub payload: Option<Bytes>,
}

/// A message that waits for its turn.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    turn: u64,
    number: u64,
    device: u64,
    topic: Arc<str>,
    payload: Bytes,
}

impl Held {
    /// The message, now that it is sent; the ledger has heard of it.
    fn said(self) -> Said {
        let Self { device, topic, payload, .. } = self;
        Said { emission: None, canonical: Bytes::new(), topic, device, payload: Some(payload) }
    }
}

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

/// How often what went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct FaultCounts {
    /// Sent twice.
    pub doubled: u64,
    /// Sent later than others that were said after them.
    pub reordered: u64,
    /// Measured ten minutes before they were sent.
    pub late: u64,
    /// Cut off in the middle.
    pub malformed: u64,
    /// Sent by strangers.
    pub hostile: u64,
}

/// When a device speaks, and whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Turn {
    /// When the message is due, after the beginning.
    pub due: SimDuration,
    /// The share of such turns that one road's devices have, 0 to 1.
    pub hot: f64,
}

/// The messages of a load, one after the other.
#[derive(Debug)]
pub struct Load {
    devices: Devices,
    topics: TopicMap,
    /// The topic of each device that has spoken, made once.
    known: Vec<Option<Arc<str>>>,
    seed: Seed,
    faults: Faults,
    begin: Timestamp,
    next: u64,
    /// What each device says next.
    sequences: Vec<u32>,
    /// The devices' turns so far, those of the hot road aside.
    turns: u64,
    held: BinaryHeap<Reverse<Held>>,
    counts: FaultCounts,
}

impl Load {
    /// A load that begins at `begin` by the devices' clocks.
    pub fn new(devices: Devices, topics: TopicMap, seed: Seed, faults: Faults, begin: Timestamp) -> Self {
        let count = usize::try_from(devices.count()).unwrap_or(0);
        let (sequences, known) = (vec![0; count], vec![None; count]);
        let (held, counts) = (BinaryHeap::new(), FaultCounts::default());
        Self { devices, topics, known, seed, faults, begin, next: 0, sequences, turns: 0, held, counts }
    }

    /// How often what went wrong so far.
    pub const fn counts(&self) -> FaultCounts {
        self.counts
    }

    /// Messages of devices made so far.
    pub fn made(&self) -> u64 {
        self.next
    }

    /// Makes the next device speak, and gives what is sent for that: none, one or several messages.
    pub fn speak(&mut self, turn: Turn, out: &mut Vec<Said>) {
        let n = self.next;
        self.next += 1;
        while self.held.peek().is_some_and(|held| held.0.turn <= n) {
            if let Some(Reverse(held)) = self.held.pop() {
                out.push(held.said());
            }
        }
        let mut dice = self.seed.stream(Purpose::LoadFault, n, 0);
        let device = self.whose(turn.hot, n);
        let mut said = self.say(device, turn.due, &mut dice);
        let turns = |dice: &mut KeyedRng, count: u64| n + count * (1 + dice.below(TURNS_MAX) as u64);
        let count = self.devices.count();
        if dice.unit() < self.faults.doubled {
            let turn = turns(&mut dice, count);
            self.hold(turn, n, &said);
            self.counts.doubled += 1;
        }
        if dice.unit() < self.faults.reordered {
            let turn = turns(&mut dice, count);
            self.hold(turn, n, &said);
            self.counts.reordered += 1;
            // The ledger hears of it now, the wire later.
            said.payload = None;
        }
        out.push(said);
        if dice.unit() < self.faults.hostile {
            out.push(hostile(n, &mut dice));
            self.counts.hostile += 1;
        }
    }

    /// The device whose turn it is: one after the other, or one of the hot road.
    fn whose(&mut self, hot: f64, n: u64) -> u64 {
        if hot > 0.0 {
            let mut dice = self.seed.stream(Purpose::LoadFault, n, 2);
            if dice.unit() < hot {
                return self.devices.hot(dice.next());
            }
        }
        let device = self.turns % self.devices.count();
        self.turns += 1;
        device
    }

    /// What is still held back, at the end.
    pub fn rest(&mut self, out: &mut Vec<Said>) {
        while let Some(Reverse(held)) = self.held.pop() {
            out.push(held.said());
        }
    }

    fn say(&mut self, device: u64, due: SimDuration, dice: &mut KeyedRng) -> Said {
        let place = usize::try_from(device).ok().and_then(|at| self.sequences.get_mut(at));
        let sequence = place.map_or(0, |next| std::mem::replace(next, next.saturating_add(1)));
        let mut time = self.begin.later(due);
        if let Some((_, by)) = self.faults.clock_step.filter(|(from, _)| due >= *from) {
            time = time.later(by);
        }
        if self.seed.stream(Purpose::LoadFault, device, 1).unit() < self.faults.wrong_clocks {
            time = time.later(AHEAD);
        }
        if dice.unit() < self.faults.late {
            time = time.later(SimDuration::milliseconds(-LATE.as_milliseconds()));
            self.counts.late += 1;
        }
        let record = self.devices.record(device, u64::from(sequence), time);
        let topic = self.topic(device, &record);
        let mut canonical = Vec::with_capacity(320);
        json::encode(&record, &mut canonical);
        let canonical = Bytes::from(canonical);
        // What is sent as it is stands in memory once.
        let mut payload = match self.topics.framed(&record, &canonical) {
            Some(framed) => framed.into(),
            None => canonical.clone(),
        };
        let fate = if dice.unit() < self.faults.malformed { Fate::Garbled } else { Fate::Sent };
        if fate == Fate::Garbled {
            payload.truncate(payload.len() * 2 / 3);
            self.counts.malformed += 1;
        }
        let truth = record.reading.clone();
        let emission = Some(Emission { record, truth, fault: None, fate });
        Said { emission, canonical, topic, device, payload: Some(payload) }
    }

    fn topic(&mut self, device: u64, record: &Record) -> Arc<str> {
        let make = || Arc::from(self.topics.topic(record.kind(), &record.device));
        match usize::try_from(device).ok().and_then(|at| self.known.get_mut(at)) {
            Some(known) => Arc::clone(known.get_or_insert_with(make)),
            None => make(),
        }
    }

    fn hold(&mut self, turn: u64, number: u64, said: &Said) {
        if let Some(payload) = said.payload.clone() {
            self.held.push(Reverse(Held {
                turn,
                number,
                device: said.device,
                topic: Arc::clone(&said.topic),
                payload,
            }));
        }
    }
}

/// Something no device of the load would send.
fn hostile(n: u64, dice: &mut KeyedRng) -> Said {
    let noise =
        |dice: &mut KeyedRng, bytes: usize| (0..bytes).map(|_| dice.next().to_le_bytes()[0]).collect::<Vec<u8>>();
    let payload = match dice.below(8) {
        0 => noise(dice, 64),
        1 => noise(dice, 60_000),
        2 => b"[".repeat(20_000),
        3 => b"{\"type\":\"position\",\"device\":\"gps-evil\",\"epoch\":0,\"seq\":18446744073709551615}".to_vec(),
        4 => b"{\"type\":\"health\",\"device\":\"dev-evil\",\"epoch\":4294967295,\"seq\":0,\"timestamp\":\"9999-12-31T23:59:59.999Z\",\"uptime_s\":1}".to_vec(),
        5 => b"{\"type\":\"air\",\"device\":\"air-evil\",\"epoch\":0,\"seq\":1e400,\"pm2_5\":NaN}".to_vec(),
        6 => Vec::new(),
        _ => format!("{{\"type\":\"health\",\"device\":\"../../etc/passwd-{n}\",\"epoch\":0,\"seq\":0}}").into_bytes(),
    };
    Said {
        emission: None,
        canonical: Bytes::new(),
        topic: format!("smart-cities.events/evil-{}", dice.below(50)).into(),
        device: n,
        payload: Some(payload.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn load(faults: Faults) -> Load {
        let begin = Timestamp::milliseconds(1_780_358_400_000);
        Load::new(Devices::new(Seed(1), 50, "x"), TopicMap::new("x"), Seed(3), faults, begin)
    }

    /// A thousand a second.
    fn turn(n: u64, hot: f64) -> Turn {
        Turn { due: SimDuration::milliseconds(i64::try_from(n).unwrap()), hot }
    }

    fn all(mut load: Load, messages: u64) -> Vec<Said> {
        let mut said = Vec::new();
        (0..messages).for_each(|n| load.speak(turn(n, 0.0), &mut said));
        load.rest(&mut said);
        said
    }

    /// One road that everybody talks about is what breaks platforms that share out work by road.
    #[test]
    fn a_hot_road_has_its_share_and_every_device_still_counts_without_gaps() {
        let begin = Timestamp::milliseconds(1_780_358_400_000);
        let devices = Devices::new(Seed(1), 1000, "x");
        let mut load = Load::new(devices, TopicMap::new("x"), Seed(3), Faults::default(), begin);
        let mut said = Vec::new();
        (0..5000).for_each(|n| load.speak(turn(n, 0.8), &mut said));
        let (mut next, mut roads) = (BTreeMap::new(), BTreeMap::<String, u32>::new());
        for record in said.iter().filter_map(|said| said.emission.as_ref()).map(|emission| &emission.record) {
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
        let said = all(load(Faults::default()), 500);
        assert_eq!(said.len(), 500);
        for (n, said) in (0_u64..).zip(&said) {
            let emission = said.emission.as_ref().expect("a device speaks");
            assert_eq!((emission.record.sequence, said.payload.as_ref()), (n / 50, Some(&said.canonical)));
        }
    }

    #[test]
    fn every_fault_comes_about_as_often_as_asked_and_nothing_is_lost_by_it() {
        let faults =
            Faults { doubled: 0.1, reordered: 0.1, late: 0.1, malformed: 0.1, hostile: 0.1, ..Faults::default() };
        let said = all(load(faults), 5000);
        let told: Vec<_> = said.iter().filter_map(|said| said.emission.as_ref()).collect();
        assert_eq!(told.len(), 5000, "the ledger hears of everything once");
        let garbled = told.iter().filter(|emission| emission.fate == Fate::Garbled).count();
        assert!((400..600).contains(&garbled), "{garbled}");
        let mut sent: BTreeMap<&[u8], u32> = BTreeMap::new();
        for said in said.iter().filter(|said| !said.topic.contains("evil")) {
            said.payload.iter().for_each(|payload| *sent.entry(payload).or_default() += 1);
        }
        assert_eq!(sent.len(), 5000, "everything is sent at least once");
        let twice = sent.values().filter(|count| **count > 1).count();
        assert!((400..600).contains(&twice), "{twice}");
        let hostile = said.iter().filter(|said| said.topic.contains("evil")).count();
        assert!((400..600).contains(&hostile), "{hostile}");
        assert_eq!(said, all(load(faults), 5000), "the same seed says the same");
    }

    #[test]
    fn a_wrong_clock_is_its_devices_and_wrong_all_the_time() {
        let by_device = |faults| {
            let mut times: BTreeMap<_, Vec<Timestamp>> = BTreeMap::new();
            for emission in all(load(faults), 5000).into_iter().filter_map(|said| said.emission) {
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
