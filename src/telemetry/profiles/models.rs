//! Which reading is which public model: names, units and words of the Smart Data Models (smartdatamodels.org), and what remains.
//!
//! Versions: Vehicle 0.2.4 and `TrafficFlowObserved` 0.0.1 of Transportation, `AirQualityObserved` 0.1.4 of Environment,
//! `WeatherObserved` 0.3.4 of Weather, `ParkingSpot` 0.1.0 of Parking, Alert 0.0.3 of Alert, Device 0.0.9 and `DeviceMeasurement`
//! 0.1.0 of Device. No public model knows how full an emergency department is: it is an entity of our own. Unit codes are those of
//! UN/CEFACT, Recommendation 20. What a model has no word for has a name of our own, which NGSI-LD's default context takes in.

use super::super::reading::{Reading, ReadingKind, UnitStatus};
use super::super::record::Record;
use crate::primitives::{SimDuration, Timestamp};

/// How a reading travels as an entity.
#[derive(Debug)]
pub(super) struct Model {
    /// The type of the entity.
    pub(super) entity: &'static str,
    /// The subject whose context has the words; empty if there is none.
    pub(super) subject: &'static str,
    /// The property that says when.
    pub(super) time: &'static str,
    /// The columns, except for latitude and longitude, which are `location`.
    pub(super) attributes: &'static [Attribute],
}

/// How a column travels as an attribute.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attribute {
    pub(super) column: &'static str,
    pub(super) name: &'static str,
    /// The code of its unit; empty if it has none.
    pub(super) unit: &'static str,
    pub(super) form: Form,
}

/// What an attribute says of its column's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The value as it is.
    Plain,
    /// Percent as a share of one.
    Share,
    /// A number counted from 0 as one counted from 1.
    FromOne,
    /// A name as the entity of this type that has it.
    Entity(&'static str),
    /// One word for yes, one for no.
    Either(&'static str, &'static str),
    /// A direction, or -1 if something that moves has none.
    Heading,
}

const fn says(column: &'static str, name: &'static str, unit: &'static str) -> Attribute {
    Attribute { column, name, unit, form: Form::Plain }
}

const fn share(column: &'static str, name: &'static str) -> Attribute {
    Attribute { column, name, unit: "C62", form: Form::Share }
}

const fn named(column: &'static str, name: &'static str, of: &'static str) -> Attribute {
    Attribute { column, name, unit: "", form: Form::Entity(of) }
}

const ROAD: Attribute = named("road_id", "refRoadSegment", "RoadSegment");
const PERIOD: Attribute = says("period_s", "observationPeriod", "SEC");
const FLOW_SPEED: Attribute = says("speed", "averageVehicleSpeed", "KMH");

