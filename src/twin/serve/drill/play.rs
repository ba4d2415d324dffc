//! A drill's city with whoever directs it: steps, actions between two steps, and states to go back to.
//!
//! Knows steps and city time only, no clock on the wall, no thread, no file.

use std::sync::Arc;

use super::super::cast::Cast;
use super::super::stage::Stage;
use super::book::Did;
use crate::primitives::SimTime;
use crate::simulation::City;
use crate::studies::drill::director::Director;
use crate::studies::drill::model::{Action, Drill};
use crate::studies::drill::record::Record;

/// A drill's city, directed.
#[derive(Debug)]
pub(super) struct Play {
    pub stage: Stage,
    pub director: Director,
    drill: Arc<Drill>,
}

impl Play {
    /// A drill at the beginning of its city.
    pub(super) fn begin(cast: &Arc<Cast>, drill: &Arc<Drill>) -> Self {
        let (city, _) = cast.prepared.city(false);
        let stage = Stage::begin(cast, city, Vec::new(), false);
        Self { stage, director: Director::new(drill), drill: Arc::clone(drill) }
    }

    /// A second one in the same state, which goes its own way.
    pub(super) fn fork(&self) -> Self {
        let stage = Stage::take_up(self.stage.cast(), self.stage.part(), false);
        Self { stage, director: self.director.clone(), drill: Arc::clone(&self.drill) }
    }

    /// Goes on from another state; whoever looks at this goes on looking at it.
    pub(super) fn become_like(&mut self, city: City, director: Director) {
        self.stage.go_on_from(city);
        self.director = director;
    }

    pub(super) fn city(&self) -> &City {
        self.stage.city()
    }

    pub(super) fn time(&self) -> SimTime {
        self.stage.time()
    }

    pub(super) fn drill(&self) -> &Arc<Drill> {
        &self.drill
    }

    pub(super) fn step(&mut self) {
        self.director.before_step(self.stage.city_mut());
        self.stage.step();
        self.director.after_step(self.stage.city());
    }

    /// Does something between two steps; what was done, or why it cannot be, in a sentence.
    pub(super) fn act(&mut self, role: &str, person: &str, action: &Action) -> Result<String, String> {
        self.director.act(self.stage.city_mut(), role, person, action)
    }

    pub(super) fn is_over(&self) -> bool {
        self.director.is_over(self.stage.city()) || self.stage.is_over()
    }

    pub(super) fn has_begun(&self) -> bool {
        self.time() >= self.drill.start
    }

    pub(super) fn record(&self) -> Record {
        self.director.record(self.stage.city())
    }

    /// What a role sees, as JSON, with what the director does not know: how the clock goes.
    pub(super) fn view(&self, role: &str, phase: &str, speed: Option<f64>) -> Result<String, String> {
        let view = serde_json::to_value(self.director.view(self.stage.city(), role));
        let mut view = view.map_err(|error| error.to_string())?;
        if let Some(drill) = view.get_mut("drill").and_then(serde_json::Value::as_object_mut) {
            drill.insert("phase".to_owned(), phase.into());
            drill.insert("speed".to_owned(), speed.into());
        }
        Ok(view.to_string())
    }

    /// Steps until T+0, where the players begin; whether it was not `interrupted` on its way.
    pub(super) fn go_to_start(&mut self, interrupted: &dyn Fn() -> bool) -> bool {
        while !self.has_begun() && !self.is_over() {
            if interrupted() {
                return false;
            }
            self.step();
        }
        true
    }

    /// Does again what was done at this instant, from the first that is not done yet; sentences where that came to something else.
    pub(super) fn do_again(&mut self, actions: &[Did], done: &mut usize) -> Vec<String> {
        let (now, mut troubles) = (self.time(), Vec::new());
        while let Some(Did { logged, .. }) = actions.get(*done).filter(|did| did.logged.time <= now) {
            let said = self.act(&logged.role, &logged.person, &logged.action);
            if said.as_ref() != Ok(&logged.said) {
                let now = said.unwrap_or_else(|refused| refused);
                troubles.push(format!("action {} came to `{}` and comes to `{now}`", logged.number, logged.said));
            }
            *done += 1;
        }
        troubles
    }

    /// Goes on from a saved state; this is as it was where that is not whole.
    pub(super) fn restore(&mut self, director: &[u8], city: &[u8]) -> Result<(), String> {
        let director = Director::restore(&self.drill, director)?;
        self.stage.city_mut().restore(city).map_err(|error| error.to_string())?;
        self.director = director;
        Ok(())
    }

    /// Goes on from the state of another.
    pub(super) fn become_this(&mut self, other: Self) {
        self.become_like(other.stage.part().city, other.director);
    }
}
