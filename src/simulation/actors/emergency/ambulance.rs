//! The ambulance as an actor: turns out, drives to the scene, treats, brings the patient to hospital, and returns.
//!
//! Its body is a row of the demand that is on the road only while it drives; at a scene, a hospital and its station it stands
//! beside the road. It decides where its body goes and whether the siren is on; driving is the body's business.

use bevy_ecs::prelude::*;

use super::{
    DISPATCHER, Diary, HOSPITALS, INCIDENTS, Order, Rules, is_conveyed, time_at_hospital, time_to_patient,
    time_to_treat, time_to_turn_out, way_to,
};
use crate::city::emergency::Spot;
use crate::primitives::{Category, SimTime};
use crate::simulation::actors::{Action, Actions, Identity, Mailbox, Notice, Percept, Post, Wakes, Wayfinding, actor};
use crate::simulation::outcome::{Happening, Stage, UnitStatus};

/// What it is about.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
enum Duty {
    /// At its station.
    Ready,
    /// Getting ready to leave.
    TurningOut,
    /// On the way to the scene.
    ToScene,
    /// At the scene, on the way to the patient.
    ToPatient,
    /// At the patient.
    Treating,
    /// Waits for the name of a hospital.
    Asking,
    /// On the way to a hospital.
    ToHospital(u32),
    /// At the hospital, until the patient is taken over.
    AtHospital(u32),
    /// Getting ready for the next call.
    Cleaning,
    /// On the way home, and free.
    Homewards,
}

/// An ambulance.
#[derive(Component, Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Ambulance {
    unit: u32,
    vehicle: u32,
    home: Spot,
    duty: Duty,
    order: Option<Order>,
    /// Where it stands, or last stood.
    at: Spot,
    /// When the present stage is over [s].
    due: SimTime,
    siren: bool,
    /// What others were last told that it does.
    told: UnitStatus,
}

/// What a turn may use.
struct Desk<'a> {
    now: SimTime,
    percept: &'a Percept,
    ways: &'a Wayfinding,
    rules: &'a Rules,
    wakes: &'a mut Wakes,
    actions: &'a mut Actions,
    post: &'a mut Post,
    diary: &'a mut Diary,
}

impl Ambulance {
    pub(crate) fn new(unit: u32, vehicle: u32, home: Spot) -> Self {
        Self {
            unit,
            vehicle,
            home,
            duty: Duty::Ready,
            order: None,
            at: home,
            due: SimTime::MAX,
            siren: false,
            told: UnitStatus::Available,
        }
    }

    /// Its row of the demand.
    pub(crate) fn vehicle(&self) -> u32 {
        self.vehicle
    }

    /// Its station's gate.
    pub(crate) fn home(&self) -> Spot {
        self.home
    }

    /// Where it stands, or last stood.
    pub(crate) fn spot(&self) -> Spot {
        self.at
    }

    /// The call it serves.
    pub(crate) fn call(&self) -> Option<u32> {
        self.order.map(|order| order.call)
    }

    /// The call that it is on the way to or getting ready for, and may still be called away from.
    pub(crate) fn on_the_way(&self) -> Option<Order> {
        self.order.filter(|_| matches!(self.duty, Duty::TurningOut | Duty::ToScene))
    }

    /// The hospital that it drives to or is at.
    pub(crate) fn hospital(&self) -> Option<u32> {
        match self.duty {
            Duty::ToHospital(hospital) | Duty::AtHospital(hospital) => Some(hospital),
            _ => None,
        }
    }

    /// Whether it waits for the name of a hospital.
    pub(crate) fn is_asking(&self) -> bool {
        self.duty == Duty::Asking
    }

    /// Whether its patient may still be brought somewhere: not once the hospital has taken the patient over.
    pub(crate) fn has_patient_ahead(&self) -> bool {
        matches!(self.duty, Duty::TurningOut | Duty::ToScene | Duty::ToPatient | Duty::Treating | Duty::Asking)
    }

    /// Whether it may be sent somewhere.
    pub(crate) fn is_free(&self) -> bool {
        matches!(self.duty, Duty::Ready | Duty::Homewards)
    }

    /// Whether it drives with siren.
    pub(crate) fn has_siren_on(&self) -> bool {
        self.siren && matches!(self.duty, Duty::ToScene | Duty::ToHospital(_))
    }

    /// What it is doing, as others see it.
    pub(crate) fn status(&self) -> UnitStatus {
        match self.duty {
            Duty::Ready => UnitStatus::Available,
            Duty::TurningOut => UnitStatus::Dispatched,
            Duty::ToScene => UnitStatus::EnRoute,
            Duty::ToPatient | Duty::Treating | Duty::Asking => UnitStatus::AtScene,
            Duty::ToHospital(_) => UnitStatus::Transporting,
            Duty::AtHospital(_) | Duty::Cleaning => UnitStatus::AtHospital,
            Duty::Homewards => UnitStatus::Returning,
        }
    }

