//! The path of what the city tells: from a sensor's message on a wire to rows in a store.
//!
//! A doorway: it opens the rooms and holds nothing.

pub mod transport;
