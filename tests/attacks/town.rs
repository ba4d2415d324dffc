//! A server on a socket with a few routes of its own, and a client that sends whatever bytes it is told.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use citytwin::api::guard::{self, Key, Role};
use citytwin::api::server::{Parts, ServeError, ServeSettings, serve_parts};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// Longest wait for an answer; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that runs as long as this is held.
pub(crate) struct Town {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<Result<(), ServeError>>>,
    pub(crate) folder: TempDir,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.find(|line| line.0.eq_ignore_ascii_case(name)).map(|line| line.1)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Everything that was sent.
    pub(crate) fn whole(&self) -> String {
        format!("{}\r\n\r\n{}", self.head, self.body)
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    kind: String,
}

async fn who(request: HttpRequest) -> HttpResponse {
    match guard::require(&request, Role::Viewer) {
        Ok(caller) => HttpResponse::Ok().body(format!("{} {}", caller.name, caller.role)),
        Err(denied) => actix_web::ResponseError::error_response(&denied),
    }
}

/// Says what it needs.
async fn order(request: HttpRequest, order: web::Json<Order>) -> HttpResponse {
    match guard::require(&request, Role::Operator) {
        Ok(caller) => HttpResponse::Created().body(format!("{} by {}", order.kind, caller.name)),
        Err(denied) => actix_web::ResponseError::error_response(&denied),
    }
}

/// Forgot to say what it needs.
async fn careless() -> HttpResponse {
    HttpResponse::Ok().body("changed")
}

async fn file(names: web::Path<(String, String)>) -> HttpResponse {
    HttpResponse::Ok().insert_header(("Content-Security-Policy", "sandbox")).body(format!("{} {}", names.0, names.1))
}

async fn index() -> HttpResponse {
    HttpResponse::Ok().content_type("text/html; charset=utf-8").body("<!doctype html><title>page</title>")
}

async fn socket(request: HttpRequest, body: web::Payload) -> actix_web::Result<HttpResponse> {
    // Answers whatever protocol is offered first, as a careless part would.
    let offered = request.headers().get("sec-websocket-protocol").and_then(|value| value.to_str().ok());
    let offered = offered.and_then(|offered| offered.split(", ").next()).map(str::to_owned);
    let (mut response, session, _messages) = actix_ws::handle(&request, body)?;
    if let Some(offered) = offered {
        let value = actix_web::http::header::HeaderValue::from_str(&offered).unwrap();
        response.headers_mut().insert(actix_web::http::header::SEC_WEBSOCKET_PROTOCOL, value);
    }
    actix_web::rt::spawn(async move { session.close(None).await });
    Ok(response)
}

fn routes(service: &mut web::ServiceConfig) {
    service
        .route("/", web::get().to(index))
        .route("/health/live", web::get().to(careless))
        .route("/metrics", web::get().to(careless))
        .route("/api/v1/who", web::get().to(who))
        .route("/api/v1/thing", web::post().to(careless))
        .route("/api/v1/thing", web::delete().to(careless))
        .route("/api/v1/sessions/{id}/interventions", web::post().to(order))
        .route("/api/v1/sessions/{id}/facts", web::post().to(careless))
        .route("/api/v1/finished/{id}/{file}", web::get().to(file))
        .route("/ws/realtime", web::get().to(socket));
}

/// A key for every role, by its name.
pub(crate) struct Ring(Vec<(Role, String)>);

impl Ring {
    pub(crate) fn new() -> (Self, Vec<Key>) {
        let made = Role::ALL.map(|role| (role, guard::new_key(role.word(), role).unwrap().key));
        let keys = made.iter().map(|(role, key)| Key::plain(role.word(), *role, key).unwrap()).collect();
        (Self(made.to_vec()), keys)
    }

    pub(crate) fn of(&self, role: Role) -> &str {
        &self.0.iter().find(|key| key.0 == role).unwrap().1
    }
}

/// On this machine, any port, short of patience.
pub(crate) fn settings() -> ServeSettings {
    ServeSettings::new(vec![SocketAddr::from(([127, 0, 0, 1], 0))])
}

impl Town {
    /// Nobody is asked.
    pub(crate) fn open() -> Self {
        Self::serve(|_, _| ())
    }

    /// Everybody is asked, with keys of all roles.
    pub(crate) fn closed() -> (Self, Ring) {
        let (ring, keys) = Ring::new();
        (Self::serve(|settings, _| settings.guard.keys = keys), ring)
    }

    pub(crate) fn serve(change: impl FnOnce(&mut ServeSettings, PathBuf)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings();
        settings.guard.audit = Some(folder.path().join("audit.jsonl"));
        change(&mut settings, folder.path().to_owned());
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = mpsc::channel();
        let serving = std::thread::spawn(move || {
            let ready = |address| tell.send(address).unwrap();
            serve_parts(Parts::default().with(routes), &settings, ready, async {
                let _ = stopped.await;
            })
        });
        let address = told.recv_timeout(PATIENCE).expect("the server listens");
        Self { address, stop: Some(stop), serving: Some(serving), folder }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends bytes and reads until the server hangs up.
    pub(crate) fn send(&self, bytes: impl AsRef<[u8]>) -> Answer {
        let mut stream = self.connect();
        // A server that has heard enough hangs up before everything is sent.
        let _ = stream.write_all(bytes.as_ref());
        let mut read = Vec::new();
        let _ = stream.read_to_end(&mut read);
        answer(&String::from_utf8_lossy(&read))
    }

    /// A whole request; the headers each end with CR and LF.
    pub(crate) fn ask(&self, line: &str, headers: &str, body: &str) -> Answer {
        let host = self.address;
        let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let host = if headers.contains("Host:") { String::new() } else { format!("Host: {host}\r\n") };
        self.send(format!("{line} HTTP/1.1\r\n{host}Connection: close\r\n{headers}{length}\r\n{body}"))
    }

    pub(crate) fn with_key(&self, line: &str, key: &str, body: &str) -> Answer {
        self.ask(line, &format!("Authorization: Bearer {key}\r\nContent-Type: application/json\r\n"), body)
    }

    pub(crate) fn audit(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("audit.jsonl")).unwrap()
    }

    /// Ends it and gives what it ended with.
    pub(crate) fn end(mut self) -> Result<(), ServeError> {
        self.stop.take().unwrap().send(()).unwrap();
        self.serving.take().unwrap().join().unwrap()
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        if let (Some(stop), Some(serving)) = (self.stop.take(), self.serving.take()) {
            let _ = stop.send(());
            let _ = serving.join();
        }
    }
}

/// Takes an answer apart; status 0 where nothing came.
pub(crate) fn answer(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}
