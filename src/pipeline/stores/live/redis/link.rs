//! The line to a Redis server: connections, how long to wait for it, and what its refusals mean.
//!
//! Connections are made when they are needed and kept for the next; one that failed is given up, and the next call makes a new
//! one. Knows no key.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use redis::{Client, Connection, ConnectionAddr, ErrorKind, FromRedisValue, Pipeline, RedisError, RedisResult};
use redis::{ServerErrorKind, TlsCertificates};

use crate::pipeline::stores::error::StoreError;

/// Longest wait for a connection, password and all.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Connections kept for the next call; a worker a partition and some readers.
const IDLE_MAX: usize = 8;
/// How a server's answers begin that takes nothing at present and will again: its memory is full, it reads its data, it was made a
/// second server (who connects anew may find the first), its disk takes nothing, it misses its copies.
const NOT_NOW: [&str; 5] = ["OOM", "LOADING", "READONLY", "MISCONF", "NOREPLICAS"];
/// What the server is to us.
const PART: &str = "live state";

/// A server, and connections to it.
pub(super) struct Link {
    client: Client,
    place: String,
    /// Longest wait for one answer.
    patience: Duration,
    idle: Mutex<Vec<Connection>>,
    /// What the server calls the script by; it is told the script once, and again when it has forgotten it.
    script: OnceLock<String>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Link({})", self.place)
    }
}

impl Link {
    /// Takes a URL for a server, without asking it anything.
    pub(super) fn new(url: &str, authorities: Option<&Path>, patience: Duration) -> Result<Self, StoreError> {
        // The URL may hold a password: not a word of it in the error.
        let bad = |reason: &str| StoreError::Refused {
            part: PART,
            place: String::from("the configured URL"),
            reason: format!("{reason}; `redis://[user:password@]host[:port][/db]` will do, `rediss://` for TLS"),
        };
        let client = match authorities {
            None => Client::open(url),
            Some(path) => {
                let pem = fs::read(path).map_err(StoreError::file("read", path))?;
                Client::build_with_tls(url, TlsCertificates { client_tls: None, root_cert: Some(pem) })
            }
        };
        let client = client.map_err(|error| bad(&format!("it is no URL of Redis ({})", error.category())))?;
        let about = client.get_connection_info();
        let database = about.redis_settings().db();
        let place = match about.addr() {
            ConnectionAddr::Tcp(host, port) => format!("redis://{host}:{port}/{database}"),
            ConnectionAddr::TcpTls { host, port, insecure: false, .. } => format!("rediss://{host}:{port}/{database}"),
            ConnectionAddr::Unix(path) => format!("unix://{}", path.display()),
            _ => return Err(bad("it asks for a kind of connection that is not supported")),
        };
        Ok(Self { client, place, patience, idle: Mutex::default(), script: OnceLock::new() })
    }

    /// Where the server is, without user and password.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// What the script is called by.
    ///
    /// # Errors
    /// When the server does not take it.
    pub(super) fn script_hash(&self) -> Result<&str, StoreError> {
        if let Some(hash) = self.script.get() {
            return Ok(hash);
        }
        let hash = self.run(load)?;
        Ok(self.script.get_or_init(|| hash))
    }

