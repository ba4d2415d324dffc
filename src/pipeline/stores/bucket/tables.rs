//! Tables of results in the bucket.

use std::sync::Arc;

use super::city::City;
use crate::pipeline::stores::batch::Row;
use crate::pipeline::stores::error::StoreError;
use crate::pipeline::stores::tables::{EachRow, Tables};

/// What the names of tables begin with that are nobody's results.
pub(super) const OWN: char = '~';

/// Tables in the bucket.
#[derive(Debug)]
pub(in crate::pipeline::stores) struct BucketTables(Arc<City>);

impl BucketTables {
    pub(in crate::pipeline::stores) fn new(city: &Arc<City>) -> Self {
        Self(Arc::clone(city))
    }

    fn write(&self, partition: Option<u16>, rows: &[Row]) {
        let changed = |row: &Row| ((row.table.clone(), row.key.clone()), Some(row.json.clone()));
        self.0.rows.write(partition, rows.iter().map(changed));
    }
}

impl Tables for BucketTables {
    fn put(&self, rows: &[Row]) -> Result<(), StoreError> {
        self.write(None, rows);
        Ok(())
    }

    fn put_of(&self, partition: u16, rows: &[Row]) -> Result<(), StoreError> {
        self.write(Some(partition), rows);
        Ok(())
    }

    fn put_lasting(&self, rows: &[Row]) -> Result<(), StoreError> {
        self.write(None, rows);
        self.0.flush()
    }

    fn remove(&self, table: &str, keys: &[String]) -> Result<u64, StoreError> {
        let mut gone = 0;
        for key in keys {
            if self.0.rows.get(table, key)?.is_some() {
                self.0.rows.write(None, [((table.to_owned(), key.clone()), None)]);
                gone += 1;
            }
        }
        Ok(gone)
    }

    fn get(&self, table: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.rows.get(table, key)
    }

    fn scan(&self, table: &str, prefix: &str, each: &mut EachRow<'_>) -> Result<(), StoreError> {
        self.0.rows.scan(table, prefix, None, each)
    }

    fn scan_after(&self, table: &str, prefix: &str, after: &str, each: &mut EachRow<'_>) -> Result<(), StoreError> {
        self.0.rows.scan(table, prefix, Some(after), each)
    }

    fn names(&self) -> Result<Vec<String>, StoreError> {
        let mut names = self.0.rows.names()?;
        names.retain(|name| !name.starts_with(OWN));
        Ok(names)
    }
}
