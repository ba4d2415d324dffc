//! How far predicted travel times are off.

/// How far predicted delays are off on a day that nothing was learnt from, over every vehicle and every road it met.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prediction {
    /// Days they were learnt on.
    pub days: u32,
    /// Mean of how far they are off, late or early [s].
    pub error_mean_s: f64,
    /// Root mean square of that [s].
    pub error_root_mean_square_s: f64,
    /// The mean if empty roads were expected [s].
    pub error_without_s: f64,
}
