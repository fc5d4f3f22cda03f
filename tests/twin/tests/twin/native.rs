//! The port in front of native rules: what a component's host would make of the same.

use crate::port::{LIMITS, begin, identity};
use crate::words::said;
use roost_room::{
    CallLimits, Context, Durability, Effect, Event, Fault, Handled, Payload, Program, SnapshotMeta,
};
use roost_sdk::prelude::{Message, RoomConfig, Topics as _};
use roost_sdk::types as sdk;
use roost_sdk::{Cx, Rules, snapshot};
use roost_twin::{NativeProgram, UNHASHED};
use std::sync::Arc;

roost_sdk::topics! {
    /// What is talked about.
    enum Topic {
        /// A word says what to do.
        Do("do", Reliable),
        /// A place after the first.
        Other("other", Closed),
    }
}

/// Asks for what it is told to ask for.
struct Puppet(u32);

impl Rules for Puppet {
    type Topic = Topic;
    const STATE_VERSION: u32 = 3;

    fn manifest() -> sdk::Manifest {
        sdk::Manifest::of::<Self>("puppet")
            .ticks(20)
            .fuel(7)
            .memory(64)
            .snapshot_limit(9)
            .grace(5)
            .members(2)
            .durability(sdk::Durability::Snapshot)
            .needs(sdk::Capability::Publish)
            .needs(sdk::Capability::Move)
    }

    fn init(config: &RoomConfig) -> Result<Self, String> {
        assert!(config.bans.len() == 1, "bans come with the room");
        Ok(Self(0))
    }

    fn snapshot(&self) -> Vec<u8> {
        assert!(self.0 != 13, "thirteen");
        snapshot::encode(Self::STATE_VERSION, &self.0)
    }

    fn restore(_: &RoomConfig, meta: &sdk::SnapshotMeta, state: &[u8]) -> Result<Self, String> {
        assert!(meta.state_version != 0, "version zero");
        snapshot::decode(meta.state_version, state).map(Self)
    }

    fn message(&mut self, cx: &mut Cx, topic: Topic, message: Message) {
        assert_eq!(topic, Topic::Do);
        let sdk::Payload::Json(word) = message.payload else {
            panic!("bytes")
        };
        self.0 += 1;
        match word.trim_matches('"') {
            "panic" => panic!("as told"),
            "thirteen" => self.0 = 13,
            "other" => cx
                .deliver(Topic::Other)
                .json(&1)
                .to_everyone()
                .by_user("test:ann")
                .reliable(),
            "no json" => cx
                .deliver(topic)
                .payload(sdk::Payload::Json("{".to_owned()))
                .reliable(),
            "deep" => {
                let text = "[".repeat(128) + &"]".repeat(128);
                cx.deliver(topic)
                    .payload(sdk::Payload::Json(text))
                    .reliable();
            }
            "no topic" => cx.push(sdk::Effect::Subscribe(sdk::Subscription {
                connection: 1,
                topic: Topic::Other.id() + 1,
            })),
            "no user" => cx.deliver(topic).json(&1).by_user("nobody").reliable(),
            "late ban" => {
                let ban = sdk::Ban {
                    user: "test:ann".to_owned(),
                    until: 1 << 53,
                };
                cx.set_listing(sdk::Listing::of(&1).bans(vec![ban]));
            }
            "end" => cx.end_room("over", &serde_json::json!({"won": 1})),
            _ => cx.kick(message.member, "what?"),
        }
    }
}

fn puppet() -> NativeProgram {
    NativeProgram::of::<Puppet>(UNHASHED)
}

const CONTEXT: Context = Context {
    now: 1,
    uptime: 1,
    seed: 1,
    tick: Some(1),
};

fn say(rules: &mut dyn roost_room::Rules, word: &str) -> Result<Handled, Fault> {
    let event = said(1, 1, "do", Payload::json(format!("{word:?}")));
    rules.handle(&CONTEXT, &[event], LIMITS)
}

