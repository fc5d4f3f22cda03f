//! One room's instance: a store of its own, called synchronously, dead after its first fault.

use crate::convert::{self, Topics};
use crate::engine::epochs;
use crate::fault;
use crate::host::Host;
use crate::interface::Exports;
use crate::interface::rules as wit;
use crate::interface::types::SnapshotMeta as WitSnapshotMeta;
use crate::log::RoomLog;
use crate::maps::Lease;
use crate::program::Code;
use crate::quota::Quota;
use bytes::Bytes;
use roost_room::{
    CallLimits, Context, Event, Fault, Handled, LogLine, Manifest, RoomIdentity, Rules,
    SnapshotMeta,
};
use std::sync::Arc;
use wasmtime::Store;

/// A started component.
pub(crate) struct Instance {
    store: Store<Host>,
    exports: Box<dyn Exports>,
    topics: Arc<Topics>,
    dead: bool,
    // Given back last, when the store's memory is unmapped.
    _lease: Lease,
}

/// The time and chance a call of the rules is given, as far as the interface has any for it.
struct Moment {
    now: Option<u64>,
    seed: u64,
}

impl Instance {
    /// A fresh instance that may have so many bytes of memory.
    pub(crate) fn start(
        code: &Arc<Code>,
        topics: Arc<Topics>,
        memory: usize,
        log: LogLine,
    ) -> Result<Self, Fault> {
        let lease = code.maps.lease(code.need)?;
        let log = RoomLog::new(log, Arc::clone(&code.counters));
        let quota = Quota::new(memory, Arc::clone(&code.counters));
        let mut store = Store::new(code.linked.engine(), Host::new(quota, log));
        store.limiter(|host| &mut host.quota);
        // A module's start function is code, too.
        arm(&mut store, code.start, &Moment { now: None, seed: 0 })?;
        let exports = code
            .linked
            .start(&mut store)
            .map_err(|error| fault::of_start(&error))?;
        store.data_mut().end();
        Ok(Self {
            store,
            exports,
            topics,
            dead: false,
            _lease: lease,
        })
    }

    /// Ask what the program is.
    pub(crate) fn describe(&mut self, limits: CallLimits) -> Result<Manifest, Fault> {
        let moment = Moment { now: None, seed: 0 };
        let manifest = self.call(limits, &moment, |rules, store| rules.describe(store))?;
        Ok(convert::manifest(manifest))
    }

    /// One call of an export, within its limits.
    fn call<T>(
        &mut self,
        limits: CallLimits,
        moment: &Moment,
        export: impl FnOnce(&dyn Exports, &mut Store<Host>) -> wasmtime::Result<T>,
    ) -> Result<T, Fault> {
        if self.dead {
            return Err(Fault::Trap("called again after a fault".to_owned()));
        }
        self.dead = true;
        arm(&mut self.store, limits, moment)?;
        let result = export(self.exports.as_ref(), &mut self.store);
        self.store.data_mut().end();
        let value = result.map_err(|error| {
            let words = self.store.data_mut().take_last_words();
            fault::of_call(&error, limits, words)
        })?;
        self.dead = false;
        Ok(value)
    }
}

/// Everything that bounds one call.
fn arm(store: &mut Store<Host>, limits: CallLimits, moment: &Moment) -> Result<(), Fault> {
    store
        .set_fuel(limits.fuel)
        .map_err(|error| fault::of_start(&error))?;
    store.set_epoch_deadline(epochs(limits.deadline));
    store.set_hostcall_fuel(limits.output);
    store.data_mut().begin(moment.now, moment.seed, limits.log);
    Ok(())
}

fn config<'a>(room: &'a RoomIdentity, bans: &'a [wit::Ban<'a>]) -> wit::RoomConfig<'a> {
    wit::RoomConfig {
        room: &room.room,
        seed: room.seed,
        options: &room.options,
        bans,
    }
}

impl Rules for Instance {
    fn init(
        &mut self,
        room: &RoomIdentity,
        limits: CallLimits,
    ) -> Result<Result<(), String>, Fault> {
        let moment = Moment {
            now: None,
            seed: room.seed,
        };
        let bans = convert::bans(&room.bans);
        self.call(limits, &moment, |rules, store| {
            rules.init(store, config(room, &bans))
        })
    }

    fn restore(
        &mut self,
        room: &RoomIdentity,
        meta: &SnapshotMeta,
        state: &[u8],
        limits: CallLimits,
    ) -> Result<Result<(), String>, Fault> {
        let moment = Moment {
            now: None,
            seed: room.seed,
        };
        let bans = convert::bans(&room.bans);
        let program = meta.program.to_string();
        let meta = WitSnapshotMeta {
            program: &program,
            state_version: meta.state_version,
        };
        self.call(limits, &moment, |rules, store| {
            rules.restore(store, config(room, &bans), meta, state)
        })
    }

    fn handle(
        &mut self,
        context: &Context,
        events: &[Event],
        limits: CallLimits,
    ) -> Result<Handled, Fault> {
        let moment = Moment {
            now: Some(context.now),
            seed: context.seed,
        };
        let programs: Vec<String> = events
            .iter()
            .filter_map(|event| match event {
                Event::Activated(meta) => Some(meta.program.to_string()),
                _ => None,
            })
            .collect();
        let batch = convert::events(events, &self.topics, &programs)?;
        let effects = self.call(limits, &moment, |rules, store| {
            rules.handle(store, convert::context(context), &batch)
        })?;
        let left = self
            .store
            .get_fuel()
            .map_err(|error| fault::of_start(&error))?;
        // Until they have proved valid, the call has not succeeded.
        self.dead = true;
        let effects = convert::effects(effects, &self.topics)?;
        self.dead = false;
        Ok(Handled {
            effects,
            fuel: limits.fuel.saturating_sub(left),
        })
    }

    fn snapshot(&mut self, limits: CallLimits) -> Result<Bytes, Fault> {
        // No time or chance of its own: it must give the same bytes whenever it is asked.
        let moment = Moment { now: None, seed: 0 };
        self.call(limits, &moment, |rules, store| rules.snapshot(store))
            .map(Bytes::from)
    }
}
