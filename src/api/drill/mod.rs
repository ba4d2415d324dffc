//! A drill over the wire: the lobby, joining by PIN, the files it leaves, and the socket `/ws/drill` of those who sit in it.
//!
//! Knows neither roles nor actions: what a role sees comes as JSON from the twin, what somebody does goes there as it was said. Whoever
//! shows no token of a seat has been sent away by the guard before anything here is asked, but for the lobby and the door of it.

mod routes;
mod socket;

use actix_web::web::ServiceConfig;

pub(crate) use routes::Join;

/// Adds the routes and the socket of a drill to a server; to be added before whatever answers for `/api`.
pub(crate) fn configure(service: &mut ServiceConfig) {
    service.configure(routes::configure).configure(socket::configure);
}
