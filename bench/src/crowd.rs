//! Brings all connections of a run into their rooms, and their tallies home.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::StreamExt;
use futures_util::stream::iter;
use hdrhistogram::Histogram;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::connection::enter;
use crate::dialect::Seat;
use crate::listener::{Hall, Tally, doze, listen};
use crate::outgoing::Outgoing;
use crate::progress::Progress;
use crate::recorder::histogram;
use crate::target::Target;

/// How long a slow reader may take, at the end, to hear what became of it.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Who sits where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// Number of rooms.
    pub(crate) rooms: u32,
    /// Connections in each.
    pub(crate) peers: u32,
    /// How many of them send: the first ones.
    pub(crate) senders: u32,
    /// How many connections of all stop reading: the last ones.
    pub(crate) slow: u32,
}

impl Layout {
    /// All connections.
    pub(crate) fn total(&self) -> u32 {
        self.rooms * self.peers
    }

    /// All places: the first peer of every room, then the second…
    pub(crate) fn seats(self) -> impl Iterator<Item = Seat> {
        (0..self.total()).map(move |index| Seat {
            index,
            room: index % self.rooms,
            peer: index / self.rooms,
        })
    }

    /// Whether this one does not read.
    pub(crate) fn is_slow(&self, seat: Seat) -> bool {
        seat.index >= self.total() - self.slow.min(self.total())
    }
}

/// How entering went.
#[derive(Debug)]
pub(crate) struct Joins {
    /// Connections that are in their room.
    pub(crate) entered: u64,
    /// Why others are not, and how many.
    pub(crate) failed: BTreeMap<String, u64>,
    /// From the first packet to the welcome, in microseconds.
    pub(crate) latency: Histogram<u64>,
    /// From the first connection to the last.
    pub(crate) took: Duration,
}

impl Joins {
    /// Nothing yet.
    ///
    /// # Errors
    /// As [`histogram`].
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            entered: 0,
            failed: BTreeMap::new(),
            latency: histogram()?,
            took: Duration::ZERO,
        })
    }

    /// Counts one that entered after this long.
    pub(crate) fn entered(&mut self, after: Duration) {
        self.entered += 1;
        let micros = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        self.latency.saturating_record(micros.max(1));
    }

    /// Counts one that did not.
    pub(crate) fn failed(&mut self, error: &anyhow::Error) {
        *self.failed.entry(format!("{error:#}")).or_default() += 1;
    }
}

/// Everybody who is there.
pub(crate) struct Crowd {
    /// How they came in.
    pub(crate) joins: Joins,
    /// Write halves of the senders, `room * senders + sender`.
    pub(crate) senders: Vec<Option<Arc<Outgoing>>>,
    listeners: JoinSet<Tally>,
    stop: watch::Sender<bool>,
}

impl Crowd {
    /// Opens all connections of `layout`, `at_once` at a time. Each listens from the moment it has entered.
    ///
    /// # Errors
    /// Never for a connection that fails, which is counted.
    pub(crate) async fn gather(
        hall: &Arc<Hall>,
        target: &Target,
        layout: Layout,
        at_once: usize,
        progress: &Progress,
    ) -> Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let mut crowd = Self {
            joins: Joins::new()?,
            senders: vec![None; (layout.rooms * layout.senders) as usize],
            listeners: JoinSet::new(),
            stop,
        };
        progress.counting("connecting", u64::from(layout.total()));
        let begun = Instant::now();
        let attempts = iter(layout.seats()).map(|seat| async move {
            let begun = Instant::now();
            let entered = enter(target, &*hall.dialect, seat, layout.is_slow(seat)).await;
            entered.map(|entered| (entered, begun.elapsed()))
        });
        let mut attempts = attempts.buffer_unordered(at_once.max(1));
        while let Some(attempt) = attempts.next().await {
            progress.one_more();
            let (entered, after) = match attempt {
                Ok(entered) => entered,
                Err(error) => {
                    crowd.joins.failed(&error);
                    continue;
                }
            };
            crowd.joins.entered(after);
            crowd.seat(hall, layout, entered, stopped.clone());
        }
        crowd.joins.took = begun.elapsed();
        Ok(crowd)
    }

    fn seat(
        &mut self,
        hall: &Arc<Hall>,
        layout: Layout,
        mut entered: crate::connection::Entered,
        stopped: watch::Receiver<bool>,
    ) {
        let (hall, seat) = (Arc::clone(hall), entered.seat);
        if layout.is_slow(seat) {
            self.listeners
                .spawn(doze(hall, entered, stopped, LAST_WORDS));
            return;
        }
        let outgoing = Arc::new(entered.outgoing);
        if seat.peer < layout.senders {
            let index = (seat.room * layout.senders + seat.peer) as usize;
            if let Some(place) = self.senders.get_mut(index) {
                *place = Some(Arc::clone(&outgoing));
            }
        }
        let inbox = std::mem::take(&mut entered.inbox);
        self.listeners.spawn(listen(
            hall,
            seat,
            entered.incoming,
            inbox,
            outgoing,
            stopped,
        ));
    }

    /// Ends all connections and asks everybody what they have seen.
    pub(crate) async fn disperse(mut self) -> Vec<Tally> {
        self.stop.send_replace(true);
        let mut tallies = Vec::with_capacity(self.listeners.len());
        while let Some(tally) = self.listeners.join_next().await {
            tallies.extend(tally);
        }
        tallies
    }
}

#[cfg(test)]
mod tests {
    use super::Layout;

    #[test]
    fn the_last_seats_are_slow_and_the_first_ones_send() {
        let layout = Layout {
            rooms: 2,
            peers: 3,
            senders: 1,
            slow: 2,
        };
        let seats: Vec<_> = layout
            .seats()
            .map(|seat| (seat.room, seat.peer, layout.is_slow(seat)))
            .collect();
        assert_eq!(
            seats,
            [
                (0, 0, false),
                (1, 0, false),
                (0, 1, false),
                (1, 1, false),
                (0, 2, true),
                (1, 2, true)
            ]
        );
    }
}
