//! The file of rules as people write it: what is right is read, and every mistake is one sentence with its place and a help.

use super::*;
use crate::pipeline::alerting::rules::{Aggregation, Grouping, Operator, Way, WebhookShape};
use crate::pipeline::analytics::Shape;
use crate::telemetry::reading::Severity;

fn parsed(text: &str) -> Result<AlertRules, Vec<String>> {
    let findings = match parse(text, &Place::file("alerts.yaml")) {
        Ok(rules) => return Ok(rules),
        Err(findings) => findings,
    };
    Err(findings.problems().iter().map(ToString::to_string).collect())
}

const WHOLE: &str = "
rules:
  - name: Slow ring
    question: Is the ring still a ring?
    metric: road.speed_kmh
    where: {road: [Ring *, A1]}
    by: subject
    aggregation: p50
    window: 15 min
    operator: '<='
    threshold: 10 m/s
    resolve-at: 45 km/h
    severity: high
    for: 3
    cool-down: 1 h 30 min
    actions: [desk, phone, mail]
    tell-resolved: false
  - {name: Off, enabled: false, metric: air.pm2_5, operator: '>', threshold: 15 ug/m3, severity: low}
events:
  - {name: Crash, event: [incident, call], where: {severity: medium, geofence: Centre, status: reported}, severity: critical}
geofences:
  - {name: Centre, circle: {latitude: 52.52, longitude: 13.405, radius: 1.5 km}}
  - {name: Square, polygon: [[52, 13], [52, 14], {latitude: 53, longitude: 14}, [52, 13]], kinds: unit, classes: [bus]}
  - {name: Park, geometry: {type: Polygon, coordinates: [[[13, 52], [14, 52], [14, 53], [13, 52]]]}}
actions:
  - {name: desk, webhook: {url: 'https://desk.example.org/hook', secret-from: DESK_SECRET, ca: ca.pem}}
  - {name: phone, webhook: {shape: pagerduty, routing-key-from: PD_KEY}}
  - {name: chat, webhook: {shape: slack, url-from: SLACK_URL}}
  - {name: mail, email: {smtp: 'smtps://mail.example.org', from: City <a@b.org>, to: c@d.org, user-from: U, password-from: P}}
";

#[test]
fn a_whole_file_is_read() {
    let rules = parsed(WHOLE).unwrap_or_else(|problems| panic!("{problems:#?}"));
    assert_eq!((rules.rules.len(), rules.events.len(), rules.geofences.len(), rules.actions.len()), (1, 1, 3, 4));
    let rule = &rules.rules[0];
    assert_eq!((&*rule.name, rule.metric.name, rule.by), ("Slow ring", "road.speed_kmh", Grouping::Subject));
    assert_eq!((rule.aggregation, rule.operator, rule.severity), (Aggregation::P50, Operator::AtMost, Severity::High));
    assert_eq!((rule.threshold, rule.resolve_at, rule.windows), (36.0, 45.0, 3));
    assert_eq!((rule.window.as_seconds(), rule.cool_down.as_seconds()), (900.0, 5400.0));
    assert_eq!((&rule.actions[..], rule.tell_resolved), (&[0, 1, 3][..], false));
    assert!(rule.filter.roads[0].fits("Ring west") && !rule.filter.roads[0].fits("The Ring"));
    let crash = &rules.events[0];
    assert_eq!(
        (crash.filter.kinds.len(), &crash.filter.geofences[..], crash.severity),
        (2, &[0][..], Some(Severity::Critical))
    );
    let park = Shape::Polygon(vec![(52.0, 13.0), (52.0, 14.0), (53.0, 14.0)]);
    assert_eq!((&rules.geofences[1].shape, &rules.geofences[2].shape), (&park, &park));
    assert_eq!(rules.geofences[0].kinds.len(), 2);
    let Way::Webhook(phone) = &rules.actions[1].way else { panic!("a webhook") };
    assert_eq!(phone.shape, WebhookShape::PagerDuty { routing_key_from: "PD_KEY".to_owned() });
    let Way::Email(mail) = &rules.actions[3].way else { panic!("an e-mail") };
    assert_eq!((mail.tls_first, mail.port, mail.to.len()), (true, 465, 1));
    assert_eq!(parsed("").map(|rules| rules.rules.len()).ok(), None, "an empty file is a mistake");
    assert_eq!(parsed("rules: []\n"), Ok(AlertRules::default()));
}

const RULE: &str = "rules:\n  - {name: r, metric: road.speed_kmh, operator: '<', threshold: 10 km/h, severity: low}\n";

