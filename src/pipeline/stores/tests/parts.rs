//! Stores whose parts are on servers that come and go.

use std::time::Duration;

use super::relay::{Relay, Weather};
use super::{FreshPostgres, FreshRedis, address_of, postgres_url, redis_url, through};
use crate::pipeline::stores::conformance::{all_sorts, at};
use crate::pipeline::stores::crashes::content;
use crate::pipeline::stores::live::{LiveSettings, RedisLive, RedisSettings};
use crate::pipeline::stores::postgres::{Postgres, PostgresSettings};
use crate::pipeline::stores::records::PostgresRecords;
use crate::pipeline::stores::tables::PostgresTables;
use crate::pipeline::stores::{Ahead, Batch, Keeper as _, Parts, Row, StoreSettings, Stores};
use crate::telemetry::ReadingKind;

#[test]
fn a_batch_waits_for_its_servers_and_is_kept_once() {
    let (redis, postgres) = (FreshRedis::new(LiveSettings::default()), FreshPostgres::new());
    postgres.server.check().expect("it answers");
    let relays = [Relay::to(address_of(&redis_url())), Relay::to(address_of(&postgres_url()))];
    let patience = Duration::from_secs(5);
    let url = through(&redis_url(), relays[0].port());
    let live = RedisLive::new(&RedisSettings { url, patience, ..redis.place.clone() }, LiveSettings::default());
    let url = through(&postgres_url(), relays[1].port());
    let server = Postgres::new(&PostgresSettings { url, patience, ..postgres.settings.clone() }).expect("a URL");
    let parts = Parts {
        live: Some(Box::new(live.expect("a URL"))),
        tables: Some(Box::new(PostgresTables::new(&server))),
        records: Some(Box::new(PostgresRecords::new(&server))),
        ..Parts::default()
    };
    let folder = tempfile::tempdir().expect("a folder");
    let stores = Stores::open_parts(folder.path(), StoreSettings::default(), parts).expect("a fresh folder");
    let quiet = Stores::in_memory();
    stores.claim("morning").expect("nobody's yet");
    let records = all_sorts(60);
    for (n, part) in records.chunks(100).enumerate() {
        let from = n as u64 * 100;
        let row = Row { table: "tens".into(), key: format!("{n:03}"), json: format!("{{\"n\":{n}}}").into() };
        let batch = Batch {
            from,
            to: from + part.len() as u64,
            records: part.to_vec(),
            rows: vec![row],
            watermark: Some(at(i64::try_from(n).expect("small"))),
            ..Batch::default()
        };
        quiet.keep(&batch).expect("memory is always there");
        let relay = &relays[n % 2];
        relay.set(Weather::Cut);
        let error = stores.keep(&batch).expect_err("a server is away");
        assert!(error.is_passing(), "{error}");
        assert_eq!(stores.resume(0).expect("is in the folder").map_or(0, |resume| resume.next_offset), from);
        let ahead = Ahead { partition: 0, records: part, rows: &batch.rows, watermark: batch.watermark };
        stores.show(ahead).expect_err("a server is away");
        relay.set(Weather::Fair);
        stores.show(ahead).expect("all are there");
        stores.keep(&batch).expect("all are there");
    }
    assert!(content(&stores) == content(&quiet));
    for &kind in ReadingKind::ALL {
        assert_eq!(stores.records().count(kind).expect("can be counted"), 60);
    }
    let other = tempfile::tempdir().expect("a folder");
    let parts = Parts { tables: Some(Box::new(PostgresTables::new(&postgres.server))), ..Parts::default() };
    let stores = Stores::open_parts(other.path(), StoreSettings::default(), parts).expect("a fresh folder");
    let refused = stores.claim("evening").expect_err("the schema is the morning's").to_string();
    assert!(refused.contains("morning") && refused.contains("evening") && refused.contains("tables"), "{refused}");
}
