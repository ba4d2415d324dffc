//! `cargo xtask users`: a hundred people ask the API while the demo city runs, each on a connection of their own; how long they wait,
//! and how old the newest thing is that they are told. Then how long it takes from a device to a browser.
//!
//! Twice: at the pace of people (each asks five times a second, on a schedule that does not wait for late answers), and as fast as
//! answers come. Times are from when a request was due, so that a stalled server is not hidden by what was not asked meanwhile.

mod browser;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::{ports, root};

/// People.
const USERS: usize = 100;
/// How often each of them asks, at the pace of people [1/s].
const PER_SECOND: f64 = 5.0;
/// How long each part lasts.
const LASTS: Duration = Duration::from_secs(20);
/// How long the city runs before anybody asks, so that there is something to be told.
const WARM: Duration = Duration::from_secs(20);
/// The longest the slowest of a hundred may wait at the pace of people [ms].
const P99_MS: f64 = 50.0;
/// The oldest the newest position may be [s].
const AGE_S: f64 = 1.0;
/// The longest that the slowest of a hundred positions may take from the device that told it to a browser [s].
const BROWSER_S: f64 = 1.0;

/// What they ask for, in turn.
const PATHS: [&str; 10] = [
    "/api/vehicles/locations",
    "/api/analytics/city-summary",
    "/api/analytics/traffic-summary",
    "/api/emergencies/active",
    "/api/v1/indicators",
    "/api/v1/cities",
    "/api/v1/sessions",
    "/api/v1/pipeline",
    "/api/health",
    "/api/v1/sessions/live/samples",
];

/// Serves the demo city and lets everybody ask; whether the figures hold.
pub(crate) fn users() -> bool {
    if !crate::release() {
        return false;
    }
    match measured() {
        Ok(sound) => sound,
        Err(reason) => {
            println!("users: FAILED: {reason}");
            false
        }
    }
}

/// A served city, ended when it is dropped.
struct Served {
    child: Child,
    /// Where it answers.
    port: u16,
}

impl Served {
    /// Serves on a free port, as `words` say, with everything in `out`, which is emptied first; waits until it answers.
    fn start(words: &[&str], out: &PathBuf) -> Result<Self, String> {
        drop(std::fs::remove_dir_all(out));
        let port = ports::claim()?;
        let mut child = Command::new(root().join("target/release/citytwin"))
            .arg("serve")
            .args(words)
            .arg(out)
            .args(["--port", &port.to_string()])
            .current_dir(root())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("the program does not start: {error}"))?;
        let said = child.stderr.take().map(BufReader::new);
        let mut heard = String::new();
        let mut lines = said.into_iter().flat_map(BufRead::lines).map_while(Result::ok);
        for line in lines.by_ref() {
            if line.contains("http://") || line.contains("https://") {
                // Its words are read to the end, so that it never waits for a reader.
                thread::spawn(move || lines.for_each(drop));
                return Ok(Self { child, port });
            }
            heard.push_str(&line);
            heard.push('\n');
        }
        Err(format!("it ended without serving: {heard}"))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let interrupted = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        if !interrupted.is_ok_and(|status| status.success()) {
            drop(self.child.kill());
        }
        drop(self.child.wait());
    }
}

fn measured() -> Result<bool, String> {
    let served = Served::start(&["scenarios/live_city.yaml", "--out"], &root().join("target/users"))?;
    thread::park_timeout(WARM);
    let port = served.port;
    let mut ages = Vec::new();
    let people = asked(port, Some(PER_SECOND), &mut ages)?;
    println!("{USERS} users, {PER_SECOND} requests a second each: {people}");
    let flat_out = asked(port, None, &mut Vec::new())?;
    println!("{USERS} users, as fast as answers come: {flat_out}");
    ages.sort_by(f64::total_cmp);
    let age = quantile(&ages, 0.5);
    println!(
        "age of the newest position told: median {age:.2} s, most {:.2} s of {} looks",
        quantile(&ages, 1.0),
        ages.len()
    );
    let (p99, failed) = (people.p99, people.failed + flat_out.failed);
    // Two cities at once would hold each other up.
    drop(served);
    let took = browser::measured()?;
    let shown = quantile(&took, 0.99);
    println!(
        "from a device's clock to a browser: median {:.2} s, p99 {shown:.2} s, longest {:.2} s of {} positions",
        quantile(&took, 0.5),
        quantile(&took, 1.0),
        took.len()
    );
    println!(
        "p99 {p99:.1} ms (bound {P99_MS}), age {age:.2} s (bound {AGE_S}), failed {failed} (bound 0), \
         device to browser {shown:.2} s (bound {BROWSER_S})"
    );
    Ok(p99 < P99_MS && age < AGE_S && !ages.is_empty() && failed == 0 && shown < BROWSER_S)
}

