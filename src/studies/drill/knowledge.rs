//! What the control room knows: a fold over what it is told.
//!
//! It is told of calls by stage, of units by what their crews report, and of hospitals by what they report; a place comes with a report
//! and is as old as it. Nothing else gets in: [`Told`] is all there is to learn from, and the city is looked at in [`told`] alone,
//! for what a report says and no more. So whoever is shown what is here sees no more than a dispatcher would.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::primitives::{Category, SimDuration, SimTime};
use crate::simulation::City;
use crate::simulation::outcome::{Call, Happening, Stage, UnitInstant, UnitStatus};

/// How often a unit on the road says where it is [s].
const EVERY: SimDuration = SimDuration::milliseconds(5_000);
/// For how long a call that is over is still shown [s].
const KEPT: SimDuration = SimDuration::milliseconds(600_000);

/// Something that the control room is told.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Told {
    /// A call reached a stage.
    Call {
        at: SimTime,
        call: u32,
        stage: Stage,
        unit: Option<u32>,
        hospital: Option<u32>,
        /// What it is about; told when it is understood, and not before.
        about: Option<About>,
    },
    /// A unit says what it does, and where.
    Unit { at: SimTime, unit: u32, status: UnitStatus, call: Option<u32>, place: (f64, f64) },
    /// A unit on the road says where it is.
    Place { at: SimTime, unit: u32, place: (f64, f64) },
    /// A hospital says how full it is.
    Hospital { at: SimTime, hospital: u32, bays: u32, taken: u32, waiting: u32 },
}

/// What a call is about, once it is understood.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct About {
    pub category: Category,
    /// The road, by its street's name or its id.
    pub road: String,
    /// Longitude and latitude [°].
    pub place: (f64, f64),
}

/// A call as the control room has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct CallCard {
    pub stage: Stage,
    pub received: SimTime,
    pub understood: Option<SimTime>,
    pub about: Option<About>,
    pub unit: Option<u32>,
    pub hospital: Option<u32>,
    pub closed: Option<SimTime>,
}

/// A unit as the control room has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct UnitCard {
    pub name: String,
    pub station: String,
    pub status: UnitStatus,
    pub call: Option<u32>,
    /// Longitude and latitude as of its last report [°].
    pub place: (f64, f64),
    /// When that was.
    pub seen: SimTime,
    /// The hospital that was named for its patient, or that it left for.
    pub hospital: Option<u32>,
}

impl UnitCard {
    /// Whether it may be sent to a call.
    pub(super) fn is_free(&self) -> bool {
        matches!(self.status, UnitStatus::Available | UnitStatus::Returning) && self.call.is_none()
    }

    /// Whether it is on its way to a call and may be sent to another.
    pub(super) fn is_divertible(&self) -> bool {
        matches!(self.status, UnitStatus::Dispatched | UnitStatus::EnRoute) && self.call.is_some()
    }
}

/// A hospital as the control room has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct HospitalCard {
    pub name: String,
    pub place: (f64, f64),
    pub bays: u32,
    pub taken: u32,
    pub waiting: u32,
    /// When it last reported; none before it did.
    pub seen: Option<SimTime>,
}

/// What the control room knows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Knowledge {
    pub calls: BTreeMap<u32, CallCard>,
    pub units: Vec<UnitCard>,
    pub hospitals: Vec<HospitalCard>,
}

impl Knowledge {
    /// What is known before anybody reports: the fleet and the hospitals, and what came in before one began to listen.
    pub(super) fn of(city: &City) -> Self {
        let now = city.time();
        let units = city.units().into_iter().map(|unit| UnitCard {
            name: city.unit_name(unit.unit).unwrap_or_default().to_owned(),
            station: city.station_name(unit.unit).unwrap_or_default().to_owned(),
            status: unit.status,
            call: unit.call,
            place: place(city, &unit),
            seen: now,
            hospital: None,
        });
        let hospitals = city.hospitals().into_iter().map(|hospital| HospitalCard {
            name: city.hospital_name(hospital.hospital).unwrap_or_default().to_owned(),
            place: city.place(hospital.spot.lane, hospital.spot.position.as_metres()),
            bays: hospital.bays,
            taken: hospital.taking_over,
            waiting: hospital.waiting,
            seen: None,
        });
        let mut known = Self { calls: BTreeMap::new(), units: units.collect(), hospitals: hospitals.collect() };
        for call in city.open_calls() {
            for stage in Stage::ALL {
                if let Some(at) = call.at(stage) {
                    let about = (stage == Stage::Queue).then(|| about(city, &call));
                    let (unit, hospital) = (call.unit, call.hospital);
                    known.take(&Told::Call { at, call: call.number, stage, unit, hospital, about });
                }
            }
        }
        known
    }

