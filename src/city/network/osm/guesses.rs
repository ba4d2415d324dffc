//! What was guessed and what was left out while a map was made: by kind, how often, with the first examples.
//!
//! A map that looks complete hides what nobody surveyed. Every place that fills a gap notes it here, so that whoever uses the map
//! can look the examples up and mend them at the source. Decides nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

/// How many examples are kept of each kind.
const EXAMPLES_MAX: usize = 10;

/// An object of OpenStreetMap, as one finds it again: `way/123`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum OsmObject {
    Node(i64),
    Way(i64),
    Relation(i64),
}

impl std::fmt::Display for OsmObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Node(id) => write!(f, "node/{id}"),
            Self::Way(id) => write!(f, "way/{id}"),
            Self::Relation(id) => write!(f, "relation/{id}"),
        }
    }
}

/// One kind of guess or omission.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Tally {
    /// How often.
    pub count: u64,
    /// The first of them, as `way/123`.
    pub examples: Vec<String>,
}

impl Tally {
    fn add(&mut self, object: Option<OsmObject>) {
        self.count += 1;
        if let Some(object) = object
            && self.examples.len() < EXAMPLES_MAX
        {
            let name = object.to_string();
            if !self.examples.contains(&name) {
                self.examples.push(name);
            }
        }
    }
}

/// What was guessed and what was left out.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ImportReport {
    /// The country whose rules fill gaps, as two letters, and how it was found.
    pub country: String,
    /// Whether one drives on the left.
    pub left_hand: bool,
    /// Junctions of the map.
    pub junctions: usize,
    /// Junctions with a signal.
    pub signals: usize,
    /// Directed roads of the map.
    pub roads: usize,
    /// Length of all lanes [km].
    pub lane_km: f64,
    /// Turns that are banned by a restriction or impossible within a junction.
    pub turn_bans: usize,
    /// What was guessed, by kind.
    pub guessed: BTreeMap<String, Tally>,
    /// What was left out, by kind.
    pub left_out: BTreeMap<String, Tally>,
}

impl ImportReport {
    pub(super) fn guess(&mut self, kind: &str, object: OsmObject) {
        self.guessed.entry(kind.to_owned()).or_default().add(Some(object));
    }

    pub(super) fn leave_out(&mut self, kind: &str, object: OsmObject) {
        self.left_out.entry(kind.to_owned()).or_default().add(Some(object));
    }

    pub(super) fn leave_out_many(&mut self, kind: &str, count: u64) {
        if count > 0 {
            self.left_out.entry(kind.to_owned()).or_default().count += count;
        }
    }

    /// The report as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// The report in a few lines for a terminal.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let side = if self.left_hand { "left" } else { "right" };
        let _ = writeln!(
            text,
            "{} roads, {:.1} km of lanes, {} junctions ({} with signals), {} turns banned; driving on the {side} ({})",
            self.roads, self.lane_km, self.junctions, self.signals, self.turn_bans, self.country
        );
        for (title, kinds) in [("guessed", &self.guessed), ("left out", &self.left_out)] {
            if kinds.is_empty() {
                continue;
            }
            let _ = writeln!(text, "{title}:");
            let mut kinds: Vec<(&String, &Tally)> = kinds.iter().collect();
            kinds.sort_by(|a, b| b.1.count.cmp(&a.1.count).then(a.0.cmp(b.0)));
            for (kind, tally) in kinds {
                let example = tally.examples.first().map(|first| format!(" (such as {first})")).unwrap_or_default();
                let _ = writeln!(text, "  {:>6} {kind}{example}", tally.count);
            }
        }
        text
    }
}
