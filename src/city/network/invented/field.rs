//! The grain of the city: which way streets want to run at every place.
//!
//! A sum of tensors that fade with distance, as Chen, Esch, Wonka, Müller, Zhang (2008, "Interactive procedural street
//! modeling", ACM Trans. Graph. 27(3)) build it: every quarter has its own grid, the old town runs around and
//! towards its square, and streets near the water follow it. A tensor is kept as the doubled angle's cosine and sine, so
//! that a street has no preferred end.

use std::f64::consts::TAU;

use crate::primitives::Point;
use crate::primitives::random::{Purpose, Seed};

use super::plan::{Plan, RIVER_HALF_WIDTH};
use super::shape::{Vector, angle_of, apart, distance_to, heading, unit};

/// A quarter's own grid: around a place, in a direction, fading over a distance.
#[derive(Debug, Clone, Copy)]
struct Grain {
    centre: Point,
    angle: f64,
    reach: f64,
}

/// The direction field.
#[derive(Debug, Clone)]
pub(super) struct Field<'a> {
    plan: &'a Plan,
    grains: Vec<Grain>,
    waves: [(Vector, f64); 3],
}

impl<'a> Field<'a> {
    /// Draws the quarters' grids.
    pub(super) fn draw(seed: Seed, plan: &'a Plan) -> Self {
        let mut rng = seed.stream(Purpose::MapMaking, 2, 0);
        let ring = plan.size.ring();
        let mut grains = Vec::new();
        let count = 9;
        for i in 0..count {
            let angle = TAU * (f64::from(i) + 0.7 * rng.unit()) / f64::from(count);
            let out = ring * (0.75 + 0.95 * rng.unit());
            let centre = Point::origin() + heading(angle) * out;
            grains.push(Grain { centre, angle: rng.unit() * TAU, reach: ring * (0.35 + 0.3 * rng.unit()) });
        }
        let waves = [0.0; 3].map(|_: f64| {
            let length = 330.0 + 260.0 * rng.unit();
            (heading(rng.unit() * TAU) * (TAU / length), rng.unit() * TAU)
        });
        Self { plan, grains, waves }
    }

    /// The direction of the first family of streets at a place; the second runs across it.
    pub(super) fn direction(&self, at: Point) -> Vector {
        let mut tensor = Vector::zeros();
        let mut add = |angle: f64, weight: f64| tensor += heading(2.0 * angle) * weight;
        let from_centre = at - Point::origin();
        let out = from_centre.norm();
        let wall = self.plan.size.wall();
        add(angle_of(from_centre), 1.1 * libm::exp(-out * out / (wall * wall * 2.6)));
        // Far out the whole city still remembers where its centre is.
        add(angle_of(from_centre), 0.16);
        for grain in &self.grains {
            let distance = (at - grain.centre).norm();
            add(grain.angle, libm::exp(-distance * distance / (grain.reach * grain.reach)));
        }
        let bank = (distance_to(&self.plan.river, at) - RIVER_HALF_WIDTH).max(0.0);
        add(angle_of(self.along_river(at)), 1.6 * libm::exp(-bank / 110.0));
        let swing: f64 = self.waves.iter().map(|(wave, phase)| libm::sin(wave.dot(&at.coords) + phase)).sum();
        let loosening = 0.05 + 0.10 * (out / self.plan.size.radius()).min(1.0);
        heading(angle_of(tensor) / 2.0 + swing * loosening)
    }

    fn along_river(&self, at: Point) -> Vector {
        let river = &self.plan.river;
        let nearest = river
            .iter()
            .enumerate()
            .map(|(i, p)| (i, apart(*p, at)))
            .fold((0, f64::INFINITY), |best, next| if next.1 < best.1 { next } else { best })
            .0;
        unit(river[(nearest + 3).min(river.len() - 1)] - river[nearest.saturating_sub(3)])
    }
}
