//! The actor of a room: takes its post, steps it through time, carries out what it wants.
//!
//! It owns the room and through it the rules' instance. No lock is held across a call of the rules,
//! and no other actor is ever waited for.

mod carry;
mod open;
mod orders;
mod pool;
mod post;

pub use orders::{Order, Report, Roll, Rolled, Tap};
pub use pool::{Pool, PoolError};
pub use post::{Gone, RoomHandle, SignalAnswer, Status};

use crate::clock::HostClock;
use crate::deploy::{Incident, Library, is_fork};
use crate::fanout::{Outlet, Outlets, Sink};
use crate::kinds::Kind;
use crate::registry::Registry;
use crate::session::{GoneReason, SessionEvent, SessionInbox};
use crate::telemetry;
use metrics::{counter, gauge, histogram};
use roost_room::{Clock, Input, Room, SessionId, StopReason, Ticket};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// What rooms need of the host.
#[derive(Clone)]
pub struct Host {
    /// Its clocks.
    pub clock: HostClock,
    /// Where state is kept.
    pub store: roost_store::Rooms,
    /// For what takes long.
    pub pool: Pool,
    /// Programs that are not in use at the moment.
    pub library: Arc<Library>,
    /// Where faults are told, for whoever watches over activations and keeps bundles.
    pub incidents: mpsc::Sender<Incident>,
}

/// One room at work.
pub(crate) struct Actor {
    handle: RoomHandle,
    kind: Arc<Kind>,
    host: Host,
    registry: Arc<Registry>,
    arriving: BTreeMap<SessionId, Outlet>,
    /// Who is in, but has not been told.
    entered: Vec<(Arc<SessionInbox>, SessionEvent)>,
    outlets: Outlets,
    signals: BTreeMap<u32, oneshot::Sender<SignalAnswer>>,
    incarnation: u64,
    headcount: u32,
    fuel: u64,
    /// Who looks over the room's shoulder.
    taps: Vec<Tap>,
    /// Those who need not see everything, and how much they missed.
    watchers: Vec<(Tap, Arc<AtomicU64>)>,
    leaving: bool,
    /// Everybody has been told that it is over.
    finished: bool,
}

/// What a look into the post brought.
struct Taken {
    inputs: Vec<Input>,
    acks: Vec<(Ticket, Result<(), String>)>,
    orders: Vec<Order>,
}

impl Actor {
    pub(crate) fn new(
        handle: RoomHandle,
        kind: Arc<Kind>,
        host: Host,
        registry: Arc<Registry>,
    ) -> Self {
        Self {
            handle,
            kind,
            host,
            registry,
            arriving: BTreeMap::new(),
            entered: Vec::new(),
            outlets: Outlets::default(),
            signals: BTreeMap::new(),
            incarnation: 0,
            headcount: 0,
            fuel: 0,
            taps: Vec::new(),
            watchers: Vec::new(),
            leaving: false,
            finished: false,
        }
    }

    /// Live from the first knock to the end.
    pub(crate) async fn run(mut self) {
        let labels = [("kind", self.kind.name().to_owned())];
        match self.open().await {
            Ok(opened) => {
                gauge!(telemetry::ROOMS, &labels).increment(1.0);
                let lived = self.live(opened).await;
                if let Err(error) = lived {
                    tracing::error!(kind = self.kind.name(), room = %self.handle.id(), %error, "a room was lost");
                }
                gauge!(telemetry::ROOMS, &labels).decrement(1.0);
            }
            Err(reason) => {
                tracing::warn!(kind = self.kind.name(), room = %self.handle.id(), %reason, "a room could not be opened");
                if matches!(reason, StopReason::Storage(_)) {
                    self.registry.report_storage(&reason.to_string());
                }
                self.note_unopened(&reason);
                self.registry.remove(&self.handle);
                self.turn_away(GoneReason::Broken);
                self.finished = true;
            }
        }
    }

    async fn open(&mut self) -> Result<open::Opened, StopReason> {
        let (kind, host) = (Arc::clone(&self.kind), self.host.clone());
        let id = Arc::clone(self.handle.id());
        let opened = self
            .host
            .pool
            .run(move || open::open(&kind, &id, &host))
            .await;
        let opened = opened.map_err(|error| StopReason::Rebuild(error.to_string()))??;
        self.incarnation = opened.room.incarnation();
        self.note_program(&opened.room, opened.held_back.clone());
        Ok(opened)
    }

