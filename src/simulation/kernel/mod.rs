//! Actors in discrete time: identity, mail, timers and the order of delivery.
//!
//! The contract every actor lives under:
//!
//! 1. An actor's state is written only by its own turn.
//! 2. It sees the world as a read-only percept of the present step.
//! 3. It acts by an action on its own body and by messages.
//! 4. A message sent in step t is in the mailbox at t+1, ordered by (recipient, sender, sequence).
//! 5. Local and remote actors cannot be told apart.
//!
//! Knows no vehicle, road or signal, and no wall clock.

pub(crate) mod mail;
pub(crate) mod timers;

use std::fmt;

/// Who an actor is: a column of actors and a place in it. Given by the input, never by a run-time counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct ActorId {
    column: u16,
    index: u32,
}

impl ActorId {
    /// The actor at `index` of `column`; the assembly decides what a column holds.
    pub const fn new(column: u16, index: u32) -> Self {
        Self { column, index }
    }

    /// Which column it is in.
    pub const fn column(self) -> u16 {
        self.column
    }

    /// Its place in the column.
    pub const fn index(self) -> u32 {
        self.index
    }
}

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.column, self.index)
    }
}
