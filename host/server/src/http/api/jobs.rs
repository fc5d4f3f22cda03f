//! `/jobs`.

use super::Shared;
use super::refuse::Path;
use crate::admin::Caller;
use crate::deploy::{JobHandle, Refusal};
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Json, Response};
use futures_util::stream;
use roost_protocol::api::{ErrorBody, Job, JobList, JobState, Scope};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How often a silent stream of events shows that it is alive.
pub(super) const ALIVE: Duration = Duration::from_secs(10);

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(inspect))
        .routes(routes!(events))
}

fn find(api: &Shared, id: &str) -> Result<Arc<JobHandle>, Refusal> {
    let job = api.deployer.jobs.get(id);
    job.ok_or_else(|| Refusal::new(404, "no_such_job", format!("there is no job {id}")))
}

/// The last jobs, newest first.
#[utoipa::path(get, path = "/jobs", tag = "jobs",
    responses((status = 200, body = JobList), (status = "4XX", body = ErrorBody)))]
async fn list(State(api): State<Shared>, caller: Caller) -> Result<Json<JobList>, Refusal> {
    caller.may(Scope::Read)?;
    Ok(Json(JobList {
        jobs: api.deployer.jobs.all(),
    }))
}

/// A job.
#[utoipa::path(get, path = "/jobs/{id}", tag = "jobs", params(("id" = String, Path)),
    responses((status = 200, body = Job), (status = "4XX", body = ErrorBody)))]
async fn inspect(
    State(api): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Job>, Refusal> {
    caller.may(Scope::Read)?;
    Ok(Json(find(&api, &id)?.job()))
}

/// A job as it goes on: server-sent events `job`, the last of which has ended.
#[utoipa::path(get, path = "/jobs/{id}/events", tag = "jobs", params(("id" = String, Path)),
    responses((status = 200, body = String, content_type = "text/event-stream"),
        (status = "4XX", body = ErrorBody)))]
async fn events(
    State(api): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    caller.may(Scope::Read)?;
    let mut follow = find(&api, &id)?.follow();
    follow.mark_changed();
    let events = stream::unfold(Some(follow), async |follow| {
        let mut follow = follow?;
        follow.changed().await.ok()?;
        let job = follow.borrow_and_update().clone();
        let text = serde_json::to_string(&job).unwrap_or_default();
        let event = Event::default().event("job").data(text);
        let is_over = job.state != JobState::Running;
        Some((Ok::<_, Infallible>(event), (!is_over).then_some(follow)))
    });
    let alive = KeepAlive::new().interval(ALIVE);
    Ok(Sse::new(events).keep_alive(alive).into_response())
}
