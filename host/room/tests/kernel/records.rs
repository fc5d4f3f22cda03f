//! Checkpoints and calls as bytes: there and back, and damaged.

use crate::scripts::script;
use crate::stage::Stage;
use proptest::prelude::*;
use roost_room::{CallRecord, Checkpoint, Outcome, RecordError, Room};

fn played(seed: u64) -> Stage {
    let mut stage = Stage::new("");
    stage.limits.checkpoint_events = 10;
    stage.play("room journaled");
    for line in script(seed, 30) {
        stage.play(&line);
        stage.drain();
    }
    stage
}

#[test]
fn foreign_forms_are_told_apart() {
    assert_eq!(Checkpoint::from_bytes(&[]), Err(RecordError::Empty));
    assert_eq!(CallRecord::from_bytes(&[9, 0]), Err(RecordError::Newer(9)));
    assert!(matches!(
        Checkpoint::from_bytes(&[1, 0xff]),
        Err(RecordError::Damaged(_))
    ));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn there_and_back(seed in any::<u64>()) {
        let stage = played(seed);
        for checkpoint in &stage.checkpoints {
            prop_assert_eq!(&Checkpoint::from_bytes(&checkpoint.to_bytes()).unwrap(), checkpoint);
        }
        for record in &stage.records {
            prop_assert_eq!(&CallRecord::from_bytes(&record.to_bytes()).unwrap(), record);
            prop_assert_eq!(record.effects.is_some(), record.outcome == Outcome::Accepted);
        }
    }

    #[test]
    fn cut_short_they_are_damaged(seed in any::<u64>()) {
        let stage = played(seed);
        let whole = stage.checkpoint.as_ref().unwrap().to_bytes();
        for length in 0..whole.len() {
            prop_assert!(Checkpoint::from_bytes(&whole[..length]).is_err(), "seed {}, {} bytes", seed, length);
        }
        let whole = stage.records.last().unwrap().to_bytes();
        for length in 0..whole.len() {
            prop_assert!(CallRecord::from_bytes(&whole[..length]).is_err(), "seed {}, {} bytes", seed, length);
        }
    }

    /// Bytes that pass the store's checksum and are still wrong may give an error or a strange room, no panic.
    #[test]
    fn wrong_bytes_do_no_harm(seed in any::<u64>(), with in 1u8..) {
        let stage = played(seed);
        let whole = stage.checkpoint.as_ref().unwrap().to_bytes().to_vec();
        // A snapshot may be large: some two hundred places, others in each case.
        let stride = whole.len().div_ceil(200);
        for place in (1 + seed as usize % stride..whole.len()).step_by(stride) {
            let mut bytes = whole.clone();
            bytes[place] ^= with;
            let Ok(mut checkpoint) = Checkpoint::from_bytes(&bytes) else { continue };
            // What the guest makes of damage is the guest's own business.
            checkpoint.state = stage.checkpoint.as_ref().unwrap().state.clone();
            let Some(mut room) = stage.maybe_restored(&checkpoint) else { continue };
            after(&stage, &mut room);
        }
    }
}

/// Somebody enters, time passes, the room is put away.
fn after(stage: &Stage, room: &mut Room) {
    let mut clock = stage.clock();
    room.step(clock, [Stage::entering(99, "eve")]);
    clock.wall += 100_000;
    clock.mono += std::time::Duration::from_secs(100);
    room.step(clock, []);
    let _ = room.deadline();
    room.put_away(clock);
}
