//! OpenStreetMap in and out: a file of a place becomes a bare map, and what was guessed on the way is listed.
//!
//! In the order of the work: `raw` is what a file holds (read by `xml` and `pbf`), `ways` chooses the roads and `lanes`
//! reads their tags, `graph` cuts them where they meet, `control` brings signals and signs to junctions, `joining` finds which
//! nodes are one junction, `restrictions` says which turns are allowed, `map` writes it all down, `ends` guesses where
//! trips begin and end, and `sites` finds gates for hospitals and ambulance stations. Knows no simulation; a tag it does not know changes nothing.

mod access;
mod control;
mod country;
mod ends;
mod export;
mod graph;
mod guesses;
mod highway;
mod joining;
mod lanes;
mod map;
mod pbf;
mod raw;
mod restrictions;
mod sites;
mod speed;
mod ways;
mod xml;

use std::path::Path;

use super::mapfile::MapFile;
use super::model::Projection;
use super::xml::{Source, read_bytes, suggest};
use crate::primitives::text::{Findings, Place, Problem};

use self::country::Country;
use self::guesses::OsmObject;
use self::raw::{Extract, just};

pub use export::write;
pub use guesses::{ImportReport, Tally};

/// A rectangle of longitudes and latitudes [°].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoundingBox {
    west: f64,
    south: f64,
    east: f64,
    north: f64,
}

impl BoundingBox {
    /// The rectangle between these sides [°]; none if they are not on earth or in the wrong order.
    pub fn new(west: f64, south: f64, east: f64, north: f64) -> Option<Self> {
        let sound = west < east && south < north && west >= -180.0 && east <= 180.0 && south >= -90.0 && north <= 90.0;
        sound.then_some(Self { west, south, east, north })
    }

    /// Reads `west,south,east,north`.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        let numbers: Option<Vec<f64>> = text.split(',').map(|part| part.trim().parse().ok()).collect();
        let sides = numbers.as_deref().and_then(|numbers| match *numbers {
            [west, south, east, north] => Self::new(west, south, east, north),
            _ => None,
        });
        sides.ok_or_else(|| "write west,south,east,north in degrees, such as `13.42,52.47,13.45,52.49`".to_owned())
    }

    /// Whether a longitude and latitude lie within.
    pub(super) fn contains(&self, (lon, lat): (f64, f64)) -> bool {
        (self.west..=self.east).contains(&lon) && (self.south..=self.north).contains(&lat)
    }

    /// Its middle.
    fn middle(&self) -> (f64, f64) {
        (f64::midpoint(self.west, self.east), f64::midpoint(self.south, self.north))
    }

    /// Where the line between two places, of which one lies within, crosses the edge.
    fn cut(&self, from: (f64, f64), to: (f64, f64)) -> (f64, f64) {
        let (inside, outside) = if self.contains(from) { (from, to) } else { (to, from) };
        let mut share: f64 = 1.0;
        for (start, end, low, high) in
            [(inside.0, outside.0, self.west, self.east), (inside.1, outside.1, self.south, self.north)]
        {
            let limit = if end > high { high } else { low };
            if end < low || end > high {
                share = share.min((limit - start) / (end - start));
            }
        }
        (inside.0 + share * (outside.0 - inside.0), inside.1 + share * (outside.1 - inside.1))
    }
}

/// How a file is to be imported.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ImportSettings {
    /// Name of the map.
    pub name: String,
    /// Only this part of the file.
    pub area: Option<BoundingBox>,
    /// Whether one drives on the left, if the country's rule is not to decide.
    pub left_hand: Option<bool>,
    /// Country as two letters, if the file is not to decide.
    pub country: Option<String>,
}

/// An imported map and what was guessed.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The map.
    pub file: MapFile,
    /// What was guessed and left out.
    pub report: ImportReport,
}

/// Imports a file: `.osm`, `.osm.gz` or `.osm.pbf`, told apart by content.
///
/// # Errors
/// What is wrong with the file or the settings, or that no road is left.
pub fn import(path: &Path, settings: &ImportSettings) -> Result<Imported, Findings> {
    let place = Place::file(path);
    let bytes = read_bytes(path).map_err(just)?;
    import_bytes(&place, bytes, settings)
}

/// Imports the bytes of a file; `place` is only named in complaints.
///
/// # Errors
/// As [`import`].
pub fn import_bytes(place: &Place, bytes: Vec<u8>, settings: &ImportSettings) -> Result<Imported, Findings> {
    let known = match &settings.country {
        Some(code) => Some(country::find(code).ok_or_else(|| unknown_country(code))?),
        None => None,
    };
    let mut extract = read(place, bytes)?;
    extract.seal();
    let middle = middle_of(&extract, settings).ok_or_else(|| no_roads(place, settings))?;
    let (rules, how) = known.map_or_else(|| country::of(&extract, middle), |country| (country, "as told"));
    made(place, &extract, settings, (rules, how), middle)
}

