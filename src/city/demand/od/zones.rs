//! Zones as people draw them: polygons of `GeoJSON` (RFC 7946), each with a name, and perhaps with the roads it is tied to.
//!
//! Coordinates are longitude and latitude, or metres where the map has no place on earth. Files of strangers are bounded in size,
//! zones and corners. Knows no network.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::matrix::ZONES_MAX;
use super::table::bounded;
use crate::primitives::text::{Findings, Place, Problem};

/// The largest file read [bytes].
const FILE_MAX: u64 = 64 << 20;
/// The most corners of all zones together.
const CORNERS_MAX: usize = 2_000_000;
/// Members that may name a zone, in the order they are looked for.
const NAMES: [&str; 4] = ["id", "zone", "name", "zone_id"];

/// A zone.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone {
    /// Its name, unique in the file.
    pub name: String,
    /// Outlines and holes: a point is inside where a line from it crosses them an odd number of times.
    pub rings: Vec<Vec<[f64; 2]>>,
    /// Roads it is tied to by name, whatever is drawn; empty means those inside.
    pub roads: Vec<String>,
    /// The line of the file it begins in.
    pub line: u32,
}

/// Zones of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Zones {
    /// The file.
    pub place: Place,
    /// The zones in the order of the file.
    pub list: Vec<Zone>,
}

#[derive(Debug, Deserialize)]
struct Collection<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow, default)]
    features: Vec<&'a RawValue>,
}

impl Zones {
    /// Reads zones; `name` is the property that names them, if it is none of `id`, `zone`, `name` and `zone_id`.
    ///
    /// # Errors
    /// A file that is too large or no collection of features, features without a name or a polygon, names given twice, coordinates
    /// that are no numbers; all at once.
    pub fn read(path: &Path, name: Option<&str>) -> Result<Self, Findings> {
        let bytes = bounded(path, FILE_MAX).map_err(|problem| just(problem, ""))?;
        Self::parse(&Place::file(path), &bytes, name)
    }

    /// Reads zones and what their features say of themselves: the properties of each, in the order of the zones.
    ///
    /// # Errors
    /// As [`Zones::read`].
    pub fn read_with_properties(
        path: &Path,
        name: Option<&str>,
    ) -> Result<(Self, Vec<serde_json::Map<String, Json>>), Findings> {
        let bytes = bounded(path, FILE_MAX).map_err(|problem| just(problem, ""))?;
        let zones = Self::parse(&Place::file(path), &bytes, name)?;
        // It has been read once, so it can be read again, and every feature has become a zone.
        let bytes = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(&bytes);
        let features = serde_json::from_slice::<Collection<'_>>(bytes).map(|all| all.features).unwrap_or_default();
        let properties = features.into_iter().map(|feature| match serde_json::from_str::<Json>(feature.get()) {
            Ok(Json::Object(mut feature)) => match feature.remove("properties") {
                Some(Json::Object(properties)) => properties,
                _ => serde_json::Map::new(),
            },
            _ => serde_json::Map::new(),
        });
        Ok((zones, properties.collect()))
    }

    /// Reads zones from the bytes of a file; `place` is only named in complaints.
    ///
    /// # Errors
    /// As [`Zones::read`].
    pub fn parse(place: &Place, bytes: &[u8], name: Option<&str>) -> Result<Self, Findings> {
        const HELP: &str = "see RFC 7946; geographic programs export it as GeoJSON";
        let bytes = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
        let collection: Collection<'_> = serde_json::from_slice(bytes).map_err(|error| {
            let line = u32::try_from(error.line()).unwrap_or(0);
            just(Problem::new(place.at(line, 0), format!("is no GeoJSON: {}", in_words(&error))), HELP)
        })?;
        if collection.kind != "FeatureCollection" || collection.features.is_empty() {
            return Err(just(Problem::new(place.clone(), "is no `FeatureCollection` with features"), HELP));
        }
        if collection.features.len() > ZONES_MAX {
            let message = format!("has {} zones", collection.features.len());
            return Err(just(Problem::new(place.clone(), message), "at most 5,000"));
        }
        let mut reader = Reader { place, named: name, corners: 0, findings: Findings::default() };
        let list = reader.zones(&lines(bytes, &collection.features));
        if reader.findings.is_ok() { Ok(Self { place: place.clone(), list }) } else { Err(reader.findings) }
    }

    /// The file of these zones: a `FeatureCollection`, a line for each zone.
    pub fn to_geojson(&self) -> String {
        let features: Vec<String> = self.list.iter().map(feature).collect();
        format!("{{\"type\": \"FeatureCollection\", \"features\": [\n{}\n]}}\n", features.join(",\n"))
    }
}

