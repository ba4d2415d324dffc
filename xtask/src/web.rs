//! The page: `cargo xtask web` builds it, `cargo xtask demo` opens it on a living city, and two steps of CI check it, alone and served.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::{cargo, ports, root};

/// The city of the demonstration.
const DEMO: &str = "scenarios/live_city.yaml";
/// The drill of the demonstration.
const DRILL: &str = "scenarios/drills/quince_bridge.yaml";
/// What the city runs on: rules that say what is worth an alert.
const PARTS: &str = "deploy/demo.yaml";
/// When the city that is compared with its report is over: after a crash, with calls under way.
const OVER: &str = "07:25";
/// The oldest Node that Vite runs on.
const NODE_MIN: (u32, u32) = (20, 19);
/// What reads the served description of the API and asks everything it allows.
const SCHEMATHESIS: &str = "schemathesis==4.*";
/// What is well-formed may still make no sense in the city as it is, or come with a key that another request had: 422, with the reason.
const STRANGER: &str = "[checks.positive_data_acceptance]\nexpected-statuses = [\"2xx\", \"401\", \"403\", \"404\", \"409\", \"422\", \"5xx\"]\n";
/// Where Debian and others put Chromium.
const CHROMIUM: [&str; 3] = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
/// How often it is looked whether the server answers, and how long in between: five minutes in all, since a city is built first.
const LOOKS: u32 = 600;
const BETWEEN: Duration = Duration::from_millis(500);

/// Builds the page into `web/dist`, where the program takes it from when it is built.
pub(crate) fn web() -> bool {
    told(&installed().and_then(|()| built()))
}

/// Builds page and program, and serves the demonstration, or begins the drill that ships; further words go to `citytwin serve`, or `drill`.
pub(crate) fn demo(words: &[&str]) -> bool {
    if !web() || !cargo(&["build", "--release", "--quiet", "--bin", "citytwin"], &[]) {
        return false;
    }
    let open: &[&str] = if words.contains(&"--open") { &[] } else { &["--open"] };
    if let ["drill", words @ ..] = words {
        let mut begun = Command::new(citytwin());
        begun.args(["drill", DRILL]).args(open).args(words);
        return told(&run("citytwin drill", begun.current_dir(root())));
    }
    // Whoever names other parts has those.
    let parts: &[&str] = if words.contains(&"--parts") { &[] } else { &["--parts", PARTS] };
    let mut served = Command::new(citytwin());
    served.args(["serve", DEMO]).args(open).args(parts).args(words);
    told(&run("citytwin serve", served.current_dir(root())))
}

/// Whether the page can be built here; the reason if not.
pub(crate) fn node() -> Result<(), String> {
    let wanted = format!("{}.{}", NODE_MIN.0, NODE_MIN.1);
    let help = format!("install Node.js {wanted} or newer with its npm, from nodejs.org or the system's packages");
    let Some(version) = said(Command::new("node").arg("--version")) else {
        return Err(format!("the page is built with Node.js, which is missing: {help}"));
    };
    if !is_enough(&version) {
        return Err(format!("the page is built with Node.js {wanted} or newer, here is {}: {help}", version.trim()));
    }
    match said(Command::new("npm").arg("--version")) {
        Some(_) => Ok(()),
        None => Err(format!("Node.js is here, its npm is missing: {help}")),
    }
}

fn is_enough(version: &str) -> bool {
    let mut numbers = version.trim().trim_start_matches('v').split('.').map(|number| number.parse::<u32>().ok());
    matches!((numbers.next(), numbers.next()), (Some(Some(major)), Some(Some(minor))) if (major, minor) >= NODE_MIN)
}

/// Builds the page, and lays only what has changed into `web/dist`: what is compiled into the program is not compiled again for a page
/// that is the same.
fn built() -> Result<(), String> {
    let fresh = root().join("target/web-dist");
    npm(&["run", "build", "--", "--emptyOutDir", "--outDir", &fresh.display().to_string()])?;
    let dist = root().join("web/dist");
    let told = |error: std::io::Error| format!("{}: {error}", dist.display());
    laid(&fresh, &dist).map_err(told)?;
    // Where there was no page when the program was built, nothing else tells cargo that there is one.
    let program = std::fs::File::options().append(true).open(root().join("src/main.rs"));
    let is_new = !dist.join(".built").exists();
    if is_new {
        program
            .and_then(|program| program.set_modified(std::fs::metadata(dist.join("index.html"))?.modified()?))
            .map_err(told)?;
        std::fs::write(dist.join(".built"), "").map_err(told)?;
    }
    Ok(())
}

