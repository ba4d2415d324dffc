//! Warnings that leave a drill, read back by a parser and held against what the protocol's schema demands.

use citytwin::primitives::SimDuration;
use citytwin::studies::drill::cap::{CapMessage, MessageType, NAMESPACE, messages};
use citytwin::studies::drill::model::{Action, Logged, Medium};
use citytwin::studies::drill::record::{Circle, Declared, Record};
use quick_xml::events::Event;

use super::story::{inject, played, quiet};

/// Elements of an alert in their order, and whether each must be there (CAP 1.2, section 3.2.1).
const ALERT: [(&str, bool); 15] = [
    ("identifier", true),
    ("sender", true),
    ("sent", true),
    ("status", true),
    ("msgType", true),
    ("source", false),
    ("scope", true),
    ("restriction", false),
    ("addresses", false),
    ("code", false),
    ("note", false),
    ("references", false),
    ("incidents", false),
    ("info", false),
    ("Signature", false),
];
/// Of an info (3.2.2).
const INFO: [(&str, bool); 21] = [
    ("language", false),
    ("category", true),
    ("event", true),
    ("responseType", false),
    ("urgency", true),
    ("severity", true),
    ("certainty", true),
    ("audience", false),
    ("eventCode", false),
    ("effective", false),
    ("onset", false),
    ("expires", false),
    ("senderName", false),
    ("headline", false),
    ("description", false),
    ("instruction", false),
    ("web", false),
    ("contact", false),
    ("parameter", false),
    ("resource", false),
    ("area", false),
];
/// Of an area (3.2.4).
const AREA: [(&str, bool); 6] = [
    ("areaDesc", true),
    ("polygon", false),
    ("circle", false),
    ("geocode", false),
    ("altitude", false),
    ("ceiling", false),
];
const PARAMETER: [(&str, bool); 2] = [("valueName", true), ("value", true)];

/// Elements whose content is one of these words.
const WORDS: [(&str, &[&str]); 6] = [
    ("msgType", &["Alert", "Update", "Cancel", "Ack", "Error"]),
    ("scope", &["Public", "Restricted", "Private"]),
    (
        "category",
        &[
            "Geo",
            "Met",
            "Safety",
            "Security",
            "Rescue",
            "Fire",
            "Health",
            "Env",
            "Transport",
            "Infra",
            "CBRNE",
            "Other",
        ],
    ),
    ("urgency", &["Immediate", "Expected", "Future", "Past", "Unknown"]),
    ("severity", &["Extreme", "Severe", "Moderate", "Minor", "Unknown"]),
    ("certainty", &["Observed", "Likely", "Possible", "Unlikely", "Unknown"]),
];

/// An element: its path, and its text if it holds no other.
type Element = (String, String);

/// Every element of a document in order, by quick-xml.
fn parse(xml: &str) -> Vec<Element> {
    let mut reader = quick_xml::Reader::from_str(xml);
    reader.config_mut().check_end_names = true;
    let (mut path, mut elements): (Vec<String>, Vec<Element>) = (Vec::new(), Vec::new());
    let mut open: Vec<usize> = Vec::new();
    loop {
        match reader.read_event().expect("well-formed") {
            Event::Start(start) => {
                path.push(start.name().as_ref().to_owned());
                open.push(elements.len());
                elements.push((path.join("/"), String::new()));
                if path.len() == 1 {
                    let namespace = start.attributes().next().expect("one").expect("well-formed");
                    assert_eq!((namespace.key.as_ref(), namespace.value.as_ref()), ("xmlns", NAMESPACE));
                } else {
                    assert_eq!(start.attributes().count(), 0);
                }
            }
            Event::Text(text) => {
                let last = *open.last().unwrap_or(&0);
                if let Some(element) = elements.get_mut(last) {
                    element.1.push_str(&text);
                }
            }
            Event::GeneralRef(entity) => {
                let character = match &*entity {
                    "amp" => '&',
                    "lt" => '<',
                    "gt" => '>',
                    "quot" => '"',
                    "apos" => '\'',
                    other => panic!("an entity that XML does not know: {other}"),
                };
                elements[*open.last().expect("inside")].1.push(character);
            }
            Event::End(_) => {
                path.pop();
                open.pop();
            }
            Event::Decl(declaration) => assert_eq!(declaration.version().expect("one").as_ref(), "1.0"),
            Event::Eof => break,
            other => panic!("what no message has: {other:?}"),
        }
    }
    elements
}

