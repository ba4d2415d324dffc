//! What is tried on the connection itself: other protocols, handshakes that stop midway, and more connections than there is room for.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use citytwin::api::guard::{Crowding, Role};
use rustls::{AlertDescription, ClientConnection, Error, StreamOwned};

use crate::sealed::{connection, sealed_with};
use crate::town::{Ring, Town, answer};

/// What a client of HTTP/2 begins with (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// `GET /` as HPACK has it.
const GET: &[u8] = &[0x82, 0x84, 0x86, 0x41, 0x09, b'l', b'o', b'c', b'a', b'l', b'h', b'o', b's', b't'];

/// What is sent over HTTP/2 by those who mean ill.
fn floods() -> Vec<(&'static str, Vec<u8>)> {
    let begun = || [PREFACE, &frame(4, 0, 0, &[])].concat();
    let stream = |n: u32| 2 * n + 1;
    let resets =
        (0..10_000).flat_map(|n| [frame(1, 5, stream(n), GET), frame(3, 0, stream(n), &[0, 0, 0, 8])].concat());
    let streams = (0..10_000).flat_map(|n| frame(1, 5, stream(n), GET));
    // One head in pieces without end (CONTINUATION), each with a literal header.
    let piece = [&[0x00, 0x01, b'x', 0x7f, 0xe1, 0x1e][..], &[b'a'; 4_000]].concat();
    let pieces = [frame(1, 1, 1, GET), (0..1_000).flat_map(|_| frame(9, 0, 1, &piece)).collect()].concat();
    vec![
        ("streams that are reset at once", [begun(), resets.collect()].concat()),
        ("more streams than there may be", [begun(), streams.collect()].concat()),
        ("a head without end", [begun(), pieces].concat()),
        ("a stream that is never ended", [begun(), frame(1, 4, 1, GET)].concat()),
        ("windows of nothing", [begun(), frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]), frame(1, 5, 1, GET)].concat()),
    ]
}

/// HTTP/2 is not spoken here: not agreed upon in the handshake, and not read without it. So none of its floods has anything to flood.
#[test]
fn http_2_is_not_spoken_and_its_floods_end_with_their_first_line() {
    let (town, ring, certificate) = sealed_with(|_| ());
    let protocols = |words: &[&str]| words.iter().map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>();
    // Whoever speaks nothing else is refused in the handshake.
    let mut only = StreamOwned::new(connection(&certificate, protocols(&["h2"])), town.connect());
    let refused = only.write_all(PREFACE).and_then(|()| only.flush()).and_then(|()| only.read(&mut [0]).map(drop));
    let refused = refused.expect_err("nobody agrees");
    let alert = refused.get_ref().and_then(|error| error.downcast_ref::<Error>());
    assert_eq!(alert, Some(&Error::AlertReceived(AlertDescription::NoApplicationProtocol)), "{refused}");
    // Whoever speaks both is answered in HTTP/1.1.
    let mut both = StreamOwned::new(connection(&certificate, protocols(&["h2", "http/1.1"])), town.connect());
    let host = format!("localhost:{}", town.address.port());
    let key = ring.of(Role::Viewer);
    let asked = format!("GET /api/v1/who HTTP/1.1\r\nHost: {host}\r\nX-API-Key: {key}\r\nConnection: close\r\n\r\n");
    both.write_all(asked.as_bytes()).expect("it listens");
    let mut read = Vec::new();
    let _ = both.read_to_end(&mut read);
    assert_eq!(both.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert_eq!(answer(&String::from_utf8_lossy(&read)).status, 200);
    // Frames that nobody agreed upon are no requests, encrypted or not.
    let plain = Town::open();
    for (what, bytes) in floods() {
        let mut sealed = StreamOwned::new(connection(&certificate, Vec::new()), town.connect());
        let mut heard = Vec::new();
        // The server hangs up before everything is sent.
        let _ = sealed.write_all(&bytes).and_then(|()| sealed.read_to_end(&mut heard).map(drop));
        let sent = plain.send(&bytes).whole();
        for heard in [String::from_utf8_lossy(&heard).into_owned(), sent] {
            let answers = heard.matches("HTTP/1.1 ").count();
            assert!(answers <= 1 && !heard.contains("HTTP/1.1 2"), "{what}: {heard}");
        }
    }
    let upgrade = "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n";
    assert_eq!(plain.ask("GET /api/v1/who", upgrade, "").status, 200);
    assert_eq!(town.with_key("GET /health/live", "", "").status, 0, "plain words are not heard there");
    assert_eq!(plain.ask("GET /health/live", "", "").status, 200);
}

/// Everything until the other side hangs up; that it does so in time is the proof.
fn rest(mut stream: &TcpStream) -> Vec<u8> {
    let mut read = Vec::new();
    match stream.read_to_end(&mut read) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}"),
    }
    read
}

