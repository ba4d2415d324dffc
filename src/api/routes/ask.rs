//! A request as answers see it, and what they give back.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use actix_web::web::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::desk::Desk;
use super::spec::numbers;
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

    /// The area asked for by `bbox`, or by `near` and `radius`; everywhere if by neither.
    pub(crate) fn area(&self) -> Result<Area, Problem> {
        let (around, near) = (self.word("bbox"), self.word("near"));
        if around.is_some() && near.is_some() {
            return Err(Problem::bad("an area is `bbox` or `near` with `radius`, not both; leave one out"));
        }
        if near.is_none() && self.word("radius").is_some() {
            return Err(Problem::bad("`radius` is around a place; add `near=latitude,longitude`"));
        }
        if let Some([west, south, east, north]) =
            around.and_then(|text| numbers(text, &[180.0, 90.0, 180.0, 90.0])).as_deref()
        {
            if south > north {
                return Err(Problem::bad("`bbox` has its south above its north; it is `west,south,east,north`"));
            }
            return Ok(Area::Box { south: *south, west: *west, north: *north, east: *east });
        }
        if let Some([latitude, longitude]) = near.and_then(|text| numbers(text, &[90.0, 180.0])).as_deref() {
            let radius = self.number("radius").unwrap_or(1000.0);
            return Ok(Area::Circle { latitude: *latitude, longitude: *longitude, radius });
        }
        Ok(Area::Everywhere)
    }

    /// The body as a value.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(&self.body).map_err(|error| {
            // Serde names line and column; what is no JSON at all differs from what is JSON of something else.
            if error.is_data() {
                Problem::cannot_be(format!("the body is not what this takes: {error}; see /api/v1/openapi.json"))
            } else {
                Problem::bad(format!("the body is no JSON: {error}"))
            }
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
        Self { status, media, headers: Vec::new(), body: Body::Bytes(bytes.into()) }
    }

    /// A file.
    pub(crate) fn file(media: &'static str, path: &Path) -> Self {
        Self { status: 200, media, headers: Vec::new(), body: Body::File(path.to_owned()) }
    }

    /// Nothing more to say.
    pub(crate) fn empty(status: u16) -> Self {
        Self::bytes(status, "", Bytes::new())
    }

    /// With one more header.
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// The usual: JSON with status 200.
pub(crate) fn ok(value: &impl Serialize) -> Result<Reply, Problem> {
    Ok(Reply::json(200, value))
}
