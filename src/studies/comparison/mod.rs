//! Variants of a city held against each other: many runs, and what their differences say.

pub mod statistics;
