//! How many connections an address has: counted when one is open, given back when it has ended.
//!
//! One that is too many is told so and hung up on before it is read: it costs nobody else a place.

use std::any::Any;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{IpAddr, Shutdown, TcpStream};
use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex, PoisonError};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::rt::net;

use super::guard::{Crowding, neighbourhood};
use super::problem::{PROBLEM_JSON, Problem};

/// After how long whoever was turned away may try again [s].
const RETRY_S: u64 = 10;

/// A connection as the server has it, in plain words or encrypted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    stream: &'a net::TcpStream,
    encrypted: bool,
}

impl<'a> Line<'a> {
    /// Of what the server says of a connection; none of what it cannot be.
    pub(crate) fn of(connection: &'a dyn Any) -> Option<Self> {
        if let Some(stream) = connection.downcast_ref::<net::TcpStream>() {
            return Some(Self { stream, encrypted: false });
        }
        let stream = connection.downcast_ref::<TlsStream<net::TcpStream>>()?.get_ref().0;
        Some(Self { stream, encrypted: true })
    }

    /// A handle of its own on the connection.
    pub(crate) fn handle(self) -> Option<TcpStream> {
        self.stream.as_fd().try_clone_to_owned().ok().map(TcpStream::from)
    }

    fn address(self) -> Option<IpAddr> {
        self.stream.peer_addr().ok().map(|address| address.ip())
    }

    /// Says that there are too many, where words can be said, and hangs up.
    fn turn_away(self, most: usize) {
        let Some(mut stream) = self.handle() else { return };
        if !self.encrypted {
            let detail = format!("{most} connections are open from your address, and there may be no more; close some");
            let body = Problem::too_many(RETRY_S, detail).json();
            let mut answer = format!(
                "HTTP/1.1 429 Too Many Requests\r\ncontent-type: {PROBLEM_JSON}\r\ncontent-length: {}\r\nretry-after: {RETRY_S}\r\n\
                 connection: close\r\n\r\n",
                body.len()
            )
            .into_bytes();
            answer.extend(body);
            // Nobody waits for who does not take it.
            let _ = stream.write(&answer);
        }
        let _ = stream.shutdown(Shutdown::Both);
    }
}

/// Counts connections by address.
#[derive(Debug)]
pub(crate) struct Crowd {
    most: Crowding,
    /// Addresses that speak for many.
    proxies: Vec<IpAddr>,
    open: Mutex<BTreeMap<IpAddr, usize>>,
}

/// A connection that is counted as long as this is held.
#[derive(Debug)]
pub(crate) struct Counted {
    crowd: Arc<Crowd>,
    address: IpAddr,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut open = self.crowd.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

impl Crowd {
    pub(crate) fn new(most: Crowding, proxies: &[IpAddr]) -> Self {
        let proxies = proxies.iter().map(IpAddr::to_canonical).collect();
        Self { most, proxies, open: Mutex::default() }
    }

    /// A new connection: counted, or hung up on.
    pub(crate) fn meet(self: &Arc<Self>, line: Line<'_>) -> Option<Counted> {
        // Whoever has no address any more has gone.
        match self.admit(line.address()?) {
            Ok(counted) => counted,
            Err(most) => {
                line.turn_away(most);
                None
            }
        }
    }

    /// Counts one more of an address; how many there may be, if there are as many. Those of proxies are not counted.
    fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Option<Counted>, usize> {
        let address = address.to_canonical();
        if self.proxies.contains(&address) {
            return Ok(None);
        }
        let most = if address.is_loopback() { self.most.of_this_machine } else { self.most.of_address };
        let address = neighbourhood(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(address).or_default();
        if *count >= most.max(1) {
            return Err(most);
        }
        *count += 1;
        drop(open);
        Ok(Some(Counted { crowd: Arc::clone(self), address }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_and_others_have_theirs() {
        let proxies = ["10.0.0.2".parse().expect("an address")];
        let crowd = Arc::new(Crowd::new(Crowding { of_address: 2, of_this_machine: 3 }, &proxies));
        let admit = |address: &str| crowd.admit(address.parse().expect("an address"));
        let (one, two) = (admit("203.0.113.7"), admit("::ffff:203.0.113.7"));
        assert!(matches!((&one, &two), (Ok(Some(_)), Ok(Some(_)))));
        assert_eq!(admit("203.0.113.7").err(), Some(2));
        // Another address has its own room; whoever has one of IPv6 has a whole network of them.
        let six = [admit("2001:db8::1"), admit("2001:db8::2")];
        assert!(six.iter().all(Result::is_ok) && admit("2001:db8::3").is_err());
        let here: Vec<_> = (0..4).map(|_| admit("127.0.0.1")).collect();
        assert_eq!(here.iter().filter(|one| one.is_ok()).count(), 3);
        assert!((0..10).map(|_| admit("10.0.0.2")).all(|one| matches!(one, Ok(None))));
        // Who leaves makes room, and nothing is remembered of who has none open.
        drop(one);
        assert!(matches!(admit("203.0.113.7"), Ok(Some(_))));
        drop((two, six, here));
        assert!(crowd.open.lock().expect("nobody panicked").is_empty());
    }
}
