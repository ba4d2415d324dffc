//! Expectations: who did what was expected, when, and whose deadline has gone by.
//!
//! What counts as sending is what the control room is told, so that a bot's units count like a person's.

use std::collections::BTreeSet;

use super::Director;
use crate::primitives::SimTime;
use crate::studies::drill::log::What;
use crate::studies::drill::model::{Expect, Expected};

/// Something that was done by somebody.
#[derive(Debug, Clone, Copy)]
pub(super) enum Deed<'a> {
    Noted(u32),
    Diverted,
    StoodDown,
    Directed(u32),
    Declared(&'a str),
    Said(usize),
}

impl Director {
    /// Somebody has taken note of a message; a bot, where nobody has a name.
    pub(super) fn message_was_noted(&mut self, now: SimTime, message: u32, role: usize, person: Option<&str>) {
        self.was_done(now, role, person, Deed::Noted(message));
    }

    /// Somebody did something that may have been expected.
    pub(super) fn was_done(&mut self, now: SimTime, role: usize, person: Option<&str>, deed: Deed<'_>) {
        for at in 0..self.state.injects.len() {
            if self.is_awaited(at, deed, role) {
                self.meet(at, now, person.map(str::to_owned));
            }
        }
    }

    fn is_awaited(&self, at: usize, deed: Deed<'_>, role: usize) -> bool {
        let Some(expect) = self.open(at) else { return false };
        let by_whom = expect.role.is_none_or(|expected| expected == role);
        by_whom
            && match (&expect.what, deed) {
                (Expected::Acknowledge, Deed::Noted(message)) => self.state.injects[at].message == Some(message),
                (Expected::Divert, Deed::Diverted) | (Expected::StandDown, Deed::StoodDown) => true,
                (Expected::Direct { hospital }, Deed::Directed(to)) => hospital.is_none_or(|wanted| wanted == to),
                (Expected::Declare { what }, Deed::Declared(word)) => what.trim().eq_ignore_ascii_case(word.trim()),
                (Expected::Say { to }, Deed::Said(told)) => *to == told,
                _ => false,
            }
    }

    /// What an inject that was delivered expects and nobody has done yet.
    fn open(&self, at: usize) -> Option<&Expect> {
        let progress = &self.state.injects[at];
        let open = progress.delivered.is_some() && progress.met.is_none();
        self.drill.injects[at].expect.as_ref().filter(|_| open)
    }

    /// A unit was sent to a call, by a person or a bot.
    pub(super) fn unit_was_sent(&mut self, now: SimTime, call: u32, unit: u32) {
        let by = self.state.sent.get(&unit).filter(|(sent_to, ..)| *sent_to == call).cloned();
        for at in 0..self.state.injects.len() {
            let Some(expect) = self.open(at) else { continue };
            let Expected::Assign { units, category } = expect.what else { continue };
            let (progress, call_card) = (&self.state.injects[at], self.state.knowledge.calls.get(&call));
            let known = call_card.and_then(|card| card.about.as_ref()).map(|about| about.category);
            let in_time = progress.delivered.is_some_and(|delivered| delivered <= now);
            let is_its_call = progress.calls.is_empty() || progress.calls.contains(&call);
            let is_of_category = category.is_none_or(|wanted| known == Some(wanted));
            let by_whom = match (&by, expect.role) {
                (Some((_, role, _)), Some(expected)) => *role == expected,
                _ => true,
            };
            if !(in_time && is_its_call && is_of_category && by_whom) {
                continue;
            }
            let sent = &mut self.state.injects[at].sent;
            sent.insert(call, unit);
            let different: BTreeSet<u32> = sent.values().copied().collect();
            if different.len() >= units as usize {
                self.meet(at, now, by.as_ref().map(|(.., person)| person.clone()));
            }
        }
    }

    /// A call waits for a unit: whoever was on the way to it is not.
    pub(super) fn call_waits(&mut self, call: u32) {
        for progress in self.state.injects.iter_mut().filter(|progress| progress.met.is_none()) {
            progress.sent.remove(&call);
        }
    }

    fn meet(&mut self, at: usize, now: SimTime, by: Option<String>) {
        let progress = &mut self.state.injects[at];
        progress.met = Some((now, by.clone()));
        let late = progress.deadline.is_some_and(|deadline| now > deadline);
        let after_s = progress.delivered.map_or(0.0, |delivered| (now - delivered).as_seconds());
        let inject = self.drill.injects[at].id.clone();
        self.write(now, What::Met { inject, late, after_s, by });
    }

    /// Notes which deadlines have gone by.
    pub(super) fn look_at_deadlines(&mut self, now: SimTime) {
        for at in 0..self.state.injects.len() {
            let progress = &mut self.state.injects[at];
            let gone_by = progress.deadline.is_some_and(|deadline| deadline < now);
            if gone_by && progress.met.is_none() && !progress.missed {
                progress.missed = true;
                let inject = self.drill.injects[at].id.clone();
                self.write(now, What::Missed { inject });
            }
        }
    }
}
