//! From what was found to who is told: rules over windows and events, alerts, and the actions that carry them outside.
//!
//! Alerts and what is still to be delivered are rows like any other result: whoever dies goes on from them. What time it is, is
//! told by the caller.

#[cfg_attr(not(feature = "actions"), allow(dead_code, reason = "asked by who speaks to the outside"))]
mod address;
mod alert;
mod area;
mod deliver;
mod file;
mod metric;
mod outbox;
mod overseer;
pub mod rules;
pub mod signature;
pub mod subscribers;

pub use address::Reach;
pub use alert::{ALERTS, Alert, AlertState};
pub use deliver::{Courier, Deliverer, Outcome, Turned};
pub use file::{parse, read};
pub use metric::{METRICS, Metric, table as metrics_table};
pub use outbox::{DEAD_LETTERS, DeadLetter, Notice, NoticeState, OUTBOX, RETRIES, requeue};
pub use overseer::{Extra, Gauge, Now, OVERSEER, Overseer, OverseerSettings, Stepped};
pub use rules::AlertRules;
pub use subscribers::Subscribers;
