//! A descriptor of Protocol Buffers written as the text of a file, for registries that were sent the descriptor alone.
//!
//! Writes what decides how messages are read and named, and what is made of them: syntax, package, imports, options of the file,
//! messages, fields, oneofs, maps, enumerations, what is reserved, defaults, `packed`, `deprecated` and names in JSON. Groups,
//! extensions, services and other options are left out; whoever asks compares.

use std::fmt::Write as _;

use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
use prost_reflect::prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileOptions, MessageOptions,
};

use super::proto_file::json_name;

/// The text of a file.
pub(super) fn write(file: &FileDescriptorProto) -> String {
    let proto3 = file.syntax() == "proto3";
    let mut text = format!("syntax = \"{}\";\n", if proto3 { "proto3" } else { "proto2" });
    if !file.package().is_empty() {
        let _ = writeln!(text, "package {};", file.package());
    }
    text.push('\n');
    for (number, import) in file.dependency.iter().enumerate() {
        let public = file.public_dependency.iter().any(|index| usize::try_from(*index).is_ok_and(|at| at == number));
        let _ = writeln!(text, "import {}\"{import}\";", if public { "public " } else { "" });
    }
    if let Some(options) = &file.options {
        for (name, value) in file_options(options) {
            let _ = writeln!(text, "option {name} = {value};");
        }
    }
    let mut writer = Writer { text, proto3 };
    file.message_type.iter().for_each(|of| writer.message(of, 0));
    file.enum_type.iter().for_each(|of| writer.enumeration(of, 0));
    writer.text
}

struct Writer {
    text: String,
    proto3: bool,
}

impl Writer {
    fn line(&mut self, depth: usize, line: &str) {
        let _ = writeln!(self.text, "{:indent$}{line}", "", indent = depth * 2);
    }

    fn message(&mut self, of: &DescriptorProto, depth: usize) {
        self.line(depth, &format!("message {} {{", of.name()));
        let is_map = |inner: &&DescriptorProto| inner.options.as_ref().is_some_and(MessageOptions::map_entry);
        for field in of.field.iter().filter(|field| field.oneof_index.is_none() || field.proto3_optional()) {
            self.field(of, field, depth + 1, false);
        }
        for (number, oneof) in (0_i32..).zip(&of.oneof_decl) {
            let inside = |field: &&FieldDescriptorProto| field.oneof_index == Some(number) && !field.proto3_optional();
            let fields: Vec<&FieldDescriptorProto> = of.field.iter().filter(inside).collect();
            // One with nothing but an optional field stands for its presence.
            if !fields.is_empty() {
                self.line(depth + 1, &format!("oneof {} {{", oneof.name()));
                for field in fields {
                    self.field(of, field, depth + 2, true);
                }
                self.line(depth + 1, "}");
            }
        }
        of.nested_type.iter().filter(|inner| !is_map(inner)).for_each(|inner| self.message(inner, depth + 1));
        of.enum_type.iter().for_each(|inner| self.enumeration(inner, depth + 1));
        for range in &of.reserved_range {
            self.line(depth + 1, &format!("reserved {} to {};", range.start(), range.end() - 1));
        }
        for range in &of.extension_range {
            self.line(depth + 1, &format!("extensions {} to {};", range.start(), range.end() - 1));
        }
        for name in &of.reserved_name {
            self.line(depth + 1, &format!("reserved \"{name}\";"));
        }
        self.line(depth, "}");
    }

