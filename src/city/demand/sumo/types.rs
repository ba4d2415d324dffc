//! Vehicle types (`vType`) and choices among them (`vTypeDistribution`).
//!
//! Defaults per class are those of SUMO 1.28 (`SUMOVTypeParameter`, `getDefaultVehicleLength`).

use std::collections::{BTreeMap, BTreeSet};

use crate::city::network::xml::{Element, parse_flag, suggest};
use crate::primitives::ids::KindId;
use crate::primitives::text::{Findings, Place, Problem};
use crate::primitives::{Acceleration, Distance, SimDuration, SimTime, Speed, VehicleClass};

use super::super::fleet;
use super::super::model::{CarFollowing, LaneChanging, SpeedFactor, VehicleKind};

/// Patience that never ends [s].
pub(super) const NEVER: SimDuration = SimDuration::milliseconds(SimTime::MAX.as_milliseconds());

/// The type of vehicles that name none.
pub(super) const DEFAULT_TYPE: &str = "DEFAULT_VEHTYPE";

/// Types SUMO knows without being told.
const DEFAULT_TYPES: [(&str, VehicleClass); 4] = [
    (DEFAULT_TYPE, VehicleClass::Passenger),
    ("DEFAULT_BIKETYPE", VehicleClass::Bicycle),
    ("DEFAULT_TAXITYPE", VehicleClass::Taxi),
    ("DEFAULT_RAILTYPE", VehicleClass::Rail),
];

/// What a type's name stands for.
#[derive(Debug, Clone)]
pub(super) enum Meaning {
    /// One type.
    Kind(KindId),
    /// A choice by weight.
    Choice(Vec<(KindId, f64)>),
}

/// Every type of the files.
#[derive(Debug, Default)]
pub(super) struct Types {
    kinds: Vec<VehicleKind>,
    weights: Vec<f64>,
    meanings: BTreeMap<String, Meaning>,
    places: BTreeMap<String, Place>,
    open: Option<Distribution>,
    pending: Vec<Distribution>,
}

/// A distribution as the file has it.
#[derive(Debug)]
struct Distribution {
    place: Place,
    name: String,
    members: Vec<(String, Option<f64>)>,
}

impl Types {
    /// Every type, in the order of the files.
    pub(super) fn kinds(&self) -> Vec<VehicleKind> {
        self.kinds.clone()
    }

    pub(super) fn kind(&self, id: KindId) -> &VehicleKind {
        &self.kinds[id.index()]
    }

    /// What a name stands for.
    pub(super) fn meaning(&self, name: &str) -> Option<&Meaning> {
        self.meanings.get(name)
    }

