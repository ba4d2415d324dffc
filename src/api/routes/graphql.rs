//! Reading by GraphQL: the same answers as the other routes give, as many at once as somebody wants and no more of each.
//!
//! Limits: questions nest at most [`DEPTH_MAX`] deep and cost at most [`COST_MAX`], a field of an item of a list counting once for each
//! item that was asked for.

#![allow(clippy::unused_async, reason = "what the macro makes of resolvers has to be asynchronous")]

use std::sync::LazyLock;

use async_graphql::{Context, EmptyMutation, EmptySubscription, Object, Request, Schema, SimpleObject};
use serde::Deserialize;

use super::ask::{Ask, Reply};
use super::cities::{city_id, fleet};
use super::desk::lock;
use super::numbers::known;
use super::short::{VehicleLocation, location, positions};
use super::spec::{Content, Spec};
use crate::api::answers::alerts::AlertBook;
use crate::api::answers::assets::Asset;
use crate::api::answers::events::{EventsAsked, answer};
use crate::api::answers::{alerts, geo, indicators};
use crate::api::problem::Problem;

/// How deep a question may nest; asking for the schema itself takes 13.
const DEPTH_MAX: usize = 16;
/// What a question may cost.
const COST_MAX: usize = 20_000;
/// Most items of a list.
const ITEMS_MAX: u32 = 1_000;
/// Items of a list if nobody says how many.
const ITEMS: u32 = 100;

type Questions = Schema<Query, EmptyMutation, EmptySubscription>;

static SCHEMA: LazyLock<Questions> = LazyLock::new(|| {
    Schema::build(Query, EmptyMutation, EmptySubscription).limit_depth(DEPTH_MAX).limit_complexity(COST_MAX).finish()
});

/// A question.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Question {
    /// The question.
    #[schema(example = "{ city { name } }")]
    query: String,
    /// Which of several questions in it.
    operation_name: Option<String>,
    /// Values of its variables.
    variables: Option<std::collections::BTreeMap<String, serde_json::Value>>,
}

/// An answer to a question.
#[derive(Debug, utoipa::ToSchema)]
#[expect(dead_code, reason = "only its schema is asked for")]
pub(crate) struct GraphqlAnswer {
    /// What was asked for; null where that cannot be told.
    data: Option<serde_json::Value>,
    /// What was wrong.
    errors: Option<Vec<serde_json::Value>>,
}

