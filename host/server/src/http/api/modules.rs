//! `/modules`.

use super::refuse::{Body, Path, Query};
use super::{MAX_UPLOAD, Shared};
use crate::admin::Caller;
use crate::deploy::{Doing, Refusal, Upload};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use roost_protocol::api::{
    Activate, Canary, Comparison, ErrorBody, Module, ModuleList, Published, Scope, Shadow, Version,
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(inspect, upload))
        .routes(routes!(version, delete))
        .routes(routes!(wasm))
        .routes(routes!(diff))
        .routes(routes!(activate))
        .routes(routes!(rollback))
        .routes(routes!(canary))
        .routes(routes!(shadow))
}

/// All modules.
#[utoipa::path(get, path = "/modules", tag = "modules", responses(
    (status = 200, body = ModuleList), (status = "4XX", body = ErrorBody)))]
async fn list(State(api): State<Shared>, caller: Caller) -> Result<Json<ModuleList>, Refusal> {
    caller.may(Scope::Read)?;
    Ok(Json(api.deployer.list()))
}

/// One module with its versions.
#[utoipa::path(get, path = "/modules/{name}", tag = "modules", params(("name" = String, Path)),
    responses((status = 200, body = Module), (status = "4XX", body = ErrorBody)))]
async fn inspect(
    State(api): State<Shared>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Module>, Refusal> {
    caller.may(Scope::Read)?;
    Ok(Json(api.deployer.get(&name)?))
}

/// What goes with an upload.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct UploadQuery {
    /// Make it live: `true`.
    activate: Option<String>,
    /// What is said of it.
    note: Option<String>,
    /// Capabilities that it may have and the live version has not, separated by commas.
    allow: Option<String>,
}

/// Upload a version: the component as body, whatever its content type.
#[utoipa::path(put, path = "/modules/{name}", tag = "modules",
    params(("name" = String, Path), UploadQuery),
    request_body(content = Vec<u8>, content_type = "application/wasm"),
    responses((status = 201, body = Published, description = "a new version"),
        (status = 200, body = Published, description = "these bytes are a version already"),
        (status = 202, body = Published, description = "with Prefer: respond-async"),
        (status = 413, body = ErrorBody), (status = "4XX", body = ErrorBody)))]
async fn upload(
    State(api): State<Shared>,
    caller: Caller,
    Path(name): Path<String>,
    Query(query): Query<UploadQuery>,
    headers: HeaderMap,
    body: axum::body::Body,
) -> Result<Response, Refusal> {
    caller.may(Scope::Publish)?;
    let activate = match query.activate.as_deref() {
        None | Some("false" | "0") => None,
        Some("" | "true" | "1") => {
            caller.may(Scope::Activate)?;
            Some(names(query.allow.as_deref()))
        }
        Some(other) => {
            let text = format!("activate is true or false, not {other:?}");
            return Err(Refusal::new(400, "invalid_request", text));
        }
    };
    let bytes = receive(body).await?;
    let before = api.deployer.get(&name).map_or(0, |module| {
        module.versions.last().map_or(0, |version| version.version)
    });
    let upload = Upload {
        bytes,
        by: caller.subject,
        note: query.note.unwrap_or_default(),
        activate,
    };
    let doing = api.deployer.publish(&name, upload)?;
    answer(doing, &headers, |done| {
        if done.version > before {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        }
    })
    .await
}

fn names(list: Option<&str>) -> Vec<String> {
    let names = list.unwrap_or_default().split(',').map(str::trim);
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A whole upload, if it is not too large.
async fn receive(body: axum::body::Body) -> Result<Bytes, Refusal> {
    match Limited::new(body, MAX_UPLOAD).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let text = format!("an upload has at most {MAX_UPLOAD} bytes");
            let details = serde_json::json!({ "max": MAX_UPLOAD });
            Err(Refusal::with(413, "too_large", text, details))
        }
        Err(error) => {
            let text = format!("the upload broke off: {error}");
            Err(Refusal::new(400, "invalid_request", text))
        }
    }
}

/// Wait for what is done, or tell where it can be followed.
async fn answer(
    doing: Doing,
    headers: &HeaderMap,
    status: impl FnOnce(&Published) -> StatusCode,
) -> Result<Response, Refusal> {
    if wants_no_wait(headers) {
        let job = doing.job.job();
        let address = format!("/api/v1/jobs/{}", job.id);
        let body = serde_json::json!({
            "name": job.module, "version": job.version, "job": address, "state": job.state,
        });
        let headers = [(header::LOCATION, address)];
        return Ok((StatusCode::ACCEPTED, headers, Json(body)).into_response());
    }
    let done = doing
        .result
        .await
        .map_err(|error| Refusal::broken(&error))??;
    Ok((status(&done), Json(done)).into_response())
}

fn wants_no_wait(headers: &HeaderMap) -> bool {
    let preferences = headers.get_all("prefer").iter();
    let mut preferences = preferences.filter_map(|value| value.to_str().ok());
    preferences.any(|value| {
        let mut wishes = value.split([',', ';']).map(str::trim);
        wishes.any(|wish| wish.eq_ignore_ascii_case("respond-async"))
    })
}

