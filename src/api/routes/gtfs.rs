//! The buses and trains as a feed of GTFS Realtime, for every journey planner.
//!
//! Told are vehicle positions: the last words of the trackers, packed by [`crate::telemetry::gtfs`]. Arrivals are not predicted
//! here, so there are no trip updates. In JSON the fields have the same names.

use prost::Message as _;
use serde::Serialize;

use super::ask::{Ask, Reply, ok};
use super::short::positions;
use super::spec::{Content, Spec};
use crate::api::answers::city::{place, text};
use crate::api::problem::Problem;
use crate::telemetry::{Record, gtfs};

/// The media type of protocol buffers.
const PROTOBUF: &str = "application/x-protobuf";
/// Classes of vehicles that passengers ride on.
const PASSENGERS: [&str; 8] = ["bus", "coach", "tram", "rail_urban", "rail", "rail_electric", "rail_fast", "subway"];

/// The whole feed.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FeedMessage {
    /// What it is.
    header: FeedHeader,
    /// What there is.
    entity: Vec<FeedEntity>,
}

/// What a feed is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FeedHeader {
    /// Version of the format.
    #[schema(example = "2.0")]
    gtfs_realtime_version: String,
    /// 0: the feed is whole.
    incrementality: Option<i32>,
    /// The city's time [Unix s].
    timestamp: Option<u64>,
}

/// One vehicle of a feed.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FeedEntity {
    /// Its id in the feed: the tracker's.
    id: String,
    /// Where it is.
    vehicle: Option<VehiclePosition>,
}

/// Where a vehicle is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct VehiclePosition {
    /// The line, where the vehicle's name says it.
    trip: Option<TripDescriptor>,
    /// Where.
    position: Option<GtfsPosition>,
    /// When, in the city's time [Unix s].
    timestamp: Option<u64>,
    /// Which vehicle.
    vehicle: Option<VehicleDescriptor>,
}

/// What a vehicle serves.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TripDescriptor {
    /// The line.
    route_id: Option<String>,
}

/// A place.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct GtfsPosition {
    /// Latitude [deg].
    latitude: f32,
    /// Longitude [deg].
    longitude: f32,
    /// Heading, clockwise from north [deg].
    bearing: Option<f32>,
    /// Speed [m/s].
    speed: Option<f32>,
}

/// A vehicle.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct VehicleDescriptor {
    /// Its id.
    id: Option<String>,
    /// What passengers see.
    label: Option<String>,
}

impl From<gtfs::FeedMessage> for FeedMessage {
    fn from(feed: gtfs::FeedMessage) -> Self {
        let gtfs::FeedHeader { gtfs_realtime_version, incrementality, timestamp } = feed.header;
        let header = FeedHeader { gtfs_realtime_version, incrementality, timestamp };
        let entity = |entity: gtfs::FeedEntity| FeedEntity { id: entity.id, vehicle: entity.vehicle.map(Into::into) };
        Self { header, entity: feed.entity.into_iter().map(entity).collect() }
    }
}

impl From<gtfs::VehiclePosition> for VehiclePosition {
    fn from(vehicle: gtfs::VehiclePosition) -> Self {
        let gtfs::VehiclePosition { trip, position, timestamp, vehicle } = vehicle;
        let place =
            |gtfs::Place { latitude, longitude, bearing, speed }| GtfsPosition { latitude, longitude, bearing, speed };
        Self {
            trip: trip.map(|trip| TripDescriptor { route_id: trip.route_id }),
            position: position.map(place),
            timestamp,
            vehicle: vehicle.map(|gtfs::VehicleDescriptor { id, label }| VehicleDescriptor { id, label }),
        }
    }
}

pub(super) fn routes() -> Vec<Spec> {
    let says = "Buses and trains as a feed of GTFS Realtime 2.0, in protocol buffers.";
    let get = |path, id, says, answer| Spec::get(path, id, says, answer).tag("transit").refuses(&[503]);
    let path = "/api/gtfs-realtime/vehicle-positions";
    vec![
        get(path, "gtfs_vehicle_positions", says, packed).gives(200, Content::text(PROTOBUF)),
        get("/api/gtfs-realtime/vehicle-positions.pb", "gtfs_vehicle_positions_pb", says, packed)
            .gives(200, Content::text(PROTOBUF)),
        get(
            "/api/gtfs-realtime/vehicle-positions.json",
            "gtfs_vehicle_positions_json",
            "Buses and trains as a feed of GTFS Realtime 2.0, in JSON for people.",
            |ask| ok(&FeedMessage::from(feed(ask)?)),
        )
        .json::<FeedMessage>(200),
    ]
}

fn packed(ask: &Ask) -> Result<Reply, Problem> {
    Ok(Reply::bytes(200, PROTOBUF, feed(ask)?.encode_to_vec()))
}

fn feed(ask: &Ask) -> Result<gtfs::FeedMessage, Problem> {
    let all = positions(ask)?;
    let rides = |record: &&Record| text(record, "vehicle_class").is_some_and(|class| PASSENGERS.contains(&class));
    let newest = all.iter().map(|record| record.time).max();
    let header = gtfs::FeedHeader::new(gtfs::Incrementality::FullDataset, newest);
    let placed = all.iter().filter(rides).filter(|record| place(record).is_some());
    Ok(gtfs::FeedMessage { header, entity: placed.filter_map(gtfs::FeedEntity::of).collect() })
}
