//! What people do: whether their role may, whether it can be done, and the doing of it.
//!
//! What is refused leaves nothing behind but the sentence that says why. What is done is written down with the city's time.

use super::expecting::Deed;
use super::state::Rated;
use super::{ACTIONS_MAX, Director, Said, shown, words};
use crate::primitives::SimTime;
use crate::simulation::City;
use crate::simulation::change::Change;
use crate::simulation::outcome::{Stage, UnitStatus};
use crate::studies::drill::log::What;
use crate::studies::drill::model::{Action, Logged, Medium, Power, Rating};
use crate::studies::drill::record::{Declared, How};

/// The longest text that is said or noted [characters].
const TEXT_MAX: usize = 1_000;
/// The longest word that is declared, and the longest name of who speaks [characters].
const WORD_MAX: usize = 40;
/// The longest name of a person [characters].
const PERSON_MAX: usize = 80;
/// The most people that are remembered for one role.
const PEOPLE_MAX: usize = 100;

impl Director {
    /// Does what somebody wants done, between two steps; what became of it, in a sentence.
    ///
    /// # Errors
    /// With a sentence that says why not and what to do; nothing has changed then.
    pub fn act(&mut self, city: &mut City, role: &str, person: &str, action: &Action) -> Result<String, String> {
        self.look(city);
        let (index, now) = (self.role(role)?, city.time());
        check_text("a name", person, PERSON_MAX)?;
        self.admit(city, index, action)?;
        let said = self.carry_out(city, index, person, action)?;
        let people = &mut self.state.parts[index].people;
        if people.len() < PEOPLE_MAX && !people.iter().any(|known| known == person) {
            people.push(person.to_owned());
        }
        let number = self.state.actions.len() as u64 + 1;
        let (role, person, action) = (role.to_owned(), person.to_owned(), action.clone());
        let logged = Logged { number, time: now, role, person, action, said: said.clone() };
        let Logged { role, person, action, .. } = logged.clone();
        self.write(now, What::Action { number, role, person, action, said: said.clone() });
        self.state.actions.push(logged);
        Ok(said)
    }

    /// Whether a role may do such a thing at this time.
    fn admit(&self, city: &City, role: usize, action: &Action) -> Result<(), String> {
        let title = &self.drill.roles[role].title;
        let over = self.is_over(city);
        if over && !matches!(action, Action::Rate { .. } | Action::Note { .. }) {
            return Err("the drill is over; only ratings and notes are taken".to_owned());
        }
        if self.state.actions.len() >= ACTIONS_MAX && !matches!(action, Action::End) {
            return Err(format!("{ACTIONS_MAX} things were done, and that is the most; end the drill"));
        }
        let plays = matches!(
            action,
            Action::Assign { .. }
                | Action::StandDown { .. }
                | Action::Direct { .. }
                | Action::Declare { .. }
                | Action::Deliver { .. }
        );
        if plays && city.time() < self.drill.start {
            return Err(format!("the drill begins at {}; wait until then", self.drill.start));
        }
        if let Action::Hand { role: handed, bot: false } = action
            && self.role(handed)? == role
        {
            return Ok(());
        }
        let power = match action {
            Action::Assign { unit, call } => power_to_send(city, unit, *call),
            other => power(other),
        };
        if !self.drill.roles[role].may.contains(&power) {
            return Err(format!("{title} may not {}; ask who may", deed(power)));
        }
        if let Action::Assign { call, .. } = action
            && self.is_on_its_way_to(*call)
            && !self.drill.roles[role].may.contains(&Power::StandDown)
        {
            return Err(format!(
                "somebody is on the way to call {call}, and {title} may not call them back; ask who may"
            ));
        }
        let drives = matches!(action, Action::Assign { .. } | Action::StandDown { .. } | Action::Direct { .. });
        if drives && self.state.parts[role].bot {
            return Err(format!("a bot plays {title} now; take the role over first"));
        }
        Ok(())
    }

    /// Whether somebody was sent to a call and is not there yet.
    fn is_on_its_way_to(&self, call: u32) -> bool {
        let card = self.state.knowledge.calls.get(&call);
        card.is_some_and(|card| matches!(card.stage, Stage::Dispatch | Stage::EnRoute))
    }