/// Reads whatever form the file has.
fn read(place: &Place, bytes: Vec<u8>) -> Result<Extract, Findings> {
    if pbf::is_pbf(&bytes) {
        return pbf::read(place, &bytes);
    }
    let packed = match bytes.get(..4) {
        Some([b'B', b'Z', b'h', _]) => Some("bzip2"),
        Some([0xfd, b'7', b'z', b'X']) => Some("xz"),
        Some([b'P', b'K', 3, 4]) => Some("zip"),
        Some([0x28, 0xb5, 0x2f, 0xfd]) => Some("zstd"),
        Some([0xff, 0xe0, ..]) => Some("o5m"),
        _ => None,
    };
    if let Some(kind) = packed {
        let problem = Problem::new(place.clone(), format!("the file is packed as {kind}, which is not read here"));
        return Err(just(problem.help("unpack it, or convert it to `.osm.pbf`")));
    }
    xml::read(&Source::from_bytes(place.clone(), bytes).map_err(just)?)
}

/// The middle of the roads, or of the area asked for.
fn middle_of(extract: &Extract, settings: &ImportSettings) -> Option<(f64, f64)> {
    if let Some(area) = settings.area {
        return Some(area.middle());
    }
    let (mut low, mut high) = ((f64::INFINITY, f64::INFINITY), (f64::NEG_INFINITY, f64::NEG_INFINITY));
    let roads = extract.ways.iter().filter(|way| way.tags.get("highway").and_then(highway::Class::of).is_some());
    for (lon, lat) in roads.flat_map(|way| way.nodes.iter()).filter_map(|node| extract.place_of(*node)) {
        low = (low.0.min(lon), low.1.min(lat));
        high = (high.0.max(lon), high.1.max(lat));
    }
    (low.0 <= high.0).then(|| (f64::midpoint(low.0, high.0), f64::midpoint(low.1, high.1)))
}

fn made(
    place: &Place,
    extract: &Extract,
    settings: &ImportSettings,
    (country, how): (&Country, &str),
    middle: (f64, f64),
) -> Result<Imported, Findings> {
    let mut report = ImportReport::default();
    let name = if country.code.is_empty() { "no country" } else { country.code };
    report.country = format!("{name}, {how}");
    let side = extract.ways.iter().find_map(|way| way.tags.get("driving_side")).map(|side| side == "left");
    report.left_hand = settings.left_hand.or(side).unwrap_or(country.left_hand);
    report.leave_out_many("objects that appear twice or lie nowhere", extract.odd);
    let projection = Projection::Equirectangular { origin: middle };
    let rules = ways::Rules { country, left_hand: report.left_hand, area: settings.area, projection: &projection };
    let chosen = ways::choose(extract, &rules, &mut report);
    let graph = graph::Graph::new(chosen, &mut report);
    let control = control::read(&graph, extract, &mut report);
    let junctions = joining::join(&graph, &control);
    let restrictions = restrictions::read(extract, &mut report);
    let written = map::Writer {
        graph: &graph,
        junctions: &junctions,
        control: &control,
        restrictions: &restrictions,
        bounds: settings.area.or(extract.bounds),
        projection: &projection,
    }
    .write(&mut report);
    if written.map.roads.is_empty() {
        return Err(no_roads(place, settings));
    }
    let mut places = ends::places(&written, &mut report);
    sites::add(&mut places, extract, &written, (&projection, settings.area), &mut report);
    let name = if settings.name.is_empty() { "imported".to_owned() } else { settings.name.clone() };
    Ok(Imported { file: MapFile { name, map: written.map, places }, report })
}

fn no_roads(place: &Place, settings: &ImportSettings) -> Findings {
    let problem = Problem::new(place.clone(), "there is no road for motor traffic that leads anywhere");
    just(match settings.area {
        Some(_) => problem.help("the box goes west,south,east,north in degrees; does it lie within the file?"),
        None => problem.help("export a larger area"),
    })
}

fn unknown_country(code: &str) -> Findings {
    let problem = Problem::new(Place::file("command line"), format!("there are no rules for a country `{code}`"));
    let like = suggest(problem, &code.to_ascii_uppercase(), country::codes());
    just(if like.help.is_some() { like } else { like.help("write two letters, such as DE or GB") })
}

#[cfg(test)]
mod tests;
