//! The list of rooms of a kind: what their rules show of them, and how many are inside.

use roost_room::{Ban, Listing};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Rooms at rest whose entry is kept, in memory. Beyond it the one that has rested longest is forgotten, until it is
/// opened again.
const MOST_RESTING: usize = 4096;

/// A room in the list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The room's id.
    pub id: Arc<str>,
    /// Members at the moment.
    pub members: u32,
    /// What its rules show.
    pub listing: Arc<Listing>,
}

/// How a room is shown to those who watch the list.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) id: Arc<str>,
    /// 0 when it is no more.
    pub(super) members: u32,
    pub(super) listing: Arc<Listing>,
}

#[derive(Default)]
struct Entry {
    members: u32,
    listing: Option<Arc<Listing>>,
    /// Those who watch the list know of it.
    told: bool,
    /// While it rests, which rest of the kind it is.
    resting: Option<u64>,
}

/// All rooms that live, and those at rest that show something.
#[derive(Default)]
pub(super) struct List {
    rooms: BTreeMap<Arc<str>, Entry>,
    /// Those that went to rest, the oldest in front, and some that have awoken meanwhile.
    resting: VecDeque<(u64, Arc<str>)>,
    rests: u64,
    /// Rooms of which something has changed since watchers were told; with what they showed last, if they are no more.
    changed: BTreeMap<Arc<str>, Option<Arc<Listing>>>,
    /// Whether anybody watches.
    watched: bool,
}

impl List {
    /// All that is shown, for somebody who begins to watch.
    pub(super) fn tell_all(&mut self) -> Vec<Change> {
        self.watched = true;
        let shown = self.rooms.iter_mut().filter_map(|(id, entry)| {
            let listing = entry.listing.as_ref().filter(|listing| listing.visible)?;
            entry.told = true;
            Some(Change {
                id: Arc::clone(id),
                members: entry.members,
                listing: Arc::clone(listing),
            })
        });
        shown.collect()
    }

    /// What has changed for those who watch. Rooms that hide are told once more, and never else.
    pub(super) fn tell_changes(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        for (id, gone) in std::mem::take(&mut self.changed) {
            let now = self.rooms.get_mut(&id).and_then(|entry| {
                let listing = entry.listing.clone()?;
                let shown = listing.visible || entry.told;
                entry.told = listing.visible;
                shown.then_some((entry.members, listing))
            });
            let shown = now.or_else(|| gone.map(|listing| (0, listing)));
            if let Some((members, listing)) = shown {
                changes.push(Change {
                    id,
                    members,
                    listing,
                });
            }
        }
        changes
    }

    /// Nobody watches any more.
    pub(super) fn unwatched(&mut self) {
        self.watched = false;
        self.changed.clear();
    }

    fn note(&mut self, room: &Arc<str>) {
        if self.watched {
            self.changed.entry(Arc::clone(room)).or_insert(None);
        }
    }

    pub(super) fn visible(&self) -> Vec<Listed> {
        let shown = self.rooms.iter().filter_map(|(id, entry)| {
            let listing = entry.listing.as_ref().filter(|listing| listing.visible)?;
            Some(Listed {
                id: Arc::clone(id),
                members: entry.members,
                listing: Arc::clone(listing),
            })
        });
        shown.collect()
    }

    /// Gives the room's bans when they have changed.
    pub(super) fn set(&mut self, room: &Arc<str>, listing: Listing) -> Option<Vec<Ban>> {
        self.note(room);
        let entry = self.awake(room);
        let old = entry.listing.as_ref().map_or(&[][..], |old| &old.bans);
        let changed = (old != listing.bans).then(|| listing.bans.clone());
        entry.listing = Some(Arc::new(listing));
        changed
    }

    pub(super) fn count(&mut self, room: &Arc<str>, members: u32) {
        self.note(room);
        self.awake(room).members = members;
    }

    fn awake(&mut self, room: &Arc<str>) -> &mut Entry {
        let entry = self.rooms.entry(Arc::clone(room)).or_default();
        entry.resting = None;
        entry
    }

    pub(super) fn remove(&mut self, room: &Arc<str>) {
        let entry = self.rooms.remove(room);
        if let Some(entry) = entry.filter(|entry| entry.told && self.watched) {
            self.changed.insert(Arc::clone(room), entry.listing);
        }
    }