    fn field(&mut self, within: &DescriptorProto, field: &FieldDescriptorProto, depth: usize, in_oneof: bool) {
        let map = (field.r#type() == Type::Message).then(|| map_of(within, field)).flatten();
        let label = match field.label() {
            _ if in_oneof || map.is_some() => "",
            Label::Repeated => "repeated ",
            Label::Required => "required ",
            Label::Optional if field.proto3_optional() || !self.proto3 => "optional ",
            Label::Optional => "",
        };
        let of = map.unwrap_or_else(|| type_of(field));
        let options = options(field);
        self.line(depth, &format!("{label}{of} {} = {}{options};", field.name(), field.number()));
    }

    fn enumeration(&mut self, of: &EnumDescriptorProto, depth: usize) {
        self.line(depth, &format!("enum {} {{", of.name()));
        if of.options.as_ref().is_some_and(prost_reflect::prost_types::EnumOptions::allow_alias) {
            self.line(depth + 1, "option allow_alias = true;");
        }
        for value in &of.value {
            self.line(depth + 1, &format!("{} = {};", value.name(), value.number()));
        }
        for range in &of.reserved_range {
            self.line(depth + 1, &format!("reserved {} to {};", range.start(), range.end()));
        }
        for name in &of.reserved_name {
            self.line(depth + 1, &format!("reserved \"{name}\";"));
        }
        self.line(depth, "}");
    }
}

/// The options of a file that are said, and their values as they are written.
fn file_options(of: &FileOptions) -> impl Iterator<Item = (&'static str, String)> {
    let texts = [
        ("java_package", &of.java_package),
        ("java_outer_classname", &of.java_outer_classname),
        ("go_package", &of.go_package),
        ("objc_class_prefix", &of.objc_class_prefix),
        ("csharp_namespace", &of.csharp_namespace),
        ("swift_prefix", &of.swift_prefix),
        ("php_class_prefix", &of.php_class_prefix),
        ("php_namespace", &of.php_namespace),
        ("php_metadata_namespace", &of.php_metadata_namespace),
        ("ruby_package", &of.ruby_package),
    ];
    let flags = [
        ("java_multiple_files", of.java_multiple_files),
        ("java_string_check_utf8", of.java_string_check_utf8),
        ("cc_generic_services", of.cc_generic_services),
        ("java_generic_services", of.java_generic_services),
        ("py_generic_services", of.py_generic_services),
        ("deprecated", of.deprecated),
        ("cc_enable_arenas", of.cc_enable_arenas),
    ];
    let words = of.optimize_for.map(|_| ("optimize_for", of.optimize_for().as_str_name().to_owned()));
    let texts = texts.map(|(name, value)| value.as_deref().map(|value| (name, quoted(value))));
    let flags = flags.map(|(name, value)| value.map(|value| (name, value.to_string())));
    texts.into_iter().chain(flags).flatten().chain(words)
}

/// A text as it is written in a file.
fn quoted(text: &str) -> String {
    let mut told = "\"".to_owned();
    for c in text.chars() {
        match c {
            '"' | '\\' => told.extend(['\\', c]),
            c if c.is_ascii_control() => {
                let _ = write!(told, "\\{:03o}", u32::from(c));
            }
            c => told.push(c),
        }
    }
    told.push('"');
    told
}

/// The type of a map, if the field is one.
fn map_of(within: &DescriptorProto, field: &FieldDescriptorProto) -> Option<String> {
    let last = field.type_name().rsplit('.').next()?;
    let entry = within.nested_type.iter().find(|inner| inner.name() == last)?;
    let [key, value] = entry.options.as_ref()?.map_entry().then_some(entry.field.as_slice())? else { return None };
    Some(format!("map<{}, {}>", type_of(key), type_of(value)))
}

fn type_of(field: &FieldDescriptorProto) -> String {
    let word = match field.r#type() {
        Type::Double => "double",
        Type::Float => "float",
        Type::Int64 => "int64",
        Type::Uint64 => "uint64",
        Type::Int32 => "int32",
        Type::Fixed64 => "fixed64",
        Type::Fixed32 => "fixed32",
        Type::Bool => "bool",
        Type::String => "string",
        Type::Bytes => "bytes",
        Type::Uint32 => "uint32",
        Type::Sfixed32 => "sfixed32",
        Type::Sfixed64 => "sfixed64",
        Type::Sint32 => "sint32",
        Type::Sint64 => "sint64",
        Type::Message | Type::Group | Type::Enum => return field.type_name().to_owned(),
    };
    word.to_owned()
}

fn options(field: &FieldDescriptorProto) -> String {
    let mut told = Vec::new();
    if let Some(value) = &field.default_value {
        told.push(match field.r#type() {
            Type::String => format!("default = {}", quoted(value)),
            // Bytes stand in a descriptor as they are written.
            Type::Bytes => format!("default = \"{value}\""),
            _ => format!("default = {value}"),
        });
    }
    if let Some(name) = field.json_name.as_deref().filter(|name| *name != json_name(field.name())) {
        told.push(format!("json_name = {}", quoted(name)));
    }
    if let Some(options) = &field.options {
        told.extend(options.packed.map(|packed| format!("packed = {packed}")));
        if options.deprecated() {
            told.push("deprecated = true".to_owned());
        }
    }
    if told.is_empty() { String::new() } else { format!(" [{}]", told.join(", ")) }
}
