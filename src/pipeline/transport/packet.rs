//! MQTT 5 packets as a client writes and reads them (OASIS 2019, "MQTT version 5.0", sections 2 and 3), without a socket.
//!
//! Written here because a bridge has to acknowledge also what it cannot use: a reader that refuses a whole packet for one bad
//! property would be sent the same packet again for ever. Lengths are checked before anything is taken, payloads are slices of
//! what was read, and a packet is written without memory of its own. Knows no connection and no message of ours.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::Credentials;

/// Longest remaining length the standard can say [bytes].
const REMAINING_MAX: usize = 268_435_455;

/// Properties by their identifiers (section 2.2.2.2).
mod property {
    pub(super) const RESPONSE_TOPIC: u8 = 0x08;
    pub(super) const CORRELATION_DATA: u8 = 0x09;
    pub(super) const SESSION_EXPIRY: u8 = 0x11;
    pub(super) const SERVER_KEEP_ALIVE: u8 = 0x13;
    pub(super) const RECEIVE_MAXIMUM: u8 = 0x21;
    pub(super) const MAXIMUM_PACKET_SIZE: u8 = 0x27;
}

/// Why bytes are no packet of MQTT 5 that a server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoPacket {
    /// A length or a kind is not what the standard allows.
    #[error("what the broker says is no MQTT 5: {0}")]
    Malformed(&'static str),
    /// Longer than was agreed.
    #[error("the broker sends a packet of {0} bytes, which is longer than was agreed")]
    TooLong(usize),
}

/// A message from the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arrived {
    /// As it was sent; whether it is a topic is for the reader to judge.
    pub(super) topic: Bytes,
    pub(super) payload: Bytes,
    /// Packet identifier; 0 with quality of service 0.
    pub(super) id: u16,
    /// Sent before, as far as the broker knows.
    pub(super) again: bool,
    /// Where an answer is wanted, and what it is to be told there.
    pub(super) response_topic: Option<Bytes>,
    pub(super) correlation: Option<Bytes>,
}

/// What a server agrees to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) session_present: bool,
    /// Messages it takes without having acknowledged them.
    pub(super) receive_maximum: u16,
    /// Longest packet it takes [bytes].
    pub(super) packet_bytes: usize,
    /// How long it waits for a word, if it sets the time itself [s].
    pub(super) keep_alive: Option<u16>,
}

/// A packet from the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Packet {
    Welcome(Terms),
    /// CONNACK with this reason code.
    Refused(u8),
    Publish(Arrived),
    /// PUBACK with this reason code.
    Acknowledged {
        id: u16,
        code: u8,
    },
    /// SUBACK with a reason code for each filter.
    Subscribed(Bytes),
    Pong,
    /// DISCONNECT with this reason code.
    Goodbye(u8),
    /// Anything a client of quality of service 1 need not know.
    Other,
}

/// How to say hello.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hello<'a> {
    pub(super) client_id: &'a str,
    pub(super) keep_alive: u16,
    pub(super) login: Option<&'a Credentials>,
    /// Whether what the broker remembers of an earlier connection is to be forgotten.
    pub(super) clean_start: bool,
    /// How long the broker is to remember this one [s].
    pub(super) session_expiry: u32,
    pub(super) receive_maximum: u16,
    pub(super) packet_bytes: u32,
}

/// Where the answer to a message is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asking<'a> {
    pub(super) response_topic: &'a str,
    pub(super) correlation: u64,
}

/// Appends CONNECT (section 3.1).
pub(super) fn connect(hello: &Hello<'_>, out: &mut BytesMut) {
    let login = hello.login.map_or(0, |login| 4 + limited(&login.user).len() + limited(&login.password).len());
    let properties = 5 + 3 + 5;
    head(0x10, 10 + 1 + properties + 2 + limited(hello.client_id).len() + login, out);
    text("MQTT", out);
    let flags = u8::from(hello.clean_start) << 1 | if hello.login.is_some() { 0xc0 } else { 0 };
    out.put_slice(&[5, flags]);
    out.put_u16(hello.keep_alive);
    length(properties, out);
    out.put_u8(property::SESSION_EXPIRY);
    out.put_u32(hello.session_expiry);
    out.put_u8(property::RECEIVE_MAXIMUM);
    out.put_u16(hello.receive_maximum.max(1));
    out.put_u8(property::MAXIMUM_PACKET_SIZE);
    out.put_u32(hello.packet_bytes.max(1));
    text(hello.client_id, out);
    if let Some(login) = hello.login {
        text(&login.user, out);
        text(&login.password, out);
    }
}

