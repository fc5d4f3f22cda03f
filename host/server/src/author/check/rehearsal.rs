//! The rehearsal: what happens to rooms of a program, step by step, until enough has happened.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use roost_room::{
    Durability, FaultCause, FaultReport, Output, Payload, Program, Room, StopReason, Topic,
};

use super::CheckOptions;
use super::crowd::{Crowd, said};
use super::notes::SharedNotes;
use super::report::{Fault, Finding, Report};
use super::speech::Speech;
use super::stage::Stage;
use super::text::{shown, told};
use crate::author::progress::Progress;

/// After so many faults nothing new is learned.
const FAULTS: u64 = 100;
/// Deliveries whose words are learned: one of so many.
const LEARNED: u64 = 8;
/// The longest time that is waited for a timer.
const WAIT: Duration = Duration::from_secs(3600);

/// A rehearsal under way.
pub(super) struct Rehearsal {
    program: Arc<dyn Program>,
    notes: SharedNotes,
    stage: Stage,
    crowd: Crowd,
    speech: Speech,
    rng: StdRng,
    calls: u64,
    end: Instant,
    faults: Vec<Fault>,
    /// Length of what is shown with each fault; the shortest is.
    shortest: Vec<usize>,
    heard: BTreeMap<Topic, u64>,
    deliveries: u64,
}

impl Rehearsal {
    pub(super) fn new(program: Arc<dyn Program>, speech: Speech, options: &CheckOptions) -> Self {
        let notes = SharedNotes::default();
        Self {
            stage: Stage::new(Arc::clone(&program), &options.settings, notes.clone()),
            crowd: Crowd::new(program.manifest()),
            program,
            notes,
            speech,
            rng: StdRng::seed_from_u64(options.seed),
            calls: options.calls,
            end: Instant::now() + options.at_most,
            faults: Vec::new(),
            shortest: Vec::new(),
            heard: BTreeMap::new(),
            deliveries: 0,
        }
    }

    /// Play until enough has happened, and write down what came of it.
    pub(super) fn run(mut self, report: &mut Report, progress: &Progress) {
        let begun = Instant::now();
        let mut room = None;
        while !self.is_enough() {
            let Some(current) = room.take().or_else(|| self.open()) else {
                break;
            };
            room = self.act(current);
            progress.say(format!(
                "rehearsing: {} of {} calls",
                self.notes.lock().calls,
                self.calls
            ));
        }
        if let Some(mut room) = room {
            let outputs = self.stage.end(&mut room);
            self.take_in(outputs);
        }
        self.write_down(report, begun.elapsed());
    }

    fn is_enough(&self) -> bool {
        let faults: u64 = self.faults.iter().map(|fault| fault.count).sum();
        self.notes.lock().calls >= self.calls || faults >= FAULTS || Instant::now() >= self.end
    }

    fn open(&mut self) -> Option<Room> {
        self.crowd.forget();
        let seed = self.rng.random();
        match self.stage.open(seed) {
            Ok(room) => Some(room),
            Err(reason) => {
                self.stopped("a new room does not begin", &reason);
                None
            }
        }
    }

    /// One step of a room; none when it is over.
    fn act(&mut self, mut room: Room) -> Option<Room> {
        match self.rng.random_range(0..400) {
            0 => return self.restart(room, false),
            1 => return self.restart(room, true),
            2 => {
                let outputs = self.stage.end(&mut room);
                self.take_in(outputs);
                return None;
            }
            3..6 => self
                .stage
                .pass(Duration::from_secs(self.rng.random_range(10..100))),
            6..60 => self.wait_for(&room),
            _ => self
                .stage
                .pass(Duration::from_millis(self.rng.random_range(0..60))),
        }
        if !room.wants_messages(self.stage.clock) {
            self.wait_for(&room);
        }
        let talk = room.wants_messages(self.stage.clock);
        let inputs = self.crowd.inputs(&room, &self.speech, talk, &mut self.rng);
        let outputs = self.stage.step(&mut room, inputs);
        self.take_in(outputs);
        room.is_running().then_some(room)
    }

