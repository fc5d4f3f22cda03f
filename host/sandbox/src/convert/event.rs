//! Events on their way in: everything borrowed.

use super::Topics;
use crate::interface::types as wit;
use roost_room::{
    Access, Ban, Context, DocOutcome, DocQuestion, EndCause, Entrant, Event, Fault, Flow, Identity,
    MediaRight, MemberProfile, Message, Parting, Payload, Profile, Signal, Track,
};

/// A batch in the interface's form. `programs` are the hashes in its `activated` events as text, in
/// order: the kernel keeps hashes as bytes, and somebody has to own the text.
pub(crate) fn events<'a>(
    events: &'a [Event],
    topics: &Topics,
    programs: &'a [String],
) -> Result<Vec<wit::Event<'a>>, Fault> {
    let mut last = None;
    let mut programs = programs.iter();
    // Collecting results would not know how many there are.
    let mut converted = Vec::with_capacity(events.len());
    for event in events {
        converted.push(match event {
            Event::Message(said) => message(said, topics, &mut last)?,
            Event::Activated(meta) => wit::Event::Activated(wit::SnapshotMeta {
                program: programs.next().map_or("", String::as_str),
                state_version: meta.state_version,
            }),
            other => plain(other),
        });
    }
    Ok(converted)
}

/// Time and chance of a call.
pub(crate) fn context(context: &Context) -> wit::Context {
    wit::Context {
        now: context.now,
        uptime: context.uptime,
        seed: context.seed,
        tick: context.tick,
    }
}

/// Bans that still run.
pub(crate) fn bans(bans: &[Ban]) -> Vec<wit::BanParam<'_>> {
    bans.iter()
        .map(|ban| wit::BanParam {
            user: ban.user.as_str(),
            until: ban.until,
        })
        .collect()
}

fn message<'a>(
    message: &'a Message,
    topics: &Topics,
    last: &mut Option<(&'a str, u16)>,
) -> Result<wit::Event<'a>, Fault> {
    // The kernel refuses such messages before; it would be the host's mistake, not the guest's.
    let topic = topics.number(&message.topic, last).ok_or_else(|| {
        Fault::Invalid(format!(
            "an event about the unknown topic {:?}",
            message.topic.as_str()
        ))
    })?;
    Ok(wit::Event::Message(wit::Message {
        member: message.member.0,
        via: message.via.0,
        topic,
        payload: payload(&message.payload),
    }))
}

/// All events that need neither topics nor text made for them.
fn plain(event: &Event) -> wit::Event<'_> {
    match event {
        Event::JoinAttempt(who) => wit::Event::JoinAttempt(entrant(who)),
        Event::Join(joined) => wit::Event::Join(wit::Joined {
            member: joined.member.0,
            entrant: entrant(&joined.entrant),
        }),
        Event::Attach(attached) => wit::Event::Attach(wit::Attachment {
            member: attached.member.0,
            connection: attached.connection.0,
            resumed: attached.resumed,
        }),
        Event::Detach(detached) => wit::Event::Detach(wit::Detachment {
            member: detached.member.0,
            connection: detached.connection.0,
            reason: parting(detached.reason),
        }),
        Event::Leave(left) => wit::Event::Leave(wit::Departure {
            member: left.member.0,
            reason: parting(left.reason),
        }),
        // The two that `events` has taken out already are here only for completeness.
        Event::Message(_) | Event::Activated(_) | Event::Tick => wit::Event::Tick,
        Event::Timer(id) => wit::Event::Timer(id.0),
        Event::ProfileChanged(changed) => wit::Event::ProfileChanged(member_profile(changed)),
        Event::Signal(asked) => wit::Event::Signal(signal(asked)),
        Event::DocAccess(question) => wit::Event::DocAccess(doc_question(question)),
        Event::DocApplied(outcome) => wit::Event::DocApplied(doc_outcome(outcome)),
        Event::MediaAccess(right) => wit::Event::MediaAccess(media_right(*right)),
        Event::Terminate(cause) => wit::Event::Terminate(match cause {
            EndCause::Empty => wit::EndCause::Empty,
            EndCause::Closed => wit::EndCause::Closed,
            EndCause::Shutdown => wit::EndCause::Shutdown,
        }),
    }
}

fn payload(payload: &Payload) -> wit::PayloadParam<'_> {
    match payload {
        Payload::Json(json) => wit::PayloadParam::Json(json.as_str()),
        Payload::Binary(bytes) => wit::PayloadParam::Binary(bytes),
    }
}

fn entrant(entrant: &Entrant) -> wit::Entrant<'_> {
    wit::Entrant {
        connection: entrant.connection.0,
        who: identity(&entrant.who),
        options: &entrant.options,
        leaving: entrant.leaving.as_deref(),
    }
}

fn identity(who: &Identity) -> wit::Identity<'_> {
    wit::Identity {
        user: who.user.as_str(),
        profile: profile(&who.profile),
        claims: &who.claims,
        verified: who.verified,
    }
}

fn profile(profile: &Profile) -> wit::ProfileParam<'_> {
    wit::ProfileParam {
        name: &profile.name,
        color: profile.color,
    }
}

fn member_profile(changed: &MemberProfile) -> wit::MemberProfileParam<'_> {
    wit::MemberProfileParam {
        member: changed.member.0,
        profile: profile(&changed.profile),
    }
}

fn signal(signal: &Signal) -> wit::Signal<'_> {
    wit::Signal {
        id: signal.id,
        name: &signal.name,
        body: payload(&signal.body),
    }
}

fn doc_question(question: &DocQuestion) -> wit::DocQuestion<'_> {
    wit::DocQuestion {
        who: identity(&question.who),
        doc: &question.doc,
        access: match question.access {
            Access::Read => wit::Access::Read,
            Access::Write => wit::Access::Write,
        },
    }
}

fn doc_outcome(outcome: &DocOutcome) -> wit::DocOutcome<'_> {
    wit::DocOutcome {
        doc: &outcome.doc,
        version: outcome
            .version
            .as_ref()
            .map(|version| *version)
            .map_err(String::as_str),
    }
}

fn media_right(right: MediaRight) -> wit::MediaRight {
    wit::MediaRight {
        member: right.member.0,
        track: match right.track {
            Track::Microphone => wit::Track::Microphone,
            Track::Camera => wit::Track::Camera,
            Track::Screen => wit::Track::Screen,
            Track::ScreenAudio => wit::Track::ScreenAudio,
        },
        flow: match right.flow {
            Flow::Send => wit::Flow::Send,
            Flow::Receive(from) => wit::Flow::Receive(from.0),
        },
    }
}

fn parting(parting: Parting) -> wit::Parting {
    match parting {
        Parting::Closed => wit::Parting::Closed,
        Parting::Lost => wit::Parting::Lost,
        Parting::Moved => wit::Parting::Moved,
        Parting::Kicked => wit::Parting::Kicked,
        Parting::ServerRestart => wit::Parting::ServerRestart,
    }
}
