//! `cargo xtask load`: the load aimed at real platforms that are none of ours, with its figures; and `cargo xtask compare-load`: messages a
//! second of processor time beside the clients others measure brokers with.
//!
//! The clients are installed or built by the step itself, from packages; one that cannot be had is left out and named. Both sides send as
//! many messages of the same length as fast as they can to the same server, in turns. What counts is the client's processor time by
//! `time`, not the wall's: the server is the same for both, and shares the machine.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::services::{Server, Services};
use crate::{cargo, root};

/// Messages of one run, and how often everybody has a turn.
const MESSAGES: u32 = 300_000;
const TURNS: usize = 5;
/// The tools of Kafka, of the version of the broker in xtask/kafka.
const TOOLS: &str = "xtask/kafka/tools.xml";

/// The proofs on servers of their own, which are gone afterwards, however it ends.
pub(crate) fn load() -> bool {
    let services = Services::new().below("load");
    let passed = services.up(&[Server::Mosquitto, Server::Kafka]).map(|()| proofs(&services));
    // Down in any case.
    let gone = services.down();
    for reason in [passed.as_ref().err(), gone.as_ref().err()].into_iter().flatten() {
        println!("{reason}");
    }
    passed == Ok(true) && gone.is_ok()
}

/// The tests of a load at platforms of others, which tell their figures.
pub(crate) fn proofs(services: &Services) -> bool {
    let variables = services.variables();
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, url)| (*name, url.as_str())).collect();
    cargo(&["test", "--test", "load_foreign", "--features", "server-tests", "--", "--nocapture"], &variables)
}

/// `cargo xtask compare-load [--program PATH]`; whether every run went well.
pub(crate) fn compare(words: &[&str]) -> bool {
    let program = match words {
        [] if cargo(&["build", "--release", "--features", "kafka", "--bin", "citytwin"], &[]) => {
            root().join("target/release/citytwin")
        }
        ["--program", path] => PathBuf::from(path),
        _ => {
            println!("say compare-load, or compare-load --program PATH");
            return false;
        }
    };
    let services = Services::new().below("compare-load");
    let compared =
        services.up(&[Server::Mosquitto, Server::Kafka]).and_then(|()| Bench::new(&program, &services)?.compare());
    let gone = services.down();
    for reason in [compared.as_ref().err(), gone.as_ref().err()].into_iter().flatten() {
        println!("{reason}");
    }
    compared.is_ok() && gone.is_ok()
}

/// Where everything is that a comparison needs.
struct Bench<'a> {
    program: &'a Path,
    folder: PathBuf,
    mqtt: String,
    kafka: String,
    /// Length of every message [bytes].
    bytes: usize,
}

/// A client: its name, and how it is started for a run.
type Client<'a> = (&'static str, Box<dyn Fn() -> Command + 'a>);

impl<'a> Bench<'a> {
    fn new(program: &'a Path, services: &Services) -> Result<Self, String> {
        let folder = root().join("target/compare-load");
        fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        let url = |server| services.url(server).ok_or("a server does not run");
        let (mqtt, kafka) = (url(Server::Mosquitto)?, url(Server::Kafka)?);
        let mut bench = Self { program, folder, mqtt, kafka, bytes: 0 };
        bench.bytes = bench.measured()?;
        let line = "x".repeat(bench.bytes) + "\n";
        fs::write(bench.lines(), line.repeat(MESSAGES as usize)).map_err(|error| error.to_string())?;
        Ok(bench)
    }

    fn lines(&self) -> PathBuf {
        self.folder.join("lines")
    }

    fn port(&self) -> &str {
        self.mqtt.rsplit(':').next().unwrap_or_default()
    }

    /// How long our messages are on the average, as a subscriber sees them [bytes].
    fn measured(&self) -> Result<usize, String> {
        let mut listening = Command::new("mosquitto_sub");
        listening.args(["-p", self.port(), "-i", "lengths", "-c", "-q", "1", "-t", "#"]);
        ran(listening_once(&mut listening))?;
        ran(self.load(&self.mqtt, 1000))?;
        let told = listening_to(self.port()).output().map_err(|error| format!("mosquitto_sub: {error}"))?;
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        let lengths: Vec<usize> = told.lines().filter_map(|line| line.parse().ok()).collect();
        if lengths.is_empty() {
            return Err(String::from("nobody heard our messages"));
        }
        Ok(lengths.iter().sum::<usize>() / lengths.len())
    }

