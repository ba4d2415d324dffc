//! `cargo xtask schemas`: the registry and the framed messages against Confluent's own client, which reads what we write and writes
//! what we read; the profiles against parsers that nobody here wrote; and an audit of loads in every form.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

use crate::wire::{Check, all_hold, environment, output, quietly, text};
use crate::{cargo, root};

/// From Python's index. `protoc` comes with grpcio-tools.
const PACKAGES: [&str; 8] = [
    "confluent-kafka[avro,json,protobuf,schemaregistry]==2.15.1",
    "paho-mqtt==2.1.0",
    "grpcio-tools==1.85.1",
    "gtfs-realtime-bindings==3.0.0",
    "jsonschema==4.26.0",
    "PyLD==3.3.0",
    "pysmartdatamodels==0.8.2.0",
    "rfc3339-validator==0.1.4",
];
/// The forms of messages a mapping file can ask for of every reading.
const FORMATS: [&str; 3] = ["json-schema", "avro", "protobuf"];
/// The profiles: what the mapping file says, and who reads them.
const PROFILES: [(&str, &str); 3] = [
    ("ngsi-ld", "format: ngsi-ld\n"),
    ("ngsi-ld-keyvalues", "format: ngsi-ld-keyvalues\n"),
    ("gtfs-rt", "position: { format: gtfs-rt }\n"),
];
/// Messages of each form that are read by others.
const READ: &str = "500";

