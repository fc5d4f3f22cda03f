//! What waits for a room: two bounded queues and the rules by which they are filled and drained.
//!
//! The host puts a lock and a bell around one of these. Nobody waits inside it.

use crate::event::Parting;
use crate::ids::ConnectionId;
use crate::input::Input;
use crate::limits::{BATCH_BYTES, BATCH_EVENTS, Limits, QUESTIONS};
use crate::manifest::{Intake, Topic};
use crate::payload::Payload;
use std::collections::{BTreeMap, VecDeque};

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It waits.
    Queued,
    /// It took the place of an older one.
    Replaced,
    /// There was no room, and its topic allows to lose it.
    Dropped,
    /// There is no room: keep it, and read no more until there is.
    Full,
}

#[derive(Debug)]
enum Entry {
    Message {
        connection: ConnectionId,
        topic: Topic,
        payload: Payload,
    },
    Detach {
        connection: ConnectionId,
        reason: Parting,
    },
}

#[derive(Clone, Copy, Debug, Default)]
struct Flight {
    messages: u32,
    bytes: u32,
}

/// How many questions of each sort wait.
#[derive(Clone, Copy, Debug, Default)]
struct Questions {
    knocks: usize,
    signals: usize,
    profiles: usize,
    documents: usize,
    media: usize,
}

impl Questions {
    fn of(&mut self, input: &Input) -> Option<&mut usize> {
        match input {
            Input::Knock(_) => Some(&mut self.knocks),
            Input::Signal(_) => Some(&mut self.signals),
            Input::Profile { .. } => Some(&mut self.profiles),
            Input::DocAccess(_) => Some(&mut self.documents),
            Input::MediaAccess(_) => Some(&mut self.media),
            _ => None,
        }
    }
}

/// The two queues of a room.
#[derive(Debug)]
pub struct Mailbox {
    control: VecDeque<Input>,
    questions: Questions,
    data: VecDeque<Entry>,
    /// Messages and bytes in `data`.
    messages: usize,
    bytes: usize,
    /// How many entries have left `data`: an entry's lasting number is this plus its position.
    taken: u64,
    latest: BTreeMap<(ConnectionId, Topic), u64>,
    flight: BTreeMap<ConnectionId, Flight>,
    most_messages: usize,
    most_bytes: usize,
    most_flight: Flight,
}

