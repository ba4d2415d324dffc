//! An attacker's list: what somebody tries who means ill, over real sockets, and what it comes to. `docs/security.md` has it as a table.

#[path = "attacks/town.rs"]
#[allow(clippy::unwrap_used, reason = "a helper of tests may stop at what cannot be")]
mod town;

#[path = "attacks/issuer.rs"]
#[allow(clippy::unwrap_used, reason = "a helper of tests may stop at what cannot be")]
mod issuer;

#[path = "attacks/tokens.rs"]
mod tokens;

#[path = "attacks/sealed.rs"]
mod sealed;

#[path = "attacks/lines.rs"]
mod lines;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use citytwin::api::guard::{Role, read_access};
use citytwin::api::server::{Parts, serve_parts};
use town::{Town, answer, settings};

const ORDER: &str = r#"{"kind":"close-road"}"#;
const ORDERS: &str = "POST /api/v1/sessions/live/interventions";

#[test]
fn without_a_key_nothing_but_the_page_and_its_health_is_seen() {
    let (town, ring) = Town::closed();
    for line in ["GET /api/v1/who", "GET /metrics", "GET /ws/realtime", "GET /api/v1/nothing", "GET /api", ORDERS] {
        let answer = town.ask(line, "", "");
        assert_eq!(answer.status, 401, "{line}: {answer:?}");
        assert_eq!(answer.header("WWW-Authenticate"), Some("Bearer realm=\"citytwin\""));
        assert_eq!(answer.header("Content-Type"), Some("application/problem+json"));
        assert!(answer.json()["detail"].as_str().unwrap().contains("Authorization: Bearer"), "{answer:?}");
    }
    for line in ["GET /", "HEAD /", "GET /health/live"] {
        assert_ne!(town.ask(line, "", "").status, 401, "{line}");
    }
    let answer = town.with_key("GET /api/v1/who", ring.of(Role::Viewer), "");
    assert_eq!((answer.status, answer.body.as_str()), (200, "viewer viewer"));
    let headers = format!("X-API-Key: {}\r\n", ring.of(Role::Viewer));
    assert_eq!(town.ask("GET /api/v1/who", &headers, "").status, 200);
}

