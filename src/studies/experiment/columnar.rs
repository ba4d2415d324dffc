//! The tables of a run as Parquet, typed, with their units.
//!
//! Made of the finished CSV, a group of rows at a time, so that both say the same. Every column may be missing where the CSV's field is
//! empty. Times are seconds after the scenario's midnight as in the CSV; units stand in the file's metadata as `unit:<column>`. Knows no
//! run.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};

use super::files::{Draft, WriteError};

/// Rows in a group: what is held in memory.
const GROUP_ROWS: usize = 1 << 16;

/// Columns of texts; every other one holds numbers, unless it is one of the next.
const TEXTS: [&str; 11] =
    ["vehicle", "kind", "class", "line", "depart_lane", "last_lane", "edge", "street", "category", "unit", "hospital"];
/// Columns of whole numbers.
const WHOLES: [&str; 11] = [
    "waiting_count",
    "last_resort_moves",
    "lanes",
    "entered_veh",
    "left_veh",
    "departed_veh",
    "arrived_veh",
    "call",
    "incident",
    "lanes_blocked",
    "casualties",
];
/// Columns of yes or no.
const FLAGS: [&str; 1] = ["finished"];

/// Units by how names of columns end; the first that fits.
const UNITS: [(&str, &str); 8] = [
    ("_veh_km", "veh/km"),
    ("_veh_h", "veh/h"),
    ("_km_h", "km/h"),
    ("_veh_s", "veh s"),
    ("_veh_m", "veh m"),
    ("_veh", "veh"),
    ("_s", "s"),
    ("_m", "m"),
];

/// Writes a table beside its CSV; gives its path.
///
/// # Errors
/// When the CSV cannot be read again, holds something else than its columns say, or the file cannot be written; nothing is left of it then.
pub(super) fn beside(table: &Path) -> std::result::Result<PathBuf, WriteError> {
    let path = table.with_extension("parquet");
    let name = table.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut reader = File::open(table)
        .map(|file| csv::Reader::from_reader(BufReader::new(file)))
        .map_err(WriteError::about(table))?;
    let mut draft = Draft::create(&path)?;
    draft.add_to_file(|out| write(&name, &mut reader, out).map_err(io::Error::other))?;
    draft.finish()?;
    Ok(path)
}

fn write<R: io::Read>(name: &str, reader: &mut csv::Reader<R>, out: impl Write + Send) -> Result<()> {
    let failed = |error: csv::Error| ParquetError::External(Box::new(error));
    let names: Vec<String> = reader.headers().map_err(failed)?.iter().map(str::to_owned).collect();
    let mut columns: Vec<Column> = names.iter().map(|name| Column::new(name)).collect();
    let fields = columns.iter().map(Column::field).collect::<Result<_>>()?;
    let schema: TypePtr = Type::group_type_builder(name).with_fields(fields).build().map(Arc::new)?;
    let mut file = SerializedFileWriter::new(out, schema, Arc::new(properties(&names)))?;
    let mut record = csv::StringRecord::new();
    loop {
        let more = reader.read_record(&mut record).map_err(failed)?;
        if more {
            for (column, field) in columns.iter_mut().zip(&record) {
                column.push(field)?;
            }
        }
        let held = columns.first().map_or(0, |column| column.levels.len());
        if held == GROUP_ROWS || (!more && held > 0) {
            let mut group = file.next_row_group()?;
            for column in &mut columns {
                let Some(mut writer) = group.next_column()? else { break };
                column.write_to(writer.untyped())?;
                writer.close()?;
            }
            group.close()?;
        }
        if !more {
            break;
        }
    }
    file.close().map(drop)
}

fn properties(names: &[String]) -> WriterProperties {
    let unit = |name: &String| {
        let (_, unit) = UNITS.iter().find(|(ending, _)| name.ends_with(ending))?;
        Some(KeyValue::new(format!("unit:{name}"), (*unit).to_owned()))
    };
    WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(None)
        .set_created_by(String::from("citytwin"))
        .set_key_value_metadata(Some(names.iter().filter_map(unit).collect()))
        .build()
}

/// The values of a column in a group of rows; levels say which rows have one.
struct Column {
    name: String,
    values: Values,
    levels: Vec<i16>,
}

enum Values {
    Text(Vec<ByteArray>),
    Number(Vec<f64>),
    Whole(Vec<i64>),
    Flag(Vec<bool>),
}

impl Column {
    fn new(name: &str) -> Self {
        let values = if TEXTS.contains(&name) {
            Values::Text(Vec::new())
        } else if WHOLES.contains(&name) {
            Values::Whole(Vec::new())
        } else if FLAGS.contains(&name) {
            Values::Flag(Vec::new())
        } else {
            Values::Number(Vec::new())
        };
        Self { name: name.to_owned(), values, levels: Vec::new() }
    }

