//! Programs by their hash: those in use, and those that the store has.

use roost_room::{Program, ProgramHash};
use roost_sandbox::{ComponentProgram, LoadError, Progress, Sandbox};
use roost_store::Programs;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Where programs are found.
pub struct Library {
    sandbox: Sandbox,
    store: Programs,
    /// Those that somebody holds.
    loaded: Mutex<HashMap<ProgramHash, Weak<dyn Program>>>,
}

impl Library {
    /// Nothing is loaded yet.
    #[must_use]
    pub fn new(sandbox: Sandbox, store: Programs) -> Self {
        Self {
            sandbox,
            store,
            loaded: Mutex::default(),
        }
    }

    /// Where components are made runnable.
    #[must_use]
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Load a component, telling how far it is. Blocking: waits for the compiler.
    ///
    /// # Errors
    /// It is refused.
    pub fn load(
        &self,
        bytes: impl Into<Arc<[u8]>>,
        progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Arc<ComponentProgram>, LoadError> {
        let (send, answer) = std::sync::mpsc::sync_channel(1);
        self.sandbox.load_with(bytes, progress, move |loaded| {
            // Nobody waits any more only if this process is being torn down.
            let _ = send.send(loaded);
        })?;
        let program = answer.recv().map_err(|_| LoadError::Stopped)??;
        let shared: Arc<dyn Program> = Arc::clone(&program) as _;
        self.keep(&shared);
        Ok(program)
    }

    /// Somebody uses this program: it is found by its hash as long as that is so.
    pub fn keep(&self, program: &Arc<dyn Program>) {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.retain(|_, program| program.strong_count() > 0);
        loaded.insert(program.hash(), Arc::downgrade(program));
    }

    /// The program of that hash, if it can be had. Blocking: may read the disk and compile.
    ///
    /// # Errors
    /// It is there and cannot be loaded.
    pub fn get(&self, hash: &ProgramHash) -> Result<Option<Arc<dyn Program>>, LoadError> {
        if let Some(program) = self.in_use(hash) {
            return Ok(Some(program));
        }
        let bytes = match self.store.program(&hash.0) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(None),
            Err(error) => return Err(LoadError::Io(std::io::Error::other(error))),
        };
        Ok(Some(self.load(bytes.to_vec(), |_| ())?))
    }

    /// The same, where what cannot be loaded is as good as not there. The log says why.
    #[must_use]
    pub fn find(&self, hash: &ProgramHash) -> Option<Arc<dyn Program>> {
        self.get(hash).unwrap_or_else(|error| {
            tracing::warn!(program = %hash, %error, "a stored program cannot be loaded any more");
            None
        })
    }

    fn in_use(&self, hash: &ProgramHash) -> Option<Arc<dyn Program>> {
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.get(hash).and_then(Weak::upgrade)
    }

    /// Drop what is kept of a program beside the store.
    pub fn forget(&self, hash: &ProgramHash) {
        self.sandbox.forget(hash);
    }
}
