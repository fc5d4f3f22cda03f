//! Whatever happened, a room that is brought back is the room that was.

use crate::scripts::{Dice, script};
use crate::stage::Stage;
use proptest::prelude::*;
use roost_room::{CallRecord, Checkpoint, Output, Persist};
use std::sync::atomic::Ordering;

/// Bring a room back, let it tell its rules what became of the connections, and write it down again.
fn brought_back(
    stage: &Stage,
    checkpoint: &Checkpoint,
    records: &[CallRecord],
) -> (Vec<Checkpoint>, u64) {
    let mut room = stage.restored(checkpoint, records);
    // A call of its own, so that there is something to write down in any case.
    room.step(stage.clock(), [Stage::signalled("add 0")]);
    let outputs = room.put_away(stage.clock());
    let written = outputs.iter().filter_map(|output| match output {
        Output::Persist(Persist::Checkpoint { bytes, .. }) => {
            Some(Checkpoint::from_bytes(bytes).unwrap())
        }
        _ => None,
    });
    (written.collect(), room.divergences())
}

/// At every checkpoint that a run wrote: from the first one, from the one before, and from itself a room
/// comes back as the same.
fn same_at_every_cut(settings: &str, seed: u64) {
    let mut stage = Stage::new("");
    stage.limits.checkpoint_events = 1;
    stage.play(&format!("room {settings}"));
    for line in script(seed, 40) {
        stage.play(&line);
        stage.drain();
    }
    stage.assert_promises(&format!("seed {seed}"));
    let (checkpoints, records) = (stage.checkpoints.clone(), stage.records.clone());
    assert!(
        checkpoints.len() > 5,
        "seed {seed}: the script does nothing"
    );
    let between = |from: &Checkpoint, to: &Checkpoint| -> Vec<CallRecord> {
        let wanted = records
            .iter()
            .filter(|r| r.sequence > from.sequence && r.sequence <= to.sequence);
        wanted.cloned().collect()
    };
    let mut before = checkpoints.first().unwrap();
    for cut in &checkpoints {
        let whole = brought_back(&stage, cut, &[]);
        for from in [checkpoints.first().unwrap(), before] {
            let again = brought_back(&stage, from, &between(from, cut));
            assert_eq!(
                again, whole,
                "seed {seed}: from call {} to call {}",
                from.sequence, cut.sequence
            );
        }
        before = cut;
    }
    stage.assert_promises(&format!("seed {seed}, brought back"));
}

/// What the host is told in a run, with the watchdog striking now and then or not at all.
fn told(settings: &str, seed: u64, watchdog: bool) -> (Vec<String>, Option<Checkpoint>) {
    let mut stage = Stage::new("");
    let mut dice = Dice::new(!seed);
    stage.play(&format!("room {settings}"));
    for line in script(seed, 40) {
        let strikes = dice.roll(3) == 0;
        if watchdog && strikes {
            stage.strings.interrupts.store(1, Ordering::Relaxed);
            stage
                .strings
                .interrupt_in
                .store(1 + u32::try_from(dice.roll(2)).unwrap(), Ordering::Relaxed);
        }
        stage.play(&line);
        stage.drain();
        stage.strings.interrupt_in.store(0, Ordering::Relaxed);
    }
    stage.play("signal 77 digest");
    stage.drain();
    stage.play("away");
    stage.assert_promises(&format!("seed {seed}"));
    stage.lines.retain(|line| !line.starts_with("> "));
    (stage.lines, stage.checkpoint)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_journaled_room_comes_back_the_same(seed in any::<u64>()) {
        same_at_every_cut("journaled", seed);
    }

    #[test]
    fn a_ticking_journaled_room_comes_back_the_same(seed in any::<u64>()) {
        same_at_every_cut("journaled ticks=5 grace=0", seed);
    }

    #[test]
    fn a_guest_rebuilt_after_an_interrupt_goes_on_as_if_nothing_had_been(
        seed in any::<u64>(),
        kind in prop::sample::select(vec!["ephemeral", "snapshot checkpoint=700", "journaled", "ephemeral ticks=5"]),
    ) {
        prop_assert_eq!(told(kind, seed, true), told(kind, seed, false), "seed {}", seed);
    }

    #[test]
    fn a_snapshot_room_comes_back_as_it_was_put_away(seed in any::<u64>()) {
        let mut stage = Stage::new("");
        stage.play("room snapshot");
        for line in script(seed, 30) {
            stage.play(&line);
        }
        stage.play("away");
        let checkpoint = stage.checkpoint.clone().unwrap();
        stage.play("restart");
        stage.play("away");
        stage.assert_promises(&format!("seed {seed}"));
        let again = stage.checkpoint.clone().unwrap();
        prop_assert!(again.sequence >= checkpoint.sequence);
        // Once the connections have gone, another restart changes nothing but the time.
        stage.play("restart");
        stage.play("away");
        let third = stage.checkpoint.clone().unwrap();
        prop_assert_eq!(third.state, again.state, "seed {}", seed);
        prop_assert_eq!(third.sequence, again.sequence, "seed {}", seed);
    }
}
