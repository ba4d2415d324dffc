//! Timers: an actor asks to be woken at a time, and only those whose time has come run.

use std::collections::BTreeSet;

use super::ActorId;
use crate::primitives::SimTime;

/// Who wants to be woken when.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Timers {
    due: BTreeSet<(SimTime, ActorId)>,
}

impl Timers {
    /// Wakes an actor at `time`; asking twice for the same time wakes it once.
    pub(crate) fn set(&mut self, time: SimTime, actor: ActorId) {
        self.due.insert((time, actor));
    }

    /// Everybody whose time has come, by time and then by actor.
    pub(crate) fn take_due(&mut self, now: SimTime) -> Vec<ActorId> {
        let mut woken = Vec::new();
        while let Some(&(time, actor)) = self.due.first()
            && time <= now
        {
            self.due.pop_first();
            woken.push(actor);
        }
        woken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wakes_in_order_and_once() {
        let mut timers = Timers::default();
        let at = |s: f64| SimTime::seconds(s);
        timers.set(at(5.0), ActorId::new(0, 2));
        timers.set(at(5.0), ActorId::new(0, 1));
        timers.set(at(5.0), ActorId::new(0, 1));
        timers.set(at(9.0), ActorId::new(0, 0));
        assert!(timers.take_due(at(4.9)).is_empty());
        assert_eq!(timers.take_due(at(5.0)), [ActorId::new(0, 1), ActorId::new(0, 2)]);
        assert_eq!(timers.take_due(at(99.0)), [ActorId::new(0, 0)]);
    }
}
