//! Bringing a room to life: from its stored state if there is one, else anew.

use super::Host;
use super::orders::takeover;
use crate::kinds::{Kind, Ruling};
use crate::lobby::Lobby;
use roost_room::{
    CallRecord, Checkpoint, Input, LogLevel, LogLine, Opening, Output, Program, Room, RoomConfig,
    StopReason,
};
use roost_store::{RoomKey, Rooms};
use std::sync::Arc;

/// A room and what it has to be told first.
pub(super) struct Opened {
    pub(super) room: Box<Room>,
    /// What it wants done already.
    pub(super) outputs: Vec<Output>,
    pub(super) inputs: Vec<Input>,
    /// Why it has another program than it should.
    pub(super) held_back: Option<String>,
}

impl Opened {
    fn new(room: Room) -> Self {
        Self {
            room: Box::new(room),
            outputs: Vec::new(),
            inputs: Vec::new(),
            held_back: None,
        }
    }
}

/// Open a room. Blocking: reads the store, starts the rules.
pub(super) fn open(kind: &Kind, id: &str, host: &Host) -> Result<Opened, StopReason> {
    let clock = host.clock.now();
    let ruling = kind.ruling_for(id);
    let key =
        RoomKey::new(kind.name(), id).map_err(|error| StopReason::Storage(error.to_string()))?;
    let config = RoomConfig {
        id: id.to_owned(),
        options: kind.options().to_owned(),
        limits: kind.limits().clone(),
        granted: ruling.granted.clone(),
        log: log_line(kind.name(), id, &ruling.program),
    };
    let opening = Opening {
        clock,
        seed: rand::random(),
        incarnation: rand::random::<u64>() >> 11,
        bans: bans(kind.lobby(), id, clock.wall)?,
    };
    let mut opened = if let Some(copied) = kind.open_fork(id) {
        Opened::new(Room::restore(
            ruling.program,
            config,
            &opening,
            &copied,
            &[],
        )?)
    } else if let Some((checkpoint, records)) = stored(&host.store, &key)? {
        let stored = Stored {
            checkpoint,
            records,
        };
        bring_back(kind, id, host, &ruling, config, &opening, &stored)?
    } else {
        Opened::new(Room::open(ruling.program, config, opening)?)
    };
    opened.inputs = newer_profiles(kind.lobby(), &opened.room)?;
    if !kind.is_on_probation() {
        opened.room.forget_retreat();
    }
    Ok(opened)
}

/// What the store has of a room.
struct Stored {
    checkpoint: Checkpoint,
    records: Vec<CallRecord>,
}

/// Bring a room back by the program that ruled it, and then give it the one that should. It stays with the former
/// if the latter refuses. A program that cannot be found any more is left out.
fn bring_back(
    kind: &Kind,
    id: &str,
    host: &Host,
    ruling: &Ruling,
    config: RoomConfig,
    opening: &Opening,
    stored: &Stored,
) -> Result<Opened, StopReason> {
    let Stored {
        checkpoint,
        records,
    } = stored;
    let wrote = checkpoint.meta.program;
    let earlier = if wrote == ruling.program.hash() {
        None
    } else {
        host.library.find(&wrote)
    };
    let Some(earlier) = earlier else {
        let program = Arc::clone(&ruling.program);
        let room = Room::restore(program, config, opening, checkpoint, records)?;
        warn_of_divergences(kind, id, &room);
        return Ok(Opened::new(room));
    };
    let config = RoomConfig {
        granted: earlier.manifest().capabilities.clone(),
        log: log_line(kind.name(), id, &earlier),
        ..config
    };
    let mut opened = Opened::new(Room::restore(
        earlier, config, opening, checkpoint, records,
    )?);
    warn_of_divergences(kind, id, &opened.room);
    if opened.room.is_running() {
        match opened
            .room
            .exchange(opening.clock, takeover(kind.name(), id, ruling))
        {
            Ok(outputs) => opened.outputs = outputs,
            Err(reason) => {
                tracing::warn!(kind = kind.name(), room = id, program = %ruling.program.hash(), %reason,
                    "a stored room keeps its earlier rules");
                opened.held_back = Some(reason.to_string());
            }
        }
    }
    Ok(opened)
}

fn warn_of_divergences(kind: &Kind, id: &str, room: &Room) {
    if room.divergences() > 0 {
        tracing::warn!(
            kind = kind.name(),
            room = id,
            calls = room.divergences(),
            "repeated calls had other effects than the first time: the rules have changed, or are not deterministic"
        );
    }
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

pub(super) fn log_line(kind: &str, id: &str, program: &Arc<dyn Program>) -> LogLine {
    let (kind, room) = (kind.to_owned(), id.to_owned());
    let program: String = program.hash().to_string().chars().take(12).collect();
    Arc::new(move |level, line| match level {
        LogLevel::Error => tracing::error!(target: "rules", kind, room, program, "{line}"),
        LogLevel::Warn => tracing::warn!(target: "rules", kind, room, program, "{line}"),
        LogLevel::Info => tracing::info!(target: "rules", kind, room, program, "{line}"),
        LogLevel::Debug => tracing::debug!(target: "rules", kind, room, program, "{line}"),
    })
}
