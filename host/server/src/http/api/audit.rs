//! `/audit`.

use super::Shared;
use super::refuse::Query;
use crate::admin::Caller;
use crate::deploy::Refusal;
use axum::extract::State;
use axum::response::Json;
use roost_protocol::api::{AuditList, ErrorBody, Scope};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Entries in an answer, unless fewer are asked for.
const MOST: usize = 1_000;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Which entries.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct AuditQuery {
    /// At most so many, up to 1,000.
    limit: Option<usize>,
    /// Only older ones than this.
    before: Option<u64>,
}

/// What was done, newest first.
#[utoipa::path(get, path = "/audit", tag = "server", params(AuditQuery),
    responses((status = 200, body = AuditList), (status = "4XX", body = ErrorBody)))]
async fn list(
    State(api): State<Shared>,
    caller: Caller,
    Query(query): Query<AuditQuery>,
) -> Result<Json<AuditList>, Refusal> {
    caller.may(Scope::Read)?;
    let most = query.limit.unwrap_or(100).clamp(1, MOST);
    let read = move || api.deployer.audit.read(query.before, most);
    let read = tokio::task::spawn_blocking(read).await;
    Ok(Json(read.map_err(|error| Refusal::broken(&error))??))
}
