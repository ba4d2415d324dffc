//! The server: every part behind one guard, with limits on whatever a client can make it wait for or hold.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::middleware::{Compress, from_fn};
use actix_web::rt::System;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};

use super::assets::{NO_PAGE, Page};
use super::crowd::{Crowd, Line};
use super::guard::{self, Crowding, Guard, GuardError, GuardSettings, Limits, Seats, TlsError, TlsFiles};
use super::port::Twin;
use super::problem::Problem;
use super::socket::{self, Hub, HubSettings};

/// What the server is told.
#[derive(Debug, Clone)]
pub struct ServeSettings {
    /// Where it listens; port 0 is any that is free.
    pub addresses: Vec<SocketAddr>,
    /// Encryption, if it encrypts itself.
    pub tls: Option<TlsFiles>,
    /// Who may come in.
    pub guard: GuardSettings,
    /// Most that a request may be.
    pub limits: Limits,
    /// Most that connections may be.
    pub connections: Connections,
    /// The page that is served.
    pub page: Page,
}

/// Most that connections may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// Threads that answer, 1 to 64.
    pub workers: usize,
    /// Connections of a thread; beyond it new ones wait until others end.
    pub per_worker: usize,
    /// Connections of one address.
    pub crowding: Crowding,
    /// Longest wait for a whole head of a request, and before it for a whole handshake of TLS.
    pub head_wait: Duration,
    /// How long a connection is kept without a request.
    pub idle: Duration,
    /// How long requests that are under way may take when the server ends.
    pub ending: Duration,
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            workers: 2,
            per_worker: 1_000,
            crowding: Crowding::default(),
            head_wait: Duration::from_secs(5),
            idle: Duration::from_secs(15),
            ending: Duration::from_secs(5),
        }
    }
}

impl ServeSettings {
    /// A server at these addresses, with limits as usual and without a page.
    pub fn new(addresses: Vec<SocketAddr>) -> Self {
        Self {
            addresses,
            tls: None,
            guard: GuardSettings::default(),
            limits: Limits::default(),
            connections: Connections::default(),
            page: NO_PAGE,
        }
    }
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The settings do not allow it.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// There is no encryption.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// An address cannot be had.
    #[error("{address} cannot be listened on: {what}; is something else there? name another with `--port`")]
    Address {
        /// Which one.
        address: SocketAddr,
        /// What the system said.
        what: String,
    },
    /// The server broke down.
    #[error("the server broke down: {0}")]
    Failed(String),
}

/// A part of what is served: its routes and what they share.
pub type Part = Arc<dyn Fn(&mut ServiceConfig) + Send + Sync>;

/// The parts of what is served, in the order in which their routes are tried.
#[derive(Clone, Default)]
pub struct Parts(Vec<Part>);

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parts({})", self.0.len())
    }
}

impl Parts {
    /// With another part, tried after those before it.
    #[must_use]
    pub fn with(mut self, part: impl Fn(&mut ServiceConfig) + Send + Sync + 'static) -> Self {
        self.0.push(Arc::new(part));
        self
    }
}

/// Serves a twin until `stop` ends; `ready` is told where, as soon as it listens.
///
/// Blocks the thread. Sockets get the goodbye of their part, requests under way [`Connections::ending`] to finish.
///
/// # Errors
/// When the settings do not allow it, an address cannot be had, or the server breaks down.
pub fn serve(
    twin: Arc<dyn Twin>,
    settings: &ServeSettings,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let hub = Arc::new(Hub::new(Arc::clone(&twin), HubSettings::default()));
    let ending = Arc::clone(&hub);
    let mut settings = settings.clone();
    settings.guard.seats = settings.guard.seats.or_else(|| Seats::of(&twin));
    let page = settings.page;
    let parts = Parts::default()
        .with(move |service| {
            service.app_data(Data::from(Arc::clone(&twin))).app_data(Data::from(Arc::clone(&hub)));
        })
        .with(super::socket::configure)
        .with(super::drill::configure)
        .with(super::routes::configure)
        .with(move |service| super::assets::configure(service, page));
    serve_parts(parts, &settings, ready, async move {
        stop.await;
        // Sockets would keep the server from ending.
        ending.close("the server ends");
    })
}

