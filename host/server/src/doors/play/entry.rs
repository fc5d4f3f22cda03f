//! Coming in, and going from room to room.

use super::Session;
use super::farewell::{End, Farewell, no_room, refused, unexpected};
use super::visit::Visit;
use super::visitor::Visitor;
use crate::fanout::{Dialect, Outlet, Sink};
use crate::session::{GoneReason, SessionEvent};
use roost_protocol::play::{self, close};
use roost_room::{Answer, Input, Knock, Packet, Parting, ResumePoint};
use std::sync::Arc;

/// Rooms a connection may be sent on to before it is turned away.
const MOST_REDIRECTS: usize = 64;
/// Rooms that may be over before they come to the knock.
const MOST_GONE: usize = 8;
/// How often a room's door may be found closed while it is leaving the list.
const MOST_CLOSED: usize = 64;
/// So many of these wait for the room to leave the list by itself.
const PATIENCE: usize = 8;

/// What a room says to a knock.
enum Reply {
    /// A place is kept, to be confirmed.
    Kept,
    /// It is in.
    In,
    /// Another room should be asked.
    Elsewhere { room: String, notice: String },
    /// The room is over; another of its name can be asked.
    Over,
}

impl Session {
    /// Enter a room, or the one it points to.
    pub(super) async fn enter(
        &mut self,
        visitor: &mut Visitor,
        room: String,
        resume: Option<ResumePoint>,
    ) -> Result<Visit, End> {
        let visit = self.seek(visitor, room, resume, None).await?;
        self.settle(visitor, visit).await
    }

    /// Ask there, leave here, join there; then what it is told on arrival. It leaves in any case, and from then on
    /// nothing of what the old room says matters.
    pub(super) async fn move_to(
        &mut self,
        visitor: &mut Visitor,
        from: Visit,
        room: String,
        on_arrival: Vec<Packet>,
    ) -> Result<Visit, End> {
        self.push(&play::moving(&room, ""));
        let found = self.seek(visitor, room, None, Some(&from)).await;
        from.leave(Parting::Moved);
        let visit = self.settle(visitor, found?).await?;
        on_arrival
            .into_iter()
            .for_each(|packet| self.push_packet(packet));
        Ok(visit)
    }

    /// Ask room after room until one keeps a place or lets it in.
    async fn seek(
        &mut self,
        visitor: &mut Visitor,
        room: String,
        resume: Option<ResumePoint>,
        leaving: Option<&Visit>,
    ) -> Result<Visit, End> {
        let (mut room, mut gone) = (room, 0);
        for _ in 0..MOST_REDIRECTS {
            let mut visit = self.knock(visitor, &room, resume, leaving).await?;
            match self.reply(&mut visit).await? {
                Reply::Kept | Reply::In => return Ok(visit),
                Reply::Elsewhere {
                    room: other,
                    notice,
                } => {
                    self.push(&play::moving(&other, &notice));
                    room = other;
                }
                Reply::Over if gone < MOST_GONE => gone += 1,
                Reply::Over => {
                    let text = "the room is over as soon as it begins";
                    return Err(Farewell::new(close::TRY_LATER, text).into());
                }
            }
        }
        Err(Farewell::new(close::REFUSED, "sent on from room to room").into())
    }

    /// Take the place if it is only kept, and have the room know the user as the lobby does.
    async fn settle(&mut self, visitor: &mut Visitor, visit: Visit) -> Result<Visit, End> {
        let mut visit = visit;
        if let Some(connection) = visit.kept() {
            visit.room.confirm(connection);
            match self.reply(&mut visit).await? {
                Reply::In => {}
                Reply::Kept | Reply::Elsewhere { .. } | Reply::Over => {
                    return Err(no_room().into());
                }
            }
        }
        self.introduce(visitor, &visit).await?;
        Ok(visit)
    }

    /// Tell the room how its new connection's user is seen. It may know him from before a change that it never heard
    /// of, because he was away, or on his way in. What is not on the disk yet is told by the lobby when it is.
    async fn introduce(&mut self, visitor: &mut Visitor, visit: &Visit) -> Result<(), End> {
        self.look_up(visitor).await?;
        let Some(profile) = visitor.profile() else {
            return Ok(());
        };
        if visitor.kind.lobby().is_saving(&visitor.user) {
            return Ok(());
        }
        let told = visit.room.tell(Input::Profile {
            user: visitor.user.clone(),
            profile: profile.clone(),
        });
        tokio::select! {
            () = told => Ok(()),
            () = self.socket.drive() => Err(End::Lost),
        }
    }

    /// Ask, without waiting for the answer. A room that has just gone is opened anew.
    async fn knock(
        &mut self,
        visitor: &mut Visitor,
        room: &str,
        resume: Option<ResumePoint>,
        leaving: Option<&Visit>,
    ) -> Result<Visit, End> {
        self.look_up(visitor).await?;
        for closed in 0..MOST_CLOSED {
            let registry = &self.entrance.registry;
            let handle = registry.room_for(&visitor.kind, room, visitor.address)?;
            let mut visit = Visit::new(handle.clone());
            let knock = Knock {
                session: visit.session,
                who: visitor.identity(),
                options: visitor.options.clone(),
                leaving: leaving.map(|from| from.room.id().to_string()),
                resume,
                at_once: leaving.is_none(),
            };
            let asked = tokio::select! {
                asked = handle.knock(knock, self.outlet(visitor, &visit)) => asked,
                () = self.socket.drive() => return Err(End::Lost),
            };
            if asked.is_ok() {
                visit.asked();
                return Ok(visit);
            }
            // A room leaves the list when it closes its door: the next look finds another.
            if closed < PATIENCE {
                tokio::task::yield_now().await;
            } else {
                self.entrance.registry.remove(&handle);
            }
        }
        Err(no_room().into())
    }

    fn outlet(&self, visitor: &Visitor, visit: &Visit) -> Outlet {
        Outlet {
            session: visit.session,
            user: visitor.user.clone(),
            sink: Sink::Socket {
                outbox: self.outbox.clone(),
                dialect: Dialect::Play,
            },
            inbox: Arc::clone(&visit.inbox),
            token: visitor.token.clone(),
        }
    }

    /// The room's answer, while what the client says waits in its socket.
    async fn reply(&mut self, visit: &mut Visit) -> Result<Reply, End> {
        let event = tokio::select! {
            event = visit.inbox.next() => event,
            () = self.socket.drive() => return Err(End::Lost),
        };
        match event {
            SessionEvent::Attached { connection, .. } => {
                visit.enter(connection);
                Ok(Reply::In)
            }
            SessionEvent::Answer(Answer::Admitted { connection }) => {
                visit.hold(connection);
                Ok(Reply::Kept)
            }
            SessionEvent::Answer(Answer::Redirected { room, notice }) => {
                visit.turned_away();
                Ok(Reply::Elsewhere { room, notice })
            }
            SessionEvent::Answer(Answer::Refused { reason, text }) => {
                visit.turned_away();
                Err(refused(reason, &text).into())
            }
            SessionEvent::Answer(Answer::Over) | SessionEvent::Gone(GoneReason::Over) => {
                visit.turned_away();
                Ok(Reply::Over)
            }
            other => Err(unexpected(&other).into()),
        }
    }
}