    pub(super) fn rest(&mut self, room: &Arc<str>) {
        let Some(entry) = self.rooms.get_mut(room) else {
            return;
        };
        if entry.listing.is_none() {
            self.rooms.remove(room);
            return;
        }
        if self.watched {
            self.changed.entry(Arc::clone(room)).or_insert(None);
        }
        self.rests += 1;
        entry.members = 0;
        entry.resting = Some(self.rests);
        self.resting.push_back((self.rests, Arc::clone(room)));
        self.forget_oldest();
    }

    fn forget_oldest(&mut self) {
        while self.resting.len() > MOST_RESTING
            && let Some((rest, room)) = self.resting.pop_front()
        {
            let still = self.rooms.get(&room).map(|entry| entry.resting);
            if still == Some(Some(rest)) {
                self.rooms.remove(&room);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use roost_room::{Json, UserId};

    fn listing(bans: Vec<Ban>) -> Listing {
        Listing {
            data: Json::new("{}".to_owned()),
            visible: true,
            bans,
        }
    }

    fn id(n: usize) -> Arc<str> {
        Arc::from(format!("room-{n}"))
    }

    #[test]
    fn rooms_at_rest_that_show_nothing_leave_nothing() {
        let mut list = List::default();
        for n in 0..100 {
            list.count(&id(n), 1);
            list.rest(&id(n));
        }
        assert!(list.rooms.is_empty() && list.resting.is_empty());
    }

    #[test]
    fn those_who_watch_hear_of_what_changes() {
        let mut list = List::default();
        let hidden = Listing {
            visible: false,
            ..listing(Vec::new())
        };
        let told = |list: &mut List| -> Vec<(Arc<str>, u32, bool)> {
            let changes = list.tell_changes().into_iter();
            changes
                .map(|c| (c.id, c.members, c.listing.visible))
                .collect()
        };
        list.set(&id(1), listing(Vec::new()));
        assert_eq!(told(&mut list), [], "nobody watches");
        assert_eq!(list.tell_all().len(), 1);
        list.count(&id(1), 2);
        list.count(&id(1), 3);
        list.set(&id(2), hidden.clone());
        list.count(&id(2), 1);
        assert_eq!(told(&mut list), [(id(1), 3, true)]);
        list.set(&id(1), hidden);
        assert_eq!(told(&mut list), [(id(1), 3, false)]);
        list.count(&id(1), 4);
        assert_eq!(told(&mut list), [], "hidden rooms stay hidden");
        list.set(&id(1), listing(Vec::new()));
        assert_eq!(told(&mut list), [(id(1), 4, true)]);
        list.remove(&id(1));
        list.remove(&id(2));
        assert_eq!(told(&mut list), [(id(1), 0, true)]);
        list.set(&id(3), listing(Vec::new()));
        list.unwatched();
        assert_eq!(told(&mut list), []);
    }

    #[test]
    fn only_so_many_rooms_at_rest_are_listed_and_the_oldest_go_first() {
        let mut list = List::default();
        for n in 0..MOST_RESTING + 3 {
            list.set(&id(n), listing(Vec::new()));
            list.count(&id(n), 2);
            list.rest(&id(n));
            // The second wakes up again and again, and stays awake at last.
            list.count(&id(1), 1);
            if n % 1000 == 0 && n > 0 {
                list.rest(&id(1));
                list.set(&id(1), listing(Vec::new()));
            }
        }
        let shown = list.visible();
        assert!(list.resting.len() <= MOST_RESTING);
        assert!(!shown.iter().any(|room| room.id == id(0)));
        assert!(
            shown
                .iter()
                .any(|room| room.id == id(1) && room.members == 1)
        );
        let last = id(MOST_RESTING + 2);
        assert!(
            shown
                .iter()
                .any(|room| room.id == last && room.members == 0)
        );
        list.remove(&last);
        assert_eq!(list.visible().len() + 1, shown.len());
    }

    #[test]
    fn bans_are_given_when_they_have_changed() {
        let mut list = List::default();
        let ban = Ban {
            user: UserId::new("jwt", "x").unwrap(),
            until: 9,
        };
        assert_eq!(list.set(&id(1), listing(Vec::new())), None);
        let bans = vec![ban];
        assert_eq!(list.set(&id(1), listing(bans.clone())), Some(bans.clone()));
        assert_eq!(list.set(&id(1), listing(bans)), None);
        assert_eq!(list.set(&id(1), listing(Vec::new())), Some(Vec::new()));
    }
}