const POSITION: Model = Model {
    entity: "Vehicle",
    subject: "Transportation",
    time: "observationDateTime",
    attributes: &[
        says("vehicle_id", "fleetVehicleId", ""),
        says("vehicle_class", "vehicleClass", ""),
        says("ignition", "ignitionStatus", ""),
        says("fix", "gnssFix", ""),
        says("speed", "speed", "KMH"),
        Attribute { column: "direction", name: "heading", unit: "DD", form: Form::Heading },
        says("hdop", "hdop", ""),
    ],
};
const LOOP: Model = Model {
    entity: "TrafficFlowObserved",
    subject: "Transportation",
    time: "dateObserved",
    attributes: &[
        ROAD,
        Attribute { column: "lane", name: "laneId", unit: "", form: Form::FromOne },
        PERIOD,
        says("count", "intensity", ""),
        share("occupancy", "occupancy"),
        FLOW_SPEED,
    ],
};
const CAMERA: Model = Model {
    entity: "TrafficFlowObserved",
    subject: "Transportation",
    time: "dateObserved",
    attributes: &[
        ROAD,
        PERIOD,
        says("cars", "carCount", ""),
        says("vans", "vanCount", ""),
        says("trucks", "truckCount", ""),
        says("buses", "busCount", ""),
        says("motorcycles", "motorcycleCount", ""),
        says("others", "otherVehicleCount", ""),
        FLOW_SPEED,
    ],
};
const AIR: Model = Model {
    entity: "AirQualityObserved",
    subject: "Environment",
    time: "dateObserved",
    attributes: &[
        says("pm2_5", "pm25", "GQ"),
        says("pm10", "pm10", "GQ"),
        says("no2", "no2", "GQ"),
        says("o3", "o3", "GQ"),
        says("co", "co", "GP"),
        says("temperature", "temperature", "CEL"),
        share("humidity", "relativeHumidity"),
    ],
};
const WEATHER: Model = Model {
    entity: "WeatherObserved",
    subject: "Weather",
    time: "dateObserved",
    attributes: &[
        says("sky", "weatherType", ""),
        says("temperature", "temperature", "CEL"),
        share("humidity", "relativeHumidity"),
        says("wind_speed", "windSpeed", "MTS"),
        says("wind_direction", "windDirection", "DD"),
        says("precipitation", "precipitation", "H67"),
        says("visibility", "visibility", "MTR"),
    ],
};
const PARKING: Model = Model {
    entity: "ParkingSpot",
    subject: "Parking",
    time: "timeInstant",
    attributes: &[
        named("road_id", "refParkingSite", "OnStreetParking"),
        Attribute { column: "occupied", name: "status", unit: "", form: Form::Either("occupied", "free") },
        says("battery_v", "batteryVoltage", "VLT"),
    ],
};
const SIGNAL: Model = Model {
    entity: "DeviceMeasurement",
    subject: "Device",
    time: "dateObserved",
    attributes: &[
        named("junction_id", "refJunction", "Junction"),
        says("phase", "numValue", ""),
        says("state", "textValue", ""),
    ],
};
const INCIDENT: Model = Model {
    entity: "Alert",
    subject: "Alert",
    time: "dateIssued",
    attributes: &[
        says("incident_id", "incidentId", ""),
        says("incident_kind", "incidentKind", ""),
        says("status", "incidentStatus", ""),
        says("severity", "severity", ""),
        ROAD,
        says("lanes_blocked", "lanesBlocked", ""),
        says("casualties", "casualties", ""),
    ],
};
const CALL: Model = Model {
    entity: "Alert",
    subject: "Alert",
    time: "dateIssued",
    attributes: &[
        says("call_id", "callId", ""),
        says("status", "callStatus", ""),
        says("severity", "severity", ""),
        says("incident_id", "incidentId", ""),
        says("unit_id", "unitId", ""),
        says("hospital_id", "hospitalId", ""),
    ],
};
const UNIT: Model = Model {
    entity: "Vehicle",
    subject: "Transportation",
    time: "observationDateTime",
    attributes: &[
        says("unit_id", "fleetVehicleId", ""),
        says("status", "unitStatus", ""),
        says("siren", "siren", ""),
        says("speed", "speed", "KMH"),
        says("call_id", "callId", ""),
    ],
};
const HOSPITAL: Model = Model {
    entity: "EmergencyDepartment",
    subject: "",
    time: "dateObserved",
    attributes: &[
        says("hospital_id", "hospitalId", ""),
        says("bays", "bays", ""),
        says("bays_taken", "baysTaken", ""),
        says("ambulances_waiting", "ambulancesWaiting", ""),
    ],
};
const HEALTH: Model = Model {
    entity: "Device",
    subject: "Device",
    time: "dateObserved",
    attributes: &[
        says("battery_v", "batteryVoltage", "VLT"),
        says("uptime_s", "uptime", "SEC"),
        says("message", "faultMessage", ""),
    ],
};

/// The model of a kind.
pub(super) const fn model(kind: ReadingKind) -> &'static Model {
    match kind {
        ReadingKind::Position => &POSITION,
        ReadingKind::LoopCount => &LOOP,
        ReadingKind::CameraCount => &CAMERA,
        ReadingKind::Air => &AIR,
        ReadingKind::Weather => &WEATHER,
        ReadingKind::Parking => &PARKING,
        ReadingKind::Signal => &SIGNAL,
        ReadingKind::Incident => &INCIDENT,
        ReadingKind::Call => &CALL,
        ReadingKind::Unit => &UNIT,
        ReadingKind::Hospital => &HOSPITAL,
        ReadingKind::Health => &HEALTH,
    }
}

