//! What can be ordered.

use crate::{DONE, State};
use roost_sdk::log::{self, Level};
use roost_sdk::types::{
    Audience, Author, Ban, Context, Delivery, Effect, Ending, Lane, Listing, Message, Payload,
    Relocation,
};
use std::hint::black_box;

const MIB: usize = 1024 * 1024;

/// Do what the message says: a word, and for some a number after it. Quotation marks of JSON do not
/// matter.
///
/// - `echo`: the message comes back. `count`: the number of events so far. `seed`: a number out of the seed.
/// - `version`: the words of the version.
/// - `loop`: for ever. `spin N`: N rounds of work. `recurse`: until the stack is used up.
/// - `eat`: memory until there is none. `try N`: asks for N MiB and says whether it got them. `keep N`:
///   takes N MiB and keeps them.
/// - `panic`; `exit`: a trap without a word.
/// - `huge`: 6 MiB of deliveries. `alias N`: N deliveries of one and the same MiB. `many N`: N effects.
/// - `topic`, `json`, `deep-json`, `user`, `until`: an effect that is invalid in that respect.
/// - `log N`: N lines. `long-line`: a line of 8 KiB. `log-forever`: lines without end.
/// - `move R`: whoever says it goes to room R. `end`: the room is over. `leave-and-end R`: both in one call.
/// - `become W`: as if the options had named the word W.
pub fn obey(state: &mut State, context: &Context, message: &Message, effects: &mut Vec<Effect>) {
    let text = match &message.payload {
        Payload::Json(text) => text.trim_matches('"').to_owned(),
        Payload::Binary(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    };
    let (word, rest) = text.split_once(' ').unwrap_or((&text, ""));
    let number: u64 = rest.parse().unwrap_or(0);
    match word {
        "echo" => effects.push(tell(message.payload.clone())),
        "count" => effects.push(tell(Payload::Json(state.count.to_string()))),
        "version" => effects.push(tell(Payload::Json(format!(
            "{:?}",
            crate::state::version()
        )))),
        "seed" => effects.push(tell(Payload::Json((context.seed % 1_000_003).to_string()))),
        "loop" => spin(u64::MAX),
        "spin" => spin(number),
        "recurse" => {
            black_box(recurse(1));
        }
        "eat" => eat(state, usize::MAX),
        "keep" => eat(state, usize::try_from(number).unwrap_or(0)),
        "try" => effects.push(tell(Payload::Json(can_have(number).to_string()))),
        "panic" => roost_sdk::fault("ordered to panic"),
        "exit" => std::process::abort(),
        "huge" => effects.extend((0..6).map(|_| tell(Payload::Binary(vec![7; MIB])))),
        "alias" => effects.extend(aliased(number)),
        "many" => effects.extend((0..number).map(|_| Effect::CancelTimer(1))),
        "log" => (0..number).for_each(|line| log::write(Level::Info, &format!("line {line}"))),
        "long-line" => log::write(Level::Info, &"é".repeat(4096)),
        "log-forever" => loop {
            log::write(Level::Info, "again");
        },
        "move" => effects.push(to_room(message, rest)),
        "end" => effects.push(end()),
        "leave-and-end" => effects.extend([to_room(message, rest), end()]),
        "become" => {
            state.words.push(' ');
            state.words.push_str(rest);
        }
        invalid => effects.extend(invalid_effect(invalid)),
    }
}

fn invalid_effect(word: &str) -> Option<Effect> {
    let (payload, author) = (Payload::Json("1".to_owned()), Author::Room);
    let delivery = Delivery {
        to: Audience::Everyone,
        topic: DONE,
        payload,
        lane: Lane::Reliable,
        author,
    };
    Some(match word {
        "topic" => Effect::Deliver(Delivery {
            topic: 999,
            ..delivery
        }),
        "json" => tell(Payload::Json("{\"broken\":".to_owned())),
        "deep-json" => tell(Payload::Json("[".repeat(200) + &"]".repeat(200))),
        "user" => Effect::Deliver(Delivery {
            author: Author::User("nobody".to_owned()),
            ..delivery
        }),
        "until" => {
            let ban = Ban {
                user: "test:ann".to_owned(),
                until: 1 << 53,
            };
            Effect::SetListing(Listing {
                data: "{}".to_owned(),
                visible: true,
                bans: vec![ban],
            })
        }
        _ => return None,
    })
}

fn to_room(message: &Message, room: &str) -> Effect {
    Effect::Move(Relocation {
        connection: message.via,
        room: room.to_owned(),
        on_arrival: Vec::new(),
    })
}

fn end() -> Effect {
    Effect::EndRoom(Ending {
        text: "ordered to end".to_owned(),
        outcome: "null".to_owned(),
    })
}

fn tell(payload: Payload) -> Effect {
    Effect::Deliver(Delivery {
        to: Audience::Everyone,
        topic: DONE,
        payload,
        lane: Lane::Reliable,
        author: Author::Room,
    })
}

/// A word to a member that never was.
pub(crate) fn to_nobody() -> Effect {
    Effect::Deliver(Delivery {
        to: Audience::Members(vec![999_999]),
        topic: DONE,
        payload: Payload::Json("1".to_owned()),
        lane: Lane::Reliable,
        author: Author::Room,
    })
}

/// Work that no compiler leaves out.
pub(crate) fn spin(rounds: u64) {
    let mut value = 1_u64;
    for round in 0..rounds {
        value = black_box(
            value
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(round),
        );
    }
    black_box(value);
}

#[expect(unconditional_recursion, reason = "its purpose")]
fn recurse(depth: u64) -> u64 {
    black_box(recurse(black_box(depth) + 1)) + depth
}

fn eat(state: &mut State, mib: usize) {
    for _ in 0..mib {
        // Filling it would use up the fuel first.
        state.hoard.push(black_box(Vec::with_capacity(MIB)));
    }
}

/// A small list that is large once it is copied out.
#[allow(unsafe_code, reason = "no safe code makes such a list")]
fn aliased(deliveries: u64) -> impl Iterator<Item = Effect> {
    let bytes: &'static mut [u8] = vec![7; MIB].leak();
    let start = bytes.as_mut_ptr();
    (0..deliveries).map(move |_| {
        // SAFETY: the buffer was a `Vec` of just this length and is never freed otherwise. Nothing
        // here touches or drops the copies: the generated code only passes on where they lie, and
        // the host, which they are made for, ends the call before they would be freed twice.
        tell(Payload::Binary(unsafe {
            Vec::from_raw_parts(start, MIB, MIB)
        }))
    })
}

fn can_have(mib: u64) -> bool {
    let bytes = usize::try_from(mib)
        .unwrap_or(usize::MAX)
        .saturating_mul(MIB);
    let mut room: Vec<u8> = Vec::new();
    black_box(room.try_reserve_exact(bytes)).is_ok()
}