#[test]
fn a_wrong_key_is_refused_everywhere_and_slows_its_address() {
    let (town, ring) = Town::closed();
    let wrong = format!("citytwin_{}", "0".repeat(64));
    for (headers, status) in [
        (format!("Authorization: Bearer {wrong}\r\n"), 401),
        ("Authorization: Bearer \r\n".to_owned(), 401),
        ("Authorization: Basic YWRtaW46YWRtaW4=\r\n".to_owned(), 401),
        (format!("Authorization: Bearer {}\r\n", "x".repeat(20_000)), 401),
        (format!("Authorization: Bearer {wrong}\r\nX-API-Key: {wrong}\r\n"), 400),
    ] {
        assert_eq!(town.ask("GET /", &headers, "").status, status, "{headers}");
    }
    // A key and a password were wrong; eight more, and the address is no longer looked at, whatever it shows; nor can it log in.
    for _ in 0..8 {
        assert_eq!(town.with_key("GET /api/v1/who", &wrong, "").status, 401);
    }
    let slowed = town.with_key("GET /api/v1/who", ring.of(Role::Admin), "");
    assert_eq!(slowed.status, 429, "{slowed:?}");
    assert!(slowed.header("Retry-After").unwrap().parse::<u64>().unwrap() <= 6);
    let login = format!(r#"{{"key":"{}"}}"#, ring.of(Role::Admin));
    assert_eq!(town.ask("POST /api/v1/login", "Content-Type: application/json\r\n", &login).status, 429);
    assert_eq!(town.ask("GET /health/live", "", "").status, 200);
}

#[test]
fn a_key_may_be_the_password_of_a_login() {
    use base64::Engine as _;
    let (town, ring) = Town::closed();
    let login =
        |text: &str| format!("Authorization: Basic {}\r\n", base64::engine::general_purpose::STANDARD.encode(text));
    let key = ring.of(Role::Viewer);
    let answer = town.ask("GET /api/v1/who", &login(&format!("anybody:{key}")), "");
    assert_eq!((answer.status, answer.body.as_str()), (200, "viewer viewer"));
    for shown in
        [login(key), login("anybody:"), login(&format!("{key}:anybody")), "Authorization: Basic ?\r\n".to_owned()]
    {
        let answer = town.ask("GET /api/v1/who", &shown, "");
        assert_eq!(answer.status, 401, "{shown}");
    }
}

#[test]
fn a_role_does_no_more_than_it_may() {
    let (town, ring) = Town::closed();
    for (role, ordered, changed) in
        [(Role::Viewer, 403, 403), (Role::Trainer, 403, 200), (Role::Operator, 201, 200), (Role::Admin, 201, 200)]
    {
        assert_eq!(town.with_key(ORDERS, ring.of(role), ORDER).status, ordered, "{role}");
        // The route forgot to say what it needs: looking is not enough all the same.
        assert_eq!(town.with_key("DELETE /api/v1/thing", ring.of(role), "").status, changed, "{role}");
        assert_eq!(town.with_key("POST /api/v1/sessions/live/facts", ring.of(role), "{}").status, 200, "{role}");
    }
    // No header makes somebody more than the key says.
    let headers = format!(
        "Authorization: Bearer {}\r\nContent-Type: application/json\r\nX-Role: admin\r\nX-User: admin\r\nX-Forwarded-User: admin\r\n",
        ring.of(Role::Viewer)
    );
    assert_eq!(town.ask(ORDERS, &headers, ORDER).status, 403);
    assert_eq!(town.ask("GET /api/v1/who", &headers, "").body, "viewer viewer");
}

#[test]
fn a_method_cannot_be_smuggled_in_by_a_header() {
    let (town, ring) = Town::closed();
    let viewer = format!("Authorization: Bearer {}\r\n", ring.of(Role::Viewer));
    for name in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"] {
        let answer = town.ask("GET /api/v1/thing?_method=DELETE", &format!("{viewer}{name}: DELETE\r\n"), "");
        assert!(matches!(answer.status, 404 | 405), "{name}: {answer:?}");
    }
    let admin = format!("Authorization: Bearer {}\r\nX-Secret: 42\r\n", ring.of(Role::Admin));
    for method in ["TRACE", "CONNECT", "PROPFIND", "get"] {
        let answer = town.ask(&format!("{method} /api/v1/who"), &admin, "");
        assert!(matches!(answer.status, 400 | 404 | 405), "{method}: {answer:?}");
        assert!(!answer.body.contains("admin") && !answer.body.contains("42"), "{method}: {answer:?}");
    }
}

#[test]
fn paths_lead_only_where_they_say() {
    let (town, ring) = Town::closed();
    let admin = ring.of(Role::Admin);
    for path in [
        "/api/v1/finished/..%2f..%2f..%2fetc/passwd",
        "/api/v1/finished/../../../../etc/passwd",
        "/api/v1/finished/%2e%2e/%2e%2e",
        "/api/v1/finished/a/%252e%252e",
        "/api/v1/finished/..\\..\\a",
        "/api/v1/finished/a/..%5c..%5cb",
        "/api/v1/finished/a/b%00.html",
        "//api/v1/who",
    ] {
        let answer = town.with_key(&format!("GET {path}"), admin, "");
        assert_eq!(answer.status, 400, "{path}: {answer:?}");
    }
    // The guard and the routes read the same path: what a route would decode does not get past who is asked.
    for path in ["/%61pi/v1/who", "/api%2fv1/who", "/./api/v1/who", "/x/../api/v1/who", "/;/api/v1/who"] {
        let answer = town.ask(&format!("GET {path}"), "", "");
        assert!(matches!(answer.status, 400 | 404), "{path}: {answer:?}");
    }
    assert_eq!(town.with_key("GET /api/v1/finished/01J/report.html", admin, "").body, "01J report.html");
}

