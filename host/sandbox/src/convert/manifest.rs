//! What `describe` answers.

use crate::interface::rules as wit;
use roost_room::{
    Capability, Durability, Intake, Manifest, Pace, RequestedLimits, Topic, TopicSpec,
};

/// The kernel's form of a manifest, unchecked. A capability named twice counts once.
pub(crate) fn manifest(manifest: wit::Manifest) -> Manifest {
    let mut capabilities: Vec<Capability> =
        manifest.capabilities.into_iter().map(capability).collect();
    capabilities.sort_unstable();
    capabilities.dedup();
    Manifest {
        kind: manifest.kind,
        state_version: manifest.state_version,
        pace: match manifest.pace {
            wit::Pace::Messages => Pace::Messages,
            wit::Pace::Ticks(hz) => Pace::Ticks(hz),
        },
        durability: match manifest.durability {
            wit::Durability::Ephemeral => Durability::Ephemeral,
            wit::Durability::Snapshot => Durability::Snapshot,
            wit::Durability::Journaled => Durability::Journaled,
        },
        grace: manifest.grace,
        limits: RequestedLimits {
            members: manifest.limits.members,
            fuel: manifest.limits.fuel,
            memory: manifest.limits.memory,
            snapshot: manifest.limits.snapshot,
        },
        capabilities,
        topics: manifest.topics.iter().map(topic).collect(),
        release: manifest.release,
    }
}

fn topic(topic: &wit::Topic) -> TopicSpec {
    TopicSpec {
        name: Topic::new(&topic.name),
        intake: match topic.intake {
            wit::Intake::Closed => Intake::Closed,
            wit::Intake::Reliable => Intake::Reliable,
            wit::Intake::Unreliable => Intake::Unreliable,
            wit::Intake::Latest => Intake::Latest,
        },
    }
}

fn capability(capability: wit::Capability) -> Capability {
    match capability {
        wit::Capability::SetProfile => Capability::SetProfile,
        wit::Capability::Move => Capability::Move,
        wit::Capability::Publish => Capability::Publish,
        wit::Capability::DocApply => Capability::DocApply,
        wit::Capability::Media => Capability::Media,
    }
}
