//! Streets: lines grown through the direction field, in the order a city grows them, collectors before side streets.
//!
//! Streamline placement after Jobard and Lefer (1997): a street starts where no parallel one is near, follows the field, and
//! stops where it would run beside another, into the water, a park or the bypass. Its end then reaches for the next street
//! ahead. Knows nothing of junctions: streets simply cross.

use std::collections::BTreeMap;

use crate::primitives::Point;
use crate::primitives::random::{KeyedRng, Purpose, Seed};

use super::field::Field;
use super::plan::{Plan, Rank, Role, Street};
use super::shape::{Vector, apart, distance_to, left_of, segment_crossing, unit};

/// Distance between the points of a grown street [m].
const STEP: f64 = 11.0;
/// Edge length of a cell of the sample grid [m].
const CELL: f64 = 60.0;
/// Streets within this angle of each other count as parallel (cosine of 38°).
const PARALLEL: f64 = 0.788;

/// Grows every street of the city around its main roads.
pub(super) fn grow(seed: Seed, plan: &Plan) -> Vec<Street> {
    let field = Field::draw(seed, plan);
    let mut grower = Grower { plan, field, streets: Vec::new(), samples: BTreeMap::new() };
    for street in &plan.streets {
        grower.add(street.clone());
    }
    let mut rng = seed.stream(Purpose::MapMaking, 3, 0);
    grower.pass(&mut rng, Rank::Collector, 700);
    grower.pass(&mut rng, Rank::Residential, 5000);
    grower.streets
}

#[derive(Debug)]
struct Grower<'a> {
    plan: &'a Plan,
    field: Field<'a>,
    streets: Vec<Street>,
    /// Points of all streets with their directions, by cell.
    samples: BTreeMap<(i32, i32), Vec<(Point, Vector)>>,
}

