//! `/rooms`.

use super::Shared;
use super::jobs::ALIVE;
use super::recordings::bundle;
use super::refuse::{Body, Path, Query};
use crate::actor::Order;
use crate::admin::Caller;
use crate::deploy::{Refusal, describe};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Json, Response};
use futures_util::stream;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use roost_protocol::api::{
    Close, ErrorBody, Fork, Forked, Record, Recording, RoomDetail, RoomList, Scope, Signal,
    SignalAnswer,
};
use roost_room::{Called, Json as JsonText, Payload};
use serde::Deserialize;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Rooms in an answer, unless fewer are asked for.
const MOST: usize = 1_000;
/// Calls that may wait for somebody who watches.
const WATCHED: usize = 256;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(inspect))
        .routes(routes!(watch))
        .routes(routes!(signal))
        .routes(routes!(close))
        .routes(routes!(snapshot))
        .routes(routes!(fork))
        .routes(routes!(record, stop_recording))
}

/// Which rooms.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct RoomQuery {
    /// Of this kind only.
    kind: Option<String>,
    /// At most so many, up to 1,000.
    limit: Option<usize>,
    /// What the answer before called `next`.
    after: Option<String>,
}

/// Live rooms.
#[utoipa::path(get, path = "/rooms", tag = "rooms", params(RoomQuery),
    responses((status = 200, body = RoomList), (status = "4XX", body = ErrorBody)))]
async fn list(
    State(api): State<Shared>,
    caller: Caller,
    Query(query): Query<RoomQuery>,
) -> Result<Json<RoomList>, Refusal> {
    caller.may(Scope::Read)?;
    let most = query.limit.unwrap_or(MOST).clamp(1, MOST);
    let after = query.after.as_deref().map(place).transpose()?;
    let after = after
        .as_ref()
        .map(|(kind, id)| (kind.as_str(), id.as_str()));
    let (rooms, more) = api.deployer.rooms(query.kind.as_deref(), after, most);
    let last = rooms.last().filter(|_| more);
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let next = last.map(|room| format!("{}/{}", encode(&room.kind), encode(&room.id)));
    Ok(Json(RoomList { rooms, next }))
}

/// A place in the order of rooms, as `next` said it.
fn place(text: &str) -> Result<(String, String), Refusal> {
    let decode = |text: &str| {
        let decoded = percent_decode_str(text).decode_utf8();
        decoded.ok().map(|text| text.into_owned())
    };
    let parts = text.split_once('/');
    let parts = parts.and_then(|(kind, id)| Some((decode(kind)?, decode(id)?)));
    let wrong = || {
        Refusal::new(
            400,
            "invalid_request",
            "after is what the answer before called next",
        )
    };
    parts.ok_or_else(wrong)
}

/// All about a live room.
#[utoipa::path(get, path = "/rooms/{kind}/{id}", tag = "rooms",
    params(("kind" = String, Path), ("id" = String, Path)),
    responses((status = 200, body = RoomDetail), (status = "4XX", body = ErrorBody)))]
async fn inspect(
    State(api): State<Shared>,
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
) -> Result<Json<RoomDetail>, Refusal> {
    caller.may(Scope::Read)?;
    Ok(Json(api.deployer.inspect(&kind, &id).await?))
}

/// Each call of the rules as it is made: server-sent events `call`.
#[utoipa::path(get, path = "/rooms/{kind}/{id}/watch", tag = "rooms",
    params(("kind" = String, Path), ("id" = String, Path)),
    responses((status = 200, body = String, content_type = "text/event-stream"),
        (status = "4XX", body = ErrorBody)))]
async fn watch(
    State(api): State<Shared>,
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    caller.may(Scope::Operate)?;
    let room = api.deployer.room(&kind, &id)?;
    let (tap, calls) = mpsc::channel(WATCHED);
    let missed = Arc::new(AtomicU64::new(0));
    let told = room.order(Order::Watch(tap, Arc::clone(&missed)));
    told.map_err(|_| Refusal::no_room(&kind, &id))?;
    let events = stream::unfold((calls, missed), async |(mut calls, missed)| {
        let event = match missed.swap(0, Ordering::Relaxed) {
            0 => {
                let called = calls.recv().await?;
                Event::default()
                    .event("call")
                    .data(shown(&called).to_string())
            }
            missed => Event::default().event("missed").data(missed.to_string()),
        };
        Some((Ok::<_, Infallible>(event), (calls, missed)))
    });
    let alive = KeepAlive::new().interval(ALIVE);
    Ok(Sse::new(events).keep_alive(alive).into_response())
}

fn shown(called: &Arc<Called>) -> Value {
    let record = &called.record;
    let events: Vec<String> = record.events.iter().map(describe).collect();
    let outcome = match record.outcome {
        roost_room::Outcome::Accepted => "ok",
        roost_room::Outcome::Skipped => "skipped",
    };
    json!({
        "call": record.sequence, "now": record.context.now, "events": events,
        "effects": called.effects.len(), "outcome": outcome,
    })
}

