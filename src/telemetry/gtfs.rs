//! GTFS Realtime: the part of its messages that says where a vehicle is.
//!
//! Messages and field numbers are those of version 2.0 (`gtfs-realtime.proto` of github.com/google/transit, 2015 and later). Made for
//! the feed that the API serves, and for messages that carry one vehicle each.

use prost::Message;

use super::reading::{Position, Reading};
use super::record::Record;
use crate::primitives::Timestamp;

/// The version of the format.
pub const VERSION: &str = "2.0";
/// Kilometres an hour in a metre a second.
const KMH: f64 = 3.6;

/// What a feed leaves of feeds before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum Incrementality {
    /// Nothing: it is all there is.
    FullDataset = 0,
    /// Everything but the entities it names.
    Differential = 1,
}

/// A whole feed, or what has changed in it.
#[derive(Clone, PartialEq, Message)]
pub struct FeedMessage {
    /// What it is.
    #[prost(message, required, tag = "1")]
    pub header: FeedHeader,
    /// What there is.
    #[prost(message, repeated, tag = "2")]
    pub entity: Vec<FeedEntity>,
}

/// What a feed is.
#[derive(Clone, PartialEq, Message)]
pub struct FeedHeader {
    /// Version of the format.
    #[prost(string, required, tag = "1")]
    pub gtfs_realtime_version: String,
    /// What it leaves of feeds before it.
    #[prost(enumeration = "Incrementality", optional, tag = "2")]
    pub incrementality: Option<i32>,
    /// The city's time [Unix s].
    #[prost(uint64, optional, tag = "3")]
    pub timestamp: Option<u64>,
}

/// One vehicle of a feed.
#[derive(Clone, PartialEq, Message)]
pub struct FeedEntity {
    /// Its id in the feed: the tracker's.
    #[prost(string, required, tag = "1")]
    pub id: String,
    /// Where it is.
    #[prost(message, optional, tag = "4")]
    pub vehicle: Option<VehiclePosition>,
    /// The record itself, as the message `citytwin.telemetry.Position`: one of the numbers that the format leaves to whoever likes.
    #[prost(bytes = "vec", optional, tag = "9000")]
    pub record: Option<Vec<u8>>,
}

/// Where a vehicle is.
#[derive(Clone, PartialEq, Message)]
pub struct VehiclePosition {
    /// The line, where the vehicle's name says it.
    #[prost(message, optional, tag = "1")]
    pub trip: Option<TripDescriptor>,
    /// Where.
    #[prost(message, optional, tag = "2")]
    pub position: Option<Place>,
    /// When, in the city's time [Unix s].
    #[prost(uint64, optional, tag = "5")]
    pub timestamp: Option<u64>,
    /// Which vehicle.
    #[prost(message, optional, tag = "8")]
    pub vehicle: Option<VehicleDescriptor>,
}

/// What a vehicle serves.
#[derive(Clone, PartialEq, Message)]
pub struct TripDescriptor {
    /// The line.
    #[prost(string, optional, tag = "5")]
    pub route_id: Option<String>,
}

/// A place, and how it is passed.
#[derive(Clone, PartialEq, Message)]
pub struct Place {
    /// Latitude [deg].
    #[prost(float, required, tag = "1")]
    pub latitude: f32,
    /// Longitude [deg].
    #[prost(float, required, tag = "2")]
    pub longitude: f32,
    /// Heading, clockwise from north [deg].
    #[prost(float, optional, tag = "3")]
    pub bearing: Option<f32>,
    /// Speed [m/s].
    #[prost(float, optional, tag = "5")]
    pub speed: Option<f32>,
}

/// A vehicle.
#[derive(Clone, PartialEq, Message)]
pub struct VehicleDescriptor {
    /// Its id.
    #[prost(string, optional, tag = "1")]
    pub id: Option<String>,
    /// What passengers see.
    #[prost(string, optional, tag = "2")]
    pub label: Option<String>,
}

impl FeedHeader {
    /// The head of a feed of this time.
    pub fn new(incrementality: Incrementality, time: Option<Timestamp>) -> Self {
        Self {
            gtfs_realtime_version: VERSION.to_owned(),
            incrementality: Some(incrementality.into()),
            timestamp: time.map(seconds),
        }
    }
}

