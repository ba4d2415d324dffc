//! What may be subscribed to, who is told, and that secrets are nowhere and yet the same again.

use super::*;
use crate::pipeline::stores::tables::MemoryTables;

const KEY: &str = "a key that is known to this server alone";

fn settings(key: &str) -> SubscriptionSettings {
    SubscriptionSettings { key: ServerKey::new(key), reach: Reach::ThisMachine }
}

fn open(key: &str, tables: &MemoryTables) -> Subscribers {
    Subscribers::open(&settings(key), tables).expect("memory")
}

fn wanted(url: &str) -> Wanted {
    Wanted { url: url.to_owned(), ..Wanted::default() }
}

fn at(second: i64) -> Timestamp {
    Timestamp::milliseconds(1_780_380_000_000 + second * 1_000)
}

fn alert(rule: &str, severity: Severity, state: AlertState) -> Alert {
    Alert {
        id: "01ARYZ6S41AAAAAAAAAAAAAAAA".to_owned(),
        rule: Text::from(rule),
        state,
        severity,
        subject: Text::from("A1"),
        road: None,
        geofence: None,
        latitude: None,
        longitude: None,
        looks_at: "incident".to_owned(),
        value: None,
        threshold: None,
        unit: String::new(),
        since: at(0),
        until: None,
        raised: at(0),
        says: "it is so".to_owned(),
    }
}

#[test]
fn a_secret_is_nowhere_and_the_same_again_under_the_same_key() {
    let tables = MemoryTables::default();
    let subscribers = open(KEY, &tables);
    let (one, secret) = subscribers.subscribe(&tables, wanted("https://a.example/hook"), "ops", at(0)).expect("made");
    let (other, another) =
        subscribers.subscribe(&tables, wanted("https://a.example/hook"), "ops", at(0)).expect("made");
    assert!(one.lasts && one.is_told && secret.len() == 70);
    assert_ne!((&one.subscription.id, &secret), (&other.subscription.id, &another));
    let mut kept = String::new();
    tables
        .scan(SUBSCRIPTIONS, "", &mut |_, json| {
            kept.push_str(&String::from_utf8_lossy(json));
            ControlFlow::Continue(())
        })
        .expect("memory");
    let shown = format!("{kept} {subscribers:?} {:?}", settings(KEY));
    for hidden in [&secret[6..], &another[6..], KEY] {
        assert!(!shown.contains(hidden), "{shown}");
    }
    let again = open(KEY, &tables);
    let secrets: Vec<String> = again.targets().into_iter().map(|(_, target)| target.secret).collect();
    assert!(secrets.contains(&secret) && secrets.contains(&another) && secrets.len() == 2);
    // Under another key it is known, told nothing, and can be taken away.
    let stranger = open("a key that is known to another server alone", &tables);
    assert!(stranger.list().iter().all(|one| !one.is_told && one.lasts) && stranger.targets().is_empty());
    assert!(stranger.told_of(&alert("a", Severity::Critical, AlertState::Noted)).is_empty());
    stranger.unsubscribe(&tables, &one.subscription.id).expect("taken away");
    assert_eq!(open(KEY, &tables).list(), [other]);
}

#[test]
fn without_a_key_subscriptions_end_with_the_process() {
    let tables = MemoryTables::default();
    let subscribers = open("short", &tables);
    let (made, _) = subscribers.subscribe(&tables, wanted("http://127.0.0.1:9/"), "me", at(0)).expect("made");
    assert!(!made.lasts && made.is_told && !subscribers.last());
    assert_eq!(open("short", &tables).list(), []);
}

