//! What a route is: who may ask, with which parameters, and what comes back. One description that requests are checked against and
//! that the served documentation is made of, so that neither can say what the other does not.

use std::fmt;

use actix_web::http::Method;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::{RefOr, SchemaFormat};

use super::ask::{Ask, Reply};
use crate::api::guard::Role;
use crate::api::ids;
use crate::api::problem::Problem;
use crate::primitives::Timestamp;

/// Makes the answer to a request; may take its time, as it runs where nobody else waits.
pub(crate) type Answer = fn(&Ask) -> Result<Reply, Problem>;
/// A schema by its name, and all it is made of.
pub(crate) type Schemas = Vec<(String, RefOr<Schema>)>;
/// Adds what a schema is made of, and gives the schema or a reference to it.
pub(crate) type SchemaOf = fn(&mut Schemas) -> RefOr<Schema>;

/// What a parameter may hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// A text of at most so many bytes.
    Text(usize),
    /// The same in a path, where some letters have another meaning.
    Name(usize),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number between two, both included.
    Whole(u64, u64),
    /// A number between two, both included.
    Number(f64, f64),
    /// A ULID.
    Ulid,
    /// Four numbers: west, south, east, north [deg].
    Box,
    /// Two numbers: latitude, longitude [deg].
    Place,
    /// An instant: RFC 3339, in UTC.
    Instant,
    /// A place to go on from, as an answer gave it.
    Cursor,
}

/// Texts without control characters.
const PLAIN: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$";
/// Names in paths: not beginning with a dot, and without what paths are made of.
const NAME: &str = "^[^\\u0000-\\u0020\\u007f-\\u009f/\\\\%.][^\\u0000-\\u001f\\u007f-\\u009f/\\\\%]*$";
/// Longest cursor read [bytes].
const CURSOR_MAX: usize = 1024;

impl Kind {
    /// What is wrong with a text as a value; nothing if it is one.
    pub(crate) fn complaint(self, text: &str) -> Option<String> {
        match self {
            Self::Text(most) | Self::Name(most) if text.len() > most => {
                Some(format!("has {} bytes, more than {most}", text.len()))
            }
            Self::Text(_) | Self::Name(_) if text.chars().any(char::is_control) => {
                Some("holds control characters".to_owned())
            }
            Self::Text(_) | Self::Name(_) => None,
            Self::Word(words) if words.contains(&text) => None,
            Self::Word(words) => {
                let near = crate::primitives::text::closest(text, words.iter().copied());
                let near = near.map_or_else(String::new, |near| format!(", did you mean `{near}`?"));
                Some(format!("is none of {}{near}", words.join(", ")))
            }
            Self::Whole(low, high) => {
                let number = text.parse::<u64>().ok().filter(|number| (low..=high).contains(number));
                number.is_none().then(|| format!("is no whole number from {low} to {high}"))
            }
            Self::Number(low, high) => {
                number(text, low, high).is_none().then(|| format!("is no number from {low} to {high}"))
            }
            Self::Ulid => (!ids::is_ulid(text)).then(|| "is no ULID: 26 of 0-9 A-Z without I L O U".to_owned()),
            Self::Box => numbers(text, &[180.0, 90.0, 180.0, 90.0])
                .is_none()
                .then(|| "is not `west,south,east,north` in degrees".to_owned()),
            Self::Place => {
                numbers(text, &[90.0, 180.0]).is_none().then(|| "is not `latitude,longitude` in degrees".to_owned())
            }
            Self::Instant => {
                text.parse::<Timestamp>().is_err().then(|| "is no instant such as `2026-06-02T07:00:00Z`".to_owned())
            }
            Self::Cursor => (text.len() > CURSOR_MAX || !ids::may_be_cursor(text))
                .then(|| "is no cursor that an answer gave; leave it out to begin anew".to_owned()),
        }
    }

