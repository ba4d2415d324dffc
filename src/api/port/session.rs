//! Sessions, and the twin that has them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::command::{Command, Done, Refused};
use super::drill::Drill;
use super::scene::{Scene, SceneTotals};
use crate::city::network::Network;
use crate::city::network::places::Places;
use crate::pipeline::alerting::Subscribers;
use crate::pipeline::stores::Stores;

/// The running twin, as serving sees it.
pub trait Twin: Send + Sync + std::fmt::Debug {
    /// The city's name.
    fn name(&self) -> &str;
    /// The roads everything is on.
    fn network(&self) -> &Arc<Network>;
    /// What the map says beyond its roads.
    fn places(&self) -> Option<&Places>;
    /// What the wire filled.
    fn stores(&self) -> &Arc<Stores>;
    /// Who has asked to be told of alerts; none where nobody can ask.
    fn subscribers(&self) -> Option<&Arc<Subscribers>> {
        None
    }
    /// How the wire fares.
    fn pipeline(&self) -> Pipeline;
    /// The sessions there are, the live one first.
    fn sessions(&self) -> Vec<SessionInfo>;
    /// A session by its id.
    fn session(&self, id: &str) -> Option<Arc<dyn Session>>;
    /// Opens another session. May take as long as loading a scenario: not to be called where others wait.
    ///
    /// # Errors
    /// When there is nothing to open, or there are too many.
    fn open(&self, opening: &Opening) -> Result<SessionInfo, Refused>;
    /// Ends a session; the live one cannot be ended.
    ///
    /// # Errors
    /// When there is none of this id, or it is the live one.
    fn close(&self, id: &str) -> Result<(), Refused>;
    /// Runs and comparisons that lie in the folder of outputs, the latest first.
    ///
    /// # Errors
    /// When the folder cannot be read.
    fn finished(&self) -> Result<Vec<Finished>, Refused>;
    /// A file of a finished run or comparison, by its id and the file's name as [`Finished::files`] has it.
    ///
    /// # Errors
    /// When there is none.
    fn file_of(&self, id: &str, name: &str) -> Result<std::path::PathBuf, Refused>;
    /// The drill that is run in this city, if one is. Whoever has no seat that is shown the city as it is, is shown nothing else then.
    fn drill(&self) -> Option<&dyn Drill> {
        None
    }
}

/// A city that somebody looks at.
pub trait Session: Send + Sync + std::fmt::Debug {
    /// What it is.
    fn info(&self) -> SessionInfo;
    /// The newest scene; whoever is slow sees fewer, never older ones.
    fn scenes(&self) -> watch::Receiver<Arc<Scene>>;
    /// Does what it is told, and returns when it is done. Waits for the step that is under way, or for a jump: not to be called
    /// where others wait.
    ///
    /// # Errors
    /// When it cannot be done; nothing has changed then.
    fn command(&self, command: &Command) -> Result<Done, Refused>;
    /// What there is to know about one thing in the city now; none if there is none. Waits for the step that is under way.
    ///
    /// # Errors
    /// When the session has failed.
    fn facts(&self, subject: &Subject) -> Result<Option<Facts>, Refused>;
    /// The city in numbers over time since it began, every ten seconds of its own time; at most 8,640.
    fn samples(&self) -> Vec<Sample>;
    /// Interventions that were made in it, with those of the sessions it was forked from.
    fn commands(&self) -> Vec<Done>;
}

/// What a session is.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct SessionInfo {
    /// Its id: `live`, or a ULID.
    pub id: String,
    /// What kind.
    pub kind: SessionKind,
    /// A name for people.
    pub name: String,
    /// The session it was forked from.
    pub parent: Option<String>,
    /// When it began [s after midnight].
    pub begin_s: f64,
    /// When it ends by itself [s after midnight].
    pub end_s: Option<f64>,
    /// Where it is [s after midnight].
    pub time_s: f64,
    /// Length of a step [s].
    pub step_s: f64,
    /// Midnight of its day, in Unix milliseconds: the time of a record less the city's time.
    pub midnight_ms: i64,
    /// Whether its run is over.
    pub over: bool,
    /// Whether it stands still.
    pub paused: bool,
    /// City seconds for a second on the wall; none is as fast as possible.
    pub speed: Option<f64>,
    /// City seconds for a second on the wall as they came to in the last seconds.
    pub speed_reached: f64,
    /// Whether the city can be changed: a real one cannot.
    pub simulated: bool,
    /// For a fork: what becomes of it beside the city without its change.
    pub branch: Option<Branch>,
}

/// What kind of session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SessionKind {
    /// The city that speaks into the wire.
    Live,
    /// One that left another at some instant.
    Fork,
    /// One that is made again from a finished run.
    Replay,
}

