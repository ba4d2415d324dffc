//! Apache Kafka as one broker that is its own controller (`KRaft`), from jars that Maven fetches and checksums hold to.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::programs::{in_path, write};
use super::{Server, Services};
use crate::{ports, root};

/// What the jars are: the version, and every one of them by its hash.
const POM: &str = "xtask/kafka/pom.xml";
const SUMS: &str = "xtask/kafka/SHA256SUMS";
/// A cluster has a name of 22 characters; nobody else's is on this port.
const CLUSTER: &str = "Y2l0eXR3aW4tdGVzdHMtMA";
/// Most memory of the broker's objects, and a collector and a compiler that begin fast.
const JVM: [&str; 4] = ["-Xmx512m", "-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

/// The program that runs it, if it and the one that fetches the jars are installed.
pub(super) fn program() -> Option<PathBuf> {
    in_path("mvn").and_then(|_| in_path("java"))
}

/// Where the jars are kept, whichever servers come and go.
fn jars() -> PathBuf {
    root().join("target/kafka")
}

/// Makes sure of the jars; they are fetched if they are not there, and refused if they are others.
fn fetch() -> Result<PathBuf, String> {
    let folder = jars();
    let sums = root().join(SUMS);
    let sound = || {
        let mut check = Command::new("sha256sum");
        check.args(["--check", "--quiet", "--strict"]).arg(&sums).current_dir(&folder).stdin(Stdio::null());
        folder
            .is_dir()
            .then(|| check.output().map_err(|error| format!("sha256sum does not start: {error}")))
            .transpose()
    };
    if sound()?.is_some_and(|told| told.status.success()) {
        return Ok(folder);
    }
    let mut fetch = Command::new("mvn");
    fetch.args(["--quiet", "--batch-mode", "--file"]).arg(root().join(POM)).arg("dependency:copy-dependencies");
    fetch.arg(format!("-DoutputDirectory={}", folder.display())).arg("-DincludeScope=runtime");
    let told = fetch.stdin(Stdio::null()).output().map_err(|error| format!("mvn does not start: {error}"))?;
    if !told.status.success() {
        return Err(format!("Kafka's jars cannot be fetched: {}", String::from_utf8_lossy(&told.stdout).trim()));
    }
    match sound()? {
        Some(told) if told.status.success() => Ok(folder),
        told => {
            let words = told.map(|told| String::from_utf8_lossy(&told.stdout).trim().to_owned()).unwrap_or_default();
            Err(format!("Kafka's jars in {} are not those of {SUMS}: {words}", folder.display()))
        }
    }
}

impl Services {
    /// The broker's program, its data laid out if it has none.
    pub(super) fn kafka(&self, java: &Path, port: u16) -> Result<Command, String> {
        let (home, data) = (self.home(Server::Kafka), self.data(Server::Kafka));
        let (jars, file) = (fetch()?, home.join("server.properties"));
        // Its controller listens as well; that port need not stay the same.
        let controller = ports::claim()?;
        let lines = [
            String::from("process.roles=broker,controller"),
            String::from("node.id=1"),
            format!("controller.quorum.bootstrap.servers=127.0.0.1:{controller}"),
            format!("listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}"),
            format!("advertised.listeners=PLAINTEXT://127.0.0.1:{port}"),
            String::from("controller.listener.names=CONTROLLER"),
            String::from("listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"),
            format!("log.dirs={}", data.display()),
            String::from("auto.create.topics.enable=false"),
            String::from("offsets.topic.replication.factor=1"),
            String::from("offsets.topic.num.partitions=1"),
            String::from("transaction.state.log.replication.factor=1"),
            String::from("transaction.state.log.min.isr=1"),
            String::from("num.network.threads=2"),
            String::from("num.io.threads=2"),
        ];
        write(&file, &(lines.join("\n") + "\n"))?;
        let class_path = format!("{}/*", jars.display());
        let start = |class: &str| {
            let mut command = Command::new(java);
            command.args(JVM).args(["-cp", &class_path, class]);
            command
        };
        if !data.join("meta.properties").is_file() {
            let mut format = start("kafka.tools.StorageTool");
            format.args(["format", "--standalone", "-t", CLUSTER, "-c"]).arg(&file).stdin(Stdio::null());
            let told = format.output().map_err(|error| format!("{} does not start: {error}", java.display()))?;
            if !told.status.success() {
                // Half of it would be taken for the whole next time.
                drop(fs::remove_dir_all(&data));
                return Err(format!(
                    "Kafka's data cannot be laid out: {}",
                    String::from_utf8_lossy(&told.stderr).trim()
                ));
            }
        }
        let mut command = start("kafka.Kafka");
        command.arg(&file);
        Ok(command)
    }
}
