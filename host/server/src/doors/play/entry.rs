//! Coming in, and going from room to room.

use super::Session;
use super::farewell::{End, Farewell, refused, unexpected};
use crate::actor::RoomHandle;
use crate::doors::address::Address;
use crate::doors::identity::IdentityError;
use crate::fanout::{Dialect, Outlet, Sink};
use crate::kinds::Kind;
use crate::session::SessionEvent;
use roost_protocol::play::{self, close};
use roost_room::{
    Answer, ConnectionId, Identity, Knock, Packet, Parting, Profile, ResumePoint, UserId,
};
use std::sync::Arc;

/// Rooms a connection may be sent on to before it is turned away.
const MOST_REDIRECTS: usize = 64;

/// Who came, once that is known.
pub(super) struct Visitor {
    kind: Arc<Kind>,
    identity: Identity,
    options: String,
    token: Option<Arc<str>>,
}

/// A seat in a room.
pub(super) struct Seat {
    pub(super) room: RoomHandle,
    pub(super) connection: ConnectionId,
}

/// A place in a room that somebody moves to.
enum Place {
    /// To be confirmed.
    Kept(ConnectionId),
    /// Its user is a member there already.
    Taken(ConnectionId),
}

impl Session {
    /// Who it is, and whether such rooms exist.
    pub(super) async fn identify(&self, address: Address) -> Result<Visitor, Farewell> {
        let unknown = || {
            Farewell::new(
                close::NO_KIND,
                format!("there is no kind {:?} here", short(&address.kind)),
            )
        };
        let kind = Arc::clone(self.entrance.kinds.get(&address.kind).ok_or_else(unknown)?);
        let keys = &self.entrance.keys;
        let (user, name, color, claims, token) = match &address.token {
            Some(token) => {
                let grant = keys
                    .check(token, &address.kind, &address.room)
                    .map_err(bad_token)?;
                (grant.user, grant.name, grant.color, grant.claims, None)
            }
            None if !self.entrance.anonymous => return Err(bad_token(IdentityError::Missing)),
            None => {
                let (user, token) = keys.anonymous(&address.kind);
                let user = user.ok_or_else(|| bad_token(IdentityError::Missing))?;
                (user, None, None, "{}".to_owned(), token)
            }
        };
        let wished = wished_profile(&user, name.or(address.name), color.or(address.color));
        let profile = self.profile(&kind, &user).await?.unwrap_or(wished);
        let identity = Identity {
            user,
            profile,
            claims,
            verified: true,
        };
        Ok(Visitor {
            kind,
            identity,
            options: address.options.unwrap_or_else(|| "{}".to_owned()),
            token,
        })
    }

    /// What the lobby keeps of a user. The store is not read on the runtime's own threads.
    async fn profile(&self, kind: &Arc<Kind>, user: &UserId) -> Result<Option<Profile>, Farewell> {
        let (lobby, user) = (Arc::clone(kind.lobby()), user.clone());
        let read = tokio::task::spawn_blocking(move || lobby.profile(&user)).await;
        match read {
            Ok(Ok(profile)) => Ok(profile),
            Ok(Err(error)) => Err(Farewell::new(close::STOPPED, error.to_string())),
            Err(error) => Err(Farewell::new(close::STOPPED, error.to_string())),
        }
    }

    /// Ask to enter a room, or the one it points to.
    pub(super) async fn enter(
        &mut self,
        visitor: &Visitor,
        room: String,
        resume: Option<ResumePoint>,
    ) -> Result<Seat, End> {
        let mut room = room;
        for _ in 0..MOST_REDIRECTS {
            let handle = self.knock(visitor, &room, resume, None).await?;
            match self.answer(&handle).await? {
                SessionEvent::Attached { connection, .. } => {
                    return Ok(Seat {
                        room: handle,
                        connection,
                    });
                }
                SessionEvent::Answer(Answer::Redirected {
                    room: other,
                    notice,
                }) => {
                    self.push(&play::moving(&other, &notice));
                    room = other;
                }
                SessionEvent::Answer(Answer::Refused { reason, text }) => {
                    return Err(refused(reason, &text).into());
                }
                other => return Err(unexpected(&other).into()),
            }
        }
        Err(Farewell::new(close::REFUSED, "sent on from room to room").into())
    }

