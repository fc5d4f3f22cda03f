//! What a room is told at its start, and time and chance of a call.

use roost_room::{Context, RoomIdentity, SnapshotMeta};
use roost_sdk::types as sdk;

/// What a room is told at its start.
pub(crate) fn config(room: &RoomIdentity) -> sdk::RoomConfig {
    let ban = |ban: &roost_room::Ban| sdk::Ban {
        user: ban.user.as_str().to_owned(),
        until: ban.until,
    };
    sdk::RoomConfig {
        room: room.room.clone(),
        seed: room.seed,
        options: room.options.clone(),
        bans: room.bans.iter().map(ban).collect(),
    }
}

/// Where a snapshot comes from.
pub(crate) fn meta(meta: &SnapshotMeta) -> sdk::SnapshotMeta {
    sdk::SnapshotMeta {
        program: meta.program.to_string(),
        state_version: meta.state_version,
    }
}

/// Time and chance of a call.
pub(crate) fn context(context: &Context) -> sdk::Context {
    sdk::Context {
        now: context.now,
        uptime: context.uptime,
        seed: context.seed,
        tick: context.tick,
    }
}
