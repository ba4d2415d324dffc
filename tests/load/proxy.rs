//! A proxy before a target that stalls when it is told to, and goes on when it is told to: it hands nothing on and closes nothing.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

#[derive(Debug, Default)]
struct Gate {
    closed: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn pass(&self) {
        drop(
            self.opened
                .wait_while(self.closed.lock().expect("nobody panicked"), |closed| *closed)
                .expect("nobody panicked"),
        );
    }
}

/// A proxy at work.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    gate: Arc<Gate>,
}

impl Proxy {
    pub(crate) fn before(target: SocketAddr) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let (address, gate) = (socket.local_addr().expect("an address"), Arc::new(Gate::default()));
        let all = Arc::clone(&gate);
        thread::spawn(move || {
            for client in socket.incoming().flatten() {
                let server = TcpStream::connect(target).expect("the target is there");
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to, gate) = (
                        from.try_clone().expect("a second handle"),
                        to.try_clone().expect("a second handle"),
                        Arc::clone(&all),
                    );
                    thread::spawn(move || hand_on(from, to, &gate));
                }
            }
        });
        Self { address, gate }
    }

    pub(crate) fn stall(&self, stalled: bool) {
        *self.gate.closed.lock().expect("nobody panicked") = stalled;
        self.gate.opened.notify_all();
    }
}

fn hand_on(mut from: TcpStream, mut to: TcpStream, gate: &Gate) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        gate.pass();
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    // The other direction ends with this one.
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
