//! A drill as it is run: people join by PIN, see what their role sees and nothing else, are answered when it is written down, and find
//! everything again when the server was killed.

#![expect(clippy::print_stdout, reason = "how long a server takes to be back is told, not judged")]

#[path = "common/seated.rs"]
mod seated;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use seated::{Player, Served, citytwin, drill_in, text};
use serde_json::{Value, json};
use tungstenite::protocol::frame::coding::CloseCode;

/// Every key that a dispatcher's window may ever receive.
const KEYS: &[&str] = &[
    // What everything is wrapped in.
    "type",
    "view",
    "id",
    "number",
    "said",
    "detail",
    "call",
    "units",
    "reason",
    // Who one is, and how the drill stands.
    "role",
    "title",
    "may",
    "sees",
    "drill",
    "name",
    "question",
    "marking",
    "phase",
    "time_s",
    "t_s",
    "length_s",
    "speed",
    "branch",
    "people",
    "bots",
    "dispatcher",
    "controller",
    // What is said.
    "messages",
    "message",
    "from",
    "by",
    "text",
    "acknowledged_s",
    "declared",
    "what",
    "person",
    // Calls as they were understood, units and hospitals as they reported.
    "calls",
    "status",
    "category",
    "road",
    "lon",
    "lat",
    "received_s",
    "understood_s",
    "unit",
    "hospital",
    "station",
    "seen_s",
    "free",
    "divertible",
    "hospitals",
    "bays",
    "taken",
    "waiting",
    // What is recommended.
    "from_call",
    "travel_s",
    "turnout_s",
];

/// Words that are about the city as it is, about the controller's list, or of no dispatcher's business.
const NEVER: &[&str] = &[
    "Zanzibar",
    "I-01",
    "I-02",
    "I-03",
    "I-04",
    "O-1",
    "inject",
    "expect",
    "objective",
    "truth",
    "incident",
    "\"closed\":",
    "vehicle",
    "convey",
    "seed",
    "outcome",
];

fn keys(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                into.insert(key.clone());
                keys(value, into);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, into)),
        _ => {}
    }
}

