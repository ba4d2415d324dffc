//! The dispatcher as an actor: answers calls, puts them in order, and sends the ambulance that is there soonest by the present
//! traffic; names the hospital to those who bring a patient.
//!
//! It knows its fleet by what the crews report and by their positions on the map. A call that finds nobody free waits; calls
//! are served by category, then in the order they were understood. It does not divert a unit once sent to another call;
//! somebody at a desk may.

use bevy_ecs::prelude::*;

use super::{DISPATCHER, Diary, Order, Rules, time_to_answer, time_to_understand, unit_actor, way_to};
use crate::city::emergency::Spot;
use crate::primitives::{Category, SimTime};
use crate::simulation::actors::{Mailbox, Notice, Percept, Post, Wakes, Wayfinding};
use crate::simulation::outcome::Stage;
use crate::simulation::traffic::road::Road;

/// A call that is being taken.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
struct Taking {
    order: Order,
    answered: bool,
    /// When the next thing happens [s].
    due: SimTime,
}

/// What the dispatcher knows of an ambulance.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct Card {
    /// Its row of the demand.
    pub vehicle: u32,
    /// Whether it may be sent.
    pub free: bool,
    /// Where it was when it last stood.
    pub last: Spot,
}

/// The dispatcher.
#[derive(Component, Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Dispatcher {
    taking: Vec<Taking>,
    /// Calls that wait for an ambulance: category, when understood, and the order.
    queue: Vec<(Category, SimTime, Order)>,
    fleet: Vec<Card>,
    /// Hospitals: where, bays, and patients on their way or there.
    hospitals: Vec<(Spot, u32, u32)>,
    /// Whether anything has changed that may let a call be served.
    look: bool,
}

impl Dispatcher {
    pub(crate) fn new(fleet: Vec<Card>, hospitals: Vec<(Spot, u32)>) -> Self {
        let hospitals = hospitals.into_iter().map(|(spot, bays)| (spot, bays, 0)).collect();
        Self { taking: Vec::new(), queue: Vec::new(), fleet, hospitals, look: false }
    }

    /// Calls with it: being taken or waiting.
    pub(crate) fn calls(&self) -> usize {
        self.taking.len() + self.queue.len()
    }

    /// Whether it takes an ambulance for free.
    pub(crate) fn is_free(&self, unit: u32) -> bool {
        self.fleet.get(unit as usize).is_some_and(|card| card.free)
    }

    /// A call that waits for an ambulance.
    pub(crate) fn waiting(&self, call: u32) -> Option<&Order> {
        self.queue.iter().map(|(_, _, order)| order).find(|order| order.call == call)
    }

    /// Somebody else has sent an ambulance to a call.
    pub(crate) fn hand_over(&mut self, call: u32) {
        self.queue.retain(|(_, _, order)| order.call != call);
    }

    /// Somebody else has sent an ambulance.
    pub(crate) fn engage(&mut self, unit: u32) {
        if let Some(card) = self.fleet.get_mut(unit as usize) {
            card.free = false;
        }
    }

    /// A call that was understood at `since` has lost its ambulance to another.
    pub(crate) fn wait_again(&mut self, order: Order, since: SimTime) {
        self.queue.push((order.category, since, order));
        self.look = true;
    }

    fn read(&mut self, message: Notice, now: SimTime, rules: &Rules, ways: &Wayfinding, road: &Road, post: &mut Post) {
        match message {
            Notice::Call(order) => {
                self.taking.push(Taking { order, answered: false, due: now + time_to_answer(rules, order.call) });
            }
            Notice::Free { unit, spot } => {
                let card = &mut self.fleet[unit as usize];
                card.free = true;
                card.last = spot;
                self.look = true;
            }
            Notice::AtHome { unit, spot } => self.fleet[unit as usize].last = spot,
            Notice::WhichHospital { unit, spot } => {
                if let Some(hospital) = self.hospital_for(ways, road, &spot) {
                    self.hospitals[hospital as usize].2 += 1;
                    post.0.post(
                        DISPATCHER,
                        unit_actor(unit),
                        Notice::GoTo { hospital, spot: self.hospitals[hospital as usize].0 },
                    );
                }
            }
            Notice::PatientTaken { hospital } => {
                let patients = &mut self.hospitals[hospital as usize].2;
                *patients = patients.saturating_sub(1);
            }
            _ => {}
        }
    }