impl FeedEntity {
    /// The vehicle whose tracker made a record; none if no tracker did.
    pub fn of(record: &Record) -> Option<Self> {
        let Reading::Position(reading) = &record.reading else { return None };
        let line = line_of(&reading.vehicle_id).map(str::to_owned);
        let vehicle = VehiclePosition {
            trip: line.clone().map(|line| TripDescriptor { route_id: Some(line) }),
            position: place(reading),
            timestamp: Some(seconds(record.time)),
            vehicle: Some(VehicleDescriptor { id: Some(reading.vehicle_id.to_string()), label: line }),
        };
        Some(Self { id: record.device.to_string(), vehicle: Some(vehicle), record: None })
    }
}

/// The place of a reading that has both coordinates.
fn place(reading: &Position) -> Option<Place> {
    let (latitude, longitude) = reading.latitude.zip(reading.longitude)?;
    Some(Place {
        latitude: float(latitude),
        longitude: float(longitude),
        bearing: reading.direction.map(float),
        speed: reading.speed.map(|kmh| float(kmh / KMH)),
    })
}

fn seconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_milliseconds().div_euclid(1000)).unwrap_or(0)
}

#[expect(clippy::cast_possible_truncation, reason = "the format has floats of 32 bits")]
const fn float(number: f64) -> f32 {
    number as f32
}

/// The line of a bus by the name of its vehicle, `bus-<line>-<course>`, as far as it has one.
pub fn line_of(vehicle: &str) -> Option<&str> {
    let (line, course) = vehicle.strip_prefix("bus-")?.rsplit_once('-')?;
    (!line.is_empty() && course.bytes().all(|byte| byte.is_ascii_digit())).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buses_of_a_line_are_known_by_their_names() {
        for (vehicle, line) in [
            ("bus-12 Harbour-03", Some("12 Harbour")),
            ("bus-3-x-117", Some("3-x")),
            ("bus--1", None),
            ("bus-3", None),
            ("car-3-1", None),
        ] {
            assert_eq!(line_of(vehicle), line, "{vehicle}");
        }
    }

    #[test]
    fn a_vehicle_is_packed_as_the_format_numbers_its_fields() {
        let feed = FeedMessage {
            header: FeedHeader::new(Incrementality::Differential, Some(Timestamp::milliseconds(1999))),
            entity: vec![FeedEntity {
                id: "g".to_owned(),
                vehicle: Some(VehiclePosition {
                    trip: Some(TripDescriptor { route_id: Some("7".to_owned()) }),
                    position: Some(Place { latitude: 1.0, longitude: 2.0, bearing: None, speed: Some(0.5) }),
                    timestamp: Some(2),
                    vehicle: Some(VehicleDescriptor { id: Some("b".to_owned()), label: None }),
                }),
                record: Some(vec![7]),
            }],
        };
        // Written by hand: a tag is the field's number times 8, plus 0 for numbers, 2 for what has a length, 5 for floats.
        let position = [0x0d, 0, 0, 0x80, 0x3f, 0x15, 0, 0, 0, 0x40, 0x2d, 0, 0, 0, 0x3f];
        let mut vehicle = vec![0x0a, 3, 0x2a, 1, b'7', 0x12, 15];
        vehicle.extend(position);
        vehicle.extend([0x28, 2, 0x42, 3, 0x0a, 1, b'b']);
        let mut expected = vec![0x0a, 9, 0x0a, 3, b'2', b'.', b'0', 0x10, 1, 0x18, 1];
        let length = |bytes: &[u8]| u8::try_from(bytes.len()).expect("short");
        expected.extend([0x12, length(&vehicle) + 10, 0x0a, 1, b'g', 0x22, length(&vehicle)]);
        expected.extend(vehicle);
        // 9000 times 8 plus 2, seven bits at a time.
        expected.extend([0xc2, 0xb2, 0x04, 1, 7]);
        assert_eq!(feed.encode_to_vec(), expected);
        assert_eq!(FeedMessage::decode(&expected[..]).expect("its own bytes"), feed);
    }
}
