//! Actors as rows: who, and two components; read where they live, or kept to be brought to life again.
//!
//! Rows are in the order of the actors' numbers. In which order entities lie in their tables depends on who has left the city,
//! and no behaviour may depend on that.

use bevy_ecs::prelude::*;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::simulation::actors::{Directory, Identity};
use crate::simulation::kernel::ActorId;

/// A column of actors with two components each.
#[derive(Debug)]
pub(crate) enum Rows<'a, A, B> {
    /// Where they live.
    Seen(Vec<(ActorId, &'a A, &'a B)>),
    /// To be brought to life.
    Kept(Vec<(ActorId, A, B)>),
}

impl<'a, A: Component + Clone, B: Component + Clone> Rows<'a, A, B> {
    /// The actors of a column that have both.
    pub(crate) fn of(world: &'a World, column: u16) -> Self {
        let directory = world.resource::<Directory>();
        let all = ActorId::new(column, 0)..=ActorId::new(column, u32::MAX);
        Self::Seen(
            directory
                .0
                .range(all)
                .filter_map(|(&actor, &entity)| {
                    let entity = world.get_entity(entity).ok()?;
                    Some((actor, entity.get::<A>()?, entity.get::<B>()?))
                })
                .collect(),
        )
    }

    /// Whether every actor belongs to a column, in order.
    pub(crate) fn fits(&self, column: u16) -> bool {
        match self {
            Self::Seen(rows) => in_order(column, rows.iter().map(|row| row.0)),
            Self::Kept(rows) => in_order(column, rows.iter().map(|row| row.0)),
        }
    }

    /// The rows on their own.
    fn kept(self) -> Vec<(ActorId, A, B)> {
        match self {
            Self::Seen(rows) => rows.into_iter().map(|(actor, one, two)| (actor, one.clone(), two.clone())).collect(),
            Self::Kept(rows) => rows,
        }
    }

    /// Brings them to life; hands out where they live, in order.
    pub(crate) fn spawn(self, world: &mut World, living: &mut Vec<(ActorId, Entity)>) {
        let rows = self.kept();
        let first = living.len();
        living.extend(rows.iter().map(|row| (row.0, Entity::PLACEHOLDER)));
        let entities = world.spawn_batch(rows.into_iter().map(|(actor, one, two)| (Identity(actor), one, two)));
        for (place, entity) in living[first..].iter_mut().zip(entities) {
            place.1 = entity;
        }
    }

    /// Gives the components to actors that live already.
    pub(crate) fn add_to(self, world: &mut World, directory: &Directory) {
        for (actor, one, two) in self.kept() {
            if let Some(mut entity) = directory.0.get(&actor).and_then(|&entity| world.get_entity_mut(entity).ok()) {
                entity.insert((one, two));
            }
        }
    }
}

fn in_order(column: u16, mut actors: impl Iterator<Item = ActorId>) -> bool {
    let mut last = None;
    actors.all(|actor| actor.column() == column && last.replace(actor).is_none_or(|before| before < actor))
}

impl<A: Serialize, B: Serialize> Serialize for Rows<'_, A, B> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Seen(rows) => rows.serialize(serializer),
            Self::Kept(rows) => rows.serialize(serializer),
        }
    }
}

impl<'de, A: Deserialize<'de>, B: Deserialize<'de>> Deserialize<'de> for Rows<'_, A, B> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::Kept)
    }
}
