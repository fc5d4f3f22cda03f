//! Effects in words: a verb and what it is about, as the rules are told to want them.

use crate::words::named;
use roost_room::{
    Access, Audience, Author, ConnectionId, Delivery, DocChange, DocEdit, DocOp, DocRight, Effect,
    Ending, Flow, Forwarding, Json, Lane, Listing, MediaRight, MemberId, MemberProfile, Payload,
    Profile, Publication, Reach, Redirection, Refusal, RefusalReason, Relocation, Removal, Right,
    SignalReply, Subscription, Timer, TimerId, Topic, Track, UserId,
};

pub(crate) fn number(word: &str) -> u32 {
    word.parse()
        .unwrap_or_else(|_| panic!("{word:?} is no number"))
}

fn numbers(words: &str) -> Vec<u32> {
    words.split(',').map(number).collect()
}

fn deliver(to: Audience, text: &str, lane: Lane, author: Author) -> Effect {
    Effect::Deliver(Delivery {
        to,
        topic: Topic::new("t"),
        payload: Payload::json(text),
        lane,
        author,
    })
}

/// Said by the room to a part of it.
fn to_some(to: Audience, text: &str) -> Effect {
    deliver(to, text, Lane::Reliable, Author::Room)
}

/// Said by the room to everyone.
pub(crate) fn to_everyone(text: &str) -> Effect {
    to_some(Audience::Everyone, text)
}

/// One effect in words.
pub(crate) fn effect(verb: &str, rest: &str) -> Effect {
    let (first, tail) = rest.split_once(' ').unwrap_or((rest, ""));
    delivery(verb, first, tail, rest)
        .or_else(|| entry(verb, first, tail))
        .or_else(|| of_the_room(verb, first, tail, rest))
        .or_else(|| beyond_the_room(verb, first, tail, rest))
        .or_else(|| right(verb, first, tail))
        .unwrap_or_else(|| panic!("the rules do not know {verb:?}"))
}

/// What connections are sent.
fn delivery(verb: &str, first: &str, tail: &str, rest: &str) -> Option<Effect> {
    let everyone = Audience::Everyone;
    Some(match verb {
        "all" => to_everyone(rest),
        "un" => deliver(everyone, rest, Lane::Unreliable, Author::Room),
        "latest" => deliver(everyone, tail, Lane::Latest(number(first)), Author::Room),
        "latest-mouse" => Effect::Deliver(Delivery {
            to: everyone,
            topic: Topic::new("mouse"),
            payload: Payload::json(tail),
            lane: Lane::Latest(number(first)),
            author: Author::Room,
        }),
        "latest-to" => {
            let members = numbers(first).into_iter().map(MemberId).collect();
            deliver(
                Audience::Members(members),
                tail,
                Lane::Latest(1),
                Author::Room,
            )
        }
        "latest-butm" => {
            let but = Audience::ButMember(MemberId(number(first)));
            deliver(but, tail, Lane::Latest(1), Author::Room)
        }
        "by" => {
            let author = Author::Member(MemberId(number(first)));
            deliver(everyone, tail, Lane::Reliable, author)
        }
        "to" => {
            let members = numbers(first).into_iter().map(MemberId).collect();
            to_some(Audience::Members(members), tail)
        }
        "conns" => {
            let connections = numbers(first).into_iter().map(ConnectionId).collect();
            to_some(Audience::Connections(connections), tail)
        }
        "butc" => to_some(Audience::ButConnection(ConnectionId(number(first))), tail),
        "butm" => to_some(Audience::ButMember(MemberId(number(first))), tail),
        "fill" => {
            let text = "x".repeat(number(first) as usize);
            deliver(everyone, &text, Lane::Unreliable, Author::Room)
        }
        "fwd" => Effect::Forward(Forwarding {
            index: number(first),
            to: everyone,
            lane: Lane::Unreliable,
        }),
        _ => return None,
    })
}

/// Who comes in, and who goes.
fn entry(verb: &str, first: &str, tail: &str) -> Option<Effect> {
    Some(match verb {
        "admit" => Effect::Admit(ConnectionId(number(first))),
        "refuse" => Effect::Refuse(Refusal {
            connection: ConnectionId(number(first)),
            reason: RefusalReason::Banned,
            text: tail.to_owned(),
        }),
        "redirect" => Effect::Redirect(Redirection {
            connection: ConnectionId(number(first)),
            room: tail.to_owned(),
            notice: String::new(),
        }),
        "move" => Effect::Move(Relocation {
            connection: ConnectionId(number(first)),
            room: tail.to_owned(),
            on_arrival: Vec::new(),
        }),
        "kick" => Effect::Kick(Removal {
            member: MemberId(number(first)),
            text: tail.to_owned(),
        }),
        _ => return None,
    })
}

/// What the room itself is to do and to be.
fn of_the_room(verb: &str, first: &str, tail: &str, rest: &str) -> Option<Effect> {
    Some(match verb {
        "timer" => Effect::SetTimer(Timer {
            id: TimerId(number(first)),
            after: number(tail),
        }),
        "cancel" => Effect::CancelTimer(TimerId(number(first))),
        "list" => Effect::SetListing(Listing {
            data: Json::new(rest.to_owned()),
            visible: true,
            bans: Vec::new(),
        }),
        "commit" => Effect::Commit,
        "reply" => Effect::ReplySignal(SignalReply {
            id: number(first),
            answer: Ok(Payload::json(tail)),
        }),
        "end" => Effect::EndRoom(Ending {
            text: rest.to_owned(),
            outcome: Json::new("null".to_owned()),
        }),
        _ => return None,
    })
}

/// What others are to know of: users, subscribers, documents.
fn beyond_the_room(verb: &str, first: &str, tail: &str, rest: &str) -> Option<Effect> {
    let subscription = || Subscription {
        connection: ConnectionId(number(first)),
        topic: Topic::new(tail),
    };
    Some(match verb {
        "profile" => Effect::SetProfile(MemberProfile {
            member: MemberId(number(first)),
            profile: Profile {
                name: tail.to_owned(),
                color: 0,
            },
        }),
        "sub" => Effect::Subscribe(subscription()),
        "unsub" => Effect::Unsubscribe(subscription()),
        "pub" => Effect::Publish(Publication {
            to: Reach::Subscribers,
            topic: Topic::new("t"),
            payload: Payload::json(rest),
            author: Author::Room,
        }),
        "doc" => edit(first, DocEdit::Delete),
        "increment" => edit("/n", DocEdit::Increment(first.parse().unwrap())),
        _ => return None,
    })
}

fn edit(path: &str, edit: DocEdit) -> Effect {
    Effect::DocApply(DocChange {
        doc: "d".to_owned(),
        ops: vec![DocOp {
            path: path.to_owned(),
            edit,
        }],
    })
}

/// Who may do what with media and documents.
fn right(verb: &str, first: &str, tail: &str) -> Option<Effect> {
    let media = || {
        Right::Media(MediaRight {
            member: MemberId(number(first)),
            track: Track::Camera,
            flow: if tail.is_empty() {
                Flow::Send
            } else {
                Flow::Receive(MemberId(number(tail)))
            },
        })
    };
    Some(match verb {
        "grant" => Effect::Grant(media()),
        "deny" => Effect::Deny(media()),
        "open" => Effect::Grant(Right::Doc(DocRight {
            user: UserId::parse(&named(first)).unwrap(),
            doc: tail.to_owned(),
            access: Access::Write,
        })),
        _ => return None,
    })
}
