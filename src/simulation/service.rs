//! What there is to see of the ambulance service in a running city: who sends, hospitals, and how long each ambulance would take.
//!
//! Read and never kept, like the other views. A predicted time is what the city's own dispatcher reckons with: the quickest way by
//! present traffic.

use std::sync::Arc;

use super::City;
use super::actors::emergency::ambulance::Ambulance;
use super::actors::emergency::by_hand::ByHand;
use super::actors::emergency::dispatcher::Dispatcher;
use super::actors::emergency::hospital::Department;
use super::actors::emergency::{AMBULANCES, DISPATCHER, HOSPITALS, Order, TURN_OUT, unit_actor};
use super::actors::sensors::earth::Earth;
use super::actors::{Directory, Percept, Post, Wayfinding};
use super::ledger::Ledger;
use super::outcome::{Call, Stage, UnitStatus};
use crate::city::emergency::Spot;
use crate::city::network::Network;
use crate::city::scenario::settings::RunSettings;
use crate::primitives::ids::LaneId;
use crate::primitives::{Point, SimDuration};

/// An ambulance that could go to a call, and how long it would take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Predicted {
    /// Its number.
    pub unit: u32,
    /// What it does now.
    pub status: UnitStatus,
    /// Driving, by present traffic [s]: what the city's own dispatcher sends by.
    pub travel: SimDuration,
    /// Until it sets out, as long as crews take on average [s]; none where it is on the road already.
    pub turnout: Option<SimDuration>,
    /// The call that it would be taken from.
    pub from_call: Option<u32>,
}

impl Predicted {
    /// From now until it is at the scene [s].
    pub fn total(&self) -> SimDuration {
        self.travel + self.turnout.unwrap_or(SimDuration::ZERO)
    }
}

/// A hospital's emergency department as it is now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HospitalInstant {
    /// Its number.
    pub hospital: u32,
    /// Its gate.
    pub spot: Spot,
    /// Patients it takes over at the same time.
    pub bays: u32,
    /// Patients being taken over.
    pub taking_over: u32,
    /// Ambulances that wait with theirs.
    pub waiting: u32,
}

impl City {
    /// Whether ambulances are sent by hand, and not by the city's own dispatcher.
    pub fn is_dispatched_by_hand(&self) -> bool {
        self.world.get_resource::<ByHand>().is_some_and(|by_hand| by_hand.dispatching)
    }

    /// The hospital that was named for an ambulance by hand and that it has not left for yet.
    pub fn named_hospital(&self, unit: u32) -> Option<u32> {
        self.world.get_resource::<ByHand>()?.hospitals.get(&unit).copied()
    }

    /// The name of a hospital.
    pub fn hospital_name(&self, hospital: u32) -> Option<&str> {
        self.origin.service.hospitals.get(hospital as usize).map(String::as_str)
    }

    /// The hospital of a name, by its number.
    pub fn hospital_named(&self, name: &str) -> Option<u32> {
        let place = self.origin.service.hospitals.iter().position(|hospital| hospital == name)?;
        u32::try_from(place).ok()
    }

    /// The name of the station that an ambulance belongs to.
    pub fn station_name(&self, unit: u32) -> Option<&str> {
        self.origin.service.stations.get(unit as usize).map(String::as_str)
    }

    /// The gate of the station that an ambulance belongs to.
    pub fn station(&self, unit: u32) -> Option<Spot> {
        self.ambulance(unit).map(Ambulance::home)
    }

    /// Every hospital as it is now, by number.
    pub fn hospitals(&self) -> Vec<HospitalInstant> {
        let (Some(directory), Some(dispatcher)) = (self.world.get_resource::<Directory>(), self.dispatcher()) else {
            return Vec::new();
        };
        let seen = |(hospital, entity)| {
            let (bays, taking_over, waiting) = self.world.get::<Department>(entity)?.counts();
            let (spot, _) = dispatcher.hospital(hospital)?;
            Some(HospitalInstant { hospital, spot, bays, taking_over, waiting })
        };
        directory.column(HOSPITALS).filter_map(seen).collect()
    }

    /// Every call that came in, by number.
    pub fn calls(&self) -> Vec<Call> {
        let calls = self.world.get_resource::<Ledger>().map_or(&[][..], Ledger::all_calls);
        calls.iter().filter(|call| call.at(Stage::Call).is_some()).cloned().collect()
    }

