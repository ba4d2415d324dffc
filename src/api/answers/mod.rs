//! From stores and the port to answers: pure functions, the same for every way of asking.
//!
//! Knows no request and no header; whoever asks brings the stores and gets plain values that become JSON.

pub mod geo;
pub mod roads;
