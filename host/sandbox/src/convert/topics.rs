//! Names of topics and the numbers that one program has for them.

use roost_room::{Manifest, Topic};

/// The topics of one program, both ways.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    by_number: Vec<Topic>,
    by_name: Vec<(Topic, u16)>,
}

impl Topics {
    pub(crate) fn of(manifest: &Manifest) -> Self {
        let by_number: Vec<Topic> = manifest
            .topics
            .iter()
            .map(|spec| spec.name.clone())
            .collect();
        // A manifest has at most 256.
        let mut by_name: Vec<(Topic, u16)> = by_number.iter().cloned().zip(0..).collect();
        by_name.sort();
        Self { by_number, by_name }
    }

    /// The topic of that number.
    pub(super) fn name(&self, number: u16) -> Result<Topic, String> {
        let topic = self.by_number.get(usize::from(number)).cloned();
        topic.ok_or_else(|| format!("topic {number}, and there are {}", self.by_number.len()))
    }

    /// The number of a topic. `last` is what the event before gave: batches tend to have one topic.
    pub(super) fn number<'a>(
        &self,
        topic: &'a Topic,
        last: &mut Option<(&'a str, u16)>,
    ) -> Option<u16> {
        let name = topic.as_str();
        if let Some((same, number)) = *last
            && std::ptr::eq(same, name)
        {
            return Some(number);
        }
        let place = self
            .by_name
            .binary_search_by(|(other, _)| other.as_str().cmp(name))
            .ok()?;
        let (_, number) = self.by_name.get(place)?;
        *last = Some((name, *number));
        Some(*number)
    }
}
