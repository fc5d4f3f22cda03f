//! From what happened to what the rules are told: inputs and due times become events.

use crate::calls::Batch;
use crate::effect::{Ending, RefusalReason};
use crate::event::{
    Attachment, Departure, Detachment, Entrant, Event, Joined, MemberProfile, Message, Parting,
};
use crate::identity::{Profile, UserId};
use crate::ids::{ConnectionId, MemberId, SessionId};
use crate::input::{Input, Knock, ResumePoint};
use crate::limits::SIGNAL_MS;
use crate::manifest::Topic;
use crate::output::{Answer, Closing, Output};
use crate::payload::{Json, Payload};
use crate::resume::only_to;
use crate::room::Room;
use crate::roster::Reservation;

impl Room {
    /// Whatever has fallen due. Tells whether there was anything.
    pub(crate) fn plan_due(&mut self, batch: &mut Batch) -> bool {
        let now = self.time.now();
        if let Some(member) = self.roster.grace_over(now) {
            self.plan_leave(member, batch);
            return true;
        }
        if let Some(connection) = self.roster.overdue_reservation(now) {
            if let Some(late) = self.roster.drop_reservation(connection) {
                batch.before_next(refused(
                    late.session,
                    RefusalReason::Forbidden,
                    "you did not come in time",
                ));
            }
            return true;
        }
        let Some(id) = self.due_timers.pop_front() else {
            return false;
        };
        let still_due = self
            .timers
            .iter()
            .any(|(due, timer)| timer == id && due <= now);
        if still_due {
            self.happen(Event::Timer(id), batch);
        }
        true
    }

    /// An input.
    pub(crate) fn plan(&mut self, input: Input, batch: &mut Batch) {
        match input {
            Input::Knock(knock) => self.plan_knock(knock, batch),
            Input::Confirm { connection } => self.plan_entry(connection, batch),
            Input::Detach { connection, reason } => self.plan_detach(connection, reason, batch),
            Input::Withdraw { session, reason } => self.plan_withdraw(session, reason, batch),
            Input::Message {
                connection,
                topic,
                payload,
            } => self.plan_message(connection, topic, payload, batch),
            Input::Signal(signal) => {
                self.signals
                    .insert(signal.id, self.time.now().saturating_add(SIGNAL_MS));
                self.happen(Event::Signal(signal), batch);
            }
            Input::Profile { user, profile } => self.plan_profile(&user, profile, batch),
            Input::DocAccess(question) => self.happen(Event::DocAccess(question), batch),
            Input::DocApplied(outcome) => self.happen(Event::DocApplied(outcome), batch),
            Input::MediaAccess(right) => {
                if self.roster.member(right.member).is_some() {
                    self.happen(Event::MediaAccess(right), batch);
                } else {
                    self.dropped += 1;
                }
            }
            Input::End(cause) => {
                self.happen(Event::Terminate(cause), batch);
                self.ending = Some(Ending {
                    text: String::new(),
                    outcome: Json::new("null".to_owned()),
                });
            }
        }
    }

    fn plan_knock(&mut self, knock: Knock, batch: &mut Batch) {
        if self.faults.is_out(&knock.who.user, self.time.now()) {
            let text = "you are out for a minute: what you sent made the rules fail";
            batch.before_next(refused(knock.session, RefusalReason::Forbidden, text));
            return;
        }
        if let Some(member) = self.roster.member_of(&knock.who.user) {
            if self.roster.connections_of(member).len() >= self.limits.connections as usize {
                let text = "you have too many connections here";
                batch.before_next(refused(knock.session, RefusalReason::Full, text));
                return;
            }
            let connection = self.roster.new_connection();
            self.plan_attach(member, connection, knock.session, knock.resume, batch);
            return;
        }
        let connection = self.roster.new_connection();
        let entrant = Entrant {
            connection,
            who: knock.who,
            options: knock.options,
            leaving: knock.leaving,
        };
        self.roster.reserve(Reservation {
            session: knock.session,
            entrant: entrant.clone(),
            resume: knock.resume,
            at_once: knock.at_once,
            until: None,
        });
        self.happen(Event::JoinAttempt(entrant), batch);
    }

    /// An admitted connection takes its place: as a new member, or under one of the same user who was quicker.
    pub(crate) fn plan_entry(&mut self, connection: ConnectionId, batch: &mut Batch) {
        let Some(reservation) = self
            .roster
            .reservation(connection)
            .filter(|r| r.until.is_some())
            .cloned()
        else {
            self.dropped += 1;
            return;
        };
        let member = match self.roster.member_of(&reservation.entrant.who.user) {
            Some(member) => member,
            None => {
                let member = self.roster.new_member();
                self.happen(
                    Event::Join(Joined {
                        member,
                        entrant: reservation.entrant,
                    }),
                    batch,
                );
                member
            }
        };
        self.plan_attach(
            member,
            connection,
            reservation.session,
            reservation.resume,
            batch,
        );
    }

    fn plan_attach(
        &mut self,
        member: MemberId,
        connection: ConnectionId,
        session: SessionId,
        resume: Option<ResumePoint>,
        batch: &mut Batch,
    ) {
        let missed = resume.and_then(|point| self.ring.missed(member, point));
        let resumed = missed.is_some();
        batch.before_next(Output::Attached {
            session,
            member,
            connection,
            resumed,
        });
        for outgoing in missed.into_iter().flatten() {
            batch.before_next(Output::Deliver(only_to(outgoing, connection)));
        }
        self.happen(
            Event::Attach(Attachment {
                member,
                connection,
                resumed,
            }),
            batch,
        );
        self.roster.set_session(connection, session);
    }