#[test]
fn text_that_others_would_execute_is_only_text() {
    let (town, ring) = Town::closed();
    let admin = ring.of(Role::Admin);
    let sql = town.with_key("GET /api/v1/finished/1'%20OR%20'1'='1/x%3B%20DROP%20TABLE%20runs--", admin, "");
    assert_eq!((sql.status, sql.body.as_str()), (200, "1' OR '1'='1 x; DROP TABLE runs--"));
    // Neither a path nor the number of a request puts a line into an answer or a log.
    let split = town.with_key("GET /api/v1/nothing%0d%0aSet-Cookie:%20a=b", admin, "");
    assert_eq!((split.status, split.header("Set-Cookie")), (400, None));
    let injected = format!("Authorization: Bearer {admin}\r\nX-Request-Id: a\tb: c\r\n");
    let answer = town.ask("GET /api/v1/who", &injected, "");
    assert_eq!(answer.header("X-Request-Id").map(str::len), Some(26), "{answer:?}");
    let kept =
        town.ask("GET /api/v1/who", &format!("Authorization: Bearer {admin}\r\nX-Request-Id: ticket-7.a\r\n"), "");
    assert_eq!(kept.header("X-Request-Id"), Some("ticket-7.a"));
    let bare = town.send("GET /api/v1/who HTTP/1.1\r\nHost: localhost\r\nX-A: b\rX-C: d\r\nConnection: close\r\n\r\n");
    assert_eq!(bare.status, 400, "{bare:?}");
}

#[test]
fn huge_and_deep_bodies_are_not_taken() {
    let (town, ring) = Town::closed();
    let operator = ring.of(Role::Operator);
    let huge = format!("{{\"kind\":\"{}\"}}", "x".repeat(2 << 20));
    assert_eq!(town.with_key(ORDERS, operator, &huge).status, 413);
    // Announced but never sent: refused by what it says.
    let said = format!("Authorization: Bearer {operator}\r\nContent-Length: 99999999999\r\n");
    assert_eq!(town.ask(ORDERS, &said, "").status, 413);
    // In pieces, without a length.
    let pieces = format!("{:x}\r\n{}\r\n", 65_536, "x".repeat(65_536)).repeat(20);
    let host = town.address;
    let head =
        format!("{ORDERS} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {operator}\r\nConnection: close\r\n");
    assert_eq!(town.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n{pieces}0\r\n\r\n")).status, 413);
    let deep = town.with_key(ORDERS, operator, &format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000)));
    assert_eq!(deep.status, 400);
    assert!(deep.json()["detail"].as_str().unwrap().contains("deeper than 32"), "{deep:?}");
    let unclosed = town.with_key(ORDERS, operator, &"{\"a\":".repeat(10_000));
    assert_eq!(unclosed.status, 400, "{unclosed:?}");
    for nonsense in ["", "{", "null", r#"{"kind":1}"#, r#"{"kind":"a","more":1}"#, "\u{0}\u{1}"] {
        let answer = town.with_key(ORDERS, operator, nonsense);
        assert_eq!(answer.status, 400, "{nonsense}: {answer:?}");
        assert_eq!(answer.header("Content-Type"), Some("application/problem+json"), "{nonsense}");
    }
    assert_eq!(town.with_key(ORDERS, operator, ORDER).status, 201);
}

#[test]
fn oversize_heads_are_refused() {
    let (town, ring) = Town::closed();
    let viewer = format!("Authorization: Bearer {}\r\n", ring.of(Role::Viewer));
    let fat = town.ask("GET /api/v1/who", &format!("{viewer}X-Fat: {}\r\n", "x".repeat(40_000)), "");
    assert_eq!(fat.status, 431, "{fat:?}");
    let fatter = town.ask("GET /api/v1/who", &format!("{viewer}X-Fat: {}\r\n", "x".repeat(1 << 20)), "");
    assert!(matches!(fatter.status, 0 | 400 | 413 | 431), "{fatter:?}");
    let many = town.ask("GET /api/v1/who", &format!("{viewer}{}", "X-Many: a\r\n".repeat(1_000)), "");
    assert!(matches!(many.status, 0 | 400 | 431), "{many:?}");
    let long = town.ask(&format!("GET /api/v1/who?{}", "x".repeat(9_000)), &viewer, "");
    assert_eq!(long.status, 414, "{long:?}");
    assert_eq!(town.ask("GET /api/v1/who", &viewer, "").status, 200);
}

