//! Several processes at work on one city before a real Kafka and a real bucket: devices speak over MQTT to listeners that only listen,
//! consumers are killed where they stand and others come, the books close, and every window is what one consumer makes of it.
//!
//! `CITYTWIN_TEST_KAFKA`, `CITYTWIN_TEST_REDIS` and `CITYTWIN_TEST_S3` name the servers, as `cargo xtask services up` prints them.
#![cfg(all(feature = "kafka", feature = "s3", feature = "redis"))]

#[path = "common/program.rs"]
#[allow(dead_code, reason = "each test uses its part of it")]
mod program;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use citytwin::pipeline::stores::{Bucket, Parts, S3Settings, StoreSettings, Stores};

use program::{Started, between, text};

fn server(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("set {variable}, as `cargo xtask services up` prints it"))
}

/// Where the bucket is: endpoint, name, key and secret.
fn bucket() -> (String, String, String, String) {
    let url = server("CITYTWIN_TEST_S3");
    let (login, rest) = url.strip_prefix("http://").and_then(|rest| rest.split_once('@')).expect("key and secret");
    let ((key, secret), (host, bucket)) =
        (login.split_once(':').expect("a secret"), rest.split_once('/').expect("a bucket"));
    (format!("http://{host}"), bucket.to_owned(), key.to_owned(), secret.to_owned())
}

/// The program with these words, who knows key and secret of the bucket.
fn command(words: &[&str]) -> Command {
    let (_, _, key, secret) = bucket();
    let mut command = program::command(words);
    command.env("S3_KEY", key).env("S3_SECRET", secret);
    command
}

/// What is not another test's: topic, group, prefix of keys, prefix of objects.
fn name_of(folder: &Path, city: &str) -> String {
    let name = folder.file_name().and_then(|name| name.to_str()).expect("a name").trim_start_matches('.');
    format!("{city}-{name}")
}

/// A file of parts for a group of consumers of one topic.
fn parts(folder: &Path, topic: &str, city: &str) -> String {
    let (endpoint, bucket, ..) = bucket();
    let (kafka, redis) = (server("CITYTWIN_TEST_KAFKA"), server("CITYTWIN_TEST_REDIS"));
    let path = folder.join(format!("{city}.yaml"));
    let text = format!(
        "bus: {{ kafka: {{ brokers: '{kafka}', topic: '{topic}', group: '{name}', workers: group }} }}\n\
         live: {{ redis: {{ url: '{redis}', prefix: '{name}' }} }}\n\
         history: {{ s3: {{ url: 's3://{bucket}/{name}', endpoint: '{endpoint}', key-from: S3_KEY, secret-from: S3_SECRET }} }}\n\
         listen: {{ address: '127.0.0.1:0' }}\n",
        name = name_of(folder, city),
    );
    std::fs::write(&path, text).expect("room");
    path.display().to_string()
}

fn told(words: &[&str]) -> (bool, String) {
    let Output { status, stdout, stderr } = command(words).output().expect("the program runs");
    (status.success(), text(&stdout) + &text(&stderr))
}

/// A consumer that has been given something to work on.
fn consumer(out: &str, parts: &str, more: &[&str]) -> Started {
    let words = ["consume", "--out", out, "--parts", parts, "--keep-every", "1"];
    let words = [words.as_slice(), more].concat();
    Started::start(command(&words), |line| line.contains("given to us").then(String::new)).0
}

fn signal(process: &Started, signal: &str) {
    let id = process.child.id().to_string();
    assert!(Command::new("kill").args([signal, &id]).status().expect("`kill` runs").success());
}

