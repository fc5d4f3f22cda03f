//! Whether the process lives (`/healthz`), and whether it can do its work (`/readyz`).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use serde_json::{Map, Value, json};

/// Named checks; ready means that all of them are green.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    checks: Arc<Mutex<BTreeMap<&'static str, Option<String>>>>,
}

/// One check of a [`Readiness`], held by whoever knows.
#[derive(Debug, Clone)]
pub struct Check {
    name: &'static str,
    readiness: Readiness,
}

impl Readiness {
    /// A new check, red with "starting" until it is told otherwise.
    #[must_use]
    pub fn check(&self, name: &'static str) -> Check {
        self.lock().insert(name, Some("starting".to_owned()));
        Check {
            name,
            readiness: self.clone(),
        }
    }

    /// Whether all checks are green.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.lock().values().all(Option::is_none)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Option<String>>> {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn to_json(&self) -> Value {
        let checks = self.lock();
        let ready = checks.values().all(Option::is_none);
        let entry = |(name, reason): (&&str, &Option<String>)| {
            let ok = reason.is_none();
            ((*name).to_owned(), json!({ "ok": ok, "reason": reason }))
        };
        json!({ "ready": ready, "checks": checks.iter().map(entry).collect::<Map<_, _>>() })
    }
}

impl Check {
    /// All is well.
    pub fn green(&self) {
        self.readiness.lock().insert(self.name, None);
    }

    /// It is not, for this reason.
    pub fn red(&self, reason: impl Into<String>) {
        self.readiness.lock().insert(self.name, Some(reason.into()));
    }
}

pub(crate) fn routes(readiness: Readiness) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .with_state(readiness)
}

async fn ready(State(readiness): State<Readiness>) -> Response {
    let body = readiness.to_json();
    let status = if readiness.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_red_check_is_enough() {
        let readiness = Readiness::default();
        assert!(readiness.is_ready());
        let (store, rooms) = (readiness.check("store"), readiness.check("rooms"));
        store.green();
        assert!(!readiness.is_ready());
        rooms.green();
        assert!(readiness.is_ready());
        store.red("disk full");
        let expected = json!({
            "ready": false,
            "checks": {
                "rooms": { "ok": true, "reason": null },
                "store": { "ok": false, "reason": "disk full" },
            },
        });
        assert_eq!(readiness.to_json(), expected);
    }
}
