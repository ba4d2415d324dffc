//! A connection's bytes, plain or encrypted, read and written without waiting.
//!
//! TLS is rustls' state machine beside the socket: what is written is encrypted and sent as far as the socket takes it, and
//! `ready` asks the socket also for what the handshake needs. So listener, publisher and bridge are written once. Knows no MQTT.

use std::io::{self, Read, Write};

use bytes::BytesMut;
use rustls::Connection;
use rustls::pki_types::CertificateDer;
use tokio::io::{Interest, Ready};
use tokio::net::TcpStream;

/// Bytes taken from a socket at once.
const READ_BYTES: usize = 64 * 1024;

/// A socket, and its encryption if it has one.
#[derive(Debug)]
pub(super) struct Stream {
    socket: TcpStream,
    tls: Option<Box<Tls>>,
}

#[derive(Debug)]
struct Tls {
    connection: Connection,
    /// Decrypted and not yet read [bytes].
    plain: usize,
    scratch: Vec<u8>,
}

/// The socket as rustls wants it.
struct Raw<'a>(&'a TcpStream);

impl Read for Raw<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Raw<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream {
    /// A socket as it is, or encrypted; the handshake goes on with reading and writing.
    pub(super) fn new(socket: TcpStream, tls: Option<Connection>) -> Self {
        // What is said is small and somebody waits for it; a socket that cannot do so works all the same.
        let _ = socket.set_nodelay(true);
        let tls = tls.map(|connection| Box::new(Tls { connection, plain: 0, scratch: Vec::new() }));
        Self { socket, tls }
    }

    /// Waits until one of the things asked for can be done.
    pub(super) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        let Some(tls) = &self.tls else { return self.socket.ready(interest).await };
        if interest.is_readable() && tls.plain > 0 {
            return Ok(Ready::READABLE);
        }
        // Until both sides know each other nothing of ours can be sent, and they have to read to get there.
        let shaking = tls.connection.is_handshaking();
        let read = interest.is_readable() || shaking;
        let write = self.has_backlog() || (interest.is_writable() && !shaking);
        let interest = match (read, write) {
            (true, true) => Interest::READABLE | Interest::WRITABLE,
            (true, false) => Interest::READABLE,
            _ => Interest::WRITABLE,
        };
        self.socket.ready(interest).await
    }

    /// Whether something encrypted still waits for the socket.
    pub(super) fn has_backlog(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.connection.wants_write())
    }

    /// Reads what there is; 0 at the end.
    pub(super) fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.socket.try_read(buffer) };
        loop {
            match tls.connection.reader().read(buffer) {
                Ok(read) => {
                    tls.plain = tls.plain.saturating_sub(read);
                    return Ok(read);
                }
                // The other side went without a word; what it sent before has been read.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => tls.plain = 0,
                Err(error) => return Err(error),
            }
            if tls.take_in(&self.socket)? && tls.connection.is_handshaking() {
                return Ok(0);
            }
        }
    }

    /// Appends what there is; 0 at the end.
    pub(super) fn try_read_buf(&mut self, buffer: &mut BytesMut) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            buffer.reserve(READ_BYTES / 4);
            return self.socket.try_read_buf(buffer);
        };
        let mut scratch = std::mem::take(&mut tls.scratch);
        scratch.resize(READ_BYTES, 0);
        let read = self.try_read(&mut scratch);
        if let Ok(read) = read {
            buffer.extend_from_slice(&scratch[..read]);
        }
        if let Some(tls) = &mut self.tls {
            tls.scratch = scratch;
        }
        read
    }

    /// Writes what the socket takes; with no bytes at all only what still waits for it.
    pub(super) fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            return if bytes.is_empty() { Ok(0) } else { self.socket.try_write(bytes) };
        };
        let mut taken = 0;
        while push(&mut tls.connection, &self.socket)? && taken < bytes.len() {
            let more = tls.connection.writer().write(&bytes[taken..])?;
            taken += more;
            if more == 0 {
                break;
            }
        }
        if taken == 0 && !bytes.is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(taken) }
    }

    /// Sends as much of a buffer as the socket takes.
    pub(super) fn send(&mut self, out: &mut BytesMut) -> io::Result<()> {
        while !out.is_empty() || self.has_backlog() {
            match self.try_write(out) {
                Ok(sent) => drop(out.split_to(sent)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
            if out.is_empty() && self.tls.is_some() {
                return self.try_write(&[]).map(drop);
            }
        }
        Ok(())
    }

    /// Sends a whole buffer, waiting as long as it takes.
    pub(super) async fn send_all(&mut self, out: &mut BytesMut) -> io::Result<()> {
        loop {
            self.send(out)?;
            if out.is_empty() && !self.has_backlog() {
                return Ok(());
            }
            let ready = self.ready(Interest::WRITABLE).await?;
            // Only the handshake asks to read here; what it brings belongs to nobody yet.
            let shaking = self.tls.as_mut().filter(|tls| ready.is_readable() && tls.connection.is_handshaking());
            match shaking.map(|tls| tls.take_in(&self.socket)) {
                Some(Ok(true)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Some(Err(error)) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
    }

    /// Whether both sides know each other, as far as they want to.
    pub(super) fn is_established(&self) -> bool {
        self.tls.as_ref().is_none_or(|tls| !tls.connection.is_handshaking())
    }

    /// The certificate the other side has proved to be its own, if it was asked for one.
    pub(super) fn peer_certificate(&self) -> Option<&CertificateDer<'static>> {
        self.tls.as_ref()?.connection.peer_certificates()?.first()
    }

    /// Says in TLS's words that nothing more comes, as far as the socket takes them.
    pub(super) fn say_end(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.connection.send_close_notify();
            // Whoever has gone already does not hear it.
            let _ = push(&mut tls.connection, &self.socket);
        }
    }
}

impl Tls {
    /// Takes from the socket what there is, and answers what the handshake asks; whether the other side has gone.
    fn take_in(&mut self, socket: &TcpStream) -> io::Result<bool> {
        let ended = self.connection.read_tls(&mut Raw(socket))? == 0;
        let taken = self.connection.process_new_packets();
        // The handshake's next words, or the alert that says what is wrong.
        let pushed = push(&mut self.connection, socket);
        self.plain =
            taken.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?.plaintext_bytes_to_read();
        pushed.map(|_| ended)
    }
}

/// Sends what is encrypted; whether all of it has gone.
fn push(connection: &mut Connection, socket: &TcpStream) -> io::Result<bool> {
    while connection.wants_write() {
        match connection.write_tls(&mut Raw(socket)) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}
