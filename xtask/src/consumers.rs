//! `cargo xtask consumers`: a city's messages through Kafka, Redis and a bucket, worked on by several consumers, of which one is killed
//! every minute; in the end an audit has to find every message once.
//!
//! Takes as long as it is asked to, half an hour unless told otherwise, so it is no part of `cargo xtask ci`; the same in little is a
//! test (`tests/consume.rs`). Everything lies in `target/consumers`, what each process said in files of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::services::{Server, Services};
use crate::storm::cast::now;
use crate::{cargo, root};

/// Servers it takes.
const SERVERS: [Server; 3] = [Server::Redis, Server::Kafka, Server::S3];
/// How often to look at the processes.
const MOMENT: Duration = Duration::from_millis(100);
/// How long the listener may take to listen.
const PATIENCE: Duration = Duration::from_mins(1);
/// Devices that speak.
const DEVICES: &str = "20000";

/// What is asked for.
struct Wishes {
    minutes: u64,
    /// Messages a second.
    rate: u64,
    consumers: usize,
    /// Seconds between two deaths.
    every: u64,
}

impl Wishes {
    fn of(words: &[&str]) -> Result<Self, String> {
        let mut wishes = Self { minutes: 30, rate: 10_000, consumers: 3, every: 60 };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let number = words.next().and_then(|number| number.parse::<u64>().ok()).filter(|number| *number > 0);
            let number = number.ok_or_else(|| format!("`{word}` wants a number above 0"))?;
            match *word {
                "--minutes" => wishes.minutes = number,
                "--rate" => wishes.rate = number,
                "--consumers" => wishes.consumers = usize::try_from(number).unwrap_or(usize::MAX),
                "--every" => wishes.every = number,
                other => return Err(format!("`{other}` is none of --minutes, --rate, --consumers, --every")),
            }
        }
        Ok(wishes)
    }
}

/// Does it; whether every message was kept once.
pub(crate) fn consumers(words: &[&str]) -> bool {
    let services = Services::new().below("consumers");
    let done = Wishes::of(words).and_then(|wishes| {
        if !cargo(&["build", "--release", "--quiet", "--features", "kafka,s3"], &[]) {
            return Err("the program does not build".to_owned());
        }
        services.up(&SERVERS)?;
        drill(&services, &wishes)
    });
    // Down in any case.
    let gone = services.down();
    for reason in [done.as_ref().err(), gone.as_ref().err()].into_iter().flatten() {
        eprintln!("consumers: {reason}");
    }
    done == Ok(true) && gone.is_ok()
}

/// A process; killed when it is dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Process {
    /// Asks it to end, and waits; whether it ended well.
    fn interrupt(&mut self) -> bool {
        drop(Command::new("kill").args(["-INT", &self.0.id().to_string()]).status());
        self.0.wait().is_ok_and(|status| status.success())
    }
}

/// The folder of a drill and the servers it uses.
struct Scene {
    home: PathBuf,
    bucket: Bucket,
}

/// Where the bucket is, and who may use it.
struct Bucket {
    endpoint: String,
    name: String,
    key: String,
    secret: String,
}

impl Bucket {
    /// Of an address as tests are told it: `http://key:secret@host:port/name`.
    fn of(url: &str) -> Option<Self> {
        let (login, place) = url.strip_prefix("http://")?.split_once('@')?;
        let ((key, secret), (host, name)) = (login.split_once(':')?, place.split_once('/')?);
        let [name, key, secret] = [name, key, secret].map(str::to_owned);
        Some(Self { endpoint: format!("http://{host}"), name, key, secret })
    }
}

impl Scene {
    fn path(&self, name: &str) -> String {
        self.home.join(name).display().to_string()
    }

    /// Starts the program; what it says goes to a file with this name.
    fn start(&self, name: &str, words: &[&str]) -> Result<Process, String> {
        let log = self.home.join(format!("{name}.log"));
        let cannot = |error: std::io::Error| format!("{}: {error}", log.display());
        let file = File::options().create(true).append(true).open(&log).map_err(cannot)?;
        let again = file.try_clone().map_err(cannot)?;
        let mut command = Command::new(root().join("target/release/citytwin"));
        command.args(words).env("S3_KEY", &self.bucket.key).env("S3_SECRET", &self.bucket.secret);
        command.stdin(Stdio::null()).stdout(again).stderr(file);
        command.spawn().map(Process).map_err(|error| format!("the program does not start: {error}"))
    }

    fn consumer(&self, n: usize) -> Result<Process, String> {
        let (name, out) = (format!("consumer-{n}"), self.path(&format!("consumer-{n}")));
        self.start(&name, &["consume", "--parts", &self.path("parts.yaml"), "--out", &out, "--tell-every", "10"])
    }

