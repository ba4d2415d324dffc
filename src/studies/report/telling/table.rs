//! A table of a section: a caption, columns of numbers or words, and rows that begin with a name.
//!
//! Writes tags; what goes into cells must be escaped by whoever puts it there, because some of it holds tags of its own.

use std::fmt::Write as _;

use super::super::markup::escape;

/// A column: what stands at its head, and whether it holds words rather than numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column(pub(super) &'static str, pub(super) bool);

/// A column of numbers.
pub(super) const fn figures(head: &'static str) -> Column {
    Column(head, false)
}

/// A column of words.
pub(super) const fn words(head: &'static str) -> Column {
    Column(head, true)
}

/// A table under construction.
#[derive(Debug)]
pub(super) struct Table<'a> {
    html: String,
    columns: &'a [Column],
    rows: usize,
}

impl<'a> Table<'a> {
    /// A table with its caption (plain text) and its columns, the first of which names the rows.
    pub(super) fn new(caption: &str, columns: &'a [Column]) -> Self {
        let caption = escape(caption);
        let mut html = format!(
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\"><table class=\"told\"><caption>\
             <span>{caption}</span></caption><thead><tr>",
        );
        for Column(head, words) in columns {
            let _ = write!(html, "<th scope=\"col\"{}>{head}</th>", if *words { " class=\"words\"" } else { "" });
        }
        html.push_str("</tr></thead><tbody>");
        Self { html, columns, rows: 0 }
    }

    /// A row: its name and its cells, all of them safe HTML.
    pub(super) fn row(&mut self, name: &str, cells: &[String]) {
        self.add("", name, cells);
    }

    /// The row that sums up the others.
    pub(super) fn total(&mut self, name: &str, cells: &[String]) {
        self.add(" class=\"total\"", name, cells);
    }

    fn add(&mut self, attributes: &str, name: &str, cells: &[String]) {
        debug_assert_eq!(cells.len() + 1, self.columns.len(), "a cell for every column");
        let _ = write!(self.html, "<tr{attributes}><th scope=\"row\">{name}</th>");
        for (cell, Column(_, words)) in cells.iter().zip(&self.columns[1..]) {
            let _ = write!(self.html, "<td{}>{cell}</td>", if *words { " class=\"words\"" } else { "" });
        }
        self.html.push_str("</tr>");
        self.rows += 1;
    }

    /// The table, or nothing if it has no row.
    pub(super) fn end(mut self) -> String {
        if self.rows == 0 {
            return String::new();
        }
        self.html.push_str("</tbody></table></div>");
        self.html
    }
}
