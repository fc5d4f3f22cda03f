//! A room: what it holds, how it begins, how it is stepped through time.

use crate::calls::Batch;
use crate::checkpointing::Base;
use crate::clock::{Clock, RoomTime};
use crate::effect::{Ban, Listing};
use crate::event::{EndCause, Event, SnapshotMeta};
use crate::faults::FaultLedger;
use crate::gate::Gate;
use crate::identity::{Identity, UserId};
use crate::ids::{ConnectionId, MemberId, Ticket, TimerId};
use crate::input::Input;
use crate::journal::Journal;
use crate::limits::Limits;
use crate::manifest::{Capability, Durability, Manifest, Pace};
use crate::meter::FuelMeter;
use crate::output::Output;
use crate::repair::Repair;
use crate::resume::ResumeRing;
use crate::rights::Rights;
use crate::roster::Roster;
use crate::rules::{Fault, LogLine, Program, RoomIdentity, Rules};
use crate::timers::Timers;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// What the operator's configuration says of a room.
#[derive(Clone)]
pub struct RoomConfig {
    /// The room's id within its kind.
    pub id: String,
    /// JSON object: settings for the rules, at most 64 KiB.
    pub options: String,
    /// The host's bounds for the kind; the program's own wishes are taken into account by the room.
    pub limits: Limits,
    /// Capabilities that the operator grants.
    pub granted: Vec<Capability>,
    /// Where the rules' lines go.
    pub log: LogLine,
}

/// When and with what chance a room begins.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The host's clocks.
    pub clock: Clock,
    /// The room's own seed, kept for ever; cut to 53 bits.
    pub seed: u64,
    /// Tells this life of the room from earlier ones, for those who resume.
    pub incarnation: u64,
    /// Bans of an earlier room of this id that still run.
    pub bans: Vec<Ban>,
}

/// Where the next step belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// On the runtime's own threads.
    Inline,
    /// On the bounded pool for what takes long.
    Blocking,
}

/// Why a room does not begin, or cannot go on.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StopReason {
    /// The rules themselves said no.
    #[error("{0}")]
    Refused(String),
    /// The rules failed where no event is to blame.
    #[error("the rules failed: {0}")]
    Rules(Fault),
    /// They failed too often.
    #[error("the rules failed too often, last: {0}")]
    TooManyFaults(Fault),
    /// What was accepted could not be repeated after a fault.
    #[error("the room could not be rebuilt: {0}")]
    Rebuild(String),
    /// What was to be durable could not be stored.
    #[error("the room's state could not be stored: {0}")]
    Storage(String),
    /// The program wants what the operator does not grant.
    #[error("the rules want {0:?}, which is not granted to this kind")]
    NotGranted(&'static str),
}

/// Whether a room goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Running,
    /// Ended by its own wish or the host's, or stopped.
    Over,
}

/// The ticks of a room whose rules are paced by them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticker {
    pub(crate) every: Duration,
    pub(crate) next: Duration,
    pub(crate) due: bool,
}

/// One room.
pub struct Room {
    pub(crate) program: Arc<dyn Program>,
    /// Absent while broken.
    pub(crate) guest: Option<Box<dyn Rules>>,
    pub(crate) config: RoomConfig,
    pub(crate) identity: RoomIdentity,
    pub(crate) limits: Limits,
    pub(crate) phase: Phase,
    pub(crate) time: RoomTime,
    pub(crate) sequence: u64,
    /// The first call of the present program.
    pub(crate) since: u64,
    pub(crate) ticks: u64,
    pub(crate) ticker: Option<Ticker>,
    pub(crate) roster: Roster,
    /// Who left within the batch at hand: still usable as authors.
    pub(crate) departed: BTreeMap<MemberId, Identity>,
    pub(crate) timers: Timers,
    pub(crate) due_timers: VecDeque<TimerId>,
    pub(crate) rights: Rights,
    pub(crate) listing: Option<Listing>,
    pub(crate) faults: FaultLedger,
    pub(crate) signals: BTreeMap<u32, u64>,
    pub(crate) ring: ResumeRing,
    pub(crate) gate: Gate,
    /// Tickets not yet answered, with their sizes.
    pub(crate) storing: BTreeMap<Ticket, usize>,
    /// Inputs not yet turned into events.
    pub(crate) inputs: VecDeque<Input>,
    /// Events the rules are to be told of before anything else.
    pub(crate) owed: VecDeque<Event>,
    pub(crate) base: Base,
    pub(crate) journal: Journal,
    pub(crate) dirty_since: Option<Duration>,
    pub(crate) snapshot_bytes: usize,
    pub(crate) repair: Option<Repair>,
    pub(crate) meter: FuelMeter,
    pub(crate) replaying: bool,
    /// Said by the rules or the host: the room is over once the call at hand is done with.
    pub(crate) ending: Option<crate::effect::Ending>,
    pub(crate) empty_since: Option<u64>,
    pub(crate) headcount: u32,
    pub(crate) dropped: u64,
    pub(crate) divergences: u64,
    pub(crate) out: Vec<Output>,
}

