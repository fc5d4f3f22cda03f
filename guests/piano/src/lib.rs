//! Kind `piano`: rooms in which people play one piano together, with the rules of Multiplayer
//! Piano: lobbies and rooms of one's own, a crown, a note quota, chat, bans. The topics are those of
//! the door's contract, whose page says what each payload holds.

mod afk;
mod bans;
mod chat;
mod crown;
mod custom;
mod door;
mod first_version;
mod marks;
mod mouse;
mod notes;
mod options;
mod people;
mod place;
mod profiles;
mod quota;
mod room;
mod settings;
#[cfg(test)]
mod tests;
mod text;
mod vanish;
mod wire;

use roost_sdk::prelude::*;

use room::END_TIMER;
pub use room::Piano;

roost_sdk::topics! {
    /// What is talked about.
    pub enum Topic {
        /// Notes: `t` and the array `n`.
        Notes("n", Unreliable),
        /// Where somebody's pointer is.
        Mouse("m", Latest),
        /// A line of chat.
        Chat("a", Reliable),
        /// A line for one other person.
        Direct("dm", Reliable),
        /// The room; from a client, the wish to see it again.
        Channel("ch", Reliable),
        /// Other settings, by the holder of the crown.
        ChangeSettings("chset", Reliable),
        /// Drop, take or give the crown.
        ChangeOwner("chown", Reliable),
        /// Put somebody out for a while.
        Kickban("kickban", Reliable),
        /// Let somebody in again.
        Unban("unban", Reliable),
        /// One's own name or colour.
        ChangeUser("userset", Reliable),
        /// What programs say to each other.
        Custom("custom", Reliable),
        /// Hear what is said to subscribers.
        Subscribe("+custom", Reliable),
        /// Hear it no more.
        Unsubscribe("-custom", Reliable),
        /// Forget the chat, by staff.
        ClearChat("clearchat", Reliable),
        /// Somebody else's name, by staff.
        SetName("setname", Reliable),
        /// Somebody else's colour, by staff.
        SetColor("setcolor", Reliable),
        /// Be seen by staff only, or by all again; for staff.
        Vanish("v", Reliable),
        /// A participant is new or looks different.
        Participant("p", Closed),
        /// A participant is gone.
        Bye("bye", Closed),
        /// The history of the chat.
        History("c", Closed),
        /// The note quota that applies to the receiver.
        NoteQuota("nq", Closed),
        /// A line for the user's eyes.
        Notification("notification", Closed),
    }
}

impl Rules for Piano {
    type Topic = Topic;
    const STATE_VERSION: u32 = 2;

    fn manifest() -> Manifest {
        Manifest::of::<Self>("piano")
            .durability(Durability::Snapshot)
            .members(1000)
            .needs(Capability::SetProfile)
            .needs(Capability::Move)
            .needs(Capability::Publish)
    }

    fn init(config: &RoomConfig) -> Result<Self, String> {
        Self::new(config)
    }

    fn snapshot(&self) -> Vec<u8> {
        snapshot::encode(Self::STATE_VERSION, &self.state)
    }

    fn restore(config: &RoomConfig, _meta: &SnapshotMeta, state: &[u8]) -> Result<Self, String> {
        Self::restored(config, state)
    }

    fn join_attempt(&mut self, cx: &mut Cx, entrant: Entrant) {
        if !self.state.ended {
            self.answer(cx, &entrant);
        }
    }

    fn join(&mut self, cx: &mut Cx, joined: Joined) {
        self.enter(cx, joined);
    }

    fn attach(&mut self, cx: &mut Cx, attachment: Attachment) {
        self.begin_connection(cx, attachment);
    }

    fn detach(&mut self, _cx: &mut Cx, detachment: Detachment) {
        if let Some(person) = self.state.people.get_mut(&detachment.member) {
            person.lose(detachment.connection);
        }
    }

    fn leave(&mut self, cx: &mut Cx, departure: Departure) {
        self.depart(cx, departure.member);
    }

    fn message(&mut self, cx: &mut Cx, topic: Topic, message: Message) {
        self.hear(cx, message.member);
        match topic {
            Topic::Notes => self.play(cx, &message),
            Topic::Mouse => self.point(cx, &message),
            Topic::Chat => self.chat(cx, &message),
            Topic::Direct => self.direct(cx, &message),
            Topic::Channel => self.show(cx, message.member, message.via),
            Topic::ChangeSettings => self.change_settings(cx, &message),
            Topic::ChangeOwner => self.change_owner(cx, &message),
            Topic::Kickban => self.kickban(cx, &message),
            Topic::Unban => self.unban(cx, &message),
            Topic::ChangeUser => self.change_user(cx, &message),
            Topic::Custom => self.custom(cx, &message),
            Topic::Subscribe => self.subscribe(cx, &message, true),
            Topic::Unsubscribe => self.subscribe(cx, &message, false),
            Topic::ClearChat => self.clear_chat(cx, &message),
            Topic::SetName | Topic::SetColor => self.change_other(cx, &message),
            Topic::Vanish => self.vanish(cx, &message),
            // Closed to clients: they never come in.
            Topic::Participant
            | Topic::Bye
            | Topic::History
            | Topic::NoteQuota
            | Topic::Notification => {}
        }
    }

    fn timer(&mut self, cx: &mut Cx, id: u32) {
        match id {
            mouse::TIMER => self.point_late(cx),
            afk::TIMER => self.look_for_afk(cx),
            END_TIMER => self.end_if_empty(cx),
            _ => {}
        }
    }

    fn activated(&mut self, cx: &mut Cx, _before: SnapshotMeta) {
        self.watch(cx);
    }

    fn profile_changed(&mut self, cx: &mut Cx, changed: MemberProfile) {
        self.show_profile(cx, changed);
    }
}

roost_sdk::export!(Piano);
