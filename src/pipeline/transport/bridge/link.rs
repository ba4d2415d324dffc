//! From an address to a broker that has said welcome and lets us listen; everything that can go wrong there is a sentence.

use std::io;

use bytes::BytesMut;
use tokio::io::Interest;
use tokio::time::timeout;

use super::super::packet::{self, Hello, Packet, Terms};
use super::super::stream::Stream;
use super::super::target::dial;
use super::Shared;

/// Longest packet taken from a broker [bytes]. Longer than any message of ours, so that what is too long is received,
/// acknowledged and counted; what is longer than this the broker keeps to itself, as MQTT 5 has it (3.1.2.11.4).
pub(super) const PACKET_BYTES_MAX: usize = 1 << 20;
/// The identifier of the one SUBSCRIBE.
const SUBSCRIBING: u16 = 1;

/// A connection at whose other end a broker listens.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) stream: Stream,
    pub(super) input: BytesMut,
    pub(super) out: BytesMut,
    pub(super) terms: Terms,
}

/// Connects, says hello and subscribes.
///
/// # Errors
/// A sentence saying what went wrong.
pub(super) async fn make(shared: &Shared) -> Result<Link, String> {
    let limit = shared.options.connect_timeout;
    match timeout(limit, greet(shared)).await {
        Ok(made) => made,
        Err(_) => Err(format!("it does not answer within {} s", limit.as_secs_f64())),
    }
}

async fn greet(shared: &Shared) -> Result<Link, String> {
    let options = &shared.options;
    let words = |error: io::Error| error.to_string();
    let mut stream = dial(&shared.target, options.tls.as_ref()).await.map_err(words)?;
    let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
    let hello = Hello {
        client_id: &options.name,
        keep_alive: u16::try_from(options.keep_alive.as_secs().max(1)).unwrap_or(u16::MAX),
        login: options.credentials.as_ref(),
        clean_start: false,
        session_expiry: u32::try_from(options.session_expiry.as_secs()).unwrap_or(u32::MAX),
        receive_maximum: options.receive_maximum.max(1),
        packet_bytes: u32::try_from(PACKET_BYTES_MAX).unwrap_or(u32::MAX),
    };
    packet::connect(&hello, &mut out);
    stream.send_all(&mut out).await.map_err(words)?;
    let terms = loop {
        match packet::read(&mut input, PACKET_BYTES_MAX).map_err(|error| error.to_string())? {
            Some(Packet::Welcome(terms)) => break terms,
            Some(Packet::Refused(code)) => return Err(format!("it refuses the connection: {}", packet::reason(code))),
            Some(_) => return Err("it does not answer CONNECT with CONNACK".to_owned()),
            None => {}
        }
        stream.ready(Interest::READABLE).await.map_err(words)?;
        match stream.try_read_buf(&mut input) {
            Ok(0) => return Err("it closes the connection; it may speak no MQTT 5".to_owned()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(words(error)),
        }
    };
    // Said also to a broker that remembers: the filters may be others than the last time.
    let filters: Vec<String> =
        options.filters.iter().map(|filter| format!("$share/{}/{filter}", options.group)).collect();
    packet::subscribe(SUBSCRIBING, filters.iter().map(String::as_str), true, &mut out);
    Ok(Link { stream, input, out, terms })
}
