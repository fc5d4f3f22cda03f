//! Bringing a room to life: from its stored state if there is one, else anew.

use crate::kinds::Kind;
use crate::lobby::Lobby;
use roost_room::{
    CallRecord, Checkpoint, Clock, Durability, Input, LogLevel, LogLine, Opening, Program, Room,
    RoomConfig, StopReason,
};
use roost_store::{RoomKey, Rooms};
use std::sync::Arc;

/// A room and what it has to be told first.
pub(super) struct Opened {
    pub(super) room: Box<Room>,
    pub(super) inputs: Vec<Input>,
}

/// Open a room. Blocking: reads the store, starts the rules.
pub(super) fn open(
    kind: &Kind,
    program: Arc<dyn Program>,
    id: &str,
    store: &Rooms,
    clock: Clock,
) -> Result<Opened, StopReason> {
    let key =
        RoomKey::new(kind.name(), id).map_err(|error| StopReason::Storage(error.to_string()))?;
    let config = RoomConfig {
        id: id.to_owned(),
        options: kind.options().to_owned(),
        limits: kind.limits().clone(),
        granted: kind.granted(program.manifest()),
        log: log_line(kind.name(), id, &program),
    };
    let opening = Opening {
        clock,
        seed: rand::random(),
        incarnation: rand::random::<u64>() >> 11,
        bans: bans(kind.lobby(), id, clock.wall)?,
    };
    if program.manifest().durability != Durability::Ephemeral
        && let Some((checkpoint, records)) = stored(store, &key)?
    {
        let room = Room::restore(program, config, &opening, &checkpoint, &records)?;
        let inputs = newer_profiles(kind.lobby(), &room)?;
        if room.divergences() > 0 {
            tracing::warn!(
                kind = kind.name(),
                room = id,
                calls = room.divergences(),
                "repeated calls had other effects than the first time: the rules have changed, or are not deterministic"
            );
        }
        return Ok(Opened {
            room: Box::new(room),
            inputs,
        });
    }
    Ok(Opened {
        room: Box::new(Room::open(program, config, opening)?),
        inputs: Vec::new(),
    })
}

fn stored(
    store: &Rooms,
    key: &RoomKey<'_>,
) -> Result<Option<(Checkpoint, Vec<CallRecord>)>, StopReason> {
    let storage = |error: &dyn std::fmt::Display| StopReason::Storage(error.to_string());
    let (checkpoint, journal) = store.load(key).map_err(|error| storage(&error))?;
    let Some((_, bytes)) = checkpoint else {
        return Ok(None);
    };
    let checkpoint = Checkpoint::from_bytes(&bytes).map_err(|error| storage(&error))?;
    let records: Result<Vec<_>, _> = journal
        .iter()
        .map(|(_, bytes)| CallRecord::from_bytes(bytes))
        .collect();
    Ok(Some((
        checkpoint,
        records.map_err(|error| storage(&error))?,
    )))
}

fn bans(lobby: &Lobby, id: &str, now: u64) -> Result<Vec<roost_room::Ban>, StopReason> {
    let bans = lobby.bans(id);
    let mut bans = bans.map_err(|error| StopReason::Storage(error.to_string()))?;
    bans.retain(|ban| ban.until > now);
    Ok(bans)
}

/// Members who are kept may have changed their profile in another room meanwhile.
fn newer_profiles(lobby: &Lobby, room: &Room) -> Result<Vec<Input>, StopReason> {
    let mut inputs = Vec::new();
    for (user, known) in room.profiles() {
        let profile = lobby.profile(user);
        match profile.map_err(|error| StopReason::Storage(error.to_string()))? {
            Some(profile) if profile != *known => inputs.push(Input::Profile {
                user: user.clone(),
                profile,
            }),
            _ => {}
        }
    }
    Ok(inputs)
}

fn log_line(kind: &str, id: &str, program: &Arc<dyn Program>) -> LogLine {
    let (kind, room) = (kind.to_owned(), id.to_owned());
    let program: String = program.hash().to_string().chars().take(12).collect();
    Arc::new(move |level, line| match level {
        LogLevel::Error => tracing::error!(target: "rules", kind, room, program, "{line}"),
        LogLevel::Warn => tracing::warn!(target: "rules", kind, room, program, "{line}"),
        LogLevel::Info => tracing::info!(target: "rules", kind, room, program, "{line}"),
        LogLevel::Debug => tracing::debug!(target: "rules", kind, room, program, "{line}"),
    })
}
