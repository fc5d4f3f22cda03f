//! Effects on their way out: checked as far as the kernel cannot (JSON, topics, the form of user
//! ids, numbers over 2^53), and moved.

use super::Topics;
use roost_room::{
    Access, Audience, Author, Ban, ConnectionId, Delivery, DocChange, DocEdit, DocOp, DocRight,
    Effect, Ending, Fault, Flow, Forwarding, Json, Lane, Listing, MediaRight, MemberId,
    MemberProfile, Packet, Payload, Profile, Publication, Reach, Redirection, Refusal,
    RefusalReason, Relocation, Removal, Right, SignalReply, Subscription, Timer, TimerId, Track,
    UserId,
};
use roost_sdk::types as sdk;
use serde::de::IgnoredAny;

/// Numbers of JavaScript end here.
const NUMBER_END: u64 = 1 << 53;

type Checked<T> = Result<T, String>;

/// The kernel's form of what a call wants. The first invalid one voids them all.
pub(crate) fn effects(effects: Vec<sdk::Effect>, topics: &Topics) -> Result<Vec<Effect>, Fault> {
    let convert = |(place, one)| {
        effect(one, topics).map_err(|reason| Fault::Invalid(format!("effect {place}: {reason}")))
    };
    effects.into_iter().enumerate().map(convert).collect()
}

fn effect(effect: sdk::Effect, topics: &Topics) -> Checked<Effect> {
    Ok(match effect {
        sdk::Effect::Deliver(it) => Effect::Deliver(delivery(it, topics)?),
        sdk::Effect::Forward(it) => Effect::Forward(Forwarding {
            index: it.index,
            to: audience(it.to),
            lane: lane(it.lane),
        }),
        sdk::Effect::Admit(connection) => Effect::Admit(ConnectionId(connection)),
        sdk::Effect::Refuse(it) => Effect::Refuse(refusal(it)),
        sdk::Effect::Redirect(it) => Effect::Redirect(Redirection {
            connection: ConnectionId(it.connection),
            room: it.room,
            notice: it.notice,
        }),
        sdk::Effect::Move(it) => Effect::Move(relocation(it, topics)?),
        sdk::Effect::Kick(it) => Effect::Kick(Removal {
            member: MemberId(it.member),
            text: it.text,
        }),
        sdk::Effect::SetTimer(it) => Effect::SetTimer(Timer {
            id: TimerId(it.id),
            after: it.after,
        }),
        sdk::Effect::CancelTimer(id) => Effect::CancelTimer(TimerId(id)),
        sdk::Effect::SetListing(it) => Effect::SetListing(listing(it)?),
        sdk::Effect::SetProfile(it) => Effect::SetProfile(MemberProfile {
            member: MemberId(it.member),
            profile: Profile {
                name: it.profile.name,
                color: it.profile.color,
            },
        }),
        sdk::Effect::Subscribe(it) => Effect::Subscribe(subscription(it, topics)?),
        sdk::Effect::Unsubscribe(it) => Effect::Unsubscribe(subscription(it, topics)?),
        sdk::Effect::Publish(it) => Effect::Publish(publication(it, topics)?),
        sdk::Effect::Commit => Effect::Commit,
        sdk::Effect::DocApply(it) => Effect::DocApply(doc_change(it)?),
        sdk::Effect::Grant(it) => Effect::Grant(right(it)?),
        sdk::Effect::Deny(it) => Effect::Deny(right(it)?),
        sdk::Effect::ReplySignal(it) => {
            let answer = it
                .answer
                .map(payload)
                .map_or_else(|text| Ok(Err(text)), |given| given.map(Ok))?;
            Effect::ReplySignal(SignalReply { id: it.id, answer })
        }
        sdk::Effect::EndRoom(it) => Effect::EndRoom(Ending {
            text: it.text,
            outcome: json(it.outcome)?,
        }),
    })
}

fn delivery(it: sdk::Delivery, topics: &Topics) -> Checked<Delivery> {
    Ok(Delivery {
        to: audience(it.to),
        topic: topics.name(it.topic)?,
        payload: payload(it.payload)?,
        lane: lane(it.lane),
        author: author(it.author)?,
    })
}

fn publication(it: sdk::Publication, topics: &Topics) -> Checked<Publication> {
    Ok(Publication {
        to: match it.to {
            sdk::Reach::Subscribers => Reach::Subscribers,
            sdk::Reach::Users(users) => {
                Reach::Users(users.iter().map(|id| user(id)).collect::<Checked<_>>()?)
            }
        },
        topic: topics.name(it.topic)?,
        payload: payload(it.payload)?,
        author: author(it.author)?,
    })
}

fn relocation(it: sdk::Relocation, topics: &Topics) -> Checked<Relocation> {
    let packet = |packet: sdk::Packet| -> Checked<Packet> {
        Ok(Packet {
            topic: topics.name(packet.topic)?,
            payload: payload(packet.payload)?,
        })
    };
    Ok(Relocation {
        connection: ConnectionId(it.connection),
        room: it.room,
        on_arrival: it
            .on_arrival
            .into_iter()
            .map(packet)
            .collect::<Checked<_>>()?,
    })
}

