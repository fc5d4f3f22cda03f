//! What a client of the native door may say, and how often it may get it wrong.

use super::wire::ClientFrame;
use super::{MAX_DEPTH, MAX_PAYLOAD};
use bytes::Bytes;
use roost_room::{Intake, Json, Manifest, Payload, Topic, nests_deeper};
use std::collections::VecDeque;
use thiserror::Error;

/// So many bad frames within a minute end the connection.
const PATIENCE: usize = 32;
const MINUTE_MS: u64 = 60_000;

/// A message, ready for the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// About what.
    pub topic: Topic,
    /// What: JSON as the client wrote it, checked but not changed; or bytes.
    pub payload: Payload,
    /// What to do when the room has too many.
    pub intake: Intake,
}

/// Why a frame is not taken. The text is for the client.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FrameError {
    /// Not of the form this door speaks.
    #[error("{0}")]
    Malformed(String),
    /// Not among the topics of the rules.
    #[error("these rules have no topic {0:?}")]
    UnknownTopic(String),
    /// Only the rules speak on it.
    #[error("only the rules speak on {0:?}")]
    ClosedTopic(String),
    /// Too much.
    #[error("a payload of {0} bytes, at most {MAX_PAYLOAD}")]
    TooLarge(usize),
}

impl FrameError {
    /// The `code` of its `error` frame.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "bad_frame",
            Self::UnknownTopic(_) => "unknown_topic",
            Self::ClosedTopic(_) => "closed_topic",
            Self::TooLarge(_) => "too_large",
        }
    }
}

/// What a bad frame leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Tell, and go on.
    Tell,
    /// Close: too many.
    Close,
}

/// What one connection has done wrong lately.
#[derive(Debug, Default)]
pub struct PlaySession {
    bad: VecDeque<u64>,
}

impl PlaySession {
    /// Read a text frame by the topics of a program.
    ///
    /// # Errors
    /// It is not one that this door takes.
    pub fn text(frame: &str, manifest: &Manifest) -> Result<Said, FrameError> {
        check_depth(frame)?;
        let frame: ClientFrame<'_> = serde_json::from_str(frame)
            .map_err(|error| FrameError::Malformed(error.to_string()))?;
        let data = frame.data.map_or("null", serde_json::value::RawValue::get);
        check_size(data.len())?;
        let (topic, intake) = topic(&frame.topic, manifest)?;
        Ok(Said {
            topic,
            payload: Payload::Json(Json::new(data.to_owned())),
            intake,
        })
    }

    /// Read a binary frame by the topics of a program. The payload is copied: sharing it would
    /// keep the whole buffer that the frame was read into, for as long as the room keeps the message.
    ///
    /// # Errors
    /// It is not one that this door takes.
    pub fn binary(frame: &[u8], manifest: &Manifest) -> Result<Said, FrameError> {
        let malformed = |text: &str| FrameError::Malformed(text.to_owned());
        let length = usize::from(*frame.first().ok_or_else(|| malformed("an empty frame"))?);
        let parts = frame
            .split_at_checked(1 + length)
            .filter(|_| (1..=Topic::MAX).contains(&length));
        let (name, payload) =
            parts.ok_or_else(|| malformed("no topic of 1 to 64 bytes in front"))?;
        let name = name.get(1..).unwrap_or_default();
        let name = std::str::from_utf8(name).map_err(|_| malformed("the topic is not UTF-8"))?;
        let (topic, intake) = topic(name, manifest)?;
        check_size(payload.len())?;
        Ok(Said {
            topic,
            payload: Payload::Binary(Bytes::copy_from_slice(payload)),
            intake,
        })
    }

    /// Count a bad frame at that time, in milliseconds of any steady clock.
    pub fn bad_frame(&mut self, now: u64) -> Verdict {
        while self
            .bad
            .front()
            .is_some_and(|at| at.saturating_add(MINUTE_MS) <= now)
        {
            self.bad.pop_front();
        }
        self.bad.push_back(now);
        if self.bad.len() >= PATIENCE {
            Verdict::Close
        } else {
            Verdict::Tell
        }
    }
}

fn check_size(size: usize) -> Result<(), FrameError> {
    if size <= MAX_PAYLOAD {
        Ok(())
    } else {
        Err(FrameError::TooLarge(size))
    }
}

fn topic(name: &str, manifest: &Manifest) -> Result<(Topic, Intake), FrameError> {
    let spec = manifest
        .topic(name)
        .ok_or_else(|| FrameError::UnknownTopic(short(name)))?;
    match spec.intake {
        Intake::Closed => Err(FrameError::ClosedTopic(short(name))),
        intake => Ok((spec.name.clone(), intake)),
    }
}

