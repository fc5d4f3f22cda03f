//! Coming in, and going from room to room.

use super::Session;
use super::farewell::{End, Farewell, no_room, refused, unexpected};
use super::identify::unreadable;
use crate::doors::visit::{Reply, Visit};
use crate::doors::visitor::{KnockError, LookupError, Request, Visitor};
use crate::fanout::Dialect;
use crate::lobby::BANNED;
use roost_protocol::play::{self, close};
use roost_room::{Packet, Parting, RefusalReason, ResumePoint};
use std::time::Duration;

/// Rooms a connection may be sent on to before it is turned away.
const MOST_REDIRECTS: usize = 64;
/// Rooms that may be over before they come to the knock.
const MOST_GONE: usize = 8;
/// How long a room that is over may take to be gone.
const PATIENCE: Duration = Duration::from_secs(5);

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
                Reply::Over if gone < MOST_GONE => {
                    gone += 1;
                    // It cannot be opened anew before it has left the list.
                    let left = self.entrance.registry.left(&visit.room);
                    tokio::select! {
                        _ = tokio::time::timeout(PATIENCE, left) => {}
                        () = self.socket.drive() => return Err(End::Lost),
                    }
                }
                Reply::Over => {
                    let text = "the room is over as soon as it begins";
                    return Err(Farewell::new(close::TRY_LATER, text).into());
                }
                Reply::Refused { reason, text } => return Err(refused(reason, &text).into()),
                Reply::Unexpected(event) => return Err(unexpected(&event).into()),
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
                Reply::Refused { reason, text } => return Err(refused(reason, &text).into()),
                Reply::Unexpected(event) => return Err(unexpected(&event).into()),
                Reply::Kept | Reply::Elsewhere { .. } | Reply::Over => {
                    return Err(no_room().into());
                }
            }
        }
        let introduced = tokio::select! {
            introduced = visitor.introduce(&self.entrance, &visit) => introduced,
            () = self.socket.drive() => return Err(End::Lost),
        };
        introduced.map_err(|error| unreadable(visitor, &error))?;
        Ok(visit)
    }

    async fn knock(
        &mut self,
        visitor: &mut Visitor,
        room: &str,
        resume: Option<ResumePoint>,
        leaving: Option<&Visit>,
    ) -> Result<Visit, End> {
        let options = self.options.clone();
        let request = Request {
            room,
            options: &options,
            leaving,
            resume,
        };
        let asked = async {
            visitor
                .look_up(&self.entrance)
                .await
                .map_err(Failure::Lookup)?;
            let knock = visitor.knock(&self.entrance, &request, &self.outbox, Dialect::Play);
            knock.await.map_err(Failure::Knock)
        };
        let asked = tokio::select! {
            asked = asked => asked,
            () = self.socket.drive() => return Err(End::Lost),
        };
        asked.map_err(|failure| match failure {
            Failure::Lookup(error) => unreadable(visitor, &error).into(),
            Failure::Knock(KnockError::Room(error)) => error.into(),
            Failure::Knock(KnockError::Closed) => no_room().into(),
            Failure::Knock(KnockError::Banned) => refused(RefusalReason::Banned, BANNED).into(),
        })
    }

    /// The room's answer, while what the client says waits in its socket.
    async fn reply(&mut self, visit: &mut Visit) -> Result<Reply, End> {
        tokio::select! {
            reply = visit.reply() => Ok(reply),
            () = self.socket.drive() => Err(End::Lost),
        }
    }
}

enum Failure {
    Lookup(LookupError),
    Knock(KnockError),
}
