//! Scripts through the whole kernel: same inputs, clock and seed, the same outputs, journal and
//! checkpoints; also when the forms take turns by exchange and by restart.

use crate::chance::{parting, payload, runner, topic};
use crate::kernel::{Patient, Stage};
use crate::words::identity;
use proptest::collection::vec;
use proptest::prelude::*;
use roost_room::{
    ConnectionId, EndCause, Input, Parting, Payload, Profile, Program, Signal, Topic,
};
use roost_twin::{Guest, Twin};
use std::sync::Arc;

const USERS: [&str; 4] = ["ann", "ben", "çe", "dan"];

/// What is done to a room.
#[derive(Clone, Debug)]
enum Act {
    Knock {
        user: usize,
        at_once: bool,
    },
    Confirm(u32),
    Detach(u32, Parting),
    Say(u32, String, Payload),
    Signal(u32, &'static str),
    Rename {
        user: usize,
        name: String,
    },
    /// Let the program be exchanged for the next form of itself.
    Exchange,
    /// Let the process die and begin anew with the next form.
    Restart,
    PutAway,
    End,
}

/// A moment: so many milliseconds later, all of this.
type Moment = (u64, Vec<Act>);

/// Play a script; `forms` take turns at exchanges and restarts.
fn play(forms: &[Arc<dyn Program>], script: &[Moment]) -> Stage {
    let mut next = forms.iter().cycle().cloned();
    let mut turn = move || next.next().unwrap();
    let mut stage = Stage::open(turn());
    for (passed, acts) in script {
        let mut inputs = Vec::new();
        stage
            .transcript
            .push(format!("after {passed} ms: {acts:?}"));
        for act in acts {
            match act.clone() {
                Act::Knock { user, at_once } => inputs.push(stage.knock(USERS[user], at_once)),
                Act::Confirm(connection) => inputs.push(Input::Confirm {
                    connection: ConnectionId(connection),
                }),
                Act::Detach(connection, reason) => inputs.push(Input::Detach {
                    connection: ConnectionId(connection),
                    reason,
                }),
                Act::Say(connection, topic, payload) => inputs.push(Input::Message {
                    connection: ConnectionId(connection),
                    topic: Topic::new(&topic),
                    payload,
                }),
                Act::Signal(id, name) => inputs.push(Input::Signal(Signal {
                    id,
                    name: name.to_owned(),
                    body: Payload::json("1"),
                })),
                Act::Rename { user, name } => inputs.push(Input::Profile {
                    user: identity(USERS[user]).user,
                    profile: Profile { name, color: 7 },
                }),
                Act::Exchange => stage.exchange(turn()),
                Act::Restart => stage.restart(turn()),
                Act::PutAway => stage.put_away(),
                Act::End => inputs.push(Input::End(EndCause::Closed)),
            }
        }
        stage.step(*passed, inputs);
    }
    stage
}

#[track_caller]
fn check(twin: &Twin, script: &[Moment]) -> Stage {
    let [native, component] = twin
        .programs()
        .map(|program| Arc::new(Patient(program)) as Arc<dyn Program>);
    let expected = play(std::slice::from_ref(&native), script);
    let ways: [(&str, &[Arc<dyn Program>]); 3] = [
        ("component", std::slice::from_ref(&component)),
        (
            "native, component in turn",
            &[native.clone(), component.clone()],
        ),
        (
            "component, native in turn",
            &[component.clone(), native.clone()],
        ),
    ];
    for (name, forms) in ways {
        let found = play(forms, script);
        for (place, (expected, found)) in expected
            .transcript
            .iter()
            .zip(&found.transcript)
            .enumerate()
        {
            assert_eq!(expected, found, "{name}: line {place}, {:#?}", &script);
        }
        assert_eq!(expected.transcript.len(), found.transcript.len(), "{name}");
        assert!(
            expected.checkpoint == found.checkpoint,
            "{name}: other checkpoints"
        );
        assert!(expected.records == found.records, "{name}: other records");
    }
    expected
}

fn say(connection: u32, topic: &str, text: &str) -> Act {
    Act::Say(connection, topic.to_owned(), Payload::json(text))
}

/// People come and go, a swap and a restart happen, in any kind.
fn day(mut talk: Vec<Moment>) -> Vec<Moment> {
    let enter = |user| Act::Knock {
        user,
        at_once: true,
    };
    let ask = |user| Act::Knock {
        user,
        at_once: false,
    };
    let rename = |name: &str| Act::Rename {
        user: 1,
        name: name.to_owned(),
    };
    let mut script = vec![
        (0, vec![enter(0)]),
        (10, vec![enter(1), ask(2)]),
        (10, vec![Act::Confirm(3), enter(0)]),
        (10, vec![rename("Ben")]),
    ];
    script.append(&mut talk.clone());
    script.extend([
        (1_500, vec![Act::Exchange]),
        (
            20,
            vec![
                Act::Detach(3, Parting::Closed),
                Act::Signal(1, "total"),
                rename("Benn"),
            ],
        ),
    ]);
    script.append(&mut talk.clone());
    script.extend([
        (40, vec![Act::Exchange]),
        (7, vec![Act::Restart]),
        (50, vec![enter(0), enter(1), enter(3)]),
    ]);
    for (_, acts) in &mut talk {
        for act in acts {
            if let Act::Say(connection, ..) = act {
                *connection += 4;
            }
        }
    }
    script.append(&mut talk);
    script.extend([
        (40_000, vec![Act::Detach(5, Parting::Lost)]),
        (90_000, vec![]),
        (10, vec![Act::PutAway]),
        (10, vec![Act::End]),
        (10, vec![enter(2)]),
    ]);
    script
}

#[test]
fn a_day_of_echo() {
    let talk = vec![(
        5,
        vec![
            say(1, "echo", "[1]"),
            say(2, "echo", "\"ü\""),
            say(9, "echo", "0"),
        ],
    )];
    let stage = check(&crate::twin(Guest::Echo), &day(talk));
    assert!(stage.transcript.iter().any(|line| line.contains("\"ü\"")));
}

#[test]
fn a_day_of_relay() {
    let talk = vec![
        (
            5,
            vec![
                say(1, "say", "\"hello\""),
                say(2, "move", "[1,2]"),
                say(2, "move", "[1,3]"),
            ],
        ),
        (5, vec![say(1, "note", "60"), say(2, "room", "1")]),
    ];
    let stage = check(&crate::twin(Guest::Relay), &day(talk));
    assert!(stage.checkpoint.is_some());
}

#[test]
fn a_day_of_counter() {
    let talk = vec![
        (
            5,
            vec![
                say(1, "add", r#"{"id":"a","by":4}"#),
                say(2, "add", r#"{"id":"a","by":4}"#),
            ],
        ),
        (
            5,
            vec![
                say(1, "remind", r#"{"after":30,"id":4}"#),
                say(2, "remind", r#"{"after":900000,"id":5}"#),
            ],
        ),
        (
            40,
            vec![
                say(2, "name", r#"{"name":"B","color":9}"#),
                say(1, "add", "nonsense"),
            ],
        ),
        (5, vec![Act::Signal(7, "total"), Act::Signal(8, "none")]),
    ];
    let stage = check(&crate::twin(Guest::Counter), &day(talk));
    assert!(stage.checkpoint.is_some());
    assert!(
        stage
            .transcript
            .iter()
            .any(|line| line.starts_with("SetProfile"))
    );
}

#[test]
fn a_day_of_ticker() {
    let talk = vec![
        (17, vec![say(1, "work", r#"{"units":5,"ticks":2}"#)]),
        (17, vec![]),
        (17, vec![say(2, "work", "nonsense")]),
        (17, vec![]),
    ];
    check(&crate::twin(Guest::Ticker), &day(talk));
}

fn act(guest: Guest) -> impl Strategy<Value = Act> {
    let (user, connection) = (0..USERS.len(), 1..12_u32);
    prop_oneof![
        4 => (user.clone(), prop::bool::weighted(0.8)).prop_map(|(user, at_once)| Act::Knock { user, at_once }),
        1 => connection.clone().prop_map(Act::Confirm),
        2 => (connection.clone(), parting()).prop_map(|(connection, reason)| Act::Detach(connection, reason)),
        12 => (connection, topic(guest), payload())
            .prop_map(|(connection, topic, payload)| Act::Say(connection, topic, payload)),
        1 => (0..9_u32, any::<bool>()).prop_map(|(id, known)| Act::Signal(id, if known { "total" } else { "x" })),
        1 => (user, "[a-z]{1,9}").prop_map(|(user, name)| Act::Rename { user, name }),
    ]
}

fn moment(guest: Guest) -> impl Strategy<Value = Moment> {
    prop_oneof![
        20 => (0..200_u64, vec(act(guest), 0..8)),
        2 => (0..60_000_u64, vec(act(guest), 0..2)),
        2 => Just((5, vec![Act::Exchange])),
        1 => Just((5, vec![Act::Restart])),
    ]
}

fn random(guest: Guest) {
    let twin = crate::twin(guest);
    let outcome = runner(8).run(&vec(moment(guest), 20..80), |script| {
        check(&twin, &script);
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn random_rooms_of_echo() {
    random(Guest::Echo);
}

#[test]
fn random_rooms_of_relay() {
    random(Guest::Relay);
}

#[test]
fn random_rooms_of_counter() {
    random(Guest::Counter);
}

#[test]
fn random_rooms_of_ticker() {
    random(Guest::Ticker);
}
