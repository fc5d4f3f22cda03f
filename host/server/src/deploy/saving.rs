//! Handing batches to the store of programs, and waiting until they are durable.

use super::Refusal;
use roost_store::{ProgramBatch, Programs, StoreError};
use tokio::sync::oneshot;

/// Returns when the batch is durable.
///
/// # Errors
/// It is not, and nothing of it is there.
pub(super) async fn save(store: &Programs, batch: ProgramBatch) -> Result<(), Refusal> {
    let (told, saved) = oneshot::channel();
    let tell = move |result| {
        // Nobody listens any more when the server goes down.
        let _ = told.send(result);
    };
    store.submit(batch, Box::new(tell))?;
    Ok(saved.await.unwrap_or(Err(StoreError::Closed))?)
}