/// Nothing that somebody received is other than what a dispatcher may know.
fn assert_knows_no_more(dispatcher: &Player) {
    let mut found = BTreeSet::new();
    for text in &dispatcher.heard {
        keys(&serde_json::from_str(text).expect("JSON"), &mut found);
        for word in NEVER {
            assert!(!text.contains(word), "`{word}`: {text}");
        }
    }
    let allowed: BTreeSet<String> = KEYS.iter().map(|&key| key.to_owned()).collect();
    let more: Vec<_> = found.difference(&allowed).collect();
    assert!(more.is_empty(), "{more:?}");
    assert!(found.contains("calls") && found.contains("units"), "{found:?}");
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Waits until the drill has come to T+0 and knows who sits there.
fn until_seated(player: &mut Player, role: &str, name: &str) -> Value {
    player.view(|view| view["drill"]["people"][role] == json!([name]))
}

#[test]
#[expect(clippy::too_many_lines, reason = "one drill from joining to its end")]
fn a_window_receives_what_its_role_knows_and_nothing_else_answers_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let served = Served::start(&drill_in(folder.path()), &out, &[]);
    let lobby = served.lobby();
    assert_eq!((&lobby["name"], &lobby["branch"]), (&json!("Small drill"), &json!(1)));
    assert_eq!(lobby["roles"][0]["taken"], 0);
    let (dispatcher, controller) = (served.join("dispatcher", "Kim"), served.join("controller", "Lee"));
    let (mut desk, mut control) = (served.sit(&dispatcher), served.sit(&controller));
    let view = until_seated(&mut desk, "dispatcher", "Kim");
    assert_eq!((&view["role"], &view["drill"]["phase"]), (&json!("dispatcher"), &json!("waiting")));
    let truth = until_seated(&mut control, "controller", "Lee");
    assert!(truth["truth"].is_object() && truth["injects"].as_array().is_some_and(|list| list.len() == 4), "{truth}");

    // Everything else is closed to it, and to strangers; the page and its health are not.
    let others = [
        "GET /api/v1",
        "GET /api/v1/sessions",
        "GET /api/v1/sessions/live",
        "GET /api/v1/map/roads",
        "GET /api/v1/indicators",
        "GET /api/v1/me",
        "GET /api/emergencies/active",
        "GET /api/v1/finished",
        "GET /metrics",
        "GET /ws/realtime",
        "POST /api/v1/sessions/live/facts",
        "PUT /api/v1/sessions/live/clock",
        "POST /api/graphql",
        "GET /api/v1/openapi.json",
        "GET /api/v1/drill/../sessions",
    ];
    for line in others {
        let stranger = served.ask(line, None, "{}").0;
        let player = served.ask(line, Some(&dispatcher), "{}").0;
        assert!([401, 400].contains(&stranger) && [403, 400].contains(&player), "{line}: {stranger} {player}");
    }
    let map = served.ask("GET /api/v1/drill/map", Some(&dispatcher), "");
    assert!(map.0 == 200 && map.1.contains("LineString"), "{map:?}");
    assert_eq!(served.ask("GET /api/v1/drill/map", None, "").0, 401);
    assert_eq!(served.ask("GET /ws/drill", None, "").0, 401);
    assert_eq!(served.ask("GET /api/v1/sessions/live", Some(&controller), "").0, 200);
    let order = served.ask("PUT /api/v1/sessions/live/clock", Some(&controller), "\"resume\"");
    assert_eq!(order.0, 409, "the clock is in the log or nowhere: {order:?}");
    for body in [format!("{{\"key\":\"{dispatcher}\"}}"), format!("{{\"key\":\"{controller}\"}}")] {
        assert_eq!(served.ask("POST /api/v1/login", None, &body).0, 401, "a seat is no key");
    }
    assert_eq!(served.try_sit("seat_00000000000000000000000000000000", None).err(), Some(401));
    assert_eq!(served.try_sit(&dispatcher, Some("http://evil.example")).err(), Some(403));
    let page = format!("http://{}", served.address);
    assert!(served.try_sit(&dispatcher, Some(&page)).is_ok());

    // It may do what its role may; whoever tries more hears its own words back.
    let mut tries = served.sit(&dispatcher);
    for (id, what) in [
        ("x-1", json!({"type":"clock","order":"resume"})),
        ("x-2", json!({"type":"rewind","to_s":25_320.0})),
        ("x-3", json!({"type":"act","action":{"do":"deliver","inject":"I-03"}})),
        ("x-4", json!({"type":"act","action":{"do":"hand","role":"controller","bot":true}})),
        ("x-5", json!({"type":"act","action":{"do":"end"}})),
        ("x-6", json!({"type":"act","action":{"do":"fly","unit":"A1"}})),
        ("x-7", json!({"type":"act","action":{"do":"assign","unit":"A1","call":1,"as":"controller"}})),
        ("x-8", json!({"type":"act","action":{"do":"note","text":"a".repeat(1_001)}})),
        ("x-9", json!({"type":"recommend","call":4_000_000})),
    ] {
        let refused = tries.answered(id, what);
        assert_eq!(refused["type"], "refused", "{refused}");
    }
    assert_eq!(served.lobby()["phase"], "waiting");

    // Once a thing is answered it is on the disk, and an id is one thing.
    let path = out.join("branch-1/actions.jsonl");
    let note = json!({"type":"act","action":{"do":"note","text":"first"}});
    let done = desk.answered("n-1", note.clone());
    assert_eq!(done["type"], "done", "{done}");
    let last = lines(&path).pop().expect("a line");
    assert_eq!((&last["id"], &last["said"], &last["number"]), (&json!("n-1"), &done["said"], &done["number"]));
    let before = std::fs::read(&path).expect("the log");
    assert_eq!(desk.answered("n-1", note), done, "the same again");
    let other = desk.answered("n-1", json!({"type":"act","action":{"do":"note","text":"second"}}));
    assert_eq!(other["type"], "refused", "{other}");
    let other = control.answered("n-1", json!({"type":"clock","order":{"speed":1e9}}));
    assert_eq!(other["type"], "refused", "{other}");
    assert_eq!(std::fs::read(&path).expect("the log"), before, "what is refused leaves nothing behind");

    // It is played to its end.
    assert_eq!(served.ask("GET /api/v1/drill/files/log.jsonl", Some(&dispatcher), "").0, 409);
    assert_eq!(served.ask("GET /api/v1/drill/files/actions.jsonl", Some(&controller), "").0, 200);
    // A window that nobody reads is closed after a while.
    let (mut desk, mut control) = (served.sit(&dispatcher), served.sit(&controller));
    control.clock(&json!({"speed":10.0}));
    control.clock(&json!("resume"));
    let told = desk.view(|view| view["messages"].as_array().is_some_and(|messages| !messages.is_empty()));
    assert_eq!(told["messages"][0]["text"], "Good morning, the desk is yours.");
    desk.act(&json!({"do":"acknowledge","message":told["messages"][0]["message"]}));
    served.sit(&controller).clock(&json!({"speed":null}));
    desk.until_over();
    assert_knows_no_more(&desk);
    let (status, review) = served.ask("GET /api/v1/drill/files/after-action.json", Some(&dispatcher), "");
    assert_eq!(status, 200, "{review}");
    assert_eq!(served.ask("GET /api/v1/drill/files/after-action.html", Some(&dispatcher), "").0, 200);
    assert_eq!(served.ask("GET /api/v1/drill/files/after-action.html", None, "").0, 401);
    for name in ["seats.jsonl", "manifest.json", "..%2fseats.jsonl", "state"] {
        let status = served.ask(&format!("GET /api/v1/drill/files/{name}"), Some(&controller), "").0;
        assert!([400, 404].contains(&status), "{name}: {status}");
    }
    let mut control = served.sit(&controller);
    let done = control
        .answered("r-1", json!({"type":"act","action":{"do":"rate","objective":"O-1","rating":"P","note":null}}));
    assert_eq!(done["type"], "done", "objectives are rated when it is over: {done}");

    // Whoever does not keep to the rules is sent away.
    let mut deep = served.sit(&dispatcher);
    deep.say(&format!("{{\"type\":\"act\",\"id\":\"d\",\"action\":{}{}}}", "[".repeat(4_000), "]".repeat(4_000)));
    assert_eq!(deep.until_closed(), Some(CloseCode::Policy));
    let mut long = served.sit(&dispatcher);
    long.say(&format!(
        "{{\"type\":\"act\",\"id\":\"d\",\"action\":{{\"do\":\"note\",\"text\":\"{}\"}}}}",
        "a".repeat(20_000)
    ));
    assert_eq!(long.until_closed(), Some(CloseCode::Size));
    let mut loud = served.sit(&dispatcher);
    for n in 0..100 {
        loud.say(&format!("{{\"type\":\"ping\",\"n\":{n}}}"));
    }
    assert_eq!(loud.until_closed(), Some(CloseCode::Policy));

    // PINs are guessed slowly.
    let mut wrong = 0;
    while served.try_join("not a pin", "Eve").0 == 401 {
        wrong += 1;
        assert!(wrong < 50, "whoever guesses is slowed down");
    }
    assert!(wrong >= 5, "{wrong}");
    assert_eq!(served.try_join(served.pin("controller"), "Eve").0, 429, "not even with the right one");
    assert_eq!(
        served.ask("GET /api/v1/drill/files/log.jsonl", Some(&dispatcher), "").0,
        200,
        "whoever sits is not kept out"
    );
    let (status, said) = served.interrupt();
    assert!(status.success(), "{said}");
    assert!(!said.contains("trouble"), "{said}");
}

