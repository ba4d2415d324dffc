//! Who is told of alerts: those whom the alert file names, and those who asked for it while the city runs.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde::Serialize;

use crate::pipeline::alerting::subscribers::{Subscribed, is_subscription};
use crate::pipeline::alerting::{Notice, NoticeState, OUTBOX};
use crate::pipeline::stores::StoreError;
use crate::pipeline::stores::tables::Tables;
use crate::primitives::Timestamp;

/// Who is told of alerts, and how that fares.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct Subscription {
    /// Its id, a ULID: of one in the alert file made of the city's name and its own.
    pub(crate) id: String,
    /// The action's name in the alert file, or the name that was given; the id where none was.
    pub(crate) name: String,
    /// `file` if the alert file names it, `api` if somebody asked for it here.
    #[schema(pattern = "^(file|api)$", example = "api")]
    pub(crate) source: &'static str,
    /// Where to, without path and query; null for those of the file.
    #[schema(example = "https://alerts.example.org")]
    pub(crate) to: Option<String>,
    /// Told are alerts at least so bad; all if null. Of those of the file, the rules say it.
    #[schema(example = "high")]
    pub(crate) severity: Option<&'static str>,
    /// Told are alerts of these rules, where `*` stands for anything; of all if empty.
    pub(crate) rules: Vec<String>,
    /// Whether the end of an alert is told too; null for those of the file.
    pub(crate) resolved: Option<bool>,
    /// Whether it is told anything: not after the server's key has become another. Delete it then, and make it anew.
    pub(crate) active: bool,
    /// Whether it is there after a restart.
    pub(crate) lasting: bool,
    /// When it was made, by the clock on the wall.
    #[schema(format = DateTime)]
    pub(crate) made_at: Option<String>,
    /// Who made it.
    pub(crate) made_by: Option<String>,
    /// Notices that arrived.
    pub(crate) delivered: u64,
    /// Notices under way.
    pub(crate) pending: u64,
    /// Notices given up.
    pub(crate) dead: u64,
    /// What the last failed try met.
    pub(crate) last_error: Option<String>,
    /// When a notice was last decided.
    #[schema(format = DateTime)]
    pub(crate) last_queued_at: Option<String>,
}

/// How the notices of an action fare.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fares {
    delivered: u64,
    pending: u64,
    dead: u64,
    last_error: Option<String>,
    last_queued: Option<Timestamp>,
}

/// How the notices of every action fare, by its name.
pub(crate) fn fares(tables: &dyn Tables) -> Result<BTreeMap<String, Fares>, StoreError> {
    let mut found: BTreeMap<String, Fares> = BTreeMap::new();
    tables.scan(OUTBOX, "", &mut |_, json| {
        let Ok(notice) = serde_json::from_slice::<Notice>(json) else { return ControlFlow::Continue(()) };
        let one = found.entry(notice.action.to_string()).or_default();
        match notice.state {
            NoticeState::Delivered => one.delivered += 1,
            NoticeState::Pending => one.pending += 1,
            NoticeState::Dead => one.dead += 1,
        }
        if notice.last_error.is_some() {
            one.last_error = notice.last_error;
        }
        one.last_queued = one.last_queued.max(Some(notice.queued));
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// Those of the alert file who were ever told anything, by name, and then those who asked, by when they did.
pub(crate) fn subscriptions(fares: &BTreeMap<String, Fares>, asked: &[Subscribed], city: &str) -> Vec<Subscription> {
    let of_file = fares.iter().filter(|(name, _)| !is_subscription(name)).map(|(name, fares)| Subscription {
        id: crate::api::ids::id(&["webhook", city, name]),
        name: name.clone(),
        source: "file",
        active: true,
        lasting: true,
        ..faring(fares)
    });
    let asked = asked.iter().map(|one| answer(one, fares.get(&one.subscription.action())));
    of_file.chain(asked).collect()
}

/// One who asked, as it is told.
pub(crate) fn answer(asked: &Subscribed, fares: Option<&Fares>) -> Subscription {
    let subscription = &asked.subscription;
    Subscription {
        id: subscription.id.clone(),
        name: subscription.name.clone().unwrap_or_else(|| subscription.id.clone()),
        source: "api",
        to: Some(subscription.told_to()),
        severity: subscription.severity.map(crate::telemetry::reading::Severity::word),
        rules: subscription.rules.clone(),
        resolved: Some(subscription.resolved),
        active: asked.is_told,
        lasting: asked.lasts,
        made_at: Some(subscription.made.to_string()),
        made_by: Some(subscription.by.clone()),
        ..fares.map_or_else(Subscription::default, faring)
    }
}

fn faring(fares: &Fares) -> Subscription {
    Subscription {
        delivered: fares.delivered,
        pending: fares.pending,
        dead: fares.dead,
        last_error: fares.last_error.clone(),
        last_queued_at: fares.last_queued.map(|at| at.to_string()),
        ..Subscription::default()
    }
}