    fn read(&mut self, message: Notice, desk: &mut Desk<'_>) {
        match (message, self.duty) {
            (Notice::Mission(order), Duty::Ready) => {
                self.order = Some(order);
                self.wait(Duty::TurningOut, desk.now + time_to_turn_out(desk.rules, order.call), desk);
            }
            (Notice::Mission(order), Duty::Homewards) => {
                // The crew sits in the vehicle: off it goes.
                self.order = Some(order);
                self.stage(Stage::EnRoute, desk);
                self.drive(Duty::ToScene, order.spot, order.category.hurries(), desk);
            }
            (Notice::Mission(order), Duty::TurningOut) => {
                // The crew is getting ready anyhow.
                self.order = Some(order);
                self.say(desk);
            }
            (Notice::Mission(order), Duty::ToScene) => {
                self.order = Some(order);
                self.stage(Stage::EnRoute, desk);
                self.drive(Duty::ToScene, order.spot, order.category.hurries(), desk);
                self.say(desk);
            }
            (Notice::StandDown, Duty::TurningOut) => {
                self.order = None;
                desk.post.0.post(self.id(), DISPATCHER, Notice::Free { unit: self.unit, spot: self.at });
                self.wait(Duty::Ready, SimTime::MAX, desk);
            }
            (Notice::StandDown, Duty::ToScene) => {
                self.order = None;
                desk.post.0.post(self.id(), DISPATCHER, Notice::Free { unit: self.unit, spot: self.at });
                self.drive(Duty::Homewards, self.home, false, desk);
            }
            (Notice::Arrived, Duty::ToScene) => self.arrive_at_scene(desk),
            (Notice::GoTo { hospital, spot }, Duty::Asking) => {
                if let Some(order) = self.order {
                    desk.diary.stage(desk.now, order.call, Stage::Depart, Some(self.unit), Some(hospital));
                    self.leave_scene(&order, desk);
                    // Out of a jam at an incident one gets with siren only.
                    let hurries = order.category == Category::C1 || order.incident.is_some();
                    self.drive(Duty::ToHospital(hospital), spot, hurries, desk);
                }
            }
            (Notice::Arrived, Duty::ToHospital(hospital)) => self.arrive_at_hospital(hospital, desk),
            (Notice::HandedOver, Duty::AtHospital(_)) => {
                if let Some(order) = self.order {
                    self.stage(Stage::Handover, desk);
                    let (_, cleaning) = time_at_hospital(desk.rules, order.call, order.category);
                    self.wait(Duty::Cleaning, desk.now + cleaning, desk);
                }
            }
            (Notice::Arrived, Duty::Homewards) => {
                self.at = self.home;
                self.duty = Duty::Ready;
                self.tell(desk);
                desk.post.0.post(self.id(), DISPATCHER, Notice::AtHome { unit: self.unit, spot: self.at });
            }
            _ => {}
        }
    }

    /// What comes when a stage that takes time is over.
    fn go_on(&mut self, desk: &mut Desk<'_>) {
        let Some(order) = self.order else { return };
        match self.duty {
            Duty::TurningOut => {
                self.stage(Stage::EnRoute, desk);
                self.drive(Duty::ToScene, order.spot, order.category.hurries(), desk);
            }
            Duty::ToPatient => {
                self.stage(Stage::Patient, desk);
                self.wait(Duty::Treating, desk.now + time_to_treat(desk.rules, order.call), desk);
            }
            Duty::Treating if is_conveyed(desk.rules, order.call, order.category) => {
                self.duty = Duty::Asking;
                self.due = SimTime::MAX;
                let notice = Notice::WhichHospital { unit: self.unit, spot: self.at };
                desk.post.0.post(self.id(), DISPATCHER, notice);
            }
            Duty::Treating => {
                self.leave_scene(&order, desk);
                self.become_free(desk);
            }
            Duty::Cleaning => self.become_free(desk),
            _ => {}
        }
    }

    fn arrive_at_scene(&mut self, desk: &mut Desk<'_>) {
        let Some(order) = self.order else { return };
        self.at = order.spot;
        self.stage(Stage::Arrive, desk);
        self.wait(Duty::ToPatient, desk.now + time_to_patient(desk.rules, order.call), desk);
    }

