//! Rows in PostgreSQL's binary form of `COPY` (its manual, "COPY, Binary Format"), and instants as it counts them.

use std::error::Error;

use postgres::types::private::BytesMut;
use postgres::types::{FromSql, IsNull, ToSql, Type};

use super::text::escaped;
use crate::primitives::Timestamp;

/// From 1970 to 2000, when the server begins to count [ms].
const EPOCH_MS: i64 = 946_684_800_000;

/// An instant as a `timestamptz`: microseconds since 2000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pipeline::stores) struct Instant64(pub(in crate::pipeline::stores) Timestamp);

impl Instant64 {
    /// Timestamps reach from the year 1 to 9999, which microseconds since 2000 can count.
    fn micros(self) -> i64 {
        (self.0.as_milliseconds() - EPOCH_MS) * 1000
    }
}

impl<'a> FromSql<'a> for Instant64 {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let micros = i64::from_be_bytes(raw.try_into()?);
        Ok(Self(Timestamp::milliseconds(micros.div_euclid(1000).saturating_add(EPOCH_MS))))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }
}

impl ToSql for Instant64 {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&self.micros().to_be_bytes());
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }

    postgres::types::to_sql_checked!();
}

/// Rows on their way.
#[derive(Debug)]
pub(in crate::pipeline::stores) struct Rows {
    bytes: Vec<u8>,
    columns: i16,
}

impl Rows {
    /// Begins rows of so many columns.
    pub(in crate::pipeline::stores) fn of(columns: usize) -> Self {
        let mut bytes = b"PGCOPY\n\xff\r\n\0".to_vec();
        bytes.extend_from_slice(&[0; 8]);
        Self { bytes, columns: i16::try_from(columns).unwrap_or(i16::MAX) }
    }

    /// Begins a row; its fields follow.
    pub(in crate::pipeline::stores) fn begin(&mut self) {
        self.bytes.extend_from_slice(&self.columns.to_be_bytes());
    }

    fn field(&mut self, bytes: &[u8]) {
        let length = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(bytes);
    }

    pub(in crate::pipeline::stores) fn text(&mut self, text: &str) {
        self.field(escaped(text).as_bytes());
    }

    pub(in crate::pipeline::stores) fn number(&mut self, number: f64) {
        self.field(&number.to_be_bytes());
    }

    pub(in crate::pipeline::stores) fn whole(&mut self, number: i64) {
        self.field(&number.to_be_bytes());
    }

    pub(in crate::pipeline::stores) fn flag(&mut self, flag: bool) {
        self.field(&[u8::from(flag)]);
    }

    pub(in crate::pipeline::stores) fn instant(&mut self, at: Timestamp) {
        self.whole(Instant64(at).micros());
    }

    pub(in crate::pipeline::stores) fn missing(&mut self) {
        self.bytes.extend_from_slice(&(-1_i32).to_be_bytes());
    }

    /// All rows, with their end.
    pub(in crate::pipeline::stores) fn finish(mut self) -> Vec<u8> {
        self.bytes.extend_from_slice(&(-1_i16).to_be_bytes());
        self.bytes
    }
}
