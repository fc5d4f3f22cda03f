//! Plain numbers and hashes that name things in a room.

use minicbor::{Decode, Encode};
use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        #[cbor(transparent)]
        pub struct $name(#[n(0)] pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// A user in a room; not reused while the room lives. Starts at 1.
    MemberId(u32)
);
number!(
    /// A connection under a member, whatever carries it; not reused while the room lives. Starts at 1.
    ConnectionId(u32)
);
number!(
    /// A timer, as its rules number it.
    TimerId(u32)
);
number!(
    /// A session of the host, as it numbers itself towards a room. Never seen by rules.
    SessionId(u64)
);
number!(
    /// Something handed out to be made durable; grows within a room.
    Ticket(u64)
);
number!(
    /// A place in the order of a room's reliable deliveries, from 1.
    DeliveryNumber(u64)
);

/// SHA-256 of a program as it was uploaded.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct ProgramHash(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 32]);

impl fmt::Display for ProgramHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ProgramHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
