//! The socket `/ws/realtime`: the city alive, to as many as look.
//!
//! Scenes of a session are worked on once for all who look at it ([`Hub`]), on a thread of their own; what is made is put on every
//! client's desk, where the latest wins, and taken from there as fast as the client reads. So a client that stops reading costs the others
//! nothing. Who may look is decided before a request comes here.

mod client;
mod hub;
mod line;
mod news;
mod origin;
mod place;
mod room;
mod words;

use std::any::Any;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;

use actix_web::dev::Extensions;
use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Payload, ServiceConfig};
use actix_web::{Error, HttpRequest, HttpResponse, rt, web};

pub use hub::{Hub, HubCounts, HubSettings};

pub(super) use client::Client;
pub(super) use line::{Ear, speak};
pub(super) use origin::is_welcome;

use hub::Full;
use line::Looking;

/// What is spoken.
pub(super) const PROTOCOL: &str = "citytwin.v1";

/// Serves `/ws/realtime`. A [`Hub`] has to be among the data of the service.
pub fn configure(service: &mut ServiceConfig) {
    service.route("/ws/realtime", web::get().to(realtime));
}

/// A way to end a connection whose client does not even read that it is to end: what waits to be written is not waited for.
#[derive(Debug, Clone)]
pub(super) struct Cut(Arc<TcpStream>);

/// Keeps a way to end a connection, for sockets that may be opened over it: to be called by the server for each (`on_connect`). Where
/// it is not, or where the connection is encrypted, a client that reads nothing is sent away all the same, but its connection stays
/// until the system gives it up.
pub fn on_connect(connection: &dyn Any, data: &mut Extensions) {
    let copy = connection.downcast_ref::<rt::net::TcpStream>().map(|stream| stream.as_fd().try_clone_to_owned());
    if let Some(Ok(copy)) = copy {
        data.insert(Cut(Arc::new(TcpStream::from(copy))));
    }
}

impl Cut {
    fn cut(&self) {
        // It fails where the connection is no more.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

async fn realtime(request: HttpRequest, body: Payload, hub: Data<Hub>) -> Result<HttpResponse, Error> {
    if !is_welcome(request.headers(), &hub.settings().origins) {
        return Ok(stranger());
    }
    let address = request.peer_addr().map(|address| address.ip());
    let hub = hub.into_inner();
    let ticket = match hub.admit(address) {
        Ok(ticket) => ticket,
        Err(full) => return Ok(turned_away(full)),
    };
    let (response, session, stream) = actix_ws::handle_with_protocols(&request, body, &[PROTOCOL])?;
    let cut = request.conn_data::<Cut>().cloned();
    rt::spawn(async move { speak(ticket, (session, stream), cut, &Looking(hub)).await });
    Ok(response)
}

/// For whoever comes from a page of somebody else.
pub(super) fn stranger() -> HttpResponse {
    let detail = "this page is not of this server; open the server's own page, or have its origin allowed";
    problem(StatusCode::FORBIDDEN, detail)
}

/// For whoever there is no room for.
pub(super) fn turned_away(full: Full) -> HttpResponse {
    let (status, detail) = match full {
        Full::Everywhere => {
            (StatusCode::SERVICE_UNAVAILABLE, "as many look at the city as may; try again in some seconds")
        }
        Full::There => {
            (StatusCode::TOO_MANY_REQUESTS, "as many sockets are open from your address as may; close some of them")
        }
        Full::Closed => (StatusCode::SERVICE_UNAVAILABLE, "the server ends; try again when it is back"),
    };
    problem(status, detail)
}

/// A refusal as RFC 9457 has it.
fn problem(status: StatusCode, detail: &str) -> HttpResponse {
    let title = status.canonical_reason().unwrap_or_default();
    let body =
        serde_json::json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail });
    HttpResponse::build(status)
        .insert_header((header::CONTENT_TYPE, "application/problem+json"))
        .insert_header((header::RETRY_AFTER, "10"))
        .body(body.to_string())
}
