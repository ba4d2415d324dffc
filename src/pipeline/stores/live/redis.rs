//! Live state in Redis, 6 or newer, so that others can look at it while the city runs.
//!
//! Four keys a kind and one for all, below `{prefix}:live:`: `words:<kind>` (a hash: device to stamp and canonical JSON), `ages:<kind>`
//! (sorted by event time [ms]), `places:<kind>` (a geo index up to 85 degrees of latitude), `poles:<kind>` (who is beyond), and
//! `meter` (clock, counts, format). The prefix stands in braces, so that a city lies in one slot of a cluster and several cities
//! share a server. A batch is one script, run where the data is: what is newer is decided in one step, and costs one round trip
//! for all of it. Whoever stops writing leaves nothing behind for ever: every key dies [`RedisSettings::abandoned_after`] after
//! the last batch, by the server's clock. Unlike the embedded one it may be changed between two looks of one scan.

mod link;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use redis::{Cmd, Pipeline};

use super::area::{Area, place_of};
use super::{LiveSettings, LiveStatus, LiveStore};
use crate::pipeline::stores::error::StoreError;
use crate::primitives::Timestamp;
use crate::telemetry::{DeviceId, ReadingKind, Record, json};
use link::Link;

/// Version of what the keys hold.
const FORMAT: u32 = 1;
/// Digits of an epoch and a sequence before a word's JSON.
const STAMP: usize = 30;
/// Records in one call of the script: the server does nothing else meanwhile, about 10 ms.
const CALL_RECORDS: usize = 1000;
/// Words taken away in one call of the script; there are as many calls as it takes.
const CALL_GONE: u32 = 5000;
/// Words fetched at once when many are looked at.
const CHUNK: usize = 500;
/// Names told at once when all are looked at.
const NAMES: usize = 5000;
/// Longest prefix [bytes].
const PREFIX_MAX: usize = 64;

/// Where the live state is.
#[derive(Clone)]
pub struct RedisSettings {
    /// `redis://[user:password@]host[:port][/db]`, or `rediss://` for TLS.
    pub url: String,
    /// What all keys begin with: 1 to 64 of `A-Z a-z 0-9 . _ -`, one a city.
    pub prefix: String,
    /// Certificates (PEM) of who may vouch for the server, instead of those everybody trusts.
    pub authorities: Option<PathBuf>,
    /// How long after the last batch the keys die, by the server's clock; longer than any word lives.
    pub abandoned_after: Duration,
    /// Longest wait for one answer, and for room to ask.
    pub patience: Duration,
}

impl RedisSettings {
    /// A server and a prefix; keys die thirty days after the last batch, and an answer may take 15 s.
    pub fn new(url: &str, prefix: &str) -> Self {
        let abandoned_after = Duration::from_hours(30 * 24);
        Self {
            url: url.to_owned(),
            prefix: prefix.to_owned(),
            authorities: None,
            abandoned_after,
            patience: Duration::from_secs(15),
        }
    }
}

impl std::fmt::Debug for RedisSettings {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RedisSettings({:?}, {:?}, {:?})", self.prefix, self.authorities, self.abandoned_after)
    }
}

/// The last words, in Redis.
#[derive(Debug)]
pub struct RedisLive {
    link: Link,
    settings: LiveSettings,
    prefix: String,
    abandoned_after: Duration,
}

impl RedisLive {
    /// Takes a server for the live state; it need not answer yet.
    ///
    /// # Errors
    /// When URL, prefix or certificates are none.
    pub fn new(place: &RedisSettings, settings: LiveSettings) -> Result<Self, StoreError> {
        let link = Link::new(&place.url, place.authorities.as_deref(), place.patience)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if place.prefix.is_empty() || place.prefix.len() > PREFIX_MAX || !place.prefix.chars().all(plain) {
            let prefix = place.prefix.escape_debug();
            return Err(
                link.refused(format!("`{prefix}` is no prefix: 1 to {PREFIX_MAX} of A-Z a-z 0-9 . _ - will do"))
            );
        }
        let (prefix, abandoned_after) = (format!("{{{}}}:live", place.prefix), place.abandoned_after);
        Ok(Self { link, settings, prefix, abandoned_after })
    }

