//! The bounded pool for calls that take long: one permit for each core.

use std::sync::Arc;
use tokio::sync::Semaphore;

/// Permits for blocking work. What holds one runs on a thread of its own.
#[derive(Clone, Debug)]
pub struct Pool {
    permits: Arc<Semaphore>,
}

/// The work panicked, or the runtime is shutting down.
#[derive(Debug, thiserror::Error)]
#[error("blocking work did not come to an end: {0}")]
pub struct PoolError(String);

impl Pool {
    /// So many pieces of work at a time.
    #[must_use]
    pub fn new(cores: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(cores.max(1))),
        }
    }

    /// Do work on a blocking thread, when its turn has come.
    ///
    /// # Errors
    /// It did not come to an end.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolError> {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|e| PoolError(e.to_string()))?;
        let done = tokio::task::spawn_blocking(move || {
            let value = work();
            drop(permit);
            value
        });
        done.await.map_err(|error| PoolError(error.to_string()))
    }
}
