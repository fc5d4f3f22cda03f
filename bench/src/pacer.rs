//! Sends what the schedule says when the schedule says it, from a thread of its own: the timers of an async runtime go by
//! whole milliseconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::listener::Hall;
use crate::outgoing::{Outgoing, Sent};
use crate::recorder::histogram;
use crate::schedule::{Due, Schedule};
use crate::stamp::Stamp;
use crate::websocket::write_frame;

/// How often the pacer looks whether it should stop.
const NAP: Duration = Duration::from_millis(100);

/// The senders of a run, and when they send.
pub(crate) struct Pacer {
    /// Wire and clock.
    pub(crate) hall: Arc<Hall>,
    /// What to send when.
    pub(crate) schedule: Schedule,
    /// Time of the first message on the recorder's clock.
    pub(crate) start: u64,
    /// Write halves, `room * senders + sender`; none where nobody could enter.
    pub(crate) outgoing: Vec<Option<Arc<Outgoing>>>,
    /// Set from outside to end early.
    pub(crate) stop: Arc<AtomicBool>,
}

/// What was sent.
#[derive(Debug)]
pub(crate) struct Paced {
    /// Messages of each sender, in the order of [`Pacer::outgoing`].
    pub(crate) sent: Vec<u64>,
    /// Messages that were due and not sent: nobody there, connection gone, or too much waiting already.
    pub(crate) unsent: u64,
    /// How late the generator itself was, in microseconds. Part of every latency it reports.
    pub(crate) lateness: Histogram<u64>,
}

impl Pacer {
    /// Works through the schedule, or until it is stopped. Blocks.
    ///
    /// # Errors
    /// As [`histogram`].
    pub(crate) fn run(self) -> anyhow::Result<Paced> {
        let mut paced = Paced {
            sent: vec![0; self.outgoing.len()],
            unsent: 0,
            lateness: histogram()?,
        };
        let (mut payload, mut frame) = (Vec::new(), Vec::new());
        for message in self.schedule.messages() {
            let due = self.start + message.after;
            if !self.wait_until(due) {
                break;
            }
            self.compose(message, due, &mut payload, &mut frame);
            let sender =
                message.room as usize * self.hall.senders as usize + message.sender as usize;
            let outgoing = self.outgoing.get(sender).and_then(Option::as_ref);
            let sent = outgoing.map_or(Sent::Gone, |outgoing| outgoing.send(&frame));
            match paced.sent.get_mut(sender).filter(|_| sent == Sent::Yes) {
                Some(count) => *count += 1,
                None => paced.unsent += 1,
            }
            if self.hall.recorder.measures(due) {
                let late = self.hall.recorder.now().saturating_sub(due);
                paced.lateness.saturating_record((late / 1000).max(1));
            }
        }
        Ok(paced)
    }

    fn compose(&self, message: Due, due: u64, payload: &mut Vec<u8>, frame: &mut Vec<u8>) {
        payload.clear();
        frame.clear();
        let stamp = Stamp {
            run: self.hall.run,
            room: message.room,
            sender: message.sender,
            seq: message.seq,
            due,
        };
        let opcode = self.hall.dialect.write(stamp, payload);
        let mask = (due as u32).wrapping_mul(0x9e37_79b1);
        write_frame(opcode, payload, mask, frame);
    }

    /// False when told to stop.
    fn wait_until(&self, due: u64) -> bool {
        let due = self.hall.recorder.instant(due);
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return false;
            }
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(NAP));
        }
    }
}
