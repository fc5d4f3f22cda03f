//! Kind `rogue`: rules that misbehave on command, for tests of whoever has to live with them.
//!
//! What a message on topic `do` says happens, see [`obey`]; words in the room's options change how
//! the room is from the start:
//!
//! - `refuse-init`, `panic-in-init`, `loop-in-init`: as they say.
//! - `silent`: join-attempts are not answered. `both`: they are answered twice.
//! - `trap-on-join`, `trap-on-tick`, `trap-on-timer`: as they say.
//! - `refuse-restore`, `panic-in-restore`, `trap-on-message`: as they say.
//! - `bad-effects`: messages are answered to a member that never was.
//! - `refuse-own`: it takes over what others wrote, and not what it wrote itself.
//! - `drift`: each snapshot changes the state, which rules must never do.
//!
//! It implements the generated interface itself: the SDK's own types would not let it misbehave.

mod orders;
mod state;

pub use orders::obey;
pub use state::State;

use roost_sdk::__private::room::exports::roost::room::rules::Guest;
use roost_sdk::types::{
    Capability, Context, Durability, Effect, Event, Intake, Limits, Manifest, Pace, Refusal,
    RefusalReason, RoomConfig, SnapshotMeta, TopicEntry,
};
use std::cell::RefCell;

/// The topic on which orders come.
pub const DO: u16 = 0;
/// The topic on which answers go out.
pub const DONE: u16 = 1;

thread_local! {
    static STATE: RefCell<State> = RefCell::new(State::default());
}

/// The component.
pub struct Rogue;

impl Guest for Rogue {
    fn describe() -> Manifest {
        let topic = |name: &str, intake| TopicEntry {
            name: name.to_owned(),
            intake,
        };
        Manifest {
            kind: "rogue".to_owned(),
            state_version: 1,
            pace: Pace::Messages,
            durability: Durability::Snapshot,
            grace: 0,
            limits: Limits {
                members: 100,
                fuel: None,
                memory: None,
                snapshot: None,
            },
            capabilities: vec![Capability::Move],
            topics: vec![topic("do", Intake::Reliable), topic("done", Intake::Closed)],
            release: None,
        }
    }

    fn init(config: RoomConfig) -> Result<(), String> {
        say_panics();
        let state = State::new(&config.options);
        if state.is("refuse-init") {
            return Err("this room refuses to begin".to_owned());
        }
        if state.is("panic-in-init") {
            roost_sdk::fault("panics in init");
        }
        if state.is("loop-in-init") {
            orders::spin(u64::MAX);
        }
        STATE.set(state);
        Ok(())
    }

    fn restore(config: RoomConfig, _: SnapshotMeta, bytes: Vec<u8>) -> Result<(), String> {
        say_panics();
        let state = State::read(&config.options, &bytes)?;
        if state.is("refuse-restore") {
            return Err("this room refuses to be restored".to_owned());
        }
        if state.is("panic-in-restore") {
            roost_sdk::fault("panics in restore");
        }
        STATE.set(state);
        Ok(())
    }

    fn handle(context: Context, events: Vec<Event>) -> Vec<Effect> {
        STATE.with_borrow_mut(|state| {
            let mut effects = Vec::new();
            for event in events {
                state.count += 1;
                happen(state, &context, event, &mut effects);
            }
            effects
        })
    }

    fn snapshot() -> Vec<u8> {
        STATE.with_borrow_mut(|state| {
            if state.is("drift") {
                state.count += 1;
            }
            state.write()
        })
    }
}

fn happen(state: &mut State, context: &Context, event: Event, effects: &mut Vec<Effect>) {
    match event {
        Event::JoinAttempt(entrant) => {
            if !state.is("silent") {
                effects.push(Effect::Admit(entrant.connection));
            }
            if state.is("both") {
                let text = "and out again".to_owned();
                let refusal = Refusal {
                    connection: entrant.connection,
                    reason: RefusalReason::Full,
                    text,
                };
                effects.push(Effect::Refuse(refusal));
            }
        }
        Event::Join(_) if state.is("trap-on-join") => roost_sdk::fault("traps on join"),
        Event::Tick if state.is("trap-on-tick") => roost_sdk::fault("traps on tick"),
        Event::Timer(_) if state.is("trap-on-timer") => roost_sdk::fault("traps on timer"),
        Event::Message(_) if state.is("trap-on-message") => roost_sdk::fault("traps on messages"),
        Event::Message(_) if state.is("bad-effects") => effects.push(orders::to_nobody()),
        Event::Message(message) if message.topic == DO => obey(state, context, &message, effects),
        _ => {}
    }
}

/// What the SDK does for rules that use its trait: the text of a panic goes to the log.
fn say_panics() {
    #[cfg(target_arch = "wasm32")]
    std::panic::set_hook(Box::new(|panic| {
        roost_sdk::log::write(roost_sdk::log::Level::Error, &panic.to_string());
    }));
}

#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code, clippy::all, reason = "generated")]
const _: () = {
    roost_sdk::__private::room::export_room!(Rogue with_types_in roost_sdk::__private::room);
};
