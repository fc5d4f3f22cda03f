//! What rules may not want: each rule by the smallest call that breaks it, and its bound just kept.

use crate::stage::Stage;

/// Say something in a room of two and give what the host is told.
fn told(settings: &str, commands: &str) -> String {
    let mut stage = Stage::new("");
    for line in [&format!("room {settings}"), "enter s1 ann", "enter s2 bob"] {
        stage.play(line);
    }
    stage.lines.clear();
    stage.play(&format!("say c1 {commands}"));
    stage.drain();
    stage.assert_promises(commands);
    stage.lines.retain(|line| !line.starts_with("> "));
    stage.lines.join("\n")
}

fn repeated(count: usize, command: impl Fn(usize) -> String) -> String {
    let all: Vec<String> = (0..count).map(command).collect();
    all.join(";")
}

#[track_caller]
fn refused(settings: &str, commands: &str, why: &str) {
    let told = told(settings, commands);
    let shown: String = commands.chars().take(60).collect();
    assert!(
        told.starts_with("rejected c1\nfault of ann on message: "),
        "{shown}: {told}"
    );
    assert!(told.contains(why), "{shown}: {told}");
}

#[track_caller]
fn accepted(settings: &str, commands: &str) {
    let told = told(settings, commands);
    assert!(
        !told.contains("fault"),
        "{}",
        told.chars().take(300).collect::<String>()
    );
}

#[test]
fn numbers_never_given() {
    for command in [
        "to 3 x",
        "to 1,0 x",
        "butm 3 x",
        "conns 3 x",
        "conns 1,0 x",
        "butc 3 x",
        "by 3 x",
        "kick 3",
        "profile 3 x",
        "sub 3 t",
        "unsub 3 t",
        "move 3 hall",
        "grant 3",
        "deny 3",
        "grant 1 3",
    ] {
        refused("", command, "there never was a");
    }
}

#[test]
fn answers_without_a_question() {
    for command in ["admit 1", "refuse 1 x", "redirect 2 hall", "admit 9"] {
        refused("", command, "no open join-attempt");
    }
    let mut stage = Stage::new("");
    for line in [
        "room",
        "enter s1 ann",
        "say c1 on join-attempt admit $c & refuse $c no",
        "knock s2 bob",
        "drain",
    ] {
        stage.play(line);
    }
    let text = stage.lines.join("\n");
    assert!(
        text.contains("answer s2: refused") && text.contains("no open join-attempt"),
        "{text}"
    );
}

#[test]
fn forwards_of_what_is_no_message() {
    refused("", "fwd 1", "no message of this batch");
    refused("", "fwd 4294967295", "no message of this batch");
    accepted("", "fwd 0");
}

#[test]
fn capabilities_not_wanted() {
    for command in [
        "profile 1 x",
        "move 1 hall",
        "sub 1 t",
        "unsub 1 t",
        "pub x",
        "grant 1",
        "deny 1 2",
        "doc /a",
    ] {
        refused("snapshot plain", command, "was not wanted");
        accepted("snapshot", command);
    }
}

#[test]
fn commits_of_the_ephemeral() {
    refused("ephemeral", "commit", "ephemeral");
    refused("ephemeral", "doc /a", "ephemeral");
}

#[test]
fn sizes() {
    let cases: [(&str, usize, &str); 7] = [
        ("fill", 1024 * 1024, "bytes in a delivery"),
        ("list", 4096, "bytes in a listing"),
        ("kick 2", 1024, "bytes in a text"),
        ("end", 1024, "bytes in a text"),
        ("pub", 64 * 1024, "bytes in a publication"),
        ("reply 1", 64 * 1024, "bytes in the answer"),
        ("move 1", 512, "UTF-16 units in a room id"),
    ];
    for (command, most, why) in cases {
        if command == "fill" {
            accepted("", &format!("fill {most}"));
            refused("", &format!("fill {}", most + 1), why);
        } else {
            accepted("", &format!("{command} {}", "x".repeat(most)));
            refused("", &format!("{command} {}", "x".repeat(most + 1)), why);
        }
    }
    accepted("", &repeated(4, |_| "fill 1048576".to_owned()));
    refused(
        "",
        &repeated(5, |_| "fill 1048576".to_owned()),
        "bytes in the effects of a call",
    );
}

#[test]
fn counts() {
    accepted("", &repeated(8192, |_| "un x".to_owned()));
    refused(
        "",
        &repeated(8193, |_| "un x".to_owned()),
        "effects in a call",
    );
    accepted("", &repeated(256, |n| format!("timer {n} 1000")));
    refused("", &repeated(257, |n| format!("timer {n} 1000")), "timers");
    // Replacing and cancelling make room.
    let full = repeated(256, |n| format!("timer {n} 1000"));
    accepted("", &format!("{full};timer 7 5;cancel 3;timer 999 1"));
    refused("", &format!("{full};cancel 999;timer 999 1"), "timers");
}

#[test]
fn names_and_numbers_out_of_bounds() {
    refused("", "profile 1 ", "a profile out of bounds");
    refused(
        "",
        &format!("profile 1 {}", "x".repeat(257)),
        "a profile out of bounds",
    );
    refused("", "move 1 ", "a room without an id");
    refused("", "open ann ", "a document without a name");
    refused(
        "",
        &format!("open ann {}", "d".repeat(129)),
        "bytes in a document's name",
    );
    refused("snapshot", "doc a", "no JSON Pointer");
    refused("snapshot", "increment NaN", "not finite");
    refused("snapshot", "increment inf", "not finite");
    accepted("snapshot", "increment 1");
}

#[test]
fn forwards_weigh_what_they_send_each_time() {
    let large = |forwards| {
        let commands = repeated(forwards, |_| "fwd 0".to_owned());
        let padding = 65_536 - commands.len();
        commands + &";".repeat(padding)
    };
    accepted("", &large(64));
    refused("", &large(65), "bytes in the effects of a call");
    // A small message may go to many.
    let mut stage = Stage::new("");
    for line in ["room", "enter s1 ann"] {
        stage.play(line);
    }
    stage.play(&format!("+ say c1 {}", ";".repeat(100)));
    let forwards = repeated(8192, |_| "fwd 0".to_owned());
    stage.lines.clear();
    stage.play(&format!("signal 1 {forwards}"));
    stage.drain();
    let sent = stage.lines.iter().filter(|line| line.contains("deliver"));
    assert_eq!(sent.count(), 8192);
}

#[test]
fn reasons_against_a_room_are_cut() {
    let mut stage = Stage::new("");
    stage.play("room options=talkative");
    stage.assert_promises("a long reason");
    assert_eq!(stage.lines, [format!("no room: {}", "ö".repeat(512))]);
}
