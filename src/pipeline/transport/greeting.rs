//! Who listens at an address that is taken: another listener of ours, or somebody else.
//!
//! Where a certificate is set up, ours is whoever proves to hold its key; nothing else is believed, and nothing is said to anybody
//! else. Without one, ours is whoever answers CONNECT in our listener's words, whether it lets us in or not.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use bytes::BytesMut;

use super::packet::{self, Hello};
use super::tls::Pinned;

/// How long anybody is waited for, and how much of what it says is looked at [bytes].
const PATIENCE: Duration = Duration::from_secs(2);
const ANSWER_BYTES_MAX: usize = 1024;

/// What a client without a name is called by our listener, and how it says why a client is turned away.
pub(super) const ASSIGNED: &str = "citytwin-assigned-";
pub(super) const REFUSED: &str = "citytwin: ";

/// Whether our own listener listens at an address; `certificate` is what it shows, if it encrypts. What cannot be found out, because
/// nobody answers in time or as is expected, is no.
pub fn is_ours(address: SocketAddr, certificate: Option<&Path>) -> bool {
    ask(address, certificate).unwrap_or(false)
}

fn ask(address: SocketAddr, certificate: Option<&Path>) -> io::Result<bool> {
    let mut socket = TcpStream::connect_timeout(&reached(address), PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    if let Some(certificate) = certificate {
        let pinned = Pinned::load(certificate).map_err(io::Error::other)?;
        return pinned.is_shown_by(&mut socket);
    }
    let mut out = BytesMut::new();
    let hello = Hello {
        client_id: "",
        keep_alive: 10,
        login: None,
        clean_start: true,
        session_expiry: 0,
        receive_maximum: 1,
        packet_bytes: 1024,
    };
    packet::connect(&hello, &mut out);
    socket.write_all(&out)?;
    let mut answer = Vec::new();
    let mut piece = [0; 256];
    while answer.len() < ANSWER_BYTES_MAX {
        let read = socket.read(&mut piece)?;
        answer.extend_from_slice(&piece[..read]);
        if holds(&answer) {
            out.clear();
            packet::disconnect(&mut out);
            // It was turned away already, as a rule.
            let _ = socket.write_all(&out);
            return Ok(true);
        }
        if read == 0 {
            break;
        }
    }
    Ok(false)
}

/// Whether an answer is a CONNACK in our listener's words.
fn holds(answer: &[u8]) -> bool {
    let has = |words: &str| answer.windows(words.len()).any(|window| window == words.as_bytes());
    answer.first() == Some(&0x20) && (has(ASSIGNED) || has(REFUSED))
}

/// Where a listener is reached from this machine: one that listens everywhere, on loopback.
fn reached(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
