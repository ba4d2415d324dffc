//! Calls that somebody makes by hand, and ambulances that are sent by hand.
//!
//! A call rings at the dispatcher's like every other. An ambulance is sent over the dispatcher's head, who hears of it: the call that it
//! drove to waits again, and whoever was on the way to its new one is stood down.

use std::fmt::Write;

use super::incidents::{help_for, room_for};
use super::live::Live;
use super::{place_on, road_of};
use crate::city::emergency::kerb_spot;
use crate::primitives::ids::EdgeId;
use crate::primitives::{Category, Distance};
use crate::simulation::City;
use crate::simulation::actors::emergency::ambulance::Ambulance;
use crate::simulation::actors::emergency::by_hand::ByHand;
use crate::simulation::actors::emergency::caller::Public;
use crate::simulation::actors::emergency::dispatcher::Dispatcher;
use crate::simulation::actors::emergency::{DISPATCHER, Diary, Order, PUBLIC, unit_actor};
use crate::simulation::actors::{Directory, Notice, Post, Wakes};
use crate::simulation::ledger::Ledger;
use crate::simulation::outcome::Stage;

/// Lets somebody call.
pub(super) fn ring(
    city: &mut City,
    road: EdgeId,
    position: Option<Distance>,
    category: Category,
) -> Result<String, String> {
    let edge = road_of(city, road)?;
    let name = edge.name.clone();
    let spot = kerb_spot(&city.origin.network, road, place_on(edge, position)?)
        .ok_or_else(|| format!("ambulances cannot use `{name}`; choose a road beside it"))?;
    help_for(city, &spot, &name)?;
    room_for(city, 1)?;
    let entity = city.world.resource::<Directory>().get(PUBLIC);
    let now = city.time();
    let call = city.world.get_resource::<Ledger>().map_or(0, Ledger::calls_known);
    let Some(mut public) = entity.and_then(|entity| city.world.get_mut::<Public>(entity)) else {
        return Err("nobody in this city calls for help; give its scenario `emergencies`".to_owned());
    };
    let order = Order { call, spot, category, incident: None };
    let next = public.next;
    public.calls.insert(next, (now, order));
    city.world.resource_mut::<Wakes>().0.set(now, PUBLIC);
    city.world.resource_mut::<Ledger>().expect_call(&order);
    city.world.get_resource_or_init::<Live>().brought += 1;
    Ok(format!("call {call}: somebody on `{name}` needs help, {category:?}"))
}

/// What has to be known to send an ambulance.
struct Sending {
    order: Order,
    /// Who was on the way to the call.
    instead_of: Option<u32>,
    /// The call that the ambulance was on the way to.
    away_from: Option<Order>,
}

/// Sends an ambulance to a call.
pub(super) fn send(city: &mut City, unit: u32, call: u32) -> Result<String, String> {
    let Sending { order, instead_of, away_from } = look(city, unit, call)?;
    let now = city.time();
    let name = city.unit_name(unit).unwrap_or_default().to_owned();
    let mut said = format!("{name} is sent to call {call}");
    let since = |call: u32| city.call(call).and_then(|call| call.at(Stage::Queue)).unwrap_or(now);
    let waited = away_from.map_or(now, |order| since(order.call));
    let entity = city.world.resource::<Directory>().get(DISPATCHER);
    if let Some(mut dispatcher) = entity.and_then(|entity| city.world.get_mut::<Dispatcher>(entity)) {
        dispatcher.hand_over(call);
        dispatcher.engage(unit);
        if let Some(order) = away_from {
            dispatcher.wait_again(order, waited);
        }
    }
    // A hospital that was named was named for the patient it drove to.
    if let Some(mut by_hand) = city.world.get_resource_mut::<ByHand>() {
        by_hand.hospitals.remove(&unit);
    }
    let mut diary = city.world.resource_mut::<Diary>();
    if let Some(order) = away_from {
        diary.stage(now, order.call, Stage::Queue, None, None);
        let _ = write!(said, "; call {} waits again", order.call);
    }
    if instead_of.is_some() {
        diary.stage(now, call, Stage::Queue, None, None);
    }
    diary.stage(now, call, Stage::Dispatch, Some(unit), None);
    if let Some(other) = instead_of {
        let _ = write!(said, "; {} is stood down", city.unit_name(other).unwrap_or_default());
    }
    let mut post = city.world.resource_mut::<Post>();
    if let Some(other) = instead_of {
        post.0.post(DISPATCHER, unit_actor(other), Notice::StandDown);
    }
    post.0.post(DISPATCHER, unit_actor(unit), Notice::Mission(order));
    Ok(said)
}

/// Whether an ambulance can be sent to a call now.
fn look(city: &City, unit: u32, call: u32) -> Result<Sending, String> {
    let world = &city.world;
    let (Some(name), Some(ambulance)) = (city.unit_name(unit), ambulance(city, unit)) else {
        return Err(format!("there is no ambulance number {unit}; name one of the city's"));
    };
    let Some(known) = city.call(call) else {
        return Err(format!("no call {call} has come in; name one that is open"));
    };
    if known.at(Stage::Clear).is_some() || known.at(Stage::Arrive).is_some() {
        return Err(format!("somebody is with call {call}, or was; name one that waits"));
    }
    let entity = world.resource::<Directory>().get(DISPATCHER);
    let dispatcher = entity.and_then(|entity| world.get::<Dispatcher>(entity));
    let Some(dispatcher) = dispatcher else { return Err("this city has no dispatcher".to_owned()) };
    if known.at(Stage::Queue).is_none() {
        return Err(format!("call {call} is still being answered; send somebody once it is understood"));
    }
    if has_mail(city, unit) {
        return Err(format!("{name} is just being told something; send it again after the next step"));
    }
    let away_from = ambulance.on_the_way();
    if away_from.is_some_and(|order| order.call == call) {
        return Err(format!("{name} is on its way to call {call} already; send another, or to another call"));
    }
    if away_from.is_none() && !(ambulance.is_free() && dispatcher.is_free(unit)) {
        return Err(format!("{name} is with a patient; send another one, or wait until it is free"));
    }
    if let Some(&order) = dispatcher.waiting(call) {
        return Ok(Sending { order, instead_of: None, away_from });
    }
    let other = known.unit.filter(|&other| !has_mail(city, other));
    let order = other.and_then(|other| ambulance_order(city, other)).filter(|order| order.call == call);
    let (Some(other), Some(order)) = (other, order) else {
        return Err(format!("call {call} is just being given to somebody; send {name} after the next step"));
    };
    Ok(Sending { order, instead_of: Some(other), away_from })
}

/// Whether an ambulance has a letter on its way to it, and is about to do something else than it seems.
pub(super) fn has_mail(city: &City, unit: u32) -> bool {
    city.world.resource::<Post>().0.is_for(unit_actor(unit))
}

/// An ambulance by its number.
pub(super) fn ambulance(city: &City, unit: u32) -> Option<&Ambulance> {
    city.world.get::<Ambulance>(city.world.get_resource::<Directory>()?.get(unit_actor(unit))?)
}

fn ambulance_order(city: &City, unit: u32) -> Option<Order> {
    ambulance(city, unit)?.on_the_way()
}
