//! What waits for the disk: outputs of a call that commits, and everything reliable behind them.

use crate::ids::Ticket;
use crate::output::Output;
use std::collections::VecDeque;

/// A queue of outputs, cut by the tickets they wait for.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    waiting: VecDeque<(Ticket, Vec<Output>)>,
    /// Tickets answered out of turn, behind one that is still open.
    last: u64,
}

impl Gate {
    /// A ticket for something handed out to be made durable.
    pub(crate) fn ticket(&mut self) -> Ticket {
        self.last += 1;
        Ticket(self.last)
    }

    /// From now on everything reliable waits for that ticket, too.
    pub(crate) fn close(&mut self, ticket: Ticket) {
        self.waiting.push_back((ticket, Vec::new()));
    }

    /// Keep an output that must not overtake. Gives it back when nothing is waited for.
    pub(crate) fn hold(&mut self, output: Output) -> Option<Output> {
        match self.waiting.back_mut() {
            Some((_, held)) if !output.may_overtake() => {
                held.push(output);
                None
            }
            _ => Some(output),
        }
    }

    /// A ticket is durable, and so is every one before it: the store keeps the order of a room.
    pub(crate) fn open(&mut self, ticket: Ticket, out: &mut Vec<Output>) {
        while self
            .waiting
            .front()
            .is_some_and(|(first, _)| *first <= ticket)
        {
            out.extend(
                self.waiting
                    .pop_front()
                    .map(|(_, held)| held)
                    .unwrap_or_default(),
            );
        }
    }

    /// Drop what waits: it must never leave.
    pub(crate) fn discard(&mut self) {
        self.waiting.clear();
    }

    pub(crate) fn is_open(&self) -> bool {
        self.waiting.is_empty()
    }
}
