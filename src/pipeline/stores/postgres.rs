//! A PostgreSQL server, 14 or newer, that tables and records share: connections, how long to wait, what its refusals mean.
//!
//! Every task runs on a thread of its own with a connection from the pool, so that a server which neither answers nor hangs up
//! cannot hold the caller longer than [`PostgresSettings::patience`], and so that callers may stand inside an event loop. A task
//! that was given up may still succeed: all of them may be done twice without harm, and those that write over rows stand behind a
//! fence (`postgres/fence.rs`), so that none lands on what was written later. Knows no table but through `schema.rs`.

mod copy;
mod fence;
mod schema;
mod text;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use postgres::config::{Host, SslMode};
use postgres::{Client, Config, Statement};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

pub(super) use copy::{Instant64, Rows};
pub(super) use fence::standing;
pub(super) use schema::{Layout, columns_of, has_place, identifier, number_of, rolled_up};
pub(super) use text::{escaped, unescaped};

use super::error::StoreError;
use words::Verdict;

/// Longest wait for a connection.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Longest wait to hear that a connection which was kept is still good.
const ALIVE_MAX: Duration = Duration::from_secs(2);
/// Connections kept for the next task; a worker a partition and some readers.
const IDLE_MAX: usize = 8;
/// Most tasks at once; one that was given up counts until it ends. Beyond, no more are begun.
const TASKS_MAX: u32 = 64;
/// Longest name of a schema [bytes], PostgreSQL's.
const NAME_MAX: usize = 63;
/// What the server is to us.
const PART: &str = "database";

/// Where tables and records are.
#[derive(Clone)]
pub struct PostgresSettings {
    /// `postgres://[user[:password]@]host[:port]/database`; `?sslmode=require` (or `verify-full`) for TLS with a certificate that
    /// is checked, anything else is without.
    pub url: String,
    /// The schema all tables are in, one a city; made when it is not there.
    pub schema: String,
    /// Certificates (PEM) of who may vouch for the server, instead of those everybody trusts.
    pub authorities: Option<PathBuf>,
    /// Longest wait for a task, and for the next record of many.
    pub patience: Duration,
    /// Whether places are indexed, if the server has PostGIS; costs about as much as everything else of a record.
    pub places: bool,
}

impl PostgresSettings {
    /// A server and a schema; a task may take a minute, places are indexed where that is possible.
    pub fn new(url: &str, schema: &str) -> Self {
        let patience = Duration::from_mins(1);
        Self { url: url.to_owned(), schema: schema.to_owned(), authorities: None, patience, places: true }
    }
}

impl std::fmt::Debug for PostgresSettings {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PostgresSettings({:?}, {:?}, {:?})", self.schema, self.authorities, self.patience)
    }
}

/// A server and the connections to it.
pub struct Postgres {
    config: Config,
    tls: MakeRustlsConnect,
    place: String,
    /// The schema's name, quoted.
    schema: String,
    patience: Duration,
    places: bool,
    idle: Mutex<Vec<Session>>,
    tasks: AtomicU32,
    /// What the schema is like, once it is known.
    layout: Mutex<Option<Layout>>,
    /// The number under which this process writes over rows; none if it has to be taken (anew).
    fence: Mutex<Option<i64>>,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Postgres({}, {})", self.place, self.schema)
    }
}

/// A connection with what it remembers.
pub(super) struct Session {
    pub(super) client: Client,
    /// Statements the server has read already, by their text.
    statements: BTreeMap<String, Statement>,
    /// Temporary tables there are.
    pub(super) stages: BTreeSet<String>,
}

