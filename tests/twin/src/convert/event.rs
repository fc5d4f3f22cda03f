//! Events on their way in.

use super::{Topics, meta};
use roost_room::{
    Access, DocOutcome, DocQuestion, EndCause, Entrant, Event, Fault, Flow, Identity, MediaRight,
    MemberProfile, Message, Parting, Payload, Profile, Signal, Track,
};
use roost_sdk::types as sdk;

/// A batch in the SDK's form.
pub(crate) fn events(events: &[Event], topics: &Topics) -> Result<Vec<sdk::Event>, Fault> {
    events.iter().map(|one| event(one, topics)).collect()
}

fn event(event: &Event, topics: &Topics) -> Result<sdk::Event, Fault> {
    Ok(match event {
        Event::JoinAttempt(attempt) => sdk::Event::JoinAttempt(entrant(attempt)),
        Event::Join(joined) => sdk::Event::Join(sdk::Joined {
            member: joined.member.0,
            entrant: entrant(&joined.entrant),
        }),
        Event::Attach(attached) => sdk::Event::Attach(sdk::Attachment {
            member: attached.member.0,
            connection: attached.connection.0,
            resumed: attached.resumed,
        }),
        Event::Detach(detached) => sdk::Event::Detach(sdk::Detachment {
            member: detached.member.0,
            connection: detached.connection.0,
            reason: parting(detached.reason),
        }),
        Event::Leave(left) => sdk::Event::Leave(sdk::Departure {
            member: left.member.0,
            reason: parting(left.reason),
        }),
        Event::Message(said) => sdk::Event::Message(message(said, topics)?),
        Event::Tick => sdk::Event::Tick,
        Event::Timer(id) => sdk::Event::Timer(id.0),
        Event::ProfileChanged(changed) => sdk::Event::ProfileChanged(member_profile(changed)),
        Event::Activated(before) => sdk::Event::Activated(meta(before)),
        Event::Signal(asked) => sdk::Event::Signal(signal(asked)),
        Event::DocAccess(question) => sdk::Event::DocAccess(doc_question(question)),
        Event::DocApplied(outcome) => sdk::Event::DocApplied(doc_outcome(outcome)),
        Event::MediaAccess(right) => sdk::Event::MediaAccess(media_right(*right)),
        Event::Terminate(cause) => sdk::Event::Terminate(match cause {
            EndCause::Empty => sdk::EndCause::Empty,
            EndCause::Closed => sdk::EndCause::Closed,
            EndCause::Shutdown => sdk::EndCause::Shutdown,
        }),
    })
}

fn message(message: &Message, topics: &Topics) -> Result<sdk::Message, Fault> {
    let topic = topics.number(&message.topic).ok_or_else(|| {
        let name = message.topic.as_str();
        Fault::Invalid(format!("an event about the unknown topic {name:?}"))
    })?;
    Ok(sdk::Message {
        member: message.member.0,
        via: message.via.0,
        topic,
        payload: payload(&message.payload),
    })
}

fn payload(payload: &Payload) -> sdk::Payload {
    match payload {
        Payload::Json(json) => sdk::Payload::Json(json.as_str().to_owned()),
        Payload::Binary(bytes) => sdk::Payload::Binary(bytes.to_vec()),
    }
}

fn entrant(entrant: &Entrant) -> sdk::Entrant {
    sdk::Entrant {
        connection: entrant.connection.0,
        who: identity(&entrant.who),
        options: entrant.options.clone(),
        leaving: entrant.leaving.clone(),
    }
}

fn identity(who: &Identity) -> sdk::Identity {
    sdk::Identity {
        user: who.user.as_str().to_owned(),
        profile: profile(&who.profile),
        claims: who.claims.clone(),
        verified: who.verified,
    }
}

fn profile(profile: &Profile) -> sdk::Profile {
    sdk::Profile {
        name: profile.name.clone(),
        color: profile.color,
    }
}

fn member_profile(changed: &MemberProfile) -> sdk::MemberProfile {
    sdk::MemberProfile {
        member: changed.member.0,
        profile: profile(&changed.profile),
    }
}

fn signal(signal: &Signal) -> sdk::Signal {
    sdk::Signal {
        id: signal.id,
        name: signal.name.clone(),
        body: payload(&signal.body),
    }
}

fn doc_question(question: &DocQuestion) -> sdk::DocQuestion {
    sdk::DocQuestion {
        who: identity(&question.who),
        doc: question.doc.clone(),
        access: match question.access {
            Access::Read => sdk::Access::Read,
            Access::Write => sdk::Access::Write,
        },
    }
}

fn doc_outcome(outcome: &DocOutcome) -> sdk::DocOutcome {
    sdk::DocOutcome {
        doc: outcome.doc.clone(),
        version: outcome.version.clone(),
    }
}

fn media_right(right: MediaRight) -> sdk::MediaRight {
    sdk::MediaRight {
        member: right.member.0,
        track: match right.track {
            Track::Microphone => sdk::Track::Microphone,
            Track::Camera => sdk::Track::Camera,
            Track::Screen => sdk::Track::Screen,
            Track::ScreenAudio => sdk::Track::ScreenAudio,
        },
        flow: match right.flow {
            Flow::Send => sdk::Flow::Send,
            Flow::Receive(from) => sdk::Flow::Receive(from.0),
        },
    }
}

fn parting(parting: Parting) -> sdk::Parting {
    match parting {
        Parting::Closed => sdk::Parting::Closed,
        Parting::Lost => sdk::Parting::Lost,
        Parting::Moved => sdk::Parting::Moved,
        Parting::Kicked => sdk::Parting::Kicked,
        Parting::ServerRestart => sdk::Parting::ServerRestart,
    }
}
