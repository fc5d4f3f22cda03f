//! The ids of recent additions, so that one sent twice counts once.

use std::collections::VecDeque;

use roost_sdk::FixedSet;
use serde::{Deserialize, Serialize, Serializer};

/// How many ids are remembered; the oldest is forgotten first.
pub(crate) const CAPACITY: usize = 10_000;

/// Most bytes of an id: all of them together fit in a snapshot.
const MAX_ID: usize = 64;

/// The last [`CAPACITY`] ids.
#[derive(Debug, Default, Deserialize)]
#[serde(from = "VecDeque<String>")]
pub(crate) struct Recent {
    /// In the order of arrival.
    order: VecDeque<String>,
    /// The same ids, to be found quickly.
    known: FixedSet<String>,
}

impl Recent {
    /// Whether this may be an id.
    pub(crate) fn accepts(id: &str) -> bool {
        (1..=MAX_ID).contains(&id.len())
    }

    /// Remember an id; false if it is known already.
    pub(crate) fn insert(&mut self, id: &str) -> bool {
        if !self.known.insert(id.to_owned()) {
            return false;
        }
        self.order.push_back(id.to_owned());
        if self.order.len() > CAPACITY
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.swap_remove(&oldest);
        }
        true
    }
}

impl From<VecDeque<String>> for Recent {
    fn from(order: VecDeque<String>) -> Self {
        let known = order.iter().cloned().collect();
        Self { order, known }
    }
}

impl Serialize for Recent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.order.serialize(serializer)
    }
}