#[test]
fn requests_whose_length_is_said_twice_are_refused() {
    let (town, ring) = Town::closed();
    let head =
        format!("POST /api/v1/thing HTTP/1.1\r\nHost: {}\r\nX-API-Key: {}\r\n", town.address, ring.of(Role::Admin));
    let second = "GET /api/v1/who HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for lengths in [
        "Content-Length: 0\r\nContent-Length: 10\r\n",
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Content-Length: +4\r\n",
        "Content-Length: 4, 4\r\n",
        "Content-Length: -1\r\n",
    ] {
        let answer = town.send(format!("{head}{lengths}\r\n0\r\n\r\n{second}"));
        assert_eq!(answer.status, 400, "{lengths}: {answer:?}");
        // And nothing that followed is taken for a request.
        assert_eq!(answer.whole().matches("HTTP/1.1").count(), 1, "{lengths}: {answer:?}");
    }
    let old = format!("POST /api/v1/thing HTTP/1.0\r\nX-API-Key: {}\r\nHost: localhost\r\n", ring.of(Role::Admin));
    assert_eq!(town.send(format!("{old}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{second}")).status, 400);
    for hosts in ["", "Host: localhost\r\nHost: evil.example\r\n"] {
        assert_eq!(town.send(format!("GET / HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n")).status, 400, "{hosts}");
    }
    let two = town.send("GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_eq!(two.status, 400, "{two:?}");
}

#[test]
fn whoever_sends_slowly_is_hung_up_on() {
    let (ring, keys) = town::Ring::new();
    let town = Town::serve(|settings, _| {
        settings.guard.keys = keys;
        // The server's clock for heads has ticks of half a second.
        settings.connections.head_wait = Duration::from_millis(1_500);
        settings.limits.body_wait = Duration::from_millis(300);
        settings.connections.idle = Duration::from_secs(1);
    });
    // A head that never ends: told so and hung up on. Reading to the end is the proof.
    let slow_head = town.send("GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
    assert_eq!(slow_head.status, 408, "{slow_head:?}");
    // Nothing at all.
    assert!(matches!(town.send("").status, 0 | 408));
    // A body that never comes.
    let key = ring.of(Role::Operator);
    let head = format!("{ORDERS} HTTP/1.1\r\nHost: {}\r\nX-API-Key: {key}\r\n", town.address);
    let slow_body = town.send(format!("{head}Content-Length: 100\r\n\r\n{{"));
    assert_eq!(slow_body.status, 408, "{slow_body:?}");
    // Whoever says nothing after an answer is not kept; a stranger not even for a second head, which has no limit of time.
    let head = format!("GET /api/v1/who HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\n\r\n");
    let idle = town.send(head);
    assert_eq!((idle.status, idle.header("Connection")), (200, None));
    let stranger = town.send("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\nX-Slow: ");
    assert_eq!((stranger.status, stranger.header("Connection")), (200, Some("close")));
}

#[test]
fn many_connections_leave_room_for_the_next() {
    let town = Town::serve(|settings, _| {
        settings.connections.per_worker = 20;
        settings.connections.head_wait = Duration::from_millis(1_500);
    });
    // More than may be open, all silent: they are hung up on one after the other, and the next is answered.
    let silent: Vec<_> = (0..60).map(|_| town.connect()).collect();
    assert_eq!(town.ask("GET /", "", "").status, 200);
    drop(silent);
}

#[test]
fn a_flood_is_told_to_wait() {
    let (ring, keys) = town::Ring::new();
    let town = Town::serve(|settings, _| {
        settings.guard.keys = keys;
        settings.guard.rates.viewer = citytwin::api::guard::Rate { per_hour: 60, burst: 3 };
    });
    let viewer = ring.of(Role::Viewer);
    for left in (0..3).rev() {
        let answer = town.with_key("GET /api/v1/who", viewer, "");
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("RateLimit-Limit"), Some("3"));
        assert_eq!(answer.header("RateLimit-Remaining"), Some(left.to_string().as_str()));
        assert_eq!(answer.header("X-RateLimit-Remaining"), answer.header("RateLimit-Remaining"));
    }
    let refused = town.with_key("GET /api/v1/who", viewer, "");
    assert_eq!(refused.status, 429);
    let wait: u64 = refused.header("Retry-After").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{refused:?}");
    assert_eq!(refused.header("RateLimit-Remaining"), Some("0"));
    assert_eq!(town.with_key("GET /api/v1/who", ring.of(Role::Trainer), "").status, 200);
}

