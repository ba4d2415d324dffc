//! From the file's types to a checked drill: times, roles, objectives, and then its injects.
//!
//! Knows the rules between keys, and of the city what its scenario says.

use std::path::PathBuf;

use super::super::model::{Drill, Objective, Power, Role, Sight, Standard};
use super::injects::Injects;
use super::keys::{DrillFile, ObjectiveKey, RoleKey};
use super::raw::{Raw, of_word};
use super::{INJECTS_MAX, NAME_MAX, TEXT_MAX, beside};
use crate::city::scenario::quantity::At;
use crate::city::scenario::{self, LoadedScenario};
use crate::primitives::text::{Findings, Place, Problem};
use crate::primitives::tree::Spot;
use crate::primitives::{SimDuration, SimTime};

/// The longest drill [s].
const LENGTH_MAX: SimDuration = SimDuration::milliseconds(12 * 3_600_000);
/// The most that may play a role at once.
const SEATS_MAX: u32 = 50;
/// The most roles and objectives.
const LISTED_MAX: usize = 50;

/// The scenario's file and where it is named, if it is named and there.
pub(super) fn scenario(file: &DrillFile, place: &Place, findings: &mut Findings) -> Option<(PathBuf, Place)> {
    let key = file.scenario.as_ref()?;
    let named = key.spot.of_file(place);
    let path = beside(&place.file, &key.value);
    let mut refuse = |message: String, help: &str| findings.problem(Problem::new(named.clone(), message).help(help));
    if key.value.trim().is_empty() {
        refuse("the scenario's name is empty".to_owned(), "paths are relative to the drill file");
        return None;
    }
    if path.is_dir() || !path.exists() {
        let message = format!("there is no scenario `{}`", path.display());
        refuse(message, "name a scenario's file; paths are relative to the drill file");
        return None;
    }
    Some((path, named))
}

/// The roles that are always there.
pub(super) fn built_in() -> Vec<Role> {
    let role = |name: &str, title: &str, sees: &[Sight], may: &[Power]| Role {
        name: name.to_owned(),
        title: title.to_owned(),
        seats: 2,
        sees: sees.to_vec(),
        may: may.to_vec(),
    };
    vec![
        role(
            "dispatcher",
            "Dispatcher",
            &[Sight::Calls, Sight::Units, Sight::Hospitals],
            &[Power::Assign, Power::Divert, Power::StandDown, Power::Direct, Power::Declare, Power::Say],
        ),
        role(
            "controller",
            "Exercise controller",
            &[Sight::Calls, Sight::Units, Sight::Hospitals, Sight::Injects, Sight::Actions, Sight::Truth],
            &[Power::Say, Power::Clock, Power::Rewind, Power::Inject, Power::Rate, Power::Hand],
        ),
    ]
}

pub(super) struct Checker<'a> {
    pub file: &'a DrillFile,
    pub place: &'a Place,
    pub city: Option<&'a LoadedScenario>,
    pub findings: &'a mut Findings,
}