    /// The numbers that the next incident and the next call will have that are brought about by hand.
    pub fn next_numbers(&self) -> (u32, u32) {
        let ledger = self.world.get_resource::<Ledger>();
        ledger.map_or((0, 0), |ledger| (ledger.incidents_known(), ledger.calls_known()))
    }

    /// The map.
    pub fn network(&self) -> &Arc<Network> {
        &self.origin.network
    }

    /// What the run was told: its seed, begin, end, step.
    pub fn settings(&self) -> &RunSettings {
        &self.settings
    }

    /// Longitude and latitude of a place on a lane, as devices write them: with six decimals [°].
    pub fn place(&self, lane: LaneId, position: f64) -> (f64, f64) {
        let lane = self.origin.network.lane(lane);
        let length = lane.length.as_metres();
        let share = if length > 0.0 { (position / length).clamp(0.0, 1.0) } else { 0.0 };
        self.place_of(lane.shape.point_at(share * lane.shape.length()))
    }

    /// Longitude and latitude of a point of the map [°].
    pub fn place_of(&self, point: Point) -> (f64, f64) {
        self.origin.earth.get_or_init(|| Earth::new(&self.origin.network)).written(point)
    }

    /// How long every ambulance would take to a call that can be sent to it now: those that are free, and those on their way to
    /// another call. By number; an ambulance that finds no way is left out.
    ///
    /// # Errors
    /// With a sentence, where there is no such call, it is not understood yet, or somebody is with it.
    pub fn predict(&self, call: u32) -> Result<Vec<Predicted>, String> {
        let known = self.call(call).ok_or_else(|| format!("no call {call} has come in; name one that is open"))?;
        if known.at(Stage::Clear).is_some() || known.at(Stage::Arrive).is_some() {
            return Err(format!("somebody is with call {call}, or was; name one that waits"));
        }
        if known.at(Stage::Queue).is_none() {
            return Err(format!("call {call} is still being answered; ask again once it is understood"));
        }
        let (Some(dispatcher), Some(ways)) = (self.dispatcher(), self.world.get_resource::<Wayfinding>()) else {
            return Err("this city has no dispatcher; give its scenario `emergencies`".to_owned());
        };
        let road = &self.world.resource::<Percept>().road;
        let goal = Spot { edge: known.edge, lane: known.lane, position: known.position };
        let mail = &self.world.resource::<Post>().0;
        let directory = self.world.resource::<Directory>();
        let predicted = |(unit, _)| {
            let ambulance = self.ambulance(unit).filter(|_| !mail.is_for(unit_actor(unit)))?;
            let from = ambulance.on_the_way();
            let may = from.map_or(ambulance.is_free() && dispatcher.is_free(unit), |order| order.call != call);
            let travel = dispatcher.time_to(ways, road, unit, &goal).filter(|_| may)?;
            Some(Predicted {
                unit,
                status: ambulance.status(),
                travel: SimDuration::seconds(travel),
                turnout: self.turnout(ambulance, from.as_ref()),
                from_call: from.map(|order| order.call),
            })
        };
        Ok(directory.column(AMBULANCES).filter_map(predicted).collect())
    }

    /// What is left of the time in which a crew gets ready, by the mean of all; none for one that is in its vehicle.
    fn turnout(&self, ambulance: &Ambulance, from: Option<&Order>) -> Option<SimDuration> {
        match ambulance.status() {
            UnitStatus::Available => Some(SimDuration::seconds(TURN_OUT)),
            UnitStatus::Dispatched => {
                let since = from.and_then(|order| self.call(order.call)).and_then(|call| call.at(Stage::Dispatch));
                let passed = since.map_or(0.0, |since| (self.time() - since).as_seconds());
                Some(SimDuration::seconds((TURN_OUT - passed).max(0.0)))
            }
            _ => None,
        }
    }

    fn dispatcher(&self) -> Option<&Dispatcher> {
        self.world.get(self.world.get_resource::<Directory>()?.get(DISPATCHER)?)
    }

    fn ambulance(&self, unit: u32) -> Option<&Ambulance> {
        self.world.get(self.world.get_resource::<Directory>()?.get(unit_actor(unit))?)
    }
}