    /// Runs the program to its end; what it said last, or that it failed.
    fn run(&self, name: &str, words: &[&str]) -> Result<String, String> {
        let ended = self.start(name, words)?.0.wait().map_err(|error| error.to_string())?;
        let said = fs::read_to_string(self.home.join(format!("{name}.log"))).unwrap_or_default();
        if ended.success() { Ok(said) } else { Err(format!("{name} failed:\n{said}")) }
    }
}

fn drill(services: &Services, wishes: &Wishes) -> Result<bool, String> {
    let home = root().join("target/consumers");
    drop(fs::remove_dir_all(&home));
    fs::create_dir_all(&home).map_err(|error| format!("{}: {error}", home.display()))?;
    let bucket = services.url(Server::S3).as_deref().and_then(Bucket::of).ok_or("the bucket has no address")?;
    let scene = Scene { home, bucket };
    write_parts(&scene, services)?;
    let parts = scene.path("parts.yaml");
    let mut ears =
        scene.start("ears", &["listen", "--parts", &parts, "--out", &scene.path("ears"), "--listen", "127.0.0.1:0"])?;
    let url = listening(&scene.home.join("ears.log"))?;
    let mut consumers = (0..wishes.consumers).map(|n| scene.consumer(n)).collect::<Result<Vec<_>, _>>()?;
    let (rate, seconds, sent) = (wishes.rate.to_string(), (wishes.minutes * 60).to_string(), scene.path("sent"));
    let words =
        ["load", "--target", &url, "--devices", DEVICES, "--rate", &rate, "--seconds", &seconds, "--out", &sent];
    let mut load = scene.start("load", &words)?;
    let (begun, mut killed) = (now(), 0);
    let ended = loop {
        if let Some(ended) = load.0.try_wait().map_err(|error| error.to_string())? {
            break ended;
        }
        if begun.elapsed().as_secs() >= wishes.every * (killed + 1) {
            let n = usize::try_from(killed).unwrap_or(0) % wishes.consumers;
            // Dropped is killed; another takes its place, and its folder.
            drop(consumers.remove(n));
            consumers.insert(n, scene.consumer(n)?);
            killed += 1;
            println!("after {:>5} s: consumer {n} was killed, and another takes its place", begun.elapsed().as_secs());
        }
        thread::park_timeout(MOMENT);
    };
    if !ended.success() {
        return Err(format!("the load failed; see {}", scene.path("load.log")));
    }
    let (consume, last) = (["consume", "--parts", &parts, "--until-caught-up", "--out"], scene.path("last"));
    scene.run("last", &[consume.as_slice(), &[&last]].concat())?;
    println!("after {:>5} s: everything is kept; {killed} consumers were killed", begun.elapsed().as_secs());
    for process in consumers.iter_mut().chain([&mut ears]) {
        if !process.interrupt() {
            return Err(format!("a process did not end well; see {}", scene.home.display()));
        }
    }
    scene.run("end", &[consume.as_slice(), &[&last, "--finish"]].concat())?;
    let audited = scene.run("audit", &["audit", &sent, "--kept-in", &last, "--parts", &parts]);
    println!("{}", audited.as_ref().unwrap_or_else(|said| said));
    Ok(audited.is_ok())
}

/// The file of parts.
fn write_parts(scene: &Scene, services: &Services) -> Result<(), String> {
    let url = |server| services.url(server).ok_or("a server has no address");
    let Bucket { endpoint, name, .. } = &scene.bucket;
    let text = format!(
        "bus: {{ kafka: {{ brokers: '{}', topic: consumers, partitions: 12, workers: group }} }}\n\
         live: {{ redis: {{ url: '{}' }} }}\n\
         history: {{ s3: {{ url: 's3://{name}/consumers', endpoint: '{endpoint}', key-from: S3_KEY, secret-from: S3_SECRET }} }}\n",
        url(Server::Kafka)?,
        url(Server::Redis)?,
    );
    fs::write(scene.home.join("parts.yaml"), text).map_err(|error| error.to_string())
}

/// Where the listener listens, once it has said so.
fn listening(log: &Path) -> Result<String, String> {
    let begun = now();
    while begun.elapsed() < PATIENCE {
        let said = fs::read_to_string(log).unwrap_or_default();
        let url = said.split("listening on ").nth(1).and_then(|rest| rest.split([' ', ';', '\n']).next());
        if let Some(url) = url {
            return Ok(url.to_owned());
        }
        thread::park_timeout(MOMENT);
    }
    Err(format!("the listener never said where it listens; see {}", log.display()))
}
