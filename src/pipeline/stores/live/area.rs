//! Areas of the earth, to ask what is in them.

use crate::telemetry::{Record, Value};

/// Mean radius of the earth, IUGG 1980 [m].
const EARTH_RADIUS: f64 = 6_371_008.8;

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
}

/// Great-circle distance [m] of two places [deg], by the haversine formula (Sinnott 1984, Sky and Telescope 68, 159).
pub(super) fn distance((latitude, longitude): (f64, f64), (other_latitude, other_longitude): (f64, f64)) -> f64 {
    let half_sine = |degrees: f64| {
        let sine = libm::sin(degrees.to_radians() / 2.0);
        sine * sine
    };
    let cosines = libm::cos(latitude.to_radians()) * libm::cos(other_latitude.to_radians());
    let haversine = half_sine(latitude - other_latitude) + cosines * half_sine(longitude - other_longitude);
    2.0 * EARTH_RADIUS * libm::asin(libm::sqrt(haversine).min(1.0))
}

/// Where a record's device was, (latitude, longitude) [deg]; none if the reading does not say.
pub(super) fn place_of(record: &Record) -> Option<(f64, f64)> {
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
}
