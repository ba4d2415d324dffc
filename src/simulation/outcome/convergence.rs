//! How ways were found over many iterations of a run: the relative gap of each.

/// One iteration.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Iteration {
    /// The relative gap: by how much all travellers together drove longer than by the fastest ways, as a share of these.
    pub gap: f64,
    /// Mean time of the fastest ways [s].
    pub fastest_mean_s: f64,
    /// Travellers who took another way in the next iteration.
    pub swapped: u32,
}

/// How ways were found.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Convergence {
    /// The relative gap that was asked for.
    pub wanted: f64,
    /// How many travellers looked for a way.
    pub travellers: usize,
    /// Every iteration.
    pub iterations: Vec<Iteration>,
    /// The iteration whose ways are used, from 1: the one with the least gap. 0 where there was none.
    pub used: u32,
}

impl Convergence {
    /// The relative gap of the ways that are used; none where no iteration came to its end.
    pub fn gap(&self) -> Option<f64> {
        let used = (self.used as usize).checked_sub(1)?;
        self.iterations.get(used).map(|iteration| iteration.gap)
    }

    /// Whether the gap that was asked for has been reached; always where nobody looks for a way.
    pub fn reached(&self) -> bool {
        self.travellers == 0 || self.gap().is_some_and(|gap| gap <= self.wanted)
    }
}
