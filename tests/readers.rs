//! Nobody falls over nonsense: mutants of sound records and files at every reader that strangers' text comes to.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use citytwin::city::scenario;
use citytwin::pipeline::alerting;
use citytwin::telemetry::json;
use citytwin::twin::read_parts;

const RECORD: &str = r#"{"type":"position","device":"gps-1","epoch":1,"seq":7,"timestamp":"2026-05-01T07:00:00.250Z","vehicle_id":"car-1","vehicle_class":"passenger","ignition":true,"fix":"3d","latitude":48.1,"longitude":11.5,"speed":30.5}"#;
const PARTS: &str = "bus: { mosquitto: { url: 'mqtts://broker', user-from: U, password-from: P } }\n\
    live: { redis: { url: 'redis://cache:6379/0', prefix: town } }\n\
    records: { postgres: { url: 'postgres://me@db/city', places: false } }\ncity: Town\n";
const ALERTS: &str = "rules:\n  - {name: r, metric: air.o3, operator: '>', threshold: 100 µg/m³, severity: low}\n";

/// Changes, cuts, doubles and mixes bytes; the same for the same number.
fn mutant(seed: &[u8], number: u64) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    // Marsaglia 2003, "Xorshift RNGs".
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % (below.max(1) as u64)).expect("a small number")
    };
    let words: [&[u8]; 10] =
        [b"{", b"[", b": ", b"- ", b"&a ", b"*a ", b"\"", b"1e999", b"-9223372036854775809", b"\xff\xfe"];
    let mut bytes = seed.to_vec();
    for _ in 0..=next(6) {
        let at = next(bytes.len());
        match next(6) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << next(8),
            1 => bytes.truncate(at),
            2 => {
                let (from, length) = (next(seed.len()), next(40));
                let piece = seed[from..(from + length).min(seed.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            3 => bytes.splice(at..at, words[next(words.len())].repeat(1 + next(200))).for_each(drop),
            _ => bytes.splice(at..at, words[next(words.len())].iter().copied()).for_each(drop),
        }
    }
    bytes
}

/// Throws mutants of a sound text; says how many were taken for sound.
fn throw(name: &str, seed: &[u8], times: u64, read: impl Fn(&[u8]) -> bool) -> u64 {
    let mut taken = 0;
    for number in 0..times {
        let bytes = mutant(seed, number);
        let sound = catch_unwind(AssertUnwindSafe(|| read(&bytes))).ok();
        let text = || String::from_utf8_lossy(&bytes);
        taken += u64::from(sound.unwrap_or_else(|| panic!("{name} falls over mutant {number}: {}", text())));
    }
    taken
}

#[test]
fn what_the_decoder_of_records_takes_comes_back_the_same() {
    json::decode(RECORD.as_bytes()).expect("the seed is sound");
    let taken = throw("the decoder of records", RECORD.as_bytes(), 20_000, |bytes| {
        let Ok(record) = json::decode(bytes) else { return false };
        let mut written = Vec::new();
        json::encode(&record, &mut written);
        assert_eq!(json::decode(&written).as_ref(), Ok(&record));
        true
    });
    assert!((1..20_000).contains(&taken), "{taken} of 20,000 mutants were taken");
}

type Read<'a> = &'a dyn Fn(&Path) -> bool;

#[test]
fn no_reader_of_yaml_falls_over_mutants() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file.yaml");
    let scenario = fs::read("scenarios/first_try.yaml").expect("the scenario everybody tries first");
    let readers: [(&str, &[u8], Read<'_>); 3] = [
        ("the reader of scenarios", &scenario, &|file| scenario::read(file).is_ok()),
        ("the reader of parts", PARTS.as_bytes(), &|file| read_parts(file).is_ok()),
        ("the reader of alert rules", ALERTS.as_bytes(), &|file| alerting::read(file).is_ok()),
    ];
    for (name, seed, read) in readers {
        let taken = throw(name, seed, 1000, |bytes| {
            fs::write(&file, bytes).expect("room for it");
            read(&file)
        });
        assert!(taken < 1000, "{name} takes anything");
    }
}
