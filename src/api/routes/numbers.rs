//! The city in numbers, how the wire fares, and what finished runs left.

use std::path::Path;
use std::sync::Arc;

use super::ask::{Ask, Reply, ok};
use super::cities::city_id;
use super::spec::{Content, Kind, Param, Spec, param};
use crate::api::answers::indicators::{IndicatorAnswer, Known, answers};
use crate::api::port::{Finished, Pipeline};
use crate::api::problem::Problem;

const INDICATORS_ASKED: &[Param] = &[param(
    "group",
    Kind::Word(&[
        "traffic",
        "transit",
        "emergencies",
        "fleet",
        "air",
        "parking",
        "weather",
        "safety",
        "sensors",
        "alerts",
        "pipeline",
        "model",
    ]),
    "Only of this group.",
    "traffic",
)];
const RUN: Param = param("id", Kind::Name(256), "The run's id.", "demo~20260602-0700-7");
const FILE: Param = param("file", Kind::Name(256), "The file's name.", "report.html");

/// A page of a report may show itself and run its own scripts, and reach nothing and nobody else.
const SANDBOX: &str = "sandbox allow-scripts; default-src 'none'; img-src data:; style-src 'unsafe-inline'; \
                       script-src 'unsafe-inline'; font-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

pub(super) fn routes() -> Vec<Spec> {
    vec![
        Spec::get("/api/v1/indicators", "indicators", "The city in numbers, each with its definition.", indicators)
            .query(INDICATORS_ASKED)
            .json::<Vec<IndicatorAnswer>>(200)
            .tag("numbers"),
        Spec::get("/api/v1/pipeline", "pipeline", "How the wire fares.", pipeline).json::<Pipeline>(200).tag("numbers"),
        Spec::get(
            "/api/v1/finished",
            "finished",
            "Runs and comparisons that are finished, the latest first.",
            finished,
        )
        .json::<Vec<Finished>>(200)
        .tag("runs")
        .refuses(&[503]),
        Spec::get("/api/v1/finished/{id}/{file}", "finished_file", "A file that a finished run left.", file)
            .path(&[RUN, FILE])
            .gives(200, Content::text("text/html"))
            .gives(200, Content::text("text/csv"))
            .gives(200, Content::text("text/plain"))
            .gives(200, Content { media: "application/json", schema: super::spec::of::<serde_json::Value> })
            .gives(200, Content::text("application/octet-stream"))
            .tag("runs"),
    ]
}

/// All that indicators are computed from, at most a second old.
pub(crate) fn known(ask: &Ask) -> Result<Arc<Known>, Problem> {
    ask.desk.held("known", || {
        let totals = ask.twin.session("live").filter(|live| live.info().simulated);
        let totals = totals.map(|live| live.scenes().borrow().totals);
        let pipeline = ask.twin.pipeline();
        Ok(Known::read(ask.stores(), &ask.desk.events, &city_id(ask), pipeline, totals))
    })
}

fn indicators(ask: &Ask) -> Result<Reply, Problem> {
    let mut all = answers(&*known(ask)?);
    if let Some(group) = ask.word("group") {
        all.retain(|one| one.group == group);
    }
    ok(&all)
}

fn pipeline(ask: &Ask) -> Result<Reply, Problem> {
    ok(&ask.twin.pipeline())
}

fn finished(ask: &Ask) -> Result<Reply, Problem> {
    let all = ask.desk.held("finished", || Ok(ask.twin.finished()?))?;
    ok(&*all)
}

/// What a file is, by its ending; nothing that a browser would run beside the page.
fn media(name: &str) -> &'static str {
    match Path::new(name).extension().and_then(|ending| ending.to_str()) {
        Some("html") => "text/html",
        Some("json" | "geojson") => "application/json",
        Some("csv") => "text/csv",
        Some("md" | "txt" | "yaml" | "log") => "text/plain",
        _ => "application/octet-stream",
    }
}

fn file(ask: &Ask) -> Result<Reply, Problem> {
    let name = ask.named("file");
    let path = ask.twin.file_of(ask.named("id"), name)?;
    Ok(Reply::file(media(name), &path).header("Content-Security-Policy", SANDBOX))
}
