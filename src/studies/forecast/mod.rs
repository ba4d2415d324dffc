//! What a navigation service knows of tomorrow: delays by road and time of day, learnt on earlier days.
//!
//! A day is a run of the same city with another seed: other travellers, other chance. Over some such days every road's delay in
//! an interval is fitted to the whole city's: `d = α + β · L · p(k)` by least squares weighted by the vehicles that were met, with the
//! road's length `L` [m] and the profile `p(k)`, time lost per metre driven by everybody in interval `k` over all days [s/m]. One more day, which
//! nothing was learnt from, says how far the prediction is off. Days are without the advice that is given by it.
//!
//! Decides nothing; who follows the advice, and when, is the intervention's.

mod days;
mod fit;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::city::intervention::AdviceTimes;
use crate::city::routing::Delays;
use crate::city::scenario::LoadedScenario;
use crate::primitives::text::Findings;
use crate::simulation::outcome::Prediction;

/// What was learnt.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// Delays by road and time of day.
    pub delays: Arc<Delays>,
    /// How far they are off on a day that nothing was learnt from.
    pub prediction: Prediction,
}

/// How many days the advice of a city is learnt on; none where no advice is given by predictions.
pub fn days_of(loaded: &LoadedScenario) -> Option<u32> {
    let advice = loaded.plan.changes.iter().filter_map(|change| change.advice);
    advice.filter_map(|advice| if let AdviceTimes::Predicted { days } = advice.times { Some(days) } else { None }).max()
}

/// Learns on earlier days what the advice of a city says; none where it is not given by predictions, or somebody interrupts.
///
/// The days are the same for every seed of the run, so that what is learnt for one run of a variant holds for all of them.
///
/// # Errors
/// When a day cannot be loaded.
pub fn learn(loaded: &LoadedScenario, interrupted: &dyn Fn() -> bool) -> Result<Option<Forecast>, Findings> {
    let Some(days) = days_of(loaded) else { return Ok(None) };
    let mut seen = Vec::new();
    for number in 0..=days {
        match days::see(loaded, number, interrupted)? {
            Some(day) => seen.push(day),
            None => return Ok(None),
        }
    }
    // The last day is held out.
    let Some((held_out, learnt_on)) = seen.split_last() else { return Ok(None) };
    let fitted = fit::fit(&loaded.network, learnt_on);
    let prediction = fit::error(&loaded.network, &fitted, held_out, days);
    let delays = Arc::new(Delays::new(held_out.begin, held_out.interval, fitted));
    Ok(Some(Forecast { delays, prediction }))
}