    fn arrive_at_hospital(&mut self, hospital: u32, desk: &mut Desk<'_>) {
        let Some(order) = self.order else { return };
        self.stage(Stage::Hospital, desk);
        self.wait(Duty::AtHospital(hospital), SimTime::MAX, desk);
        let notice = Notice::AtDoor { unit: self.unit, call: order.call, category: order.category };
        desk.post.0.post(self.id(), actor(HOSPITALS, hospital), notice);
    }

    fn leave_scene(&self, order: &Order, desk: &mut Desk<'_>) {
        if let Some(incident) = order.incident {
            desk.post.0.post(self.id(), actor(INCIDENTS, incident), Notice::LeftScene);
        }
    }

    fn become_free(&mut self, desk: &mut Desk<'_>) {
        self.stage(Stage::Clear, desk);
        self.order = None;
        desk.post.0.post(self.id(), DISPATCHER, Notice::Free { unit: self.unit, spot: self.at });
        self.drive(Duty::Homewards, self.home, false, desk);
    }

    /// Begins a stage that takes until `due`.
    fn wait(&mut self, duty: Duty, due: SimTime, desk: &mut Desk<'_>) {
        self.duty = duty;
        self.due = due;
        if due < SimTime::MAX {
            desk.wakes.0.set(due, self.id());
        }
        self.tell(desk);
    }

    /// Drives to a spot: off from where it stands, or on from where it is.
    fn drive(&mut self, duty: Duty, to: Spot, hurries: bool, desk: &mut Desk<'_>) {
        self.duty = duty;
        self.due = SimTime::MAX;
        self.siren = hurries && desk.rules.siren;
        let road = &desk.percept.road;
        let (vehicle, siren, to_position) = (self.vehicle, self.siren, to.position.as_metres());
        let action = if let Some(at) = road.find(vehicle) {
            let mut way = road.committed(vehicle, &at);
            let last = way.pop().unwrap_or_else(|| road.facts.lane(at.lane).edge);
            let pos = if way.is_empty() { at.pos } else { 0.0 };
            way_to(desk.ways, &road.facts, (last, pos), &to).map(|(rest, _)| {
                way.extend(rest);
                Action::Divert { vehicle, way, to_position, siren }
            })
        } else {
            let from = (self.at.edge.raw(), self.at.position.as_metres());
            way_to(desk.ways, &road.facts, from, &to).map(|(way, _)| Action::SetOut {
                vehicle,
                way,
                from: from.1,
                to_position,
                siren,
            })
        };
        match action {
            Some(action) => desk.actions.0.push(action),
            // No way there: every place was checked before the run, so only a malformed map gets here; it counts as there.
            None => desk.post.0.post(actor(crate::simulation::actors::ROAD, 0), self.id(), Notice::Arrived),
        }
        if let Duty::ToHospital(_) = duty {
            self.at = to;
        }
        self.tell(desk);
    }

    fn stage(&self, stage: Stage, desk: &mut Desk<'_>) {
        if let Some(order) = self.order {
            desk.diary.stage(desk.now, order.call, stage, Some(self.unit), None);
        }
    }

    fn tell(&mut self, desk: &mut Desk<'_>) {
        let status = self.status();
        if std::mem::replace(&mut self.told, status) != status {
            self.say(desk);
        }
    }

    /// Tells what it does, whether that is news or not.
    fn say(&self, desk: &mut Desk<'_>) {
        let what = Happening::Unit { unit: self.unit, status: self.status(), call: self.call() };
        desk.diary.note(desk.now, what);
    }

    fn id(&self) -> crate::simulation::kernel::ActorId {
        super::unit_actor(self.unit)
    }
}

/// Crews read their mail and go on with what is due.
#[expect(clippy::too_many_arguments, reason = "everything a crew has at hand")]
pub(crate) fn serve(
    percept: Res<'_, Percept>,
    rules: Option<Res<'_, Rules>>,
    ways: Option<Res<'_, Wayfinding>>,
    mut ambulances: Query<'_, '_, (&Identity, &mut Mailbox, &mut Ambulance)>,
    mut wakes: ResMut<'_, Wakes>,
    mut actions: ResMut<'_, Actions>,
    mut post: ResMut<'_, Post>,
    mut diary: ResMut<'_, Diary>,
) {
    let (Some(rules), Some(ways)) = (rules, ways) else { return };
    let mut desk = Desk {
        now: percept.now,
        percept: &percept,
        ways: &ways,
        rules: &rules,
        wakes: &mut wakes,
        actions: &mut actions,
        post: &mut post,
        diary: &mut diary,
    };
    for (_, mut mailbox, mut ambulance) in &mut ambulances {
        for letter in std::mem::take(&mut mailbox.bypass_change_detection().0) {
            ambulance.read(letter.message, &mut desk);
        }
        if ambulance.due <= desk.now {
            ambulance.go_on(&mut desk);
        }
    }
}
