//! How the API itself fares, and what it and the city tell a Prometheus server.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

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
