//! A room and its host's side: time, timers, calls.

use std::collections::BTreeMap;

use serde_json::Value;

use super::check::{self, Checker};
use super::effects::Effects;
use super::people::People;
use crate::Rules;
use crate::instance::Instance;
use crate::types::{
    Context, Effect, EndCause, Event, Listing, Manifest, Pace, Payload, RoomConfig, Signal,
    SnapshotMeta,
};

/// When rooms begin, in Unix milliseconds.
const START: u64 = 1_800_000_000_000;
/// What `program` says in snapshots.
const PROGRAM: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Most events of a call.
const MAX_EVENTS: usize = 64;
/// Most timers of a room.
const MAX_TIMERS: usize = 256;

/// A room of these rules and the host around it; see [`crate::harness`].
#[derive(Debug)]
pub struct Room<R> {
    pub(super) people: People,
    instance: Instance<R>,
    manifest: Manifest,
    config: RoomConfig,
    now: u64,
    uptime: u64,
    calls: u64,
    ticks: u64,
    timers: BTreeMap<u32, u64>,
    listing: Option<Listing>,
    signals: u32,
    last: Effects,
}

/// What a room is told at its start unless a test says otherwise: id `test`, seed 1, no options,
/// no bans.
#[must_use]
pub fn config() -> RoomConfig {
    RoomConfig {
        room: "test".to_owned(),
        seed: 1,
        options: "{}".to_owned(),
        bans: Vec::new(),
    }
}

/// Beginning and ending.
impl<R: Rules> Room<R> {
    /// A new room with the usual [`config`].
    ///
    /// # Panics
    /// When the rules refuse, or the host would refuse their manifest.
    #[track_caller]
    #[must_use]
    pub fn start() -> Self {
        Self::start_as(config()).expect("a new room")
    }

    /// A new room with these options.
    ///
    /// # Panics
    /// As [`Room::start`].
    #[track_caller]
    #[must_use]
    pub fn start_with(options: &Value) -> Self {
        Self::start_as(RoomConfig {
            options: options.to_string(),
            ..config()
        })
        .expect("a new room")
    }

    /// A new room with this configuration.
    ///
    /// # Errors
    /// Why the rules refuse.
    ///
    /// # Panics
    /// When the host would refuse their manifest.
    #[track_caller]
    pub fn start_as(config: RoomConfig) -> Result<Self, String> {
        let manifest = Instance::<R>::describe();
        check::manifest(&manifest).expect("a manifest without contradictions");
        let instance = Instance::init(&config)?;
        Ok(Self {
            people: People::default(),
            instance,
            manifest,
            config,
            now: START,
            uptime: 0,
            calls: 0,
            ticks: 0,
            timers: BTreeMap::new(),
            listing: None,
            signals: 0,
            last: Effects::default(),
        })
    }

    /// Other rules take over, as on a hot swap: they restore the snapshot and are told that they
    /// are `activated`.
    ///
    /// # Errors
    /// Why the new rules refuse the state.
    pub fn swap<New: Rules>(self) -> Result<Room<New>, String> {
        let meta = self.meta();
        let instance = Instance::restore(&self.config, &meta, &self.instance.snapshot())?;
        let mut room = Room {
            people: self.people,
            instance,
            manifest: Instance::<New>::describe(),
            config: self.config,
            now: self.now,
            uptime: self.uptime,
            calls: self.calls,
            ticks: self.ticks,
            timers: self.timers,
            listing: self.listing,
            signals: self.signals,
            last: Effects::default(),
        };
        room.call(vec![Event::Activated(meta)]);
        Ok(room)
    }

    /// The server is started anew after so many milliseconds: the state is restored and all
    /// connections are gone.
    pub fn restart(&mut self, down: u64) -> Effects {
        let state = self.instance.snapshot();
        self.instance = self.restored(&state);
        self.now += down;
        let events = self.people.lose_all();
        if events.is_empty() {
            Effects::default()
        } else {
            self.call(events)
        }
    }

    /// The room ends, not by its own wish.
    pub fn terminate(&mut self, cause: EndCause) -> Effects {
        self.call(vec![Event::Terminate(cause)])
    }
}

/// What is known.
impl<R: Rules> Room<R> {
    /// The state.
    #[must_use]
    pub fn rules(&self) -> &R {
        self.instance.rules()
    }

    /// What the rules said of themselves.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Unix time in milliseconds.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.now
    }

    /// The room's entry in the kind's list.
    #[must_use]
    pub fn listing(&self) -> Option<&Listing> {
        self.listing.as_ref()
    }

    /// When the timer runs out, in Unix milliseconds.
    #[must_use]
    pub fn timer(&self, id: u32) -> Option<u64> {
        self.timers.get(&id).copied()
    }

    /// The effects of the last call.
    #[must_use]
    pub fn last(&self) -> &Effects {
        &self.last
    }

    /// The state as bytes.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        self.instance.snapshot()
    }
}