impl Room {
    /// Begin a new room.
    ///
    /// # Errors
    /// The rules refuse, fail, or want what is not granted; there is no room then.
    pub fn open(
        program: Arc<dyn Program>,
        config: RoomConfig,
        opening: Opening,
    ) -> Result<Self, StopReason> {
        let mut room = Self::bare(program, config, &opening)?;
        room.start_guest(false)?;
        if room.durability() == Durability::Journaled {
            // Its records mean nothing without the seed and the state they begin from.
            room.store_checkpoint().map_err(StopReason::Rules)?;
        }
        Ok(room)
    }

    /// A room without a guest and with nobody in it.
    pub(crate) fn bare(
        program: Arc<dyn Program>,
        config: RoomConfig,
        opening: &Opening,
    ) -> Result<Self, StopReason> {
        let manifest = program.manifest();
        if let Some(missing) = manifest
            .capabilities
            .iter()
            .find(|wanted| !config.granted.contains(wanted))
        {
            return Err(StopReason::NotGranted(missing.name()));
        }
        let identity = RoomIdentity {
            room: config.id.clone(),
            seed: opening.seed & ((1 << 53) - 1),
            options: config.options.clone(),
            bans: opening.bans.clone(),
        };
        Ok(Self {
            limits: config.limits.for_program(manifest),
            ticker: ticker(manifest, opening.clock.mono),
            guest: None,
            identity,
            phase: Phase::Running,
            time: RoomTime::start(opening.clock, 0, 0),
            sequence: 0,
            since: 1,
            ticks: 0,
            roster: Roster::default(),
            departed: BTreeMap::new(),
            timers: Timers::default(),
            due_timers: VecDeque::new(),
            rights: Rights::default(),
            listing: None,
            faults: FaultLedger::default(),
            signals: BTreeMap::new(),
            ring: ResumeRing::new(opening.incarnation),
            gate: Gate::default(),
            storing: BTreeMap::new(),
            inputs: VecDeque::new(),
            owed: VecDeque::new(),
            base: Base::Init,
            journal: Journal::default(),
            dirty_since: None,
            snapshot_bytes: 0,
            repair: None,
            meter: FuelMeter::default(),
            replaying: false,
            ending: None,
            empty_since: None,
            headcount: 0,
            dropped: 0,
            divergences: 0,
            out: Vec::new(),
            program,
            config,
        })
    }

    /// Take in what happened up to now, call the rules, give what they want done. After a fault the
    /// room stands still until the next step, which mends it and belongs on a blocking thread
    /// (see [`Room::placement`]).
    pub fn step(&mut self, clock: Clock, inputs: impl IntoIterator<Item = Input>) -> Vec<Output> {
        self.time.advance(clock);
        self.inputs.extend(inputs);
        if self.phase == Phase::Running {
            self.collect_due();
            self.mend();
            self.run();
            self.settle();
        }
        std::mem::take(&mut self.out)
    }

    /// A [`crate::Persist`] is durable, or could not be stored: then the room stops, and nothing of
    /// that call ever leaves.
    pub fn persisted(&mut self, ticket: Ticket, result: Result<(), String>) -> Vec<Output> {
        self.storing.remove(&ticket);
        match result {
            Ok(()) => self.gate.open(ticket, &mut self.out),
            Err(cause) => self.stop(StopReason::Storage(cause)),
        }
        std::mem::take(&mut self.out)
    }

