//! Scripts by hand: every event and every effect that each guest has a use for.

use crate::port::{Call, check, script};
use crate::words::{attach, attempt, detach, entrant, join, leave, renamed, said, signal};
use roost_room::{
    Access, DocOutcome, DocQuestion, Effect, EndCause, Event, Flow, Lane, MediaRight, MemberId,
    Parting, Payload, ProgramHash, SnapshotMeta, TimerId, Track,
};
use roost_twin::Guest;

/// What a room of any kind may hear: somebody comes, is renamed, comes back, goes.
fn visits() -> Vec<(u64, Vec<Event>)> {
    let meta = SnapshotMeta {
        program: ProgramHash([0xab; 32]),
        state_version: 1,
    };
    let media = MediaRight {
        member: MemberId(1),
        track: Track::ScreenAudio,
        flow: Flow::Receive(MemberId(2)),
    };
    vec![
        (0, vec![attempt(1, "ann")]),
        (5, vec![join(1, "ann"), attach(1, 1, false)]),
        (1, vec![attempt(2, "ben"), attempt(3, "çe")]),
        (
            0,
            vec![
                join(2, "ben"),
                attach(2, 2, false),
                join(3, "çe"),
                attach(3, 3, false),
            ],
        ),
        (9, vec![renamed(2, "Ben \"the\" \\ third\u{1}")]),
        (
            1,
            vec![
                detach(1, 1, Parting::Lost),
                attach(1, 4, true),
                attach(1, 5, false),
            ],
        ),
        (1, vec![leave(3, Parting::Kicked), attempt(6, "dan")]),
        (
            1,
            vec![join(4, "dan"), attach(4, 6, false), renamed(9, "nobody")],
        ),
        (7, vec![signal(1, "total"), signal(2, "nönsense")]),
        (0, vec![Event::Activated(meta)]),
        (
            0,
            vec![
                Event::MediaAccess(media),
                questions(),
                applied(Ok(3)),
                applied(Err("no".to_owned())),
            ],
        ),
        (
            3,
            vec![
                leave(4, Parting::Moved),
                detach(2, 2, Parting::ServerRestart),
            ],
        ),
    ]
}

fn questions() -> Event {
    Event::DocAccess(DocQuestion {
        who: entrant(7, "eve").who,
        doc: "slides".to_owned(),
        access: Access::Write,
    })
}

fn applied(version: Result<u64, String>) -> Event {
    Event::DocApplied(DocOutcome {
        doc: "slides".to_owned(),
        version,
    })
}

fn scripted(more: Vec<(u64, Vec<Event>)>) -> Vec<Call> {
    let mut batches = visits();
    batches.extend(more);
    batches.push((1, vec![Event::Terminate(EndCause::Closed)]));
    script(batches)
}

/// Texts and bytes that are easily got wrong on the way.
fn payloads() -> Vec<Payload> {
    let long = format!("\"{}\"", "ü".repeat(40_000));
    let deep = "[".repeat(100) + &"]".repeat(100);
    let mut all: Vec<Payload> = [
        "null",
        "-0.0",
        "1e300",
        r#""\u0000\ud83d\ude00""#,
        r#"{"":[]}"#,
        " [1 , 2]\n",
    ]
    .map(Payload::json)
    .into();
    all.extend([Payload::json(long), Payload::json(deep)]);
    all.extend([
        Payload::binary(Vec::new()),
        Payload::binary((0..=255).collect::<Vec<u8>>()),
    ]);
    all
}

fn saying(topic: &str, texts: &[&str]) -> Vec<(u64, Vec<Event>)> {
    let say = |text: &&str| (3, vec![said(1, 1, topic, Payload::json(*text))]);
    texts.iter().map(say).collect()
}

fn admits(effects: &[Effect]) -> bool {
    effects
        .iter()
        .any(|effect| matches!(effect, Effect::Admit(_)))
}

fn delivers_on(effects: &[Effect], topic: &str) -> bool {
    effects
        .iter()
        .any(|effect| matches!(effect, Effect::Deliver(sent) if sent.topic.as_str() == topic))
}

#[test]
fn echo() {
    let each = payloads()
        .into_iter()
        .map(|payload| (1, vec![said(1, 1, "echo", payload)]));
    let mut batches: Vec<_> = each.collect();
    let all = payloads()
        .into_iter()
        .map(|payload| said(2, 2, "echo", payload));
    batches.push((1, all.cycle().take(64).collect()));
    let effects = check(&crate::twin(Guest::Echo), &scripted(batches));
    assert!(admits(&effects) && delivers_on(&effects, "echo"));
}

