//! What waits for the disk: outputs of a call that commits, and everything reliable behind them.

use crate::ids::Ticket;
use crate::output::Output;
use std::collections::{BTreeMap, VecDeque};

/// A queue of outputs, cut by the tickets they wait for.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    waiting: VecDeque<(Ticket, Vec<Output>)>,
    /// About how many bytes wait in there.
    held: usize,
    /// Tickets not yet answered, with the sizes of what was handed out.
    storing: BTreeMap<Ticket, usize>,
    stored: usize,
    /// The last ticket given.
    last: u64,
}

impl Gate {
    /// A ticket for something to be made durable.
    pub(crate) fn ticket(&mut self) -> Ticket {
        self.last = self.last.saturating_add(1);
        Ticket(self.last)
    }

    /// From now on everything reliable waits for that ticket, too.
    pub(crate) fn close(&mut self, ticket: Ticket) {
        self.waiting.push_back((ticket, Vec::new()));
    }

    /// So many bytes were handed out with a ticket.
    pub(crate) fn store(&mut self, ticket: Ticket, bytes: usize) {
        self.storing.insert(ticket, bytes);
        self.stored = self.stored.saturating_add(bytes);
    }

    /// Keep an output that must not overtake. Gives it back when nothing is waited for.
    pub(crate) fn hold(&mut self, output: Output) -> Option<Output> {
        match self.waiting.back_mut() {
            Some((_, held)) if !output.may_overtake() => {
                self.held = self.held.saturating_add(weight(&output));
                held.push(output);
                None
            }
            _ => Some(output),
        }
    }

    /// A ticket is durable, and so is every one before it: the store keeps the order of a room.
    pub(crate) fn open(&mut self, ticket: Ticket, out: &mut Vec<Output>) {
        while let Some(first) = self
            .storing
            .first_entry()
            .filter(|first| *first.key() <= ticket)
        {
            self.stored = self.stored.saturating_sub(first.remove());
        }
        while self
            .waiting
            .front()
            .is_some_and(|(first, _)| *first <= ticket)
        {
            let released = self.waiting.pop_front().map(|(_, held)| held);
            for output in released.unwrap_or_default() {
                self.held = self.held.saturating_sub(weight(&output));
                out.push(output);
            }
        }
    }

    /// Give up what waits: none of it may ever leave.
    pub(crate) fn discard(&mut self) -> Vec<Output> {
        self.storing.clear();
        (self.stored, self.held) = (0, 0);
        let waiting = std::mem::take(&mut self.waiting);
        waiting.into_iter().flat_map(|(_, held)| held).collect()
    }

    /// Whether nothing is held back.
    pub(crate) fn is_open(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether everything handed out was answered, too.
    pub(crate) fn is_settled(&self) -> bool {
        self.is_open() && self.storing.is_empty()
    }

    /// Bytes that wait for the disk, handed out or held back.
    pub(crate) fn bytes(&self) -> usize {
        self.stored.saturating_add(self.held)
    }
}

/// About how many bytes an output keeps in memory.
fn weight(output: &Output) -> usize {
    const FIXED: usize = 64;
    let payload = match output {
        Output::Deliver(outgoing) => outgoing.payload.len(),
        Output::Publish { publication, .. } => publication.payload.len(),
        Output::SignalReply { answer, .. } => answer.as_ref().map_or(0, crate::Payload::len),
        _ => 0,
    };
    FIXED.saturating_add(payload)
}
