//! What leaves a drill as warnings: messages of the Common Alerting Protocol 1.2 (OASIS standard, 1 July 2010).
//!
//! Every message is an exercise message. Its status is a type with one value, so that no file, switch or mistake can make it another;
//! its note, headline and description say the same in words, its sender ends in `.invalid`, which no real address does (RFC 2606), and
//! it goes to those who take part and to nobody else.

use std::fmt::Write as _;

use super::after::marking;
use super::model::{Action, Medium};
use super::record::{Circle, Declared, InjectOutcome, Record};
use crate::primitives::{SimTime, Timestamp};

/// The namespace of the protocol's version.
pub const NAMESPACE: &str = "urn:oasis:names:tc:emergency:cap:1.2";

/// Endings of a word that take back what was declared with the word before them.
const TAKES_BACK: [&str; 5] = ["-over", "-ended", "-cancelled", "-stand-down", "-stood-down"];

/// The status of a message from a drill. There is no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exercise;

impl Exercise {
    /// Its word in the protocol.
    pub const fn word(self) -> &'static str {
        "Exercise"
    }
}

/// What kind of message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageType {
    /// The first of its matter.
    Alert,
    /// It replaces the messages that it refers to.
    Update,
    /// It takes them back.
    Cancel,
}

impl MessageType {
    const fn word(self) -> &'static str {
        match self {
            Self::Alert => "Alert",
            Self::Update => "Update",
            Self::Cancel => "Cancel",
        }
    }
}

