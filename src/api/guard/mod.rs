//! Who may ask for what: roles, and the caller of a request.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpMessage as _, HttpRequest, ResponseError};

/// What somebody may do; each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Looks.
    Viewer,
    /// Runs sessions of their own.
    Trainer,
    /// Changes the city.
    Operator,
    /// Everything.
    Admin,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Their name.
    pub name: Arc<str>,
    /// What they may do.
    pub role: Role,
}

/// Why somebody may not do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Nobody said who it is.
    #[error("say who you are: send `Authorization: Bearer` with a key or a token, or log in")]
    Nobody,
    /// The role is too little.
    #[error("this needs the role {0:?}, or one that may do more")]
    TooLittle(Role),
}

impl ResponseError for Denied {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Nobody => StatusCode::UNAUTHORIZED,
            Self::TooLittle(_) => StatusCode::FORBIDDEN,
        }
    }
}

/// Whoever sent a request, if its role is at least this.
///
/// # Errors
/// When nobody is known to have sent it, or the role is less.
pub fn require(request: &HttpRequest, least: Role) -> Result<Caller, Denied> {
    let caller = request.extensions().get::<Caller>().cloned().ok_or(Denied::Nobody)?;
    if caller.role < least { Err(Denied::TooLittle(least)) } else { Ok(caller) }
}
