//! Events and outputs in words, one line each, as the cases show them.

use roost_room::{
    Answer, Closing, Event, FaultCause, FaultReport, Outgoing, Output, Parting, Payload, Persist,
    Recipients, Right, Route,
};

/// `ann` is the user `anon:ann`.
pub(crate) fn named(user: &str) -> String {
    format!("anon:{user}")
}

pub(crate) fn parting(word: &str) -> Parting {
    match word {
        "closed" => Parting::Closed,
        "lost" => Parting::Lost,
        "moved" => Parting::Moved,
        "kicked" => Parting::Kicked,
        _ => panic!("no parting is {word:?}"),
    }
}

/// An event as the rules hear it.
pub(crate) fn describe(event: &Event) -> String {
    let name = event.name();
    match event {
        Event::JoinAttempt(e) => format!("{name}:c{}({})", e.connection, e.who.user.subject()),
        Event::Join(j) => {
            format!("{name}:m{}({})", j.member, j.entrant.who.profile.name)
        }
        Event::Attach(a) if a.resumed => format!("{name}:m{}/c{}(resumed)", a.member, a.connection),
        Event::Attach(a) => format!("{name}:m{}/c{}", a.member, a.connection),
        Event::Detach(d) => format!("{name}:m{}/c{}({:?})", d.member, d.connection, d.reason),
        Event::Leave(d) => format!("{name}:m{}({:?})", d.member, d.reason),
        Event::Message(m) => format!("{name}:m{}/c{}({})", m.member, m.via, show(&m.payload)),
        Event::Timer(id) => format!("{name}:{id}"),
        Event::ProfileChanged(c) => format!("{name}:m{}({})", c.member, c.profile.name),
        Event::Signal(s) => format!("{name}:{}({})", s.id, show(&s.body)),
        Event::MediaAccess(m) => format!("{name}:m{}({:?} {:?})", m.member, m.track, m.flow),
        Event::Terminate(cause) => format!("{name}:{cause:?}"),
        Event::Tick | Event::Activated(_) | Event::DocAccess(_) | Event::DocApplied(_) => {
            name.to_owned()
        }
    }
}

fn show(payload: &Payload) -> String {
    let text = String::from_utf8_lossy(payload.bytes()).into_owned();
    if text.len() > 60 {
        format!("{} bytes", text.len())
    } else {
        text
    }
}

fn list<T: std::fmt::Display>(items: &[T]) -> String {
    let words: Vec<String> = items.iter().map(T::to_string).collect();
    words.join(",")
}

fn delivery(outgoing: &Outgoing) -> String {
    let route = match outgoing.route {
        Route::Reliable(number) => format!("#{number}"),
        Route::Unreliable => "unreliable".to_owned(),
        Route::Latest(_) => "latest".to_owned(),
    };
    let to = match &outgoing.to {
        Recipients::All => "all".to_owned(),
        Recipients::But(c) => format!("all but c{c}"),
        Recipients::ButThese(cs) => format!("all but c{}", list(cs)),
        Recipients::These(cs) => format!("c{}", list(cs)),
    };
    let by = outgoing.speaker.as_ref().map_or(String::new(), |speaker| {
        format!(" by {}", speaker.user.subject())
    });
    format!("deliver {route} to {to}{by}: {}", show(&outgoing.payload))
}

fn answer(answer: &Answer) -> String {
    match answer {
        Answer::Admitted { connection } => format!("admitted c{connection}"),
        Answer::Refused { reason, text } => format!("refused {reason:?}, {text}"),
        Answer::Over => "over".to_owned(),
        Answer::Redirected { room, .. } => format!("redirected to {room}"),
    }
}

fn closing(closing: &Closing) -> String {
    match closing {
        Closing::Kicked(text) => format!("kicked, {text}"),
        Closing::Faulted => "faulted".to_owned(),
        Closing::Ended(text) => format!("ended, {text}"),
        Closing::Stopped(text) => format!("stopped, {text}"),
    }
}

fn right(right: &Right) -> String {
    match right {
        Right::Media(m) => format!("m{} {:?} {:?}", m.member, m.track, m.flow),
        Right::Doc(d) => format!("{} {:?} {}", d.user.subject(), d.access, d.doc),
    }
}

fn persist(persist: &Persist) -> String {
    match persist {
        Persist::Checkpoint { ticket, covers, .. } => {
            format!("persist {ticket}: checkpoint of {covers}")
        }
        Persist::Call {
            ticket, sequence, ..
        } => format!("persist {ticket}: call {sequence}"),
        Persist::Delete { ticket } => format!("persist {ticket}: delete"),
    }
}

fn fault(report: &FaultReport) -> String {
    let who = match &report.cause {
        FaultCause::User(user) => user.subject(),
        FaultCause::Program => "the program",
    };
    format!("fault of {who} on {}: {}", report.event, report.fault)
}

/// An output as the host sees it.
pub(crate) fn say(output: &Output) -> String {
    match output {
        Output::Deliver(outgoing) => delivery(outgoing),
        Output::Answer { session, answer: a } => format!("answer s{session}: {}", answer(a)),
        Output::Attached {
            session,
            member,
            connection,
            resumed,
        } => {
            let resumed = if *resumed { " resumed" } else { "" };
            format!("attached s{session} m{member}/c{connection}{resumed}")
        }
        Output::Forgotten { session } => format!("forgotten s{session}"),
        Output::Detached { connection, reason } => format!("detached c{connection} {reason:?}"),
        Output::Close {
            connection,
            closing: how,
        } => format!("close c{connection}: {}", closing(how)),
        Output::Rejected { connection } => format!("rejected c{connection}"),
        Output::Move {
            connection, room, ..
        } => format!("move c{connection} to {room}"),
        Output::Listing(listing) => format!("listing {}", listing.data.as_str()),
        Output::Headcount(count) => format!("headcount {count}"),
        Output::SetProfile { user, profile } => {
            format!("set-profile {} {}", user.subject(), profile.name)
        }
        Output::Subscribe(s) => format!("subscribe c{} {}", s.connection, s.topic.as_str()),
        Output::Unsubscribe(s) => format!("unsubscribe c{} {}", s.connection, s.topic.as_str()),
        Output::Publish { publication, .. } => format!("publish {}", show(&publication.payload)),
        Output::SignalReply { id, answer } => match answer {
            Ok(payload) => format!("reply {id}: {}", show(payload)),
            Err(text) => format!("reply {id}: error, {text}"),
        },
        Output::Right { right: r, granted } => format!("right {}: {granted}", right(r)),
        Output::DocChange(change) => format!("doc-change {}", change.doc),
        Output::Persist(p) => persist(p),
        Output::Fault(report) => fault(report),
        Output::FaultBundle(bundle) => format!("bundle of {} calls", bundle.calls.len()),
        Output::Called(called) => format!("called {}", called.record.sequence),
        Output::Ended(ending) => format!("ended {}", ending.text),
        Output::Stopped(reason) => format!("stopped: {reason}"),
    }
}
