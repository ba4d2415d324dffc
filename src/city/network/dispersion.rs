//! From roads to noses: what is emitted on the roads around becomes at a place beside them, by a Gaussian line source.
//!
//! A road is a row of short pieces, each a ground-level source whose plume is reflected by the ground: C = Q / (pi u sy sz)
//! exp(-y^2 / (2 sy^2)), with Briggs's urban dispersion for neutral air, sy = 0.16 x (1 + 0.0004 x)^-1/2 and
//! sz = 0.14 x (1 + 0.0003 x)^-1/2 (Briggs 1973, in Hanna, Briggs, Hosker 1982, "Handbook on atmospheric diffusion", table 4.5),
//! widened by the piece itself and by the traffic's own turbulence. No buildings and no chemistry.
//!
//! Air stations and comparisons of variants share it, so that both say the same of the same emissions. Knows no emission.

use std::collections::BTreeMap;

use crate::city::network::Network;
use crate::primitives::ids::EdgeId;
use crate::primitives::{Point, Speed};

/// Length of a piece of road [m].
const PIECE: f64 = 20.0;
/// How far upwind a road still matters [m].
const REACH: f64 = 500.0;
/// Mixing by the traffic itself: how high [m].
const MIXED: f64 = 2.0;
/// Wind below which the model means nothing [m/s].
const CALM: f64 = 0.5;

/// A piece of road as seen from a place.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Piece {
    /// Its edge: the place in the list that came with it, or the number of an [`EdgeId`] where none did.
    pub edge: u32,
    /// Its share of the edge's emissions.
    pub share: f64,
    /// How far east of the place it lies [m].
    pub east: f64,
    /// And how far north [m].
    pub north: f64,
}

/// The pieces of an edge, each with the middle of its stretch on the lane at the kerb [m] and its share.
fn pieces(network: &Network, edge: usize) -> impl Iterator<Item = (Point, f64)> {
    let lane = network.edges[edge].lane_ids().next();
    lane.into_iter().flat_map(|lane| {
        let shape = &network.lane(lane).shape;
        let length = shape.length();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a road has few pieces")]
        let count = (length / PIECE).ceil().clamp(1.0, 10_000.0) as u32;
        (0..count)
            .map(move |k| (shape.point_at(length * (f64::from(k) + 0.5) / f64::from(count)), 1.0 / f64::from(count)))
    })
}

/// The pieces around a place, and the edges they belong to, in the order of the network.
pub fn surroundings(network: &Network, place: Point) -> (Vec<Piece>, Vec<u32>) {
    let (mut around, mut edges) = (Vec::new(), Vec::new());
    for (index, edge) in network.edges.iter().enumerate() {
        let Some(lane) = edge.lane_ids().next() else { continue };
        if network.lane(lane).shape.nearest(place).1 > REACH {
            continue;
        }
        let before = around.len();
        for (middle, share) in pieces(network, index) {
            let at = middle - place;
            if at.norm() <= REACH {
                let edge = u32::try_from(edges.len()).unwrap_or(u32::MAX);
                around.push(Piece { edge, share, east: at.x, north: at.y });
            }
        }
        if around.len() > before {
            edges.push(u32::try_from(index).unwrap_or(u32::MAX));
        }
    }
    (around, edges)
}

/// The pieces of many roads by where they lie, for many places.
#[derive(Debug, Clone)]
pub struct Pieces {
    /// By square of the reach's side, west to east and south to north: number of the edge, middle, share.
    squares: Squares,
}

type Squares = BTreeMap<(i64, i64), Vec<(u32, Point, f64)>>;

impl Pieces {
    /// The pieces of the edges that `wanted` names.
    pub fn new(network: &Network, wanted: impl Fn(EdgeId) -> bool) -> Self {
        let mut squares = Squares::new();
        for index in (0..network.edges.len()).filter(|index| wanted(EdgeId::new(*index))) {
            let edge = u32::try_from(index).unwrap_or(u32::MAX);
            for (middle, share) in pieces(network, index) {
                squares.entry(square(middle)).or_default().push((edge, middle, share));
            }
        }
        Self { squares }
    }