/// Serves parts until `stop` ends; otherwise as [`serve`].
///
/// # Errors
/// As [`serve`].
pub fn serve_parts(
    parts: Parts,
    settings: &ServeSettings,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let tls = settings.tls.as_ref().map(guard::tls_server).transpose()?;
    let guard = Guard::new(&settings.guard, settings.limits, &settings.addresses, tls.is_some())?;
    let guard = Arc::new(guard);
    let (limits, connections) = (settings.limits, settings.connections);
    let crowd = Arc::new(Crowd::new(connections.crowding, &settings.guard.proxies));
    System::new().block_on(async move {
        let mut server = HttpServer::new(move || {
            let parts = parts.clone();
            App::new()
                .app_data(Data::from(Arc::clone(&guard)))
                .configure(|service| assemble(service, &parts, limits))
                .default_service(web::to(nothing))
                .wrap(Compress::default())
                .wrap(from_fn(guard::gate))
        })
        .on_connect(move |connection, data| {
            let Some(line) = Line::of(connection) else { return };
            if let Some(counted) = crowd.meet(line) {
                data.insert(counted);
            }
            socket::on_connect(line, data);
        })
        .workers(connections.workers.clamp(1, 64))
        .max_connections(connections.per_worker.max(1))
        .backlog(1_024)
        .client_request_timeout(connections.head_wait)
        .client_disconnect_timeout(Duration::from_secs(2))
        .tls_handshake_timeout(connections.head_wait)
        .keep_alive(connections.idle)
        .shutdown_timeout(connections.ending.as_secs().max(1))
        .disable_signals();
        for address in &settings.addresses {
            let bound = match &tls {
                Some(tls) => server.bind_rustls_0_23(address, tls.clone()),
                None => server.bind(address),
            };
            server = bound.map_err(|error| ServeError::Address { address: *address, what: error.to_string() })?;
        }
        let Some(first) = server.addrs().first().copied() else {
            return Err(ServeError::Failed("there is no address to listen on".to_owned()));
        };
        let server = server.run();
        let handle = server.handle();
        ready(first);
        tokio::pin!(server, stop);
        let ended = tokio::select! {
            ended = &mut server => ended,
            () = &mut stop => {
                tokio::join!(handle.stop(true), &mut server).1
            }
        };
        ended.map_err(|error| ServeError::Failed(error.to_string()))
    })
}

/// Puts the parts together, with what is told of a body that makes no sense.
fn assemble(service: &mut ServiceConfig, parts: &Parts, limits: Limits) {
    let unread = |status: StatusCode, detail: String| {
        let response = Problem::new(status, detail.clone()).response();
        actix_web::error::InternalError::from_response(detail, response).into()
    };
    service
        .app_data(web::PayloadConfig::new(limits.body_bytes))
        .app_data(web::JsonConfig::default().limit(limits.body_bytes).error_handler(move |error, _| {
            let status = actix_web::ResponseError::status_code(&error);
            unread(status, error.to_string())
        }))
        .app_data(
            web::PathConfig::default().error_handler(move |error, _| unread(StatusCode::NOT_FOUND, error.to_string())),
        )
        .app_data(
            web::QueryConfig::default()
                .error_handler(move |error, _| unread(StatusCode::BAD_REQUEST, error.to_string())),
        )
        .configure(guard::configure);
    for part in &parts.0 {
        part(service);
    }
}

async fn nothing(request: HttpRequest) -> HttpResponse {
    let detail = format!("there is nothing at `{}`; `/api/v1` tells what there is", request.path().escape_debug());
    Problem::new(StatusCode::NOT_FOUND, detail).response()
}
