//! A request as answers see it, and what they give back.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use actix_web::web::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::desk::Desk;
use super::spec::numbers;
use crate::api::answers::geo;
use crate::api::port::{Session, Twin};
use crate::api::problem::Problem;
use crate::pipeline::stores::{Area, Stores};
use crate::primitives::Timestamp;
use crate::primitives::text::closest;

/// A request whose parameters have been checked.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) twin: Arc<dyn Twin>,
    pub(crate) desk: Arc<Desk>,
    /// The path as it was asked.
    pub(crate) uri: String,
    /// Parameters of the path.
    pub(crate) path: BTreeMap<String, String>,
    /// Parameters of the query.
    pub(crate) query: BTreeMap<String, String>,
    /// The body; empty if there is none.
    pub(crate) body: Bytes,
    /// Who asks.
    pub(crate) caller: String,
    /// Tags of the answers that the other side has.
    pub(crate) none_match: Option<String>,
    /// Whether the other side takes gzip.
    pub(crate) gzip: bool,
}

impl Ask {
    /// A parameter of the path.
    pub(crate) fn named(&self, name: &str) -> &str {
        self.path.get(name).map_or("", String::as_str)
    }

    /// A parameter of the query.
    pub(crate) fn word(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// A number of the query.
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        self.word(name)?.parse().ok()
    }

    /// A whole number of the query.
    pub(crate) fn whole(&self, name: &str) -> Option<usize> {
        self.word(name)?.parse().ok()
    }

    /// An instant of the query.
    pub(crate) fn instant(&self, name: &str) -> Option<Timestamp> {
        self.word(name)?.parse().ok()
    }

    /// The areas that all have to hold a place: of `bbox`, and of `near` and `radius`. A radius without a place is around the city's
    /// middle.
    pub(crate) fn areas(&self) -> Areas {
        let mut areas = Vec::new();
        let around = self.word("bbox").and_then(|text| numbers(text, &[180.0, 90.0, 180.0, 90.0]));
        if let Some([west, south, east, north]) = around.as_deref() {
            areas.push(Area::Box { south: *south, west: *west, north: *north, east: *east });
        }
        let near = self.word("near").and_then(|text| numbers(text, &[90.0, 180.0]));
        let radius = self.number("radius");
        if near.is_some() || radius.is_some() {
            let middle = || {
                let [west, south, east, north] = geo::bounds(self.twin.network());
                (f64::midpoint(south, north), f64::midpoint(west, east))
            };
            let place = near.as_deref().and_then(|near| Some((*near.first()?, *near.get(1)?)));
            let (latitude, longitude) = place.unwrap_or_else(middle);
            areas.push(Area::Circle { latitude, longitude, radius: radius.unwrap_or(1000.0) });
        }
        Areas(areas)
    }

    /// The body as a value.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let no_json = |error: serde_json::Error| Problem::bad(format!("the body is no JSON: {error}"));
        let value: Value = serde_json::from_slice(&self.body).map_err(no_json)?;
        serde_json::from_value(whole(value)).map_err(|error| {
            Problem::cannot_be(format!("the body is not what this takes: {error}; see /api/v1/openapi.json"))
        })
    }

    /// What the wire filled.
    pub(crate) fn stores(&self) -> &Stores {
        self.twin.stores()
    }

    /// The session that the path names.
    pub(crate) fn session(&self) -> Result<Arc<dyn Session>, Problem> {
        let id = self.named("session");
        self.twin.session(id).ok_or_else(|| {
            let sessions = self.twin.sessions();
            let near = closest(id, sessions.iter().map(|session| session.id.as_str()));
            let near = near
                .map_or_else(|| "GET /api/v1/sessions lists them".to_owned(), |near| format!("did you mean `{near}`?"));
            Problem::unknown(format!("there is no session `{id}`; {near}"))
        })
    }
}

/// A value in which whole numbers are written as such: to JSON `3.0` is as whole as `3`.
fn whole(value: Value) -> Value {
    match value {
        #[expect(clippy::cast_possible_truncation, reason = "only what is whole and small enough to be exact")]
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => Value::from(float as i64),
            _ => Value::Number(number),
        },
        Value::Array(items) => items.into_iter().map(whole).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, field)| (name, whole(field))).collect(),
        other => other,
    }
}

/// Areas that all have to hold a place.
pub(crate) struct Areas(Vec<Area>);

impl Areas {
    /// Whether they hold a place (latitude, longitude) [deg].
    pub(crate) fn holds(&self, place: Option<(f64, f64)>) -> bool {
        self.0.iter().all(|area| area.holds(place))
    }
}

/// What an answer's body is.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    /// Bytes.
    Bytes(Bytes),
    /// A file that is sent as it lies there.
    File(std::path::PathBuf),
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) media: &'static str,
    /// Further headers.
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Body,
    /// The body for whoever asks the same with the same `Idempotency-Key`, where it is another one.
    pub(crate) again: Option<Bytes>,
}

impl Reply {
    /// JSON of a value.
    pub(crate) fn json(status: u16, value: &impl Serialize) -> Self {
        let written = serde_json::to_vec(value);
        debug_assert!(written.is_ok(), "plain fields always become JSON");
        Self::bytes(status, "application/json", written.unwrap_or_default())
    }

    /// Bytes of a media type.
    pub(crate) fn bytes(status: u16, media: &'static str, bytes: impl Into<Bytes>) -> Self {
        Self { status, media, headers: Vec::new(), body: Body::Bytes(bytes.into()), again: None }
    }

    /// A file.
    pub(crate) fn file(media: &'static str, path: &Path) -> Self {
        Self { status: 200, media, headers: Vec::new(), body: Body::File(path.to_owned()), again: None }
    }

    /// Nothing more to say.
    pub(crate) fn empty(status: u16) -> Self {
        Self::bytes(status, "", Bytes::new())
    }

    /// With another body of JSON for whoever asks the same again: what is told once is neither told again nor remembered.
    pub(crate) fn later(mut self, value: &impl Serialize) -> Self {
        self.again = serde_json::to_vec(value).ok().map(Bytes::from);
        self
    }

    /// As it is remembered.
    pub(crate) fn remembered(&self) -> Self {
        let body = self.again.clone().map_or_else(|| self.body.clone(), Body::Bytes);
        Self { body, ..self.clone() }
    }

    /// With one more header.
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// The usual: JSON with status 200.
#[expect(clippy::unnecessary_wraps, reason = "the last line of routes, which can fail before it")]
pub(crate) fn ok(value: &impl Serialize) -> Result<Reply, Problem> {
    Ok(Reply::json(200, value))
}
