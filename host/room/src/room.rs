//! A room: what it holds, how it begins, how it is stepped through time.

use crate::calls::Batch;
use crate::checkpointing::{Base, Recent};
use crate::clock::{Clock, RoomTime};
use crate::effect::Listing;
use crate::event::{EndCause, Event, SnapshotMeta};
use crate::exchange::Retreat;
use crate::faults::FaultLedger;
use crate::gate::Gate;
use crate::identity::Identity;
use crate::ids::{ConnectionId, MemberId, Ticket, TimerId};
use crate::input::Input;
use crate::journal::Journal;
use crate::limits::Limits;
use crate::manifest::{Durability, Intake, Manifest, Pace, Topic};
use crate::mending::{Mending, Repair};
use crate::meter::FuelMeter;
use crate::opening::{Opening, RoomConfig, StopReason, check_granted};
use crate::output::Output;
use crate::resume::ResumeRing;
use crate::rights::Rights;
use crate::roster::Roster;
use crate::rules::{Fault, Program, RoomIdentity, Rules};
use crate::signals::Signals;
use crate::timers::Timers;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

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
    /// The topics of the present program.
    pub(crate) topics: BTreeMap<Topic, Intake>,
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
    pub(crate) signals: Signals,
    pub(crate) ring: ResumeRing,
    pub(crate) gate: Gate,
    /// Inputs not yet turned into events.
    pub(crate) inputs: VecDeque<Input>,
    /// Admitted connections that enter without asking again.
    pub(crate) entering: VecDeque<ConnectionId>,
    /// Events the rules are to be told of before anything else.
    pub(crate) owed: VecDeque<Event>,
    pub(crate) base: Base,
    pub(crate) journal: Journal,
    pub(crate) recent: Option<Recent>,
    pub(crate) dirty_since: Option<Duration>,
    pub(crate) snapshot_bytes: usize,
    pub(crate) repair: Option<Repair>,
    /// There while a batch is given again one event at a time.
    pub(crate) mending: Option<Mending>,
    pub(crate) meter: FuelMeter,
    pub(crate) replaying: bool,
    /// Said by the rules or the host: the room is over once the call at hand is done with.
    pub(crate) ending: Option<crate::effect::Ending>,
    /// Whether something of it may be in a store: it has, or had, rules that outlive the process.
    pub(crate) is_stored: bool,
    /// Over, and what was stored is being removed with that ticket.
    pub(crate) deletion: Option<Ticket>,
    pub(crate) empty_since: Option<u64>,
    /// After a restart: not given up before, even if empty.
    pub(crate) kept_until: u64,
    pub(crate) headcount: u32,
    pub(crate) dropped: u64,
    pub(crate) divergences: u64,
    /// What the program before can be brought back from.
    pub(crate) retreat: Option<Retreat>,
    /// Calls are shown to the host.
    pub(crate) is_tapped: bool,
    /// Faults charged in this life.
    pub(crate) fault_count: u64,
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
        check_granted(&config, manifest)?;
        let identity = identity(&config, opening);
        Ok(Self {
            limits: config.limits.for_program(manifest),
            topics: topics(manifest),
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
            signals: Signals::default(),
            ring: ResumeRing::new(opening.incarnation),
            gate: Gate::default(),
            inputs: VecDeque::new(),
            entering: VecDeque::new(),
            owed: VecDeque::new(),
            base: Base::Init,
            journal: Journal::default(),
            recent: None,
            dirty_since: None,
            snapshot_bytes: 0,
            repair: None,
            mending: None,
            meter: FuelMeter::default(),
            replaying: false,
            ending: None,
            is_stored: manifest.durability != Durability::Ephemeral,
            deletion: None,
            empty_since: None,
            kept_until: 0,
            headcount: 0,
            dropped: 0,
            divergences: 0,
            retreat: None,
            is_tapped: false,
            fault_count: 0,
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
        if self.phase == Phase::Over {
            for input in inputs {
                self.decline(&input);
            }
        } else {
            self.inputs.extend(inputs);
            self.collect_due();
            self.mend();
            self.run();
            self.settle();
            self.give_back();
        }
        std::mem::take(&mut self.out)
    }

    /// Queues that are empty most of the time keep no memory for the next time.
    fn give_back(&mut self) {
        fn empty<T>(queue: &mut VecDeque<T>) {
            if queue.is_empty() {
                *queue = VecDeque::new();
            }
        }
        empty(&mut self.inputs);
        empty(&mut self.entering);
        empty(&mut self.owed);
        empty(&mut self.due_timers);
    }

    /// A [`crate::Persist`] is durable, and with it everything handed out before; or it could not be stored:
    /// then the room stops, and nothing of that call ever leaves. A room whose deletion fails is over all the
    /// same; that its state stays is the host's to log.
    pub fn persisted(&mut self, ticket: Ticket, result: Result<(), String>) -> Vec<Output> {
        match result {
            Ok(()) => self.gate.open(ticket, &mut self.out),
            Err(_) if self.deletion == Some(ticket) => self.gate.open(ticket, &mut self.out),
            Err(cause) => self.stop(StopReason::Storage(cause)),
        }
        std::mem::take(&mut self.out)
    }

    /// Put everything that is only in memory where it survives: before resting, and on shutdown. An
    /// ephemeral room ends instead.
    pub fn put_away(&mut self, clock: Clock) -> Vec<Output> {
        let ephemeral = self.durability() == Durability::Ephemeral;
        let end = ephemeral.then_some(Input::End(EndCause::Shutdown));
        let mut out = self.step(clock, end);
        // Each step mends what the one before left broken, and goes on behind it.
        while self.phase == Phase::Running && self.is_busy() {
            out.append(&mut self.step(clock, []));
        }
        if self.phase == Phase::Running && self.dirty_since.is_some() {
            self.checkpoint();
            self.mend();
        }
        out.append(&mut self.out);
        out
    }

    /// Whether something is left that does not wait for the time or for the host.
    pub(crate) fn is_busy(&self) -> bool {
        self.repair.is_some()
            || !self.owed.is_empty()
            || !self.entering.is_empty()
            || !self.inputs.is_empty()
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
            let next = ticker.next.saturating_add(ticker.every);
            ticker.next = if next > mono {
                next
            } else {
                mono.saturating_add(ticker.every)
            };
        }
        while let Some(id) = self.signals.overdue(now) {
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
        self.ring.expire(self.time.now(), &self.limits);
        self.count_heads();
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

    pub(crate) fn count_heads(&mut self) {
        let headcount = self.roster.headcount();
        if headcount != self.headcount {
            self.headcount = headcount;
            self.emit(Output::Headcount(headcount));
        }
    }

    /// When a room with nobody in it is given up.
    pub(crate) fn empty_deadline(&self) -> Option<u64> {
        let keep = u64::try_from(self.limits.keep_empty.as_millis()).unwrap_or(u64::MAX);
        self.empty_since
            .map(|since| since.saturating_add(keep).max(self.kept_until))
    }

    pub(crate) fn begin_repair(&mut self, batch: Batch, fault: Fault) {
        self.guest = None;
        self.repair = Some(Repair { batch, fault });
    }
}

fn identity(config: &RoomConfig, opening: &Opening) -> RoomIdentity {
    RoomIdentity {
        room: config.id.clone(),
        seed: opening.seed & ((1 << 53) - 1),
        options: config.options.clone(),
        bans: opening.bans.clone(),
    }
}

pub(crate) fn ticker(manifest: &Manifest, mono: Duration) -> Option<Ticker> {
    match manifest.pace {
        Pace::Messages => None,
        Pace::Ticks(hz) => {
            let every = Duration::from_secs(1) / u32::from(hz.max(1));
            Some(Ticker {
                every,
                next: mono.saturating_add(every),
                due: false,
            })
        }
    }
}

pub(crate) fn topics(manifest: &Manifest) -> BTreeMap<Topic, Intake> {
    let specs = manifest.topics.iter();
    specs.map(|spec| (spec.name.clone(), spec.intake)).collect()
}
