//! Behaviour: what vehicles and signals decide, as entities with mail and timers.
//!
//! An actor here owns its cold state as components, reads the road, and acts by [`Action`]s on its own body or head. It
//! never writes the road or another actor.

#![expect(clippy::needless_pass_by_value, reason = "systems take their parameters by value")]

pub(crate) mod signal;
pub(crate) mod vehicle;

use bevy_ecs::prelude::*;

use super::kernel::ActorId;
use super::kernel::mail::{Letter, PostOffice};
use super::kernel::timers::Timers;
use super::traffic::road::Road;
use crate::city::network::Aspect;
use crate::primitives::SimTime;

/// Column of the road itself, which tells vehicles what happens to their bodies.
pub(crate) const ROAD: u16 = 0;
/// Column of the vehicles, by row of the demand.
pub(crate) const VEHICLES: u16 = 1;
/// Column of the signals.
pub(crate) const SIGNALS: u16 = 2;

/// What actors tell each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Notice {
    /// The road to a vehicle: you stand at your planned stop since then.
    ReachedStop {
        /// When the body came to stand.
        at: SimTime,
    },
}

/// What an actor does to its own body or head; carried out before the next step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    /// A vehicle leaves its planned stop.
    DriveOn {
        /// Row of the demand.
        vehicle: u32,
    },
    /// A signal shows aspects on its links.
    Show {
        /// The links and what they show.
        heads: Vec<(u32, Aspect)>,
    },
}

/// Who an entity is.
#[derive(Component, Debug, Clone, Copy)]
pub(crate) struct Identity(pub ActorId);

/// Letters that have arrived for an entity.
#[derive(Component, Debug, Default)]
pub(crate) struct Mailbox(pub Vec<Letter<Notice>>);

/// The percept: the road as it is now, and the time. Actors read it; only the step writes it.
#[derive(Resource, Debug)]
pub(crate) struct Percept {
    /// The instant.
    pub now: SimTime,
    /// The road as it is now.
    pub road: Road,
}

/// Letters on their way.
#[derive(Resource, Debug, Default)]
pub(crate) struct Post(pub PostOffice<Notice>);

/// Who wants to be woken.
#[derive(Resource, Debug, Default)]
pub(crate) struct Wakes(pub Timers);

/// Who was woken this step.
#[derive(Resource, Debug, Default)]
pub(crate) struct Woken(pub Vec<ActorId>);

/// Actions to be carried out before the next step, in the order of the turns.
#[derive(Resource, Debug, Default)]
pub(crate) struct Actions(pub Vec<Action>);

/// Entities by actor.
#[derive(Resource, Debug, Default)]
pub(crate) struct Directory(pub std::collections::BTreeMap<ActorId, Entity>);

/// Puts the letters of the last step into the mailboxes.
pub(crate) fn deliver_mail(
    mut post: ResMut<'_, Post>,
    directory: Res<'_, Directory>,
    mut boxes: Query<'_, '_, &mut Mailbox>,
) {
    for letter in post.0.deliver() {
        // A letter to somebody who has left the city is void: the recipient's trip is over.
        if let Some(&entity) = directory.0.get(&letter.to)
            && let Ok(mut mailbox) = boxes.get_mut(entity)
        {
            mailbox.0.push(letter);
        }
    }
}

/// Finds out whose timer has come.
pub(crate) fn wake(percept: Res<'_, Percept>, mut wakes: ResMut<'_, Wakes>, mut woken: ResMut<'_, Woken>) {
    woken.0 = wakes.0.take_due(percept.now);
}