    /// Until the room is over, or was lost.
    async fn live(&mut self, opened: open::Opened) -> Result<(), PoolError> {
        let open::Opened {
            mut room,
            outputs,
            inputs,
            ..
        } = opened;
        self.carry(outputs, &Arc::clone(room.program())).await;
        room = self.step(room, inputs).await?;
        loop {
            let clock = self.host.clock.now();
            let taken = self.take(&room, clock);
            for (ticket, result) in taken.acks {
                let outputs = room.persisted(ticket, result);
                self.carry(outputs, &Arc::clone(room.program())).await;
            }
            let due = self
                .next_look(&room)
                .is_some_and(|deadline| deadline <= clock.mono);
            if !taken.inputs.is_empty() || due {
                room = self.step(room, taken.inputs).await?;
            }
            for order in taken.orders {
                room = self.obey(room, order).await?;
            }
            room = self.put_away_in_time(room).await?;
            if self.is_over(&mut room).await {
                break;
            }
            self.wait(self.next_look(&room)).await;
        }
        self.finish(&room);
        Ok(())
    }

    /// Look into the post.
    fn take(&mut self, room: &Room, clock: Clock) -> Taken {
        // What is said while the room is put away is not heard any more: it would be lost after all.
        let messages = !self.leaving && room.wants_messages(clock);
        let ticking = room.is_ticking();
        let mut inputs = Vec::new();
        let mut post = self.handle.post();
        post.mailbox.take(messages.then_some(ticking), &mut inputs);
        post.rings_for_messages = !ticking && !room.is_congested();
        let more = messages && post.mailbox.is_waiting(true);
        let arriving = std::mem::take(&mut post.arriving);
        self.signals.extend(post.signals.drain(..));
        let acks = std::mem::take(&mut post.acks);
        let orders = std::mem::take(&mut post.orders);
        drop(post);
        self.arriving
            .extend(arriving.into_iter().map(|outlet| (outlet.session, outlet)));
        if !inputs.is_empty() {
            self.handle.made_space();
        }
        if more {
            // A batch is not all: whoever has rung for the rest will not ring again.
            self.handle.ring();
        }
        Taken {
            inputs,
            acks,
            orders,
        }
    }

    /// Step the room.
    async fn step(&mut self, room: Box<Room>, inputs: Vec<Input>) -> Result<Box<Room>, PoolError> {
        let clock = self.host.clock;
        let events = inputs.len();
        let begun = std::time::Instant::now();
        let (mut room, outputs) =
            orders::at_work(&self.host, room, move |room| room.step(clock.now(), inputs)).await?;
        self.measure(&room, events, begun.elapsed());
        self.carry(outputs, &Arc::clone(room.program())).await;
        if self.taps.is_empty() && self.watchers.is_empty() {
            room.tap(false);
        }
        Ok(room)
    }