impl Grower<'_> {
    /// One generation of streets: candidates anywhere, in both directions of the grain.
    fn pass(&mut self, rng: &mut KeyedRng, rank: Rank, candidates: u32) {
        let reach = self.plan.size.built() * 1.15;
        for _ in 0..candidates {
            let at = Point::new((rng.unit() * 2.0 - 1.0) * reach, (rng.unit() * 2.0 - 1.0) * reach);
            let second_family = rng.unit() < 0.5;
            let length_max = match rank {
                Rank::Collector => 900.0 + 700.0 * rng.unit(),
                _ if self.old(at) => 200.0 + 260.0 * rng.unit(),
                _ => 260.0 + 520.0 * rng.unit() * rng.unit(),
            };
            let blind = rng.unit() < 0.15;
            let spacing = self.spacing(at, rank) * (0.86 + 0.28 * rng.unit());
            if !self.buildable(at, rank) {
                continue;
            }
            let mut direction = self.field.direction(at);
            if second_family {
                direction = left_of(direction);
            }
            if self.parallel_within(at, direction, spacing) {
                continue;
            }
            let line = self.trace(at, direction, rank, spacing, length_max, blind);
            let shortest = if rank == Rank::Collector { 380.0 } else { spacing * 0.8 };
            if super::shape::length(&line) >= shortest {
                let rank = if rank == Rank::Residential && self.old(at) { Rank::OldTown } else { rank };
                self.add(Street { rank, role: Role::Common, line });
            }
        }
    }

    /// The distance streets keep from their parallels [m].
    fn spacing(&self, at: Point, rank: Rank) -> f64 {
        let size = self.plan.size;
        let out = (at - Point::origin()).norm();
        if rank == Rank::Collector {
            return 400.0;
        }
        if self.old(at) {
            return 60.0;
        }
        if (at - self.plan.works).norm() < size.ring() * 0.42 {
            return 180.0;
        }
        let t = ((out - size.wall()) / (size.built() - size.wall())).clamp(0.0, 1.0);
        100.0 + 45.0 * t
    }

    fn old(&self, at: Point) -> bool {
        (at - Point::origin()).norm() < self.plan.size.wall()
    }

    /// Whether a street of this rank may be here at all.
    fn buildable(&self, at: Point, rank: Rank) -> bool {
        let out = (at - Point::origin()).norm();
        // The city's edge frays: it reaches further along the main roads.
        let near_main_road = || {
            let near = |s: &Street| matches!(s.role, Role::Radial(_)) && distance_to(&s.line, at) < 260.0;
            self.plan.streets.iter().any(near)
        };
        let bypass = &self.plan.streets[0].line;
        out < self.plan.size.built()
            && (out < self.plan.size.built() * 0.88 || near_main_road())
            && (rank != Rank::Collector || out > self.plan.size.wall() * 1.25)
            && self.plan.dry_depth(at) > 22.0
            && !self.plan.in_park(at)
            && distance_to(bypass, at) > 75.0
            && !self.beyond_bypass(at)
    }

    /// Whether the bypass runs between a place and the centre; nobody builds beyond it.
    fn beyond_bypass(&self, at: Point) -> bool {
        let bypass = &self.plan.streets[0].line;
        (at - Point::origin()).norm() > self.plan.size.built() * 0.8
            && bypass.windows(2).any(|pair| segment_crossing((Point::origin(), at), (pair[0], pair[1])).is_some())
    }

    fn cells_near(&self, at: Point, distance: f64) -> impl Iterator<Item = &(Point, Vector)> {
        let (low, high) = (cell(at - Vector::new(distance, distance)), cell(at + Vector::new(distance, distance)));
        (low.0..=high.0)
            .flat_map(move |x| (low.1..=high.1).map(move |y| (x, y)))
            .filter_map(|key| self.samples.get(&key))
            .flatten()
            .filter(move |(p, _)| apart(*p, at) < distance)
    }

    fn parallel_within(&self, at: Point, direction: Vector, distance: f64) -> bool {
        self.cells_near(at, distance).any(|(_, other)| (other.x * direction.x + other.y * direction.y).abs() > PARALLEL)
    }

    fn trace(
        &self,
        at: Point,
        direction: Vector,
        rank: Rank,
        spacing: f64,
        length_max: f64,
        blind: bool,
    ) -> Vec<Point> {
        let mut line: Vec<Point> = self.half(at, -direction, rank, spacing, length_max / 2.0, false);
        line.reverse();
        line.push(at);
        line.extend(self.half(at, direction, rank, spacing, length_max / 2.0, blind));
        line
    }

    /// Follows the field one way from `at`, which is not part of the result.
    fn half(&self, at: Point, first: Vector, rank: Rank, spacing: f64, length_max: f64, blind: bool) -> Vec<Point> {
        let (mut here, mut heading) = (at, first);
        let mut line = Vec::new();
        let mut gone = 0.0;
        while gone < length_max {
            let aligned = |p: Point, heading: Vector| {
                let d = self.field.direction(p);
                [d, -d, left_of(d), -left_of(d)]
                    .into_iter()
                    .fold(d, |best, next| if next.dot(&heading) > best.dot(&heading) { next } else { best })
            };
            // Midpoint rule (Runge-Kutta of second order), with some inertia against kinks.
            let middle = aligned(here + aligned(here, heading) * (STEP / 2.0), heading);
            heading = unit(heading * 0.8 + middle);
            let next = here + heading * STEP;
            if !self.buildable(next, rank) || self.parallel_within(next, heading, spacing * 0.62) {
                break;
            }
            here = next;
            gone += STEP;
            line.push(here);
        }
        if !blind && let Some(end) = self.next_street(here, heading, spacing * 1.15) {
            line.push(end);
        }
        line
    }

    /// Just beyond the nearest street straight ahead, if one is near and nothing lies between.
    fn next_street(&self, from: Point, heading: Vector, reach: f64) -> Option<Point> {
        let to = from + heading * reach;
        let nearest = self
            .streets
            .iter()
            .filter(|street| street.rank != Rank::Trunk)
            .flat_map(|street| street.line.windows(2))
            .filter_map(|pair| segment_crossing((from, to), (pair[0], pair[1])).map(|(t, _)| t))
            .fold(f64::INFINITY, f64::min);
        if !nearest.is_finite() {
            return None;
        }
        let clear = (0..=12).map(|i| from + heading * (reach * nearest * f64::from(i) / 12.0));
        let clear = clear.into_iter().all(|p| self.plan.dry_depth(p) > 8.0 && !self.plan.in_park(p));
        clear.then(|| from + heading * (reach * nearest + 3.0))
    }

    fn add(&mut self, street: Street) {
        for pair in street.line.windows(2) {
            let (along, direction) = (pair[1] - pair[0], unit(pair[1] - pair[0]));
            let pieces = (1..).take_while(|&n| f64::from(n - 1) * STEP < along.norm());
            for n in pieces {
                let p = pair[0] + direction * (f64::from(n - 1) * STEP);
                self.samples.entry(cell(p)).or_default().push((p, direction));
            }
        }
        self.streets.push(street);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a map is far smaller than 2^31 cells")]
fn cell(at: Point) -> (i32, i32) {
    ((at.x / CELL).floor() as i32, (at.y / CELL).floor() as i32)
}
