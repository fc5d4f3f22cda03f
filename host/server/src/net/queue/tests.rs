//! Bounds, lanes, and the close.

use super::*;

const SMALL: OutboxConfig = OutboxConfig {
    max_bytes: 100,
    max_frames: 4,
    slow_code: 4408,
};

fn push(queue: &mut Queue, text: &'static str, lane: Lane) -> Pushed {
    let bytes = Bytes::from_static(text.as_bytes());
    queue.push(
        Frame {
            bytes,
            lane,
            urgent: false,
        },
        &SMALL,
    )
}

fn drain(queue: &mut Queue) -> Vec<String> {
    let taken: Vec<_> = std::iter::from_fn(|| queue.take()).collect();
    queue.written((taken.len(), taken.iter().map(Bytes::len).sum()));
    assert_eq!((queue.frames, queue.bytes, queue.droppable), (0, 0, 0));
    taken
        .into_iter()
        .map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
        .collect()
}

#[test]
fn latest_takes_the_place_of_its_elder() {
    let mut queue = Queue::default();
    push(&mut queue, "a1", Lane::Latest(1));
    push(&mut queue, "r", Lane::Reliable);
    push(&mut queue, "b1", Lane::Latest(2));
    assert_eq!(
        push(&mut queue, "a2 longer", Lane::Latest(1)),
        Pushed::Replaced
    );
    assert_eq!(drain(&mut queue), ["a2 longer", "r", "b1"]);
    assert_eq!(push(&mut queue, "a3", Lane::Latest(1)), Pushed::Queued);
}

#[test]
fn long_queues_find_their_keys_too() {
    let config = OutboxConfig::default();
    let mut queue = Queue::default();
    let frame = |key: u64, text: String| Frame {
        bytes: text.into(),
        lane: Lane::Latest(key),
        urgent: false,
    };
    for key in 0..500 {
        assert_eq!(
            queue.push(frame(key, format!("old {key}")), &config),
            Pushed::Queued
        );
    }
    for _ in 0..100 {
        queue.take().unwrap();
    }
    for key in (0..500).rev() {
        let expected = if key < 100 {
            Pushed::Queued
        } else {
            Pushed::Replaced
        };
        assert_eq!(
            queue.push(frame(key, format!("new {key}")), &config),
            expected,
            "{key}"
        );
    }
    assert_eq!(queue.take().unwrap(), "new 100");
    assert_eq!(queue.entries.len(), 499);
}

#[test]
fn keys_that_never_come_back_are_forgotten() {
    let config = OutboxConfig::default();
    let mut queue = Queue::default();
    for key in 0..10_000 {
        queue.push(
            Frame {
                bytes: Bytes::from_static(b"x"),
                lane: Lane::Latest(key),
                urgent: false,
            },
            &config,
        );
        if key >= 40 {
            queue.take();
        }
    }
    assert!(queue.index.as_ref().is_none_or(|index| index.len() < 200));
}

#[test]
fn a_full_queue_drops_what_may_be_dropped() {
    let mut queue = Queue::default();
    for text in ["r1", "r2"] {
        push(&mut queue, text, Lane::Reliable);
    }
    push(&mut queue, "u1", Lane::Unreliable);
    push(&mut queue, "l1", Lane::Latest(1));
    assert_eq!(push(&mut queue, "u2", Lane::Unreliable), Pushed::Dropped);
    assert_eq!(push(&mut queue, "l2", Lane::Latest(2)), Pushed::Dropped);
    assert_eq!(push(&mut queue, "l1b", Lane::Latest(1)), Pushed::Replaced);
    assert_eq!(push(&mut queue, "r3", Lane::Reliable), Pushed::Queued);
    assert_eq!(queue.dropped, 4);
    assert_eq!(drain(&mut queue), ["r1", "r2", "r3"]);
}

#[test]
fn too_much_that_is_reliable_closes() {
    let mut queue = Queue::default();
    for _ in 0..4 {
        assert_eq!(push(&mut queue, "r", Lane::Reliable), Pushed::Queued);
    }
    assert_eq!(push(&mut queue, "r", Lane::Reliable), Pushed::Overflowed);
    assert_eq!(push(&mut queue, "r", Lane::Reliable), Pushed::Closed);
    let close = queue.pending_close().unwrap();
    assert_eq!((close.code, close.by), (4408, CloseBy::Overflow));
    assert!(
        queue.entries.is_empty(),
        "nothing is kept for somebody who does not read"
    );
}

#[test]
fn bytes_are_bounded_too() {
    let big: &'static str = Box::leak("x".repeat(60).into_boxed_str());
    let mut queue = Queue::default();
    assert_eq!(push(&mut queue, big, Lane::Latest(1)), Pushed::Queued);
    assert_eq!(push(&mut queue, big, Lane::Unreliable), Pushed::Dropped);
    assert_eq!(push(&mut queue, big, Lane::Latest(1)), Pushed::Replaced);
    assert_eq!(push(&mut queue, big, Lane::Reliable), Pushed::Queued);
    assert_eq!(push(&mut queue, big, Lane::Reliable), Pushed::Overflowed);
}

#[test]
fn what_is_being_written_still_counts() {
    let mut queue = Queue::default();
    for _ in 0..4 {
        push(&mut queue, "r", Lane::Reliable);
    }
    queue.take().unwrap();
    assert_eq!(push(&mut queue, "u", Lane::Unreliable), Pushed::Dropped);
    queue.written((1, 1));
    assert_eq!(push(&mut queue, "u", Lane::Unreliable), Pushed::Queued);
}

#[test]
fn the_close_frame_comes_last_and_once() {
    let mut queue = Queue::default();
    push(&mut queue, "r", Lane::Reliable);
    queue.begin_close(1001, "bye", CloseBy::Owner);
    queue.begin_close(1011, "too late", CloseBy::Owner);
    assert!(queue.take_close_frame().is_none());
    queue.take().unwrap();
    assert_eq!(queue.take_close_frame().unwrap(), close_frame(1001, "bye"));
    assert!(queue.take_close_frame().is_none());
}

#[test]
fn elements_leave_as_arrays() {
    let config = OutboxConfig::default();
    let mut queue = Queue::default();
    queue.write_arrays();
    let element = |text: String| Frame {
        bytes: text.into(),
        lane: Lane::Reliable,
        urgent: false,
    };
    let taken = |queue: &mut Queue| {
        let mut scratch = Vec::new();
        let batch = queue.take_batch(&mut scratch);
        queue.written(batch.counted);
        (
            String::from_utf8_lossy(&scratch).into_owned(),
            batch.emptied,
        )
    };
    queue.push(element("{}".into()), &config);
    assert_eq!(
        taken(&mut queue),
        (
            "\u{81}".to_owned().replace('\u{81}', "\u{fffd}") + "\u{4}[{}]",
            true
        )
    );
    for number in 10..75 {
        queue.push(element(number.to_string()), &config);
    }
    let (first, emptied) = taken(&mut queue);
    assert!(first.ends_with(",72,73]") && !emptied, "{first}");
    let (rest, emptied) = taken(&mut queue);
    assert!(rest.ends_with("[74]") && emptied, "{rest}");
    for size in [60_000, 10_000, 100_000, 5] {
        queue.push(element("7".repeat(size)), &config);
    }
    let sizes: Vec<usize> =
        std::iter::from_fn(|| Some(taken(&mut queue).0.len()).filter(|n| *n > 0)).collect();
    assert_eq!(
        sizes.len(),
        4,
        "no array is longer than it must be: {sizes:?}"
    );
    assert_eq!((queue.frames, queue.bytes), (0, 0));
}
