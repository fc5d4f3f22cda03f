//! Who pays for a fault: the user whom the event names, or else the program.

use crate::event::Event;
use crate::identity::UserId;
use crate::ids::ProgramHash;
use crate::rules::Fault;
use std::collections::{BTreeMap, VecDeque};

/// Faults count for so long.
const WINDOW_MS: u64 = 60_000;
/// So many faults of a user within the window put him out.
const USER_FAULTS: usize = 2;
/// … for so long.
const OUT_MS: u64 = 60_000;
/// So many faults of the program itself within the window stop the room.
const PROGRAM_FAULTS: usize = 3;

/// What a fault is put down to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultCause {
    /// A user: what he said, his coming and going, what he asked for.
    User(UserId),
    /// The program: a tick, a timer, a signal, its own start, what the watchdog stopped twice.
    Program,
}

/// A fault, for logs, metrics and bundles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultReport {
    /// The program that failed.
    pub program: ProgramHash,
    /// The call in which it failed.
    pub sequence: u64,
    /// What was skipped, as a word: `message`, `join`, `tick`… or `call` when no single event was to blame.
    pub event: &'static str,
    /// Who pays.
    pub cause: FaultCause,
    /// The user without whom it would not have happened; nobody for what the host alone brings about.
    pub user: Option<UserId>,
    /// What happened.
    pub fault: Fault,
}

/// What a charge leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Go on.
    Noted,
    /// The user is out for a while.
    UserOut,
    /// The program cannot be trusted with this room any longer.
    ProgramOut,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct FaultLedger {
    users: BTreeMap<UserId, VecDeque<u64>>,
    out: BTreeMap<UserId, u64>,
    program: VecDeque<u64>,
}

impl FaultLedger {
    pub(crate) fn charge(&mut self, cause: &FaultCause, now: u64) -> Verdict {
        self.forget(now);
        match cause {
            FaultCause::User(user) => {
                let faults = self.users.entry(user.clone()).or_default();
                faults.push_back(now);
                if faults.len() < USER_FAULTS {
                    return Verdict::Noted;
                }
                self.users.remove(user);
                self.out.insert(user.clone(), now.saturating_add(OUT_MS));
                Verdict::UserOut
            }
            FaultCause::Program => {
                self.program.push_back(now);
                if self.program.len() < PROGRAM_FAULTS {
                    Verdict::Noted
                } else {
                    Verdict::ProgramOut
                }
            }
        }
    }

    /// Whether a user is out at the moment.
    pub(crate) fn is_out(&self, user: &UserId, now: u64) -> bool {
        self.out.get(user).is_some_and(|&until| until > now)
    }

    /// Users that are out, and until when.
    pub(crate) fn outs(&self) -> impl Iterator<Item = (&UserId, u64)> {
        self.out.iter().map(|(user, &until)| (user, until))
    }

    pub(crate) fn put_out(&mut self, user: UserId, until: u64) {
        self.out.insert(user, until);
    }

    /// Another program rules now: it does not pay for the one before.
    pub(crate) fn acquit_program(&mut self) {
        self.program.clear();
    }

    fn forget(&mut self, now: u64) {
        let old = |at: &u64| at.saturating_add(WINDOW_MS) <= now;
        self.users.retain(|_, faults| {
            while faults.front().is_some_and(old) {
                faults.pop_front();
            }
            !faults.is_empty()
        });
        while self.program.front().is_some_and(old) {
            self.program.pop_front();
        }
        self.out.retain(|_, until| *until > now);
    }
}

impl Event {
    /// What it is called in WIT.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::JoinAttempt(_) => "join-attempt",
            Self::Join(_) => "join",
            Self::Attach(_) => "attach",
            Self::Detach(_) => "detach",
            Self::Leave(_) => "leave",
            Self::Message(_) => "message",
            Self::Tick => "tick",
            Self::Timer(_) => "timer",
            Self::ProfileChanged(_) => "profile-changed",
            Self::Activated(_) => "activated",
            Self::Signal(_) => "signal",
            Self::DocAccess(_) => "doc-access",
            Self::DocApplied(_) => "doc-applied",
            Self::MediaAccess(_) => "media-access",
            Self::Terminate(_) => "terminate",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_in_a_minute_put_a_user_out_for_a_minute() {
        let cause = FaultCause::User(UserId::new("anon", "x").unwrap());
        let FaultCause::User(user) = &cause else {
            unreachable!()
        };
        let mut ledger = FaultLedger::default();
        assert_eq!(ledger.charge(&cause, 0), Verdict::Noted);
        assert_eq!(
            ledger.charge(&cause, 60_000),
            Verdict::Noted,
            "the first no longer counts"
        );
        assert_eq!(ledger.charge(&cause, 119_999), Verdict::UserOut);
        assert!(ledger.is_out(user, 179_998));
        assert!(!ledger.is_out(user, 179_999));
    }

    #[test]
    fn three_of_its_own_put_a_program_out() {
        let mut ledger = FaultLedger::default();
        let verdicts: Vec<_> = (0..3)
            .map(|at| ledger.charge(&FaultCause::Program, at))
            .collect();
        assert_eq!(
            verdicts,
            [Verdict::Noted, Verdict::Noted, Verdict::ProgramOut]
        );
    }
}