    /// Takes up what is told.
    pub(super) fn take(&mut self, told: &Told) {
        match told {
            Told::Call { at, call, stage, unit, hospital, about } => {
                self.take_call(*at, *call, *stage, (*unit, *hospital), about.as_ref());
            }
            &Told::Unit { at, unit, status, call, place } => {
                let Some(card) = self.units.get_mut(unit as usize) else { return };
                (card.status, card.call, card.place, card.seen) = (status, call, place, at);
                if call.is_none() {
                    card.hospital = None;
                }
            }
            &Told::Place { at, unit, place } => {
                if let Some(card) = self.units.get_mut(unit as usize) {
                    (card.place, card.seen) = (place, at);
                }
            }
            &Told::Hospital { at, hospital, bays, taken, waiting } => {
                if let Some(card) = self.hospitals.get_mut(hospital as usize) {
                    (card.bays, card.taken, card.waiting, card.seen) = (bays, taken, waiting, Some(at));
                }
            }
        }
    }

    fn take_call(
        &mut self,
        at: SimTime,
        call: u32,
        stage: Stage,
        (unit, hospital): (Option<u32>, Option<u32>),
        about: Option<&About>,
    ) {
        let card = self.calls.entry(call).or_insert_with(|| CallCard {
            stage,
            received: at,
            understood: None,
            about: None,
            unit: None,
            hospital: None,
            closed: None,
        });
        card.stage = stage;
        card.hospital = hospital.or(card.hospital);
        if let Some(about) = about {
            card.about = Some(about.clone());
        }
        match stage {
            Stage::Queue => {
                card.understood = card.understood.or(Some(at));
                // Whoever was on the way no longer is.
                if let Some(before) = card.unit.take().and_then(|unit| self.units.get_mut(unit as usize))
                    && before.call == Some(call)
                {
                    (before.call, before.hospital) = (None, None);
                }
                return;
            }
            Stage::Clear => card.closed = Some(at),
            _ => {}
        }
        card.unit = unit.or(card.unit);
        let Some(unit) = unit.and_then(|unit| self.units.get_mut(unit as usize)) else { return };
        if stage == Stage::Dispatch {
            (unit.call, unit.hospital) = (Some(call), None);
        }
        unit.hospital = hospital.or(unit.hospital);
    }

    /// A hospital was named for a unit's patient.
    pub(super) fn named(&mut self, unit: u32, hospital: u32) {
        if let Some(card) = self.units.get_mut(unit as usize) {
            card.hospital = Some(hospital);
        }
    }

    /// Forgets calls that have been over for long.
    pub(super) fn forget(&mut self, now: SimTime) {
        self.calls.retain(|_, card| card.closed.is_none_or(|closed| now - closed <= KEPT));
    }

    /// Units that are free.
    pub(super) fn units_free(&self) -> usize {
        self.units.iter().filter(|unit| unit.is_free()).count()
    }

    /// Calls that were understood and wait for a unit, and since when.
    pub(super) fn waiting(&self) -> impl Iterator<Item = SimTime> {
        self.calls.values().filter(|card| card.stage == Stage::Queue).filter_map(|card| card.understood)
    }
}

/// What the control room was told in the last step, in order.
pub(super) fn told(city: &City) -> Vec<Told> {
    let began = city.time() - city.settings().step;
    let happened = city.happenings();
    let on_time = began.as_milliseconds() % EVERY.as_milliseconds() == 0;
    if happened.is_empty() && !on_time {
        return Vec::new();
    }
    let units = city.units();
    let mut all = Vec::new();
    for happened in happened {
        let at = happened.at;
        all.extend(match happened.what {
            // Nobody tells a control room what blocks a road but those who call.
            Happening::Incident { .. } => None,
            Happening::Call { call, stage, unit, hospital } => {
                let known = if stage == Stage::Queue { city.call(call) } else { None };
                let about = known.map(|known| about(city, &known));
                Some(Told::Call { at, call, stage, unit, hospital, about })
            }
            Happening::Unit { unit, status, call } => units.iter().find(|one| one.unit == unit).map(|one| Told::Unit {
                at,
                unit,
                status,
                call,
                place: place(city, one),
            }),
            Happening::Hospital { hospital, taking_over, waiting } => {
                let bays = city.hospitals().into_iter().find(|one| one.hospital == hospital).map(|one| one.bays);
                bays.map(|bays| Told::Hospital { at, hospital, bays, taken: taking_over, waiting })
            }
        });
    }
    if on_time {
        let driving = units.iter().filter(|unit| unit.on_road);
        all.extend(driving.map(|unit| Told::Place { at: began, unit: unit.unit, place: place(city, unit) }));
    }
    all
}

fn place(city: &City, unit: &UnitInstant) -> (f64, f64) {
    city.place(unit.lane, unit.position)
}

fn about(city: &City, call: &Call) -> About {
    let place = city.place(call.lane, call.position.as_metres());
    About { category: call.category, road: road_name(city, call.edge), place }
}

/// A road's street as people know it, or its id.
pub(super) fn road_name(city: &City, road: crate::primitives::ids::EdgeId) -> String {
    let edge = city.network().edge(road);
    edge.street.clone().unwrap_or_else(|| edge.name.clone())
}
