//! Random batches against a plain map, and again after a restart.

use std::{collections::BTreeMap, time::UNIX_EPOCH};

use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use roost_store::{Batch, PIECE_BYTES, Store};

use crate::fixture::{noise, open, room};

/// Set it to the seed a failed run has printed.
const SEED: &str = "ROOST_STORE_TEST_SEED";

#[derive(Clone, Debug)]
enum Step {
    Append {
        room: u8,
        len: usize,
    },
    Checkpoint {
        room: u8,
        behind: u64,
        len: usize,
    },
    DeleteRoom {
        room: u8,
    },
    Profile {
        user: u8,
        len: Option<usize>,
    },
    Bans {
        room: u8,
        len: Option<usize>,
    },
    /// Ends a batch; the next one is queued at once.
    Submit,
    /// Ends a batch and waits.
    Commit,
    Reopen,
}

fn length() -> impl Strategy<Value = usize> {
    prop_oneof![
        8 => 0..300usize,
        2 => (1..4usize, 0..3usize).prop_map(|(pieces, off)| pieces * PIECE_BYTES + off - 1),
        1 => 30_000..120_000usize,
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let room = 0..3u8;
    prop_oneof![
        8 => (room.clone(), length()).prop_map(|(room, len)| Step::Append { room, len }),
        4 => (room.clone(), 0..4u64, length())
            .prop_map(|(room, behind, len)| Step::Checkpoint { room, behind, len }),
        1 => room.clone().prop_map(|room| Step::DeleteRoom { room }),
        2 => (room.clone(), prop::option::of(length()))
            .prop_map(|(user, len)| Step::Profile { user, len }),
        2 => (room, prop::option::of(length())).prop_map(|(room, len)| Step::Bans { room, len }),
        6 => Just(Step::Submit),
        2 => Just(Step::Commit),
        1 => Just(Step::Reopen),
    ]
}

#[derive(Default)]
struct ModelRoom {
    last: u64,
    checkpoint: Option<(u64, Vec<u8>)>,
    journal: BTreeMap<u64, Vec<u8>>,
    bans: Option<Vec<u8>>,
    profile: Option<Vec<u8>>,
}

#[derive(Default)]
struct Model {
    rooms: BTreeMap<u8, ModelRoom>,
    values: u64,
}

impl Model {
    fn value(&mut self, len: usize) -> Vec<u8> {
        self.values += 1;
        noise(self.values, len)
    }

    fn add(&mut self, batch: &mut Batch, step: &Step) {
        match step {
            Step::Append { room: index, len } => {
                let value = self.value(*len);
                let model = self.rooms.entry(*index).or_default();
                model.last += 1;
                model.journal.insert(model.last, value.clone());
                batch.append_journal(&room(&index.to_string()), model.last, value);
            }
            Step::Checkpoint {
                room: index,
                behind,
                len,
            } => {
                let value = self.value(*len);
                let model = self.rooms.entry(*index).or_default();
                let oldest = model.checkpoint.as_ref().map_or(0, |(covers, _)| *covers);
                let covers = model.last.saturating_sub(*behind).max(oldest);
                model.checkpoint = Some((covers, value.clone()));
                model.journal.retain(|seq, _| *seq > covers);
                batch.put_checkpoint(&room(&index.to_string()), covers, value);
            }
            Step::DeleteRoom { room: index } => {
                let model = self.rooms.entry(*index).or_default();
                (model.last, model.checkpoint) = (0, None);
                model.journal.clear();
                batch.delete_room(&room(&index.to_string()));
            }
            Step::Profile { user, len } => {
                let value = len.map(|len| self.value(len));
                self.rooms
                    .entry(*user)
                    .or_default()
                    .profile
                    .clone_from(&value);
                match value {
                    Some(value) => batch
                        .put_profile("piano", &user.to_string(), value)
                        .unwrap(),
                    None => batch.delete_profile("piano", &user.to_string()).unwrap(),
                };
            }
            Step::Bans { room: index, len } => {
                let value = len.map(|len| self.value(len));
                self.rooms
                    .entry(*index)
                    .or_default()
                    .bans
                    .clone_from(&value);
                match value {
                    Some(value) => batch.put_bans(&room(&index.to_string()), value),
                    None => batch.delete_bans(&room(&index.to_string())),
                };
            }
            Step::Submit | Step::Commit | Step::Reopen => {}
        }
    }

    fn check(&self, store: &Store) {
        let mut listed = Vec::new();
        for (index, model) in &self.rooms {
            let id = index.to_string();
            let (checkpoint, journal) = store.rooms().load(&room(&id)).unwrap();
            assert_eq!(
                checkpoint.map(|(seq, bytes)| (seq, bytes.to_vec())),
                model.checkpoint
            );
            let journal: BTreeMap<_, _> = journal
                .into_iter()
                .map(|(seq, bytes)| (seq, bytes.to_vec()))
                .collect();
            assert_eq!(journal, model.journal);
            let bans = store.rooms().bans(&room(&id)).unwrap();
            assert_eq!(bans.map(|bytes| bytes.to_vec()), model.bans);
            let profile = store.rooms().profile("piano", &id).unwrap();
            assert_eq!(profile.map(|bytes| bytes.to_vec()), model.profile);
            if model.checkpoint.is_some() || !model.journal.is_empty() {
                listed.push(id);
            }
        }
        let found: Vec<_> = store
            .rooms()
            .rooms("piano")
            .unwrap()
            .map(|room| room.unwrap().id)
            .collect();
        assert_eq!(found, listed);
    }
}

fn run(steps: &[Step]) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let mut model = Model::default();
    let mut batch = Batch::new();
    for step in steps {
        model.add(&mut batch, step);
        match step {
            Step::Submit => {
                store
                    .rooms()
                    .submit(std::mem::take(&mut batch), Box::new(|_| {}))
                    .unwrap();
            }
            Step::Commit | Step::Reopen => {
                store
                    .rooms()
                    .submit_and_wait(std::mem::take(&mut batch))
                    .unwrap();
                model.check(&store);
            }
            _ => {}
        }
        if matches!(step, Step::Reopen) {
            store.close().unwrap();
            store = open(dir.path());
            model.check(&store);
        }
    }
    store.rooms().submit_and_wait(batch).unwrap();
    store.close().unwrap();
    model.check(&open(dir.path()));
}

#[test]
fn random_batches_do_what_a_map_does() {
    let seed = std::env::var(SEED).ok().map_or_else(
        || UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64,
        |text| text.parse().unwrap(),
    );
    // Shown if the test fails.
    println!("{SEED}={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config = Config {
        cases: 32,
        failure_persistence: None,
        ..Config::default()
    };
    let outcome =
        TestRunner::new_with_rng(config, rng).run(&prop::collection::vec(step(), 1..60), |steps| {
            run(&steps);
            Ok(())
        });
    outcome.unwrap();
}