/// A zone as a feature on one line; outlines and holes become polygons of their own, which an odd-even rule reads back.
fn feature(zone: &Zone) -> String {
    let ring = |ring: &Vec<[f64; 2]>| {
        let points: Vec<String> = ring.iter().chain(ring.first()).map(|[x, y]| format!("[{x:.7},{y:.7}]")).collect();
        format!("[[{}]]", points.join(","))
    };
    let polygons: Vec<String> = zone.rings.iter().map(ring).collect();
    let geometry = match polygons.as_slice() {
        [] => "null".to_owned(),
        [one] => format!("{{\"type\":\"Polygon\",\"coordinates\":{one}}}"),
        many => format!("{{\"type\":\"MultiPolygon\",\"coordinates\":[{}]}}", many.join(",")),
    };
    let mut properties = serde_json::Map::new();
    properties.insert("id".to_owned(), Json::from(zone.name.as_str()));
    if !zone.roads.is_empty() {
        properties.insert("roads".to_owned(), Json::from(zone.roads.clone()));
    }
    format!("{{\"type\":\"Feature\",\"properties\":{},\"geometry\":{geometry}}}", Json::Object(properties))
}

/// Features with the lines they begin in.
fn lines<'a>(bytes: &[u8], features: &[&'a RawValue]) -> Vec<(u32, &'a str)> {
    let start = bytes.as_ptr().addr();
    let (mut at, mut line) = (0, 1_u32);
    let mut with_lines = Vec::with_capacity(features.len());
    for feature in features {
        let text = feature.get();
        let offset = text.as_ptr().addr().saturating_sub(start).min(bytes.len());
        if offset >= at {
            line += u32::try_from(bytes[at..offset].iter().filter(|&&byte| byte == b'\n').fold(0_usize, |n, _| n + 1))
                .unwrap_or(0);
            at = offset;
        }
        with_lines.push((line, text));
    }
    with_lines
}

struct Reader<'a> {
    place: &'a Place,
    named: Option<&'a str>,
    corners: usize,
    findings: Findings,
}

