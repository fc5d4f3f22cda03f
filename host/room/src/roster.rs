//! Who is in the room: members, their connections, places kept for those who were admitted.

use crate::event::{Attachment, Detachment, Joined, Parting};
use crate::identity::{Identity, Profile, UserId};
use crate::ids::{ConnectionId, MemberId, SessionId};
use crate::manifest::Topic;
use crate::reservations::{Reservation, Reservations};
use std::collections::{BTreeMap, BTreeSet};

/// A user in the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// With empty claims for `{}`.
    pub(crate) identity: Identity,
    pub(crate) connections: Vec<ConnectionId>,
    /// Unix time at which it goes for good; set while it has no connection.
    pub(crate) grace_until: Option<u64>,
    /// Why its last connection ended.
    pub(crate) parting: Parting,
    /// Kicked: its place is free, its `detach` and `leave` are still owed to the rules.
    pub(crate) gone: bool,
    /// The last reliable delivery before it became a member: nothing up to there was for it.
    pub(crate) heard_from: u64,
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

#[derive(Debug, Default)]
pub(crate) struct Roster {
    /// Boxed: a map's leaf has room for eleven, and most rooms have few.
    members: BTreeMap<MemberId, Box<Member>>,
    connections: BTreeMap<ConnectionId, Connection>,
    users: BTreeMap<UserId, MemberId>,
    /// The connections of sessions that have entered.
    sessions: BTreeMap<SessionId, ConnectionId>,
    reservations: Reservations,
    /// Users who are members, admitted, or both.
    places: u32,
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

    /// A number never given before. `None` when there are no more.
    pub(crate) fn new_connection(&mut self) -> Option<ConnectionId> {
        self.next_connection = self.next_connection.checked_add(1)?;
        Some(ConnectionId(self.next_connection))
    }

    /// A number never given before. `None` when there are no more.
    pub(crate) fn new_member(&mut self) -> Option<MemberId> {
        self.next_member = self.next_member.checked_add(1)?;
        Some(MemberId(self.next_member))
    }

    /// Note a number that a recorded call used.
    pub(crate) fn saw_connection(&mut self, connection: ConnectionId) {
        self.next_connection = self.next_connection.max(connection.0);
    }

    pub(crate) fn member(&self, member: MemberId) -> Option<&Member> {
        self.anyone(member).filter(|m| !m.gone)
    }

    /// A member, the departing ones too.
    pub(crate) fn anyone(&self, member: MemberId) -> Option<&Member> {
        self.members.get(&member).map(AsRef::as_ref)
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
        let members = self.members.iter();
        members.map(|(&id, member)| (id, &**member))
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
        self.places
    }

    /// Whether a user has a place or is kept one.
    pub(crate) fn has_place(&self, user: &UserId) -> bool {
        self.users.contains_key(user) || self.reservations.expects(user)
    }

    /// Count a user's place anew after a change; `had` says whether there was one before.
    fn recount(&mut self, user: &UserId, had: bool) {
        match (had, self.has_place(user)) {
            (false, true) => self.places = self.places.saturating_add(1),
            (true, false) => self.places = self.places.saturating_sub(1),
            _ => {}
        }
    }

    fn seat_user(&mut self, user: &UserId, member: MemberId) {
        let had = self.has_place(user);
        self.users.insert(user.clone(), member);
        self.recount(user, had);
    }

    fn unseat_user(&mut self, user: &UserId, member: MemberId) {
        if self.users.get(user) == Some(&member) {
            self.users.remove(user);
            self.recount(user, true);
        }
    }

    pub(crate) fn reserve(&mut self, reservation: Reservation) {
        self.reservations.insert(reservation);
    }

    /// Keep a place for somebody who asked.
    pub(crate) fn admit(&mut self, connection: ConnectionId, until: u64) {
        let Some(asked) = self.reservations.get(connection) else {
            return;
        };
        let user = asked.entrant.who.user.clone();
        let had = self.has_place(&user);
        self.reservations.admit(connection, until);
        self.recount(&user, had);
    }

    pub(crate) fn drop_reservation(&mut self, connection: ConnectionId) -> Option<Reservation> {
        let gone = self.reservations.remove(connection)?;
        let user = &gone.entrant.who.user;
        let had = gone.until.is_some() || self.users.contains_key(user);
        self.recount(user, had);
        Some(gone)
    }

    pub(crate) fn reservations(&self) -> &Reservations {
        &self.reservations
    }

    /// Somebody who was admitted joins with the profile that the lobby has then.
    pub(crate) fn expect_profile(&mut self, user: &UserId, profile: &Profile) {
        self.reservations.set_profile(user, profile);
    }

    pub(crate) fn set_session(&mut self, connection: ConnectionId, session: SessionId) {
        if let Some(attached) = self.connections.get_mut(&connection) {
            attached.session = Some(session);
            self.sessions.insert(session, connection);
        }
    }

    /// The connection of a session that has entered.
    pub(crate) fn session_connection(&self, session: SessionId) -> Option<ConnectionId> {
        self.sessions.get(&session).copied()
    }

    fn drop_connection(&mut self, connection: ConnectionId) {
        let session = self.connections.remove(&connection).and_then(|c| c.session);
        if let Some(session) = session
            && self.sessions.get(&session) == Some(&connection)
        {
            self.sessions.remove(&session);
        }
    }

    fn end_grace(&mut self, id: MemberId) {
        if let Some(until) = self.members.get_mut(&id).and_then(|m| m.grace_until.take()) {
            self.graces.remove(&(until, id));
            self.give_back();
        }
    }

