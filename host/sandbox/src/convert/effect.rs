//! Effects on their way out: checked as far as the kernel cannot (JSON, topics, the form of user
//! ids, numbers over 2^53), and moved.

use super::{Topics, json::json};
use crate::interface::types as wit;
use roost_room::{
    Access, Audience, Author, Ban, ConnectionId, Delivery, DocChange, DocEdit, DocOp, DocRight,
    Effect, Ending, Fault, Flow, Forwarding, Lane, Listing, MediaRight, MemberId, MemberProfile,
    Packet, Payload, Profile, Publication, Reach, Redirection, Refusal, RefusalReason, Relocation,
    Removal, Right, SignalReply, Subscription, Timer, TimerId, Track, UserId,
};

/// Numbers of JavaScript end here.
const NUMBER_END: u64 = 1 << 53;

type Checked<T> = Result<T, String>;

/// The kernel's form of what a call wants. The first invalid one voids them all.
pub(crate) fn effects(effects: Vec<wit::Effect>, topics: &Topics) -> Result<Vec<Effect>, Fault> {
    // Collecting results would not know how many there are.
    let mut converted = Vec::with_capacity(effects.len());
    for (place, one) in effects.into_iter().enumerate() {
        let name = name(&one);
        let checked = effect(one, topics)
            .map_err(|reason| Fault::Invalid(format!("effect {place}, {name}: {reason}")))?;
        converted.push(checked);
    }
    Ok(converted)
}

fn effect(effect: wit::Effect, topics: &Topics) -> Checked<Effect> {
    Ok(match effect {
        wit::Effect::Deliver(it) => Effect::Deliver(delivery(it, topics)?),
        wit::Effect::Forward(it) => Effect::Forward(Forwarding {
            index: it.index,
            to: audience(it.to),
            lane: lane(it.lane),
        }),
        wit::Effect::Admit(connection) => Effect::Admit(ConnectionId(connection)),
        wit::Effect::Refuse(it) => Effect::Refuse(refusal(it)),
        wit::Effect::Redirect(it) => Effect::Redirect(Redirection {
            connection: ConnectionId(it.connection),
            room: it.room,
            notice: it.notice,
        }),
        wit::Effect::Move(it) => Effect::Move(relocation(it, topics)?),
        wit::Effect::Kick(it) => Effect::Kick(Removal {
            member: MemberId(it.member),
            text: it.text,
        }),
        wit::Effect::SetTimer(it) => Effect::SetTimer(Timer {
            id: TimerId(it.id),
            after: it.after,
        }),
        wit::Effect::CancelTimer(id) => Effect::CancelTimer(TimerId(id)),
        wit::Effect::SetListing(it) => Effect::SetListing(listing(it)?),
        wit::Effect::SetProfile(it) => Effect::SetProfile(MemberProfile {
            member: MemberId(it.member),
            profile: Profile {
                name: it.profile.name,
                color: it.profile.color,
            },
        }),
        wit::Effect::Subscribe(it) => Effect::Subscribe(subscription(it, topics)?),
        wit::Effect::Unsubscribe(it) => Effect::Unsubscribe(subscription(it, topics)?),
        wit::Effect::Publish(it) => Effect::Publish(publication(it, topics)?),
        wit::Effect::Commit => Effect::Commit,
        wit::Effect::DocApply(it) => Effect::DocApply(doc_change(it)?),
        wit::Effect::Grant(it) => Effect::Grant(right(it)?),
        wit::Effect::Deny(it) => Effect::Deny(right(it)?),
        wit::Effect::ReplySignal(it) => {
            let answer = it
                .answer
                .map(payload)
                .map_or_else(|text| Ok(Err(text)), |given| given.map(Ok))?;
            Effect::ReplySignal(SignalReply { id: it.id, answer })
        }
        wit::Effect::EndRoom(it) => Effect::EndRoom(Ending {
            text: it.text,
            outcome: json(it.outcome)?,
        }),
    })
}

fn delivery(it: wit::Delivery, topics: &Topics) -> Checked<Delivery> {
    Ok(Delivery {
        to: audience(it.to),
        topic: topics.name(it.topic)?,
        payload: payload(it.payload)?,
        lane: lane(it.lane),
        author: author(it.author)?,
    })
}

fn publication(it: wit::Publication, topics: &Topics) -> Checked<Publication> {
    Ok(Publication {
        to: match it.to {
            wit::Reach::Subscribers => Reach::Subscribers,
            wit::Reach::Users(users) => {
                Reach::Users(users.iter().map(|id| user(id)).collect::<Checked<_>>()?)
            }
        },
        topic: topics.name(it.topic)?,
        payload: payload(it.payload)?,
        author: author(it.author)?,
    })
}

