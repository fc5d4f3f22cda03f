//! How a room ends: by the wish of its rules or the host, or because it cannot go on.

use crate::event::Event;
use crate::ids::SessionId;
use crate::input::Input;
use crate::opening::StopReason;
use crate::output::{Answer, Closing, Output, Persist};
use crate::room::{Phase, Room};

const OVER: &str = "the room is over";

impl Room {
    /// The room cannot go on: everybody is told, what waits for the disk never leaves.
    pub(crate) fn stop(&mut self, reason: StopReason) {
        if self.phase == Phase::Over && self.gate.is_open() {
            return;
        }
        let lost = self.gate.discard();
        let text = reason.to_string();
        self.close_all(|| Closing::Stopped(text.clone()));
        for output in lost {
            self.answer_lost(output);
        }
        self.be_over();
        self.out.push(Output::Stopped(reason));
    }

    /// After a call that ends the room: tell everybody, and be over.
    pub(crate) fn finish_ended(&mut self) {
        let Some(ending) = self.ending.take().filter(|_| self.phase == Phase::Running) else {
            return;
        };
        // What waits for the end of a batch that is given again: there is no later end than this one.
        let deferred = self.mending.as_mut().and_then(|m| m.commit.take());
        if let Some(ticket) = deferred {
            self.commit_checkpoint(ticket);
            if self.phase == Phase::Over {
                return;
            }
        }
        let text = ending.text.clone();
        self.close_all(|| Closing::Ended(text.clone()));
        self.emit(Output::Ended(ending));
        self.delete_stored();
        self.be_over();
    }

    /// Have what is stored of the room removed, behind everything that still has to be stored before.
    fn delete_stored(&mut self) {
        if self.is_stored {
            let ticket = self.gate.ticket();
            self.gate.store(ticket, 0);
            self.deletion = Some(ticket);
            self.emit(Output::Persist(Persist::Delete { ticket }));
        }
    }

    fn be_over(&mut self) {
        self.phase = Phase::Over;
        self.guest = None;
        self.repair = None;
        self.inputs.clear();
        self.entering.clear();
        self.owed.clear();
    }

    /// Close every connection and turn away whoever still waits for an answer.
    fn close_all(&mut self, closing: impl Fn() -> Closing) {
        let connections: Vec<_> = self.roster.connections().map(|(id, _)| id).collect();
        for connection in connections {
            self.emit(Output::Close {
                connection,
                closing: closing(),
            });
        }
        let waiting: Vec<SessionId> = self
            .roster
            .reservations()
            .iter()
            .map(|r| r.session)
            .collect();
        for session in waiting {
            self.emit(over(session));
        }
        for id in self.signals.drain() {
            self.unanswered(id);
        }
        for input in std::mem::take(&mut self.inputs) {
            self.decline(&input);
        }
    }

    /// Something came too late. Who waits for an answer gets one.
    pub(crate) fn decline(&mut self, input: &Input) {
        match input {
            Input::Knock(knock) => self.emit(over(knock.session)),
            Input::Signal(signal) => self.unanswered(signal.id),
            _ => {}
        }
    }

    /// An event that will not be given any more. Who waits for an answer gets one.
    pub(crate) fn decline_event(&mut self, event: &Event) {
        if let Event::Signal(signal) = event
            && self.signals.close(signal.id)
        {
            self.unanswered(signal.id);
        }
    }

    fn unanswered(&mut self, id: u32) {
        self.emit(Output::SignalReply {
            id,
            answer: Err(OVER.to_owned()),
        });
    }

    /// An output that never leaves. Who waits for it gets another answer.
    fn answer_lost(&mut self, output: Output) {
        match output {
            Output::Attached { session, .. }
            | Output::Answer {
                session,
                answer: Answer::Refused { .. } | Answer::Redirected { .. } | Answer::Over,
            } => self.emit(over(session)),
            Output::SignalReply { id, .. } => self.unanswered(id),
            _ => {}
        }
    }
}

fn over(session: SessionId) -> Output {
    Output::Answer {
        session,
        answer: Answer::Over,
    }
}
