//! Who plays in a storm: a keeper that listens, a sender, and what is read of them.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::{ports, root};

/// How long anything may take before it is said to hang: several scenes share a machine that may have other work.
const PATIENCE: Duration = Duration::from_mins(4);

/// The copy of the program that a storm has made.
static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// The program under test: a debug build, which can be made to die where it is asked to.
pub(crate) fn program() -> PathBuf {
    PROGRAM.get().cloned().unwrap_or_else(|| root().join("target/debug/citytwin"))
}

/// Copies the program into a storm's folder, so that whoever builds another in the hours a storm takes does not change what is tested.
pub(crate) fn keep_program(home: &Path) -> Result<(), String> {
    let (built, copy) = (program(), home.join("citytwin"));
    fs::copy(&built, &copy)
        .map_err(|error| format!("cannot copy {} to {}: {error}", built.display(), copy.display()))?;
    let _ = PROGRAM.set(copy);
    Ok(())
}

/// A process and what it says.
#[derive(Debug)]
pub(crate) struct Player {
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
}

impl Player {
    /// Starts the program with these words; `dies_at` is a place to die at, if it is to.
    pub(crate) fn start(words: &[&str], dies_at: Option<&str>, output: &Path) -> Result<Self, String> {
        let mut command = Command::new(program());
        command.args(words).stdin(Stdio::null()).stderr(Stdio::piped()).env_remove("CITYTWIN_DIES_AT");
        let file = File::create(output).map_err(|error| format!("{}: {error}", output.display()))?;
        command.stdout(file);
        if let Some(place) = dies_at {
            command.env("CITYTWIN_DIES_AT", place);
        }
        let mut child = command.spawn().map_err(|error| format!("{}: {error}", program().display()))?;
        let said = Arc::new(Mutex::new(Vec::new()));
        if let Some(words) = child.stderr.take() {
            let said = Arc::clone(&said);
            thread::spawn(move || {
                for line in BufReader::new(words).lines().map_while(Result::ok) {
                    said.lock().unwrap_or_else(PoisonError::into_inner).push(line);
                }
            });
        }
        Ok(Self { child, said })
    }

    /// What it has said so far.
    pub(crate) fn said(&self) -> Vec<String> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a line that holds `needle`.
    pub(crate) fn wait_for(&mut self, needle: &str) -> Result<String, String> {
        let mut found = None;
        until(&format!("`{needle}`"), || {
            found = self.said().into_iter().find(|line| line.contains(needle));
            found.is_some() || !self.is_alive()
        })?;
        // It may have said it with its last breath.
        let found = found.or_else(|| self.said().into_iter().find(|line| line.contains(needle)));
        found.ok_or_else(|| format!("it ended without saying `{needle}`: {:?}", self.said()))
    }

    /// Whether it still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Takes it away, as the kernel does.
    pub(crate) fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Stops it in its tracks, or lets it go on: its connections stay open and nobody answers.
    pub(crate) fn freeze(&self, frozen: bool) -> Result<(), String> {
        let signal = if frozen { "-STOP" } else { "-CONT" };
        let told = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        told.map_err(|error| format!("kill: {error}"))?.success().then_some(()).ok_or_else(|| "it has gone".to_owned())
    }

    /// Asks it to end, and waits.
    pub(crate) fn interrupt(&mut self) -> Result<ExitStatus, String> {
        if !self.is_alive() {
            return self.wait();
        }
        let told = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        told.map_err(|error| format!("kill: {error}"))?;
        self.wait()
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> Result<ExitStatus, String> {
        let mut ended = None;
        until("its end", || {
            ended = self.child.try_wait().ok().flatten();
            ended.is_some()
        })
        .map_err(|reason| format!("{reason}; it said {:?}", self.said()))?;
        ended.ok_or_else(|| "it does not end".to_owned())
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits until something is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) -> Result<(), String> {
    let begun = now();
    while !is_so() {
        if begun.elapsed() > PATIENCE {
            return Err(format!("waited {} s for {what}", PATIENCE.as_secs()));
        }
        thread::park_timeout(Duration::from_millis(10));
    }
    Ok(())
}

/// Lets some time pass, in which the others work.
pub(crate) fn pass(time: Duration) {
    let begun = now();
    while let Some(left) = time.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
        thread::park_timeout(left);
    }
}

#[expect(clippy::disallowed_methods, reason = "a storm happens in real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// A listener at work.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) player: Player,
    /// Where it listens; none if it does not, but fetches from a broker.
    pub(crate) address: Option<SocketAddr>,
}

impl Keeper {
    /// Starts a listener in a folder, at a free port unless an address is named, and waits until it listens. With `parts` it keeps
    /// by that file.
    pub(crate) fn start(
        folder: &Path,
        address: Option<SocketAddr>,
        parts: Option<&Path>,
        dies_at: Option<&str>,
    ) -> Result<Self, String> {
        Self::start_with(folder, address, parts, dies_at, &[])
    }

