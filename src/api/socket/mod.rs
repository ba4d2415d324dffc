//! The socket `/ws/realtime`: the city alive, to as many as look.
//!
//! Scenes of a session are worked on once for all who look at it ([`Hub`]), on a thread of their own; what is made is put on every
//! client's desk, where the latest wins, and taken from there as fast as the client reads. So a client that stops reading costs the others
//! nothing. Who may look, and from which page, is decided by the guard; where none stands before it, the socket is closed.

mod client;
mod hub;
mod line;
mod news;
mod place;
mod room;
mod words;

use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use actix_web::dev::Extensions;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload, ServiceConfig};
use actix_web::{Error, HttpRequest, HttpResponse, rt, web};

pub use hub::{Hub, HubCounts, HubSettings};

pub(super) use client::Client;
pub(super) use line::{Ear, speak};

use hub::Full;
use line::Looking;

use super::crowd::Line;
use super::guard::{self, Role};
use super::problem::Problem;

/// What is spoken.
pub(super) const PROTOCOL: &str = "citytwin.v1";
/// After how long whoever was turned away may try again [s].
const RETRY_S: u64 = 10;

/// Serves `/ws/realtime`. A [`Hub`] has to be among the data of the service.
pub fn configure(service: &mut ServiceConfig) {
    service.route("/ws/realtime", web::get().to(realtime));
}

/// A way to end a connection whose client does not even read that it is to end: what waits to be written is not waited for.
#[derive(Debug, Clone)]
pub(super) struct Cut(Arc<TcpStream>);

/// Keeps a way to end a connection, for sockets that may be opened over it: to be called by the server for each.
pub(crate) fn on_connect(line: Line<'_>, data: &mut Extensions) {
    if let Some(stream) = line.handle() {
        data.insert(Cut(Arc::new(stream)));
    }
}

impl Cut {
    fn cut(&self) {
        // It fails where the connection is no more.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

async fn realtime(request: HttpRequest, body: Payload, hub: Data<Hub>) -> Result<HttpResponse, Error> {
    guard::require(&request, Role::Viewer)?;
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

/// For whoever there is no room for.
pub(super) fn turned_away(full: Full) -> HttpResponse {
    let problem = match full {
        Full::Everywhere => Problem::away("as many look at the city as may; try again in some seconds"),
        Full::There => Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "as many sockets are open from your address as may; close some of them",
        ),
        Full::Closed => Problem::away("the server ends; try again when it is back"),
    };
    problem.after(RETRY_S).response()
}
