//! The program with its history in a bucket: killed and started again, on the same machine and on another, the books close.
//!
//! `CITYTWIN_TEST_S3` names a bucket (`http://KEY:SECRET@HOST:PORT/BUCKET`), as `cargo xtask services up` prints it.
#![cfg(feature = "s3")]

#[path = "common/program.rs"]
#[allow(dead_code, reason = "each test uses its part of it")]
mod program;

use std::path::Path;
use std::process::{Command, Output};

use program::{Started, between, command, text};

/// Endpoint, bucket, key and secret.
fn server() -> (String, String, String, String) {
    let url = std::env::var("CITYTWIN_TEST_S3").expect("set CITYTWIN_TEST_S3 to http://KEY:SECRET@HOST:PORT/BUCKET");
    let (login, rest) = url.trim_start_matches("http://").split_once('@').expect("key and secret");
    let (key, secret) = login.split_once(':').expect("key and secret");
    let (address, bucket) = rest.split_once('/').expect("a bucket");
    (format!("http://{address}"), bucket.to_owned(), key.to_owned(), secret.to_owned())
}

/// A file of parts with a prefix of its own.
fn parts(folder: &Path, more: &str) -> String {
    let name = folder.file_name().and_then(|name| name.to_str()).expect("a name").trim_start_matches('.');
    let (endpoint, bucket, ..) = server();
    let path = folder.join("parts.yaml");
    let text = format!(
        "history: {{ s3: {{ url: 's3://{bucket}/program/{name}', endpoint: '{endpoint}', key-from: KEY, secret-from: SECRET{more} }} }}\n\
         listen: {{ address: '127.0.0.1:0' }}\n"
    );
    std::fs::write(&path, text).expect("room");
    path.display().to_string()
}

fn with_secrets(words: &[&str]) -> Command {
    let (_, _, key, secret) = server();
    let mut command = command(words);
    command.env("KEY", key).env("SECRET", secret).env("WRONG", "swordfish");
    command
}

fn told(words: &[&str]) -> (bool, String) {
    let Output { status, stdout, stderr } = with_secrets(words).output().expect("the program runs");
    (status.success(), text(&stdout) + &text(&stderr))
}

fn listen(out: &str, parts: &str) -> (Started, String) {
    let words =
        ["listen", "--out", out, "--parts", parts, "--listen", "127.0.0.1:0", "--keep-every", "0.3", "--finish"];
    Started::start(with_secrets(&words), |line| {
        between(line, "listening on ", ' ').map(|url| url.trim_end_matches(';').to_owned())
    })
}

fn load(url: &str, name: &str, out: &str) {
    let words = ["load", "--target", url, "--devices", "50", "--rate", "2000", "--seconds", "2", "--name", name];
    let (is_well, said) = told(&[words.as_slice(), &["--out", out]].concat());
    assert!(is_well, "{said}");
}

#[test]
fn a_city_in_a_bucket_outlives_its_process_and_its_machine() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (out, sent, parts) = (path("out"), path("sent"), parts(folder.path(), ""));
    let (is_well, said) = told(&["doctor", "--parts", &parts]);
    assert!(is_well && said.contains("S3, s3://"), "{said}");
    let (mut first, url) = listen(&out, &parts);
    load(&url, "first", &sent);
    first.kill();
    let (mut again, _) = listen(&out, &parts);
    let (status, said) = again.interrupt();
    assert!(status.success() && said.contains("stored as records: 4000"), "{said}");
    let (closes, said) = told(&["audit", &sent, "--kept-in", &out, "--parts", &parts]);
    assert!(closes && said.contains("4000"), "{said}");
    // By a folder without a live state that one is left out, and nothing is made.
    let elsewhere = path("elsewhere");
    let (_, said) = told(&["audit", &sent, "--kept-in", &elsewhere, "--parts", &parts]);
    assert!(said.contains("live state: left out") && !Path::new(&elsewhere).join("stores/beside").exists(), "{said}");
    // The machine is gone, with log and live state.
    std::fs::remove_dir_all(folder.path().join("out")).expect("can be removed");
    let (mut there, url) = listen(&path("there"), &parts);
    load(&url, "second", &path("sent-there"));
    let (status, said) = there.interrupt();
    assert!(status.success() && said.contains("stored as records: 8000"), "{said}");
}

#[test]
fn what_is_wrong_with_the_bucket_is_told_in_a_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = parts(folder.path(), "");
    let text = std::fs::read_to_string(&good).expect("there");
    let (endpoint, bucket, key, _) = server();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").to_string();
    let mut cases = vec![
        (text.replace(&endpoint, &format!("http://{nobody}")), "does not answer"),
        (text.replace(&format!("s3://{bucket}/"), "s3://nobody-made-this-one/"), "make the bucket"),
        (text.replace("secret-from: SECRET", "secret-from: UNSET"), "`UNSET`"),
    ];
    // Moto lets everybody in.
    if key != "moto" {
        cases.push((text.replace("secret-from: SECRET", "secret-from: WRONG"), "key and secret"));
    }
    for (text, needle) in cases {
        let path = folder.path().join("other.yaml");
        std::fs::write(&path, text).expect("room");
        let (is_well, said) = told(&["doctor", "--parts", &path.display().to_string()]);
        assert!(!is_well && said.contains(needle) && said.contains("wait in the log"), "{needle}: {said}");
        assert!(!said.contains("swordfish"), "{said}");
    }
}
