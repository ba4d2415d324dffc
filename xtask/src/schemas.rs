//! `cargo xtask schemas`: the registry and the framed messages against Confluent's own client, which reads what we write and writes
//! what we read, and an audit of loads in every form.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use crate::wire::{environment, output, quietly, text};
use crate::{cargo, root};

/// From Python's index. `protoc` comes with grpcio-tools.
const PACKAGES: [&str; 4] = [
    "confluent-kafka[avro,json,protobuf,schemaregistry]==2.15.1",
    "paho-mqtt==2.1.0",
    "grpcio-tools==1.85.1",
    "gtfs-realtime-bindings==3.0.0",
];
/// The forms of messages a mapping file can ask for.
const FORMATS: [&str; 3] = ["json-schema", "avro", "protobuf"];
/// Messages of each form that are read by others.
const READ: &str = "500";

type Check<'a> = &'a dyn Fn() -> Result<String, String>;

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
    // As the tests are built, which have it built already.
    if !cargo(&["build", "--quiet", "--bin", "citytwin"], &[]) {
        return false;
    }
    let client = Client { python, runs };
    let checks: [(&str, Check<'_>); 3] = [
        ("Confluent's client at the registry", &|| client.registers()),
        ("Confluent's serialisers at the listener", &|| client.writes()),
        ("Confluent's deserialisers, and the audit", &|| client.reads()),
    ];
    let mut sound = true;
    for (name, check) in checks {
        match check() {
            Ok(figures) => println!("{name}: {figures}"),
            Err(reason) => {
                println!("{name}: FAILED: {reason}");
                sound = false;
            }
        }
    }
    sound
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
        let mut figures = Vec::new();
        for format in FORMATS {
            let (listener, registry, address) = self.listener(&format!("kept-{format}"))?;
            let (host, port) = address.rsplit_once(':').ok_or("no port")?;
            let mut reader = self.python(&["read", &registry, host, port, READ]);
            let mut reader = reader.stdout(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
            let mut heard = BufReader::new(reader.stdout.take().ok_or("no words")?);
            let mut ready = String::new();
            heard.read_line(&mut ready).map_err(|error| error.to_string())?;
            let mapping = self.runs.join(format!("{format}.yaml"));
            fs::write(&mapping, format!("format: {format}\n")).map_err(|error| error.to_string())?;
            let sent = self.runs.join(format!("sent-{format}"));
            let mut load = citytwin();
            load.args([
                "load",
                "--target",
                &format!("mqtt://{address}"),
                "--devices",
                "50",
                "--rate",
                "500",
                "--seconds",
                "4",
            ]);
            let loaded = output(load.arg("--topics").arg(&mapping).arg("--out").arg(&sent))?;
            let mut found = String::new();
            let read = heard.read_line(&mut found).map_err(|error| error.to_string());
            let ended = reader.wait().map_err(|error| error.to_string())?;
            read?;
            listener.end()?;
            if !loaded.status.success() || !ended.success() {
                return Err(format!("{format}: {} {ended} {}", loaded.status, text(&loaded.stderr)));
            }
            let kept = self.runs.join(format!("kept-{format}"));
            let audit = output(citytwin().arg("audit").arg(&sent).arg("--kept-in").arg(&kept))?;
            if !audit.status.success() {
                return Err(format!("{format}: {}", text(&audit.stdout)));
            }
            figures.push(format!("{format}: {}", found.trim()));
        }
        Ok(format!("{}; every balance closes", figures.join("; ")))
    }
}
