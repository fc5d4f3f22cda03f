//! What came of a check: for people as lines, for programs as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use roost_room::{Durability, Intake, Limits, Manifest, Pace, Program, Topic};
use roost_sandbox::{ComponentProgram, Inspection, LoadError};
use serde::Serialize;

use super::notes::Notes;
use super::text::{bytes, cut, grouped, imported};
use crate::kinds::OFFERED;

/// A call that failed, and what it was about. Faults alike are one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fault {
    /// The event: `message`, `join`, `tick`…; `call` where no single one is to blame.
    pub event: &'static str,
    /// Topic of a message, or name of a signal.
    pub topic: Option<String>,
    /// The shortest thing said that led to it.
    pub payload: Option<String>,
    /// The events of a call in which none fails alone.
    pub batch: Option<String>,
    /// What the rules did wrong.
    pub fault: String,
    /// Who pays for it on a server: `user` or `program`.
    pub charged: &'static str,
    /// How often.
    pub count: u64,
}

impl Fault {
    /// The same thing again, perhaps with other data. Numbers in the text may differ.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let gist = |fault: &Self| -> String {
            let first = fault.fault.lines().next().unwrap_or_default();
            first.chars().filter(|c| !c.is_ascii_digit()).collect()
        };
        (self.event, &self.topic, gist(self)) == (other.event, &other.topic, gist(other))
    }
}

/// Something else that must not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which check found it.
    pub check: &'static str,
    /// What it is.
    pub what: String,
    /// The first of them, closer.
    pub detail: String,
    /// How often.
    pub count: u64,
}

/// A topic, and how much was said on it.
#[derive(Clone, Debug, Serialize)]
pub struct TopicCount {
    /// Its name.
    pub name: String,
    /// `closed`, `reliable`, `unreliable` or `latest`.
    pub intake: &'static str,
    /// Messages from clients.
    pub messages: u64,
    /// Deliveries by the rules.
    pub deliveries: u64,
}

/// What a program has used of something, and what it may use.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Use {
    /// The most it has used, in bytes.
    pub most: u64,
    /// Bytes allowed.
    pub allowed: u64,
}

/// The fuel of calls that succeeded.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Fuel {
    /// Of a call.
    pub mean: u64,
    /// Most of a call.
    pub most: u64,
    /// What that call might have used: it grows with the number of events.
    pub budget: u64,
    /// Largest part of its budget that any call has used, 0 to 1.
    pub share: f64,
}

/// Why a server would not take it.
#[derive(Clone, Debug, Serialize)]
pub struct Refusal {
    /// As a word: stable, with underscores.
    pub code: &'static str,
    /// As a sentence.
    pub reason: String,
}

/// Everything a check has found out.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Whether nothing speaks against it.
    pub passed: bool,
    /// The component.
    pub path: PathBuf,
    /// Its bytes.
    pub size: usize,
    /// Why a server would not take it; the rest is empty then.
    pub refused: Option<Refusal>,
    /// Its SHA-256.
    pub sha256: String,
    /// What it imports.
    pub imports: Vec<String>,
    /// The kind of its rooms.
    pub kind: String,
    /// Its manifest in words.
    pub manifest: String,
    /// What it wants beyond its room.
    pub capabilities: Vec<&'static str>,
    /// Its topics.
    pub topics: Vec<TopicCount>,
    /// From which the rehearsal follows.
    pub seed: u64,
    /// Calls of the rules.
    pub calls: u64,
    /// Events in them.
    pub events: u64,
    /// Rooms begun.
    pub rooms: u64,
    /// Rooms that came back after the server went down.
    pub restarts: u64,
    /// Calls repeated by a restored twin.
    pub repeated: u64,
    /// Snapshots restored and written again.
    pub restored: u64,
    /// Milliseconds of inspecting and compiling.
    pub compiling: u64,
    /// Milliseconds of the rehearsal.
    pub rehearsal: u64,
    /// Fuel.
    pub fuel: Fuel,
    /// Snapshots.
    pub state: Use,
    /// Linear memory of an instance.
    pub memory: Use,
    /// Calls that failed.
    pub faults: Vec<Fault>,
    /// What else must not be.
    pub findings: Vec<Finding>,
}

impl Report {
    pub(super) fn new(path: PathBuf, size: usize, seed: u64) -> Self {
        Self {
            path,
            size,
            seed,
            ..Self::default()
        }
    }

    pub(super) fn refuse(&mut self, error: &LoadError) {
        self.refused = Some(Refusal {
            code: error.code(),
            reason: error.to_string(),
        });
    }