/// Makes a folder hold what another holds; files that are the same are left as they are.
fn laid(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            laid(&source, &target)?;
        } else {
            let bytes = std::fs::read(&source)?;
            if std::fs::read(&target).ok().as_ref() != Some(&bytes) {
                std::fs::write(&target, bytes)?;
            }
        }
    }
    for entry in std::fs::read_dir(to)? {
        let entry = entry?;
        if entry.file_name() == ".built" || from.join(entry.file_name()).exists() {
            continue;
        }
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The step `web`: types, unit tests and the build of the page, from the versions of the lock file.
pub(crate) fn checked() -> bool {
    let steps = installed().and_then(|()| npm(&["run", "check"])).and_then(|()| npm(&["test"]));
    told(&steps.and_then(|()| built()))
}

/// The step `page`: a browser on the page of a city that is served, and a stranger at its API.
pub(crate) fn page() -> bool {
    told(&installed().and_then(|()| built()).and_then(|()| browsed()))
}

fn browsed() -> Result<(), String> {
    let chromium = chromium()?;
    let folder = root().join("target/page");
    let runs = folder.join("runs");
    drop(std::fs::remove_dir_all(&runs));
    std::fs::create_dir_all(&runs).map_err(|error| format!("{}: {error}", runs.display()))?;
    let python = python(&folder)?;
    if !crate::release() {
        return Err("citytwin does not build".to_owned());
    }
    finish_runs(&runs)?;
    let ended = folder.join("ended");
    drop(std::fs::remove_dir_all(&ended));
    std::fs::create_dir_all(&ended).map_err(|error| format!("{}: {error}", ended.display()))?;
    let over = City::serve(&ended, &["--speed", "max", "--end", OVER])?;
    let mut city = City::serve(&runs, &[])?;
    let program = citytwin().display().to_string();
    let browser = run(
        "the tests of the page",
        Command::new("node").arg("tests/run.mjs").current_dir(root().join("web")).envs([
            ("TWIN_URL", city.url.as_str()),
            ("TWIN_OVER", over.url.as_str()),
            ("CHROMIUM", chromium.as_str()),
            ("CITYTWIN", program.as_str()),
        ]),
    );
    drop(over);
    std::fs::write(folder.join("schemathesis.toml"), STRANGER)
        .map_err(|error| format!("schemathesis.toml: {error}"))?;
    let stranger = run("schemathesis", &mut stranger(&python, &city.url, &folder));
    let alive = city.is_alive();
    drop(city);
    browser.and(stranger)?;
    if alive { Ok(()) } else { Err("the server ended while it was asked".to_owned()) }
}

/// Two runs and a comparison for the page to list, to replay and to draw.
fn finish_runs(runs: &Path) -> Result<(), String> {
    let out = |name: &str| runs.join(name).display().to_string();
    let quiet = |command: &mut Command| run("citytwin", command.current_dir(root()).stdout(Stdio::null()));
    quiet(Command::new(citytwin()).args(["run", "scenarios/first_try.yaml", "--out", &out("first_try/1")]))?;
    quiet(Command::new(citytwin()).args(["run", DEMO, "--end", OVER, "--out", &out("live_city/1")]))?;
    let comparison = out("bus_lane/comparison");
    quiet(Command::new(citytwin()).args([
        "compare",
        "scenarios/bus_lane.yaml",
        "--seeds",
        "1..3",
        "--out",
        &comparison,
    ]))
}

/// `schemathesis` with all its checks, on every route by itself; its report stays in the folder.
fn stranger(python: &Path, url: &str, folder: &Path) -> Command {
    let report = folder.join("schemathesis.xml").display().to_string();
    let mut command = Command::new(python.with_file_name("schemathesis"));
    command.args(["--config-file", "schemathesis.toml", "run"]).arg(format!("{url}/api/v1/openapi.json"));
    command.current_dir(folder);
    command.args([
        "--phases",
        "examples,coverage,fuzzing",
        "--max-examples",
        "20",
        "--workers",
        "2",
        "--request-timeout",
        "30",
        "--seed",
        "1",
    ]);
    command.args(["--report", "junit", "--report-junit-path", &report]);
    command
}

/// A city that is served as long as this lives.
struct City {
    child: Child,
    url: String,
}

impl City {
    /// Serves the demonstration on a free port of loopback with further words, and returns when it answers.
    fn serve(runs: &Path, words: &[&str]) -> Result<Self, String> {
        let port = ports::claim()?;
        let mut command = Command::new(citytwin());
        command.args(["serve", DEMO, "--parts", PARTS, "--port", &port.to_string()]).args(words);
        command.current_dir(root()).stdin(Stdio::null());
        command.arg("--outputs").arg(runs).arg("--out").arg(runs.join("live_city/served"));
        let child = command.spawn().map_err(|error| format!("citytwin does not start: {error}"))?;
        let mut city = Self { child, url: format!("http://127.0.0.1:{port}") };
        for _ in 0..LOOKS {
            if !city.is_alive() {
                return Err("citytwin serve ended before it answered".to_owned());
            }
            if answers(port) {
                return Ok(city);
            }
            std::thread::park_timeout(BETWEEN);
        }
        Err("citytwin serve did not answer within five minutes".to_owned())
    }

    fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for City {
    fn drop(&mut self) {
        // What is left in its folder goes with the folder.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Whether a server at a port says that it is ready.
fn answers(port: u16) -> bool {
    let asked = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
        let mut head = [0_u8; 15];
        stream.read_exact(&mut head)?;
        Ok(String::from_utf8_lossy(&head).into_owned())
    };
    asked().is_ok_and(|head| head.starts_with("HTTP/1.1 200"))
}

/// The versions of the lock file, installed unless they are already.
fn installed() -> Result<(), String> {
    node()?;
    let web = root().join("web");
    let wanted =
        std::fs::read(web.join("package-lock.json")).map_err(|error| format!("web/package-lock.json: {error}"))?;
    // Beside what it speaks of, so that it goes when that goes.
    let kept = web.join("node_modules/.citytwin-lock");
    if std::fs::read(&kept).is_ok_and(|kept| kept == wanted) {
        return Ok(());
    }
    npm(&["ci", "--no-audit", "--no-fund"])?;
    std::fs::write(&kept, wanted).map_err(|error| format!("{}: {error}", kept.display()))
}

fn npm(words: &[&str]) -> Result<(), String> {
    run(&format!("npm {}", words.join(" ")), Command::new("npm").args(words).current_dir(root().join("web")))
}

/// A Chromium; from Debian's packages where there is none.
fn chromium() -> Result<String, String> {
    let found = || CHROMIUM.iter().find(|path| Path::new(path).exists()).map(|path| (*path).to_owned());
    if let Some(named) = std::env::var("CHROMIUM").ok().or_else(found) {
        return Ok(named);
    }
    let install = "apt-get update && apt-get install --yes --no-install-recommends chromium";
    run("installing Chromium", Command::new("sh").args(["-c", install]))?;
    found().ok_or_else(|| "Chromium is missing: install the package `chromium`, or name one in CHROMIUM".to_owned())
}

/// The Python of an environment that has schemathesis.
fn python(folder: &Path) -> Result<PathBuf, String> {
    let python = folder.join("venv/bin/python");
    if !python.exists() {
        run("python3-venv", Command::new("python3").args(["-m", "venv"]).arg(folder.join("venv")))?;
    }
    let pip = ["-m", "pip", "install", "--quiet", "--no-cache-dir", "--disable-pip-version-check", SCHEMATHESIS];
    run("pip", Command::new(&python).args(pip))?;
    Ok(python)
}

fn citytwin() -> PathBuf {
    root().join("target/release/citytwin")
}

fn run(what: &str, command: &mut Command) -> Result<(), String> {
    match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{what} FAILED: {status}")),
        Err(error) => Err(format!("{what} does not start: {error}")),
    }
}

/// What a program says on standard output; none if it is missing or fails.
fn said(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether it went well; says why not.
fn told(done: &Result<(), String>) -> bool {
    if let Err(reason) = done {
        println!("{reason}");
    }
    done.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_is_new_enough_or_not() {
        let enough = ["v20.19.0\n", "v20.20.2", "v22.0.0", "v100.1.0"];
        let not = ["v20.18.9", "v18.20.4", "v20", "", "node", "vx.y"];
        assert!(enough.iter().all(|version| is_enough(version)));
        assert!(!not.iter().any(|version| is_enough(version)));
    }

    /// A server that says nothing, or no, is not ready.
    #[test]
    fn only_a_server_that_says_so_is_ready() {
        use std::net::TcpListener;

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            for said in ["HTTP/1.1 503 Service Unavailable\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"] {
                let (mut stream, _) = listener.accept().unwrap();
                let mut asked = [0_u8; 64];
                assert!(stream.read(&mut asked).unwrap() > 0);
                stream.write_all(said.as_bytes()).unwrap();
            }
        });
        assert!(!answers(port));
        assert!(answers(port));
        server.join().unwrap();
        assert!(!answers(port));
    }
}
