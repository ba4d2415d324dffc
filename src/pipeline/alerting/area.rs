//! Whether a place lies in an area.
//!
//! Areas are small against the earth: distances are those of a plane that touches it at the place.

use crate::pipeline::analytics::Shape;

/// Mean radius of the earth (IUGG, R1) [m].
const EARTH: f64 = 6_371_008.8;

/// Whether a place (WGS 84 [deg]) lies within.
///
/// A polygon holds what an odd number of its sides lie east of (even-odd rule; Shimrat 1962, Algorithm 112), so a border that
/// crosses itself leaves holes. Longitudes are taken the short way around from corner to corner, over the date line too.
pub(super) fn holds(shape: &Shape, latitude: f64, longitude: f64) -> bool {
    let turn = |from: f64| from - 360.0 * libm::round(from / 360.0);
    match shape {
        Shape::Circle { latitude: middle, longitude: centre, radius } => {
            let east = turn(longitude - centre).to_radians() * libm::cos(f64::midpoint(latitude, *middle).to_radians());
            let north = (latitude - middle).to_radians();
            EARTH * libm::sqrt(east * east + north * north) <= *radius
        }
        Shape::Polygon(corners) => {
            let Some(first) = corners.first() else { return false };
            let place = turn(longitude - first.1);
            let (mut inside, mut before) = (false, (first.0, 0.0));
            for corner in corners.iter().skip(1).chain([first]) {
                let after = (corner.0, before.1 + turn(corner.1 - first.1 - before.1));
                if (before.0 > latitude) != (after.0 > latitude) {
                    let share = (latitude - before.0) / (after.0 - before.0);
                    inside ^= before.1 + share * (after.1 - before.1) > place;
                }
                before = after;
            }
            inside
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_in_or_out() {
        let circle = Shape::Circle { latitude: 52.52, longitude: 13.405, radius: 500.0 };
        assert!(holds(&circle, 52.5225, 13.41), "437 m away");
        assert!(!holds(&circle, 52.5245, 13.41), "603 m away");
        let bend = Shape::Polygon(vec![(0.0, 0.0), (0.0, 4.0), (4.0, 4.0), (4.0, 3.0), (1.0, 3.0), (1.0, 0.0)]);
        for (place, inside) in [((0.5, 2.0), true), ((2.0, 2.0), false), ((3.0, 3.5), true), ((5.0, 3.5), false)] {
            assert_eq!(holds(&bend, place.0, place.1), inside, "{place:?}");
        }
        let date_line = Shape::Polygon(vec![(0.0, 179.0), (0.0, -179.0), (1.0, -179.0), (1.0, 179.0)]);
        assert!(holds(&date_line, 0.5, 180.0) && holds(&date_line, 0.5, -179.5) && !holds(&date_line, 0.5, 0.0));
        assert!(!holds(&Shape::Polygon(Vec::new()), 0.0, 0.0));
    }
}
