//! From injects as they were written to checked ones: names looked up, times held against the drill, all problems at once.

use std::collections::BTreeMap;

use super::super::model::{
    Condition, Effect, Expect, Expected, Inject, InjectKind, Measure, Medium, Objective, Power, Role, Trigger,
};
use super::raw::{Cell, Raw};
use super::words::{self, Asked, Moment, Of, What, Wish};
use super::{NAME_MAX, TEXT_MAX, order};
use crate::city::scenario::LoadedScenario;
use crate::primitives::text::{Findings, closest};
use crate::primitives::units::DURATION;
use crate::primitives::{Category, SimDuration, SimTime};

/// The longest id of an inject, and the longest word that is declared [characters].
const WORD_MAX: usize = 40;
/// The most effects of an inject, and states it waits for.
const PARTS_MAX: usize = 50;

pub(super) struct Injects<'a> {
    pub raws: &'a [Raw],
    pub city: Option<&'a LoadedScenario>,
    pub roles: &'a [Role],
    pub objectives: &'a [Objective],
    /// When they begin and how long they play, if that could be read.
    pub span: Option<(SimTime, SimDuration)>,
    pub findings: &'a mut Findings,
    pub remarks: &'a mut Vec<String>,
}

impl Injects<'_> {
    /// The checked injects in the order of the file, only as good as the findings say.
    pub(super) fn resolve(mut self) -> Vec<Inject> {
        let numbers = self.numbers();
        let raws = self.raws;
        let injects: Vec<Inject> = raws.iter().enumerate().map(|(at, raw)| self.inject(at, raw, &numbers)).collect();
        self.chains(&injects);
        order::circles(&injects, raws, self.findings);
        injects
    }

    /// Injects by their ids; each is there once.
    fn numbers(&mut self) -> BTreeMap<String, usize> {
        let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
        for (at, raw) in self.raws.iter().enumerate() {
            let Some(id) = &raw.id else { continue };
            let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '#');
            let long = id.text.chars().count();
            if long == 0 || long > WORD_MAX || !id.text.chars().all(fits) {
                let help = format!("write letters, digits and hyphens, such as `I-{:02}`; at most {WORD_MAX}", at + 1);
                self.findings.problem(id.origin.wrong(format!("`{}` cannot be an inject's number", id.text), help));
                continue;
            }
            if let Some(first) = numbers.get(&id.text) {
                let other = &self.raws[*first].origin;
                let place = if other.place.file != id.origin.place.file {
                    format!("the first is in {}, line {}", other.place.file.display(), other.place.line)
                } else if other.label.is_empty() {
                    format!("the first is in line {}", other.place.line)
                } else {
                    format!("the first is in {}", other.label.trim_end_matches([':', ' ']))
                };
                let message = format!("the number `{}` is given twice", id.text);
                self.findings.problem(id.origin.wrong(message, format!("{place}; give this one another")));
                continue;
            }
            numbers.insert(id.text.clone(), at);
        }
        numbers
    }

    fn inject(&mut self, at: usize, raw: &Raw, numbers: &BTreeMap<String, usize>) -> Inject {
        let trigger = self.trigger(raw, at, numbers);
        let to = raw.to.as_ref().and_then(|cell| self.role(cell, &cell.text));
        let effects = self.effects(raw, numbers);
        let expect = raw.expect.as_ref().and_then(|cell| self.expect(cell, (raw.to.is_some(), to), &trigger));
        let kind = raw.kind.unwrap_or(match (trigger.unless, effects.is_empty()) {
            (Some(_), _) => InjectKind::Contingency,
            (None, false) => InjectKind::Event,
            (None, true) => InjectKind::Informational,
        });
        let id = raw.id.as_ref().map(|cell| cell.text.clone()).unwrap_or_default();
        let notes = raw.notes.as_ref().map_or("", |cell| cell.text.as_str());
        if raw.expect.is_none() && !raw.origin.label.is_empty() && notes.starts_with("Expected: ") {
            let row = &raw.origin.label;
            self.remarks.push(format!("{row}what is expected is a sentence for people; a controller has to judge it"));
        }
        let by_hand = raw.at.as_ref().is_some_and(|cell| words::is_by_hand(&cell.text));
        if kind == InjectKind::Contingency && !by_hand && trigger.unless.is_none() && trigger.when.is_empty() {
            let help = "say after what it is not needed: `unless: I-03`, or what it waits for: `when: [missed I-03]`";
            self.findings.problem(raw.origin.wrong(format!("the contingency `{id}` would come in any case"), help));
        }
        if to.is_none() && raw.to.is_none() && effects.is_empty() && raw.text.is_some() {
            let help = "name who hears of it with `to`, or what happens in the city with `effects`";
            self.findings
                .problem(raw.origin.wrong(format!("the inject `{id}` reaches nobody and changes nothing"), help));
        }
        Inject {
            id,
            trigger,
            from: self.sentence(raw.from.as_ref(), NAME_MAX).unwrap_or_else(|| "Exercise control".to_owned()),
            to,
            by: raw.by.unwrap_or(Medium::Phone),
            kind,
            text: self.text(raw),
            effects,
            expect,
            objective: raw.objective.as_ref().and_then(|cell| self.objective(cell)),
            responsible: self.sentence(raw.responsible.as_ref(), NAME_MAX),
            notes: self.sentence(raw.notes.as_ref(), 4 * TEXT_MAX),
        }
    }

    fn text(&mut self, raw: &Raw) -> String {
        let text = self.sentence(raw.text.as_ref(), TEXT_MAX).unwrap_or_default();
        if let (Some(cell), true) = (&raw.text, text.is_empty()) {
            self.findings.problem(cell.origin.wrong("nothing is said", "write what the players are told"));
        }
        text
    }

    /// A text that is not too long; none where there is nothing.
    fn sentence(&mut self, cell: Option<&Cell>, limit: usize) -> Option<String> {
        let cell = cell.filter(|cell| !cell.text.is_empty())?;
        let long = cell.text.chars().count();
        if long > limit {
            let message = format!("this is {long} characters long");
            self.findings.problem(cell.origin.wrong(message, format!("at most {limit}")));
        }
        Some(cell.text.clone())
    }

    fn trigger(&mut self, raw: &Raw, own: usize, numbers: &BTreeMap<String, usize>) -> Trigger {
        let at = raw.at.as_ref().filter(|cell| !words::is_by_hand(&cell.text)).and_then(|cell| self.moment(cell));
        let mut when = Vec::new();
        for cell in &raw.when {
            match words::conditions(&cell.text) {
                Ok(asked) => when.extend(asked.into_iter().filter_map(|asked| self.condition(cell, asked, numbers))),
                Err(wrong) => self.findings.problem(cell.origin.wrong(wrong.message, wrong.help)),
            }
        }
        if when.len() > PARTS_MAX {
            let message = format!("an inject cannot wait for {} states", when.len());
            self.findings.problem(raw.origin.wrong(message, format!("at most {PARTS_MAX}")));
        }
        let lasting = raw.lasting.as_ref().map(|cell| (cell, DURATION.read(&cell.text)));
        let lasting = match lasting {
            None => SimDuration::ZERO,
            Some((cell, Ok(_))) if raw.when.is_empty() => {
                let help = "`lasting` says for how long the states of `when` must have held; give both";
                self.findings.problem(cell.origin.wrong("there is no state that could last", help));
                SimDuration::ZERO
            }
            Some((_, Ok(seconds))) if (0.0..=43_200.0).contains(&seconds) => SimDuration::seconds(seconds),
            Some((cell, Ok(_))) => {
                self.findings.problem(cell.origin.wrong("no state lasts so long in a drill", "from 0 s to 12 h"));
                SimDuration::ZERO
            }
            // In a drill file the grammar has told it.
            Some((cell, Err(wrong))) => {
                if !cell.origin.label.is_empty() {
                    self.findings.problem(cell.origin.wrong(wrong.message, wrong.help));
                }
                SimDuration::ZERO
            }
        };
        let unless = raw.unless.as_ref().and_then(|cell| self.other(cell, &cell.text, numbers));
        if let (Some(cell), true) = (&raw.unless, unless == Some(own)) {
            let message = format!("`{}` cannot wait for itself", cell.text);
            self.findings
                .problem(cell.origin.wrong(message, "name the inject whose expected action makes this one needless"));
        }
        if let (Some(cell), false) = (raw.at.as_ref().filter(|cell| words::is_by_hand(&cell.text)), raw.when.is_empty())
        {
            let help = "leave `when` out, or say a time";
            self.findings.problem(cell.origin.wrong("what comes by hand waits for no state", help));
        }
        // Of a spreadsheet's row that says nothing of time, its cell was told.
        let told = !raw.origin.label.is_empty() && raw.unless.is_none();
        if raw.at.is_none() && raw.when.is_empty() && !told {
            let help = "say when: `at: T+00:12:00`, or `when: [units-free <= 1]`, or both; or `at: by hand`";
            self.findings.problem(raw.origin.wrong("nothing says when this inject comes", help));
        }
        Trigger { at, when, lasting, unless: unless.filter(|unless| *unless != own) }
    }

    /// When, if it is within the drill.
    fn moment(&mut self, cell: &Cell) -> Option<SimTime> {
        let moment = match words::moment(&cell.text) {
            Ok(moment) => moment,
            Err(wrong) => {
                self.findings.problem(cell.origin.wrong(wrong.message, wrong.help));
                return None;
            }
        };
        let (start, length) = self.span?;
        let at = match moment {
            Moment::Clock(seconds) => SimTime::seconds(seconds),
            Moment::Since(seconds) => start + SimDuration::seconds(seconds),
        };
        let help = |instead: SimDuration| {
            let minutes = instead.as_milliseconds() / 60_000;
            match moment {
                Moment::Clock(_) => {
                    format!(
                        "players begin at {start} and play until {}; write `T+` before a time since the start",
                        start + length
                    )
                }
                Moment::Since(_) => {
                    format!("write a time from `T+00:00:00` to `T+{:02}:{:02}:00`", minutes / 60, minutes % 60)
                }
            }
        };
        if at < start {
            let message = format!("`{}` is before the drill starts, at {start}", cell.text);
            self.findings.problem(cell.origin.wrong(message, help(length)));
            return None;
        }
        if at > start + length {
            let message = format!("`{}` is after the drill ends, at {}", cell.text, start + length);
            self.findings.problem(cell.origin.wrong(message, help(length)));
            return None;
        }
        Some(at)
    }

    fn condition(&mut self, cell: &Cell, asked: Asked, numbers: &BTreeMap<String, usize>) -> Option<Condition> {
        let of = match asked.of {
            Of::UnitsFree => Measure::UnitsFree,
            Of::CallsWaiting => Measure::CallsWaiting,
            Of::LongestWait => Measure::LongestWait,
            Of::Load(name) => Measure::HospitalLoad(self.hospital(cell, &name)?),
            Of::Waiting(name) => Measure::HospitalWaiting(self.hospital(cell, &name)?),
            Of::Delivered(id) => Measure::Delivered(self.other(cell, &id, numbers)?),
            Of::Met(id) => Measure::Met(self.other(cell, &id, numbers)?),
            Of::Missed(id) => Measure::Missed(self.other(cell, &id, numbers)?),
        };
        Some(Condition { of, is: asked.is, value: asked.value })
    }

    /// Another inject by its id.
    fn other(&mut self, cell: &Cell, id: &str, numbers: &BTreeMap<String, usize>) -> Option<usize> {
        let found = numbers.get(id.trim()).copied();
        if found.is_none() {
            let help = closest(id, numbers.keys().map(String::as_str)).map_or_else(
                || listed(numbers.keys().map(String::as_str), "the injects are", "there are no others"),
                |like| format!("did you mean `{like}`?"),
            );
            self.findings.problem(cell.origin.wrong(format!("there is no inject `{}`", id.trim()), help));
        }
        found
    }

    /// What can wait for what: only what expects something is met or missed.
    fn chains(&mut self, injects: &[Inject]) {
        for (inject, raw) in injects.iter().zip(self.raws) {
            let unless = inject.trigger.unless.map(|other| (other, raw.unless.as_ref()));
            let when = inject.trigger.when.iter().filter_map(|condition| match condition.of {
                Measure::Met(other) | Measure::Missed(other) => Some((other, raw.when.first())),
                _ => None,
            });
            for (other, cell) in unless.into_iter().chain(when) {
                if self.raws[other].expect.is_none() {
                    let message = format!(
                        "`{}` expects nothing of anybody, so nothing is ever done or missed",
                        injects[other].id
                    );
                    let origin = cell.map_or(&raw.origin, |cell| &cell.origin);
                    self.findings
                        .problem(origin.wrong(message, "write what it expects under `expect`, or name another inject"));
                }
            }
        }
    }

    pub(super) fn hospital(&mut self, cell: &Cell, name: &str) -> Option<u32> {
        let name = name.trim();
        let plan = self.city?.emergencies.as_ref()?;
        let names = || plan.hospitals.iter().map(|hospital| hospital.name.as_str());
        let same = names().position(|other| other == name);
        let found = same.or_else(|| names().position(|other| other.eq_ignore_ascii_case(name)));
        if found.is_none() {
            let help = closest(name, names()).map_or_else(
                || listed(names(), "the hospitals are", "there are none"),
                |like| format!("did you mean `{like}`?"),
            );
            self.findings.problem(cell.origin.wrong(format!("there is no hospital `{name}` on the map"), help));
        }
        found.and_then(|found| u32::try_from(found).ok())
    }

    /// A role by its word or its title.
    fn role(&mut self, cell: &Cell, name: &str) -> Option<usize> {
        let name = name.trim();
        let same = |role: &Role| role.name.eq_ignore_ascii_case(name) || role.title.eq_ignore_ascii_case(name);
        let found = self.roles.iter().position(same);
        if found.is_none() {
            let names = || self.roles.iter().map(|role| role.name.as_str());
            let help = closest(name, names()).map_or_else(
                || format!("{}; others are added under `roles`", listed(names(), "the roles are", "there are none")),
                |like| format!("did you mean `{like}`?"),
            );
            self.findings.problem(cell.origin.wrong(format!("there is no role `{name}`"), help));
        }
        found
    }

    fn objective(&mut self, cell: &Cell) -> Option<usize> {
        if cell.text.is_empty() {
            return None;
        }
        let name = cell.text.as_str();
        let same = |objective: &Objective| {
            objective.id.eq_ignore_ascii_case(name)
                || objective.capability.as_deref().is_some_and(|capability| capability.eq_ignore_ascii_case(name))
        };
        let found = self.objectives.iter().position(same);
        if found.is_none() {
            let names = || self.objectives.iter().map(|objective| objective.id.as_str());
            let help = closest(name, names()).map_or_else(
                || listed(names(), "the objectives are", "write them in the drill file under `objectives`"),
                |like| format!("did you mean `{like}`?"),
            );
            self.findings.problem(cell.origin.wrong(format!("there is no objective `{name}`"), help));
        }
        found
    }

    /// `named` is whether the inject says who gets it; that may be a role there is none of, which is told where it stands.
    fn expect(&mut self, cell: &Cell, (named, to): (bool, Option<usize>), trigger: &Trigger) -> Option<Expect> {
        let wish = match words::wish(&cell.text) {
            Ok(wish) => wish,
            Err(wrong) => {
                self.findings.problem(cell.origin.wrong(wrong.message, wrong.help));
                return None;
            }
        };
        let Wish { what, role, within } = wish;
        let role = match &role {
            Some(name) => Some(self.role(cell, name)?),
            None => to,
        };
        let within = SimDuration::seconds(within);
        if let (Some(at), Some((start, length))) = (trigger.at, self.span)
            && at + within > start + length
        {
            let message =
                format!("the time for this is up at {}, after the drill ends, at {}", at + within, start + length);
            self.findings.problem(
                cell.origin.wrong(message, "give less time, let the inject come sooner, or the drill last longer"),
            );
        }
        let (what, power) = self.expected(cell, what, named)?;
        let able = |role: &Role| role.may.contains(&power);
        let refused = match role {
            Some(role) if !able(&self.roles[role]) => Some(format!("the role `{}`", self.roles[role].name)),
            None if !self.roles.iter().any(able) => Some("no role".to_owned()),
            _ => None,
        };
        if let Some(who) = refused {
            let word = super::raw::word(&power);
            let able: Vec<&str> = self.roles.iter().filter(|role| able(role)).map(|role| role.name.as_str()).collect();
            let help = listed(able.into_iter(), "who may are", "give a role that may, under `roles`");
            let verb = if role.is_some() { "may not do that" } else { "may do that" };
            self.findings.problem(cell.origin.wrong(format!("{who} {verb}: it takes `may: [{word}]`"), help));
        }
        Some(Expect { what, role, within })
    }

    /// What is expected with its names looked up, and what one must be allowed to for it.
    fn expected(&mut self, cell: &Cell, what: What, named: bool) -> Option<(Expected, Power)> {
        Some(match what {
            What::Acknowledge => {
                if !named {
                    let help = "name who gets it with `to`";
                    self.findings
                        .problem(cell.origin.wrong("nobody gets this message, so nobody can take note of it", help));
                }
                (Expected::Acknowledge, Power::Say)
            }
            What::Assign { units, category } => {
                let have = self.city.and_then(|city| city.emergencies.as_ref()).map(|plan| plan.units.len());
                if let Some(have) = have.filter(|have| units as usize > *have) {
                    let message = format!("{units} units are expected, and the city has {have}");
                    self.findings
                        .problem(cell.origin.wrong(message, "expect fewer, or give the scenario more `ambulances`"));
                }
                let of = |word: &str| Category::ALL.into_iter().find(|category| category.name() == word);
                (Expected::Assign { units, category: category.as_deref().and_then(of) }, Power::Assign)
            }
            What::Divert => (Expected::Divert, Power::Divert),
            What::StandDown => (Expected::StandDown, Power::StandDown),
            What::Direct(None) => (Expected::Direct { hospital: None }, Power::Direct),
            What::Direct(Some(name)) => {
                let hospital = self.hospital(cell, &name);
                (Expected::Direct { hospital }, Power::Direct)
            }
            What::Declare(what) => {
                if what.chars().count() > WORD_MAX {
                    let help = format!("at most {WORD_MAX} characters, such as `major-incident`");
                    self.findings.problem(cell.origin.wrong("what is to be declared is too long", help));
                }
                (Expected::Declare { what }, Power::Declare)
            }
            What::Say(name) => (Expected::Say { to: self.role(cell, &name)? }, Power::Say),
        })
    }

    fn effects(&mut self, raw: &Raw, numbers: &BTreeMap<String, usize>) -> Vec<Effect> {
        if raw.effects.len() > PARTS_MAX {
            let message = format!("an inject cannot have {} effects", raw.effects.len());
            self.findings.problem(raw.origin.wrong(message, format!("at most {PARTS_MAX}")));
            return Vec::new();
        }
        let mut effects = Vec::new();
        for written in &raw.effects {
            self.effect(written, numbers, &mut effects);
        }
        effects
    }

    /// Another inject whose incidents are cleared.
    pub(super) fn cleared(&mut self, cell: &Cell, numbers: &BTreeMap<String, usize>) -> Option<usize> {
        let other = self.other(cell, &cell.text, numbers)?;
        let brings = |raw: &Raw| raw.effects.iter().any(|effect| effect.line.starts_with("incident"));
        if !brings(&self.raws[other]) {
            let message = format!("`{}` brings no incident that could be cleared", cell.text);
            self.findings.problem(cell.origin.wrong(message, "name an inject with `incident` under its `effects`"));
            return None;
        }
        Some(other)
    }
}

/// "the roles are `a`, `b`"; of many only the first.
pub(super) fn listed<'a>(names: impl Iterator<Item = &'a str>, are: &str, none: &str) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match names.len() {
        0 => none.to_owned(),
        1..=12 => format!("{are} {}", names.join(", ")),
        more => format!("{are} {} and {} more", names[..12].join(", "), more - 12),
    }
}
