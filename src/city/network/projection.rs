//! From map coordinates to longitude and latitude, and back where a map is made.
//!
//! The inverse of the Universal Transverse Mercator projection by Krüger's series to the sixth order (Karney 2011, "Transverse
//! Mercator with an accuracy of a few nanometers", J. Geodesy 85, eq. 11 and 36), far better than a millimetre within a zone.
//! Knows no other datum than WGS 84.

use crate::primitives::Point;

use super::model::Projection;

/// Equatorial radius of WGS 84 [m].
const RADIUS: f64 = 6_378_137.0;
/// Flattening of WGS 84.
const FLATTENING: f64 = 1.0 / 298.257_223_563;
/// Scale on UTM's central meridian.
const SCALE: f64 = 0.9996;
/// UTM's false easting, and its false northing south of the equator [m].
const FALSE_EASTING: f64 = 500_000.0;
const FALSE_NORTHING_SOUTH: f64 = 10_000_000.0;
/// How far from a zone's central meridian a place may be [°]; beyond, the series loses its accuracy.
const LONGITUDE_MAX: f64 = 10.0;
/// The most steps of an inversion, and when it is close enough [°]: a tenth of a millimetre.
const STEPS_MAX: u32 = 100;
const CLOSE_ENOUGH: f64 = 1e-9;

impl Projection {
    /// Longitude and latitude [°] of a point on the map; none where the map has no place on earth.
    pub fn to_lon_lat(&self, point: Point) -> Option<(f64, f64)> {
        match *self {
            Self::None => None,
            Self::Utm { zone, south, offset } => {
                let northing = point.y - offset.1 - if south { FALSE_NORTHING_SOUTH } else { 0.0 };
                let (along, latitude) = inverse_mercator(point.x - offset.0 - FALSE_EASTING, northing);
                Some((f64::from(zone) * 6.0 - 183.0 + along, latitude))
            }
            Self::Equirectangular { origin } => {
                let latitude = origin.1 + (point.y / RADIUS).to_degrees();
                let longitude = origin.0 + (point.x / (RADIUS * libm::cos(origin.1.to_radians()))).to_degrees();
                Some((longitude, latitude))
            }
        }
    }

    /// The point on the map of a longitude and latitude [°]; only for the projection that maps are made in, the equirectangular one.
    pub fn from_lon_lat(&self, (longitude, latitude): (f64, f64)) -> Option<Point> {
        let Self::Equirectangular { origin } = *self else { return None };
        let east = (longitude - origin.0).to_radians() * RADIUS * libm::cos(origin.1.to_radians());
        Some(Point::new(east, (latitude - origin.1).to_radians() * RADIUS))
    }

    /// The point on the map of a longitude and latitude [°], whatever the projection; none where the map has no place on earth, or the
    /// place is beyond what the projection holds.
    ///
    /// For UTM [`Self::to_lon_lat`] is inverted by steps that take what is missing for metres on a sphere; each leaves a small part of it.
    pub fn to_map(&self, (longitude, latitude): (f64, f64)) -> Option<Point> {
        let Self::Utm { zone, south, offset } = *self else { return self.from_lon_lat((longitude, latitude)) };
        let along = longitude - (f64::from(zone) * 6.0 - 183.0);
        if !(-84.0..=84.0).contains(&latitude) || !(-LONGITUDE_MAX..=LONGITUDE_MAX).contains(&along) {
            return None;
        }
        let metres = |degrees: f64| degrees.to_radians() * RADIUS * SCALE;
        let narrow = libm::cos(latitude.to_radians());
        let north = if south { FALSE_NORTHING_SOUTH } else { 0.0 };
        let mut point =
            Point::new(metres(along) * narrow + offset.0 + FALSE_EASTING, metres(latitude) + offset.1 + north);
        for _ in 0..STEPS_MAX {
            let (lon, lat) = self.to_lon_lat(point)?;
            let (east, up) = (longitude - lon, latitude - lat);
            if east.abs() < CLOSE_ENOUGH && up.abs() < CLOSE_ENOUGH {
                return Some(point);
            }
            point.x += metres(east) * narrow;
            point.y += metres(up);
        }
        None
    }
}