/// The text of the only element with this path.
fn text<'a>(elements: &'a [Element], path: &str) -> Option<&'a str> {
    let mut found = elements.iter().filter(|(at, _)| at == path);
    let text = found.next().map(|(_, text)| text.as_str());
    assert!(found.next().is_none(), "{path} twice");
    text
}

/// Children of an element stand in the schema's order, and none that must be there is missing.
#[track_caller]
fn check_order(elements: &[Element], parent: &str, schema: &[(&str, bool)]) {
    let inside = format!("{parent}/");
    let children: Vec<&str> =
        elements.iter().filter_map(|(path, _)| path.strip_prefix(&inside)).filter(|rest| !rest.contains('/')).collect();
    let place = |name: &str| {
        schema.iter().position(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name} in {parent}"))
    };
    assert!(children.is_sorted_by_key(|name| place(name)), "{parent}: {children:?}");
    for (name, must) in schema {
        assert!(!must || children.contains(name), "{parent} has no {name}");
    }
}

/// An instant as the protocol demands it: `YYYY-MM-DDThh:mm:ss` and an offset in hours and minutes.
fn is_date_time(text: &str) -> bool {
    let form = "dddd-dd-ddTdd:dd:dd-dd:dd";
    let fits = |(found, form): (char, char)| if form == 'd' { found.is_ascii_digit() } else { found == form };
    text.len() == form.len() && text.chars().zip(form.chars()).all(fits)
}

