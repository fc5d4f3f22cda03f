//! Bots: members whose connection is a component.

use std::cell::RefCell;

use crate::types::{AgentConfig, Context, Heard, Packet, Payload, TopicId};
use crate::{Rng, fault, log};

/// A bot. A value is one seat in one room; exported by [`crate::export_agent!`].
pub trait Agent: Sized + 'static {
    /// Take a seat. Look up the topics that the bot speaks with [`AgentConfig::topic`].
    ///
    /// # Errors
    /// A kind or topics that it cannot play: the bot does not ask to enter.
    fn init(config: &AgentConfig) -> Result<Self, String>;

    /// See what was delivered, in order, and say something: at most 16 packets, 64 KiB.
    fn observe(&mut self, cx: &mut BotCx, heard: Vec<Heard>);
}

impl AgentConfig {
    /// The number of the topic of this name, if the room has it.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<TopicId> {
        let place = self.topics.iter().position(|topic| topic == name)?;
        TopicId::try_from(place).ok()
    }
}

/// The context of a bot's call: time and chance to read, packets to say.
#[derive(Debug)]
pub struct BotCx {
    context: Context,
    rng: Rng,
    said: Vec<Packet>,
}

impl BotCx {
    fn new(context: Context) -> Self {
        Self {
            context,
            rng: Rng::new(context.seed),
            said: Vec::new(),
        }
    }

    /// Unix time in milliseconds.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.context.now
    }

    /// How many milliseconds the room has really been running.
    #[must_use]
    pub fn uptime(&self) -> u64 {
        self.context.uptime
    }

    /// The room's ticks so far; none in kinds without ticks.
    #[must_use]
    pub fn tick(&self) -> Option<u64> {
        self.context.tick
    }

    /// The call's chance, from a seed of the bot's own.
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// Say something, as a client would.
    pub fn say(&mut self, topic: TopicId, payload: Payload) {
        self.said.push(Packet { topic, payload });
    }
}

/// Call a bot once, as a component would be.
#[must_use]
pub fn observe<A: Agent>(agent: &mut A, context: Context, heard: Vec<Heard>) -> Vec<Packet> {
    let mut cx = BotCx::new(context);
    agent.observe(&mut cx, heard);
    cx.said
}

/// Where a component keeps its one bot between calls.
#[doc(hidden)]
#[derive(Debug)]
pub struct AgentSlot<A>(RefCell<Option<A>>);

impl<A> Default for AgentSlot<A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A> AgentSlot<A> {
    /// Empty, as before `init`.
    #[must_use]
    pub const fn new() -> Self {
        Self(RefCell::new(None))
    }
}

impl<A: Agent> AgentSlot<A> {
    /// The export `init`.
    ///
    /// # Errors
    /// As [`Agent::init`].
    pub fn init(&self, config: &AgentConfig) -> Result<(), String> {
        log::hook_panics();
        let agent = A::init(config)?;
        self.0.replace(Some(agent));
        Ok(())
    }

    /// The export `observe`.
    #[must_use]
    pub fn observe(&self, context: Context, seen: Vec<Heard>) -> Vec<Packet> {
        match self.0.borrow_mut().as_mut() {
            Some(agent) => observe(agent, context, seen),
            None => fault("called before init"),
        }
    }
}
