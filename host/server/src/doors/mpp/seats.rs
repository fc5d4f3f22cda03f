//! How many sockets each user has.

use roost_room::UserId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Sockets by user.
pub(super) struct Seats {
    most: u32,
    taken: Mutex<BTreeMap<UserId, u32>>,
}

/// One of them, given back when dropped.
pub(super) struct Seat {
    seats: Arc<Seats>,
    user: UserId,
}

impl Seats {
    /// At most `most` for each; 0 for any number.
    pub(super) fn new(most: u32) -> Self {
        Self {
            most,
            taken: Mutex::default(),
        }
    }

    /// `None`: the user has too many.
    pub(super) fn take(self: &Arc<Self>, user: &UserId) -> Option<Seat> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(user.clone()).or_default();
        if self.most > 0 && *count >= self.most {
            return None;
        }
        *count += 1;
        drop(taken);
        Some(Seat {
            seats: Arc::clone(self),
            user: user.clone(),
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self
            .seats
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.user) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_given_back() {
        let seats = Arc::new(Seats::new(2));
        let ann = UserId::new("mpp", "ann").unwrap();
        let first = seats.take(&ann);
        let second = seats.take(&ann);
        assert!(first.is_some() && second.is_some() && seats.take(&ann).is_none());
        assert!(seats.take(&UserId::new("mpp", "bob").unwrap()).is_some());
        drop(first);
        assert!(seats.take(&ann).is_some());
        drop(second);
        assert!(seats.taken.lock().unwrap().is_empty());
    }
}
