//! The administrative interface, `/api/v1`. Its contract is `protocol/docs/api.md`.

mod audit;
mod caller;
mod jobs;
mod modules;
mod recordings;
mod refuse;
mod rooms;
mod server;

use crate::admin::AdminKeys;
use crate::deploy::Deployer;
use crate::net::limits::Limits;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Json, Response};
use roost_protocol::api::ErrorBody;
use std::sync::Arc;
use std::time::Instant;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;

/// Largest upload, in bytes: what the sandbox looks at.
pub(crate) const MAX_UPLOAD: usize = 32 * 1024 * 1024;

/// What handlers need.
pub struct Api {
    pub(crate) deployer: Arc<Deployer>,
    pub(crate) keys: Arc<AdminKeys>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) started: Instant,
}

/// What every handler is given.
pub(crate) type Shared = Arc<Api>;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Roost",
        description = "Rule modules and their versions, live rooms, recordings, the audit log. `protocol/docs/api.md` says what it all means."
    ),
    modifiers(&Bearer),
    security(("bearer" = [])),
    tags(
        (name = "modules", description = "Rule modules, their versions, and which of them is live"),
        (name = "jobs", description = "What takes longer than an answer may"),
        (name = "rooms", description = "Live rooms, and what rules them"),
        (name = "recordings", description = "Stretches of rooms' lives, to be repeated elsewhere"),
        (name = "server", description = "The server itself"),
    )
)]
struct Document;

struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

impl Api {
    /// What handlers need.
    #[must_use]
    pub fn new(deployer: Arc<Deployer>, keys: Arc<AdminKeys>, limits: Arc<Limits>) -> Self {
        Self {
            deployer,
            keys,
            limits,
            started: Instant::now(),
        }
    }

    /// `/api/v1`, its document, and the page that shows it.
    pub fn routes(self) -> Router {
        let (router, document) = OpenApiRouter::with_openapi(Document::openapi())
            .nest(
                "/api/v1",
                modules::routes()
                    .merge(jobs::routes())
                    .merge(rooms::routes())
                    .merge(recordings::routes())
                    .merge(audit::routes())
                    .merge(server::routes()),
            )
            .split_for_parts();
        // Uploads are bounded where they are read; everything else is small.
        router
            .layer(DefaultBodyLimit::max(64 * 1024))
            .method_not_allowed_fallback(not_allowed)
            .with_state(Arc::new(self))
            .merge(SwaggerUi::new("/docs").url("/api/v1/openapi.json", document))
            .layer(axum::middleware::map_response(finish))
    }
}

/// Answers are nobody else's to keep.
async fn finish(uri: Uri, mut response: Response) -> Response {
    if uri.path().starts_with("/api/") {
        let status = response.status().as_u16().to_string();
        metrics::counter!(crate::telemetry::ADMIN_REQUESTS, "status" => status).increment(1);
        let headers = response.headers_mut();
        headers.insert(
            axum::http::header::CACHE_CONTROL,
            axum::http::HeaderValue::from_static("no-store"),
        );
    }
    response
}

async fn not_allowed(method: Method, uri: Uri) -> Response {
    let text = format!("{method} is not possible at {}", uri.path());
    let body = ErrorBody::new("invalid_request", text);
    (StatusCode::METHOD_NOT_ALLOWED, Json(body)).into_response()
}
