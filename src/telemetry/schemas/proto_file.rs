//! A file of Protocol Buffers, read and with every name in it resolved.
//!
//! Comes as text or, as some clients send it, as a descriptor in base64; both of one file are the same file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use prost::Message as _;
use prost_reflect::prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, MessageOptions,
    UninterpretedOption,
};
use protox::file::{File, FileResolver, GoogleFileResolver};

use super::proto_text;

/// The name a file has while it is read.
const NAME: &str = "schema.proto";
/// Deepest nesting of messages in messages, and most messages within the value of an option: whoever reads them calls itself at each.
const DEPTH_MAX: usize = 32;

/// Why something is no file of Protocol Buffers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotProtobuf(String);

impl NotProtobuf {
    fn new(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// A file with every name resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct ProtoFile {
    file: FileDescriptorProto,
    /// The files it imports, and those they import.
    imported: Vec<FileDescriptorProto>,
    /// As it was written, or written anew from the descriptor it came as, or that descriptor where no text says the same.
    text: String,
}

/// The files there are while one is read: itself, those it comes with, and Google's well-known ones.
struct Files(Vec<(String, String)>);

impl FileResolver for Files {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match self.0.iter().find(|(known, _)| known == name) {
            Some((_, text)) => open(name, text).map_err(protox::Error::new),
            None => GoogleFileResolver::new().open_file(name),
        }
    }
}

impl ProtoFile {
    /// Reads a file, as text or as a descriptor in base64; `imports` are the texts of those it imports, by name.
    ///
    /// # Errors
    /// When it is none, or names what is not there.
    pub fn parse(text: &str, imports: &[(String, String)]) -> Result<Self, NotProtobuf> {
        let is_text = descriptor(text).is_none();
        let mut files = vec![(NAME.to_owned(), text.to_owned())];
        files.extend(imports.iter().filter(|(name, _)| name != NAME).cloned());
        let mut compiler = protox::Compiler::with_file_resolver(Files(files));
        compiler.include_source_info(false).include_imports(true);
        compiler.open_file(NAME).map_err(NotProtobuf::new)?;
        let (found, imported): (Vec<_>, Vec<_>) =
            compiler.file_descriptor_set().file.into_iter().partition(|file| file.name() == NAME);
        let file = found.into_iter().next().ok_or_else(|| NotProtobuf::new("nothing is in it"))?;
        let file = Self { file, imported, text: text.to_owned() };
        if is_text {
            return Ok(file);
        }
        // What is kept must be the same file when it is read again.
        let written = Self::parse(&proto_text::write(&file.file), imports);
        Ok(written.ok().filter(|written| written.canonical() == file.canonical()).unwrap_or(file))
    }

    /// Its descriptor, with full names.
    pub fn descriptor(&self) -> &FileDescriptorProto {
        &self.file
    }

    /// The files it imports, and those they import, with full names.
    pub fn imported(&self) -> &[FileDescriptorProto] {
        &self.imported
    }

    /// The file as text; the descriptor it came as if it has what the text cannot say.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The descriptor in base64, as some clients want it.
    pub fn to_base64(&self) -> String {
        BASE64.encode(self.file.encode_to_vec())
    }

    /// What makes it this file and no other, whatever it is called and however it is laid out.
    pub fn canonical(&self) -> Vec<u8> {
        let mut file = self.file.clone();
        (file.name, file.source_code_info) = (None, None);
        // Compilers leave out what is meant where nothing is said.
        file.syntax = file.syntax.filter(|syntax| syntax != "proto2");
        file.options = file.options.filter(|options| options.encoded_len() > 0);
        file.message_type.iter_mut().for_each(plain);
        file.extension.iter_mut().for_each(plain_field);
        file.encode_to_vec()
    }

    /// The full name of the message at a path of indexes.
    pub fn message_at(&self, path: &[usize]) -> Option<String> {
        let (first, inner) = path.split_first()?;
        let mut message = self.file.message_type.get(*first)?;
        let mut name = match self.file.package() {
            "" => message.name().to_owned(),
            package => format!("{package}.{}", message.name()),
        };
        for index in inner {
            message = message.nested_type.get(*index)?;
            name = format!("{name}.{}", message.name());
        }
        Some(name)
    }
}

/// The descriptor that a text in base64 holds; none if it is no such thing.
fn descriptor(text: &str) -> Option<FileDescriptorProto> {
    let bytes = BASE64.decode(text.trim()).ok().filter(|bytes| !bytes.is_empty())?;
    FileDescriptorProto::decode(bytes.as_slice()).ok()
}