    /// Ours, as fast as it can.
    fn load(&self, target: &str, messages: u32) -> Command {
        let seconds = f64::from(messages) / 1e6;
        let mut command = Command::new(self.program);
        command.args(["load", "--target", target, "--rate", "1000000", "--seconds", &seconds.to_string()]);
        command.arg("--out").arg(self.folder.join("sent"));
        command
    }

    fn compare(&self) -> Result<(), String> {
        println!(
            "{MESSAGES} messages of {} bytes a run, {TURNS} turns; medians of messages a second of CPU",
            self.bytes
        );
        let topic = |number| format!("kafka://{}/{}", self.kafka, topic_named(number));
        let (ours, url) = ("citytwin load", topic(0));
        self.make_topic(&topic_named(0))?;
        let mut mqtt = vec![self.without_truth(&self.mqtt)];
        mqtt.extend(self.of_mqtt());
        self.beside(ours, &|| self.load(&self.mqtt, MESSAGES), &mqtt)?;
        let mut kafka = vec![self.without_truth(&url)];
        kafka.extend(self.of_kafka());
        self.beside(ours, &|| self.load(&url, MESSAGES), &kafka)
    }

    /// Ours with a ledger and no truth, which is still more than others write down.
    fn without_truth<'b>(&'b self, target: &'b str) -> Client<'b> {
        let command = move || {
            let mut command = self.load(target, MESSAGES);
            command.arg("--no-truth");
            command
        };
        ("citytwin load --no-truth", Box::new(command))
    }

