//! Injects: when they are due, and what is done when they are delivered.

use super::state::Progress;
use super::{Director, Said};
use crate::primitives::SimTime;
use crate::simulation::City;
use crate::simulation::change::Change;
use crate::studies::drill::log::What;
use crate::studies::drill::model::{Comparison, Condition, Effect, Measure};
use crate::studies::drill::record::How;

/// How near two numbers are that are as much.
const AS_MUCH: f64 = 1e-9;

impl Director {
    /// Delivers every inject that is due, in the order of the file.
    pub(super) fn deliver_due(&mut self, city: &mut City) {
        for at in 0..self.drill.injects.len() {
            let unless = self.drill.injects[at].trigger.unless;
            let made_up_for = unless.is_some_and(|other| self.progress(other).is_some_and(|one| one.met.is_some()));
            let progress = &mut self.state.injects[at];
            if progress.delivered.is_some() {
                continue;
            }
            progress.off |= made_up_for;
            if self.is_due(at, city.time()) {
                let of_state = !self.drill.injects[at].trigger.when.is_empty();
                self.deliver(city, at, if of_state { How::State } else { How::Time });
            }
        }
    }

    fn is_due(&self, at: usize, now: SimTime) -> bool {
        let (trigger, progress) = (&self.drill.injects[at].trigger, &self.state.injects[at]);
        let waits = progress.held || progress.off || (trigger.at.is_none() && trigger.when.is_empty());
        !waits
            && trigger.at.is_none_or(|time| time <= now)
            && (trigger.when.is_empty() || progress.holds_since.is_some_and(|since| now - since >= trigger.lasting))
    }

    /// Delivers an inject: says what is said, and changes what it changes.
    pub(super) fn deliver(&mut self, city: &mut City, at: usize, how: How) {
        let drill = std::sync::Arc::clone(&self.drill);
        let (inject, now) = (&drill.injects[at], city.time());
        let (mut done, mut refused) = (Vec::new(), Vec::new());
        for effect in &inject.effects {
            let (incidents, calls) = city.next_numbers();
            for said in self.change(city, effect) {
                match said {
                    Ok(said) => done.push(said),
                    Err(why) => refused.push(why),
                }
            }
            let (incidents_now, calls_now) = city.next_numbers();
            self.state.injects[at].incidents.extend(incidents..incidents_now);
            self.state.injects[at].calls.extend(calls..calls_now);
        }
        self.write(now, What::Inject { inject: inject.id.clone(), how, done, refused });
        let progress = &mut self.state.injects[at];
        (progress.delivered, progress.how) = (Some(now), Some(how));
        progress.deadline = inject.expect.as_ref().map(|expect| now + expect.within);
        if let Some(to) = inject.to {
            let number = self.tell(now, to, &Said { from: &inject.from, by: inject.by, text: &inject.text });
            self.state.injects[at].message = Some(number);
            if self.state.parts[to].bot {
                self.message_was_noted(now, number, to, None);
            }
        }
    }

    /// Makes a change in the city; a sentence for each that it came to.
    fn change(&mut self, city: &mut City, effect: &Effect) -> Vec<Result<String, String>> {
        match effect {
            Effect::City(change) => vec![city.intervene(change.clone())],
            Effect::Clear { inject } => {
                let incidents = self.progress(*inject).map(|one| one.incidents.clone()).unwrap_or_default();
                if incidents.is_empty() {
                    return vec![Err("there is nothing to clear: the inject brought no incident".to_owned())];
                }
                let clear = |incident| city.intervene(Change::ClearIncident { incident });
                incidents.into_iter().map(clear).collect()
            }
            &Effect::Bays { hospital, bays } => {
                let said = city.intervene(Change::Bays { hospital, bays });
                if said.is_ok() {
                    self.state.bays_changed.push((city.time(), hospital, bays));
                }
                vec![said]
            }
        }
    }

    /// Notes since when what each inject waits for holds.
    pub(super) fn hold_conditions(&mut self, now: SimTime) {
        for at in 0..self.drill.injects.len() {
            let when = &self.drill.injects[at].trigger.when;
            if when.is_empty() || self.state.injects[at].delivered.is_some() {
                continue;
            }
            let holds = when.iter().all(|condition| self.holds(condition, now));
            let since = &mut self.state.injects[at].holds_since;
            *since = if holds { since.or(Some(now)) } else { None };
        }
    }

    /// Whether a condition holds, by what the control room knows.
    fn holds(&self, condition: &Condition, now: SimTime) -> bool {
        let (found, wanted) = (self.measure(condition.of, now), condition.value);
        let as_much = (found - wanted).abs() <= AS_MUCH;
        match condition.is {
            Comparison::Less => found < wanted && !as_much,
            Comparison::AtMost => found < wanted || as_much,
            Comparison::Equal => as_much,
            Comparison::AtLeast => found > wanted || as_much,
            Comparison::More => found > wanted && !as_much,
        }
    }

    fn measure(&self, of: Measure, now: SimTime) -> f64 {
        let known = &self.state.knowledge;
        let count = |many: usize| u32::try_from(many).map_or(f64::INFINITY, f64::from);
        let yes = |is: Option<bool>| f64::from(u8::from(is.unwrap_or_default()));
        match of {
            Measure::UnitsFree => count(known.units_free()),
            Measure::CallsWaiting => count(known.waiting().count()),
            Measure::LongestWait => known.waiting().map(|since| (now - since).as_seconds()).fold(0.0, f64::max),
            Measure::HospitalLoad(hospital) => known.hospitals.get(hospital as usize).map_or(0.0, |hospital| {
                if hospital.bays == 0 { 1.0 } else { f64::from(hospital.taken) / f64::from(hospital.bays) }
            }),
            Measure::HospitalWaiting(hospital) => {
                known.hospitals.get(hospital as usize).map_or(0.0, |hospital| f64::from(hospital.waiting))
            }
            Measure::Delivered(inject) => yes(self.progress(inject).map(|one| one.delivered.is_some())),
            Measure::Met(inject) => yes(self.progress(inject).map(|one| one.met.is_some())),
            Measure::Missed(inject) => yes(self.progress(inject).map(|one| one.missed)),
        }
    }

    pub(super) fn progress(&self, inject: usize) -> Option<&Progress> {
        self.state.injects.get(inject)
    }
}