/// One version.
#[utoipa::path(get, path = "/modules/{name}/versions/{version}", tag = "modules",
    params(("name" = String, Path), ("version" = u32, Path)),
    responses((status = 200, body = Version), (status = "4XX", body = ErrorBody)))]
async fn version(
    State(api): State<Shared>,
    caller: Caller,
    Path((name, version)): Path<(String, u32)>,
) -> Result<Json<Version>, Refusal> {
    caller.may(Scope::Read)?;
    Ok(Json(api.deployer.version(&name, version)?))
}

/// The bytes of a version.
#[utoipa::path(get, path = "/modules/{name}/versions/{version}/wasm", tag = "modules",
    params(("name" = String, Path), ("version" = u32, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/wasm"),
        (status = "4XX", body = ErrorBody)))]
async fn wasm(
    State(api): State<Shared>,
    caller: Caller,
    Path((name, version)): Path<(String, u32)>,
) -> Result<Response, Refusal> {
    caller.may(Scope::Read)?;
    let file = format!("attachment; filename=\"{name}-{version}.wasm\"");
    let read = tokio::task::spawn_blocking(move || api.deployer.wasm(&name, version)).await;
    let bytes = read.map_err(|error| Refusal::broken(&error))??;
    let headers = [
        (header::CONTENT_TYPE, "application/wasm".to_owned()),
        (header::CONTENT_DISPOSITION, file),
    ];
    Ok((headers, bytes).into_response())
}

/// Delete a version that nothing needs.
#[utoipa::path(delete, path = "/modules/{name}/versions/{version}", tag = "modules",
    params(("name" = String, Path), ("version" = u32, Path)),
    responses((status = 204), (status = 409, body = ErrorBody), (status = "4XX", body = ErrorBody)))]
async fn delete(
    State(api): State<Shared>,
    caller: Caller,
    Path((name, version)): Path<(String, u32)>,
) -> Result<StatusCode, Refusal> {
    caller.may(Scope::Publish)?;
    api.deployer.delete(&name, version, &caller.subject).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which versions are compared.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct DiffQuery {
    /// The one.
    from: u32,
    /// The other.
    to: u32,
}

/// How one version differs from another.
#[utoipa::path(get, path = "/modules/{name}/diff", tag = "modules",
    params(("name" = String, Path), DiffQuery),
    responses((status = 200, body = Comparison), (status = "4XX", body = ErrorBody)))]
async fn diff(
    State(api): State<Shared>,
    caller: Caller,
    Path(name): Path<String>,
    Query(query): Query<DiffQuery>,
) -> Result<Json<Comparison>, Refusal> {
    caller.may(Scope::Read)?;
    Ok(Json(api.deployer.compare(&name, query.from, query.to)?))
}

/// Make a version live in all rooms.
#[utoipa::path(post, path = "/modules/{name}/activate", tag = "modules",
    params(("name" = String, Path)), request_body = Activate,
    responses((status = 200, body = Published), (status = 202, body = Published),
        (status = 422, body = ErrorBody), (status = "4XX", body = ErrorBody)))]
async fn activate(
    State(api): State<Shared>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(wanted): Body<Activate>,
) -> Result<Response, Refusal> {
    caller.may(Scope::Activate)?;
    let doing = api.deployer.activate(&name, wanted, &caller.subject)?;
    answer(doing, &headers, |_| StatusCode::OK).await
}

/// Go back to the version that was live before.
#[utoipa::path(post, path = "/modules/{name}/rollback", tag = "modules",
    params(("name" = String, Path)),
    responses((status = 200, body = Published), (status = 202, body = Published),
        (status = 409, body = ErrorBody), (status = "4XX", body = ErrorBody)))]
async fn rollback(
    State(api): State<Shared>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    caller.may(Scope::Activate)?;
    let doing = api.deployer.roll_back(&name, &caller.subject)?;
    answer(doing, &headers, |_| StatusCode::OK).await
}

/// Give a version to some of the rooms.
#[utoipa::path(post, path = "/modules/{name}/canary", tag = "modules",
    params(("name" = String, Path)), request_body = Canary,
    responses((status = 200, body = Published), (status = 202, body = Published),
        (status = 422, body = ErrorBody), (status = "4XX", body = ErrorBody)))]
async fn canary(
    State(api): State<Shared>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(wanted): Body<Canary>,
) -> Result<Response, Refusal> {
    caller.may(Scope::Activate)?;
    let doing = api.deployer.canary(&name, wanted, &caller.subject)?;
    answer(doing, &headers, |_| StatusCode::OK).await
}

/// Have a version hear what live rooms hear, without a word from it getting out.
#[utoipa::path(post, path = "/modules/{name}/shadow", tag = "modules",
    params(("name" = String, Path)), request_body = Shadow,
    responses((status = 202, body = Published), (status = "4XX", body = ErrorBody)))]
async fn shadow(
    State(api): State<Shared>,
    caller: Caller,
    Path(name): Path<String>,
    Body(wanted): Body<Shadow>,
) -> Result<Response, Refusal> {
    caller.may(Scope::Activate)?;
    let doing = api.deployer.shadow(&name, wanted, &caller.subject)?;
    let mut headers = HeaderMap::new();
    headers.insert("prefer", header::HeaderValue::from_static("respond-async"));
    answer(doing, &headers, |_| StatusCode::OK).await
}