/// Longitude from the central meridian and latitude [°] for metres east of it and north of the equator.
fn inverse_mercator(east: f64, north: f64) -> (f64, f64) {
    let n = FLATTENING / (2.0 - FLATTENING);
    let (n2, n3, n4) = (n * n, n * n * n, n * n * n * n);
    let (n5, n6) = (n4 * n, n4 * n2);
    // Rectifying radius, Karney eq. 14.
    let rectifying = RADIUS / (1.0 + n) * (1.0 + n2 / 4.0 + n4 / 64.0 + n6 / 256.0);
    // Karney eq. 36.
    let beta = [
        n / 2.0 - 2.0 / 3.0 * n2 + 37.0 / 96.0 * n3 - n4 / 360.0 - 81.0 / 512.0 * n5 + 96_199.0 / 604_800.0 * n6,
        n2 / 48.0 + n3 / 15.0 - 437.0 / 1440.0 * n4 + 46.0 / 105.0 * n5 - 1_118_711.0 / 3_870_720.0 * n6,
        17.0 / 480.0 * n3 - 37.0 / 840.0 * n4 - 209.0 / 4480.0 * n5 + 5569.0 / 90_720.0 * n6,
        4397.0 / 161_280.0 * n4 - 11.0 / 504.0 * n5 - 830_251.0 / 7_257_600.0 * n6,
        4583.0 / 161_280.0 * n5 - 108_847.0 / 3_991_680.0 * n6,
        20_648_693.0 / 638_668_800.0 * n6,
    ];
    let (xi, eta) = (north / (SCALE * rectifying), east / (SCALE * rectifying));
    let (mut xi_sphere, mut eta_sphere) = (xi, eta);
    for (order, coefficient) in (1_u8..).zip(beta) {
        let twice = 2.0 * f64::from(order);
        xi_sphere -= coefficient * libm::sin(twice * xi) * libm::cosh(twice * eta);
        eta_sphere -= coefficient * libm::cos(twice * xi) * libm::sinh(twice * eta);
    }
    let (sinh_eta, cos_xi) = (libm::sinh(eta_sphere), libm::cos(xi_sphere));
    let longitude = libm::atan2(sinh_eta, cos_xi);
    let tau_conformal = libm::sin(xi_sphere) / libm::sqrt(sinh_eta * sinh_eta + cos_xi * cos_xi);
    (longitude.to_degrees(), libm::atan(geographic_tangent(tau_conformal)).to_degrees())
}

/// Tangent of the latitude from that of the conformal latitude, by Newton's method (Karney eq. 7-9 and 19-21).
fn geographic_tangent(conformal: f64) -> f64 {
    let eccentricity2 = FLATTENING * (2.0 - FLATTENING);
    let eccentricity = libm::sqrt(eccentricity2);
    let mut tau = conformal;
    // Two steps reach the accuracy of f64 from here (Karney, section 4); the others cost nothing.
    for _ in 0..5 {
        let root = libm::sqrt(1.0 + tau * tau);
        let sigma = libm::sinh(eccentricity * libm::atanh(eccentricity * tau / root));
        let found = tau * libm::sqrt(1.0 + sigma * sigma) - sigma * root;
        tau += (conformal - found) / libm::sqrt(1.0 + found * found) * (1.0 + (1.0 - eccentricity2) * tau * tau)
            / ((1.0 - eccentricity2) * root);
    }
    tau
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Zone, hemisphere, easting, northing [m]; longitude, latitude [°] as PROJ has them.
    const CASES: [(u8, bool, f64, f64, f64, f64); 8] = [
        (32, false, 500_000.0, 110.530_046, 9.0, 0.001),
        (32, false, 537_297.702_861, 5_316_421.166_736, 9.5, 48.0),
        (32, false, 339_256.778_978, 6_677_216.248_767, 6.1, 60.2),
        (32, false, 708_212.981_472, 6_021_624.495_501, 12.2, 54.3),
        (56, true, 333_510.650_081, 6_250_800.241_184, 151.2, -33.87),
        (56, true, 500_000.0, 6_958_183.183_930, 153.0, -27.5),
        (31, false, 437_705.163_926, 8_715_662.751_266, 0.2, 78.5),
        (31, false, 832_851.662_216, 55_340.879_473, 5.99, 0.5),
    ];

    #[test]
    fn utm_agrees_with_the_surveyors() {
        for (zone, south, east, north, longitude, latitude) in CASES {
            let projection = Projection::Utm { zone, south, offset: (-300_000.0, -5_000_000.0) };
            let point = Point::new(east - 300_000.0, north - 5_000_000.0);
            let (lon, lat) = projection.to_lon_lat(point).expect("it is on earth");
            // A hundred-millionth of a degree is a millimetre.
            assert!(
                (lon - longitude).abs() < 2e-8 && (lat - latitude).abs() < 2e-8,
                "{lon} {lat} for {longitude} {latitude}"
            );
        }
    }

    #[test]
    fn places_are_found_on_the_map_again() {
        for (zone, south, east, north, longitude, latitude) in CASES {
            let projection = Projection::Utm { zone, south, offset: (-300_000.0, -5_000_000.0) };
            let expected = Point::new(east - 300_000.0, north - 5_000_000.0);
            let found = projection.to_map((longitude, latitude)).expect("it is in reach of the zone");
            assert!((found - expected).norm() < 0.002, "{found} for {expected}");
        }
        let sea = Projection::Equirectangular { origin: (3.0, 60.0) };
        assert_eq!(sea.to_map((3.01, 60.02)), sea.from_lon_lat((3.01, 60.02)));
        let zone = Projection::Utm { zone: 32, south: false, offset: (0.0, 0.0) };
        for far in [(50.0, 48.0), (9.0, 89.0), (9.0, f64::NAN)] {
            assert_eq!(zone.to_map(far), None, "{far:?}");
        }
        assert_eq!(Projection::None.to_map((9.0, 48.0)), None);
    }

    #[test]
    fn a_drawing_has_no_place_on_earth() {
        assert_eq!(Projection::None.to_lon_lat(Point::origin()), None);
        let sea = Projection::Equirectangular { origin: (3.0, 60.0) };
        let (lon, lat) = sea.to_lon_lat(Point::new(1000.0, 1000.0)).expect("it is on earth");
        // A kilometre is 0.00898° on the sphere, and twice that in longitude at 60° north.
        assert!((lat - 60.008_983).abs() < 1e-5 && (lon - 3.017_966).abs() < 1e-5, "{lon} {lat}");
    }
}