    /// Where it is, without user and password.
    pub fn place(&self) -> &str {
        self.link.place()
    }

    /// Whether the server answers, lets us in, and holds under the prefix nothing of another version; gives the server's version.
    ///
    /// # Errors
    /// When it does not.
    pub fn check(&self) -> Result<String, StoreError> {
        let mut pipeline = Pipeline::new();
        pipeline.cmd("INFO").arg("server").cmd("HGET").arg(self.meter()).arg("format");
        let (info, format): (String, Option<String>) = self.link.run(|connection| pipeline.query(connection))?;
        if let Some(found) = format.filter(|found| *found != FORMAT.to_string()) {
            let prefix = &self.prefix;
            return Err(self.link.refused(format!(
                "the keys of {prefix} have format {found}, this program reads format {FORMAT}; choose another prefix"
            )));
        }
        let version = info.lines().find_map(|line| line.strip_prefix("redis_version:"));
        Ok(version.unwrap_or("of unknown version").trim().to_owned())
    }

    /// Whether the server takes writes at present: writes a fact and takes it back.
    ///
    /// # Errors
    /// When it does not answer, refuses, is full or takes no writes.
    pub fn probe(&self) -> Result<(), StoreError> {
        let mut pipeline = Pipeline::new();
        pipeline.cmd("HSET").arg(self.meter()).arg("doctor").arg("").ignore();
        pipeline.cmd("HDEL").arg(self.meter()).arg("doctor").ignore();
        self.link.run(|connection| pipeline.exec(connection))
    }

    /// Takes everything under the prefix away.
    ///
    /// # Errors
    /// When the server does not answer or refuses.
    pub fn clear(&self) -> Result<(), StoreError> {
        self.link.run(|connection| redis::cmd("UNLINK").arg(self.keys()).exec(connection))
    }

    /// Epoch and sequence of a device's last word of a kind; none if there is none.
    pub(in crate::pipeline::stores) fn stamp(
        &self,
        kind: ReadingKind,
        device: &DeviceId,
    ) -> Result<Option<(u32, u64)>, StoreError> {
        let mut ask = redis::cmd("HGET");
        ask.arg(self.key("words", kind)).arg(device.as_str());
        let word: Option<Vec<u8>> = self.link.run(|connection| ask.query(connection))?;
        let Some(word) = word else { return Ok(None) };
        let stamp = word.get(..STAMP).and_then(|stamp| std::str::from_utf8(stamp).ok());
        let stamp = stamp.and_then(|stamp| Some((stamp.get(..10)?.parse().ok()?, stamp.get(10..)?.parse().ok()?)));
        stamp.map(Some).ok_or_else(|| self.link.refused("a word of it has no stamp".to_owned()))
    }

