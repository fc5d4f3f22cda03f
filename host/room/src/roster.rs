//! Who is in the room: members, their connections, places kept for those who were admitted.

use crate::event::{Attachment, Detachment, Entrant, Joined, Parting};
use crate::identity::{Identity, UserId};
use crate::ids::{ConnectionId, MemberId, SessionId};
use crate::input::ResumePoint;
use crate::manifest::Topic;
use std::collections::{BTreeMap, BTreeSet};

/// A user in the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) identity: Identity,
    pub(crate) connections: Vec<ConnectionId>,
    /// Unix time at which it goes for good; set while it has no connection.
    pub(crate) grace_until: Option<u64>,
    /// Why its last connection ended.
    pub(crate) parting: Parting,
    /// Kicked: its place is free, its `detach` and `leave` are still owed to the rules.
    pub(crate) gone: bool,
}

/// A connection that can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) member: MemberId,
    /// Absent after a restart: the session is gone.
    pub(crate) session: Option<SessionId>,
    pub(crate) topics: BTreeSet<Topic>,
    pub(crate) moving: bool,
}

impl Connection {
    fn under(member: MemberId) -> Self {
        Self {
            member,
            session: None,
            topics: BTreeSet::new(),
            moving: false,
        }
    }
}

/// A place kept for somebody who was admitted.
#[derive(Clone, Debug)]
pub(crate) struct Reservation {
    pub(crate) session: SessionId,
    pub(crate) entrant: Entrant,
    pub(crate) resume: Option<ResumePoint>,
    pub(crate) at_once: bool,
    /// Unix time at which the place is given up; `None` while the rules are being asked.
    pub(crate) until: Option<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Roster {
    members: BTreeMap<MemberId, Member>,
    connections: BTreeMap<ConnectionId, Connection>,
    users: BTreeMap<UserId, MemberId>,
    reservations: BTreeMap<ConnectionId, Reservation>,
    graces: BTreeSet<(u64, MemberId)>,
    next_member: u32,
    next_connection: u32,
}

impl Roster {
    pub(crate) fn with_counters(next_member: u32, next_connection: u32) -> Self {
        Self {
            next_member,
            next_connection,
            ..Self::default()
        }
    }

    /// Highest numbers given so far: (members, connections).
    pub(crate) fn counters(&self) -> (u32, u32) {
        (self.next_member, self.next_connection)
    }

    pub(crate) fn new_connection(&mut self) -> ConnectionId {
        self.next_connection += 1;
        ConnectionId(self.next_connection)
    }

    pub(crate) fn new_member(&mut self) -> MemberId {
        self.next_member += 1;
        MemberId(self.next_member)
    }

    /// Note a number that a recorded call used.
    pub(crate) fn saw_connection(&mut self, connection: ConnectionId) {
        self.next_connection = self.next_connection.max(connection.0);
    }

    pub(crate) fn member(&self, member: MemberId) -> Option<&Member> {
        self.members.get(&member).filter(|m| !m.gone)
    }

    pub(crate) fn member_of(&self, user: &UserId) -> Option<MemberId> {
        self.users.get(user).copied()
    }

    pub(crate) fn connection(&self, connection: ConnectionId) -> Option<&Connection> {
        self.connections.get(&connection)
    }

    pub(crate) fn connection_mut(&mut self, connection: ConnectionId) -> Option<&mut Connection> {
        self.connections.get_mut(&connection)
    }

    pub(crate) fn connections_of(&self, member: MemberId) -> &[ConnectionId] {
        self.member(member).map_or(&[], |m| &m.connections)
    }

    /// All members, the departing ones too.
    pub(crate) fn members(&self) -> impl Iterator<Item = (MemberId, &Member)> {
        self.members.iter().map(|(&id, member)| (id, member))
    }

    pub(crate) fn connections(&self) -> impl Iterator<Item = (ConnectionId, &Connection)> {
        self.connections
            .iter()
            .map(|(&id, connection)| (id, connection))
    }

