//! The deliverer from outside: against a server and a mailbox of the test's own, which fail as they are told.

mod asked;

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use super::*;
use crate::pipeline::alerting::alert::{Alert, AlertState};
use crate::pipeline::alerting::outbox::{DEAD_LETTERS, DeadLetter, RETRIES, requeue};
use crate::pipeline::alerting::signature::verify;
use crate::pipeline::stores::tables::MemoryTables;
use crate::primitives::SimDuration;
use crate::primitives::text::Place;
use crate::telemetry::reading::Severity;

/// How long a test waits for what must come.
const DEADLINE: Duration = Duration::from_secs(30);
/// How long the deliverer waits for a server that does not answer.
const LIMIT: Duration = Duration::from_secs(2);
/// A Tuesday morning [ms].
const MORNING: i64 = 1_780_380_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::milliseconds(MORNING + seconds * 1000)
}

fn alert(id: &str, state: AlertState) -> Alert {
    Alert {
        id: id.to_owned(),
        rule: Text::from("Slow roads"),
        state,
        severity: Severity::High,
        subject: Text::from("A <1> & \"2\""),
        road: Some(Text::from("A1")),
        geofence: None,
        latitude: Some(52.5),
        longitude: Some(13.4),
        looks_at: "road.speed_kmh".to_owned(),
        value: Some(8.0),
        threshold: Some(10.0),
        unit: "km/h".to_owned(),
        since: at(0),
        until: None,
        raised: at(1),
        says: "it is slow".to_owned(),
    }
}

fn notice(number: u64, action: &str, id: &str) -> Notice {
    Notice::new(number, &Text::from(action), &alert(id, AlertState::Firing), at(0))
}

fn stored(tables: &dyn Tables, number: u64) -> Notice {
    let json = tables.get(OUTBOX, &key(number)).expect("memory").expect("a notice");
    serde_json::from_slice(&json).expect("a notice")
}

fn outbox(tables: &dyn Tables, notices: &[Notice]) {
    tables.put(&notices.iter().map(Notice::row).collect::<Vec<_>>()).expect("memory");
}

/// A courier that answers as it is told, and remembers what it was given; without an answer left it holds until the test is over.
#[derive(Debug, Default)]
struct Told {
    answers: Mutex<VecDeque<Outcome>>,
    given: Mutex<Vec<String>>,
    always: Option<Outcome>,
}

impl Courier for Told {
    fn body(&self, notice: &Notice) -> String {
        notice.id.clone()
    }

    fn carry(&self, notice: &Notice, _: Timestamp) -> Outcome {
        self.given.lock().unwrap_or_else(PoisonError::into_inner).push(notice.id.clone());
        let answer = self.answers.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        match answer.or_else(|| self.always.clone()) {
            Some(answer) => answer,
            None => loop {
                std::thread::park();
            },
        }
    }
}

impl Told {
    fn always(outcome: Outcome) -> Arc<Self> {
        Arc::new(Self { always: Some(outcome), ..Self::default() })
    }

