//! What is said in words over the socket: what clients may say, and the JSON they are told.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::port::{
    Scene, SceneCall, SceneIncident, SceneTotals, SceneUnit, SceneWeather, SessionInfo, UnitDuty,
};
use super::super::scene::{Bounds, Columns, TILE_ZOOM, TileId, Tracks};
use super::place::Place;
use crate::primitives::VehicleClass;

/// Version of what is said.
const VERSION: u8 = 1;
/// Most vehicles told in words at once.
const VEHICLES_MAX: usize = 2_000;
/// Most calls that wait told in words at once.
const WAITING_MAX: usize = 200;

/// What a client says.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Said {
    /// It wants to see a session.
    Subscribe {
        session: String,
        #[serde(default)]
        bounds: Option<[f64; 4]>,
        #[serde(default = "ten")]
        rate: u8,
        #[serde(default)]
        format: Format,
    },
    /// It looks elsewhere.
    Bounds { bounds: Option<[f64; 4]> },
    /// It has applied the frame of this tick.
    Ack { tick: u32 },
    /// It wants to hear something.
    Ping { n: i64 },
}

const fn ten() -> u8 {
    10
}

/// How vehicles are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    /// In frames.
    #[default]
    Binary,
    /// In words.
    Json,
}

/// What a client says, or why it cannot be understood.
pub(super) fn heard(text: &str) -> Result<Said, String> {
    serde_json::from_str(text).map_err(|error| format!("this cannot be understood: {error}; see `/api/v1`"))
}

/// The rectangle a client names, if it names one.
pub(super) fn rectangle(bounds: Option<[f64; 4]>) -> Result<Option<Bounds>, String> {
    let Some(sides) = bounds else { return Ok(None) };
    let wrong = || format!("{sides:?} is no rectangle of the earth; say [west, south, east, north] in degrees");
    Bounds::new(sides).map(Some).ok_or_else(wrong)
}

/// What a client is told, but for vehicles in frames.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Told<'a> {
    Hello {
        version: u8,
        city: &'a str,
        tile_zoom: u8,
        session: &'a SessionInfo,
    },
    State {
        session: &'a SessionInfo,
        totals: &'a SceneTotals,
        units: Vec<Unit<'a>>,
        incidents: Vec<Incident>,
        closed: Vec<u32>,
        waiting: Vec<Call>,
        #[serde(skip_serializing_if = "is_zero")]
        waiting_more: usize,
        weather: Option<SceneWeather>,
    },
    Signals {
        full: bool,
        signals: std::collections::BTreeMap<&'a str, &'a str>,
    },
    Event {
        event: &'a RawValue,
    },
    Alert {
        alert: &'a RawValue,
    },
    Missed {
        events: u64,
    },
    Vehicles {
        time_s: f64,
        vehicles: Vec<Vehicle>,
        #[serde(skip_serializing_if = "is_zero")]
        more: usize,
    },
    Sessions {
        sessions: &'a [SessionInfo],
    },
    Pong {
        n: i64,
    },
    Bye {
        reason: &'a str,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Told<'_> {
    /// As it is sent.
    pub(super) fn text(&self) -> String {
        let written = serde_json::to_string(self);
        debug_assert!(written.is_ok(), "plain fields always become JSON");
        written.unwrap_or_default()
    }
}

/// An ambulance.
#[derive(Debug, Serialize)]
pub(super) struct Unit<'a> {
    #[serde(rename = "unit")]
    number: u32,
    name: &'a str,
    vehicle: u32,
    duty: &'static str,
    call: Option<u32>,
    lon: f64,
    lat: f64,
    heading: f64,
    on_road: bool,
}

/// An incident.
#[derive(Debug, Serialize)]
pub(super) struct Incident {
    #[serde(rename = "incident")]
    number: u32,
    kind: &'static str,
    severity: &'static str,
    lon: f64,
    lat: f64,
    since_s: f64,
}

/// A call that waits for a unit.
#[derive(Debug, Serialize)]
pub(super) struct Call {
    #[serde(rename = "call")]
    number: u32,
    severity: &'static str,
    kind: &'static str,
    incident: Option<u32>,
    lon: f64,
    lat: f64,
    since_s: f64,
}

/// A vehicle.
#[derive(Debug, Serialize)]
pub(super) struct Vehicle {
    id: u32,
    lon: f64,
    lat: f64,
    heading: f64,
    speed: f64,
    class: &'static str,
    siren: bool,
    at_stop: bool,
}

/// The greeting of who looks at a session from now on.
pub(super) fn hello(city: &str, session: &SessionInfo) -> String {
    Told::Hello { version: VERSION, city, tile_zoom: TILE_ZOOM, session }.text()
}

/// How a session is, in words.
pub(super) fn state(session: &SessionInfo, scene: &Scene, place: &Place) -> String {
    let tracks = &*place.tracks;
    let units = scene.units.iter().map(|unit| unit_told(unit, tracks)).collect();
    let incidents = scene.incidents.iter().map(|incident| incident_told(incident, tracks)).collect();
    let waiting = scene.waiting.iter().take(WAITING_MAX).map(|call| call_told(call, tracks)).collect();
    let waiting_more = scene.waiting.len().saturating_sub(WAITING_MAX);
    let closed = place.drawn(&scene.closed);
    let weather = scene.weather;
    Told::State { session, totals: &scene.totals, units, incidents, closed, waiting, waiting_more, weather }.text()
}

