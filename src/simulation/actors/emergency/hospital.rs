//! The hospital's emergency department as an actor: takes over as many patients at a time as it has bays, first come, first
//! served, the more urgent before the less.

use bevy_ecs::prelude::*;

use super::{DISPATCHER, Diary, Rules, time_at_hospital, unit_actor};
use crate::primitives::{Category, SimTime};
use crate::simulation::actors::{Identity, Mailbox, Notice, Percept, Post, Wakes};
use crate::simulation::outcome::Happening;

/// An ambulance at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
struct AtDoor {
    category: Category,
    since: SimTime,
    unit: u32,
    call: u32,
}

/// An emergency department.
#[derive(Component, Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Department {
    number: u32,
    bays: u32,
    /// Those who wait; bounded by the number of ambulances.
    waiting: Vec<AtDoor>,
    /// Handovers under way: until when, and whose.
    under_way: Vec<(SimTime, u32)>,
}

impl Department {
    pub(crate) fn new(number: u32, bays: u32) -> Self {
        Self { number, bays: bays.max(1), waiting: Vec::new(), under_way: Vec::new() }
    }
}

impl Department {
    /// It has other bays from now on; patients who are being taken over are taken over.
    pub(crate) fn set_bays(&mut self, bays: u32) {
        self.bays = bays;
    }

    /// Its bays, patients being taken over, and ambulances that wait with theirs.
    pub(crate) fn counts(&self) -> (u32, u32, u32) {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        (self.bays, count(self.under_way.len()), count(self.waiting.len()))
    }
}

/// Hospitals receive ambulances and let them go.
pub(crate) fn receive(
    percept: Res<'_, Percept>,
    rules: Option<Res<'_, Rules>>,
    mut hospitals: Query<'_, '_, (&Identity, &mut Mailbox, &mut Department)>,
    mut wakes: ResMut<'_, Wakes>,
    mut post: ResMut<'_, Post>,
    mut diary: ResMut<'_, Diary>,
) {
    let Some(rules) = rules else { return };
    let now = percept.now;
    for (identity, mut mailbox, mut hospital) in &mut hospitals {
        let before = (hospital.under_way.len(), hospital.waiting.len());
        for letter in std::mem::take(&mut mailbox.bypass_change_detection().0) {
            if let Notice::AtDoor { unit, call, category } = letter.message {
                hospital.waiting.push(AtDoor { category, since: now, unit, call });
            }
        }
        let done: Vec<u32> = hospital.under_way.iter().filter(|(until, _)| *until <= now).map(|(_, u)| *u).collect();
        hospital.under_way.retain(|(until, _)| *until > now);
        for unit in done {
            post.0.post(identity.0, unit_actor(unit), Notice::HandedOver);
            post.0.post(identity.0, DISPATCHER, Notice::PatientTaken { hospital: hospital.number });
        }
        hospital.waiting.sort_unstable();
        while (hospital.under_way.len() as u64) < u64::from(hospital.bays) && !hospital.waiting.is_empty() {
            let next = hospital.waiting.remove(0);
            let until = now + time_at_hospital(&rules, next.call, next.category).0;
            hospital.under_way.push((until, next.unit));
            wakes.0.set(until, identity.0);
        }
        let after = (hospital.under_way.len(), hospital.waiting.len());
        if before != after {
            let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            let (taking_over, waiting) = (count(after.0), count(after.1));
            diary.note(now, Happening::Hospital { hospital: hospital.number, taking_over, waiting });
        }
    }
}
