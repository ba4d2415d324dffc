//! From stores and the port to answers: pure functions, the same for every way of asking.
//!
//! Knows no request and no header; whoever asks brings the stores and gets plain values that become JSON.

pub(crate) mod alerts;
pub(crate) mod assets;
pub(crate) mod city;
pub(crate) mod events;
pub mod geo;
pub(crate) mod indicators;
pub mod roads;
pub(crate) mod webhooks;
