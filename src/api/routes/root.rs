//! Where everything begins: links to all there is, and the documentation.

use serde_json::{Map, Value, json};

use super::ask::{Ask, Reply, ok};
use super::spec::{Content, Spec};
use super::{ROUTES, openapi};
use crate::api::problem::Problem;

/// Links by what they lead to.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(crate) struct Entry {
    /// The city.
    #[schema(example = "Halvermere")]
    name: String,
    /// The version of the API.
    #[schema(example = "v1")]
    version: &'static str,
    /// Where to go, by name; those with names in braces take what other answers give.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    links: Map<String, Value>,
}

pub(super) fn routes() -> Vec<Spec> {
    vec![
        Spec::get("/api/v1", "entry", "Links to everything.", entry).json::<Entry>(200),
        Spec::get("/api/v1/openapi.json", "openapi", "This documentation, as OpenAPI 3.1.", document)
            .gives(200, Content { media: "application/json", schema: super::spec::of::<serde_json::Value> }),
    ]
}

fn entry(ask: &Ask) -> Result<Reply, Problem> {
    let looks = ROUTES.iter().filter(|spec| !spec.changes());
    let links = looks.map(|spec| (spec.id.to_owned(), json!(spec.path))).collect();
    ok(&Entry { name: ask.twin.name().to_owned(), version: "v1", links })
}

#[expect(clippy::unnecessary_wraps, reason = "routes can fail")]
fn document(_: &Ask) -> Result<Reply, Problem> {
    Ok(Reply::bytes(200, "application/json", openapi::text()).header("Cache-Control", "no-cache"))
}