    fn given(&self) -> Vec<String> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn again() -> Outcome {
    Outcome::Again { reason: "not now".to_owned(), after: None }
}

fn with(couriers: &[(&str, &Arc<Told>)]) -> Deliverer {
    let lanes = couriers.iter().map(|(name, courier)| (Text::from(*name), Arc::clone(courier) as Arc<dyn Courier>));
    Deliverer::with(lanes.collect())
}

/// Turns until nothing that can end is under way; the sum of what the turns did.
fn turn(deliverer: &mut Deliverer, tables: &dyn Tables, now: Timestamp, stuck: usize) -> Turned {
    let mut sum = Turned::default();
    loop {
        let turned = deliverer.turn(tables, now).expect("memory");
        sum = Turned {
            delivered: sum.delivered + turned.delivered,
            failed: sum.failed + turned.failed,
            dead: sum.dead + turned.dead,
            unreadable: sum.unreadable + turned.unreadable,
            ..turned
        };
        if turned.flying <= stuck {
            return sum;
        }
        assert!(deliverer.wait(DEADLINE), "a try never ended");
    }
}

#[test]
fn tries_come_further_and_further_apart_and_then_end() {
    let (tables, courier) = (MemoryTables::default(), Told::always(again()));
    let mut deliverer = with(&[("hook", &courier)]);
    outbox(&tables, &[notice(0, "hook", "a")]);
    let mut now = at(0);
    let mut waits = Vec::new();
    let dead = loop {
        let turned = turn(&mut deliverer, &tables, now, 0);
        if turned.dead > 0 {
            break turned;
        }
        assert_eq!(turned.failed, 1);
        let next = turned.next.expect("another try");
        waits.push(next.since(now).as_milliseconds() / 1000);
        now = next;
    };
    assert_eq!(waits, RETRIES);
    assert_eq!((dead.waiting, dead.next, courier.given().len()), (0, None, 6));
    let kept = stored(&tables, 0);
    assert_eq!((kept.state, kept.attempts, kept.last_error.as_deref()), (NoticeState::Dead, 6, Some("not now")));
    let letter = tables.get(DEAD_LETTERS, &key(0)).expect("memory").expect("a letter");
    let letter: DeadLetter = serde_json::from_slice(&letter).expect("a letter");
    assert_eq!((letter.body.as_str(), letter.requeued), ("a-firing", None));
    // It is taken up again: by the deliverer that runs, and by one that starts.
    for starts in [false, true] {
        assert!(requeue(&tables, 0, now).expect("memory"));
        assert!(!requeue(&tables, 0, now).expect("memory"), "once is enough");
        if starts {
            deliverer = with(&[("hook", &courier)]);
        }
        let before = courier.given().len();
        while stored(&tables, 0).state == NoticeState::Pending {
            now = turn(&mut deliverer, &tables, now, 0).next.unwrap_or(now);
        }
        assert_eq!(courier.given().len() - before, 6);
    }
    assert!(!requeue(&tables, 7, now).expect("memory"), "there is no such letter");
}

#[test]
fn the_other_side_may_want_to_be_left_alone_and_may_be_sure() {
    let cases = [
        (Outcome::Again { reason: String::new(), after: Some(90) }, NoticeState::Pending, Some(90)),
        (Outcome::Again { reason: String::new(), after: Some(u32::MAX) }, NoticeState::Pending, Some(3600)),
        (Outcome::Never { reason: "no".to_owned() }, NoticeState::Dead, None),
        (Outcome::Delivered, NoticeState::Delivered, None),
    ];
    for (outcome, state, wait) in cases {
        let (tables, courier) = (MemoryTables::default(), Told::always(outcome));
        let mut deliverer = with(&[("hook", &courier)]);
        outbox(&tables, &[notice(0, "hook", "a")]);
        let turned = turn(&mut deliverer, &tables, at(0), 0);
        assert_eq!(stored(&tables, 0).state, state);
        assert_eq!(turned.next, wait.map(at));
    }
}

#[test]
fn who_does_not_answer_holds_up_nobody_else() {
    let (tables, stuck, quick) = (MemoryTables::default(), Arc::new(Told::default()), Told::always(Outcome::Delivered));
    let mut deliverer = with(&[("stuck", &stuck), ("quick", &quick)]);
    let notices: Vec<Notice> = (0..1_300)
        .map(|number| notice(number, if number < 1_200 { "stuck" } else { "quick" }, &format!("{number}")))
        .collect();
    outbox(&tables, &notices);
    let mut delivered = 0;
    while delivered < 100 {
        delivered += deliverer.turn(&tables, at(0)).expect("memory").delivered;
        if delivered < 100 {
            assert!(deliverer.wait(DEADLINE));
        }
    }
    assert!(stuck.given().len() <= 4, "a few tries of an action at a time");
    // Whoever starts anew finds what is not settled, and only that.
    let fresh = Told::always(Outcome::Delivered);
    let mut deliverer = with(&[("stuck", &fresh), ("quick", &quick)]);
    let turned = turn(&mut deliverer, &tables, at(0), 0);
    assert_eq!((turned.delivered, fresh.given().len(), quick.given().len()), (1_200, 1_200, 100));
    assert_eq!(turn(&mut deliverer, &tables, at(0), 0), Turned::default());
}

#[test]
fn an_action_that_is_away_is_probed_and_its_notices_keep_their_tries() {
    let courier = Arc::new(Told { always: Some(Outcome::Delivered), ..Told::default() });
    courier.answers.lock().expect("a lock").extend((0..12).map(|_| again()));
    let (tables, mut deliverer) = (MemoryTables::default(), with(&[("hook", &courier)]));
    outbox(&tables, &(0..50).map(|number| notice(number, "hook", &format!("{number}"))).collect::<Vec<_>>());
    let (mut now, mut delivered) = (at(0), 0);
    while delivered < 50 {
        let turned = turn(&mut deliverer, &tables, now, 0);
        delivered += turned.delivered;
        assert_eq!(turned.dead, 0);
        now = turned.next.unwrap_or(now);
        assert!(now.since(at(0)) < SimDuration::seconds(200.0), "it is back and nobody notices");
    }
    assert_eq!(courier.given().len(), 62);
    assert!((0..50).all(|number| stored(&tables, number).attempts <= 2), "whoever has most tries left probes");
    assert!(now.since(at(0)) >= SimDuration::seconds(60.0), "probes have time between them");
}

#[test]
fn a_resolution_never_overtakes_its_alert() {
    let courier = Arc::new(Told { always: Some(Outcome::Delivered), ..Told::default() });
    courier.answers.lock().expect("a lock").extend([again(), again()]);
    let (tables, mut deliverer) = (MemoryTables::default(), with(&[("hook", &courier)]));
    let over = Notice::new(1, &Text::from("hook"), &alert("a", AlertState::Resolved), at(0));
    outbox(&tables, &[notice(0, "hook", "a"), over]);
    let mut now = at(0);
    while stored(&tables, 1).state == NoticeState::Pending {
        now = turn(&mut deliverer, &tables, now, 0).next.unwrap_or(now);
    }
    assert_eq!(courier.given(), ["a-firing", "a-firing", "a-firing", "a-resolved"]);
}

#[test]
fn what_nobody_can_deliver_is_not_lost() {
    let (tables, courier) = (MemoryTables::default(), Told::always(Outcome::Delivered));
    let mut deliverer = with(&[("hook", &courier)]);
    outbox(&tables, &[notice(0, "gone", "a"), notice(1, "hook", "b")]);
    tables.put(&[Row { table: OUTBOX.to_owned(), key: key(2), json: b"{".to_vec() }]).expect("memory");
    let turned = turn(&mut deliverer, &tables, at(0), 0);
    assert_eq!((turned.dead, turned.delivered, turned.unreadable), (1, 1, 1));
    assert!(stored(&tables, 0).last_error.is_some_and(|error| error.contains("there is no action `gone`")));
}

/// One request as it came.
#[derive(Debug, Default)]
struct Request {
    head: Vec<String>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> &str {
        let line =
            self.head.iter().find_map(|line| line.split_once(": ").filter(|pair| pair.0.eq_ignore_ascii_case(name)));
        line.map(|pair| pair.1).unwrap_or_default()
    }
}

/// A server that gives these answers to as many connections; nothing at all where an answer is none.
fn server(answers: Vec<Option<Vec<u8>>>) -> (SocketAddr, JoinHandle<Vec<Request>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let serve = move || {
        let (mut requests, mut held) = (Vec::new(), Vec::new());
        for answer in answers {
            let (stream, _) = listener.accept().expect("a connection");
            stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
            requests.push(take(&stream));
            match answer {
                Some(answer) => drop((&stream).write_all(&answer)),
                None => held.push(stream),
            }
        }
        requests
    };
    (address, std::thread::spawn(serve))
}

fn take(stream: impl std::io::Read) -> Request {
    let (mut reader, mut request) = (BufReader::new(stream), Request::default());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
            break;
        }
        request.head.push(line.trim_end().to_owned());
    }
    request.body = vec![0; request.header("content-length").parse().unwrap_or(0)];
    let _ = reader.read_exact(&mut request.body);
    request
}

