//! Who may ask for what: roles, and the caller of a request.

use actix_web::http::StatusCode;
use actix_web::{HttpMessage as _, HttpRequest};

use crate::api::problem::Problem;

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
    pub name: String,
    /// What they may do.
    pub role: Role,
}

/// Refuses a request whose caller may do less than `role`. Where nobody is named, the request comes from this machine.
pub(crate) fn require(request: &HttpRequest, role: Role) -> Result<(), Problem> {
    let held = request.extensions().get::<Caller>().map_or(Role::Admin, |caller| caller.role);
    if held >= role {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, format!("this takes the role {role:?}; you have {held:?}").to_lowercase()))
}
