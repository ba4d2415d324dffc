//! Devices that spoke: what each is, where it stands, what it tells, and whether it still does.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::city::{clock, place, words};
use super::geo;
use crate::api::ids;
use crate::pipeline::stores::{Area, StoreError, Stores};
use crate::primitives::Timestamp;
use crate::telemetry::field::ColumnType;
use crate::telemetry::{DeviceId, ReadingKind};

/// Kinds whose records are made by devices; calls and incidents are matters, not devices.
pub(crate) const KINDS: [ReadingKind; 10] = [
    ReadingKind::Position,
    ReadingKind::LoopCount,
    ReadingKind::CameraCount,
    ReadingKind::Air,
    ReadingKind::Weather,
    ReadingKind::Parking,
    ReadingKind::Signal,
    ReadingKind::Unit,
    ReadingKind::Hospital,
    ReadingKind::Health,
];
/// Their words, for who asks for one.
pub(crate) const WORDS: &[&str] =
    &["position", "loop", "camera", "air", "weather", "parking", "signal", "unit", "hospital", "health"];

/// Devices that report when something changes, and are silent for long though they are well.
const ON_CHANGE: [ReadingKind; 3] = [ReadingKind::Parking, ReadingKind::Signal, ReadingKind::Hospital];
/// After how long without a word a device is inactive [s]; one that reports on change, after a day.
const SILENT: f64 = 900.0;
const SILENT_ON_CHANGE: f64 = 86_400.0;

/// A device.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asset {
    pub(crate) id: String,
    pub(crate) device: DeviceId,
    /// What it reports; its own kind first.
    pub(crate) kinds: Vec<ReadingKind>,
    /// Latitude and longitude [deg].
    pub(crate) place: Option<(f64, f64)>,
    pub(crate) last_seen: Timestamp,
    pub(crate) active: bool,
}

/// All devices, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fleet {
    pub(crate) assets: Vec<Asset>,
    by_id: BTreeMap<String, usize>,
}

/// A device as it is told.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AssetAnswer {
    /// Its id, a ULID made of the city's and its own name.
    #[schema(pattern = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
    id: String,
    /// The city's id.
    city_id: String,
    /// What it reports: the word of its kind of reading.
    #[schema(example = "loop")]
    r#type: &'static str,
    /// Its name on the wire.
    #[schema(example = "loop-station_road_0")]
    name: String,
    /// Where it was, a point of `GeoJSON`; null where it does not say.
    location: Option<Value>,
    /// `active`, or `inactive` if it has been silent for longer than its kind should.
    #[schema(example = "active")]
    status: &'static str,
    /// The metrics it tells.
    capabilities: Vec<&'static str>,
    /// When it last spoke.
    #[schema(format = DateTime)]
    last_seen_at: String,
    /// Where to go on.
    links: BTreeMap<&'static str, String>,
}

/// The metrics of a kind: its columns of numbers but where it stands.
pub(crate) fn metrics(kind: ReadingKind) -> impl Iterator<Item = &'static crate::telemetry::Column> {
    let place = ["latitude", "longitude"];
    kind.columns().iter().filter(move |column| column.holds != ColumnType::Text && !place.contains(&column.name))
}

/// The id of a device of a city.
pub(crate) fn id_of(city: &str, device: &str) -> String {
    ids::id(&["asset", city, device])
}

impl Fleet {
    /// All devices that the live state knows.
    pub(crate) fn read(stores: &Stores, city: &str) -> Result<Self, StoreError> {
        let now = clock(stores)?;
        let mut known: BTreeMap<DeviceId, Asset> = BTreeMap::new();
        for kind in KINDS {
            for record in words(stores.live(), kind, &Area::Everywhere)? {
                let silent = if ON_CHANGE.contains(&kind) { SILENT_ON_CHANGE } else { SILENT };
                let active = now.is_none_or(|now| now.since(record.time).as_seconds() <= silent);
                let at = place(&record);
                let asset = known.entry(record.device.clone()).or_insert_with(|| Asset {
                    id: id_of(city, record.device.as_str()),
                    device: record.device.clone(),
                    kinds: Vec::new(),
                    place: None,
                    last_seen: record.time,
                    active: false,
                });
                asset.kinds.push(kind);
                asset.active |= active;
                asset.last_seen = asset.last_seen.max(record.time);
                asset.place = asset.place.or(at);
            }
        }
        let assets: Vec<Asset> = known.into_values().collect();
        let by_id = assets.iter().enumerate().map(|(place, asset)| (asset.id.clone(), place)).collect();
        Ok(Self { assets, by_id })
    }

    /// A device by its id, or by its name.
    pub(crate) fn find(&self, id: &str) -> Option<&Asset> {
        let by_name = || self.assets.binary_search_by(|asset| asset.device.as_str().cmp(id)).ok();
        self.by_id.get(id).copied().or_else(by_name).and_then(|place| self.assets.get(place))
    }
}

impl Asset {
    /// A device that only its name is known of, as far as a name tells what it reports: for asking the history while the live state is
    /// away.
    pub(crate) fn unseen(city: &str, name: &str, now: Option<Timestamp>) -> Option<Self> {
        let device: DeviceId = name.parse().ok()?;
        let prefix = name.split('-').next()?;
        let kind = KINDS.into_iter().find(|kind| kind.device_prefix() == prefix)?;
        Some(Self {
            id: id_of(city, name),
            device,
            kinds: vec![kind],
            place: None,
            last_seen: now.unwrap_or(Timestamp::MAX),
            active: false,
        })
    }

    /// What it is.
    pub(crate) fn kind(&self) -> ReadingKind {
        self.kinds.first().copied().unwrap_or(ReadingKind::Health)
    }

    /// The names of its metrics.
    pub(crate) fn capabilities(&self) -> Vec<&'static str> {
        self.kinds.iter().flat_map(|kind| metrics(*kind)).map(|column| column.name).collect()
    }

    /// The device as it is told.
    pub(crate) fn answer(&self, city: &str) -> AssetAnswer {
        let own = format!("/api/v1/cities/{city}/assets/{}", self.id);
        let links = [
            ("self", own.clone()),
            ("metrics", format!("{own}/metrics")),
            ("records", format!("{own}/records")),
            ("city", format!("/api/v1/cities/{city}")),
        ];
        AssetAnswer {
            id: self.id.clone(),
            city_id: city.to_owned(),
            r#type: self.kind().word(),
            name: self.device.to_string(),
            location: self.place.map(|(latitude, longitude)| geo::point(longitude, latitude)),
            status: if self.active { "active" } else { "inactive" },
            capabilities: self.capabilities(),
            last_seen_at: self.last_seen.to_string(),
            links: links.into_iter().collect(),
        }
    }
}
