//! The API as others meet it: every route over stores in memory, by requests and answers.

#[path = "common/served.rs"]
mod served;

use std::io::Read as _;

use citytwin::pipeline::stores::Stores;
use served::{Shown, ask, city, get};

#[actix_web::test]
async fn the_map_is_made_once_and_sent_compressed_to_whoever_takes_it() {
    let twin = Shown::over(Stores::in_memory());
    let map = get(&twin, "/api/v1/map").await.json();
    let roads = city().0.roads().count();
    assert_eq!(map["roads"]["count"], roads);
    assert_eq!(map["classes"][6], "passenger");
    let bounds: Vec<f64> =
        map["bounds"].as_array().expect("four").iter().filter_map(serde_json::Value::as_f64).collect();
    assert!(bounds[0] < bounds[2] && bounds[1] < bounds[3], "{bounds:?}");
    let answers = ask(
        &twin,
        &[("GET", "/api/v1/map/roads", &[("accept-encoding", "gzip")], ""), ("GET", "/api/v1/map/roads", &[], "")],
    )
    .await;
    assert_eq!(answers[0].header("content-encoding"), Some("gzip"));
    let mut unzipped = Vec::new();
    flate2::read::GzDecoder::new(&answers[0].body[..]).read_to_end(&mut unzipped).expect("it is gzip");
    assert_eq!(unzipped, answers[1].body);
    assert_eq!(answers[1].json()["features"].as_array().map(Vec::len), Some(roads));
    let tag = answers[0].header("etag").expect("it has a tag").to_owned();
    let again = ask(&twin, &[("GET", "/api/v1/map/roads", &[("if-none-match", &tag)], "")]).await;
    assert_eq!((again[0].status, again[0].body.len()), (304, 0));
    let places = get(&twin, "/api/v1/map/places").await.json();
    let kinds: std::collections::BTreeSet<&str> = places["features"]
        .as_array()
        .expect("features")
        .iter()
        .filter_map(|one| one["properties"]["kind"].as_str())
        .collect();
    for kind in ["bus_stop", "hospital", "station", "quarter"] {
        assert!(kinds.contains(kind), "{kinds:?}");
    }
    let signals = get(&twin, "/api/v1/map/signals").await.json();
    assert_eq!(map["signals"]["count"].as_u64(), Some(city().0.signals.len() as u64));
    assert!(!signals["features"].as_array().expect("features").is_empty());
}

#[actix_web::test]
async fn sessions_are_listed_told_and_ended() {
    let twin = Shown::over(Stores::in_memory());
    let fork = r#"{"kind":"fork","of":"live","interventions":[{"kind":"close-road","road":"a"}]}"#;
    let answers = ask(
        &twin,
        &[
            ("GET", "/api/v1/sessions", &[], ""),
            ("PUT", "/api/v1/sessions/live/clock", &[], "\"pause\""),
            ("PUT", "/api/v1/sessions/live/clock", &[], r#"{"speed":{"factor":100.0}}"#),
            ("POST", "/api/v1/sessions/live/jump", &[], "\"next-event\""),
            ("POST", "/api/v1/sessions/live/interventions", &[], r#"{"kind":"close-road","road":"a"}"#),
            ("GET", "/api/v1/sessions/live/interventions", &[], ""),
            ("POST", "/api/v1/sessions", &[], fork),
            ("GET", "/api/v1/sessions/FORK1", &[], ""),
            ("DELETE", "/api/v1/sessions/FORK1", &[], ""),
            ("DELETE", "/api/v1/sessions/live", &[], ""),
            ("GET", "/api/v1/sessions/live/samples", &[], ""),
            ("POST", "/api/v1/sessions/live/facts", &[], r#"{"kind":"road","id":"known"}"#),
            ("POST", "/api/v1/sessions/live/facts", &[], r#"{"kind":"road","id":"other"}"#),
        ],
    )
    .await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 200, 422, 200, 201, 200, 201, 200, 204, 409, 200, 200, 404]);
    assert_eq!(answers[0].json()[0]["id"], "live");
    assert_eq!(answers[1].json()["paused"], true);
    assert_eq!(answers[4].json()["number"], 3);
    assert_eq!(answers[5].json().as_array().map(Vec::len), Some(3));
    assert_eq!(answers[6].header("location"), Some("/api/v1/sessions/FORK1"));
    assert_eq!(answers[11].json()["title"], "Known Road");
}

#[actix_web::test]
async fn what_cannot_be_is_a_problem_that_says_what_to_do() {
    let twin = Shown::over(Stores::in_memory());
    let long = format!("\"{}\"", "x".repeat(300_000));
    let answers = ask(
        &twin,
        &[
            ("GET", "/api/v1/sesions", &[], ""),
            ("PATCH", "/api/v1/sessions", &[], ""),
            ("GET", "/api/v1/sessions?lmit=3", &[], ""),
            ("GET", "/api/v1/sessions/lvie", &[], ""),
            ("POST", "/api/v1/sessions", &[], "{"),
            ("POST", "/api/v1/sessions", &[], "{}"),
            ("POST", "/api/v1/sessions", &[("content-type", "text/plain")], ""),
            ("PUT", "/api/v1/sessions/live/clock", &[], &long),
            ("GET", "/api/nothing/at/all", &[], ""),
        ],
    )
    .await;
    let expected = [
        (404, "did you mean `/api/v1/sessions`?"),
        (405, "there are: GET, POST, HEAD"),
        (400, "there is no parameter `lmit`"),
        (404, "did you mean `live`?"),
        (400, "no JSON"),
        (422, "missing field `kind`"),
        (415, "Content-Type: application/json"),
        (413, "more than 262144 bytes"),
        (404, "GET /api/v1 leads to everything"),
    ];
    for (answer, (status, needle)) in answers.iter().zip(expected) {
        let problem = answer.json();
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{problem}");
        assert_eq!((answer.status, problem["status"].as_u64()), (status, Some(status.into())), "{problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(needle)), "{problem}");
        assert!(problem["instance"].as_str().is_some_and(|at| at.starts_with("/api/")), "{problem}");
    }
    assert_eq!(answers[1].header("allow"), Some("GET, POST, HEAD"));
}

#[actix_web::test]
async fn a_request_with_a_key_is_done_once() {
    let twin = Shown::over(Stores::in_memory());
    let (close, open) = (r#"{"kind":"close-road","road":"a"}"#, r#"{"kind":"open-road","road":"a"}"#);
    let path = "/api/v1/sessions/live/interventions";
    let key: &[(&str, &str)] = &[("idempotency-key", "k-1")];
    let answers = ask(
        &twin,
        &[
            ("POST", path, key, close),
            ("POST", path, key, close),
            ("POST", path, key, open),
            ("POST", path, &[("idempotency-key", "k-2")], open),
            ("GET", path, &[], ""),
        ],
    )
    .await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [201, 201, 422, 201, 200]);
    assert_eq!(answers[0].body, answers[1].body);
    assert_eq!(answers[1].header("idempotency-replayed"), Some("true"));
    assert_eq!(answers[4].json().as_array().map(Vec::len), Some(2));
}
