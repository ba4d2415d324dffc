//! The people who call: everybody whose hour has come rings the dispatcher.

use bevy_ecs::prelude::*;

use super::{DISPATCHER, Diary, Order, PUBLIC};
use crate::primitives::SimTime;
use crate::simulation::actors::{Notice, Percept, Post, Wakes, Woken};
use crate::simulation::outcome::Stage;

/// The calls still to come, in order of time.
#[derive(Component, Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Public {
    /// When, and what about.
    pub calls: Vec<(SimTime, Order)>,
    /// The next of them.
    pub next: usize,
}

/// Those whose time has come call.
pub(crate) fn call(
    woken: Res<'_, Woken>,
    percept: Res<'_, Percept>,
    mut public: Query<'_, '_, &mut Public>,
    mut wakes: ResMut<'_, Wakes>,
    mut post: ResMut<'_, Post>,
    mut diary: ResMut<'_, Diary>,
) {
    if !woken.0.contains(&PUBLIC) {
        return;
    }
    let now = percept.now;
    for mut public in &mut public {
        while let Some(&(at, order)) = public.calls.get(public.next)
            && at <= now
        {
            diary.stage(now, order.call, Stage::Call, None, None);
            post.0.post(PUBLIC, DISPATCHER, Notice::Call(order));
            public.next += 1;
        }
        if let Some((at, _)) = public.calls.get(public.next) {
            wakes.0.set(*at, PUBLIC);
        }
    }
}
