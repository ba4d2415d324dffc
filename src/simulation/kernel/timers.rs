//! Timers: an actor asks to be woken at a time, and only those whose time has come run.
//!
//! Most of those who ask, ask for one of a few times: there is a list for each of these, put into order when its time has come.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ActorId;
use crate::primitives::SimTime;

/// Who wants to be woken when.
#[derive(Debug, Clone, Default)]
pub(crate) struct Timers {
    /// By time; as they asked, so that one may come twice.
    due: BTreeMap<SimTime, Vec<ActorId>>,
}

impl Timers {
    /// Wakes an actor at `time`; asking twice for the same time wakes it once.
    pub(crate) fn set(&mut self, time: SimTime, actor: ActorId) {
        self.due.entry(time).or_default().push(actor);
    }

    /// Wakes an actor no more, unless it asks anew.
    pub(crate) fn cancel(&mut self, actor: ActorId) {
        self.due.retain(|_, actors| {
            actors.retain(|&other| other != actor);
            !actors.is_empty()
        });
    }

    /// Everybody whose time has come, by time and then by actor.
    pub(crate) fn take_due(&mut self, now: SimTime) -> Vec<ActorId> {
        let mut woken = Vec::new();
        while let Some(first) = self.due.first_entry()
            && *first.key() <= now
        {
            let actors = in_order(first.remove());
            if woken.is_empty() {
                woken = actors;
            } else {
                woken.extend(actors);
            }
        }
        woken
    }
}

/// Everybody once, by actor.
fn in_order(mut actors: Vec<ActorId>) -> Vec<ActorId> {
    // Stable because that sees runs: those who ask anew every time have asked in order.
    actors.sort();
    actors.dedup();
    actors
}

/// As the set of all pairs of a time and an actor, which does not depend on who asked first.
impl Serialize for Timers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let lists = self.due.iter().map(|(&time, actors)| (time, in_order(actors.clone())));
        let pairs: Vec<(SimTime, ActorId)> =
            lists.flat_map(|(time, actors)| actors.into_iter().map(move |actor| (time, actor))).collect();
        pairs.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Timers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut timers = Self::default();
        for (time, actor) in Vec::<(SimTime, ActorId)>::deserialize(deserializer)? {
            timers.set(time, actor);
        }
        Ok(timers)
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

    /// Two who are in the same state have the same bytes, whoever of them asked first.
    #[test]
    fn a_saved_state_knows_no_order_of_asking() {
        let (one, two, at) = (ActorId::new(3, 1), ActorId::new(1, 9), SimTime::seconds(5.0));
        let (mut first, mut second) = (Timers::default(), Timers::default());
        first.set(at, one);
        first.set(at, two);
        for actor in [two, one, two] {
            second.set(at, actor);
        }
        let bytes = postcard::to_stdvec(&first).expect("timers have a form");
        assert_eq!(bytes, postcard::to_stdvec(&second).expect("timers have a form"));
        let mut read: Timers = postcard::from_bytes(&bytes).expect("what was written can be read");
        assert_eq!(read.take_due(at), second.take_due(at));
    }
}
