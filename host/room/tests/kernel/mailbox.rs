//! The mailbox under random use, against a model that is slow and plain.

use proptest::prelude::*;
use roost_room::{ConnectionId, Input, Intake, Limits, Mailbox, Parting, Payload, Pushed, Topic};

#[derive(Clone, Debug)]
enum Op {
    Say {
        connection: u32,
        topic: u8,
        size: usize,
        intake: Intake,
    },
    Detach {
        connection: u32,
    },
    Confirm {
        connection: u32,
    },
    Take(Option<bool>),
}

fn op() -> impl Strategy<Value = Op> {
    let intake = prop::sample::select(vec![
        Intake::Reliable,
        Intake::Unreliable,
        Intake::Latest,
        Intake::Latest,
        Intake::Closed,
    ]);
    prop_oneof![
        12 => (1..4u32, 0..2u8, 0..40usize, intake)
            .prop_map(|(connection, topic, size, intake)| Op::Say { connection, topic, size, intake }),
        1 => (1..4u32).prop_map(|connection| Op::Detach { connection }),
        1 => (1..4u32).prop_map(|connection| Op::Confirm { connection }),
        2 => prop::sample::select(vec![None, Some(false), Some(true)]).prop_map(Op::Take),
    ]
}

const MESSAGES: usize = 12;
const BYTES: usize = 200;
const FLIGHT: usize = 5;
const FLIGHT_BYTES: usize = 90;

/// (connection, topic and text; or an end), and whether a newer one may take its place.
#[derive(Clone, Debug, PartialEq)]
enum Item {
    Said {
        connection: u32,
        topic: u8,
        text: String,
        latest: bool,
    },
    Gone(u32),
}

#[derive(Default)]
struct Model {
    control: Vec<String>,
    data: Vec<Item>,
}

impl Model {
    fn load(&self, of: Option<u32>, but: Option<usize>) -> (usize, usize) {
        let counted = self
            .data
            .iter()
            .enumerate()
            .filter_map(|(place, item)| match item {
                Item::Said {
                    connection, text, ..
                } if of.is_none_or(|of| of == *connection) && but != Some(place) => {
                    Some(text.len())
                }
                _ => None,
            });
        counted.fold((0, 0), |(count, bytes), size| (count + 1, bytes + size))
    }

    fn say(&mut self, connection: u32, topic: u8, text: String, intake: Intake) -> Pushed {
        if intake == Intake::Closed {
            return Pushed::Dropped;
        }
        let waiting = self.data.iter().position(|item| {
            matches!(item, Item::Said { connection: c, topic: t, latest: true, .. } if *c == connection && *t == topic)
        });
        if intake == Intake::Latest
            && let Some(place) = waiting
        {
            let (_, own) = self.load(Some(connection), Some(place));
            let (_, all) = self.load(None, Some(place));
            let Item::Said { text: old, .. } = &mut self.data[place] else {
                unreachable!()
            };
            let crowded = own > 0 && own + text.len() > FLIGHT_BYTES;
            let full = all > 0 && all + text.len() > BYTES;
            if text.len() > old.len() && (crowded || full) {
                return Pushed::Dropped;
            }
            *old = text;
            return Pushed::Replaced;
        }
        let (own, own_bytes) = self.load(Some(connection), None);
        let (all, all_bytes) = self.load(None, None);
        let crowded = own >= FLIGHT || (own > 0 && own_bytes + text.len() > FLIGHT_BYTES);
        let full = all >= MESSAGES || (all > 0 && all_bytes + text.len() > BYTES);
        if crowded || full {
            return if intake == Intake::Reliable {
                Pushed::Full
            } else {
                Pushed::Dropped
            };
        }
        let latest = intake == Intake::Latest;
        self.data.push(Item::Said {
            connection,
            topic,
            text,
            latest,
        });
        Pushed::Queued
    }

    fn take(&mut self, messages: Option<bool>) -> Vec<String> {
        let mut taken = std::mem::take(&mut self.control);
        if messages.is_some() {
            // So few wait here that a batch is all of them.
            taken.extend(self.data.drain(..).map(|item| match item {
                Item::Said {
                    connection,
                    topic,
                    text,
                    ..
                } => format!("{connection} {topic} {text}"),
                Item::Gone(connection) => format!("{connection} gone"),
            }));
        }
        taken
    }
}

fn show(input: &Input) -> String {
    match input {
        Input::Message {
            connection,
            topic,
            payload,
        } => {
            format!(
                "{connection} {} {}",
                topic.as_str(),
                String::from_utf8_lossy(payload.bytes())
            )
        }
        Input::Detach { connection, .. } => format!("{connection} gone"),
        Input::Confirm { connection } => format!("{connection} confirms"),
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn does_what_its_model_does(ops in prop::collection::vec(op(), 1..80)) {
        let mut mailbox = Mailbox::new(&Limits {
            mailbox_messages: MESSAGES,
            mailbox_bytes: BYTES,
            flight_messages: FLIGHT as u32,
            flight_bytes: FLIGHT_BYTES as u32,
            ..Limits::default()
        });
        let mut model = Model::default();
        for (step, op) in ops.into_iter().enumerate() {
            match op {
                Op::Say { connection, topic, size, intake } => {
                    let text = format!("{step:03}{}", "x".repeat(size));
                    let name = Topic::new(&topic.to_string());
                    let payload = Payload::json(text.clone());
                    let pushed = mailbox.push_message(ConnectionId(connection), &name, &payload, intake);
                    prop_assert_eq!(pushed, model.say(connection, topic, text, intake));
                }
                Op::Detach { connection } => {
                    let input = Input::Detach { connection: ConnectionId(connection), reason: Parting::Lost };
                    mailbox.push_control(input).unwrap();
                    if model.load(Some(connection), None).0 > 0 {
                        model.data.push(Item::Gone(connection));
                    } else {
                        model.control.push(format!("{connection} gone"));
                    }
                }
                Op::Confirm { connection } => {
                    mailbox.push_control(Input::Confirm { connection: ConnectionId(connection) }).unwrap();
                    model.control.push(format!("{connection} confirms"));
                }
                Op::Take(messages) => {
                    let mut inputs = Vec::new();
                    let made_room = mailbox.take(messages, &mut inputs);
                    prop_assert_eq!(made_room, messages.is_some() && !model.data.is_empty());
                    let taken: Vec<String> = inputs.iter().map(show).collect();
                    prop_assert_eq!(taken, model.take(messages));
                }
            }
            prop_assert_eq!(mailbox.messages(), model.load(None, None).0);
            prop_assert_eq!(mailbox.is_waiting(false), !model.control.is_empty());
            prop_assert_eq!(mailbox.is_waiting(true), !model.control.is_empty() || !model.data.is_empty());
        }
    }
}