fn subscription(it: sdk::Subscription, topics: &Topics) -> Checked<Subscription> {
    Ok(Subscription {
        connection: ConnectionId(it.connection),
        topic: topics.name(it.topic)?,
    })
}

fn listing(it: sdk::Listing) -> Checked<Listing> {
    let ban = |ban: sdk::Ban| -> Checked<Ban> {
        let until = Some(ban.until).filter(|until| *until < NUMBER_END);
        Ok(Ban {
            user: user(&ban.user)?,
            until: until.ok_or("a time of 2^53 or more")?,
        })
    };
    Ok(Listing {
        data: json(it.data)?,
        visible: it.visible,
        bans: it.bans.into_iter().map(ban).collect::<Checked<_>>()?,
    })
}

fn refusal(it: sdk::Refusal) -> Refusal {
    Refusal {
        connection: ConnectionId(it.connection),
        reason: match it.reason {
            sdk::RefusalReason::Full => RefusalReason::Full,
            sdk::RefusalReason::Banned => RefusalReason::Banned,
            sdk::RefusalReason::Forbidden => RefusalReason::Forbidden,
        },
        text: it.text,
    }
}

fn doc_change(it: sdk::DocChange) -> Checked<DocChange> {
    let op = |op: sdk::DocOp| -> Checked<DocOp> {
        let edit = match op.edit {
            sdk::DocEdit::Set(value) => DocEdit::Set(json(value)?),
            sdk::DocEdit::Insert(value) => DocEdit::Insert(json(value)?),
            sdk::DocEdit::Delete => DocEdit::Delete,
            sdk::DocEdit::Increment(by) => DocEdit::Increment(by),
        };
        Ok(DocOp {
            path: op.path,
            edit,
        })
    };
    Ok(DocChange {
        doc: it.doc,
        ops: it.ops.into_iter().map(op).collect::<Checked<_>>()?,
    })
}

fn right(it: sdk::Right) -> Checked<Right> {
    Ok(match it {
        sdk::Right::Doc(it) => Right::Doc(DocRight {
            user: user(&it.user)?,
            doc: it.doc,
            access: match it.access {
                sdk::Access::Read => Access::Read,
                sdk::Access::Write => Access::Write,
            },
        }),
        sdk::Right::Media(it) => Right::Media(media_right(it)),
    })
}

fn media_right(it: sdk::MediaRight) -> MediaRight {
    MediaRight {
        member: MemberId(it.member),
        track: match it.track {
            sdk::Track::Microphone => Track::Microphone,
            sdk::Track::Camera => Track::Camera,
            sdk::Track::Screen => Track::Screen,
            sdk::Track::ScreenAudio => Track::ScreenAudio,
        },
        flow: match it.flow {
            sdk::Flow::Send => Flow::Send,
            sdk::Flow::Receive(from) => Flow::Receive(MemberId(from)),
        },
    }
}

fn payload(payload: sdk::Payload) -> Checked<Payload> {
    Ok(match payload {
        sdk::Payload::Json(text) => Payload::Json(json(text)?),
        sdk::Payload::Binary(bytes) => Payload::binary(bytes),
    })
}

fn audience(to: sdk::Audience) -> Audience {
    match to {
        sdk::Audience::Everyone => Audience::Everyone,
        sdk::Audience::ButConnection(connection) => {
            Audience::ButConnection(ConnectionId(connection))
        }
        sdk::Audience::ButMember(member) => Audience::ButMember(MemberId(member)),
        sdk::Audience::Members(members) => {
            Audience::Members(members.into_iter().map(MemberId).collect())
        }
        sdk::Audience::Connections(connections) => {
            Audience::Connections(connections.into_iter().map(ConnectionId).collect())
        }
    }
}

fn lane(lane: sdk::Lane) -> Lane {
    match lane {
        sdk::Lane::Reliable => Lane::Reliable,
        sdk::Lane::Unreliable => Lane::Unreliable,
        sdk::Lane::Latest(key) => Lane::Latest(key),
    }
}

fn author(author: sdk::Author) -> Checked<Author> {
    Ok(match author {
        sdk::Author::Room => Author::Room,
        sdk::Author::Member(member) => Author::Member(MemberId(member)),
        sdk::Author::User(id) => Author::User(user(&id)?),
    })
}

fn user(id: &str) -> Checked<UserId> {
    UserId::parse(id).ok_or_else(|| "a user id that is not issuer, colon, subject".to_owned())
}

/// Check a text as the sandbox does and take it over without copying.
fn json(text: String) -> Checked<Json> {
    /// A text with fewer brackets cannot nest deeper than parsers with a limit of 128 take.
    const DEEP: usize = 128;
    let opening = |byte: &u8| matches!(byte, b'[' | b'{');
    let checked = if text.bytes().filter(|byte| opening(byte)).count() < DEEP {
        serde_json::from_str::<IgnoredAny>(&text).map(drop)
    } else {
        serde_json::from_str::<serde_json::Value>(&text).map(drop)
    };
    checked.map_err(|error| format!("not JSON: {error}"))?;
    Ok(Json::new(text))
}