    /// Ask, without waiting for the answer. A room that has just gone is opened anew.
    async fn knock(
        &mut self,
        visitor: &Visitor,
        room: &str,
        resume: Option<ResumePoint>,
        leaving: Option<&Seat>,
    ) -> Result<RoomHandle, End> {
        loop {
            let handle = self
                .entrance
                .registry
                .room(&visitor.kind, room)
                .map_err(|error| Farewell::new(close::TRY_LATER, error.to_string()))?;
            let knock = Knock {
                session: self.id,
                who: visitor.identity.clone(),
                options: visitor.options.clone(),
                leaving: leaving.map(|seat| seat.room.id().to_string()),
                resume,
                at_once: leaving.is_none(),
            };
            let outlet = Outlet {
                session: self.id,
                user: visitor.identity.user.clone(),
                sink: Sink::Socket {
                    outbox: self.outbox.clone(),
                    dialect: Dialect::Play,
                },
                inbox: Arc::clone(&self.inbox),
                token: visitor.token.clone(),
            };
            let asked = tokio::select! {
                asked = handle.knock(knock, outlet) => asked,
                () = self.socket.drive() => return Err(End::Lost),
            };
            if asked.is_ok() {
                return Ok(handle);
            }
            // The room takes itself off the list before it closes its door, so the next look finds another.
            tokio::task::yield_now().await;
        }
    }

    /// The room's answer, while what the client says waits in its socket.
    async fn answer(&mut self, room: &RoomHandle) -> Result<SessionEvent, End> {
        tokio::select! {
            event = self.inbox.next() => Ok(event),
            () = self.socket.drive() => {
                room.withdraw(self.id, Parting::Lost);
                Err(End::Lost)
            }
        }
    }

    /// Ask there, leave here, join there; then what it is told on arrival. It leaves in any case.
    pub(super) async fn move_to(
        &mut self,
        visitor: &Visitor,
        from: Seat,
        room: String,
        on_arrival: Vec<Packet>,
    ) -> Result<Seat, End> {
        self.push(&play::moving(&room, ""));
        let asked = self.ask_elsewhere(visitor, &from, room).await;
        from.room.detach(from.connection, Parting::Moved);
        let (room, asked) = asked?;
        let connection = match asked {
            Place::Taken(connection) => connection,
            Place::Kept(connection) => {
                room.confirm(connection);
                match self.answer(&room).await? {
                    SessionEvent::Attached { connection, .. } => connection,
                    SessionEvent::Answer(Answer::Refused { reason, text }) => {
                        return Err(refused(reason, &text).into());
                    }
                    other => return Err(unexpected(&other).into()),
                }
            }
        };
        on_arrival
            .into_iter()
            .for_each(|packet| self.push_packet(packet));
        Ok(Seat { room, connection })
    }

    async fn ask_elsewhere(
        &mut self,
        visitor: &Visitor,
        from: &Seat,
        room: String,
    ) -> Result<(RoomHandle, Place), End> {
        let mut room = room;
        for _ in 0..MOST_REDIRECTS {
            let handle = self.knock(visitor, &room, None, Some(from)).await?;
            match self.answer(&handle).await? {
                SessionEvent::Answer(Answer::Admitted { connection }) => {
                    return Ok((handle, Place::Kept(connection)));
                }
                SessionEvent::Attached { connection, .. } => {
                    return Ok((handle, Place::Taken(connection)));
                }
                SessionEvent::Answer(Answer::Redirected { room: other, .. }) => room = other,
                SessionEvent::Answer(Answer::Refused { reason, text }) => {
                    return Err(refused(reason, &text).into());
                }
                other => return Err(unexpected(&other).into()),
            }
        }
        Err(Farewell::new(close::REFUSED, "sent on from room to room").into())
    }
}

fn wished_profile(user: &UserId, name: Option<String>, color: Option<u32>) -> Profile {
    Profile {
        name: name.unwrap_or_else(|| user.subject().to_owned()),
        color: color.unwrap_or(0x77_77_77),
    }
}

fn bad_token(error: IdentityError) -> Farewell {
    Farewell::new(close::BAD_TOKEN, error.to_string())
}

fn short(text: &str) -> String {
    text.chars().take(64).collect()
}