    /// Members that count: those who were kicked do not.
    pub(crate) fn headcount(&self) -> u32 {
        u32::try_from(self.users.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.reservations.is_empty()
    }

    /// Whether that number was ever given to a member.
    pub(crate) fn knows_member(&self, member: MemberId) -> bool {
        (1..=self.next_member).contains(&member.0)
    }

    /// Whether that number was ever given to a connection.
    pub(crate) fn knows_connection(&self, connection: ConnectionId) -> bool {
        (1..=self.next_connection).contains(&connection.0)
    }

    /// Places taken by members and by users who were admitted but are not here yet.
    pub(crate) fn places(&self) -> u32 {
        let coming: BTreeSet<&UserId> = self
            .reservations
            .values()
            .filter(|reservation| reservation.until.is_some())
            .map(|reservation| &reservation.entrant.who.user)
            .filter(|user| !self.users.contains_key(user))
            .collect();
        self.headcount()
            .saturating_add(u32::try_from(coming.len()).unwrap_or(u32::MAX))
    }

    /// Whether a place is kept for that user already.
    pub(crate) fn is_expected(&self, user: &UserId) -> bool {
        self.reservations
            .values()
            .any(|r| r.until.is_some() && r.entrant.who.user == *user)
    }

    pub(crate) fn reserve(&mut self, reservation: Reservation) {
        self.reservations
            .insert(reservation.entrant.connection, reservation);
    }

    pub(crate) fn reservation(&self, connection: ConnectionId) -> Option<&Reservation> {
        self.reservations.get(&connection)
    }

    pub(crate) fn reservation_mut(&mut self, connection: ConnectionId) -> Option<&mut Reservation> {
        self.reservations.get_mut(&connection)
    }

    pub(crate) fn drop_reservation(&mut self, connection: ConnectionId) -> Option<Reservation> {
        self.reservations.remove(&connection)
    }

    pub(crate) fn reservations(&self) -> impl Iterator<Item = &Reservation> {
        self.reservations.values()
    }

    /// The connection of a session that has asked to enter.
    pub(crate) fn expected_session(&self, session: SessionId) -> Option<ConnectionId> {
        self.reservations
            .iter()
            .find(|(_, r)| r.session == session)
            .map(|(&connection, _)| connection)
    }

    pub(crate) fn set_session(&mut self, connection: ConnectionId, session: SessionId) {
        if let Some(connection) = self.connections.get_mut(&connection) {
            connection.session = Some(session);
        }
    }

    /// The connection of a session that has entered.
    pub(crate) fn session_connection(&self, session: SessionId) -> Option<ConnectionId> {
        self.connections
            .iter()
            .find(|(_, c)| c.session == Some(session))
            .map(|(&connection, _)| connection)
    }

    /// An admitted user becomes a member.
    pub(crate) fn join(&mut self, joined: &Joined) {
        self.next_member = self.next_member.max(joined.member.0);
        self.saw_connection(joined.entrant.connection);
        self.reservations.remove(&joined.entrant.connection);
        let identity = joined.entrant.who.clone();
        self.users.insert(identity.user.clone(), joined.member);
        let member = Member {
            identity,
            connections: Vec::new(),
            grace_until: None,
            parting: Parting::Lost,
            gone: false,
        };
        self.members.insert(joined.member, member);
    }

    /// Put a member there as a checkpoint has it.
    pub(crate) fn seat(&mut self, id: MemberId, member: Member) {
        if !member.gone {
            self.users.insert(member.identity.user.clone(), id);
        }
        for &connection in &member.connections {
            self.connections.insert(connection, Connection::under(id));
        }
        if let Some(until) = member.grace_until {
            self.graces.insert((until, id));
        }
        self.members.insert(id, member);
    }

    pub(crate) fn attach(&mut self, attachment: &Attachment) {
        self.saw_connection(attachment.connection);
        self.reservations.remove(&attachment.connection);
        let Some(member) = self.members.get_mut(&attachment.member) else {
            return;
        };
        if let Some(until) = member.grace_until.take() {
            self.graces.remove(&(until, attachment.member));
        }
        member.connections.push(attachment.connection);
        let connection = Connection::under(attachment.member);
        self.connections.insert(attachment.connection, connection);
    }

    /// A connection ends. With its last one a member's grace begins, to end at `grace_until`.
    pub(crate) fn detach(&mut self, detachment: &Detachment, grace_until: u64) {
        self.connections.remove(&detachment.connection);
        let Some(member) = self.members.get_mut(&detachment.member) else {
            return;
        };
        member
            .connections
            .retain(|connection| *connection != detachment.connection);
        member.parting = detachment.reason;
        if member.connections.is_empty() && !member.gone {
            member.grace_until = Some(grace_until);
            self.graces.insert((grace_until, detachment.member));
        }
    }

    /// A member is gone for good.
    pub(crate) fn leave(&mut self, id: MemberId) -> Option<Member> {
        let member = self.members.remove(&id)?;
        if let Some(until) = member.grace_until {
            self.graces.remove(&(until, id));
        }
        for connection in &member.connections {
            self.connections.remove(connection);
        }
        if self.users.get(&member.identity.user) == Some(&id) {
            self.users.remove(&member.identity.user);
        }
        Some(member)
    }

    /// Free a member's place at once; what its rules are owed follows. Gives its connections.
    pub(crate) fn expel(&mut self, id: MemberId) -> Vec<ConnectionId> {
        let Some(member) = self.members.get_mut(&id) else {
            return Vec::new();
        };
        member.gone = true;
        if let Some(until) = member.grace_until.take() {
            self.graces.remove(&(until, id));
        }
        let connections = member.connections.clone();
        if self.users.get(&member.identity.user) == Some(&id) {
            self.users.remove(&member.identity.user);
        }
        for connection in &connections {
            self.connections.remove(connection);
        }
        connections
    }

    /// A connection that the rules never heard of. A member who had no other goes without grace.
    pub(crate) fn forget_connection(&mut self, connection: ConnectionId, now: u64) {
        let Some(gone) = self.connections.remove(&connection) else {
            return;
        };
        let Some(member) = self.members.get_mut(&gone.member) else {
            return;
        };
        member.connections.retain(|c| *c != connection);
        if member.connections.is_empty() && !member.gone {
            member.grace_until = Some(now);
            self.graces.insert((now, gone.member));
        }
    }

    /// Members without a connection stay until then at least.
    pub(crate) fn extend_graces(&mut self, until: u64) {
        self.graces.clear();
        for (&id, member) in &mut self.members {
            if let Some(grace) = &mut member.grace_until {
                *grace = (*grace).max(until);
                self.graces.insert((*grace, id));
            }
        }
    }

    pub(crate) fn set_profile(&mut self, id: MemberId, profile: crate::identity::Profile) {
        if let Some(member) = self.members.get_mut(&id) {
            member.identity.profile = profile;
        }
    }

    /// The next member whose grace has run out by `now`.
    pub(crate) fn grace_over(&self, now: u64) -> Option<MemberId> {
        self.graces
            .first()
            .filter(|(until, _)| *until <= now)
            .map(|&(_, member)| member)
    }

    pub(crate) fn next_grace(&self) -> Option<u64> {
        self.graces.first().map(|&(until, _)| until)
    }

    /// The next admitted connection that did not confirm in time.
    pub(crate) fn overdue_reservation(&self, now: u64) -> Option<ConnectionId> {
        let due =
            |(_, r): &(&ConnectionId, &Reservation)| r.until.is_some_and(|until| until <= now);
        self.reservations
            .iter()
            .find(due)
            .map(|(&connection, _)| connection)
    }

    pub(crate) fn next_reservation(&self) -> Option<u64> {
        self.reservations.values().filter_map(|r| r.until).min()
    }
}