#[test]
fn a_page_from_elsewhere_changes_nothing_and_opens_no_socket() {
    let town = Town::open();
    let here = format!("Origin: http://{}\r\n", town.address);
    let json = "Content-Type: application/json\r\n";
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    assert_eq!(town.ask(ORDERS, &format!("{here}{json}"), ORDER).status, 201);
    assert_eq!(town.ask(ORDERS, json, ORDER).status, 201);
    for foreign in ["Origin: http://evil.example\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n"] {
        assert_eq!(town.ask(ORDERS, &format!("{foreign}Content-Type: text/plain\r\n"), ORDER).status, 403, "{foreign}");
        let host = format!("GET /ws/realtime HTTP/1.1\r\nHost: {}\r\n", town.address);
        let socket = town.send(format!("{host}{upgrade}{foreign}\r\n"));
        assert_eq!(socket.status, 403, "{foreign}: {socket:?}");
        // It may be sent, as every link may; the browser lets nobody read it.
        let read = town.ask("GET /api/v1/who", foreign, "");
        assert_eq!((read.status, read.header("Access-Control-Allow-Origin")), (200, None));
        assert_eq!(read.header("Cross-Origin-Resource-Policy"), Some("same-origin"));
    }
    let mut stream = town.connect();
    stream
        .write_all(format!("GET /ws/realtime HTTP/1.1\r\nHost: {}\r\n{upgrade}{here}\r\n", town.address).as_bytes())
        .unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 101");
}

#[test]
fn only_pages_that_are_named_are_shared_with() {
    let (ring, keys) = town::Ring::new();
    let town = Town::serve(|settings, _| {
        settings.guard.keys = keys;
        settings.guard.origins = vec!["https://board.example.org".to_owned()];
    });
    let asks = "Access-Control-Request-Method: DELETE\r\nAccess-Control-Request-Headers: authorization\r\n";
    let foreign = town.ask("OPTIONS /api/v1/thing", &format!("Origin: https://evil.example\r\n{asks}"), "");
    assert_eq!((foreign.status, foreign.header("Access-Control-Allow-Origin")), (403, None));
    let named = town.ask("OPTIONS /api/v1/thing", &format!("Origin: https://board.example.org\r\n{asks}"), "");
    assert_eq!(named.status, 204);
    assert_eq!(named.header("Access-Control-Allow-Origin"), Some("https://board.example.org"));
    assert!(named.header("Access-Control-Allow-Headers").unwrap().contains("authorization"));
    assert_eq!(named.header("Access-Control-Allow-Credentials"), None);
    let key = ring.of(Role::Viewer);
    let read = town.ask(
        "GET /api/v1/who",
        &format!("Origin: https://board.example.org\r\nAuthorization: Bearer {key}\r\n"),
        "",
    );
    assert_eq!(read.header("Access-Control-Allow-Origin"), Some("https://board.example.org"));
    assert!(read.header("Vary").is_some());
}

