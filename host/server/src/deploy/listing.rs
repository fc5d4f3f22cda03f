//! What the REST interface shows of modules and rooms.

use super::{Deployer, Module, Refusal};
use crate::actor::{Order, RoomHandle};
use bytes::Bytes;
use roost_protocol::api::{
    CanaryStatus, Comparison, ManifestInfo, ModuleList, RoomDetail, RoomInfo, StateChange, Version,
};
use roost_room::{ProgramHash, Retreated};
use std::collections::BTreeMap;

/// Versions of modules by kind and hash, for showing many rooms.
pub(super) type Numbers = BTreeMap<(String, String), u32>;

impl Deployer {
    /// All modules.
    #[must_use]
    pub fn list(&self) -> ModuleList {
        let modules: Vec<_> = self.modules().values().cloned().collect();
        let modules = modules.iter().map(|module| self.show(module)).collect();
        ModuleList { modules }
    }

    /// One module.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn get(&self, name: &str) -> Result<roost_protocol::api::Module, Refusal> {
        Ok(self.show(&*self.module(name)?))
    }

    fn show(&self, module: &Module) -> roost_protocol::api::Module {
        let rooms = self.registry.rooms(Some(&module.name));
        let mut by_program: BTreeMap<String, usize> = BTreeMap::new();
        let mut held_back = 0;
        for room in &rooms {
            let status = room.status();
            *by_program
                .entry(status.program.hash().to_string())
                .or_default() += 1;
            held_back += usize::from(status.held_back.is_some());
        }
        let record = module.record();
        let versions = record.versions.iter().map(|version| {
            let ruled = by_program.get(version.sha256.as_str());
            version.info(record.active(), ruled.copied().unwrap_or(0))
        });
        roost_protocol::api::Module {
            name: module.name.clone(),
            active: record.active(),
            previous: record.previous(),
            canary: record.canary.map(|canary| CanaryStatus {
                version: canary.version,
                percent: canary.percent,
            }),
            rolling: record.rolling.map(|rolling| rolling.version),
            rooms: rooms.len(),
            held_back,
            versions: versions.collect(),
        }
    }

    /// One version.
    ///
    /// # Errors
    /// There is none of that name and number.
    pub fn version(&self, name: &str, number: u32) -> Result<Version, Refusal> {
        let shown = self.get(name)?;
        let mut versions = shown.versions.into_iter();
        let version = versions.find(|version| version.version == number);
        version.ok_or_else(|| Refusal::no_version(name, number))
    }

    /// The bytes of a version. Blocking: reads the store.
    ///
    /// # Errors
    /// There is none of that name and number, or the store could not be read.
    pub fn wasm(&self, name: &str, number: u32) -> Result<Bytes, Refusal> {
        let module = self.module(name)?;
        let hash = module
            .record()
            .version(number)
            .and_then(|v| v.sha256.hash());
        let hash = hash.ok_or_else(|| Refusal::no_version(name, number))?;
        let bytes = self.store.program(&hash.0)?;
        bytes.ok_or_else(|| Refusal::new(503, "storage", "the version's bytes are gone"))
    }

    /// How one version differs from another.
    ///
    /// # Errors
    /// There is no such module or version.
    pub fn compare(&self, name: &str, from: u32, to: u32) -> Result<Comparison, Refusal> {
        Ok(compare(
            &self.version(name, from)?,
            &self.version(name, to)?,
        ))
    }

    /// The number of the version that a program is.
    pub(super) fn version_of(&self, kind: &str, program: &ProgramHash) -> Option<u32> {
        let module = self.module(kind).ok()?;
        let record = module.record();
        let version = record.by_hash(&program.to_string());
        version.map(|version| version.number)
    }

    fn numbers(&self) -> Numbers {
        let mut numbers = Numbers::new();
        for module in self.modules().values() {
            for version in &module.record().versions {
                let key = (module.name.clone(), version.sha256.as_str().to_owned());
                numbers.insert(key, version.number);
            }
        }
        numbers
    }

    /// Live rooms after a place in the order of kind and id.
    #[must_use]
    pub fn rooms(
        &self,
        kind: Option<&str>,
        after: Option<(&str, &str)>,
        most: usize,
    ) -> (Vec<RoomInfo>, bool) {
        let rooms = self.registry.rooms(kind);
        let numbers = self.numbers();
        let is_later = |room: &&RoomHandle| {
            after.is_none_or(|(kind, id)| (&**room.kind(), &**room.id()) > (kind, id))
        };
        let mut later = rooms.iter().filter(is_later);
        let shown: Vec<RoomInfo> = later
            .by_ref()
            .take(most)
            .map(|room| room_info(room, &numbers))
            .collect();
        let more = later.next().is_some();
        (shown, more)
    }

    /// How many rooms live, those of the house itself aside.
    #[must_use]
    pub fn live_rooms(&self) -> usize {
        self.registry.rooms(None).len()
    }

    /// A live room.
    ///
    /// # Errors
    /// There is none.
    pub fn room(&self, kind: &str, id: &str) -> Result<RoomHandle, Refusal> {
        let room = self.registry.get(kind, id);
        let room = room.filter(|_| !kind.starts_with('~'));
        room.ok_or_else(|| Refusal::no_room(kind, id))
    }

    /// All about a live room.
    ///
    /// # Errors
    /// There is none, or it goes just now.
    pub async fn inspect(&self, kind: &str, id: &str) -> Result<RoomDetail, Refusal> {
        let room = self.room(kind, id)?;
        let report = room.ask(Order::Report).await;
        let report = report.map_err(|_| Refusal::no_room(kind, id))?;
        let status = room.status();
        Ok(RoomDetail {
            room: room_info(&room, &self.numbers()),
            people: report.people,
            calls: report.calls,
            fuel: report.fuel,
            uptime_ms: report.uptime,
            snapshot_bytes: report.snapshot,
            journal_calls: report.journal,
            faults: report.faults,
            dropped: report.dropped,
            divergences: report.divergences,
            timers: report.timers,
            held_back: status.held_back,
            recording: self.recordings.running(kind, id),
            rollback: report.retreat.map(|retreat| {
                match retreat {
                    Retreated::Code => "code",
                    Retreated::CodeAndState => "code and state",
                }
                .to_owned()
            }),
        })
    }
}