    /// The same with more words on the command line.
    pub(crate) fn start_with(
        folder: &Path,
        address: Option<SocketAddr>,
        parts: Option<&Path>,
        dies_at: Option<&str>,
        more: &[&str],
    ) -> Result<Self, String> {
        let address =
            address.map_or_else(|| ports::claim().map(|port| SocketAddr::from(([127, 0, 0, 1], port))), Ok)?;
        let (out, address) = (folder.display().to_string(), address.to_string());
        let mut words = vec!["listen", "--out", &out, "--listen", &address, "--keep-every", "0.3"];
        let parts = parts.map(|file| file.display().to_string());
        if let Some(file) = &parts {
            words.extend(["--parts", file]);
        }
        words.extend(more);
        let mut player = Player::start(&words, dies_at, &folder.with_extension("out"))?;
        let line = player.wait_for("interrupt to end")?;
        let address = line.split_once("mqtt://").and_then(|(_, rest)| rest.split([';', ' ']).next()?.parse().ok());
        Ok(Self { player, address })
    }
}

/// What the audit says, in figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Whether all of it closes.
    pub(crate) closes: bool,
    /// Figures by place and name, as `stores.emitted`.
    pub(crate) figures: Vec<(String, i64)>,
    /// What it said when it could not.
    pub(crate) error: Option<String>,
}

impl Verdict {
    /// A figure; none if there is none of that name.
    pub(crate) fn get(&self, name: &str) -> Option<i64> {
        self.figures.iter().find(|(known, _)| known == name).map(|(_, figure)| *figure)
    }

    /// The figures in a line.
    pub(crate) fn line(&self) -> String {
        let names = ["emitted", "stored", "quarantined", "unsent", "unexplained", "doubled", "forged", "damaged"];
        let figure = |name: &&str| self.get(&format!("stores.{name}")).map(|figure| format!("{name} {figure}"));
        let mut parts: Vec<String> = names.iter().filter_map(figure).collect();
        parts.extend(
            self.get("live.wrong")
                .zip(self.get("live.missing"))
                .map(|(wrong, missing)| format!("live {wrong}/{missing} off")),
        );
        let elsewhere = ["log", "database"].into_iter().filter(|place| self.get(&format!("{place}.emitted")).is_some());
        parts.extend(elsewhere.map(|place| match self.get(&format!("{place}.unexplained")) {
            Some(0) => format!("{place} agrees"),
            other => format!("{place} {} unexplained", other.unwrap_or_default()),
        }));
        parts.extend(self.error.clone());
        parts.join(", ")
    }
}

/// Audits what `sender` sent against what `keeper` keeps.
pub(crate) fn audit(sender: &Path, keeper: &Path, parts: Option<&Path>) -> Result<Verdict, String> {
    let mut command = Command::new(program());
    command.arg("audit").arg(sender).arg("--kept-in").arg(keeper).arg("--json").stdin(Stdio::null());
    if let Some(file) = parts {
        command.arg("--parts").arg(file);
    }
    let output = command.output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !text.trim_start().starts_with('{') {
        let error = Some(String::from_utf8_lossy(&output.stderr).trim().to_owned());
        return Ok(Verdict { error, ..Verdict::default() });
    }
    Ok(Verdict { closes: output.status.success(), figures: figures(&text), error: None })
}

/// Every whole number of an indented JSON object, by the names that lead to it; the outermost `places` is left out of them.
fn figures(text: &str) -> Vec<(String, i64)> {
    let (mut path, mut found) = (Vec::<String>::new(), Vec::new());
    for line in text.lines().map(str::trim) {
        if let Some((name, value)) = line.split_once(':') {
            let name = name.trim().trim_matches('"').to_owned();
            let value = value.trim().trim_end_matches(',');
            if value == "{" {
                path.push(name);
            } else if let Ok(number) = value.parse() {
                let whole: Vec<&str> =
                    path.iter().map(String::as_str).filter(|part| *part != "places").chain([name.as_str()]).collect();
                found.push((whole.join("."), number));
            }
        } else if line.starts_with('}') {
            path.pop();
        }
    }
    found
}

/// A whole number of a JSON object, by the end of the path to it.
pub(crate) fn number(text: &str, name: &str) -> Option<i64> {
    figures(text).into_iter().find(|(path, _)| path.rsplit('.').next() == Some(name)).map(|(_, figure)| figure)
}

#[cfg(test)]
mod tests {
    use super::figures;

    #[test]
    fn figures_are_found_by_their_path() {
        let text = "{\n  \"closes\": true,\n  \"live\": {\n    \"wrong\": 0\n  },\n  \"places\": {\n    \"log\": {\n      \"emitted\": 12,\n      \"unexplained\": -3\n    },\n    \"stores\": {\n      \"emitted\": 7\n    }\n  }\n}";
        let expected = [("live.wrong", 0), ("log.emitted", 12), ("log.unexplained", -3), ("stores.emitted", 7)];
        assert_eq!(figures(text), expected.map(|(name, figure)| (name.to_owned(), figure)));
    }
}
