//! Reads the file of parts; everything wrong with it is found at once, each with its place and what to write instead.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::{BusPart, ListenPart, Login, Mosquitto, PartsFile, Server, kafka, s3};
use crate::pipeline::stores::Retention;
use crate::pipeline::transport::Target;
use crate::primitives::SimDuration;
use crate::primitives::fields::{Fields, Reader, listed};
use crate::primitives::text::{self, Findings, Place, closest};
use crate::primitives::tree::{self, Node, Value};
use crate::primitives::units::DURATION;
use crate::twin::intake::PARTITIONS;

const KEYS: [&str; 9] = ["bus", "live", "records", "history", "listen", "topics", "city", "alerts", "keep"];
const MOSQUITTO_KEYS: [&str; 8] = ["url", "group", "name", "user-from", "password-from", "ca", "certificate", "key"];
const REDIS_KEYS: [&str; 5] = ["url", "prefix", "user-from", "password-from", "ca"];
const POSTGRES_KEYS: [&str; 6] = ["url", "schema", "user-from", "password-from", "ca", "places"];
const LISTEN_KEYS: [&str; 7] = ["address", "users", "certificate", "key", "clients", "anonymous", "connections"];
/// Most connections that may be asked for.
const CONNECTIONS_MAX: f64 = 1_000_000.0;

const KEEP_KEYS: [&str; 7] = ["history", "records", "minutes", "windows", "events", "alerts", "quarantine"];
/// Shortest and longest life that may be written [s]: a day, by which everything goes, and a hundred years.
const LIFE: (f64, f64) = (86_400.0, 36_525.0 * 86_400.0);
/// Shortest life of the history [s]: a day more than the last word of a device, which is read from it where a server lost it.
const HISTORY_MIN: f64 = 8.0 * 86_400.0;

/// Reads a file of parts.
///
/// # Errors
/// Everything wrong with it at once, in reading order.
pub fn read(path: &Path) -> Result<PartsFile, Findings> {
    parse(&text::bounded_text(path, File::open, 1, "file of parts")?, &Place::file(path))
}

/// Reads the text of a file of parts; `place` names the file.
pub(super) fn parse(text: &str, place: &Place) -> Result<PartsFile, Findings> {
    let (mut findings, mut parts) = (Findings::default(), PartsFile::default());
    if let Some(root) = tree::read(text, place, &mut findings)
        && root.value != Value::Null
    {
        let folder = place.file.parent().map(Path::to_owned);
        let mut reader = Reader { place, findings: &mut findings, folder };
        whole(&mut reader, &root, &mut parts);
    }
    if findings.is_ok() { Ok(parts) } else { Err(findings) }
}

