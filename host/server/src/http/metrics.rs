//! `/metrics` in Prometheus' text format, for this machine or on a listener of its own.

use axum::Router;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;

use crate::net::upgrade::Client;

/// Headers that say that somebody else's request is being passed on.
const FORWARDING: [&str; 4] = ["forwarded", "via", "x-forwarded-for", "x-real-ip"];

/// For clients on this machine only.
pub(crate) fn local_routes(metrics: PrometheusHandle) -> Router {
    Router::new()
        .route("/metrics", get(local))
        .with_state(metrics)
}

/// For everybody who reaches the listener.
pub(crate) fn open_routes(metrics: PrometheusHandle) -> Router {
    Router::new()
        .route("/metrics", get(open))
        .with_state(metrics)
}

async fn local(
    State(metrics): State<PrometheusHandle>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
) -> Response {
    // A proxy on this machine must not open this door by accident.
    let passed_on = FORWARDING.iter().any(|name| headers.contains_key(*name));
    if passed_on || !client.address.is_loopback() {
        return (StatusCode::NOT_FOUND, "not found\n").into_response();
    }
    open(State(metrics)).await
}

async fn open(State(metrics): State<PrometheusHandle>) -> Response {
    metrics.run_upkeep();
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        metrics.render(),
    )
        .into_response()
}
