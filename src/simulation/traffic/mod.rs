//! The road's physics: bodies in lane order, car following, lane changing, right of way, insertion.
//!
//! The road moves every body once per step from what it saw at the step's beginning. It does not know why anybody drives:
//! trips, halts and signal programs belong to the actors, who act on their bodies and heads by commands.
//!
//! Inside this room quantities are bare `f64` in SI units and ids are bare indices, because these are the inner loops; types
//! guard its doors.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::float_cmp,
    reason = "inner loops use bare indices far below 2^31, and equal floats are ties on purpose"
)]

pub(crate) mod approach;
pub(crate) mod block;
pub(crate) mod body;
pub(crate) mod bumper;
pub(crate) mod crossing;
pub(crate) mod drive;
pub(crate) mod facts;
pub(crate) mod following;
pub(crate) mod grouped;
pub(crate) mod guide;
pub(crate) mod heads;
pub(crate) mod insertion;
pub(crate) mod item;
pub(crate) mod junction_leader;
pub(crate) mod keep_clear;
pub(crate) mod lane_change;
pub(crate) mod last_resort;
pub(crate) mod meter;
pub(crate) mod plan;
pub(crate) mod rail;
pub(crate) mod rescue;
pub(crate) mod road;
pub(crate) mod rules;
pub(crate) mod siren;
pub(crate) mod travel_time;
pub(crate) mod zipper;
