//! Map files: a bare map and its places as text one can read, compare line by line, and edit by hand.
//!
//! JSON, one node, road or place per line, coordinates in metres to the centimetre. Writing is deterministic to the byte;
//! reading gathers every complaint with line and column. The structs here are the file's, not the city's: fields are named
//! for the reader of a file, with their units.

mod dto;
mod read;

use std::fmt::Write as _;

use serde::Serialize;

use super::bare::BareMap;
use super::places::Places;

pub use read::parse;

/// The version of the format this program writes, and the only one it reads.
pub const VERSION: u32 = 1;

/// What a map file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct MapFile {
    /// The map's name.
    pub name: String,
    /// Roads and junctions.
    pub map: BareMap,
    /// Everything else.
    pub places: Places,
}

/// The text of a map file; the same map always gives the same bytes.
pub fn write(file: &MapFile) -> String {
    let MapFile { name, map, places } = file;
    let mut text = String::from("{\n");
    let mut field = |key: &str, value: &str| {
        let _ = writeln!(text, "\"{key}\": {value},");
    };
    field("format", "\"citytwin map\"");
    field("version", &VERSION.to_string());
    field("name", &line(&name));
    field("left_hand", &map.left_hand.to_string());
    field("projection", &line(&dto::Projection::of(&map.projection)));
    field("nodes", &lines(map.nodes.iter().map(dto::Node::of)));
    field("roads", &lines(map.roads.iter().enumerate().map(|(number, road)| dto::Road::of(number, road, map))));
    field("turn_bans", &lines(map.turn_bans.iter().map(|ban| dto::TurnBan::of(*ban, map))));
    field("water", &lines(places.water.iter().map(dto::Area::of)));
    field("parks", &lines(places.parks.iter().map(dto::Area::of)));
    field("quarters", &lines(places.quarters.iter().map(dto::Area::of)));
    field("bus_stops", &lines(places.bus_stops.iter().map(dto::BusStop::of)));
    field("bus_lines", &lines(places.bus_lines.iter().map(|line| dto::BusLine::of(line, places))));
    field("ambulance_stations", &lines(places.ambulance_stations.iter().map(dto::Site::of)));
    field("hospitals", &lines(places.hospitals.iter().map(dto::Site::of)));
    field("zones", &lines(places.zones.iter().map(dto::Zone::of)));
    if !places.origins.is_empty() {
        field("origins", &lines(places.origins.iter().map(dto::Origin::of)));
    }
    let gateways = lines(places.gateways.iter().map(dto::Gateway::of));
    let _ = write!(text, "\"gateways\": {gateways}\n}}\n");
    text
}

/// One value on one line. The file's structs hold strings, finite numbers and lists of them, which always serialise.
fn line<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn lines<T: Serialize>(values: impl Iterator<Item = T>) -> String {
    let items: Vec<String> = values.map(|value| line(&value)).collect();
    if items.is_empty() { "[]".to_owned() } else { format!("[\n{}\n]", items.join(",\n")) }
}
