//! Reliable deliveries kept for connections that break and come back.

use crate::effect::Audience;
use crate::ids::{ConnectionId, DeliveryNumber, MemberId};
use crate::input::ResumePoint;
use crate::limits::Limits;
use crate::manifest::Topic;
use crate::output::{Outgoing, Recipients, Route, Speaker};
use crate::payload::Payload;
use crate::room::Room;
use crate::roster::Roster;
use std::borrow::Cow;
use std::collections::VecDeque;

/// Which members a delivery was for, connections aside.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Coverage {
    AllBut(Option<MemberId>),
    /// In their order.
    These(Box<[MemberId]>),
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
                Self::these(here.copied().collect())
            }
            Audience::Connections(connections) => {
                Self::these(connections.iter().filter_map(|&c| owner(c)).collect())
            }
        }
    }

    fn these(mut members: Vec<MemberId>) -> Self {
        if let Cow::Owned(sorted) = in_order(&members) {
            members = sorted;
        }
        Self::These(members.into_boxed_slice())
    }

    fn has(&self, member: MemberId) -> bool {
        match self {
            Self::AllBut(but) => *but != Some(member),
            Self::These(members) => members.binary_search(&member).is_ok(),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::AllBut(_) => 0,
            Self::These(members) => size_of_val(&**members),
        }
    }
}

/// What rules name in a list, each once and in order. Most lists are that already.
pub(crate) fn in_order<T: Copy + Ord>(list: &[T]) -> Cow<'_, [T]> {
    if list.is_sorted_by(|one, next| one < next) {
        return Cow::Borrowed(list);
    }
    let mut sorted = list.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    Cow::Owned(sorted)
}

/// A delivery without its recipients: whoever misses it gets it alone.
#[derive(Debug)]
struct Entry {
    number: DeliveryNumber,
    at: u64,
    coverage: Coverage,
    topic: Topic,
    payload: Payload,
    speaker: Option<Speaker>,
}

impl Entry {
    /// About how many bytes it keeps in memory.
    fn bytes(&self) -> usize {
        size_of::<Self>()
            .saturating_add(self.coverage.bytes())
            .saturating_add(self.payload.len())
    }

    fn to(&self, connection: ConnectionId) -> Outgoing {
        Outgoing {
            to: Recipients::These(vec![connection]),
            topic: self.topic.clone(),
            payload: self.payload.clone(),
            route: Route::Reliable(self.number),
            speaker: self.speaker.clone(),
        }
    }

    fn is_too_old(&self, now: u64, limits: &Limits) -> bool {
        self.dies_at(limits) <= now
    }

    fn dies_at(&self, limits: &Limits) -> u64 {
        let age = u64::try_from(limits.resume_age.as_millis()).unwrap_or(u64::MAX);
        self.at.saturating_add(age)
    }
}

/// A ring of what was delivered reliably, not part of a checkpoint.
#[derive(Debug)]
pub(crate) struct ResumeRing {
    incarnation: u64,
    last: u64,
    bytes: usize,
    /// Without gaps, up to the last one.
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
        let entry = Entry {
            number,
            at: now,
            coverage: Coverage::of(audience, roster),
            topic: outgoing.topic.clone(),
            payload: outgoing.payload.clone(),
            speaker: outgoing.speaker.clone(),
        };
        let bytes = entry.bytes();
        while self.entries.len() >= limits.resume_entries
            || self.bytes.saturating_add(bytes) > limits.resume_bytes
        {
            if !self.forget_first() {
                // Too large by itself: nobody resumes from before it.
                return;
            }
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.entries.push_back(entry);
    }

    fn forget_first(&mut self) -> bool {
        let gone = self.entries.pop_front();
        let bytes = gone.as_ref().map_or(0, Entry::bytes);
        self.bytes = self.bytes.saturating_sub(bytes);
        gone.is_some()
    }

    /// Forget what is too old. A ring that is empty then takes no memory.
    pub(crate) fn expire(&mut self, now: u64, limits: &Limits) {
        while self
            .entries
            .front()
            .is_some_and(|entry| entry.is_too_old(now, limits))
        {
            self.forget_first();
        }
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
        }
    }

    /// The Unix time at which all of it is too old. A room in which nothing happens need not wake up before.
    pub(crate) fn idle_at(&self, limits: &Limits) -> Option<u64> {
        self.entries.back().map(|entry| entry.dies_at(limits))
    }

    /// What a member missed since that point, in order. `None` when some of it is gone.
    fn missed(
        &self,
        member: MemberId,
        point: ResumePoint,
        now: u64,
        limits: &Limits,
    ) -> Option<impl Iterator<Item = &Entry>> {
        let young = self
            .entries
            .partition_point(|entry| entry.is_too_old(now, limits));
        let oldest = self
            .entries
            .get(young)
            .map_or(self.last.saturating_add(1), |entry| entry.number.0);
        if point.incarnation != self.incarnation
            || point.number > self.last
            || point.number.saturating_add(1) < oldest
        {
            return None;
        }
        let since = self.entries.iter().skip(young);
        Some(since.filter(move |entry| entry.number.0 > point.number && entry.coverage.has(member)))
    }
}

impl Room {
    /// What a member missed since that point, for one of its connections. `None` when some of it is gone.
    pub(crate) fn missed(
        &self,
        member: MemberId,
        connection: ConnectionId,
        point: ResumePoint,
    ) -> Option<Vec<Outgoing>> {
        let missed = self
            .ring
            .missed(member, point, self.time.now(), &self.limits)?;
        Some(missed.map(|entry| entry.to(connection)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(ring: &mut ResumeRing, now: u64, size: usize, limits: &Limits) {
        let outgoing = Outgoing {
            to: Recipients::All,
            topic: Topic::new("t"),
            payload: Payload::binary(vec![0; size]),
            route: Route::Reliable(ring.number()),
            speaker: None,
        };
        let roster = Roster::default();
        ring.keep(&outgoing, &Audience::Everyone, &roster, now, limits);
    }

    #[test]
    fn what_is_in_it_weighs_more_than_its_payload() {
        let limits = Limits {
            resume_bytes: 10 * size_of::<Entry>(),
            ..Limits::default()
        };
        let mut ring = ResumeRing::new(1);
        for now in 0..20 {
            keep(&mut ring, now, 0, &limits);
        }
        assert_eq!(ring.entries.len(), 10);
        keep(&mut ring, 20, limits.resume_bytes, &limits);
        assert!(ring.entries.is_empty() && ring.bytes == 0);
    }

    #[test]
    fn old_it_is_empty_and_takes_no_memory() {
        let limits = Limits::default();
        let age = u64::try_from(limits.resume_age.as_millis()).unwrap();
        let mut ring = ResumeRing::new(1);
        keep(&mut ring, 0, 100, &limits);
        keep(&mut ring, 5, 100, &limits);
        assert_eq!(ring.idle_at(&limits), Some(age + 5));
        ring.expire(age + 4, &limits);
        assert_eq!(ring.entries.len(), 1);
        ring.expire(age + 5, &limits);
        assert_eq!((ring.entries.capacity(), ring.bytes), (0, 0));
        assert_eq!(ring.idle_at(&limits), None);
    }

    #[test]
    fn lists_are_put_in_order_only_where_they_are_not() {
        assert!(matches!(in_order(&[1, 2, 3]), Cow::Borrowed(&[1, 2, 3])));
        assert_eq!(in_order(&[3, 1, 3]), [1, 3].as_slice());
        assert_eq!(in_order(&[2, 2]), [2].as_slice());
    }
}