    pub(super) fn describe(&mut self, program: &ComponentProgram, took: Duration) {
        let Inspection {
            sha256, imports, ..
        } = program.inspection();
        let manifest = program.manifest();
        (self.sha256, self.imports) = (sha256.to_string(), imports.clone());
        (self.kind, self.manifest) = (manifest.kind.clone(), in_words(manifest));
        self.capabilities = manifest.capabilities.iter().map(|one| one.name()).collect();
        self.topics = manifest
            .topics
            .iter()
            .map(|topic| TopicCount {
                name: topic.name.as_str().to_owned(),
                intake: intake(topic.intake),
                messages: 0,
                deliveries: 0,
            })
            .collect();
        self.state.allowed = Limits::default().for_program(manifest).snapshot as u64;
        self.compiling = millis(took);
    }

    pub(super) fn rehearsed(&mut self, notes: &Notes, took: Duration) {
        (self.calls, self.events) = (notes.calls, notes.events);
        (self.repeated, self.restored) = (notes.repeated, notes.restored);
        let mean = notes.fuel.checked_div(notes.calls).unwrap_or(0);
        self.fuel = Fuel {
            mean,
            most: notes.fuel_max.0,
            budget: notes.fuel_max.1,
            share: notes.fuel_share,
        };
        self.state.most = notes.state_max as u64;
        self.rehearsal = millis(took);
    }

    pub(super) fn count_topics(
        &mut self,
        said: &BTreeMap<Topic, u64>,
        heard: &BTreeMap<Topic, u64>,
    ) {
        for topic in &mut self.topics {
            let name = Topic::new(&topic.name);
            topic.messages = said.get(&name).copied().unwrap_or(0);
            topic.deliveries = heard.get(&name).copied().unwrap_or(0);
        }
    }

    /// The last of it; the verdict follows.
    pub(super) fn finish(&mut self, peak: u64, allowed: usize) {
        self.memory = Use {
            most: peak,
            allowed: allowed as u64,
        };
        for wanted in &self.capabilities {
            if !OFFERED.iter().any(|offered| offered.name() == *wanted) {
                self.findings.push(Finding {
                    check: "manifest",
                    what: format!("wants {wanted:?}, which this host does not offer"),
                    detail: String::new(),
                    count: 1,
                });
            }
        }
        self.passed = self.faults.is_empty() && self.findings.is_empty();
    }

