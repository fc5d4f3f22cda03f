//! What a room tells the session of a connection, besides what it sends to its client.

use roost_room::{Answer, Closing, ConnectionId, MemberId, Packet};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// Rejections told at once; further ones are counted with these.
const MOST: usize = 64;

/// Why a room answers nobody any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoneReason {
    /// It could not be opened, or was lost. The log says why; a client is only told that it is so (1011).
    Broken,
    /// It was over, or had gone to rest, before it came to the knock: a new one may be opened under its name.
    Over,
}

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
    /// The room is gone. Instead of an answer, or of [`SessionEvent::Closed`] when there is nobody left to say it.
    Gone(GoneReason),
    /// The server is going down.
    Leaving,
}

/// Where a session is told things by one room. Never waited for by it.
#[derive(Debug, Default)]
pub struct SessionInbox {
    queue: Mutex<VecDeque<SessionEvent>>,
    bell: Notify,
}

impl SessionInbox {
    /// Tell the session something. Rejections beyond a bound are lost; there are only a few of everything else.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_rejections_are_lost() {
        let inbox = SessionInbox::default();
        for _ in 0..MOST + 10 {
            inbox.push(SessionEvent::Rejected);
        }
        inbox.push(SessionEvent::Leaving);
        for _ in 0..MOST {
            assert!(matches!(inbox.next().await, SessionEvent::Rejected));
        }
        assert!(matches!(inbox.next().await, SessionEvent::Leaving));
        assert!(inbox.try_next().is_none());
    }
}
