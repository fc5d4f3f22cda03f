//! Kind `counter`: a number that people add to, and that no crash may forget or count twice. The
//! rules by which durability is tested: additions are acknowledged and known by an id, members
//! have seats, timers and profiles come back.

mod recent;
mod state;
mod wire;

use roost_sdk::prelude::*;

use recent::Recent;
pub use state::{Counter, Seat};
use wire::{Add, Added, Name, Person, Remind, Reminded, State, Total};

/// Timers that may wait; the host's own limit.
const MAX_TIMERS: usize = 256;

/// The newest total replaces an older one that still waits.
const TOTAL_KEY: u32 = 0;

roost_sdk::topics! {
    /// What is talked about.
    pub enum Topic {
        /// `{"id": text, "by": number}`: add to the total, once for each id.
        Add("add", Reliable),
        /// `{"id", "total"}` to the connection that added: it is durable. Or `{"error"}`.
        Added("added", Closed),
        /// `{"total"}` to everyone.
        Total("total", Closed),
        /// `{"after": milliseconds, "id": number}`: set a timer; the same id replaces.
        Remind("remind", Reliable),
        /// `{"id"}` to everyone: it ran out. Or `{"id", "error"}` to whoever asked.
        Reminded("reminded", Closed),
        /// `{"name": text, "color": number}`: change one's profile.
        Name("name", Reliable),
        /// `{"member", "seat", "name", "color"}` to everyone: a profile changed.
        Person("person", Closed),
        /// `{"total", "member", "seat", "resumed", "people"}` to a connection that begins.
        State("state", Closed),
    }
}

impl Rules for Counter {
    type Topic = Topic;
    const STATE_VERSION: u32 = 1;

    fn manifest() -> Manifest {
        Manifest::of::<Self>("counter")
            .durability(Durability::Journaled)
            .grace(30_000)
            .needs(Capability::SetProfile)
    }

    fn init(_config: &RoomConfig) -> Result<Self, String> {
        Ok(Self::default())
    }

    fn snapshot(&self) -> Vec<u8> {
        snapshot::encode(Self::STATE_VERSION, self)
    }

    fn restore(_config: &RoomConfig, _meta: &SnapshotMeta, state: &[u8]) -> Result<Self, String> {
        snapshot::decode(Self::STATE_VERSION, state)
    }

    fn join(&mut self, _cx: &mut Cx, joined: Joined) {
        self.take_seat(joined.member, joined.entrant.who);
    }

    fn attach(&mut self, cx: &mut Cx, attachment: Attachment) {
        let Attachment {
            member,
            connection,
            resumed,
        } = attachment;
        let Some(own) = self.seats.get(&member) else {
            return;
        };
        let people = self
            .seats
            .iter()
            .map(|(member, seat)| Person::of(*member, seat))
            .collect();
        let state = State {
            total: self.total,
            member,
            seat: own.seat,
            resumed,
            people,
        };
        cx.deliver(Topic::State)
            .json(&state)
            .to_connection(connection)
            .reliable();
    }

    fn leave(&mut self, _cx: &mut Cx, departure: Departure) {
        self.seats.remove(&departure.member);
    }

    fn message(&mut self, cx: &mut Cx, topic: Topic, message: Message) {
        match topic {
            Topic::Add => self.add(cx, &message),
            Topic::Remind => self.remind(cx, &message),
            Topic::Name => rename(cx, &message),
            // Closed to clients: they never come in.
            Topic::Added | Topic::Total | Topic::Reminded | Topic::Person | Topic::State => {}
        }
    }

    fn timer(&mut self, cx: &mut Cx, id: u32) {
        self.timers.remove(&id);
        let reminded = Reminded { id, error: None };
        cx.deliver(Topic::Reminded)
            .json(&reminded)
            .to_everyone()
            .reliable();
    }

    fn profile_changed(&mut self, cx: &mut Cx, changed: MemberProfile) {
        let MemberProfile { member, profile } = changed;
        let Some(seat) = self.seats.get_mut(&member) else {
            return;
        };
        seat.name = profile.name;
        seat.color = profile.color;
        let person = Person::of(member, seat);
        cx.deliver(Topic::Person)
            .json(&person)
            .to_everyone()
            .by(member)
            .reliable();
    }

    fn signal(&mut self, cx: &mut Cx, signal: Signal) {
        let answer = match signal.name.as_str() {
            "total" => Ok(Payload::of(&Total { total: self.total })),
            other => Err(format!("there is no signal {other:?}, only \"total\"")),
        };
        cx.reply_signal(signal.id, answer);
    }
}

impl Counter {
    fn add(&mut self, cx: &mut Cx, message: &Message) {
        let answer = match message.parse::<Add>() {
            Ok(add) if Recent::accepts(&add.id) => self.count(cx, add),
            Ok(_) => Added::Error {
                error: "an id has 1 to 64 bytes".to_owned(),
            },
            Err(error) => Added::Error { error },
        };
        cx.deliver(Topic::Added)
            .json(&answer)
            .to_connection(message.via)
            .reliable();
    }

    fn count(&mut self, cx: &mut Cx, add: Add) -> Added {
        if self.recent.insert(&add.id) {
            self.total = self.total.saturating_add(i64::from(add.by));
            let total = Total { total: self.total };
            cx.deliver(Topic::Total)
                .json(&total)
                .to_everyone()
                .latest(TOTAL_KEY);
            // Every call of a journaled kind is a commit; saying so is allowed and changes nothing.
            cx.commit();
        }
        Added::Total {
            id: add.id,
            total: self.total,
        }
    }

    fn remind(&mut self, cx: &mut Cx, message: &Message) {
        let Ok(Remind { after, id }) = message.parse() else {
            return;
        };
        if self.timers.len() < MAX_TIMERS || self.timers.contains(&id) {
            self.timers.insert(id);
            cx.set_timer(id, after);
        } else {
            let refused = Reminded {
                id,
                error: Some("too many timers"),
            };
            cx.deliver(Topic::Reminded)
                .json(&refused)
                .to_connection(message.via)
                .reliable();
        }
    }
}

fn rename(cx: &mut Cx, message: &Message) {
    let Ok(Name { name, color }) = message.parse() else {
        return;
    };
    if (1..=256).contains(&name.len()) && color <= 0xff_ff_ff {
        cx.set_profile(message.member, Profile { name, color });
    }
}

roost_sdk::export!(Counter);

#[cfg(test)]
mod tests;
