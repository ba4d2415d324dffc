//! The vehicle as an actor: follows its trip and decides how long to halt at its planned stops.
//!
//! Driving itself is the body's business; the actor hears from the road when the body stands at a stop and lets it drive on
//! when the halt is over.

use bevy_ecs::prelude::*;

use super::{Action, Actions, Directory, Identity, Mailbox, Notice, Percept, Wakes, Woken};
use crate::city::demand::Stop;
use crate::primitives::{SimDuration, SimTime};

/// A vehicle's trip: the halts still ahead.
#[derive(Component, Debug)]
pub(crate) struct Itinerary {
    /// Planned stops, in order.
    pub stops: Vec<Stop>,
    /// The next of them.
    pub next: usize,
    /// When the halt it is at is over.
    pub leaves_at: Option<SimTime>,
}

/// Until when a halt that began at `since` lasts: its duration, and not before the timetable says.
pub(crate) fn halt_ends(stop: &Stop, since: SimTime) -> SimTime {
    let shortest = since + stop.duration.max(SimDuration::ZERO);
    stop.until.map_or(shortest, |until| shortest.max(until))
}

/// Vehicles read their mail: a body that stands at its stop starts the halt.
pub(crate) fn read_mail(
    mut vehicles: Query<'_, '_, (&Identity, &mut Mailbox, &mut Itinerary), Changed<Mailbox>>,
    mut wakes: ResMut<'_, Wakes>,
) {
    for (identity, mut mailbox, mut itinerary) in &mut vehicles {
        for letter in std::mem::take(&mut mailbox.bypass_change_detection().0) {
            let Notice::ReachedStop { at } = letter.message;
            let Some(stop) = itinerary.stops.get(itinerary.next) else { continue };
            let ends = halt_ends(stop, at);
            itinerary.leaves_at = Some(ends);
            wakes.0.set(ends, identity.0);
        }
    }
}

/// Vehicles whose halt is over drive on.
pub(crate) fn drive_on(
    woken: Res<'_, Woken>,
    percept: Res<'_, Percept>,
    directory: Res<'_, Directory>,
    mut vehicles: Query<'_, '_, &mut Itinerary>,
    mut actions: ResMut<'_, Actions>,
) {
    for &actor in &woken.0 {
        let Some(mut itinerary) = directory.0.get(&actor).and_then(|&e| vehicles.get_mut(e).ok()) else { continue };
        if itinerary.leaves_at.is_some_and(|at| at <= percept.now) {
            itinerary.leaves_at = None;
            itinerary.next += 1;
            actions.0.push(Action::DriveOn { vehicle: actor.index() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::Distance;
    use crate::primitives::ids::LaneId;

    #[test]
    fn a_halt_waits_for_the_timetable() {
        let stop = |until: Option<f64>| Stop {
            lane: LaneId::new(0),
            position: Distance::metres(10.0),
            start: Distance::ZERO,
            at: None,
            duration: SimDuration::seconds(20.0),
            until: until.map(SimTime::seconds),
            parking: false,
        };
        let since = SimTime::seconds(100.0);
        assert_eq!(halt_ends(&stop(None), since), SimTime::seconds(120.0));
        assert_eq!(halt_ends(&stop(Some(110.0)), since), SimTime::seconds(120.0));
        assert_eq!(halt_ends(&stop(Some(300.0)), since), SimTime::seconds(300.0));
    }
}