/// Killed one after the other while devices speak, or stopped until others have their partitions and woken again, consumers leave nothing
/// undone and nothing done twice.
#[test]
fn consumers_that_are_killed_lose_nothing_and_make_the_windows_of_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let topic = name_of(folder.path(), "topic");
    let (several, one) = (parts(folder.path(), &topic, "several"), parts(folder.path(), &topic, "one"));
    let (is_well, said) = told(&["doctor", "--parts", &several]);
    assert!(is_well, "{said}");
    let listen = ["listen", "--out", &path("ears"), "--parts", &several, "--listen", "127.0.0.1:0"];
    let (mut ears, url) =
        Started::start(command(&listen), |line| between(line, "listening on ", ' ').map(str::to_owned));
    let mut first = consumer(&path("first"), &several, &[]);
    let sent = path("sent");
    let load = ["load", "--target", &url, "--devices", "200", "--rate", "1000", "--seconds", "30", "--out", &sent];
    let mut load = command(&load).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts");
    // Whoever comes is given something as soon as those who are there have let it go, or are taken for dead.
    let mut second = consumer(&path("second"), &several, &[]);
    first.kill();
    let mut third = consumer(&path("third"), &several, &["--member", "third"]);
    signal(&second, "-STOP");
    let mut fourth = consumer(&path("fourth"), &several, &[]);
    // Its partitions are somebody else's by now, and it does not know.
    signal(&second, "-CONT");
    third.kill();
    let mut third = consumer(&path("third"), &several, &["--member", "third"]);
    assert!(load.wait().expect("it ends").success());
    let (is_well, said) = told(&["consume", "--out", &path("last"), "--parts", &several, "--until-caught-up"]);
    assert!(is_well, "{said}");
    let (status, said) = second.interrupt();
    assert!(status.success() && (said.contains("in other hands") || said.contains("had not heard of us")), "{said}");
    for consumer in [&mut third, &mut fourth] {
        let (status, said) = consumer.interrupt();
        assert!(status.success() && said.contains("messages kept by this member"), "{said}");
    }
    let (status, said) = ears.interrupt();
    assert!(status.success() && said.contains("30000 messages in the topic"), "{said}");
    for parts in [&several, &one] {
        let out = path("end");
        let (is_well, said) = told(&["consume", "--out", &out, "--parts", parts, "--until-caught-up", "--finish"]);
        assert!(is_well, "{said}");
        let (closes, said) = told(&["audit", &sent, "--kept-in", &out, "--parts", parts]);
        assert!(closes && said.contains("30000"), "{said}");
        std::fs::remove_dir_all(&out).expect("it is there");
    }
    let (several, one) = (rows(folder.path(), "several"), rows(folder.path(), "one"));
    assert!(one.len() > 200, "a comparison of nothing: {}", one.len());
    let differing: Vec<_> = several.keys().chain(one.keys()).filter(|key| several.get(*key) != one.get(*key)).collect();
    assert!(
        differing.is_empty(),
        "{} of {} rows differ: {:?}",
        differing.len(),
        one.len(),
        &differing[..differing.len().min(8)]
    );
}

/// Every row of every table.
fn rows(folder: &Path, city: &str) -> BTreeMap<(String, String), String> {
    let (endpoint, bucket, key, secret) = bucket();
    let settings = S3Settings {
        bucket,
        prefix: name_of(folder, city),
        endpoint: Some(endpoint),
        region: None,
        login: Some((key, secret)),
        session: None,
        path_style: true,
        authorities: None,
    };
    let bucket = Bucket::open(&settings).expect("a bucket");
    let own = tempfile::tempdir().expect("a folder");
    let parts = Parts { bucket: Some(Arc::new(bucket)), ..Parts::default() };
    let stores = Stores::open_parts(own.path(), StoreSettings::default(), parts).expect("stores");
    let mut rows = BTreeMap::new();
    // What who did when for the city is no window.
    let is_of_messages = |table: &String| table != "housekeeping";
    for table in stores.tables().names().expect("can be read").into_iter().filter(is_of_messages) {
        let each = &mut |key: &str, json: &[u8]| {
            rows.insert((table.clone(), key.to_owned()), text(json));
            ControlFlow::Continue(())
        };
        stores.tables().scan(&table, "", each).expect("can be read");
    }
    rows
}

/// What several processes cannot share is refused before anything is begun, all of it at once.
#[test]
fn what_a_group_cannot_have_is_told_in_sentences() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, out) = (folder.path().join("parts.yaml"), folder.path().join("out").display().to_string());
    let check = |text: &str, words: &[&str], needles: &[&str]| {
        std::fs::write(&path, text).expect("room");
        let parts = path.display().to_string();
        let words = [words, &["--out", &out, "--parts", &parts]].concat();
        let Output { status, stderr, .. } = command(&words).output().expect("the program runs");
        let said = text_of(&stderr);
        assert_eq!(status.code(), Some(2), "{said}");
        for needle in needles {
            assert!(said.contains(needle), "no {needle} in: {said}");
        }
        assert!(!Path::new(&out).exists(), "something was begun");
    };
    let bus = "bus: { kafka: { brokers: 'localhost:1', topic: city";
    check(&format!("{bus} }} }}"), &["consume"], &["workers: group"]);
    check("", &["consume"], &["workers: group"]);
    let group = format!("{bus}, workers: group }} }}\n");
    check(&group, &["consume"], &["live: {", "history: {"]);
    check(&group, &["listen", "--finish"], &["`--finish` has no effect"]);
    check(&format!("{bus}, workers: grup }} }}"), &["consume"], &["did you mean `group`?"]);
}

/// Words without the ways in which lines are broken for a terminal.
fn text_of(bytes: &[u8]) -> String {
    text(bytes).split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
}
