//! Looks into a store by a program of its owner's, one run for each question, without a shell.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::super::super::clock;
use crate::pipeline::stores::sight::{Answer, Sight, Sought, ask_each};

/// Longest wait for a run to end.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked whether it has.
const MOMENT: Duration = Duration::from_millis(2);
/// Most of its output that is read [bytes].
const OUTPUT_MAX: u64 = 64 << 10;

/// A program as it is asked.
pub(super) struct CommandSight {
    words: Vec<String>,
}

impl CommandSight {
    pub(super) fn new(words: Vec<String>) -> Self {
        Self { words }
    }

    /// Whether it ended well, and what it said.
    fn run(&self, sought: &Sought) -> Result<(bool, String), String> {
        let words: Vec<String> = self.words.iter().map(|word| sought.fill(word)).collect();
        let Some((program, rest)) = words.split_first() else { return Err("there is no command".to_owned()) };
        let cannot = |error: std::io::Error| format!("`{program}` cannot be run: {error}");
        let mut child = Command::new(program)
            .args(rest)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(cannot)?;
        // Read beside it: one that says much must not wait for us to listen.
        let output = child.stdout.take();
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(output) = output {
                // What cannot be read is as if it had not been said.
                drop(output.take(OUTPUT_MAX).read_to_end(&mut bytes));
            }
            bytes
        });
        let since = clock::instant();
        let status = loop {
            match child.try_wait().map_err(cannot)? {
                Some(status) => break status,
                None if since.elapsed() > PATIENCE => {
                    // It may have ended just now, which is as well.
                    drop(child.kill());
                    drop(child.wait());
                    return Err(format!("`{program}` has not ended within {} s", PATIENCE.as_secs()));
                }
                None => std::thread::park_timeout(MOMENT),
            }
        };
        let said = reader.join().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        Ok((status.success(), said))
    }
}

impl Sight for CommandSight {
    fn place(&self) -> String {
        self.words.first().cloned().unwrap_or_default()
    }

    fn look(&mut self, sought: &[&Sought]) -> Result<Vec<bool>, String> {
        let by_sequence = self.words.iter().any(|word| word.contains("{sequence}"));
        ask_each(sought, by_sequence, &mut |one| match (self.run(one)?, by_sequence) {
            ((true, _), true) => Ok(Answer::Something),
            ((false, _), _) => Ok(Answer::Nothing),
            ((true, said), false) => Answer::read(&said, false),
        })
    }
}
