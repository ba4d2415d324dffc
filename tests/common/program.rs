//! The program as people start it: its words, what it says, and how it ends.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;

/// The program with these words, and nobody who types.
pub(crate) fn command(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_citytwin"));
    command.args(words).stdin(Stdio::null());
    command
}

/// What was said, for people.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What stands between two marks in a line.
pub(crate) fn between<'a>(line: &'a str, before: &str, after: char) -> Option<&'a str> {
    line.split(before).nth(1)?.split(after).next()
}

/// The program at work; killed when it is dropped.
pub(crate) struct Started {
    pub(crate) child: Child,
    said: Option<JoinHandle<String>>,
}

impl Started {
    /// Starts it, and waits until a line of what it says has what is wanted.
    pub(crate) fn start(mut command: Command, wanted: impl Fn(&str) -> Option<String>) -> (Self, String) {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the program starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let mut before = String::new();
        let found = lines.by_ref().map_while(Result::ok).find_map(|line| {
            before.push_str(&line);
            before.push('\n');
            wanted(&line)
        });
        let found = found.unwrap_or_else(|| panic!("it never said what was waited for:\n{before}"));
        // Somebody has to read on, or the program would wait for its words to be taken.
        let said = std::thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>().join("\n"));
        (Self { child, said: Some(said) }, found)
    }

    /// SIGKILL: no handler runs, nothing is flushed.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("still running");
        self.child.wait().expect("gone");
    }

    /// Interrupts it once; how it ended, and what it said meanwhile.
    pub(crate) fn interrupt(&mut self) -> (ExitStatus, String) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().expect("`kill` runs").success());
        let status = self.child.wait().expect("it ends");
        let said = self.said.take().map(|said| said.join().expect("it said"));
        (status, said.unwrap_or_default())
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
