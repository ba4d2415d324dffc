//! A drill, as serving sees it: who sits where, what each is shown, and what each does.
//!
//! What roles there are, what they see and may do, and what an action is, is the drill's to know: here they are words and JSON.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::command::{Done, Refused};

/// A drill that is being run.
pub trait Drill: Send + Sync + std::fmt::Debug {
    /// What everybody may know before joining.
    fn lobby(&self) -> Lobby;
    /// Seats somebody who shows the PIN of a role; takes a while on purpose: not to be called where others wait.
    ///
    /// # Errors
    /// [`Refused::Unknown`] where the PIN is none, [`Refused::TooMany`] where every seat of the role is taken, [`Refused::Invalid`]
    /// where the name is none.
    fn join(&self, pin: &str, name: &str) -> Result<Joined, Refused>;
    /// Whoever sits there by this token.
    fn seat(&self, token: &str) -> Option<Seat>;
    /// Somebody sits down: what it is shown, for as long as this is held. None if the seat is no longer its.
    fn attend(&self, seat: &Seat) -> Option<Attendance>;
    /// Does an action, given as JSON, and returns when it is done and written down for good. The same `id` again gives the same answer,
    /// and nothing is done twice. Waits for the step that is under way: not to be called where others wait.
    ///
    /// # Errors
    /// When the role may not, or it cannot be done; nothing has changed then. When the id belongs to another action.
    fn act(&self, seat: &Seat, id: &str, action: &str) -> Result<Done, Refused>;
    /// Says how the clock goes; otherwise as [`Self::act`].
    ///
    /// # Errors
    /// As [`Self::act`].
    fn clock(&self, seat: &Seat, id: &str, order: ClockOrder) -> Result<Done, Refused>;
    /// Goes back to an instant [s after midnight] on a new branch, and stands still there; otherwise as [`Self::act`].
    ///
    /// # Errors
    /// As [`Self::act`].
    fn rewind(&self, seat: &Seat, id: &str, to_s: f64) -> Result<Done, Refused>;
    /// Who would be there soonest, as JSON.
    ///
    /// # Errors
    /// When the role may not ask, or there is no such call.
    fn recommend(&self, seat: &Seat, call: u32) -> Result<String, Refused>;
    /// A file of the branch that is played, by its name.
    ///
    /// # Errors
    /// When there is none, or not for this seat yet.
    fn file(&self, seat: &Seat, name: &str) -> Result<PathBuf, Refused>;
}

/// What everybody may know before joining.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Lobby {
    /// The drill's name.
    #[schema(example = "Bridge down")]
    pub name: String,
    /// What it is to find out.
    pub question: Option<String>,
    /// What stands on every page.
    #[schema(example = "EXERCISE")]
    pub marking: String,
    /// `preparing`: the city runs by itself until the drill begins; `waiting`, `running`, `paused`, `over`.
    #[schema(pattern = "^(preparing|waiting|running|paused|over)$", example = "waiting")]
    pub phase: &'static str,
    /// The branch that is played, from 1.
    #[schema(minimum = 1)]
    pub branch: u32,
    /// How far the same drill played by bots alone has been made, 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    pub baseline: f64,
    /// Roles that people can play.
    pub roles: Vec<LobbyRole>,
}

/// A role that people can play.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct LobbyRole {
    /// Its word.
    #[schema(example = "dispatcher")]
    pub role: String,
    /// Its name for people.
    #[schema(example = "Dispatcher")]
    pub title: String,
    /// How many may play it.
    pub seats: u32,
    /// How many do.
    pub taken: u32,
}

/// Somebody who was seated.
#[derive(Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Joined {
    /// What it shows from now on; is nowhere else.
    #[schema(example = "seat_00112233445566778899aabbccddeeff")]
    pub token: String,
    /// The role's word.
    #[schema(example = "dispatcher")]
    pub role: String,
    /// The role's name for people.
    #[schema(example = "Dispatcher")]
    pub title: String,
    /// Its own name.
    #[schema(example = "Kim")]
    pub name: String,
}

impl std::fmt::Debug for Joined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Joined").field("role", &self.role).field("name", &self.name).finish_non_exhaustive()
    }
}

/// What every token of a seat begins with.
pub const SEAT_TOKEN: &str = "seat_";

/// Somebody who sits in a drill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// Its number, from 1; no other seat has it.
    pub number: u64,
    /// The role's word.
    pub role: String,
    /// The role's name for people.
    pub title: String,
    /// Its own name.
    pub name: String,
    /// Whether it is shown the city as it is; whoever is not is shown nothing but the drill.
    pub truth: bool,
    /// Whether it has the clock.
    pub clock: bool,
}

/// What somebody who sits in a drill is shown.
#[derive(Debug, Clone)]
pub struct Attendance {
    /// What its role knows, as JSON; the latest.
    pub views: watch::Receiver<Arc<str>>,
    /// Whether the drill is over and what became of it is written.
    pub over: watch::Receiver<bool>,
    /// Held by everybody who attends with this seat.
    pub here: Arc<()>,
}

/// How the clock of a drill goes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockOrder {
    /// Stand still.
    Pause,
    /// Go on.
    Resume,
    /// City seconds for a second on the wall, 0.5 to 60; none is as fast as possible.
    Speed(Option<f64>),
    /// Take so many steps and stand still again; 1 to 3,600.
    Step(u32),
}