    fn plan_withdraw(&mut self, session: SessionId, reason: Parting, batch: &mut Batch) {
        if let Some(connection) = self.roster.expected_session(session) {
            self.roster.drop_reservation(connection);
        } else if let Some(connection) = self.roster.session_connection(session) {
            self.plan_detach(connection, reason, batch);
        }
    }

    fn plan_detach(&mut self, connection: ConnectionId, reason: Parting, batch: &mut Batch) {
        if self.roster.drop_reservation(connection).is_some() {
            return;
        }
        let Some(member) = self.roster.connection(connection).map(|c| c.member) else {
            return;
        };
        batch.before_next(Output::Detached { connection, reason });
        self.happen(
            Event::Detach(Detachment {
                member,
                connection,
                reason,
            }),
            batch,
        );
        let for_good = matches!(reason, Parting::Closed | Parting::Moved | Parting::Kicked);
        let alone = self.roster.connections_of(member).is_empty();
        if alone && (for_good || self.manifest().grace == 0) {
            self.plan_leave(member, batch);
        }
    }

    fn plan_leave(&mut self, member: MemberId, batch: &mut Batch) {
        let parting = self
            .roster
            .members()
            .find(|(id, _)| *id == member)
            .map(|(_, m)| m.parting);
        let reason = parting.unwrap_or(Parting::Lost);
        self.happen(Event::Leave(Departure { member, reason }), batch);
    }

    fn plan_message(
        &mut self,
        connection: ConnectionId,
        topic: Topic,
        payload: Payload,
        batch: &mut Batch,
    ) {
        let member = self
            .roster
            .connection(connection)
            .filter(|c| !c.moving)
            .map(|c| c.member);
        // Looked up in the present program: its topics may have changed since the session checked.
        let known = self
            .manifest()
            .topic(topic.as_str())
            .map(|spec| spec.name.clone());
        match (member, known) {
            (Some(member), Some(topic)) => {
                self.happen(
                    Event::Message(Message {
                        member,
                        via: connection,
                        topic,
                        payload,
                    }),
                    batch,
                );
            }
            _ => self.dropped += 1,
        }
    }

    fn plan_profile(&mut self, user: &UserId, profile: Profile, batch: &mut Batch) {
        let Some(member) = self.roster.member_of(user) else {
            return;
        };
        let differs = self
            .roster
            .member(member)
            .is_some_and(|m| m.identity.profile != profile);
        if differs {
            self.happen(
                Event::ProfileChanged(MemberProfile { member, profile }),
                batch,
            );
        }
    }

    /// A fact: the roster knows it from now on, the rules with this call.
    fn happen(&mut self, event: Event, batch: &mut Batch) {
        self.apply(&event);
        batch.push(event);
    }

    /// What an event means for the kernel; the same when it happens and when it is replayed.
    pub(crate) fn apply(&mut self, event: &Event) {
        match event {
            Event::JoinAttempt(entrant) => self.roster.saw_connection(entrant.connection),
            Event::Join(joined) => self.roster.join(joined),
            Event::Attach(attachment) => self.roster.attach(attachment),
            Event::Detach(detachment) => {
                let until = self.grace_end(detachment.reason);
                self.roster.detach(detachment, until);
            }
            Event::Leave(departure) => {
                if let Some(member) = self.roster.leave(departure.member) {
                    self.departed.insert(departure.member, member.identity);
                }
                self.rights.forget(departure.member);
            }
            Event::Timer(id) => {
                self.timers.cancel(*id);
            }
            Event::Tick => self.ticks += 1,
            Event::ProfileChanged(changed) => self
                .roster
                .set_profile(changed.member, changed.profile.clone()),
            Event::Message(_)
            | Event::Activated(_)
            | Event::Signal(_)
            | Event::DocAccess(_)
            | Event::DocApplied(_)
            | Event::MediaAccess(_)
            | Event::Terminate(_) => {}
        }
    }

    /// When a member who loses its last connection now goes for good.
    pub(crate) fn grace_end(&self, reason: Parting) -> u64 {
        let own = u64::from(self.manifest().grace);
        let restart = u64::try_from(self.limits.restart_grace.as_millis()).unwrap_or(u64::MAX);
        let grace = if reason == Parting::ServerRestart {
            own.max(restart)
        } else {
            own
        };
        self.time.now().saturating_add(grace)
    }

    /// Free a member's place at once and close its connections; the rules are owed its `detach` and `leave`.
    pub(crate) fn remove(&mut self, member: MemberId, closing: &Closing) {
        for connection in self.roster.expel(member) {
            self.emit(Output::Close {
                connection,
                closing: closing.clone(),
            });
        }
        if !self.replaying {
            self.owe_departure(member);
        }
    }

    /// Owe the rules what became of a member who was expelled.
    pub(crate) fn owe_departure(&mut self, member: MemberId) {
        let reason = Parting::Kicked;
        let connections = self
            .roster
            .members()
            .find(|(id, _)| *id == member)
            .map(|(_, m)| m.connections.clone());
        for connection in connections.unwrap_or_default() {
            self.owed.push_back(Event::Detach(Detachment {
                member,
                connection,
                reason,
            }));
        }
        self.owed
            .push_back(Event::Leave(Departure { member, reason }));
    }
}

pub(crate) fn refused(session: SessionId, reason: RefusalReason, text: &str) -> Output {
    Output::Answer {
        session,
        answer: Answer::Refused {
            reason,
            text: text.to_owned(),
        },
    }
}
