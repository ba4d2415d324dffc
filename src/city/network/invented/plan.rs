//! The site plan: what the city grew around, drawn before the first side street.
//!
//! A meandering river beside the old town, the old town's wall (a street today), a ring road, main roads to the
//! neighbouring towns, a bypass that keeps out of it all, parks and a works quarter. Angles count from the direction that
//! leads from the centre across the river. Knows lines and areas only; junctions come later.

use std::f64::consts::{PI, TAU};

use crate::primitives::Point;
use crate::primitives::random::{KeyedRng, Purpose, Seed};

use super::CitySize;
use super::shape::{Vector, crossings, distance_to, heading, inside, left_of, smooth, unit};

/// Importance of a street, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// A street inside the old town's wall.
    OldTown,
    /// A street to live in.
    Residential,
    /// A street that gathers the traffic of a quarter.
    Collector,
    /// A main road.
    Arterial,
    /// The bypass.
    Trunk,
}

/// What a street is to the city, for its name and width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// The street where the wall stood.
    Wall,
    /// The ring road.
    Ring,
    /// A main road, by its number.
    Radial(usize),
    /// The bypass.
    Bypass,
    /// A main street of the old town.
    High(usize),
    /// Any other.
    Common,
    /// The ring of a roundabout, by the node it replaced.
    Roundabout(usize),
}

/// A street as a line, before anything crosses it.
#[derive(Debug, Clone)]
pub(super) struct Street {
    pub rank: Rank,
    pub role: Role,
    pub line: Vec<Point>,
}

/// The site plan.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub size: CitySize,
    /// Downstream.
    pub axis: Vector,
    /// From the centre across the river.
    pub across: Vector,
    /// Middle of the river.
    pub river: Vec<Point>,
    /// Half the river's width at each of those points [m].
    pub river_half_width: Vec<f64>,
    /// Closed outlines of parks.
    pub parks: Vec<Vec<Point>>,
    /// Middle of the works quarter.
    pub works: Point,
    /// The streets that come first: wall, ring, main roads, bypass, high streets.
    pub streets: Vec<Street>,
}

/// Widest the river gets, from its middle [m].
pub(super) const RIVER_HALF_WIDTH: f64 = 27.0;

impl Plan {
    /// Draws the site plan.
    pub(super) fn draw(seed: Seed, size: CitySize) -> Self {
        let mut rng = seed.stream(Purpose::MapMaking, 1, 0);
        let across_angle = rng.unit() * TAU;
        let across = heading(across_angle);
        let axis = left_of(across);
        let river = river_line(&mut rng, size, axis, across);
        let phase = rng.unit() * TAU;
        let river_half_width = (0..river.len())
            .map(|i| RIVER_HALF_WIDTH - 4.0 + 4.0 * libm::sin(phase + f64::from(u32::try_from(i).unwrap_or(0)) * 0.13))
            .collect();
        let mut plan = Self {
            size,
            axis,
            across,
            river,
            river_half_width,
            parks: Vec::new(),
            works: Point::origin(),
            streets: Vec::new(),
        };
        plan.lay_main_roads(&mut rng, across_angle);
        plan.works = Point::origin() + axis * (size.ring() * 1.35) - across * (size.ring() * 0.75);
        plan.lay_parks(&mut rng);
        plan
    }

    fn lay_main_roads(&mut self, rng: &mut KeyedRng, across_angle: f64) {
        let size = self.size;
        let wall = Loop::draw(rng, size.wall(), across_angle, 0.07);
        let ring = Loop::draw(rng, size.ring(), across_angle, 0.08);
        // Two roads lead over the river, the others fan out on the old town's side; none runs along the water.
        let angles = [27.0, -27.0, 92.0, -94.0, 136.0, -139.0, 180.0];
        let radials: Vec<Vec<Point>> = angles
            .iter()
            .map(|degrees: &f64| {
                let angle = across_angle + degrees.to_radians() + (rng.unit() - 0.5) * 0.2;
                radial_line(rng, &wall, size.radius(), angle)
            })
            .collect();
        // High streets end just outside the gates and main roads begin just inside, so that both cross the wall's street.
        let gate = |i: usize| radials[i][0] + unit(radials[i][0] - Point::origin()) * 8.0;
        let high = [[gate(0), gate(6)], [gate(2), gate(3)]].map(|ends| {
            let square = Point::origin() + Vector::new(rng.unit() - 0.5, rng.unit() - 0.5) * (size.wall() * 0.3);
            let bend = |end: Point, rng: &mut KeyedRng| {
                let way = square - end;
                end + way * 0.55 + left_of(way) * ((rng.unit() - 0.5) * 0.3)
            };
            let (first, second) = (bend(ends[0], rng), bend(ends[1], rng));
            resampled(&smooth(&[ends[0], first, square, second, ends[1]], 3))
        });
        let bypass = bypass_line(rng, size, across_angle + PI);
        let mut add = |rank, role, line| self.streets.push(Street { rank, role, line });
        add(Rank::Trunk, Role::Bypass, bypass);
        add(Rank::Arterial, Role::Ring, ring.line());
        for (i, line) in radials.into_iter().enumerate() {
            add(Rank::Arterial, Role::Radial(i), line);
        }
        add(Rank::Collector, Role::Wall, wall.line());
        for (i, line) in high.into_iter().enumerate() {
            add(Rank::Collector, Role::High(i), line);
        }
    }

