//! The buses and trains as a feed of GTFS Realtime, for every journey planner.
//!
//! Messages and field numbers are those of version 2.0 (`gtfs-realtime.proto` of github.com/google/transit, 2015 and later). Told are
//! vehicle positions: the last words of the trackers. Arrivals are not predicted here, so there are no trip updates.

use prost::Message;
use serde::Serialize;

use super::ask::{Ask, Reply, ok};
use super::short::positions;
use super::spec::{Content, Spec};
use crate::api::answers::city::{line_of, number, place, text};
use crate::api::problem::Problem;
use crate::telemetry::Record;

/// The media type of protocol buffers.
const PROTOBUF: &str = "application/x-protobuf";
/// Classes of vehicles that passengers ride on.
const PASSENGERS: [&str; 8] = ["bus", "coach", "tram", "rail_urban", "rail", "rail_electric", "rail_fast", "subway"];
/// Kilometres an hour in a metre a second.
const KMH: f64 = 3.6;

/// The whole feed.
#[derive(Clone, PartialEq, Message, Serialize, utoipa::ToSchema)]
pub(crate) struct FeedMessage {
    /// What it is.
    #[prost(message, required, tag = "1")]
    header: FeedHeader,
    /// What there is.
    #[prost(message, repeated, tag = "2")]
    entity: Vec<FeedEntity>,
}

/// What a feed is.
#[derive(Clone, PartialEq, Message, Serialize, utoipa::ToSchema)]
pub(crate) struct FeedHeader {
    /// Version of the format.
    #[prost(string, required, tag = "1")]
    #[schema(example = "2.0")]
    gtfs_realtime_version: String,
    /// 0: the feed is whole.
    #[prost(int32, optional, tag = "2")]
    incrementality: Option<i32>,
    /// The city's time [Unix s].
    #[prost(uint64, optional, tag = "3")]
    timestamp: Option<u64>,
}

/// One vehicle of a feed.
#[derive(Clone, PartialEq, Message, Serialize, utoipa::ToSchema)]
pub(crate) struct FeedEntity {
    /// Its id in the feed: the tracker's.
    #[prost(string, required, tag = "1")]
    id: String,
    /// Where it is.
    #[prost(message, optional, tag = "4")]
    vehicle: Option<VehiclePosition>,
}

/// Where a vehicle is.
#[derive(Clone, PartialEq, Message, Serialize, utoipa::ToSchema)]
pub(crate) struct VehiclePosition {
    /// The line, where the vehicle's name says it.
    #[prost(message, optional, tag = "1")]
    trip: Option<TripDescriptor>,
    /// Where.
    #[prost(message, optional, tag = "2")]
    position: Option<GtfsPosition>,
    /// When, in the city's time [Unix s].
    #[prost(uint64, optional, tag = "5")]
    timestamp: Option<u64>,
    /// Which vehicle.
    #[prost(message, optional, tag = "8")]
    vehicle: Option<VehicleDescriptor>,
}

/// What a vehicle serves.
#[derive(Clone, PartialEq, Message, Serialize, utoipa::ToSchema)]
pub(crate) struct TripDescriptor {
    /// The line.
    #[prost(string, optional, tag = "5")]
    route_id: Option<String>,
}

/// A place.
#[derive(Clone, PartialEq, Message, Serialize, utoipa::ToSchema)]
pub(crate) struct GtfsPosition {
    /// Latitude [deg].
    #[prost(float, required, tag = "1")]
    latitude: f32,
    /// Longitude [deg].
    #[prost(float, required, tag = "2")]
    longitude: f32,
    /// Heading, clockwise from north [deg].
    #[prost(float, optional, tag = "3")]
    bearing: Option<f32>,
    /// Speed [m/s].
    #[prost(float, optional, tag = "5")]
    speed: Option<f32>,
}