    fn carry_out(&mut self, city: &mut City, role: usize, person: &str, action: &Action) -> Result<String, String> {
        let now = city.time();
        match action {
            Action::Assign { unit, call } => self.assign(city, (role, person), unit, *call),
            Action::StandDown { unit } => {
                let unit = unit_of(city, unit)?;
                let said = city.intervene(Change::StandDown { unit })?;
                self.was_done(now, role, Some(person), Deed::StoodDown);
                Ok(said)
            }
            Action::Direct { unit, hospital } => {
                let unit = unit_of(city, unit)?;
                let hospital = self.hospital_of(city, hospital)?;
                let said = city.intervene(Change::NameHospital { unit, hospital })?;
                self.state.knowledge.named(unit, hospital);
                self.was_done(now, role, Some(person), Deed::Directed(hospital));
                Ok(said)
            }
            Action::Declare { what } => self.declare(now, role, person, what),
            Action::Acknowledge { message } => self.acknowledge(now, role, person, *message),
            Action::Say { to, text } => {
                let to = self.role(to)?;
                check_text("what is said", text, TEXT_MAX)?;
                if to == role {
                    return Err("that is your own role; say it to another, or note it".to_owned());
                }
                let from = format!("{} ({person})", self.drill.roles[role].title);
                self.tell(now, to, &Said { from: &from, by: Medium::Radio, text });
                self.was_done(now, role, Some(person), Deed::Said(to));
                Ok(format!("{} is told: {text}", self.drill.roles[to].title))
            }
            Action::Note { text } => check_text("a note", text, TEXT_MAX).map(|()| format!("noted: {text}")),
            Action::Deliver { inject } => self.deliver_by_hand(city, inject),
            Action::Hold { inject } => self.hold(inject, true),
            Action::Release { inject } => self.hold(inject, false),
            Action::Improvise { to, from, text } => {
                let to = self.role(to)?;
                check_text("who it comes from", from, WORD_MAX)?;
                check_text("what is said", text, TEXT_MAX)?;
                self.tell(now, to, &Said { from, by: Medium::Phone, text });
                Ok(format!("{} is told, as from {from}: {text}", self.drill.roles[to].title))
            }
            Action::Rate { objective, rating, note } => self.rate(person, objective, *rating, note.as_deref()),
            Action::Hand { role: handed, bot } => self.hand(role, person, handed, *bot),
            Action::End => {
                self.state.ended = Some(now);
                Ok(format!("the drill is ended at {}", words::t_plus(&self.drill, now)))
            }
        }
    }

    fn assign(&mut self, city: &mut City, by: (usize, &str), unit: &str, call: u32) -> Result<String, String> {
        let (role, person) = by;
        let diverted = power_to_send(city, unit, call) == Power::Divert;
        let unit = unit_of(city, unit)?;
        let said = city.intervene(Change::SendUnit { unit, call })?;
        self.state.sent.insert(unit, (call, role, person.to_owned()));
        if diverted {
            self.was_done(city.time(), role, Some(person), Deed::Diverted);
        }
        Ok(said)
    }

    fn hospital_of(&self, city: &City, name: &str) -> Result<u32, String> {
        city.hospital_named(name).ok_or_else(|| {
            let known: Vec<&str> = self.state.knowledge.hospitals.iter().map(|one| one.name.as_str()).collect();
            format!("there is no hospital `{}`; there are {}", shown(name), known.join(", "))
        })
    }

    fn declare(&mut self, now: SimTime, role: usize, person: &str, what: &str) -> Result<String, String> {
        check_text("what is declared", what, WORD_MAX)?;
        let what = what.trim().to_lowercase();
        let word = self.drill.roles[role].name.clone();
        let declared = Declared { time: now, role: word.clone(), person: person.to_owned(), what: what.clone() };
        self.state.declared.push(declared);
        self.write(now, What::Declared { word: what.clone(), role: word, person: person.to_owned() });
        self.was_done(now, role, Some(person), Deed::Declared(&what));
        Ok(format!("{what} is declared"))
    }

    fn acknowledge(&mut self, now: SimTime, role: usize, person: &str, number: u32) -> Result<String, String> {
        let word = &self.drill.roles[role].name;
        let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        let message = place.and_then(|place| self.state.messages.get_mut(place)).filter(|one| one.to == *word);
        let Some(message) = message else {
            return Err(format!("you have no message {number}; name one of yours"));
        };
        if let Some(before) = message.acknowledged {
            return Err(format!("message {number} was taken note of at {before}; there is nothing to do"));
        }
        message.acknowledged = Some(now);
        self.message_was_noted(now, number, role, Some(person));
        Ok(format!("message {number} is taken note of"))
    }

    fn inject_of(&self, id: &str) -> Result<usize, String> {
        let place = self.drill.injects.iter().position(|inject| inject.id == id);
        place.ok_or_else(|| format!("there is no inject `{}`; name one of the list", shown(id)))
    }

    fn deliver_by_hand(&mut self, city: &mut City, id: &str) -> Result<String, String> {
        let at = self.inject_of(id)?;
        if let Some(before) = self.state.injects[at].delivered {
            let when = words::t_plus(&self.drill, before);
            return Err(format!("{id} was delivered at {when}; choose another, or improvise"));
        }
        self.deliver(city, at, How::ByHand);
        Ok(format!("{id} is delivered"))
    }

