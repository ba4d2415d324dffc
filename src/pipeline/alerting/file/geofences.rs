//! Areas of the file: circles, lists of corners, `GeoJSON` polygons (RFC 7946).

use crate::pipeline::analytics::{Geofence, Shape};
use crate::primitives::fields::{Fields, Reader, listed};
use crate::primitives::tree::{Node, Value};
use crate::primitives::units::DISTANCE;
use crate::telemetry::ReadingKind;
use crate::telemetry::field::Text;

/// Most corners of an area.
const CORNERS_MAX: usize = 1_000;
/// Largest radius [m].
const RADIUS_MAX: f64 = 100_000.0;

const SHAPES: [&str; 3] = ["circle", "polygon", "geometry"];
const KINDS: [(&str, ReadingKind); 2] = [("position", ReadingKind::Position), ("unit", ReadingKind::Unit)];

pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Geofence> {
    let name = reader.name(node, "area");
    let what = format!("area `{name}`");
    let fields = reader.fields(node, &what, &["name", "circle", "polygon", "geometry", "kinds", "classes"])?;
    let shape = shape(reader, &fields);
    let kinds = match fields.get("kinds") {
        None => KINDS.iter().map(|kind| kind.1).collect(),
        Some(node) => {
            let words: Vec<(String, &Node)> = reader.texts(node, "kinds");
            words
                .into_iter()
                .filter_map(|(_, node)| reader.word(node, "kind of reading with a place", &KINDS))
                .collect()
        }
    };
    let classes = fields.get("classes").map(|node| reader.texts(node, "classes")).unwrap_or_default();
    let classes = classes.into_iter().map(|(class, _)| Text::from(class)).collect();
    Some(Geofence { name: Text::from(name), shape: shape?, kinds, classes })
}

