//! What a map says beyond its roads: water, parks and quarters to draw, and the places where demand begins and ends.
//!
//! Places name roads by their id in the same map file, and points lie on the road's centre line; whoever uses them resolves
//! both on the built network. Knows no vehicle and no timetable beyond a line's headway.

use crate::primitives::{Distance, Point, SimDuration};

/// A named area.
#[derive(Debug, Clone, PartialEq)]
pub struct Area {
    /// Its name.
    pub name: String,
    /// Its outline, once around, the first point not repeated [m].
    pub outline: Vec<Point>,
}

/// A place at the kerb of a road.
#[derive(Debug, Clone, PartialEq)]
pub struct Kerb {
    /// The road, by its id.
    pub road: String,
    /// The point of the road's centre line beside it [m].
    pub point: Point,
}

/// A bus stop.
#[derive(Debug, Clone, PartialEq)]
pub struct StopPlace {
    /// Its id, unique among stops.
    pub id: String,
    /// Its name as passengers know it; the stop across the road has the same.
    pub name: String,
    /// Where the front of a halting bus stands.
    pub at: Kerb,
    /// How much kerb it takes [m].
    pub length: Distance,
}

/// A bus line in one direction.
#[derive(Debug, Clone, PartialEq)]
pub struct BusLine {
    /// Its name, unique: number and direction.
    pub name: String,
    /// The road where its buses start.
    pub origin: String,
    /// Its stops in order, by position in [`Places::bus_stops`].
    pub stops: Vec<usize>,
    /// The road where its buses end.
    pub destination: String,
    /// Time between two buses [s].
    pub headway: SimDuration,
}

/// A building that vehicles leave from or go to.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// Its name.
    pub name: String,
    /// Its gate.
    pub at: Kerb,
}

/// A zone of the demand model: where people live and work.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone {
    /// Its name.
    pub name: String,
    /// Its middle [m].
    pub centroid: Point,
    /// Inhabitants.
    pub population: f64,
    /// Jobs.
    pub jobs: f64,
    /// Roads on which its trips begin and end, by id, with the share of its trips each has; the shares sum to 1.
    pub roads: Vec<(String, f64)>,
}

/// Where a main road leaves the map.
#[derive(Debug, Clone, PartialEq)]
pub struct Gateway {
    /// The town it leads to.
    pub name: String,
    /// The road that enters the map.
    pub inbound: String,
    /// The road that leaves it.
    pub outbound: String,
    /// Its share of the traffic across the map's edge; all gateways sum to 1.
    pub share: f64,
}

/// Where a road of an imported map came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoadOrigin {
    /// The road, by its id.
    pub road: String,
    /// The ways of OpenStreetMap it was made from, in its direction.
    pub ways: Vec<i64>,
    /// Its number, as `A 56`.
    pub reference: Option<String>,
}

/// Everything a map says beyond its roads.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Places {
    /// Rivers and lakes.
    pub water: Vec<Area>,
    /// Parks.
    pub parks: Vec<Area>,
    /// Quarters.
    pub quarters: Vec<Area>,
    /// Bus stops.
    pub bus_stops: Vec<StopPlace>,
    /// Bus lines, each direction on its own.
    pub bus_lines: Vec<BusLine>,
    /// Ambulance stations.
    pub ambulance_stations: Vec<Site>,
    /// Hospitals.
    pub hospitals: Vec<Site>,
    /// Zones.
    pub zones: Vec<Zone>,
    /// Where main roads leave the map.
    pub gateways: Vec<Gateway>,
    /// Where roads came from, for a map that was imported.
    pub origins: Vec<RoadOrigin>,
}

impl Places {
    /// Ids of the roads made from a way of OpenStreetMap, both directions.
    pub fn roads_of_way(&self, way: i64) -> impl Iterator<Item = &str> {
        self.origins.iter().filter(move |origin| origin.ways.contains(&way)).map(|origin| origin.road.as_str())
    }

    /// Ids of the roads with a number such as `A 56`, both directions.
    pub fn roads_of_reference(&self, reference: &str) -> impl Iterator<Item = &str> {
        let same = move |origin: &&RoadOrigin| {
            origin.reference.as_deref().is_some_and(|own| own.split(';').any(|one| one.trim() == reference))
        };
        self.origins.iter().filter(same).map(|origin| origin.road.as_str())
    }
}