fn relocation(it: wit::Relocation, topics: &Topics) -> Checked<Relocation> {
    let packet = |packet: wit::Packet| -> Checked<Packet> {
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

fn subscription(it: wit::Subscription, topics: &Topics) -> Checked<Subscription> {
    Ok(Subscription {
        connection: ConnectionId(it.connection),
        topic: topics.name(it.topic)?,
    })
}

fn listing(it: wit::Listing) -> Checked<Listing> {
    let ban = |ban: wit::BanResult| -> Checked<Ban> {
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

fn refusal(it: wit::Refusal) -> Refusal {
    Refusal {
        connection: ConnectionId(it.connection),
        reason: match it.reason {
            wit::RefusalReason::Full => RefusalReason::Full,
            wit::RefusalReason::Banned => RefusalReason::Banned,
            wit::RefusalReason::Forbidden => RefusalReason::Forbidden,
        },
        text: it.text,
    }
}

fn doc_change(it: wit::DocChange) -> Checked<DocChange> {
    let op = |op: wit::DocOp| -> Checked<DocOp> {
        let edit = match op.edit {
            wit::DocEdit::Set(value) => DocEdit::Set(json(value)?),
            wit::DocEdit::Insert(value) => DocEdit::Insert(json(value)?),
            wit::DocEdit::Delete => DocEdit::Delete,
            wit::DocEdit::Increment(by) => DocEdit::Increment(by),
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

fn right(it: wit::Right) -> Checked<Right> {
    Ok(match it {
        wit::Right::Doc(it) => Right::Doc(DocRight {
            user: user(&it.user)?,
            doc: it.doc,
            access: match it.access {
                wit::Access::Read => Access::Read,
                wit::Access::Write => Access::Write,
            },
        }),
        wit::Right::Media(it) => Right::Media(media_right(it)),
    })
}

fn media_right(it: wit::MediaRight) -> MediaRight {
    MediaRight {
        member: MemberId(it.member),
        track: match it.track {
            wit::Track::Microphone => Track::Microphone,
            wit::Track::Camera => Track::Camera,
            wit::Track::Screen => Track::Screen,
            wit::Track::ScreenAudio => Track::ScreenAudio,
        },
        flow: match it.flow {
            wit::Flow::Send => Flow::Send,
            wit::Flow::Receive(from) => Flow::Receive(MemberId(from)),
        },
    }
}

fn payload(payload: wit::PayloadResult) -> Checked<Payload> {
    Ok(match payload {
        wit::PayloadResult::Json(text) => Payload::Json(json(text)?),
        wit::PayloadResult::Binary(bytes) => Payload::binary(bytes),
    })
}

fn audience(to: wit::Audience) -> Audience {
    match to {
        wit::Audience::Everyone => Audience::Everyone,
        wit::Audience::ButConnection(connection) => {
            Audience::ButConnection(ConnectionId(connection))
        }
        wit::Audience::ButMember(member) => Audience::ButMember(MemberId(member)),
        wit::Audience::Members(members) => {
            Audience::Members(members.into_iter().map(MemberId).collect())
        }
        wit::Audience::Connections(connections) => {
            Audience::Connections(connections.into_iter().map(ConnectionId).collect())
        }
    }
}

fn lane(lane: wit::Lane) -> Lane {
    match lane {
        wit::Lane::Reliable => Lane::Reliable,
        wit::Lane::Unreliable => Lane::Unreliable,
        wit::Lane::Latest(key) => Lane::Latest(key),
    }
}

fn author(author: wit::Author) -> Checked<Author> {
    Ok(match author {
        wit::Author::Room => Author::Room,
        wit::Author::Member(member) => Author::Member(MemberId(member)),
        wit::Author::User(id) => Author::User(user(&id)?),
    })
}

fn user(id: &str) -> Checked<UserId> {
    UserId::parse(id).ok_or_else(|| "a user id that is not issuer, colon, subject".to_owned())
}

/// An effect's name in the interface.
fn name(effect: &wit::Effect) -> &'static str {
    match effect {
        wit::Effect::Deliver(_) => "deliver",
        wit::Effect::Forward(_) => "forward",
        wit::Effect::Admit(_) => "admit",
        wit::Effect::Refuse(_) => "refuse",
        wit::Effect::Redirect(_) => "redirect",
        wit::Effect::Move(_) => "move",
        wit::Effect::Kick(_) => "kick",
        wit::Effect::SetTimer(_) => "set-timer",
        wit::Effect::CancelTimer(_) => "cancel-timer",
        wit::Effect::SetListing(_) => "set-listing",
        wit::Effect::SetProfile(_) => "set-profile",
        wit::Effect::Subscribe(_) => "subscribe",
        wit::Effect::Unsubscribe(_) => "unsubscribe",
        wit::Effect::Publish(_) => "publish",
        wit::Effect::Commit => "commit",
        wit::Effect::DocApply(_) => "doc-apply",
        wit::Effect::Grant(_) => "grant",
        wit::Effect::Deny(_) => "deny",
        wit::Effect::ReplySignal(_) => "reply-signal",
        wit::Effect::EndRoom(_) => "end-room",
    }
}
