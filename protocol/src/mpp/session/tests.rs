//! Frames and what becomes of them.

use super::*;
use roost_room::{Durability, Pace, RequestedLimits, TopicSpec};
use serde_json::Value;

/// Rules with these topics, all of them open but `closed`.
fn manifest() -> Manifest {
    let names = [
        "n",
        "m",
        "a",
        "dm",
        "ch",
        "chset",
        "chown",
        "kickban",
        "unban",
        "userset",
        "custom",
        "+custom",
        "-custom",
        "clearchat",
        "setname",
        "setcolor",
    ];
    let topics = names.into_iter().map(|name| TopicSpec {
        name: roost_room::Topic::new(name),
        intake: Intake::Reliable,
    });
    Manifest {
        kind: "piano".into(),
        state_version: 1,
        pace: Pace::Messages,
        durability: Durability::Ephemeral,
        grace: 0,
        limits: RequestedLimits {
            members: 10,
            fuel: None,
            memory: None,
            snapshot: None,
        },
        capabilities: Vec::new(),
        topics: topics.collect(),
        release: None,
    }
}

fn greeted() -> MppSession {
    let mut session = MppSession::default();
    let intents = session.frame(r#"[{"m":"hi"}]"#, &manifest(), 0).unwrap();
    assert_eq!(intents, [Intent::Greet { token: None }]);
    session
}

/// What the rules would hear of one message.
fn said(message: &str) -> Option<String> {
    let intents = greeted().frame(&format!("[{message}]"), &manifest(), 0);
    match intents.unwrap().as_slice() {
        [Intent::Say(said)] => match &said.payload {
            Payload::Json(json) => Some(json.as_str().to_owned()),
            Payload::Binary(_) => panic!("bytes"),
        },
        [] => None,
        other => panic!("{other:?}"),
    }
}

/// Messages, and what the rules hear of them: nothing if it is empty.
const FILTERED: &[(&str, &str)] = &[
    (r#"{"m":"m","x":"12.40","y":63}"#, r#"{"x":12.4,"y":63}"#),
    (r#"{"m":"m","x":-5000,"y":5000}"#, r#"{"x":-1000,"y":1000}"#),
    (r#"{"m":"m","x":"NaN","y":1}"#, ""),
    (r#"{"m":"m","x":"inf","y":1}"#, ""),
    (r#"{"m":"m","x":1}"#, ""),
    (
        r#"{"m":"a","message":"hi \"you\""}"#,
        r#"{"message":"hi \"you\""}"#,
    ),
    (
        r#"{"m":"a","message":"x","reply_to":"7c10e2ab","_id":"?"}"#,
        r#"{"message":"x","reply_to":"7c10e2ab"}"#,
    ),
    (r#"{"m":"a","message":""}"#, ""),
    (r#"{"m":"a","message":5}"#, ""),
    (r#"{"m":"a"}"#, ""),
    (
        r#"{"m":"dm","message":"x","_id":"ab"}"#,
        r#"{"message":"x","_id":"ab"}"#,
    ),
    (r#"{"m":"dm","message":"x"}"#, ""),
    (
        r##"{"m":"userset","set":{"name":"Ada","color":"#3F9a0c"}}"##,
        r##"{"set":{"name":"Ada","color":"#3F9a0c"}}"##,
    ),
    (
        r##"{"m":"userset","set":{"color":"#3f9a0c"}}"##,
        r##"{"set":{"color":"#3f9a0c"}}"##,
    ),
    (
        r#"{"m":"userset","set":{"name":"Ada","color":"red"}}"#,
        r#"{"set":{"name":"Ada"}}"#,
    ),
    (r#"{"m":"userset","set":{"name":"  "}}"#, ""),
    (r#"{"m":"userset","set":7}"#, ""),
    (
        r#"{"m":"chset","set":{"visible":false,"lobby":true}}"#,
        r#"{"set":{"visible":false}}"#,
    ),
    (r#"{"m":"chset"}"#, ""),
    (r#"{"m":"chown"}"#, "{}"),
    (r#"{"m":"chown","id":"ab"}"#, r#"{"id":"ab"}"#),
    (r#"{"m":"chown","id":7}"#, ""),
    (
        r#"{"m":"kickban","_id":"ab","ms":3600000}"#,
        r#"{"_id":"ab","ms":3600000}"#,
    ),
    (
        r#"{"m":"kickban","_id":"ab","ms":60000.7}"#,
        r#"{"_id":"ab","ms":60000}"#,
    ),
    (
        r#"{"m":"kickban","_id":"ab","ms":-1}"#,
        r#"{"_id":"ab","ms":0}"#,
    ),
    (r#"{"m":"kickban","_id":"ab","ms":1e300}"#, ""),
    (r#"{"m":"kickban","_id":"ab","ms":"60"}"#, ""),
    (r#"{"m":"unban","_id":"ab"}"#, r#"{"_id":"ab"}"#),
    (r#"{"m":"+custom"}"#, "{}"),
    (
        r#"{"m":"custom","data":{"beat":[96]},"target":{"mode":"ids","ids":["ab",5,"cd"],"global":true}}"#,
        r#"{"data":{"beat":[96]},"target":{"mode":"ids","ids":["ab","cd"],"global":true}}"#,
    ),
    (
        r#"{"m":"custom"}"#,
        r#"{"data":null,"target":{"mode":"subscribed","global":false}}"#,
    ),
    (r#"{"m":"custom","target":{"mode":"all"}}"#, ""),
    (
        r#"{"m":"setname","_id":"ab","name":"Bob"}"#,
        r#"{"_id":"ab","name":"Bob"}"#,
    ),
    (r#"{"m":"devices","list":[{}]}"#, ""),
    (r#"{"m":"admin message","password":"x"}"#, ""),
    (r#"{"m":5}"#, ""),
    ("7", ""),
    ("null", ""),
    ("[]", ""),
];

#[test]
fn fields_are_filtered() {
    for (message, heard) in FILTERED {
        assert_eq!(said(message).unwrap_or_default(), *heard, "{message}");
    }
}

#[test]
fn what_the_rules_hear_is_json() {
    for message in [
        r#"{"m":"a","message":"\u0007 \ud83c\udfb9 \\"}"#,
        r#"{"m":"custom","data":"\"","target":{"mode":"id","id":"a\"b"}}"#,
        r#"{"m":"n","t":1.5,"n":[{"n":"c3","v":0.1}]}"#,
    ] {
        let heard = said(message).unwrap();
        assert!(serde_json::from_str::<Value>(&heard).is_ok(), "{heard}");
    }
}

#[test]
fn rooms_have_names() {
    let enter = |message: &str| {
        let intents = greeted().frame(&format!("[{message}]"), &manifest(), 0);
        intents.unwrap().into_iter().next()
    };
    assert_eq!(
        enter(r#"{"m":"ch","_id":"quiet corner","set":{"chat":true,"lobby":true}}"#),
        Some(Intent::Enter {
            room: "quiet corner".into(),
            set: r#"{"chat":true}"#.into()
        })
    );
    let long = format!(r#"{{"m":"ch","_id":"{}"}}"#, "x".repeat(513));
    for bad in [
        r#"{"m":"ch"}"#,
        r#"{"m":"ch","_id":""}"#,
        r#"{"m":"ch","_id":7}"#,
        r#"{"m":"ch","_id":"a\nb"}"#,
        &long,
    ] {
        assert_eq!(enter(bad), None, "{bad}");
    }
}

#[test]
fn before_hi_nothing_is_heard() {
    let mut session = MppSession::default();
    let frame = r#"[{"m":"devices","list":[]},{"m":"ch","_id":"lobby"},{"m":"hi","token":"x"},{"m":"t","e":5}]"#;
    assert_eq!(
        session.frame(frame, &manifest(), 0).unwrap(),
        [
            Intent::Greet {
                token: Some("x".into())
            },
            Intent::Time { echo: Some(5.0) }
        ]
    );
}

#[test]
fn an_unknown_topic_is_not_said() {
    let few = Manifest {
        topics: Vec::new(),
        ..manifest()
    };
    let mut session = greeted();
    assert_eq!(
        session.frame(r#"[{"m":"a","message":"x"}]"#, &few, 0),
        Ok(vec![])
    );
}

#[test]
fn garbage_is_borne_for_a_while() {
    let mut session = greeted();
    for harmless in ["{}", "5", "\"x\"", "[]", "[[],{},null]"] {
        for _ in 0..30 {
            assert_eq!(
                session.frame(harmless, &manifest(), 0),
                Ok(vec![]),
                "{harmless}"
            );
        }
    }
    let deep = "[".repeat(500);
    for bad in ["", "not json", "[{", &deep].iter().cycle().take(19) {
        assert_eq!(session.frame(bad, &manifest(), 0), Ok(vec![]), "{bad}");
    }
    assert_eq!(session.frame("[", &manifest(), 0), Err(Violation::Garbage));
}

#[test]
fn floods_end() {
    let frame = format!("[{}]", vec![r#"{"m":"m","x":1,"y":1}"#; 400].join(","));
    let mut session = greeted();
    assert!(session.frame(&frame, &manifest(), 0).unwrap().len() <= 100);
    assert_eq!(
        session.frame(&frame, &manifest(), 0),
        Err(Violation::Messages)
    );
    let mut session = greeted();
    let large = format!("[\"{}\"]", "x".repeat(60_000));
    for _ in 0..4 {
        assert_eq!(session.frame(&large, &manifest(), 0), Ok(vec![]));
    }
    assert_eq!(session.frame(&large, &manifest(), 0), Err(Violation::Bytes));
}

#[test]
fn staff_has_words_of_its_own() {
    let intents = |message: &str| {
        let intents = greeted().frame(&format!("[{message}]"), &manifest(), 0);
        intents.unwrap()
    };
    let ban = |ms, reason: &str, note: &str| {
        [Intent::SiteBan(SiteBan {
            id: "ab12".into(),
            ms,
            reason: reason.into(),
            note: note.into(),
        })]
    };
    let cases = [
        (
            r#""duration":5000.9,"reason":"spam","note":"n""#,
            ban(Some(5000), "spam", "n"),
        ),
        (
            r#""permanent":true,"duration":5,"reason":7"#,
            ban(None, "", ""),
        ),
        (r#""duration":-1,"reason":"a\nb""#, ban(Some(0), "", "")),
        (r#""duration":9e14"#, ban(Some(3_155_760_000_000), "", "")),
    ];
    for (fields, wanted) in cases {
        let message = format!(r#"{{"m":"siteban","id":"ab12",{fields}}}"#);
        assert_eq!(intents(&message), wanted, "{message}");
    }
    let vanish = |vanish, said| [Intent::Vanish { vanish, said }];
    assert_eq!(intents(r#"{"m":"v","vanish":true}"#), vanish(true, None));
    for bad in [
        r#"{"m":"siteban","id":"ab12"}"#,
        r#"{"m":"siteban","id":"","duration":5}"#,
        r#"{"m":"siteban","id":5,"permanent":true}"#,
        r#"{"m":"siteban","id":"ab12","permanent":false}"#,
        r#"{"m":"v","vanish":1}"#,
        r#"{"m":"v"}"#,
    ] {
        assert_eq!(intents(bad), [], "{bad}");
    }
}
