//! The stores that are servers: made from the file of parts and looked at by the doctor, as far as this program was built for them.
//!
//! A program without the feature `redis`, `postgres` or `s3` reads the same files, and refuses a part that it does not have with a sentence.

#[cfg(any(feature = "postgres", feature = "s3"))]
use std::sync::Arc;

use super::{PartsFile, Secrets};
use crate::pipeline::stores::Parts;
#[cfg(feature = "postgres")]
use crate::pipeline::stores::postgres::{Postgres, PostgresSettings};
#[cfg(feature = "postgres")]
use crate::pipeline::stores::records::PostgresRecords;
#[cfg(feature = "postgres")]
use crate::pipeline::stores::tables::{PostgresTables, Tables as _};
#[cfg(feature = "redis")]
use crate::pipeline::stores::{
    LiveSettings,
    live::{LiveStore as _, RedisLive, RedisSettings},
};
use crate::twin::TwinError;

impl PartsFile {
    /// The stores that are servers; they need not answer yet.
    ///
    /// # Errors
    /// When a variable is not set, a URL or certificate is none, or this program was built without a part that is named.
    pub(crate) fn stores(&self, secrets: Secrets<'_>) -> Result<Parts, TwinError> {
        let mut parts = Parts::default();
        self.put_live(secrets, &mut parts)?;
        self.put_records(secrets, &mut parts)?;
        self.put_history(secrets, &mut parts)?;
        Ok(parts)
    }
}

#[cfg(feature = "redis")]
impl PartsFile {
    /// Redis as the live state, if the file says so.
    fn redis(&self, secrets: Secrets<'_>) -> Result<Option<RedisLive>, TwinError> {
        let Some(server) = &self.live else { return Ok(None) };
        let mut settings = RedisSettings::new(&server.with_login(secrets)?, &server.name);
        settings.authorities.clone_from(&server.ca);
        Ok(Some(RedisLive::new(&settings, LiveSettings::default())?))
    }

    fn put_live(&self, secrets: Secrets<'_>, parts: &mut Parts) -> Result<(), TwinError> {
        if let Some(redis) = self.redis(secrets)? {
            parts.live = Some(Box::new(redis));
        }
        Ok(())
    }

    /// Whether the live state answers and takes a write, if it is a server.
    pub(super) fn ask_live(&self, secrets: Secrets<'_>) -> Result<(), TwinError> {
        let Some(redis) = self.redis(secrets)? else { return Ok(()) };
        redis.status()?;
        Ok(redis.probe()?)
    }
}

#[cfg(not(feature = "redis"))]
impl PartsFile {
    fn put_live(&self, secrets: Secrets<'_>, _: &mut Parts) -> Result<(), TwinError> {
        self.ask_live(secrets)
    }

    pub(super) fn ask_live(&self, _: Secrets<'_>) -> Result<(), TwinError> {
        if self.live.is_some() { Err(built_without("live", "redis")) } else { Ok(()) }
    }
}

#[cfg(feature = "postgres")]
impl PartsFile {
    /// PostgreSQL, if the file says so.
    fn postgres(&self, secrets: Secrets<'_>) -> Result<Option<Arc<Postgres>>, TwinError> {
        let Some(server) = &self.records else { return Ok(None) };
        let mut settings = PostgresSettings::new(&server.with_login(secrets)?, &server.name);
        settings.authorities.clone_from(&server.ca);
        settings.places = server.places;
        Ok(Some(Postgres::new(&settings)?))
    }

    fn put_records(&self, secrets: Secrets<'_>, parts: &mut Parts) -> Result<(), TwinError> {
        if let Some(server) = self.postgres(secrets)? {
            parts.tables = Some(Box::new(PostgresTables::new(&server)));
            parts.records = Some(Box::new(PostgresRecords::new(&server)));
        }
        Ok(())
    }

    /// Whether the database answers and takes a write, if there is one.
    pub(super) fn ask_records(&self, secrets: Secrets<'_>) -> Result<(), TwinError> {
        let Some(server) = self.postgres(secrets)? else { return Ok(()) };
        PostgresTables::new(&server).names()?;
        Ok(server.probe()?)
    }
}

#[cfg(not(feature = "postgres"))]
impl PartsFile {
    fn put_records(&self, secrets: Secrets<'_>, _: &mut Parts) -> Result<(), TwinError> {
        self.ask_records(secrets)
    }

    pub(super) fn ask_records(&self, _: Secrets<'_>) -> Result<(), TwinError> {
        if self.records.is_some() { Err(built_without("records", "postgres")) } else { Ok(()) }
    }
}

impl PartsFile {
    /// The bucket with history and checkpoints, if the file says so.
    #[cfg(feature = "s3")]
    fn put_history(&self, secrets: Secrets<'_>, parts: &mut Parts) -> Result<(), TwinError> {
        parts.bucket = self.history.as_ref().map(|s3| s3.open(secrets).map(Arc::new)).transpose()?;
        Ok(())
    }

    #[cfg(not(feature = "s3"))]
    fn put_history(&self, secrets: Secrets<'_>, _: &mut Parts) -> Result<(), TwinError> {
        self.ask_history(secrets)
    }

    /// Whether the bucket answers, may be written, and lets only one of two writers win, if there is one.
    pub(super) fn ask_history(&self, secrets: Secrets<'_>) -> Result<(), TwinError> {
        self.history.as_ref().map_or(Ok(()), |s3| s3.ask(secrets))
    }
}

/// The complaint about a part that is not in this program.
#[cfg(not(all(feature = "redis", feature = "postgres")))]
fn built_without(key: &str, feature: &str) -> TwinError {
    TwinError::Service(format!(
        "`{key}` names a server this program was built without; build it with `--features {feature}`, or leave `{key}` out"
    ))
}
