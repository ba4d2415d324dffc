//! A table as CSV: one column for the key, one for every field its rows have, in the order in which they first appear.
//!
//! Reads the table twice, once for the columns and once for the rows, so that it needs the memory of one row.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::ops::ControlFlow;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::{StoreError, Tables};

/// Most columns of a file; a table with more is refused.
const COLUMNS_MAX: usize = 512;

/// Why a table could not be written as CSV.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The table cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A row is no JSON object, or the rows have too many fields.
    #[error("table `{table}` cannot be written as CSV: {reason}")]
    Shape {
        /// The table.
        table: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The file cannot be written.
    #[error("the file cannot be written: {0}")]
    Write(#[from] io::Error),
}

/// The fields of an object, in their order.
struct Fields(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// Writes a table as CSV with a line of names first; texts as they are, missing values and nulls empty, what has an inside as JSON.
/// Gives the number of rows.
///
/// # Errors
/// When the table cannot be read, its rows are no objects or have more than 512 different fields, or the file cannot be written.
pub fn export(tables: &dyn Tables, table: &str, out: &mut dyn Write) -> Result<u64, ExportError> {
    let mut columns = BTreeMap::new();
    let mut names = vec![String::from("key")];
    each_row(tables, table, &mut |_, fields| {
        for (name, _) in fields {
            if !columns.contains_key(&name) {
                if names.len() == COLUMNS_MAX {
                    return Err(shape(table, format!("its rows have more than {COLUMNS_MAX} different fields")));
                }
                columns.insert(name.clone(), names.len());
                names.push(name);
            }
        }
        Ok(())
    })?;
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(&names).map_err(io::Error::from)?;
    let mut rows = 0;
    each_row(tables, table, &mut |key, fields| {
        let mut cells = vec![String::new(); names.len()];
        key.clone_into(&mut cells[0]);
        for (name, value) in fields {
            if let Some(&column) = columns.get(&name) {
                cells[column] = match value {
                    Value::Null => String::new(),
                    Value::String(text) => text,
                    other => other.to_string(),
                };
            }
        }
        rows += 1;
        Ok(writer.write_record(&cells).map_err(io::Error::from)?)
    })?;
    writer.flush()?;
    Ok(rows)
}

fn shape(table: &str, reason: String) -> ExportError {
    ExportError::Shape { table: table.to_owned(), reason }
}

/// Takes a row's key and its fields, until it finds something wrong.
type EachFields<'a> = dyn FnMut(&str, Vec<(String, Value)>) -> Result<(), ExportError> + 'a;

fn each_row(tables: &dyn Tables, table: &str, each: &mut EachFields<'_>) -> Result<(), ExportError> {
    let mut done = Ok(());
    tables.scan(table, "", &mut |key, json| {
        let row = serde_json::from_slice(json);
        done = row
            .map_err(|error| shape(table, format!("row `{key}`: {error}")))
            .and_then(|Fields(fields)| each(key, fields));
        if done.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    done
}