impl Reader<'_> {
    fn wrong(&mut self, line: u32, message: impl Into<String>, help: &str) {
        self.findings.problem(Problem::new(self.place.at(line, 0), message).help(help));
    }

    fn zones(&mut self, features: &[(u32, &str)]) -> Vec<Zone> {
        let values: Vec<(u32, Json)> =
            features.iter().map(|(line, text)| (*line, serde_json::from_str(text).unwrap_or(Json::Null))).collect();
        let name = self.named.map(str::to_owned).or_else(|| {
            let all = |key: &&&str| values.iter().all(|(_, value)| name_of(value, key).is_some());
            NAMES.iter().find(all).map(|key| (*key).to_owned())
        });
        let Some(name) = name else {
            self.wrong(
                0,
                "no property names every zone",
                "give each feature an `id`, or say which property it is: `id: ZONE_NO`",
            );
            return Vec::new();
        };
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        let mut list = Vec::with_capacity(values.len());
        for (line, value) in &values {
            let Some(zone) = name_of(value, &name) else {
                self.wrong(*line, format!("the zone has no `{name}`"), "every zone needs a name of its own");
                continue;
            };
            if let Some(first) = seen.insert(zone.clone(), *line) {
                self.wrong(
                    *line,
                    format!("there is a zone `{zone}` in line {first} already"),
                    "every zone needs a name of its own",
                );
                continue;
            }
            let roads = self.roads(value, &zone, *line);
            let mut rings = Vec::new();
            let geometry = value.get("geometry").unwrap_or(&Json::Null);
            match self.polygons(geometry, &mut rings) {
                Ok(()) if rings.is_empty() && roads.is_empty() => {
                    self.wrong(
                        *line,
                        format!("the zone `{zone}` is not drawn"),
                        "draw a polygon, or tie it to roads: `\"roads\": [\"name\"]`",
                    );
                }
                Ok(()) => list.push(Zone { name: zone, rings, roads, line: *line }),
                Err(why) => {
                    self.wrong(*line, format!("the zone `{zone}`: {why}"), "a zone is a Polygon or a MultiPolygon");
                }
            }
        }
        list
    }

    /// The property `roads`.
    fn roads(&mut self, value: &Json, zone: &str, line: u32) -> Vec<String> {
        let Some(roads) =
            value.get("properties").and_then(|properties| properties.get("roads")).filter(|one| !one.is_null())
        else {
            return Vec::new();
        };
        let names: Option<Vec<String>> =
            roads.as_array().and_then(|list| list.iter().map(|one| one.as_str().map(str::to_owned)).collect());
        if names.is_none() {
            self.wrong(line, format!("the `roads` of zone `{zone}` are no list of names"), "write `[\"High Street\"]`");
        }
        names.unwrap_or_default()
    }

    fn polygons(&mut self, geometry: &Json, rings: &mut Vec<Vec<[f64; 2]>>) -> Result<(), String> {
        let coordinates = geometry.get("coordinates").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
        match geometry.get("type").and_then(Json::as_str) {
            Some("Polygon") => self.rings(coordinates, rings),
            Some("MultiPolygon") => coordinates
                .iter()
                .try_for_each(|polygon| self.rings(polygon.as_array().map_or(&[][..], Vec::as_slice), rings)),
            Some(other) => {
                Err(format!("it is drawn as `{}`", other.chars().take(40).collect::<String>().escape_debug()))
            }
            None if geometry.is_null() => Ok(()),
            None => Err("its geometry has no `type`".to_owned()),
        }
    }

    fn rings(&mut self, list: &[Json], rings: &mut Vec<Vec<[f64; 2]>>) -> Result<(), String> {
        for ring in list {
            let points = ring.as_array().map_or(&[][..], Vec::as_slice);
            let mut corners: Vec<[f64; 2]> =
                points.iter().map(point).collect::<Option<_>>().ok_or("a corner is no two numbers")?;
            if corners.len() > 1 && corners.first() == corners.last() {
                corners.pop();
            }
            if corners.len() < 3 {
                return Err("it has fewer than three corners".to_owned());
            }
            self.corners += corners.len();
            if self.corners > CORNERS_MAX {
                return Err(format!("here the zones have more than {CORNERS_MAX} corners; draw them more simply"));
            }
            rings.push(corners);
        }
        Ok(())
    }
}

fn point(value: &Json) -> Option<[f64; 2]> {
    let number = |at: usize| value.get(at).and_then(Json::as_f64).filter(|number| number.is_finite());
    Some([number(0)?, number(1)?])
}

/// The name of a feature: a property, or its own `id`, as text or a whole number.
fn name_of(feature: &Json, key: &str) -> Option<String> {
    let own = || feature.get("id").filter(|_| key == "id");
    let value = feature.get("properties").and_then(|properties| properties.get(key)).or_else(own)?;
    match value {
        Json::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Json::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        Json::Number(number) => number.as_f64().filter(|n| n.fract().abs() < 1e-12).map(|whole| format!("{whole:.0}")),
        _ => None,
    }
}

