//! The context of a call: time and chance to read, effects to ask for.

use serde::Serialize;

use crate::outgoing::{Draft, Forward, Outgoing};
use crate::payload::to_json;
use crate::types::Author;
use crate::types::{
    ConnectionId, Context, DocChange, DocOp, Effect, Ending, Listing, MemberId, MemberProfile,
    Packet, Payload, Profile, Publication, Reach, Redirection, Refusal, RefusalReason, Relocation,
    Removal, Right, SignalReply, Subscription, Timer,
};
use crate::{Rng, Topics};

/// What every method of [`crate::Rules`] is given: the call's time and chance, and the list of
/// effects. Nothing happens before the call has returned; then all of the list, in its order, or
/// nothing if the call failed.
#[derive(Debug)]
pub struct Cx {
    context: Context,
    rng: Rng,
    index: u32,
    effects: Vec<Effect>,
}

/// Time and chance.
impl Cx {
    pub(crate) fn new(context: Context) -> Self {
        Self {
            context,
            rng: Rng::new(context.seed),
            index: 0,
            effects: Vec::new(),
        }
    }

    pub(crate) fn at_event(&mut self, index: u32) {
        self.index = index;
    }

    pub(crate) fn into_effects(self) -> Vec<Effect> {
        self.effects
    }

    /// Unix time in milliseconds. Never falls within a room.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.context.now
    }

    /// How many milliseconds the room has really been running; for game clocks.
    #[must_use]
    pub fn uptime(&self) -> u64 {
        self.context.uptime
    }

    /// 53 random bits, fresh for every call. [`Cx::rng`] starts from them.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.context.seed
    }

    /// Ticks so far, one in this call included; none in kinds without ticks.
    #[must_use]
    pub fn tick(&self) -> Option<u64> {
        self.context.tick
    }

    /// The call's chance, one sequence for all of its events.
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }
}

/// Sending.
impl Cx {
    /// Send something: name the content, the audience (everyone by default) and last the lane.
    ///
    /// `cx.deliver(Topic::Total).json(&total).to_everyone().latest(0);`
    pub fn deliver(&mut self, topic: impl Topics) -> Draft<'_> {
        Draft::new(&mut self.effects, topic.id())
    }

    /// Send the message that is being handled on, its sender as the author, without copying its
    /// payload back. In any other event but `message` it voids the call.
    ///
    /// `cx.forward().to_all_but_connection(message.via).reliable();`
    pub fn forward(&mut self) -> Outgoing<'_, Forward> {
        Outgoing::forward(&mut self.effects, self.index)
    }

    /// Let a connection have what any room of the kind publishes on a topic, until
    /// [`Cx::unsubscribe`] or its `detach`. Needs `Capability::Publish`.
    pub fn subscribe(&mut self, connection: ConnectionId, topic: impl Topics) {
        self.push(Effect::Subscribe(Subscription {
            connection,
            topic: topic.id(),
        }));
    }

    /// End a subscription.
    pub fn unsubscribe(&mut self, connection: ConnectionId, topic: impl Topics) {
        self.push(Effect::Unsubscribe(Subscription {
            connection,
            topic: topic.id(),
        }));
    }

    /// Send something beyond this room, never to the author's own connections. At most 64 KiB.
    /// Needs `Capability::Publish`.
    pub fn publish(&mut self, topic: impl Topics, payload: Payload, to: Reach, author: Author) {
        let topic = topic.id();
        self.push(Effect::Publish(Publication {
            to,
            topic,
            payload,
            author,
        }));
    }
}

/// Who is in the room.
impl Cx {
    /// Let an entrant in; `join` and `attach` follow. Only for a `join_attempt` of this call.
    pub fn admit(&mut self, connection: ConnectionId) {
        self.push(Effect::Admit(connection));
    }

