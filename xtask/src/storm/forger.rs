//! A network that lies: between a publisher and its broker, it takes one message away and acknowledges it itself, or changes one digit.
//!
//! Understands MQTT 3.1.1 and 5 just as far as that needs: where a packet ends, what a `QoS` 1 PUBLISH is called, and what PUBACK looks
//! like. Everything else passes as it came.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Longest packet it hands on [bytes].
const PACKET_MAX: usize = 1 << 20;

/// What is done to one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crime {
    /// It is taken away, and acknowledged.
    Drop,
    /// One digit of what it measured is another.
    Flip,
}

#[derive(Debug)]
struct Shared {
    crime: Crime,
    /// Messages until it is time.
    until: AtomicU64,
    crimes: AtomicU64,
    closing: AtomicBool,
}

/// A liar at work; ends when dropped, with whoever it stands between.
#[derive(Debug)]
pub(super) struct Forger {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Forger {
    /// Listens on a free port of this machine, hands on to `target`, and commits `crime` once, after so many messages.
    pub(super) fn before(target: SocketAddr, crime: Crime, after: u64) -> Result<Self, String> {
        let socket = TcpListener::bind(("127.0.0.1", 0)).map_err(|error| format!("no port for the forger: {error}"))?;
        let address = socket.local_addr().map_err(|error| error.to_string())?;
        let shared = Arc::new(Shared {
            crime,
            until: AtomicU64::new(after),
            crimes: AtomicU64::new(0),
            closing: AtomicBool::new(false),
        });
        let all = Arc::clone(&shared);
        thread::spawn(move || {
            for client in socket.incoming().flatten() {
                if all.closing.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(server) = TcpStream::connect(target) {
                    // Who cannot be joined is closed, and comes again.
                    let _ = join(&client, &server, &all);
                }
            }
        });
        Ok(Self { address, shared })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How often it lied.
    pub(super) fn crimes(&self) -> u64 {
        self.shared.crimes.load(Ordering::SeqCst)
    }
}

impl Drop for Forger {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
    }
}

fn join(client: &TcpStream, server: &TcpStream, shared: &Arc<Shared>) -> std::io::Result<()> {
    // Two write to the client: the server, and whoever acknowledges in its name.
    let to_client = Arc::new(Mutex::new(client.try_clone()?));
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    let (mut from_server, answers, shared) = (server.try_clone()?, Arc::clone(&to_client), Arc::clone(shared));
    thread::spawn(move || {
        while let Some(mut packet) = packet(&mut from_client) {
            let forged = forge(&mut packet, &shared);
            let done = match forged {
                Some(answer) => write(&answers, &answer),
                None => to_server.write_all(&packet).is_ok(),
            };
            if !done {
                break;
            }
        }
        drop((from_client.shutdown(Shutdown::Both), to_server.shutdown(Shutdown::Both)));
    });
    thread::spawn(move || {
        while let Some(packet) = packet(&mut from_server) {
            if !write(&to_client, &packet) {
                break;
            }
        }
        let client = to_client.lock().unwrap_or_else(PoisonError::into_inner);
        drop((from_server.shutdown(Shutdown::Both), client.shutdown(Shutdown::Both)));
    });
    Ok(())
}

fn write(stream: &Mutex<TcpStream>, bytes: &[u8]) -> bool {
    stream.lock().unwrap_or_else(PoisonError::into_inner).write_all(bytes).is_ok()
}

/// The next whole packet; none at the end.
fn packet(stream: &mut impl Read) -> Option<Vec<u8>> {
    let mut packet = vec![0];
    stream.read_exact(&mut packet).ok()?;
    let mut length = 0;
    for shift in [0, 7, 14, 21] {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        packet.push(byte[0]);
        length |= usize::from(byte[0] & 0x7f) << shift;
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    if length > PACKET_MAX {
        return None;
    }
    let head = packet.len();
    packet.resize(head + length, 0);
    stream.read_exact(&mut packet[head..]).ok()?;
    Some(packet)
}

/// Commits the crime on a packet if it is time; gives the answer in the place of which it disappears, if it is to.
fn forge(packet: &mut [u8], shared: &Shared) -> Option<Vec<u8>> {
    let id = identifier(packet)?;
    let count = |left: u64| left.checked_sub(1);
    if shared.crimes.load(Ordering::SeqCst) > 0
        || shared.until.fetch_update(Ordering::SeqCst, Ordering::SeqCst, count).is_ok()
    {
        return None;
    }
    match shared.crime {
        Crime::Drop => {
            shared.crimes.fetch_add(1, Ordering::SeqCst);
            Some(vec![0x40, 2, id[0], id[1]])
        }
        Crime::Flip => {
            if let Some(at) = digit(packet) {
                packet[at] ^= 1;
                shared.crimes.fetch_add(1, Ordering::SeqCst);
            }
            None
        }
    }
}

/// The identifier of a PUBLISH of `QoS` 1; none of any other packet.
fn identifier(packet: &[u8]) -> Option<[u8; 2]> {
    if packet.first()? & 0xf6 != 0x32 {
        return None;
    }
    let head = 2 + packet[1..].iter().take_while(|byte| **byte & 0x80 != 0).count();
    let length = packet.get(head..head + 2)?;
    let at = head + 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
    packet.get(at..at + 2)?.try_into().ok()
}

/// Where the first digit behind a decimal point of what was measured is: any later one may be lost in rounding.
fn digit(packet: &[u8]) -> Option<usize> {
    let field = b"\"timestamp\":";
    let at = packet.windows(field.len()).position(|window| window == field)?;
    let comma = at + packet[at..].iter().position(|byte| *byte == b',')?;
    let point = packet[comma..].windows(3).position(|w| w[0].is_ascii_digit() && w[1] == b'.' && w[2].is_ascii_digit());
    Some(comma + point? + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PUBLISH, `QoS` 1, topic `t`, identifier 7, no properties.
    fn publish(payload: &str) -> Vec<u8> {
        let mut packet = vec![0x32, 0x80, 0x01, 0, 1, b't', 0, 7, 0];
        packet[1] |= u8::try_from((packet.len() - 3 + payload.len()) & 0x7f).unwrap();
        packet[2] = u8::try_from((packet.len() - 3 + payload.len()) >> 7).unwrap();
        packet.extend_from_slice(payload.as_bytes());
        packet
    }

    #[test]
    fn packets_are_read_whole_and_publishes_known_by_their_identifier() {
        let mut stream = publish("first");
        stream.extend([0xc0, 0]);
        let mut stream = stream.as_slice();
        assert_eq!(packet(&mut stream).as_deref().and_then(identifier), Some([0, 7]));
        assert_eq!(packet(&mut stream), Some(vec![0xc0, 0]));
        assert_eq!(packet(&mut stream), None);
        assert_eq!(identifier(&[0xc0, 0]), None);
    }

    #[test]
    fn what_is_changed_is_a_digit_of_a_measurement() {
        let payload = r#"{"type":"air","epoch":1,"timestamp":"2020-01-01T00:00:00.123Z","pm":12.25}"#;
        let mut bytes = publish(payload);
        let at = digit(&bytes).unwrap();
        bytes[at] ^= 1;
        assert!(String::from_utf8_lossy(&bytes).contains(r#""pm":12.35"#));
        assert_eq!(digit(&publish(r#"{"timestamp":"2020-01-01T00:00:00.123Z","free":true}"#)), None);
    }
}
