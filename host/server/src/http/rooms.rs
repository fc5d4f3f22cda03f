//! The list of rooms of a kind, for pages and scripts; see `protocol/docs/play.md`.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use bytes::Bytes;
use roost_protocol::play::{RoomCard, room_list};
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::kinds::{Kind, Kinds};

/// How long a list is good for everybody who asks.
const FRESH: Duration = Duration::from_millis(250);

/// The list of a kind as it was last sent, and when it was made.
type Sent = Arc<Mutex<Option<(Instant, Bytes)>>>;

/// The kinds and their lists.
struct Lists {
    kinds: Arc<Kinds>,
    sent: std::sync::Mutex<BTreeMap<String, Sent>>,
}

impl Lists {
    /// The list of a kind that there is.
    fn of(&self, kind: &Kind) -> Sent {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(sent.entry(kind.name().to_owned()).or_default())
    }
}

/// `GET /play/{kind}`: the visible listings of a kind, as JSON. `GET /play/kinds.json`: the kinds there are.
pub fn routes(kinds: Arc<Kinds>) -> Router {
    let sent = std::sync::Mutex::default();
    Router::new()
        .route("/play/kinds.json", get(list_kinds))
        .route("/play/{kind}", get(list_rooms))
        .with_state(Arc::new(Lists { kinds, sent }))
}

async fn list_kinds(State(lists): State<Arc<Lists>>) -> Response {
    let kinds = lists.kinds.all();
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
    (
        [(header::CACHE_CONTROL, "no-store")],
        Json(json!({ "kinds": names })),
    )
        .into_response()
}

async fn list_rooms(Path(name): Path<String>, State(lists): State<Arc<Lists>>) -> Response {
    let Some(kind) = lists.kinds.get(&name) else {
        let body = json!({ "error": "no_such_kind", "message": "there is no such kind here" });
        return (StatusCode::NOT_FOUND, Json(body)).into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, fresh(&kind, &lists.of(&kind)).await).into_response()
}

/// The list of a kind: made by the first who asks, while the others wait for it.
async fn fresh(kind: &Kind, sent: &Sent) -> Bytes {
    let mut sent = sent.lock().await;
    if let Some((made, list)) = sent.as_ref()
        && made.elapsed() < FRESH
    {
        return list.clone();
    }
    let list = render(kind);
    *sent = Some((Instant::now(), list.clone()));
    list
}

fn render(kind: &Kind) -> Bytes {
    let listed = kind.lobby().listed();
    let cards: Vec<RoomCard<'_>> = listed
        .iter()
        .map(|room| RoomCard {
            id: &room.id,
            members: room.members,
            data: room.listing.data.as_str(),
        })
        .collect();
    room_list(&cards).into()
}