/// Opens one file under a name.
fn open(name: &str, text: &str) -> Result<File, NotProtobuf> {
    if let Some(mut file) = descriptor(text) {
        shallow(&file)?;
        file.name = Some(name.to_owned());
        file.source_code_info = None;
        return Ok(File::from_file_descriptor_proto(file));
    }
    // The parser counts messages in messages itself, and takes values of options as words in a row; they are read later.
    let file = File::from_source(name, text).map_err(NotProtobuf::new)?;
    shallow(file.file_descriptor_proto())?;
    Ok(file)
}

/// Whether nothing in a file that was not resolved yet nests deeper than whoever resolves it can go.
fn shallow(file: &FileDescriptorProto) -> Result<(), NotProtobuf> {
    if file.message_type.iter().any(|message| is_too_deep(message, DEPTH_MAX)) {
        return Err(NotProtobuf(format!("nests messages deeper than {DEPTH_MAX}")));
    }
    let mut told = Vec::new();
    told.extend(file.options.iter().map(|options| &options.uninterpreted_option));
    file.message_type.iter().for_each(|of| options_of(of, &mut told));
    file.enum_type.iter().for_each(|of| options_of_enum(of, &mut told));
    told.extend(file.extension.iter().filter_map(|of| Some(&of.options.as_ref()?.uninterpreted_option)));
    for service in &file.service {
        told.extend(service.options.iter().map(|options| &options.uninterpreted_option));
        told.extend(service.method.iter().filter_map(|of| Some(&of.options.as_ref()?.uninterpreted_option)));
    }
    let is_deep = |option: &UninterpretedOption| option.aggregate_value().matches(['{', '<']).count() > DEPTH_MAX;
    if told.into_iter().flatten().any(is_deep) {
        return Err(NotProtobuf(format!("has more than {DEPTH_MAX} messages within the value of an option")));
    }
    Ok(())
}

fn is_too_deep(message: &DescriptorProto, left: usize) -> bool {
    left == 0 || message.nested_type.iter().any(|inner| is_too_deep(inner, left - 1))
}

/// The options of a message and of everything in it that nobody has looked up yet.
fn options_of<'a>(of: &'a DescriptorProto, told: &mut Vec<&'a Vec<UninterpretedOption>>) {
    told.extend(of.options.iter().map(|options| &options.uninterpreted_option));
    let fields = of.field.iter().chain(&of.extension);
    told.extend(fields.filter_map(|of| Some(&of.options.as_ref()?.uninterpreted_option)));
    told.extend(of.oneof_decl.iter().filter_map(|of| Some(&of.options.as_ref()?.uninterpreted_option)));
    told.extend(of.extension_range.iter().filter_map(|of| Some(&of.options.as_ref()?.uninterpreted_option)));
    of.enum_type.iter().for_each(|of| options_of_enum(of, told));
    of.nested_type.iter().for_each(|of| options_of(of, told));
}

fn options_of_enum<'a>(of: &'a EnumDescriptorProto, told: &mut Vec<&'a Vec<UninterpretedOption>>) {
    told.extend(of.options.iter().map(|options| &options.uninterpreted_option));
    told.extend(of.value.iter().filter_map(|of| Some(&of.options.as_ref()?.uninterpreted_option)));
}

/// Takes away from a message what says the same in two ways.
fn plain(message: &mut DescriptorProto) {
    message.options = message.options.take().filter(|options| options.encoded_len() > 0);
    message.field.iter_mut().for_each(plain_field);
    message.extension.iter_mut().for_each(plain_field);
    message.nested_type.iter_mut().for_each(plain);
    // Where fields stand in a file says nothing, nor where what maps are made of stands.
    message.field.sort_by_key(FieldDescriptorProto::number);
    let is_map = |inner: &DescriptorProto| inner.options.as_ref().is_some_and(MessageOptions::map_entry);
    message.nested_type.sort_by_key(|inner| is_map(inner).then(|| inner.name().to_owned()));
}

fn plain_field(field: &mut FieldDescriptorProto) {
    if field.json_name.as_deref() == Some(&json_name(field.name())) {
        field.json_name = None;
    }
    field.options = field.options.take().filter(|options| options.encoded_len() > 0);
}

/// The name a field has in JSON unless it is given another: without underscores, what follows one in capitals.
pub(super) fn json_name(name: &str) -> String {
    let (mut text, mut capital) = (String::with_capacity(name.len()), false);
    for c in name.chars() {
        match c {
            '_' => capital = true,
            c if capital => {
                text.push(c.to_ascii_uppercase());
                capital = false;
            }
            c => text.push(c),
        }
    }
    text
}
