//! Carrying out what a room wants.

use super::Actor;
use crate::deploy::{Incident, is_fork};
use crate::fanout::{Dialect, Sink};
use crate::net::frame;
use crate::net::outbox::Frame;
use crate::session::SessionEvent;
use roost_protocol::play::{self, Welcome};
use roost_room::{
    Closing, ConnectionId, DocOutcome, FaultCause, FaultReport, Input, MemberId, Output, Persist,
    Program, SessionId, StopReason,
};
use roost_store::{Batch, RoomKey, StoreError};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a room waits before it hands the store something that it was too busy for.
const STORE_BUSY: Duration = Duration::from_millis(5);

impl Actor {
    pub(super) async fn carry(&mut self, outputs: Vec<Output>, program: &Arc<dyn Program>) {
        for output in outputs {
            match output {
                Output::Persist(persist) => self.persist(persist).await,
                other => self.carry_one(other, program),
            }
        }
        self.tell_entered();
    }

    /// Whoever is told that he is in has got what the room says to a newcomer, and hears of nothing else before.
    fn tell_entered(&mut self) {
        for (inbox, event) in self.entered.drain(..) {
            inbox.push(event);
        }
    }

    fn carry_one(&mut self, output: Output, program: &Arc<dyn Program>) {
        match output {
            Output::Deliver(outgoing) => {
                let count = self.outlets.deliver(&outgoing);
                self.kind.metrics().deliveries.increment(count);
            }
            Output::Answer { session, answer } => {
                let last = !matches!(answer, roost_room::Answer::Admitted { .. });
                let outlet = if last {
                    self.arriving.remove(&session)
                } else {
                    self.arriving.get(&session).cloned()
                };
                if let Some(outlet) = outlet {
                    outlet.inbox.push(SessionEvent::Answer(answer));
                }
            }
            Output::Attached {
                session,
                member,
                connection,
                resumed,
            } => {
                self.attach(session, member, connection, resumed, program);
            }
            Output::Detached { connection, .. } => self.drop_outlet(connection, None),
            Output::Close {
                connection,
                closing,
            } => self.drop_outlet(connection, Some(closing)),
            Output::Rejected { connection } => self.tell(connection, SessionEvent::Rejected),
            Output::Move {
                connection,
                room,
                on_arrival,
            } => {
                self.tell(connection, SessionEvent::Moving { room, on_arrival });
            }
            Output::SignalReply { id, answer } => {
                if let Some(waiting) = self.signals.remove(&id) {
                    // The caller may have gone away; then nobody wants the answer.
                    let _ = waiting.send(answer);
                }
            }
            // Nobody opens documents or media here yet; the kernel keeps what was said.
            Output::Right { .. } => {}
            Output::DocChange(change) => self.refuse_document(change.doc),
            Output::Fault(report) => self.note_fault(&report),
            Output::FaultBundle(bundle) => self.report(Incident::Bundle(bundle)),
            Output::Called(called) => self.show(*called),
            // What is stored of it goes with `Persist::Delete`.
            Output::Ended(_) => {}
            Output::Forgotten { session } => {
                self.arriving.remove(&session);
            }
            Output::Stopped(reason) => self.note_stop(&reason),
            of_the_kind => self.carry_to_lobby(of_the_kind),
        }
    }

    /// What concerns more than this room.
    fn carry_to_lobby(&mut self, output: Output) {
        if is_fork(self.handle.id()) {
            // Nothing of a copy leaves it.
            if let Output::Headcount(members) = output {
                self.note_headcount(members);
            }
            return;
        }
        match output {
            Output::Listing(listing) => self.kind.lobby().list(self.handle.id(), listing),
            Output::Headcount(members) => {
                self.note_headcount(members);
                self.kind.lobby().count(self.handle.id(), members);
            }
            Output::SetProfile { user, profile } => self.kind.lobby().set_profile(user, profile),
            Output::Subscribe(subscription) => {
                if let Some(outlet) = self.outlets.get(subscription.connection) {
                    self.kind
                        .lobby()
                        .subscribe(&self.handle, subscription, outlet.clone());
                }
            }
            Output::Unsubscribe(subscription) => {
                self.kind.lobby().unsubscribe(&self.handle, &subscription)
            }
            Output::Publish {
                publication,
                speaker,
            } => self.kind.lobby().publish(publication, speaker),
            _ => {}
        }
    }

