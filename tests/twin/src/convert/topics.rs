//! Names of topics and the numbers that one program has for them.

use roost_room::{Manifest, Topic};
use std::collections::BTreeMap;

/// The topics of one program, both ways.
#[derive(Debug)]
pub(crate) struct Topics {
    by_number: Vec<Topic>,
    by_name: BTreeMap<Topic, u16>,
}

impl Topics {
    pub(crate) fn of(manifest: &Manifest) -> Self {
        let topics = manifest.topics.iter().map(|spec| spec.name.clone());
        let by_number: Vec<Topic> = topics.collect();
        let by_name = by_number.iter().cloned().zip(0..).collect();
        Self { by_number, by_name }
    }

    /// The topic of that number.
    pub(super) fn name(&self, number: u16) -> Result<Topic, String> {
        let topic = self.by_number.get(usize::from(number)).cloned();
        topic.ok_or_else(|| format!("topic {number}, and there are {}", self.by_number.len()))
    }

    /// The number of a topic.
    pub(super) fn number(&self, topic: &Topic) -> Option<u16> {
        self.by_name.get(topic).copied()
    }
}