/// Ask the rules something.
#[utoipa::path(post, path = "/rooms/{kind}/{id}/signal", tag = "rooms",
    params(("kind" = String, Path), ("id" = String, Path)), request_body = Signal,
    responses((status = 200, body = SignalAnswer), (status = "4XX", body = ErrorBody)))]
async fn signal(
    State(api): State<Shared>,
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
    Body(wanted): Body<Signal>,
) -> Result<Json<SignalAnswer>, Refusal> {
    caller.may(Scope::Operate)?;
    if !(1..=64).contains(&wanted.name.len()) {
        let text = "a signal's name has 1 to 64 bytes";
        return Err(Refusal::new(400, "invalid_request", text));
    }
    let room = api.deployer.room(&kind, &id)?;
    let body = Payload::Json(JsonText::new(wanted.body.to_string()));
    let answer = room.signal(wanted.name.clone(), body).await;
    let answer = answer.map_err(|_| Refusal::no_room(&kind, &id))?;
    let (log, details) = (&api.deployer.audit, json!({ "name": wanted.name }));
    let outcome = if answer.is_ok() { "ok" } else { "no_answer" };
    log.write(
        &caller.subject,
        "room.signal",
        &format!("{kind}/{id}"),
        outcome,
        details,
    )
    .await?;
    match answer {
        Ok(Payload::Json(json)) => Ok(Json(SignalAnswer {
            answer: serde_json::from_str(json.as_str()).unwrap_or_default(),
        })),
        Ok(Payload::Binary(bytes)) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            Ok(Json(SignalAnswer {
                answer: json!({ "hex": hex }),
            }))
        }
        Err(text) => Err(Refusal::new(422, "no_answer", text)),
    }
}

/// End a room.
#[utoipa::path(post, path = "/rooms/{kind}/{id}/close", tag = "rooms",
    params(("kind" = String, Path), ("id" = String, Path)), request_body = Close,
    responses((status = 200, body = Close), (status = "4XX", body = ErrorBody)))]
async fn close(
    State(api): State<Shared>,
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
    Body(Close {}): Body<Close>,
) -> Result<Json<Close>, Refusal> {
    caller.may(Scope::Operate)?;
    let room = api.deployer.room(&kind, &id)?;
    room.end().map_err(|_| Refusal::no_room(&kind, &id))?;
    let (log, target) = (&api.deployer.audit, format!("{kind}/{id}"));
    log.write(&caller.subject, "room.close", &target, "ok", json!({}))
        .await?;
    Ok(Json(Close {}))
}

/// A room's state now, as a bundle without calls.
#[utoipa::path(get, path = "/rooms/{kind}/{id}/snapshot", tag = "rooms",
    params(("kind" = String, Path), ("id" = String, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = "4XX", body = ErrorBody)))]
async fn snapshot(
    State(api): State<Shared>,
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    caller.may(Scope::Operate)?;
    let bytes = api.deployer.snapshot(&kind, &id).await?;
    Ok(bundle("snapshot.roost", bytes))
}

/// Make a copy of a room, without its people; nothing of it leaves.
#[utoipa::path(post, path = "/rooms/{kind}/{id}/fork", tag = "rooms",
    params(("kind" = String, Path), ("id" = String, Path)), request_body = Fork,
    responses((status = 201, body = Forked), (status = "4XX", body = ErrorBody)))]
async fn fork(
    State(api): State<Shared>,
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
    Body(wanted): Body<Fork>,
) -> Result<(StatusCode, Json<Forked>), Refusal> {
    caller.may(Scope::Operate)?;
    let forked = api
        .deployer
        .fork(&kind, &id, wanted.version, &caller.subject)
        .await?;
    Ok((StatusCode::CREATED, Json(forked)))
}

/// Record a room.
#[utoipa::path(post, path = "/rooms/{kind}/{id}/recording", tag = "recordings",
    params(("kind" = String, Path), ("id" = String, Path)), request_body = Record,
    responses((status = 201, body = Recording), (status = "4XX", body = ErrorBody)))]
async fn record(
    State(api): State<Shared>,
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
    Body(wanted): Body<Record>,
) -> Result<(StatusCode, Json<Recording>), Refusal> {
    caller.may(Scope::Operate)?;
    let recording = api
        .deployer
        .record(&kind, &id, &wanted, &caller.subject)
        .await?;
    Ok((StatusCode::CREATED, Json(recording)))
}

/// End the recording of a room.
#[utoipa::path(delete, path = "/rooms/{kind}/{id}/recording", tag = "recordings",
    params(("kind" = String, Path), ("id" = String, Path)),
    responses((status = 200, body = Recording), (status = "4XX", body = ErrorBody)))]
async fn stop_recording(
    State(api): State<Shared>,
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
) -> Result<Json<Recording>, Refusal> {
    caller.may(Scope::Operate)?;
    Ok(Json(api.deployer.stop_recording(&kind, &id).await?))
}