    /// This host keeps no documents, and does not grant the capability either.
    fn refuse_document(&self, doc: String) {
        let version = Err("this host keeps no documents".to_owned());
        let handle = self.handle.clone();
        tokio::spawn(async move {
            handle
                .tell(Input::DocApplied(DocOutcome { doc, version }))
                .await
        });
    }

    fn attach(
        &mut self,
        session: SessionId,
        member: MemberId,
        connection: ConnectionId,
        resumed: bool,
        program: &Arc<dyn Program>,
    ) {
        let Some(outlet) = self.arriving.remove(&session) else {
            return;
        };
        if let Sink::Socket {
            outbox,
            dialect: Dialect::Play,
        } = &outlet.sink
        {
            let bytes = play::welcome(&Welcome {
                kind: self.kind.name(),
                room: self.handle.id(),
                user: outlet.user.subject(),
                member: member.0,
                connection: connection.0,
                program: program.hash().to_string(),
                manifest: program.manifest(),
                resume: format!("{:x}", self.incarnation),
                resumed,
                token: outlet.token.as_deref(),
            });
            outbox.push(Frame::urgent(frame::text_frame(&bytes)));
        }
        if Self::has_client(&outlet) {
            self.kind
                .lobby()
                .attach(&self.handle, connection, outlet.clone());
        }
        let entered = SessionEvent::Attached { member, connection };
        self.entered.push((Arc::clone(&outlet.inbox), entered));
        self.outlets.insert(connection, outlet);
    }

    fn drop_outlet(&mut self, connection: ConnectionId, closing: Option<Closing>) {
        self.tell_entered();
        let Some(outlet) = self.outlets.remove(connection) else {
            return;
        };
        self.kind
            .lobby()
            .detach(&outlet.user, &self.handle, connection);
        if let Some(closing) = closing {
            outlet.inbox.push(SessionEvent::Closed(closing));
        }
    }

    fn tell(&mut self, connection: ConnectionId, event: SessionEvent) {
        self.tell_entered();
        if let Some(outlet) = self.outlets.get(connection) {
            outlet.inbox.push(event);
        }
    }

    /// Hand something to the store. It answers through the room's own post.
    async fn persist(&mut self, persist: Persist) {
        let ticket = persist.ticket();
        loop {
            let began = Instant::now();
            let handle = self.handle.clone();
            let deletes = matches!(persist, Persist::Delete { .. });
            let done = Box::new(move |result: Result<(), StoreError>| {
                Self::note_commit(began);
                if let (true, Err(error)) = (deletes, &result) {
                    tracing::error!(kind = %handle.kind(), room = %handle.id(), %error, "the state of an ended room stays");
                }
                handle.acknowledge(ticket, result.map_err(|error| error.to_string()));
            });
            let submitted = self
                .batch(&persist)
                .and_then(|batch| self.host.store.submit(batch, done));
            match submitted {
                Ok(()) => return,
                Err(StoreError::Overloaded) => tokio::time::sleep(STORE_BUSY).await,
                Err(error) => return self.handle.acknowledge(ticket, Err(error.to_string())),
            }
        }
    }

    fn batch(&self, persist: &Persist) -> Result<Batch, StoreError> {
        let key = RoomKey::new(self.kind.name(), self.handle.id())?;
        let mut batch = Batch::new();
        match persist {
            Persist::Checkpoint { covers, bytes, .. } => {
                batch.put_checkpoint(&key, *covers, bytes.clone())
            }
            Persist::Call {
                sequence, bytes, ..
            } => batch.append_journal(&key, *sequence, bytes.clone()),
            Persist::Delete { .. } => batch.delete_room(&key),
        };
        Ok(batch)
    }

    fn note_fault(&self, report: &FaultReport) {
        let (cause, user) = match &report.cause {
            FaultCause::User(user) => ("user", user.as_str()),
            FaultCause::Program => ("program", ""),
        };
        self.count_fault(cause);
        self.report(Incident::fault(&self.handle, report));
        tracing::warn!(kind = self.kind.name(), room = %self.handle.id(), program = %report.program,
            call = report.sequence, event = report.event, user, fault = %report.fault, "the rules failed");
    }

    fn note_stop(&self, reason: &StopReason) {
        tracing::error!(kind = self.kind.name(), room = %self.handle.id(), %reason, "a room stopped");
        if let StopReason::Storage(cause) = reason {
            self.registry.report_storage(cause);
        }
    }
}
