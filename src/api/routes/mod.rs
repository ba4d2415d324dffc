//! The routes of the API: one table of all, by which requests are checked, answered and documented.

mod alerts;
mod ask;
mod cities;
mod desk;
mod doors;
#[cfg(feature = "graphql")]
mod graphql;
mod gtfs;
mod health;
mod map;
mod metrics;
mod numbers;
mod openapi;
mod page;
mod root;
mod serve;
mod sessions;
mod shapes;
mod short;
mod spec;
mod webhooks;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use actix_web::guard;
use actix_web::http::Method;
use actix_web::{HttpRequest, web};

use spec::Spec;

/// Every route there is.
static ROUTES: LazyLock<Vec<Arc<Spec>>> = LazyLock::new(|| {
    let parts: &[fn() -> Vec<Spec>] = &[
        root::routes,
        map::routes,
        sessions::routes,
        cities::routes,
        alerts::routes,
        webhooks::routes,
        numbers::routes,
        short::routes,
        health::routes,
        metrics::routes,
        gtfs::routes,
        #[cfg(feature = "graphql")]
        graphql::routes,
    ];
    parts.iter().flat_map(|part| part()).map(Arc::new).collect()
});

/// Paths by which everything of the API begins; what is asked under them and is no route is answered as a problem.
const ROOTS: [&str; 2] = ["/api", "/health"];

/// Adds every route of the API to a server.
pub fn configure(service: &mut web::ServiceConfig) {
    let mut by_path: BTreeMap<&'static str, Vec<&Arc<Spec>>> = BTreeMap::new();
    for spec in ROUTES.iter() {
        by_path.entry(spec.path).or_default().push(spec);
    }
    let paths: Arc<[&'static str]> = by_path.keys().copied().collect();
    // Paths without names come first, so that a name cannot take their place.
    let (named, plain): (Vec<_>, Vec<_>) = by_path.into_iter().partition(|(path, _)| path.contains('{'));
    for (path, specs) in plain.into_iter().chain(named) {
        let mut resource = web::resource(path);
        let mut offered: Vec<Method> = Vec::new();
        for spec in specs {
            offered.push(spec.method.clone());
            let spec = Arc::clone(spec);
            let method = spec.method.clone();
            let is_get = method == Method::GET;
            let asked = guard::fn_guard(move |context| {
                let asked = &context.head().method;
                *asked == method || is_get && *asked == Method::HEAD
            });
            let handler =
                move |request: HttpRequest, payload: web::Payload| serve::serve(Arc::clone(&spec), request, payload);
            resource = resource.route(web::route().guard(asked).to(handler));
        }
        if offered.contains(&Method::GET) {
            offered.push(Method::HEAD);
        }
        resource = resource.default_service(web::to(move |request: HttpRequest| {
            let answer = serve::refused(&request, &offered);
            async move { answer }
        }));
        service.service(resource);
    }
    for root in ROOTS {
        for path in [root.to_owned(), format!("{root}/{{tail:.*}}")] {
            let paths = Arc::clone(&paths);
            service.service(web::resource(path).to(move |request: HttpRequest| {
                let answer = serve::nothing(&request, &paths);
                async move { answer }
            }));
        }
    }
}

/// Method and path of every route, as the documentation has to name them.
pub fn listed() -> Vec<(String, &'static str)> {
    ROUTES.iter().map(|spec| (spec.method.to_string(), spec.path)).collect()
}
