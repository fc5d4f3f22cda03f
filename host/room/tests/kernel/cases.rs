//! Transcripts, one file per subject.

use crate::stage::Stage;
use std::path::Path;

/// Play every case of a file and compare.
fn check(subject: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/kernel/cases/{subject}.txt"));
    let expected = std::fs::read_to_string(&path).unwrap();
    let actual = play(&expected);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &actual).unwrap();
        return;
    }
    let difference = expected
        .lines()
        .zip(actual.lines())
        .enumerate()
        .find(|(_, (expected, actual))| expected != actual);
    if let Some((line, (expected, actual))) = difference {
        panic!("{subject}.txt:{}\n expected: {expected}\n   actual: {actual}\n\n{}", line + 1, around(&actual_case(&actual_text(&path), line), line));
    }
    assert_eq!(expected.len(), play(&expected).len(), "{subject}.txt: the transcript has another length");
}

fn actual_text(path: &Path) -> String {
    play(&std::fs::read_to_string(path).unwrap())
}

/// The case around a line of a transcript.
fn actual_case(text: &str, line: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let start = (0..=line).rev().find(|&n| lines[n].starts_with("## ")).unwrap_or(0);
    let end = (line + 1..lines.len()).find(|&n| lines[n].starts_with("## ")).unwrap_or(lines.len());
    lines[start..end].join("\n")
}

fn around(case: &str, _: usize) -> String {
    format!("the whole case as it went:\n{case}")
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
    admission, coming_back, kicking, timers, ticks, deliveries, faults, singles, durability,
    restarting, exchanging, ending,
);
