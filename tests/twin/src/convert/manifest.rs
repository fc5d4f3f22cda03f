//! What `describe` answers.

use roost_room::{
    Capability, Durability, Intake, Manifest, Pace, RequestedLimits, Topic, TopicSpec,
};
use roost_sdk::types as sdk;

/// The kernel's form of a manifest, unchecked. A capability named twice counts once.
pub(crate) fn manifest(manifest: sdk::Manifest) -> Manifest {
    let capabilities = manifest.capabilities.into_iter().map(capability);
    let mut capabilities: Vec<Capability> = capabilities.collect();
    capabilities.sort_unstable();
    capabilities.dedup();
    Manifest {
        kind: manifest.kind,
        state_version: manifest.state_version,
        pace: match manifest.pace {
            sdk::Pace::Messages => Pace::Messages,
            sdk::Pace::Ticks(hertz) => Pace::Ticks(hertz),
        },
        durability: match manifest.durability {
            sdk::Durability::Ephemeral => Durability::Ephemeral,
            sdk::Durability::Snapshot => Durability::Snapshot,
            sdk::Durability::Journaled => Durability::Journaled,
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

fn topic(topic: &sdk::TopicEntry) -> TopicSpec {
    TopicSpec {
        name: Topic::new(&topic.name),
        intake: match topic.intake {
            sdk::Intake::Closed => Intake::Closed,
            sdk::Intake::Reliable => Intake::Reliable,
            sdk::Intake::Unreliable => Intake::Unreliable,
            sdk::Intake::Latest => Intake::Latest,
        },
    }
}

fn capability(capability: sdk::Capability) -> Capability {
    match capability {
        sdk::Capability::SetProfile => Capability::SetProfile,
        sdk::Capability::Move => Capability::Move,
        sdk::Capability::Publish => Capability::Publish,
        sdk::Capability::DocApply => Capability::DocApply,
        sdk::Capability::Media => Capability::Media,
    }
}