    /// From now on a member without connections is kept until then, and no longer.
    fn begin_grace(&mut self, id: MemberId, until: u64) {
        self.end_grace(id);
        let alone = self
            .members
            .get_mut(&id)
            .filter(|member| member.connections.is_empty() && !member.gone);
        if let Some(member) = alone {
            member.grace_until = Some(until);
            self.graces.insert((until, id));
        }
    }

    /// An admitted user becomes a member.
    pub(crate) fn join(&mut self, joined: &Joined) {
        self.next_member = self.next_member.max(joined.member.0);
        self.saw_connection(joined.entrant.connection);
        let who = &joined.entrant.who;
        let identity = Identity {
            user: who.user.clone(),
            profile: who.profile.clone(),
            // Nothing is kept of no claims.
            claims: if who.claims == "{}" {
                String::new()
            } else {
                who.claims.clone()
            },
            verified: who.verified,
        };
        self.seat_user(&identity.user, joined.member);
        self.drop_reservation(joined.entrant.connection);
        let member = Member {
            identity,
            connections: Vec::new(),
            grace_until: None,
            parting: Parting::Lost,
            gone: false,
            heard_from: 0,
        };
        self.members.insert(joined.member, Box::new(member));
    }

    /// Note up to where a new member cannot have heard the room.
    pub(crate) fn hears_from(&mut self, id: MemberId, last: u64) {
        if let Some(member) = self.members.get_mut(&id) {
            member.heard_from = last;
        }
    }

    /// Put a member there as a checkpoint has it.
    pub(crate) fn seat(&mut self, id: MemberId, member: Member) {
        // A damaged record may name somebody twice, or count wrongly.
        self.leave(id);
        self.next_member = self.next_member.max(id.0);
        for &connection in &member.connections {
            self.saw_connection(connection);
        }
        if !member.gone {
            self.seat_user(&member.identity.user, id);
            for &connection in &member.connections {
                self.connections.insert(connection, Connection::under(id));
            }
        }
        if let Some(until) = member.grace_until {
            self.graces.insert((until, id));
        }
        self.members.insert(id, Box::new(member));
    }

    pub(crate) fn attach(&mut self, attachment: &Attachment) {
        self.saw_connection(attachment.connection);
        self.drop_reservation(attachment.connection);
        self.end_grace(attachment.member);
        let Some(member) = self.members.get_mut(&attachment.member) else {
            return;
        };
        member.connections.push(attachment.connection);
        let connection = Connection::under(attachment.member);
        self.connections.insert(attachment.connection, connection);
    }

    /// A connection ends. With its last one a member's grace begins, to end at `grace_until`.
    pub(crate) fn detach(&mut self, detachment: &Detachment, grace_until: u64) {
        self.drop_connection(detachment.connection);
        let Some(member) = self.members.get_mut(&detachment.member) else {
            return;
        };
        member
            .connections
            .retain(|connection| *connection != detachment.connection);
        member.parting = detachment.reason;
        self.begin_grace(detachment.member, grace_until);
    }

    /// A member is gone for good.
    pub(crate) fn leave(&mut self, id: MemberId) -> Option<Member> {
        self.end_grace(id);
        let member = self.members.remove(&id)?;
        for &connection in &member.connections {
            self.drop_connection(connection);
        }
        self.unseat_user(&member.identity.user, id);
        Some(*member)
    }

    /// Free a member's place at once; what its rules are owed follows. Gives its connections.
    pub(crate) fn expel(&mut self, id: MemberId) -> Vec<ConnectionId> {
        self.end_grace(id);
        let Some(member) = self.members.get_mut(&id) else {
            return Vec::new();
        };
        member.gone = true;
        let user = member.identity.user.clone();
        let connections = member.connections.clone();
        self.unseat_user(&user, id);
        for &connection in &connections {
            self.drop_connection(connection);
        }
        connections
    }

    /// A connection that the rules never heard of. A member who has no other goes without grace.
    pub(crate) fn forget_connection(&mut self, attachment: &Attachment, now: u64) {
        self.drop_connection(attachment.connection);
        if let Some(member) = self.members.get_mut(&attachment.member) {
            member.connections.retain(|c| *c != attachment.connection);
            self.begin_grace(attachment.member, now);
        }
    }

    /// Members without a connection stay until then at least, and not for ever: also those whose first
    /// `attach` never came to be.
    pub(crate) fn keep_lonely(&mut self, until: u64) {
        self.graces.clear();
        for (&id, member) in &mut self.members {
            if member.connections.is_empty() && !member.gone {
                let grace = member.grace_until.map_or(until, |own| own.max(until));
                member.grace_until = Some(grace);
                self.graces.insert((grace, id));
            }
        }
    }

    pub(crate) fn set_profile(&mut self, id: MemberId, profile: Profile) {
        if let Some(member) = self.members.get_mut(&id) {
            member.identity.profile = profile;
        }
    }

    /// Take out the next member whose grace has run out by `now`.
    pub(crate) fn take_grace_over(&mut self, now: u64) -> Option<MemberId> {
        let (_, member) = *self.graces.first().filter(|(until, _)| *until <= now)?;
        self.graces.pop_first();
        self.give_back();
        Some(member)
    }

    /// An emptied set keeps a leaf.
    fn give_back(&mut self) {
        if self.graces.is_empty() {
            self.graces = BTreeSet::new();
        }
    }

    pub(crate) fn next_grace(&self) -> Option<u64> {
        self.graces.first().map(|&(until, _)| until)
    }
}
