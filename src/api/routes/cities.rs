//! The city and its devices: what there is, what each told over time, and its last words as they went over the wire.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use super::ask::{Ask, Reply, ok};
use super::desk::lock;
use super::page::{CURSOR_PARAM, LIMIT_PARAM, Page, after, limit};
use super::spec::{Kind, Param, Spec, param};
use crate::api::answers::assets::{Asset, AssetAnswer, Fleet, WORDS, metrics};
use crate::api::answers::{city, geo};
use crate::api::ids;
use crate::api::port::SessionInfo;
use crate::api::problem::Problem;
use crate::pipeline::stores::records::{Asked, POINTS_MAX, Point, SeriesAsked};
use crate::primitives::text::closest;
use crate::primitives::{SimDuration, Timestamp};
use crate::telemetry::{Record, json};

/// Most records told at once.
const RECORDS_MAX: usize = 500;
/// Buckets of a series if nobody says how long one is.
const BUCKETS: i64 = 240;

pub(crate) const CITY: Param = param("city", Kind::Name(128), "The city's id, or its name.", "Halvermere");
const ASSET: Param = param("asset", Kind::Name(64), "The device's id, or its name on the wire.", "loop-station_road_0");
const NEAR: Param =
    param("near", Kind::Place, "Only within `radius` of this latitude and longitude [deg].", "52.01,10.02");
const RADIUS: Param = param(
    "radius",
    Kind::Number(1.0, 100_000.0),
    "How far from `near`, or from the city's middle [m]; 1000 if nobody says.",
    "500",
);
const BOX: Param =
    param("bbox", Kind::Box, "Only between these: west, south, east, north [deg].", "10.0,52.0,10.1,52.1");
/// Where to look.
pub(crate) const AREA: [Param; 3] = [NEAR, RADIUS, BOX];

const ASSETS_ASKED: &[Param] = &[
    param("type", Kind::Word(WORDS), "Only of this kind.", "loop"),
    param("name", Kind::Text(64), "Only of this name on the wire.", "loop-station_road_0"),
    param("status", Kind::Word(&["active", "inactive"]), "Only such.", "active"),
    NEAR,
    RADIUS,
    BOX,
    CURSOR_PARAM,
    LIMIT_PARAM,
];
const METRICS_ASKED: &[Param] = &[
    param("metric", Kind::Text(64), "Which of its capabilities; the first if nobody says.", "speed"),
    param(
        "from",
        Kind::Instant,
        "From when on, in the city's time; an hour before `to` if nobody says.",
        "2026-06-02T06:00:00Z",
    ),
    param("to", Kind::Instant, "Until when; the city's present if nobody says.", "2026-06-02T07:00:00Z"),
    param("every", Kind::Number(1.0, 31_536_000.0), "Length of a bucket [s]; the span in 240 if nobody says.", "60"),
    param(
        "aggregate",
        Kind::Word(&["mean", "min", "max", "last", "count"]),
        "What is told of a bucket; `mean` if nobody says.",
        "mean",
    ),
];
const RECORDS_ASKED: &[Param] =
    &[param("limit", Kind::Whole(1, RECORDS_MAX as u64), "How many at most; 20 if nobody says.", "20")];

/// A city.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CityAnswer {
    /// Its id, a ULID made of its name.
    #[schema(pattern = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
    id: String,
    /// Its name.
    #[schema(example = "Halvermere")]
    name: String,
    /// Where to go on.
    links: BTreeMap<&'static str, String>,
}

/// A city and what is in it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CityWhole {
    #[serde(flatten)]
    #[schema(inline)]
    city: CityAnswer,
    /// West, south, east, north [deg].
    bounds: Vec<f64>,
    /// Longitude and latitude of the middle [deg].
    centre: Vec<f64>,
    /// How many there are, by name: roads, signals, `bus_lines`, `bus_stops`, stations, hospitals.
    counts: BTreeMap<&'static str, usize>,
    /// Its sessions.
    sessions: Vec<SessionInfo>,
}

/// A bucket of a series.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SeriesPoint {
    /// Where it begins [Unix ms].
    at_ms: i64,
    /// The figure that was asked for.
    value: f64,
    /// Values in it.
    count: u64,
}

