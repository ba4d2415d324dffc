//! The map: roads, places and signals, made once and sent compressed.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::sync::Arc;

use actix_web::web::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use serde_json::{Value, json};

use super::ask::{Ask, Reply, ok};
use super::spec::{Content, Spec};
use crate::api::answers::city::{place, text};
use crate::api::answers::{geo, roads};
use crate::api::problem::Problem;
use crate::pipeline::stores::{Area, StoreError, Stores};
use crate::primitives::VehicleClass;
use crate::telemetry::ReadingKind;

/// The zoom of the tiles in which vehicles are told.
pub(crate) const TILE_ZOOM: u8 = 14;
/// Kinds of devices that stand somewhere and are shown.
const SENSORS: [ReadingKind; 5] =
    [ReadingKind::LoopCount, ReadingKind::CameraCount, ReadingKind::Air, ReadingKind::Weather, ReadingKind::Parking];
/// Most sensors on the map.
const SENSORS_MAX: usize = 50_000;

/// A part of the map, as it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Drawn {
    plain: Bytes,
    zipped: Bytes,
    tag: String,
    /// Features in it.
    count: usize,
}

impl Drawn {
    pub(super) fn new(text: Vec<u8>, count: usize) -> Self {
        let hash = blake3::hash(&text).to_hex();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        // Writing to memory does not fail; if it did, everybody would get the plain text.
        let zipped = encoder.write_all(&text).and_then(|()| encoder.finish()).unwrap_or_default();
        Self { plain: text.into(), zipped: zipped.into(), tag: format!("\"{}\"", &hash[..32]), count }
    }

    /// The answer, or that the other side has it.
    pub(super) fn reply(&self, ask: &Ask, media: &'static str) -> Reply {
        let zip = ask.gzip && !self.zipped.is_empty();
        let known = ask.none_match.as_deref().is_some_and(|tags| {
            tags.split(',').map(|tag| tag.trim().trim_start_matches("W/")).any(|tag| tag == self.tag || tag == "*")
        });
        let reply = if known {
            Reply::bytes(304, "", Bytes::new())
        } else if zip {
            Reply::bytes(200, media, self.zipped.clone()).header("Content-Encoding", "gzip")
        } else {
            Reply::bytes(200, media, self.plain.clone())
        };
        let reply = reply.header("ETag", &self.tag).header("Vary", "Accept-Encoding");
        reply.header("Cache-Control", "no-cache")
    }
}

/// What the map is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct MapAnswer {
    /// The city.
    #[schema(example = "Halvermere")]
    name: String,
    /// West, south, east, north [deg].
    #[schema(min_items = 4, max_items = 4)]
    bounds: Vec<f64>,
    /// Longitude and latitude of the middle [deg].
    #[schema(min_items = 2, max_items = 2)]
    centre: Vec<f64>,
    /// Zoom of the tiles in which vehicles are told.
    tile_zoom: u8,
    /// Whether one drives on the left.
    left_hand: bool,
    /// Names of the classes of vehicles by their index in frames.
    classes: Vec<&'static str>,
    /// The roads.
    roads: Layer,
    /// Places.
    places: Layer,
    /// Signals.
    signals: Layer,
}

/// A layer of the map.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Layer {
    /// How many there are; null where that changes.
    count: Option<usize>,
    /// Where they are.
    #[schema(example = "/api/v1/map/roads")]
    url: &'static str,
}

pub(super) fn routes() -> Vec<Spec> {
    let geojson = |path, id, says, answer| Spec::get(path, id, says, answer).gives(200, Content::geojson()).tag("map");
    vec![
        Spec::get("/api/v1/map", "map", "Where the city lies, and the layers of its map.", map)
            .json::<MapAnswer>(200)
            .tag("map"),
        geojson(
            "/api/v1/map/roads",
            "map_roads",
            "Every road that is driven on, as a line; `i` is its index in messages about all roads.",
            |ask| Ok(drawn_roads(ask).reply(ask, "application/geo+json")),
        ),
        geojson(
            "/api/v1/drill/map",
            "drill_map",
            "The same for whoever sits in a drill, whatever the role: a map of the town, which knows nothing of the day.",
            |ask| Ok(drawn_roads(ask).reply(ask, "application/geo+json")),
        ),
        geojson(
            "/api/v1/map/places",
            "map_places",
            "Water, parks, quarters, bus stops, stations, hospitals and the sensors that spoke.",
            places,
        ),
        geojson(
            "/api/v1/map/signals",
            "map_signals",
            "Every signal as a point, with the stop line of each link index: longitude, latitude, heading.",
            |ask| Ok(drawn_signals(ask).reply(ask, "application/geo+json")),
        ),
    ]
}

fn drawn_roads(ask: &Ask) -> &Drawn {
    let network = ask.twin.network();
    ask.desk.roads.get_or_init(|| Drawn::new(roads::roads(network), roads::drawable(network).len()))
}

fn drawn_signals(ask: &Ask) -> &Drawn {
    let network = ask.twin.network();
    ask.desk.signals.get_or_init(|| Drawn::new(roads::signals(network), network.signals.len()))
}

fn map(ask: &Ask) -> Result<Reply, Problem> {
    let network = ask.twin.network();
    let bounds = geo::bounds(network);
    let centre = vec![f64::midpoint(bounds[0], bounds[2]), f64::midpoint(bounds[1], bounds[3])];
    let (roads, signals) = (drawn_roads(ask).count, drawn_signals(ask).count);
    ok(&MapAnswer {
        name: ask.twin.name().to_owned(),
        bounds: bounds.to_vec(),
        centre: centre.into_iter().map(geo::rounded).collect(),
        tile_zoom: TILE_ZOOM,
        left_hand: network.left_hand,
        classes: VehicleClass::ALL.iter().map(|class| class.name()).collect(),
        roads: Layer { count: Some(roads), url: "/api/v1/map/roads" },
        places: Layer { count: None, url: "/api/v1/map/places" },
        signals: Layer { count: Some(signals), url: "/api/v1/map/signals" },
    })
}

fn sensors(stores: &Stores) -> Result<Vec<Value>, StoreError> {
    let mut features = Vec::new();
    let mut seen = BTreeSet::new();
    for kind in SENSORS {
        stores.live().scan(kind, &Area::Everywhere, &mut |record| {
            if let Some((lat, lon)) = place(&record)
                && seen.insert(record.device.clone())
            {
                let properties = json!({
                    "kind": "sensor", "sensor": kind.word(), "name": record.device.as_str(),
                    "id": record.device.as_str(), "road": text(&record, "road_id"),
                });
                features.push(geo::feature(&geo::point(lon, lat), &properties));
            }
            if features.len() < SENSORS_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
    }
    Ok(features)
}

fn places(ask: &Ask) -> Result<Reply, Problem> {
    let drawn: Arc<Drawn> = ask.desk.held("map/places", || {
        let network = ask.twin.network();
        let mut features = ask.twin.places().map_or_else(Vec::new, |places| roads::places(network, places));
        let missing = match sensors(ask.stores()) {
            Ok(sensors) => {
                features.extend(sensors);
                Vec::new()
            }
            Err(error) => vec![format!("sensors: {error}")],
        };
        let count = features.len();
        let mut whole = geo::collection(&features);
        if !missing.is_empty() {
            whole["missing"] = json!(missing);
        }
        Ok(Drawn::new(whole.to_string().into_bytes(), count))
    })?;
    Ok(drawn.reply(ask, "application/geo+json"))
}
