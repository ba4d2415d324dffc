//! What people do with alerts by hand, in a folder nobody works in: look at those that are open, take up notices that were given
//! up, and hand in what a receiver wrote down.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::path::Path;

use super::parts::Equipment;
use super::{Folders, TwinError, clock};
use crate::pipeline::alerting::{ALERTS, Alert, AlertState, DEAD_LETTERS, DeadLetter, requeue as take_up};
use crate::pipeline::stores::{StoreSettings, Stores};

/// Longest file of event ids [bytes].
const RECEIVED_MAX: u64 = 1 << 30;

fn stores(folder: &Path, equipment: &Equipment) -> Result<Stores, TwinError> {
    let folders = Folders::of(folder);
    if !Stores::are_in(&folders.stores) && equipment.parts.history.is_none() {
        let sentence =
            format!("there are no stores in `{}`; name the folder of a listener or of a run", folder.display());
        return Err(TwinError::Service(sentence));
    }
    let elsewhere = equipment.parts.stores(&equipment.environment)?;
    Ok(Stores::open_parts(&folders.stores, StoreSettings::default(), elsewhere)?)
}

/// The alerts that are open, a JSON object each, the oldest first.
///
/// # Errors
/// When there are no stores in the folder, somebody works in it, or they cannot be read.
pub fn open_alerts(folder: &Path, equipment: &Equipment) -> Result<Vec<String>, TwinError> {
    let mut found = Vec::new();
    stores(folder, equipment)?.tables().scan(ALERTS, "", &mut |_, json| {
        if serde_json::from_slice::<Alert>(json).is_ok_and(|alert| alert.state == AlertState::Firing) {
            found.push(String::from_utf8_lossy(json).into_owned());
        }
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// Takes up the notice of a number that was given up, or all of them; how many that were.
///
/// # Errors
/// When there is no such notice, or the stores of the folder cannot be used.
pub fn requeue(folder: &Path, equipment: &Equipment, number: Option<u64>) -> Result<u64, TwinError> {
    let stores = stores(folder, equipment)?;
    let mut numbers = Vec::from_iter(number);
    if number.is_none() {
        stores.tables().scan(DEAD_LETTERS, "", &mut |_, json| {
            let letter = serde_json::from_slice::<DeadLetter>(json);
            numbers.extend(letter.ok().filter(|letter| letter.requeued.is_none()).map(|letter| letter.notice.number));
            ControlFlow::Continue(())
        })?;
    }
    let mut taken = 0;
    for number in numbers {
        taken += u64::from(take_up(stores.tables(), number, clock::now())?);
    }
    match number {
        Some(number) if taken == 0 => Err(TwinError::Service(format!(
            "no notice {number} is given up; the table `dead_letters` holds those that are, and leaving the number out takes all"
        ))),
        _ => Ok(taken),
    }
}

/// The event ids a receiver wrote down, one a line, as they are or as JSON texts; empty lines are left out.
pub(super) fn received(file: &Path) -> Result<BTreeSet<String>, TwinError> {
    let failed = |error: std::io::Error| {
        let sentence =
            format!("the deliveries in `{}` cannot be read: {error}; write an event id a line", file.display());
        TwinError::Service(sentence)
    };
    let reader = BufReader::new(std::fs::File::open(file).map_err(failed)?.take(RECEIVED_MAX));
    let mut ids = BTreeSet::new();
    for line in reader.lines() {
        let line = line.map_err(failed)?;
        let id = line.trim().trim_matches('"');
        if !id.is_empty() {
            ids.insert(id.to_owned());
        }
    }
    Ok(ids)
}
