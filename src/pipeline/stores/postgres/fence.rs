//! The fence before rows that are written over: a task that was given up, and commits late, changes nothing any more.
//!
//! A number stands in `meta`. Whoever writes rows over others does so under the number he took, and holds its row (shared) until his
//! commit; whoever gave a task up takes the next number first. Taking it waits for those that write under the old one, and whoever
//! arrives with the old one later finds it gone. A process that begins takes a number too, so that nothing of the one before it,
//! which may have been killed with a task under way, lands on its rows. Locks know it as
//! sequencers (Burrows 2006, "The Chubby lock service for loosely-coupled distributed systems", section 2.4).

use std::sync::{Arc, PoisonError};

use super::{Failure, Layout, Postgres, Session};
use crate::pipeline::stores::error::StoreError;

/// How often a number is taken anew for one write, before its caller is told to try later.
const ATTEMPTS_MAX: u32 = 3;

/// The common table expression `fence`: a row if the number in parameter `$n` is the one that counts, held until the commit.
pub(in crate::pipeline::stores) fn standing(layout: &Layout, n: u32) -> String {
    let meta = layout.table("meta");
    format!("fence AS MATERIALIZED (SELECT 1 FROM {meta} WHERE name = 'fence' AND value = ${n} FOR SHARE)")
}

impl Postgres {
    /// Does something that writes over rows, under a number; the work says whether the number counted. If not, it has changed
    /// nothing and is done again under another.
    pub(in crate::pipeline::stores) fn run_fenced(
        self: &Arc<Self>,
        work: impl Fn(&mut Session, &Layout, &str) -> Result<bool, Failure> + Send + Sync + 'static,
    ) -> Result<(), StoreError> {
        let work = Arc::new(work);
        for _ in 0..ATTEMPTS_MAX {
            let number = self.number()?;
            let again = Arc::clone(&work);
            match self.run(move |session, layout| again(session, layout, &number.to_string())) {
                Ok(true) => return Ok(()),
                // Somebody else has taken a number meanwhile.
                Ok(false) => self.give_back(number),
                Err(error) => {
                    // It may be under way still, whatever the error says.
                    self.give_back(number);
                    return Err(error);
                }
            }
        }
        Err(self.away(String::from("somebody else writes there at the same time")))
    }

    /// The number to write under; one is taken if there is none.
    fn number(self: &Arc<Self>) -> Result<i64, StoreError> {
        let mut fence = self.fence.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = *fence {
            return Ok(number);
        }
        let taken = self.run(|session, layout| {
            let sql = format!(
                "INSERT INTO {} AS kept (name, value) VALUES ('fence', '1') ON CONFLICT (name) DO UPDATE
                 SET value = (kept.value::bigint + 1)::text RETURNING value::bigint",
                layout.table("meta")
            );
            Ok(session.client.query_one(&sql, &[])?.try_get(0)?)
        })?;
        Ok(*fence.insert(taken))
    }

    /// A number is not to be used again.
    fn give_back(&self, number: i64) {
        let mut fence = self.fence.lock().unwrap_or_else(PoisonError::into_inner);
        *fence = fence.filter(|current| *current != number);
    }
}