#[expect(clippy::disallowed_methods, reason = "how long a server takes to be back is about the time on the wall")]
fn now() -> Instant {
    Instant::now()
}

/// Actions of a log by their ids: each is there once.
fn ids(path: &Path) -> Vec<String> {
    let ids: Vec<String> = lines(path).iter().filter_map(|line| line["id"].as_str().map(str::to_owned)).collect();
    let once: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(once.len(), ids.len(), "nothing twice: {ids:?}");
    ids
}

/// In the review of a branch that was ended early, bots have had no later call either, though they played the whole drill.
fn assert_bots_end_with_the_branch(out: &Path) {
    let read = |name: &str| -> Value {
        serde_json::from_slice(&std::fs::read(out.join(name)).expect("a file")).expect("JSON")
    };
    let (review, whole) = (read("branch-2/after-action.json"), read("baseline.json"));
    let ended_ms = review["about"]["ended_s"].as_f64().expect("an end") * 1000.0;
    assert!(ended_ms < whole["ended"].as_f64().expect("an end"), "{}", review["about"]);
    let rang = |call: &&Value| call["call"]["chain"][0].as_f64().is_some_and(|at| at <= ended_ms);
    let since = |call: &&Value| call["call"]["chain"][0].as_f64() >= whole["start"].as_f64();
    let calls = whole["calls"].as_array().expect("calls").iter().filter(since).filter(rang).count();
    assert_eq!(review["about"]["calls_by_bots"], calls);
    let met: u64 = ["met", "late", "missed", "open"]
        .iter()
        .filter_map(|state| review["expectations_by_bots"][state].as_u64())
        .sum();
    let asked =
        |inject: &&Value| inject["expect"].is_object() && inject["delivered"].as_f64().is_some_and(|at| at <= ended_ms);
    assert_eq!(
        usize::try_from(met).ok(),
        Some(whole["injects"].as_array().expect("injects").iter().filter(asked).count())
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "one drill from joining to its end")]
fn a_drill_whose_server_was_killed_goes_on_and_is_made_again_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let (drill, out) = (drill_in(folder.path()), folder.path().join("out"));
    let served = Served::start(&drill, &out, &[]);
    let pin = served.pin("dispatcher").to_owned();
    let (dispatcher, controller) = (served.join("dispatcher", "Kim"), served.join("controller", "Lee"));
    let (mut desk, mut control) = (served.sit(&dispatcher), served.sit(&controller));
    until_seated(&mut control, "controller", "Lee");
    control.clock(&json!({"speed":20.0}));
    control.clock(&json!("resume"));
    desk.view(|view| view["drill"]["t_s"].as_f64().is_some_and(|t| t > 70.0));
    desk.act(&json!({"do":"acknowledge","message":1}));
    let waiting = desk.view(|view| {
        view["calls"].as_array().is_some_and(|calls| calls.iter().any(|call| call["status"] == "waiting"))
    });
    let calls = waiting["calls"].as_array().expect("calls");
    let call = &calls.iter().find(|call| call["status"] == "waiting").expect("one waits")["call"];
    let recommended = desk.answered("rec", json!({"type":"recommend","call":call}));
    let unit = &recommended["units"][0]["unit"];
    assert!(unit.is_string(), "{recommended}");
    let sent = desk.answered("send", json!({"type":"act","action":{"do":"assign","unit":unit,"call":call}}));
    assert_eq!(sent["type"], "done", "{sent}");
    let mut control = served.sit(&controller);
    control.clock(&json!({"speed":4.0}));
    let view = control.view(|view| view["drill"]["t_s"].as_f64().is_some_and(|t| t > 130.0));
    let noted = control.answered("last", json!({"type":"act","action":{"do":"note","text":"and now the plug"}}));
    assert_eq!(noted["type"], "done", "{noted}");
    let path = out.join("branch-1/actions.jsonl");
    let known = ids(&path);
    served.kill();
    // What was being written when the plug was pulled is no line.
    let mut log = std::fs::OpenOptions::new().append(true).open(&path).expect("the log");
    std::io::Write::write_all(&mut log, b"{\"number\":99,\"ti").expect("written");

    let began = now();
    let served = Served::start(&drill, &out, &[]);
    let (mut desk, mut control) = (served.sit(&dispatcher), served.sit(&controller));
    let back = desk.view(|_| true);
    let took = began.elapsed();
    println!("back after {:.1} s in a debug build", took.as_secs_f64());
    assert!(took < Duration::from_mins(2), "{took:?}");
    assert!(back["drill"]["time_s"].as_f64() >= view["drill"]["time_s"].as_f64(), "{back}");
    assert_eq!((&back["drill"]["phase"], &back["drill"]["speed"]), (&json!("running"), &json!(4.0)), "as it went");
    assert_eq!(back["drill"]["people"]["dispatcher"], json!(["Kim"]));
    control.clock(&json!("pause"));
    assert_eq!(desk.answered("send", json!({"type":"act","action":{"do":"assign","unit":unit,"call":call}})), sent);
    let again = control.answered("last", json!({"type":"act","action":{"do":"note","text":"and now the plug"}}));
    assert_eq!(again, noted, "the same id is the same thing, also after a restart");
    let after = ids(&path);
    assert!(known.iter().all(|id| after.contains(id)) && after.len() == known.len() + 1, "{known:?} {after:?}");
    let (status, joined) = served.try_join(&pin, "Kim");
    assert!([200, 409].contains(&status), "the PIN still holds: {joined}");

    // Back in time, on a branch of its own; nothing of the old one is touched.
    let old: Vec<_> = ["actions.jsonl", "log.jsonl"]
        .map(|name| std::fs::read(out.join("branch-1").join(name)).expect("a log"))
        .into();
    let to = back["drill"]["time_s"].as_f64().expect("a time") - 60.0;
    let rewound = control.answered("back", json!({"type":"rewind","to_s":to}));
    assert_eq!(rewound["type"], "done", "{rewound}");
    let view = desk.view(|view| view["drill"]["branch"] == 2);
    assert!(view["drill"]["time_s"].as_f64().is_some_and(|now| (now - to).abs() <= 1.0), "{view} {to}");
    assert_eq!(view["drill"]["phase"], "paused");
    assert_eq!(control.answered("back", json!({"type":"rewind","to_s":to})), rewound, "once");
    assert!(!out.join("branch-3").exists());
    // And killed again right there.
    served.kill();
    let served = Served::start(&drill, &out, &[]);
    let (mut desk, mut control) = (served.sit(&dispatcher), served.sit(&controller));
    let back = desk.view(|_| true);
    assert_eq!((&back["drill"]["branch"], &back["drill"]["phase"]), (&json!(2), &json!("paused")), "{back}");
    assert_eq!(back["drill"]["speed"], 4.0, "the pace of before going back: {back}");
    assert!(back["drill"]["time_s"].as_f64().is_some_and(|now| (now - to).abs() <= 1.0), "{back} {to}");
    control.clock(&json!({"step":40}));
    // It is ended before its time: bots are measured until then as well.
    control.view(|view| view["drill"]["phase"] == "paused" && view["drill"]["time_s"].as_f64() > Some(to + 5.0));
    control.act(&json!({"do":"end"}));
    control.until_over();
    let said = served.interrupt().1;
    assert_bots_end_with_the_branch(&out);
    assert!(!said.contains("trouble"), "{said}");
    let new: Vec<_> = ["actions.jsonl", "log.jsonl"]
        .map(|name| std::fs::read(out.join("branch-1").join(name)).expect("a log"))
        .into();
    assert!(old == new, "the branch that was left is as it was");

    // From its file, its seed and its log it is made again, byte for byte.
    let made = citytwin(&["drill", "again", &out.display().to_string()]);
    let said = text(&made.stderr);
    assert!(made.status.success(), "{said}");
    for name in ["branch-2/after-action.json", "branch-2/after-action.html", "branch-2/log.jsonl"] {
        assert!(said.contains(&format!("the same: {name}")), "{said}");
    }
    assert!(!said.contains("branch-1"), "a branch that was left has no review: {said}");
}

