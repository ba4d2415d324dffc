//! The gateway between the city and the wire: encodes what was told, writes it into the ledger, and hands it to the publisher.
//!
//! What it has accepted and not yet handed on lies in a queue outside the service, so that a gateway that dies loses nothing: the
//! next one goes on with the same queue.

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::pipeline::stores::TruthWriter;
use crate::pipeline::transport::{Message, Publisher};
use crate::primitives::fail_point;
use crate::studies::audit::{Grader, Journal};
use crate::telemetry::{DeviceId, Emission, Fate, TopicMap, json};

/// Steps of the city that may wait for the gateway; the city waits when there are more.
const STEPS_WAITING_MAX: usize = 16;

/// The gateway's desk, which outlives the service.
#[derive(Debug)]
pub(crate) struct Gateway {
    incoming: Mutex<Receiver<Vec<Emission>>>,
    desk: Mutex<Desk>,
    publisher: Arc<Publisher>,
    topics: Arc<TopicMap>,
}

#[derive(Debug)]
struct Desk {
    told: VecDeque<Emission>,
    pending: VecDeque<Message>,
    journal: Journal,
    grader: Grader,
    truth: Option<TruthWriter>,
    topics: BTreeMap<DeviceId, Arc<str>>,
}

impl Gateway {
    /// A gateway with an empty desk, and the door through which the city speaks.
    pub(crate) fn new(
        publisher: &Arc<Publisher>,
        topics: &Arc<TopicMap>,
        journal: Journal,
        truth: Option<TruthWriter>,
    ) -> (Self, SyncSender<Vec<Emission>>) {
        let (door, incoming) = sync_channel(STEPS_WAITING_MAX);
        let desk = Desk {
            told: VecDeque::new(),
            pending: VecDeque::new(),
            journal,
            grader: Grader::default(),
            truth,
            topics: BTreeMap::new(),
        };
        let gateway = Self {
            incoming: Mutex::new(incoming),
            desk: Mutex::new(desk),
            publisher: Arc::clone(publisher),
            topics: Arc::clone(topics),
        };
        (gateway, door)
    }

    /// Works until the city has said its last word and the wire has taken it.
    ///
    /// # Errors
    /// When the wire or the disk fails, as a sentence.
    pub(crate) fn run(&self) -> Result<(), String> {
        let incoming = locked(&self.incoming);
        loop {
            self.hand_on()?;
            match incoming.recv() {
                Ok(told) => locked(&self.desk).told.extend(told),
                Err(_) => break,
            }
        }
        self.publisher.flush().map_err(|error| error.to_string())
    }

    /// Encodes what was told, and hands it to the publisher, which makes us wait when the wire is full.
    fn hand_on(&self) -> Result<(), String> {
        let mut desk = locked(&self.desk);
        let Desk { told, pending, journal, grader, truth, topics } = &mut *desk;
        while let Some(emission) = told.front() {
            let mut canonical = Vec::with_capacity(320);
            json::encode(&emission.record, &mut canonical);
            if let Some(truth) = truth {
                truth.add(emission).map_err(|error| error.to_string())?;
            }
            // Nothing between here and the queue can fail or die: a record is in all of them or in none.
            let topic = self.topic(topics, emission);
            journal.add(emission, &canonical);
            let payload = self.topics.payload(&emission.record, &canonical);
            grader.add(emission);
            if let Some(payload) = on_the_air(payload, emission.fate) {
                pending.push_back(Message::new(topic, payload));
            }
            told.pop_front();
        }
        // Written down before it is sent, so that the ledger of a process that is killed knows of every message.
        journal.commit().map_err(|error| error.to_string())?;
        while let Some(message) = pending.front() {
            self.publisher.publish(message.clone()).map_err(|error| error.to_string())?;
            pending.pop_front();
        }
        fail_point::reach("gateway/handed");
        Ok(())
    }

    /// The topic of a record, made once for each device.
    fn topic(&self, topics: &mut BTreeMap<DeviceId, Arc<str>>, emission: &Emission) -> Arc<str> {
        let record = &emission.record;
        if let Some(topic) = topics.get(&record.device) {
            return Arc::clone(topic);
        }
        let topic: Arc<str> = self.topics.topic(record.kind(), &record.device).into();
        topics.insert(record.device.clone(), Arc::clone(&topic));
        topic
    }

    /// Takes ledger, grades and truth out at the end.
    pub(crate) fn close(&self) -> (Journal, Grader, Option<TruthWriter>) {
        let mut desk = locked(&self.desk);
        (std::mem::take(&mut desk.journal), std::mem::take(&mut desk.grader), desk.truth.take())
    }
}

/// What of a message reaches the wire; nothing if the radio loses it.
fn on_the_air(mut payload: Vec<u8>, fate: Fate) -> Option<Vec<u8>> {
    match fate {
        Fate::Sent => Some(payload),
        // The end is missing, as when a modem gives up in the middle of a frame.
        Fate::Garbled => {
            payload.truncate(payload.len() * 2 / 3);
            Some(payload)
        }
        Fate::Lost => None,
    }
}

/// A gateway that dies while it holds the lock leaves a whole queue behind.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
