//! The registry of schemas under Confluent's paths, behind the same guard as everything else.
//!
//! Reading takes the role of a viewer, registering that of a trainer, and whatever changes what others may register, or takes
//! something away, that of an operator. Answers and numbers of errors are those of Confluent's registry, so that its clients work.

mod answers;
mod routes;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::web::Data;

use super::server::{Parts, ServeError, ServeSettings, serve_parts};
use crate::pipeline::registry::Registry;

/// Serves a registry until `stop` ends; `ready` is told where, as soon as it listens. Blocks the thread.
///
/// # Errors
/// When the settings do not allow it, an address cannot be had, or the server breaks down.
pub fn serve(
    registry: &Arc<Registry>,
    settings: &ServeSettings,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let registry = Arc::clone(registry);
    let parts = Parts::default()
        .with(move |service| {
            service.app_data(Data::from(Arc::clone(&registry)));
        })
        .with(routes::configure);
    serve_parts(parts, settings, ready, stop)
}
