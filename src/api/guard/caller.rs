//! Who is asking, and what somebody of a role may do.

use std::fmt;
use std::sync::Arc;

use actix_web::{HttpMessage, HttpRequest, HttpResponse, ResponseError, http::StatusCode};
use serde::Serialize;

use crate::api::problem::Problem;

/// What somebody may do; whoever may do more may do all that those before may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Opens sessions of its own and moves their clocks.
    Trainer,
    /// Changes the city.
    Operator,
    /// Everything, subscriptions of others among it.
    Admin,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Trainer, Self::Operator, Self::Admin];

    /// The word a file has for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Trainer => "trainer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// The role of a word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Whoever sent a request. Stands in the request's extensions once it was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The name of the key, or what the issuer calls somebody.
    pub name: Arc<str>,
    /// What it may do.
    pub role: Role,
}

/// Why somebody may not do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Nobody said who it is.
    #[error("say who you are: send `Authorization: Bearer` with a key or a token, or log in")]
    Nobody,
    /// The role is too little.
    #[error("this needs the role {0}, or one that may do more; ask whoever keeps the file of keys, or the issuer")]
    TooLittle(Role),
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        Self::new(denied.status_code(), denied.to_string())
    }
}

impl ResponseError for Denied {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Nobody => StatusCode::UNAUTHORIZED,
            Self::TooLittle(_) => StatusCode::FORBIDDEN,
        }
    }

    fn error_response(&self) -> HttpResponse {
        Problem::from(*self).response()
    }
}

/// Whoever sent a request, if its role is at least this.
///
/// # Errors
/// When nobody is known to have sent it, as where no guard stands before the route, or the role is less.
pub fn require(request: &HttpRequest, least: Role) -> Result<Caller, Denied> {
    let caller = request.extensions().get::<Caller>().cloned().ok_or(Denied::Nobody)?;
    if caller.role < least { Err(Denied::TooLittle(least)) } else { Ok(caller) }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn roles_include_those_before_them() {
        assert!(Role::ALL.is_sorted());
        assert_eq!(Role::ALL.map(|role| Role::of(role.word())), Role::ALL.map(Some));
        assert_eq!(Role::of("Admin"), None);
        for (role, least, allowed) in [
            (Role::Viewer, Role::Viewer, true),
            (Role::Viewer, Role::Trainer, false),
            (Role::Trainer, Role::Operator, false),
            (Role::Operator, Role::Admin, false),
            (Role::Admin, Role::Viewer, true),
        ] {
            let request = TestRequest::default().to_http_request();
            let caller = Caller { name: "ops".into(), role };
            request.extensions_mut().insert(caller.clone());
            let expected = if allowed { Ok(caller) } else { Err(Denied::TooLittle(least)) };
            assert_eq!(require(&request, least), expected, "{role} {least}");
        }
    }

    /// A route without a guard before it is closed, not open.
    #[test]
    fn nobody_is_let_in_where_no_guard_stands() {
        let request = TestRequest::default().to_http_request();
        assert_eq!(require(&request, Role::Viewer), Err(Denied::Nobody));
        assert_eq!(Problem::from(Denied::Nobody).response().status(), StatusCode::UNAUTHORIZED);
    }
}