    /// Turn an entrant away, with a text for the user's eyes.
    pub fn refuse(&mut self, connection: ConnectionId, reason: RefusalReason, text: &str) {
        self.push(Effect::Refuse(Refusal {
            connection,
            reason,
            text: text.to_owned(),
        }));
    }

    /// Send an entrant to another room of the kind, with a notice for the user's eyes or an empty
    /// one. Needs `Capability::Move`.
    pub fn redirect(&mut self, connection: ConnectionId, room: &str, notice: &str) {
        let (room, notice) = (room.to_owned(), notice.to_owned());
        self.push(Effect::Redirect(Redirection {
            connection,
            room,
            notice,
        }));
    }

    /// Send a connection of this room to another of the kind, and tell it something on arrival
    /// (at most 8 packets, together 64 KiB). It leaves this room in any case. Needs
    /// `Capability::Move`.
    pub fn move_to(&mut self, connection: ConnectionId, room: &str, on_arrival: Vec<Packet>) {
        let room = room.to_owned();
        self.push(Effect::Move(Relocation {
            connection,
            room,
            on_arrival,
        }));
    }

    /// End all connections of a member, with a text for the user's eyes.
    pub fn kick(&mut self, member: MemberId, text: &str) {
        self.push(Effect::Kick(Removal {
            member,
            text: text.to_owned(),
        }));
    }

    /// Change a member's profile in all rooms; `profile_changed` follows. Needs
    /// `Capability::SetProfile`.
    pub fn set_profile(&mut self, member: MemberId, profile: Profile) {
        self.push(Effect::SetProfile(MemberProfile { member, profile }));
    }

    /// Replace the room's entry in the kind's list.
    pub fn set_listing(&mut self, listing: Listing) {
        self.push(Effect::SetListing(listing));
    }

    /// The room is over: a text for everybody still there, and what came of it. Must be the last
    /// effect of the call.
    ///
    /// # Panics
    /// When the outcome has no JSON form, such as a map whose keys are no strings.
    pub fn end_room<T: Serialize + ?Sized>(&mut self, text: &str, outcome: &T) {
        let (text, outcome) = (text.to_owned(), to_json(outcome));
        self.push(Effect::EndRoom(Ending { text, outcome }));
    }
}

/// Time, storage, rights, documents, signals.
impl Cx {
    /// Have `timer` called with this id, so many milliseconds after [`Cx::now`]. The same id
    /// replaces. At most 256 timers.
    pub fn set_timer(&mut self, id: u32, after: u32) {
        self.push(Effect::SetTimer(Timer { id, after }));
    }

    /// Forget a timer.
    pub fn cancel_timer(&mut self, id: u32) {
        self.push(Effect::CancelTimer(id));
    }

    /// Make this call durable before it takes effect. Voids the call in class `ephemeral`; in
    /// class `journaled` every call is durable anyway.
    pub fn commit(&mut self) {
        self.push(Effect::Commit);
    }

    /// Edit a document of the room in one transaction; `doc_applied` follows. Needs
    /// `Capability::DocApply`.
    pub fn doc_apply(&mut self, doc: &str, ops: Vec<DocOp>) {
        self.push(Effect::DocApply(DocChange {
            doc: doc.to_owned(),
            ops,
        }));
    }

    /// Give a right, asked for or not. Media rights need `Capability::Media`.
    pub fn grant(&mut self, right: impl Into<Right>) {
        self.push(Effect::Grant(right.into()));
    }

    /// Refuse or take back a right.
    pub fn deny(&mut self, right: impl Into<Right>) {
        self.push(Effect::Deny(right.into()));
    }

    /// Answer a signal, in its call or later: the answer, or why there is none.
    pub fn reply_signal(&mut self, id: u32, answer: Result<Payload, String>) {
        self.push(Effect::ReplySignal(SignalReply { id, answer }));
    }

    /// Ask for an effect as the interface writes it.
    pub fn push(&mut self, effect: Effect) {
        self.effects.push(effect);
    }
}
