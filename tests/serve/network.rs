//! A network between the program and a server of others that can be cut: everything passes, or nobody gets through.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default)]
struct State {
    is_cut: bool,
    open: Vec<TcpStream>,
}

/// A network; threads of it end with their connections, or with the test.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) port: u16,
    state: Arc<Mutex<State>>,
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Network {
    /// Hands on to `server` whatever comes to a free port of this machine.
    pub(crate) fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let state: Arc<Mutex<State>> = Arc::default();
        let all = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let mut state = locked(&all);
                let Ok(server) = TcpStream::connect(server) else { continue };
                if !state.is_cut {
                    join(&client, &server);
                    state.open.extend([client, server]);
                }
            }
        });
        Self { port, state }
    }

    /// Ends every connection and lets nobody through from now on.
    pub(crate) fn cut(&self) {
        let mut state = locked(&self.state);
        state.is_cut = true;
        for stream in state.open.drain(..) {
            // Whoever has gone already is cut off as well.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Lets everybody through again.
    pub(crate) fn mend(&self) {
        locked(&self.state).is_cut = false;
    }
}

/// Hands on what comes, each way on a thread of its own.
fn join(client: &TcpStream, server: &TcpStream) {
    for (from, to) in [(client, server), (server, client)] {
        let (mut from, mut to) = (from.try_clone().expect("a handle"), to.try_clone().expect("a handle"));
        std::thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(read @ 1..) = from.read(&mut buffer) {
                if to.write_all(&buffer[..read]).is_err() {
                    break;
                }
            }
            let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
        });
    }
}