/// What an entity says besides, because its model asks for it: it follows from the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Derived {
    Word(&'static str),
    Words(&'static [&'static str]),
    Count(u64),
    Moment(Timestamp),
    /// The entity of the device itself.
    Device,
}

/// Everything that follows from a record, by name.
pub(super) fn derived(record: &Record) -> Vec<(&'static str, Derived)> {
    let period = |seconds: u32| {
        let from = record.time.later(SimDuration::milliseconds(-1000 * i64::from(seconds)));
        [("dateObservedFrom", Derived::Moment(from)), ("dateObservedTo", Derived::Moment(record.time))]
    };
    match &record.reading {
        Reading::Position(reading) => vec![
            ("vehicleType", Derived::Word(vehicle_type(&reading.vehicle_class))),
            ("category", Derived::Words(&["tracked"])),
        ],
        Reading::LoopCount(reading) => period(reading.period_s).to_vec(),
        Reading::CameraCount(reading) => {
            let classes =
                [reading.cars, reading.vans, reading.trucks, reading.buses, reading.motorcycles, reading.others];
            let mut all = period(reading.period_s).to_vec();
            all.push(("intensity", Derived::Count(classes.into_iter().map(u64::from).sum())));
            all
        }
        Reading::Air(_) | Reading::Weather(_) => vec![("refDevice", Derived::Device)],
        Reading::Parking(_) => vec![("category", Derived::Words(&["onStreet"]))],
        Reading::Signal(_) => vec![
            ("refDevice", Derived::Device),
            ("deviceType", Derived::Word("trafficSignalController")),
            ("controlledProperty", Derived::Word("trafficSignalState")),
        ],
        Reading::Incident(reading) => vec![
            ("category", Derived::Word("traffic")),
            ("subCategory", Derived::Word(alert_of(&reading.incident_kind))),
            ("alertSource", Derived::Device),
        ],
        Reading::Call(_) => vec![("category", Derived::Word("health")), ("alertSource", Derived::Device)],
        Reading::Unit(reading) => vec![
            ("vehicleType", Derived::Word("ambulance")),
            ("category", Derived::Words(&["specialUsage", "tracked"])),
            ("vehicleSpecialUsage", Derived::Word("ambulance")),
            ("emergencyVehicleType", Derived::Word("ambulance")),
            ("serviceStatus", Derived::Word(service_of(reading.status))),
        ],
        Reading::Hospital(_) => Vec::new(),
        Reading::Health(reading) => vec![
            ("controlledProperty", Derived::Words(&["batterySupply"])),
            ("deviceState", Derived::Word(if reading.message.is_none() { "ok" } else { "fault" })),
            ("dateLastValueReported", Derived::Moment(record.time)),
        ],
    }
}

/// A vehicle's class in the model's words, which are those of DATEX II and some more.
fn vehicle_type(class: &str) -> &'static str {
    match class {
        "passenger" | "private" | "hov" | "taxi" | "evehicle" | "authority" | "vip" => "car",
        "bus" | "coach" => "bus",
        "delivery" => "van",
        "truck" => "lorry",
        "trailer" => "articulatedVehicle",
        "motorcycle" => "motorcycle",
        "moped" => "moped",
        "bicycle" => "bicycle",
        "scooter" => "e-scooter",
        "tram" => "tram",
        _ => "other",
    }
}

/// What kind of alert an incident is.
fn alert_of(kind: &str) -> &'static str {
    match kind {
        "crash" => "carAccident",
        "breakdown" => "carStopped",
        "roadworks" => "roadWorks",
        _ => "hazardOnRoad",
    }
}

/// What service an ambulance gives.
const fn service_of(status: UnitStatus) -> &'static str {
    match status {
        UnitStatus::AtStation => "parked",
        UnitStatus::Returning => "outOfService",
        UnitStatus::Dispatched
        | UnitStatus::EnRoute
        | UnitStatus::AtScene
        | UnitStatus::Transporting
        | UnitStatus::AtHospital => "onRoute",
    }
}