/// Calls and time.
impl<R: Rules> Room<R> {
    /// Call the rules with a batch as it is. The other methods go through this one.
    ///
    /// # Panics
    /// When the host would void the call, when an instance restored just before answers
    /// otherwise, or when the batch has not 1 to 64 events.
    #[track_caller]
    pub fn call(&mut self, events: Vec<Event>) -> Effects {
        assert!(
            (1..=MAX_EVENTS).contains(&events.len()),
            "a batch of {} events",
            events.len()
        );
        self.calls += 1;
        let context = self.context(&events);
        let state = self.instance.snapshot();
        let mut twin = self.restored(&state);
        let all = self.instance.handle(context, events.clone());
        assert_eq!(
            twin.handle(context, events.clone()),
            all,
            "rules restored from a snapshot gave the effects on the left"
        );
        assert!(
            twin.snapshot() == self.instance.snapshot(),
            "rules restored from a snapshot came to another state after {events:?}"
        );
        self.check(&events, &all);
        let effects = Effects::of(&events, all);
        self.apply(&effects);
        self.last = effects.clone();
        effects
    }

    /// Let time pass; timers that run out are called at their times, one by one.
    pub fn advance(&mut self, milliseconds: u64) -> Effects {
        let end = self.now + milliseconds;
        let mut effects = Effects::default();
        while let Some((id, due)) = self.next_timer().filter(|(_, due)| *due <= end) {
            self.timers.remove(&id);
            self.pass(due.saturating_sub(self.now));
            effects.append(self.call(vec![Event::Timer(id)]));
        }
        self.pass(end - self.now);
        effects
    }

    /// A tick, after its share of a second.
    ///
    /// # Panics
    /// When the kind has no ticks; otherwise as [`Room::call`].
    #[track_caller]
    pub fn tick(&mut self) -> Effects {
        self.tick_with(Vec::new())
    }

    /// A tick with what was collected before it.
    ///
    /// # Panics
    /// As [`Room::tick`].
    #[track_caller]
    pub fn tick_with(&mut self, mut events: Vec<Event>) -> Effects {
        let Pace::Ticks(rate) = self.manifest.pace else {
            panic!("kind {} has no ticks", self.manifest.kind)
        };
        self.ticks += 1;
        // The n-th tick lies n seconds / rate after the start, so fractions do not add up.
        let rate = u64::from(rate);
        self.pass(self.ticks * 1000 / rate - (self.ticks - 1) * 1000 / rate);
        events.push(Event::Tick);
        self.call(events)
    }

    /// An operator wants something; the answer.
    ///
    /// # Panics
    /// When there is none in this call; otherwise as [`Room::call`].
    #[track_caller]
    pub fn signal(&mut self, name: &str, body: &Value) -> Result<Payload, String> {
        self.signals += 1;
        let id = self.signals;
        let effects = self.call(vec![Event::Signal(Signal {
            id,
            name: name.to_owned(),
            body: Payload::of(body),
        })]);
        let answer = effects.all().iter().find_map(|effect| match effect {
            Effect::ReplySignal(reply) if reply.id == id => Some(reply.answer.clone()),
            _ => None,
        });
        answer.unwrap_or_else(|| panic!("signal {name:?} was not answered: {effects:#?}"))
    }

    fn meta(&self) -> SnapshotMeta {
        let state_version = self.manifest.state_version;
        SnapshotMeta {
            program: PROGRAM.to_owned(),
            state_version,
        }
    }

    #[track_caller]
    fn restored(&self, state: &[u8]) -> Instance<R> {
        let restored = Instance::restore(&self.config, &self.meta(), state);
        let restored = restored.expect("rules that understand their own snapshot");
        assert!(
            restored.snapshot() == state,
            "a restored state gave another snapshot"
        );
        restored
    }

    fn context(&self, events: &[Event]) -> Context {
        let mut seed = crate::Rng::new(self.config.seed ^ self.calls.rotate_left(32));
        let ticks = matches!(self.manifest.pace, Pace::Ticks(_)).then_some(self.ticks);
        debug_assert!(ticks.is_some() || !events.contains(&Event::Tick));
        Context {
            now: self.now,
            uptime: self.uptime,
            seed: seed.next_u64() >> 11,
            tick: ticks,
        }
    }

    #[track_caller]
    fn check(&self, events: &[Event], effects: &[Effect]) {
        let checker = Checker {
            manifest: &self.manifest,
            events,
            members: self.people.members_given(),
            connections: self.people.connections_given(),
        };
        if let Err(reason) = checker.check(effects) {
            panic!("the host would void this call: {reason}");
        }
    }

    #[track_caller]
    fn apply(&mut self, effects: &Effects) {
        for effect in effects.all() {
            match effect {
                Effect::SetTimer(timer) => {
                    self.timers
                        .insert(timer.id, self.now + u64::from(timer.after));
                }
                Effect::CancelTimer(id) => drop(self.timers.remove(id)),
                Effect::SetListing(listing) => self.listing = Some(listing.clone()),
                _ => {}
            }
        }
        assert!(
            self.timers.len() <= MAX_TIMERS,
            "more than {MAX_TIMERS} timers"
        );
    }

    fn next_timer(&self) -> Option<(u32, u64)> {
        self.timers
            .iter()
            .map(|(id, due)| (*id, *due))
            .min_by_key(|(id, due)| (*due, *id))
    }

    fn pass(&mut self, milliseconds: u64) {
        self.now += milliseconds;
        self.uptime += milliseconds;
    }
}
