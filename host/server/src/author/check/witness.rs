//! A program under watch: every call is measured, and made a second time by a twin that was restored from a
//! snapshot, which must give the same effects and come to the same state.

use std::sync::Arc;

use bytes::Bytes;
use roost_room::{
    CallLimits, Context, Event, Fault, Handled, Limits, LogLine, Manifest, Program, ProgramHash,
    RoomIdentity, Rules, SnapshotMeta,
};

use super::notes::SharedNotes;
use super::text::{cut, first_difference, told};

/// After so many calls the twin is compared, and another one is restored.
const TWIN_CALLS: u32 = 16;

/// A program whose instances are watched.
pub(super) struct Watched {
    pub(super) program: Arc<dyn Program>,
    /// Another than the program's own makes the kernel take it for a new version.
    pub(super) hash: ProgramHash,
    pub(super) limits: Limits,
    pub(super) notes: SharedNotes,
}

impl Program for Watched {
    fn manifest(&self) -> &Manifest {
        self.program.manifest()
    }

    fn hash(&self) -> ProgramHash {
        self.hash
    }

    fn instantiate(&self, log: LogLine) -> Result<Box<dyn Rules>, Fault> {
        self.notes.lock().replaced();
        Ok(Box::new(Witness {
            rules: self.program.instantiate(log)?,
            program: Arc::clone(&self.program),
            limits: self.limits.clone(),
            notes: self.notes.clone(),
            room: None,
            twin: None,
            age: 0,
        }))
    }
}

/// An instance, and its twin.
struct Witness {
    rules: Box<dyn Rules>,
    program: Arc<dyn Program>,
    limits: Limits,
    notes: SharedNotes,
    room: Option<RoomIdentity>,
    twin: Option<Box<dyn Rules>>,
    /// Calls of the twin.
    age: u32,
}

impl Rules for Witness {
    fn init(
        &mut self,
        room: &RoomIdentity,
        limits: CallLimits,
    ) -> Result<Result<(), String>, Fault> {
        self.room = Some(room.clone());
        self.rules.init(room, limits)
    }

    fn restore(
        &mut self,
        room: &RoomIdentity,
        meta: &SnapshotMeta,
        state: &[u8],
        limits: CallLimits,
    ) -> Result<Result<(), String>, Fault> {
        self.room = Some(room.clone());
        self.rules.restore(room, meta, state, limits)
    }

    fn handle(
        &mut self,
        context: &Context,
        events: &[Event],
        limits: CallLimits,
    ) -> Result<Handled, Fault> {
        // What the kernel repeats after a fault or a restart is not logged, and no call of its own.
        if !limits.log {
            return self.rules.handle(context, events, limits);
        }
        self.notes.lock().begin(events);
        self.keep_a_twin()?;
        let handled = self.rules.handle(context, events, limits);
        match &handled {
            Ok(handled) => {
                self.notes.lock().succeeded(handled.fuel, limits.fuel);
                self.repeat(context, events, limits, handled);
            }
            Err(_) => self.twin = None,
        }
        handled
    }

    fn snapshot(&mut self, limits: CallLimits) -> Result<Bytes, Fault> {
        let state = self.rules.snapshot(limits)?;
        let mut notes = self.notes.lock();
        notes.state_max = notes.state_max.max(state.len());
        Ok(state)
    }
}

impl Witness {
    /// See that there is a twin and that it is not too old.
    fn keep_a_twin(&mut self) -> Result<(), Fault> {
        if self.notes.lock().no_snapshots || (self.twin.is_some() && self.age < TWIN_CALLS) {
            return Ok(());
        }
        let quiet = quiet(self.limits.writing_down());
        let state = self.snapshot(quiet).inspect_err(|fault| {
            let mut notes = self.notes.lock();
            notes.no_snapshots = true;
            notes.find("snapshots", "snapshot failed", &fault.to_string());
        })?;
        if let Some(mut twin) = self.twin.take() {
            self.compare(
                twin.as_mut(),
                &state,
                "repeating the same calls led to another state",
            );
        }
        match self.restored(&state) {
            Ok(mut twin) => {
                self.compare(
                    twin.as_mut(),
                    &state,
                    "a restored room gives another snapshot",
                );
                self.notes.lock().restored += 1;
                (self.twin, self.age) = (Some(twin), 0);
            }
            Err(reason) => {
                let mut notes = self.notes.lock();
                notes.no_snapshots = true;
                notes.find("snapshots", "its own snapshot is not restored", &reason);
            }
        }
        Ok(())
    }

    fn restored(&self, state: &[u8]) -> Result<Box<dyn Rules>, String> {
        let room = self.room.as_ref().ok_or("the room has not begun")?;
        let meta = SnapshotMeta {
            program: self.program.hash(),
            state_version: self.program.manifest().state_version,
        };
        let quiet = quiet(self.limits.lifecycle());
        let twin = self.program.instantiate(Arc::new(|_, _| ()));
        let mut twin = twin.map_err(|fault| fault.to_string())?;
        twin.restore(room, &meta, state, quiet)
            .map_err(|fault| fault.to_string())??;
        Ok(twin)
    }

    fn compare(&self, twin: &mut dyn Rules, state: &[u8], what: &str) {
        let other = match twin.snapshot(quiet(self.limits.writing_down())) {
            Ok(other) if other == state => return,
            Ok(other) => first_difference(state, &other),
            Err(fault) => fault.to_string(),
        };
        self.notes.lock().find("snapshots", what, &other);
    }

    fn repeat(&mut self, context: &Context, events: &[Event], limits: CallLimits, first: &Handled) {
        let Some(mut twin) = self.twin.take() else {
            return;
        };
        let second = twin.handle(context, events, quiet(limits));
        let mut notes = self.notes.lock();
        notes.repeated += 1;
        match second {
            Ok(second) if second.effects == first.effects => {
                self.age += 1;
                self.twin = Some(twin);
            }
            Ok(second) => {
                let pair = first
                    .effects
                    .iter()
                    .zip(&second.effects)
                    .find(|(a, b)| a != b);
                let difference = pair.map_or_else(
                    || {
                        format!(
                            "{} effects, then {}",
                            first.effects.len(),
                            second.effects.len()
                        )
                    },
                    |(a, b)| {
                        format!(
                            "{}, then {}",
                            cut(&format!("{a:?}")),
                            cut(&format!("{b:?}"))
                        )
                    },
                );
                let detail = format!("on {}: {difference}", told(events));
                notes.find(
                    "same effects",
                    "a restored room gives other effects",
                    &detail,
                );
            }
            Err(fault) => {
                let detail = format!("on {}: {fault}", told(events));
                notes.find(
                    "same effects",
                    "a restored room fails where the first did not",
                    &detail,
                );
            }
        }
    }
}

/// The same fuel; no log, and no watchdog, since it is nobody's turn.
fn quiet(limits: CallLimits) -> CallLimits {
    CallLimits {
        log: false,
        deadline: None,
        ..limits
    }
}