pub(super) fn routes() -> Vec<Spec> {
    let says = "Reads by GraphQL; changes nothing.";
    vec![
        Spec::get("/api/graphql", "graphql_schema", "What may be asked by GraphQL, in its schema language.", |_| {
            Ok(Reply::bytes(200, "text/plain; charset=utf-8", SCHEMA.sdl()))
        })
        .gives(200, Content::text("text/plain"))
        .tag("graphql"),
        Spec::post("/api/graphql", "graphql", says, ask)
            .body::<Question>(r#"{"query":"{ city { name } indicators(group: \"traffic\") { name value unit } }"}"#)
            .json::<GraphqlAnswer>(200)
            .tag("graphql"),
    ]
}

fn ask(ask: &Ask) -> Result<Reply, Problem> {
    let Question { query, operation_name, variables } = ask.read()?;
    let variables = variables.unwrap_or_default().into_iter().collect();
    let mut request =
        Request::new(query).variables(async_graphql::Variables::from_json(serde_json::Value::Object(variables)));
    if let Some(name) = operation_name {
        request = request.operation_name(name);
    }
    let request = request.data(ask.clone());
    // Nothing in it waits: it runs where answers are made.
    let answer = tokio::runtime::Handle::current().block_on(SCHEMA.execute(request));
    Ok(Reply::json(200, &answer))
}

/// The city.
#[derive(SimpleObject)]
struct City {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// West, south, east, north [deg].
    bounds: Vec<f64>,
}

/// A number about the whole city.
#[derive(SimpleObject)]
struct Indicator {
    /// Its name.
    name: &'static str,
    /// Its unit; empty if it has none.
    unit: &'static str,
    /// What it says.
    says: &'static str,
    /// What it is about.
    group: &'static str,
    /// Its value; null where there is none now.
    value: Option<f64>,
}

/// A device that spoke.
#[derive(SimpleObject)]
struct Device {
    /// Its id.
    id: String,
    /// Its name on the wire.
    name: String,
    /// What it reports.
    kind: &'static str,
    /// Whether it still speaks.
    active: bool,
    /// Latitude [deg].
    latitude: Option<f64>,
    /// Longitude [deg].
    longitude: Option<f64>,
    /// The metrics it tells.
    capabilities: Vec<&'static str>,
    /// When it last spoke.
    last_seen_at: String,
}

/// What somebody should know of.
#[derive(SimpleObject)]
struct Alert {
    /// Its id.
    id: String,
    /// The rule.
    rule: String,
    /// `firing`, `resolved` or `noted`.
    state: &'static str,
    /// How bad it is.
    severity: &'static str,
    /// Whom or what it is about.
    subject: String,
    /// Since when, in the city's time.
    since: String,
    /// What is so.
    says: String,
    /// Whether somebody has seen it.
    acknowledged: bool,
}

/// What happened.
#[derive(SimpleObject)]
struct Event {
    /// Its id.
    id: String,
    /// What.
    kind: &'static str,
    /// When, in the city's time.
    at: String,
    /// Whom or what it is about.
    subject: String,
    /// How bad it is.
    severity: &'static str,
    /// In a sentence.
    says: String,
}

/// A vehicle whose tracker spoke.
#[derive(SimpleObject)]
struct Vehicle {
    /// Its id.
    id: String,
    /// Its class, in SUMO's words.
    class: String,
    /// Latitude [deg].
    latitude: f64,
    /// Longitude [deg].
    longitude: f64,
    /// Speed over ground [km/h].
    speed_kmh: Option<f64>,
}

/// A session.
#[derive(SimpleObject)]
struct SessionNow {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// Where it is [s after midnight].
    time_s: f64,
    /// Whether it stands still.
    paused: bool,
    /// Whether its run is over.
    over: bool,
}

/// How many items are asked for.
fn items(limit: Option<u32>) -> usize {
    usize::try_from(limit.unwrap_or(ITEMS).min(ITEMS_MAX)).unwrap_or_default()
}

/// What a list costs.
fn cost(limit: Option<u32>, each: usize) -> usize {
    items(limit).saturating_mul(each)
}

fn told(problem: &Problem) -> async_graphql::Error {
    async_graphql::Error::new(problem.detail())
}

fn device(asset: &Asset) -> Device {
    Device {
        id: asset.id.clone(),
        name: asset.device.to_string(),
        kind: asset.kind().word(),
        active: asset.active,
        latitude: asset.place.map(|place| place.0),
        longitude: asset.place.map(|place| place.1),
        capabilities: asset.capabilities(),
        last_seen_at: asset.last_seen.to_string(),
    }
}

/// Everything that may be asked.
struct Query;

#[Object]
impl Query {
    /// The city that is served.
    async fn city(&self, context: &Context<'_>) -> async_graphql::Result<City> {
        let ask = context.data::<Ask>()?;
        let bounds = geo::bounds(ask.twin.network()).to_vec();
        Ok(City { id: city_id(ask), name: ask.twin.name().to_owned(), bounds })
    }

    /// Its sessions.
    async fn sessions(&self, context: &Context<'_>) -> async_graphql::Result<Vec<SessionNow>> {
        let sessions = context.data::<Ask>()?.twin.sessions().into_iter();
        let now = sessions.map(|one| SessionNow {
            id: one.id,
            name: one.name,
            time_s: one.time_s,
            paused: one.paused,
            over: one.over,
        });
        Ok(now.collect())
    }

    /// The city in numbers.
    async fn indicators(&self, context: &Context<'_>, group: Option<String>) -> async_graphql::Result<Vec<Indicator>> {
        let known = known(context.data::<Ask>()?).map_err(|problem| told(&problem))?;
        let all = indicators::answers(&known).into_iter();
        let wanted = all.filter(|one| group.as_deref().is_none_or(|group| one.group == group));
        let told = wanted.map(|one| Indicator {
            name: one.name,
            unit: one.unit,
            says: one.says,
            group: one.group,
            value: one.value,
        });
        Ok(told.collect())
    }

    /// Devices that spoke, by name.
    #[graphql(complexity = "cost(limit, child_complexity)")]
    async fn assets(
        &self,
        context: &Context<'_>,
        kind: Option<String>,
        after: Option<String>,
        limit: Option<u32>,
    ) -> async_graphql::Result<Vec<Device>> {
        let fleet = fleet(context.data::<Ask>()?, false).map_err(|problem| told(&problem))?;
        let wanted = fleet.assets.iter().filter(|asset| {
            kind.as_deref().is_none_or(|kind| asset.kind().word() == kind)
                && after.as_deref().is_none_or(|after| asset.device.as_str() > after)
        });
        Ok(wanted.take(items(limit)).map(device).collect())
    }

    /// A device by its id or its name.
    async fn asset(&self, context: &Context<'_>, id: String) -> async_graphql::Result<Option<Device>> {
        let fleet = fleet(context.data::<Ask>()?, false).map_err(|problem| told(&problem))?;
        Ok(fleet.find(&id).map(device))
    }

    /// Vehicles whose trackers spoke.
    #[graphql(complexity = "cost(limit, child_complexity)")]
    async fn vehicles(
        &self,
        context: &Context<'_>,
        class: Option<String>,
        limit: Option<u32>,
    ) -> async_graphql::Result<Vec<Vehicle>> {
        let all = positions(context.data::<Ask>()?).map_err(|problem| told(&problem))?;
        let wanted = all
            .iter()
            .filter_map(location)
            .filter(|one| class.as_deref().is_none_or(|class| one.class == class))
            .take(items(limit));
        let told = wanted.map(|one: VehicleLocation| Vehicle {
            id: one.vehicle_id,
            class: one.class,
            latitude: one.latitude,
            longitude: one.longitude,
            speed_kmh: one.speed_kmh,
        });
        Ok(told.collect())
    }

    /// Alerts, the newest first.
    #[graphql(complexity = "cost(limit, child_complexity)")]
    async fn alerts(
        &self,
        context: &Context<'_>,
        state: Option<String>,
        limit: Option<u32>,
    ) -> async_graphql::Result<Vec<Alert>> {
        let ask = context.data::<Ask>()?;
        let book = ask
            .desk
            .held("alerts", || Ok(AlertBook::read(ask.stores().tables())?))
            .map_err(|problem| told(&problem))?;
        let wanted =
            book.alerts.iter().filter(|alert| state.as_deref().is_none_or(|state| alerts::word(alert.state) == state));
        let told = wanted.take(items(limit)).map(|alert| Alert {
            id: alert.id.clone(),
            rule: alert.rule.to_string(),
            state: alerts::word(alert.state),
            severity: alert.severity.word(),
            subject: alert.subject.to_string(),
            since: alert.since.to_string(),
            says: alert.says.clone(),
            acknowledged: book.is_seen(alert),
        });
        Ok(told.collect())
    }

    /// What happened, the newest first.
    #[graphql(complexity = "cost(limit, child_complexity)")]
    async fn events(
        &self,
        context: &Context<'_>,
        kind: Option<String>,
        limit: Option<u32>,
    ) -> async_graphql::Result<Vec<Event>> {
        let ask = context.data::<Ask>()?;
        ask.desk
            .held("events", || Ok(lock(&ask.desk.events).catch_up(ask.stores().tables())?))
            .map_err(|problem| told(&problem))?;
        let asked = EventsAsked { kind: kind.as_deref(), limit: items(limit), ..EventsAsked::default() };
        let book = lock(&ask.desk.events);
        let told = book.page(&asked).0.into_iter().map(answer).map(|one| Event {
            id: one.id,
            kind: one.kind,
            at: one.at,
            subject: one.subject,
            severity: one.severity,
            says: one.says,
        });
        Ok(told.collect())
    }
}
