//! Writing a manifest.

use crate::types::{Capability, Durability, Limits, Manifest, Pace};
use crate::{Rules, Topics};

/// Most members at once, unless [`Manifest::members`] says otherwise.
const DEFAULT_MEMBERS: u32 = 100;

impl Manifest {
    /// The manifest of these rules, under the name that the program is uploaded by: their topics
    /// and state version; woken by messages, nothing outlives the process, no grace, at most 100
    /// members, the host's defaults otherwise.
    #[must_use]
    pub fn of<R: Rules>(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            state_version: R::STATE_VERSION,
            pace: Pace::Messages,
            durability: Durability::Ephemeral,
            grace: 0,
            limits: Limits {
                members: DEFAULT_MEMBERS,
                fuel: None,
                memory: None,
                snapshot: None,
            },
            capabilities: Vec::new(),
            topics: R::Topic::entries(),
            release: None,
        }
    }

    /// Called so many times a second, 1 to 120; messages are collected and come with the tick.
    #[must_use]
    pub fn ticks(mut self, hertz: u16) -> Self {
        self.pace = Pace::Ticks(hertz);
        self
    }

    /// What outlives the process.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// How long a member without connections is kept, in milliseconds.
    #[must_use]
    pub fn grace(mut self, milliseconds: u32) -> Self {
        self.grace = milliseconds;
        self
    }

    /// Most members at once.
    #[must_use]
    pub fn members(mut self, most: u32) -> Self {
        self.limits.members = most;
        self
    }

    /// Million units of fuel for one call. More than the host's default makes the kind heavy.
    #[must_use]
    pub fn fuel(mut self, millions: u32) -> Self {
        self.limits.fuel = Some(millions);
        self
    }

    /// KiB of memory.
    #[must_use]
    pub fn memory(mut self, kibibytes: u32) -> Self {
        self.limits.memory = Some(kibibytes);
        self
    }

    /// KiB of a snapshot.
    #[must_use]
    pub fn snapshot_limit(mut self, kibibytes: u32) -> Self {
        self.limits.snapshot = Some(kibibytes);
        self
    }

    /// Your own name for this version, such as `1.4.2`, for operators to read: 1 to 64 bytes, no
    /// control characters.
    #[must_use]
    pub fn release(mut self, name: &str) -> Self {
        self.release = Some(name.to_owned());
        self
    }

    /// What reaches beyond the room and needs the operator's consent. May be called repeatedly.
    #[must_use]
    pub fn needs(mut self, capability: Capability) -> Self {
        if !self.capabilities.contains(&capability) {
            self.capabilities.push(capability);
        }
        self
    }
}
