//! What the host wants of one room, besides entering and leaving it.

use super::{Actor, Host, PoolError};
use crate::kinds::Ruling;
use roost_protocol::api::MemberInfo;
use roost_room::{Bundle, Called, Material, Retreated, Room, Takeover};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

/// Who looks over a room's shoulder. Whoever is too slow is dropped.
pub type Tap = mpsc::Sender<Arc<Called>>;

/// What became of a change of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rolled {
    /// How it came back to earlier rules, if that was wanted and needed.
    pub retreated: Option<Retreated>,
    /// How long the room stood still.
    pub pause: Duration,
}

/// A change of rules.
#[derive(Clone)]
pub struct Roll {
    /// Those that are to rule from now on.
    pub ruling: Ruling,
    /// Whether they are those of before: then their own state of before will do.
    pub back: bool,
}

/// What a room says of itself.
#[derive(Clone, Debug)]
pub struct Report {
    /// Who is in it.
    pub people: Vec<MemberInfo>,
    /// Calls so far.
    pub calls: u64,
    /// Fuel in this life.
    pub fuel: u64,
    /// Milliseconds it has been running.
    pub uptime: u64,
    /// Bytes of the last snapshot.
    pub snapshot: usize,
    /// Calls since then.
    pub journal: usize,
    /// Faults in this life.
    pub faults: u64,
    /// What came to nothing.
    pub dropped: u64,
    /// Repeated calls with other effects.
    pub divergences: u64,
    /// Timers.
    pub timers: usize,
    /// What a rollback would bring back.
    pub retreat: Option<Retreated>,
}

/// An order of the host to one room.
pub enum Order {
    /// Put everything away, close the connections, and end.
    Leave,
    /// Change the rules, between two calls.
    Roll(Roll, oneshot::Sender<Result<Rolled, String>>),
    /// Hand out what other rules can be tried on.
    Material(oneshot::Sender<Result<Box<Material>, String>>),
    /// Hand out a bundle that begins here, and from now on each call.
    Tap(Tap, oneshot::Sender<Result<Box<Bundle>, String>>),
    /// Hand out each call from now on, as far as there is room, and count the others.
    Watch(Tap, Arc<AtomicU64>),
    /// Hand out what a copy begins with.
    Copy(oneshot::Sender<Result<Box<roost_room::Checkpoint>, String>>),
    /// Say how it is.
    Report(oneshot::Sender<Report>),
    /// The probation is over.
    Settle,
}

impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Leave => "Leave",
            Self::Roll(..) => "Roll",
            Self::Material(_) => "Material",
            Self::Tap(..) => "Tap",
            Self::Watch(..) => "Watch",
            Self::Copy(_) => "Copy",
            Self::Report(_) => "Report",
            Self::Settle => "Settle",
        })
    }
}

impl Actor {
    /// Do what the host wants. Whoever asked may have gone away: then nobody hears the answer.
    pub(super) async fn obey(
        &mut self,
        room: Box<Room>,
        order: Order,
    ) -> Result<Box<Room>, PoolError> {
        let mut room = room;
        match order {
            Order::Leave => {
                self.leaving = true;
                return self.put_away(room).await;
            }
            Order::Roll(roll, answer) => return self.roll(room, roll, answer).await,
            Order::Material(answer) => {
                let (back, material) = self.at_work(room, Room::material).await?;
                room = back;
                let material = material.map(Box::new);
                let _ = answer.send(material.map_err(|fault| fault.to_string()));
            }
            Order::Tap(tap, answer) => {
                let (back, bundle) = self.at_work(room, Room::fresh_bundle).await?;
                room = back;
                if bundle.is_ok() {
                    self.taps.push(tap);
                    room.tap(true);
                }
                let bundle = bundle.map(Box::new);
                let _ = answer.send(bundle.map_err(|fault| fault.to_string()));
            }
            Order::Watch(tap, missed) => {
                self.watchers.push((tap, missed));
                room.tap(true);
            }
            Order::Copy(answer) => {
                let (back, copy) = self.at_work(room, Room::copy).await?;
                room = back;
                let copy = copy.map(Box::new);
                let _ = answer.send(copy.map_err(|fault| fault.to_string()));
            }
            Order::Report(answer) => {
                let _ = answer.send(report(&room));
            }
            Order::Settle => room.forget_retreat(),
        }
        Ok(room)
    }

