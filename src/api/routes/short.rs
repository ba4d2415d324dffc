//! Short routes as city platforms name them, each one look at the city's present.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ask::{Ask, Reply, ok};
use super::cities::{AREA, city_id, fleet};
use super::health::{Health, health};
use super::numbers::known;
use super::spec::{Kind, Param, Spec, param};
use crate::api::answers::assets::AssetAnswer;
use crate::api::answers::city::{self, number, place, text};
use crate::api::answers::indicators::{IndicatorAnswer, answers};
use crate::api::problem::Problem;
use crate::pipeline::analytics::{CallChain, IncidentChain, Level, RoadWindow};
use crate::pipeline::stores::Area;
use crate::primitives::text::closest;
use crate::primitives::{SimDuration, Timestamp};
use crate::telemetry::{ReadingKind, Record};

/// Most vehicles told at once.
const VEHICLES_MAX: u64 = 50_000;
/// Most sensors told at once.
const SENSORS_MAX: u64 = 10_000;
/// A vehicle whose tracker has been silent for longer is not told of [s].
const GONE: f64 = 900.0;
/// Roads named in a summary.
const WORST: usize = 10;

const VEHICLES_ASKED: &[Param] = &[
    AREA[0],
    AREA[1],
    AREA[2],
    param("class", Kind::Text(32), "Only of this class, in SUMO's words.", "bus"),
    param("limit", Kind::Whole(1, VEHICLES_MAX), "How many at most; 10000 if nobody says.", "100"),
];
const SENSORS_ASKED: &[Param] = &[
    param("type", Kind::Word(&["loop", "camera", "air", "weather", "parking", "signal"]), "Only of this kind.", "loop"),
    AREA[0],
    AREA[1],
    AREA[2],
    param("limit", Kind::Whole(1, SENSORS_MAX), "How many at most; 1000 if nobody says.", "100"),
];
const ROAD: Param = param("road_id", Kind::Name(256), "The road's id.", "station_road");

/// Where a vehicle is.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct VehicleLocation {
    /// The vehicle.
    pub(crate) vehicle_id: String,
    /// Its tracker.
    pub(crate) device: String,
    /// Its class, in SUMO's words.
    #[schema(example = "bus")]
    pub(crate) class: String,
    /// Latitude [deg].
    pub(crate) latitude: f64,
    /// Longitude [deg].
    pub(crate) longitude: f64,
    /// Speed over ground [km/h].
    pub(crate) speed_kmh: Option<f64>,
    /// Heading, clockwise from north [deg].
    pub(crate) direction: Option<f64>,
    /// When, in the city's time [Unix ms].
    pub(crate) at_ms: i64,
}

/// Where vehicles are.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct VehicleLocations {
    /// The vehicles, by tracker.
    vehicles: Vec<VehicleLocation>,
    /// How many there are in all that was asked for.
    count: usize,
    /// The city's time [Unix ms].
    at_ms: Option<i64>,
}

/// What is being done about emergencies.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ActiveEmergencies {
    /// Calls that are not over, the oldest first, as the table `calls` has them.
    #[schema(value_type = Vec<BTreeMap<String, serde_json::Value>>)]
    calls: Vec<CallChain>,
    /// Incidents that block a road, as the table `incidents` has them.
    #[schema(value_type = Vec<BTreeMap<String, serde_json::Value>>)]
    incidents: Vec<IncidentChain>,
    /// Ambulances by what they do; none where the live state does not answer.
    units: BTreeMap<String, usize>,
    /// What is missing, and why.
    missing: Vec<String>,
}

/// The city in a few numbers.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CitySummary {
    /// The city.
    #[schema(example = "Halvermere")]
    city: String,
    /// The city's time [Unix ms].
    at_ms: Option<i64>,
    /// Indicators by group and name, those that have a value.
    groups: BTreeMap<&'static str, BTreeMap<&'static str, f64>>,
    /// What is missing, and why.
    missing: Vec<String>,
}

