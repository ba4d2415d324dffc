//! What is left when a drill is over: its review, warnings as other systems take them, and what bots alone achieve on the same dice.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use super::super::desk::{Desk, Request};
use super::play::Play;
use super::player::Asked;
use super::shared::Shared;
use crate::primitives::SimTime;
use crate::studies::drill::after::after_action;
use crate::studies::drill::cap;
use crate::studies::drill::record::Record;
use crate::studies::experiment::{make_folder, write_file};

/// Files of a branch that are given out.
pub(super) const PAGE: &str = "after-action.html";
pub(super) const FIGURES: &str = "after-action.json";
/// Folder of a branch with one message a file.
pub(super) const MESSAGES: &str = "cap";
/// What bots alone have achieved, in the drill's folder.
const BASELINE: &str = "baseline.json";

/// Writes the review of a branch; the figures last, because they say that it is whole.
///
/// # Errors
/// When something cannot be written, in a sentence.
pub(super) fn write(branch: &Path, played: &Record, by_bots: &Record) -> Result<(), String> {
    let review = after_action(played, by_bots);
    let text = |name: &str, text: &str| {
        write_file(&branch.join(name), |out| out.write_all(text.as_bytes())).map_err(|error| error.to_string())
    };
    let folder = branch.join(MESSAGES);
    make_folder(&folder).map_err(|error| error.to_string())?;
    for message in cap::messages(played) {
        text(&format!("{MESSAGES}/{}", message.file_name()), &message.xml())?;
    }
    text(PAGE, &review.html())?;
    text(FIGURES, &review.json())
}

/// What bots alone have achieved, where that was written down before.
fn kept_baseline(folder: &Path) -> Option<Record> {
    let text = std::fs::read_to_string(folder.join(BASELINE)).ok()?;
    serde_json::from_str(&text).ok()
}

/// Lets bots play to the end, or until an instant before it; nothing where it is told to stop.
pub(super) fn by_bots(
    mut bots: Play,
    until: SimTime,
    progress: impl Fn(f64),
    stops: impl Fn() -> bool,
) -> Option<Record> {
    bots.director.set_branch(1);
    let (start, length) = (bots.drill().start, bots.drill().length.as_seconds().max(1.0));
    while !bots.is_over() && bots.time() < until {
        if stops() {
            return None;
        }
        bots.step();
        // Nobody reads it, and it would grow.
        drop(bots.director.log());
        progress((bots.time() - start).as_seconds() / length);
    }
    Some(bots.record())
}

/// Writes down what bots alone have achieved.
pub(super) fn keep_baseline(folder: &Path, record: &Record) -> Result<(), String> {
    let written = write_file(&folder.join(BASELINE), |out| Ok(serde_json::to_writer(out, record)?));
    written.map_err(|error| error.to_string())
}

/// What bots alone achieve from T+0 on: by the end of the drill, and by the end of a branch that was ended before.
#[derive(Debug, Default)]
pub(super) struct Baselines {
    whole: Option<Record>,
    cut: Option<Record>,
}

impl Baselines {
    /// Those of a drill's folder, as far as they were written down.
    pub(super) fn kept(folder: &Path) -> Self {
        Self { whole: kept_baseline(folder), cut: None }
    }

    pub(super) fn has_whole(&self) -> bool {
        self.whole.is_some()
    }

    /// Takes one up, of bots that played until an instant or to the end.
    pub(super) fn take(&mut self, until: SimTime, record: Record) {
        let place = if until == SimTime::MAX { &mut self.whole } else { &mut self.cut };
        *place = Some(record);
    }

    /// The one that ended when a branch did: what bots did later is no measure of it.
    pub(super) fn ended_at(&self, ended: SimTime) -> Option<&Record> {
        [&self.whole, &self.cut].into_iter().flatten().find(|record| record.ended == ended)
    }
}

/// Lets bots play to the end, or until an instant before it, on a thread of their own; what they achieve is told to the drill.
///
/// # Errors
/// When the system gives no thread, in a sentence.
pub(super) fn begin_baseline(bots: Play, until: SimTime, shared: &Arc<Shared>, desk: &Arc<Desk>) -> Result<(), String> {
    let (shared, desk) = (Arc::clone(shared), Arc::downgrade(desk));
    let whole = until == SimTime::MAX;
    let work = move || {
        let progress = |share| {
            if whole {
                shared.progress(share);
            }
        };
        let Some(record) = by_bots(bots, until, progress, || shared.stops()) else { return };
        let kept = if whole { keep_baseline(&shared.folder, &record) } else { Ok(()) };
        if let Some(desk) = desk.upgrade() {
            desk.tell(Request::Drill(Box::new(Asked::Baseline(until, Box::new(record)))));
        }
        if let Err(sentence) = kept {
            shared.trouble(sentence);
        }
    };
    let spawned = thread::Builder::new().name("drill baseline".to_owned()).spawn(work);
    spawned.map(drop).map_err(|error| format!("the system gives no thread for the bots: {error}"))
}
