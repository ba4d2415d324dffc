//! A relay between a store and its server that can be cut, stalled and restored: the network of a bad day, on demand.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

/// What the relay does with connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weather {
    /// Hands everything on.
    Fair,
    /// Ends connections, and every new one at once.
    Cut,
    /// Keeps connections and hands nothing on.
    Stalled,
}

struct State {
    weather: Mutex<Weather>,
    changed: Condvar,
    streams: Mutex<Vec<TcpStream>>,
}

/// A relay to one server.
pub(super) struct Relay {
    port: u16,
    state: Arc<State>,
}

impl Relay {
    /// Begins to relay to `host:port`.
    pub(super) fn to(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let state =
            Arc::new(State { weather: Mutex::new(Weather::Fair), changed: Condvar::new(), streams: Mutex::default() });
        let (shared, upstream) = (Arc::clone(&state), upstream.to_owned());
        // Ends with the process of the tests.
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if *shared.weather.lock().expect("sound") != Weather::Cut
                    && let Ok(server) = TcpStream::connect(&upstream)
                {
                    shared.join(&client, &server);
                }
            }
        });
        Self { port, state }
    }

    /// Where it listens.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Changes the weather.
    pub(super) fn set(&self, weather: Weather) {
        *self.state.weather.lock().expect("sound") = weather;
        self.state.changed.notify_all();
        if weather == Weather::Cut {
            for stream in self.state.streams.lock().expect("sound").drain(..) {
                drop(stream.shutdown(Shutdown::Both));
            }
        }
    }
}

impl State {
    fn join(self: &Arc<Self>, client: &TcpStream, server: &TcpStream) {
        let copy = |stream: &TcpStream| stream.try_clone().expect("a second handle");
        self.streams.lock().expect("sound").extend([copy(client), copy(server)]);
        for (mut from, mut to) in [(copy(client), copy(server)), (copy(server), copy(client))] {
            let state = Arc::clone(self);
            std::thread::spawn(move || {
                let mut bytes = [0; 1 << 14];
                while let Ok(read @ 1..) = from.read(&mut bytes) {
                    let mut weather = state.weather.lock().expect("sound");
                    while *weather == Weather::Stalled {
                        weather = state.changed.wait(weather).expect("sound");
                    }
                    drop(weather);
                    if to.write_all(&bytes[..read]).is_err() {
                        break;
                    }
                }
                drop(to.shutdown(Shutdown::Both));
            });
        }
    }
}
