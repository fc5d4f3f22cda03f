//! The native dialect: `/play/{kind}/{room}`. See `protocol/docs/play.md`.

mod session;
mod token;
mod wire;

pub use session::{FrameError, PlaySession, Said, Verdict};
pub use token::{ANYWHERE, Claims, Grant, MPP_ISSUER, TokenError, parse_color};
pub use wire::{
    RoomCard, Welcome, delivery, ended, error, fault, moving, refused, room_list, welcome,
};

/// Largest payload of a message, in bytes.
pub const MAX_PAYLOAD: usize = 64 * 1024;

/// Deepest nesting of JSON that is taken.
pub const MAX_DEPTH: usize = 128;

/// Close codes of this dialect (section 4 of its page).
pub mod close {
    /// The server is going down.
    pub const GOING_AWAY: u16 = 1001;
    /// Too many bad frames.
    pub const POLICY: u16 = 1008;
    /// The room stopped.
    pub const STOPPED: u16 = 1011;
    /// Too much at the moment.
    pub const TRY_LATER: u16 = 1013;
    /// Address or query are wrong.
    pub const BAD_REQUEST: u16 = 4400;
    /// Token wrong, expired or for somewhere else.
    pub const BAD_TOKEN: u16 = 4401;
    /// Refused, kicked or banned.
    pub const REFUSED: u16 = 4403;
    /// No such kind.
    pub const NO_KIND: u16 = 4404;
    /// Too slow, or silent for too long.
    pub const SLOW: u16 = 4408;
    /// The room has ended.
    pub const ENDED: u16 = 4410;
}
