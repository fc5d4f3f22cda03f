//! Repeating a bundle, with the program that it was recorded of or with another.

use crate::bundle::{Bundle, Called};
use crate::effect::Effect;
use crate::journal::{CallRecord, Outcome};
use crate::opening::StopReason;
use crate::replica::Replica;
use crate::rules::{Fault, LogLine, Program};
use bytes::Bytes;

/// Two answers to the same call.
#[derive(Clone, Debug, PartialEq)]
pub struct Divergence {
    /// The call, with its events.
    pub record: CallRecord,
    /// Which effect differs, from 0.
    pub place: usize,
    /// What was wanted the first time; `None`: nothing more, or it was not recorded.
    pub recorded: Option<Effect>,
    /// What is wanted now; `None`: nothing more.
    pub repeated: Option<Effect>,
    /// How the program failed this time, if it did.
    pub fault: Option<Fault>,
}

/// What came of a repetition.
#[derive(Clone, Debug, PartialEq)]
pub struct Replayed {
    /// Calls that were repeated.
    pub calls: u64,
    /// Calls whose effects were the same, byte for byte.
    pub same: u64,
    /// The first that were not.
    pub divergences: Vec<Divergence>,
    /// How the program failed at what it had failed at before, if it did.
    pub fault: Option<Fault>,
    /// The state at the end; `None`: it failed before.
    pub state: Option<Bytes>,
}

impl Replica {
    /// Where a bundle begins.
    ///
    /// # Errors
    /// The program refuses the state, or fails at it.
    pub fn of_bundle(
        program: &dyn Program,
        bundle: &Bundle,
        log: &LogLine,
    ) -> Result<Self, StopReason> {
        let limits = bundle.limits().for_program(program.manifest());
        Self::begin(program, &limits, &bundle.identity(), &bundle.base(), log)
    }

    /// Hear a call that somebody else has answered already, and compare.
    ///
    /// # Errors
    /// What differs. After a fault the replica is of no use any more.
    pub fn compare(&mut self, called: &Called) -> Result<(), Box<Divergence>> {
        compare(self, &called.record, Some(&called.effects))
    }
}

impl Bundle {
    /// Repeat everything. At most `most` divergences are kept; after a fault nothing more is repeated.
    ///
    /// # Errors
    /// The program refuses the state that the bundle begins with, or fails at it.
    pub fn replay(
        &self,
        program: &dyn Program,
        log: &LogLine,
        most: usize,
    ) -> Result<Replayed, StopReason> {
        let mut replica = Replica::of_bundle(program, self, log)?;
        let mut replayed = Replayed {
            calls: 0,
            same: 0,
            divergences: Vec::new(),
            fault: None,
            state: None,
        };
        for call in &self.calls {
            if call.record.outcome == Outcome::Skipped {
                continue;
            }
            replayed.calls += 1;
            let compared = compare(&mut replica, &call.record, call.effects.as_deref());
            let Err(divergence) = compared else {
                replayed.same += 1;
                continue;
            };
            let is_fault = divergence.fault.is_some();
            if replayed.divergences.len() < most {
                replayed.divergences.push(*divergence);
            }
            if is_fault {
                return Ok(replayed);
            }
        }
        replayed.state = replica.snapshot().ok();
        replayed.fault = self.repeat_fault(&mut replica);
        Ok(replayed)
    }

    /// The last call of a bundle of a fault is the one that failed.
    fn repeat_fault(&self, replica: &mut Replica) -> Option<Fault> {
        self.fault.as_ref()?;
        let last = self.calls.last()?;
        let again = CallRecord {
            outcome: Outcome::Accepted,
            ..last.record.clone()
        };
        (last.record.outcome == Outcome::Skipped)
            .then(|| replica.follow(&again).err())
            .flatten()
    }
}

fn compare(
    replica: &mut Replica,
    record: &CallRecord,
    recorded: Option<&[Effect]>,
) -> Result<(), Box<Divergence>> {
    let diverged = |place, first: Option<&Effect>, now: Option<&Effect>, fault| {
        Box::new(Divergence {
            record: record.clone(),
            place,
            recorded: first.cloned(),
            repeated: now.cloned(),
            fault,
        })
    };
    let effects = match replica.follow(record) {
        Ok(effects) => effects,
        Err(fault) => return Err(diverged(0, None, None, Some(fault))),
    };
    let Some(recorded) = recorded else {
        let same = !record.diverges(&effects);
        return if same {
            Ok(())
        } else {
            Err(diverged(0, None, effects.first(), None))
        };
    };
    let most = recorded.len().max(effects.len());
    let differs = (0..most).find(|&place| recorded.get(place) != effects.get(place));
    match differs {
        None => Ok(()),
        Some(place) => Err(diverged(
            place,
            recorded.get(place),
            effects.get(place),
            None,
        )),
    }
}
