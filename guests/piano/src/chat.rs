//! Chat: what is said, to all or to one, and what newcomers still see of it.

use std::collections::VecDeque;

use roost_sdk::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Topic;
use crate::people::{Face, by_id};
use crate::room::Piano;
use crate::text::{chat_line, masked};
use crate::wire::{Author, History, Said, Speakers};

/// Lines that are remembered.
const KEPT: usize = 32;
/// Within so many milliseconds …
const PACE: u64 = 4000;
/// … so many lines may be said …
const USUAL_PACE: usize = 4;
/// … or so many, with the crown.
const OWNER_PACE: usize = 10;
/// Longest id of a line that is answered, in bytes.
const MAX_REPLY: usize = 32;

/// A line that was said.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    text: String,
    from: Face,
    /// Whom it is for, if not for all.
    to: Option<Face>,
    /// Unix time.
    time: u64,
    id: u32,
    reply: Option<String>,
}

/// The last lines, oldest first.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Lines(VecDeque<Line>);

/// When somebody said something.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Pace(VecDeque<u64>);

/// Topics `a` and `dm`.
#[derive(Debug, Deserialize)]
struct Say {
    message: String,
    /// Whom a `dm` is for.
    _id: Option<String>,
    reply_to: Option<String>,
}

impl Line {
    fn said(&self) -> Said<'_> {
        let people = match &self.to {
            None => Speakers::One {
                p: Author::of(&self.from),
            },
            Some(to) => Speakers::Two {
                sender: Author::of(&self.from),
                recipient: Author::of(to),
            },
        };
        Said {
            m: None,
            a: &self.text,
            people,
            t: self.time,
            id: format!("{:08x}", self.id),
            r: self.reply.as_deref(),
        }
    }

    /// As part of the history, where the kind of a message is not known otherwise.
    fn remembered(&self) -> Said<'_> {
        let m = if self.to.is_some() { "dm" } else { "a" };
        Said {
            m: Some(m),
            ..self.said()
        }
    }

    fn is_for(&self, user: &str) -> bool {
        match &self.to {
            None => true,
            Some(to) => to.user == user || self.from.user == user,
        }
    }
}

impl Lines {
    fn push(&mut self, line: Line) {
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.push_back(line);
    }
}

impl Pace {
    /// Say something now, if that is not too much.
    fn step(&mut self, most: usize, now: u64) -> bool {
        self.0.retain(|time| time.saturating_add(PACE) > now);
        let may = self.0.len() < most;
        if may {
            self.0.push_back(now);
        }
        may
    }
}

impl Piano {
    /// Topic `a`.
    pub(crate) fn chat(&mut self, cx: &mut Cx, message: &Message) {
        let Some((mut line, _)) = self.line(cx, message) else {
            return;
        };
        let is_masked = self.state.settings.no_cussing == Some(true);
        if is_masked && self.holder() != Some(message.member) && !self.is_staff(message.member) {
            line.text = masked(&line.text, &self.options.words);
        }
        cx.deliver(Topic::Chat)
            .json(&line.said())
            .to_everyone()
            .reliable();
        cx.commit();
        self.state.lines.push(line);
    }

    /// Topic `dm`.
    pub(crate) fn direct(&mut self, cx: &mut Cx, message: &Message) {
        let Some((mut line, to)) = self.line(cx, message) else {
            return;
        };
        let to = to.and_then(|id| by_id(&self.state.people, &id));
        let Some((member, person)) = to else {
            return;
        };
        line.to = Some(person.face.clone());
        let mut parties = vec![message.member, member];
        parties.dedup();
        cx.deliver(Topic::Direct)
            .json(&line.said())
            .to_members(parties)
            .reliable();
        cx.commit();
        self.state.lines.push(line);
    }

    /// What a message says, and to whom, if it may be said.
    fn line(&mut self, cx: &mut Cx, message: &Message) -> Option<(Line, Option<String>)> {
        let said: Say = message.parse().ok()?;
        let text = chat_line(&said.message).filter(|_| self.state.settings.chat)?;
        let is_fast = self.holder() == Some(message.member) || self.is_staff(message.member);
        let most = if is_fast { OWNER_PACE } else { USUAL_PACE };
        let person = self.state.people.get_mut(&message.member)?;
        if !person.pace.step(most, cx.now()) {
            return None;
        }
        let line = Line {
            text,
            from: person.face.clone(),
            to: None,
            time: cx.now(),
            id: (cx.rng().next_u64() >> 32) as u32,
            reply: said.reply_to.filter(|id| is_line_id(id)),
        };
        Some((line, said._id))
    }

    /// Topic `clearchat`.
    pub(crate) fn clear_chat(&mut self, cx: &mut Cx, message: &Message) {
        if !self.is_staff(message.member) {
            return;
        }
        self.state.lines = Lines::default();
        cx.deliver(Topic::History)
            .json(&History { c: Vec::new() })
            .to_everyone()
            .reliable();
        cx.commit();
    }

    /// Topic `c`, to a connection that begins.
    pub(crate) fn show_history(&self, cx: &mut Cx, member: MemberId, connection: ConnectionId) {
        let person = self.state.people.get(&member);
        let user = person.map_or("", |person| person.face.user.as_str());
        let lines = self.state.lines.0.iter();
        let c = lines.filter(|line| line.is_for(user)).map(Line::remembered);
        cx.deliver(Topic::History)
            .json(&History { c: c.collect() })
            .to_connection(connection)
            .reliable();
    }
}

fn is_line_id(id: &str) -> bool {
    (1..=MAX_REPLY).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
