//! Areas and lines drawn elsewhere: `GeoJSON` (RFC 7946) as far as a measure needs it.
//!
//! Polygons of any nesting of features and collections are gathered, and the longest line. Properties, points and heights are left
//! out. Files of strangers are bounded in size, nesting and corners.

use std::path::Path;

use serde_json::Value as Json;

use super::check::Checker;
use super::measures::CORNERS_MAX;
use super::quantity::At;
use crate::primitives::text::{Place, Problem};

/// The largest file read [bytes].
const FILE_MAX: u64 = 8 << 20;
/// The deepest nesting of collections.
const DEPTH_MAX: usize = 8;

/// What is drawn in a file.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Drawing {
    /// Outlines of polygons, holes among them.
    pub rings: Vec<Vec<[f64; 2]>>,
    /// The line with the most points.
    pub line: Vec<[f64; 2]>,
}

impl Checker<'_> {
    /// What is drawn in a file the scenario names.
    pub(super) fn drawing(&mut self, path: &At<String>) -> Option<Drawing> {
        let file = self.named(path);
        let about = std::fs::metadata(&file.path).ok()?;
        if about.is_dir() {
            self.wrong(path.spot, format!("`{}` is a folder", file.path.display()), "name the drawing in it");
            return None;
        }
        if !about.is_file() || about.len() > FILE_MAX {
            let message = format!("`{}` is no file of at most 8 MiB", file.path.display());
            self.wrong(path.spot, message, "draw fewer corners, or name another file");
            return None;
        }
        let bytes = match std::fs::read(&file.path) {
            Ok(bytes) => bytes,
            Err(error) => {
                let message = format!("`{}` cannot be read: {error}", file.path.display());
                self.wrong(path.spot, message, "look who may read it");
                return None;
            }
        };
        let json = match serde_json::from_slice::<Json>(&bytes) {
            Ok(json) => json,
            Err(error) => {
                self.complain(not_json(&file.path, &error));
                return None;
            }
        };
        let mut drawing = Drawing::default();
        match gather(&json, 0, &mut drawing) {
            Ok(()) => Some(drawing),
            Err(what) => {
                let message = format!("`{}` is no drawing: {what}", file.path.display());
                self.wrong(
                    path.spot,
                    message,
                    "draw polygons or lines, for example with https://geojson.io, and save them as GeoJSON",
                );
                None
            }
        }
    }
}

/// Where a file stops being JSON.
fn not_json(path: &Path, error: &serde_json::Error) -> Problem {
    let number = |n: usize| u32::try_from(n).unwrap_or(0);
    let message = error.to_string();
    let what = message.split(" at line ").next().unwrap_or_default();
    let what = if error.is_eof() { "the file ends too early" } else { what };
    // An empty file has no column.
    let place = Place::file(path).at(number(error.line()), number(error.column().max(1)));
    Problem::new(place, format!("this is no GeoJSON: {what}")).help("save the drawing anew as GeoJSON")
}

/// Gathers what is drawn in a value.
fn gather(value: &Json, depth: usize, drawing: &mut Drawing) -> Result<(), String> {
    if depth > DEPTH_MAX {
        return Err(format!("it is nested more than {DEPTH_MAX} times"));
    }
    let members = |name: &str| value.get(name).and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    match value.get("type").and_then(Json::as_str) {
        Some("FeatureCollection") => members("features").iter().try_for_each(|one| gather(one, depth + 1, drawing)),
        Some("GeometryCollection") => members("geometries").iter().try_for_each(|one| gather(one, depth + 1, drawing)),
        Some("Feature") => value.get("geometry").map_or(Ok(()), |one| gather(one, depth + 1, drawing)),
        Some("Polygon") => rings(members("coordinates"), drawing),
        Some("MultiPolygon") => members("coordinates")
            .iter()
            .try_for_each(|polygon| rings(polygon.as_array().map_or(&[][..], Vec::as_slice), drawing)),
        Some("LineString") => line(members("coordinates"), drawing),
        Some("MultiLineString") => members("coordinates")
            .iter()
            .try_for_each(|one| line(one.as_array().map_or(&[][..], Vec::as_slice), drawing)),
        Some("Point" | "MultiPoint") => Ok(()),
        Some(other) => Err(format!("there is no type `{}`", other.escape_debug())),
        None if value.is_null() => Ok(()),
        None => Err("something has no `type`".to_owned()),
    }
}

fn rings(list: &[Json], drawing: &mut Drawing) -> Result<(), String> {
    for ring in list {
        let mut corners = points(ring.as_array().map_or(&[][..], Vec::as_slice))?;
        if corners.len() > 1 && corners.first() == corners.last() {
            corners.pop();
        }
        if corners.len() < 3 {
            return Err("a polygon has fewer than three corners".to_owned());
        }
        drawing.rings.push(corners);
    }
    let corners: usize = drawing.rings.iter().map(Vec::len).sum();
    if corners > CORNERS_MAX { Err(format!("it has more than {CORNERS_MAX} corners")) } else { Ok(()) }
}

fn line(list: &[Json], drawing: &mut Drawing) -> Result<(), String> {
    let points = points(list)?;
    if points.len() > CORNERS_MAX {
        return Err(format!("a line has more than {CORNERS_MAX} points"));
    }
    if points.len() > drawing.line.len() {
        drawing.line = points;
    }
    Ok(())
}

fn points(list: &[Json]) -> Result<Vec<[f64; 2]>, String> {
    list.iter()
        .map(|point| {
            let number = |at: usize| point.get(at).and_then(Json::as_f64).filter(|number| number.is_finite());
            Ok([number(0).ok_or("a point is no two numbers")?, number(1).ok_or("a point is no two numbers")?])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_drawn_is_gathered_and_nothing_else() {
        let text = r#"{"type": "FeatureCollection", "features": [
            {"type": "Feature", "properties": {}, "geometry":
                {"type": "Polygon", "coordinates": [[[0, 0], [2, 0, 7], [2, 2], [0, 0]]]}},
            {"type": "Feature", "geometry": {"type": "MultiLineString", "coordinates": [[[0, 0], [1, 1]], [[0, 0], [1, 1], [2, 1]]]}},
            {"type": "Feature", "geometry": null}]}"#;
        let mut drawing = Drawing::default();
        let json = serde_json::from_str(text).expect("JSON");
        gather(&json, 0, &mut drawing).expect("a drawing");
        assert_eq!(drawing.rings, [[[0.0, 0.0], [2.0, 0.0], [2.0, 2.0]]]);
        assert_eq!(drawing.line.len(), 3);
    }

    #[test]
    fn what_is_no_drawing_is_refused_in_words() {
        for text in [
            "{}",
            r#"{"type": "Circle"}"#,
            r#"{"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}"#,
            r#"{"type": "Polygon", "coordinates": [[["a", 0], [1, 1], [2, 2]]]}"#,
            r#"{"type": "FeatureCollection", "features": [7]}"#,
        ] {
            let json = serde_json::from_str(text).expect("JSON");
            assert!(gather(&json, 0, &mut Drawing::default()).is_err(), "{text}");
        }
    }
}
