//! Lists that are told page by page.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ask::Ask;
use super::spec::{Kind, Param, param};
use crate::api::ids;
use crate::api::problem::Problem;

/// Most items of a page.
pub(crate) const LIMIT_MAX: u64 = 1_000;
/// Items of a page if nobody says how many.
const LIMIT: usize = 100;

/// The parameter that says how many.
pub(crate) const LIMIT_PARAM: Param =
    param("limit", Kind::Whole(1, LIMIT_MAX), "How many at most; 100 if nobody says.", "100");
/// The parameter that says where to go on.
pub(crate) const CURSOR_PARAM: Param =
    param("cursor", Kind::Cursor, "Where to go on, as `next` of an answer to the same question.", "AAAAAAAAAAAA");

/// A page of a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Page<T> {
    /// What there is.
    items: Vec<T>,
    /// Where to go on, as `cursor` of the next question; null at the end.
    next: Option<String>,
    /// Where to go on, as whole paths.
    links: BTreeMap<&'static str, String>,
}

/// How many are asked for.
pub(crate) fn limit(ask: &Ask) -> usize {
    ask.whole("limit").unwrap_or(LIMIT)
}

/// The question without its place, by which cursors are checked.
fn question(ask: &Ask) -> String {
    let path = ask.uri.split('?').next().unwrap_or_default();
    let filters = ask.query.iter().filter(|(name, _)| !["cursor", "limit"].contains(&name.as_str()));
    filters.fold(path.to_owned(), |text, (name, value)| text + "\n" + name + "=" + value)
}

/// Where to go on; none at the beginning.
pub(crate) fn after(ask: &Ask) -> Result<Option<String>, Problem> {
    let Some(cursor) = ask.word("cursor") else { return Ok(None) };
    let after = ids::after(&question(ask), cursor);
    after.map(Some).ok_or_else(|| Problem::unknown("`cursor` is not of this list; leave it out to begin anew"))
}

impl<T> Page<T> {
    /// A page; `last` is the place of its last item if there are more.
    pub(crate) fn new(ask: &Ask, items: Vec<T>, last: Option<&str>) -> Self {
        let next = last.map(|last| ids::cursor(&question(ask), last));
        let mut links = BTreeMap::from([("self", ask.uri.clone())]);
        if let Some(next) = &next {
            let (path, query) = ask.uri.split_once('?').unwrap_or((&ask.uri, ""));
            let kept = query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
            let kept: String = kept.flat_map(|pair| [pair, "&"]).collect();
            links.insert("next", format!("{path}?{kept}cursor={next}"));
        }
        Self { items, next, links }
    }
}
