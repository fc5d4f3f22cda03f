//! The one place where the host reads its clocks.

use roost_room::Clock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Clocks of this process.
#[derive(Clone, Copy, Debug)]
pub struct HostClock {
    start: Instant,
}

impl Default for HostClock {
    fn default() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl HostClock {
    /// What they say.
    #[must_use]
    pub fn now(&self) -> Clock {
        Clock {
            wall: unix_millis(),
            mono: self.start.elapsed(),
        }
    }

    /// The moment of a reading of the steady clock, for the runtime's timers.
    #[must_use]
    pub fn instant(&self, mono: Duration) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.start + mono)
    }
}

/// Unix time in milliseconds; 0 when the machine's clock stands before 1970.
#[must_use]
pub fn unix_millis() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
