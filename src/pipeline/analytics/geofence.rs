//! Areas on the map whose visitors are noticed.
//!
//! Plain values; who is in them is found by `visitors.rs`. Distances are taken on the plane through the place in question, the short
//! way around the earth, so an area may be some tens of kilometres wide. A polygon must not cross the antimeridian (180°): give it
//! as two.

use crate::telemetry::ReadingKind;
use crate::telemetry::field::Text;

/// The border of an area.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// Everything within a distance of a place.
    Circle {
        /// Latitude of the middle, WGS 84 [deg].
        latitude: f64,
        /// Longitude of the middle, WGS 84 [deg].
        longitude: f64,
        /// Radius [m].
        radius: f64,
    },
    /// Everything within a ring of corners (latitude, longitude), WGS 84 [deg]; the last is joined to the first.
    Polygon(Vec<(f64, f64)>),
}

/// An area whose visitors are noticed.
#[derive(Debug, Clone, PartialEq)]
pub struct Geofence {
    /// Its name, unique.
    pub name: Text,
    /// Its border.
    pub shape: Shape,
    /// Whose readings count: positions of vehicles, ambulances, or both.
    pub kinds: Vec<ReadingKind>,
    /// Vehicle classes that count, in SUMO's words; all of them if empty.
    pub classes: Vec<Text>,
}