fn deliverer(text: &str) -> Deliverer {
    let rules = crate::pipeline::alerting::parse(text, &Place::file("alerts.yaml"));
    let rules = rules.unwrap_or_else(|findings| panic!("{:?}", findings.problems()));
    let secret = |name: &str| (name == "SECRET").then(|| "hush".to_owned());
    Deliverer::patient(&rules, &secret, LIMIT).unwrap_or_else(|wrong| panic!("{wrong:?}"))
}

/// Sends one notice to a server that answers so; what became of the notice, and what came.
fn post(keys: &str, answer: &[u8]) -> (Notice, Request) {
    let (address, served) = server(vec![Some(answer.to_vec())]);
    let text = format!("actions: [{{name: hook, webhook: {{url: 'http://{address}/x?token=private', {keys}}}}}]");
    let (tables, mut deliverer) = (MemoryTables::default(), deliverer(&text));
    outbox(&tables, &[notice(0, "hook", "01ARYZ6S41AAAAAAAAAAAAAAAA")]);
    turn(&mut deliverer, &tables, at(5), 0);
    let mut requests = served.join().expect("a server");
    (stored(&tables, 0), requests.remove(0))
}

const OK: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

#[test]
fn a_webhook_is_signed_and_says_everything() {
    let (kept, request) = post("secret-from: SECRET", OK);
    assert_eq!(kept.state, NoticeState::Delivered, "{:?}", kept.last_error);
    assert_eq!(request.head[0], "POST /x?token=private HTTP/1.1");
    assert_eq!(request.header("content-type"), "application/json");
    assert_eq!(request.header("x-citytwin-event-id"), "01ARYZ6S41AAAAAAAAAAAAAAAA-firing");
    let (timestamp, signature) = (request.header("x-citytwin-timestamp"), request.header("x-citytwin-signature"));
    assert_eq!(timestamp, "1780380005");
    assert!(verify(b"hush", timestamp, &request.body, signature), "{signature}");
    let body: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
    assert_eq!((body["event"].as_str(), body["alert"]["value"].as_f64()), (Some("alert.firing"), Some(8.0)));
}

