//! Vanishing: staff may be in a room and be seen by nobody but staff.

use roost_sdk::prelude::*;
use serde::Deserialize;

use crate::Topic;
use crate::people::Person;
use crate::room::Piano;
use crate::wire::{Bye, Participant};

/// Topic `v`.
#[derive(Debug, Deserialize)]
struct Vanish {
    vanish: bool,
}

impl Person {
    /// Whether the other one sees this one.
    pub(crate) fn is_seen_by(&self, other: &Self) -> bool {
        !self.vanished || other.staff
    }
}

impl Piano {
    /// Topic `v`.
    pub(crate) fn vanish(&mut self, cx: &mut Cx, message: &Message) {
        let Ok(Vanish { vanish }) = message.parse() else {
            return;
        };
        let person = self.state.people.get_mut(&message.member);
        let Some(person) = person.filter(|person| person.staff && person.vanished != vanish) else {
            return;
        };
        person.vanished = vanish;
        if vanish {
            self.disappear(cx, message.member);
        } else {
            self.show_person(cx, message.member);
        }
        // A room that is restored must not show again whom it had hidden.
        cx.commit();
    }

    fn disappear(&mut self, cx: &mut Cx, member: MemberId) {
        let Some(person) = self.state.people.get(&member) else {
            return;
        };
        let from = person.mouse.at();
        let bye = Payload::of(&Bye {
            p: person.face.id(),
        });
        self.tell(cx, Topic::Bye, bye, |_, other| !other.staff);
        self.show_person(cx, member);
        if self.drop_crown(cx, member, from) {
            self.show_all(cx);
            self.renew_quota(cx, member);
            self.list(cx);
        }
    }

    /// How somebody looks now, to all who see them.
    pub(crate) fn show_person(&self, cx: &mut Cx, member: MemberId) {
        if let Some(person) = self.state.people.get(&member) {
            let participant = Payload::of(&Participant::of(person));
            self.tell(cx, Topic::Participant, participant, |_, other| {
                person.is_seen_by(other)
            });
        }
    }

    /// Whether the member has vanished.
    pub(crate) fn is_vanished(&self, member: MemberId) -> bool {
        let person = self.state.people.get(&member);
        person.is_some_and(|person| person.vanished)
    }

    /// Whether some who are here are not seen by all.
    pub(crate) fn hides_anybody(&self) -> bool {
        self.state.people.values().any(|person| person.vanished)
    }

    /// The room as it is now to all known members but one, staff and others each as they see it.
    pub(crate) fn show_apart(&self, cx: &mut Cx, but: Option<MemberId>) {
        for staff in [true, false] {
            self.tell(cx, Topic::Channel, self.shown(None, staff), |id, other| {
                other.staff == staff && Some(id) != but
            });
        }
    }

    /// Send on what somebody vanished said, to staff.
    pub(crate) fn forward_to_staff(&self, cx: &mut Cx, via: ConnectionId, lane: Lane) {
        let connections = self.staff_connections(via);
        if !connections.is_empty() {
            cx.forward().to_connections(connections).on(lane);
        }
    }

    /// All connections of staff but one.
    pub(crate) fn staff_connections(&self, but: ConnectionId) -> Vec<ConnectionId> {
        let staff = self.state.people.values().filter(|person| person.staff);
        let connections = staff.flat_map(|person| person.connections.iter().copied());
        connections.filter(|one| *one != but).collect()
    }
}
