//! `docs/comparison.md` says of every measure what the program says: its table is written from the program's own.
//!
//! `UPDATE_GOLDEN=1 cargo test --test comparison_doc` writes it anew; what stands outside the marks is written by hand.

use std::fmt::Write as _;
use std::path::Path;

use citytwin::city::scenario::indicators::{Better, QUANTITIES};

const BEGIN: &str = "<!-- measures: begin -->\n";
const END: &str = "<!-- measures: end -->\n";

fn table() -> String {
    let mut text = String::from(
        "| measure | unit | better | groups | statistics | definition | source | to be asked for by |\n|---|---|---|---|---|---|---|---|\n",
    );
    for quantity in &QUANTITIES {
        let statistics: Vec<&str> = quantity.statistics.iter().map(|one| one.name()).collect();
        let unit = if quantity.unit.symbol().is_empty() { "ratio" } else { quantity.unit.symbol() };
        let better = match quantity.better {
            Better::Lower => "lower",
            Better::Higher => "higher",
            Better::Neither => "–",
        };
        let _ = writeln!(
            text,
            "| `{}` | {unit} | {better} | {} | {} | {} | {} | {} |",
            quantity.name,
            if quantity.by_group { "yes" } else { "–" },
            statistics.join(", "),
            quantity.about,
            quantity.source,
            quantity.needs.key().map_or_else(|| "–".to_owned(), |key| format!("`{key}`"))
        );
    }
    text
}

#[test]
fn the_document_lists_the_measures_of_the_program() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/comparison.md");
    let text = std::fs::read_to_string(&path).expect("the document");
    let (before, rest) = text.split_once(BEGIN).expect("a mark where the table begins");
    let (_, after) = rest.split_once(END).expect("a mark where it ends");
    let wanted = format!("{before}{BEGIN}{}{END}{after}", table());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &wanted).expect("written");
        return;
    }
    assert!(text == wanted, "docs/comparison.md is out of date: UPDATE_GOLDEN=1 cargo test --test comparison_doc");
}
