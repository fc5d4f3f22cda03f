//! A stretch of a room's life that can be repeated elsewhere: where it began, and each call since.

use crate::checkpointing::Base;
use crate::codec::{self, RecordError};
use crate::effect::{Ban, Effect};
use crate::event::SnapshotMeta;
use crate::faults::{FaultCause, FaultReport};
use crate::ids::ProgramHash;
use crate::journal::CallRecord;
use crate::limits::Limits;
use crate::room::Room;
use crate::rules::{Fault, RoomIdentity};
use bytes::Bytes;
use minicbor::{Decode, Encode};

/// A call that the rules made, as those see it who look over a room's shoulder.
#[derive(Clone, Debug, PartialEq)]
pub struct Called {
    /// The call, with the hash of its effects if it was accepted.
    pub record: CallRecord,
    /// What the rules wanted.
    pub effects: Vec<Effect>,
}

/// A call in a bundle.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct RecordedCall {
    /// The call.
    #[n(0)]
    pub record: CallRecord,
    /// What the rules wanted; not there in bundles of faults.
    #[n(1)]
    pub effects: Option<Vec<Effect>>,
}

/// A state that somebody wrote down.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct BundleState {
    /// Who.
    #[n(0)]
    pub meta: SnapshotMeta,
    /// What.
    #[cbor(n(1), with = "codec::shared")]
    pub bytes: Bytes,
}

/// What went wrong at the end of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct BundleFault {
    /// In which call.
    #[n(0)]
    pub sequence: u64,
    /// At what: `message`, `join`, `tick`…
    #[n(1)]
    pub event: String,
    /// Who pays: a user, or `program`.
    #[n(2)]
    pub cause: String,
    /// What happened.
    #[n(3)]
    pub text: String,
}

/// What calls may cost in the room that was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct BundleFuel {
    /// Most for a call.
    #[n(0)]
    pub max: u64,
    /// For any call.
    #[n(1)]
    pub base: u64,
    /// For each event on top.
    #[n(2)]
    pub per_event: u64,
}

/// A stretch of a room's life.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct Bundle {
    /// The room's id.
    #[n(0)]
    pub room: String,
    /// The program that ruled it.
    #[n(1)]
    pub program: ProgramHash,
    /// The room's own seed.
    #[n(2)]
    pub seed: u64,
    /// JSON object: the operator's settings for the kind.
    #[n(3)]
    pub options: String,
    /// Bans that it began with.
    #[n(4)]
    pub bans: Vec<Ban>,
    /// Where it begins; `None`: with `init`.
    #[n(5)]
    pub state: Option<BundleState>,
    /// What calls might cost.
    #[n(6)]
    pub fuel: BundleFuel,
    /// The calls since.
    #[n(7)]
    pub calls: Vec<RecordedCall>,
    /// What went wrong in the last one.
    #[n(8)]
    pub fault: Option<BundleFault>,
    /// The family of processors: results are only promised to be the same on one.
    #[n(9)]
    pub machine: String,
    /// The kind of the room: the module's name.
    #[n(10)]
    pub kind: String,
    /// The program itself, in bundles that leave their server.
    #[n(11)]
    pub code: Option<BundleCode>,
}

/// The bytes of a program.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct BundleCode {
    /// As it was uploaded.
    #[cbor(n(0), with = "codec::shared")]
    pub bytes: Bytes,
}

impl Bundle {
    /// As it is kept and sent.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        codec::to_bytes(self).into()
    }

    /// Read it back.
    ///
    /// # Errors
    /// The bytes are no bundle.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        codec::from_bytes(bytes)
    }

    /// What the rules were told at the start.
    #[must_use]
    pub fn identity(&self) -> RoomIdentity {
        RoomIdentity {
            room: self.room.clone(),
            seed: self.seed,
            options: self.options.clone(),
            bans: self.bans.clone(),
        }
    }

    /// The limits that applied.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            fuel_max: self.fuel.max,
            fuel_base: self.fuel.base,
            fuel_per_event: self.fuel.per_event,
            // Whatever was written once may be written again.
            snapshot: usize::MAX / 2,
            ..Limits::default()
        }
    }

    pub(crate) fn base(&self) -> Base {
        match &self.state {
            None => Base::Init,
            Some(state) => Base::Snapshot {
                meta: state.meta,
                state: state.bytes.clone(),
            },
        }
    }
}

impl Room {
    /// Whether each call is to be handed out as [`crate::Output::Called`].
    pub fn tap(&mut self, on: bool) {
        self.is_tapped = on;
    }

    /// The last checkpoint in memory and the calls since: enough to repeat what led to here.
    #[must_use]
    pub fn bundle(&self) -> Bundle {
        let calls = self.journal.records().iter();
        let calls = calls.map(|record| RecordedCall {
            record: record.clone(),
            effects: None,
        });
        Bundle {
            calls: calls.collect(),
            ..self.bundle_from(&self.base)
        }
    }

    /// The same, from the checkpoint before.
    pub(crate) fn recent_bundle(&self) -> Bundle {
        let Some(recent) = &self.recent else {
            return self.bundle();
        };
        let calls = recent.calls.iter().chain(self.journal.records());
        let calls = calls.map(|record| RecordedCall {
            record: record.clone(),
            effects: None,
        });
        Bundle {
            calls: calls.collect(),
            ..self.bundle_from(&recent.base)
        }
    }

    /// A bundle that begins here and now, for calls to be added.
    ///
    /// # Errors
    /// The rules cannot be written down.
    pub fn fresh_bundle(&mut self) -> Result<Bundle, Fault> {
        let dirty_since = self.dirty_since;
        self.take_snapshot()?;
        self.dirty_since = dirty_since;
        Ok(self.bundle_from(&self.base))
    }

    fn bundle_from(&self, base: &Base) -> Bundle {
        let state = match base {
            Base::Init => None,
            Base::Snapshot { meta, state } => Some(BundleState {
                meta: *meta,
                bytes: state.clone(),
            }),
        };
        Bundle {
            room: self.identity.room.clone(),
            program: self.program.hash(),
            seed: self.identity.seed,
            options: self.identity.options.clone(),
            bans: self.identity.bans.clone(),
            state,
            fuel: BundleFuel {
                max: self.limits.fuel_max,
                base: self.limits.fuel_base,
                per_event: self.limits.fuel_per_event,
            },
            calls: Vec::new(),
            fault: None,
            machine: std::env::consts::ARCH.to_owned(),
            kind: self.manifest().kind.clone(),
            code: None,
        }
    }

    /// What led to a fault that has just been charged.
    pub(crate) fn fault_bundle(&self, report: &FaultReport) -> Bundle {
        let cause = match &report.cause {
            FaultCause::User(user) => user.as_str().to_owned(),
            FaultCause::Program => "program".to_owned(),
        };
        Bundle {
            fault: Some(BundleFault {
                sequence: report.sequence,
                event: report.event.to_owned(),
                cause,
                text: report.fault.to_string(),
            }),
            ..self.bundle()
        }
    }

    /// Hand a call out, if that is wanted.
    pub(crate) fn show_call(&mut self, record: &CallRecord, effects: &[Effect]) {
        if self.is_tapped && !self.replaying {
            let mut record = record.clone();
            if record.outcome == crate::journal::Outcome::Accepted {
                record.effects = Some(CallRecord::hash_effects(effects));
            }
            let effects = effects.to_vec();
            self.out
                .push(crate::Output::Called(Box::new(Called { record, effects })));
        }
    }
}
