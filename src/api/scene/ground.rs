//! Where the network lies on the earth and on the square of the world's map (web mercator), and the tiles that square is cut into.
//!
//! A network without a place on earth is laid around longitude 0, latitude 0, where a metre of the map is a metre: its own origin lies
//! exactly there. Everything that serving shows of it lies there, in JSON as in frames.

use crate::city::network::{Network, Projection};
use crate::primitives::Point;

/// The zoom at which frames are cut into tiles: 2,446 m at the equator.
pub const TILE_ZOOM: u8 = 14;
/// Bits of a position inside its tile.
const INSIDE: u32 = 16;
/// Units along a side of the world: one is 37 mm at the equator.
pub(super) const WORLD: u32 = 1 << (TILE_ZOOM as u32 + INSIDE);
/// Beyond this latitude the map of the world ends [°].
const LATITUDE_MAX: f64 = 85.051_128_779_806_59;

/// How a network's points become longitude and latitude, also where it has no place on earth.
#[derive(Debug, Clone, PartialEq)]
pub struct Ground(Projection);

impl Ground {
    /// The ground of a network.
    pub fn of(network: &Network) -> Self {
        Self(match &network.projection {
            Projection::None => Projection::Equirectangular { origin: (0.0, 0.0) },
            known => known.clone(),
        })
    }

    /// Longitude and latitude [°] of a point of the network.
    pub fn lon_lat(&self, point: Point) -> (f64, f64) {
        let (lon, lat) = self.0.to_lon_lat(point).unwrap_or_default();
        if lon.is_finite() && lat.is_finite() { (lon, lat) } else { (0.0, 0.0) }
    }
}

/// A place on the square of the world, in units of [`WORLD`], x east and y south, from longitude and latitude [°].
pub(super) fn on_square((lon, lat): (f64, f64)) -> (f64, f64) {
    let lat = lat.clamp(-LATITUDE_MAX, LATITUDE_MAX).to_radians();
    let up = libm::asinh(libm::tan(lat)) / std::f64::consts::PI;
    let side = f64::from(WORLD);
    ((lon + 180.0) / 360.0 * side, (1.0 - up) / 2.0 * side)
}

/// Longitude and latitude [°] of a place on the square.
pub(super) fn off_square((x, y): (f64, f64)) -> (f64, f64) {
    let side = f64::from(WORLD);
    let up = (1.0 - 2.0 * y / side) * std::f64::consts::PI;
    (x / side * 360.0 - 180.0, libm::atan(libm::sinh(up)).to_degrees())
}

/// A unit of the square as a whole number inside it.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it was put between 0 and the square's side"
)]
pub(super) fn unit(place: f64) -> u32 {
    // Not a number becomes 0.
    place.max(0.0).min(f64::from(WORLD - 1)) as u32
}

/// A tile of the square at [`TILE_ZOOM`], as maps count them: column from the west, row from the north.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId(u32);

impl TileId {
    /// The tile of a column and a row; none beyond the square.
    pub const fn new(x: u32, y: u32) -> Option<Self> {
        let side = 1 << TILE_ZOOM;
        if x < side && y < side { Some(Self((x << TILE_ZOOM) | y)) } else { None }
    }

    /// The tile a place in units lies in.
    pub(super) const fn of(x: u32, y: u32) -> Self {
        Self(((x >> INSIDE) << TILE_ZOOM) | (y >> INSIDE))
    }

    /// Its column.
    pub const fn x(self) -> u32 {
        self.0 >> TILE_ZOOM
    }

    /// Its row.
    pub const fn y(self) -> u32 {
        self.0 & ((1 << TILE_ZOOM) - 1)
    }

    /// A place inside it in units of the square, from its position in the tile.
    pub(super) fn place(self, x: u16, y: u16) -> (f64, f64) {
        (f64::from((self.x() << INSIDE) | u32::from(x)), f64::from((self.y() << INSIDE) | u32::from(y)))
    }

    /// Longitude and latitude [°] of a position in it.
    pub fn lon_lat(self, x: u16, y: u16) -> (f64, f64) {
        off_square(self.place(x, y))
    }
}

/// A rectangle of the earth that somebody looks at, kept as columns and rows of tiles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    west: f64,
    south: f64,
    east: f64,
    north: f64,
    /// First and last column; the first is behind the last where the rectangle crosses the date line.
    columns: (u32, u32),
    rows: (u32, u32),
}