    /// Parks lie where no main road cuts them: each tries places until its outline is free.
    fn lay_parks(&mut self, rng: &mut KeyedRng) {
        for (i, extent) in [1.0, 0.8, 0.65, 0.5].into_iter().enumerate() {
            for _ in 0..60 {
                let beside_river = i == 0;
                let radius = self.size.ring() * 0.27 * extent;
                let centre = if beside_river {
                    let on_river = self.river[self.river.len() / 3 + rng.below(self.river.len() / 3)];
                    on_river
                        + self.across * (radius + RIVER_HALF_WIDTH + 14.0) * if rng.unit() < 0.6 { 1.0 } else { -1.0 }
                } else {
                    Point::origin() + heading(rng.unit() * TAU) * (self.size.ring() * (0.65 + 1.1 * rng.unit()))
                };
                let outline = blob(rng, centre, radius);
                let free = self.streets.iter().all(|street| crossings(&street.line, &closed(&outline)).is_empty())
                    && outline.iter().all(|&p| self.dry_depth(p) > 6.0)
                    && !inside(&outline, Point::origin())
                    && (centre - self.works).norm() > self.size.ring() * 0.5
                    && self.parks.iter().all(|park| park.iter().all(|&p| (p - centre).norm() > radius * 2.2));
                if free {
                    self.parks.push(outline);
                    break;
                }
            }
        }
    }

    /// Distance [m] from a point to the nearest bank, negative in the water.
    pub(super) fn dry_depth(&self, point: Point) -> f64 {
        distance_to(&self.river, point) - RIVER_HALF_WIDTH
    }

    /// Whether a point lies in a park.
    pub(super) fn in_park(&self, point: Point) -> bool {
        self.parks.iter().any(|park| inside(park, point))
    }

    /// The river's outline, once around.
    pub(super) fn river_outline(&self) -> Vec<Point> {
        let bank = |side: f64| -> Vec<Point> {
            (0..self.river.len())
                .map(|i| {
                    let along = self.river[(i + 1).min(self.river.len() - 1)] - self.river[i.saturating_sub(1)];
                    self.river[i] + left_of(unit(along)) * (self.river_half_width[i] * side)
                })
                .collect()
        };
        let mut outline = bank(1.0);
        outline.extend(bank(-1.0).into_iter().rev());
        outline
    }
}

/// A closed curve around the centre: a circle with two gentle harmonics.
struct Loop {
    radius: f64,
    swing: f64,
    phases: (f64, f64),
    axis: f64,
}

impl Loop {
    fn draw(rng: &mut KeyedRng, radius: f64, axis: f64, swing: f64) -> Self {
        Self { radius, swing, phases: (rng.unit() * TAU, rng.unit() * TAU), axis }
    }

    fn radius_at(&self, angle: f64) -> f64 {
        // Stretched along the river, on which towns grow.
        let stretch = 1.0 - 0.10 * libm::cos(2.0 * (angle - self.axis));
        let swing = libm::sin(3.0 * angle + self.phases.0) + 0.6 * libm::sin(5.0 * angle + self.phases.1);
        self.radius * stretch * (1.0 + self.swing * 0.6 * swing)
    }

    fn at(&self, angle: f64) -> Point {
        Point::origin() + heading(angle) * self.radius_at(angle)
    }