    /// Every name there is.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.meanings.keys().map(String::as_str)
    }

    /// Takes in a `vType`, alone or within an open distribution.
    pub(super) fn add_type(&mut self, element: &Element<'_>, patience: SimDuration, findings: &mut Findings) {
        let Some((kind, weight)) = read_type(element, patience, findings) else { return };
        let name = kind.name.clone();
        let id = KindId::new(self.kinds.len());
        self.kinds.push(kind);
        self.weights.push(weight);
        self.define(&name, Meaning::Kind(id), element.place(), findings);
        if let Some(open) = &mut self.open {
            open.members.push((name, None));
        }
    }

    /// Opens a `vTypeDistribution`.
    pub(super) fn open_distribution(&mut self, element: &Element<'_>, findings: &mut Findings) {
        let Some(name) = element.required("id", findings) else { return };
        let names = element.get("vTypes").unwrap_or("").split_ascii_whitespace().map(str::to_string);
        let weights = element.get("probabilities").unwrap_or("").split_ascii_whitespace();
        let mut weights: Vec<Option<f64>> = weights.map(|text| text.parse().ok()).collect();
        let members: Vec<(String, Option<f64>)> = names.zip(weights.drain(..).chain(std::iter::repeat(None))).collect();
        self.open = Some(Distribution { place: element.place(), name: name.into_owned(), members });
    }

    /// Closes the open distribution.
    pub(super) fn close_distribution(&mut self) {
        self.pending.extend(self.open.take());
    }

    /// Resolves the members of all distributions and adds SUMO's own types that are used, once every file is read.
    pub(super) fn finish(&mut self, used: &BTreeSet<&str>, patience: SimDuration, findings: &mut Findings) {
        for distribution in std::mem::take(&mut self.pending) {
            let problem = |message: String| Problem::new(distribution.place.clone(), message);
            let mut choice = Vec::new();
            for (member, weight) in &distribution.members {
                if let Some(Meaning::Kind(id)) = self.meanings.get(member) {
                    choice.push((*id, weight.unwrap_or(self.weights[id.index()])));
                } else {
                    let message = format!("distribution '{}' has an unknown type '{member}'", distribution.name);
                    findings.problem(suggest(problem(message), member, self.meanings.keys().map(String::as_str)));
                }
            }
            if !choice.iter().any(|(_, weight)| *weight > 0.0) && !distribution.members.is_empty() {
                findings.problem(problem(format!("distribution '{}' has no type with a chance", distribution.name)));
            } else if choice.is_empty() {
                findings.problem(problem(format!("distribution '{}' is empty", distribution.name)));
            }
            self.define(&distribution.name, Meaning::Choice(choice), distribution.place.clone(), findings);
        }
        for (name, class) in DEFAULT_TYPES {
            if used.contains(name) && !self.meanings.contains_key(name) {
                let id = KindId::new(self.kinds.len());
                self.kinds.push(default_kind(name, class, patience));
                self.weights.push(1.0);
                self.meanings.insert(name.to_string(), Meaning::Kind(id));
            }
        }
    }

    /// Adds the types of recorded vehicles that no file describes, by what their names say; those that say nothing are cars, which is counted.
    pub(super) fn adopt(&mut self, used: &BTreeSet<String>, patience: SimDuration, findings: &mut Findings) {
        for name in used {
            if self.meanings.contains_key(name) {
                continue;
            }
            let class = fleet::class_of(name).unwrap_or_else(|| {
                findings.unsupported("descriptions of types of vehicles that no file has (taken as cars)", 1);
                VehicleClass::Passenger
            });
            let id = KindId::new(self.kinds.len());
            self.kinds.push(default_kind(name, class, patience));
            self.weights.push(1.0);
            self.meanings.insert(name.clone(), Meaning::Kind(id));
        }
    }

    fn define(&mut self, name: &str, meaning: Meaning, place: Place, findings: &mut Findings) {
        if let Some(first) = self.places.get(name) {
            let message = format!("there are two types '{name}'");
            let problem = Problem::new(place.clone(), message);
            findings.problem(problem.help(format!("the first is at {first}")));
        }
        self.places.insert(name.to_string(), place);
        self.meanings.insert(name.to_string(), meaning);
    }
}

/// The numbers in which classes differ.
#[derive(Debug, Clone, Copy)]
struct ClassDefaults {
    length: f64,
    width: f64,
    gap_min: f64,
    /// Technical maximum [km/h].
    speed_max: f64,
    acceleration: f64,
    deceleration: f64,
    deceleration_emergency: f64,
    deviation: f64,
}