/// A message.
#[derive(Debug, Clone, PartialEq)]
pub struct CapMessage {
    identifier: String,
    sender: String,
    sent: String,
    status: Exercise,
    kind: MessageType,
    note: String,
    /// Messages that it replaces or takes back: sender, identifier and time sent of each.
    references: Vec<String>,
    category: &'static str,
    event: String,
    /// Urgency, severity, certainty.
    levels: [&'static str; 3],
    expires: String,
    sender_name: String,
    headline: String,
    description: String,
    parameter: Option<(&'static str, String)>,
    area: Option<Circle>,
}

impl CapMessage {
    /// What is unique about it in every drill of every seed and branch.
    pub fn identifier(&self) -> &str {
        &self.identifier
    }

    /// Its status.
    pub fn status(&self) -> Exercise {
        self.status
    }

    /// What kind of message it is.
    pub fn kind(&self) -> MessageType {
        self.kind
    }

    /// A name for a file of its own, in the order of the messages.
    pub fn file_name(&self) -> String {
        format!("{}.xml", self.identifier)
    }

    /// The message as an XML document, valid by the protocol's schema.
    pub fn xml(&self) -> String {
        let mut xml = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<alert xmlns=\"{NAMESPACE}\">\n");
        let mut element = |indent: usize, name: &str, text: &str| {
            let _ = writeln!(xml, "{:indent$}<{name}>{}</{name}>", "", escape(text));
        };
        element(2, "identifier", &self.identifier);
        element(2, "sender", &self.sender);
        element(2, "sent", &self.sent);
        element(2, "status", self.status.word());
        element(2, "msgType", self.kind.word());
        element(2, "source", "citytwin, an emergency drill");
        element(2, "scope", "Restricted");
        element(2, "restriction", "For those who take part in the exercise only");
        element(2, "note", &self.note);
        if !self.references.is_empty() {
            element(2, "references", &self.references.join(" "));
        }
        xml.push_str("  <info>\n");
        let mut element = |indent: usize, name: &str, text: &str| {
            let _ = writeln!(xml, "{:indent$}<{name}>{}</{name}>", "", escape(text));
        };
        element(4, "category", self.category);
        element(4, "event", &self.event);
        for (name, level) in ["urgency", "severity", "certainty"].into_iter().zip(self.levels) {
            element(4, name, level);
        }
        element(4, "expires", &self.expires);
        element(4, "senderName", &self.sender_name);
        element(4, "headline", &self.headline);
        element(4, "description", &self.description);
        if let Some((name, value)) = &self.parameter {
            xml.push_str("    <parameter>\n");
            let _ =
                writeln!(xml, "      <valueName>{}</valueName>\n      <value>{}</value>", escape(name), escape(value));
            xml.push_str("    </parameter>\n");
        }
        if let Some(area) = &self.area {
            let _ = writeln!(xml, "    <area>\n      <areaDesc>{}</areaDesc>", escape(&area.name));
            if let Some(circle) = circle(area) {
                let _ = writeln!(xml, "      <circle>{circle}</circle>");
            }
            xml.push_str("    </area>\n");
        }
        xml.push_str("  </info>\n</alert>\n");
        xml
    }

    fn reference(&self) -> String {
        format!("{},{},{}", self.sender, self.identifier, self.sent)
    }
}

/// A circle as the protocol writes it, `latitude,longitude radius`; none if it lies on no earth.
fn circle(area: &Circle) -> Option<String> {
    let on_earth = area.lat.abs() <= 90.0 && area.lon.abs() <= 180.0 && (0.0..=20_100.0).contains(&area.radius_km);
    on_earth.then(|| format!("{:.5},{:.5} {:.3}", area.lat, area.lon, area.radius_km))
}

/// What left the drill, in the order of time: delivered injects by the medium `cap`, declarations, and at the end one message that takes
/// back everything still in force.
pub fn messages(record: &Record) -> Vec<CapMessage> {
    enum Left<'a> {
        Inject(&'a InjectOutcome),
        Declared(&'a Declared),
    }
    let injects = record
        .injects
        .iter()
        .filter(|inject| inject.by == Medium::Cap)
        .filter_map(|inject| Some((inject.delivered?, Left::Inject(inject))));
    let declared = record.declared.iter().map(|declared| (declared.time, Left::Declared(declared)));
    let mut left: Vec<(SimTime, Left<'_>)> = injects.chain(declared).collect();
    left.sort_by_key(|(time, _)| *time);

    let mut outbox = Outbox { record, messages: Vec::new(), in_force: Vec::new() };
    for (time, what) in left {
        match what {
            Left::Inject(inject) => outbox.inject(time, inject),
            Left::Declared(declared) => outbox.declared(time, declared),
        }
    }
    outbox.end();
    outbox.messages
}

/// Messages as they are made.
struct Outbox<'a> {
    record: &'a Record,
    messages: Vec<CapMessage>,
    /// What is in force: what was declared, or nothing for an inject, and the message's reference.
    in_force: Vec<(Option<&'a str>, String)>,
}

impl<'a> Outbox<'a> {
    fn message(&self, time: SimTime, from: &str, said: &str) -> CapMessage {
        let record = self.record;
        let identifier = format!(
            "EXERCISE.{}.{}.{}.{:04}",
            plain(&record.drill),
            record.seed,
            record.branch,
            self.messages.len() + 1
        );
        CapMessage {
            identifier,
            sender: format!("{}@exercise.invalid", plain(from)),
            sent: date_time(record.midnight.at(time)),
            status: Exercise,
            kind: MessageType::Alert,
            note: format!(
                "This is an exercise message. It belongs to the drill {} and tells of no real event. {}",
                record.drill,
                marking(&record.marking)
            ),
            references: Vec::new(),
            category: "Safety",
            event: String::new(),
            levels: ["Unknown"; 3],
            expires: date_time(record.midnight.at((record.start + record.length).max(time))),
            sender_name: format!("EXERCISE - {from}"),
            headline: format!("EXERCISE - {}", first_words(said)),
            description: format!("EXERCISE EXERCISE EXERCISE. {said}"),
            parameter: None,
            area: record.area.clone(),
        }
    }

    fn inject(&mut self, time: SimTime, inject: &InjectOutcome) {
        let mut message = self.message(time, &inject.from, &inject.text);
        message.event = format!("Exercise inject {}", inject.id);
        message.parameter = Some(("exercise-inject", inject.id.clone()));
        message.area = inject.place.clone().or(message.area);
        self.in_force.push((None, message.reference()));
        self.messages.push(message);
    }

    fn declared(&mut self, time: SimTime, declared: &'a Declared) {
        let title = self.record.roles.iter().find(|(word, _)| *word == declared.role).map(|(_, title)| title.as_str());
        let said = format!("Declared: {}.", declared.what);
        let mut message = self.message(time, title.unwrap_or(&declared.role), &said);
        message.event = format!("Exercise: {}", declared.what);
        message.parameter = Some(("exercise-declared", declared.what.clone()));
        message.category = "Rescue";
        message.levels = ["Immediate", "Unknown", "Observed"];
        let back = TAKES_BACK.iter().find_map(|ending| declared.what.strip_suffix(ending));
        let matter = back.unwrap_or(&declared.what);
        let (before, rest): (Vec<_>, Vec<_>) = self.in_force.drain(..).partition(|(word, _)| *word == Some(matter));
        self.in_force = rest;
        message.references = before.into_iter().map(|(_, reference)| reference).collect();
        message.kind = match (message.references.is_empty(), back) {
            (true, _) => MessageType::Alert,
            (false, Some(_)) => MessageType::Cancel,
            (false, None) => MessageType::Update,
        };
        if message.kind != MessageType::Cancel {
            self.in_force.push((Some(matter), message.reference()));
        }
        self.messages.push(message);
    }

    /// Nothing of an exercise stays in force when it is over.
    fn end(&mut self) {
        let record = self.record;
        let is_over = record.ended >= record.start + record.length
            || record.actions.iter().any(|logged| matches!(logged.action, Action::End));
        if !is_over || self.in_force.is_empty() {
            return;
        }
        let mut message =
            self.message(record.ended, "exercise control", "The exercise is over; all its messages are taken back.");
        message.event = "Exercise: end".to_owned();
        message.kind = MessageType::Cancel;
        message.levels = ["Past", "Minor", "Observed"];
        message.references = self.in_force.drain(..).map(|(_, reference)| reference).collect();
        self.messages.push(message);
    }
}

/// An instant as the protocol writes it: to the second, UTC as `-00:00` and never as `Z`.
fn date_time(at: Timestamp) -> String {
    let written = at.to_string();
    format!("{}-00:00", written.get(..19).unwrap_or(&written))
}

/// A word for identifiers and senders, which may hold neither spaces nor commas nor `<` and `&`.
fn plain(text: &str) -> String {
    let mut word = String::with_capacity(text.len());
    for character in text.chars().take(60) {
        if character.is_ascii_alphanumeric() {
            word.push(character.to_ascii_lowercase());
        } else if !word.is_empty() && !word.ends_with('-') {
            word.push('-');
        }
    }
    let word = word.trim_end_matches('-');
    if word.is_empty() { "unnamed".to_owned() } else { word.to_owned() }
}

/// The beginning of a text, short enough for a headline.
fn first_words(text: &str) -> String {
    const MOST: usize = 120;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(MOST).collect();
    if let Some(end) = short.rfind(' ') {
        short.truncate(end);
    }
    short + " …"
}

/// Text that is safe in an element: what XML 1.0 cannot hold, and marks that turn the direction of text, become U+FFFD.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            '\n' | '\t' => safe.push(character),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            control if control.is_control() => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_identifiers_are_plain() {
        assert_eq!(plain("Harbour bridge, part <2> & more"), "harbour-bridge-part-2-more");
        assert_eq!((plain("été !"), plain(", &")), ("t".to_owned(), "unnamed".to_owned()));
        assert_eq!(plain(&"x".repeat(500)).len(), 60);
    }

    #[test]
    fn an_instant_has_no_z() {
        let at = Timestamp::midnight("2026-06-02").expect("a day").at(SimTime::seconds(90_000.5));
        assert_eq!(date_time(at), "2026-06-03T01:00:00-00:00");
    }

    #[test]
    fn no_name_breaks_out_of_its_element() {
        assert_eq!(
            escape("</note><status>Actual</status>&\u{0}\u{202e}"),
            "&lt;/note&gt;&lt;status&gt;Actual&lt;/status&gt;&amp;\u{fffd}\u{fffd}"
        );
    }

    #[test]
    fn a_circle_lies_on_the_earth() {
        let at = |lat: f64, lon: f64, radius_km: f64| circle(&Circle { name: String::new(), lon, lat, radius_km });
        assert_eq!(at(50.5, 7.25, 1.5).as_deref(), Some("50.50000,7.25000 1.500"));
        assert_eq!((at(f64::NAN, 0.0, 1.0), at(91.0, 0.0, 1.0), at(0.0, 0.0, -1.0)), (None, None, None));
    }
}
