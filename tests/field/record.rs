//! The table of `docs/validation.md`: one row for each quantity, found by its first cell.
//!
//! A check tells what it expects and what it measured; sources and SUMO's values are written by hand. A document that says something else
//! than the test measures is a failure, or with `UPDATE_FIGURES` a reason to write.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The columns a check keeps: expected and measured.
const EXPECTED: usize = 3;
const MEASURED: usize = 4;

static WRITING: Mutex<()> = Mutex::new(());

/// Whether what is written down is to be written anew.
pub(crate) fn updating() -> bool {
    std::env::var_os("UPDATE_FIGURES").is_some()
}

/// The folder of the documents.
pub(crate) fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
}

/// Holds a row of the table against what was measured.
pub(crate) fn row(quantity: &str, expected: &str, measured: &str) {
    let _alone = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let file = docs().join("validation.md");
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    let mut found = false;
    let lines: Vec<String> = text
        .lines()
        .map(|line| {
            let mut cells: Vec<String> = line.split('|').map(|cell| cell.trim().to_owned()).collect();
            if cells.len() < 6 || cells[1] != quantity {
                return line.to_owned();
            }
            found = true;
            expected.clone_into(&mut cells[EXPECTED]);
            measured.clone_into(&mut cells[MEASURED]);
            cells.join(" | ").trim().to_owned()
        })
        .collect();
    let should = lines.join("\n") + "\n";
    if updating() && found {
        std::fs::write(&file, should).expect("the document can be written");
        return;
    }
    assert!(found, "docs/validation.md has no row `{quantity}`");
    assert_eq!(text, should, "meant? then `UPDATE_FIGURES=1 cargo test --test field`, and say why");
}
