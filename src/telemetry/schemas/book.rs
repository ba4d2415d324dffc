//! Which schema an id stands for: what whoever reads framed messages has to know.
//!
//! An id never changes its meaning, so a book only grows; a registry in the same process writes into it what it was sent.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use apache_avro::Schema;

use super::{SchemaFormat, avro, frame, kind_named, own_schemas, proto_file::ProtoFile, protobuf};
use crate::telemetry::json::{self, DecodeError, MESSAGE_MAX};
use crate::telemetry::reading::ReadingKind;
use crate::telemetry::record::Record;

/// Most schemas in a book.
pub(super) const BOOK_MAX: usize = 20_000;

/// What messages of a schema are.
enum Written {
    /// The JSON of a record, whatever the schema says.
    Json,
    /// A reading in Avro; the schema it was written in, if it is not this program's.
    Avro(ReadingKind, Option<Box<Schema>>),
    /// Messages of a Protobuf file.
    Protobuf(Box<ProtoFile>),
    /// Nothing that can be read, and why.
    Other(String),
}

/// The schemas of this program, which are in every book.
static OWN: LazyLock<BTreeMap<u32, Arc<Written>>> = LazyLock::new(|| {
    let own = own_schemas().into_iter().map(|own| {
        let written = match own.format {
            SchemaFormat::Json => Written::Json,
            SchemaFormat::Avro => Written::Avro(own.kind, None),
            SchemaFormat::Protobuf => protobuf_file(&own.text, &[]),
        };
        (own.id, Arc::new(written))
    });
    own.collect()
});

/// Schemas by id: those of this program, and what was added.
#[derive(Default)]
pub struct SchemaBook(RwLock<BTreeMap<u32, Arc<Written>>>);

impl fmt::Debug for SchemaBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SchemaBook({})", self.len())
    }
}

fn protobuf_file(text: &str, imports: &[(String, String)]) -> Written {
    match ProtoFile::parse(text, imports) {
        Ok(file) => Written::Protobuf(Box::new(file)),
        Err(error) => Written::Other(format!("is no file of Protobuf: {error}")),
    }
}

/// What messages of an Avro schema are.
fn avro_record(text: &str, imports: &[(String, String)]) -> Written {
    let texts = imports.iter().map(|(_, text)| text);
    let parsed = Schema::parse_str_with_list(text, texts).map(|(schema, _)| schema);
    match parsed.map_err(|error| format!("is no schema of Avro: {error}")).and_then(|schema| {
        let kind = avro::readable(&schema)?;
        Ok((kind, schema))
    }) {
        Ok((kind, schema)) => Written::Avro(kind, Some(Box::new(schema))),
        Err(reason) => Written::Other(reason),
    }
}

impl SchemaBook {
    /// How many schemas are in it.
    pub fn len(&self) -> usize {
        OWN.len() + self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes down what an id stands for; what is known stays, and beyond 20,000 nothing is added. `imports` are the texts
    /// that the schema refers to, by name.
    pub fn add(&self, id: u32, format: SchemaFormat, text: &str, imports: &[(String, String)]) {
        let written = match format {
            SchemaFormat::Json => Written::Json,
            SchemaFormat::Avro => avro_record(text, imports),
            SchemaFormat::Protobuf => protobuf_file(text, imports),
        };
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < BOOK_MAX && !OWN.contains_key(&id) {
            known.entry(id).or_insert_with(|| Arc::new(written));
        }
    }

    /// Reads a message, framed or plain JSON.
    ///
    /// # Errors
    /// When it is no record, with the first reason.
    pub fn decode(&self, payload: &[u8]) -> Result<Record, DecodeError> {
        if payload.first() != Some(&frame::MAGIC) {
            return json::decode(payload);
        }
        if payload.len() > MESSAGE_MAX {
            return Err(DecodeError::TooLong(payload.len()));
        }
        let (id, rest) = frame::split(payload)?;
        let written = if let Some(own) = OWN.get(&id) {
            Arc::clone(own)
        } else {
            let added = self.0.read().unwrap_or_else(PoisonError::into_inner);
            added.get(&id).cloned().ok_or(DecodeError::UnknownSchema(id))?
        };
        match &*written {
            Written::Json => json::decode(rest),
            Written::Avro(kind, schema) => avro::decode(*kind, schema.as_deref(), rest),
            Written::Protobuf(file) => {
                let (path, rest) = frame::path(rest)?;
                let name = file.message_at(&path).ok_or_else(|| {
                    DecodeError::BadFrame(format!("names message {path:?} of schema {id}, which has none there"))
                })?;
                let kind = kind_named(&name).ok_or_else(|| {
                    DecodeError::UnknownType(format!("{name}: schema {id} describes no reading by that"))
                })?;
                protobuf::decode(kind, rest)
            }
            Written::Other(reason) => Err(DecodeError::UnknownType(format!("schema {id}: {reason}"))),
        }
    }
}

/// Appends a record, framed; `canonical` is its canonical JSON.
pub(crate) fn encode(record: &Record, format: SchemaFormat, canonical: &[u8], out: &mut Vec<u8>) {
    frame::begin(super::own_id(record.kind(), format), out);
    match format {
        SchemaFormat::Json => out.extend_from_slice(canonical),
        SchemaFormat::Avro => avro::encode(record, out),
        SchemaFormat::Protobuf => {
            frame::first_message(out);
            protobuf::encode(record, out);
        }
    }
}