    /// The pieces around a place that [`surroundings`] finds, in another order, with numbers of edges.
    pub fn around(&self, place: Point) -> impl Iterator<Item = Piece> {
        let (east, north) = square(place);
        let near = (east - 1..=east + 1).flat_map(move |east| (north - 1..=north + 1).map(move |north| (east, north)));
        near.filter_map(|at| self.squares.get(&at)).flatten().filter_map(move |&(edge, middle, share)| {
            let at = middle - place;
            (at.norm() <= REACH).then_some(Piece { edge, share, east: at.x, north: at.y })
        })
    }
}

/// The square a point lies in.
fn square(at: Point) -> (i64, i64) {
    #[expect(clippy::cast_possible_truncation, reason = "maps are far smaller than 2^63 squares")]
    let of = |metres: f64| (metres / REACH).floor() as i64;
    (of(at.x), of(at.y))
}

/// The wind that carries plumes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wind {
    /// Its speed, at least the calm's [m/s].
    speed: f64,
    /// Where it blows to, as a unit vector.
    toward: (f64, f64),
}

impl Wind {
    /// A wind of this speed from a direction [°], clockwise from north. Below 0.5 m/s it counts as 0.5 m/s.
    pub fn new(speed: Speed, from: f64) -> Self {
        let from = from.to_radians();
        Self { speed: speed.as_metres_per_second().max(CALM), toward: (-libm::sin(from), -libm::cos(from)) }
    }

    /// What a source of 1 g/s at a piece is at the place [g/m³].
    pub fn plume(&self, piece: &Piece) -> f64 {
        let (toward_east, toward_north) = self.toward;
        // The place lies downwind of the piece by x and across the wind by y.
        let x = -(piece.east * toward_east + piece.north * toward_north);
        let y = piece.east * toward_north - piece.north * toward_east;
        if x <= 0.0 {
            return 0.0;
        }
        let sigma_y = 0.16 * x / libm::sqrt(1.0 + 0.0004 * x) + PIECE / 4.0;
        let sigma_z = 0.14 * x / libm::sqrt(1.0 + 0.0003 * x) + MIXED;
        let across = y / sigma_y;
        libm::exp(-0.5 * across * across) / (std::f64::consts::PI * self.speed * sigma_y * sigma_z)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plume(piece: &Piece, wind: f64, from: f64) -> f64 {
        Wind::new(Speed::metres_per_second(wind), from).plume(piece)
    }

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

    /// By squares one finds what a walk over all roads finds, on both sides of a square's edge and west of the origin.
    #[test]
    fn squares_hold_what_a_walk_finds() {
        use crate::city::network::invented::{CitySize, generate};
        let network = generate(crate::primitives::random::Seed(7), CitySize::CITY).map.build().expect("it builds");
        let all = Pieces::new(&network, |_| true);
        for (east, north) in [(0.0, 0.0), (-499.9, 500.1), (812.5, -377.0), (9_000.0, 9_000.0)] {
            let place = Point::new(east, north);
            let (walked, edges) = surroundings(&network, place);
            let mut walked: Vec<Piece> =
                walked.into_iter().map(|piece| Piece { edge: edges[piece.edge as usize], ..piece }).collect();
            let mut found: Vec<Piece> = all.around(place).collect();
            let order = |a: &Piece, b: &Piece| {
                a.edge.cmp(&b.edge).then(a.east.total_cmp(&b.east)).then(a.north.total_cmp(&b.north))
            };
            walked.sort_by(order);
            found.sort_by(order);
            assert_eq!(found, walked, "{east} {north}");
        }
        assert!(all.around(Point::new(0.0, 0.0)).count() > 100);
    }
}