/// A road now.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct RoadNow {
    /// The road.
    #[schema(example = "station_road")]
    road: String,
    /// Where its newest five minutes begin; null where nobody saw it in the last quarter of an hour, as all the rest is then.
    #[schema(format = DateTime)]
    start: Option<String>,
    /// Mean speed [km/h].
    speed_kmh: Option<f64>,
    /// Speed limit [km/h].
    free_speed_kmh: Option<f64>,
    /// Flow over all lanes [veh/h].
    flow_veh_h: Option<f64>,
    /// Share of time in which a vehicle stood over a loop [%].
    occupancy_percent: Option<f64>,
    /// `free`, `moderate`, `heavy` or `stopped`.
    #[schema(example = "free")]
    level: Option<&'static str>,
    /// Who saw it.
    sources: Vec<&'static str>,
}

/// Traffic in the city now.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TrafficSummary {
    /// Roads that somebody saw in the newest five minutes.
    roads: usize,
    /// How many at each level.
    levels: BTreeMap<&'static str, usize>,
    /// Mean of their mean speeds [km/h].
    speed_kmh: Option<f64>,
    /// The slowest against their speed limits, the slowest first.
    slowest: Vec<RoadNow>,
}

/// Devices that stand somewhere.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Sensors {
    /// The devices, by name.
    sensors: Vec<AssetAnswer>,
    /// How many there are in all that was asked for.
    count: usize,
}

/// What is kept.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Stats {
    /// Records by kind; null where a count cannot be had.
    records: BTreeMap<&'static str, Option<u64>>,
    /// Names of the tables.
    tables: Vec<String>,
    /// Last words in the live state.
    live_words: Option<u64>,
    /// Most there may be.
    live_capacity: Option<u64>,
    /// Words pushed out because it was full.
    live_evicted: Option<u64>,
    /// Messages that were no records.
    quarantined: Option<u64>,
    /// What is missing, and why.
    missing: Vec<String>,
}

pub(super) fn routes() -> Vec<Spec> {
    let get = |path, id, says, answer| Spec::get(path, id, says, answer).tag("short").refuses(&[503]);
    vec![
        get("/api/health", "api_health", "Whether the API and what is behind it are well, with reasons.", |ask| {
            ok(&health(ask))
        })
        .json::<Health>(200)
        .open(),
        get("/api/vehicles/locations", "vehicle_locations", "Where the vehicles are whose trackers spoke.", vehicles)
            .query(VEHICLES_ASKED)
            .json::<VehicleLocations>(200),
        get("/api/emergencies/active", "active_emergencies", "Calls and incidents that are not over.", emergencies)
            .json::<ActiveEmergencies>(200),
        get("/api/analytics/city-summary", "city_summary", "The city in numbers, by group.", city_summary)
            .json::<CitySummary>(200),
        get("/api/analytics/traffic-summary", "traffic_summary", "Traffic in the city now.", traffic_summary)
            .json::<TrafficSummary>(200),
        get("/api/traffic/live/{road_id}", "road_now", "A road in its newest five minutes.", road_now)
            .path(&[ROAD])
            .json::<RoadNow>(200),
        get("/api/stats", "stats", "What is kept, by kind.", stats).json::<Stats>(200),
        get("/api/sensors", "sensors", "Devices that stand somewhere, by place and kind.", sensors)
            .query(SENSORS_ASKED)
            .json::<Sensors>(200),
    ]
}

/// A tracker's last word as a place.
pub(crate) fn location(record: &Record) -> Option<VehicleLocation> {
    let (latitude, longitude) = place(record)?;
    Some(VehicleLocation {
        vehicle_id: text(record, "vehicle_id")?.to_owned(),
        device: record.device.to_string(),
        class: text(record, "vehicle_class").unwrap_or_default().to_owned(),
        latitude: geo_digits(latitude),
        longitude: geo_digits(longitude),
        speed_kmh: number(record, "speed"),
        direction: number(record, "direction"),
        at_ms: record.time.as_milliseconds(),
    })
}

/// Seven digits are a centimetre.
fn geo_digits(degrees: f64) -> f64 {
    (degrees * 1e7).round() / 1e7
}