#[test]
fn slack_and_pagerduty_get_what_they_take() {
    let (kept, request) = post("shape: slack", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!(kept.state, NoticeState::Delivered);
    let body: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
    assert_eq!(body["text"], "[HIGH] Slow roads: A &lt;1&gt; &amp; \"2\"");
    assert_eq!(body["blocks"][0]["text"]["type"], "plain_text");
    assert_eq!(request.header("x-citytwin-signature"), "");
    let (kept, request) = post("shape: pagerduty, routing-key-from: SECRET", b"HTTP/1.1 202 Accepted\r\n\r\n");
    assert_eq!(kept.state, NoticeState::Delivered);
    let body: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
    assert_eq!((body["routing_key"].as_str(), body["event_action"].as_str()), (Some("hush"), Some("trigger")));
    assert_eq!(body["dedup_key"], "01ARYZ6S41AAAAAAAAAAAAAAAA");
    assert_eq!(
        (body["payload"]["severity"].as_str(), body["payload"]["source"].as_str()),
        (Some("error"), Some("citytwin"))
    );
}

#[test]
fn every_answer_means_something() {
    let line = |status: &str| format!("HTTP/1.1 {status}\r\nContent-Length: 4\r\n\r\noops").into_bytes();
    let mut huge = b"HTTP/1.1 500 No\r\nContent-Length: 100000000\r\n\r\n".to_vec();
    huge.extend(vec![b'x'; 1 << 20]);
    let mut headers = b"HTTP/1.1 200 OK\r\n".to_vec();
    headers.extend((0..10_000).flat_map(|n| format!("X-{n}: {n}\r\n").into_bytes()));
    headers.extend(b"\r\n");
    let with =
        |status: &str, header: &str| format!("HTTP/1.1 {status}\r\n{header}\r\nContent-Length: 0\r\n\r\n").into_bytes();
    let cases: Vec<(Vec<u8>, NoticeState, i64)> = vec![
        (line("500 No"), NoticeState::Pending, 1),
        (line("503 No"), NoticeState::Pending, 1),
        (line("408 No"), NoticeState::Pending, 1),
        (line("425 No"), NoticeState::Pending, 1),
        (line("400 No"), NoticeState::Dead, 0),
        (line("401 No"), NoticeState::Dead, 0),
        (line("404 No"), NoticeState::Dead, 0),
        (line("410 No"), NoticeState::Dead, 0),
        (with("429 No", "Retry-After: 17"), NoticeState::Pending, 17),
        (with("503 No", "Retry-After: 999999"), NoticeState::Pending, 3600),
        (with("302 There", "Location: http://169.254.169.254/"), NoticeState::Dead, 0),
        (with("200 OK", "X: y"), NoticeState::Delivered, 0),
        (huge, NoticeState::Pending, 1),
        (headers, NoticeState::Pending, 1),
        (b"SSH-2.0-nonsense\r\n".to_vec(), NoticeState::Pending, 1),
        (b"HTTP/1.1 20".to_vec(), NoticeState::Pending, 1),
        (Vec::new(), NoticeState::Pending, 1),
    ];
    for (answer, state, wait) in cases {
        let (kept, _) = post("secret-from: SECRET", &answer);
        let shown = String::from_utf8_lossy(&answer[..answer.len().min(40)]).into_owned();
        assert_eq!(kept.state, state, "{shown}: {:?}", kept.last_error);
        if state == NoticeState::Pending {
            assert_eq!(kept.next_try, at(5 + wait), "{shown}");
        }
        let error = kept.last_error.unwrap_or_default();
        assert!(!error.contains("private") && !error.contains("hush") && error.len() <= 500, "{error}");
        assert_eq!(error.is_empty(), state == NoticeState::Delivered, "{shown}");
    }
}

#[test]
fn nobody_there_is_tried_again_and_the_neighbourhood_never() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let gone = listener.local_addr().expect("an address");
    drop(listener);
    for (url, state) in [
        (format!("http://{gone}/"), NoticeState::Pending),
        (format!("https://{gone}/"), NoticeState::Pending),
        ("http://169.254.169.254/latest/meta-data".to_owned(), NoticeState::Dead),
        ("http://[fe80::1]/".to_owned(), NoticeState::Dead),
        ("http://[::ffff:a9fe:a9fe]/".to_owned(), NoticeState::Dead),
        ("http://0.0.0.0/".to_owned(), NoticeState::Dead),
    ] {
        let (tables, mut deliverer) =
            (MemoryTables::default(), deliverer(&format!("actions: [{{name: hook, webhook: {{url: '{url}'}}}}]")));
        outbox(&tables, &[notice(0, "hook", "a")]);
        turn(&mut deliverer, &tables, at(0), 0);
        let kept = stored(&tables, 0);
        assert_eq!(kept.state, state, "{url}: {:?}", kept.last_error);
    }
}