impl Bounds {
    /// From west, south, east, north [°]; west of more than east crosses the date line. None where they are no rectangle of the earth.
    pub fn new([west, south, east, north]: [f64; 4]) -> Option<Self> {
        // Maps that go round the world more than once say so with longitudes beyond 180.
        let (lon, lat) = (-720.0..=720.0, -90.0..=90.0);
        if !(lon.contains(&west) && lon.contains(&east) && lat.contains(&south) && lat.contains(&north))
            || south > north
        {
            return None;
        }
        let whole = east - west >= 360.0;
        let turned =
            |lon: f64| if (-180.0..=180.0).contains(&lon) { lon } else { (lon + 180.0).rem_euclid(360.0) - 180.0 };
        let (west, east) = if whole { (-180.0, 180.0) } else { (turned(west), turned(east)) };
        let tile = |place: (f64, f64)| (unit(place.0) >> INSIDE, unit(place.1) >> INSIDE);
        let ((first, top), (last, bottom)) = (tile(on_square((west, north))), tile(on_square((east, south))));
        Some(Self { west, south, east, north, columns: (first, last), rows: (top, bottom) })
    }

    /// Whether a tile meets it.
    pub fn meets(&self, tile: TileId) -> bool {
        let (first, last) = self.columns;
        let inside = if self.west <= self.east {
            (first..=last).contains(&tile.x())
        } else {
            tile.x() >= first || tile.x() <= last
        };
        inside && (self.rows.0..=self.rows.1).contains(&tile.y())
    }

    /// Whether a place lies in it.
    pub fn contains(&self, (lon, lat): (f64, f64)) -> bool {
        let inside = if self.west <= self.east {
            (self.west..=self.east).contains(&lon)
        } else {
            lon >= self.west || lon <= self.east
        };
        inside && (self.south..=self.north).contains(&lat)
    }

    /// Its longer side [°].
    pub fn side(&self) -> f64 {
        let wide = if self.west <= self.east { self.east - self.west } else { self.east - self.west + 360.0 };
        wide.max(self.north - self.south)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_those_of_other_maps() {
        // Longitude, latitude [°], zoom 14 column and row as the usual formula of slippy maps gives them.
        for (lon, lat, x, y) in
            [(0.0, 0.0, 8192, 8192), (11.5755, 48.1374, 8718, 5685), (151.2093, -33.8688, 15073, 9831)]
        {
            let (east, south) = on_square((lon, lat));
            let tile = TileId::of(unit(east), unit(south));
            assert_eq!((tile.x(), tile.y()), (x, y), "{lon} {lat}");
            let (back_lon, back_lat) = off_square((east, south));
            assert!((back_lon - lon).abs() < 1e-9 && (back_lat - lat).abs() < 1e-9);
        }
        assert_eq!((unit(f64::NAN), unit(-5.0), unit(1e18)), (0, 0, WORLD - 1));
    }

    #[test]
    fn bounds_hold_what_they_meet() {
        let bounds = Bounds::new([11.0, 48.0, 12.0, 48.5]).expect("a rectangle");
        let tile = |lon: f64, lat: f64| {
            let (x, y) = on_square((lon, lat));
            TileId::of(unit(x), unit(y))
        };
        assert!(bounds.meets(tile(11.5, 48.2)) && bounds.contains((11.5, 48.2)));
        assert!(!bounds.meets(tile(12.5, 48.2)) && !bounds.meets(tile(11.5, 49.0)) && !bounds.contains((11.5, 49.0)));
        // A tile of which a corner is looked at is sent as a whole.
        assert!(bounds.meets(tile(12.001, 48.2)) && !bounds.contains((12.001, 48.2)));
        let pacific = Bounds::new([179.0, -1.0, -179.0, 1.0]).expect("a rectangle across the date line");
        assert!(pacific.meets(tile(179.5, 0.0)) && pacific.meets(tile(-179.5, 0.0)) && !pacific.meets(tile(0.0, 0.0)));
        assert!((pacific.side() - 2.0).abs() < 1e-9);
        let twice = Bounds::new([540.5, -1.0, 541.0, 1.0]).expect("once more around the world");
        assert!(twice.meets(tile(-179.2, 0.0)) && !twice.meets(tile(0.0, 0.0)));
        let world = Bounds::new([-400.0, -90.0, 400.0, 90.0]).expect("everything");
        assert!(world.meets(tile(0.0, 0.0)) && world.meets(tile(-179.9, 84.0)));
        for bad in
            [[0.0, 1.0, 1.0, 0.0], [f64::NAN, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 91.0], [0.0, 0.0, f64::INFINITY, 1.0]]
        {
            assert_eq!(Bounds::new(bad), None, "{bad:?}");
        }
    }
}