#[test]
fn every_mistake_is_one_sentence_with_its_place_and_a_help() {
    let rule = |from: &str, to: &str| {
        let text = RULE.replace(from, to);
        assert_ne!(text, RULE, "{from}");
        text
    };
    let cases = [
        ("- 1\n".to_owned(), "alerts.yaml:1:1: the file should be keys and values, not a list (write its keys under it: `rules`, `events`, `geofences` or `actions`)"),
        ("rule: []\n".to_owned(), "alerts.yaml:1:1: the file has no key `rule` (did you mean `rules`?)"),
        ("rules: 3\n".to_owned(), "alerts.yaml:1:8: `rules` should be a list, not the number `3` (write each entry under it after `- `)"),
        (rule("name: r, ", ""), "alerts.yaml:2:5: the rule has no `name` (give it one; alerts and logs will speak of it by it)"),
        (rule("road.speed_kmh", "road.sped_kmh"), "alerts.yaml:2:23: there is no metric `road.sped_kmh` (did you mean `road.speed_kmh`? `citytwin alerts metrics` lists them all)"),
        (rule("'<'", "'=<'"), "alerts.yaml:2:49: `=<` is no operator (write `<`, `<=`, `>`, `>=`, `==` or `!=`)"),
        (rule("10 km/h", "10"), "alerts.yaml:2:65: `10` has no unit, so it is not a speed (write the unit, for example `10 km/h`)"),
        (rule("10 km/h", "10 kph"), "alerts.yaml:2:65: unknown unit `kph` in `10 kph` (did you mean `km/h`? Units of a speed are `km/h`, `m/s`, `mph`)"),
        (rule("severity: low", "severity: lo"), "alerts.yaml:2:84: `lo` is no severity (did you mean `low`?)"),
        (rule(", severity: low", ""), "alerts.yaml:2:5: rule `r` has no `severity` (write low, medium, high or critical)"),
        (rule("severity: low", "severity: low, window: 7 min"), "alerts.yaml:2:97: a window of 420 s does not fit `road.speed_kmh` (a multiple of 300 s, at most 86400 s)"),
        (rule("severity: low", "severity: low, resolve-at: 5 km/h"), "alerts.yaml:2:101: an alert at < 10 km/h cannot end at 5 km/h (write a number on the other side of the threshold, or leave `resolve-at` out)"),
        (rule("severity: low", "severity: low, for: 0"), "alerts.yaml:2:94: `for` cannot be the number `0` (write a number from 1 to 1000)"),
        (rule("severity: low", "severity: low, for: 1.5"), "alerts.yaml:2:94: `for` of 1.5 windows (write a whole number of windows)"),
        (rule("severity: low", "severity: low, where: {device: x}"), "alerts.yaml:2:97: `where` of a rule about `road.speed_kmh` has no key `device` (there may be `road`)"),
        (rule("severity: low", "severity: low, actions: desk"), "alerts.yaml:2:98: there is no action `desk` (write it down under `actions`)"),
        (rule("severity: low", "severity: low, treshold: 3"), "alerts.yaml:2:89: rule `r` has no key `treshold` (did you mean `threshold`?)"),
        (format!("{RULE}events:\n  - {{name: r, event: call}}\n"), "alerts.yaml:4:12: there are two rules `r` (give each a name of its own)"),
        ("events:\n  - {name: e, event: incidents}\n".to_owned(), "alerts.yaml:2:22: `incidents` is no kind of event (did you mean `incident`?)"),
        ("events:\n  - {name: e}\n".to_owned(), "alerts.yaml:2:5: rule `e` has no `event` (write what happens, such as `event: incident`)"),
        ("rules:\n  - {name: a, metric: air.o3, by: road, operator: '>', threshold: 1 µg/m³, severity: low}\n".to_owned(), "alerts.yaml:2:35: `air.o3` knows no roads (write `by: subject` or `by: all`)"),
        ("geofences:\n  - {name: f}\n".to_owned(), "alerts.yaml:2:5: area `f` has no border (write `circle: {latitude: 52.52, longitude: 13.40, radius: 250 m}`, or a `polygon` or `geometry`)"),
        ("geofences:\n  - {name: f, circle: {latitude: 91, longitude: 0, radius: 1 m}}\n".to_owned(), "alerts.yaml:2:34: `latitude` cannot be the number `91` (write a number from -90 to 90)"),
        ("geofences:\n  - {name: f, polygon: [[1, 2], [3, 4], [1, 2]]}\n".to_owned(), "alerts.yaml:2:24: a border has 2 different corners (from 3 to 1000)"),
        ("geofences:\n  - {name: f, geometry: {type: MultiPolygon, coordinates: []}}\n".to_owned(), "alerts.yaml:2:25: a geometry of type `MultiPolygon` is no area (write a `Polygon`; for several, one area each)"),
        ("geofences:\n  - {name: f, geometry: {type: Polygon, coordinates: [[[0,0],[0,1],[1,1]],[[0,0],[0,1],[1,1]]]}}\n".to_owned(), "alerts.yaml:2:54: the polygon has 2 rings (write one ring, `[[[longitude, latitude], ...]]`; holes are not supported)"),
        ("actions:\n  - {name: a}\n".to_owned(), "alerts.yaml:2:5: action `a` should have one of `webhook` and `email` (two ways are two actions)"),
        ("actions:\n  - {name: a, webhook: {url: 'ftp://x'}}\n".to_owned(), "alerts.yaml:2:30: `url` has the scheme `ftp`, not http or https (write it like `https://alerts.example.org/hook`)"),
        ("actions:\n  - {name: a, webhook: {}}\n".to_owned(), "alerts.yaml:2:24: `webhook` should have one of `url` and `url-from` (an address that is itself a secret, such as Slack's, comes from a variable: `url-from`)"),
        ("actions:\n  - {name: a, webhook: {shape: pagerduty}}\n".to_owned(), "alerts.yaml:2:24: `webhook` of shape `pagerduty` has no `routing-key-from` (write `routing-key-from: PAGERDUTY_ROUTING_KEY`)"),
        ("actions:\n  - {name: a, webhook: {url: 'http://x', secret-from: 's3cr3t!'}}\n".to_owned(), "alerts.yaml: line 2: `secret-from` is not the name of an environment variable (write the variable's name, such as `CITYTWIN_SECRET`, never the secret)"),
        ("actions:\n  - {name: a, email: {smtp: 'mail', from: a@b, to: c@d}}\n".to_owned(), "alerts.yaml:2:29: `smtp` is no mail server (write it like `smtp://mail.example.org:587` or `smtps://mail.example.org:465`, without user and password)"),
        ("actions:\n  - {name: a, email: {smtp: 'smtp://m', from: 'a@b, x@y', to: c@d}}\n".to_owned(), "alerts.yaml:2:47: `a@b, x@y` is no e-mail address (write it like `someone@example.org` or `Control room <someone@example.org>`)"),
        ("actions:\n  - {name: a, email: {smtp: 'smtp://m', from: a@b, to: c@d, user-from: U}}\n".to_owned(), "alerts.yaml:2:22: `email` has only one of `user-from` and `password-from` (write both, or neither if the server asks for none)"),
    ];
    for (text, expected) in cases {
        match parsed(&text) {
            Ok(_) => panic!("accepted: {text}"),
            Err(problems) => assert_eq!(problems, [expected], "{text}"),
        }
    }
}

