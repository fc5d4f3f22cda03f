//! Whose turn it is to write: nobody's, the flusher's, or the connection's task's.

use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::net::queue::{Batch, Queue};

/// Who writes at the moment. Nobody else touches the stream meanwhile.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nobody: the next one with a reason may.
    #[default]
    Free,
    /// The flusher is in a system call.
    Flusher,
    /// The connection's task, until nothing waits any more.
    Task,
}

/// Whether the flusher knows of what waits.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Listed {
    #[default]
    No,
    /// It comes when the flush window has passed.
    Yes,
    /// It comes at once.
    Urgently,
}

/// Whom a push or a close has to call.
#[derive(Debug)]
pub(crate) enum Call {
    Nobody,
    Task(Waker),
    Flusher,
}

/// What is to be done about what waits.
#[derive(Debug)]
pub(crate) enum Due {
    Nothing,
    /// Not before then.
    At(Instant),
    Now,
    /// It is not for the flusher.
    ByTask,
}

impl Queue {
    /// Who has to hear of what has just been pushed.
    pub(crate) fn call(&mut self) -> Call {
        if self.close.is_some() {
            // Also when the peer does not read: the owner is told, and patience begins to run out.
            return self.waker.take().map_or(Call::Nobody, Call::Task);
        }
        let wanted = if self.urgent {
            Listed::Urgently
        } else {
            Listed::Yes
        };
        if self.turn != Turn::Free || self.entries.is_empty() || self.listed >= wanted {
            return Call::Nobody;
        }
        self.listed = wanted;
        Call::Flusher
    }

    /// What the flusher, who has come to look, has to do. After [`Due::Now`] it is its turn.
    pub(crate) fn due(&mut self, now: Instant, window: Duration) -> Due {
        self.listed = Listed::No;
        if self.turn != Turn::Free || self.gone {
            return Due::Nothing;
        }
        if self.close.is_some() || !self.control.is_empty() {
            return Due::ByTask;
        }
        if self.entries.is_empty() {
            return match self.next_look.take() {
                // More is to be expected: whoever pushes it need not call.
                Some(at) => {
                    self.listed = Listed::Yes;
                    Due::At(at)
                }
                None => Due::Nothing,
            };
        }
        match self.last_flush.map(|last| last + window) {
            Some(open_at) if now < open_at && !self.urgent => {
                self.listed = Listed::Yes;
                Due::At(open_at)
            }
            _ => {
                self.turn = Turn::Flusher;
                Due::Now
            }
        }
    }

    /// It is the task's turn, which is to be woken.
    pub(crate) fn hand_to_task(&mut self) -> Option<Waker> {
        self.turn = Turn::Task;
        self.waker.take()
    }

    /// The flusher has written a batch but for its last bytes, which are then the task's.
    pub(crate) fn wrote(
        &mut self,
        batch: &Batch,
        rest: &[u8],
        now: Instant,
        window: Duration,
    ) -> Option<Waker> {
        self.turn = Turn::Free;
        if rest.is_empty() {
            self.written(batch.counted);
            if batch.emptied {
                let busy = self.last_flush.is_some_and(|last| now < last + 2 * window);
                self.next_look = busy.then(|| now + window);
                self.last_flush = Some(now);
            }
            return None;
        }
        let rest = match &batch.alone {
            Some(alone) => alone.slice_ref(rest),
            None => Bytes::copy_from_slice(rest),
        };
        self.remainder = Some((rest, batch.counted));
        self.hand_to_task()
    }

    /// What the task has to write now and what it counts. Nothing: it is not, or no longer, its turn.
    pub(crate) fn take_for_task(&mut self, now: Instant) -> Option<(Bytes, (usize, usize))> {
        if self.turn == Turn::Flusher || self.gone {
            // The flusher looks again when it has done, and finds what is for the task.
            return None;
        }
        if let Some(rest) = self.remainder.take() {
            return Some(rest);
        }
        if self.turn == Turn::Free && self.close.is_none() && self.control.is_empty() {
            return None;
        }
        self.turn = Turn::Task;
        let mut bytes = std::mem::take(&mut self.control);
        let mut frames = Vec::new();
        let batch = self.take_batch(&mut frames);
        if bytes.is_empty()
            && let Some(alone) = &batch.alone
        {
            return Some((alone.clone(), batch.counted));
        }
        bytes.extend_from_slice(batch.bytes(&frames));
        if let Some(close) = self.take_close_frame() {
            bytes.extend_from_slice(&close);
        }
        if bytes.is_empty() {
            self.turn = Turn::Free;
            self.last_flush = Some(now);
            return None;
        }
        Some((bytes.into(), batch.counted))
    }

    /// Whether the close frame has been taken for writing.
    pub(crate) fn is_close_taken(&self) -> bool {
        self.close
            .as_ref()
            .is_some_and(|close| close.frame.is_none())
    }
}
