//! How the API itself fares, and what it and the city tell a Prometheus server.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::ask::{Ask, Reply};
use super::numbers::known;
use super::spec::{Content, Spec};
use crate::api::answers::indicators::answers;
use crate::api::problem::Problem;

/// What a request is counted under; paths are patterns, so there are as many as there are routes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    method: String,
    path: String,
    status: u16,
}

/// Requests so far.
#[derive(Debug)]
pub(crate) struct Requests {
    answered: Family<Labels, Counter<u64, AtomicU64>>,
    took: Histogram,
}

impl Default for Requests {
    fn default() -> Self {
        let bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
        Self { answered: Family::default(), took: Histogram::new(bounds) }
    }
}

impl Requests {
    /// Counts an answer.
    pub(crate) fn note(&self, method: &str, path: &str, status: u16, took: Duration) {
        let labels = Labels { method: method.to_owned(), path: path.to_owned(), status };
        self.answered.get_or_create(&labels).inc();
        self.took.observe(took.as_secs_f64());
    }
}

/// The media type of what a Prometheus server reads (`OpenMetrics` 1.0).
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) fn routes() -> Vec<Spec> {
    let says = "Every indicator that has a value, and how the API itself fares, for a Prometheus server.";
    vec![
        Spec::get("/metrics", "prometheus", says, prometheus)
            .gives(200, Content::text("application/openmetrics-text"))
            .tag("health"),
    ]
}

/// Every indicator as a gauge `citytwin_<group>_<name>`, and the requests answered so far.
fn prometheus(ask: &Ask) -> Result<Reply, Problem> {
    let mut registry = Registry::with_prefix("citytwin");
    for one in answers(&*known(ask)?) {
        let Some(value) = one.value else { continue };
        let gauge = Gauge::<f64, AtomicU64>::default();
        gauge.set(value);
        // The format puts the dot behind sentences itself.
        let unit = if one.unit.is_empty() { String::new() } else { format!(" [{}]", one.unit) };
        let says = format!("{}{unit}", one.says.trim_end_matches('.'));
        registry.register(one.name.replace('.', "_"), says, gauge);
    }
    let requests = &ask.desk.metrics;
    registry.register("requests", "Requests answered", requests.answered.clone());
    registry.register("request_seconds", "Time until a request was answered", requests.took.clone());
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|error| Problem::fault(error.to_string()))?;
    Ok(Reply::bytes(200, OPEN_METRICS, text))
}