    fn line(&self) -> Vec<Point> {
        let count = 24.max(whole(self.radius * TAU / 14.0));
        (0..=count).map(|i| self.at(TAU * f64::from(i % count) / f64::from(count))).collect()
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of points, positive and small")]
fn whole(count: f64) -> u32 {
    count.clamp(0.0, 1.0e6) as u32
}

/// A main road from the wall outwards to the edge of the map, with two lazy bends.
fn radial_line(rng: &mut KeyedRng, wall: &Loop, radius: f64, angle: f64) -> Vec<Point> {
    let (bend, wave, phase) = ((rng.unit() - 0.5) * 0.22, 0.035 + 0.04 * rng.unit(), rng.unit() * TAU);
    let start = wall.radius_at(angle) - 4.0;
    let count = whole((radius - start) / 14.0).max(8);
    (0..=count)
        .map(|i| {
            let t = f64::from(i) / f64::from(count);
            let r = start + (radius - start) * t;
            // The bends fade in, so that every gate of the wall is met squarely.
            let turn = t * bend + t * wave * (libm::sin(phase + t * 7.0));
            Point::origin() + heading(angle + turn) * r
        })
        .collect()
}

/// The bypass: an arc around the side away from the river, leaving the map on straight tangents.
fn bypass_line(rng: &mut KeyedRng, size: CitySize, middle: f64) -> Vec<Point> {
    let radius = size.radius() * (0.74 + 0.02 * rng.unit());
    let middle = middle + (rng.unit() - 0.5) * 0.1;
    let half = 1.2;
    let tangent = libm::sqrt(size.radius() * size.radius() - radius * radius) * 0.97;
    let end = |side: f64| {
        let leave = middle + half * side;
        let at = Point::origin() + heading(leave) * radius;
        (0..=20)
            .map(move |i| at + left_of(heading(leave)) * (side * tangent * f64::from(i) / 20.0))
            .collect::<Vec<Point>>()
    };
    let mut line: Vec<Point> = end(-1.0).into_iter().rev().collect();
    let steps = 60;
    for i in 1..steps {
        let angle = middle - half + 2.0 * half * f64::from(i) / f64::from(steps);
        let r = radius * (1.0 + 0.02 * libm::sin(angle * 4.0));
        // The ripple fades towards the tangents.
        let fade = libm::sin(PI * f64::from(i) / f64::from(steps));
        line.push(Point::origin() + heading(angle) * (radius + (r - radius) * fade));
    }
    line.extend(end(1.0));
    line
}

/// The river: two superposed meanders along the axis, pushed aside until they clear the old town.
fn river_line(rng: &mut KeyedRng, size: CitySize, axis: Vector, across: Vector) -> Vec<Point> {
    let reach = size.radius() * 1.25;
    let waves = [(95.0, 1500.0, rng.unit() * TAU), (38.0, 640.0, rng.unit() * TAU)];
    let count = whole(reach / 9.0);
    let line = |shift: f64| -> Vec<Point> {
        (0..=count)
            .map(|i| {
                let s = reach * (2.0 * f64::from(i) / f64::from(count) - 1.0);
                let swing: f64 = waves.iter().map(|(a, l, phase)| a * libm::sin(TAU * s / l + phase)).sum();
                let widening = 0.7 + 0.6 * (s / reach).abs();
                Point::origin() + axis * s + across * (shift + swing * widening)
            })
            .collect()
    };
    let mut shift = size.wall();
    while distance_to(&line(shift), Point::origin()) < size.wall() * 1.12 + RIVER_HALF_WIDTH + 40.0 {
        shift += 10.0;
    }
    line(shift)
}

fn blob(rng: &mut KeyedRng, centre: Point, radius: f64) -> Vec<Point> {
    let (turn, stretch) = (rng.unit() * TAU, 0.72 + 0.2 * rng.unit());
    let (a, b) = (rng.unit() * TAU, rng.unit() * TAU);
    let long = heading(turn);
    (0..36)
        .map(|i| {
            let t = TAU * f64::from(i) / 36.0;
            let r = radius * (1.0 + 0.10 * libm::sin(2.0 * t + a) + 0.07 * libm::sin(3.0 * t + b));
            centre + long * (r * libm::cos(t)) + left_of(long) * (r * stretch * libm::sin(t))
        })
        .collect()
}

/// An outline with its first point repeated at the end.
pub(super) fn closed(outline: &[Point]) -> Vec<Point> {
    outline.iter().chain(outline.first()).copied().collect()
}

/// The same curve with a point about every 12 m.
fn resampled(line: &[Point]) -> Vec<Point> {
    let total = super::shape::length(line);
    let count = whole(total / 12.0).max(1);
    (0..=count).map(|i| super::shape::point_at(line, total * f64::from(i) / f64::from(count))).collect()
}
