//! A server that speaks S3's language: `MinIO`, compiled by Go; where there is no Go, or it cannot be compiled, moto, from a Python package.
//!
//! Both are kept in `target`, whichever servers come and go. `MinIO` keeps its data on disk, moto in memory.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::programs::{connected, in_path};
use super::{Server, Services};
use crate::{ports, root};

/// What is compiled: held to its sum by the proxy's log of sums.
const MINIO: &str = "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c";
/// What comes in its place.
const MOTO: &str = "moto[server]==5.2.5";
/// The bucket of tests; key and secret of whoever may use it.
pub(super) const BUCKET: &str = "citytwin";
const KEY: &str = "citytwin";
const SECRET: &str = "citytwin-tests";
/// Moto asks and answers one after another: so that of two writers one wins, as at a real server.
const SERVE: &str = "import sys
from werkzeug.serving import run_simple
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
run_simple('127.0.0.1', int(sys.argv[1]), DomainDispatcherApplication(create_backend_app), threaded=False)";

fn minio() -> PathBuf {
    root().join("target/minio/minio")
}

fn moto() -> PathBuf {
    root().join("target/moto/bin/moto_server")
}

/// The program that runs, if it is installed.
pub(super) fn program() -> Option<PathBuf> {
    [minio(), moto()].into_iter().find(|program| program.is_file())
}

/// Makes sure of one of them.
pub(super) fn install() -> Result<(), String> {
    let why = match compiled() {
        Ok(()) => return Ok(()),
        Err(why) => why,
    };
    eprintln!("MinIO is not to be had: {why}; moto takes its place");
    let python = root().join("target/moto/bin/python");
    let ran = |command: &mut Command, what: &str| match command.stdin(Stdio::null()).output() {
        Ok(told) if told.status.success() => Ok(()),
        Ok(told) => Err(format!("{what} failed: {}", last_line(&told.stderr))),
        Err(error) => Err(format!("{what} does not start: {error}")),
    };
    if !python.is_file() {
        ran(Command::new("python3").args(["-m", "venv"]).arg(root().join("target/moto")), "python3 -m venv")?;
    }
    ran(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--no-cache-dir", MOTO]), "pip install moto")
        .map_err(|error| format!("no server for S3: MinIO: {why}; moto: {error}"))
}

/// Compiles `MinIO`.
fn compiled() -> Result<(), String> {
    let go = in_path("go").or_else(|| Some(PathBuf::from("/usr/local/go/bin/go")).filter(|go| go.is_file()));
    let go = go.ok_or("Go is missing (on Debian: apt-get install golang, 1.24 or newer)")?;
    let folder = root().join("target/minio");
    fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    let mut install = Command::new(go);
    install.args(["install", "-ldflags=-s -w", MINIO]).env("GOBIN", &folder).current_dir(&folder);
    let told = install.stdin(Stdio::null()).output().map_err(|error| format!("go does not start: {error}"))?;
    if told.status.success() { Ok(()) } else { Err(format!("go install: {}", last_line(&told.stderr))) }
}

fn last_line(words: &[u8]) -> String {
    String::from_utf8_lossy(words).lines().rfind(|line| !line.trim().is_empty()).unwrap_or("nothing said").to_owned()
}

impl Services {
    /// The server's program, with the bucket in its data.
    pub(super) fn s3(&self, program: &Path, port: u16) -> Result<Command, String> {
        let data = self.data(Server::S3);
        if program == minio() {
            let bucket = data.join(BUCKET);
            fs::create_dir_all(&bucket).map_err(|error| format!("cannot make {}: {error}", bucket.display()))?;
            let console = ports::claim()?;
            let mut command = Command::new(program);
            command.args(["server", "--quiet", "--address", &format!("127.0.0.1:{port}")]);
            command.args(["--console-address", &format!("127.0.0.1:{console}")]).arg(&data);
            command.env("MINIO_ROOT_USER", KEY).env("MINIO_ROOT_PASSWORD", SECRET).env("MINIO_BROWSER", "off");
            return Ok(command);
        }
        let mut command = Command::new(program.with_file_name("python"));
        // Its folder is how it is known again.
        command.args(["-c", SERVE, &port.to_string()]).arg(&data);
        Ok(command)
    }

    /// Makes the bucket where it does not come with the data; moto asks nobody who he is.
    pub(super) fn make_bucket(&self) -> Result<(), String> {
        if program() == Some(minio()) {
            return Ok(());
        }
        let port = self.port(Server::S3).unwrap_or_default();
        match asked(port, &format!("PUT /{BUCKET}")) {
            Some(200 | 409) => Ok(()),
            told => Err(format!("moto does not make the bucket: {told:?}")),
        }
    }
}

/// What a server answers to the first line of a request.
fn asked(port: u16, line: &str) -> Option<u16> {
    let mut stream = connected(port)?;
    let request = format!("{line} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).ok()?;
    std::str::from_utf8(&answer).ok()?.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()
}

/// Whether it is ready.
pub(super) fn answers(port: u16) -> bool {
    asked(port, "GET /minio/health/ready").is_some_and(|status| status < 500)
}

/// How tests reach it: key, secret and bucket stand in it, as they do in no file of an operator's. Moto, which lets everybody in, is
/// known by its key.
pub(super) fn url(port: u16) -> String {
    if program() == Some(moto()) {
        return format!("http://moto:{SECRET}@127.0.0.1:{port}/{BUCKET}");
    }
    format!("http://{KEY}:{SECRET}@127.0.0.1:{port}/{BUCKET}")
}
