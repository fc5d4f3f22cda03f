//! Transcripts, one file per subject.

use crate::stage::Stage;
use std::path::Path;

/// Play every case of a file and compare.
fn check(subject: &str) {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/kernel/cases/{subject}.txt"));
    let expected = std::fs::read_to_string(&path).unwrap();
    let actual = play(&expected);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &actual).unwrap();
        return;
    }
    let length = expected.lines().count().max(actual.lines().count());
    let line = |text: &str, n: usize| text.lines().nth(n).unwrap_or("(nothing)").to_owned();
    for n in 0..length {
        let (wanted, got) = (line(&expected, n), line(&actual, n));
        assert!(
            wanted == got,
            "{subject}.txt:{}\n expected: {wanted}\n   actual: {got}\n\nthe case as it went:\n{}",
            n + 1,
            case_around(&actual, n)
        );
    }
}

/// The case to which a line of a transcript belongs.
fn case_around(text: &str, line: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let begins = |n: &usize| lines.get(*n).is_some_and(|line| line.starts_with("## "));
    let start = (0..=line).rev().find(begins).unwrap_or(0);
    let end = (line + 1..lines.len()).find(begins).unwrap_or(lines.len());
    lines[start.min(lines.len())..end].join("\n")
}

fn play(text: &str) -> String {
    let mut out = String::new();
    let mut stage = Stage::new("");
    let mut case = "";
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            stage.assert_promises(case);
            stage = Stage::new("");
            case = name;
        }
        if let Some(script) = line.strip_prefix("$ ") {
            stage.lines.clear();
            stage.play(script);
            out.push_str(line);
            out.push('\n');
            for result in &stage.lines {
                out.push_str(&format!("    {result}\n"));
            }
        } else if !line.starts_with("    ") {
            out.push_str(line);
            out.push('\n');
        }
    }
    stage.assert_promises(case);
    out
}

macro_rules! subjects {
    ($($name:ident),+ $(,)?) => {
        $(#[test] fn $name() { check(stringify!($name)); })+
    };
}

subjects!(
    admission,
    coming_back,
    kicking,
    timers,
    ticks,
    deliveries,
    faults,
    singles,
    durability,
    restarting,
    remembering,
    exchanging,
    recording,
    rehearsing,
    retreating,
    ending,
);