#[test]
fn a_name_that_suddenly_means_this_machine_is_not_answered() {
    let town = Town::open();
    let port = town.address.port();
    for host in [format!("rebound.example:{port}"), "evil.example".to_owned(), format!("127.0.0.1.evil.example:{port}")]
    {
        let answer = town.ask("GET /api/v1/who", &format!("Host: {host}\r\n"), "");
        assert_eq!(answer.status, 421, "{host}: {answer:?}");
    }
    for host in [format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
        let answer = town.ask("GET /api/v1/who", &format!("Host: {host}\r\n"), "");
        assert_eq!((answer.status, answer.body.as_str()), (200, "this machine admin"), "{host}");
    }
}

/// The value of the cookie that an answer sets.
fn cookie_of(answer: &town::Answer) -> String {
    answer.header("Set-Cookie").and_then(|set| set.split(';').next()).expect("a cookie").to_owned()
}

#[test]
fn a_cookie_alone_changes_nothing() {
    let (town, ring) = Town::closed();
    let json = "Content-Type: application/json\r\n";
    let login = |role| format!(r#"{{"key":"{}"}}"#, ring.of(role));
    let foreign = format!("{json}Origin: https://evil.example\r\n");
    assert_eq!(town.ask("POST /api/v1/login", &foreign, &login(Role::Operator)).status, 403);
    assert_eq!(town.ask("POST /api/v1/login", json, r#"{"key":"citytwin_no"}"#).status, 401);
    let answer = town.ask("POST /api/v1/login", json, &login(Role::Operator));
    assert_eq!(answer.status, 200, "{answer:?}");
    let set = answer.header("Set-Cookie").unwrap().to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(set.contains(part), "{set}");
    }
    let cookie = format!("Cookie: {}\r\n", cookie_of(&answer));
    let token = answer.json()["csrf"].as_str().unwrap().to_owned();
    let other =
        town.ask("POST /api/v1/login", json, &login(Role::Operator)).json()["csrf"].as_str().unwrap().to_owned();
    let me = town.ask("GET /api/v1/me", &cookie, "").json();
    assert_eq!(me, serde_json::json!({"name": "operator", "role": "operator", "csrf": token, "open": false}));
    for (shown, status) in [
        (String::new(), 403),
        ("X-CSRF-Token: \r\n".to_owned(), 403),
        (format!("X-CSRF-Token: {other}\r\n"), 403),
        (format!("X-CSRF-Token: {token}\r\n"), 201),
    ] {
        assert_eq!(town.ask(ORDERS, &format!("{cookie}{json}{shown}"), ORDER).status, status, "{shown}");
    }
    let shown = format!("X-CSRF-Token: {token}\r\n");
    let from_elsewhere = format!("{cookie}{json}{shown}Origin: https://evil.example\r\n");
    assert_eq!(town.ask(ORDERS, &from_elsewhere, ORDER).status, 403);
    assert_eq!(town.ask("POST /api/v1/logout", &format!("{cookie}{shown}"), "").status, 204);
    assert_eq!(town.ask("GET /api/v1/me", &cookie, "").status, 401);
}

#[test]
fn people_log_in_by_a_form() {
    let (town, ring) = Town::closed();
    let filled = "Content-Type: application/x-www-form-urlencoded\r\n";
    let sent = town.ask("GET /", "Accept: text/html\r\n", "");
    assert_eq!((sent.status, sent.header("Location")), (303, Some("/login")));
    let form = town.ask("GET /login", "Accept-Language: de-AT\r\n", "");
    assert!(form.status == 200 && form.body.contains("Anmelden") && !form.body.contains("<script"), "{form:?}");
    assert!(town.ask("GET /login", "", "").body.contains("Log in"));
    let wrong = town.ask("POST /login", filled, "key=citytwin_%3Cscript%3E");
    assert_eq!((wrong.status, wrong.header("Set-Cookie")), (403, None), "{wrong:?}");
    assert!(wrong.body.contains("not known here") && !wrong.body.contains("script"), "{wrong:?}");
    let right = format!("key={}", ring.of(Role::Operator));
    let foreign = town.ask("POST /login", &format!("{filled}Origin: https://evil.example\r\n"), &right);
    assert_eq!((foreign.status, foreign.header("Set-Cookie")), (403, None));
    let entered = town.ask("POST /login", filled, &right);
    assert_eq!((entered.status, entered.header("Location")), (303, Some("/")));
    let cookie = format!("Cookie: {}\r\n", cookie_of(&entered));
    assert_eq!(town.ask("GET /api/v1/who", &cookie, "").body, "operator operator");
    assert_eq!(town.ask("GET /", &cookie, "").status, 200);
    assert_eq!(Town::open().ask("GET /login", "", "").header("Location"), Some("/"));
}

#[test]
fn a_page_shows_its_key_with_a_socket_and_gets_it_not_back() {
    let (town, ring) = Town::closed();
    let upgrade = format!(
        "GET /ws/realtime HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        town.address
    );
    let key = ring.of(Role::Viewer);
    let opened = town.send(format!("{upgrade}Sec-WebSocket-Protocol: citytwin.v1, bearer.{key}\r\n\r\n"));
    assert_eq!((opened.status, opened.header("Sec-WebSocket-Protocol")), (101, Some("citytwin.v1")), "{opened:?}");
    assert!(!opened.whole().contains(key), "{opened:?}");
    let alone = town.send(format!("{upgrade}Sec-WebSocket-Protocol: bearer.{key}\r\n\r\n"));
    assert_eq!((alone.status, alone.header("Sec-WebSocket-Protocol")), (101, None), "{alone:?}");
    for protocol in ["", "Sec-WebSocket-Protocol: citytwin.v1\r\n", "Sec-WebSocket-Protocol: bearer.citytwin_0\r\n"] {
        assert_eq!(town.send(format!("{upgrade}{protocol}\r\n")).status, 401, "{protocol}");
    }
    // Elsewhere than with a socket a protocol is no key.
    let headers = format!("Sec-WebSocket-Protocol: bearer.{key}\r\n");
    assert_eq!(town.ask("GET /api/v1/who", &headers, "").status, 401);
}

#[test]
fn a_key_is_made_by_the_program_and_shown_once() {
    let make = |arguments: &[&str]| {
        let program = env!("CARGO_BIN_EXE_citytwin");
        let made = std::process::Command::new(program).arg("key").args(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (made.status.code(), text(made.stdout), text(made.stderr))
    };
    let (code, line, told) = make(&["wall", "--role", "trainer"]);
    assert_eq!(code, Some(0), "{told}");
    let key = told.split_whitespace().find(|word| word.starts_with("citytwin_")).unwrap().to_owned();
    assert!(!line.contains(&key) && line.contains("sha256:"), "{line}");
    let town = Town::serve(|settings, folder| {
        let file = folder.join("access.yaml");
        std::fs::write(&file, format!("keys:\n{line}audit: audit.jsonl\n")).unwrap();
        settings.guard = read_access(&file, &|_| None).unwrap().guard;
    });
    assert_eq!(town.with_key("GET /api/v1/who", &key, "").body, "wall trainer");
    assert!(!town.audit().contains(&key));
    for (arguments, says) in [(["a b", "--role=viewer"], "1 to 64"), (["wall", "--role=king"], "king")] {
        let (code, line, told) = make(&arguments);
        assert_eq!((code, line.as_str()), (Some(2), ""), "{told}");
        assert!(told.contains(says), "{told}");
    }
}

#[test]
fn beyond_this_machine_nothing_starts_unprotected() {
    let anywhere = vec![SocketAddr::from(([0, 0, 0, 0], 0))];
    let refused = |settings| {
        let ready = |address| panic!("listens on {address}");
        serve_parts(Parts::default(), &settings, ready, std::future::pending()).unwrap_err().to_string()
    };
    let mut open = settings();
    open.addresses.clone_from(&anywhere);
    let sentence = refused(open.clone());
    assert!(sentence.contains("citytwin key") && sentence.contains("--access"), "{sentence}");
    let (_, keys) = town::Ring::new();
    open.guard.keys = keys;
    let sentence = refused(open.clone());
    assert!(sentence.contains("certificate") && sentence.contains("behind-proxy"), "{sentence}");
    open.guard.behind_proxy = true;
    let (tell, told) = std::sync::mpsc::channel();
    serve_parts(Parts::default(), &open, |address| tell.send(address).unwrap(), std::future::ready(())).unwrap();
    assert_ne!(told.recv().unwrap().port(), 0);
}

#[test]
fn every_answer_says_what_a_browser_may_do_with_it() {
    let town = Town::open();
    for line in ["GET /", "GET /api/v1/who", "GET /api/v1/nothing", "GET /api/%2e"] {
        let answer = town.ask(line, "", "");
        let policy = answer.header("Content-Security-Policy").unwrap();
        assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"), "{line}: {policy}");
        assert!(!policy.contains("unsafe-eval") && !policy.contains("script-src 'self' 'unsafe-inline'"), "{policy}");
        assert_eq!(answer.header("X-Content-Type-Options"), Some("nosniff"), "{line}");
        assert_eq!(answer.header("Referrer-Policy"), Some("same-origin"), "{line}");
        assert!(answer.header("X-Request-Id").is_some(), "{line}");
        assert_eq!(answer.header("Strict-Transport-Security"), None, "{line}");
        assert_eq!(answer.header("Server"), None, "{line}");
        assert_eq!(answer.header("X-Frame-Options"), Some("DENY"), "{line}");
    }
    // What a part did not write itself it locks up by itself.
    let file = town.ask("GET /api/v1/finished/a/b", "", "");
    assert_eq!(file.header("Content-Security-Policy"), Some("sandbox"));
    assert_eq!(file.header("X-Frame-Options"), Some("SAMEORIGIN"));
}

#[test]
fn orders_and_refusals_are_written_down_without_secrets() {
    let (town, ring) = Town::closed();
    let json = "Content-Type: application/json\r\n";
    town.with_key(ORDERS, ring.of(Role::Operator), ORDER);
    town.with_key(&format!("{ORDERS}?key={}", ring.of(Role::Admin)), ring.of(Role::Viewer), ORDER);
    town.with_key("GET /api/v1/who", "citytwin_wrong", "");
    town.with_key("GET /api/v1/who", ring.of(Role::Viewer), "");
    let login = town.ask("POST /api/v1/login", json, &format!(r#"{{"key":"{}"}}"#, ring.of(Role::Trainer)));
    let audit = town.audit();
    let lines: Vec<serde_json::Value> = audit.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told = |line: &serde_json::Value| {
        let text = |key: &str| line[key].as_str().unwrap_or("-").to_owned();
        format!("{} {} {} {} {}", text("who"), text("role"), text("method"), line["status"], text("ordered"))
    };
    assert_eq!(
        lines.iter().map(told).collect::<Vec<_>>(),
        [
            format!("operator operator POST 201 {ORDER}"),
            "viewer viewer POST 403 -".to_owned(),
            "- - GET 401 -".to_owned(),
            "- - POST 200 -".to_owned(),
        ]
    );
    assert_eq!(lines[0]["path"], "/api/v1/sessions/live/interventions");
    assert_eq!(lines[0]["address"], "127.0.0.1");
    assert_eq!(lines[0]["request"].as_str().unwrap().len(), 26);
    let token = login.json()["csrf"].as_str().unwrap().to_owned();
    let cookie = cookie_of(&login).split_once('=').unwrap().1.to_owned();
    let secrets =
        Role::ALL.iter().map(|role| ring.of(*role).to_owned()).chain([token, cookie, "citytwin_wrong".to_owned()]);
    for secret in secrets {
        assert!(!audit.contains(&secret), "{audit}");
    }
    town.end().unwrap();
}

#[test]
fn answers_of_one_connection_stay_in_order() {
    let town = Town::open();
    let ask = |path: &str, more: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n");
    let read = town.send(ask("/api/v1/finished/a/b", "") + &ask("/api/v1/finished/c/d", "Connection: close\r\n"));
    let text = read.whole();
    assert!(text.find("a b").unwrap() < text.find("c d").unwrap(), "{text}");
    assert_eq!(answer(&text).status, 200);
}
