//! A bus in memory: for runs that need no disk, and for tests.
//!
//! Durable as long as the process lives. Bounded: when full it drops what has been released, and otherwise refuses.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::bus::{Bus, BusError, Done, check_limits};
use super::message::{Logged, Message};

/// A partitioned log in memory.
#[derive(Debug)]
pub struct MemoryBus {
    partitions: u16,
    bytes_max: usize,
    state: Mutex<State>,
    grown: Condvar,
}

#[derive(Debug)]
struct State {
    lanes: Vec<Lane>,
    /// Over all lanes [bytes].
    bytes: usize,
}

#[derive(Debug, Default)]
struct Lane {
    messages: VecDeque<Message>,
    begin: u64,
    released: u64,
}

impl Lane {
    fn end(&self) -> u64 {
        self.begin + self.messages.len() as u64
    }
}

impl MemoryBus {
    /// An empty bus of at least one partition that holds at most `bytes_max` bytes of topics and payloads.
    pub fn new(partitions: u16, bytes_max: usize) -> Self {
        let partitions = partitions.max(1);
        let lanes = (0..partitions).map(|_| Lane::default()).collect();
        Self { partitions, bytes_max, state: Mutex::new(State { lanes, bytes: 0 }), grown: Condvar::new() }
    }

    /// A panic elsewhere leaves nothing half-changed here, so its poison does not matter.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, partition: u16, messages: Vec<Message>) -> Result<std::ops::Range<u64>, BusError> {
        check_limits(&messages)?;
        if partition >= self.partitions {
            return Err(BusError::NoPartition { partition, partitions: self.partitions });
        }
        let state = &mut *self.state();
        let bytes: usize = messages.iter().map(Message::bytes).sum();
        for lane in &mut state.lanes {
            while state.bytes + bytes > self.bytes_max && lane.begin < lane.released {
                let Some(dropped) = lane.messages.pop_front() else { break };
                state.bytes -= dropped.bytes();
                lane.begin += 1;
            }
        }
        if state.bytes + bytes > self.bytes_max {
            return Err(BusError::Full { place: "the bus in memory".to_owned(), limit: self.bytes_max as u64 });
        }
        state.bytes += bytes;
        let lane = &mut state.lanes[usize::from(partition)];
        let from = lane.end();
        lane.messages.extend(messages);
        Ok(from..lane.end())
    }
}

impl Bus for MemoryBus {
    fn partitions(&self) -> u16 {
        self.partitions
    }

    fn begin(&self, partition: u16) -> u64 {
        self.state().lanes.get(usize::from(partition)).map_or(0, |lane| lane.begin)
    }

    fn end(&self, partition: u16) -> u64 {
        self.state().lanes.get(usize::from(partition)).map_or(0, Lane::end)
    }

    fn read(&self, partition: u16, from: u64, max_messages: usize, max_bytes: usize) -> Result<Vec<Logged>, BusError> {
        let state = self.state();
        let lane = state
            .lanes
            .get(usize::from(partition))
            .ok_or(BusError::NoPartition { partition, partitions: self.partitions })?;
        if from < lane.begin {
            return Err(BusError::Gone { partition, from, begin: lane.begin });
        }
        if from > lane.end() {
            return Err(BusError::Beyond { partition, from, end: lane.end() });
        }
        let skipped = usize::try_from(from - lane.begin).unwrap_or(usize::MAX);
        let mut read = Vec::new();
        let mut bytes = 0;
        for (offset, message) in (from..).zip(lane.messages.iter().skip(skipped)) {
            bytes += message.bytes();
            if !read.is_empty() && (read.len() >= max_messages || bytes > max_bytes) {
                break;
            }
            read.push(Logged { offset, message: message.clone() });
        }
        Ok(read)
    }

    fn wait_beyond(&self, partition: u16, offset: u64, timeout: Duration) -> bool {
        let Some(index) = Some(usize::from(partition)).filter(|_| partition < self.partitions) else { return false };
        let (state, _) = self
            .grown
            .wait_timeout_while(self.state(), timeout, |state| state.lanes[index].end() <= offset)
            .unwrap_or_else(PoisonError::into_inner);
        state.lanes[index].end() > offset
    }

    fn submit(&self, partition: u16, messages: Vec<Message>, done: Done) {
        let result = self.take(partition, messages);
        self.grown.notify_all();
        done(result);
    }

    fn release(&self, partition: u16, up_to: u64) {
        if let Some(lane) = self.state().lanes.get_mut(usize::from(partition)) {
            lane.released = lane.released.max(up_to.min(lane.end()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::conformance;
    use super::*;

    #[test]
    fn it_keeps_what_every_bus_promises() {
        conformance::run(&|partitions| Box::new(MemoryBus::new(partitions, 1 << 24)));
    }

    /// A bus that grew without bound would take the city down with it.
    #[test]
    fn a_full_bus_refuses_until_something_is_released() {
        let bus = MemoryBus::new(2, 30);
        let ten = |name: &str| vec![Message::new(name, vec![0_u8; 9])];
        assert_eq!(bus.append(0, ten("a")).unwrap(), 0..1);
        assert_eq!(bus.append(0, ten("b")).unwrap(), 1..2);
        assert_eq!(bus.append(1, ten("c")).unwrap(), 0..1);
        let full = bus.append(1, ten("d")).unwrap_err();
        assert!(matches!(full, BusError::Full { limit: 30, .. }) && !full.is_final(), "{full}");
        bus.release(0, 1);
        assert_eq!(bus.append(1, ten("d")).unwrap(), 1..2);
        assert_eq!((bus.begin(0), bus.end(0)), (1, 2));
        assert!(matches!(bus.read(0, 0, 9, 99), Err(BusError::Gone { begin: 1, .. })));
        assert!(matches!(bus.append(1, ten("e")), Err(BusError::Full { .. })));
    }
}
