//! The trait that rules implement.

use crate::types::{
    Attachment, Departure, Detachment, DocOutcome, DocQuestion, EndCause, Entrant, Joined,
    Manifest, MediaRight, MemberProfile, Message, RoomConfig, Signal, SnapshotMeta,
};
use crate::{Cx, Topics};

/// The rules of a kind. A value is the state of one room.
///
/// Methods without a body of your own do nothing, but that everybody is admitted and signals are
/// answered with an error; documents and media are thereby denied.
pub trait Rules: Sized + 'static {
    /// What is talked about, see [`crate::topics!`]; [`crate::NoTopics`] for nothing.
    type Topic: Topics;

    /// Version of the bytes that [`Rules::snapshot`] writes. Raise it when they change, and let
    /// [`Rules::restore`] understand the older ones.
    const STATE_VERSION: u32;

    /// Say what this program is; begin with [`Manifest::of`].
    fn manifest() -> Manifest;

    /// Begin a new room.
    ///
    /// # Errors
    /// The text is shown to whoever wanted the room, and there is no room.
    fn init(config: &RoomConfig) -> Result<Self, String>;

    /// Write the whole state down, the same bytes for the same state;
    /// see [`crate::snapshot::encode`].
    fn snapshot(&self) -> Vec<u8>;

    /// Take over a room. `meta.state_version` tells which bytes these are, perhaps another
    /// version's.
    ///
    /// # Errors
    /// An unknown version or broken bytes: on a swap the old program goes on, elsewhere the room
    /// stops with the text.
    fn restore(config: &RoomConfig, meta: &SnapshotMeta, state: &[u8]) -> Result<Self, String>;

    /// Somebody who is no member asks to enter. Answer with exactly one of [`Cx::admit`],
    /// [`Cx::refuse`] and [`Cx::redirect`].
    fn join_attempt(&mut self, cx: &mut Cx, entrant: Entrant) {
        cx.admit(entrant.connection);
    }

    /// An admitted user is a member; the first `attach` follows in the same call.
    fn join(&mut self, cx: &mut Cx, joined: Joined) {
        let _ = (cx, joined);
    }

    /// A connection can be reached from now on. Unless it resumed, show it the room.
    fn attach(&mut self, cx: &mut Cx, attachment: Attachment) {
        let _ = (cx, attachment);
    }

    /// A connection cannot be reached any more; its member stays for the time of grace.
    fn detach(&mut self, cx: &mut Cx, detachment: Detachment) {
        let _ = (cx, detachment);
    }

    /// A member is gone.
    fn leave(&mut self, cx: &mut Cx, departure: Departure) {
        let _ = (cx, departure);
    }

    /// A member said something.
    fn message(&mut self, cx: &mut Cx, topic: Self::Topic, message: Message) {
        let _ = (cx, topic, message);
    }

    /// Time for a step, last in its call; [`Cx::tick`] counts them. Only with
    /// [`Manifest::ticks`].
    fn tick(&mut self, cx: &mut Cx) {
        let _ = cx;
    }

    /// A timer ran out, see [`Cx::set_timer`].
    fn timer(&mut self, cx: &mut Cx, id: u32) {
        let _ = (cx, id);
    }

    /// A member's profile is another one now, everywhere.
    fn profile_changed(&mut self, cx: &mut Cx, changed: MemberProfile) {
        let _ = (cx, changed);
    }

    /// This program has taken over a running room on a swap; not after a repair or a restart.
    fn activated(&mut self, cx: &mut Cx, before: SnapshotMeta) {
        let _ = (cx, before);
    }

    /// An operator or an HTTP caller wants something; answer with [`Cx::reply_signal`].
    fn signal(&mut self, cx: &mut Cx, signal: Signal) {
        let answer = Err(format!("this kind has no signal {:?}", signal.name));
        cx.reply_signal(signal.id, answer);
    }

    /// Somebody, member or not, wants to open a document; answer with [`Cx::grant`] or
    /// [`Cx::deny`] of [`DocQuestion::right`]. No answer is a denial for this once.
    fn doc_access(&mut self, cx: &mut Cx, question: DocQuestion) {
        let _ = (cx, question);
    }

    /// A [`Cx::doc_apply`] is durable, or was refused.
    fn doc_applied(&mut self, cx: &mut Cx, outcome: DocOutcome) {
        let _ = (cx, outcome);
    }

    /// A member wants to send a track or receive one; answer with [`Cx::grant`] or [`Cx::deny`].
    /// No answer is a denial for this once.
    fn media_access(&mut self, cx: &mut Cx, right: MediaRight) {
        let _ = (cx, right);
    }

    /// The room ends, not by its own wish. What is delivered now still leaves.
    fn terminate(&mut self, cx: &mut Cx, cause: EndCause) {
        let _ = (cx, cause);
    }
}