    /// What the server answers to a command of somebody's own, as text; none if it is nothing.
    pub(in crate::pipeline::stores) fn ask(&self, words: &[String]) -> Result<Option<String>, StoreError> {
        let Some((name, rest)) = words.split_first() else { return Ok(None) };
        let mut ask = redis::cmd(name);
        ask.arg(rest);
        let answer: redis::Value = self.link.run(|connection| ask.query(connection))?;
        Ok(match answer {
            redis::Value::Nil => None,
            redis::Value::Int(number) => Some(number.to_string()),
            redis::Value::BulkString(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            redis::Value::SimpleString(text) => Some(text),
            redis::Value::Array(values) if values.is_empty() => None,
            other => {
                return Err(self.link.refused(format!("it answers with {other:?}, which is no text and no number")));
            }
        })
    }

    fn meter(&self) -> String {
        format!("{}:meter", self.prefix)
    }

    fn key(&self, what: &str, kind: ReadingKind) -> String {
        format!("{}:{what}:{}", self.prefix, kind.word())
    }

    /// Every key there can be, in the order in which the script expects them.
    fn keys(&self) -> Vec<String> {
        let mut keys = vec![self.meter()];
        for &kind in ReadingKind::ALL {
            keys.extend(["words", "ages", "places", "poles"].map(|what| self.key(what, kind)));
        }
        keys
    }

    /// One call of the script.
    fn call(
        &self,
        keys: &[String],
        records: &[&Record],
        watermark: Option<Timestamp>,
        gone_max: u32,
    ) -> Result<Cmd, StoreError> {
        let mut call = redis::cmd("EVALSHA");
        call.arg(self.link.script_hash()?).arg(keys.len()).arg(keys);
        call.arg(watermark.map_or_else(String::new, |mark| mark.as_milliseconds().to_string()));
        call.arg(self.settings.capacity).arg(u64::try_from(self.abandoned_after.as_millis()).unwrap_or(u64::MAX / 4));
        call.arg(gone_max).arg(FORMAT).arg(ReadingKind::ALL.len());
        for &kind in ReadingKind::ALL {
            call.arg(self.settings.life(kind).as_milliseconds());
        }
        let mut bytes = Vec::new();
        for record in records {
            let kind = ReadingKind::ALL.iter().position(|kind| *kind == record.kind()).unwrap_or_default();
            bytes.clear();
            json::encode(record, &mut bytes);
            call.arg(kind + 1).arg(record.device.as_str()).arg(format!("{:010}{:020}", record.epoch, record.sequence));
            call.arg(record.time.as_milliseconds());
            match place_of(record) {
                Some((latitude, longitude)) => call.arg(latitude.to_string()).arg(longitude.to_string()),
                None => call.arg("").arg(""),
            };
            call.arg(bytes.as_slice());
        }
        Ok(call)
    }

    /// The event time at and before which words of a kind are dead.
    fn dead_at(&self, kind: ReadingKind, clock: Option<i64>) -> Option<Timestamp> {
        clock.map(|clock| self.settings.dead_at(kind, Timestamp::milliseconds(clock)))
    }

    /// The record in a word; none if it is dead.
    fn living(&self, word: &[u8], dead_at: Option<Timestamp>) -> Result<Option<Record>, StoreError> {
        let damaged = |reason: String| StoreError::Damaged { path: self.place().into(), reason };
        let json = word.get(STAMP..).ok_or_else(|| damaged(format!("{} holds a word that is none", self.prefix)))?;
        let record = json::decode(json).map_err(|error| damaged(format!("{} holds what is {error}", self.prefix)))?;
        Ok(Some(record).filter(|record| dead_at.is_none_or(|dead_at| record.time > dead_at)))
    }

    /// The devices of a kind whose last word may be in an area, by name.
    fn names(&self, kind: ReadingKind, area: &Area) -> Result<Vec<String>, StoreError> {
        let mut names: Vec<String> = Vec::new();
        // Beyond `area::AROUND_MAX` degrees of latitude nothing is in the index; `put.lua` knows it too.
        if let Some((latitude, longitude, radius)) = area.around() {
            let mut near = redis::cmd("GEORADIUS_RO");
            near.arg(self.key("places", kind)).arg(longitude).arg(latitude).arg(radius).arg("m");
            names = self.link.run(|connection| near.query(connection))?;
        } else {
            let mut cursor = 0_u64;
            loop {
                let mut scan = redis::cmd("ZSCAN");
                scan.arg(self.key("ages", kind)).arg(cursor).arg("COUNT").arg(NAMES);
                let (next, some): (u64, Vec<(String, f64)>) = self.link.run(|connection| scan.query(connection))?;
                names.extend(some.into_iter().map(|(name, _)| name));
                cursor = next;
                if cursor == 0 {
                    break;
                }
            }
        }
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }
}

impl LiveStore for RedisLive {
    fn put(&self, records: &[&Record], watermark: Option<Timestamp>) -> Result<(), StoreError> {
        let keys = self.keys();
        let mut chunks: Vec<&[&Record]> = records.chunks(CALL_RECORDS).collect();
        let last = chunks.pop().unwrap_or_default();
        let mut pipeline = Pipeline::new();
        for chunk in chunks {
            // Nothing goes before the last word is in: it might be about to be replaced.
            pipeline.add_command(self.call(&keys, chunk, watermark, 0)?).ignore();
        }
        pipeline.add_command(self.call(&keys, last, watermark, CALL_GONE)?);
        let (mut more,): (u8,) = self.link.run_script(&pipeline)?;
        while more == 1 {
            let mut pipeline = Pipeline::new();
            pipeline.add_command(self.call(&keys, &[], None, CALL_GONE)?);
            (more,) = self.link.run_script(&pipeline)?;
        }
        Ok(())
    }