/// How long people waited.
struct Waits {
    answers: usize,
    failed: u64,
    per_second: f64,
    p50: f64,
    p99: f64,
    most: f64,
    slowest: String,
}

impl std::fmt::Display for Waits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { answers, failed, per_second, p50, p99, most, slowest } = self;
        write!(f, "{answers} answers, {per_second:.0} a second, {failed} failed; p50 {p50:.1} ms, p99 {p99:.1} ms, ")?;
        write!(f, "longest {most:.0} ms; slowest path by its p99: {slowest}")
    }
}

/// Lets everybody ask for a while; meanwhile looks once a second how old the newest position is [s].
fn asked(port: u16, per_second: Option<f64>, ages: &mut Vec<f64>) -> Result<Waits, String> {
    let waits: Arc<Mutex<Vec<(usize, f64)>>> = Arc::default();
    let failed: Arc<Mutex<(u64, String)>> = Arc::default();
    let began = now();
    let people: Vec<_> = (0..USERS)
        .map(|user| {
            let (waits, failed) = (Arc::clone(&waits), Arc::clone(&failed));
            thread::spawn(move || {
                let (mine, reason) = one_user(port, user, began, per_second);
                waits.lock().unwrap_or_else(PoisonError::into_inner).extend(mine);
                if let Some(reason) = reason {
                    let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                    *failed = (failed.0 + 1, reason);
                }
            })
        })
        .collect();
    let mut looker = Asker::connect(port)?;
    while began.elapsed() < LASTS {
        ages.extend(age_of_newest(&mut looker));
        thread::park_timeout(Duration::from_secs(1));
    }
    for person in people {
        person.join().map_err(|_| "a user died".to_owned())?;
    }
    let (failed, reason) = failed.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if failed > 0 {
        println!("a user had to stop: {reason}");
    }
    let waits = std::mem::take(&mut *waits.lock().unwrap_or_else(PoisonError::into_inner));
    let mut by_path: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for (path, wait) in &waits {
        by_path.entry(*path).or_default().push(*wait);
    }
    let mut slowest = (0.0, String::new());
    for (path, times) in &mut by_path {
        times.sort_by(f64::total_cmp);
        let p99 = quantile(times, 0.99);
        if p99 > slowest.0 {
            slowest = (p99, format!("{} {p99:.1} ms", PATHS[*path]));
        }
    }
    let mut all: Vec<f64> = waits.into_iter().map(|(_, wait)| wait).collect();
    all.sort_by(f64::total_cmp);
    #[expect(clippy::cast_precision_loss, reason = "some thousands of answers")]
    let rate = all.len() as f64 / LASTS.as_secs_f64();
    Ok(Waits {
        answers: all.len(),
        failed,
        per_second: rate,
        p50: quantile(&all, 0.5),
        p99: quantile(&all, 0.99),
        most: quantile(&all, 1.0),
        slowest: slowest.1,
    })
}

/// One person's requests: the path and how long each took from when it was due [ms]; and why it had to stop, if it had to.
fn one_user(port: u16, user: usize, began: Instant, per_second: Option<f64>) -> (Vec<(usize, f64)>, Option<String>) {
    let mut waits = Vec::new();
    let mut asker = match Asker::connect(port) {
        Ok(asker) => asker,
        Err(reason) => return (waits, Some(reason)),
    };
    let between = per_second.map(|rate| Duration::from_secs_f64(1.0 / rate));
    // People do not all look at the same moment.
    #[expect(clippy::cast_precision_loss, reason = "a hundred users")]
    let mut due = began + between.unwrap_or_default().mul_f32(user as f32 / USERS as f32);
    for turn in user.. {
        if let Some(between) = between {
            while let Some(left) = due.checked_duration_since(now()).filter(|left| !left.is_zero()) {
                thread::park_timeout(left);
            }
            if due.duration_since(began) >= LASTS {
                break;
            }
            let path = turn % PATHS.len();
            match asker.get(PATHS[path]) {
                Ok((200, _)) => waits.push((path, due.elapsed().as_secs_f64() * 1000.0)),
                Ok((status, body)) => return (waits, Some(format!("{} answered {status}: {body}", PATHS[path]))),
                Err(reason) => return (waits, Some(reason)),
            }
            due += between;
        } else {
            if began.elapsed() >= LASTS {
                break;
            }
            let (path, since) = (turn % PATHS.len(), now());
            match asker.get(PATHS[path]) {
                Ok((200, _)) => waits.push((path, since.elapsed().as_secs_f64() * 1000.0)),
                // The server has had enough, as it says it will at 10,000 requests a second of one machine.
                Ok((429, _)) => break,
                Ok((status, body)) => return (waits, Some(format!("{} answered {status}: {body}", PATHS[path]))),
                Err(reason) => return (waits, Some(reason)),
            }
        }
    }
    (waits, None)
}

