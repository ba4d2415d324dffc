//! A target that takes POST requests over kept connections, and remembers what was posted.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What came in: the body of every request, and the connection it came over.
pub(crate) type Bodies = Arc<Mutex<Vec<(usize, Vec<u8>)>>>;

/// Begins to take requests; `status` is told how many came before one, and says what it is answered with.
pub(crate) fn take(status: fn(usize) -> u16) -> (SocketAddr, Bodies) {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let (address, bodies) = (socket.local_addr().expect("an address"), Bodies::default());
    let all = Arc::clone(&bodies);
    thread::spawn(move || {
        for (connection, stream) in socket.incoming().flatten().enumerate() {
            let all = Arc::clone(&all);
            thread::spawn(move || serve(connection, &stream, &all, status));
        }
    });
    (address, bodies)
}

fn serve(connection: usize, stream: &TcpStream, bodies: &Bodies, status: fn(usize) -> u16) {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut length, mut line, mut is_post) = (0, String::new(), false);
        loop {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            is_post |= line.starts_with("POST ");
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("a body");
        let mut bodies = bodies.lock().expect("nobody panicked");
        let status = if is_post { status(bodies.len()) } else { 200 };
        if is_post {
            bodies.push((connection, body));
        }
        drop(bodies);
        let mut stream = stream;
        if write!(stream, "HTTP/1.1 {status} Told\r\nContent-Length: 0\r\n\r\n").is_err() {
            return;
        }
    }
}
