//! Rules behind function pointers, for hosts that run them without wasm: the other half of a twin
//! run. Everything goes in and out as this crate's types; the host converts.

use crate::Rules;
pub use crate::instance::Instance;
use crate::types::{Context, Effect, Event, Manifest, RoomConfig, SnapshotMeta};

/// A room's rules at work, of whatever type.
pub trait Running {
    /// Answer what happened with what shall be done. A panic is what a trap is in wasm: the value
    /// must not be called again.
    fn handle(&mut self, context: Context, events: Vec<Event>) -> Vec<Effect>;

    /// Write the whole state down.
    fn snapshot(&self) -> Vec<u8>;
}

impl<R: Rules> Running for Instance<R> {
    fn handle(&mut self, context: Context, events: Vec<Event>) -> Vec<Effect> {
        Self::handle(self, context, events)
    }

    fn snapshot(&self) -> Vec<u8> {
        Self::snapshot(self)
    }
}

/// What starting gives: a room's rules, or why there are none.
pub type Started = Result<Box<dyn Running + Send>, String>;

/// A kind of room as a value: what a component's bytes are to the sandbox.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    describe: fn() -> Manifest,
    init: fn(&RoomConfig) -> Started,
    restore: fn(&RoomConfig, &SnapshotMeta, &[u8]) -> Started,
}

impl Program {
    /// The program that these rules are.
    #[must_use]
    pub fn of<R: Rules + Send>() -> Self {
        Self {
            describe: Instance::<R>::describe,
            init: |config| Ok(Box::new(Instance::<R>::init(config)?)),
            restore: |config, meta, state| {
                Ok(Box::new(Instance::<R>::restore(config, meta, state)?))
            },
        }
    }

    /// What it is.
    #[must_use]
    pub fn describe(&self) -> Manifest {
        (self.describe)()
    }

    /// Begin a new room.
    ///
    /// # Errors
    /// Why there is no room.
    pub fn init(&self, config: &RoomConfig) -> Started {
        (self.init)(config)
    }

    /// Take over a room from a snapshot.
    ///
    /// # Errors
    /// Why these bytes are not understood.
    pub fn restore(&self, config: &RoomConfig, meta: &SnapshotMeta, state: &[u8]) -> Started {
        (self.restore)(config, meta, state)
    }
}
