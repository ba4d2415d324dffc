//! The director of a drill: delivers what is to happen, lets people and bots do what their role may, and notes who did what was expected.
//!
//! Beside the city and between its steps: `before_step`, the step, `after_step`; whoever acts does it between two steps. It is saved
//! beside the city, and the same drill, seed and actions make the same log. Bots are the city's own dispatcher; they take note of what
//! they are told and do nothing else. Knows no clock but the city's.

mod acts;
mod expecting;
mod injects;
mod recording;
pub(super) mod state;
pub(super) mod words;

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;

use super::knowledge::{self, Knowledge, Told};
use super::log::{LogLine, What};
use super::model::{Drill, Power, Role};
use super::record::{How, Message, Record};
use super::view::View;
use crate::primitives::{SimDuration, SimTime};
use crate::simulation::City;
use crate::simulation::change::Change;
use crate::simulation::outcome::Stage;
use state::State;

/// The most actions of people in one drill.
pub const ACTIONS_MAX: usize = 10_000;
/// The most things of a city that are kept for the review.
const HAPPENED_MAX: usize = 1_000_000;
/// The most lines that wait to be taken; whoever takes none loses the latest.
const LINES_MAX: usize = 200_000;

/// The director of a drill.
#[derive(Debug, Clone, PartialEq)]
pub struct Director {
    drill: Arc<Drill>,
    state: State,
}

/// A unit that could go to a call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recommended {
    /// Its name.
    pub unit: String,
    /// What it does, in the words of [`View`].
    pub status: &'static str,
    /// From now until it is at the scene: getting ready and driving [s].
    pub time_s: f64,
    /// Driving alone, by present traffic: what the city's own dispatcher sends by [s].
    pub travel_s: f64,
    /// Getting ready, as long as crews take on average; none where it is on the road [s].
    pub turnout_s: Option<f64>,
    /// The call that it would be taken from.
    pub from_call: Option<u32>,
}

impl Director {
    /// A director of a drill that has not begun.
    pub fn new(drill: &Arc<Drill>) -> Self {
        Self { drill: Arc::clone(drill), state: State::of(drill) }
    }

    /// The drill.
    pub fn drill(&self) -> &Arc<Drill> {
        &self.drill
    }

    /// Gives the branch a number, which views and the record say.
    pub fn set_branch(&mut self, branch: u32) {
        self.state.branch = branch;
    }

    /// Delivers what is due, and lets people or bots send from now on. Right before each step.
    pub fn before_step(&mut self, city: &mut City) {
        self.look(city);
        let now = city.time();
        if now >= self.drill.start && !self.state.begun {
            self.state.begun = true;
            self.write(now, What::Began);
        }
        if self.is_over(city) {
            self.close(now);
            return;
        }
        self.seat_bots(city);
        if self.state.begun {
            self.deliver_due(city);
        }
    }

    /// Takes up what happened and sees what follows. Right after each step.
    pub fn after_step(&mut self, city: &City) {
        self.look(city);
        let now = city.time();
        let room = HAPPENED_MAX.saturating_sub(self.state.happened.len());
        self.state.happened.extend(city.happenings().iter().take(room));
        for told in knowledge::told(city) {
            self.write_told(city, &told);
            if let Told::Call { at, call, stage, unit, .. } = told {
                match (stage, unit) {
                    (Stage::Dispatch, Some(unit)) => self.unit_was_sent(at, call, unit),
                    (Stage::Queue, _) => self.call_waits(call),
                    _ => {}
                }
            }
            self.state.knowledge.take(&told);
        }
        self.state.knowledge.forget(now);
        if now >= self.drill.start {
            self.hold_conditions(now);
            self.look_at_deadlines(now);
        }
        if self.is_over(city) {
            self.close(now);
        }
    }

    /// Whether it is over: its time is, or somebody ended it, or the city's time is.
    pub fn is_over(&self, city: &City) -> bool {
        self.state.ended.is_some() || city.time() >= self.drill.start + self.drill.length || city.is_over()
    }

    /// What a role sees; nothing of the city where there is no such role.
    pub fn view(&self, city: &City, role: &str) -> View {
        View::of(self, city, role)
    }

    /// The units that can be sent to a call now, soonest first, for a role that may send.
    ///
    /// # Errors
    /// With a sentence, where the role may not ask, or the call cannot be served.
    pub fn recommend(&self, city: &City, role: &str, call: u32) -> Result<Vec<Recommended>, String> {
        let index = self.role(role)?;
        let part = &self.drill.roles[index];
        if !part.may.contains(&Power::Assign) {
            return Err(format!("{} sends no units; ask who does", part.title));
        }
        let mut all = city.predict(call)?;
        all.sort_by_key(|one| (one.total(), one.unit));
        let recommended = all.iter().map(|one| Recommended {
            unit: city.unit_name(one.unit).unwrap_or_default().to_owned(),
            status: super::view::status(one.status),
            time_s: one.total().as_seconds(),
            travel_s: one.travel.as_seconds(),
            turnout_s: one.turnout.map(SimDuration::as_seconds),
            from_call: one.from_call,
        });
        Ok(recommended.collect())
    }

    /// What the drill leaves so far.
    pub fn record(&self, city: &City) -> Record {
        recording::record(self, city)
    }

    /// The lines of the log since it was last asked.
    pub fn log(&mut self) -> Vec<LogLine> {
        let lines = std::mem::take(&mut self.state.lines);
        self.state.told += lines.len() as u64;
        lines
    }

