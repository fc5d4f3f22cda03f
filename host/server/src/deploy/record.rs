//! What the store keeps of a module: its versions, and which of them was live when.

use roost_protocol::api::{ManifestInfo, Origin, TopicInfo, Version};
use roost_room::{Durability, Intake, Manifest, Pace, ProgramHash};
use roost_sandbox::Inspection;
use serde::{Deserialize, Serialize};

/// So many activations are remembered.
const HISTORY: usize = 50;

/// A module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ModuleRecord {
    /// The highest number that was ever given.
    pub(crate) last: u32,
    /// Oldest first.
    pub(crate) versions: Vec<VersionRecord>,
    /// Versions that were live, each after the one before; the last is.
    pub(crate) history: Vec<u32>,
    /// Rooms are on their way to this version, by an activation or a rollback: after a crash they get there.
    pub(crate) rolling: Option<Rolling>,
    pub(crate) canary: Option<CanaryRecord>,
}

/// A version that rooms are on their way to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rolling {
    pub(crate) version: u32,
    /// Whether it was live before, and the one that is now will not have been.
    pub(crate) back: bool,
}

/// A version that some rooms have.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CanaryRecord {
    pub(crate) version: u32,
    pub(crate) percent: f64,
}

/// A version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct VersionRecord {
    pub(crate) number: u32,
    pub(crate) sha256: ProgramId,
    pub(crate) size: usize,
    pub(crate) origin: Origin,
    /// Unix ms.
    pub(crate) at: u64,
    pub(crate) by: String,
    pub(crate) note: String,
    pub(crate) interface: String,
    pub(crate) imports: Vec<String>,
    pub(crate) manifest: ManifestInfo,
    /// Capabilities that somebody has allowed by name.
    pub(crate) allowed: Vec<String>,
}

/// The hash of a program, as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProgramId(String);

impl ProgramId {
    pub(crate) fn of(hash: &ProgramHash) -> Self {
        Self(hash.to_string())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// `None`: the record was damaged.
    pub(crate) fn hash(&self) -> Option<ProgramHash> {
        let mut hash = [0; 32];
        if self.0.len() != 64 {
            return None;
        }
        for (place, byte) in hash.iter_mut().enumerate() {
            let digits = self.0.get(place * 2..place * 2 + 2)?;
            *byte = u8::from_str_radix(digits, 16).ok()?;
        }
        Some(ProgramHash(hash))
    }
}

/// Where a version comes from.
pub(crate) struct Source {
    pub(crate) origin: Origin,
    pub(crate) by: String,
    pub(crate) note: String,
    /// Unix ms.
    pub(crate) at: u64,
}

impl ModuleRecord {
    /// The live version.
    pub(crate) fn active(&self) -> Option<u32> {
        self.history.last().copied()
    }

    /// What a rollback leads to.
    pub(crate) fn previous(&self) -> Option<u32> {
        self.history.iter().rev().nth(1).copied()
    }

    pub(crate) fn version(&self, number: u32) -> Option<&VersionRecord> {
        self.versions
            .iter()
            .find(|version| version.number == number)
    }

    pub(crate) fn by_hash(&self, hash: &str) -> Option<&VersionRecord> {
        self.versions
            .iter()
            .find(|version| version.sha256.as_str() == hash)
    }

    /// Take one in, with the next number.
    pub(crate) fn add(
        &mut self,
        inspection: &Inspection,
        manifest: &Manifest,
        source: Source,
    ) -> u32 {
        self.last += 1;
        self.versions.push(VersionRecord {
            number: self.last,
            sha256: ProgramId::of(&inspection.sha256),
            size: inspection.size,
            origin: source.origin,
            at: source.at,
            by: source.by,
            note: source.note,
            interface: inspection.interface.to_owned(),
            imports: inspection.imports.clone(),
            manifest: manifest_info(manifest),
            allowed: Vec::new(),
        });
        self.last
    }

