//! What one may choose of the city that a scenario's file describes: its variant, its draws, its times. For the verbs that let it live.

use std::path::Path;

use clap::Args;

use crate::city::network::cache::NetworkCache;
use crate::city::scenario::{self, LoadedScenario, Overrides};
use crate::primitives::SimTime;
use crate::primitives::random::Seed;
use crate::primitives::text::Findings;

/// What is chosen instead of what the file says.
#[derive(Debug, Args)]
pub(super) struct Choice {
    /// Variant of the scenario, instead of the city as it is
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
    /// Root of every draw, instead of the file's
    #[arg(long, value_parser = super::seed)]
    seed: Option<u64>,
    /// Threads for the city; the result does not depend on it [default: 1, the cheapest for most cities]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// When to begin, HH:MM[:SS] or seconds, instead of the file's
    #[arg(long, value_parser = scenario::read_time, value_name = "TIME")]
    begin: Option<SimTime>,
    /// When to end, HH:MM[:SS] or seconds, instead of the file's
    #[arg(long, value_parser = scenario::read_time, value_name = "TIME")]
    end: Option<SimTime>,
}

impl Choice {
    /// The city of a file as it was chosen.
    ///
    /// # Errors
    /// With everything that is wrong in the file, or that it has no such variant.
    pub(super) fn load(&self, file: &Path, cache: Option<&NetworkCache>) -> Result<LoadedScenario, Findings> {
        let overrides = Overrides {
            seed: self.seed.map(Seed),
            // One thread costs the least for anything up to some ten thousand vehicles at once.
            threads: Some(self.threads.map_or(1, usize::from)),
            begin: self.begin,
            end: self.end,
        };
        let loaded = scenario::load_with(file, &overrides, cache)?;
        match &self.variant {
            Some(name) => loaded.variant(name),
            None => Ok(loaded),
        }
    }
}