/// The last words of all trackers that spoke lately, at most a second old.
pub(crate) fn positions(ask: &Ask) -> Result<std::sync::Arc<Vec<Record>>, Problem> {
    ask.desk.held("positions", || {
        let clock = city::clock(ask.stores())?;
        let since = clock.map(|clock| clock.later(SimDuration::seconds(-GONE)));
        let mut words = city::words(ask.stores().live(), ReadingKind::Position, &Area::Everywhere)?;
        words.retain(|record| since.is_none_or(|since| record.time >= since));
        Ok(words)
    })
}

fn now_ms(ask: &Ask) -> Option<i64> {
    city::clock(ask.stores()).ok().flatten().map(Timestamp::as_milliseconds)
}

fn vehicles(ask: &Ask) -> Result<Reply, Problem> {
    let (area, class, limit) = (ask.areas(), ask.word("class"), ask.whole("limit").unwrap_or(10_000));
    let all = positions(ask)?;
    let wanted = |record: &&Record| {
        area.holds(place(record)) && class.is_none_or(|class| text(record, "vehicle_class") == Some(class))
    };
    let found: Vec<VehicleLocation> = all.iter().filter(wanted).filter_map(location).collect();
    let count = found.len();
    ok(&VehicleLocations { vehicles: found.into_iter().take(limit).collect(), count, at_ms: now_ms(ask) })
}

fn emergencies(ask: &Ask) -> Result<Reply, Problem> {
    let known = known(ask)?;
    if let Some(away) = &known.tables_away {
        return Err(Problem::away(away));
    }
    let mut calls: Vec<CallChain> = known.calls.iter().filter(|call| call.open).cloned().collect();
    calls.sort_by_key(|call| call.chain.first().map(|step| step.at));
    let incidents = known.incidents.iter().filter(|incident| incident.open).cloned().collect();
    let mut units = BTreeMap::new();
    for status in known.units.iter().filter_map(|record| text(record, "status")) {
        *units.entry(status.to_owned()).or_default() += 1;
    }
    let missing = known.live_away.iter().map(|away| format!("units: {away}")).collect();
    ok(&ActiveEmergencies { calls, incidents, units, missing })
}

fn city_summary(ask: &Ask) -> Result<Reply, Problem> {
    let known = known(ask)?;
    let mut groups: BTreeMap<&str, BTreeMap<&str, f64>> = BTreeMap::new();
    for IndicatorAnswer { name, group, value, .. } in answers(&known) {
        if let Some(value) = value {
            let short = name.split_once('.').map_or(name, |(_, short)| short);
            groups.entry(group).or_default().insert(short, value);
        }
    }
    let missing = [("tables", &known.tables_away), ("live state", &known.live_away)];
    let missing = missing.iter().filter_map(|(part, away)| away.as_ref().map(|away| format!("{part}: {away}")));
    ok(&CitySummary {
        city: ask.twin.name().to_owned(),
        at_ms: known.clock.map(Timestamp::as_milliseconds),
        groups,
        missing: missing.collect(),
    })
}

const fn level(level: Level) -> &'static str {
    match level {
        Level::Free => "free",
        Level::Moderate => "moderate",
        Level::Heavy => "heavy",
        Level::Stopped => "stopped",
    }
}

impl RoadNow {
    /// A road that nobody saw lately: there, and nothing is known of it.
    fn unseen(road: &str) -> Self {
        Self {
            road: road.to_owned(),
            start: None,
            speed_kmh: None,
            free_speed_kmh: None,
            flow_veh_h: None,
            occupancy_percent: None,
            level: None,
            sources: Vec::new(),
        }
    }
}

fn now(row: &RoadWindow) -> RoadNow {
    use crate::pipeline::analytics::Source;
    let source = |source: &Source| match source {
        Source::Loops => "loops",
        Source::Cameras => "cameras",
        Source::Trackers => "trackers",
    };
    RoadNow {
        road: row.road.to_string(),
        start: Some(row.start.to_string()),
        speed_kmh: row.speed_kmh,
        free_speed_kmh: row.free_speed_kmh,
        flow_veh_h: row.flow_veh_h,
        occupancy_percent: row.occupancy_percent,
        level: row.level.map(level),
        sources: row.sources.iter().map(source).collect(),
    }
}

