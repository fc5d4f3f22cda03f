//! From what happened to what the rules are told: inputs and due times become events.

use crate::calls::Batch;
use crate::effect::{Ending, Flow, MediaRight, RefusalReason, Right};
use crate::event::{
    Attachment, Departure, Detachment, Entrant, Event, Joined, MemberProfile, Message, Parting,
};
use crate::identity::{Profile, UserId};
use crate::ids::{ConnectionId, MemberId, SessionId};
use crate::input::{Input, Knock, ResumePoint};
use crate::limits::SIGNAL_MS;
use crate::manifest::{Capability, Intake, Topic};
use crate::output::{Answer, Closing, Output};
use crate::payload::{Json, Payload};
use crate::reservations::Reservation;
use crate::rights::RightState;
use crate::room::Room;

/// Why users are turned away by the host itself.
const OUT: &str = "you are out for a minute: what you sent made the rules fail";
const CROWDED: &str = "you have too many connections here";

impl Room {
    /// Whatever has fallen due. Tells whether there was anything.
    pub(crate) fn plan_due(&mut self, batch: &mut Batch) -> bool {
        let now = self.time.now();
        if let Some(member) = self.roster.take_grace_over(now) {
            self.plan_leave(member, batch);
            return true;
        }
        if let Some(connection) = self.roster.reservations().overdue(now) {
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
        if self.timers.is_due(id, now) {
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
                    .open(signal.id, self.time.now().saturating_add(SIGNAL_MS));
                self.happen(Event::Signal(signal), batch);
            }
            Input::Profile { user, profile } => self.plan_profile(&user, profile, batch),
            Input::DocAccess(question) => self.happen(Event::DocAccess(question), batch),
            Input::DocApplied(outcome) => self.happen(Event::DocApplied(outcome), batch),
            Input::MediaAccess(right) => self.plan_media(right, batch),
            Input::End(cause) => self.happen(Event::Terminate(cause), batch),
        }
    }

    /// The rules are asked once about a right, and never about somebody who has gone.
    fn plan_media(&mut self, media: MediaRight, batch: &mut Batch) {
        let other = match media.flow {
            Flow::Send => media.member,
            Flow::Receive(from) => from,
        };
        let here = [media.member, other]
            .iter()
            .all(|&member| self.roster.member(member).is_some());
        let wanted = self.manifest().capabilities.contains(&Capability::Media);
        if !here || !wanted {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        let right = Right::Media(media);
        match self.rights.state(&right) {
            RightState::Unsaid => self.happen(Event::MediaAccess(media), batch),
            said => batch.before_next(Output::Right {
                right,
                granted: said == RightState::Granted,
            }),
        }
    }

    fn plan_knock(&mut self, knock: Knock, batch: &mut Batch) {
        if self.faults.is_out(&knock.who.user, self.time.now()) {
            batch.before_next(refused(knock.session, RefusalReason::Forbidden, OUT));
            return;
        }
        let Some(connection) = self.roster.new_connection() else {
            batch.before_next(refused(knock.session, RefusalReason::Full, CROWDED));
            return;
        };
        if let Some(member) = self.roster.member_of(&knock.who.user) {
            if self.has_too_many_connections(member) {
                batch.before_next(refused(knock.session, RefusalReason::Full, CROWDED));
                return;
            }
            // What it brings as its profile may be only a wish: what the lobby keeps comes as `Input::Profile`.
            self.plan_attach(member, connection, knock.session, knock.resume, batch);
            return;
        }
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

    fn has_too_many_connections(&self, member: MemberId) -> bool {
        self.roster.connections_of(member).len() >= self.limits.connections as usize
    }

    /// An admitted connection takes its place: as a new member, or under one of the same user who was quicker.
    pub(crate) fn plan_entry(&mut self, connection: ConnectionId, batch: &mut Batch) {
        let expected = self.roster.reservations().get(connection);
        if expected.is_none_or(|reservation| reservation.until.is_none()) {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        let Some(reservation) = self.roster.drop_reservation(connection) else {
            return;
        };
        let session = reservation.session;
        let user = &reservation.entrant.who.user;
        if self.faults.is_out(user, self.time.now()) {
            return batch.before_next(refused(session, RefusalReason::Forbidden, OUT));
        }
        if let Some(member) = self.roster.member_of(user) {
            if self.has_too_many_connections(member) {
                return batch.before_next(refused(session, RefusalReason::Full, CROWDED));
            }
            return self.plan_attach(member, connection, session, reservation.resume, batch);
        }
        let Some(member) = self.roster.new_member() else {
            return batch.before_next(refused(session, RefusalReason::Full, CROWDED));
        };
        let entrant = reservation.entrant;
        self.happen(Event::Join(Joined { member, entrant }), batch);
        self.roster.hears_from(member, self.ring.last().0);
        // Somebody new has missed nothing, wherever he claims to have been before.
        self.plan_attach(member, connection, session, None, batch);
    }

    fn plan_attach(
        &mut self,
        member: MemberId,
        connection: ConnectionId,
        session: SessionId,
        resume: Option<ResumePoint>,
        batch: &mut Batch,
    ) {
        let since = self.roster.anyone(member).map_or(0, |m| m.heard_from);
        let missed = resume
            .filter(|point| point.number >= since)
            .and_then(|point| self.missed(member, connection, point));
        let resumed = missed.is_some();
        batch.before_next(Output::Attached {
            session,
            member,
            connection,
            resumed,
        });
        for outgoing in missed.into_iter().flatten() {
            batch.before_next(Output::Deliver(outgoing));
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
        if let Some(connection) = self.roster.reservations().of_session(session) {
            self.forget_reservation(connection, batch);
        } else if let Some(connection) = self.roster.session_connection(session) {
            self.plan_detach(connection, reason, batch);
        }
    }

    /// Somebody who asked is not coming. Tells whether he had asked.
    fn forget_reservation(&mut self, connection: ConnectionId, batch: &mut Batch) -> bool {
        let gone = self.roster.drop_reservation(connection);
        gone.map(|reservation| {
            batch.before_next(Output::Forgotten {
                session: reservation.session,
            });
        })
        .is_some()
    }

    fn plan_detach(&mut self, connection: ConnectionId, reason: Parting, batch: &mut Batch) {
        if self.forget_reservation(connection, batch) {
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
        let parting = self.roster.anyone(member).map(|m| m.parting);
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
            .topics
            .get_key_value(&topic)
            .filter(|(_, intake)| **intake != Intake::Closed)
            .map(|(known, _)| known.clone());
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
            _ => self.dropped = self.dropped.saturating_add(1),
        }
    }

    fn plan_profile(&mut self, user: &UserId, profile: Profile, batch: &mut Batch) {
        self.roster.expect_profile(user, &profile);
        let Some(member) = self.roster.member_of(user) else {
            return;
        };
        let known = self.roster.member(member);
        // The rules hear of it when it is another than the one they know.
        if known.is_some_and(|m| m.identity.profile != profile) {
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
            Event::Tick => self.ticks = self.ticks.saturating_add(1),
            Event::ProfileChanged(changed) => self
                .roster
                .set_profile(changed.member, changed.profile.clone()),
            Event::Message(_)
            | Event::Activated(_)
            | Event::Signal(_)
            | Event::DocAccess(_)
            | Event::DocApplied(_)
            | Event::MediaAccess(_) => {}
            Event::Terminate(_) => {
                self.ending = Some(Ending {
                    text: String::new(),
                    outcome: Json::new("null".to_owned()),
                });
            }
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
        let connections = self.roster.anyone(member).map(|m| m.connections.clone());
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
