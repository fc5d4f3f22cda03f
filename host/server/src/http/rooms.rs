//! The list of rooms of a kind, for pages and scripts; see `protocol/docs/play.md`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use roost_protocol::play::{RoomCard, room_list};
use serde_json::json;

use crate::kinds::Kinds;

/// `GET /play/{kind}`: the visible listings of a kind, as JSON. `GET /play/kinds.json`: the kinds there are.
pub fn routes(kinds: Arc<Kinds>) -> Router {
    Router::new()
        .route("/play/kinds.json", get(list_kinds))
        .route("/play/{kind}", get(list_rooms))
        .with_state(kinds)
}

async fn list_kinds(State(kinds): State<Arc<Kinds>>) -> Response {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
    (
        [(header::CACHE_CONTROL, "no-store")],
        Json(json!({ "kinds": names })),
    )
        .into_response()
}

async fn list_rooms(Path(kind): Path<String>, State(kinds): State<Arc<Kinds>>) -> Response {
    let Some(kind) = kinds.get(&kind) else {
        let body = json!({ "error": "no_such_kind", "message": "there is no such kind here" });
        return (StatusCode::NOT_FOUND, Json(body)).into_response();
    };
    let listed = kind.lobby().listed();
    let cards: Vec<RoomCard<'_>> = listed
        .iter()
        .map(|room| RoomCard {
            id: &room.id,
            members: room.members,
            data: room.listing.data.as_str(),
        })
        .collect();
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, room_list(&cards)).into_response()
}