#[test]
fn a_manifest_comes_over_whole() {
    let program = puppet();
    let manifest = program.manifest();
    assert_eq!(manifest.pace, roost_room::Pace::Ticks(20));
    assert_eq!((manifest.state_version, manifest.grace), (3, 5));
    assert_eq!(manifest.durability, Durability::Snapshot);
    assert_eq!(
        (manifest.limits.members, manifest.limits.fuel),
        (2, Some(7))
    );
    assert_eq!(
        (manifest.limits.memory, manifest.limits.snapshot),
        (Some(64), Some(9))
    );
    let wanted = [
        roost_room::Capability::Move,
        roost_room::Capability::Publish,
    ];
    assert_eq!(manifest.capabilities, wanted);
    let topics: Vec<_> = manifest
        .topics
        .iter()
        .map(|spec| spec.name.as_str())
        .collect();
    assert_eq!(topics, ["do", "other"]);
    manifest.check().unwrap();
}

#[test]
fn a_panic_is_a_trap_and_the_end_of_the_instance() {
    let program = puppet();
    let mut rules = begin(&program);
    let Err(Fault::Trap(words)) = say(rules.as_mut(), "panic") else {
        panic!("no trap")
    };
    assert!(words.contains("as told"), "{words}");
    for again in [
        say(rules.as_mut(), "other"),
        rules.snapshot(LIMITS).map(|_| unreachable!()),
    ] {
        assert!(matches!(again, Err(Fault::Trap(_))));
    }

    let mut rules = begin(&program);
    say(rules.as_mut(), "thirteen").unwrap();
    assert!(matches!(rules.snapshot(LIMITS), Err(Fault::Trap(_))));

    let mut rules = program.instantiate(Arc::new(|_, _| ())).unwrap();
    let meta = SnapshotMeta {
        program: UNHASHED,
        state_version: 0,
    };
    let trapped = rules.restore(&identity(), &meta, b"", LIMITS);
    assert!(matches!(trapped, Err(Fault::Trap(_))));
    assert!(
        matches!(say(rules.as_mut(), "other"), Err(Fault::Trap(_))),
        "never began"
    );
}

#[test]
fn what_the_sandbox_refuses_is_refused() {
    let program = puppet();
    for word in ["no json", "deep", "no topic", "no user", "late ban"] {
        let mut rules = begin(&program);
        let refused = say(rules.as_mut(), word);
        assert!(
            matches!(refused, Err(Fault::Invalid(_))),
            "{word}: {refused:?}"
        );
        assert!(
            say(rules.as_mut(), "other").is_err(),
            "goes on after {word}"
        );
    }
    let mut rules = begin(&program);
    let unknown = said(1, 1, "unknown", Payload::json("1"));
    assert!(matches!(
        rules.handle(&CONTEXT, &[unknown], LIMITS),
        Err(Fault::Invalid(_))
    ));
}

#[test]
fn numbers_become_names_and_fuel_counts_events() {
    let mut rules = begin(&puppet());
    let handled = say(rules.as_mut(), "other").unwrap();
    let [Effect::Deliver(sent)] = handled.effects.as_slice() else {
        panic!("{handled:?}")
    };
    assert_eq!((sent.topic.as_str(), handled.fuel), ("other", 1));
    let nothing = CallLimits {
        fuel: 0,
        output: 0,
        ..LIMITS
    };
    let handled = rules
        .handle(&CONTEXT, &[Event::Tick, Event::Tick], nothing)
        .unwrap();
    assert_eq!(
        (handled.effects.len(), handled.fuel),
        (0, 2),
        "limits do not bind"
    );
    let [Effect::EndRoom(ending)] = &say(rules.as_mut(), "end").unwrap().effects[..] else {
        panic!()
    };
    assert_eq!(
        (ending.text.as_str(), ending.outcome.as_str()),
        ("over", r#"{"won":1}"#)
    );
}
