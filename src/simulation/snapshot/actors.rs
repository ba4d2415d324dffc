//! Actors as rows: who, and two components; read where they live, or kept to be brought to life again.
//!
//! Saved rows are in the order of the actors' numbers. In which order entities lie in their tables depends on who has left the
//! city before, and no behaviour may depend on that.

use bevy_ecs::prelude::*;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::simulation::actors::{Directory, Identity};
use crate::simulation::kernel::ActorId;

/// More than any column has actors [1]: what comes from outside may not ask for memory without end.
const PLACES_MAX: u32 = 1 << 28;

/// Actors with two components each.
#[derive(Debug)]
pub(crate) enum Rows<'a, A, B> {
    /// Where they live, in the order of their tables.
    Living(Vec<(ActorId, &'a A, &'a B)>),
    /// To be brought to life.
    Kept(Vec<(ActorId, A, B)>),
}

impl<'a, A: Component + Clone, B: Component + Clone> Rows<'a, A, B> {
    /// Every actor that has both.
    pub(crate) fn of(world: &'a World) -> Self {
        let query = world.try_query::<(&Identity, &A, &B)>();
        let rows =
            query.map(|mut query| query.iter(world).map(|(identity, one, two)| (identity.0, one, two)).collect());
        Self::Living(rows.unwrap_or_default())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Living(rows) => rows.len(),
            Self::Kept(rows) => rows.len(),
        }
    }

    /// Whether every actor belongs to a column, has a place in it, and none comes twice.
    pub(crate) fn fits(&self, column: u16) -> bool {
        let Self::Kept(rows) = self else { return true };
        let mut last = None;
        rows.iter().all(|&(actor, ..)| {
            actor.column() == column
                && actor.index() < PLACES_MAX
                && last.replace(actor).is_none_or(|before: ActorId| before < actor)
        })
    }

    /// Brings them to life, and notes where they live.
    pub(crate) fn spawn(self, world: &mut World, living: &mut Vec<(ActorId, Entity)>) {
        let first = living.len();
        let mut note = |actor: ActorId| living.push((actor, Entity::PLACEHOLDER));
        let entities: Vec<Entity> = match self {
            Self::Living(rows) => {
                for row in &rows {
                    note(row.0);
                }
                let lives = rows.into_iter().map(|(actor, one, two)| (Identity(actor), one.clone(), two.clone()));
                world.spawn_batch(lives).collect()
            }
            Self::Kept(rows) => {
                for row in &rows {
                    note(row.0);
                }
                world.spawn_batch(rows.into_iter().map(|(actor, one, two)| (Identity(actor), one, two))).collect()
            }
        };
        for (place, entity) in living[first..].iter_mut().zip(entities) {
            place.1 = entity;
        }
    }

    /// Gives the components to actors that live already.
    pub(crate) fn add_to(self, world: &mut World, directory: &Directory) {
        let mut add = |actor: ActorId, one: A, two: B| {
            if let Some(mut entity) = directory.get(actor).and_then(|entity| world.get_entity_mut(entity).ok()) {
                entity.insert((one, two));
            }
        };
        match self {
            Self::Living(rows) => rows.into_iter().for_each(|(actor, one, two)| add(actor, one.clone(), two.clone())),
            Self::Kept(rows) => rows.into_iter().for_each(|(actor, one, two)| add(actor, one, two)),
        }
    }
}

impl<A: Serialize, B: Serialize> Serialize for Rows<'_, A, B> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Living(rows) => {
                let mut rows: Vec<&(ActorId, &A, &B)> = rows.iter().collect();
                rows.sort_unstable_by_key(|row| row.0);
                rows.serialize(serializer)
            }
            Self::Kept(rows) => rows.serialize(serializer),
        }
    }
}

impl<'de, A: Deserialize<'de>, B: Deserialize<'de>> Deserialize<'de> for Rows<'_, A, B> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::Kept)
    }
}
