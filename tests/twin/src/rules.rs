//! One room's native rules behind the host's port.

use crate::convert::{self, Topics};
use bytes::Bytes;
use roost_room::{CallLimits, Context, Event, Fault, Handled, RoomIdentity, Rules, SnapshotMeta};
use roost_sdk::native::{Program, Running, Started};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// An instance: nothing in it at first, rules once it has begun, nothing again after a fault.
pub(crate) struct NativeRules {
    program: Program,
    topics: Arc<Topics>,
    running: Option<Box<dyn Running + Send>>,
}

impl NativeRules {
    pub(crate) fn new(program: Program, topics: Arc<Topics>) -> Self {
        Self {
            program,
            topics,
            running: None,
        }
    }

    fn begin(
        &mut self,
        start: impl FnOnce(&Program) -> Started,
    ) -> Result<Result<(), String>, Fault> {
        let program = self.program;
        Ok(caught(|| start(&program))?.map(|running| self.running = Some(running)))
    }

    /// A call of what has begun. It stays there only if the call succeeds.
    fn call<T>(
        &mut self,
        call: impl FnOnce(&mut dyn Running) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut running = self
            .running
            .take()
            .ok_or_else(|| Fault::Trap("called before init or after a fault".to_owned()))?;
        let value = caught(|| call(running.as_mut()))??;
        self.running = Some(running);
        Ok(value)
    }
}

/// What is a trap in a component is a panic here.
fn caught<T>(call: impl FnOnce() -> T) -> Result<T, Fault> {
    // After a panic the rules are dropped, so nobody sees the state it left them in.
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| Fault::Trap(words(panic.as_ref())))
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("without words"))
}

impl Rules for NativeRules {
    fn init(
        &mut self,
        room: &RoomIdentity,
        _limits: CallLimits,
    ) -> Result<Result<(), String>, Fault> {
        self.begin(|program| program.init(&convert::config(room)))
    }

    fn restore(
        &mut self,
        room: &RoomIdentity,
        meta: &SnapshotMeta,
        state: &[u8],
        _limits: CallLimits,
    ) -> Result<Result<(), String>, Fault> {
        self.begin(|program| program.restore(&convert::config(room), &convert::meta(meta), state))
    }

    /// The fuel of a native call is the number of its events.
    fn handle(
        &mut self,
        context: &Context,
        events: &[Event],
        _limits: CallLimits,
    ) -> Result<Handled, Fault> {
        let topics = Arc::clone(&self.topics);
        self.call(|running| {
            let batch = convert::events(events, &topics)?;
            let effects = running.handle(convert::context(context), batch);
            Ok(Handled {
                effects: convert::effects(effects, &topics)?,
                fuel: events.len() as u64,
            })
        })
    }

    fn snapshot(&mut self, _limits: CallLimits) -> Result<Bytes, Fault> {
        self.call(|running| Ok(Bytes::from(running.snapshot())))
    }
}