    /// The lines for a person.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut lines = Lines::default();
        lines.title(&self.path.display().to_string());
        match &self.refused {
            Some(Refusal { reason, .. }) => {
                lines.fact("size", &bytes(self.size as u64));
                lines.result(false, "taken", reason);
            }
            None => {
                self.facts(&mut lines);
                self.results(&mut lines);
                self.told_topics(&mut lines);
                self.told_faults(&mut lines);
            }
        }
        let verdict = if self.passed { "passed" } else { "FAILED" };
        lines.title(&format!("\n{verdict}{}", self.again()));
        lines.text
    }

    /// How to have the same once more.
    fn again(&self) -> String {
        if self.passed || self.refused.is_some() {
            return String::new();
        }
        format!(
            ": the same again with --seed {} --calls {}",
            self.seed, self.calls
        )
    }

    fn facts(&self, lines: &mut Lines) {
        lines.fact("kind", &format!("{}, {}", self.kind, self.manifest));
        lines.fact("sha256", &self.sha256);
        let imports = imported(&self.imports);
        lines.fact("imports", &imports);
        if !self.capabilities.is_empty() {
            lines.fact("wants", &self.capabilities.join(", "));
        }
        lines.fact("seed", &self.seed.to_string());
    }

    fn results(&self, lines: &mut Lines) {
        lines.gap();
        lines.result(
            true,
            "taken",
            &format!(
                "{}, compiled in {} ms",
                bytes(self.size as u64),
                self.compiling
            ),
        );
        let found = |check: &str| !self.findings.iter().any(|one| one.check == check);
        if !found("manifest") {
            lines.result(false, "manifest", "wants what is not offered");
        }
        let (calls, events) = (grouped(self.calls), grouped(self.events));
        let seconds = self.rehearsal as f64 / 1000.0;
        let faults: u64 = self.faults.iter().map(|fault| fault.count).sum();
        let faults = if faults == 0 {
            "none".to_owned()
        } else {
            grouped(faults)
        };
        let played = format!("{faults} in {calls} calls with {events} events, {seconds:.1} s");
        lines.result(self.faults.is_empty(), "faults", &played);
        let rooms = format!(
            "{} begun, {} came back after a restart or a swap",
            self.rooms, self.restarts
        );
        lines.result(found("rooms"), "rooms", &rooms);
        let restored = format!(
            "{} restored and written again, byte for byte",
            grouped(self.restored)
        );
        lines.result(found("snapshots"), "snapshots", &restored);
        let repeated = format!(
            "{} calls repeated by restored twins",
            grouped(self.repeated)
        );
        lines.result(found("same effects"), "same effects", &repeated);
        self.measured(lines);
    }

    fn measured(&self, lines: &mut Lines) {
        let Fuel {
            mean, most, share, ..
        } = self.fuel;
        let (mean, most, share) = (grouped(mean), grouped(most), share * 100.0);
        let fuel =
            format!("{mean} a call, {most} at most; at most {share:.1} % of a call's budget");
        lines.fact("fuel", &fuel);
        lines.fact(
            "memory",
            &format!(
                "{} of {}",
                bytes(self.memory.most),
                bytes(self.memory.allowed)
            ),
        );
        lines.fact(
            "state",
            &format!(
                "{} of {}",
                bytes(self.state.most),
                bytes(self.state.allowed)
            ),
        );
    }

    fn told_topics(&self, lines: &mut Lines) {
        if self.topics.is_empty() {
            return;
        }
        lines.gap();
        let width = self
            .topics
            .iter()
            .map(|topic| topic.name.chars().count())
            .max()
            .unwrap_or(0)
            .max(5);
        lines.line(&format!(
            "  {:width$}  {:10}  {:>8}  {:>10}",
            "topic", "intake", "messages", "deliveries"
        ));
        for TopicCount {
            name,
            intake,
            messages,
            deliveries,
        } in &self.topics
        {
            let (messages, deliveries) = (grouped(*messages), grouped(*deliveries));
            lines.line(&format!(
                "  {name:width$}  {intake:10}  {messages:>8}  {deliveries:>10}"
            ));
        }
    }

    fn told_faults(&self, lines: &mut Lines) {
        for fault in &self.faults {
            lines.gap();
            let what = match &fault.topic {
                Some(topic) => format!("{} on {topic:?}", fault.event),
                None => fault.event.to_owned(),
            };
            lines.line(&format!(
                "{what}, {}, charged to the {}",
                in_times(fault.count),
                fault.charged
            ));
            if let Some(batch) = &fault.batch {
                lines.line(&format!("  given  {batch}"));
            }
            if let Some(payload) = &fault.payload {
                lines.line(&format!("  said   {payload}"));
            }
            for (place, line) in fault.fault.lines().take(8).enumerate() {
                let name = if place == 0 { "fault" } else { "" };
                lines.line(&format!("  {name:5}  {}", cut(line)));
            }
        }
        for finding in &self.findings {
            lines.gap();
            let times = in_times(finding.count);
            lines.line(&format!("{}: {}, {times}", finding.check, finding.what));
            if !finding.detail.is_empty() {
                lines.line(&format!("  {}", finding.detail));
            }
        }
    }
}

fn in_times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        more => format!("{} times", grouped(more)),
    }
}

/// Text under way.
#[derive(Default)]
struct Lines {
    text: String,
}

impl Lines {
    fn line(&mut self, line: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{line}");
    }

    fn title(&mut self, title: &str) {
        self.line(title);
    }

    fn gap(&mut self) {
        self.line("");
    }

    fn fact(&mut self, name: &str, value: &str) {
        self.line(&format!("        {name:13} {value}"));
    }

    fn result(&mut self, well: bool, name: &str, value: &str) {
        let mark = if well { "ok" } else { "FAIL" };
        self.line(&format!("  {mark:5} {name:13} {value}"));
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn intake(intake: Intake) -> &'static str {
    match intake {
        Intake::Closed => "closed",
        Intake::Reliable => "reliable",
        Intake::Unreliable => "unreliable",
        Intake::Latest => "latest",
    }
}

fn in_words(manifest: &Manifest) -> String {
    let pace = match manifest.pace {
        Pace::Messages => "woken by messages".to_owned(),
        Pace::Ticks(rate) => format!("{rate} ticks a second"),
    };
    let durability = match manifest.durability {
        Durability::Ephemeral => "ephemeral",
        Durability::Snapshot => "snapshot",
        Durability::Journaled => "journaled",
    };
    let (version, members) = (manifest.state_version, manifest.limits.members);
    format!("state version {version}, {durability}, {pace}, {members} members at most")
}