#[rustfmt::skip]
fn class_defaults(class: VehicleClass) -> ClassDefaults {
    use VehicleClass as C;
    let row = |length, width, gap_min, speed_max, acceleration, deceleration, deceleration_emergency, deviation| {
        ClassDefaults { length, width, gap_min, speed_max, acceleration, deceleration, deceleration_emergency, deviation }
    };
    match class {
        //                                        length width  gap  km/h  accel decel  emer.  dev.
        C::Truck                             => row( 7.1, 2.40, 2.5, 130.0, 1.3,  4.0,  7.0, 0.05),
        C::Trailer                           => row(16.5, 2.55, 2.5, 130.0, 1.1,  4.0,  7.0, 0.05),
        C::Bus                               => row(12.0, 2.50, 2.5, 100.0, 1.2,  4.0,  7.0, 0.0),
        C::Coach                             => row(14.0, 2.60, 2.5, 100.0, 2.0,  4.0,  7.0, 0.05),
        C::Delivery                          => row( 6.5, 2.16, 2.5, 200.0, 2.6,  4.5,  9.0, 0.05),
        C::Emergency                         => row( 6.5, 2.16, 2.5, 200.0, 2.6,  4.5,  9.0, 0.0),
        C::Motorcycle                        => row( 2.2, 0.90, 2.5, 200.0, 6.0, 10.0, 10.0, 0.1),
        C::Moped                             => row( 2.1, 0.78, 2.5,  60.0, 1.1,  7.0, 10.0, 0.1),
        // Riders wish for 20 km/h (SUMO's desiredMaxSpeed) although they could ride faster.
        C::Bicycle                           => row( 1.6, 0.65, 0.5,  20.0, 1.2,  3.0,  7.0, 0.1),
        C::Scooter                           => row( 1.2, 0.50, 0.5,  20.0, 1.2,  3.0,  7.0, 0.1),
        C::Tram                              => row(22.0, 2.40, 2.5,  80.0, 1.0,  3.0,  7.0, 0.0),
        C::RailUrban                         => row(109.5, 3.00, 5.0, 100.0, 1.0, 3.0,  7.0, 0.0),
        C::Subway                            => row(109.5, 3.00, 5.0, 100.0, 2.6, 4.5,  9.0, 0.0),
        C::Rail                              => row(135.0, 2.84, 5.0, 160.0, 0.25, 1.3, 5.0, 0.0),
        C::RailElectric                      => row(200.0, 2.95, 5.0, 220.0, 0.5, 1.3,  5.0, 0.0),
        C::RailFast                          => row(200.0, 2.95, 5.0, 330.0, 0.5, 1.3,  5.0, 0.0),
        C::Taxi                              => row( 5.0, 1.80, 2.5, 200.0, 2.6,  4.5,  9.0, 0.05),
        C::Authority | C::Army | C::Ignoring | C::CableCar => row( 5.0, 1.80, 2.5, 200.0, 2.6,  4.5,  9.0, 0.0),
        _                                    => row( 5.0, 1.80, 2.5, 200.0, 2.6,  4.5,  9.0, 0.1),
    }
}

/// How imperfectly drivers of a class keep their speed: not at all on rails, with the exception SUMO makes.
fn imperfection(class: VehicleClass) -> f64 {
    if class.is_rail() && !matches!(class, VehicleClass::Subway | VehicleClass::CableCar) { 0.0 } else { 0.5 }
}

/// A type with nothing but its class's defaults.
pub(in crate::city::demand) fn default_kind(name: &str, class: VehicleClass, patience: SimDuration) -> VehicleKind {
    let defaults = class_defaults(class);
    let acceleration = Acceleration::metres_per_second_squared;
    VehicleKind {
        name: name.to_string(),
        class,
        length: Distance::metres(defaults.length),
        gap_min: Distance::metres(defaults.gap_min),
        width: Distance::metres(defaults.width),
        speed_max: Speed::kilometres_per_hour(defaults.speed_max),
        acceleration: acceleration(defaults.acceleration),
        deceleration: acceleration(defaults.deceleration),
        deceleration_emergency: acceleration(defaults.deceleration_emergency),
        headway: SimDuration::seconds(1.0),
        speed_factor: SpeedFactor { mean: 1.0, deviation: defaults.deviation, min: 0.2, max: 2.0 },
        following: CarFollowing::Krauss { sigma: imperfection(class) },
        lane_changing: LaneChanging {
            strategic: 1.0,
            cooperative: 1.0,
            speed_gain: 1.0,
            keep_right: 1.0,
            assertive: 1.0,
        },
        impatience_after: patience,
    }
}

/// What only draws, counts emissions, or matters for riders and for moving within a lane.
#[rustfmt::skip]
const QUIET: &[&str] = &[
    "id",
    "vClass",
    "probability",
    "color",
    "guiShape",
    "emissionClass",
    "imgFile",
    "osgFile",
    "laneChangeModel",
    "height",
    "mass",
    "personCapacity",
    "containerCapacity",
    "boardingDuration",
    "loadingDuration",
    "boardingFactor",
    "maxSpeedLat",
    "latAlignment",
    "minGapLat",
    "carFollowModel",
    "length",
    "width",
    "minGap",
    "maxSpeed",
    "desiredMaxSpeed",
    "accel",
    "decel",
    "emergencyDecel",
    "apparentDecel",
    "sigma",
    "tau",
    "delta",
    "stepping",
    "speedFactor",
    "speedDev",
    "impatience",
    "lcStrategic",
    "lcCooperative",
    "lcSpeedGain",
    "lcKeepRight",
    "lcAssertive",
    "lcSublane",
    "lcPushy",
    "lcPushyGap",
    "lcAccelLat",
    "lcTurnAlignmentDistance",
    "lcMaxSpeedLatStanding",
    "lcMaxSpeedLatFactor",
    "lcLaneDiscipline",
    "lcSigma",
    "frontSeatPos",
    "seatingWidth",
    "maxPlatformDistance",
    "manoeuverAngleTimes",
    "carriageLength",
    "locomotiveLength",
    "carriageGap",
    "carriageDoors",
    "carriageDoorWidth",
];

