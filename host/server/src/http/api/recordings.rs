//! `/recordings`.

use super::Shared;
use super::refuse::Path;
use crate::admin::Caller;
use crate::deploy::Refusal;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use bytes::Bytes;
use roost_protocol::api::{ErrorBody, RecordingList, Scope};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(download, delete))
}

/// All recordings, newest first.
#[utoipa::path(get, path = "/recordings", tag = "recordings",
    responses((status = 200, body = RecordingList), (status = "4XX", body = ErrorBody)))]
async fn list(State(api): State<Shared>, caller: Caller) -> Result<Json<RecordingList>, Refusal> {
    caller.may(Scope::Read)?;
    Ok(Json(api.deployer.recordings.list()))
}

/// A recording as a bundle, for `roost replay`.
#[utoipa::path(get, path = "/recordings/{id}", tag = "recordings", params(("id" = String, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = "4XX", body = ErrorBody)))]
async fn download(
    State(api): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    caller.may(Scope::Operate)?;
    let name = format!("recording-{id}.roost");
    let read = tokio::task::spawn_blocking(move || api.deployer.recordings.bundle(&id)).await;
    let bytes = read.map_err(|error| Refusal::broken(&error))??;
    Ok(bundle(&name, bytes))
}

/// Bytes as a file.
pub(super) fn bundle(name: &str, bytes: Bytes) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
    ];
    (headers, bytes).into_response()
}

/// Forget a recording.
#[utoipa::path(delete, path = "/recordings/{id}", tag = "recordings", params(("id" = String, Path)),
    responses((status = 204), (status = "4XX", body = ErrorBody)))]
async fn delete(
    State(api): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    caller.may(Scope::Operate)?;
    api.deployer.recordings.delete(&id).await?;
    let (log, details) = (&api.deployer.audit, serde_json::json!({}));
    log.write(&caller.subject, "recording.delete", &id, "ok", details)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