    /// Change the rules. A room that refuses goes on as it was.
    async fn roll(
        &mut self,
        room: Box<Room>,
        roll: Roll,
        answer: oneshot::Sender<Result<Rolled, String>>,
    ) -> Result<Box<Room>, PoolError> {
        if room.program().hash() == roll.ruling.program.hash() || !room.is_running() {
            let nothing = Rolled {
                retreated: None,
                pause: Duration::ZERO,
            };
            self.handle.update(|status| status.held_back = None);
            let _ = answer.send(Ok(nothing));
            return Ok(room);
        }
        let takeover = self.takeover(&roll.ruling);
        let clock = self.host.clock;
        let (room, done) = self
            .at_work(room, move |room| {
                let begun = Instant::now();
                let done = if roll.back {
                    let done = room.roll_back(clock.now(), takeover);
                    done.map(|(how, outputs)| (Some(how), outputs))
                } else {
                    let done = room.exchange(clock.now(), takeover);
                    done.map(|outputs| (None, outputs))
                };
                done.map(|(how, outputs)| (how, outputs, begun.elapsed()))
            })
            .await?;
        match done {
            Ok((retreated, outputs, pause)) => {
                self.carry(outputs, &Arc::clone(room.program())).await;
                self.note_program(&room, None);
                let _ = answer.send(Ok(Rolled { retreated, pause }));
            }
            Err(reason) => {
                let reason = reason.to_string();
                self.note_program(&room, Some(reason.clone()));
                let _ = answer.send(Err(reason));
            }
        }
        Ok(room)
    }

    pub(super) fn takeover(&self, ruling: &Ruling) -> Takeover {
        takeover(self.kind.name(), self.handle.id(), ruling)
    }

    /// Others may know what rules the room now.
    pub(super) fn note_program(&self, room: &Room, held_back: Option<String>) {
        let (program, since) = (Arc::clone(room.program()), room.since());
        self.handle.update(|status| {
            status.program = program;
            status.since = since;
            status.held_back = held_back;
        });
    }

    /// Do something with the room where it belongs.
    async fn at_work<T: Send + 'static>(
        &self,
        room: Box<Room>,
        work: impl FnOnce(&mut Room) -> T + Send + 'static,
    ) -> Result<(Box<Room>, T), PoolError> {
        at_work(&self.host, room, work).await
    }

    /// Show a call to those who look over the room's shoulder.
    pub(super) fn show(&mut self, called: Called) {
        let called = Arc::new(called);
        self.taps
            .retain(|tap| tap.try_send(Arc::clone(&called)).is_ok());
        self.watchers.retain(|(tap, missed)| {
            let sent = tap.try_send(Arc::clone(&called));
            if let Err(TrySendError::Full(_)) = &sent {
                missed.fetch_add(1, Ordering::Relaxed);
            }
            !matches!(sent, Err(TrySendError::Closed(_)))
        });
    }
}

/// Do something with a room, on this thread or, if that is expected to take long, on the pool. After a panic of the
/// host itself the room is lost with its thread; the guard in `Drop` tells everybody.
pub(super) async fn at_work<T: Send + 'static>(
    host: &Host,
    room: Box<Room>,
    work: impl FnOnce(&mut Room) -> T + Send + 'static,
) -> Result<(Box<Room>, T), PoolError> {
    let mut room = room;
    match room.placement() {
        roost_room::Placement::Inline => {
            let value = work(&mut room);
            Ok((room, value))
        }
        roost_room::Placement::Blocking => {
            let done = host.pool.run(move || {
                let value = work(&mut room);
                (room, value)
            });
            done.await
        }
    }
}

/// How a program takes a room over.
pub(super) fn takeover(kind: &str, room: &str, ruling: &Ruling) -> Takeover {
    Takeover {
        program: Arc::clone(&ruling.program),
        granted: ruling.granted.clone(),
        log: super::open::log_line(kind, room, &ruling.program),
    }
}

fn report(room: &Room) -> Report {
    let people = room
        .people()
        .map(|(member, identity, connections)| MemberInfo {
            member: member.0,
            user: identity.user.as_str().to_owned(),
            name: identity.profile.name.clone(),
            connections,
        });
    Report {
        people: people.collect(),
        calls: room.sequence(),
        fuel: room.fuel(),
        uptime: room.time().uptime(),
        snapshot: room.snapshot_bytes(),
        journal: room.journal_calls(),
        faults: room.faults(),
        dropped: room.dropped(),
        divergences: room.divergences(),
        timers: room.timers(),
        retreat: room.retreat(),
    }
}