/// Runs every check; whether none failed.
pub(crate) fn schemas() -> bool {
    let folder = root().join("target/schemas");
    drop(fs::remove_dir_all(folder.join("runs")));
    let runs = folder.join("runs");
    if let Err(error) = fs::create_dir_all(&runs) {
        println!("cannot make {}: {error}", runs.display());
        return false;
    }
    let Some(python) = environment(&folder, &PACKAGES) else { return false };
    // With a test, because the tests are built already, and `cargo build` would build much anew with features of its own.
    if !cargo(&["test", "--quiet", "--no-run", "--test", "registry"], &[]) {
        return false;
    }
    let client = Client { python, runs };
    let checks: [(&str, Check<'_>); 6] = [
        ("Confluent's client at the registry", &|| client.registers()),
        ("Confluent's serialisers at the listener", &|| client.writes()),
        ("Confluent's deserialisers, and the audit", &|| client.reads()),
        ("models and journey planners, and the audit", &|| client.profiles()),
        ("every kind of reading as its public model", &|| client.every_kind()),
        ("entities to a server", &|| client.posts()),
    ];
    all_hold(&checks)
}

struct Client {
    python: PathBuf,
    runs: PathBuf,
}

/// A program of ours at work, which ends with this.
struct Working {
    child: Child,
    words: BufReader<ChildStderr>,
}

impl Drop for Working {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Working {
    fn begin(words: &[&str], out: &Path) -> Result<Self, String> {
        let mut command = citytwin();
        command.args(words).arg("--out").arg(out).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let words = BufReader::new(child.stderr.take().ok_or("no words")?);
        Ok(Self { child, words })
    }

    /// What it says it is at, behind a scheme.
    fn address(&mut self, scheme: &str) -> Result<String, String> {
        let mut told = String::new();
        loop {
            let mut line = String::new();
            if self.words.read_line(&mut line).map_err(|error| error.to_string())? == 0 {
                return Err(format!("it never said where it is: {told}"));
            }
            if let Some((_, rest)) = line.split_once(scheme) {
                return Ok(rest.split([';', '\n']).next().unwrap_or(rest).trim().to_owned());
            }
            told.push_str(&line);
        }
    }

    /// Interrupts it; what it says at its end.
    fn end(mut self) -> Result<Vec<String>, String> {
        quietly(Command::new("kill").args(["-INT", &self.child.id().to_string()]));
        let told: Vec<String> = self.words.by_ref().lines().map_while(Result::ok).collect();
        let ended = self.child.wait().map_err(|error| error.to_string())?;
        if ended.success() { Ok(told) } else { Err(format!("it ended with {ended}: {told:?}")) }
    }
}

fn citytwin() -> Command {
    Command::new(root().join("target/debug/citytwin"))
}

impl Client {
    fn python(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(root().join("xtask/clients/schemas.py")).args(words);
        command
    }

    /// Runs the client; what it printed.
    fn run(&self, words: &[&str]) -> Result<String, String> {
        let ran = output(&mut self.python(words))?;
        if ran.status.success() { Ok(text(&ran.stdout).trim().to_owned()) } else { Err(text(&ran.stderr)) }
    }

    fn registers(&self) -> Result<String, String> {
        let mut server = Working::begin(&["registry", "--listen", "127.0.0.1:0"], &self.runs.join("registry"))?;
        let address = server.address("http://")?;
        let figures = self.run(&["registry", &format!("http://{address}")])?;
        server.end()?;
        Ok(format!("first ids given: {figures}"))
    }

    /// A listener with a registry beside it, and both addresses.
    fn listener(&self, name: &str) -> Result<(Working, String, String), String> {
        let words = ["listen", "--listen", "127.0.0.1:0", "--registry", "127.0.0.1:0", "--finish"];
        let mut listener = Working::begin(&words, &self.runs.join(name))?;
        let registry = format!("http://{}", listener.address("http://")?);
        let address = listener.address("mqtt://")?;
        Ok((listener, registry, address))
    }

    fn writes(&self) -> Result<String, String> {
        let (listener, registry, address) = self.listener("written")?;
        let (host, port) = address.rsplit_once(':').ok_or("no port")?;
        let expected = self.run(&["write", &registry, host, port])?;
        let told = listener.end()?;
        let stored = expected.trim_matches(['{', '}']).rsplit(": ").next().unwrap_or_default();
        if !told.iter().any(|line| line.trim() == format!("stored as records: {stored}")) {
            return Err(format!("{expected} should be stored; it says {told:?}"));
        }
        if told.iter().any(|line| line.contains("in quarantine as")) {
            return Err(format!("something is in quarantine: {told:?}"));
        }
        Ok(expected)
    }

    /// A load in each form, read by others as it passes, and audited.
    fn reads(&self) -> Result<String, String> {
        let read = |registry: &str, host: &str, port: &str| self.python(&["read", registry, host, port, READ]);
        let each = FORMATS.map(|format| self.passes(format, &format!("format: {format}\n"), read));
        Ok(format!("{}; every balance closes", joined(each)?))
    }

    fn profiles(&self) -> Result<String, String> {
        let each = PROFILES.map(|(format, mapping)| {
            self.passes(format, mapping, |_, host, port| self.profile(&["read", host, port, READ, format]))
        });
        Ok(format!("{}; every balance closes", joined(each)?))
    }

    /// A load through a listener, read by `reader` as it passes, and audited.
    fn passes(
        &self,
        format: &str,
        mapping: &str,
        reader: impl Fn(&str, &str, &str) -> Command,
    ) -> Result<String, String> {
        let (listener, registry, address) = self.listener(&format!("kept-{format}"))?;
        let (host, port) = address.rsplit_once(':').ok_or("no port")?;
        let mut reader = Reader::begin(&mut reader(&registry, host, port))?;
        let target = format!("mqtt://{address}");
        let sent = self.load(format, mapping, &["--target", &target, "--devices", "50", "--rate", "500"]);
        let found = reader.end();
        listener.end()?;
        audited(&sent?, &self.runs.join(format!("kept-{format}"))).map_err(|told| format!("{format}: {told}"))?;
        Ok(format!("{format}: {}", found?))
    }

    /// A load of four seconds; the folder of its ledger.
    fn load(&self, name: &str, mapping: &str, words: &[&str]) -> Result<PathBuf, String> {
        let file = self.runs.join(format!("{name}.yaml"));
        fs::write(&file, mapping).map_err(|error| error.to_string())?;
        let sent = self.runs.join(format!("sent-{name}"));
        let mut load = citytwin();
        load.args(["load", "--seconds", "4"]).args(words).arg("--topics").arg(file).arg("--out").arg(&sent);
        let loaded = output(&mut load)?;
        if loaded.status.success() { Ok(sent) } else { Err(format!("{name}: {}", text(&loaded.stderr))) }
    }

    fn profile(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(root().join("xtask/clients/profiles.py")).args(words);
        command
    }

    /// The messages of the documentation, which has one of every kind.
    fn every_kind(&self) -> Result<String, String> {
        let document = root().join("docs/entities.md");
        let read = output(self.profile(&["document"]).arg(document))?;
        if read.status.success() { Ok(text(&read.stdout).trim().to_owned()) } else { Err(text(&read.stderr)) }
    }

    /// Entities where a broker of NGSI-LD would take them, in batches.
    fn posts(&self) -> Result<String, String> {
        // A hundred a second, for the four seconds of every load.
        let mut taker = self.profile(&["take", "400"]);
        let mut taker = Reader::begin(taker.stdin(Stdio::piped()))?;
        let target = format!("{}#batch=100", taker.ready);
        let sent = self.load("posted", PROFILES[0].1, &["--target", &target, "--devices", "50", "--rate", "100"]);
        let found = taker.end();
        sent?;
        found
    }
}

fn audited(sent: &Path, kept: &Path) -> Result<(), String> {
    let audit = output(citytwin().arg("audit").arg(sent).arg("--kept-in").arg(kept))?;
    if audit.status.success() { Ok(()) } else { Err(text(&audit.stdout)) }
}

/// What several runs found, or why the first of them failed.
fn joined<const N: usize>(each: [Result<String, String>; N]) -> Result<String, String> {
    each.into_iter().collect::<Result<Vec<String>, String>>().map(|each| each.join("; "))
}

/// A client that says when it is ready, and at its end what it found.
struct Reader {
    child: Child,
    heard: BufReader<ChildStdout>,
    /// What it said when it was ready.
    ready: String,
}

impl Reader {
    fn begin(command: &mut Command) -> Result<Self, String> {
        let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
        let mut heard = BufReader::new(child.stdout.take().ok_or("no words")?);
        let mut ready = String::new();
        heard.read_line(&mut ready).map_err(|error| error.to_string())?;
        Ok(Self { child, heard, ready: ready.trim().to_owned() })
    }

    /// What it found, once its input has ended.
    fn end(&mut self) -> Result<String, String> {
        drop(self.child.stdin.take());
        let mut found = String::new();
        let read = self.heard.read_line(&mut found).map_err(|error| error.to_string());
        let ended = self.child.wait().map_err(|error| error.to_string())?;
        read?;
        if ended.success() { Ok(found.trim().to_owned()) } else { Err(format!("the reader ended with {ended}")) }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