    fn get(&self, kind: ReadingKind, device: &DeviceId) -> Result<Option<Record>, StoreError> {
        let mut pipeline = Pipeline::new();
        pipeline.cmd("HGET").arg(self.meter()).arg("clock");
        pipeline.cmd("HGET").arg(self.key("words", kind)).arg(device.as_str());
        let (clock, word): (Option<i64>, Option<Vec<u8>>) = self.link.run(|connection| pipeline.query(connection))?;
        word.map_or(Ok(None), |word| self.living(&word, self.dead_at(kind, clock)))
    }

    fn scan(
        &self,
        kind: ReadingKind,
        area: &Area,
        each: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let dead_at = self.dead_at(kind, self.clock()?.map(Timestamp::as_milliseconds));
        let words = self.key("words", kind);
        for names in self.names(kind, area)?.chunks(CHUNK) {
            let mut fetch = redis::cmd("HMGET");
            fetch.arg(&words).arg(names);
            let found: Vec<Option<Vec<u8>>> = self.link.run(|connection| fetch.query(connection))?;
            for word in found.into_iter().flatten() {
                if let Some(record) = self.living(&word, dead_at)?
                    && area.holds(place_of(&record))
                    && each(record).is_break()
                {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn clock(&self) -> Result<Option<Timestamp>, StoreError> {
        let read = redis::Cmd::hget(self.meter(), "clock");
        let clock: Option<i64> = self.link.run(|connection| read.query(connection))?;
        Ok(clock.map(Timestamp::milliseconds))
    }

    fn claim(&self, identity: &str) -> Result<String, StoreError> {
        let mut pipeline = Pipeline::new();
        pipeline.cmd("HSETNX").arg(self.meter()).arg("identity").arg(identity).ignore();
        pipeline.cmd("HGET").arg(self.meter()).arg("identity");
        let (found,): (String,) = self.link.run(|connection| pipeline.query(connection))?;
        Ok(found)
    }

    fn status(&self) -> Result<LiveStatus, StoreError> {
        let mut pipeline = Pipeline::new();
        pipeline.cmd("HMGET").arg(self.meter()).arg("evicted").arg("expired");
        for &kind in ReadingKind::ALL {
            pipeline.cmd("HLEN").arg(self.key("words", kind));
        }
        let mut told: Vec<redis::Value> = self.link.run(|connection| pipeline.query(connection))?;
        let lengths = told.split_off(1.min(told.len()));
        let unread = |error: redis::ParsingError| self.link.refused(error.to_string());
        let counts = told.pop().unwrap_or(redis::Value::Nil);
        let (evicted, expired): (Option<u64>, Option<u64>) = redis::from_redis_value(counts).map_err(unread)?;
        let mut words = 0_u64;
        for length in lengths {
            words += redis::from_redis_value::<u64>(length).map_err(unread)?;
        }
        Ok(LiveStatus::new(words, self.settings.capacity, evicted.unwrap_or(0), expired.unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_stands_in_no_word_about_the_server() {
        let place = RedisSettings::new("redis://me:secret@127.0.0.1:1/3", "tiny");
        let live = RedisLive::new(&place, LiveSettings::default()).expect("a URL");
        let error = live.clock().expect_err("nobody listens at port 1");
        assert!(error.is_passing(), "{error}");
        let said = format!("{error} {error:?} {place:?} {live:?}");
        assert!(said.contains("127.0.0.1:1") && !said.contains("secret"), "{said}");
        for (url, prefix) in [("http://here", "tiny"), ("redis://127.0.0.1", "a b"), ("redis://127.0.0.1", "")] {
            let refused = RedisLive::new(&RedisSettings::new(url, prefix), LiveSettings::default()).expect_err(url);
            assert!(matches!(refused, StoreError::Refused { .. }), "{refused}");
        }
    }
}
