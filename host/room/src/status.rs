//! What a host may ask a room: when and where to step it, what it holds.

use crate::clock::{Clock, RoomTime};
use crate::effect::Listing;
use crate::identity::UserId;
use crate::ids::{ConnectionId, MemberId};
use crate::manifest::Durability;
use crate::room::{Phase, Room};
use crate::rules::Program;
use std::sync::Arc;
use std::time::Duration;

/// Where the next step belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// On the runtime's own threads.
    Inline,
    /// On the bounded pool for what takes long.
    Blocking,
}

impl Room {
    /// When the next step is due, on the steady clock, if nothing is handed in before.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        if !self.out.is_empty() {
            return Some(self.time.mono());
        }
        if self.phase == Phase::Over {
            return None;
        }
        if self.is_busy() {
            return Some(self.time.mono());
        }
        let now = self.time.now();
        let unix = [
            self.timers.next_due(),
            self.roster.next_grace(),
            self.roster.reservations().next_due(),
            self.signals.next_due(),
            self.ring.idle_at(&self.limits),
            // Once it is past, an ephemeral room ends by itself and others are the host's to put away.
            self.empty_deadline().filter(|due| *due > now),
        ];
        let tick = self.ticker.map(|ticker| ticker.next);
        let checkpoint = self
            .dirty_since
            .map(|since| since.saturating_add(self.limits.checkpoint_every));
        unix.into_iter()
            .flatten()
            .map(|due| self.time.when(due))
            .chain(tick)
            .chain(checkpoint)
            .min()
    }

    /// Whether messages should be handed in with a step at that time: always, but with ticks only when one is due.
    #[must_use]
    pub fn wants_messages(&self, clock: Clock) -> bool {
        !self.is_congested() && self.ticker.is_none_or(|ticker| ticker.next <= clock.mono)
    }

    /// Whether too much waits for the disk to take more in.
    #[must_use]
    pub fn is_congested(&self) -> bool {
        self.gate.bytes() > self.limits.commit_bytes
    }

    /// Where the next step belongs.
    #[must_use]
    pub fn placement(&self) -> Placement {
        const LARGE_STATE: usize = 256 * 1024;
        let heavy = self.repair.is_some()
            || self.program.blocking()
            || self.snapshot_bytes > LARGE_STATE
            || self.meter.is_heavy(self.ticker.is_some());
        if heavy {
            Placement::Blocking
        } else {
            Placement::Inline
        }
    }

    /// Which life of the room this is, as its opening said.
    #[must_use]
    pub fn incarnation(&self) -> u64 {
        self.ring.incarnation()
    }

    /// Whether the rules are paced by ticks.
    #[must_use]
    pub fn is_ticking(&self) -> bool {
        self.ticker.is_some()
    }

    /// Whether nothing has changed since the last checkpoint.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.dirty_since.is_none()
    }

    /// Which program rules the room.
    #[must_use]
    pub fn program(&self) -> &Arc<dyn Program> {
        &self.program
    }

    /// The call since which the present program rules.
    #[must_use]
    pub fn since(&self) -> u64 {
        self.since
    }

    /// Calls so far.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The room's own time.
    #[must_use]
    pub fn time(&self) -> RoomTime {
        self.time
    }

    /// The number of the last reliable delivery.
    #[must_use]
    pub fn last_delivery(&self) -> crate::DeliveryNumber {
        self.ring.last()
    }

    /// Members, without those who were kicked.
    #[must_use]
    pub fn headcount(&self) -> u32 {
        self.roster.headcount()
    }

    /// Users that are members, with the profiles the room knows.
    pub fn profiles(&self) -> impl Iterator<Item = (&UserId, &crate::Profile)> {
        let here = self.roster.members().filter(|(_, member)| !member.gone);
        here.map(|(_, member)| (&member.identity.user, &member.identity.profile))
    }

    /// Members, without those who were kicked, with the number of their connections.
    pub fn people(&self) -> impl Iterator<Item = (MemberId, &crate::Identity, usize)> {
        let here = self.roster.members().filter(|(_, member)| !member.gone);
        here.map(|(id, member)| (id, &member.identity, member.connections.len()))
    }

    /// Bytes of the last snapshot.
    #[must_use]
    pub fn snapshot_bytes(&self) -> usize {
        self.snapshot_bytes
    }

    /// Calls since the last checkpoint in memory.
    #[must_use]
    pub fn journal_calls(&self) -> usize {
        self.journal.records().len()
    }

    /// Faults charged in this life.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.fault_count
    }

    /// Timers that are set.
    #[must_use]
    pub fn timers(&self) -> usize {
        self.timers.len()
    }

    /// Who a connection belongs to.
    #[must_use]
    pub fn member_of(&self, connection: ConnectionId) -> Option<MemberId> {
        self.roster.connection(connection).map(|c| c.member)
    }

    /// What the rules have said of a right.
    #[must_use]
    pub fn right(&self, right: &crate::Right) -> crate::RightState {
        self.rights.state(right)
    }

    /// The room's entry in the kind's list.
    #[must_use]
    pub fn listing(&self) -> Option<&Listing> {
        self.listing.as_ref()
    }

    /// Inputs and effects that came to nothing, because what they named had gone.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Replayed calls that had other effects than the first time: rules that are not deterministic.
    #[must_use]
    pub fn divergences(&self) -> u64 {
        self.divergences
    }

    /// Fuel used by all calls so far.
    #[must_use]
    pub fn fuel(&self) -> u64 {
        self.meter.total()
    }

    /// Whether it goes on.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.phase == Phase::Running
    }

    /// Whether everything handed out to be made durable has been answered.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.gate.is_settled()
    }

    /// Whether a room that outlives the process could rest in the store now: nobody in it for long
    /// enough, nothing to wake up for.
    #[must_use]
    pub fn may_rest(&self) -> bool {
        let long_enough = self
            .empty_deadline()
            .is_some_and(|due| due <= self.time.now());
        self.durability() != Durability::Ephemeral
            && long_enough
            && self.timers.len() == 0
            && self.signals.is_empty()
            && !self.is_busy()
    }
}
