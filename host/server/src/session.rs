//! What a room tells the session of a connection, besides what it sends to its client.

use roost_room::{Answer, Closing, ConnectionId, MemberId, Packet};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// Rejections told at once; further ones are counted with these.
const MOST: usize = 64;

/// Something a session has to act on.
#[derive(Debug)]
pub enum SessionEvent {
    /// The answer to its request to enter.
    Answer(Answer),
    /// It is in.
    Attached {
        /// Under which member.
        member: MemberId,
        /// Its number in the room.
        connection: ConnectionId,
    },
    /// A message of its client made the rules fail.
    Rejected,
    /// It has to go to another room.
    Moving {
        /// Which, of the same kind.
        room: String,
        /// What its client is told there.
        on_arrival: Vec<Packet>,
    },
    /// The room has done with it.
    Closed(Closing),
    /// The server is going down.
    Leaving,
}

/// Where a session is told things. Never waited for by a room.
#[derive(Debug, Default)]
pub struct SessionInbox {
    queue: Mutex<VecDeque<SessionEvent>>,
    bell: Notify,
}

impl SessionInbox {
    /// Tell the session something. Rejections beyond a bound are lost; there is at most one of
    /// everything else at a time.
    pub fn push(&self, event: SessionEvent) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.len() < MOST || !matches!(event, SessionEvent::Rejected) {
            queue.push_back(event);
        }
        drop(queue);
        self.bell.notify_one();
    }

    /// The next thing. For one waiter; may be dropped and called again.
    pub async fn next(&self) -> SessionEvent {
        loop {
            if let Some(event) = self.try_next() {
                return event;
            }
            self.bell.notified().await;
        }
    }

    fn try_next(&self) -> Option<SessionEvent> {
        self.queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    }
}
