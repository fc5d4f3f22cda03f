//! Reliable deliveries kept for connections that break and come back.

use crate::effect::Audience;
use crate::ids::{DeliveryNumber, MemberId};
use crate::input::ResumePoint;
use crate::limits::Limits;
use crate::output::{Outgoing, Recipients, Route};
use crate::roster::Roster;
use std::collections::{BTreeSet, VecDeque};

/// Which members a delivery was for, connections aside.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Coverage {
    AllBut(Option<MemberId>),
    These(BTreeSet<MemberId>),
}

impl Coverage {
    fn of(audience: &Audience, roster: &Roster) -> Self {
        let owner = |connection| roster.connection(connection).map(|c| c.member);
        match audience {
            Audience::Everyone => Self::AllBut(None),
            // With another connection the member did hear it, and can miss it there.
            Audience::ButConnection(connection) => Self::AllBut(
                owner(*connection).filter(|&member| roster.connections_of(member).len() == 1),
            ),
            Audience::ButMember(member) => Self::AllBut(Some(*member)),
            Audience::Members(members) => {
                let here = members.iter().filter(|&&m| roster.member(m).is_some());
                Self::These(here.copied().collect())
            }
            Audience::Connections(connections) => {
                Self::These(connections.iter().filter_map(|&c| owner(c)).collect())
            }
        }
    }

    fn has(&self, member: MemberId) -> bool {
        match self {
            Self::AllBut(but) => *but != Some(member),
            Self::These(members) => members.contains(&member),
        }
    }
}

#[derive(Debug)]
struct Entry {
    number: DeliveryNumber,
    at: u64,
    coverage: Coverage,
    outgoing: Outgoing,
}

/// A ring of what was delivered reliably, not part of a checkpoint.
#[derive(Debug)]
pub(crate) struct ResumeRing {
    incarnation: u64,
    last: u64,
    bytes: usize,
    entries: VecDeque<Entry>,
}

impl ResumeRing {
    pub(crate) fn new(incarnation: u64) -> Self {
        Self {
            incarnation,
            last: 0,
            bytes: 0,
            entries: VecDeque::new(),
        }
    }

    pub(crate) fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// The number of the next reliable delivery.
    pub(crate) fn number(&mut self) -> DeliveryNumber {
        self.last = self.last.saturating_add(1);
        DeliveryNumber(self.last)
    }

    pub(crate) fn last(&self) -> DeliveryNumber {
        DeliveryNumber(self.last)
    }

    /// Keep a reliable delivery. Others are ignored.
    pub(crate) fn keep(
        &mut self,
        outgoing: &Outgoing,
        audience: &Audience,
        roster: &Roster,
        now: u64,
        limits: &Limits,
    ) {
        let Route::Reliable(number) = outgoing.route else {
            return;
        };
        self.bytes = self.bytes.saturating_add(outgoing.payload.len());
        let coverage = Coverage::of(audience, roster);
        self.entries.push_back(Entry {
            number,
            at: now,
            coverage,
            outgoing: outgoing.clone(),
        });
        let age = u64::try_from(limits.resume_age.as_millis()).unwrap_or(u64::MAX);
        while self.entries.len() > limits.resume_entries
            || self.bytes > limits.resume_bytes
            || self
                .entries
                .front()
                .is_some_and(|entry| entry.at.saturating_add(age) < now)
        {
            let Some(gone) = self.entries.pop_front() else {
                break;
            };
            self.bytes = self.bytes.saturating_sub(gone.outgoing.payload.len());
        }
    }

    /// What a member missed since that point, in order. `None` when some of it is gone.
    pub(crate) fn missed(&self, member: MemberId, point: ResumePoint) -> Option<Vec<Outgoing>> {
        let oldest = self
            .entries
            .front()
            .map_or(self.last.saturating_add(1), |entry| entry.number.0);
        if point.incarnation != self.incarnation
            || point.number > self.last
            || point.number.saturating_add(1) < oldest
        {
            return None;
        }
        let missed = self
            .entries
            .iter()
            .filter(|entry| entry.number.0 > point.number && entry.coverage.has(member));
        Some(missed.map(|entry| entry.outgoing.clone()).collect())
    }
}

/// The same delivery for one connection alone.
pub(crate) fn only_to(mut outgoing: Outgoing, connection: crate::ids::ConnectionId) -> Outgoing {
    outgoing.to = Recipients::These(vec![connection]);
    outgoing
}