impl Mailbox {
    /// Empty, with the bounds of a room.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            control: VecDeque::new(),
            questions: Questions::default(),
            data: VecDeque::new(),
            messages: 0,
            bytes: 0,
            taken: 0,
            latest: BTreeMap::new(),
            flight: BTreeMap::new(),
            most_messages: limits.mailbox_messages,
            most_bytes: limits.mailbox_bytes,
            most_flight: Flight {
                messages: limits.flight_messages,
                bytes: limits.flight_bytes,
            },
        }
    }

    /// Something that goes before messages. Questions (requests to enter, signals, profiles…) are turned
    /// away when 64 of the sort wait; facts about connections never are.
    ///
    /// # Errors
    /// The input, when too many wait.
    pub fn push_control(&mut self, input: Input) -> Result<(), Box<Input>> {
        match &input {
            Input::Message { .. } => return Err(Box::new(input)),
            Input::Confirm { .. }
            | Input::Withdraw { .. }
            | Input::End(_)
            | Input::DocApplied(_) => {}
            Input::Detach { connection, reason } => {
                self.push_detach(*connection, *reason);
                return Ok(());
            }
            Input::Knock(_)
            | Input::Signal(_)
            | Input::Profile { .. }
            | Input::DocAccess(_)
            | Input::MediaAccess(_) => {
                if let Some(waiting) = self.questions.of(&input) {
                    if *waiting >= QUESTIONS {
                        return Err(Box::new(input));
                    }
                    *waiting += 1;
                }
            }
        }
        self.control.push_back(input);
        Ok(())
    }

    /// A connection's end goes behind what it said, and before everything else.
    fn push_detach(&mut self, connection: ConnectionId, reason: Parting) {
        if self.flight.contains_key(&connection) {
            self.data.push_back(Entry::Detach { connection, reason });
        } else {
            self.control.push_back(Input::Detach { connection, reason });
        }
    }

    /// Something that a connection said. `Full` leaves topic and payload with the caller.
    pub fn push_message(
        &mut self,
        connection: ConnectionId,
        topic: &Topic,
        payload: &Payload,
        intake: Intake,
    ) -> Pushed {
        let size = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        if intake == Intake::Closed {
            return Pushed::Dropped;
        }
        if intake == Intake::Latest
            && let Some(pushed) = self.replace(connection, topic, payload)
        {
            return pushed;
        }
        let flight = self.flight.get(&connection).copied().unwrap_or_default();
        let crowded = flight.messages >= self.most_flight.messages
            || (flight.messages > 0 && flight.bytes.saturating_add(size) > self.most_flight.bytes);
        let full = self.messages >= self.most_messages
            || (self.messages > 0 && self.bytes.saturating_add(payload.len()) > self.most_bytes);
        if crowded || full {
            return match intake {
                Intake::Reliable => Pushed::Full,
                Intake::Closed | Intake::Unreliable | Intake::Latest => Pushed::Dropped,
            };
        }
        if intake == Intake::Latest {
            self.latest.insert(
                (connection, topic.clone()),
                self.taken + self.data.len() as u64,
            );
        }
        let flight = self.flight.entry(connection).or_default();
        flight.messages += 1;
        flight.bytes = flight.bytes.saturating_add(size);
        self.messages += 1;
        self.bytes += payload.len();
        self.data.push_back(Entry::Message {
            connection,
            topic: topic.clone(),
            payload: payload.clone(),
        });
        Pushed::Queued
    }

    /// Put a newer payload in the place of one that still waits, if it does and there is room for the newer.
    fn replace(
        &mut self,
        connection: ConnectionId,
        topic: &Topic,
        newer: &Payload,
    ) -> Option<Pushed> {
        let number = *self.latest.get(&(connection, topic.clone()))?;
        let place = usize::try_from(number.checked_sub(self.taken)?).ok()?;
        let Some(Entry::Message { payload, .. }) = self.data.get_mut(place) else {
            return None;
        };
        let size = |payload: &Payload| u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let flight = self.flight.entry(connection).or_default();
        let others = flight.bytes.saturating_sub(size(payload));
        let rest = self.bytes.saturating_sub(payload.len());
        let grows = newer.len() > payload.len();
        let crowded = others > 0 && others.saturating_add(size(newer)) > self.most_flight.bytes;
        let full = rest > 0 && rest.saturating_add(newer.len()) > self.most_bytes;
        if grows && (crowded || full) {
            return Some(Pushed::Dropped);
        }
        flight.bytes = others.saturating_add(size(newer));
        self.bytes = rest.saturating_add(newer.len());
        *payload = newer.clone();
        Some(Pushed::Replaced)
    }

    /// Take out all of the first queue, and of the second a batch (`Some(false)`), all (`Some(true)`) or
    /// nothing (`None`). Tells whether room for messages was made.
    pub fn take(&mut self, messages: Option<bool>, into: &mut Vec<Input>) -> bool {
        into.extend(self.control.drain(..));
        self.questions = Questions::default();
        let Some(all) = messages else { return false };
        let (mut events, mut bytes) = (0, 0);
        while all || (events < BATCH_EVENTS && bytes < BATCH_BYTES) {
            let Some(entry) = self.data.pop_front() else {
                break;
            };
            self.taken += 1;
            events += 1;
            into.push(match entry {
                Entry::Detach { connection, reason } => Input::Detach { connection, reason },
                Entry::Message {
                    connection,
                    topic,
                    payload,
                } => {
                    bytes += payload.len();
                    self.release(connection, &topic, payload.len());
                    Input::Message {
                        connection,
                        topic,
                        payload,
                    }
                }
            });
        }
        events > 0
    }

    fn release(&mut self, connection: ConnectionId, topic: &Topic, size: usize) {
        self.messages -= 1;
        self.bytes -= size;
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        if let Some(flight) = self.flight.get_mut(&connection) {
            flight.messages -= 1;
            flight.bytes = flight.bytes.saturating_sub(size);
            if flight.messages == 0 {
                self.flight.remove(&connection);
            }
        }
        if !self.latest.is_empty() {
            let key = (connection, topic.clone());
            if self
                .latest
                .get(&key)
                .is_some_and(|&number| number < self.taken)
            {
                self.latest.remove(&key);
            }
        }
    }

    /// Whether something waits that a room takes now: control always, messages if it wants them.
    #[must_use]
    pub fn is_waiting(&self, messages: bool) -> bool {
        !self.control.is_empty() || (messages && !self.data.is_empty())
    }

    /// Messages waiting.
    #[must_use]
    pub fn messages(&self) -> usize {
        self.messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ConnectionId = ConnectionId(1);
    const B: ConnectionId = ConnectionId(2);

    fn mailbox() -> Mailbox {
        Mailbox::new(&Limits {
            mailbox_messages: 40,
            ..Limits::default()
        })
    }

    fn say(mailbox: &mut Mailbox, connection: ConnectionId, text: &str, intake: Intake) -> Pushed {
        mailbox.push_message(connection, &Topic::new("t"), &Payload::json(text), intake)
    }

    fn drain(mailbox: &mut Mailbox) -> Vec<String> {
        let mut inputs = Vec::new();
        mailbox.take(Some(false), &mut inputs);
        let show = |input: Input| match input {
            Input::Message {
                connection,
                payload,
                ..
            } => {
                format!("{connection}:{}", String::from_utf8_lossy(payload.bytes()))
            }
            Input::Detach { connection, .. } => format!("{connection} gone"),
            other => format!("{other:?}"),
        };
        inputs.into_iter().map(show).collect()
    }

    #[test]
    fn a_connections_end_goes_behind_its_own_words_only() {
        let mut mailbox = mailbox();
        say(&mut mailbox, A, "1", Intake::Reliable);
        mailbox
            .push_control(Input::Detach {
                connection: A,
                reason: Parting::Closed,
            })
            .unwrap();
        mailbox
            .push_control(Input::Detach {
                connection: B,
                reason: Parting::Closed,
            })
            .unwrap();
        assert_eq!(drain(&mut mailbox), ["2 gone", "1:1", "1 gone"]);
    }

    #[test]
    fn latest_is_replaced_in_its_place() {
        let mut mailbox = mailbox();
        assert_eq!(say(&mut mailbox, A, "1", Intake::Latest), Pushed::Queued);
        say(&mut mailbox, B, "2", Intake::Reliable);
        assert_eq!(say(&mut mailbox, A, "3", Intake::Latest), Pushed::Replaced);
        assert_eq!(drain(&mut mailbox), ["1:3", "2:2"]);
        assert_eq!(say(&mut mailbox, A, "4", Intake::Latest), Pushed::Queued);
        assert_eq!(drain(&mut mailbox), ["1:4"]);
    }

    #[test]
    fn one_connection_has_32_in_flight_and_no_more() {
        let mut mailbox = mailbox();
        for _ in 0..32 {
            assert_eq!(say(&mut mailbox, A, "1", Intake::Reliable), Pushed::Queued);
        }
        assert_eq!(say(&mut mailbox, A, "1", Intake::Reliable), Pushed::Full);
        assert_eq!(
            say(&mut mailbox, A, "1", Intake::Unreliable),
            Pushed::Dropped
        );
        assert_eq!(say(&mut mailbox, B, "1", Intake::Reliable), Pushed::Queued);
        assert_eq!(drain(&mut mailbox).len(), 33);
        assert_eq!(say(&mut mailbox, A, "1", Intake::Reliable), Pushed::Queued);
    }

    #[test]
    fn the_rooms_own_bound_follows_the_intake() {
        let mut mailbox = mailbox();
        for n in 0..40 {
            assert_eq!(
                say(&mut mailbox, ConnectionId(n), "1", Intake::Reliable),
                Pushed::Queued
            );
        }
        assert_eq!(
            say(&mut mailbox, ConnectionId(50), "1", Intake::Reliable),
            Pushed::Full
        );
        assert_eq!(
            say(&mut mailbox, ConnectionId(50), "1", Intake::Latest),
            Pushed::Dropped
        );
        assert_eq!(mailbox.messages(), 40);
    }

    #[test]
    fn questions_are_bounded_and_facts_are_not() {
        let mut mailbox = mailbox();
        let question = || Input::Profile {
            user: crate::UserId::new("anon", "x").unwrap(),
            profile: crate::Profile {
                name: "x".to_owned(),
                color: 0,
            },
        };
        for _ in 0..QUESTIONS {
            mailbox.push_control(question()).unwrap();
        }
        mailbox.push_control(question()).unwrap_err();
        for n in 0..1000 {
            mailbox
                .push_control(Input::Detach {
                    connection: ConnectionId(n),
                    reason: Parting::Lost,
                })
                .unwrap();
        }
    }
}
