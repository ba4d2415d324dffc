//! A client and a broker that send any bytes a test wants, right or wrong.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// One end of a connection.
pub(super) struct Raw(pub(super) TcpStream);

/// A packet: its first byte, and what follows the length.
pub(super) type Packet = (u8, Vec<u8>);

impl Raw {
    pub(super) fn dial(port: u16) -> Self {
        Self::new(TcpStream::connect(("127.0.0.1", port)).unwrap())
    }

    pub(super) fn accept(listener: &TcpListener) -> Self {
        Self::new(listener.accept().unwrap().0)
    }

    fn new(stream: TcpStream) -> Self {
        // A test that waits in vain fails instead of hanging.
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    /// A client that is connected; `level` is 4 for MQTT 3.1.1 and 5 for 5.
    pub(super) fn client(port: u16, level: u8, id: &str) -> Self {
        let mut client = Self::dial(port);
        client.send(&connect(level, id, 0));
        let (first, rest) = client.packet().unwrap();
        assert_eq!((first, &rest[..2]), (0x20, &[0, 0][..]), "CONNACK without a session, accepted");
        client
    }

    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// The next packet; None when the other side has closed.
    pub(super) fn packet(&mut self) -> Option<Packet> {
        let mut first = [0];
        match self.0.read(&mut first) {
            Ok(0) => return None,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
            read => assert_eq!(read.unwrap(), 1),
        }
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            let mut byte = [0];
            self.0.read_exact(&mut byte).unwrap();
            length |= usize::from(byte[0] & 0x7f) << shift;
            shift += 7;
            if byte[0] & 0x80 == 0 {
                break;
            }
        }
        let mut rest = vec![0; length];
        self.0.read_exact(&mut rest).unwrap();
        Some((first[0], rest))
    }

    /// The identifier of the next packet, which must be a PUBLISH with quality of service 1 of MQTT 3.1.1, and its topic.
    pub(super) fn published(&mut self) -> Option<(u16, String, bool)> {
        let (first, rest) = self.packet()?;
        if first >> 4 != 3 {
            return None;
        }
        let length = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
        let topic = String::from_utf8(rest[2..2 + length].to_vec()).unwrap();
        Some((u16::from_be_bytes([rest[2 + length], rest[3 + length]]), topic, first & 8 != 0))
    }

    pub(super) fn ping(&mut self) {
        self.send(&[0xc0, 0]);
        assert_eq!(self.packet(), Some((0xd0, Vec::new())));
    }
}

/// A packet of these parts.
pub(super) fn packet(first: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut bytes = vec![first];
    let mut length = body.len();
    loop {
        let byte = u8::try_from(length % 128).unwrap();
        length /= 128;
        bytes.push(if length > 0 { byte | 0x80 } else { byte });
        if length == 0 {
            break;
        }
    }
    bytes.extend(body);
    bytes
}

/// A text with its length before it.
pub(super) fn text(text: &str) -> Vec<u8> {
    let mut bytes = u16::try_from(text.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

/// CONNECT with a clean session and this keep-alive [s].
pub(crate) fn connect(level: u8, id: &str, keep_alive: u16) -> Vec<u8> {
    let properties: &[u8] = if level == 5 { &[0] } else { &[] };
    packet(0x10, &[&text("MQTT"), &[level, 2], &keep_alive.to_be_bytes(), properties, &text(id)])
}

/// PUBLISH; `flags` are the low four bits of its first byte.
pub(crate) fn publish(level: u8, flags: u8, topic: &str, id: u16, payload: &[u8]) -> Vec<u8> {
    let id = id.to_be_bytes();
    let id: &[u8] = if flags & 6 == 0 { &[] } else { &id };
    let properties: &[u8] = if level == 5 { &[0] } else { &[] };
    packet(0x30 | flags, &[&text(topic), id, properties, payload])
}

/// SUBSCRIBE to one filter.
pub(crate) fn subscribe(level: u8, id: u16, filter: &str, options: u8) -> Vec<u8> {
    let properties: &[u8] = if level == 5 { &[0] } else { &[] };
    packet(0x82, &[&id.to_be_bytes(), properties, &text(filter), &[options]])
}