    /// Its schema.
    pub(crate) fn schema(self) -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let degrees =
            |most: f64| ObjectBuilder::new().schema_type(Type::Number).minimum(Some(-most)).maximum(Some(most)).build();
        let tuple = |each: &[f64]| {
            let items: Vec<Schema> = each.iter().map(|most| degrees(*most).into()).collect();
            let least = each.iter().copied().fold(f64::INFINITY, f64::min);
            let (length, items_schema) = (Some(each.len()), degrees(least));
            ArrayBuilder::new().prefix_items(items).items(items_schema).min_items(length).max_items(length).build()
        };
        match self {
            Self::Text(most) => text().max_length(Some(most)).pattern(Some(PLAIN)).build().into(),
            Self::Name(most) => text().min_length(Some(1)).max_length(Some(most)).pattern(Some(NAME)).build().into(),
            Self::Word(words) => text().enum_values(Some(words.iter().copied())).build().into(),
            #[expect(clippy::cast_precision_loss, reason = "bounds of parameters are small")]
            Self::Whole(low, high) => ObjectBuilder::new()
                .schema_type(Type::Integer)
                .minimum(Some(low as f64))
                .maximum(Some(high as f64))
                .build()
                .into(),
            Self::Number(low, high) => {
                ObjectBuilder::new().schema_type(Type::Number).minimum(Some(low)).maximum(Some(high)).build().into()
            }
            Self::Ulid => text().pattern(Some("^[0-7][0-9A-HJKMNP-TV-Z]{25}$")).build().into(),
            Self::Box => tuple(&[180.0, 90.0, 180.0, 90.0]).into(),
            Self::Place => tuple(&[90.0, 180.0]).into(),
            Self::Instant => {
                text().format(Some(SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::DateTime))).build().into()
            }
            Self::Cursor => text().pattern(Some(ids::CURSOR_PATTERN)).max_length(Some(CURSOR_MAX)).build().into(),
        }
    }

    /// Whether it is several values in one, with commas between them.
    pub(crate) const fn is_list(self) -> bool {
        matches!(self, Self::Box | Self::Place)
    }
}

/// A finite number between two.
fn number(text: &str, low: f64, high: f64) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| number.is_finite() && (low..=high).contains(number))
}

/// Numbers with commas between them, each at most its own bound away from 0.
pub(crate) fn numbers(text: &str, most: &[f64]) -> Option<Vec<f64>> {
    let read: Option<Vec<f64>> =
        text.split(',').zip(most).map(|(one, most)| number(one.trim(), -*most, *most)).collect();
    read.filter(|read| read.len() == most.len() && text.split(',').count() == most.len())
}

/// A parameter of the query or the path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Param {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it may hold.
    pub(crate) kind: Kind,
    /// What it means, in a sentence.
    pub(crate) says: &'static str,
    /// A value as an example.
    pub(crate) example: &'static str,
}

/// A parameter.
pub(crate) const fn param(name: &'static str, kind: Kind, says: &'static str, example: &'static str) -> Param {
    Param { name, kind, says, example }
}

/// What a body holds or an answer gives.
#[derive(Clone, Copy)]
pub(crate) struct Content {
    /// Its media type.
    pub(crate) media: &'static str,
    /// Its schema.
    pub(crate) schema: SchemaOf,
}

impl Content {
    /// JSON of a type.
    pub(crate) const fn json<T: ToSchema>() -> Self {
        Self { media: "application/json", schema: of::<T> }
    }

    /// Another media type with a text.
    pub(crate) const fn text(media: &'static str) -> Self {
        Self { media, schema: |_| ObjectBuilder::new().schema_type(Type::String).build().into() }
    }

    /// `GeoJSON`.
    pub(crate) const fn geojson() -> Self {
        Self { media: "application/geo+json", schema: of::<super::shapes::FeatureCollection> }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.media)
    }
}

/// The schema of a type: written where it stands for lists and plain values, by its name otherwise.
pub(crate) fn of<T: ToSchema>(into: &mut Schemas) -> RefOr<Schema> {
    T::schemas(into);
    let whole = T::schema();
    let inline = matches!(&whole, RefOr::T(Schema::Array(_)) | RefOr::Ref(_));
    if inline {
        return whole;
    }
    let name = T::name().into_owned();
    into.push((name.clone(), whole));
    RefOr::Ref(utoipa::openapi::Ref::from_schema_name(name))
}

/// The schema of a page of a list; each list has pages of its own name.
fn page_of<T: ToSchema>(into: &mut Schemas) -> RefOr<Schema>
where
    super::page::Page<T>: ToSchema,
{
    of::<T>(into);
    let name = format!("PageOf{}", T::name());
    into.push((name.clone(), <super::page::Page<T> as utoipa::PartialSchema>::schema()));
    RefOr::Ref(utoipa::openapi::Ref::from_schema_name(name))
}