    /// When the next step is due, on the steady clock, if nothing is handed in before.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        if self.phase == Phase::Over {
            return None;
        }
        if self.repair.is_some() || !self.owed.is_empty() || !self.inputs.is_empty() {
            return Some(self.time.mono());
        }
        let unix = [
            self.timers.next_due(),
            self.roster.next_grace(),
            self.roster.next_reservation(),
            self.signals.values().min().copied(),
            self.empty_deadline(),
        ];
        let tick = self.ticker.map(|ticker| ticker.next);
        let checkpoint = self
            .dirty_since
            .map(|since| since + self.limits.checkpoint_every);
        unix.into_iter()
            .flatten()
            .map(|due| self.time.when(due))
            .chain(tick)
            .chain(checkpoint)
            .min()
    }

    /// Whether messages should be handed in with a step at that time: always, but with ticks only when one is due.
    #[must_use]
    pub fn wants_messages(&self, clock: Clock) -> bool {
        !self.is_congested() && self.ticker.is_none_or(|ticker| ticker.next <= clock.mono)
    }

    /// Whether too much waits for the disk to take more in.
    #[must_use]
    pub fn is_congested(&self) -> bool {
        self.storing.values().sum::<usize>() > self.limits.commit_bytes
    }

    /// Where the next step belongs.
    #[must_use]
    pub fn placement(&self) -> Placement {
        const LARGE_STATE: usize = 256 * 1024;
        let heavy = self.repair.is_some()
            || self.program.blocking()
            || self.snapshot_bytes > LARGE_STATE
            || self.meter.is_heavy(self.ticker.is_some());
        if heavy {
            Placement::Blocking
        } else {
            Placement::Inline
        }
    }

    /// Which program rules the room.
    #[must_use]
    pub fn program(&self) -> &Arc<dyn Program> {
        &self.program
    }

    /// The call since which the present program rules.
    #[must_use]
    pub fn since(&self) -> u64 {
        self.since
    }

    /// Calls so far.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The room's own time.
    #[must_use]
    pub fn time(&self) -> RoomTime {
        self.time
    }

    /// The number of the last reliable delivery.
    #[must_use]
    pub fn last_delivery(&self) -> crate::DeliveryNumber {
        self.ring.last()
    }

    /// Members, without those who were kicked.
    #[must_use]
    pub fn headcount(&self) -> u32 {
        self.roster.headcount()
    }

    /// Users that are members, with the profiles the room knows.
    pub fn profiles(&self) -> impl Iterator<Item = (&UserId, &crate::Profile)> {
        let here = self.roster.members().filter(|(_, member)| !member.gone);
        here.map(|(_, member)| (&member.identity.user, &member.identity.profile))
    }

    /// Who a connection belongs to.
    #[must_use]
    pub fn member_of(&self, connection: ConnectionId) -> Option<MemberId> {
        self.roster.connection(connection).map(|c| c.member)
    }

    /// What the rules have said of a right.
    #[must_use]
    pub fn right(&self, right: &crate::Right) -> crate::RightState {
        self.rights.state(right)
    }

    /// The room's entry in the kind's list.
    #[must_use]
    pub fn listing(&self) -> Option<&Listing> {
        self.listing.as_ref()
    }

    /// Inputs and effects that came to nothing, because what they named had gone.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Replayed calls that had other effects than the first time: rules that are not deterministic.
    #[must_use]
    pub fn divergences(&self) -> u64 {
        self.divergences
    }

    /// Fuel used by all calls so far.
    #[must_use]
    pub fn fuel(&self) -> u64 {
        self.meter.total()
    }

    /// Whether it goes on.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.phase == Phase::Running
    }

    /// Whether everything handed out to be made durable has been answered.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.storing.is_empty() && self.gate.is_open()
    }

    /// Whether a room that outlives the process could rest in the store now: nobody in it for long
    /// enough, nothing to wake up for.
    #[must_use]
    pub fn may_rest(&self) -> bool {
        let long_enough = self
            .empty_deadline()
            .is_some_and(|due| due <= self.time.now());
        self.durability() != Durability::Ephemeral
            && long_enough
            && self.timers.len() == 0
            && self.signals.is_empty()
            && self.repair.is_none()
    }

    /// Put everything that is only in memory where it survives: before resting, and on shutdown. An
    /// ephemeral room ends instead.
    pub fn put_away(&mut self, clock: Clock) -> Vec<Output> {
        if self.durability() == Durability::Ephemeral {
            return self.step(clock, [Input::End(EndCause::Shutdown)]);
        }
        let mut out = self.step(clock, []);
        if self.phase == Phase::Running && self.dirty_since.is_some() {
            self.mend();
            self.checkpoint();
        }
        out.append(&mut self.out);
        out
    }

    pub(crate) fn manifest(&self) -> &Manifest {
        self.program.manifest()
    }

    pub(crate) fn durability(&self) -> Durability {
        self.manifest().durability
    }

    pub(crate) fn meta(&self) -> SnapshotMeta {
        SnapshotMeta {
            program: self.program.hash(),
            state_version: self.manifest().state_version,
        }
    }

    /// Hand an output on, or keep it behind what waits for the disk.
    pub(crate) fn emit(&mut self, output: Output) {
        if !self.replaying
            && let Some(output) = self.gate.hold(output)
        {
            self.out.push(output);
        }
    }

    /// Note what has fallen due by now.
    fn collect_due(&mut self) {
        let now = self.time.now();
        let due = self
            .timers
            .iter()
            .take_while(|(due, _)| *due <= now)
            .map(|(_, id)| id);
        self.due_timers = due.collect();
        let mono = self.time.mono();
        if let Some(ticker) = &mut self.ticker
            && ticker.next <= mono
        {
            ticker.due = true;
            let next = ticker.next + ticker.every;
            ticker.next = if next > mono {
                next
            } else {
                mono + ticker.every
            };
        }
        let unanswered: BTreeSet<u32> = self
            .signals
            .iter()
            .filter(|(_, until)| **until <= now)
            .map(|(&id, _)| id)
            .collect();
        for id in unanswered {
            self.signals.remove(&id);
            self.emit(Output::SignalReply {
                id,
                answer: Err("the rules did not answer in time".to_owned()),
            });
        }
    }

    /// Call the rules until nothing waits, or until a fault.
    fn run(&mut self) {
        while self.phase == Phase::Running && self.repair.is_none() {
            let batch = self.next_batch();
            if batch.is_empty() {
                break;
            }
            self.call(batch);
        }
    }

    /// What is done at the end of each step.
    fn settle(&mut self) {
        if self.phase == Phase::Over || self.repair.is_some() {
            return;
        }
        if self.is_checkpoint_due() {
            self.checkpoint();
        }
        let headcount = self.roster.headcount();
        if headcount != self.headcount {
            self.headcount = headcount;
            self.emit(Output::Headcount(headcount));
        }
        if !self.roster.is_empty() {
            self.empty_since = None;
        } else if self.empty_since.is_none() {
            self.empty_since = Some(self.time.now());
        } else if self.durability() == Durability::Ephemeral
            && self
                .empty_deadline()
                .is_some_and(|due| due <= self.time.now())
        {
            self.inputs.push_back(Input::End(EndCause::Empty));
        }
    }

    fn empty_deadline(&self) -> Option<u64> {
        let keep = u64::try_from(self.limits.keep_empty.as_millis()).unwrap_or(u64::MAX);
        self.empty_since.map(|since| since.saturating_add(keep))
    }

    /// The room cannot go on: everybody is told, what waits for the disk never leaves.
    pub(crate) fn stop(&mut self, reason: StopReason) {
        if self.phase == Phase::Over {
            return;
        }
        self.gate.discard();
        self.storing.clear();
        let text = reason.to_string();
        self.close_all(|| crate::output::Closing::Stopped(text.clone()));
        self.phase = Phase::Over;
        self.guest = None;
        self.out.push(Output::Stopped(reason));
    }

    /// Close every connection and turn away whoever is at the door.
    pub(crate) fn close_all(&mut self, closing: impl Fn() -> crate::output::Closing) {
        let connections: Vec<ConnectionId> = self.roster.connections().map(|(id, _)| id).collect();
        for connection in connections {
            self.emit(Output::Close {
                connection,
                closing: closing(),
            });
        }
        let waiting: Vec<_> = self.roster.reservations().map(|r| r.session).collect();
        let knocking = self.inputs.iter().filter_map(|input| match input {
            Input::Knock(knock) => Some(knock.session),
            _ => None,
        });
        let sessions: Vec<_> = waiting.into_iter().chain(knocking).collect();
        for session in sessions {
            let reason = crate::effect::RefusalReason::Forbidden;
            let answer = crate::output::Answer::Refused {
                reason,
                text: "the room is over".to_owned(),
            };
            self.emit(Output::Answer { session, answer });
        }
    }

    pub(crate) fn begin_repair(&mut self, batch: Batch, fault: Fault) {
        self.guest = None;
        self.repair = Some(Repair { batch, fault });
    }
}

pub(crate) fn ticker(manifest: &Manifest, mono: Duration) -> Option<Ticker> {
    match manifest.pace {
        Pace::Messages => None,
        Pace::Ticks(hz) => {
            let every = Duration::from_secs(1) / u32::from(hz.max(1));
            Some(Ticker {
                every,
                next: mono + every,
                due: false,
            })
        }
    }
}
