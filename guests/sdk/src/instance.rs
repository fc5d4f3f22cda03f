//! One room's rules at work: events to methods, methods to effects.

use std::cell::RefCell;

use crate::types::{Context, Effect, Event, Manifest, RoomConfig, SnapshotMeta};
use crate::{Cx, Rules, Topics, fault, log};

/// The rules of one room, called as the interface describes: the same path in a component, in
/// [`crate::harness`] and wherever rules run natively.
#[derive(Debug)]
pub struct Instance<R> {
    rules: R,
}

impl<R: Rules> Instance<R> {
    /// What this program is.
    #[must_use]
    pub fn describe() -> Manifest {
        R::manifest()
    }

    /// Begin a new room.
    ///
    /// # Errors
    /// Why there is no room.
    pub fn init(config: &RoomConfig) -> Result<Self, String> {
        R::init(config).map(|rules| Self { rules })
    }

    /// Take over a room from a snapshot.
    ///
    /// # Errors
    /// Why these bytes are not understood.
    pub fn restore(config: &RoomConfig, meta: &SnapshotMeta, state: &[u8]) -> Result<Self, String> {
        R::restore(config, meta, state).map(|rules| Self { rules })
    }

    /// Answer what happened with what shall be done.
    #[must_use]
    pub fn handle(&mut self, context: Context, events: Vec<Event>) -> Vec<Effect> {
        let mut cx = Cx::new(context);
        for (index, event) in (0..).zip(events) {
            cx.at_event(index);
            dispatch(&mut self.rules, &mut cx, event);
        }
        cx.into_effects()
    }

    /// Write the whole state down.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        self.rules.snapshot()
    }

    /// The state itself, for tests.
    #[must_use]
    pub fn rules(&self) -> &R {
        &self.rules
    }
}

fn dispatch<R: Rules>(rules: &mut R, cx: &mut Cx, event: Event) {
    match event {
        Event::JoinAttempt(entrant) => rules.join_attempt(cx, entrant),
        Event::Join(joined) => rules.join(cx, joined),
        Event::Attach(attachment) => rules.attach(cx, attachment),
        Event::Detach(detachment) => rules.detach(cx, detachment),
        Event::Leave(departure) => rules.leave(cx, departure),
        Event::Message(message) => match R::Topic::from_id(message.topic) {
            Some(topic) => rules.message(cx, topic, message),
            None => log::warn!("topic {} is not in the manifest", message.topic),
        },
        Event::Tick => rules.tick(cx),
        Event::Timer(id) => rules.timer(cx, id),
        Event::ProfileChanged(changed) => rules.profile_changed(cx, changed),
        Event::Activated(before) => rules.activated(cx, before),
        Event::Signal(signal) => rules.signal(cx, signal),
        Event::DocAccess(question) => rules.doc_access(cx, question),
        Event::DocApplied(outcome) => rules.doc_applied(cx, outcome),
        Event::MediaAccess(right) => rules.media_access(cx, right),
        Event::Terminate(cause) => rules.terminate(cx, cause),
    }
}

/// Where a component keeps its one instance between calls.
#[derive(Debug)]
pub struct Slot<R>(RefCell<Option<Instance<R>>>);

impl<R> Default for Slot<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> Slot<R> {
    /// Empty, as before `init`.
    #[must_use]
    pub const fn new() -> Self {
        Self(RefCell::new(None))
    }
}

impl<R: Rules> Slot<R> {
    /// The export `describe`.
    #[must_use]
    pub fn describe() -> Manifest {
        log::hook_panics();
        Instance::<R>::describe()
    }

    /// The export `init`.
    ///
    /// # Errors
    /// As [`Instance::init`].
    pub fn init(&self, config: &RoomConfig) -> Result<(), String> {
        log::hook_panics();
        let instance = Instance::init(config)?;
        self.0.replace(Some(instance));
        Ok(())
    }

    /// The export `restore`.
    ///
    /// # Errors
    /// As [`Instance::restore`].
    pub fn restore(
        &self,
        config: &RoomConfig,
        meta: &SnapshotMeta,
        state: &[u8],
    ) -> Result<(), String> {
        log::hook_panics();
        let instance = Instance::restore(config, meta, state)?;
        self.0.replace(Some(instance));
        Ok(())
    }

    /// The export `handle`.
    #[must_use]
    pub fn handle(&self, context: Context, events: Vec<Event>) -> Vec<Effect> {
        match self.0.borrow_mut().as_mut() {
            Some(instance) => instance.handle(context, events),
            None => fault("called before init"),
        }
    }

    /// The export `snapshot`.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        match self.0.borrow().as_ref() {
            Some(instance) => instance.snapshot(),
            None => fault("called before init"),
        }
    }
}
