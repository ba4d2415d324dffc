//! Whether the API and what is behind it are well, for people and for probes.

use serde::Serialize;

use super::ask::{Ask, Reply};
use super::spec::Spec;
use crate::api::problem::Problem;

/// How a part fares.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct PartHealth {
    /// Which part.
    #[schema(example = "live state")]
    part: &'static str,
    /// Whether it is well.
    well: bool,
    /// What is wrong with it, and what to do.
    reason: Option<String>,
}

/// How all fares.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Health {
    /// `well`; `degraded` if something is away and the rest is served; `down` if nothing is.
    #[schema(example = "well")]
    status: &'static str,
    /// The parts.
    parts: Vec<PartHealth>,
}

pub(super) fn routes() -> Vec<Spec> {
    let get = |path, id, says, answer| Spec::get(path, id, says, answer).json::<Health>(200).tag("health").open();
    vec![
        get("/health/live", "health_live", "Whether the server runs.", |_| {
            Ok(Reply::json(200, &Health { status: "well", parts: Vec::new() }))
        }),
        get("/health/ready", "health_ready", "Whether the server can answer; degraded is ready, with reasons.", ready)
            .refuses(&[503]),
    ]
}

/// How all fares, at most a second old.
pub(crate) fn health(ask: &Ask) -> Health {
    let stores = ask.stores();
    let part = |part, error: Option<String>| PartHealth { part, well: error.is_none(), reason: error };
    let live = stores.live().clock().err().map(|error| error.to_string());
    let tables = stores.tables().get("progress", "00000").err().map(|error| error.to_string());
    let records = stores.pieces().err().map(|error| error.to_string());
    let away = [&live, &tables, &records].iter().filter(|part| part.is_some()).count();
    let mut parts = vec![part("live state", live), part("tables", tables), part("history", records)];
    let pipeline = ask.twin.pipeline();
    let troubles = (!pipeline.troubles.is_empty()).then(|| pipeline.troubles.join("; "));
    let troubled = troubles.is_some();
    parts.push(part("wire", troubles));
    let status = match away {
        0 if !troubled => "well",
        0..=2 => "degraded",
        _ => "down",
    };
    Health { status, parts }
}

fn ready(ask: &Ask) -> Result<Reply, Problem> {
    let health = health(ask);
    if health.status == "down" {
        let reasons: Vec<String> = health.parts.into_iter().filter_map(|part| part.reason).collect();
        return Err(Problem::away("no store answers").with(&reasons));
    }
    Ok(Reply::json(200, &health))
}
