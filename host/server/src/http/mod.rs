//! Plain HTTP: health, metrics, and the pages.

pub mod api;
pub mod health;
pub mod metrics;
pub mod pages;
pub mod rooms;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::any;
use metrics_exporter_prometheus::PrometheusHandle;
use roost_protocol::api::ErrorBody;

use crate::config::tree::HttpConfig;
use crate::http::health::Readiness;
use crate::http::pages::Pages;

/// Everything this module serves. Routes of other modules are merged into it; a route that takes larger bodies
/// than `[http] max_body` brings a `DefaultBodyLimit` of its own.
pub fn router(config: &HttpConfig, readiness: Readiness, metrics: PrometheusHandle) -> Router {
    let pages = Pages::new(config.static_dir.clone());
    let mut router = Router::new()
        .merge(health::routes(readiness))
        .merge(pages.routes());
    if config.metrics_listen.is_none() {
        router = router.merge(metrics::local_routes(metrics));
    }
    router
        .route("/ws", any(only_websockets))
        .route("/api", any(no_such_resource))
        .route("/api/{*rest}", any(no_such_resource))
        .layer(DefaultBodyLimit::max(config.max_body.get()))
}

/// The answer to plain requests at an address for WebSockets.
async fn only_websockets() -> Response {
    (StatusCode::BAD_REQUEST, "this address is for WebSockets\n").into_response()
}

/// The answer to unknown addresses below `/api`.
pub async fn no_such_resource(uri: Uri) -> Response {
    let text = format!("there is no {}", uri.path());
    (
        StatusCode::NOT_FOUND,
        Json(ErrorBody::new("not_found", text)),
    )
        .into_response()
}