/// How much older than the city's clock the newest position is [s].
fn age_of_newest(asker: &mut Asker) -> Option<f64> {
    let (_, told) = asker.get("/api/vehicles/locations?limit=1000").ok()?;
    let (_, session) = asker.get("/api/v1/sessions/live").ok()?;
    let newest = numbers(&told, "\"at_ms\":").into_iter().fold(f64::NEG_INFINITY, f64::max);
    let now = numbers(&session, "\"midnight_ms\":").first()? + 1000.0 * numbers(&session, "\"time_s\":").first()?;
    Some((now - newest) / 1000.0).filter(|age| age.is_finite())
}

/// Every number that follows a key in a JSON text.
fn numbers(text: &str, key: &str) -> Vec<f64> {
    let until = |rest: &str| rest.find(|c: char| !c.is_ascii_digit() && !"+-.eE".contains(c)).unwrap_or(rest.len());
    text.split(key).skip(1).filter_map(|rest| rest.trim_start().get(..until(rest.trim_start()))?.parse().ok()).collect()
}

/// Now; how long people wait is a fact about this machine.
#[expect(clippy::disallowed_methods, reason = "how long an answer takes is what is measured")]
fn now() -> Instant {
    Instant::now()
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index"
    )]
    let at = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len().max(1)) - 1;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

/// A connection that is kept.
struct Asker {
    stream: BufReader<TcpStream>,
    port: u16,
}

impl Asker {
    /// Connects to a port of this machine.
    fn connect(port: u16) -> Result<Self, String> {
        let told = |error: std::io::Error| format!("port {port}: {error}");
        let stream = TcpStream::connect(("127.0.0.1", port)).map_err(told)?;
        stream.set_nodelay(true).and_then(|()| stream.set_read_timeout(Some(Duration::from_secs(30)))).map_err(told)?;
        Ok(Self { stream: BufReader::new(stream), port })
    }

    /// Asks for a path; the status and the body.
    fn get(&mut self, path: &str) -> Result<(u16, String), String> {
        let told = |error: std::io::Error| format!("{path}: {error}");
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAccept: application/json\r\n\r\n", self.port);
        self.stream.get_mut().write_all(request.as_bytes()).map_err(told)?;
        let (mut status, mut length, mut chunked) = (0, 0, false);
        for n in 0.. {
            let mut line = String::new();
            if self.stream.read_line(&mut line).map_err(told)? == 0 {
                return Err(format!("{path}: the connection was closed"));
            }
            let line = line.trim_end().to_ascii_lowercase();
            if n == 0 {
                status = line.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            chunked |= line.starts_with("transfer-encoding:") && line.contains("chunked");
            if line.is_empty() {
                break;
            }
        }
        let mut body = Vec::new();
        if chunked {
            loop {
                let mut line = String::new();
                self.stream.read_line(&mut line).map_err(told)?;
                let size = usize::from_str_radix(line.trim(), 16).map_err(|_| format!("{path}: a strange chunk"))?;
                let mut chunk = vec![0; size + 2];
                self.stream.read_exact(&mut chunk).map_err(told)?;
                body.extend_from_slice(&chunk[..size]);
                if size == 0 {
                    break;
                }
            }
        } else {
            body.resize(length, 0);
            self.stream.read_exact(&mut body).map_err(told)?;
        }
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers behind keys are found in the JSON that servers write, and quantiles are those of the sample.
    #[test]
    fn numbers_and_quantiles() {
        let text = r#"[{"at_ms":12,"x":1},{"at_ms": -3.5e2}]"#;
        assert_eq!(numbers(text, "\"at_ms\":"), [12.0, -350.0]);
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!((quantile(&hundred, 0.5), quantile(&hundred, 0.99), quantile(&hundred, 1.0)), (50.0, 99.0, 100.0));
        assert!(quantile(&[], 0.5).is_nan());
    }
}
