//! What comes over a socket that no honest client sends: it ends that connection, is counted by reason, and disturbs nobody.

use super::raw::{Raw, connect, packet, publish, subscribe, text};
use super::*;
use crate::pipeline::transport::PAYLOAD_BYTES_MAX;

/// After a CONNECT of this level (0: none), these bytes end the connection with this last packet, counted under this reason.
type Case = (&'static str, u8, Vec<u8>, Option<(u8, Vec<u8>)>, &'static str);

#[expect(clippy::too_many_lines, reason = "a table")]
fn cases() -> Vec<Case> {
    let goodbye = |code: u8| Some((0xe0, vec![code, 0]));
    let refused = |code: u8| Some((0x20, vec![0, code]));
    let mut wrong_name = connect(4, "x", 0);
    wrong_name[4] = b'X';
    vec![
        ("text of another protocol", 0, b"GET / HTTP/1.1\r\nHost: city\r\n\r\n".to_vec(), None, "malformed packet"),
        ("zeros", 0, vec![0; 4096], None, "malformed packet"),
        ("a PUBLISH before CONNECT", 0, publish(4, 2, "a", 1, b"x"), None, "malformed packet"),
        ("a PINGREQ before CONNECT", 0, vec![0xc0, 0], None, "malformed packet"),
        ("a length without end", 0, vec![0x10, 0xff, 0xff, 0xff, 0xff, 0x01], None, "malformed packet"),
        ("a CONNECT of 256 MiB", 0, vec![0x10, 0xff, 0xff, 0xff, 0x7f], None, "packet too large"),
        ("a CONNECT too short", 0, vec![0x10, 2, 0, 4], None, "malformed packet"),
        (
            "MQTT 3.1",
            0,
            packet(0x10, &[&text("MQIsdp"), &[3, 2, 0, 0], &text("x")]),
            refused(1),
            "unsupported protocol version",
        ),
        ("MQTT 6", 0, connect(6, "x", 0), refused(1), "unsupported protocol version"),
        (
            "no name and no clean session",
            0,
            packet(0x10, &[&text("MQTT"), &[4, 0, 0, 0], &text("")]),
            refused(2),
            "client identifier not valid",
        ),
        ("a second CONNECT", 4, connect(4, "y", 0), None, "protocol error"),
        ("a second CONNECT", 5, connect(5, "y", 0), goodbye(0x82), "protocol error"),
        ("a server's packet", 4, vec![0x20, 2, 0, 0], None, "protocol error"),
        ("a server's packet", 5, vec![0xd0, 0], goodbye(0x82), "protocol error"),
        ("packet type 0", 4, vec![0, 0], None, "malformed packet"),
        ("packet type 0", 5, vec![0, 0], goodbye(0x81), "malformed packet"),
        ("a PUBLISH too long", 4, vec![0x30, 0xff, 0xff, 0xff, 0x7f], None, "packet too large"),
        ("a PUBLISH too long", 5, vec![0x30, 0xff, 0xff, 0xff, 0x7f], goodbye(0x95), "packet too large"),
        ("a payload too long", 4, publish(4, 2, "a", 1, &vec![0; PAYLOAD_BYTES_MAX + 1]), None, "packet too large"),
        (
            "a payload too long",
            5,
            publish(5, 2, "a", 1, &vec![0; PAYLOAD_BYTES_MAX + 1]),
            goodbye(0x95),
            "packet too large",
        ),
        ("a topic longer than its packet", 4, vec![0x30, 3, 0, 9, b'a'], None, "malformed packet"),
        ("a topic longer than its packet", 5, vec![0x30, 3, 0, 9, b'a'], goodbye(0x81), "malformed packet"),
        ("a topic that is no text", 5, vec![0x30, 5, 0, 2, 0xff, 0xfe, 0], goodbye(0x81), "malformed packet"),
        ("the server's own topics", 4, publish(4, 0, "$SYS/broker/load", 0, b"x"), None, "topic name not allowed"),
        (
            "the server's own topics",
            5,
            publish(5, 2, "$SYS/broker/load", 1, b"x"),
            goodbye(0x90),
            "topic name not allowed",
        ),
        ("a wildcard in a topic", 4, publish(4, 2, "city/#", 1, b"x"), None, "topic name not allowed"),
        ("a wildcard in a topic", 5, publish(5, 2, "city/+/a", 1, b"x"), goodbye(0x90), "topic name not allowed"),
        ("a topic too long", 5, publish(5, 2, &"t".repeat(513), 1, b"x"), goodbye(0x90), "topic name not allowed"),
        ("no topic", 4, publish(4, 2, "", 1, b"x"), None, "topic name not allowed"),
        (
            "an alias that is not allowed",
            5,
            packet(0x30, &[&text("a"), &[3, 0x23, 0, 1], b"x"]),
            goodbye(0x94),
            "topic alias not valid",
        ),
        ("quality of service 3", 4, packet(0x36, &[&text("a"), &[0, 1], b"x"]), None, "malformed packet"),
        (
            "quality of service 2 in MQTT 5",
            5,
            publish(5, 4, "a", 1, b"x"),
            goodbye(0x9b),
            "quality of service not supported",
        ),
        ("message identifier 0", 4, publish(4, 2, "a", 0, b"x"), None, "malformed packet"),
        ("message identifier 0", 5, publish(5, 2, "a", 0, b"x"), goodbye(0x81), "malformed packet"),
        ("an answer to what was not sent", 4, vec![0x40, 2, 0, 9], None, "protocol error"),
        ("a SUBSCRIBE without filters", 4, vec![0x82, 2, 0, 1], None, "protocol error"),
        ("a SUBSCRIBE with identifier 0", 5, subscribe(5, 0, "a", 0), goodbye(0x81), "malformed packet"),
    ]
}

