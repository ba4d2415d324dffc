//! Serving the city: HTTP, the socket that shows it alive, and the files of its page.
//!
//! What has happened is answered from the stores that the wire filled, so that a real city is served the same way. What is shown of
//! the present moment, and every order to a running city, goes through the port ([`port`]), which the twin implements. Knows no
//! simulation and no transport.

pub mod answers;
pub mod assets;
mod crowd;
mod drill;
pub mod guard;
mod ids;
pub mod port;
mod problem;
#[cfg(feature = "schemas")]
pub mod registry;
pub mod routes;
pub mod scene;
pub mod server;
pub mod socket;
