//! What a bridge has received, on its way into the bus: a batch per partition at a time, in order, until it is durable.
//!
//! One batch of a partition is with the bus at any time and the next gathers meanwhile, so that a batch the bus had no room for
//! is handed in again before anything that came after it. Outlives connections: what was received is made durable although the
//! broker that sent it may be gone and may have forgotten it. Knows no socket.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::super::confirm;
use super::super::message::{Message, PAYLOAD_BYTES_MAX, TOPIC_BYTES_MAX, partition_of};
use super::super::packet::Arrived;

/// Messages of a batch together [bytes], about; the rest waits for the next.
const BATCH_BYTES: usize = 1 << 20;

/// A message received: its place among all, itself, and who wants to hear that it is durable.
#[derive(Debug)]
struct Item {
    place: u64,
    message: Message,
    asked: Option<(Bytes, u64)>,
}

/// What waits for one partition.
#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Item>,
    /// With the bus, or to be handed in again.
    batch: Vec<Item>,
    state: Batch,
    /// Ticks until the batch is handed in again, and how many it was the last time.
    pause: (u32, u32),
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Batch {
    #[default]
    None,
    WithBus,
    Refused,
}

/// How a received message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    Whole,
    /// Its payload was longer than allowed, and the rest is cut off.
    PayloadCut,
    /// Its topic was none, or longer than allowed, and is made one.
    TopicMended,
    /// A confirmation for somebody else.
    Ignored,
}

/// Messages between a broker and a bus.
#[derive(Debug)]
pub(super) struct Intake {
    queues: Vec<Queue>,
    /// Packet identifiers in the order of their messages, and whether each is durable; 0 where there is nothing to acknowledge.
    answers: VecDeque<(u16, bool)>,
    /// Place of the first of `answers`.
    first: u64,
    /// Answers before this place belong to a connection that is gone.
    current: u64,
    /// Topics and payloads that are not durable [bytes].
    bytes: usize,
}

/// Longest wait before a batch is handed in again [ticks].
const PAUSE_MAX: u32 = 10;

impl Intake {
    pub(super) fn new(partitions: u16) -> Self {
        let queues = (0..partitions.max(1)).map(|_| Queue::default()).collect();
        Self { queues, answers: VecDeque::new(), first: 0, current: 0, bytes: 0 }
    }

    /// Topics and payloads that are not durable [bytes].
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Messages that are not durable, and those that wait for them to be acknowledged in order.
    pub(super) fn len(&self) -> usize {
        self.answers.len()
    }

    /// Whether everything is durable and acknowledged.
    pub(super) fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// A new connection: identifiers of the old one mean nothing any more.
    pub(super) fn begin(&mut self) {
        self.current = self.first + self.answers.len() as u64;
    }

    /// Takes a message.
    pub(super) fn take(&mut self, arrived: Arrived) -> Taken {
        let place = self.first + self.answers.len() as u64;
        if arrived.topic.starts_with(confirm::CONFIRMATION_PREFIX.as_bytes()) {
            self.answers.push_back((arrived.id, true));
            return Taken::Ignored;
        }
        let (topic, mended) = topic_of(&arrived.topic);
        let mut payload = arrived.payload;
        let cut = payload.len() > PAYLOAD_BYTES_MAX;
        payload.truncate(PAYLOAD_BYTES_MAX);
        let asked = confirm::asked(arrived.response_topic.as_ref(), arrived.correlation.as_ref());
        let partitions = u16::try_from(self.queues.len()).unwrap_or(u16::MAX);
        let message = Message::new(topic, payload);
        self.bytes += message.bytes();
        self.answers.push_back((arrived.id, false));
        let queue = &mut self.queues[usize::from(partition_of(&message.topic, partitions))];
        queue.waiting.push_back(Item { place, message, asked });
        match (mended, cut) {
            (true, _) => Taken::TopicMended,
            (_, true) => Taken::PayloadCut,
            _ => Taken::Whole,
        }
    }

    /// Hands the next batch of every partition that has none with the bus to `submit`.
    pub(super) fn dispatch(&mut self, mut submit: impl FnMut(u16, Vec<Message>)) {
        for (partition, queue) in (0..).zip(&mut self.queues) {
            match queue.state {
                Batch::WithBus => continue,
                Batch::Refused if queue.pause.0 > 0 => continue,
                Batch::Refused => {}
                Batch::None if queue.waiting.is_empty() => continue,
                Batch::None => {
                    let mut bytes = 0;
                    while bytes < BATCH_BYTES {
                        let Some(item) = queue.waiting.pop_front() else { break };
                        bytes += item.message.bytes();
                        queue.batch.push(item);
                    }
                }
            }
            queue.state = Batch::WithBus;
            submit(partition, queue.batch.iter().map(|item| item.message.clone()).collect());
        }
    }

    /// The batch of a partition is durable; `asked` hears what its messages wanted told. Returns how many there were.
    pub(super) fn commit(&mut self, partition: u16, mut asked: impl FnMut(&Bytes, u64)) -> u64 {
        let Some(queue) = self.queues.get_mut(usize::from(partition)) else { return 0 };
        queue.state = Batch::None;
        queue.pause = (0, 0);
        let committed = queue.batch.len() as u64;
        for item in queue.batch.drain(..) {
            self.bytes -= item.message.bytes();
            let at = item.place.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
            if let Some(answer) = at.and_then(|at| self.answers.get_mut(at)) {
                answer.1 = true;
            }
            if let Some((topic, number)) = &item.asked {
                asked(topic, *number);
            }
        }
        committed
    }