/// A route.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    /// The method.
    pub(crate) method: Method,
    /// The path, with names in braces.
    pub(crate) path: &'static str,
    /// What it is about.
    pub(crate) tag: &'static str,
    /// Its name in the documentation, unique.
    pub(crate) id: &'static str,
    /// What it does, in a sentence.
    pub(crate) summary: &'static str,
    /// The least role that may ask.
    pub(crate) role: Role,
    /// Whether it is open to whoever can reach the server, for probes.
    pub(crate) open: bool,
    /// Parameters of the path.
    pub(crate) in_path: &'static [Param],
    /// Parameters of the query.
    pub(crate) in_query: &'static [Param],
    /// What the body holds, with an example.
    pub(crate) body: Option<(Content, &'static str)>,
    /// Status of success.
    pub(crate) status: u16,
    /// What success brings; several media types if it depends on what is asked.
    pub(crate) gives: Vec<Content>,
    /// Further statuses, beyond those that every route has.
    pub(crate) refuses: &'static [u16],
    /// Makes the answer.
    pub(crate) answer: Answer,
}

impl Spec {
    fn new(method: Method, path: &'static str, id: &'static str, summary: &'static str, answer: Answer) -> Self {
        Self {
            method,
            path,
            tag: "city",
            id,
            summary,
            role: Role::Viewer,
            open: false,
            in_path: &[],
            in_query: &[],
            body: None,
            status: 200,
            gives: Vec::new(),
            refuses: &[],
            answer,
        }
    }

    /// A route that looks.
    pub(crate) fn get(path: &'static str, id: &'static str, summary: &'static str, answer: Answer) -> Self {
        Self::new(Method::GET, path, id, summary, answer)
    }

    /// A route that makes something.
    pub(crate) fn post(path: &'static str, id: &'static str, summary: &'static str, answer: Answer) -> Self {
        Self::new(Method::POST, path, id, summary, answer)
    }

    /// A route that sets something.
    pub(crate) fn put(path: &'static str, id: &'static str, summary: &'static str, answer: Answer) -> Self {
        Self::new(Method::PUT, path, id, summary, answer)
    }

    /// A route that changes something.
    pub(crate) fn patch(path: &'static str, id: &'static str, summary: &'static str, answer: Answer) -> Self {
        Self::new(Method::PATCH, path, id, summary, answer)
    }

    /// A route that takes something away.
    pub(crate) fn delete(path: &'static str, id: &'static str, summary: &'static str, answer: Answer) -> Self {
        Self { status: 204, ..Self::new(Method::DELETE, path, id, summary, answer) }
    }

    /// What it is about.
    pub(crate) fn tag(self, tag: &'static str) -> Self {
        Self { tag, ..self }
    }

    /// Who may ask.
    pub(crate) fn role(self, role: Role) -> Self {
        Self { role, ..self }
    }

    /// Open to probes.
    pub(crate) fn open(self) -> Self {
        Self { open: true, ..self }
    }

    /// With these parameters in the path.
    pub(crate) fn path(self, in_path: &'static [Param]) -> Self {
        Self { in_path, ..self }
    }

    /// With these parameters in the query.
    pub(crate) fn query(self, in_query: &'static [Param]) -> Self {
        Self { in_query, ..self }
    }

    /// With a body of JSON.
    pub(crate) fn body<T: ToSchema>(self, example: &'static str) -> Self {
        Self { body: Some((Content::json::<T>(), example)), ..self }
    }

    /// Gives JSON of a type.
    pub(crate) fn json<T: ToSchema>(self, status: u16) -> Self {
        self.gives(status, Content::json::<T>())
    }

    /// Gives pages of a list.
    pub(crate) fn pages<T: ToSchema>(self) -> Self
    where
        super::page::Page<T>: ToSchema,
    {
        self.gives(200, Content { media: "application/json", schema: page_of::<T> })
    }

    /// Gives this.
    pub(crate) fn gives(mut self, status: u16, content: Content) -> Self {
        self.gives.push(content);
        Self { status, ..self }
    }

    /// May refuse with these statuses.
    pub(crate) fn refuses(self, refuses: &'static [u16]) -> Self {
        Self { refuses, ..self }
    }

    /// Whether it changes something.
    pub(crate) fn changes(&self) -> bool {
        self.method != Method::GET
    }
}