    /// A version is live from now on.
    pub(crate) fn activated(&mut self, number: u32) {
        self.rolling = None;
        if self.active() != Some(number) {
            self.history.push(number);
        }
        let surplus = self.history.len().saturating_sub(HISTORY);
        self.history.drain(..surplus);
    }

    /// The one before is live again.
    pub(crate) fn rolled_back(&mut self) {
        self.rolling = None;
        self.history.pop();
    }

    /// After a crash: rooms that were on their way get there.
    pub(crate) fn arrive(&mut self) -> bool {
        let Some(rolling) = self.rolling else {
            return false;
        };
        if rolling.back && self.previous() == Some(rolling.version) {
            self.rolled_back();
        } else {
            self.activated(rolling.version);
        }
        true
    }

    /// A version is gone.
    pub(crate) fn remove(&mut self, number: u32) {
        self.versions.retain(|version| version.number != number);
        self.history.retain(|live| *live != number);
        self.history.dedup();
    }
}

impl VersionRecord {
    /// For the REST interface.
    pub(crate) fn info(&self, active: Option<u32>, rooms: usize) -> Version {
        Version {
            version: self.number,
            sha256: self.sha256.as_str().to_owned(),
            size: self.size,
            origin: self.origin,
            uploaded_at: self.at,
            by: self.by.clone(),
            note: self.note.clone(),
            active: active == Some(self.number),
            rooms,
            interface: self.interface.clone(),
            imports: self.imports.clone(),
            manifest: self.manifest.clone(),
        }
    }
}

/// A manifest in words.
pub(crate) fn manifest_info(manifest: &Manifest) -> ManifestInfo {
    let topics = manifest.topics.iter().map(|topic| TopicInfo {
        name: topic.name.as_str().to_owned(),
        intake: match topic.intake {
            Intake::Closed => "closed",
            Intake::Reliable => "reliable",
            Intake::Unreliable => "unreliable",
            Intake::Latest => "latest",
        }
        .to_owned(),
    });
    let capabilities = manifest.capabilities.iter();
    ManifestInfo {
        release: manifest.release.clone(),
        state_version: manifest.state_version,
        pace: match manifest.pace {
            Pace::Messages => "messages".to_owned(),
            Pace::Ticks(hz) => format!("{hz} Hz"),
        },
        durability: match manifest.durability {
            Durability::Ephemeral => "ephemeral",
            Durability::Snapshot => "snapshot",
            Durability::Journaled => "journaled",
        }
        .to_owned(),
        grace: manifest.grace.into(),
        members: manifest.limits.members,
        capabilities: capabilities.map(|c| c.name().to_owned()).collect(),
        topics: topics.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(history: &[u32]) -> ModuleRecord {
        ModuleRecord {
            history: history.to_vec(),
            ..ModuleRecord::default()
        }
    }

    #[test]
    fn history_goes_forth_and_back() {
        let mut module = record(&[1]);
        module.activated(2);
        module.activated(2);
        module.activated(3);
        assert_eq!((module.active(), module.previous()), (Some(3), Some(2)));
        module.rolled_back();
        module.rolled_back();
        assert_eq!((module.active(), module.previous()), (Some(1), None));
        for _ in 0..60 {
            module.activated(2);
            module.activated(1);
        }
        assert_eq!(module.history.len(), HISTORY);
        assert_eq!(module.active(), Some(1));
    }

    #[test]
    fn after_a_crash_rooms_get_where_they_were_going() {
        let mut module = record(&[1, 2]);
        module.rolling = Some(Rolling {
            version: 3,
            back: false,
        });
        assert!(module.arrive() && !module.arrive());
        assert_eq!(module.history, [1, 2, 3]);
        module.rolling = Some(Rolling {
            version: 2,
            back: true,
        });
        assert!(module.arrive());
        assert_eq!(module.history, [1, 2]);
    }

    #[test]
    fn hashes_come_back_from_text() {
        let hash = ProgramHash([0xA7; 32]);
        assert_eq!(ProgramId::of(&hash).hash(), Some(hash));
        assert_eq!(ProgramId("xyz".to_owned()).hash(), None);
    }
}