impl Session {
    /// A statement, read by the server at most once.
    pub(super) fn statement(&mut self, sql: &str) -> Result<Statement, postgres::Error> {
        if let Some(known) = self.statements.get(sql) {
            return Ok(known.clone());
        }
        let statement = self.client.prepare(sql)?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

/// Why a task failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server, or the way to it.
    Server(postgres::Error),
    /// Something else.
    Store(StoreError),
}

impl From<postgres::Error> for Failure {
    fn from(error: postgres::Error) -> Self {
        Self::Server(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Postgres {
    /// Takes a server for tables and records; it need not answer yet.
    ///
    /// # Errors
    /// When URL, schema or certificates are none.
    pub fn new(settings: &PostgresSettings) -> Result<Arc<Self>, StoreError> {
        // The URL may hold a password: not a word of it in the error.
        let bad = |reason: &str| StoreError::Refused {
            part: PART,
            place: String::from("the configured URL"),
            reason: reason.to_owned(),
        };
        let checked = settings.url.replace("sslmode=verify-full", "sslmode=require");
        let checked = checked.replace("sslmode=verify-ca", "sslmode=require");
        let mut config: Config = checked.parse().map_err(|_| {
            bad("it is no URL of PostgreSQL; `postgres://[user[:password]@]host[:port]/database` will do")
        })?;
        if config.get_hosts().is_empty() {
            return Err(bad("it names no host; `postgres://[user[:password]@]host[:port]/database` will do"));
        }
        if config.get_ssl_mode() != SslMode::Require {
            config.ssl_mode(SslMode::Disable);
        }
        config.connect_timeout(CONNECT_MAX.min(settings.patience)).application_name("citytwin");
        config.keepalives_idle(Duration::from_secs(10)).tcp_user_timeout(settings.patience);
        let name = &settings.schema;
        if name.is_empty() || name.len() > NAME_MAX || name.contains('\0') || name.starts_with("pg_") {
            return Err(bad(&format!("`{}` is no name of a schema", name.escape_debug())));
        }
        let tls = MakeRustlsConnect::new(trust(settings)?);
        let (place, schema) = (place_of(&config), identifier(name));
        let (idle, layout, fence) = (Mutex::default(), Mutex::default(), Mutex::default());
        let (patience, places) = (settings.patience, settings.places);
        let tasks = AtomicU32::new(0);
        Ok(Arc::new(Self { config, tls, place, schema, patience, places, idle, tasks, layout, fence }))
    }

    /// Where it is, without user and password.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// A connection for somebody who only looks: nothing is made and nothing is checked.
    pub(super) fn visitor(&self) -> Result<Client, StoreError> {
        self.config.connect(self.tls.clone()).map_err(|error| self.error(Failure::Server(error)))
    }

    /// Whether the server answers, lets us in, and has a schema of this version or lets us make it; gives its version, and what
    /// it can do beside.
    ///
    /// # Errors
    /// When it does not.
    pub fn check(self: &Arc<Self>) -> Result<String, StoreError> {
        self.run(|session, layout| {
            let version: String = session.client.query_one("SHOW server_version", &[])?.get(0);
            Ok(format!("{version}, {}", layout.says()))
        })
    }

    /// Whether the server takes writes at present: writes a fact and takes it back.
    ///
    /// # Errors
    /// When it does not answer, refuses, is full or takes no writes.
    pub fn probe(self: &Arc<Self>) -> Result<(), StoreError> {
        self.run(|session, layout| {
            let sql = format!(
                "INSERT INTO {} (name, value) VALUES ('doctor', '') ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                layout.table("meta")
            );
            let mut work = session.client.transaction()?;
            work.execute(&sql, &[])?;
            Ok(work.rollback()?)
        })
    }

    /// Tasks that have not ended, those that were given up included.
    #[cfg(all(test, feature = "server-tests"))]
    pub(super) fn under_way(&self) -> u32 {
        self.tasks.load(Ordering::Relaxed)
    }

    /// Takes the schema away with everything in it.
    ///
    /// # Errors
    /// When the server does not answer or refuses.
    pub fn clear(self: &Arc<Self>) -> Result<(), StoreError> {
        let schema = self.schema.clone();
        self.run(move |session, _| {
            Ok(session
                .client
                .batch_execute(&format!("SET client_min_messages = warning; DROP SCHEMA {schema} CASCADE"))?)
        })?;
        *self.layout.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }

    /// Notes that the schema is a run's, unless it is another's already; gives whose it is.
    pub(super) fn claim(self: &Arc<Self>, identity: &str) -> Result<String, StoreError> {
        let identity = escaped(identity).into_owned();
        let found: String = self.run(move |session, layout| {
            let meta = layout.table("meta");
            let note = format!("INSERT INTO {meta} (name, value) VALUES ('identity', $1) ON CONFLICT DO NOTHING");
            session.client.execute(&note, &[&identity])?;
            let read = format!("SELECT value FROM {meta} WHERE name = 'identity'");
            Ok(session.client.query_one(&read, &[])?.get(0))
        })?;
        Ok(unescaped(&found).into_owned())
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with a connection, and gives up when it takes too long.
    pub(super) fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Session, &Layout) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (tell, told) = mpsc::sync_channel(1);
        self.begin(move |done| drop(tell.send(done)), work)?;
        self.wait(&told)?
    }

    /// Does something with a connection on a thread of its own; `end` hears how it ended.
    pub(super) fn begin<T: Send + 'static>(
        self: &Arc<Self>,
        end: impl FnOnce(Result<T, StoreError>) + Send + 'static,
        work: impl FnOnce(&mut Session, &Layout) -> Result<T, Failure> + Send + 'static,
    ) -> Result<(), StoreError> {
        if self.tasks.fetch_add(1, Ordering::Relaxed) >= TASKS_MAX {
            self.tasks.fetch_sub(1, Ordering::Relaxed);
            return Err(self.away(format!("{TASKS_MAX} tasks already wait for an answer")));
        }
        let server = Arc::clone(self);
        let task = move || {
            let done = server.work(work);
            server.tasks.fetch_sub(1, Ordering::Relaxed);
            end(done);
        };
        let thread = std::thread::Builder::new().name(String::from("postgres")).spawn(task);
        thread.map(drop).map_err(|error| {
            self.tasks.fetch_sub(1, Ordering::Relaxed);
            self.away(format!("no thread to ask it: {error}"))
        })
    }

    /// Waits for the next word of a task.
    pub(super) fn wait<T>(&self, told: &mpsc::Receiver<T>) -> Result<T, StoreError> {
        told.recv_timeout(self.patience).map_err(|error| match error {
            RecvTimeoutError::Timeout => self.away(format!("no answer within {} s", self.patience.as_secs_f64())),
            RecvTimeoutError::Disconnected => self.refused(String::from("the task ended without a word")),
        })
    }

    fn work<T>(&self, work: impl FnOnce(&mut Session, &Layout) -> Result<T, Failure>) -> Result<T, StoreError> {
        let mut session = self.session()?;
        let layout = self.layout_by(&mut session)?;
        let done = work(&mut session, &layout);
        // A transaction that failed has been rolled back by now; a connection that failed is of no use.
        let good = match &done {
            Err(Failure::Server(error)) if words::is_read_only(error) => {
                // The others were opened under the same orders.
                self.idle().clear();
                false
            }
            Err(Failure::Server(error)) => error.as_db_error().is_some(),
            _ => true,
        };
        if good && !session.client.is_closed() {
            let mut idle = self.idle();
            if idle.len() < IDLE_MAX {
                idle.push(session);
            }
        }
        done.map_err(|failure| self.error(failure))
    }

    /// A connection that is good.
    fn session(&self) -> Result<Session, StoreError> {
        loop {
            let kept = self.idle().pop();
            let Some(mut session) = kept else { break };
            if session.client.is_valid(ALIVE_MAX.min(self.patience)).is_ok() {
                return Ok(session);
            }
        }
        let mut client = self.config.connect(self.tls.clone()).map_err(|error| self.error(Failure::Server(error)))?;
        // What is told to be kept is vouched for by a checkpoint right afterwards.
        let lasting = "SELECT set_config('synchronous_commit', 'on', false)
                       WHERE current_setting('synchronous_commit') = 'off'";
        client.batch_execute(lasting).map_err(|error| self.error(Failure::Server(error)))?;
        Ok(Session { client, statements: BTreeMap::new(), stages: BTreeSet::new() })
    }

    fn layout_by(&self, session: &mut Session) -> Result<Layout, StoreError> {
        let mut layout = self.layout.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(layout) = &*layout {
            return Ok(layout.clone());
        }
        let made = schema::open(&mut session.client, &self.schema, self.places);
        let made = made.map_err(|failure| match failure {
            Failure::Store(StoreError::Question(reason)) => self.refused(reason),
            other => self.error(other),
        })?;
        Ok(layout.insert(made).clone())
    }

    pub(super) fn away(&self, reason: String) -> StoreError {
        StoreError::Away { part: PART, place: self.place.clone(), reason }
    }

    pub(super) fn refused(&self, reason: String) -> StoreError {
        StoreError::Refused { part: PART, place: self.place.clone(), reason }
    }

    fn error(&self, failure: Failure) -> StoreError {
        match failure {
            Failure::Store(error) => error,
            Failure::Server(error) => {
                let (verdict, reason) = words::of(&error);
                match verdict {
                    Verdict::Away => self.away(reason),
                    Verdict::NotNow => StoreError::NotNow { part: PART, place: self.place.clone(), reason },
                    Verdict::Refused => self.refused(reason),
                }
            }
        }
    }
}

/// Whom to trust about certificates.
fn trust(settings: &PostgresSettings) -> Result<ClientConfig, StoreError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = &settings.authorities {
        let damaged = |reason: String| StoreError::Damaged { path: path.clone(), reason };
        let pem = fs::read(path).map_err(StoreError::file("read", path))?;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|error| damaged(format!("it holds no certificate: {error}")))?;
            roots.add(certificate).map_err(|error| damaged(format!("it holds no certificate: {error}")))?;
        }
        if roots.is_empty() {
            return Err(damaged(String::from("it holds no certificate")));
        }
    } else {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| StoreError::Refused {
        part: PART,
        place: String::from("the configured URL"),
        reason: error.to_string(),
    })?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Where a server is, without user and password.
fn place_of(config: &Config) -> String {
    let ports = config.get_ports();
    let one = |(n, host): (usize, &Host)| {
        let port = ports.get(n).or_else(|| ports.first()).copied().unwrap_or(5432);
        match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            Host::Unix(path) => format!("{}:{port}", path.display()),
        }
    };
    let hosts: Vec<String> = config.get_hosts().iter().enumerate().map(one).collect();
    format!("postgres://{}/{}", hosts.join(","), config.get_dbname().unwrap_or_default())
}
