//! From deliveries to frames: encoded once for each dialect among the receivers, however many they are.

use crate::net::frame;
use crate::net::outbox::{Frame, Lane, Outbox};
use crate::probe::Heartbeat;
use crate::session::SessionInbox;
use bytes::Bytes;
use roost_protocol::{mpp, play};
use roost_room::{ConnectionId, Outgoing, Recipients, Route, SessionId, UserId};
use std::sync::Arc;

/// How frames for a client are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The native door's.
    Play,
    /// Multiplayer Piano's: what is pushed are the elements of arrays.
    Mpp,
}

/// Where deliveries of a connection go.
#[derive(Clone, Debug)]
pub enum Sink {
    /// A WebSocket.
    Socket {
        /// Its outbox.
        outbox: Outbox,
        /// Its language.
        dialect: Dialect,
    },
    /// The probe, which only notes that something came.
    Heartbeat(Arc<Heartbeat>),
}

/// A connection, as rooms and lobbies know it.
#[derive(Clone, Debug)]
pub struct Outlet {
    /// Its session.
    pub session: SessionId,
    /// Its user.
    pub user: UserId,
    /// Where deliveries go.
    pub sink: Sink,
    /// Where its session is told things.
    pub inbox: Arc<SessionInbox>,
    /// The way back for a client without a token of its own.
    pub token: Option<Arc<str>>,
}

/// A delivery, encoded when first needed.
pub struct Encoded<'a> {
    outgoing: &'a Outgoing,
    lane: Lane,
    urgent: bool,
    play: Option<Bytes>,
    /// And whether it can be said in that language at all.
    mpp: Option<Option<Bytes>>,
}

impl<'a> Encoded<'a> {
    /// Nothing is encoded yet.
    #[must_use]
    pub fn new(outgoing: &'a Outgoing) -> Self {
        let lane = match outgoing.route {
            Route::Reliable(_) => Lane::Reliable,
            Route::Unreliable => Lane::Unreliable,
            Route::Latest(key) => Lane::Latest(key),
        };
        // Whoever is named is being answered, and waits.
        let named = matches!(outgoing.to, Recipients::These(_));
        Self {
            outgoing,
            lane,
            urgent: named && lane == Lane::Reliable,
            play: None,
            mpp: None,
        }
    }

    /// The same for something that no room has numbered, and that still must not be lost.
    #[must_use]
    pub fn unnumbered(outgoing: &'a Outgoing) -> Self {
        Self {
            lane: Lane::Reliable,
            ..Self::new(outgoing)
        }
    }

    /// Hand it to a connection.
    pub fn send(&mut self, outlet: &Outlet) {
        let (outbox, dialect) = match &outlet.sink {
            Sink::Heartbeat(heart) => return heart.beat(),
            Sink::Socket { outbox, dialect } => (outbox, *dialect),
        };
        let (bytes, urgent) = match dialect {
            Dialect::Play => (Some(self.play()), self.urgent),
            Dialect::Mpp => (self.mpp(), mpp::is_urgent(self.outgoing.topic.as_str())),
        };
        if let Some(bytes) = bytes {
            outbox.push(Frame {
                bytes,
                lane: self.lane,
                urgent,
            });
        }
    }

    fn play(&mut self) -> Bytes {
        let outgoing = self.outgoing;
        self.play
            .get_or_insert_with(|| match play::delivery(outgoing) {
                (payload, true) => frame::binary_frame(&payload),
                (payload, false) => frame::text_frame(&payload),
            })
            .clone()
    }

    fn mpp(&mut self) -> Option<Bytes> {
        let outgoing = self.outgoing;
        self.mpp
            .get_or_insert_with(|| mpp::delivery(outgoing).map(Bytes::from))
            .clone()
    }
}

/// The connections of a room, in the order of their numbers.
#[derive(Debug, Default)]
pub struct Outlets {
    by_number: Vec<(ConnectionId, Outlet)>,
}

impl Outlets {
    /// A connection can be reached from now on. Numbers only grow.
    pub fn insert(&mut self, connection: ConnectionId, outlet: Outlet) {
        let place = self
            .by_number
            .partition_point(|(number, _)| *number < connection);
        self.by_number.insert(place, (connection, outlet));
    }

    /// It cannot any more.
    pub fn remove(&mut self, connection: ConnectionId) -> Option<Outlet> {
        let place = self
            .by_number
            .binary_search_by_key(&connection, |(number, _)| *number)
            .ok()?;
        Some(self.by_number.remove(place).1)
    }

    /// The connection of that number.
    #[must_use]
    pub fn get(&self, connection: ConnectionId) -> Option<&Outlet> {
        let place = self
            .by_number
            .binary_search_by_key(&connection, |(number, _)| *number)
            .ok()?;
        self.by_number.get(place).map(|(_, outlet)| outlet)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &(ConnectionId, Outlet)> {
        self.by_number.iter()
    }

    /// Take all of them out.
    pub fn drain(&mut self) -> impl Iterator<Item = (ConnectionId, Outlet)> + '_ {
        self.by_number.drain(..)
    }

    /// Send a delivery to whom it is for. Gives the number of connections.
    pub fn deliver(&self, outgoing: &Outgoing) -> u64 {
        let mut encoded = Encoded::new(outgoing);
        let mut count = 0;
        let mut send = |outlet: &Outlet| {
            encoded.send(outlet);
            count += 1;
        };
        match &outgoing.to {
            Recipients::All => self.by_number.iter().for_each(|(_, outlet)| send(outlet)),
            Recipients::But(but) => {
                self.by_number
                    .iter()
                    .filter(|(number, _)| number != but)
                    .for_each(|(_, outlet)| send(outlet));
            }
            Recipients::ButThese(these) => {
                let others = self
                    .by_number
                    .iter()
                    .filter(|(number, _)| !these.contains(number));
                others.for_each(|(_, outlet)| send(outlet));
            }
            Recipients::These(these) => these.iter().filter_map(|&c| self.get(c)).for_each(send),
        }
        count
    }
}