/// What a device told over time.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Series {
    /// The device.
    asset_id: String,
    /// Which of its metrics.
    #[schema(example = "speed")]
    metric: &'static str,
    /// Its unit; empty if it has none.
    #[schema(example = "km/h")]
    unit: &'static str,
    /// What it says.
    says: &'static str,
    /// What is told of a bucket.
    #[schema(example = "mean")]
    aggregate: String,
    /// Length of a bucket [s].
    every_s: f64,
    /// From when on.
    #[schema(format = DateTime)]
    from: String,
    /// Until when.
    #[schema(format = DateTime)]
    to: String,
    /// The buckets in which there is a value, by time.
    points: Vec<SeriesPoint>,
    /// Where to go on.
    links: BTreeMap<&'static str, String>,
}

/// The last words of a device.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Words {
    /// The device.
    asset_id: String,
    /// Its records as they went over the wire, the newest first.
    #[schema(value_type = Vec<std::collections::BTreeMap<String, serde_json::Value>>)]
    items: Vec<Box<RawValue>>,
    /// Where to go on.
    links: BTreeMap<&'static str, String>,
}

pub(super) fn routes() -> Vec<Spec> {
    let tagged = |spec: Spec| spec.tag("cities");
    vec![
        tagged(Spec::get("/api/v1/cities", "cities", "The city that is served.", all)).json::<Vec<CityAnswer>>(200),
        tagged(Spec::get("/api/v1/cities/{city}", "city", "The city, and what is in it.", one))
            .path(&[CITY])
            .json::<CityWhole>(200),
        tagged(Spec::get("/api/v1/cities/{city}/assets", "assets", "Devices that spoke, by name.", assets))
            .path(&[CITY])
            .query(ASSETS_ASKED)
            .pages::<AssetAnswer>()
            .refuses(&[503]),
        tagged(Spec::get("/api/v1/cities/{city}/assets/{asset}", "asset", "A device.", asset))
            .path(&[CITY, ASSET])
            .json::<AssetAnswer>(200)
            .refuses(&[503]),
        tagged(Spec::get(
            "/api/v1/cities/{city}/assets/{asset}/metrics",
            "asset_metrics",
            "One metric of a device over time, gathered in buckets.",
            series,
        ))
        .path(&[CITY, ASSET])
        .query(METRICS_ASKED)
        .json::<Series>(200)
        .refuses(&[422, 503]),
        tagged(Spec::get(
            "/api/v1/cities/{city}/assets/{asset}/records",
            "asset_records",
            "The last records of a device as they went over the wire.",
            records,
        ))
        .path(&[CITY, ASSET])
        .query(RECORDS_ASKED)
        .json::<Words>(200)
        .refuses(&[503]),
    ]
}

/// The id of the city that is served.
pub(crate) fn city_id(ask: &Ask) -> String {
    ids::id(&["city", ask.twin.name()])
}

/// The id of the city that the path names, if it is the one that is served.
pub(crate) fn served(ask: &Ask) -> Result<String, Problem> {
    let (asked, id) = (ask.named("city"), city_id(ask));
    if asked == id || asked.eq_ignore_ascii_case(ask.twin.name()) {
        return Ok(id);
    }
    let name = ask.twin.name();
    Err(Problem::unknown(format!("there is no city `{asked}`; this server has `{id}`, {name}")))
}

fn answer(ask: &Ask) -> CityAnswer {
    let id = city_id(ask);
    let own = format!("/api/v1/cities/{id}");
    let mut links = BTreeMap::from([("self", own.clone()), ("map", "/api/v1/map".to_owned())]);
    links.insert("indicators", "/api/v1/indicators".to_owned());
    links.insert("sessions", "/api/v1/sessions".to_owned());
    for part in ["assets", "alerts", "events", "webhooks"] {
        links.insert(part, format!("{own}/{part}"));
    }
    CityAnswer { id, name: ask.twin.name().to_owned(), links }
}

fn all(ask: &Ask) -> Result<Reply, Problem> {
    ok(&[answer(ask)])
}

