//! What the rooms of a module tell, line by line, whichever there are.

use std::collections::HashSet;
use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet};

use crate::cli::connect::Session;
use crate::cli::connect::{note, say};
use crate::cli::names::RoomName;
use crate::cli::refusal::explain_client;
use crate::cli::room::rooms;
use crate::cli::table::plain;
use crate::cli::watch::line;
use crate::client::{Client, ClientError};

/// How often new rooms are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Most rooms that are listened to.
const MAX_ROOMS: usize = 16;

/// Listens until it is dropped.
pub(super) struct Tail {
    kind: String,
    task: JoinHandle<()>,
}

impl Tail {
    /// Listens to the rooms of `kind`. Without `calls`, calls that go as they should are not told.
    pub(super) fn start(session: &Session, kind: &str, calls: bool) -> Self {
        let (client, kind) = (session.client.clone(), kind.to_owned());
        let of = kind.clone();
        let task = tokio::spawn(async move {
            if let Err(error) = listen(client, &of, calls).await {
                note(&format!(
                    "rooms cannot be watched: {}",
                    explain_client(&error)
                ));
            }
        });
        Self { kind, task }
    }

    pub(super) fn kind(&self) -> &str {
        &self.kind
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Goes on until the server says no.
async fn listen(client: Client, kind: &str, calls: bool) -> Result<(), ClientError> {
    let mut watched: HashSet<String> = HashSet::new();
    let mut watchers = JoinSet::new();
    loop {
        match rooms(&client, Some(kind)).await {
            Ok(rooms) => {
                for room in rooms {
                    if watched.len() < MAX_ROOMS && watched.insert(room.id.clone()) {
                        watchers.spawn(watch(client.clone(), room.kind, room.id, calls));
                    }
                }
            }
            Err(error) if error.is_passing() => {}
            Err(error) => return Err(error),
        }
        let pause = tokio::time::sleep(LOOK_EVERY);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => break,
                Some(ended) = watchers.join_next() => {
                    let (id, ended) = ended.unwrap_or_default();
                    watched.remove(&id);
                    refused(ended)?;
                }
            }
        }
    }
}

/// Of all that ends a watch, only what would end the next one, too.
fn refused(ended: Option<ClientError>) -> Result<(), ClientError> {
    match ended {
        Some(ClientError::Refused(refusal)) if refusal.error.code != "no_such_room" => {
            Err(ClientError::Refused(refusal))
        }
        _ => Ok(()),
    }
}

/// Prints what happens in a room until it ends.
async fn watch(
    client: Client,
    kind: String,
    id: String,
    calls: bool,
) -> (String, Option<ClientError>) {
    let room = RoomName { kind, id };
    let ended = print(&client, &room, calls).await;
    (room.id, ended.err())
}

async fn print(client: &Client, room: &RoomName, calls: bool) -> Result<(), ClientError> {
    let mut events = client
        .events(&room.address(Some("watch")).to_string())
        .await?;
    let name = plain(&room.id).into_owned();
    while let Some(event) = events.next_event().await? {
        let line = line(&event);
        if (calls || !line.is_routine) && say(&format!("{name} | {}", line.text)).is_err() {
            return Ok(());
        }
    }
    Ok(())
}