fn shape(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Shape> {
    let given: Vec<(&str, &Node)> = SHAPES.into_iter().filter_map(|key| Some((key, fields.get(key)?))).collect();
    match given.as_slice() {
        [("circle", node)] => circle(reader, node),
        [("polygon", node)] => polygon(reader, node),
        [(_, node)] => geometry(reader, node),
        [] => {
            let help =
                "write `circle: {latitude: 52.52, longitude: 13.40, radius: 250 m}`, or a `polygon` or `geometry`";
            reader.wrong(fields.node(), format!("{} has no border", fields.what), help);
            None
        }
        _ => {
            let message = format!("{} has more than one border", fields.what);
            reader.wrong(fields.node(), message, format!("keep one of {}", listed(SHAPES)));
            None
        }
    }
}

fn circle(reader: &mut Reader<'_>, node: &Node) -> Option<Shape> {
    let fields = reader.fields(node, "`circle`", &["latitude", "longitude", "radius"])?;
    let latitude = reader.needed(&fields, "latitude", "in degrees, WGS 84");
    let latitude = latitude.and_then(|node| reader.number(node, "latitude", -90.0..=90.0));
    let longitude = reader.needed(&fields, "longitude", "in degrees, WGS 84");
    let longitude = longitude.and_then(|node| reader.number(node, "longitude", -180.0..=180.0));
    let radius = reader.needed(&fields, "radius", "write it like `250 m`")?;
    let text = reader.text(radius, "radius")?;
    let radius = match DISTANCE.read(&text) {
        Ok(metres) if metres > 0.0 && metres <= RADIUS_MAX => metres,
        Ok(_) => {
            reader.wrong(radius, format!("a radius of `{text}` makes no area"), "more than `0 m`, at most `100 km`");
            return None;
        }
        Err(wrong) => {
            reader.wrong(radius, wrong.message, wrong.help);
            return None;
        }
    };
    Some(Shape::Circle { latitude: latitude?, longitude: longitude?, radius })
}

/// Corners as pairs [latitude, longitude], or with the names written out.
fn polygon(reader: &mut Reader<'_>, node: &Node) -> Option<Shape> {
    let Value::List(items) = &node.value else {
        let message = format!("`polygon` should be a list of corners, not {}", node.value.describe());
        reader.wrong(node, message, "write each as `- [latitude, longitude]`");
        return None;
    };
    let corners = items.iter().map(|item| {
        if let Value::List(_) = item.value {
            return pair(reader, item, true);
        }
        let fields = reader.fields(item, "a corner", &["latitude", "longitude"])?;
        let latitude = reader.needed(&fields, "latitude", "in degrees, WGS 84")?;
        let longitude = reader.needed(&fields, "longitude", "in degrees, WGS 84")?;
        let latitude = reader.number(latitude, "latitude", -90.0..=90.0)?;
        Some((latitude, reader.number(longitude, "longitude", -180.0..=180.0)?))
    });
    let corners: Option<Vec<(f64, f64)>> = corners.collect();
    ring(reader, node, corners?)
}

/// A pair of numbers: latitude first, as people say it, or longitude first, as `GeoJSON` has it.
fn pair(reader: &mut Reader<'_>, node: &Node, latitude_first: bool) -> Option<(f64, f64)> {
    let order = if latitude_first { "[latitude, longitude]" } else { "[longitude, latitude]" };
    let Value::List(numbers) = &node.value else {
        reader.wrong(
            node,
            format!("a corner should be a pair, not {}", node.value.describe()),
            format!("write `{order}`"),
        );
        return None;
    };
    // GeoJSON allows a height, which has no meaning here.
    let (first, second) = match numbers.as_slice() {
        [first, second] => (first, second),
        [first, second, _] if !latitude_first => (first, second),
        _ => {
            reader.wrong(node, format!("a corner has {} numbers", numbers.len()), format!("write `{order}`"));
            return None;
        }
    };
    let (latitude, longitude) = if latitude_first { (first, second) } else { (second, first) };
    let latitude = reader.number(latitude, "latitude", -90.0..=90.0);
    let longitude = reader.number(longitude, "longitude", -180.0..=180.0);
    latitude.zip(longitude)
}

/// A ring of at least three different corners; a last one equal to the first is left out.
fn ring(reader: &mut Reader<'_>, node: &Node, mut corners: Vec<(f64, f64)>) -> Option<Shape> {
    if corners.len() > 1 && corners.first() == corners.last() {
        corners.pop();
    }
    let mut distinct = corners.clone();
    distinct.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    distinct.dedup();
    if distinct.len() < 3 || corners.len() > CORNERS_MAX {
        let message = format!("a border has {} different corners", distinct.len());
        reader.wrong(node, message, format!("from 3 to {CORNERS_MAX}"));
        return None;
    }
    Some(Shape::Polygon(corners))
}

fn geometry(reader: &mut Reader<'_>, node: &Node) -> Option<Shape> {
    let mut fields =
        reader.fields(node, "`geometry`", &["type", "coordinates", "geometry", "properties", "bbox", "id"])?;
    let mut kind = kind_of(reader, &fields)?;
    if kind == "Feature" {
        let inner = reader.needed(&fields, "geometry", "a GeoJSON feature has one")?;
        fields = reader.fields(inner, "`geometry`", &["type", "coordinates", "bbox"])?;
        kind = kind_of(reader, &fields)?;
    }
    if kind != "Polygon" {
        let message = format!("a geometry of type `{}` is no area", kind.escape_debug());
        reader.wrong(fields.node(), message, "write a `Polygon`; for several, one area each");
        return None;
    }
    let coordinates = reader.needed(&fields, "coordinates", "a list with one ring of [longitude, latitude]")?;
    let rings = if let Value::List(rings) = &coordinates.value { rings.as_slice() } else { &[] };
    let [outer] = rings else {
        let message = format!("the polygon has {} rings", rings.len());
        reader.wrong(coordinates, message, "write one ring, `[[[longitude, latitude], ...]]`; holes are not supported");
        return None;
    };
    let Value::List(corners) = &outer.value else {
        reader.wrong(outer, "the ring should be a list of corners", "write `[[longitude, latitude], ...]`");
        return None;
    };
    let corners: Option<Vec<(f64, f64)>> = corners.iter().map(|corner| pair(reader, corner, false)).collect();
    ring(reader, outer, corners?)
}

fn kind_of(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<String> {
    let kind = reader.needed(fields, "type", "write `type: Polygon`")?;
    reader.text(kind, "type")
}
