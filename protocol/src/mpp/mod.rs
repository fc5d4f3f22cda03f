//! Multiplayer Piano: frames of JSON arrays. See `protocol/docs/mpp.md`.

mod fields;
mod notes;
mod payload;
mod rates;
mod session;
mod settings;
mod wire;

pub use session::{Intent, MppSession, SiteBan, Violation};
pub use wire::{
    Entry, Notification, Person, banned_entry, challenge, delivery, entry, entry_options, greeting,
    is_urgent, list, notification, quota, time,
};

/// Longest frame from a client, in bytes.
pub const MAX_FRAME: usize = 64 * 1024;

/// Where whoever may be nowhere else is taken.
pub const AWKWARD: &str = "test/awkward";

/// Close codes of this dialect (section 1 of its page).
pub mod close {
    /// The client said good-bye.
    pub const BYE: u16 = 1000;
    /// Frames that are not JSON.
    pub const POLICY: u16 = 1008;
    /// The room stopped.
    pub const STOPPED: u16 = 1011;
    /// The server is closing.
    pub const GOING_AWAY: u16 = 4000;
    /// More bytes than allowed.
    pub const TOO_MANY_BYTES: u16 = 4002;
    /// A reader too slow, or a peer silent for too long.
    pub const SLOW: u16 = 4003;
    /// More messages than allowed.
    pub const TOO_MANY_MESSAGES: u16 = 4007;
    /// Banned from the site.
    pub const BANNED: u16 = 4008;
    /// Too many sockets of one user.
    pub const TOO_MANY_SOCKETS: u16 = 4009;
    /// Made the rules fail, or may not be anywhere.
    pub const REFUSED: u16 = 4403;
}
