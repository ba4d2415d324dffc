//! An invented city: a map made from a seed, for showing and testing what must not depend on a real place.
//!
//! The steps read in the order of the modules: a site plan, a grain, streets along it, a graph of junctions, who may drive
//! where, names, and what stands at the kerb. Everything is drawn from keyed streams and computed through `libm`, so a seed
//! names one city on every machine. Knows nothing of traffic.

mod ends;
mod field;
mod graph;
mod kerb;
mod layout;
mod names;
mod plan;
mod reach;
mod roads;
mod shape;
mod streets;
mod tidy;

use super::mapfile::MapFile;
use crate::primitives::Distance;
use crate::primitives::random::{Purpose, Seed};

/// How large an invented city is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CitySize {
    /// From the centre to the edge of the map [m].
    pub radius: Distance,
}

/// The name every invented city bears.
const CITY_NAME: &str = "Halvermere";

/// The seed of the city that ships with the program.
pub const SHIPPED_SEED: Seed = Seed(4);

impl CitySize {
    /// A city of about 200 junctions, 3 km across.
    pub const CITY: Self = Self { radius: Distance::metres(1650.0) };

    fn radius(self) -> f64 {
        self.radius.as_metres()
    }

    /// Mean radius of the built-up area [m].
    fn built(self) -> f64 {
        self.radius() * 0.86
    }

    /// Mean radius of the ring road [m].
    fn ring(self) -> f64 {
        self.radius() * 0.43
    }

    /// Mean radius of the old town [m].
    fn wall(self) -> f64 {
        self.radius() * 0.185
    }
}

/// The city of a seed: the same seed and size always give the same city, to the centimetre.
pub fn generate(seed: Seed, size: CitySize) -> MapFile {
    let plan = plan::Plan::draw(seed, size);
    let streets = streets::grow(seed, &plan);
    let mut graph = graph::Graph::cut(&streets);
    tidy::tidy(&mut graph);
    tidy::thin(&mut graph, &mut seed.stream(Purpose::MapMaking, 4, 0));
    ends::settle(&mut graph, &plan, &mut seed.stream(Purpose::MapMaking, 5, 0));
    let layout = layout::Layout::regulate(graph, streets, &plan, &mut seed.stream(Purpose::MapMaking, 6, 0));
    let mut names = names::Names::draw(seed);
    let (map, links) = roads::bare_map(&layout, &plan, &mut names);
    let places = kerb::Survey { plan: &plan, layout: &layout, map: &map, links: &links }.places(&mut names);
    MapFile { name: CITY_NAME.to_owned(), map, places }
}

#[cfg(test)]
mod tests;