#[test]
fn secrets_are_asked_for_at_the_start_and_never_told() {
    let text = "
actions:
  - {name: a, webhook: {url: 'http://a/', secret-from: MISSING}}
  - {name: b, webhook: {url-from: BAD}}
  - {name: c, email: {smtp: 'smtp://b', from: a@b, to: c@d, user-from: MISSING, password-from: OTHER}}
  - {name: d, webhook: {url: 'https://a/', ca: nowhere.pem}}
";
    let rules = crate::pipeline::alerting::parse(text, &Place::file("alerts.yaml")).expect("rules");
    let secret = |name: &str| (name == "BAD").then(|| "ftp://secret".to_owned());
    let wrong = Deliverer::new(&rules, &secret).expect_err("four problems");
    assert_eq!(wrong.len(), 4, "{wrong:?}");
    assert!(wrong[0].contains("`MISSING`") && wrong[1].contains("`BAD`") && wrong[3].contains("nowhere.pem"));
    assert!(wrong.iter().all(|sentence| !sentence.contains("secret")), "{wrong:?}");
    let slack = "actions: [{name: a, webhook: {url-from: URL, secret-from: URL, shape: slack}}]";
    let rules = crate::pipeline::alerting::parse(slack, &Place::file("alerts.yaml")).expect("rules");
    let deliverer =
        Deliverer::new(&rules, &|_| Some("https://hooks.example.org/private".to_owned())).expect("all is there");
    let shown = format!("{deliverer:?} {rules:?}");
    assert!(shown.contains("hooks.example.org") && !shown.contains("private"), "{shown}");
}

#[test]
fn certificates_are_held_against_names() {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, cert.pem()).expect("room");
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a certificate");
    let config = Arc::new(config);
    let known = format!("ca: '{}'", ca.display());
    for (host, keys, state) in [
        ("localhost", known.as_str(), NoticeState::Delivered),
        ("127.0.0.1", known.as_str(), NoticeState::Pending),
        ("localhost", "shape: plain", NoticeState::Pending),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let config = Arc::clone(&config);
        let served = std::thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a connection");
            stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
            let server = rustls::ServerConnection::new(config).expect("a server");
            let mut stream = rustls::StreamOwned::new(server, stream);
            let request = take(&mut stream);
            let _ = stream.write_all(OK);
            stream.conn.send_close_notify();
            let _ = stream.flush();
            request
        });
        let text = format!("actions: [{{name: hook, webhook: {{url: 'https://{host}:{port}/', {keys}}}}}]");
        let (tables, mut deliverer) = (MemoryTables::default(), deliverer(&text));
        outbox(&tables, &[notice(0, "hook", "a")]);
        turn(&mut deliverer, &tables, at(0), 0);
        let kept = stored(&tables, 0);
        assert_eq!(kept.state, state, "{host} {keys}: {:?}", kept.last_error);
        let body = served.join().expect("a server").body;
        assert_eq!(body.is_empty(), state != NoticeState::Delivered, "nothing is said to a stranger");
    }
}