fn one(ask: &Ask) -> Result<Reply, Problem> {
    served(ask)?;
    let network = ask.twin.network();
    let bounds = geo::bounds(network);
    let middle = |a: f64, b: f64| geo::rounded(f64::midpoint(a, b));
    let mut counts = BTreeMap::from([("roads", network.roads().count()), ("signals", network.signals.len())]);
    if let Some(places) = ask.twin.places() {
        counts.insert("bus_lines", places.bus_lines.len());
        counts.insert("bus_stops", places.bus_stops.len());
        counts.insert("stations", places.ambulance_stations.len());
        counts.insert("hospitals", places.hospitals.len());
    }
    ok(&CityWhole {
        city: answer(ask),
        bounds: bounds.to_vec(),
        centre: vec![middle(bounds[0], bounds[2]), middle(bounds[1], bounds[3])],
        counts,
        sessions: ask.twin.sessions(),
    })
}

/// All devices; where the live state does not answer, those it knew last if `old` will do.
pub(crate) fn fleet(ask: &Ask, old: bool) -> Result<Arc<Fleet>, Problem> {
    let read = ask.desk.held("fleet", || Ok(Fleet::read(ask.stores(), &city_id(ask))?));
    match read {
        Ok(fleet) => {
            *lock(&ask.desk.fleet) = Some(Arc::clone(&fleet));
            Ok(fleet)
        }
        Err(problem) => lock(&ask.desk.fleet).clone().filter(|_| old).ok_or(problem),
    }
}

fn assets(ask: &Ask) -> Result<Reply, Problem> {
    let city = served(ask)?;
    let (area, after, limit) = (ask.areas(), after(ask)?, limit(ask));
    let fleet = fleet(ask, false)?;
    let (kind, name, status) = (ask.word("type"), ask.word("name"), ask.word("status"));
    let wanted = |asset: &&Asset| {
        kind.is_none_or(|kind| asset.kinds.iter().any(|one| one.word() == kind))
            && name.is_none_or(|name| asset.device.as_str() == name)
            && status.is_none_or(|status| asset.active == (status == "active"))
            && area.holds(asset.place)
            && after.as_deref().is_none_or(|after| asset.device.as_str() > after)
    };
    let mut found = fleet.assets.iter().filter(wanted);
    let page: Vec<&Asset> = found.by_ref().take(limit).collect();
    let last = if found.next().is_some() { page.last().map(|asset| asset.device.as_str()) } else { None };
    let items = page.iter().map(|asset| asset.answer(&city)).collect();
    ok(&Page::new(ask, items, last))
}

/// The device that the path names.
fn named(ask: &Ask, old: bool) -> Result<Asset, Problem> {
    let city = served(ask)?;
    let name = ask.named("asset");
    let fleet = match fleet(ask, old) {
        Ok(fleet) => fleet,
        Err(problem) if old => {
            let now = city::clock(ask.stores()).ok().flatten();
            return Asset::unseen(&city, name, now).ok_or(problem);
        }
        Err(problem) => return Err(problem),
    };
    fleet.find(name).cloned().ok_or_else(|| {
        let near = closest(name, fleet.assets.iter().map(|asset| asset.device.as_str()));
        let near =
            near.map_or_else(|| "the list of assets has them".to_owned(), |near| format!("did you mean `{near}`?"));
        Problem::unknown(format!("no device `{name}` spoke; {near}"))
    })
}

fn asset(ask: &Ask) -> Result<Reply, Problem> {
    ok(&named(ask, false)?.answer(&city_id(ask)))
}

fn figure(point: &Point, aggregate: &str) -> f64 {
    match aggregate {
        "min" => point.min,
        "max" => point.max,
        "last" => point.last,
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
        "count" => point.count as f64,
        _ => point.mean,
    }
}

