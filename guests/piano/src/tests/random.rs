//! Random people doing random things: no call is voided, every snapshot goes on alike, and some
//! things hold at any time.

use std::collections::BTreeMap;

use roost_sdk::Rng;
use roost_sdk::harness::{Peer, Room};
use roost_sdk::types::{Effect, Parting, Profile};
use serde_json::{Value, json};

use super::{enter_staff, enter_vanished, room, shown};
use crate::{Piano, Topic};

const USERS: [&str; 5] = ["mpp:a", "mpp:b", "mpp:c", "mpp:d", "guest:a"];
const STEPS: usize = 600;
const SEEDS: u64 = 12;

/// A room, and who is in it with which connections.
struct Game {
    room: Room<Piano>,
    peers: BTreeMap<&'static str, Vec<Peer>>,
    rng: Rng,
}

fn some_id(rng: &mut Rng) -> Value {
    json!(rng.pick(&["a", "b", "c", "d", "nobody"]))
}

fn something(rng: &mut Rng, now: u64) -> (Topic, Value) {
    let id = some_id(rng);
    let chance = rng.chance(0.5);
    let number = rng.below(2000);
    match rng.below(15) {
        0 | 1 => {
            let note = json!({"n": "c3", "d": number});
            let notes = vec![note; 1 + usize::try_from(rng.below(900)).unwrap()];
            (Topic::Notes, json!({"t": now, "n": notes}))
        }
        2 | 3 => (Topic::Mouse, json!({"x": number / 2, "y": 5.5})),
        4 => (Topic::Chat, json!({"message": number.to_string()})),
        5 => (Topic::Direct, json!({"message": "hi", "_id": id})),
        6 => (Topic::ChangeOwner, json!({})),
        7 | 8 => (Topic::ChangeOwner, json!({ "id": id })),
        9 => (Topic::Kickban, json!({"_id": id, "ms": number * 3})),
        10 => (Topic::Unban, json!({ "_id": id })),
        11 => {
            let set = json!({"crownsolo": chance, "chat": !chance, "limit": 3 + number % 3});
            (Topic::ChangeSettings, json!({ "set": set }))
        }
        12 => {
            let target = json!({"mode": "subscribed", "global": chance});
            (Topic::Custom, json!({"data": number, "target": target}))
        }
        13 => (Topic::Vanish, json!({ "vanish": chance })),
        _ if chance => (Topic::Subscribe, json!({})),
        _ => (Topic::Unsubscribe, json!({})),
    }
}

impl Game {
    fn new(seed: u64) -> Self {
        Self {
            room: room("den"),
            peers: BTreeMap::new(),
            rng: Rng::new(seed),
        }
    }

    fn some_peer(&mut self) -> Option<(&'static str, Peer)> {
        let all: Vec<_> = self.peers.iter().collect();
        let (user, peers) = self.rng.pick(&all)?;
        Some((**user, self.rng.pick(peers)?.clone()))
    }

    fn come(&mut self) {
        let user = *self.rng.pick(&USERS).unwrap();
        if let Some(peers) = self.peers.get_mut(user) {
            let tab = self.room.attach(&peers[0], false);
            peers.push(tab);
        } else if user == "mpp:d" {
            // Whoever is banned or finds no place stays outside.
            let banned = self.room.listing().is_some_and(|entry| {
                let now = self.room.now();
                entry
                    .bans
                    .iter()
                    .any(|ban| ban.user == user && ban.until > now)
            });
            if !banned {
                let enter = *self.rng.pick(&[enter_staff, enter_vanished]).unwrap();
                let peer = enter(&mut self.room, user);
                self.peers.insert(user, vec![peer]);
            }
        } else {
            let entrant = self.room.entrant(user);
            if let Ok(peer) = self.room.try_enter(entrant) {
                self.peers.insert(user, vec![peer]);
            }
        }
    }

    /// Tells whether the room has ended.
    fn go(&mut self, user: &'static str) -> bool {
        let peers = self.peers.remove(user).unwrap();
        let left = self.room.leave(&peers[0], Parting::Closed);
        matches!(left.all().last(), Some(Effect::EndRoom(_)))
    }

    fn step(&mut self) -> bool {
        let Some((user, peer)) = self.some_peer() else {
            self.come();
            return false;
        };
        match self.rng.below(20) {
            0 | 1 => self.come(),
            2 => return self.go(user),
            3 => {
                let milliseconds = self.rng.below(6000);
                self.room.advance(milliseconds);
            }
            4 | 5 => {
                let milliseconds = self.rng.below(40);
                self.room.advance(milliseconds);
            }
            6 => {
                let color = u32::try_from(self.rng.below(1 << 24)).unwrap();
                let name = "new".to_owned();
                self.room.profile_changed(&peer, Profile { name, color });
            }
            8 if self.rng.chance(0.1) => {
                self.room.advance(700_000);
            }
            7 if self.rng.chance(0.1) => {
                self.room.restart(3000);
                for peers in self.peers.values_mut() {
                    let back = self.room.attach(&peers[0], false);
                    *peers = vec![back];
                }
            }
            _ => {
                let (topic, value) = something(&mut self.rng, self.room.now());
                self.room.say(&peer, topic, value);
            }
        }
        false
    }

    /// What holds at any time.
    fn check(&mut self) {
        let Some((_, peer)) = self.some_peer() else {
            return;
        };
        let channel = shown(&mut self.room, &peer);
        let people = &self.room.rules().state.people;
        let viewer = &people[&peer.member];
        let seen = people.values().filter(|person| person.is_seen_by(viewer));
        let count = seen.count();
        assert_eq!(people.len(), self.peers.len());
        assert!(
            people
                .values()
                .all(|person| person.staff || !person.vanished)
        );
        assert_eq!(channel["ch"]["count"], count);
        assert_eq!(channel["ppl"].as_array().unwrap().len(), count);
        let crown = &channel["ch"]["crown"];
        if let Some(holder) = crown.get("participantId") {
            assert_eq!(crown["userId"], *holder);
            let people = channel["ppl"].as_array().unwrap();
            let found = people.iter().find(|person| person["id"] == *holder);
            assert_eq!(found.unwrap().get("vanished"), None);
        }
        let listed: Value = serde_json::from_str(&self.room.listing().unwrap().data).unwrap();
        assert_eq!(listed["crown"], *crown, "the list is up to date");
        assert_eq!(listed["settings"], channel["ch"]["settings"]);
    }
}

#[test]
fn random_rooms_stay_sound() {
    for seed in 0..SEEDS {
        println!("seed {seed}");
        let mut game = Game::new(seed);
        for _ in 0..STEPS {
            if game.step() {
                game = Game::new(game.rng.next_u64());
            }
            game.check();
        }
    }
}
