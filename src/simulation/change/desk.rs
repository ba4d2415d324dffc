//! What somebody at a dispatcher's desk does besides sending: takes the sending over, calls an ambulance back, names a hospital; and
//! what a hospital says of itself, its bays.
//!
//! The city's own dispatcher goes on answering calls and noting what crews report; it does what nobody at the desk does.

use super::calls::{ambulance, has_mail};
use crate::simulation::City;
use crate::simulation::actors::emergency::ambulance::Ambulance;
use crate::simulation::actors::emergency::by_hand::ByHand;
use crate::simulation::actors::emergency::dispatcher::Dispatcher;
use crate::simulation::actors::emergency::hospital::Department;
use crate::simulation::actors::emergency::{DISPATCHER, Diary, HOSPITALS, unit_actor};
use crate::simulation::actors::{Directory, Notice, Post, actor};
use crate::simulation::outcome::{Happening, Stage};

/// The most bays a hospital may have.
const BAYS_MAX: u32 = 1_000;

/// Lets people send ambulances from now on, or the city's own dispatcher again.
pub(super) fn dispatch(city: &mut City, by_hand: bool) -> Result<String, String> {
    if dispatcher(city).is_none() {
        return Err("this city has no dispatcher; give its scenario `emergencies`".to_owned());
    }
    if city.is_dispatched_by_hand() == by_hand {
        return Err(if by_hand {
            "ambulances are sent by hand already; send one".to_owned()
        } else {
            "the city's own dispatcher sends already; take it over first".to_owned()
        });
    }
    city.world.get_resource_or_init::<ByHand>().dispatching = by_hand;
    let entity = city.world.resource::<Directory>().get(DISPATCHER);
    if let Some(mut dispatcher) = entity.and_then(|entity| city.world.get_mut::<Dispatcher>(entity)) {
        dispatcher.look_again();
    }
    let said = if by_hand {
        "calls wait until somebody sends an ambulance"
    } else {
        "the city's own dispatcher sends ambulances again"
    };
    Ok(said.to_owned())
}

/// Calls an ambulance back that is on its way to a call, which waits again.
pub(super) fn stand_down(city: &mut City, unit: u32) -> Result<String, String> {
    let (name, ambulance) = known(city, unit)?;
    let (name, on_the_way) = (name.to_owned(), ambulance.on_the_way());
    if has_mail(city, unit) {
        return Err(format!("{name} is just being told something; call it back after the next step"));
    }
    let Some(order) = on_the_way else {
        return Err(format!("{name} is on its way to no call; only who has not arrived yet can be called back"));
    };
    let now = city.time();
    let since = city.call(order.call).and_then(|call| call.at(Stage::Queue)).unwrap_or(now);
    let entity = city.world.resource::<Directory>().get(DISPATCHER);
    if let Some(mut dispatcher) = entity.and_then(|entity| city.world.get_mut::<Dispatcher>(entity)) {
        dispatcher.wait_again(order, since);
    }
    city.world.resource_mut::<Diary>().stage(now, order.call, Stage::Queue, None, None);
    city.world.resource_mut::<Post>().0.post(DISPATCHER, unit_actor(unit), Notice::StandDown);
    Ok(format!("{name} is called back; call {} waits again", order.call))
}

/// Names the hospital to which an ambulance brings its patient, if the patient is brought to one.
pub(super) fn direct(city: &mut City, unit: u32, hospital: u32) -> Result<String, String> {
    let (name, ambulance) = known(city, unit)?;
    let name = name.to_owned();
    let Some(to) = city.hospital_name(hospital).map(str::to_owned) else {
        return Err(format!("there is no hospital number {hospital}; name one of the city's"));
    };
    if let Some(bound_for) = ambulance.hospital() {
        let bound_for = city.hospital_name(bound_for).unwrap_or_default();
        return Err(format!("{name} has left for {bound_for} already; name the hospital before it leaves"));
    }
    if !ambulance.has_patient_ahead() {
        return Err(format!("{name} has no patient to bring anywhere; name a hospital once it is sent to a call"));
    }
    // One that has treated its patient has asked where to go: it is either being read now, or answered.
    if ambulance.is_asking() && has_mail(city, unit) {
        return Err(format!("{name} is just being told a hospital; name it before it leaves"));
    }
    if city.named_hospital(unit) == Some(hospital) {
        return Err(format!("{name} goes to {to} already; name another"));
    }
    city.world.get_resource_or_init::<ByHand>().hospitals.insert(unit, hospital);
    Ok(format!("{name} brings its patient to {to}"))
}

/// Gives a hospital other bays from now on.
pub(super) fn bays(city: &mut City, hospital: u32, bays: u32) -> Result<String, String> {
    let Some(name) = city.hospital_name(hospital).map(str::to_owned) else {
        return Err(format!("there is no hospital number {hospital}; name one of the city's"));
    };
    if bays > BAYS_MAX {
        return Err(format!("a hospital cannot have {bays} bays; say 0 to {BAYS_MAX}"));
    }
    let now = city.time();
    let entity = city.world.resource::<Directory>().get(actor(HOSPITALS, hospital));
    let department = entity.and_then(|entity| city.world.get_mut::<Department>(entity));
    let Some(mut department) = department else { return Err(format!("{name} takes nobody in; name another")) };
    let (had, taking_over, waiting) = department.counts();
    if had == bays {
        return Err(format!("{name} has {bays} bays already; say another number"));
    }
    department.set_bays(bays);
    let entity = city.world.resource::<Directory>().get(DISPATCHER);
    if let Some(mut dispatcher) = entity.and_then(|entity| city.world.get_mut::<Dispatcher>(entity)) {
        dispatcher.note_bays(hospital, bays);
    }
    city.world.get_resource_or_init::<ByHand>().bays.insert(hospital, bays);
    city.world.resource_mut::<Diary>().note(now, Happening::Hospital { hospital, taking_over, waiting });
    Ok(format!("{name} has {bays} bays instead of {had}; {taking_over} taken, {waiting} waiting"))
}

fn dispatcher(city: &City) -> Option<&Dispatcher> {
    city.world.get(city.world.get_resource::<Directory>()?.get(DISPATCHER)?)
}

/// An ambulance of the city and its name.
fn known(city: &City, unit: u32) -> Result<(&str, &Ambulance), String> {
    let known = city.unit_name(unit).zip(ambulance(city, unit));
    known.ok_or_else(|| format!("there is no ambulance number {unit}; name one of the city's"))
}
