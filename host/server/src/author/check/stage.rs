//! One room at a time and the host around it: a clock that is told, a store that never fails.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use roost_room::{
    CallRecord, Capability, Checkpoint, Clock, EndCause, Input, Limits, Opening, Output, Persist,
    Program, ProgramHash, Room, RoomConfig, StopReason,
};

use super::notes::SharedNotes;
use super::witness::Watched;

/// When rehearsals begin, in Unix milliseconds: the same for each, so that a seed says everything.
const START: u64 = 1_800_000_000_000;
/// Steps without inputs that a room may want after one with some.
const FOLLOWING: usize = 64;

/// Rooms of a program, one after the other.
pub(super) struct Stage {
    pub(super) program: Arc<dyn Program>,
    pub(super) notes: SharedNotes,
    pub(super) clock: Clock,
    settings: String,
    /// Rooms begun.
    pub(super) rooms: u64,
    /// Rooms brought back from what they had stored.
    pub(super) restarts: u64,
    /// Calls that had other effects when the kernel repeated them.
    pub(super) divergences: u64,
    checkpoint: Option<Bytes>,
    journal: BTreeMap<u64, Bytes>,
    seen: u64,
}

impl Stage {
    pub(super) fn new(program: Arc<dyn Program>, settings: &str, notes: SharedNotes) -> Self {
        let clock = Clock {
            wall: START,
            mono: Duration::ZERO,
        };
        Self {
            program,
            settings: settings.to_owned(),
            notes,
            clock,
            rooms: 0,
            restarts: 0,
            divergences: 0,
            checkpoint: None,
            journal: BTreeMap::new(),
            seen: 0,
        }
    }

    /// Let time pass.
    pub(super) fn pass(&mut self, time: Duration) {
        self.clock.mono = self.clock.mono.saturating_add(time);
        let passed = u64::try_from(self.clock.mono.as_millis()).unwrap_or(u64::MAX);
        self.clock.wall = START.saturating_add(passed);
    }

    /// A new room.
    pub(super) fn open(&mut self, seed: u64) -> Result<Room, StopReason> {
        self.rooms += 1;
        (self.checkpoint, self.seen) = (None, 0);
        self.journal.clear();
        self.notes.lock().forget_calls();
        let hash = self.program.hash();
        Room::open(self.watched(hash), self.config(), self.opening(seed))
    }

    /// The room again, from what it has stored; by a program that seems to be another one if `swapped`. None if
    /// nothing is stored.
    pub(super) fn restart(&mut self, seed: u64, swapped: bool) -> Option<Result<Room, StopReason>> {
        let checkpoint = Checkpoint::from_bytes(self.checkpoint.as_ref()?).ok()?;
        let records = self
            .journal
            .values()
            .map(|bytes| CallRecord::from_bytes(bytes));
        let records: Vec<_> = records.collect::<Result<_, _>>().ok()?;
        self.restarts += 1;
        self.seen = 0;
        self.notes.lock().forget_calls();
        let mut hash = self.program.hash();
        if swapped {
            hash = ProgramHash(hash.0.map(|byte| !byte));
        }
        let opening = self.opening(seed);
        Some(Room::restore(
            self.watched(hash),
            self.config(),
            &opening,
            &checkpoint,
            &records,
        ))
    }

    /// What happens up to now, to the end: a room that mends a fault needs further steps.
    pub(super) fn step(&mut self, room: &mut Room, inputs: Vec<Input>) -> Vec<Output> {
        let mut all = room.step(self.clock, inputs);
        self.store(room, &mut all);
        for _ in 0..FOLLOWING {
            if room.deadline().is_none_or(|due| due > self.clock.mono) {
                break;
            }
            let mut more = room.step(self.clock, []);
            self.store(room, &mut more);
            all.append(&mut more);
        }
        self.count_divergences(room);
        all
    }

    /// The server goes down in good order.
    pub(super) fn put_away(&mut self, room: &mut Room) -> Vec<Output> {
        let mut all = room.put_away(self.clock);
        self.store(room, &mut all);
        self.count_divergences(room);
        all
    }

    /// An operator ends the room.
    pub(super) fn end(&mut self, room: &mut Room) -> Vec<Output> {
        self.step(room, vec![Input::End(EndCause::Closed)])
    }

    /// The room counts from its own beginning.
    fn count_divergences(&mut self, room: &Room) {
        let now = room.divergences();
        self.divergences += now.saturating_sub(self.seen);
        self.seen = now;
    }

    /// Keep what is to be kept, and say so.
    fn store(&mut self, room: &mut Room, outputs: &mut Vec<Output>) {
        let mut place = 0;
        while let Some(output) = outputs.get(place) {
            place += 1;
            let Output::Persist(persist) = output else {
                continue;
            };
            match persist {
                Persist::Checkpoint { covers, bytes, .. } => {
                    self.checkpoint = Some(bytes.clone());
                    self.journal = self.journal.split_off(&covers.saturating_add(1));
                }
                Persist::Call {
                    sequence, bytes, ..
                } => {
                    self.journal.insert(*sequence, bytes.clone());
                }
                Persist::Delete { .. } => {
                    self.checkpoint = None;
                    self.journal.clear();
                }
            }
            outputs.append(&mut room.persisted(persist.ticket(), Ok(())));
        }
    }

    fn watched(&self, hash: ProgramHash) -> Arc<dyn Program> {
        Arc::new(Watched {
            limits: Limits::default().for_program(self.program.manifest()),
            program: Arc::clone(&self.program),
            hash,
            notes: self.notes.clone(),
        })
    }

    fn config(&self) -> RoomConfig {
        RoomConfig {
            id: "rehearsal".to_owned(),
            options: self.settings.clone(),
            limits: Limits::default(),
            granted: Capability::ALL.to_vec(),
            log: Arc::new(|_, _| ()),
        }
    }

    fn opening(&self, seed: u64) -> Opening {
        Opening {
            clock: self.clock,
            seed,
            incarnation: self
                .rooms
                .saturating_mul(1_000)
                .saturating_add(self.restarts),
            bans: Vec::new(),
        }
    }
}
