//! The routes by which one comes in and goes out, for the documentation; the guard serves them.

use super::ask::{Ask, Reply};
use super::spec::Spec;
use crate::api::guard::{Login, Me};
use crate::api::problem::Problem;

/// The routes of the guard.
pub(super) fn routes() -> [Spec; 3] {
    [
        Spec::post("/api/v1/login", "login", "Logs a browser in: a key for a cookie.", elsewhere)
            .body::<Login>(r#"{"key":"..."}"#)
            .json::<Me>(200)
            .refuses(&[409])
            .tag("access")
            .open(),
        Spec { status: 204, ..Spec::post("/api/v1/logout", "logout", "Logs a browser out.", elsewhere) }
            .tag("access")
            .open(),
        Spec::get("/api/v1/me", "me", "Who one is.", elsewhere).json::<Me>(200).tag("access"),
    ]
}

fn elsewhere(_: &Ask) -> Result<Reply, Problem> {
    Err(Problem::fault("this is answered by the guard"))
}