    fn field(&self) -> Result<TypePtr> {
        let (physical, logical) = match self.values {
            Values::Text(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Values::Number(_) => (Physical::DOUBLE, None),
            Values::Whole(_) => (Physical::INT64, None),
            Values::Flag(_) => (Physical::BOOLEAN, None),
        };
        let builder = Type::primitive_type_builder(&self.name, physical);
        builder.with_repetition(Repetition::OPTIONAL).with_logical_type(logical).build().map(Arc::new)
    }

    fn push(&mut self, field: &str) -> Result<()> {
        self.levels.push(i16::from(!field.is_empty()));
        if field.is_empty() {
            return Ok(());
        }
        let wrong = || ParquetError::General(format!("`{field}` in the column `{}`", self.name));
        match &mut self.values {
            Values::Text(texts) => texts.push(ByteArray::from(field.as_bytes().to_vec())),
            Values::Number(numbers) => numbers.push(field.parse().map_err(|_| wrong())?),
            Values::Whole(numbers) => numbers.push(field.parse().map_err(|_| wrong())?),
            Values::Flag(flags) => flags.push(field.parse().map_err(|_| wrong())?),
        }
        Ok(())
    }

    fn write_to(&mut self, writer: &mut ColumnWriter<'_>) -> Result<()> {
        let levels = Some(self.levels.as_slice());
        match (writer, &mut self.values) {
            (ColumnWriter::ByteArrayColumnWriter(writer), Values::Text(texts)) => {
                writer.write_batch(texts, levels, None)?;
                texts.clear();
            }
            (ColumnWriter::DoubleColumnWriter(writer), Values::Number(numbers)) => {
                writer.write_batch(numbers, levels, None)?;
                numbers.clear();
            }
            (ColumnWriter::Int64ColumnWriter(writer), Values::Whole(numbers)) => {
                writer.write_batch(numbers, levels, None)?;
                numbers.clear();
            }
            (ColumnWriter::BoolColumnWriter(writer), Values::Flag(flags)) => {
                writer.write_batch(flags, levels, None)?;
                flags.clear();
            }
            _ => return Err(ParquetError::General(String::from("a column of another type than its schema's"))),
        }
        self.levels.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};

    use super::super::tables::{ROAD_COLUMNS, TRIP_COLUMNS};
    use super::*;

    fn written(text: &str) -> std::result::Result<SerializedFileReader<File>, WriteError> {
        let folder = tempfile::tempdir().expect("a folder");
        let table = folder.path().join("trips.csv");
        std::fs::write(&table, text).expect("a file");
        let path = beside(&table)?;
        assert_eq!(path, folder.path().join("trips.parquet"));
        Ok(SerializedFileReader::new(File::open(path).expect("it is there")).expect("Parquet"))
    }

    #[test]
    fn a_table_comes_back_typed_and_with_units() {
        let text = "vehicle,depart_s,waiting_count,finished,line,route_length_m\n\
                    \"a \"\"b\"\"\",12.50,3,true,,100\nc,13.00,0,false,M1,\n";
        let file = written(text).expect("it is written");
        let rows: Vec<String> =
            file.get_row_iter(None).expect("rows").map(|row| row.expect("a row").to_string()).collect();
        assert_eq!(
            rows,
            [
                r#"{vehicle: "a "b"", depart_s: 12.5, waiting_count: 3, finished: true, line: null, route_length_m: 100.0}"#,
                r#"{vehicle: "c", depart_s: 13.0, waiting_count: 0, finished: false, line: "M1", route_length_m: null}"#,
            ]
        );
        let notes = file.metadata().file_metadata().key_value_metadata().expect("units");
        let notes: Vec<(&str, Option<&str>)> =
            notes.iter().map(|one| (one.key.as_str(), one.value.as_deref())).collect();
        assert!(notes.contains(&("unit:depart_s", Some("s"))) && notes.contains(&("unit:route_length_m", Some("m"))));
        assert!(!notes.iter().any(|(key, _)| *key == "unit:vehicle" || *key == "unit:waiting_count"), "{notes:?}");
    }

    #[test]
    fn what_is_no_number_is_an_error_and_leaves_nothing() {
        let wrong = written("vehicle,depart_s\na,soon\n").err().expect("it is not written");
        assert!(wrong.to_string().contains("`soon` in the column `depart_s`"), "{wrong}");
    }

    /// Every column of the tables has the type that its values have.
    #[test]
    fn every_column_that_is_no_number_is_named() {
        for name in TRIP_COLUMNS.iter().chain(&ROAD_COLUMNS) {
            let has_unit = UNITS.iter().any(|(ending, _)| name.ends_with(ending));
            let named = TEXTS.contains(name) || WHOLES.contains(name) || FLAGS.contains(name);
            assert!(has_unit || named || *name == "speed_factor", "{name}");
        }
    }
}