/// What a client sent, short enough to be sent back.
fn short(name: &str) -> String {
    name.chars().take(Topic::MAX).collect()
}

/// `RawValue` is skipped over without a bound on depth of its own.
fn check_depth(json: &str) -> Result<(), FrameError> {
    // The frame itself is one level.
    if nests_deeper(json.as_bytes(), MAX_DEPTH + 1) {
        return Err(FrameError::Malformed(format!(
            "nested more than {MAX_DEPTH} deep"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use roost_room::{Durability, Pace, RequestedLimits, TopicSpec};

    fn manifest() -> Manifest {
        let topic = |name: &str, intake| TopicSpec {
            name: Topic::new(name),
            intake,
        };
        Manifest {
            kind: "k".to_owned(),
            state_version: 1,
            pace: Pace::Messages,
            durability: Durability::Ephemeral,
            grace: 0,
            limits: RequestedLimits {
                members: 1,
                ..RequestedLimits::default()
            },
            capabilities: Vec::new(),
            topics: vec![
                topic("say", Intake::Reliable),
                topic("state", Intake::Closed),
            ],
            release: None,
        }
    }

    fn code(result: Result<Said, FrameError>) -> String {
        result.map_or_else(
            |error| error.code().to_owned(),
            |said| {
                format!(
                    "{} {}",
                    said.topic.as_str(),
                    String::from_utf8_lossy(said.payload.bytes())
                )
            },
        )
    }

    #[test]
    fn text_frames() {
        let deep = |n: usize| {
            format!(
                r#"{{"topic":"say","data":{}{}}}"#,
                "[".repeat(n),
                "]".repeat(n)
            )
        };
        let cases = [
            (
                r#"{"topic":"say","data":{"a":1}}"#.to_owned(),
                r#"say {"a":1}"#,
            ),
            (
                r#"{"data":[ 1 ],"topic":"s\u0061y"}"#.to_owned(),
                "say [ 1 ]",
            ),
            (r#"{"topic":"say"}"#.to_owned(), "say null"),
            (
                r#"{"topic":"say","data":"[[[\"{{"}"#.to_owned(),
                r#"say "[[[\"{{""#,
            ),
            (r#"{"topic":"say","data":1,"x":2}"#.to_owned(), "bad_frame"),
            (r#"{"topic":"say","topic":"say"}"#.to_owned(), "bad_frame"),
            (r#"{"topic":"say","data":1e}"#.to_owned(), "bad_frame"),
            (r#"["say"]"#.to_owned(), "bad_frame"),
            (String::new(), "bad_frame"),
            (deep(129), "bad_frame"),
            (deep(100_000), "bad_frame"),
            (r#"{"topic":"nope"}"#.to_owned(), "unknown_topic"),
            (r#"{"topic":"state"}"#.to_owned(), "closed_topic"),
            (
                format!(r#"{{"topic":"say","data":"{}"}}"#, "x".repeat(MAX_PAYLOAD)),
                "too_large",
            ),
        ];
        for (frame, expected) in cases {
            assert_eq!(
                code(PlaySession::text(&frame, &manifest())),
                expected,
                "{frame:.80}"
            );
        }
        assert!(PlaySession::text(&deep(128), &manifest()).is_ok());
    }

    #[test]
    fn binary_frames() {
        let cases: [(&[u8], &str); 7] = [
            (b"\x03sayabc", "say abc"),
            (b"\x03say", "say "),
            (b"", "bad_frame"),
            (b"\x00say", "bad_frame"),
            (b"\x09say", "bad_frame"),
            (b"\x02\xff\xff", "bad_frame"),
            (b"\x05state", "closed_topic"),
        ];
        for (frame, expected) in cases {
            assert_eq!(
                code(PlaySession::binary(frame, &manifest())),
                expected,
                "{frame:?}"
            );
        }
    }

    #[test]
    fn a_message_does_not_keep_the_buffer_it_came_in() {
        let buffer = Bytes::from(b"\x03sayabc".repeat(1000));
        let said = PlaySession::binary(&buffer.slice(..7), &manifest()).unwrap();
        assert_eq!(&said.payload.bytes()[..], b"abc");
        assert!(buffer.is_unique());
    }

    #[test]
    fn patience_lasts_for_32_bad_frames_a_minute() {
        let mut session = PlaySession::default();
        for at in 0..31 {
            assert_eq!(session.bad_frame(at), Verdict::Tell);
        }
        assert_eq!(
            session.bad_frame(60_000),
            Verdict::Tell,
            "the first no longer counts"
        );
        assert_eq!(session.bad_frame(60_000), Verdict::Close);
    }
}
