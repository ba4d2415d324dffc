//! The routes by which one comes in and goes out, for the documentation; the guard serves them.

use super::ask::{Ask, Reply};
use super::spec::Spec;
use crate::api::guard::Login;
use crate::api::problem::Problem;

/// Who one is.
#[derive(Debug, utoipa::ToSchema)]
#[expect(dead_code, reason = "only its schema is asked for")]
pub(crate) struct Me {
    /// The name of the key, or what the issuer calls somebody.
    name: String,
    /// `viewer`, `trainer`, `operator` or `admin`.
    #[schema(example = "operator")]
    role: String,
    /// What to send as `X-CSRF-Token`; null where no cookie says who one is.
    csrf: Option<String>,
    /// Whether nobody is asked here.
    open: bool,
}

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
