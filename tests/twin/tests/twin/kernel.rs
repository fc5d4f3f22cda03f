//! A room with one form of a guest in it, a disk that answers at once, and a transcript.

use crate::words::identity;
use bytes::Bytes;
use roost_room::{
    CallLimits, CallRecord, Checkpoint, Clock, Context, Event, Fault, Handled, Input, Knock,
    Limits, LogLine, Manifest, Opening, Output, Persist, Program, ProgramHash, Room, RoomConfig,
    RoomIdentity, Rules, SessionId, SnapshotMeta, Takeover,
};
use std::sync::Arc;
use std::time::Duration;

/// A program whose calls have no wall-clock deadline, so that a busy machine does not decide.
pub(crate) struct Patient(pub(crate) Arc<dyn Program>);

struct PatientRules(Box<dyn Rules>);

fn patient(limits: CallLimits) -> CallLimits {
    CallLimits {
        deadline: None,
        ..limits
    }
}

impl Program for Patient {
    fn manifest(&self) -> &Manifest {
        self.0.manifest()
    }

    fn hash(&self) -> ProgramHash {
        self.0.hash()
    }

    fn instantiate(&self, log: LogLine) -> Result<Box<dyn Rules>, Fault> {
        Ok(Box::new(PatientRules(self.0.instantiate(log)?)))
    }
}

impl Rules for PatientRules {
    fn init(
        &mut self,
        room: &RoomIdentity,
        limits: CallLimits,
    ) -> Result<Result<(), String>, Fault> {
        self.0.init(room, patient(limits))
    }

    fn restore(
        &mut self,
        room: &RoomIdentity,
        meta: &SnapshotMeta,
        state: &[u8],
        limits: CallLimits,
    ) -> Result<Result<(), String>, Fault> {
        self.0.restore(room, meta, state, patient(limits))
    }

    fn handle(
        &mut self,
        context: &Context,
        events: &[Event],
        limits: CallLimits,
    ) -> Result<Handled, Fault> {
        self.0.handle(context, events, patient(limits))
    }

    fn snapshot(&mut self, limits: CallLimits) -> Result<Bytes, Fault> {
        self.0.snapshot(patient(limits))
    }
}

/// A room, its time and what has come of it.
pub(crate) struct Stage {
    room: Room,
    config: RoomConfig,
    mono: u64,
    sessions: u64,
    pub(crate) transcript: Vec<String>,
    pub(crate) checkpoint: Option<Checkpoint>,
    pub(crate) records: Vec<CallRecord>,
}

fn clock(mono: u64) -> Clock {
    Clock {
        wall: 1_800_000_000_000 + mono,
        mono: Duration::from_millis(mono),
    }
}

fn opening(mono: u64) -> Opening {
    Opening {
        clock: clock(mono),
        seed: 42,
        incarnation: mono,
        bans: Vec::new(),
    }
}

impl Stage {
    pub(crate) fn open(program: Arc<dyn Program>) -> Self {
        let config = RoomConfig {
            id: "room".to_owned(),
            options: "{}".to_owned(),
            limits: Limits::default(),
            granted: program.manifest().capabilities.clone(),
            log: Arc::new(|_, _| ()),
        };
        let room = Room::open(program, config.clone(), opening(0)).unwrap();
        let mut stage = Self {
            room,
            config,
            mono: 0,
            sessions: 0,
            transcript: Vec::new(),
            checkpoint: None,
            records: Vec::new(),
        };
        stage.step(0, Vec::new());
        stage
    }

    /// A new process: what the disk holds, under a program.
    pub(crate) fn restart(&mut self, program: Arc<dyn Program>) {
        self.mono += 1_000;
        let Some(checkpoint) = self.checkpoint.clone() else {
            return;
        };
        let opening = opening(self.mono);
        let restored = Room::restore(
            program,
            self.config.clone(),
            &opening,
            &checkpoint,
            &self.records,
        );
        self.room = restored.unwrap();
        assert_eq!(self.room.divergences(), 0, "a replay went otherwise");
        self.step(0, Vec::new());
    }

    pub(crate) fn exchange(&mut self, program: Arc<dyn Program>) {
        if !self.room.is_running() {
            return;
        }
        let takeover = Takeover {
            granted: program.manifest().capabilities.clone(),
            program,
            log: self.config.log.clone(),
        };
        let outputs = self.room.exchange(clock(self.mono), takeover).unwrap();
        self.note(outputs);
        self.step(0, Vec::new());
    }

    pub(crate) fn put_away(&mut self) {
        let outputs = self.room.put_away(clock(self.mono));
        self.note(outputs);
    }

    /// A session of this user that enters as soon as it is admitted, or waits for a confirmation.
    pub(crate) fn knock(&mut self, user: &str, at_once: bool) -> Input {
        self.sessions += 1;
        Input::Knock(Knock {
            session: SessionId(self.sessions),
            who: identity(user),
            options: "{}".to_owned(),
            leaving: None,
            resume: None,
            at_once,
        })
    }

    /// Let time pass and hand something in, then do everything that is due.
    pub(crate) fn step(&mut self, passed: u64, inputs: Vec<Input>) {
        self.mono += passed;
        let outputs = self.room.step(clock(self.mono), inputs);
        self.note(outputs);
        for _ in 0..1_000 {
            if self
                .room
                .deadline()
                .is_none_or(|due| due > clock(self.mono).mono)
            {
                return;
            }
            let outputs = self.room.step(clock(self.mono), []);
            self.note(outputs);
        }
        panic!("the room never rests");
    }

    fn note(&mut self, mut outputs: Vec<Output>) {
        while !outputs.is_empty() {
            let mut released = Vec::new();
            for output in &outputs {
                self.transcript.push(format!("{output:?}"));
                let ticket = match output {
                    Output::Persist(Persist::Checkpoint { bytes, ticket, .. }) => {
                        self.checkpoint = Some(Checkpoint::from_bytes(bytes).unwrap());
                        self.records.clear();
                        *ticket
                    }
                    Output::Persist(Persist::Call { bytes, ticket, .. }) => {
                        self.records.push(CallRecord::from_bytes(bytes).unwrap());
                        *ticket
                    }
                    Output::Fault(report) => panic!("{report:?}"),
                    Output::Stopped(reason) => panic!("{reason}"),
                    _ => continue,
                };
                released.extend(self.room.persisted(ticket, Ok(())));
            }
            outputs = released;
        }
    }
}
