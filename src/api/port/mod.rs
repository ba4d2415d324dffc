//! The port: what serving asks of the running twin, and the plain values it is answered with.
//!
//! A **session** is a city that somebody looks at: the live one, which speaks into the wire; a fork of one, which runs ahead by itself;
//! or the replay of a run, which is made again from what made it. All are looked at and told what to do the same way. Nothing here
//! knows how a session is made.

mod command;
mod drill;
mod scene;
mod session;

pub use command::{Clock, Command, Done, Intervention, Jump, Refused};
pub use drill::{Attendance, ClockOrder, Drill, Joined, Lobby, LobbyRole, SEAT_TOKEN, Seat};
pub use scene::{Scene, SceneCall, SceneIncident, SceneTotals, SceneUnit, SceneVehicle, SceneWeather, UnitDuty};
pub use session::{
    Branch, Difference, Fact, Facts, Finished, Opening, Pipeline, Sample, Session, SessionInfo, SessionKind, Subject,
    Twin,
};