fn series(ask: &Ask) -> Result<Reply, Problem> {
    let asset = named(ask, true)?;
    let columns = || asset.kinds.iter().flat_map(|kind| metrics(*kind).map(move |column| (*kind, column)));
    let (kind, column) = match ask.word("metric") {
        None => columns().next().ok_or_else(|| Problem::cannot_be("this device tells no numbers"))?,
        Some(name) => columns().find(|(_, column)| column.name == name).ok_or_else(|| {
            let near = closest(name, columns().map(|(_, column)| column.name));
            let names: Vec<&str> = columns().map(|(_, column)| column.name).collect();
            let near =
                near.map_or_else(|| format!("it has {}", names.join(", ")), |near| format!("did you mean `{near}`?"));
            Problem::cannot_be(format!("`{}` has no metric `{name}`; {near}", asset.device))
        })?,
    };
    // What was said at the very present is part of it.
    let present = || Timestamp::milliseconds(asset.last_seen.as_milliseconds() + 1);
    let to = match ask.instant("to") {
        Some(to) => to,
        None => city::clock(ask.stores()).ok().flatten().map_or_else(present, |clock| clock.max(present())),
    };
    let from = ask.instant("from").unwrap_or_else(|| to.later(SimDuration::seconds(-3600.0)));
    let span = to.as_milliseconds() - from.as_milliseconds();
    if span <= 0 {
        return Err(Problem::cannot_be(format!("`from` ({from}) is not before `to` ({to})")));
    }
    let every = match ask.number("every") {
        Some(seconds) => SimDuration::seconds(seconds),
        None => SimDuration::milliseconds((span / BUCKETS / 1000).max(1) * 1000),
    };
    if usize::try_from(span / every.as_milliseconds().max(1)).unwrap_or(usize::MAX) > POINTS_MAX {
        return Err(Problem::cannot_be(format!(
            "that is more than {POINTS_MAX} buckets; ask for a longer `every` or less time"
        )));
    }
    let records = Asked { kind, times: from..to, device: Some(asset.device.clone()) };
    let asked = SeriesAsked { records, column: column.name.to_owned(), width: every };
    // Whoever looks at the same picture at the same time shares one scan.
    let name = format!("series {} {} {from} {to} {}", asset.device, column.name, every.as_milliseconds());
    let points = ask.desk.held(&name, || Ok(ask.stores().records().series(&asked)?))?;
    let aggregate = ask.word("aggregate").unwrap_or("mean");
    let point = |point: &Point| SeriesPoint {
        at_ms: point.start.as_milliseconds(),
        value: figure(point, aggregate),
        count: point.count,
    };
    let own = format!("/api/v1/cities/{}/assets/{}", city_id(ask), asset.id);
    ok(&Series {
        asset_id: asset.id.clone(),
        metric: column.name,
        unit: column.unit,
        says: column.says,
        aggregate: aggregate.to_owned(),
        every_s: every.as_seconds(),
        from: from.to_string(),
        to: to.to_string(),
        points: points.iter().map(point).collect(),
        links: BTreeMap::from([("self", ask.uri.clone()), ("asset", own)]),
    })
}

/// The newest records of a device: looks an hour back, then a day, then at everything.
fn newest(ask: &Ask, asset: &Asset, limit: usize) -> Result<Vec<Record>, Problem> {
    let mut found: Vec<Record> = Vec::new();
    for back in [3600.0, 86_400.0, f64::INFINITY] {
        found.clear();
        let from = if back.is_finite() { asset.last_seen.later(SimDuration::seconds(-back)) } else { Timestamp::MIN };
        for kind in &asset.kinds {
            let asked = Asked { kind: *kind, times: from..Timestamp::MAX, device: Some(asset.device.clone()) };
            ask.stores().records().scan(&asked, &mut |record| {
                found.push(record);
                // What is older than all that are wanted makes room now and then.
                if found.len() > 16 * RECORDS_MAX {
                    found.sort_by_key(|record| std::cmp::Reverse((record.time, record.epoch, record.sequence)));
                    found.truncate(limit);
                }
                ControlFlow::Continue(())
            })?;
        }
        if found.len() >= limit {
            break;
        }
    }
    found.sort_by_key(|record| std::cmp::Reverse((record.time, record.epoch, record.sequence)));
    found.truncate(limit);
    Ok(found)
}

fn records(ask: &Ask) -> Result<Reply, Problem> {
    let asset = named(ask, true)?;
    let found = newest(ask, &asset, ask.whole("limit").unwrap_or(20))?;
    let raw = |record: &Record| {
        let mut bytes = Vec::new();
        json::encode(record, &mut bytes);
        String::from_utf8(bytes).ok().and_then(|text| RawValue::from_string(text).ok())
    };
    let own = format!("/api/v1/cities/{}/assets/{}", city_id(ask), asset.id);
    ok(&Words {
        asset_id: asset.id.clone(),
        items: found.iter().filter_map(raw).collect(),
        links: BTreeMap::from([("self", ask.uri.clone()), ("asset", own)]),
    })
}
