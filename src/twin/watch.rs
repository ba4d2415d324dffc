//! What a loop that waits for the end looks at meanwhile: whether the log can be used, and whether it is time to tell how it goes.

use std::time::{Duration, Instant};

use super::board::Board;
use super::clock;
use crate::pipeline::transport::{Bus, BusError};

/// Who ails on the board when the log cannot be used.
const WHO: &str = "log";

/// Tells from time to time how it goes.
pub(super) struct Watch {
    every: Option<Duration>,
    begun: Instant,
    last: (Instant, u64),
}

impl Watch {
    /// Tells so often, or never if none; counted on from `count`.
    pub(super) fn new(every: Option<Duration>, count: u64) -> Self {
        let now = clock::instant();
        Self { every, begun: now, last: (now, count) }
    }

    /// The next sentence if it is due: `words` is given what is counted and how much of it came in a second.
    pub(super) fn look(
        &mut self,
        count: impl FnOnce() -> u64,
        words: impl FnOnce(u64, f64) -> String,
    ) -> Option<String> {
        let since = self.last.0.elapsed();
        if self.every.is_none_or(|every| since < every) {
            return None;
        }
        let count = count();
        #[expect(clippy::cast_precision_loss, reason = "messages of some seconds")]
        let rate = count.saturating_sub(self.last.1) as f64 / since.as_secs_f64();
        let memory = resident_bytes().map_or_else(String::new, |bytes| format!(", {} MB resident", bytes / 1_000_000));
        let sentence = format!("after {:.0} s: {}{memory}", self.begun.elapsed().as_secs_f64(), words(count, rate));
        self.last = (clock::instant(), count);
        Some(sentence)
    }
}

/// Says when the log cannot be used, where nobody reads it who would notice.
#[derive(Default)]
pub(super) struct Ailing(bool);

impl Ailing {
    /// Looks, and says on the board what has changed: of one spell the first reason, and that it is over.
    ///
    /// # Errors
    /// When the log takes nothing more at all.
    pub(super) fn look(&mut self, log: &dyn Bus, board: &Board) -> Result<(), BusError> {
        let trouble = log.trouble();
        if let Some(error) = trouble.as_ref().filter(|error| !error.is_passing()) {
            return Err(error.clone());
        }
        match trouble {
            Some(error) if !self.0 => {
                board.ails(WHO, error.to_string());
                board.say(error.to_string());
                self.0 = true;
            }
            None if self.0 => {
                board.mends(WHO);
                board.say(String::from("the log answers again"));
                self.0 = false;
            }
            _ => {}
        }
        Ok(())
    }
}

/// Memory this process has in RAM [bytes]; none where the system does not tell.
pub(super) fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kb| kb * 1024)
}
