//! Small values for scripts.

use roost_room::{
    Attachment, ConnectionId, Departure, Detachment, Entrant, Event, Identity, Joined, MemberId,
    MemberProfile, Message, Parting, Payload, Profile, Signal, Topic, UserId,
};

pub(crate) fn identity(user: &str) -> Identity {
    Identity {
        user: UserId::new("test", user).unwrap(),
        profile: Profile {
            name: user.to_owned(),
            color: 0x00_88ff,
        },
        claims: r#"{"role":"tester"}"#.to_owned(),
        verified: true,
    }
}

pub(crate) fn entrant(connection: u32, user: &str) -> Entrant {
    Entrant {
        connection: ConnectionId(connection),
        who: identity(user),
        options: "{}".to_owned(),
        leaving: None,
    }
}

pub(crate) fn attempt(connection: u32, user: &str) -> Event {
    Event::JoinAttempt(entrant(connection, user))
}

pub(crate) fn join(member: u32, user: &str) -> Event {
    Event::Join(Joined {
        member: MemberId(member),
        entrant: entrant(member, user),
    })
}

pub(crate) fn attach(member: u32, connection: u32, resumed: bool) -> Event {
    Event::Attach(Attachment {
        member: MemberId(member),
        connection: ConnectionId(connection),
        resumed,
    })
}

pub(crate) fn detach(member: u32, connection: u32, reason: Parting) -> Event {
    Event::Detach(Detachment {
        member: MemberId(member),
        connection: ConnectionId(connection),
        reason,
    })
}

pub(crate) fn leave(member: u32, reason: Parting) -> Event {
    Event::Leave(Departure {
        member: MemberId(member),
        reason,
    })
}

pub(crate) fn renamed(member: u32, name: &str) -> Event {
    Event::ProfileChanged(MemberProfile {
        member: MemberId(member),
        profile: Profile {
            name: name.to_owned(),
            color: 1,
        },
    })
}

pub(crate) fn said(member: u32, via: u32, topic: &str, payload: Payload) -> Event {
    Event::Message(Message {
        member: MemberId(member),
        via: ConnectionId(via),
        topic: Topic::new(topic),
        payload,
    })
}

pub(crate) fn signal(id: u32, name: &str) -> Event {
    Event::Signal(Signal {
        id,
        name: name.to_owned(),
        body: Payload::json("null"),
    })
}
