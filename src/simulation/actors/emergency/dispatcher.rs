//! The dispatcher as an actor: answers calls, puts them in order, and sends the ambulance that is there soonest by the present
//! traffic; names the hospital to those who bring a patient.
//!
//! It knows its fleet by what the crews report and by their positions on the map. A call that finds nobody free waits; calls
//! are served by category, then in the order they were understood. It does not divert a unit once sent to another call;
//! somebody at a desk may. It sends nobody while somebody at a desk does, and names the hospital that was named to it.

use bevy_ecs::prelude::*;

use super::by_hand::ByHand;
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

/// What a turn may use.
struct Desk<'a> {
    now: SimTime,
    rules: &'a Rules,
    ways: &'a Wayfinding,
    road: &'a Road,
    by_hand: Option<&'a mut ByHand>,
    wakes: &'a mut Wakes,
    post: &'a mut Post,
    diary: &'a mut Diary,
}

impl Desk<'_> {
    /// Takes the hospital that was named for an ambulance, if any was.
    fn forget(&mut self, unit: u32) -> Option<u32> {
        self.by_hand.as_mut()?.hospitals.remove(&unit)
    }
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

    /// Somebody else sends from now on, or it does again: then it looks at everything that waits.
    pub(crate) fn look_again(&mut self) {
        self.look = true;
    }

    /// Where a hospital is, and its bays.
    pub(crate) fn hospital(&self, hospital: u32) -> Option<(Spot, u32)> {
        self.hospitals.get(hospital as usize).map(|&(spot, bays, _)| (spot, bays))
    }

    /// A hospital has other bays.
    pub(crate) fn note_bays(&mut self, hospital: u32, bays: u32) {
        if let Some(known) = self.hospitals.get_mut(hospital as usize) {
            known.1 = bays;
        }
    }

    fn read(&mut self, message: Notice, desk: &mut Desk<'_>) {
        let Desk { now, rules, ways, road, .. } = *desk;
        match message {
            Notice::Call(order) => {
                self.taking.push(Taking { order, answered: false, due: now + time_to_answer(rules, order.call) });
            }
            Notice::Free { unit, spot } => {
                let card = &mut self.fleet[unit as usize];
                card.free = true;
                card.last = spot;
                self.look = true;
                desk.forget(unit);
            }
            Notice::AtHome { unit, spot } => self.fleet[unit as usize].last = spot,
            Notice::WhichHospital { unit, spot } => {
                let named = desk.forget(unit);
                if let Some(hospital) = named.or_else(|| self.hospital_for(ways, road, &spot)) {
                    self.hospitals[hospital as usize].2 += 1;
                    desk.post.0.post(
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
            // One without bays takes nobody over: it comes behind all others.
            let load = if full { f64::from(*patients + u32::from(*bays == 0)) / f64::from(*bays) } else { 0.0 };
            let rank = (full, load, time);
            if best.as_ref().is_none_or(|(known, _)| rank < *known) {
                best = Some((rank, number));
            }
        }
        best.and_then(|(_, number)| u32::try_from(number).ok())
    }

    /// Moves calls on that have been answered and understood.
    fn take_calls(&mut self, desk: &mut Desk<'_>) {
        let Desk { now, rules, ref mut diary, ref mut wakes, .. } = *desk;
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
    fn send(&mut self, desk: &mut Desk<'_>) {
        let Desk { now, ways, road, .. } = *desk;
        let by_hand = desk.by_hand.as_ref().is_some_and(|by_hand| by_hand.dispatching);
        if by_hand || !std::mem::take(&mut self.look) {
            return;
        }
        let mut waiting = Vec::new();
        for (category, since, order) in std::mem::take(&mut self.queue) {
            match self.soonest(ways, road, &order.spot) {
                Some(unit) => {
                    self.fleet[unit as usize].free = false;
                    desk.diary.stage(now, order.call, Stage::Dispatch, Some(unit), None);
                    desk.post.0.post(DISPATCHER, unit_actor(unit), Notice::Mission(order));
                }
                None => waiting.push((category, since, order)),
            }
        }
        self.queue = waiting;
    }

    /// How long an ambulance would drive to a place by present traffic [s], as it is reckoned with when it is sent.
    pub(crate) fn time_to(&self, ways: &Wayfinding, road: &Road, unit: u32, goal: &Spot) -> Option<f64> {
        self.fleet.get(unit as usize)?.time_to(ways, road, goal)
    }

    /// The free ambulance that can be at a place soonest; the lower number of two alike.
    fn soonest(&self, ways: &Wayfinding, road: &Road, goal: &Spot) -> Option<u32> {
        let mut best: Option<(f64, usize)> = None;
        for (unit, card) in self.fleet.iter().enumerate().filter(|(_, card)| card.free) {
            if let Some(time) = card.time_to(ways, road, goal)
                && best.is_none_or(|(known, _)| time < known)
            {
                best = Some((time, unit));
            }
        }
        best.and_then(|(_, unit)| u32::try_from(unit).ok())
    }
}

impl Card {
    /// How long the ambulance would drive to a place by present traffic, from where it is or stands [s]; none where there is no way.
    fn time_to(&self, ways: &Wayfinding, road: &Road, goal: &Spot) -> Option<f64> {
        let from = match road.find(self.vehicle) {
            Some(at) => {
                let committed = road.committed(self.vehicle, &at);
                let pos = if committed.len() > 1 { 0.0 } else { at.pos };
                (committed[committed.len() - 1], pos)
            }
            None => (self.last.edge.raw(), self.last.position.as_metres()),
        };
        way_to(ways, &road.facts, from, goal).map(|(_, time)| time)
    }
}

/// The dispatcher's turn.
#[expect(clippy::too_many_arguments, reason = "everything a dispatcher has at hand")]
pub(crate) fn dispatch(
    percept: Res<'_, Percept>,
    rules: Option<Res<'_, Rules>>,
    ways: Option<Res<'_, Wayfinding>>,
    mut dispatchers: Query<'_, '_, (&mut Mailbox, &mut Dispatcher)>,
    mut wakes: ResMut<'_, Wakes>,
    mut post: ResMut<'_, Post>,
    mut diary: ResMut<'_, Diary>,
    by_hand: Option<ResMut<'_, ByHand>>,
) {
    let (Some(rules), Some(ways)) = (rules, ways) else { return };
    let mut desk = Desk {
        now: percept.now,
        rules: &rules,
        ways: &ways,
        road: &percept.road,
        by_hand: by_hand.map(ResMut::into_inner),
        wakes: &mut wakes,
        post: &mut post,
        diary: &mut diary,
    };
    for (mut mailbox, mut dispatcher) in &mut dispatchers {
        for letter in std::mem::take(&mut mailbox.bypass_change_detection().0) {
            dispatcher.read(letter.message, &mut desk);
        }
        dispatcher.take_calls(&mut desk);
        dispatcher.send(&mut desk);
    }
}
