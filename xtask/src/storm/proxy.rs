//! A TCP proxy that can do what networks do: cut, stall, slow down, and end in the middle of a packet.
//!
//! Stands between a sender and its broker; what it is to do is changed while connections run through it.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::Scene;
use super::cast::pass;

/// What the proxy does with what passes through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Mood {
    /// Hands on what comes.
    Pass = 0,
    /// Hands nothing on, and closes nothing: half-open connections.
    Stall = 1,
    /// Hands on a kilobyte every twenty milliseconds.
    Slow = 2,
    /// Ends each connection in the middle of what it was about to hand on.
    Truncate = 3,
    /// Lets nobody connect.
    Refuse = 4,
}

#[derive(Debug, Default)]
struct Shared {
    mood: AtomicU8,
    closing: AtomicBool,
    /// Connections cut so far.
    cut: AtomicU64,
    open: Mutex<Vec<TcpStream>>,
}

impl Shared {
    fn mood(&self) -> Mood {
        match self.mood.load(Ordering::SeqCst) {
            0 => Mood::Pass,
            1 => Mood::Stall,
            2 => Mood::Slow,
            3 => Mood::Truncate,
            _ => Mood::Refuse,
        }
    }
}

/// How a network fails for a while: cut again and again, or in a mood.
pub(super) const FAILURES: [(&str, Option<Mood>); 4] =
    [("cut", None), ("stalled", Some(Mood::Stall)), ("slow", Some(Mood::Slow)), ("truncated", Some(Mood::Truncate))];
/// How often it is cut, and how long it is in a mood.
const CUTS: u32 = 5;
const MOOD_LASTS: Duration = Duration::from_millis(1500);

/// A proxy at work; ends when dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Listens on a free port of this machine and hands on to `target`.
    pub(crate) fn before(target: SocketAddr) -> Result<Self, String> {
        let socket = TcpListener::bind(("127.0.0.1", 0)).map_err(|error| format!("no port for the proxy: {error}"))?;
        let address = socket.local_addr().map_err(|error| error.to_string())?;
        let shared = Arc::new(Shared::default());
        let all = Arc::clone(&shared);
        thread::spawn(move || {
            for client in socket.incoming().flatten() {
                if all.closing.load(Ordering::SeqCst) {
                    return;
                }
                if all.mood() == Mood::Refuse {
                    continue;
                }
                let Ok(server) = TcpStream::connect(target) else { continue };
                join(&client, &server, &all);
            }
        });
        Ok(Self { address, shared })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what it does, to connections that are open as well.
    pub(crate) fn be(&self, mood: Mood) {
        self.shared.mood.store(mood as u8, Ordering::SeqCst);
        if mood == Mood::Refuse {
            self.cut();
        }
    }

    /// Cuts every connection there is.
    pub(crate) fn cut(&self) {
        let open = std::mem::take(&mut *self.shared.open.lock().unwrap_or_else(PoisonError::into_inner));
        for stream in open {
            self.shared.cut.fetch_add(1, Ordering::SeqCst);
            drop(stream.shutdown(Shutdown::Both));
        }
    }

    /// Fails in one of the ways of [`FAILURES`] for a while, at moments of the scene's own, and is as good as before afterwards.
    pub(super) fn fail(&self, mood: Option<Mood>, scene: &Scene) {
        let Some(mood) = mood else {
            for n in 0..CUTS {
                self.cut();
                pass(Duration::from_millis(100 + scene.dice(&format!("cut {n}"), 400)));
            }
            return;
        };
        self.be(mood);
        pass(MOOD_LASTS);
        self.be(Mood::Pass);
        if mood == Mood::Stall {
            // Whoever was cut off in the middle of a stall comes back through a healthy network.
            self.cut();
        }
    }

    /// Connections cut so far, whether by [`Self::cut`] or in the middle of something.
    pub(crate) fn cuts(&self) -> u64 {
        self.shared.cut.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        self.cut();
        drop(TcpStream::connect(self.address));
    }
}

/// Joins two streams, each way on a thread of its own.
fn join(client: &TcpStream, server: &TcpStream, shared: &Arc<Shared>) {
    let clone = |stream: &TcpStream| stream.try_clone();
    let ways = [(clone(client), clone(server)), (clone(server), clone(client))];
    let mut open = shared.open.lock().unwrap_or_else(PoisonError::into_inner);
    open.extend([clone(client), clone(server)].into_iter().flatten());
    drop(open);
    for (from, to) in ways {
        if let (Ok(from), Ok(to)) = (from, to) {
            let shared = Arc::clone(shared);
            thread::spawn(move || hand_on(from, to, &shared));
        }
    }
}

fn hand_on(mut from: TcpStream, mut to: TcpStream, shared: &Shared) {
    let mut buffer = vec![0; 16 * 1024];
    let moment = Duration::from_millis(20);
    'all: while !shared.closing.load(Ordering::SeqCst) {
        while shared.mood() == Mood::Stall {
            thread::park_timeout(moment);
            if shared.closing.load(Ordering::SeqCst) {
                break 'all;
            }
        }
        let most = if shared.mood() == Mood::Slow { 1024 } else { buffer.len() };
        let Ok(read) = from.read(&mut buffer[..most]) else { break };
        if read == 0 {
            break;
        }
        while shared.mood() == Mood::Stall && !shared.closing.load(Ordering::SeqCst) {
            thread::park_timeout(moment);
        }
        let mood = shared.mood();
        if mood == Mood::Slow {
            thread::park_timeout(moment);
        }
        let end = if mood == Mood::Truncate { read / 2 } else { read };
        if to.write_all(&buffer[..end]).is_err() {
            break;
        }
        if mood == Mood::Truncate {
            shared.cut.fetch_add(1, Ordering::SeqCst);
            break;
        }
    }
    drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
}