fn whole(reader: &mut Reader<'_>, root: &Node, parts: &mut PartsFile) {
    let Some(fields) = reader.fields(root, "the file", &KEYS) else { return };
    let buses: [Choice<'_>; 2] = [("mosquitto", "url", &MOSQUITTO_KEYS), ("kafka", "brokers", &kafka::KEYS)];
    if let Some((server, inner)) = choice(reader, &fields, "bus", &buses) {
        let read = match server {
            "kafka" => kafka::read(reader, &inner, PARTITIONS).map(BusPart::Kafka),
            _ => mosquitto(reader, &inner).map(BusPart::Mosquitto),
        };
        parts.bus = read.unwrap_or_default();
    }
    if let Some((_, inner)) = choice(reader, &fields, "live", &[("redis", "url", &REDIS_KEYS)]) {
        parts.live = server(reader, &inner, "prefix", &["redis", "rediss"], "redis://127.0.0.1:6379/0");
    }
    if let Some((_, inner)) = choice(reader, &fields, "records", &[("postgres", "url", &POSTGRES_KEYS)]) {
        let example = "postgres://citytwin@127.0.0.1:5432/citytwin";
        parts.records = server(reader, &inner, "schema", &["postgres", "postgresql"], example);
    }
    if let Some((_, inner)) = choice(reader, &fields, "history", &[("s3", "url", &s3::KEYS)]) {
        parts.history = s3::read(reader, &inner);
    }
    if let Some(node) = fields.get("listen")
        && let Some(inner) = reader.fields(node, "`listen`", &LISTEN_KEYS)
    {
        parts.listen = listen(reader, &inner);
        if matches!(parts.bus, BusPart::Mosquitto(_)) {
            reader.wrong(node, "`listen` is of no use with a broker of its own", "leave out one of `bus` and `listen`");
        }
    }
    parts.topics = reader.file(&fields, "topics");
    parts.alerts = reader.file(&fields, "alerts");
    if let Some(node) = fields.get("keep")
        && let Some(inner) = reader.fields(node, "`keep`", &KEEP_KEYS)
    {
        keep(reader, &inner, &mut parts.keep);
    }
    parts.city = fields.get("city").and_then(|node| reader.text(node, "city"));
}

/// A server that a part may be: its name, what must be said of it, and what may be.
type Choice<'a> = (&'a str, &'a str, &'a [&'a str]);

/// A part that is `embedded`, or one of some servers under its name; which, and what is said of it.
fn choice<'n, 'c>(
    reader: &mut Reader<'_>,
    fields: &Fields<'n>,
    part: &str,
    servers: &[Choice<'c>],
) -> Option<(&'c str, Fields<'n>)> {
    let node = fields.get(part)?;
    let ways = servers.iter().map(|(server, needed, _)| format!(" or `{part}: {{ {server}: {{ {needed}: ... }} }}`"));
    let help = format!("write `{part}: embedded`{}", ways.collect::<String>());
    let named = |name: &str| servers.iter().find(|(server, ..)| *server == name);
    match &node.value {
        Value::Text(text) if text == "embedded" => None,
        Value::Map(entries) => match entries.as_slice() {
            [(key, inner)] if let Some((server, _, keys)) = named(&key.name) => {
                Some((server, reader.fields(inner, &format!("`{server}`"), keys)?))
            }
            [(key, _), ..] if named(&key.name).is_none() => {
                let near = closest(&key.name, servers.iter().map(|(server, ..)| *server).chain(["embedded"]));
                let help = near.map_or(help, |like| format!("did you mean `{like}`?"));
                reader.wrong(node, format!("`{part}` cannot be `{}`", key.name.escape_debug()), help);
                None
            }
            _ => {
                reader.wrong(node, format!("`{part}` should name one server"), help);
                None
            }
        },
        other => {
            reader.wrong(node, format!("`{part}` cannot be {}", other.describe()), help);
            None
        }
    }
}

pub(super) fn login(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Login {
    Login { user_from: reader.variable(fields, "user-from"), password_from: reader.variable(fields, "password-from") }
}

/// Two files that only make sense together.
pub(super) fn pair(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<(PathBuf, PathBuf)> {
    let both = (reader.file(fields, "certificate"), reader.file(fields, "key"));
    if both.0.is_some() != both.1.is_some() {
        let message = format!("{} has only one of `certificate` and `key`", fields.what);
        reader.wrong(fields.node(), message, "write both, or neither");
    }
    both.0.zip(both.1)
}

fn mosquitto(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Mosquitto> {
    let node = reader.needed(fields, "url", "write it like `mqtt://127.0.0.1:1883`, or `mqtts://` with encryption")?;
    let url = reader.text(node, "url")?;
    let target = Target::parse(&url).map_err(|reason| {
        let help = "user and password come from variables: `user-from`, `password-from`";
        reader.wrong_unshown(node, format!("`url`: {reason}"), help);
    });
    let mut named = |key: &str, otherwise: &str| match fields.get(key) {
        Some(node) => reader.text(node, key),
        None => Some(otherwise.to_owned()),
    };
    let (group, name) = (named("group", "citytwin"), named("name", "citytwin-bridge"));
    let login = login(reader, fields);
    if login.user_from.is_none() && login.password_from.is_some() {
        reader.wrong(fields.node(), "`mosquitto` has a password and no user", "write `user-from` as well");
    }
    let ca = reader.file(fields, "ca");
    let certificate = pair(reader, fields);
    Some(Mosquitto { target: target.ok()?, group: group?, name: name?, login, ca, certificate })
}

fn server(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    name_key: &str,
    schemes: &[&str],
    example: &str,
) -> Option<Server> {
    let node = reader.needed(fields, "url", &format!("write it like `{example}`"))?;
    let url = reader.text(node, "url")?;
    let name = match fields.get(name_key) {
        Some(node) => reader.text(node, name_key)?,
        None => "citytwin".to_owned(),
    };
    let Some((_, rest)) = url.split_once("://").filter(|(scheme, _)| schemes.contains(scheme)) else {
        let begins = listed(schemes.iter().copied());
        reader.wrong(
            node,
            format!("`url` does not begin with {begins} and `://`"),
            format!("write it like `{example}`"),
        );
        return None;
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    // Anywhere before an `@`, because a password may hold a `/`; and where PostgreSQL takes one as a parameter.
    let in_login = rest.rsplit_once('@').is_some_and(|(who, _)| who.contains(':'));
    if in_login || rest.split(['?', '&']).skip(1).any(|parameter| parameter.starts_with("password=")) {
        // What stands here may be a secret: it is not told.
        let help = "take it out; its place is an environment variable, named by `password-from`";
        reader.wrong_unshown(node, "`url` holds a password", help);
        return None;
    }
    if authority.is_empty() {
        reader.wrong(node, "`url` names no host", format!("write it like `{example}`"));
        return None;
    }
    let places = reader.flag(fields, "places", true);
    Some(Server { url, name, login: login(reader, fields), ca: reader.file(fields, "ca"), places })
}

fn listen(reader: &mut Reader<'_>, fields: &Fields<'_>) -> ListenPart {
    let address = fields.get("address").and_then(|node| {
        let text = reader.text(node, "address")?;
        let address = text.parse().ok();
        if address.is_none() {
            let message = format!("`address` cannot be `{}`", text.escape_debug());
            reader.wrong(node, message, "write an address in numbers and a port, such as `127.0.0.1:1883`");
        }
        address
    });
    let certificate = pair(reader, fields);
    let clients = reader.file(fields, "clients");
    if clients.is_some() && certificate.is_none() {
        let help = "clients show certificates to a server that has one: write `certificate` and `key`";
        reader.wrong(fields.node(), "`listen` has `clients` and no certificate of its own", help);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within bounds")]
    let connections = fields
        .get("connections")
        .and_then(|node| reader.number(node, "connections", 1.0..=CONNECTIONS_MAX))
        .map(|number| number as u32);
    ListenPart {
        address,
        users: reader.file(fields, "users"),
        certificate,
        clients,
        anonymous: reader.flag(fields, "anonymous", false),
        connections,
    }
}

/// How long what is kept, where it is not as usual.
fn keep(reader: &mut Reader<'_>, fields: &Fields<'_>, keep: &mut Retention) {
    let mut life = |key: &str, least: f64, life: &mut Option<SimDuration>| {
        let Some(node) = fields.get(key) else { return };
        let Some(text) = reader.text(node, key) else { return };
        if text == "forever" {
            *life = None;
            return;
        }
        match DURATION.read(&text) {
            Ok(seconds) if (least..=LIFE.1).contains(&seconds) => *life = Some(SimDuration::seconds(seconds)),
            Ok(_) => {
                let help = format!("from `{} d` to `{} d`, or `forever`", least / LIFE.0, LIFE.1 / LIFE.0);
                reader.wrong(node, format!("`{key}` of `{}` is out of range", text.escape_debug()), help);
            }
            Err(wrong) => reader.wrong(node, wrong.message, "write it like `30 d`, or `forever`"),
        }
    };
    life("history", HISTORY_MIN, &mut keep.history);
    life("records", LIFE.0, &mut keep.records);
    life("minutes", LIFE.0, &mut keep.minutes);
    life("windows", LIFE.0, &mut keep.windows);
    life("events", LIFE.0, &mut keep.events);
    life("alerts", LIFE.0, &mut keep.alerts);
    life("quarantine", LIFE.0, &mut keep.quarantine);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::text::Problem;

    fn parsed(text: &str) -> Result<PartsFile, String> {
        parse(text, &Place::file("parts.yaml")).map_err(|findings| {
            let told = |problem: &Problem| {
                format!("{}: {} ({})", problem.place, problem.message, problem.help.clone().unwrap_or_default())
            };
            findings.problems().iter().map(told).collect::<Vec<_>>().join("\n")
        })
    }

    #[test]
    fn nothing_written_is_all_embedded() {
        for text in ["", "bus: embedded\nlive: embedded\nrecords: embedded\n"] {
            assert_eq!(parsed(text), Ok(PartsFile::default()), "{text}");
        }
    }

    #[test]
    fn servers_are_read_with_the_names_of_their_secrets() {
        let parts = parsed(
            "bus: { mosquitto: { url: 'mqtts://broker', user-from: U, password-from: P, ca: ca.pem } }\n\
             live: { redis: { url: 'redis://cache:6379/0', prefix: town } }\n\
             records: { postgres: { url: 'postgres://me@db/city', password-from: PW, places: false } }\n\
             city: Town\n",
        )
        .expect("a file of parts");
        let BusPart::Mosquitto(broker) = &parts.bus else { panic!("{:?}", parts.bus) };
        assert_eq!((broker.target.port, broker.group.as_str()), (8883, "citytwin"));
        assert_eq!(broker.login, Login { user_from: Some("U".to_owned()), password_from: Some("P".to_owned()) });
        assert_eq!(parts.live.map(|server| server.name), Some("town".to_owned()));
        assert_eq!(parts.records.map(|server| (server.name, server.places)), Some(("citytwin".to_owned(), false)));
    }

    #[test]
    fn a_bucket_is_read_with_the_names_of_its_secrets_and_everything_wrong_has_its_place() {
        let parts = parsed(
            "history: { s3: { url: 's3://cities/region/town/', endpoint: 'http://127.0.0.1:9000/', key-from: K, secret-from: S } }",
        );
        let bucket = parts.expect("a file of parts").history.expect("a bucket");
        assert_eq!(
            (bucket.bucket.as_str(), bucket.prefix.as_str(), bucket.path_style),
            ("cities", "region/town", true)
        );
        assert_eq!(bucket.place(), "s3://cities/region/town at http://127.0.0.1:9000");
        let bare = parsed("history: { s3: { url: 's3://cities' } }").expect("a file of parts").history;
        assert_eq!(bare.map(|bucket| (bucket.prefix, bucket.path_style)), Some(("citytwin".to_owned(), false)));
        for (text, said) in [
            ("history: { s3: { endpoint: 'http://h' } }", "`url`"),
            ("history: { s3: { url: 'http://h/b' } }", "does not begin with `s3://`"),
            ("history: { s3: { url: 's3://Up/x' } }", "cannot be a bucket"),
            ("history: { s3: { url: 's3://cities/../x' } }", "cannot be a prefix"),
            ("history: { s3: { url: 's3://cities/x', endpoint: 'ftp://h' } }", "`endpoint` cannot be"),
            ("history: { s3: { url: 's3://cities/x', key-from: K } }", "only one of"),
            ("history: { s3: { url: 's3://cities/x', session-from: T } }", "no key"),
            ("history: { s3: { url: 's3://cities/x', endpoint: 'http://h', ca: ca.pem } }", "does not encrypt"),
            ("history: { s3: { url: 's3://cities/x', colour: red } }", "colour"),
            ("history: { gcs: { url: 's3://cities/x' } }", "cannot be `gcs`"),
        ] {
            let told = parsed(text).expect_err(text);
            assert!(told.contains(said) && told.contains("parts.yaml:1:"), "{text}: {told}");
        }
        let told = parsed("history: { s3: { url: 's3://key:hidden@cities/x' } }").expect_err("a secret");
        assert!(!told.contains("hidden"), "{told}");
    }

    #[test]
    fn a_topic_is_the_log_behind_our_own_listener() {
        let parts = parsed(
            "bus: { kafka: { brokers: 'a:9092, b', topic: city, partitions: 12, replication: 3, tls: true,\n\
             mechanism: SCRAM-SHA-512, user-from: U, password-from: P } }\nlisten: { address: '127.0.0.1:1884' }\n",
        )
        .expect("a file of parts");
        let kafka = parts.kafka().expect("Kafka");
        assert_eq!(
            (kafka.brokers.as_str(), kafka.topic.as_str(), kafka.mechanism),
            ("a:9092,b", "city", "SCRAM-SHA-512")
        );
        assert_eq!((kafka.replication, kafka.encrypted, parts.partitions()), (Some(3), true, 12));
        assert_eq!(PartsFile::default().partitions(), PARTITIONS);
    }

    #[test]
    fn what_is_kept_how_long_is_written_in_days_or_for_ever() {
        let parts = parsed("keep: { history: 90 d, minutes: 36 h, alerts: forever }").expect("a file of parts");
        let days = |days: f64| Some(SimDuration::seconds(days * 86_400.0));
        let expected = Retention { history: days(90.0), minutes: days(1.5), alerts: None, ..Retention::default() };
        assert_eq!(parts.keep, expected);
        assert_eq!(parts.keep.windows, days(400.0));
    }

    #[test]
    fn every_mistake_names_its_key_and_the_fix() {
        for (text, needles) in [
            ("buss: embedded", vec!["1:1", "no key `buss`", "did you mean `bus`?"]),
            ("bus: kafka", vec!["`bus` cannot be the text `kafka`", "bus: { mosquitto:"]),
            ("bus: { mosquito: { url: x } }", vec!["cannot be `mosquito`", "did you mean `mosquitto`?"]),
            ("bus: { kafak: { brokers: x } }", vec!["cannot be `kafak`", "did you mean `kafka`?"]),
            ("bus: { kafka: { brokers: 'x:9092' } }", vec!["no `topic`", "one a city"]),
            ("bus: { kafka: { topic: city } }", vec!["no `brokers`", "kafka-1:9092"]),
            ("bus: { kafka: { brokers: 'kafka://u:secret@x', topic: t } }", vec!["`brokers` names no broker", "9092"]),
            ("bus: { kafka: { brokers: 'x:0', topic: t } }", vec!["`brokers` names no broker"]),
            ("bus: { kafka: { brokers: x, topic: 'a/b' } }", vec!["`topic` cannot be `a/b`", "1 to 249"]),
            ("bus: { kafka: { brokers: x, topic: t, partitions: 65 } }", vec!["`partitions`", "64"]),
            ("bus: { kafka: { brokers: x, topic: t, partitions: 2.5 } }", vec!["`partitions`", "whole"]),
            ("bus: { kafka: { brokers: x, topic: t, ca: ca.pem } }", vec!["does not encrypt", "`tls: true`"]),
            ("bus: { kafka: { brokers: x, topic: t, user-from: U } }", vec!["only one of `user-from`"]),
            ("bus: { kafka: { brokers: x, topic: t, mechanism: GSSAPI } }", vec!["GSSAPI", "SCRAM-SHA-512"]),
            ("bus: { mosquitto: {} }", vec!["no `url`", "mqtt://127.0.0.1:1883"]),
            ("bus: { mosquitto: { url: 'http://x' } }", vec!["a broker is named as mqtt://host:port"]),
            ("bus: { mosquitto: { url: 'mqtt://u:p@x' } }", vec!["do not belong into the address", "user-from"]),
            ("bus: { mosquitto: { url: 'mqtt://x', key: k.pem } }", vec!["only one of `certificate` and `key`"]),
            ("live: { redis: { url: 'http://x' } }", vec!["does not begin with `redis` or `rediss`"]),
            ("live: { redis: { url: 'redis://:secret@x' } }", vec!["holds a password", "password-from"]),
            ("live: { redis: { url: 'redis://:a/secret@x' } }", vec!["holds a password"]),
            ("records: { postgres: { url: 'postgres://a/b?password=secret@' } }", vec!["holds a password"]),
            ("records: { postgres: { url: 'postgres:///city' } }", vec!["names no host"]),
            (
                "records: { postgres: { url: 'postgres://a/b', password-from: 'my secret' } }",
                vec!["not the name of an environment variable"],
            ),
            ("listen: { address: localhost }", vec!["`address` cannot be `localhost`", "127.0.0.1:1883"]),
            ("listen: { clients: ca.pem }", vec!["no certificate of its own"]),
            ("listen: {}\nbus: { mosquitto: { url: 'mqtt://x' } }", vec!["of no use with a broker"]),
            ("keep: { history: 30 }", vec!["1:", "has no unit", "30 d", "forever"]),
            ("keep: { history: 7 d }", vec!["`history` of `7 d` is out of range", "from `8 d`", "forever"]),
            ("keep: { event: 7 d }", vec!["no key `event`", "did you mean `events`?"]),
            ("bus: [", vec!["parts.yaml"]),
        ] {
            let told = parsed(text).expect_err(text);
            for needle in needles {
                assert!(told.contains(needle), "{text}: {told}");
            }
            assert!(!told.contains("secret@") && !told.contains("my secret"), "{told}");
        }
    }
}