/// Appends PUBLISH (section 3.3): quality of service 1 with an identifier, 0 with none.
pub(super) fn publish(
    topic: &str,
    payload: &[u8],
    id: Option<u16>,
    again: bool,
    asking: Option<Asking<'_>>,
    out: &mut BytesMut,
) {
    let topic = limited(topic);
    let properties = asking.map_or(0, |asking| 3 + limited(asking.response_topic).len() + 3 + 8);
    let id_length = if id.is_some() { 2 } else { 0 };
    let flags = if id.is_some() { 0x02 | u8::from(again) << 3 } else { 0 };
    head(0x30 | flags, 2 + topic.len() + id_length + length_of(properties) + properties + payload.len(), out);
    text(topic, out);
    if let Some(id) = id {
        out.put_u16(id);
    }
    length(properties, out);
    if let Some(asking) = asking {
        out.put_u8(property::RESPONSE_TOPIC);
        text(asking.response_topic, out);
        out.put_u8(property::CORRELATION_DATA);
        out.put_u16(8);
        out.put_u64(asking.correlation);
    }
    out.put_slice(payload);
}

/// Appends PUBACK (section 3.4) with success, which needs no words.
pub(super) fn acknowledge(id: u16, out: &mut BytesMut) {
    out.put_slice(&[0x40, 2]);
    out.put_u16(id);
}

/// Appends SUBSCRIBE (section 3.8): each filter with its highest quality of service (0 or 1), without kept messages.
pub(super) fn subscribe<'a>(
    id: u16,
    filters: impl Iterator<Item = &'a str> + Clone,
    acknowledged: bool,
    out: &mut BytesMut,
) {
    let filters_length: usize = filters.clone().map(|filter| 2 + limited(filter).len() + 1).sum();
    head(0x82, 2 + 1 + filters_length, out);
    out.put_u16(id);
    length(0, out);
    for filter in filters {
        text(filter, out);
        // Retain handling 2: nothing is sent for having subscribed.
        out.put_u8(0x20 | u8::from(acknowledged));
    }
}

/// Appends PINGREQ.
pub(super) fn ping(out: &mut BytesMut) {
    out.put_slice(&[0xc0, 0]);
}

/// Appends DISCONNECT with success; a session with an expiry lives on.
pub(super) fn disconnect(out: &mut BytesMut) {
    out.put_slice(&[0xe0, 0]);
}

