//! Protobuf: a number means the same in every version.
//!
//! Fields may come and go, and be renamed, because readers pass over numbers they do not know and fill in what is missing. What may
//! not happen to a number that both have: another type, unless both are in one group of those that are written alike (`int32`,
//! `uint32`, `int64`, `uint64`, `bool` and enumerations; `sint32` and `sint64`; `fixed32` and `sfixed32`; `fixed64` and `sfixed64`;
//! `string` and `bytes`); from one to many of a number, or back; into a `oneof` that had a field already. A field `required` by the
//! reader must be required of the writer. A message that goes, or moves to another package, takes its fields with it. Messages of
//! imported files are compared where both have them; where one is gone, the fields of its type tell.

use std::collections::BTreeMap;

use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
use prost_reflect::prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto, MessageOptions};

use crate::telemetry::schemas::ProtoFile;

/// Messages by their full names, each with the names of the enumerations among its fields' types left to their users.
type Messages<'a> = BTreeMap<String, &'a DescriptorProto>;

pub(super) fn unread(reader: &ProtoFile, writer: &ProtoFile) -> Vec<String> {
    let mut ours = messages(reader.descriptor());
    reader.imported().iter().for_each(|file| ours.extend(messages(file)));
    let mut reasons = Vec::new();
    for (name, writes) in messages(writer.descriptor()) {
        match ours.get(&name) {
            Some(reads) => fields(&name, reads, writes, &mut reasons),
            None => reasons.push(format!("the message `{name}` is gone")),
        }
    }
    for (name, writes) in writer.imported().iter().flat_map(messages) {
        if let Some(reads) = ours.get(&name) {
            fields(&name, reads, writes, &mut reasons);
        }
    }
    reasons
}

fn messages(file: &FileDescriptorProto) -> Messages<'_> {
    let mut found = BTreeMap::new();
    let package = if file.package().is_empty() { String::new() } else { format!("{}.", file.package()) };
    let mut open: Vec<(String, &DescriptorProto)> =
        file.message_type.iter().map(|message| (format!("{package}{}", message.name()), message)).collect();
    while let Some((name, message)) = open.pop() {
        open.extend(message.nested_type.iter().map(|inner| (format!("{name}.{}", inner.name()), inner)));
        found.insert(name, message);
    }
    found
}

fn fields(name: &str, reads: &DescriptorProto, writes: &DescriptorProto, reasons: &mut Vec<String>) {
    let by_number = |message: &DescriptorProto| -> BTreeMap<i32, FieldDescriptorProto> {
        message.field.iter().map(|field| (field.number(), field.clone())).collect()
    };
    let (ours, theirs) = (by_number(reads), by_number(writes));
    for (number, theirs) in &theirs {
        let Some(ours) = ours.get(number) else { continue };
        if let Some(reason) = differs(ours, theirs) {
            reasons.push(format!("field {number} of `{name}` {reason}"));
        }
    }
    for (number, ours) in ours.iter().filter(|(_, field)| field.label() == Label::Required) {
        if theirs.get(number).is_none_or(|theirs| theirs.label() != Label::Required) {
            reasons.push(format!("field {number} of `{name}`, `{}`, is required and may be missing", ours.name()));
        }
    }
    if !reads.options.as_ref().is_some_and(MessageOptions::map_entry) {
        oneofs(name, (reads, &ours), (writes, &theirs), reasons);
    }
}

/// What of two fields of one number cannot be read.
fn differs(ours: &FieldDescriptorProto, theirs: &FieldDescriptorProto) -> Option<String> {
    let (reads, writes) = (ours.r#type(), theirs.r#type());
    if group(reads) != group(writes) {
        return Some(format!("was {} and is {}", said(theirs), said(ours)));
    }
    if matches!(reads, Type::Message | Type::Group) && ours.type_name() != theirs.type_name() {
        return Some(format!("was {} and is {}", said(theirs), said(ours)));
    }
    let many = |field: &FieldDescriptorProto| field.label() == Label::Repeated;
    // Of texts and messages a single one is read as many, and the last of many as one; numbers are packed.
    let is_number = !matches!(reads, Type::String | Type::Bytes | Type::Message | Type::Group);
    (is_number && many(ours) != many(theirs)).then(|| {
        let word = |many: bool| if many { "many" } else { "one" };
        format!("was {} and is {}", word(many(theirs)), word(many(ours)))
    })
}

/// Types of one group are written alike.
const fn group(of: Type) -> u8 {
    match of {
        Type::Int32 | Type::Uint32 | Type::Int64 | Type::Uint64 | Type::Bool | Type::Enum => 0,
        Type::Sint32 | Type::Sint64 => 1,
        Type::Fixed32 | Type::Sfixed32 => 2,
        Type::Fixed64 | Type::Sfixed64 => 3,
        Type::String | Type::Bytes => 4,
        Type::Float => 5,
        Type::Double => 6,
        Type::Message => 7,
        Type::Group => 8,
    }
}

fn said(field: &FieldDescriptorProto) -> String {
    match field.r#type() {
        Type::Message | Type::Group | Type::Enum => format!("`{}`", field.type_name().trim_start_matches('.')),
        of => format!("`{}`", of.as_str_name().trim_start_matches("TYPE_").to_lowercase()),
    }
}

type Fields<'a> = (&'a DescriptorProto, &'a BTreeMap<i32, FieldDescriptorProto>);

/// A reader's `oneof` keeps one of its fields: what a writer may write together must not be in one.
fn oneofs(name: &str, (reads, ours): Fields<'_>, (writes, theirs): Fields<'_>, reasons: &mut Vec<String>) {
    for (index, oneof) in (0_i32..).zip(&reads.oneof_decl) {
        let inside = |field: &FieldDescriptorProto| field.oneof_index == Some(index) && !field.proto3_optional();
        let known: Vec<&FieldDescriptorProto> =
            ours.values().filter(|field| inside(field)).filter_map(|field| theirs.get(&field.number())).collect();
        let place = |field: &FieldDescriptorProto| field.oneof_index.filter(|_| !field.proto3_optional());
        let [first, rest @ ..] = known.as_slice() else { continue };
        if rest.iter().any(|field| place(field).is_none() || place(field) != place(first)) {
            let of = writes.name();
            reasons
                .push(format!("fields of `{name}` that `{of}` may have together are in the oneof `{}`", oneof.name()));
        }
    }
}
