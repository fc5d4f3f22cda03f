//! Our own guests, in both forms.

use crate::component::{self, Error};
use crate::program::NativeProgram;
use roost_room::{Program, ProgramHash};
use roost_sandbox::ComponentProgram;
use std::sync::Arc;

/// One of our own guests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guest {
    /// What is said comes back.
    Echo,
    /// What one says the others hear.
    Relay,
    /// A number that people add to.
    Counter,
    /// Sixty ticks a second.
    Ticker,
}

/// A guest in both forms.
#[derive(Clone)]
pub struct Twin {
    /// Compiled into this process, and calling itself by the component's hash.
    pub native: Arc<NativeProgram>,
    /// In the sandbox.
    pub component: Arc<ComponentProgram>,
}

impl Guest {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Echo, Self::Relay, Self::Counter, Self::Ticker];

    /// Its kind, which is also the name of its component.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Relay => "relay",
            Self::Counter => "counter",
            Self::Ticker => "ticker",
        }
    }

    /// The rules as this process has them.
    #[must_use]
    pub fn native(self, hash: ProgramHash) -> NativeProgram {
        match self {
            Self::Echo => NativeProgram::of::<roost_echo::Echo>(hash),
            Self::Relay => NativeProgram::of::<roost_relay::Relay>(hash),
            Self::Counter => NativeProgram::of::<roost_counter::Counter>(hash),
            Self::Ticker => NativeProgram::of::<roost_ticker::Ticker>(hash),
        }
    }

    /// Both forms. On first use in a process the components of all guests are built, and this one is loaded.
    ///
    /// # Errors
    /// The guests do not build, or the sandbox refuses this one.
    pub fn twin(self) -> Result<Twin, Error> {
        let component = component::program(self.name())?;
        let native = Arc::new(self.native(component.hash()));
        Ok(Twin { native, component })
    }
}

impl Twin {
    /// Both, the native one first.
    #[must_use]
    pub fn programs(&self) -> [Arc<dyn Program>; 2] {
        [self.native.clone(), self.component.clone()]
    }
}
