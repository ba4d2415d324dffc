//! What the thread of a drill and those who serve it share: seats, views, and how it stands.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::super::stage::locked;
use super::seats::Seats;
use crate::studies::drill::model::Drill;

/// Most troubles that are told.
const TROUBLES_MAX: usize = 50;

/// How a drill stands.
#[derive(Debug, Clone)]
pub(super) struct Stand {
    pub phase: &'static str,
    pub branch: u32,
    /// The branch's folder.
    pub folder: PathBuf,
}

/// What is shared.
#[derive(Debug)]
pub(super) struct Shared {
    pub drill: Arc<Drill>,
    /// The drill's folder.
    pub folder: PathBuf,
    pub seats: Mutex<Seats>,
    /// Whether it is over and what became of it is written.
    pub over: watch::Sender<bool>,
    /// What each role sees, as JSON.
    views: BTreeMap<String, watch::Sender<Arc<str>>>,
    stand: Mutex<Stand>,
    /// How far bots alone have come, in thousandths.
    baseline: AtomicU64,
    stops: AtomicBool,
    troubles: Mutex<Vec<String>>,
}

impl Shared {
    pub(super) fn new(drill: &Arc<Drill>, folder: &Path, seats: Seats, stand: Stand) -> Self {
        let view = |role: &str| (role.to_owned(), watch::channel(Arc::from("null")).0);
        Self {
            drill: Arc::clone(drill),
            folder: folder.to_owned(),
            seats: Mutex::new(seats),
            over: watch::channel(false).0,
            views: drill.roles.iter().map(|role| view(&role.name)).collect(),
            stand: Mutex::new(stand),
            baseline: AtomicU64::new(0),
            stops: AtomicBool::new(false),
            troubles: Mutex::default(),
        }
    }

    pub(super) fn views(&self, role: &str) -> Option<watch::Receiver<Arc<str>>> {
        self.views.get(role).map(watch::Sender::subscribe)
    }

    /// Roles that somebody looks at.
    pub(super) fn watched(&self) -> Vec<String> {
        let watched = self.views.iter().filter(|(_, views)| views.receiver_count() > 0);
        watched.map(|(role, _)| role.clone()).collect()
    }

    /// Shows a role what it sees, if that is not what it saw before.
    pub(super) fn show(&self, role: &str, view: String) {
        if let Some(views) = self.views.get(role) {
            views.send_if_modified(|shown| {
                let new = **shown != *view;
                if new {
                    *shown = Arc::from(view);
                }
                new
            });
        }
    }

    pub(super) fn now(&self, phase: &'static str, branch: u32, folder: &Path) {
        *locked(&self.stand) = Stand { phase, branch, folder: folder.to_owned() };
    }

    pub(super) fn stand(&self) -> Stand {
        locked(&self.stand).clone()
    }

    pub(super) fn progress(&self, share: f64) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share in thousandths")]
        let thousandths = (share.clamp(0.0, 1.0) * 1000.0) as u64;
        self.baseline.store(thousandths, Ordering::Relaxed);
    }

    pub(super) fn baseline(&self) -> f64 {
        f64::from(u32::try_from(self.baseline.load(Ordering::Relaxed)).unwrap_or(1_000)) / 1000.0
    }

    /// Everything that computes is to stop.
    pub(super) fn stop(&self) {
        self.stops.store(true, Ordering::SeqCst);
    }

    pub(super) fn stops(&self) -> bool {
        self.stops.load(Ordering::SeqCst)
    }

    pub(super) fn trouble(&self, sentence: String) {
        let mut troubles = locked(&self.troubles);
        if troubles.len() < TROUBLES_MAX && !troubles.contains(&sentence) {
            troubles.push(sentence);
        }
    }

    pub(super) fn troubles(&self) -> Vec<String> {
        locked(&self.troubles).clone()
    }
}
