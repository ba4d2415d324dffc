//! The field's own checks: what traffic engineers have measured on real roads, measured here on small streets.
//!
//! One file per check in `tests/field/`; each names its source, asserts the literature's range and never our own result, and keeps its row
//! and its figure in `docs/validation.md`. `UPDATE_FIGURES=1 cargo test --test field` writes rows and figures down anew.

#[path = "field/figure.rs"]
mod figure;
#[path = "field/fundamental_diagram.rs"]
mod fundamental_diagram;
#[path = "field/gap_acceptance.rs"]
mod gap_acceptance;
#[path = "field/green_wave.rs"]
mod green_wave;
#[path = "field/jam_wave.rs"]
mod jam_wave;
#[path = "field/lane_drop.rs"]
mod lane_drop;
#[path = "field/record.rs"]
mod record;
#[path = "field/saturation_flow.rs"]
mod saturation_flow;
#[path = "field/street.rs"]
mod street;
#[path = "field/tape.rs"]
mod tape;
#[path = "field/weather.rs"]
mod weather;
#[path = "field/webster_delay.rs"]
mod webster_delay;
