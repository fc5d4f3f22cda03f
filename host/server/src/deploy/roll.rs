//! Moving live rooms to other rules: each between two of its calls, many at a time.

use super::{Deployer, JobHandle, Module, Refusal};
use crate::actor::{Order, Roll, Rolled, RoomHandle};
use crate::kinds::{Kind, Ruling};
use futures_util::StreamExt;
use roost_room::{ProgramHash, Retreated};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// Rooms that are told at a time.
const AT_ONCE: usize = 32;

/// What became of the rooms.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Changed over.
    pub(super) rolled: usize,
    /// Kept what they had: which, and why.
    pub(super) held_back: Vec<(String, String)>,
    /// Came back with their own state of before.
    pub(super) relived: usize,
    /// The longest that one stood still.
    pub(super) longest: Duration,
}

/// A room, and what it said; nothing if it has gone meanwhile.
type Answer = (RoomHandle, Option<Result<Rolled, String>>);

impl Outcome {
    pub(super) fn longest_us(&self) -> u64 {
        u64::try_from(self.longest.as_micros()).unwrap_or(u64::MAX)
    }

    fn note(&mut self, (room, answer): Answer) {
        match answer {
            // Gone: its next life begins with the rules it should have.
            None => {}
            Some(Ok(rolled)) => {
                self.rolled += 1;
                self.relived += usize::from(rolled.retreated == Some(Retreated::CodeAndState));
                self.longest = self.longest.max(rolled.pause);
            }
            Some(Err(reason)) => self.held_back.push((room.id().to_string(), reason)),
        }
    }
}

async fn tell(room: RoomHandle, roll: Roll) -> Answer {
    let answer = room.ask(|answer| Order::Roll(roll, answer)).await;
    (room, answer.ok())
}

impl Deployer {
    /// The live rooms of a kind that should have these rules and do not.
    pub(super) fn behind(&self, kind: &Kind, hash: &ProgramHash) -> Vec<RoomHandle> {
        let rooms = self.registry.rooms(Some(kind.name()));
        let behind = |room: &RoomHandle| {
            kind.ruling_for(room.id()).program.hash() == *hash && room.program().hash() != *hash
        };
        rooms.into_iter().filter(behind).collect()
    }

    /// Move rooms forward. The first that refuses stops it, and those that have moved go back.
    pub(super) async fn roll_forward(
        &self,
        kind: &Arc<Kind>,
        rooms: Vec<RoomHandle>,
        ruling: &Ruling,
        job: &JobHandle,
    ) -> Result<Outcome, Refusal> {
        let roll = Roll {
            ruling: ruling.clone(),
            back: false,
        };
        let mut outcome = Outcome::default();
        let told = rooms.into_iter().map(|room| tell(room, roll.clone()));
        let mut told = futures_util::stream::iter(told).buffer_unordered(AT_ONCE);
        while let Some(answer) = told.next().await {
            outcome.note(answer);
            job.advance();
            if let Some((room, reason)) = outcome.held_back.first() {
                let text = format!("room {room:?} of {} refuses: {reason}", kind.name());
                let details = json!({ "room": room, "reason": reason });
                return Err(Refusal::with(422, "roll_failed", text, details));
            }
        }
        Ok(outcome)
    }

    /// Move all rooms of a kind to what they should have, by earlier rules: those that refuse stay, and are listed.
    pub(super) async fn roll_back_all(&self, kind: &Kind, job: Option<&JobHandle>) -> Outcome {
        let mut outcome = Outcome::default();
        let rooms = self.registry.rooms(Some(kind.name()));
        let told = rooms.into_iter().map(|room| {
            let roll = Roll {
                ruling: kind.ruling_for(room.id()),
                back: true,
            };
            tell(room, roll)
        });
        let mut told = futures_util::stream::iter(told).buffer_unordered(AT_ONCE);
        while let Some(answer) = told.next().await {
            outcome.note(answer);
            if let Some(job) = job {
                job.advance();
            }
        }
        for (room, reason) in &outcome.held_back {
            tracing::error!(
                kind = kind.name(),
                room,
                reason,
                "a room could not be taken back"
            );
        }
        outcome
    }

    /// The way back is not needed any more.
    pub(super) fn settle(&self, module: &Module) {
        if let Some(kind) = self.kinds.get(&module.name) {
            kind.set_probation(false);
            for room in self.registry.rooms(Some(kind.name())) {
                // One that has gone keeps nothing anyway.
                let _ = room.order(Order::Settle);
            }
        }
    }
}
