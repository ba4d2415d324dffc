//! The balance as a few lines of text, for the terminal and the report.

use std::fmt;

use super::balance::{Account, Balance, Missing};

/// Most lines that do not close, or strangers, named one by one.
const NAMED_MAX: usize = 5;

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["emitted", "stored", "quarantined", "lost", "unexplained", "doubled", "forged", "damaged"];
        write!(f, "{:<10}", "balance")?;
        for word in head {
            write!(f, "{word:>13}")?;
        }
        for (kind, account) in &self.kinds {
            row(f, kind.word(), account)?;
        }
        row(f, "total", &self.total)?;
        let (unsent, most) = (self.total.unsent, self.unsent_max);
        if unsent > most {
            write!(
                f,
                "\n{unsent} are missing at the end, and the sender can have had {most} under way: the others are losses"
            )?;
        }
        let open = self.open_lines();
        if open.is_empty() {
            write!(f, "\nthe balance closes for each of {} devices", self.devices.len())?;
        } else {
            write!(f, "\nthe balance does NOT close for {} of {} devices; the worst:", open.len(), self.devices.len())?;
        }
        for (line, account) in open.iter().take(NAMED_MAX) {
            write!(f, "\n  {} ({}, epoch {}): ", line.device, line.kind.word(), line.epoch)?;
            complaint(f, account)?;
        }
        self.missing.iter().take(NAMED_MAX).try_for_each(|missing| lacks(f, missing))?;
        let more = self.missing.len().saturating_sub(NAMED_MAX) + self.missing_more;
        if more > 0 {
            write!(f, "\n  and of {more} devices more")?;
        }
        if self.is_of_export {
            self.rows_of_export(f)?;
        }
        if !self.strangers.is_empty() {
            let rows: u64 = self.strangers.values().sum();
            write!(f, "\n{rows} rows by {} devices that are in no ledger:", self.strangers.len())?;
            for (name, rows) in self.strangers.iter().take(NAMED_MAX) {
                write!(f, " {name} ({rows})")?;
            }
            if self.strangers.len() > NAMED_MAX {
                f.write_str(" ...")?;
            }
        }
        if self.strange_messages > 0 {
            let what = if self.is_of_export {
                "rows are no records"
            } else {
                "messages in the quarantine are no device's of the ledger"
            };
            write!(f, "\n{} {what}", self.strange_messages)?;
        }
        Ok(())
    }
}

impl Balance {
    /// What is to be known of the rows of an export besides its sums.
    fn rows_of_export(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { total, compared, counted, own_copies, copies_max, .. } = self;
        if total.quarantined > 0 {
            let missing = total.quarantined;
            write!(f, "\n{missing} that the load damaged on purpose are missing, and may be (under `quarantined`)")?;
        }
        write!(f, "\n{compared} rows were compared with what was sent, {counted} were only counted")?;
        if *own_copies > 0 {
            write!(f, "\n{own_copies} rows are there once more because the load sent them twice")?;
        }
        if total.doubled > 0 && *copies_max > 0 && *copies_max < u64::MAX {
            write!(
                f,
                "\n{} rows are there once more; the load may itself have sent {copies_max} twice",
                total.doubled
            )?;
        }
        Ok(())
    }
}

fn lacks(f: &mut fmt::Formatter<'_>, missing: &Missing) -> fmt::Result {
    let Missing { line, runs, more_runs, excused } = missing;
    write!(f, "\n  missing of {} ({}", line.device, line.kind.word())?;
    if line.epoch > 0 {
        write!(f, ", epoch {}", line.epoch)?;
    }
    f.write_str("):")?;
    for (first, last) in runs.iter().take(NAMED_MAX) {
        if first == last { write!(f, " {first}")? } else { write!(f, " {first}-{last}")? }
    }
    if runs.len() > NAMED_MAX || *more_runs > 0 {
        f.write_str(" ...")?;
    }
    if *excused > 0 {
        write!(f, "; {excused} of them were never sent, or damaged on purpose")?;
    }
    Ok(())
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, account: &Account) -> fmt::Result {
    let Account { emitted, stored, quarantined, lost, unsent, gone, doubled, forged, damaged } = account;
    write!(f, "\n{name:<10}{emitted:>13}{stored:>13}{quarantined:>13}{lost:>13}{:>13}", account.unexplained())?;
    write!(f, "{doubled:>13}{forged:>13}{damaged:>13}")?;
    if *unsent > 0 {
        write!(f, "  (and {unsent} never sent)")?;
    }
    if *gone > 0 {
        write!(f, "  (and {gone} gone by age)")?;
    }
    Ok(())
}

fn complaint(f: &mut fmt::Formatter<'_>, account: &Account) -> fmt::Result {
    let unexplained = account.unexplained();
    let mut parts = Vec::new();
    if unexplained > 0 {
        parts.push(format!("{unexplained} of {} missing", account.emitted));
    }
    if unexplained < 0 {
        parts.push(format!("{} more than emitted", -unexplained));
    }
    for (count, word) in [(account.doubled, "doubled"), (account.forged, "never emitted")] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    if account.damaged > 0 {
        let all = if unexplained == 0 { "all there, but " } else { "" };
        parts.push(format!("{all}not as sent"));
    }
    f.write_str(&parts.join(", "))
}