    /// The bus had no room for the batch of a partition: it is handed in again after a pause that grows.
    pub(super) fn refuse(&mut self, partition: u16) {
        let Some(queue) = self.queues.get_mut(usize::from(partition)) else { return };
        let pause = (queue.pause.1 * 2).clamp(1, PAUSE_MAX);
        queue.state = Batch::Refused;
        queue.pause = (pause, pause);
    }

    /// A tick has gone by.
    pub(super) fn tick(&mut self) {
        for queue in &mut self.queues {
            queue.pause.0 = queue.pause.0.saturating_sub(1);
        }
    }

    /// The next message of this connection to be acknowledged: MQTT wants the order in which they came (5.0, 4.6).
    pub(super) fn next_answer(&mut self) -> Option<u16> {
        while let Some((id, true)) = self.answers.front().copied() {
            self.answers.pop_front();
            let of_this_connection = self.first >= self.current;
            self.first += 1;
            if id != 0 && of_this_connection {
                return Some(id);
            }
        }
        None
    }
}

/// A topic the bus takes, and whether it had to be made one.
fn topic_of(bytes: &Bytes) -> (Arc<str>, bool) {
    let text = String::from_utf8_lossy(bytes);
    let whole = matches!(text, Cow::Borrowed(_)) && !text.is_empty() && !text.contains('\0');
    if whole && text.len() <= TOPIC_BYTES_MAX {
        return (Arc::from(&*text), false);
    }
    let text = text.replace('\0', "\u{fffd}");
    let mut end = text.len().min(TOPIC_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    (Arc::from(&text[..end]), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrived(topic: &[u8], payload: usize, id: u16) -> Arrived {
        Arrived {
            topic: Bytes::copy_from_slice(topic),
            payload: Bytes::from(vec![1; payload]),
            id,
            again: false,
            response_topic: Some(Bytes::from_static(b"citytwin/ack/a")),
            correlation: Some(Bytes::copy_from_slice(&u64::from(id).to_be_bytes())),
        }
    }

    fn dispatched(intake: &mut Intake) -> Vec<(u16, usize)> {
        let mut batches = Vec::new();
        intake.dispatch(|partition, messages| batches.push((partition, messages.len())));
        batches
    }

    fn answers(intake: &mut Intake) -> Vec<u16> {
        std::iter::from_fn(|| intake.next_answer()).collect()
    }

    /// What is refused is handed in again before what came after it, and nothing is acknowledged before its turn.
    #[test]
    fn a_batch_the_bus_refuses_keeps_its_place() {
        let mut intake = Intake::new(1);
        (1..=3).for_each(|id| assert_eq!(intake.take(arrived(b"a", 1, id)), Taken::Whole));
        assert_eq!(dispatched(&mut intake), [(0, 3)]);
        (4..=5).for_each(|id| assert_eq!(intake.take(arrived(b"a", 1, id)), Taken::Whole));
        assert_eq!(dispatched(&mut intake), [], "one batch at a time");
        intake.refuse(0);
        assert_eq!(dispatched(&mut intake), [], "not at once");
        intake.tick();
        assert_eq!(dispatched(&mut intake), [(0, 3)], "the same batch");
        assert!(answers(&mut intake).is_empty());
        let mut told = Vec::new();
        assert_eq!(intake.commit(0, |_, number| told.push(number)), 3);
        assert_eq!((told, answers(&mut intake)), (vec![1, 2, 3], vec![1, 2, 3]));
        assert_eq!(dispatched(&mut intake), [(0, 2)]);
        intake.begin();
        intake.commit(0, |_, _| ());
        assert!(answers(&mut intake).is_empty(), "identifiers of a connection that is gone");
        assert!(intake.is_empty() && intake.bytes() == 0);
    }

    #[test]
    fn what_cannot_be_a_message_is_kept_as_far_as_it_can() {
        let long = vec![b'x'; 600];
        let cases: [(&[u8], usize, Taken); 7] = [
            (b"city/a", 10, Taken::Whole),
            (b"city/a", PAYLOAD_BYTES_MAX + 1, Taken::PayloadCut),
            (&long, 1, Taken::TopicMended),
            (b"city/\xff", 1, Taken::TopicMended),
            (b"", 1, Taken::TopicMended),
            (b"a\0b", 1, Taken::TopicMended),
            (b"citytwin/ack/x", 1, Taken::Ignored),
        ];
        for (topic, payload, expected) in cases {
            let mut intake = Intake::new(2);
            assert_eq!(intake.take(arrived(topic, payload, 7)), expected, "{topic:?}");
            let mut handed = Vec::new();
            intake.dispatch(|_, messages| handed.extend(messages));
            assert!(
                handed
                    .iter()
                    .all(|message| super::super::super::bus::check_limits(std::slice::from_ref(message)).is_ok())
            );
            assert_eq!(handed.len(), usize::from(expected != Taken::Ignored));
            (0..2).for_each(|partition| assert!(intake.commit(partition, |_, _| ()) <= 1));
            assert_eq!(answers(&mut intake), [7], "and acknowledged");
        }
    }
}
