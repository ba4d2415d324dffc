//! A finished run made again: from the files it was made of, its seed, and the orders it was given.
//!
//! Loads what a manifest names, or the diary of a city whose server was killed, and sees to it that it is what it was.

use std::path::Path;
use std::sync::Arc;

use super::cast::Cast;
use super::diary::{self, Input};
use super::finished::Manifest;
use super::stage::Stage;
use crate::api::port::Refused;
use crate::city::network::Network;
use crate::city::network::cache::NetworkCache;
use crate::city::scenario::{self, LoadedScenario, Overrides};
use crate::primitives::SimTime;
use crate::primitives::random::Seed;
use crate::studies::experiment::Prepared;

/// A run ready to be replayed.
pub(super) struct Again {
    pub cast: Arc<Cast>,
    pub stage: Stage,
    pub end: Option<SimTime>,
    pub name: String,
    pub last_number: u64,
}

/// What a run was made of.
struct Made<'a> {
    inputs: &'a [Input],
    variant: Option<&'a str>,
    seed: u64,
    measured_from: Option<SimTime>,
    end: Option<SimTime>,
}

/// Makes a run ready that lies in a folder and was made on this map.
pub(super) fn again(
    folder: &Path,
    manifest: Option<&Manifest>,
    map: &Network,
    cache: Option<&NetworkCache>,
) -> Result<Again, Refused> {
    let diary = diary::read(folder).map_err(Refused::Failed)?;
    let made = match (manifest, &diary) {
        (Some(manifest), _) => Made {
            inputs: &manifest.inputs,
            variant: manifest.scenario.variant.as_deref(),
            seed: manifest.seed,
            measured_from: scenario::read_time(&manifest.measured_from).ok(),
            end: scenario::read_time(&manifest.end).ok(),
        },
        (None, Some(diary)) => Made {
            inputs: &diary.head.inputs,
            variant: diary.head.variant.as_deref(),
            seed: diary.head.seed,
            measured_from: Some(SimTime::milliseconds(diary.head.measured_from_ms)),
            end: diary.reached.or_else(|| diary.head.end_ms.map(SimTime::milliseconds)),
        },
        (None, None) => return Err(Refused::Failed(format!("`{}` holds no run any more", folder.display()))),
    };
    let loaded = load(&made, cache)?;
    if *loaded.network != *map {
        let sentence =
            "it was made on another map than the one that is served; serve its scenario, and replay it there";
        return Err(Refused::Invalid(sentence.to_owned()));
    }
    let name = loaded.name.clone();
    let prepared = Prepared::of(&loaded, &|| false).map_err(|error| Refused::Failed(error.to_string()))?;
    let cast = Arc::new(Cast::of(prepared));
    // Nobody listens to its devices, which change nothing in it.
    let (city, _) = cast.prepared.city(false);
    let (changes, last_number) = diary.map_or((Vec::new(), 0), |diary| (diary.changes, diary.last_number));
    let mut stage = Stage::begin(&cast, city, changes, true);
    if let Some(end) = made_end(manifest, &cast) {
        stage.ends_at(end);
    }
    let end = cast.loaded().settings.end;
    Ok(Again { cast, stage, end, name, last_number })
}

/// A run that was cut short ends where it was.
fn made_end(manifest: Option<&Manifest>, cast: &Cast) -> Option<SimTime> {
    manifest.and_then(|manifest| scenario::read_time(&manifest.end).ok()).or(cast.loaded().settings.end)
}

fn load(made: &Made<'_>, cache: Option<&NetworkCache>) -> Result<LoadedScenario, Refused> {
    let file = made.inputs.first().ok_or_else(|| Refused::Failed("its manifest names no scenario".to_owned()))?;
    let overrides =
        Overrides { seed: Some(Seed(made.seed)), threads: Some(1), begin: made.measured_from, end: made.end };
    let loaded = scenario::load_with(Path::new(&file.path), &overrides, cache);
    let dressed = loaded.and_then(|loaded| match made.variant {
        Some(variant) => loaded.variant(variant),
        None => Ok(loaded),
    });
    let loaded = dressed.map_err(|findings| {
        let first = findings.problems().first().map(ToString::to_string).unwrap_or_default();
        Refused::Failed(format!("its scenario cannot be loaded any more: {first}"))
    })?;
    let known = |input: &&Input| loaded.files.iter().any(|file| file.blake3 == input.blake3);
    match made.inputs.iter().find(|input| !known(input)) {
        None => Ok(loaded),
        Some(input) => {
            let sentence = "is not the file it was made of, and the run would be another";
            Err(Refused::Invalid(format!("`{}` {sentence}; put the old one back", input.path)))
        }
    }
}
