//! What time it is in a partition, told by its devices: event time that one lying clock cannot move.
//!
//! The clock shows the latest instant that three different devices have reached. So two devices may lie by hours, and everybody
//! else's time goes on; a device whose clock stands still or is behind moves nothing. It never goes back. At the start, with
//! fewer than three devices, nobody knows the time; after [`PATIENCE`] records from one or two devices they are believed, the
//! one that is behind before the other.
//!
//! Knows event time only; what becomes of a record that is ahead of the clock is the intake's to decide.

use crate::primitives::Timestamp;
use crate::telemetry::DeviceId;

/// How many different devices must have reached an instant.
pub(super) const WITNESSES: usize = 3;
/// How many records fewer devices need to be believed.
pub(super) const PATIENCE: u64 = 256;

/// The event time of a partition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Clock {
    /// The devices that are furthest, each with its latest time, latest first.
    pub(super) front: Vec<(DeviceId, Timestamp)>,
    /// Records heard, counted until the clock is first believed.
    pub(super) heard: u64,
    /// What it shows.
    pub(super) now: Option<Timestamp>,
}

impl Clock {
    /// Hears a device's time; whether the clock moved.
    pub(super) fn hear(&mut self, device: &DeviceId, time: Timestamp) -> bool {
        if self.front.len() == WITNESSES && time <= self.front[WITNESSES - 1].1 {
            return false;
        }
        if let Some(at) = self.front.iter().position(|(known, _)| known == device) {
            if time > self.front[at].1 {
                self.front.remove(at);
                self.insert(device, time);
            }
        } else {
            self.insert(device, time);
        }
        self.heard = self.heard.saturating_add(1);
        if self.front.len() < WITNESSES && self.heard < PATIENCE {
            return false;
        }
        self.show()
    }

    /// Believes these devices, whatever others said before; whether the clock moved.
    pub(super) fn believe<'a>(&mut self, told: impl Iterator<Item = (&'a DeviceId, Timestamp)>) -> bool {
        self.front.clear();
        self.heard = PATIENCE;
        for (device, time) in told {
            match self.front.iter().position(|(known, _)| known == device) {
                Some(at) if self.front[at].1 >= time => {}
                Some(at) => {
                    self.front.remove(at);
                    self.insert(device, time);
                }
                None => self.insert(device, time),
            }
        }
        self.show()
    }

    fn insert(&mut self, device: &DeviceId, time: Timestamp) {
        let at = self.front.partition_point(|(_, other)| *other >= time);
        self.front.insert(at, (device.clone(), time));
        self.front.truncate(WITNESSES);
    }

    fn show(&mut self) -> bool {
        let reached = self.front.last().map(|(_, time)| *time);
        let moved = reached > self.now;
        self.now = self.now.max(reached);
        moved
    }
}