/// What the list says of a room.
#[must_use]
pub fn room_info(room: &RoomHandle, numbers: &BTreeMap<(String, String), u32>) -> RoomInfo {
    let status = room.status();
    let program = status.program.hash().to_string();
    let key = (room.kind().to_string(), program);
    let version = numbers.get(&key).copied();
    let (kind, program) = key;
    RoomInfo {
        kind,
        id: room.id().to_string(),
        program,
        version,
        since_event: status.since,
        members: status.members,
    }
}

fn only(of: &[String], without: &[String]) -> Vec<String> {
    let only = of.iter().filter(|name| !without.contains(name));
    only.cloned().collect()
}

fn compare(from: &Version, to: &Version) -> Comparison {
    let names = |manifest: &ManifestInfo| -> Vec<String> {
        let topics = manifest.topics.iter();
        topics
            .map(|t| format!("{} ({})", t.name, t.intake))
            .collect()
    };
    let (old, new) = (&from.manifest, &to.manifest);
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    let values = [
        ("release", or_none(&old.release), or_none(&new.release)),
        ("size", from.size.to_string(), to.size.to_string()),
        ("interface", from.interface.clone(), to.interface.clone()),
        (
            "state version",
            old.state_version.to_string(),
            new.state_version.to_string(),
        ),
        ("pace", old.pace.clone(), new.pace.clone()),
        ("durability", old.durability.clone(), new.durability.clone()),
        ("grace", old.grace.to_string(), new.grace.to_string()),
        ("members", old.members.to_string(), new.members.to_string()),
    ];
    let changes = values.into_iter().filter(|(_, from, to)| from != to);
    Comparison {
        from: from.version,
        to: to.version,
        identical: from.sha256 == to.sha256,
        capabilities_added: only(&new.capabilities, &old.capabilities),
        capabilities_removed: only(&old.capabilities, &new.capabilities),
        topics_added: only(&names(new), &names(old)),
        topics_removed: only(&names(old), &names(new)),
        imports_added: only(&to.imports, &from.imports),
        changes: changes
            .map(|(what, from, to)| StateChange {
                what: what.to_owned(),
                from,
                to,
            })
            .collect(),
    }
}

/// An event in a few words, for those who watch a room or read a difference.
#[must_use]
pub fn describe(event: &roost_room::Event) -> String {
    use roost_room::Event;
    match event {
        Event::JoinAttempt(entrant) => format!("join-attempt {}", entrant.who.user.as_str()),
        Event::Join(joined) => format!("join {}", joined.member.0),
        Event::Attach(a) => format!("attach {}/{}", a.member.0, a.connection.0),
        Event::Detach(d) => format!("detach {}/{}", d.member.0, d.connection.0),
        Event::Leave(departure) => format!("leave {}", departure.member.0),
        Event::Message(message) => {
            let payload = String::from_utf8_lossy(message.payload.bytes());
            let short: String = payload.chars().take(80).collect();
            let dots = if short.len() < payload.len() {
                "…"
            } else {
                ""
            };
            format!(
                "message {} {} {short}{dots}",
                message.member.0,
                message.topic.as_str()
            )
        }
        Event::Timer(id) => format!("timer {}", id.0),
        Event::Signal(signal) => format!("signal {}", signal.name),
        other => other.name().to_owned(),
    }
}