/// A mailbox that takes one message as RFC 5321 has it, or refuses with a line; the envelope and the message.
fn mailbox(refusal: Option<&'static str>) -> (SocketAddr, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let serve = move || {
        let (stream, _) = listener.accept().expect("a connection");
        stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
        let mut lines = Vec::new();
        let say = |line: &str| drop((&stream).write_all(format!("{line}\r\n").as_bytes()));
        say("220 here");
        let mut reader = BufReader::new(&stream);
        let mut in_message = false;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return lines;
            }
            let line = line.trim_end().to_owned();
            match line.get(..4).unwrap_or(&line) {
                _ if in_message => {
                    if line == "." {
                        in_message = false;
                        say("250 taken");
                    }
                }
                "DATA" => {
                    in_message = true;
                    say("354 go on");
                }
                "QUIT" => {
                    say("221 bye");
                    return lines;
                }
                "RCPT" => say(refusal.unwrap_or("250 fine")),
                _ => say("250 fine"),
            }
            lines.push(line);
        }
    };
    (address, std::thread::spawn(serve))
}

#[test]
fn an_e_mail_arrives_whole_and_carries_no_header_of_others() {
    let (address, served) = mailbox(None);
    let text = format!(
        "actions: [{{name: mail, email: {{smtp: 'smtp://{address}', from: City <city@example.org>, to: [a@b.org, c@d.org]}}}}]"
    );
    let (tables, mut deliverer) = (MemoryTables::default(), deliverer(&text));
    let mut bad = alert("a", AlertState::Firing);
    bad.rule = Text::from("Straße\r\nBcc: evil@example.org");
    bad.says = "slow\r\n.\r\nQUIT\r\nRCPT TO:<evil@example.org>".to_owned();
    outbox(&tables, &[Notice::new(0, &Text::from("mail"), &bad, at(0))]);
    turn(&mut deliverer, &tables, at(0), 0);
    assert_eq!(stored(&tables, 0).state, NoticeState::Delivered, "{:?}", stored(&tables, 0).last_error);
    let lines = served.join().expect("a mailbox");
    let to: Vec<&String> = lines.iter().filter(|line| line.starts_with("RCPT")).collect();
    assert_eq!(to, ["RCPT TO:<a@b.org>", "RCPT TO:<c@d.org>"]);
    assert!(lines.iter().any(|line| line.starts_with("Subject: ")));
    assert!(lines.iter().any(|line| line == "Message-ID: <a-firing@citytwin>"), "{lines:?}");
    assert!(lines.iter().any(|line| line == "Date: Tue, 02 Jun 2026 06:00:00 +0000"), "{lines:?}");
    assert!(!lines.iter().any(|line| line.starts_with("Bcc")), "{lines:?}");
}

#[test]
fn a_mail_server_may_be_sure_or_not() {
    for (refusal, state) in [
        ("550 no such person", NoticeState::Dead),
        ("450 later", NoticeState::Pending),
        ("nonsense", NoticeState::Pending),
    ] {
        let (address, served) = mailbox(Some(refusal));
        let text =
            format!("actions: [{{name: mail, email: {{smtp: 'smtp://{address}', from: a@b.org, to: c@d.org}}}}]");
        let (tables, mut deliverer) = (MemoryTables::default(), deliverer(&text));
        outbox(&tables, &[notice(0, "mail", "a")]);
        turn(&mut deliverer, &tables, at(0), 0);
        assert_eq!(stored(&tables, 0).state, state, "{refusal}: {:?}", stored(&tables, 0).last_error);
        drop(served.join().expect("a mailbox"));
    }
}

#[test]
fn a_server_that_never_answers_is_given_up_in_time() {
    let (address, served) = server(vec![None]);
    let text = format!("actions: [{{name: hook, webhook: {{url: 'http://{address}/'}}}}]");
    let (tables, mut deliverer) = (MemoryTables::default(), deliverer(&text));
    outbox(&tables, &[notice(0, "hook", "a")]);
    deliverer.turn(&tables, at(0)).expect("memory");
    served.join().expect("a server");
    turn(&mut deliverer, &tables, at(10), 0);
    let kept = stored(&tables, 0);
    assert_eq!((kept.state, kept.attempts), (NoticeState::Pending, 1), "{:?}", kept.last_error);
}