fn read_type(element: &Element<'_>, patience: SimDuration, findings: &mut Findings) -> Option<(VehicleKind, f64)> {
    let name = element.required("id", findings)?;
    let class = match element.get("vClass") {
        None => VehicleClass::Passenger,
        Some(word) => VehicleClass::from_name(word).unwrap_or_else(|| {
            let problem = element.problem(format!("type '{name}' has an unknown class '{word}'"));
            findings.problem(suggest(problem, word, VehicleClass::ALL.iter().map(|class| class.name())));
            VehicleClass::Passenger
        }),
    };
    for (attribute, value) in element.attributes() {
        if !QUIET.contains(&attribute) && parse_flag(value) != Some(false) {
            findings.unsupported(format!("'{attribute}' of vehicle types"), 1);
        }
    }
    let mut kind = default_kind(&name, class, patience);
    let mut numbers = Numbers { element, findings };
    numbers.sizes(&mut kind);
    numbers.speeds(&mut kind);
    numbers.following(&mut kind);
    numbers.lane_changing(&mut kind);
    numbers.patience(&mut kind);
    let weight = numbers.positive("probability", true).unwrap_or(1.0);
    Some((kind, weight))
}

/// Reads a type's numbers, each within what makes sense.
struct Numbers<'e, 's, 'f> {
    element: &'e Element<'s>,
    findings: &'f mut Findings,
}

