//! What the generator has to know of a wire: where to go, what to say, what it hears.

use crate::stamp::Stamp;
use crate::websocket::{Message, Opcode};

/// A place in the crowd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seat {
    /// Which room, from 0.
    pub(crate) room: u32,
    /// Which peer of that room, from 0. The first ones are the senders.
    pub(crate) peer: u32,
    /// Number among all seats, from 0.
    pub(crate) index: u32,
}

/// What a message from the server means to the generator.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The connection is now in its room.
    Entered,
    /// It will not get in.
    Refused(String),
    /// One of our own messages has arrived.
    Stamp(Stamp),
    /// The server complains of something we sent.
    Error(String),
    /// Anything else the room says.
    Other,
}

/// One wire.
pub(crate) trait Dialect: Send + Sync {
    /// Path and query of the upgrade request of this seat.
    fn address(&self, seat: Seat) -> anyhow::Result<String>;

    /// What a client says first, before it is in its room.
    fn hello(&self, seat: Seat) -> Option<(Opcode, Vec<u8>)>;

    /// Writes the message that carries `stamp` into `out`, which is empty.
    fn write(&self, stamp: Stamp, out: &mut Vec<u8>) -> Opcode;

    /// Calls `each` for everything that one message from the server contains.
    fn hear(&self, message: Message<'_>, each: &mut dyn FnMut(Heard));
}
