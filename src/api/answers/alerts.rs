//! Alerts as they are told, and who has seen them.
//!
//! That somebody has seen an alert is no part of it: the overseer writes alerts anew when they end. So it stands in a table of its own,
//! `acknowledgements`, by the alert's id.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use crate::pipeline::alerting::{ALERTS, Alert, AlertState, DEAD_LETTERS, DeadLetter};
use crate::pipeline::stores::tables::Tables;
use crate::pipeline::stores::{Row, StoreError};

/// The table of who has seen which alert.
pub(crate) const ACKNOWLEDGEMENTS: &str = "acknowledgements";
/// Most alerts told of; of more, the newest.
pub(crate) const ALERTS_MAX: usize = 10_000;
/// Longest note [bytes].
pub(crate) const NOTE_MAX: usize = 1_000;

/// That somebody has seen an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Acknowledgement {
    /// When, by the clock on the wall.
    #[schema(format = DateTime)]
    pub(crate) at: String,
    /// Who.
    pub(crate) by: String,
    /// What they had to say.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) note: Option<String>,
}

/// An alert as it is told.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct AlertAnswer {
    /// Its id, a ULID: sorts by when it began.
    pub(crate) id: String,
    /// The rule.
    pub(crate) rule: String,
    /// `firing`, `resolved` or `noted`.
    #[schema(example = "firing")]
    pub(crate) state: &'static str,
    /// How bad it is.
    #[schema(example = "high")]
    pub(crate) severity: &'static str,
    /// Whom or what it is about.
    pub(crate) subject: String,
    /// The road, if it is known.
    pub(crate) road: Option<String>,
    /// The area, where an area is meant.
    pub(crate) geofence: Option<String>,
    /// Latitude [deg].
    pub(crate) latitude: Option<f64>,
    /// Longitude [deg].
    pub(crate) longitude: Option<f64>,
    /// What it looks at: a metric, or a kind of event.
    pub(crate) looks_at: String,
    /// The number that was too much or too little.
    pub(crate) value: Option<f64>,
    /// The threshold.
    pub(crate) threshold: Option<f64>,
    /// The unit of both.
    pub(crate) unit: String,
    /// Since when, in the city's time.
    #[schema(format = DateTime)]
    pub(crate) since: String,
    /// Until when, once it is over.
    #[schema(format = DateTime)]
    pub(crate) until: Option<String>,
    /// When it was decided, by the clock on the wall.
    #[schema(format = DateTime)]
    pub(crate) raised: String,
    /// What is so, in a sentence.
    pub(crate) says: String,
    /// Whether somebody has seen it.
    pub(crate) acknowledged: bool,
    /// Who, and when.
    pub(crate) acknowledgement: Option<Acknowledgement>,
    /// Where to go on.
    pub(crate) links: BTreeMap<&'static str, String>,
}

/// The word of a state.
pub(crate) const fn word(state: AlertState) -> &'static str {
    match state {
        AlertState::Firing => "firing",
        AlertState::Resolved => "resolved",
        AlertState::Noted => "noted",
    }
}

/// An alert as it is told.
pub(crate) fn answer(alert: &Alert, seen: Option<&Acknowledgement>, city: &str) -> AlertAnswer {
    let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().map(str::to_owned);
    let place = format!("/api/v1/cities/{city}/alerts");
    let links = [("self", format!("{place}/{}", alert.id)), ("alerts", place)];
    AlertAnswer {
        id: alert.id.clone(),
        rule: alert.rule.to_string(),
        state: word(alert.state),
        severity: alert.severity.word(),
        subject: alert.subject.to_string(),
        road: text(&alert.road),
        geofence: text(&alert.geofence),
        latitude: alert.latitude,
        longitude: alert.longitude,
        looks_at: alert.looks_at.clone(),
        value: alert.value,
        threshold: alert.threshold,
        unit: alert.unit.clone(),
        since: alert.since.to_string(),
        until: alert.until.map(|until| until.to_string()),
        raised: alert.raised.to_string(),
        says: alert.says.clone(),
        acknowledged: seen.is_some(),
        acknowledgement: seen.cloned(),
        links: links.into_iter().collect(),
    }
}

/// The newest alerts, the newest first, and who has seen them.
#[derive(Debug, Default)]
pub(crate) struct AlertBook {
    pub(crate) alerts: Vec<Alert>,
    pub(crate) seen: BTreeMap<String, Acknowledgement>,
}

impl AlertBook {
    /// Reads the tables.
    pub(crate) fn read(tables: &dyn Tables) -> Result<Self, StoreError> {
        let mut newest = VecDeque::new();
        tables.scan(ALERTS, "", &mut |_, json| {
            newest.extend(serde_json::from_slice::<Alert>(json).ok());
            if newest.len() > ALERTS_MAX {
                newest.pop_front();
            }
            ControlFlow::Continue(())
        })?;
        let mut seen = BTreeMap::new();
        tables.scan(ACKNOWLEDGEMENTS, "", &mut |id, json| {
            seen.extend(serde_json::from_slice(json).ok().map(|one| (id.to_owned(), one)));
            ControlFlow::Continue(())
        })?;
        Ok(Self { alerts: newest.into_iter().rev().collect(), seen })
    }

    /// Whether somebody has seen an alert.
    pub(crate) fn is_seen(&self, alert: &Alert) -> bool {
        self.seen.contains_key(&alert.id)
    }
}

/// An alert by its id, and who has seen it.
pub(crate) fn find(tables: &dyn Tables, id: &str) -> Result<Option<(Alert, Option<Acknowledgement>)>, StoreError> {
    let alert = tables.get(ALERTS, id)?.and_then(|json| serde_json::from_slice(&json).ok());
    let Some(alert) = alert else { return Ok(None) };
    let seen = tables.get(ACKNOWLEDGEMENTS, id)?.and_then(|json| serde_json::from_slice(&json).ok());
    Ok(Some((alert, seen)))
}

/// Notes that somebody has seen an alert, or that nobody has.
pub(crate) fn acknowledge(tables: &dyn Tables, id: &str, seen: Option<&Acknowledgement>) -> Result<(), StoreError> {
    let Some(seen) = seen else {
        tables.remove(ACKNOWLEDGEMENTS, &[id.to_owned()])?;
        return Ok(());
    };
    let json = serde_json::to_vec(seen).unwrap_or_default();
    tables.put_lasting(&[Row { table: ACKNOWLEDGEMENTS.to_owned(), key: id.to_owned(), json }])
}

/// How many notices were given up and not taken up again.
pub(crate) fn dead_letters(tables: &dyn Tables) -> Result<usize, StoreError> {
    let mut count = 0;
    tables.scan(DEAD_LETTERS, "", &mut |_, json| {
        let letter = serde_json::from_slice::<DeadLetter>(json);
        count += usize::from(letter.is_ok_and(|letter| letter.requeued.is_none()));
        ControlFlow::Continue(())
    })?;
    Ok(count)
}