    fn measure(&mut self, room: &Room, events: usize, took: Duration) {
        let kind = self.kind.metrics();
        kind.events.increment(events as u64);
        kind.call_seconds.record(took);
        kind.fuel.increment(room.fuel().saturating_sub(self.fuel));
        self.fuel = room.fuel();
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        kind.steps.fetch_add(1, Ordering::Relaxed);
        kind.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Store what is not stored yet, if the room has to leave or has nothing to do any more.
    async fn put_away_in_time(&mut self, room: Box<Room>) -> Result<Box<Room>, PoolError> {
        if is_fork(self.handle.id()) && room.is_running() && room.may_rest() && !self.leaving {
            // Nobody comes back to a copy. If it is gone already, so much the better.
            let _ = self.handle.end();
            return Ok(room);
        }
        let wanted = room.is_running() && (self.leaving || room.may_rest());
        if !wanted || room.is_clean() || !room.is_settled() {
            return Ok(room);
        }
        self.put_away(room).await
    }

    async fn put_away(&mut self, room: Box<Room>) -> Result<Box<Room>, PoolError> {
        let clock = self.host.clock;
        let (room, outputs) =
            orders::at_work(&self.host, room, move |room| room.put_away(clock.now())).await?;
        self.carry(outputs, &Arc::clone(room.program())).await;
        Ok(room)
    }

    /// Whether the room has ended, or has been put away with nothing left to wait for.
    async fn is_over(&mut self, room: &mut Box<Room>) -> bool {
        if !room.is_running() {
            if room.deadline().is_some() {
                // Whoever came too late still gets an answer.
                let outputs = room.step(self.host.clock.now(), []);
                self.carry(outputs, &Arc::clone(room.program())).await;
            }
            return room.is_settled();
        }
        if self.leaving {
            return room.is_settled() && room.is_clean();
        }
        room.may_rest() && room.is_settled() && room.is_clean() && self.handle.close_if_idle()
    }

    /// When the room wants to be looked at again, if nothing comes before. One that is over, leaving or at rest only
    /// waits for the store.
    fn next_look(&self, room: &Room) -> Option<Duration> {
        let resting = self.leaving || !room.is_running() || room.may_rest();
        room.deadline().filter(|_| !resting)
    }

    async fn wait(&self, until: Option<Duration>) {
        match until {
            None => self.handle.rung().await,
            Some(deadline) => {
                let deadline = self.host.clock.instant(deadline);
                tokio::select! {
                    () = self.handle.rung() => {}
                    () = tokio::time::sleep_until(deadline) => {}
                }
            }
        }
    }

    /// The last things: the room is over, resting, or put away.
    fn finish(&mut self, room: &Room) {
        // In this order: the next room of that name must find nothing of this one.
        self.kind
            .lobby()
            .room_closed(self.handle.id(), room.is_running());
        if !room.is_running() {
            self.kind.forget_fork(self.handle.id());
        }
        self.registry.remove(&self.handle);
        if self.leaving {
            for (_, outlet) in self.outlets.drain() {
                outlet.inbox.push(SessionEvent::Leaving);
            }
        }
        self.turn_away(GoneReason::Over);
        self.finished = true;
    }

    /// Whoever still asks to enter.
    fn turn_away(&mut self, reason: GoneReason) {
        let waiting = self.handle.close();
        let arriving = std::mem::take(&mut self.arriving).into_values();
        for outlet in waiting.into_iter().chain(arriving) {
            outlet.inbox.push(if self.leaving {
                SessionEvent::Leaving
            } else {
                SessionEvent::Gone(reason)
            });
        }
    }

    /// Tell everybody that the room is no more.
    fn abandon(&mut self) {
        for (connection, outlet) in self.outlets.drain() {
            self.kind
                .lobby()
                .detach(&outlet.user, &self.handle, connection);
            outlet.inbox.push(SessionEvent::Gone(GoneReason::Broken));
        }
        self.turn_away(GoneReason::Broken);
    }

    /// Whether there is a client behind it, and not the house itself.
    fn has_client(outlet: &Outlet) -> bool {
        matches!(outlet.sink, Sink::Socket { .. })
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        if !self.finished {
            // A panic: whoever is still attached must not wait for ever, and the next one gets a new room.
            self.kind.lobby().room_closed(self.handle.id(), false);
            self.registry.remove(&self.handle);
            self.abandon();
        }
        let labels = [("kind", self.kind.name().to_owned())];
        gauge!(telemetry::MEMBERS, &labels).decrement(f64::from(self.headcount));
    }
}

impl Actor {
    fn count_fault(&self, cause: &'static str) {
        let labels = [
            ("kind", self.kind.name().to_owned()),
            ("cause", cause.to_owned()),
        ];
        counter!(telemetry::FAULTS, &labels).increment(1);
    }

    fn note_headcount(&mut self, now: u32) {
        let labels = [("kind", self.kind.name().to_owned())];
        gauge!(telemetry::MEMBERS, &labels).increment(f64::from(now) - f64::from(self.headcount));
        self.headcount = now;
        self.handle.update(|status| status.members = now);
    }

    /// A room that its rules could not begin is theirs to answer for.
    fn note_unopened(&self, reason: &StopReason) {
        if let StopReason::Rules(fault) = reason {
            self.report(Incident::unopened(&self.handle, fault));
        }
    }

    /// Tell whoever watches. Nobody waits for that: what is too much is lost, and the log has it.
    fn report(&self, incident: Incident) {
        if self.host.incidents.try_send(incident).is_err() {
            counter!(telemetry::INCIDENTS_LOST).increment(1);
        }
    }

    fn note_commit(began: std::time::Instant) {
        histogram!(telemetry::COMMIT_SECONDS).record(began.elapsed());
    }
}
