//! The statistics of a comparison: intervals of paired differences, how many runs they take, and what many of them mean at once.
//!
//! Every formula is from the literature and says where from. Means and percentiles of one run are in
//! `studies/report/statistics.rs`. Knows numbers, not traffic.

pub mod bootstrap;
pub mod holm;
pub mod paired;
pub mod student;
pub mod warm_up;