/// Degrees with seven decimals: a centimetre.
fn rounded(degrees: f64) -> f64 {
    (degrees * 1e7).round() / 1e7
}

/// Longitude, latitude and heading [°] of a place on a lane.
fn placed((lane, position): (u32, f32), tracks: &Tracks) -> (f64, f64, f64) {
    let spot = tracks.spot(lane, position);
    spot.map_or((0.0, 0.0, 0.0), |spot| {
        let (lon, lat) = spot.lon_lat();
        (rounded(lon), rounded(lat), spot.degrees())
    })
}

fn unit_told<'a>(unit: &'a SceneUnit, tracks: &Tracks) -> Unit<'a> {
    let (lon, lat, heading) = placed(unit.place, tracks);
    Unit {
        number: unit.unit,
        name: &unit.name,
        vehicle: unit.vehicle,
        duty: duty(unit.duty),
        call: unit.call,
        lon,
        lat,
        heading,
        on_road: unit.on_road,
    }
}

/// The word for what a unit is about.
pub(super) const fn duty(duty: UnitDuty) -> &'static str {
    match duty {
        UnitDuty::AtStation => "at-station",
        UnitDuty::Returning => "returning",
        UnitDuty::TurningOut => "turning-out",
        UnitDuty::EnRoute => "en-route",
        UnitDuty::AtScene => "at-scene",
        UnitDuty::Transporting => "transporting",
        UnitDuty::AtHospital => "at-hospital",
    }
}

fn incident_told(incident: &SceneIncident, tracks: &Tracks) -> Incident {
    let (lon, lat, _) = placed(incident.place, tracks);
    Incident {
        number: incident.incident,
        kind: incident.kind,
        severity: incident.severity,
        lon,
        lat,
        since_s: incident.since.as_seconds(),
    }
}

fn call_told(call: &SceneCall, tracks: &Tracks) -> Call {
    let (lon, lat, _) = placed(call.place, tracks);
    Call {
        number: call.call,
        severity: call.severity,
        kind: call.kind,
        incident: call.incident,
        lon,
        lat,
        since_s: call.since.as_seconds(),
    }
}

/// Vehicles in a rectangle in words, as many as there is room for.
pub(super) fn vehicles<'a>(time_s: f64, bounds: Bounds, tiles: impl Iterator<Item = (TileId, &'a Columns)>) -> String {
    let (mut told, mut more) = (Vec::new(), 0);
    for (tile, columns) in tiles.filter(|(tile, _)| bounds.meets(*tile)) {
        for row in 0..columns.len() {
            let (lon, lat) = tile.lon_lat(columns.x[row], columns.y[row]);
            if !bounds.contains((lon, lat)) {
                continue;
            }
            if told.len() == VEHICLES_MAX {
                more += 1;
                continue;
            }
            let kind = columns.kind[row];
            let class = VehicleClass::ALL.get(usize::from(kind & 0x1f)).copied().unwrap_or(VehicleClass::Passenger);
            told.push(Vehicle {
                id: columns.ids[row],
                lon: rounded(lon),
                lat: rounded(lat),
                heading: f64::from(columns.heading[row]) * (360.0 / 256.0),
                speed: f64::from(columns.speed[row]) / 4.0,
                class: class.name(),
                siren: kind & 0x20 != 0,
                at_stop: kind & 0x40 != 0,
            });
        }
    }
    Told::Vehicles { time_s, vehicles: told, more }.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_say_is_understood() {
        let said = heard(r#"{"type":"subscribe","session":"live","bounds":[1,2,3,4],"rate":5,"format":"json"}"#);
        let subscribe = Said::Subscribe {
            session: "live".to_owned(),
            bounds: Some([1.0, 2.0, 3.0, 4.0]),
            rate: 5,
            format: Format::Json,
        };
        assert_eq!(said, Ok(subscribe));
        let least = heard(r#"{"type":"subscribe","session":"live","bounds":null}"#);
        let subscribe = Said::Subscribe { session: "live".to_owned(), bounds: None, rate: 10, format: Format::Binary };
        assert_eq!(least, Ok(subscribe));
        assert_eq!(heard(r#"{"type":"ack","tick":4294967295}"#), Ok(Said::Ack { tick: u32::MAX }));
        assert_eq!(heard(r#"{"type":"bounds","bounds":null}"#), Ok(Said::Bounds { bounds: None }));
        assert_eq!(heard(r#"{"type":"ping","n":-1}"#), Ok(Said::Ping { n: -1 }));
    }

    #[test]
    fn what_makes_no_sense_is_answered_with_a_sentence() {
        let deep = "[".repeat(4000);
        let bad = [
            "",
            "{",
            "null",
            r#"{"type":"ack","tick":-1}"#,
            r#"{"type":"shout"}"#,
            r#"{"type":"ack","tick":1,"more":2}"#,
            r#"{"type":"subscribe","session":"live","rate":300}"#,
            &deep,
        ];
        for text in bad {
            let error = heard(text).expect_err(text);
            assert!(error.starts_with("this cannot be understood: "), "{error}");
        }
        assert!(rectangle(Some([0.0, 5.0, 1.0, 4.0])).is_err());
    }
}