    /// The server, or we in its name, refuse something.
    pub(super) fn refused(&self, reason: String) -> StoreError {
        StoreError::Refused { part: PART, place: self.place.clone(), reason }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(&self) -> RedisResult<Connection> {
        let connection = self.client.get_connection_with_timeout(CONNECT_MAX.min(self.patience))?;
        connection.set_read_timeout(Some(self.patience))?;
        connection.set_write_timeout(Some(self.patience))?;
        Ok(connection)
    }

    /// Does something with a connection. It may be done twice: a connection that was kept may have died meanwhile.
    pub(super) fn run<T>(&self, mut work: impl FnMut(&mut Connection) -> RedisResult<T>) -> Result<T, StoreError> {
        let kept = self.idle().pop();
        if let Some(mut connection) = kept {
            match work(&mut connection) {
                Err(error) if !is_answer(&error) => {
                    // The others have waited as long.
                    self.idle().clear();
                    if error.is_timeout() {
                        return Err(self.error(&error));
                    }
                }
                done => return self.keep(connection, done),
            }
        }
        let mut fresh = self.connect().map_err(|error| self.error(&error))?;
        let done = work(&mut fresh);
        self.keep(fresh, done)
    }

    /// Keeps a connection for the next call, if it is still good.
    fn keep<T>(&self, connection: Connection, done: RedisResult<T>) -> Result<T, StoreError> {
        if done.as_ref().err().is_none_or(is_answer) {
            let mut idle = self.idle();
            if idle.len() < IDLE_MAX {
                idle.push(connection);
            }
        }
        done.map_err(|error| self.error(&error))
    }

    /// Runs calls of the script, after telling the server the script if it does not know it (any more).
    pub(super) fn run_script<T: FromRedisValue>(&self, calls: &Pipeline) -> Result<T, StoreError> {
        self.run(|connection| match calls.query(connection) {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                load(connection)?;
                calls.query(connection)
            }
            done => done,
        })
    }

    fn error(&self, error: &RedisError) -> StoreError {
        let reason = error.to_string().replace('\n', " ");
        let certificate = reason.contains("certificate") || reason.contains("Certificate");
        let not_now = NOT_NOW.iter().any(|word| says(error, word));
        let away = match error.kind() {
            ErrorKind::Io => !certificate,
            // What is cut off or garbled on the way may come whole the next time.
            ErrorKind::Parse
            | ErrorKind::Server(
                ServerErrorKind::TryAgain | ServerErrorKind::ClusterDown | ServerErrorKind::MasterDown,
            ) => true,
            _ => error.code() == Some("BUSY"),
        };
        let (part, place, reason) = (PART, self.place.clone(), plain(reason));
        match (away, not_now) {
            (_, true) => StoreError::NotNow { part, place, reason },
            (true, false) => StoreError::Away { part, place, reason },
            (false, false) => StoreError::Refused { part, place, reason },
        }
    }
}

fn load(connection: &mut Connection) -> RedisResult<String> {
    redis::cmd("SCRIPT").arg("LOAD").arg(include_str!("put.lua")).query(connection)
}

/// Whether a server's answer begins with a word: the whole answer, one of several, or what a script met, which stands in the middle.
fn says(error: &RedisError, word: &str) -> bool {
    let text = error.to_string();
    error.code() == Some(word) || text.contains(&format!("\"{word}\"")) || text.contains(&format!("-{word} "))
}

/// Whether the server has said this, so that the connection is as good as before.
fn is_answer(error: &RedisError) -> bool {
    match error.kind() {
        // A first server that became a second one says so as long as the connection lasts.
        ErrorKind::Server(_) | ErrorKind::Extension => !says(error, "READONLY"),
        _ => false,
    }
}

/// A server's words, with what to do where they do not say.
fn plain(mut reason: String) -> String {
    let advice = [
        ("OOM", "give it more memory (maxmemory), or the live state a smaller capacity"),
        ("WRONGPASS", "check user and password in the URL"),
        ("AuthenticationFailed", "check user and password in the URL"),
        ("NOAUTH", "put user and password into the URL"),
        ("WRONGTYPE", "somebody else uses these keys; choose another prefix"),
        ("MISCONF", "its disk does not take its data; make room there"),
        // Of these two the client tells the kind and not the server's word.
        ("BusyLoading", "it reads its data and will be there soon"),
        ("ReadOnly", "it is a replica; name the first server in the URL, or make it the first"),
        ("NOREPLICAS", "start its replicas, or ask for fewer (min-replicas-to-write)"),
        ("NOPERM", "allow the user what the live state needs: hashes, sets, sorted sets, geo, scripts"),
    ];
    if let Some((_, what)) = advice.iter().find(|(word, _)| reason.contains(word)) {
        reason.push_str("; ");
        reason.push_str(what);
    }
    reason
}