    /// How many lines [`Self::log`] has handed out: a log that is continued from a saved state is cut off after so many.
    pub fn lines_told(&self) -> u64 {
        self.state.told
    }

    /// Its state, to be kept beside the city's.
    pub fn save(&self) -> Vec<u8> {
        serde_json::to_vec(&self.state).unwrap_or_default()
    }

    /// A director of the same drill in a saved state.
    ///
    /// # Errors
    /// With a sentence, where it is no state of this drill.
    pub fn restore(drill: &Arc<Drill>, saved: &[u8]) -> Result<Self, String> {
        let state: Result<State, _> = serde_json::from_slice(saved);
        let state =
            state.map_err(|why| format!("it is no saved state of a drill ({why}); begin anew from its actions"))?;
        if !state.fits(drill) {
            return Err("it was saved in another drill than this one; continue it with the same file".to_owned());
        }
        Ok(Self { drill: Arc::clone(drill), state })
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// What the control room knows, also before the first step.
    pub(super) fn seen(&self, city: &City) -> Cow<'_, Knowledge> {
        if self.state.looked { Cow::Borrowed(&self.state.knowledge) } else { Cow::Owned(Knowledge::of(city)) }
    }

    /// Looks at the city for the first time.
    fn look(&mut self, city: &City) {
        if !self.state.looked {
            self.state.looked = true;
            self.state.knowledge = Knowledge::of(city);
            self.state.bays = city.hospitals().iter().map(|hospital| hospital.bays).collect();
        }
    }

    /// Where a role stands in the drill.
    fn role(&self, word: &str) -> Result<usize, String> {
        let place = self.drill.roles.iter().position(|role| role.name == word);
        place.ok_or_else(|| {
            let words: Vec<&str> = self.drill.roles.iter().map(|role| role.name.as_str()).collect();
            format!("there is no role `{}`; the roles are {}", shown(word), words.join(", "))
        })
    }

    /// Whether people send, once the drill has begun: somebody plays a role that may.
    fn seat_bots(&self, city: &mut City) {
        let sends = |role: &Role| role.may.contains(&Power::Assign);
        let by_hand = self.state.begun
            && self.drill.roles.iter().zip(&self.state.parts).any(|(role, part)| sends(role) && !part.bot);
        if city.is_dispatched_by_hand() != by_hand {
            // A city without dispatcher has nobody to take over from.
            let _ = city.intervene(Change::Dispatch { by_hand });
        }
    }

    /// Tells a role something; the number of the message.
    fn tell(&mut self, now: SimTime, to: usize, message: &Said<'_>) -> u32 {
        let number = u32::try_from(self.state.messages.len() + 1).unwrap_or(u32::MAX);
        let word = self.drill.roles[to].name.clone();
        let (from, text, by) = (message.from.to_owned(), message.text.to_owned(), message.by);
        // Bots take note at once.
        let acknowledged = self.state.parts[to].bot.then_some(now);
        self.write(
            now,
            What::Message { message: number, from: from.clone(), to: word.clone(), by, text: text.clone() },
        );
        self.state.messages.push(Message { number, time: now, from, to: word, by, text, acknowledged });
        number
    }

    fn write(&mut self, now: SimTime, what: What) {
        if self.state.lines.len() < LINES_MAX {
            self.state.lines.push(LogLine { time_s: now.as_seconds(), what });
        }
    }

    /// Writes that it is over, once.
    fn close(&mut self, now: SimTime) {
        if !std::mem::replace(&mut self.state.closed, true) {
            self.write(now, What::Over);
            let held = self.state.injects.iter().enumerate().filter(|(_, one)| one.delivered.is_none());
            let left: Vec<(usize, How)> =
                held.map(|(at, one)| (at, if one.held { How::Held } else { How::Not })).collect();
            for (at, how) in left {
                let inject = self.drill.injects[at].id.clone();
                self.write(now, What::Inject { inject, how, done: Vec::new(), refused: Vec::new() });
            }
        }
    }

    /// Writes down what the control room was told.
    fn write_told(&mut self, city: &City, told: &Told) {
        let name = |unit: u32| city.unit_name(unit).unwrap_or_default().to_owned();
        let (at, what) = match *told {
            Told::Call { at, call, stage, unit, hospital, .. } => {
                let Some(known) = city.call(call) else { return };
                let what = What::Call {
                    call,
                    stage: stage.name().to_owned(),
                    category: known.category.name().to_owned(),
                    road: knowledge::road_name(city, known.edge),
                    unit: unit.map(name),
                    hospital: hospital.and_then(|one| city.hospital_name(one)).map(str::to_owned),
                };
                (at, what)
            }
            Told::Unit { at, unit, status, call, place: (lon, lat) } => {
                (at, What::Unit { unit: name(unit), status: status.name().to_owned(), call, lon, lat })
            }
            Told::Hospital { at, hospital, bays, taken, waiting } => {
                let hospital = city.hospital_name(hospital).unwrap_or_default().to_owned();
                (at, What::Hospital { hospital, bays, taken, waiting })
            }
            Told::Place { .. } => return,
        };
        self.write(at, what);
    }
}

/// Something that is said to a role.
struct Said<'a> {
    from: &'a str,
    by: super::model::Medium,
    text: &'a str,
}

/// What somebody wrote, short enough to be said back.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().filter(|letter| !letter.is_control()).take(60).collect();
    if text.chars().count() > 60 {
        shown.push('…');
    }
    shown
}
