//! The stores on real servers, which the environment names: what the suites of the traits cannot ask of an embedded store.

mod bucket;
mod live;
mod parts;
mod postgres;
mod relay;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::live::{LiveSettings, RedisLive, RedisSettings};
use super::postgres::{Postgres, PostgresSettings};

/// The value of a variable; a run of server tests without servers fails, and says how to get them.
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: eval \"$(cargo xtask services up)\""))
}

/// A name nobody else uses on the server.
fn fresh_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Where the test's Redis is.
fn redis_url() -> String {
    variable("CITYTWIN_TEST_REDIS")
}

/// Where the test's PostgreSQL is.
fn postgres_url() -> String {
    variable("CITYTWIN_TEST_POSTGRES")
}

/// `host:port` of a URL, and the URL with another port.
fn address_of(url: &str) -> &str {
    let behind = url.split_once("://").expect("a URL").1;
    behind.rsplit_once('@').map_or(behind, |(_, rest)| rest).split('/').next().expect("a host")
}

fn through(url: &str, port: u16) -> String {
    url.replace(address_of(url), &format!("127.0.0.1:{port}"))
}

/// Live state under a prefix of its own, which goes away with it.
pub(super) struct FreshRedis {
    pub(super) live: RedisLive,
    pub(super) place: RedisSettings,
}

impl FreshRedis {
    pub(super) fn new(settings: LiveSettings) -> Self {
        let place = RedisSettings::new(&redis_url(), &fresh_name());
        Self { live: RedisLive::new(&place, settings).expect("a URL"), place }
    }
}

impl Drop for FreshRedis {
    fn drop(&mut self) {
        self.live.clear().expect("the server is still there");
    }
}

/// A schema of its own, which goes away with it.
pub(super) struct FreshPostgres {
    pub(super) server: Arc<Postgres>,
    pub(super) settings: PostgresSettings,
}

impl FreshPostgres {
    pub(super) fn new() -> Self {
        Self::with(PostgresSettings::new(&postgres_url(), &fresh_name()))
    }

    fn with(settings: PostgresSettings) -> Self {
        Self { server: Postgres::new(&settings).expect("a URL"), settings }
    }
}

impl Drop for FreshPostgres {
    fn drop(&mut self) {
        self.server.clear().expect("the server is still there");
    }
}