/// How far a fork has come beside the city without its change.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Branch {
    /// When they parted [s after midnight].
    pub from_s: f64,
    /// How far both have come [s after midnight].
    pub reached_s: f64,
    /// How far they go [s after midnight].
    pub until_s: f64,
    /// How many differences there are by now.
    pub compared: u32,
    /// Both cities in numbers, side by side, by time. Only the answer to a question for one session has them: they are many.
    pub differences: Vec<Difference>,
}

impl SessionInfo {
    /// Without what is long: the differences of a fork, of which only the number stays.
    #[must_use]
    pub fn brief(self) -> Self {
        let branch = self.branch.map(|branch| Branch { differences: Vec::new(), ..branch });
        Self { branch, ..self }
    }

    /// With only those differences of a fork that are later than an instant [s after midnight].
    #[must_use]
    pub fn after(mut self, time_s: f64) -> Self {
        if let Some(branch) = &mut self.branch {
            branch.differences.retain(|difference| difference.time_s > time_s);
        }
        self
    }
}

/// Two cities in numbers at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Difference {
    /// When [s after midnight].
    pub time_s: f64,
    /// The city without the change.
    pub base: SceneTotals,
    /// The city with it.
    pub variant: SceneTotals,
}

/// A city in numbers at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Sample {
    /// When [s after midnight].
    pub time_s: f64,
    /// The numbers.
    pub totals: SceneTotals,
}

/// What is to be opened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Opening {
    /// A fork of a session at its present instant, with a change at once; runs ahead as fast as possible beside the city without it.
    Fork {
        /// The session.
        of: String,
        /// A name for people; made up if none.
        name: Option<String>,
        /// What is changed at once.
        interventions: Vec<super::Intervention>,
        /// How far to run ahead [s]; 60 to 7,200, 1,800 if none.
        #[schema(minimum = 60, maximum = 7200)]
        ahead_s: Option<f64>,
    },
    /// The replay of a finished run.
    Replay {
        /// The run's id as in [`Finished::id`].
        run: String,
    },
}

/// What one may ask about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Subject {
    /// A vehicle by its number.
    Vehicle {
        /// The number.
        number: u32,
    },
    /// A road by its id.
    Road {
        /// The id.
        id: String,
    },
    /// A signal by its id.
    Signal {
        /// The id.
        id: String,
    },
    /// An ambulance by its name.
    Unit {
        /// The name.
        name: String,
    },
    /// An incident by its number.
    Incident {
        /// The number.
        number: u32,
    },
    /// A call by its number.
    Call {
        /// The number.
        number: u32,
    },
}

/// What there is to know about something.
#[derive(Debug, Clone, PartialEq, Default, Serialize, utoipa::ToSchema)]
pub struct Facts {
    /// Its name for people.
    pub title: String,
    /// What is known, in the order to be shown.
    pub facts: Vec<Fact>,
    /// The way it takes from here, as (longitude, latitude) [°]; empty if it takes none.
    #[schema(value_type = Vec<Vec<f64>>)]
    pub route: Vec<(f64, f64)>,
    /// Devices whose records are about it, as `kind/name`.
    pub devices: Vec<String>,
}

/// One thing that is known.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Fact {
    /// What it is: a word of the field in snake case, for which the page has names in its languages.
    pub name: String,
    /// What it is, as a number or a word.
    pub value: serde_json::Value,
    /// Its unit; empty if it has none.
    pub unit: &'static str,
}

/// How the wire fares.
#[derive(Debug, Clone, PartialEq, Default, Serialize, utoipa::ToSchema)]
pub struct Pipeline {
    /// Whether there is a wire here.
    pub present: bool,
    /// Messages in the log so far.
    pub messages: u64,
    /// Messages a second in the last seconds.
    pub messages_per_s: f64,
    /// Messages of the log that no checkpoint has yet; none if the stores cannot tell.
    pub behind: Option<u64>,
    /// Messages that wait with the publisher.
    pub spooled: u64,
    /// Records that came twice.
    pub duplicates: u64,
    /// Records that came late.
    pub late: u64,
    /// Messages in quarantine.
    pub quarantined: u64,
    /// From a device to the live state in the last seconds, median and worst of a hundred [s]; none where nobody spoke.
    #[schema(value_type = Option<Vec<f64>>)]
    pub shown_s: Option<(f64, f64)>,
    /// Services that had to be started again, with how often.
    pub restarts: std::collections::BTreeMap<String, u32>,
    /// What is wrong, in sentences: a store that is away, a broker that does not answer.
    pub troubles: Vec<String>,
}

/// A finished run or comparison.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Finished {
    /// `<scenario>/<run id>`, with `~` for `/`.
    pub id: String,
    /// `run` or `comparison`.
    pub kind: &'static str,
    /// The scenario's name.
    pub scenario: String,
    /// The variant that was run.
    pub variant: Option<String>,
    /// The seed.
    pub seed: Option<u64>,
    /// When it was made, Unix milliseconds.
    pub made_ms: i64,
    /// Whether it can be replayed: it is whole, and what it was made of is still there unchanged.
    pub replayable: bool,
    /// Files one may read, by name.
    pub files: Vec<String>,
}
