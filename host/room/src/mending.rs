//! A batch that is given again one event at a time: what the rules never heard of meanwhile.
//!
//! The kernel applied the whole batch when it was planned, the guest hears of it piece by piece. Whoever's
//! `join` or `attach` is skipped must not be heard of in the rest, and what earlier pieces undo does not
//! come any more.

use crate::calls::Batch;
use crate::effect::{Flow, RefusalReason};
use crate::event::{Attachment, Event};
use crate::ids::{ConnectionId, MemberId, Ticket, TimerId};
use crate::input::ResumePoint;
use crate::output::Output;
use crate::plan::refused;
use crate::room::{Phase, Room};
use crate::rules::Fault;
use std::collections::BTreeSet;

const FAILED: &str = "the rules failed on your entry";

/// What a step could not finish.
#[derive(Debug)]
pub(crate) struct Repair {
    pub(crate) batch: Batch,
    pub(crate) fault: Fault,
}

/// Kept while a batch is given again.
#[derive(Debug, Default)]
pub(crate) struct Mending {
    /// Members the rules never heard of.
    pub(crate) members: BTreeSet<MemberId>,
    /// Connections the rules never heard of.
    pub(crate) connections: BTreeSet<ConnectionId>,
    /// Timers that were cancelled or set again.
    pub(crate) timers: BTreeSet<TimerId>,
    /// The last call that waits for the checkpoint at the end.
    pub(crate) commit: Option<Ticket>,
}

impl Room {
    /// Whether the rules are to hear of an event: only if they know whom it is about.
    pub(crate) fn concerns(&self, event: &Event) -> bool {
        let Some(mending) = &self.mending else {
            return true;
        };
        let known = |member: MemberId| {
            let here = self.roster.anyone(member).is_some() || self.departed.contains_key(&member);
            here && !mending.members.contains(&member)
        };
        let open = |connection| !mending.connections.contains(&connection);
        let now = self.time.now();
        match event {
            Event::JoinAttempt(entrant) => !self.faults.is_out(&entrant.who.user, now),
            Event::Attach(attachment) => known(attachment.member) && !self.was_expelled(attachment),
            Event::Message(message) => {
                let sender = self.roster.anyone(message.member);
                let out = sender.is_some_and(|m| self.faults.is_out(&m.identity.user, now));
                known(message.member) && open(message.via) && !out
            }
            Event::Detach(detachment) => known(detachment.member) && open(detachment.connection),
            Event::Leave(departure) => known(departure.member),
            Event::ProfileChanged(changed) => known(changed.member),
            Event::MediaAccess(media) => {
                let other = match media.flow {
                    Flow::Send => media.member,
                    Flow::Receive(from) => from,
                };
                known(media.member) && known(other)
            }
            Event::Timer(id) => !mending.timers.contains(id),
            _ => true,
        }
    }

    /// Whether a member was kicked before it heard of this connection of its own.
    fn was_expelled(&self, attachment: &Attachment) -> bool {
        self.roster
            .anyone(attachment.member)
            .is_some_and(|m| m.gone && m.connections.contains(&attachment.connection))
    }

    /// An event is not given to the rules. Who waits for an answer gets one.
    pub(crate) fn pass_over(&mut self, event: &Event, before: Vec<(usize, Output)>) {
        if self.phase == Phase::Running {
            match event {
                Event::JoinAttempt(entrant) => {
                    if let Some(reservation) = self.roster.drop_reservation(entrant.connection) {
                        let text = "you are out for a minute";
                        self.emit(refused(reservation.session, RefusalReason::Forbidden, text));
                    }
                }
                Event::Attach(attachment) => self.unhear_connection(attachment),
                Event::Message(_) => self.dropped = self.dropped.saturating_add(1),
                _ => {}
            }
        } else {
            self.decline_event(event);
        }
        self.turn_away(before);
    }

    /// What goes before an event that is not given, or was skipped: whoever was about to be attached is not.
    pub(crate) fn turn_away(&mut self, before: Vec<(usize, Output)>) {
        for (_, output) in before {
            match output {
                Output::Attached { session, .. } => {
                    self.emit(refused(session, RefusalReason::Forbidden, FAILED));
                }
                Output::Deliver(_) => {}
                output => self.emit(output),
            }
        }
    }

    /// A member whose `join` was skipped.
    pub(crate) fn unhear_member(&mut self, member: MemberId) {
        self.roster.leave(member);
        self.departed.remove(&member);
        self.owed.retain(|event| {
            !matches!(event, Event::Leave(departure) if departure.member == member)
                && !matches!(event, Event::Detach(detachment) if detachment.member == member)
        });
        if let Some(mending) = &mut self.mending {
            mending.members.insert(member);
        }
    }

    /// A connection whose `attach` was skipped or never given.
    pub(crate) fn unhear_connection(&mut self, attachment: &Attachment) {
        self.roster.forget_connection(attachment, self.time.now());
        let connection = attachment.connection;
        self.owed.retain(
            |event| !matches!(event, Event::Detach(detachment) if detachment.connection == connection),
        );
        if let Some(mending) = &mut self.mending {
            mending.connections.insert(connection);
        }
    }

    /// Somebody who comes back misses what earlier events of the batch had delivered before it could be reached.
    pub(crate) fn catch_up(&mut self, single: &mut Batch, planned_at: u64) {
        let Some(Event::Attach(attachment)) = single.events.first_mut() else {
            return;
        };
        if !attachment.resumed {
            return;
        }
        let since = ResumePoint {
            incarnation: self.ring.incarnation(),
            number: planned_at,
        };
        let connection = attachment.connection;
        match self.missed(attachment.member, connection, since) {
            Some(missed) => {
                let missed = missed.into_iter().map(Output::Deliver);
                single.before.extend(missed.map(|output| (0, output)));
            }
            None => {
                // More than the ring holds: it begins anew.
                attachment.resumed = false;
                single
                    .before
                    .retain(|(_, output)| !matches!(output, Output::Deliver(_)));
                for (_, output) in &mut single.before {
                    if let Output::Attached { resumed, .. } = output {
                        *resumed = false;
                    }
                }
            }
        }
    }
}
