//! `/server`.

use super::{MAX_UPLOAD, Shared};
use crate::admin::Caller;
use crate::deploy::Refusal;
use axum::extract::State;
use axum::response::Json;
use roost_protocol::api::{ErrorBody, Scope, ServerInfo, Whoami};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(info))
}

/// The server, and who asks.
#[utoipa::path(get, path = "/server", tag = "server",
    responses((status = 200, body = ServerInfo), (status = "4XX", body = ErrorBody)))]
async fn info(State(api): State<Shared>, caller: Caller) -> Result<Json<ServerInfo>, Refusal> {
    caller.may(Scope::Read)?;
    let uptime = api.started.elapsed().as_millis();
    Ok(Json(ServerInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        interfaces: roost_sandbox::INTERFACES.map(str::to_owned).to_vec(),
        rooms: api.deployer.live_rooms(),
        sockets: api.limits.sockets(),
        uptime_ms: u64::try_from(uptime).unwrap_or(u64::MAX),
        max_upload: MAX_UPLOAD,
        you: Whoami {
            subject: caller.subject,
            scopes: caller.scopes,
        },
    }))
}
