//! An emergency drill: what happens to whom and when, who plays which part, what they did, and how it compares with the standards.
//!
//! Knows steps and the city's time only. A drill is a scenario's city with a list of injects; people act between two steps, and every
//! action is written down with the city's time, so that the same file, seed and actions make the same drill again.

pub mod model;
