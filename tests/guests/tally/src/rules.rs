//! The rules: a number that whoever is in the room adds to. Everybody is told of it when it has
//! changed, and when other rules have taken over.

use crate::bindings::exports::roost::room::rules::{
    Context, Durability, Effect, Event, Guest, Intake, Limits, Manifest, Pace, RoomConfig,
    SnapshotMeta, Topic,
};
use crate::bindings::roost::room::log::{Level, log};
use crate::bindings::roost::room::types::{Audience, Author, Delivery, Lane, Payload};
use std::cell::Cell;

pub(crate) const KIND: &str = "tally";
pub(crate) const STATE_VERSION: u32 = 1;
pub(crate) const PACE: Pace = Pace::Messages;
pub(crate) const DURABILITY: Durability = Durability::Snapshot;
pub(crate) const LIMITS: Limits = Limits {
    members: 10,
    fuel: None,
    memory: None,
    snapshot: None,
};

/// How much to add, as a number in JSON.
const ADD: u16 = 0;
/// What it comes to.
const TOTAL: u16 = 1;

thread_local! {
    static NUMBER: Cell<i64> = const { Cell::new(0) };
}

/// The component.
#[derive(Debug)]
pub struct Tally;

pub(crate) fn topics() -> Vec<Topic> {
    let topic = |name: &str, intake| Topic {
        name: name.to_owned(),
        intake,
    };
    vec![
        topic("add", Intake::Reliable),
        topic("total", Intake::Closed),
    ]
}

impl Guest for Tally {
    fn describe() -> Manifest {
        crate::manifest()
    }

    fn init(_: RoomConfig) -> Result<(), String> {
        NUMBER.set(0);
        Ok(())
    }

    fn restore(_: RoomConfig, meta: SnapshotMeta, state: Vec<u8>) -> Result<(), String> {
        let bytes = <[u8; 8]>::try_from(state.as_slice()).map_err(|error| error.to_string())?;
        if meta.state_version != STATE_VERSION {
            return Err(format!("state version {}", meta.state_version));
        }
        NUMBER.set(i64::from_le_bytes(bytes));
        log(Level::Info, &format!("goes on from {}", NUMBER.get()));
        Ok(())
    }

    fn handle(_: Context, events: Vec<Event>) -> Vec<Effect> {
        events.into_iter().filter_map(happen).collect()
    }

    fn snapshot() -> Vec<u8> {
        NUMBER.get().to_le_bytes().to_vec()
    }
}

fn happen(event: Event) -> Option<Effect> {
    match event {
        Event::JoinAttempt(entrant) => Some(Effect::Admit(entrant.connection)),
        Event::Message(message) if message.topic == ADD => {
            let by = match message.payload {
                Payload::Json(text) => text.parse().unwrap_or(0),
                Payload::Binary(_) => 0,
            };
            NUMBER.set(NUMBER.get().saturating_add(by));
            Some(total())
        }
        Event::Activated(_) => Some(total()),
        _ => None,
    }
}

fn total() -> Effect {
    Effect::Deliver(Delivery {
        topic: TOTAL,
        payload: Payload::Json(NUMBER.get().to_string()),
        to: Audience::Everyone,
        lane: Lane::Reliable,
        author: Author::Room,
    })
}
