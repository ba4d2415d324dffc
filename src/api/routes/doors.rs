//! The routes by which one comes in and goes out, and those of a drill, for the documentation; the guard and the drill serve them.

use super::ask::{Ask, Reply};
use super::spec::{Content, Kind, Param, Spec, of, param};
use crate::api::drill::Join;
use crate::api::guard::{Login, Me};
use crate::api::port::{Joined, Lobby};
use crate::api::problem::Problem;

const FILE: &[Param] = &[param(
    "name",
    Kind::Word(&["after-action.html", "after-action.json", "log.jsonl", "actions.jsonl"]),
    "Which file.",
    "after-action.html",
)];

/// The routes of the guard and of a drill.
pub(super) fn routes() -> [Spec; 6] {
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
        Spec::get("/api/v1/drill", "drill", "The lobby of the drill that is run; 404 where none is.", elsewhere)
            .json::<Lobby>(200)
            .refuses(&[404])
            .tag("drill")
            .open(),
        Spec::post("/api/v1/drill/join", "drill_join", "Takes a seat in the drill by the PIN of a role.", elsewhere)
            .body::<Join>(r#"{"pin":"004711","name":"Kim"}"#)
            .json::<Joined>(200)
            .refuses(&[404, 409])
            .tag("drill")
            .open(),
        Spec::get(
            "/api/v1/drill/files/{name}",
            "drill_file",
            "A file the drill leaves: for players when it is over, for whoever sees the city as it is always.",
            elsewhere,
        )
        .path(FILE)
        .gives(200, Content { media: "application/octet-stream", schema: of::<String> })
        .refuses(&[404, 409])
        .tag("drill"),
    ]
}

fn elsewhere(_: &Ask) -> Result<Reply, Problem> {
    Err(Problem::fault("this is answered by the guard"))
}
