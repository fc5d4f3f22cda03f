//! Time as a room sees it.

use std::time::Duration;

/// What the host's clocks say, handed in with every step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Unix milliseconds.
    pub wall: u64,
    /// Since some fixed moment of this process; never falls.
    pub mono: Duration,
}

/// A room's own time: follows the wall clock when that leaps ahead, and the steady one when that is
/// set back, so that `now` never falls and timers are never stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomTime {
    now: u64,
    uptime: u64,
    /// Part of a millisecond not yet counted, in nanoseconds.
    rest: u64,
    mono: Duration,
}

impl RoomTime {
    /// Time of a room that starts, or goes on with what a checkpoint says.
    #[must_use]
    pub fn start(clock: Clock, now: u64, uptime: u64) -> Self {
        Self {
            now: now.max(clock.wall),
            uptime,
            rest: 0,
            mono: clock.mono,
        }
    }

    /// Go on to what the clocks say.
    pub fn advance(&mut self, clock: Clock) {
        let passed = clock.mono.saturating_sub(self.mono);
        self.mono = self.mono.max(clock.mono);
        let nanos = u64::try_from(passed.as_nanos())
            .unwrap_or(u64::MAX)
            .saturating_add(self.rest);
        let millis = nanos / 1_000_000;
        self.rest = nanos % 1_000_000;
        self.uptime = self.uptime.saturating_add(millis);
        self.now = self.now.saturating_add(millis).max(clock.wall);
    }

    /// Take over the time of a recorded call, while a room is rebuilt: what is counted from it (timers, grace)
    /// ends when it would have.
    pub(crate) fn replay(&mut self, now: u64, uptime: u64) {
        self.now = now;
        self.uptime = uptime;
    }

    /// Unix milliseconds that never fall.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Milliseconds the room has really been running.
    #[must_use]
    pub fn uptime(&self) -> u64 {
        self.uptime
    }

    /// The steady clock at the last step.
    #[must_use]
    pub fn mono(&self) -> Duration {
        self.mono
    }

    /// The moment on the steady clock at which `now` will be `unix`, if not before.
    #[must_use]
    pub fn when(&self, unix: u64) -> Duration {
        let wait = Duration::from_millis(unix.saturating_sub(self.now));
        self.mono
            .saturating_add(wait)
            .saturating_sub(Duration::from_nanos(if wait.is_zero() {
                0
            } else {
                self.rest
            }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(wall: u64, mono: u64) -> Clock {
        Clock {
            wall,
            mono: Duration::from_millis(mono),
        }
    }

    #[test]
    fn follows_the_wall_ahead_and_the_steady_clock_back() {
        let mut time = RoomTime::start(at(1_000, 0), 0, 0);
        time.advance(at(5_000, 10));
        assert_eq!((time.now(), time.uptime()), (5_000, 10));
        time.advance(at(2_000, 30));
        assert_eq!((time.now(), time.uptime()), (5_020, 30));
    }

    #[test]
    fn parts_of_a_millisecond_are_not_lost() {
        let mut time = RoomTime::start(at(0, 0), 0, 0);
        for step in 1..=1_000u64 {
            time.advance(Clock {
                wall: 0,
                mono: Duration::from_micros(step * 1_500),
            });
        }
        assert_eq!(time.uptime(), 1_500);
    }

    #[test]
    fn a_moment_is_reached_when_it_was_promised() {
        let mut time = RoomTime::start(at(0, 0), 0, 0);
        time.advance(Clock {
            wall: 0,
            mono: Duration::from_micros(1_300),
        });
        let due = time.when(11);
        time.advance(Clock { wall: 0, mono: due });
        assert_eq!(time.now(), 11);
    }
}