    /// Until the room wants to be stepped.
    fn wait_for(&mut self, room: &Room) {
        let due = room.deadline().unwrap_or_default();
        self.stage
            .pass(due.saturating_sub(self.stage.clock.mono).min(WAIT));
    }

    /// The server goes down, killed or in good order, and comes back; perhaps with another version of the rules.
    fn restart(&mut self, mut room: Room, swapped: bool) -> Option<Room> {
        let durable = self.program.manifest().durability != Durability::Ephemeral;
        if !durable || self.rng.random() {
            let outputs = self.stage.put_away(&mut room);
            self.take_in(outputs);
        }
        drop(room);
        self.crowd.scatter();
        self.stage
            .pass(Duration::from_secs(self.rng.random_range(0..20)));
        let seed = self.rng.random();
        match self.stage.restart(seed, swapped)? {
            Ok(room) => Some(room),
            Err(reason) => {
                self.stopped("a room does not come back", &reason);
                None
            }
        }
    }

    fn take_in(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            self.crowd.hear(&output);
            match output {
                Output::Deliver(outgoing) => self.listen(&outgoing.topic, &outgoing.payload),
                Output::Fault(report) => self.blame(&report),
                // The fault itself is told already.
                Output::Stopped(StopReason::TooManyFaults(_)) => {}
                Output::Stopped(reason) => self.stopped("a room stops", &reason),
                _ => {}
            }
        }
    }

    /// Words that the rules use are words to use to them.
    fn listen(&mut self, topic: &Topic, payload: &Payload) {
        *self.heard.entry(topic.clone()).or_default() += 1;
        self.deliveries += 1;
        let new = self.heard.get(topic).is_some_and(|count| *count <= LEARNED);
        if let Payload::Json(json) = payload
            && (new || self.deliveries.is_multiple_of(LEARNED))
            && let Ok(value) = serde_json::from_str(json.as_str())
        {
            self.speech.learn(&value);
        }
    }

    fn stopped(&mut self, what: &str, reason: &StopReason) {
        self.notes.lock().find("rooms", what, &reason.to_string());
    }

    /// Put a fault down, with what led to it.
    fn blame(&mut self, report: &FaultReport) {
        let culprit = self.notes.lock().culprit(report.event);
        let (topic, payload) = culprit
            .as_deref()
            .and_then(|events| match events {
                [one] => said(one),
                _ => None,
            })
            .unzip();
        let fault = Fault {
            event: report.event,
            topic: topic.flatten(),
            payload: payload.as_ref().map(shown),
            batch: culprit
                .filter(|events| events.len() > 1)
                .map(|events| told(&events)),
            fault: report.fault.to_string(),
            charged: match &report.cause {
                FaultCause::User(_) => "user",
                FaultCause::Program => "program",
            },
            count: 1,
        };
        let length = payload.map_or(0, |payload| payload.len());
        let known = self.faults.iter().position(|known| known.is_like(&fault));
        let Some(place) = known else {
            self.faults.push(fault);
            self.shortest.push(length);
            return;
        };
        if let (Some(known), Some(shortest)) =
            (self.faults.get_mut(place), self.shortest.get_mut(place))
        {
            known.count += 1;
            if length < *shortest {
                (*shortest, known.payload) = (length, fault.payload);
            }
        }
    }

    fn write_down(self, report: &mut Report, took: Duration) {
        let mut notes = self.notes.lock();
        report.rehearsed(&notes, took);
        report.rooms = self.stage.rooms;
        report.restarts = self.stage.restarts;
        report.count_topics(&self.crowd.said, &self.heard);
        report.faults = self.faults;
        report.findings = std::mem::take(&mut notes.findings);
        if self.stage.divergences > 0 {
            report.findings.push(Finding {
                check: "same effects",
                what: "a room rebuilt from its journal gives other effects".to_owned(),
                detail: String::new(),
                count: self.stage.divergences,
            });
        }
    }
}