#[test]
fn who_is_told_is_who_asked_for_it() {
    let tables = MemoryTables::default();
    let subscribers = open(KEY, &tables);
    let make = |severity, rules: &[&str], resolved| {
        let rules = rules.iter().map(|rule| (*rule).to_owned()).collect();
        let wanted = Wanted { severity, rules, resolved, ..wanted("https://a.example/") };
        let made = subscribers.subscribe(&tables, wanted, "ops", at(0)).expect("made").0;
        Text::from(made.subscription.action())
    };
    let all = make(None, &[], true);
    let bad = make(Some(Severity::High), &[], false);
    let roads = make(None, &["Road *", "Ring"], false);
    let told = |rule: &str, severity, state| {
        let mut told = subscribers.told_of(&alert(rule, severity, state));
        told.sort_by_key(|name| [&all, &bad, &roads].iter().position(|known| *known == name));
        told
    };
    let of = |names: &[&Text]| names.iter().map(|name| Text::clone(name)).collect::<Vec<_>>();
    assert_eq!(told("Road works", Severity::Critical, AlertState::Firing), of(&[&all, &bad, &roads]));
    assert_eq!(told("Ring", Severity::Low, AlertState::Noted), of(&[&all, &roads]));
    assert_eq!(told("Ring road", Severity::Medium, AlertState::Firing), of(&[&all]));
    assert_eq!(told("Road works", Severity::Critical, AlertState::Resolved), of(&[&all]));
    let id = all.strip_prefix("webhook:").expect("an id").to_owned();
    subscribers.unsubscribe(&tables, &id).expect("taken away");
    assert_eq!(told("Ring road", Severity::Medium, AlertState::Firing), of(&[]));
    assert!(matches!(subscribers.unsubscribe(&tables, &id), Err(NotSubscribed::Unknown(_))));
}

#[test]
fn only_so_many_are_kept_and_only_what_can_be_meant() {
    let tables = MemoryTables::default();
    let subscribers = open(KEY, &tables);
    for _ in 0..SUBSCRIPTIONS_MAX {
        subscribers.subscribe(&tables, wanted("https://a.example/"), "ops", at(0)).expect("made");
    }
    let full = subscribers.subscribe(&tables, wanted("https://a.example/"), "ops", at(0));
    assert!(matches!(full, Err(NotSubscribed::TooMany(_))), "{full:?}");
    let mean = |change: &dyn Fn(&mut Wanted)| {
        let mut wanted = wanted("https://a.example/");
        change(&mut wanted);
        judge(&wanted, Reach::Outside)
    };
    assert_eq!(mean(&|_| ()), Ok(()));
    assert!(mean(&|wanted| wanted.url = format!("https://a.example/{}", "x".repeat(URL_MAX))).is_err());
    assert!(mean(&|wanted| wanted.name = Some("a\nb".to_owned())).is_err());
    assert!(mean(&|wanted| wanted.name = Some("x".repeat(NAME_MAX + 1))).is_err());
    assert!(mean(&|wanted| wanted.rules = vec!["a".to_owned(); RULES_MAX + 1]).is_err());
    assert!(mean(&|wanted| wanted.rules = vec![String::new()]).is_err());
}

#[test]
fn only_machines_within_reach_are_spoken_to() {
    use Reach::{Outside, OwnNetwork, ThisMachine};
    for (url, reaches) in [
        ("https://alerts.example.org/city", vec![Outside, ThisMachine, OwnNetwork]),
        ("https://93.184.216.34/", vec![Outside, ThisMachine, OwnNetwork]),
        ("http://alerts.example.org/city", vec![OwnNetwork]),
        ("http://93.184.216.34/", vec![]),
        ("http://127.0.0.1:8080/", vec![ThisMachine, OwnNetwork]),
        ("http://localhost:8080/", vec![ThisMachine, OwnNetwork]),
        ("https://page.localhost./", vec![ThisMachine, OwnNetwork]),
        ("http://[::1]/", vec![ThisMachine, OwnNetwork]),
        ("https://[::ffff:127.0.0.1]/", vec![ThisMachine, OwnNetwork]),
        ("https://10.0.0.1/", vec![OwnNetwork]),
        ("http://192.168.1.1/", vec![OwnNetwork]),
        ("https://172.16.0.1/", vec![OwnNetwork]),
        ("https://100.64.0.1/", vec![OwnNetwork]),
        ("https://[fd12::1]/", vec![OwnNetwork]),
        ("https://[2002:a00:1::1]/", vec![OwnNetwork]),
        ("https://198.18.0.1/", vec![OwnNetwork]),
        ("https://169.254.169.254/latest/meta-data", vec![]),
        ("http://[fd00:ec2::254]/", vec![]),
        ("https://[64:ff9b::a9fe:a9fe]/", vec![]),
        ("https://0.0.0.0/", vec![]),
        ("https://255.255.255.255/", vec![]),
        ("https://u:p@alerts.example.org/", vec![]),
        ("ftp://alerts.example.org/", vec![]),
        ("https://", vec![]),
        ("alerts.example.org", vec![]),
    ] {
        for reach in [Outside, ThisMachine, OwnNetwork] {
            assert_eq!(judge(&wanted(url), reach).is_ok(), reaches.contains(&reach), "{url} {reach:?}");
        }
    }
}