    fn hold(&mut self, id: &str, held: bool) -> Result<String, String> {
        let at = self.inject_of(id)?;
        let progress = &mut self.state.injects[at];
        match (progress.delivered, progress.held == held, held) {
            (Some(_), ..) => Err(format!("{id} was delivered already; choose another")),
            (None, true, true) => Err(format!("{id} is held already; release or deliver it")),
            (None, true, false) => Err(format!("{id} is not held; hold or deliver it")),
            (None, false, _) => {
                progress.held = held;
                Ok(if held { format!("{id} is held back") } else { format!("{id} is released") })
            }
        }
    }

    fn rate(&mut self, person: &str, id: &str, rating: Rating, note: Option<&str>) -> Result<String, String> {
        let place = self.drill.objectives.iter().position(|objective| objective.id == id);
        let Some(at) = place else {
            return Err(format!("there is no objective `{}`; name one of the list", shown(id)));
        };
        if let Some(note) = note.filter(|note| !note.is_empty()) {
            check_text("a note", note, TEXT_MAX)?;
        }
        let note = note.map(str::trim).filter(|note| !note.is_empty()).map(str::to_owned);
        self.state.ratings[at] = Some(Rated { rating, note, by: person.to_owned() });
        Ok(format!("{id} is rated {rating:?}"))
    }

    /// Hands a role to its bot, or to people.
    fn hand(&mut self, by: usize, person: &str, word: &str, bot: bool) -> Result<String, String> {
        let at = self.role(word)?;
        let (role, may) = (&self.drill.roles[at], self.drill.roles[by].may.contains(&Power::Hand));
        if !bot && role.seats == 0 {
            return Err(format!("nobody plays {}: it has no seat; choose another", role.title));
        }
        if !bot && !may && self.state.parts[at].handed {
            return Err(format!("{} was handed to its bot; ask the controller for it", role.title));
        }
        let title = role.title.clone();
        let part = &mut self.state.parts[at];
        part.bot = bot;
        part.handed = bot;
        Ok(if bot {
            format!("a bot plays {title}")
        } else if at == by {
            format!("{person} plays {title}")
        } else {
            format!("people play {title}")
        })
    }
}

/// Sending a unit that is on its way to another call is diverting it.
fn power_to_send(city: &City, unit: &str, call: u32) -> Power {
    let unit = city.unit_named(unit).and_then(|unit| city.unit(unit));
    let on_its_way = unit.is_some_and(|unit| {
        matches!(unit.status, UnitStatus::Dispatched | UnitStatus::EnRoute) && unit.call != Some(call)
    });
    if on_its_way { Power::Divert } else { Power::Assign }
}

/// The power that an action needs; sending is another matter for a unit on its way.
const fn power(action: &Action) -> Power {
    match action {
        Action::Assign { .. } => Power::Assign,
        Action::StandDown { .. } => Power::StandDown,
        Action::Direct { .. } => Power::Direct,
        Action::Declare { .. } => Power::Declare,
        Action::Acknowledge { .. } | Action::Say { .. } | Action::Note { .. } => Power::Say,
        Action::Deliver { .. } | Action::Hold { .. } | Action::Release { .. } | Action::Improvise { .. } => {
            Power::Inject
        }
        Action::Rate { .. } => Power::Rate,
        Action::Hand { .. } => Power::Hand,
        Action::End => Power::Clock,
    }
}

const fn deed(power: Power) -> &'static str {
    match power {
        Power::Assign => "send units",
        Power::Divert => "divert units that are on their way",
        Power::StandDown => "call units back",
        Power::Direct => "name hospitals",
        Power::Declare => "declare anything",
        Power::Say => "speak to other roles",
        Power::Clock => "stop the clock",
        Power::Rewind => "go back in time",
        Power::Inject => "deliver or hold injects",
        Power::Rate => "rate objectives",
        Power::Hand => "hand roles over",
    }
}

fn unit_of(city: &City, name: &str) -> Result<u32, String> {
    city.unit_named(name).ok_or_else(|| format!("there is no unit `{}`; name one of the list", shown(name)))
}

/// Whether a text is one: not empty, not too long, and without anything that is no letter.
fn check_text(what: &str, text: &str, most: usize) -> Result<(), String> {
    let long = text.chars().count();
    if text.trim().is_empty() {
        return Err(format!("{what} is empty; write something"));
    }
    if long > most {
        return Err(format!("{what} has {long} characters, and {most} is the most; shorten it"));
    }
    if text.chars().any(|letter| letter.is_control() && letter != '\n' && letter != '\t') {
        return Err(format!("{what} holds a character that is no letter; write it anew"));
    }
    Ok(())
}
