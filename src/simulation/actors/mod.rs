//! Behaviour: what vehicles and signals decide, as entities with mail and timers.
//!
//! An actor here owns its cold state as components, reads the road, and acts by [`Action`]s on its own body or head. It
//! never writes the road or another actor.

#![expect(clippy::needless_pass_by_value, reason = "systems take their parameters by value")]

pub(crate) mod actuation;
pub(crate) mod emergency;
pub(crate) mod rail;
pub(crate) mod sensors;
pub(crate) mod signal;
pub(crate) mod vehicle;

use bevy_ecs::prelude::*;

use super::kernel::ActorId;
use super::kernel::mail::{Letter, PostOffice};
use super::kernel::timers::Timers;
use super::traffic::crossing::{Moved, Parked};
use super::traffic::road::Road;
use super::traffic::travel_time::TravelTimes;
use crate::city::emergency::Spot;
use crate::city::network::Aspect;
use crate::city::routing::Router;
use crate::primitives::{Category, SimTime};
use emergency::Order;

/// Column of the road itself, which tells vehicles what happens to their bodies.
pub(crate) const ROAD: u16 = 0;
/// Column of the vehicles, by row of the demand.
pub(crate) const VEHICLES: u16 = 1;
/// Column of the signals.
pub(crate) const SIGNALS: u16 = 2;

/// What actors tell each other.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Notice {
    /// The road to a vehicle: you stand at your planned stop since then.
    ReachedStop {
        /// When the body came to stand.
        at: SimTime,
    },
    /// The road to a vehicle: a road of your way is closed.
    RoadsClosed,
    /// The road to an ambulance: your body has left the road where it was to go.
    Arrived,
    /// Somebody to the dispatcher: help.
    Call(Order),
    /// The dispatcher to an ambulance: go there.
    Mission(Order),
    /// An ambulance to the dispatcher: ready for the next call.
    Free {
        /// Which.
        unit: u32,
        /// Where it is.
        spot: Spot,
    },
    /// An ambulance to the dispatcher: back at the station.
    AtHome {
        /// Which.
        unit: u32,
        /// Where that is.
        spot: Spot,
    },
    /// An ambulance to the dispatcher: where do I bring the patient?
    WhichHospital {
        /// Which.
        unit: u32,
        /// Where it is.
        spot: Spot,
    },
    /// The dispatcher to an ambulance: to this hospital.
    GoTo {
        /// Its number.
        hospital: u32,
        /// Its gate.
        spot: Spot,
    },
    /// An ambulance to a hospital: I am at your door.
    AtDoor {
        /// Which.
        unit: u32,
        /// The call.
        call: u32,
        /// How urgent it was.
        category: Category,
    },
    /// A hospital to an ambulance: the patient is ours.
    HandedOver,
    /// A hospital to the dispatcher: one patient fewer on the way or at the door.
    PatientTaken {
        /// Its number.
        hospital: u32,
    },
    /// An ambulance to an incident: I have left.
    LeftScene,
    /// The dispatcher to an ambulance: somebody else goes there.
    StandDown,
}

/// What an actor does to its own body or head; carried out before the next step.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
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
    /// A vehicle on the road takes another way.
    Divert {
        /// Row of the demand.
        vehicle: u32,
        /// The edges from where it is, those it is committed to first.
        way: Vec<u32>,
        /// Where it leaves the road on the last of them [m]; ambulances only.
        to_position: f64,
        /// Whether it drives with siren; ambulances only.
        siren: bool,
    },
    /// An ambulance beside the road sets out.
    SetOut {
        /// Row of the demand.
        vehicle: u32,
        /// The edges of its way.
        way: Vec<u32>,
        /// Where it stands beside the first of them [m].
        from: f64,
        /// Where it leaves the road on the last of them [m].
        to_position: f64,
        /// Whether it drives with siren.
        siren: bool,
    },
    /// An incident blocks a lane.
    Block {
        /// The block's id.
        id: u32,
        /// The lane.
        lane: u32,
        /// Its far end [m] from the lane's start.
        position: f64,
    },
    /// An incident frees a lane.
    Unblock {
        /// The block's id.
        id: u32,
    },
}

/// Who an entity is.
#[derive(Component, Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct Identity(pub ActorId);

/// Letters that have arrived for an entity.
#[derive(Component, Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Mailbox(pub Vec<Letter<Notice>>);

/// The percept: the road as it is now, and the time. Actors read it; only the step writes it.
#[derive(Resource, Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Percept {
    /// The instant.
    pub now: SimTime,
    /// The road as it is now.
    pub road: Road,
    /// Who passed the end of a lane in the last movement, in lane order.
    pub crossed: Vec<Moved>,
    /// Who arrived in the last movement, and where.
    pub parked: Vec<Parked>,
}

/// What those who look for a way know: the roads, and the travel times now.
#[derive(Resource, Debug)]
pub(crate) struct Wayfinding {
    /// The router over the network; shared with every fork.
    pub router: std::sync::Arc<Router>,
    /// Travel times now.
    pub times: TravelTimes,
}

/// Letters on their way.
#[derive(Resource, Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Post(pub PostOffice<Notice>);

/// Who wants to be woken.
#[derive(Resource, Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Wakes(pub Timers);

/// Who was woken this step.
#[derive(Resource, Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Woken(pub Vec<ActorId>);

/// Actions to be carried out before the next step, in the order of the turns.
#[derive(Resource, Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Actions(pub Vec<Action>);

/// Entities by actor: a column for every kind of actor, in which each has the place that the input gave it.
#[derive(Resource, Debug, Default)]
pub(crate) struct Directory(Vec<Vec<Option<Entity>>>);

impl Directory {
    /// Where an actor lives, if it does.
    pub(crate) fn get(&self, actor: ActorId) -> Option<Entity> {
        *self.0.get(usize::from(actor.column()))?.get(actor.index() as usize)?
    }

    /// Who lives in a column, by number.
    pub(crate) fn column(&self, column: u16) -> impl Iterator<Item = (u32, Entity)> {
        let places = self.0.get(usize::from(column)).map_or(&[][..], Vec::as_slice);
        (0..).zip(places).filter_map(|(index, place)| Some((index, (*place)?)))
    }

    /// Notes where an actor lives.
    pub(crate) fn insert(&mut self, actor: ActorId, entity: Entity) {
        let (column, index) = (usize::from(actor.column()), actor.index() as usize);
        if self.0.len() <= column {
            self.0.resize_with(column + 1, Vec::new);
        }
        let column = &mut self.0[column];
        if column.len() <= index {
            column.resize(index + 1, None);
        }
        column[index] = Some(entity);
    }

    /// Forgets an actor, and tells where it lived.
    pub(crate) fn remove(&mut self, actor: ActorId) -> Option<Entity> {
        self.0.get_mut(usize::from(actor.column()))?.get_mut(actor.index() as usize)?.take()
    }
}

/// The actor at `index` of a column.
pub(crate) const fn actor(column: u16, index: u32) -> ActorId {
    ActorId::new(column, index)
}

/// Puts the letters of the last step into the mailboxes.
pub(crate) fn deliver_mail(
    mut post: ResMut<'_, Post>,
    directory: Res<'_, Directory>,
    mut boxes: Query<'_, '_, &mut Mailbox>,
) {
    for letter in post.0.deliver() {
        // A letter to somebody who has left the city is void: the recipient's trip is over.
        if let Some(entity) = directory.get(letter.to)
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
