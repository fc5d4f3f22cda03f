//! Places kept for those who ask to enter, until the rules have answered and the session has confirmed.

use crate::event::Entrant;
use crate::identity::{Profile, UserId};
use crate::ids::{ConnectionId, SessionId};
use crate::input::ResumePoint;
use std::collections::{BTreeMap, BTreeSet};

/// Somebody who asked, and after `admit` a place kept.
#[derive(Clone, Debug)]
pub(crate) struct Reservation {
    pub(crate) session: SessionId,
    pub(crate) entrant: Entrant,
    pub(crate) resume: Option<ResumePoint>,
    pub(crate) at_once: bool,
    /// Unix time at which the place is given up; `None` while the rules are being asked.
    pub(crate) until: Option<u64>,
}

/// All of them, found by connection, session, user and time.
#[derive(Debug, Default)]
pub(crate) struct Reservations {
    by_connection: BTreeMap<ConnectionId, Reservation>,
    by_session: BTreeMap<SessionId, ConnectionId>,
    /// Of users who were admitted, how many of their connections were.
    expected: BTreeMap<UserId, u32>,
    by_due: BTreeSet<(u64, ConnectionId)>,
}

impl Reservations {
    pub(crate) fn insert(&mut self, reservation: Reservation) {
        let connection = reservation.entrant.connection;
        self.by_session.insert(reservation.session, connection);
        self.by_connection.insert(connection, reservation);
    }

    /// The rules have let that one in: a place is kept until then.
    pub(crate) fn admit(&mut self, connection: ConnectionId, until: u64) {
        let Some(reservation) = self.by_connection.get_mut(&connection) else {
            return;
        };
        if reservation.until.replace(until).is_none() {
            let user = reservation.entrant.who.user.clone();
            *self.expected.entry(user).or_default() += 1;
            self.by_due.insert((until, connection));
        }
    }

    pub(crate) fn remove(&mut self, connection: ConnectionId) -> Option<Reservation> {
        let gone = self.by_connection.remove(&connection)?;
        if self.by_session.get(&gone.session) == Some(&connection) {
            self.by_session.remove(&gone.session);
        }
        if let Some(until) = gone.until {
            self.by_due.remove(&(until, connection));
            if let Some(count) = self.expected.get_mut(&gone.entrant.who.user) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.expected.remove(&gone.entrant.who.user);
                }
            }
        }
        if self.by_connection.is_empty() {
            // An emptied map keeps a leaf, and most rooms wait for nobody most of the time.
            *self = Self::default();
        }
        Some(gone)
    }

    pub(crate) fn get(&self, connection: ConnectionId) -> Option<&Reservation> {
        self.by_connection.get(&connection)
    }

    pub(crate) fn of_session(&self, session: SessionId) -> Option<ConnectionId> {
        self.by_session.get(&session).copied()
    }

    /// Whether a place is kept for that user.
    pub(crate) fn expects(&self, user: &UserId) -> bool {
        self.expected.contains_key(user)
    }

    /// Admitted connections of a user come with that profile. Rare, so they are looked for one by one.
    pub(crate) fn set_profile(&mut self, user: &UserId, profile: &Profile) {
        if !self.expects(user) {
            return;
        }
        for reservation in self.by_connection.values_mut() {
            if reservation.entrant.who.user == *user {
                reservation.entrant.who.profile.clone_from(profile);
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_connection.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Reservation> {
        self.by_connection.values()
    }

    /// The next admitted connection that did not confirm in time.
    pub(crate) fn overdue(&self, now: u64) -> Option<ConnectionId> {
        self.by_due
            .first()
            .filter(|(until, _)| *until <= now)
            .map(|&(_, connection)| connection)
    }

    pub(crate) fn next_due(&self) -> Option<u64> {
        self.by_due.first().map(|&(until, _)| until)
    }
}
