//! Every decoder of the wire that bytes of strangers come to, as a function of bytes: for fuzzers, and for the smoke test below.
//!
//! What stands behind the wire (payloads, files, states on disk) is smoked by `tests/hostile.rs`, with the same mutants.
//!
//! Each returns something that grows with what it made of the bytes, so that nothing of it is optimised away. None may panic, and
//! none may need more memory than a small multiple of its input. Not for use by anybody else.

use bytes::{Bytes, BytesMut};

use super::bridge::take_any;
use super::confirm;
use super::listener;
use super::log::read_any;
use super::packet;
use super::publisher::read_any_311;
use super::tls;
use super::users::Users;

/// What a client says to the listener, in MQTT 3.1.1 or 5, from its first byte on.
pub fn client_bytes(bytes: &[u8]) -> usize {
    listener::hear(bytes)
}

/// What a broker of MQTT 5 says to a publisher or a bridge, and what a bridge makes of the messages in it.
pub fn broker_bytes(bytes: &[u8]) -> usize {
    let mut stream = BytesMut::from(bytes);
    let mut packets = 0;
    while let Ok(Some(packet)) = packet::read(&mut stream, 1 << 20) {
        packets += 1;
        if let packet::Packet::Publish(arrived) = packet {
            packets += take_any(arrived);
        }
    }
    packets
}

/// What a broker of MQTT 3.1.1 says to a publisher.
pub fn broker_bytes_311(bytes: &[u8]) -> usize {
    read_any_311(bytes)
}

/// A confirmation, and its response topic.
pub fn confirmation(bytes: &[u8]) -> usize {
    let topic = Bytes::copy_from_slice(bytes);
    let asked = confirm::asked(Some(&topic), Some(&topic.slice(..topic.len().min(8))));
    confirm::decode(bytes).count() + usize::from(asked.is_some())
}

/// The bytes of a log's segment.
pub fn log_segment(bytes: &[u8]) -> usize {
    read_any(bytes)
}

/// A users file.
pub fn users_file(bytes: &[u8]) -> usize {
    Users::read_any(&String::from_utf8_lossy(bytes))
}

/// A client's certificate, in DER.
pub fn certificate(bytes: &[u8]) -> usize {
    tls::subject(bytes).map_or(0, |name| name.len())
}

/// Changes, cuts, doubles and mixes bytes of sound input; the same for the same number. For smoke tests of any decoder.
pub fn mutant(seed: &[u8], number: u64) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    // Marsaglia 2003, "Xorshift RNGs".
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % (below.max(1) as u64)).unwrap_or(0)
    };
    let mut bytes = seed.to_vec();
    for _ in 0..=next(6) {
        let at = next(bytes.len());
        match next(7) {
            0 if !bytes.is_empty() => bytes[at] = u8::try_from(next(256)).unwrap_or(0),
            1 if !bytes.is_empty() => bytes[at] ^= 1 << next(8),
            2 => bytes.truncate(at),
            3 => {
                let (from, length) = (next(seed.len()), next(40));
                let piece = seed[from..(from + length).min(seed.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            4 => bytes.splice(at..at, std::iter::repeat_n(0xff, next(9))).for_each(drop),
            // In what is written as text, numbers that are larger than anybody thought of.
            5 if bytes.get(at).is_some_and(u8::is_ascii_digit) => {
                bytes.splice(at..at, std::iter::repeat_n(b'9', next(20))).for_each(drop);
            }
            _ => bytes.extend((0..next(30)).map(|_| 0x80_u8)),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::{Message, packet, users};
    use super::*;

    type Target = (&'static str, fn(&[u8]) -> usize, Vec<Vec<u8>>);

    /// Sound input for each decoder, from which mutants are made.
    fn targets() -> Vec<Target> {
        use super::super::tests::raw::{connect, publish, subscribe};
        let client = |level| {
            let wish = subscribe(level, 2, "city/+/#", 1);
            [connect(level, "fuzz", 9), publish(level, 2, "city/a", 1, b"payload"), wish, vec![0xc0, 0]].concat()
        };
        let mut said = BytesMut::new();
        said.extend_from_slice(&[0x20, 6, 1, 0, 3, 0x21, 0, 20, 0x90, 4, 0, 1, 0, 1, 0xd0, 0, 0x40, 3, 0, 1, 0x10]);
        let asking = packet::Asking { response_topic: "citytwin/ack/a/1", correlation: 7 };
        packet::publish("city/a", b"payload", Some(9), true, Some(asking), &mut said);
        packet::publish("city/b", b"", None, false, None, &mut said);
        let old = vec![0x20, 2, 0, 0, 0x40, 2, 0, 1, 0xd0, 0, 0x30, 5, 0, 1, b'a', b'x', b'y', 0x90, 3, 0, 1, 1];
        let mut waiting = confirm::Confirmations::default();
        (0..60).for_each(|number| assert!(waiting.note(&Bytes::from_static(b"a"), number * number)));
        let confirmation = waiting.next(4096).map(|(_, payload, _)| payload.to_vec()).unwrap_or_default();
        let segment =
            super::super::log::any_segment(&(0..9).map(|n| Message::new("city/a", vec![n; 40])).collect::<Vec<_>>());
        let users = format!("# users\nbus:{}:a/+,b/#:c\ncert:-\n", users::cheap_hash("x"));
        let key = rcgen::KeyPair::generate().unwrap();
        let certified = rcgen::CertificateParams::new(vec!["bus.city.example".to_owned()]).unwrap();
        let certified = certified.self_signed(&key).unwrap().der().to_vec();
        vec![
            ("client", client_bytes, vec![client(4), client(5)]),
            ("broker", broker_bytes, vec![said.to_vec()]),
            ("broker of 3.1.1", broker_bytes_311, vec![old]),
            ("confirmation", super::confirmation, vec![confirmation, b"citytwin/ack/a/1".to_vec()]),
            ("log", log_segment, vec![segment]),
            ("users", users_file, vec![users.into_bytes()]),
            ("certificate", certificate, vec![certified]),
        ]
    }

    /// Whoever sends nonsense is turned away; nobody falls over it.
    #[test]
    fn no_decoder_falls_over_two_thousand_mutants() {
        for (name, decode, seeds) in targets() {
            let whole: usize = seeds.iter().map(|seed| decode(seed)).sum();
            assert!(whole > 0, "{name} makes nothing of what is sound");
            for number in 0..2000_u64 {
                let seed = &seeds[usize::try_from(number).unwrap() % seeds.len()];
                let bytes = mutant(seed, number);
                let made = std::panic::catch_unwind(|| decode(&bytes));
                assert!(made.is_ok(), "{name} falls over mutant {number}: {bytes:x?}");
            }
        }
    }
}