    /// Everybody in turns; a table of medians, and of the medians of ratios turn by turn.
    fn beside(&self, name: &str, ours: &dyn Fn() -> Command, others: &[Client<'_>]) -> Result<(), String> {
        let mut rates: Vec<Vec<f64>> = vec![Vec::new(); others.len() + 1];
        for _ in 0..TURNS {
            for (at, rates) in rates.iter_mut().enumerate() {
                let command = if at == 0 { ours() } else { others[at - 1].1() };
                rates.push(self.rate(&command)?);
            }
        }
        let ours = rates[0].clone();
        println!("  {name:<28} {:>10.0}/s", median(&ours));
        for ((name, _), theirs) in others.iter().zip(&rates[1..]) {
            let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
            println!("  {name:<28} {:>10.0}/s   ours is {:.2} times that", median(theirs), median(&ratios));
        }
        Ok(())
    }

    /// Runs a client under `time`: messages a second of processor time, in user and system mode.
    fn rate(&self, client: &Command) -> Result<f64, String> {
        let (told, said) = (self.folder.join("time"), self.folder.join("said"));
        let out = File::create(&said).map_err(|error| error.to_string())?;
        let again = out.try_clone().map_err(|error| error.to_string())?;
        let name = client.get_program().to_string_lossy().into_owned();
        let mut timed = Command::new("time");
        timed.args(["-f", "%U %S", "-o"]).arg(&told).arg(client.get_program()).args(client.get_args());
        let ended = timed.stdin(Stdio::null()).stdout(out).stderr(again).status();
        let ended = ended.map_err(|error| format!("`time` does not start (Debian: apt-get install time): {error}"))?;
        let said = fs::read_to_string(&said).unwrap_or_default();
        if !ended.success() {
            let last: Vec<&str> = said.lines().rev().take(5).collect();
            return Err(format!("{name} failed: {}", last.into_iter().rev().collect::<Vec<_>>().join(" | ")));
        }
        let told = fs::read_to_string(&told).map_err(|error| error.to_string())?;
        let seconds: Vec<f64> = told.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        // A client that sends for a time tells how many messages that were.
        let counted = said.split("\"published\":").nth(1).and_then(|rest| rest.split(',').next()?.trim().parse().ok());
        match seconds[..] {
            [.., user, system] => Ok(counted.unwrap_or(f64::from(MESSAGES)) / (user + system).max(0.01)),
            _ => Err(format!("`time` told `{}`", told.trim())),
        }
    }

    fn of_mqtt(&self) -> Vec<Client<'_>> {
        let mut clients: Vec<Client<'_>> = vec![(
            "mosquitto_pub -l",
            Box::new(|| {
                let mut command = Command::new("sh");
                let said = "exec mosquitto_pub -p \"$1\" -q 1 -t bench -l < \"$2\"";
                command.args(["-c", said, "sh", self.port()]).arg(self.lines());
                command
            }),
        )];
        match self.mqttv5() {
            Ok(program) => clients.push(("mqttv5 bench", Box::new(move || self.mqttv5_bench(&program)))),
            Err(reason) => println!("  left out: mqttv5 bench, {reason}"),
        }
        clients
    }

    /// The client of the crate `mqttv5-cli`, built if it is not there.
    fn mqttv5(&self) -> Result<PathBuf, String> {
        let program = self.folder.join("bin/mqttv5");
        let folder = self.folder.display().to_string();
        let built = program.is_file() || cargo(&["install", "--quiet", "--root", &folder, "mqttv5-cli@0.29.10"], &[]);
        if built { Ok(program) } else { Err(String::from("it cannot be built")) }
    }

    fn mqttv5_bench(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        let (port, bytes) = (self.port(), self.bytes.to_string());
        command.args(["bench", "--mode", "throughput", "--host", "127.0.0.1", "--port", port, "--qos", "1"]);
        command.args(["--payload-size", &bytes, "--publishers", "4", "--subscribers", "0", "--inflight", "250"]);
        // It sends for a time; how many that were, it tells.
        command.args(["--warmup", "0", "--duration", "5"]);
        command
    }

    fn of_kafka(&self) -> Vec<Client<'_>> {
        let mut clients: Vec<Client<'_>> = Vec::new();
        match self.performance() {
            Ok(program) => clients.push(("rdkafka_performance", Box::new(move || self.rdkafka(&program)))),
            Err(reason) => println!("  left out: rdkafka_performance, {reason}"),
        }
        match self.tools() {
            Ok(jars) => clients.push(("kafka-producer-perf-test", Box::new(move || self.perf_test(&jars)))),
            Err(reason) => println!("  left out: kafka-producer-perf-test, {reason}"),
        }
        clients.push((
            "kcat -P -l",
            Box::new(|| {
                let mut command = Command::new("kcat");
                command.args(["-P", "-b", &self.kafka, "-t", &topic_named(0), "-l"]).arg(self.lines());
                command.args(["-X", "enable.idempotence=true", "-X", "linger.ms=2"]);
                command
            }),
        ));
        clients
    }

    fn rdkafka(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        let (bytes, count) = (self.bytes.to_string(), MESSAGES.to_string());
        command.args(["-P", "-b", &self.kafka, "-t", &topic_named(0), "-s", &bytes, "-c", &count, "-a", "-1", "-q"]);
        command.args(["-X", "enable.idempotence=true", "-X", "linger.ms=2"]);
        command
    }

    fn perf_test(&self, jars: &Path) -> Command {
        let mut command = Command::new("java");
        let (bytes, count) = (self.bytes.to_string(), MESSAGES.to_string());
        command.args(["-cp", &format!("{}/*", jars.display()), "org.apache.kafka.tools.ProducerPerformance"]);
        command.args([
            "--topic",
            &topic_named(0),
            "--num-records",
            &count,
            "--record-size",
            &bytes,
            "--throughput",
            "-1",
        ]);
        let brokers = format!("bootstrap.servers={}", self.kafka);
        command.args(["--producer-props", &brokers, "acks=all", "enable.idempotence=true", "linger.ms=2"]);
        command
    }

    /// Kafka's own tools, from Maven Central.
    fn tools(&self) -> Result<PathBuf, String> {
        let jars = self.folder.join("tools");
        if !jars.is_dir() {
            let mut fetch = Command::new("mvn");
            fetch.args(["--quiet", "--batch-mode", "--file"]).arg(root().join(TOOLS));
            fetch.args(["dependency:copy-dependencies", "-DincludeScope=runtime"]);
            fetch.arg(format!("-DoutputDirectory={}", jars.display()));
            ran(fetch)?;
        }
        Ok(jars)
    }

    /// Makes the topic that everybody writes into.
    fn make_topic(&self, name: &str) -> Result<(), String> {
        let jars = self.tools()?;
        let mut make = Command::new("java");
        make.args(["-cp", &format!("{}/*", jars.display()), "org.apache.kafka.tools.TopicCommand", "--create"]);
        make.args(["--bootstrap-server", &self.kafka, "--topic", name, "--partitions", "4"]);
        ran(make)
    }

    /// librdkafka's own bench client, from the very source that ours is built from.
    fn performance(&self) -> Result<PathBuf, String> {
        let program = self.folder.join("rdkafka_performance");
        if program.is_file() {
            return Ok(program);
        }
        let (source, made) = librdkafka()?;
        let place = self.folder.join("librdkafka");
        fs::create_dir_all(&place).map_err(|error| error.to_string())?;
        let mut copy = Command::new("cp");
        copy.arg("-r").arg(source.join("src")).arg(source.join("examples")).arg(&place);
        ran(copy)?;
        fs::copy(made.join("build/generated/config.h"), place.join("config.h")).map_err(|error| error.to_string())?;
        let mut build = Command::new("cc");
        build.args(["-O2", "-I"]).arg(place.join("src")).arg("-o").arg(&program);
        build.arg(place.join("examples/rdkafka_performance.c")).arg(made.join("lib/librdkafka.a"));
        build.args(["-lssl", "-lcrypto", "-lz", "-lcurl", "-lm", "-lpthread", "-ldl", "-lrt"]);
        ran(build).map(|()| program)
    }
}