impl Numbers<'_, '_, '_> {
    fn positive(&mut self, attribute: &str, or_zero: bool) -> Option<f64> {
        let value = self.element.number(attribute, self.findings)?;
        if value > 0.0 || (or_zero && value >= 0.0) {
            return Some(value);
        }
        let name = self.element.get("id").unwrap_or("?");
        let message = format!("'{attribute}' of type '{name}' is out of range: {value}");
        self.findings.problem(self.element.problem(message));
        None
    }

    fn sizes(&mut self, kind: &mut VehicleKind) {
        if let Some(length) = self.positive("length", false) {
            kind.length = Distance::metres(length);
        }
        if let Some(width) = self.positive("width", false) {
            kind.width = Distance::metres(width);
        }
        if let Some(gap) = self.positive("minGap", true) {
            kind.gap_min = Distance::metres(gap);
        }
    }

    fn speeds(&mut self, kind: &mut VehicleKind) {
        let technical = self.positive("maxSpeed", false);
        if let Some(speed) = technical {
            // The class's wish still holds for riders whose type only names what they could do.
            let rides = matches!(kind.class, VehicleClass::Bicycle | VehicleClass::Scooter);
            let wish = if rides { kind.speed_max.as_metres_per_second() } else { f64::INFINITY };
            kind.speed_max = Speed::metres_per_second(speed.min(wish));
        }
        if let Some(wish) = self.positive("desiredMaxSpeed", false) {
            let limit = technical.unwrap_or(f64::INFINITY);
            kind.speed_max = Speed::metres_per_second(wish.min(limit));
        }
        if let Some(text) = self.element.get("speedFactor") {
            if let Some(factor) = speed_factor(text, kind.speed_factor) {
                kind.speed_factor = factor;
            } else {
                let message = format!("'speedFactor' is neither a number nor normc(mean,deviation,min,max): '{text}'");
                self.findings.problem(self.element.problem(message));
            }
        }
        if let Some(deviation) = self.positive("speedDev", true) {
            kind.speed_factor.deviation = deviation;
        }
    }

    fn following(&mut self, kind: &mut VehicleKind) {
        let acceleration = Acceleration::metres_per_second_squared;
        if let Some(value) = self.positive("accel", false) {
            kind.acceleration = acceleration(value);
        }
        if let Some(value) = self.positive("decel", false) {
            kind.deceleration = acceleration(value);
        }
        kind.deceleration_emergency = kind.deceleration_emergency.max(kind.deceleration);
        if let Some(value) = self.positive("emergencyDecel", false) {
            kind.deceleration_emergency = acceleration(value).max(kind.deceleration);
        }
        if let Some(value) = self.positive("tau", false) {
            kind.headway = SimDuration::seconds(value);
        }
        let sigma = self.positive("sigma", true).unwrap_or_else(|| imperfection(kind.class));
        let exponent = self.positive("delta", false).unwrap_or(4.0);
        if sigma > 1.0 {
            self.findings.problem(self.element.problem(format!("'sigma' lies between 0 and 1, not at {sigma}")));
        }
        kind.following = match self.element.get("carFollowModel") {
            Some("IDM" | "carFollowing-IDM") => CarFollowing::Idm { exponent },
            None | Some("Krauss" | "carFollowing-Krauss") => CarFollowing::Krauss { sigma },
            Some(other @ ("EIDM" | "IDMM" | "ACC" | "CACC")) => {
                self.findings.unsupported(format!("car-following model {other} (IDM used)"), 1);
                CarFollowing::Idm { exponent }
            }
            Some(other) => {
                self.findings.unsupported(format!("car-following model {other} (Krauss used)"), 1);
                CarFollowing::Krauss { sigma }
            }
        };
        if let Some(other @ ("SL2015" | "DK2008")) = self.element.get("laneChangeModel") {
            self.findings.unsupported(format!("lane-changing model {other} (LC2013 used)"), 1);
        }
    }

    fn lane_changing(&mut self, kind: &mut VehicleKind) {
        let wishes = &mut kind.lane_changing;
        for (attribute, target) in [
            ("lcStrategic", &mut wishes.strategic),
            ("lcCooperative", &mut wishes.cooperative),
            ("lcSpeedGain", &mut wishes.speed_gain),
            ("lcKeepRight", &mut wishes.keep_right),
            ("lcAssertive", &mut wishes.assertive),
        ] {
            // Negative values switch a motive off (SUMO's -1 of lcStrategic and lcCooperative).
            if let Some(value) = self.element.number(attribute, self.findings) {
                *target = value;
            }
        }
        if kind.lane_changing.assertive <= 0.0 {
            self.findings.problem(self.element.problem("'lcAssertive' is not positive"));
        }
    }

    fn patience(&mut self, kind: &mut VehicleKind) {
        match self.element.get("impatience") {
            None => {}
            Some("off") => kind.impatience_after = NEVER,
            Some(_) if self.element.number("impatience", self.findings) == Some(0.0) => {}
            Some(_) => self.findings.unsupported("'impatience' of vehicle types other than 0 and off", 1),
        }
    }
}

/// A number changes the mean only; `norm` and `normc` give all of it.
fn speed_factor(text: &str, default: SpeedFactor) -> Option<SpeedFactor> {
    let text = text.trim();
    let inside = text.strip_prefix("normc(").or_else(|| text.strip_prefix("norm("));
    let factor = if let Some(inside) = inside {
        let numbers: Vec<f64> =
            inside.strip_suffix(')')?.split(',').map(|n| n.trim().parse().ok()).collect::<Option<_>>()?;
        match numbers[..] {
            [mean, deviation] => SpeedFactor { mean, deviation, min: 0.0, max: f64::INFINITY },
            [mean, deviation, min] => SpeedFactor { mean, deviation, min, max: f64::INFINITY },
            [mean, deviation, min, max] => SpeedFactor { mean, deviation, min, max },
            _ => return None,
        }
    } else {
        SpeedFactor { mean: text.parse().ok()?, ..default }
    };
    let sound = factor.mean.is_finite()
        && factor.mean > 0.0
        && factor.deviation.is_finite()
        && factor.deviation >= 0.0
        && (factor.min..=factor.max).contains(&factor.mean);
    sound.then_some(factor)
}
