//! From roads to noses: what emissions of the streets around become at a station, by a Gaussian line source.
//!
//! A road is a row of short pieces, each a ground-level source whose plume is reflected by the ground: C = Q / (pi u sy sz)
//! exp(-y^2 / (2 sy^2)), with Briggs's urban dispersion for neutral air, sy = 0.16 x (1 + 0.0004 x)^-1/2 and
//! sz = 0.14 x (1 + 0.0003 x)^-1/2 (Briggs 1973, in Hanna, Briggs, Hosker 1982, "Handbook on atmospheric diffusion", table 4.5),
//! widened by the piece itself and by the traffic's own turbulence. No buildings, no chemistry but a share of NO2.

use crate::city::network::Network;
use crate::primitives::Point;

/// Length of a piece of road [m].
const PIECE: f64 = 20.0;
/// How far upwind a road still matters [m].
const REACH: f64 = 500.0;
/// Mixing by the traffic itself: how high [m].
const MIXED: f64 = 2.0;
/// Wind below which the model means nothing [m/s].
const CALM: f64 = 0.5;

/// A piece of road as seen from a station.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct Piece {
    /// Position of its edge in the station's list.
    pub edge: u32,
    /// Its share of the edge's emissions.
    pub share: f64,
    /// Where it lies, east and north of the station [m].
    pub east: f64,
    pub north: f64,
}

/// The pieces around a station, and the edges they belong to.
pub(crate) fn surroundings(network: &Network, station: Point) -> (Vec<Piece>, Vec<u32>) {
    let (mut pieces, mut edges) = (Vec::new(), Vec::new());
    for (index, edge) in network.edges.iter().enumerate() {
        let Some(lane) = edge.lane_ids().next() else { continue };
        let shape = &network.lane(lane).shape;
        let length = shape.length();
        if shape.nearest(station).1 > REACH {
            continue;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a road has few pieces")]
        let count = (length / PIECE).ceil().clamp(1.0, 10_000.0) as u32;
        let before = pieces.len();
        for k in 0..count {
            let at = shape.point_at(length * (f64::from(k) + 0.5) / f64::from(count)) - station;
            if at.norm() <= REACH {
                let edge = u32::try_from(edges.len()).unwrap_or(u32::MAX);
                pieces.push(Piece { edge, share: 1.0 / f64::from(count), east: at.x, north: at.y });
            }
        }
        if pieces.len() > before {
            edges.push(u32::try_from(index).unwrap_or(u32::MAX));
        }
    }
    (pieces, edges)
}

/// What a source of 1 g/s at a piece is at the station [g/m³], with wind from `wind_from` [°] at `wind` [m/s].
pub(crate) fn plume(piece: &Piece, wind: f64, wind_from: f64) -> f64 {
    let from = wind_from.to_radians();
    let (toward_east, toward_north) = (-libm::sin(from), -libm::cos(from));
    // The station lies downwind of the piece by x and across the wind by y.
    let x = -(piece.east * toward_east + piece.north * toward_north);
    let y = piece.east * toward_north - piece.north * toward_east;
    if x <= 0.0 {
        return 0.0;
    }
    let sigma_y = 0.16 * x / libm::sqrt(1.0 + 0.0004 * x) + PIECE / 4.0;
    let sigma_z = 0.14 * x / libm::sqrt(1.0 + 0.0003 * x) + MIXED;
    let across = y / sigma_y;
    libm::exp(-0.5 * across * across) / (std::f64::consts::PI * wind.max(CALM) * sigma_y * sigma_z)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn piece(east: f64, north: f64) -> Piece {
        Piece { edge: 0, share: 1.0, east, north }
    }

    #[test]
    fn one_smells_the_road_upwind_and_not_the_one_downwind() {
        let west_wind = |piece: &Piece| plume(piece, 3.0, 270.0);
        let near = west_wind(&piece(-30.0, 0.0));
        assert!(near > 0.0 && west_wind(&piece(30.0, 0.0)) == 0.0);
        assert!(west_wind(&piece(-200.0, 0.0)) < near / 10.0);
        assert!(west_wind(&piece(-30.0, 60.0)) < near / 10.0);
        assert!((plume(&piece(-30.0, 0.0), 6.0, 270.0) * 2.0 - near).abs() < near * 1e-9);
        assert!((plume(&piece(0.0, 30.0), 3.0, 0.0) - near).abs() < near * 1e-9);
    }

    /// 1,500 vehicles an hour with 0.5 g/km of nitrogen oxides make some tens of ug/m3 at the kerb: what street stations show.
    #[test]
    fn a_busy_street_makes_what_street_stations_show() {
        let row: f64 = (-20..=20).map(|k| plume(&piece(-10.0, f64::from(k) * PIECE), 3.0, 270.0)).sum();
        let grams_per_second = 1500.0 * 0.5 / 1000.0 / 3600.0 * PIECE;
        let concentration = row * grams_per_second * 1e6;
        assert!((5.0..100.0).contains(&concentration), "{concentration} ug/m3");
    }
}