#[test]
fn bots_play_alone_and_strangers_are_asked_for_longer_pins() {
    let folder = tempfile::tempdir().expect("a folder");
    let (drill, out) = (drill_in(folder.path()), folder.path().join("bots"));
    let (drill_word, out_word) = (drill.display().to_string(), out.display().to_string());
    let made = citytwin(&["drill", &drill_word, "--bots", "--out", &out_word]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert_eq!(text(&made.stdout).trim(), out_word);
    for name in ["manifest.json", "drill.yaml", "baseline.json", "branch-1/after-action.html", "branch-1/log.jsonl"] {
        assert!(out.join(name).exists(), "{name}");
    }
    let again = citytwin(&["drill", "again", &out_word]);
    assert!(again.status.success(), "{}", text(&again.stderr));
    let twice = citytwin(&["drill", &drill_word, "--bots", "--out", &out_word]);
    assert_eq!(twice.status.code(), Some(1), "{}", text(&twice.stderr));

    // Beyond this machine nothing goes over the net in plain words.
    let open = citytwin(&["drill", &drill_word, "--listen", "0.0.0.0:0", "--out", &out_word]);
    assert_eq!(open.status.code(), Some(2));
    assert!(text(&open.stderr).contains("tls"), "{}", text(&open.stderr));
    let access = folder.path().join("access.yaml");
    std::fs::write(&access, "tls: behind-proxy\n").expect("a file");
    let proxied = folder.path().join("proxied");
    let served = Served::start(&drill, &proxied, &["--access", &access.display().to_string()]);
    assert_eq!((served.pin("dispatcher").len(), served.pin("controller").len()), (8, 8), "{}", served.said());
    served.kill();
    let served = Served::start(&drill, &proxied, &[]);
    assert!(served.said().contains("PINs are those told"), "{}", served.said());
    served.kill();
    // Another drill does not go on in its folder.
    let other =
        citytwin(&["drill", &drill_word, "--seed", "99", "--out", &proxied.display().to_string(), "--port", "0"]);
    assert_eq!(other.status.code(), Some(1));
    assert!(text(&other.stderr).contains("another seed"), "{}", text(&other.stderr));
}