/// The newest five minutes of every road, at most a second old.
fn roads(ask: &Ask) -> Result<std::sync::Arc<Vec<RoadWindow>>, Problem> {
    ask.desk.held("roads", || Ok(city::roads(ask.stores())?))
}

fn traffic_summary(ask: &Ask) -> Result<Reply, Problem> {
    let roads = roads(ask)?;
    let mut levels: BTreeMap<&str, usize> = ["free", "moderate", "heavy", "stopped"].map(|word| (word, 0)).into();
    for one in roads.iter().filter_map(|row| row.level) {
        *levels.entry(level(one)).or_default() += 1;
    }
    let (mut sum, mut told) = (0.0, 0_u32);
    for speed in roads.iter().filter_map(|row| row.speed_kmh) {
        sum += speed;
        told += 1;
    }
    let ratio = |row: &RoadWindow| row.speed_kmh.zip(row.free_speed_kmh).map(|(speed, free)| speed / free);
    let mut slowest: Vec<&RoadWindow> = roads.iter().filter(|row| ratio(row).is_some_and(f64::is_finite)).collect();
    slowest
        .sort_by(|a, b| ratio(a).unwrap_or(1.0).total_cmp(&ratio(b).unwrap_or(1.0)).then_with(|| a.road.cmp(&b.road)));
    ok(&TrafficSummary {
        roads: roads.len(),
        levels,
        speed_kmh: (told > 0).then(|| sum / f64::from(told)),
        slowest: slowest.into_iter().take(WORST).map(now).collect(),
    })
}

fn road_now(ask: &Ask) -> Result<Reply, Problem> {
    let (roads, id) = (roads(ask)?, ask.named("road_id"));
    if let Some(row) = roads.iter().find(|row| &*row.road == id) {
        return ok(&now(row));
    }
    if ask.twin.network().find_edge(id).is_some() {
        return ok(&RoadNow::unseen(id));
    }
    let near = closest(id, ask.twin.network().edge_names());
    let near =
        near.map_or_else(|| "GET /api/v1/map/roads has them".to_owned(), |near| format!("did you mean `{near}`?"));
    Err(Problem::unknown(format!("there is no road `{id}`; {near}")))
}

fn stats(ask: &Ask) -> Result<Reply, Problem> {
    let stats = ask.desk.held("stats", || {
        let (stores, mut missing) = (ask.stores(), Vec::new());
        let mut records = BTreeMap::new();
        for kind in ReadingKind::ALL {
            let count = stores.records().count(*kind);
            if let Err(error) = &count {
                missing.push(format!("records of {}: {error}", kind.word()));
            }
            records.insert(kind.word(), count.ok());
        }
        let mut told = |part: &str, error: String| missing.push(format!("{part}: {error}"));
        let tables = stores.tables().names().map_err(|error| told("tables", error.to_string())).unwrap_or_default();
        let live = stores.live().status().map_err(|error| told("live state", error.to_string())).ok();
        let kept = stores.quarantine().totals().map_err(|error| told("quarantine", error.to_string())).ok();
        Ok(Stats {
            records,
            tables,
            live_words: live.map(|live| live.words),
            live_capacity: live.map(|live| live.capacity),
            live_evicted: live.map(|live| live.evicted),
            quarantined: kept.map(|kept| kept.messages()),
            missing,
        })
    })?;
    ok(&*stats)
}

fn sensors(ask: &Ask) -> Result<Reply, Problem> {
    let (area, kind, limit) = (ask.areas(), ask.word("type"), ask.whole("limit").unwrap_or(1_000));
    let (fleet, city) = (fleet(ask, false)?, city_id(ask));
    let standing = ["loop", "camera", "air", "weather", "parking", "signal"];
    let found: Vec<_> = fleet
        .assets
        .iter()
        .filter(|asset| {
            let own = asset.kind().word();
            standing.contains(&own) && kind.is_none_or(|kind| own == kind) && area.holds(asset.place)
        })
        .collect();
    let count = found.len();
    ok(&Sensors { sensors: found.into_iter().take(limit).map(|asset| asset.answer(&city)).collect(), count })
}
