//! The incident as an actor: blocks its lanes, makes the calls of those it hurt, and clears the road when its time is over and
//! every ambulance it waited for has left.

use bevy_ecs::prelude::*;

use super::{DISPATCHER, Diary, Order};
use crate::primitives::SimTime;
use crate::simulation::actors::{Action, Actions, Identity, Mailbox, Notice, Percept, Post, Wakes};
use crate::simulation::outcome::{Happening, IncidentChange, Stage};

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Phase {
    /// Not yet.
    ToCome,
    /// The road is blocked.
    Blocking,
    /// Its time is over, but somebody is still being helped.
    Held,
    /// The road is free again.
    Over,
}

/// An incident.
#[derive(Component, Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Scene {
    /// Its number.
    pub number: u32,
    /// When it begins [s].
    pub begins: SimTime,
    /// When it is over at the earliest [s].
    pub ends: SimTime,
    /// Its blocks: id, lane, and far end [m].
    pub blocks: Vec<(u32, u32, f64)>,
    /// The calls it makes.
    pub calls: Vec<Order>,
    /// Ambulances that have not left yet.
    pub helpers: usize,
    /// How far it has come.
    pub phase: Phase,
}

/// Incidents begin, wait, and end.
pub(crate) fn live(
    percept: Res<'_, Percept>,
    mut scenes: Query<'_, '_, (&Identity, &mut Mailbox, &mut Scene)>,
    mut wakes: ResMut<'_, Wakes>,
    mut actions: ResMut<'_, Actions>,
    mut post: ResMut<'_, Post>,
    mut diary: ResMut<'_, Diary>,
) {
    let now = percept.now;
    for (identity, mut mailbox, mut scene) in &mut scenes {
        for letter in std::mem::take(&mut mailbox.bypass_change_detection().0) {
            if letter.message == Notice::LeftScene {
                scene.helpers = scene.helpers.saturating_sub(1);
            }
        }
        let tell = |change| Happening::Incident { incident: scene.number, change };
        if scene.phase == Phase::ToCome && scene.begins <= now {
            diary.note(now, tell(IncidentChange::Began));
            for &order in &scene.calls {
                diary.stage(now, order.call, Stage::Call, None, None);
                post.0.post(identity.0, DISPATCHER, Notice::Call(order));
            }
            for &(id, lane, position) in &scene.blocks {
                actions.0.push(Action::Block { id, lane, position });
            }
            wakes.0.set(scene.ends, identity.0);
            scene.phase = Phase::Blocking;
        } else if matches!(scene.phase, Phase::Blocking | Phase::Held) && scene.ends <= now {
            if scene.helpers == 0 {
                diary.note(now, tell(IncidentChange::Cleared));
                actions.0.extend(scene.blocks.iter().map(|&(id, ..)| Action::Unblock { id }));
                scene.phase = Phase::Over;
            } else if scene.phase == Phase::Blocking {
                diary.note(now, tell(IncidentChange::Held));
                scene.phase = Phase::Held;
            }
        }
    }
}