#[test]
fn hostile_bytes_end_their_own_connection_and_no_other() {
    let mut served = Served::new(2);
    let mut honest = Raw::client(served.port(), 4, "honest");
    let mut number = 0_u16;
    for (what, level, bytes, last, reason) in cases() {
        let count = |served: &Served| served.listener.stats().refused.get(reason).copied().unwrap_or(0);
        let before = count(&served);
        let mut client =
            if level == 0 { Raw::dial(served.port()) } else { Raw::client(served.port(), level, "hostile") };
        // It may be thrown out before it has said everything.
        let _ = std::io::Write::write_all(&mut client.0, &bytes);
        let mut told = None;
        while let Some(packet) = client.packet() {
            told = Some(packet);
        }
        let short = |packet: Option<(u8, Vec<u8>)>| {
            packet.map(|(first, rest)| (first, rest.first().copied(), rest.get(1).copied().unwrap_or(0)))
        };
        assert_eq!(short(told), short(last), "{what}, level {level}");
        assert_eq!(count(&served), before + 1, "{what}, level {level}: {:?}", served.listener.stats().refused);
        // Whoever behaves goes on.
        number += 1;
        honest.send(&publish(4, 2, "city/honest", number, b"still here"));
        assert_eq!(honest.packet(), Some((0x40, number.to_be_bytes().to_vec())), "{what}");
    }
    assert!(served.listener.failure().is_none());
    let kept = everything(&*served.bus);
    assert_eq!(kept.len(), usize::from(number), "nothing of it was stored");
    served.bus = Arc::new(MemoryBus::new(1, 1));
    drop(honest);
    assert!(!served.shutdown().refused.contains_key("internal error"));
}

/// Every packet may arrive cut anywhere and go on later, or never.
#[test]
fn packets_in_pieces_are_put_together() {
    let served = Served::new(1);
    let whole = [connect(5, "slow", 0), publish(5, 2, "city/a", 7, &[1; 300])].concat();
    for cut in 1..whole.len() {
        let mut client = Raw::dial(served.port());
        client.send(&whole[..cut]);
        if cut % 40 == 0 {
            continue;
        }
        client.send(&whole[cut..]);
        assert_eq!(client.packet().unwrap().0, 0x20);
        assert_eq!(client.packet(), Some((0x40, vec![0, 7])), "cut at {cut}");
    }
}

#[test]
fn a_silent_connection_is_closed() {
    let served = Served::with(
        Arc::new(MemoryBus::new(1, 1 << 20)),
        ListenerLimits { connect_timeout: Duration::from_millis(50), ..limits() },
    );
    let mut never = Raw::dial(served.port());
    assert_eq!(never.packet(), None);
    let mut once = Raw::dial(served.port());
    once.send(&connect(5, "once", 1));
    assert_eq!(once.packet().unwrap().0, 0x20);
    assert_eq!(once.packet().map(|(first, rest)| (first, rest[0])), Some((0xe0, 0x8d)), "keep-alive timeout");
    assert_eq!(once.packet(), None);
    let refused = served.shutdown().refused;
    assert_eq!(refused.get("no CONNECT in time"), Some(&1));
    assert_eq!(refused.get("silent for longer than the keep-alive"), Some(&1));
}

#[test]
fn more_connections_than_allowed_are_closed() {
    let served = Served::with(Arc::new(MemoryBus::new(1, 1 << 20)), ListenerLimits { connections: 2, ..limits() });
    let mut first = Raw::client(served.port(), 4, "first");
    let mut second = Raw::client(served.port(), 5, "second");
    let mut third = Raw::dial(served.port());
    assert_eq!(third.packet(), None);
    first.ping();
    second.ping();
    assert_eq!(served.listener.stats().refused.get("too many connections"), Some(&1));
}