#[test]
fn relay() {
    let mut batches = Vec::new();
    for topic in ["say", "move", "note", "room"] {
        let all = payloads()
            .into_iter()
            .map(|payload| said(2, 2, topic, payload));
        batches.push((1, all.collect()));
        batches.push((
            1,
            vec![renamed(2, topic), said(1, 4, topic, Payload::json("1"))],
        ));
    }
    let effects = check(&crate::twin(Guest::Relay), &scripted(batches));
    assert!(admits(&effects) && delivers_on(&effects, "room"));
    let forwarded = |lane| {
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::Forward(sent) if sent.lane == lane))
    };
    assert!(forwarded(Lane::Reliable) && forwarded(Lane::Unreliable) && forwarded(Lane::Latest(2)));
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::SetListing(_)))
    );
}

/// Additions, good and bad.
fn additions() -> Vec<(u64, Vec<Event>)> {
    let id = "x".repeat(65);
    let mut batches = saying(
        "add",
        &[
            r#"{"id":"a","by":5}"#,
            r#"{"id":"a","by":5}"#,
            r#"{"id":"b","by":-2147483648}"#,
            r#"{"id":"","by":1}"#,
            &format!(r#"{{"id":"{id}","by":1}}"#),
            r#"{"id":"c","by":1.5}"#,
            r#"{"id":"c","by":2147483648}"#,
            r#"{"id":"c"}"#,
            r#"{"id":"c","id":"d","by":1}"#,
            r#"[1,2"#,
            "7",
        ],
    );
    let many = |n: u32| {
        said(
            2,
            2,
            "add",
            Payload::json(format!(r#"{{"id":"id-{n}","by":{n}}}"#)),
        )
    };
    batches.push((1, (0..64).map(many).collect()));
    batches
}

/// Timers and names, and what else `counter` may hear.
fn reminders_and_names() -> Vec<(u64, Vec<Event>)> {
    let mut batches = saying(
        "remind",
        &[
            r#"{"after":4294967295,"id":1}"#,
            r#"{"after":0,"id":2}"#,
            "{}",
        ],
    );
    let reminders = |n: u32| {
        said(
            1,
            1,
            "remind",
            Payload::json(format!(r#"{{"after":9,"id":{n}}}"#)),
        )
    };
    batches.extend((0..5).map(|n| (1, (n * 60..n * 60 + 60).map(reminders).collect())));
    batches.push((
        9,
        vec![
            Event::Timer(TimerId(1)),
            Event::Timer(TimerId(7)),
            Event::Timer(TimerId(999)),
        ],
    ));
    batches.extend(saying(
        "name",
        &[
            r#"{"name":"Ann","color":255}"#,
            r#"{"name":"","color":0}"#,
            r#"{"name":"x","color":16777216}"#,
        ],
    ));
    batches.push((
        1,
        payloads()
            .into_iter()
            .map(|payload| said(1, 1, "add", payload))
            .collect(),
    ));
    batches.push((
        1,
        vec![said(1, 1, "total", Payload::json("1")), signal(3, "total")],
    ));
    batches
}

#[test]
fn counter() {
    let batches = [additions(), reminders_and_names()].concat();
    let effects = check(&crate::twin(Guest::Counter), &scripted(batches));
    assert!(admits(&effects) && effects.contains(&Effect::Commit));
    for topic in ["added", "total", "reminded", "person", "state"] {
        assert!(delivers_on(&effects, topic), "nothing on {topic}");
    }
    let has = |wanted: fn(&Effect) -> bool| effects.iter().any(wanted);
    assert!(has(|effect| matches!(effect, Effect::SetTimer(_))));
    assert!(has(|effect| matches!(effect, Effect::SetProfile(_))));
    assert!(has(|effect| matches!(effect, Effect::ReplySignal(_))));
}

#[test]
fn ticker() {
    let ticks = |n: usize| std::iter::repeat_n((16, vec![Event::Tick]), n);
    let mut batches: Vec<_> = ticks(5).collect();
    for work in [
        r#"{"units":7,"ticks":2}"#,
        r#"{"units":1,"ticks":0}"#,
        "[]",
        r#"{"units":30,"ticks":1}"#,
    ] {
        batches.push((
            16,
            vec![said(1, 1, "work", Payload::json(work)), Event::Tick],
        ));
        batches.extend(ticks(3));
    }
    let effects = check(&crate::twin(Guest::Ticker), &scripted(batches));
    assert!(admits(&effects) && delivers_on(&effects, "tick"));
}
