//! Areas of the earth, to ask what is in them.

use crate::telemetry::{Record, Value};

/// Mean radius of the earth, IUGG 1980 [m].
const EARTH_RADIUS: f64 = 6_371_008.8;

/// The greatest circle around an area [m]; what is larger has none.
const REACH_MAX: f64 = 2_000_000.0;
/// The latitude [deg] up to which there are circles around areas.
const AROUND_MAX: f64 = 85.0;

/// Where to look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Area {
    /// Everywhere, and what has no place.
    Everywhere,
    /// Between two parallels and two meridians, borders included. If `west` is more than `east`, it reaches across the 180th.
    Box {
        /// Southern border [deg].
        south: f64,
        /// Western border [deg].
        west: f64,
        /// Northern border [deg].
        north: f64,
        /// Eastern border [deg].
        east: f64,
    },
    /// Within a distance of a point, as the crow flies.
    Circle {
        /// Latitude of the point [deg].
        latitude: f64,
        /// Longitude of the point [deg].
        longitude: f64,
        /// The distance [m].
        radius: f64,
    },
}

impl Area {
    /// Whether a place (latitude, longitude) [deg] is in it; what has no place is only everywhere.
    pub fn holds(&self, place: Option<(f64, f64)>) -> bool {
        let Some((latitude, longitude)) = place else { return matches!(self, Self::Everywhere) };
        match *self {
            Self::Everywhere => true,
            Self::Box { south, west, north, east } => {
                let between = if west <= east {
                    (west..=east).contains(&longitude)
                } else {
                    longitude >= west || longitude <= east
                };
                between && (south..=north).contains(&latitude)
            }
            Self::Circle { latitude: at_latitude, longitude: at_longitude, radius } => {
                distance((latitude, longitude), (at_latitude, at_longitude)) <= radius
            }
        }
    }

    /// A circle (latitude, longitude, radius [m]) that holds the area with some room, for whoever looks up places by another
    /// sphere and other roundings; none if the area is too large, or touches a pole or the 180th meridian, where maps have their
    /// edges.
    pub(in crate::pipeline::stores) fn around(&self) -> Option<(f64, f64, f64)> {
        let (latitude, longitude, radius) = match *self {
            Self::Everywhere => return None,
            Self::Circle { latitude, longitude, radius } => (latitude, longitude, radius),
            Self::Box { south, west, north, east } => {
                if !(south <= north && west <= east && east - west < 90.0) {
                    return None;
                }
                let middle = (f64::midpoint(south, north), f64::midpoint(west, east));
                // The farthest of the box is a corner, or the end of the equator if that goes through it.
                let mut rim = vec![(south, west), (north, west)];
                if south < 0.0 && north > 0.0 {
                    rim.push((0.0, west));
                }
                let farthest = rim.into_iter().map(|corner| distance(middle, corner)).fold(0.0, f64::max);
                (middle.0, middle.1, farthest)
            }
        };
        let radius = radius * 1.01 + 100.0;
        let (up, aside) = degrees_around(latitude, radius);
        let inside = radius <= REACH_MAX && latitude.abs() + up < AROUND_MAX && longitude.abs() + aside < 180.0;
        inside.then_some((latitude, longitude, radius))
    }
}

/// How far a circle reaches to the north and to the east [deg], or a little less far: a degree of latitude is 111 km; of longitude,
/// the cosine of the latitude times that.
pub(in crate::pipeline::stores) fn degrees_around(latitude: f64, radius: f64) -> (f64, f64) {
    let up = radius / 111_000.0;
    (up, up / libm::cos((latitude.abs() + up).min(AROUND_MAX).to_radians()))
}

/// Great-circle distance [m] of two places [deg], by the haversine formula (Sinnott 1984, Sky and Telescope 68, 159).
fn distance((latitude, longitude): (f64, f64), (other_latitude, other_longitude): (f64, f64)) -> f64 {
    let half_sine = |degrees: f64| {
        let sine = libm::sin(degrees.to_radians() / 2.0);
        sine * sine
    };
    let cosines = libm::cos(latitude.to_radians()) * libm::cos(other_latitude.to_radians());
    let haversine = half_sine(latitude - other_latitude) + cosines * half_sine(longitude - other_longitude);
    2.0 * EARTH_RADIUS * libm::asin(libm::sqrt(haversine).min(1.0))
}

/// Where a record's device was, (latitude, longitude) [deg]; none if the reading does not say.
pub(in crate::pipeline::stores) fn place_of(record: &Record) -> Option<(f64, f64)> {
    let columns = record.kind().columns();
    let at = columns.iter().position(|column| column.name == "latitude")?;
    debug_assert!(columns.get(at + 1).is_some_and(|next| next.name == "longitude"), "places are pairs");
    match record.reading.values().get(at..at + 2)? {
        [Value::Number(latitude), Value::Number(longitude)] => Some((*latitude, *longitude)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_degree_of_latitude_is_111_kilometres_and_circles_reach_across_the_180th_meridian() {
        let metres = distance((0.0, 0.0), (1.0, 0.0));
        assert!((metres - 111_195.0).abs() < 1.0, "{metres}");
        let across = Area::Circle { latitude: 0.0, longitude: 179.999, radius: 500.0 };
        assert!(across.holds(Some((0.0, -179.999))));
        assert!(!across.holds(Some((0.0, 179.9))));
        assert!(!across.holds(None));
        let fiji = Area::Box { south: -20.0, west: 177.0, north: -15.0, east: -178.0 };
        assert!(fiji.holds(Some((-17.0, 179.0))) && fiji.holds(Some((-17.0, -179.0))));
        assert!(!fiji.holds(Some((-17.0, 0.0))) && !fiji.holds(Some((0.0, 179.0))));
    }

    #[test]
    fn a_circle_around_an_area_holds_it_and_is_none_where_maps_have_their_edge() {
        let circle = |latitude, longitude, radius| Area::Circle { latitude, longitude, radius }.around();
        let (_, _, radius) = circle(51.5, -0.1, 5_000.0).expect("London");
        assert!((5_100.0..5_300.0).contains(&radius), "{radius}");
        for (latitude, longitude, radius) in [
            (0.0, 179.99, 5_000.0),
            (0.0, -179.99, 5_000.0),
            (84.99, 0.0, 5_000.0),
            (0.0, 0.0, 3e6),
            (f64::NAN, 0.0, 1.0),
        ] {
            assert_eq!(circle(latitude, longitude, radius), None, "{latitude} {longitude} {radius}");
        }
        let edges = |south, west, north, east| Area::Box { south, west, north, east }.around();
        let (latitude, longitude, radius) = edges(-1.0, 10.0, 3.0, 14.0).expect("on the equator");
        assert!((latitude - 1.0).abs() < 1e-9 && (longitude - 12.0).abs() < 1e-9);
        assert!(radius > distance((1.0, 12.0), (-1.0, 14.0)), "{radius}");
        assert_eq!(edges(-18.0, 177.0, -15.0, -178.0), None, "across the 180th meridian");
        assert_eq!(edges(3.0, 10.0, -1.0, 14.0), None, "upside down");
        assert_eq!(Area::Everywhere.around(), None);
    }
}