impl Checker<'_> {
    /// The drill, only as good as the findings say, and what a planner may want to know.
    pub(super) fn drill(mut self, scenario: Option<PathBuf>, injects: &[Raw]) -> (Drill, Vec<String>) {
        if let Some(version) = self.file.citytwin.as_ref().filter(|version| version.value != 1) {
            let message = format!("this program reads version 1 of the grammar, not {}", version.value);
            self.wrong(version.spot, message, "write `citytwin: 1`");
        }
        let name = self.name();
        let span = self.span();
        let objectives = self.objectives();
        let roles = self.roles();
        let standards = self.standards();
        if injects.len() > INJECTS_MAX {
            let message = format!("{} injects are more than a drill has", injects.len());
            self.findings.problem(Problem::new(self.place.clone(), message).help(format!("at most {INJECTS_MAX}")));
        }
        if injects.is_empty() && self.findings.is_ok() {
            let help = "write what happens under `injects`, or name a spreadsheet: `msel: injects.csv`";
            self.findings.problem(Problem::new(self.place.clone(), "nothing happens in this drill").help(help));
        }
        if let Some(city) = self.city
            && city.emergencies.as_ref().is_none_or(|plan| plan.units.is_empty() || plan.hospitals.is_empty())
            && let Some(key) = &self.file.scenario
        {
            let help = "give the scenario `emergencies` with ambulances";
            self.wrong(key.spot, "nobody can be sent anywhere in this scenario's city", help);
        }
        let question = self.file.question.clone().and_then(|key| self.short(&key, "the question", TEXT_MAX));
        let marking = self.file.marking.clone().and_then(|key| self.short(&key, "the marking", NAME_MAX));
        let mut remarks = Vec::new();
        let injects = Injects {
            raws: injects,
            city: self.city,
            roles: &roles,
            objectives: &objectives,
            span,
            findings: self.findings,
            remarks: &mut remarks,
        }
        .resolve();
        let (start, length) = span.unwrap_or_default();
        let scenario = scenario.unwrap_or_default();
        let drill = Drill { name, question, scenario, start, length, marking, objectives, roles, standards, injects };
        (drill, remarks)
    }

    fn wrong(&mut self, spot: Spot, message: impl Into<String>, help: impl Into<String>) {
        self.findings.problem(Problem::new(spot.of_file(self.place), message).help(help));
    }

    /// A text that is there and not too long.
    fn short(&mut self, key: &At<String>, what: &str, limit: usize) -> Option<String> {
        let text = key.value.trim();
        if text.is_empty() {
            self.wrong(key.spot, format!("{what} is empty"), "write it, or remove the key");
            return None;
        }
        let long = text.chars().count();
        if long > limit {
            self.wrong(key.spot, format!("{what} is {long} characters long"), format!("at most {limit}"));
        }
        Some(text.to_owned())
    }

    fn name(&mut self) -> String {
        let Some(key) = self.file.name.clone() else { return String::new() };
        let name = self.short(&key, "the drill's name", NAME_MAX).unwrap_or_default();
        if !name.is_empty() && scenario::folder_name(&name).is_empty() {
            self.wrong(key.spot, "the drill's name has neither letter nor digit", "its results are kept under it");
        }
        name
    }

    /// When they begin and how long they play, within the scenario's time.
    fn span(&mut self) -> Option<(SimTime, SimDuration)> {
        let file = self.file;
        let start = file.start.as_ref().and_then(|key| Some((key.spot, key.value.read().ok()?.1)));
        let length = file.length.as_ref().and_then(|key| Some((key.spot, key.value.read().ok()?)));
        if let Some((spot, length)) = length
            && !(SimDuration::seconds(60.0)..=LENGTH_MAX).contains(&length)
        {
            self.wrong(spot, format!("a drill cannot last {length}"), "from 1 min to 12 h");
            return None;
        }
        let ((at_start, start), (at_length, length)) = (start?, length?);
        if let Some(city) = self.city {
            let begin = city.settings.begin;
            let end = city.settings.end;
            if start < begin || end.is_some_and(|end| start >= end) {
                let until = end.map(|end| format!(" to {end}")).unwrap_or_default();
                let message = format!("the drill starts at {start}, when the scenario's city is not running");
                self.wrong(at_start, message, format!("it runs from {begin}{until}"));
                return Some((start, length));
            }
            if let Some(end) = end.filter(|end| start + length > *end) {
                let message = format!("the drill would last until {}, and the scenario ends at {end}", start + length);
                self.wrong(at_length, message, "make it shorter, or the scenario's `run` longer");
            }
            if (start - begin).as_milliseconds() % city.settings.step.as_milliseconds().max(1) != 0 {
                let message = format!("{start} is within a step of the scenario's city");
                self.wrong(at_start, message, format!("its steps are {} long, from {begin} on", city.settings.step));
            }
        }
        Some((start, length))
    }

    fn standards(&mut self) -> Vec<Standard> {
        let Some(list) = &self.file.standards else { return vec![Standard::Nfpa1710, Standard::NhsArp] };
        let mut standards = Vec::new();
        for key in &list.value {
            // A word that is none has been told by the grammar.
            let Some(standard) = of_word(&key.value) else { continue };
            if standards.contains(&standard) {
                self.wrong(key.spot, format!("`{}` is given twice", key.value.trim()), "keep one of the two");
            }
            standards.push(standard);
        }
        standards
    }

    fn objectives(&mut self) -> Vec<Objective> {
        let Some(list) = &self.file.objectives else { return Vec::new() };
        self.few(list.value.len(), list.spot, "objectives");
        let mut objectives: Vec<Objective> = Vec::new();
        for At { value: ObjectiveKey { id, capability, text }, .. } in &list.value {
            let (Some(id), Some(text)) = (id, text) else { continue };
            let name = self.short(id, "the objective's id", 40).unwrap_or_default();
            if objectives.iter().any(|other| other.id == name) {
                self.wrong(id.spot, format!("there are two objectives `{name}`"), "give one of them another id");
            }
            let capability = capability.as_ref().and_then(|key| self.short(key, "the capability", NAME_MAX));
            let text = self.short(text, "the objective", TEXT_MAX).unwrap_or_default();
            objectives.push(Objective { id: name, capability, text });
        }
        objectives
    }

    fn few(&mut self, many: usize, spot: Spot, what: &str) {
        if many > LISTED_MAX {
            self.wrong(spot, format!("{many} {what} are more than a drill has"), format!("at most {LISTED_MAX}"));
        }
    }

    /// The built-in roles as the file changes them, then its own.
    fn roles(&mut self) -> Vec<Role> {
        let mut roles = built_in();
        let Some(list) = &self.file.roles else { return roles };
        self.few(list.value.len(), list.spot, "roles");
        let mut given: Vec<String> = Vec::new();
        for key in &list.value {
            let Some(named) = &key.value.role else { continue };
            let name = named.value.trim().to_owned();
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if !(1..=40).contains(&name.len()) || !name.chars().all(fits) {
                let help = "small letters, digits and hyphens, at most 40, such as `hospital-desk`; the name for people is `title`";
                self.wrong(named.spot, format!("`{name}` cannot be the word of a role"), help);
                continue;
            }
            if given.contains(&name) {
                self.wrong(named.spot, format!("there are two roles `{name}`"), "write all of it in one entry");
                continue;
            }
            given.push(name.clone());
            let known = roles.iter().position(|role| role.name == name);
            let role = known.map_or_else(
                || Role { title: titled(&name), name, seats: 1, sees: Vec::new(), may: Vec::new() },
                |known| roles[known].clone(),
            );
            let role = self.role(role, &key.value);
            match known {
                Some(known) => roles[known] = role,
                None => roles.push(role),
            }
        }
        if roles.iter().all(|role| role.seats == 0) {
            self.wrong(list.spot, "nobody can play: no role has a seat", "give one of them `seats: 1`");
        }
        roles
    }

    fn role(&mut self, mut role: Role, key: &RoleKey) -> Role {
        if let Some(title) = key.title.as_ref().and_then(|title| self.short(title, "the role's title", NAME_MAX)) {
            role.title = title;
        }
        if let Some(seats) = &key.seats {
            role.seats = seats.value;
            if seats.value > SEATS_MAX {
                let message = format!("{} cannot play `{}` at once", seats.value, role.name);
                self.wrong(seats.spot, message, format!("at most {SEATS_MAX}"));
            }
        }
        if let Some(sees) = &key.sees {
            role.sees = sees.value.iter().filter_map(|word| of_word(&word.value)).collect();
            role.sees.sort_unstable();
            role.sees.dedup();
        }
        if let Some(may) = &key.may {
            role.may = may.value.iter().filter_map(|word| of_word(&word.value)).collect();
            role.may.sort_unstable();
            role.may.dedup();
        }
        role
    }
}

/// A role's word as its name for people.
fn titled(name: &str) -> String {
    let words = name.replace('-', " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
