//! Ports for servers that are killed and come back: free ones that the system gives to nobody meanwhile.
//!
//! A port that is taken by asking for any free one lies in the range the system takes senders' ports from. While its server is away,
//! somebody else's connection may be given it, or a client that keeps trying may even be connected to itself; the server then never
//! comes back. So ports are taken from below that range, and none twice by one program until all have had their turn.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Where servers' ports lie: above those of well-known servers, below what Linux gives to clients by default (32768).
const FIRST: u16 = 18_000;
const COUNT: u16 = 14_000;

/// Ports given so far; 0 before the first.
static GIVEN: AtomicU16 = AtomicU16::new(0);

/// A port on loopback that nobody listens at now.
pub(crate) fn claim() -> Result<u16, String> {
    // Two programs side by side begin at different places.
    let begin = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap_or_default();
    for _ in 0..COUNT {
        let turn = GIVEN.fetch_add(1, Ordering::SeqCst) % COUNT;
        let port = FIRST + (begin + turn) % COUNT;
        if is_free(port) {
            return Ok(port);
        }
    }
    Err(format!("no port from {FIRST} to {} is free", FIRST + COUNT - 1))
}

/// Whether nobody listens at a port of this machine.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Two keepers of one storm at one port would take each other's messages.
    #[test]
    fn no_port_is_given_twice_and_none_that_is_taken() {
        let taken = claim().unwrap();
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, taken)).unwrap();
        assert!(!is_free(taken));
        let given: Vec<u16> = (0..200).map(|_| claim().unwrap()).collect();
        assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), given.len());
        assert!(given.iter().all(|port| *port != taken && (FIRST..FIRST + COUNT).contains(port)));
        drop(held);
    }
}