/// Valid by the schema and by the rules beside it, and an exercise in every place that says so.
#[track_caller]
fn check(message: &CapMessage) -> Vec<Element> {
    let xml = message.xml();
    let elements = parse(&xml);
    assert_eq!(elements[0].0, "alert");
    check_order(&elements, "alert", &ALERT);
    check_order(&elements, "alert/info", &INFO);
    for (parent, schema) in [("alert/info/area", &AREA[..]), ("alert/info/parameter", &PARAMETER[..])] {
        if elements.iter().any(|(path, _)| path == parent) {
            check_order(&elements, parent, schema);
        }
    }
    for (name, words) in WORDS {
        for (path, text) in elements.iter().filter(|(path, _)| path.ends_with(&format!("/{name}"))) {
            assert!(words.contains(&text.as_str()), "{path}: {text}");
        }
    }
    // The only status there is.
    assert_eq!(text(&elements, "alert/status"), Some("Exercise"));
    assert_eq!(message.status().word(), "Exercise");
    assert!(text(&elements, "alert/note").is_some_and(|note| note.contains("exercise") && note.contains("EXERCISE")));
    assert!(text(&elements, "alert/info/headline").is_some_and(|headline| headline.starts_with("EXERCISE")));
    assert!(text(&elements, "alert/info/description").is_some_and(|said| said.starts_with("EXERCISE")));
    // A restricted message says to whom; identifiers hold nothing that the protocol forbids.
    assert_eq!(text(&elements, "alert/scope"), Some("Restricted"));
    assert!(text(&elements, "alert/restriction").is_some());
    for path in ["alert/identifier", "alert/sender"] {
        let word = text(&elements, path).expect("one");
        assert!(!word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-.@".contains(c)), "{word}");
    }
    assert!(text(&elements, "alert/sender").is_some_and(|sender| sender.ends_with(".invalid")));
    for path in ["alert/sent", "alert/info/expires"] {
        assert!(is_date_time(text(&elements, path).expect("one")), "{path}");
    }
    let refers = text(&elements, "alert/references").is_some();
    assert_eq!(refers, message.kind() != MessageType::Alert);
    if let Some(circle) = text(&elements, "alert/info/area/circle") {
        let numbers: Vec<f64> = circle.split([',', ' ']).map(|number| number.parse().expect("a number")).collect();
        assert!(
            numbers.len() == 3 && numbers[0].abs() <= 90.0 && numbers[1].abs() <= 180.0 && numbers[2] >= 0.0,
            "{circle}"
        );
    }
    elements
}

fn declare(record: &mut Record, minute: i64, what: &str) {
    let time = record.start + SimDuration::milliseconds(minute * 60_000);
    let (role, person) = ("dispatcher".to_owned(), "Mara".to_owned());
    record.declared.push(Declared { time, role, person, what: what.to_owned() });
}

#[test]
fn what_leaves_the_story_is_valid_and_an_exercise() {
    let (record, bots) = played();
    let sent = messages(&record);
    let kinds: Vec<MessageType> = sent.iter().map(CapMessage::kind).collect();
    // The warning, the declaration, its end, and at the end the warning is taken back.
    assert_eq!(kinds, [MessageType::Alert, MessageType::Alert, MessageType::Cancel, MessageType::Cancel]);
    let read: Vec<Vec<Element>> = sent.iter().map(check).collect();
    assert_eq!(text(&read[0], "alert/sender"), Some("weather-service@exercise.invalid"));
    assert_eq!(text(&read[0], "alert/sent"), Some("2026-06-02T07:45:00-00:00"));
    assert_eq!(text(&read[0], "alert/info/area/circle"), Some("50.70000,7.10000 4.000"));
    let reference = |n: usize| {
        ["sender", "identifier", "sent"].map(|part| text(&read[n], &format!("alert/{part}")).expect("one")).join(",")
    };
    assert_eq!(text(&read[2], "alert/references"), Some(reference(1).as_str()));
    assert_eq!(text(&read[3], "alert/references"), Some(reference(0).as_str()));
    assert_eq!(sent, messages(&record.clone()), "the same record gives the same messages");
    // Bots declare nothing; the warning leaves their drill as well.
    assert_eq!(
        messages(&bots).iter().map(CapMessage::kind).collect::<Vec<_>>(),
        [MessageType::Alert, MessageType::Cancel]
    );
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("drill-cap");
    std::fs::create_dir_all(&folder).expect("a folder");
    for message in &sent {
        std::fs::write(folder.join(message.file_name()), message.xml()).expect("written");
    }
}

#[test]
fn the_same_word_again_updates_and_an_end_cancels() {
    let mut record = quiet(27_000, 30);
    record.ended = record.start + SimDuration::seconds(1200.0);
    for (minute, what) in [
        (1, "major-incident"),
        (2, "hospital-full"),
        (3, "major-incident"),
        (4, "major-incident-over"),
        (5, "flood-over"),
    ] {
        declare(&mut record, minute, what);
    }
    let sent = messages(&record);
    for message in &sent {
        check(message);
    }
    let kinds = |sent: &[CapMessage]| sent.iter().map(CapMessage::kind).collect::<Vec<_>>();
    let expected =
        [MessageType::Alert, MessageType::Alert, MessageType::Update, MessageType::Cancel, MessageType::Alert];
    // An end of what never began is a message of its own; a drill that is not over takes nothing back.
    assert_eq!(kinds(&sent), expected);
    let identifiers: std::collections::BTreeSet<&str> = sent.iter().map(CapMessage::identifier).collect();
    assert_eq!(identifiers.len(), sent.len());
    let said = Logged {
        number: 1,
        time: record.ended,
        role: "controller".to_owned(),
        person: "Jonas".to_owned(),
        action: Action::End,
        said: "The drill is over.".to_owned(),
    };
    record.actions.push(said);
    let sent = messages(&record);
    let last = check(&sent[5]);
    assert_eq!(sent[5].kind(), MessageType::Cancel);
    let references = text(&last, "alert/references").expect("some");
    assert_eq!(references.split(' ').count(), 2, "hospital-full and flood-over: {references}");
}

/// Names from a file by anybody, over midnight, with a place beyond the earth.
#[test]
fn no_name_can_make_a_message_another() {
    let hostile = "</note><status>Actual</status>&<![CDATA[ x ]]>\"'\u{0}\u{202e}\u{ffff}";
    let mut record = quiet(86_000, 30);
    record.drill = hostile.to_owned();
    record.marking = hostile.to_owned();
    record.area = Some(Circle { name: hostile.to_owned(), lon: f64::INFINITY, lat: 0.0, radius_km: 1.0 });
    let mut warning = inject(&record, hostile, 10, Medium::Cap, &hostile.repeat(20));
    warning.from = hostile.to_owned();
    record.injects = vec![warning];
    declare(&mut record, 11, hostile);
    let sent = messages(&record);
    assert_eq!(sent.len(), 3);
    for message in &sent {
        let elements = check(message);
        assert!(!message.xml().contains("Actual</status>") && !message.xml().contains("<![CDATA["));
        assert_eq!(text(&elements, "alert/info/area/circle"), None);
        assert!(
            text(&elements, "alert/info/area/areaDesc").is_some_and(|name| name.contains("<status>Actual</status>"))
        );
    }
    let read = check(&sent[0]);
    assert_eq!(text(&read, "alert/sent"), Some("2026-06-03T00:03:20-00:00"));
    assert!(text(&read, "alert/info/headline").is_some_and(|headline| headline.chars().count() < 140));
}
