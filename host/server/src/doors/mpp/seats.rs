//! Which sockets each user has, and since when.

use crate::net::outbox::Outbox;
use roost_room::UserId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The sockets of a user.
struct Taken {
    /// Unix ms at which the first of them came.
    since: u64,
    outboxes: Vec<Outbox>,
}

/// Sockets by user.
pub(super) struct Seats {
    most: u32,
    taken: Mutex<BTreeMap<UserId, Taken>>,
}

/// One of them, given back when dropped.
pub(super) struct Seat {
    seats: Arc<Seats>,
    user: UserId,
    outbox: Outbox,
    /// Unix ms since which the user has had a socket.
    pub(super) since: u64,
}

impl Seats {
    /// At most `most` for each; 0 for any number.
    pub(super) fn new(most: u32) -> Self {
        Self {
            most,
            taken: Mutex::default(),
        }
    }

    /// `None`: the user has too many. `now` is Unix time in ms.
    pub(super) fn take(self: &Arc<Self>, user: &UserId, outbox: &Outbox, now: u64) -> Option<Seat> {
        let most = usize::try_from(self.most).unwrap_or(usize::MAX);
        let mut all = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = all.entry(user.clone()).or_insert_with(|| Taken {
            since: now,
            outboxes: Vec::with_capacity(1),
        });
        if most > 0 && taken.outboxes.len() >= most {
            return None;
        }
        taken.outboxes.push(outbox.clone());
        let since = taken.since;
        drop(all);
        Some(Seat {
            seats: Arc::clone(self),
            user: user.clone(),
            outbox: outbox.clone(),
            since,
        })
    }

    /// Where the user can be reached.
    pub(super) fn of(&self, user: &UserId) -> Vec<Outbox> {
        let all = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(user)
            .map_or_else(Vec::new, |taken| taken.outboxes.clone())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let all = &self.seats.taken;
        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = all.get_mut(&self.user) {
            taken.outboxes.retain(|other| !other.same(&self.outbox));
            if taken.outboxes.is_empty() {
                all.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::outbox::OutboxConfig;

    #[test]
    fn seats_are_given_back() {
        let outbox = || {
            let config = OutboxConfig::default();
            Outbox::new(config, std::time::Duration::ZERO, None, Arc::default())
        };
        let (one, two) = (outbox(), outbox());
        let seats = Arc::new(Seats::new(2));
        let ann = UserId::new("mpp", "ann").unwrap();
        let first = seats.take(&ann, &one, 5);
        let second = seats.take(&ann, &two, 7);
        assert_eq!(second.as_ref().map(|seat| seat.since), Some(5));
        assert!(first.is_some() && seats.take(&ann, &outbox(), 8).is_none());
        let bob = UserId::new("mpp", "bob").unwrap();
        assert!(seats.take(&bob, &outbox(), 9).is_some());
        drop(first);
        assert!(seats.of(&ann).iter().all(|left| left.same(&two)));
        assert_eq!(seats.of(&ann).len(), 1);
        drop(second);
        assert!(seats.taken.lock().unwrap().is_empty());
        let later = seats.take(&ann, &one, 20);
        assert_eq!(later.map(|seat| seat.since), Some(20));
    }
}
