//! Shapes of answers that are made elsewhere, for the documentation.

use std::collections::BTreeMap;

use serde_json::Value;

/// Places on the map (RFC 7946).
#[derive(Debug, utoipa::ToSchema)]
#[expect(dead_code, reason = "only its schema is asked for")]
pub(crate) struct FeatureCollection {
    /// Always `FeatureCollection`.
    #[schema(example = "FeatureCollection")]
    r#type: String,
    /// What there is.
    features: Vec<Feature>,
}

/// One place on the map.
#[derive(Debug, utoipa::ToSchema)]
#[expect(dead_code, reason = "only its schema is asked for")]
pub(crate) struct Feature {
    /// Always `Feature`.
    #[schema(example = "Feature")]
    r#type: String,
    /// Where it is, longitude before latitude [deg].
    geometry: Option<Geometry>,
    /// What is known of it.
    properties: BTreeMap<String, Value>,
}

/// Where something is, as `GeoJSON`.
#[derive(Debug, utoipa::ToSchema)]
#[expect(dead_code, reason = "only its schema is asked for")]
pub(crate) struct Geometry {
    /// `Point`, `LineString` or `Polygon`.
    #[schema(example = "Point")]
    r#type: String,
    /// Longitude before latitude [deg].
    coordinates: Vec<Value>,
}
