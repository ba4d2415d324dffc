//! What a driver means to do at one point ahead: the record that planning leaves for announcing and deciding.
//!
//! Knows what is in it, what of it a link is told, and what is asked of the link; not how it came about ([`super::plan`]) nor what
//! follows ([`super::drive`]).

use super::approach::{Approach, Request, leave_time};
use super::body::{Body, KindFacts};
use super::facts::NONE;
use super::following::{least, most};
use super::road::Road;

/// What a driver means to do at one point ahead: a link, or (without one) the end of the look-ahead. Who stands and is going to
/// has none.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about one link")]
pub(crate) struct PlanItem {
    /// The link, or [`NONE`].
    pub link: u32,
    /// Whether the driver asks to pass.
    pub ask: bool,
    /// Whether it is announced, because somebody may ask who is coming.
    pub announced: bool,
    /// Whether it matters to anybody when and how fast the link is passed; if not, nothing is known about that.
    pub timed: bool,
    /// Speed for this step if the link may be passed [m/s].
    pub speed_pass: f64,
    /// Speed for this step if it must wait before it [m/s].
    pub speed_wait: f64,
    /// When it would arrive [s].
    pub arrival: f64,
    /// How fast [m/s].
    pub arrival_speed: f64,
    /// How fast if it started to brake now [m/s].
    pub arrival_speed_braking: f64,
    /// How far away the link is [m].
    pub distance: f64,
    /// Speed at the end of the path behind the link [m/s].
    pub leave_speed: f64,
    /// Free road behind the link [m]; filled by [`super::keep_clear`].
    pub room: f64,
    /// Whether somebody stands on the road behind the link; filled by [`super::keep_clear`].
    pub standing: bool,
}

impl PlanItem {
    /// The end of the look-ahead, `distance` away [m], with a speed for this step [m/s].
    pub(super) fn end(speed: f64, distance: f64) -> Self {
        Self {
            link: NONE,
            ask: false,
            announced: false,
            timed: false,
            speed_pass: speed,
            speed_wait: speed,
            arrival: 0.0,
            arrival_speed: 0.0,
            arrival_speed_braking: 0.0,
            distance,
            leave_speed: 0.0,
            room: 0.0,
            standing: false,
        }
    }

    /// Lowers the speed at which the path behind the link is left.
    pub(super) fn limit_leave_speed(&mut self, speed: f64) {
        if self.link != NONE {
            self.leave_speed = least(self.leave_speed, most(speed, 0.0));
        }
    }

    /// What the driver tells a link.
    pub(crate) fn announcement(&self, road: &Road, body: &Body) -> Approach {
        let kind = road.kind(body);
        let link = road.facts.link(self.link);
        Approach {
            vehicle: body.id,
            arrival: self.arrival,
            leave: leave_time(self.arrival, self.arrival_speed, self.leave_speed, link.length, kind.length),
            leave_speed: self.leave_speed,
            arrival_speed_braking: self.arrival_speed_braking,
            distance: self.distance,
            speed: body.speed,
            decel: kind.decel,
            waiting: body.waiting,
            will_pass: self.ask,
            siren: body.siren,
            kind: body.kind,
            speed_factor: body.speed_factor_single(),
        }
    }

    /// What the driver asks of the link at step `now` [s].
    #[inline]
    pub(crate) fn request<'a>(
        &self,
        body: &Body,
        kind: &'a KindFacts,
        impatience: f64,
        now: f64,
        dt: f64,
    ) -> Request<'a> {
        Request {
            vehicle: body.id,
            link: self.link,
            arrival: self.arrival,
            arrival_speed: self.arrival_speed,
            leave_speed: self.leave_speed,
            waiting: body.waiting,
            impatience,
            kind,
            now,
            dt,
            siren: body.siren.then_some(self.distance),
        }
    }
}
