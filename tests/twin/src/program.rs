//! Rules of the SDK as a program of the host.

use crate::convert::{self, Topics};
use crate::rules::NativeRules;
use roost_room::{Fault, LogLine, Manifest, Program, ProgramHash, Rules};
use std::sync::Arc;

/// The hash of a native program that need not be mistaken for a component.
pub const UNHASHED: ProgramHash = ProgramHash([0; 32]);

/// Rules compiled into this process. Fuel, deadlines and limits on memory and output do not bind
/// them, and what they log goes to standard error.
#[derive(Clone, Debug)]
pub struct NativeProgram {
    program: roost_sdk::native::Program,
    manifest: Manifest,
    topics: Arc<Topics>,
    hash: ProgramHash,
}

impl NativeProgram {
    /// The program that these rules are. `hash` is what it calls itself: that of its component, so
    /// that snapshots of the two can be told apart by nothing, or [`UNHASHED`].
    #[must_use]
    pub fn of<R: roost_sdk::Rules + Send>(hash: ProgramHash) -> Self {
        let program = roost_sdk::native::Program::of::<R>();
        let manifest = convert::manifest(program.describe());
        let topics = Arc::new(Topics::of(&manifest));
        Self {
            program,
            manifest,
            topics,
            hash,
        }
    }
}

impl Program for NativeProgram {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn hash(&self) -> ProgramHash {
        self.hash
    }

    fn instantiate(&self, _log: LogLine) -> Result<Box<dyn Rules>, Fault> {
        Ok(Box::new(NativeRules::new(
            self.program,
            Arc::clone(&self.topics),
        )))
    }
}