/// Where the source of librdkafka is, and where the optimised build of it lies.
fn librdkafka() -> Result<(PathBuf, PathBuf), String> {
    let told = Command::new("cargo").args(["metadata", "--format-version", "1"]).current_dir(root()).output();
    let told = told.map_err(|error| format!("cargo does not start: {error}"))?;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let paths = told.split("\"manifest_path\":\"").filter_map(|rest| rest.split('"').next());
    let source = paths.map(Path::new).find(|path| path.to_string_lossy().contains("/rdkafka-sys-"));
    let source = source.and_then(Path::parent).ok_or("its source is not there")?.join("librdkafka");
    let builds = fs::read_dir(root().join("target/release/build")).map_err(|error| error.to_string())?;
    let made =
        builds.flatten().map(|entry| entry.path().join("out")).find(|out| out.join("lib/librdkafka.a").is_file());
    Ok((source, made.ok_or("it is not built: `cargo build --release --features kafka` builds it")?))
}

/// A subscription that stands while nobody listens.
fn listening_once(command: &mut Command) -> Command {
    let mut once = Command::new(command.get_program());
    once.args(command.get_args()).arg("-E");
    once
}

/// What came of it, as lengths, until nothing more comes.
fn listening_to(port: &str) -> Command {
    let mut command = Command::new("mosquitto_sub");
    command.args(["-p", port, "-i", "lengths", "-c", "-q", "1", "-t", "#", "-F", "%l", "-W", "3"]);
    command.stdin(Stdio::null());
    command
}

fn ran(mut command: Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let told = command.stdin(Stdio::null()).output().map_err(|error| format!("{name} does not start: {error}"))?;
    if told.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&told.stderr).into_owned() + &String::from_utf8_lossy(&told.stdout);
    Err(format!("{name} failed: {}", words.trim().chars().take(600).collect::<String>()))
}

fn median(of: &[f64]) -> f64 {
    let mut sorted = of.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A topic of this comparison.
fn topic_named(number: u32) -> String {
    format!("compare-{}-{number}", std::process::id())
}
