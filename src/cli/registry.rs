//! `citytwin registry`: the registry of schemas on its own, for Kafka's clients and whoever else speaks with Confluent's.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;

use crate::telemetry::SchemaBook;
use crate::twin::RegistryServer;

/// How often to look whether to end.
const MOMENT: Duration = Duration::from_millis(50);

/// What `registry` is told.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder in which the schemas are kept
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Where to serve; beyond this machine only with `--access`
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = super::address, default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// File that says who may come in, and how it is encrypted; `citytwin key` makes its keys
    #[arg(long, value_name = "FILE")]
    access: Option<PathBuf>,
}

/// Serves until interrupted.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    registry(arguments).unwrap_or_else(|code| code)
}

fn registry(arguments: &Arguments) -> Result<ExitCode, ExitCode> {
    let server = begin(&arguments.out, arguments.listen, arguments.access.as_deref(), &Arc::default())?;
    let interrupted = super::interrupts()?;
    while !interrupted.load(Ordering::SeqCst) && server.failure().is_none() {
        std::thread::park_timeout(MOMENT);
    }
    if let Some(reason) = server.failure() {
        super::tell(&format!("error: {reason}"));
        return Err(ExitCode::from(super::FAILED));
    }
    drop(server);
    Ok(super::print(&arguments.out.display().to_string(), ExitCode::SUCCESS))
}

/// Begins to serve the registry of a folder, and says where.
pub(super) fn begin(
    folder: &std::path::Path,
    address: SocketAddr,
    access: Option<&std::path::Path>,
    book: &Arc<SchemaBook>,
) -> Result<RegistryServer, ExitCode> {
    let (mut settings, access) = super::serve::server_settings(vec![address], access, false)?;
    settings.connections.workers = 1;
    let scheme = if access.tls.is_some() { "https" } else { "http" };
    match RegistryServer::begin(folder, book, &settings) {
        Ok(server) => {
            super::tell(&format!("the registry of schemas is at {scheme}://{}; interrupt to end", server.address));
            Ok(server)
        }
        Err(error) => {
            super::tell(&format!("error: {error}"));
            Err(ExitCode::from(super::FAILED))
        }
    }
}
