//! Who works on which partition, where several processes share a topic: what a group tells one of its members, and is told by it.
//!
//! A group only says who is to work; what was kept, and from where a partition goes on, stands in the checkpoints. So what a member
//! hears late, or never, costs time and nothing else: the checkpoints refuse whoever is behind.

use std::fmt;
use std::time::Duration;

use super::bus::BusError;

/// What a member hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupNews {
    /// These partitions are the member's from now on.
    Given(Vec<u16>),
    /// These are wanted elsewhere. They are the member's until it has let them go; nobody else is given them before.
    Wanted(Vec<u16>),
    /// These are the member's no more, and somebody else may work on them already.
    Lost(Vec<u16>),
}

/// A member's place in a group; dropping it leaves the group.
pub trait Membership: Send + fmt::Debug {
    /// Waits at most so long for what the group has to say. Has to be asked all the time, or the group takes the member for dead.
    ///
    /// # Errors
    /// When the group will not have the member. Brokers that are away are no error: they are waited for.
    fn hear(&mut self, moment: Duration) -> Result<Option<GroupNews>, BusError>;

    /// These partitions, which were wanted, are free for others.
    fn let_go(&mut self, partitions: &[u16]);

    /// Everything of a partition before an offset is kept; for those who look how far behind it is. Is not waited for.
    fn note(&mut self, partition: u16, offset: u64);

    /// The same, and waits for the answer: whether the group takes it down from this member. It does so only while it counts the member among
    /// its own, with the partitions that the member knows of.
    fn confirm(&mut self, partition: u16, offset: u64) -> bool;
}
