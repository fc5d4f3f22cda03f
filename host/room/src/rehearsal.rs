//! Trying a program on what a room is, without the room noticing.

use crate::bundle::{Bundle, BundleState, RecordedCall};
use crate::checkpoint::Checkpoint;
use crate::clock::Clock;
use crate::exchange::Takeover;
use crate::journal::{CallRecord, Outcome};
use crate::opening::{Opening, RoomConfig, StopReason};
use crate::replica::Replica;
use crate::room::Room;
use crate::rules::Fault;
use bytes::Bytes;
use std::time::Duration;
use thiserror::Error;

/// What a room is made of, as far as a program is tried on it.
#[derive(Clone)]
pub struct Material {
    /// The last checkpoint, and the calls since.
    bundle: Bundle,
    /// The kernel's half, by which effects are judged.
    kernel: Checkpoint,
    /// The state as it is now, if the room is alive.
    state: Option<BundleState>,
    config: RoomConfig,
}

/// Where a rehearsal failed, as a word: part of the REST interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Taking over a state.
    Restore,
    /// Hearing what happened again.
    Replay,
    /// Writing the state down.
    Snapshot,
    /// Taking over its own state.
    OwnState,
}

impl Step {
    /// The word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Restore => "restore",
            Self::Replay => "replay",
            Self::Snapshot => "snapshot",
            Self::OwnState => "own_state",
        }
    }
}

/// Why a program is not fit for a room.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{}: {reason}", step.name())]
pub struct Unfit {
    /// At what.
    pub step: Step,
    /// What happened.
    pub reason: StopReason,
}

impl Material {
    /// Of a stored room.
    #[must_use]
    pub fn stored(
        kind: &str,
        config: RoomConfig,
        checkpoint: Checkpoint,
        records: &[CallRecord],
    ) -> Self {
        let newer = records.iter().filter(|r| r.sequence > checkpoint.sequence);
        let calls = newer.map(|record| RecordedCall {
            record: record.clone(),
            effects: None,
        });
        let limits = &config.limits;
        let bundle = Bundle {
            room: config.id.clone(),
            program: checkpoint.meta.program,
            seed: checkpoint.seed,
            options: config.options.clone(),
            bans: Vec::new(),
            state: Some(BundleState {
                meta: checkpoint.meta,
                bytes: checkpoint.state.clone(),
            }),
            fuel: crate::bundle::BundleFuel {
                max: limits.fuel_max,
                base: limits.fuel_base,
                per_event: limits.fuel_per_event,
            },
            calls: calls.collect(),
            fault: None,
            machine: String::new(),
            kind: kind.to_owned(),
            code: None,
        };
        Self {
            bundle,
            kernel: checkpoint,
            state: None,
            config,
        }
    }

    /// The room's id.
    #[must_use]
    pub fn room(&self) -> &str {
        &self.bundle.room
    }

    /// Try a program on it: it takes over the state, hears the calls since again, writes its state down, and takes that
    /// over. Gives the number of calls that it heard.
    ///
    /// # Errors
    /// At what it is unfit.
    pub fn rehearse(&self, takeover: &Takeover) -> Result<u64, Unfit> {
        let limits = self.config.limits.for_program(takeover.program.manifest());
        let begin = |bundle: &Bundle| {
            Replica::begin(
                takeover.program.as_ref(),
                &limits,
                &bundle.identity(),
                &bundle.base(),
                &takeover.log,
            )
        };
        let at = |step| move |reason| Unfit { step, reason };
        let mut replica = begin(&self.bundle).map_err(at(Step::Restore))?;
        let heard = self.repeat(&mut replica, takeover)?;
        let mut own = replica.meta();
        let mut state = self.write(&mut replica)?;
        if let Some(now) = &self.state {
            let bundle = Bundle {
                state: Some(now.clone()),
                calls: Vec::new(),
                ..self.bundle.clone()
            };
            let mut replica = begin(&bundle).map_err(at(Step::Restore))?;
            own = replica.meta();
            state = self.write(&mut replica)?;
        }
        let bundle = Bundle {
            state: Some(BundleState {
                meta: own,
                bytes: state,
            }),
            calls: Vec::new(),
            ..self.bundle.clone()
        };
        begin(&bundle).map_err(at(Step::OwnState))?;
        Ok(heard)
    }

    fn write(&self, replica: &mut Replica) -> Result<Bytes, Unfit> {
        replica.snapshot().map_err(|fault| Unfit {
            step: Step::Snapshot,
            reason: StopReason::Rules(fault),
        })
    }

    fn repeat(&self, replica: &mut Replica, takeover: &Takeover) -> Result<u64, Unfit> {
        let unfit = |fault: Fault| Unfit {
            step: Step::Replay,
            reason: StopReason::Rules(fault),
        };
        let judge = self.judge(takeover).map_err(|reason| Unfit {
            step: Step::Restore,
            reason,
        })?;
        let mut heard = 0;
        for RecordedCall { record, .. } in &self.bundle.calls {
            if record.outcome == Outcome::Skipped {
                continue;
            }
            let effects = replica.follow(record).map_err(unfit)?;
            judge.validate(&record.events, &effects).map_err(unfit)?;
            heard += 1;
        }
        Ok(heard)
    }

    /// A room without rules that knows who was ever in this one.
    fn judge(&self, takeover: &Takeover) -> Result<Room, StopReason> {
        let clock = Clock {
            wall: self.kernel.now,
            mono: Duration::ZERO,
        };
        let opening = Opening {
            clock,
            seed: self.bundle.seed,
            incarnation: 0,
            bans: Vec::new(),
        };
        let config = RoomConfig {
            granted: takeover.granted.clone(),
            ..self.config.clone()
        };
        let mut room = Room::bare(takeover.program.clone(), config, &opening)?;
        room.take_over(&self.kernel);
        Ok(room)
    }
}

impl Room {
    /// What a copy of the room begins with: its state, and nobody in it but members that are about to leave.
    ///
    /// # Errors
    /// The rules cannot be written down; the room mends itself with its next step.
    pub fn copy(&mut self) -> Result<Checkpoint, Fault> {
        self.mend();
        let state = match self.fresh_bundle() {
            Ok(fresh) => fresh.state,
            Err(fault) => {
                self.begin_repair(crate::calls::Batch::default(), fault.clone());
                return Err(fault);
            }
        };
        let mut copy = self.to_checkpoint(state.map(|state| state.bytes).unwrap_or_default());
        for member in &mut copy.members {
            member.gone = true;
            member.parting = crate::event::Parting::Lost;
        }
        Ok(copy)
    }

    /// What a program can be tried on. Has the rules write their state down.
    ///
    /// # Errors
    /// They fail at it; the room mends itself with its next step.
    pub fn material(&mut self) -> Result<Material, Fault> {
        self.mend();
        let bundle = self.recent_bundle();
        let state = match self.fresh_bundle() {
            Ok(fresh) => fresh.state,
            Err(fault) => {
                self.begin_repair(crate::calls::Batch::default(), fault.clone());
                return Err(fault);
            }
        };
        Ok(Material {
            bundle,
            kernel: self.to_checkpoint(Bytes::new()),
            state,
            config: self.config.clone(),
        })
    }
}