#[test]
fn a_handshake_that_stops_midway_is_ended_and_holds_up_nobody() {
    let (town, ring, certificate) =
        sealed_with(|settings| settings.connections.head_wait = Duration::from_millis(1_500));
    let mut hello = Vec::new();
    connection(&certificate, Vec::new()).write_tls(&mut hello).expect("memory");
    let lengths = [0, 1, 5, 60, hello.len() - 1];
    let stuck: Vec<TcpStream> = (0..50)
        .map(|n| {
            let mut stream = town.connect();
            stream.write_all(&hello[..lengths[n % lengths.len()]]).expect("it listens");
            stream
        })
        .collect();
    // One whose hello is whole, but who never answers.
    let silent = town.connect();
    (&silent).write_all(&hello).expect("it listens");
    let key = ring.of(Role::Viewer);
    let asked = crate::sealed::ask(&town, &certificate, "GET /api/v1/who", &format!("X-API-Key: {key}\r\n"), "");
    assert_eq!(asked.status, 200, "{asked:?}");
    for stream in stuck.iter().chain([&silent]) {
        rest(stream);
    }
}

#[test]
fn an_address_has_so_many_connections_and_no_more() {
    let crowding = Crowding { of_this_machine: 3, ..Crowding::default() };
    let open = Town::serve(|settings, _| settings.connections.crowding = crowding);
    let asked = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut inside: Vec<TcpStream> = (0..3).map(|_| open.connect()).collect();
    for stream in &mut inside {
        // It is counted once it is answered.
        stream.write_all(asked.as_bytes()).expect("it listens");
        stream.read_exact(&mut [0; 12]).expect("an answer");
    }
    let refused = open.send("");
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("10")), "{refused:?}");
    assert!(
        refused.json()["detail"].as_str().is_some_and(|says| says.contains("3 connections are open")),
        "{refused:?}"
    );
    drop(inside.pop());
    // The server notices in its own time.
    let again = (0..10_000).find(|_| open.ask("GET /health/live", "", "").status == 200);
    assert!(again.is_some(), "there is room again");
    drop(inside);

    // In encryption nothing can be said to who comes: it is hung up on after its handshake.
    let (town, ring, certificate) = sealed_with(|settings| settings.connections.crowding = crowding);
    let key = format!("X-API-Key: {}\r\n", ring.of(Role::Viewer));
    let ask = || crate::sealed::ask(&town, &certificate, "GET /api/v1/who", &key, "").status;
    assert_eq!(ask(), 200);
    let mut inside: Vec<StreamOwned<ClientConnection, TcpStream>> = Vec::new();
    while inside.len() < 3 {
        let mut stream = StreamOwned::new(connection(&certificate, Vec::new()), town.connect());
        let host = format!("localhost:{}", town.address.port());
        let asked = format!("GET /api/v1/who HTTP/1.1\r\nHost: {host}\r\n{key}\r\n");
        // The one before may still be counted.
        if stream.write_all(asked.as_bytes()).and_then(|()| stream.read_exact(&mut [0; 12])).is_ok() {
            inside.push(stream);
        }
    }
    assert_eq!(ask(), 0);
    drop(inside);
    assert!((0..10_000).any(|_| ask() == 200), "there is room again");
}

#[test]
fn crowds_of_others_have_their_own_limit() {
    let (_ring, keys) = Ring::new();
    // A proxy that is believed speaks for many: its connections are not counted.
    let town = Town::serve(|settings, _| {
        settings.guard.keys = keys;
        settings.guard.proxies = vec![std::net::IpAddr::from([127, 0, 0, 1])];
        settings.connections.crowding = Crowding { of_address: 1, of_this_machine: 1 };
    });
    let silent: Vec<TcpStream> = (0..5).map(|_| town.connect()).collect();
    assert_eq!(town.ask("GET /health/live", "", "").status, 200);
    drop(silent);
}