/// What a reader of JSON says, without the place, which is told apart.
fn in_words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

fn just(problem: Problem, help: &str) -> Findings {
    let mut findings = Findings::default();
    findings.problem(if help.is_empty() { problem } else { problem.help(help) });
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, name: Option<&str>) -> Result<Zones, Vec<String>> {
        Zones::parse(&Place::file("z.json"), text.as_bytes(), name)
            .map_err(|findings| findings.problems().iter().map(ToString::to_string).collect())
    }

    const SQUARE: &str = "{\"type\": \"Polygon\", \"coordinates\": [[[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]]}";

    fn file(features: &[&str]) -> String {
        format!("{{\"type\": \"FeatureCollection\", \"features\": [\n{}\n]}}", features.join(",\n"))
    }

    #[test]
    fn zones_are_named_by_what_names_all_of_them() {
        let one = format!(
            "{{\"type\": \"Feature\", \"properties\": {{\"name\": \"x\", \"NO\": 7}}, \"geometry\": {SQUARE}}}"
        );
        let two = format!(
            "{{\"type\": \"Feature\", \"id\": 3, \"properties\": {{\"name\": \"y\", \"NO\": 8.0}}, \"geometry\": {SQUARE}}}"
        );
        let text = file(&[&one, &two]);
        let names =
            |name| parse(&text, name).expect("zones").list.into_iter().map(|zone| zone.name).collect::<Vec<_>>();
        assert_eq!(names(None), ["x", "y"]);
        assert_eq!(names(Some("NO")), ["7", "8"]);
        let zones = parse(&text, None).expect("zones");
        assert_eq!(zones.list.iter().map(|zone| (zone.line, zone.rings.len())).collect::<Vec<_>>(), [(2, 1), (3, 1)]);
        let again = Zones::parse(&Place::file("z.json"), zones.to_geojson().as_bytes(), None).expect("its own text");
        assert_eq!(again, zones);
        assert!(
            parse(&text, Some("zone")).expect_err("nobody has it")[0].starts_with("z.json:2: the zone has no `zone`")
        );
    }

    #[test]
    fn every_mistake_is_named_with_its_line() {
        let text = file(&[
            &format!("{{\"properties\": {{\"id\": \"a\"}}, \"geometry\": {SQUARE}}}"),
            &format!("{{\"properties\": {{\"id\": \"a\"}}, \"geometry\": {SQUARE}}}"),
            "{\"properties\": {\"id\": \"b\"}, \"geometry\": {\"type\": \"Point\", \"coordinates\": [0, 0]}}",
            "{\"properties\": {\"id\": \"c\"}, \"geometry\": null}",
            "{\"properties\": {\"id\": \"d\", \"roads\": [\"High Street\"]}, \"geometry\": null}",
            "{\"properties\": {\"id\": \"e\"}, \"geometry\": {\"type\": \"Polygon\", \"coordinates\": [[[0, 0], [1, \"x\"], [2, 2]]]}}",
        ]);
        let told = parse(&text, None).expect_err("five are wrong");
        let heads: Vec<String> =
            told.iter().map(|line| line.split(" (").next().unwrap_or_default().to_owned()).collect();
        let expected = [
            "z.json:3: there is a zone `a` in line 2 already",
            "z.json:4: the zone `b`: it is drawn as `Point`",
            "z.json:5: the zone `c` is not drawn",
            "z.json:7: the zone `e`: a corner is no two numbers",
        ];
        assert_eq!(heads, expected);
    }

    #[test]
    fn what_is_no_collection_is_refused_in_words() {
        for text in [
            "",
            "{",
            "[]",
            "{\"type\": \"Point\"}",
            "{\"type\": \"FeatureCollection\", \"features\": []}",
            "{\"type\": \"FeatureCollection\", \"features\": [7]}",
        ] {
            assert!(parse(text, None).is_err(), "{text}");
        }
    }
}