    /// The nearest hospital by travel time that has room; where none has, the one with the fewest patients per bay.
    fn hospital_for(&self, ways: &Wayfinding, road: &Road, from: &Spot) -> Option<u32> {
        let mut best: Option<((bool, f64, f64), usize)> = None;
        for (number, (spot, bays, patients)) in self.hospitals.iter().enumerate() {
            let start = (from.edge.raw(), from.position.as_metres());
            let Some((_, time)) = way_to(ways, &road.facts, start, spot) else { continue };
            let full = patients >= bays;
            let load = if full { f64::from(*patients) / f64::from((*bays).max(1)) } else { 0.0 };
            let rank = (full, load, time);
            if best.as_ref().is_none_or(|(known, _)| rank < *known) {
                best = Some((rank, number));
            }
        }
        best.and_then(|(_, number)| u32::try_from(number).ok())
    }

    /// Moves calls on that have been answered and understood.
    fn take_calls(&mut self, now: SimTime, rules: &Rules, diary: &mut Diary, wakes: &mut Wakes) {
        for taking in self.taking.iter_mut().filter(|t| !t.answered && t.due <= now) {
            diary.stage(now, taking.order.call, Stage::Answer, None, None);
            taking.answered = true;
            taking.due = now + time_to_understand(rules, taking.order.call);
        }
        let understood = |t: &Taking| t.answered && t.due <= now;
        for taking in self.taking.iter().filter(|t| understood(t)) {
            diary.stage(now, taking.order.call, Stage::Queue, None, None);
            self.queue.push((taking.order.category, now, taking.order));
            self.look = true;
        }
        self.taking.retain(|t| !understood(t));
        self.queue.sort_by_key(|(category, since, order)| (*category, *since, order.call));
        if let Some(next) = self.taking.iter().map(|t| t.due).min() {
            wakes.0.set(next, DISPATCHER);
        }
    }

    /// Sends an ambulance to every call that one can be found for, the most urgent first.
    fn send(&mut self, now: SimTime, ways: &Wayfinding, road: &Road, diary: &mut Diary, post: &mut Post) {
        if !std::mem::take(&mut self.look) {
            return;
        }
        let mut waiting = Vec::new();
        for (category, since, order) in std::mem::take(&mut self.queue) {
            match self.soonest(ways, road, &order.spot) {
                Some(unit) => {
                    self.fleet[unit as usize].free = false;
                    diary.stage(now, order.call, Stage::Dispatch, Some(unit), None);
                    post.0.post(DISPATCHER, unit_actor(unit), Notice::Mission(order));
                }
                None => waiting.push((category, since, order)),
            }
        }
        self.queue = waiting;
    }

    /// The free ambulance that can be at a place soonest; the lower number of two alike.
    fn soonest(&self, ways: &Wayfinding, road: &Road, goal: &Spot) -> Option<u32> {
        let mut best: Option<(f64, usize)> = None;
        for (unit, card) in self.fleet.iter().enumerate().filter(|(_, card)| card.free) {
            let from = match road.find(card.vehicle) {
                Some(at) => {
                    let committed = road.committed(card.vehicle, &at);
                    let pos = if committed.len() > 1 { 0.0 } else { at.pos };
                    (committed[committed.len() - 1], pos)
                }
                None => (card.last.edge.raw(), card.last.position.as_metres()),
            };
            if let Some((_, time)) = way_to(ways, &road.facts, from, goal)
                && best.is_none_or(|(known, _)| time < known)
            {
                best = Some((time, unit));
            }
        }
        best.and_then(|(_, unit)| u32::try_from(unit).ok())
    }
}

/// The dispatcher's turn.
pub(crate) fn dispatch(
    percept: Res<'_, Percept>,
    rules: Option<Res<'_, Rules>>,
    ways: Option<Res<'_, Wayfinding>>,
    mut dispatchers: Query<'_, '_, (&mut Mailbox, &mut Dispatcher)>,
    mut wakes: ResMut<'_, Wakes>,
    mut post: ResMut<'_, Post>,
    mut diary: ResMut<'_, Diary>,
) {
    let (Some(rules), Some(ways)) = (rules, ways) else { return };
    let now = percept.now;
    for (mut mailbox, mut dispatcher) in &mut dispatchers {
        for letter in std::mem::take(&mut mailbox.bypass_change_detection().0) {
            dispatcher.read(letter.message, now, &rules, &ways, &percept.road, &mut post);
        }
        dispatcher.take_calls(now, &rules, &mut diary, &mut wakes);
        dispatcher.send(now, &ways, &percept.road, &mut diary, &mut post);
    }
}