/// No text of MQTT is longer than its two bytes of length can say; whoever hands in more has it cut, at a character.
fn limited(text: &str) -> &str {
    let mut end = text.len().min(usize::from(u16::MAX));
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn text(words: &str, out: &mut BytesMut) {
    let words = limited(words);
    out.put_u16(u16::try_from(words.len()).unwrap_or(u16::MAX));
    out.put_slice(words.as_bytes());
}

fn head(first: u8, remaining: usize, out: &mut BytesMut) {
    out.reserve(remaining + 5);
    out.put_u8(first);
    length(remaining.min(REMAINING_MAX), out);
}

/// Appends a variable byte integer (section 1.5.5).
fn length(mut value: usize, out: &mut BytesMut) {
    loop {
        let digit = u8::try_from(value & 0x7f).unwrap_or(0);
        value >>= 7;
        out.put_u8(if value > 0 { digit | 0x80 } else { digit });
        if value == 0 {
            return;
        }
    }
}

fn length_of(value: usize) -> usize {
    match value {
        0..=0x7f => 1,
        0x80..=0x3fff => 2,
        0x4000..=0x1f_ffff => 3,
        _ => 4,
    }
}

/// Takes the next packet off, if it is there as a whole.
///
/// # Errors
/// When the bytes are no packet, or one whose remaining length is more than `bytes_max`: the connection is of no use then.
pub(super) fn read(stream: &mut BytesMut, bytes_max: usize) -> Result<Option<Packet>, NoPacket> {
    let (mut remaining, mut head) = (0_usize, 1);
    loop {
        let Some(byte) = stream.get(head) else {
            return if head > 4 { Err(NoPacket::Malformed("a length without end")) } else { Ok(None) };
        };
        remaining |= usize::from(byte & 0x7f) << (7 * (head - 1));
        head += 1;
        if byte & 0x80 == 0 {
            break;
        }
        if head > 4 {
            return Err(NoPacket::Malformed("a length without end"));
        }
    }
    if remaining > bytes_max {
        return Err(NoPacket::TooLong(remaining));
    }
    if stream.len() < head + remaining {
        return Ok(None);
    }
    let first = stream[0];
    stream.advance(head);
    let mut rest = stream.split_to(remaining).freeze();
    match first {
        0x20 => welcome(&mut rest),
        0x30..=0x3f => published(first, rest),
        0x40 => {
            let id = take_u16(&mut rest)?;
            let code = if rest.is_empty() { 0 } else { rest.get_u8() };
            Ok(Packet::Acknowledged { id, code })
        }
        0x90 => {
            take_u16(&mut rest)?;
            take_properties(&mut rest)?;
            Ok(Packet::Subscribed(rest))
        }
        0xd0 => Ok(Packet::Pong),
        0xe0 => Ok(Packet::Goodbye(rest.first().copied().unwrap_or(0))),
        0x50 | 0x62 | 0x70 | 0xb0 | 0xf0 => Ok(Packet::Other),
        _ => Err(NoPacket::Malformed("a kind of packet that servers do not send")),
    }
    .map(Some)
}

fn welcome(rest: &mut Bytes) -> Result<Packet, NoPacket> {
    if rest.len() < 2 {
        return Err(SHORT);
    }
    let (flags, code) = (rest.get_u8(), rest.get_u8());
    if code != 0 {
        return Ok(Packet::Refused(code));
    }
    let mut terms = Terms {
        session_present: flags & 1 == 1,
        receive_maximum: u16::MAX,
        packet_bytes: REMAINING_MAX,
        keep_alive: None,
    };
    let mut properties = take_properties(rest)?;
    while let Some((kind, value)) = next_property(&mut properties)? {
        match (kind, &value[..]) {
            (property::RECEIVE_MAXIMUM, [high, low]) => {
                terms.receive_maximum = u16::from_be_bytes([*high, *low]).max(1);
            }
            (property::SERVER_KEEP_ALIVE, [high, low]) => terms.keep_alive = Some(u16::from_be_bytes([*high, *low])),
            (property::MAXIMUM_PACKET_SIZE, value) => {
                let bytes = value.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
                terms.packet_bytes = bytes.min(REMAINING_MAX);
            }
            _ => {}
        }
    }
    Ok(Packet::Welcome(terms))
}

fn published(first: u8, mut rest: Bytes) -> Result<Packet, NoPacket> {
    let topic = take_binary(&mut rest)?;
    let id = match first & 0x06 {
        0 => 0,
        0x02 => take_u16(&mut rest)?,
        _ => return Err(NoPacket::Malformed("a message of a quality of service that was not asked for")),
    };
    if first & 0x06 != 0 && id == 0 {
        return Err(NoPacket::Malformed("a message with the identifier 0"));
    }
    let mut properties = take_properties(&mut rest)?;
    let mut arrived =
        Arrived { topic, payload: rest, id, again: first & 0x08 != 0, response_topic: None, correlation: None };
    // What a foreign device writes into properties is nobody's reason to refuse the message.
    while let Ok(Some((kind, value))) = next_property(&mut properties) {
        match kind {
            property::RESPONSE_TOPIC => arrived.response_topic = Some(value),
            property::CORRELATION_DATA => arrived.correlation = Some(value),
            _ => {}
        }
    }
    Ok(Packet::Publish(arrived))
}

const SHORT: NoPacket = NoPacket::Malformed("a packet shorter than it says");

fn take_u16(rest: &mut Bytes) -> Result<u16, NoPacket> {
    rest.try_get_u16().map_err(|_| SHORT)
}

fn take_binary(rest: &mut Bytes) -> Result<Bytes, NoPacket> {
    let length = usize::from(take_u16(rest)?);
    if rest.len() < length { Err(SHORT) } else { Ok(rest.split_to(length)) }
}

fn take_length(rest: &mut Bytes) -> Result<usize, NoPacket> {
    let mut value = 0;
    for shift in [0, 7, 14, 21] {
        let byte = rest.try_get_u8().map_err(|_| SHORT)?;
        value |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(NoPacket::Malformed("a length without end"))
}

/// The properties as bytes; none where the packet ends before them.
fn take_properties(rest: &mut Bytes) -> Result<Bytes, NoPacket> {
    if rest.is_empty() {
        return Ok(Bytes::new());
    }
    let length = take_length(rest)?;
    if rest.len() < length { Err(SHORT) } else { Ok(rest.split_to(length)) }
}

/// The next property's identifier and value.
fn next_property(rest: &mut Bytes) -> Result<Option<(u8, Bytes)>, NoPacket> {
    if rest.is_empty() {
        return Ok(None);
    }
    let kind = rest.get_u8();
    let length = match kind {
        0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2a => 1,
        0x13 | 0x21 | 0x22 | 0x23 => 2,
        0x02 | 0x11 | 0x18 | 0x27 => 4,
        0x0b => {
            take_length(rest)?;
            0
        }
        0x03 | 0x08 | 0x09 | 0x12 | 0x15 | 0x16 | 0x1a | 0x1c | 0x1f => usize::from(take_u16(rest)?),
        0x26 => {
            take_binary(rest)?;
            usize::from(take_u16(rest)?)
        }
        _ => return Err(NoPacket::Malformed("an unknown property")),
    };
    if rest.len() < length { Err(SHORT) } else { Ok(Some((kind, rest.split_to(length)))) }
}

/// A reason code in words (section 2.4), as far as servers use them against clients.
pub(super) fn reason(code: u8) -> &'static str {
    match code {
        0x00 => "no reason",
        0x10 => "no matching subscribers",
        0x81 => "malformed packet",
        0x82 => "protocol error",
        0x83 => "an error of its own",
        0x84 => "unsupported protocol version; it speaks no MQTT 5",
        0x85 => "client identifier not valid",
        0x86 => "bad user name or password",
        0x87 => "not authorized",
        0x88 => "server unavailable",
        0x89 => "server busy",
        0x8a => "banned",
        0x8b => "server shutting down",
        0x8d => "keep alive timeout",
        0x8e => "session taken over by another client of this name",
        0x8f => "topic filter invalid",
        0x90 => "topic name invalid",
        0x91 => "packet identifier in use",
        0x93 => "receive maximum exceeded",
        0x94 => "topic alias invalid",
        0x95 => "packet too large",
        0x96 => "message rate too high",
        0x97 => "quota exceeded",
        0x98 => "administrative action",
        0x99 => "payload format invalid",
        0x9b => "quality of service not supported",
        0x9c => "use another server",
        0x9d => "server moved",
        0x9e => "shared subscriptions not supported",
        0x9f => "connection rate exceeded",
        0xa2 => "wildcard subscriptions not supported",
        _ => "an unspecified error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back_as_it_was_written() {
        for (id, asking, length) in [(None, None, 0), (Some(1), None, 200), (Some(65535), Some(7), 70_000)] {
            let mut out = BytesMut::new();
            let payload = vec![7_u8; length];
            let asking = asking.map(|correlation| Asking { response_topic: "citytwin/ack/x/1", correlation });
            publish("city/ü/1", &payload, id, true, asking, &mut out);
            let Ok(Some(Packet::Publish(arrived))) = read(&mut out, 1 << 20) else { unreachable!("it is a message") };
            assert!(out.is_empty());
            assert_eq!((&arrived.topic[..], &arrived.payload[..]), ("city/ü/1".as_bytes(), &payload[..]));
            assert_eq!((arrived.id, arrived.again), (id.unwrap_or(0), id.is_some()));
            assert_eq!(
                arrived.correlation.as_deref(),
                asking.map(|asking| asking.correlation.to_be_bytes()).as_ref().map(|b| &b[..])
            );
        }
    }

    /// A broker's words, whole and cut anywhere: what is not whole is waited for, what is wrong is told.
    #[test]
    fn what_brokers_say_is_understood() {
        let cases: &[(&[u8], Packet)] = &[
            (
                &[0x20, 6, 1, 0, 3, 0x21, 0, 20],
                Packet::Welcome(Terms {
                    session_present: true,
                    receive_maximum: 20,
                    packet_bytes: REMAINING_MAX,
                    keep_alive: None,
                }),
            ),
            (&[0x20, 3, 0, 0x87, 0], Packet::Refused(0x87)),
            (&[0x40, 2, 1, 2], Packet::Acknowledged { id: 258, code: 0 }),
            (&[0x40, 3, 0, 2, 0x10], Packet::Acknowledged { id: 2, code: 0x10 }),
            (&[0x90, 5, 0, 1, 0, 1, 0x87], Packet::Subscribed(Bytes::from_static(&[1, 0x87]))),
            (&[0xd0, 0], Packet::Pong),
            (&[0xe0, 0], Packet::Goodbye(0)),
            (&[0xe0, 1, 0x8e], Packet::Goodbye(0x8e)),
        ];
        for (bytes, expected) in cases {
            for cut in 0..bytes.len() {
                assert_eq!(read(&mut BytesMut::from(&bytes[..cut]), 100), Ok(None), "{bytes:x?} cut at {cut}");
            }
            assert_eq!(read(&mut BytesMut::from(*bytes), 100).as_ref(), Ok(&Some(expected.clone())));
        }
        for wrong in
            [&[0x00, 0][..], &[0x20, 1, 0], &[0x40, 1, 0], &[0x32, 5, 0, 1, b'a', 0, 0], &[0x30, 2, 0, 9], &[0x34, 0]]
        {
            assert!(matches!(read(&mut BytesMut::from(wrong), 100), Err(NoPacket::Malformed(_))), "{wrong:x?}");
        }
        assert_eq!(read(&mut BytesMut::from(&[0x30, 101][..]), 100), Err(NoPacket::TooLong(101)));
    }
}