/// A vehicle.
#[derive(Clone, PartialEq, Message, Serialize, utoipa::ToSchema)]
pub(crate) struct VehicleDescriptor {
    /// Its id.
    #[prost(string, optional, tag = "1")]
    id: Option<String>,
    /// What passengers see.
    #[prost(string, optional, tag = "2")]
    label: Option<String>,
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
            |ask| ok(&feed(ask)?),
        )
        .json::<FeedMessage>(200),
    ]
}

fn packed(ask: &Ask) -> Result<Reply, Problem> {
    Ok(Reply::bytes(200, PROTOBUF, feed(ask)?.encode_to_vec()))
}

fn seconds(ms: i64) -> u64 {
    u64::try_from(ms.div_euclid(1000)).unwrap_or(0)
}

#[expect(clippy::cast_possible_truncation, reason = "the format has floats of 32 bits")]
const fn float(number: f64) -> f32 {
    number as f32
}

fn entity(record: &Record) -> Option<FeedEntity> {
    let vehicle = text(record, "vehicle_id")?;
    let (latitude, longitude) = place(record)?;
    let line = line_of(vehicle).map(str::to_owned);
    let position = VehiclePosition {
        trip: line.clone().map(|line| TripDescriptor { route_id: Some(line) }),
        position: Some(GtfsPosition {
            latitude: float(latitude),
            longitude: float(longitude),
            bearing: number(record, "direction").map(float),
            speed: number(record, "speed").map(|kmh| float(kmh / KMH)),
        }),
        timestamp: Some(seconds(record.time.as_milliseconds())),
        vehicle: Some(VehicleDescriptor { id: Some(vehicle.to_owned()), label: line }),
    };
    Some(FeedEntity { id: record.device.to_string(), vehicle: Some(position) })
}

fn feed(ask: &Ask) -> Result<FeedMessage, Problem> {
    let all = positions(ask)?;
    let rides = |record: &&Record| text(record, "vehicle_class").is_some_and(|class| PASSENGERS.contains(&class));
    let newest = all.iter().map(|record| record.time.as_milliseconds()).max();
    let header =
        FeedHeader { gtfs_realtime_version: "2.0".to_owned(), incrementality: Some(0), timestamp: newest.map(seconds) };
    Ok(FeedMessage { header, entity: all.iter().filter(rides).filter_map(entity).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vehicle_is_packed_as_the_format_numbers_its_fields() {
        let feed = FeedMessage {
            header: FeedHeader { gtfs_realtime_version: "2.0".to_owned(), incrementality: Some(0), timestamp: Some(1) },
            entity: vec![FeedEntity {
                id: "g".to_owned(),
                vehicle: Some(VehiclePosition {
                    trip: Some(TripDescriptor { route_id: Some("7".to_owned()) }),
                    position: Some(GtfsPosition { latitude: 1.0, longitude: 2.0, bearing: None, speed: Some(0.5) }),
                    timestamp: Some(2),
                    vehicle: Some(VehicleDescriptor { id: Some("b".to_owned()), label: None }),
                }),
            }],
        };
        // Written by hand: a tag is the field's number times 8, plus 0 for numbers, 2 for what has a length, 5 for floats.
        let position = [0x0d, 0, 0, 0x80, 0x3f, 0x15, 0, 0, 0, 0x40, 0x2d, 0, 0, 0, 0x3f];
        let mut vehicle = vec![0x0a, 3, 0x2a, 1, b'7', 0x12, 15];
        vehicle.extend(position);
        vehicle.extend([0x28, 2, 0x42, 3, 0x0a, 1, b'b']);
        let mut expected = vec![0x0a, 9, 0x0a, 3, b'2', b'.', b'0', 0x10, 0, 0x18, 1];
        let length = |bytes: &[u8]| u8::try_from(bytes.len()).expect("short");
        expected.extend([0x12, length(&vehicle) + 5, 0x0a, 1, b'g', 0x22, length(&vehicle)]);
        expected.extend(vehicle);
        assert_eq!(feed.encode_to_vec(), expected);
        assert_eq!(FeedMessage::decode(&expected[..]).expect("its own bytes"), feed);
    }
}