#[test]
fn several_mistakes_come_together_in_reading_order() {
    let text =
        "rules:\n  - {name: a, metric: x, operator: '~', threshold: 1, severity: bad}\n  - 7\nactions: [{name: b}]\n";
    let problems = parsed(text).expect_err("many");
    assert_eq!(problems.len(), 5, "{problems:#?}");
    let mut sorted = problems.clone();
    sorted.sort();
    assert_eq!(problems, sorted);
    assert!(problems.iter().all(|problem| !problem.ends_with('.')));
}

#[test]
fn there_may_be_a_thousand_rules_and_no_more() {
    let line = |n: usize| format!("  - {{name: r{n}, event: call}}\n");
    let file = |count: usize| format!("events:\n{}", (0..count).map(line).collect::<String>());
    assert_eq!(parsed(&file(RULES_MAX)).map(|rules| rules.events.len()), Ok(RULES_MAX));
    assert!(parsed(&file(RULES_MAX + 1)).expect_err("too many")[0].contains("has 1001 entries, more than 1000"));
}

#[test]
fn nonsense_is_refused_and_never_a_panic() {
    let pieces = [
        "rules:",
        "\n  - ",
        "{",
        "}",
        "[",
        "]",
        ": ",
        "name",
        "metric",
        "road.level",
        "'",
        "actions",
        "&a ",
        "*a",
        "\u{0}",
        "1e999",
        "null",
    ];
    let mut draw: u64 = 7;
    for _ in 0..2_000 {
        let mut text = String::new();
        for _ in 0..12 {
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(pieces[usize::try_from(draw >> 33).expect("small") % pieces.len()]);
        }
        let _ = parsed(&text).map_err(|problems| assert!(!problems.is_empty(), "{text:?}"));
    }
}

#[test]
fn the_file_that_comes_along_is_sound() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/alerts.yaml");
    let rules = read(&path).unwrap_or_else(|findings| panic!("{:#?}", findings.problems()));
    assert!(rules.rules.len() + rules.events.len() >= 10);
    assert!(read(Path::new("nowhere.yaml")).is_err());
}
