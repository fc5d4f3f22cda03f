//! What was recorded of rooms: by request, and of every fault.

use super::saving::save;
use super::{Deployer, Refusal};
use crate::actor::{Order, RoomHandle, Tap};
use crate::clock::unix_millis;
use bytes::Bytes;
use roost_protocol::api::{FaultInfo, Reason, Record, Recording, RecordingList};
use roost_room::{Bundle, BundleCode, Called, RecordedCall};
use roost_store::{ProgramBatch, Programs, Shelf, StoreError};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// Bundles of faults that are kept; the oldest go.
const MOST_FAULTS: usize = 100;
/// Recordings by request that are kept; more are refused.
const MOST_REQUESTED: usize = 100;
/// Bytes of a recording, after which it ends.
const MOST_BYTES: usize = 8 * 1024 * 1024;
/// A room's faults leave one bundle in so many milliseconds.
const FAULTS_EVERY: u64 = 10_000;
/// Calls that may wait for a recorder.
const WAITING: usize = 4_096;
/// Seconds that a recording lasts unless it is said otherwise.
const LASTS: u32 = 60;

/// A recording that is going on.
struct Running {
    id: u64,
    stop: oneshot::Sender<oneshot::Sender<Recording>>,
}

/// All recordings.
pub struct Recordings {
    store: Programs,
    next: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// By number.
    kept: BTreeMap<u64, Recording>,
    /// By kind and room.
    running: BTreeMap<(String, String), Running>,
    last_fault: BTreeMap<(String, String), u64>,
}

impl Recordings {
    /// Those that were kept. Blocking: reads the store.
    ///
    /// # Errors
    /// The store could not be read.
    pub fn open(store: Programs) -> Result<Self, StoreError> {
        let stored = store.numbered_from(Shelf::Recordings, 0, usize::MAX)?;
        let next = stored.last().map_or(1, |(number, _)| number + 1);
        let read = |(number, bytes): (u64, Bytes)| {
            serde_json::from_slice(&bytes).ok().map(|r| (number, r))
        };
        let kept = stored.into_iter().filter_map(read).collect();
        Ok(Self {
            store,
            next: AtomicU64::new(next),
            inner: Mutex::new(Inner {
                kept,
                ..Inner::default()
            }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All that are kept, newest first, those that are going on included.
    #[must_use]
    pub fn list(&self) -> RecordingList {
        let inner = self.lock();
        RecordingList {
            recordings: inner.kept.values().rev().cloned().collect(),
        }
    }

    /// The bundle of one, with the program in it. Blocking: reads the store.
    ///
    /// # Errors
    /// There is none, or the store could not be read.
    pub fn bundle(&self, id: &str) -> Result<Bytes, Refusal> {
        let number: u64 = id.parse().map_err(|_| no_recording(id))?;
        let bytes = self.store.numbered(Shelf::Bundles, number)?;
        let bytes = bytes.ok_or_else(|| no_recording(id))?;
        let Ok(bundle) = Bundle::from_bytes(&bytes) else {
            return Ok(bytes);
        };
        Ok(self.with_code(bundle)?.to_bytes())
    }

    /// A bundle that can leave the server: it can be repeated wherever it goes. Blocking: reads the store.
    pub(super) fn with_code(&self, bundle: Bundle) -> Result<Bundle, Refusal> {
        let code = self.store.program(&bundle.program.0)?;
        let code = code.map(|bytes| BundleCode { bytes });
        Ok(Bundle { code, ..bundle })
    }

    /// Forget one.
    ///
    /// # Errors
    /// There is none, it is going on, or the store failed.
    pub async fn delete(&self, id: &str) -> Result<(), Refusal> {
        let number: u64 = id.parse().map_err(|_| no_recording(id))?;
        {
            let mut inner = self.lock();
            let ended = inner.kept.get(&number).map(|r| r.ended_at.is_some());
            match ended {
                None => return Err(no_recording(id)),
                Some(false) => {
                    let text = "the recording is going on; end it first";
                    return Err(Refusal::new(409, "already_recording", text));
                }
                Some(true) => inner.kept.remove(&number),
            };
        }
        let mut batch = ProgramBatch::new();
        batch.delete_numbered(Shelf::Recordings, number);
        batch.delete_numbered(Shelf::Bundles, number);
        save(&self.store, batch).await
    }

    /// The recording of a room that is going on.
    #[must_use]
    pub fn running(&self, kind: &str, room: &str) -> Option<String> {
        let inner = self.lock();
        let running = inner.running.get(&(kind.to_owned(), room.to_owned()));
        running.map(|running| running.id.to_string())
    }

    /// Hashes of the programs that recordings of a kind name.
    #[must_use]
    pub fn programs(&self, kind: &str) -> BTreeSet<String> {
        let inner = self.lock();
        let of_kind = inner.kept.values().filter(|r| r.kind == kind);
        of_kind.map(|recording| recording.program.clone()).collect()
    }

    /// Keep what led to a fault; not of every one, if a room has many.
    pub(super) async fn keep_fault(&self, bundle: Bundle, version: Option<u32>) {
        let now = unix_millis();
        let room = (bundle.kind.clone(), bundle.room.clone());
        let surplus = {
            let mut inner = self.lock();
            inner.last_fault.retain(|_, at| *at + FAULTS_EVERY > now);
            if inner.last_fault.insert(room, now).is_some() {
                return;
            }
            let faults = inner.kept.iter().filter(|(_, r)| r.reason == Reason::Fault);
            let faults: Vec<u64> = faults.map(|(number, _)| *number).collect();
            let surplus = (faults.len() + 1).saturating_sub(MOST_FAULTS);
            faults.into_iter().take(surplus).collect::<Vec<_>>()
        };
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let recording = Recording {
            ended_at: Some(now),
            ..describe(number, &bundle, Reason::Fault, version)
        };
        let mut batch = ProgramBatch::new();
        for old in &surplus {
            batch.delete_numbered(Shelf::Recordings, *old);
            batch.delete_numbered(Shelf::Bundles, *old);
        }
        if let Err(refusal) = self.store(number, recording, &bundle, batch).await {
            tracing::error!(
                kind = bundle.kind,
                room = bundle.room,
                error = refusal.body.error.message,
                "the bundle of a fault could not be kept"
            );
        }
        surplus
            .iter()
            .for_each(|old| drop(self.lock().kept.remove(old)));
    }

    async fn store(
        &self,
        number: u64,
        recording: Recording,
        bundle: &Bundle,
        batch: ProgramBatch,
    ) -> Result<Recording, Refusal> {
        let bytes = bundle.to_bytes();
        let recording = Recording {
            calls: bundle.calls.len() as u64,
            bytes: bytes.len(),
            ..recording
        };
        let mut batch = batch;
        let meta = serde_json::to_vec(&recording).unwrap_or_default();
        batch.put_numbered(Shelf::Recordings, number, meta);
        batch.put_numbered(Shelf::Bundles, number, bytes);
        save(&self.store, batch).await?;
        self.lock().kept.insert(number, recording.clone());
        Ok(recording)
    }

    /// Record until it is told to stop, the time is over, the room is gone, or it is enough.
    async fn record(self: Arc<Self>, session: Recorder) {
        let Recorder {
            number,
            room,
            mut bundle,
            mut calls,
            mut stop,
            until,
        } = session;
        let mut bytes = 0;
        let mut asked = None;
        loop {
            tokio::select! {
                biased;
                answer = &mut stop => {
                    asked = answer.ok();
                    break;
                }
                called = calls.recv() => {
                    let Some(called) = called else { break };
                    bytes += size(&called);
                    bundle.calls.push(RecordedCall {
                        record: called.record.clone(),
                        effects: Some(called.effects.clone()),
                    });
                    if bytes > MOST_BYTES {
                        break;
                    }
                }
                () = tokio::time::sleep_until(until) => break,
            }
        }
        drop(calls);
        self.finish(number, &room, &bundle, asked).await;
    }

    /// A recording has ended: keep it, and tell whoever ended it.
    async fn finish(
        &self,
        number: u64,
        room: &RoomHandle,
        bundle: &Bundle,
        asked: Option<oneshot::Sender<Recording>>,
    ) {
        let recording = {
            let mut inner = self.lock();
            let key = (room.kind().to_string(), room.id().to_string());
            inner.running.remove(&key);
            inner.kept.get(&number).cloned()
        };
        let Some(recording) = recording else { return };
        let ended = Recording {
            ended_at: Some(unix_millis()),
            ..recording
        };
        match self.store(number, ended, bundle, ProgramBatch::new()).await {
            Ok(recording) => {
                if let Some(asked) = asked {
                    // Whoever asked may have gone.
                    let _ = asked.send(recording);
                }
            }
            Err(refusal) => {
                tracing::error!(
                    error = refusal.body.error.message,
                    "a recording could not be kept"
                );
                self.lock().kept.remove(&number);
            }
        }
    }
}

/// What a recorder needs.
struct Recorder {
    number: u64,
    room: RoomHandle,
    bundle: Bundle,
    calls: mpsc::Receiver<Arc<Called>>,
    stop: oneshot::Receiver<oneshot::Sender<Recording>>,
    until: Instant,
}

fn size(called: &Called) -> usize {
    let events = called.record.events.iter().map(roost_room::Event::size);
    // Effects are about as large as what brings them about, forwarded payloads aside.
    events.sum::<usize>() + called.effects.len() * 64
}

fn describe(number: u64, bundle: &Bundle, reason: Reason, version: Option<u32>) -> Recording {
    Recording {
        id: number.to_string(),
        reason,
        kind: bundle.kind.clone(),
        room: bundle.room.clone(),
        program: bundle.program.to_string(),
        version,
        started_at: unix_millis(),
        ended_at: None,
        calls: 0,
        bytes: 0,
        note: String::new(),
        fault: bundle.fault.as_ref().map(|fault| FaultInfo {
            call: fault.sequence,
            event: fault.event.clone(),
            cause: fault.cause.clone(),
            text: fault.text.clone(),
        }),
    }
}

fn no_recording(id: &str) -> Refusal {
    Refusal::new(
        404,
        "no_such_recording",
        format!("there is no recording {id}"),
    )
}

impl Deployer {
    /// Record a room.
    ///
    /// # Errors
    /// There is no such room, it is being recorded, or there are too many recordings.
    pub async fn record(
        self: &Arc<Self>,
        kind: &str,
        id: &str,
        wanted: &Record,
        by: &str,
    ) -> Result<Recording, Refusal> {
        let seconds = wanted.seconds.unwrap_or(LASTS);
        if !(1..=3_600).contains(&seconds) || wanted.note.len() > 4_096 {
            let text = "seconds is 1 to 3600, and a note has at most 4096 bytes";
            return Err(Refusal::new(400, "invalid_request", text));
        }
        let room = self.room(kind, id)?;
        let (tap, calls) = mpsc::channel(WAITING);
        let (stop, stopped) = oneshot::channel();
        let number = self.recordings.reserve(kind, id, stop)?;
        let begun = self.tap(&room, tap).await;
        let key = (kind.to_owned(), id.to_owned());
        let bundle = match begun {
            Ok(bundle) => bundle,
            Err(refusal) => {
                self.recordings.lock().running.remove(&key);
                return Err(refusal);
            }
        };
        let version = self.version_of(kind, &bundle.program);
        let recording = Recording {
            note: wanted.note.clone(),
            ..describe(number, &bundle, Reason::Request, version)
        };
        let (kept, until) = (recording.clone(), Duration::from_secs(seconds.into()));
        self.recordings.lock().kept.insert(number, kept);
        let recorder = Recorder {
            number,
            room,
            bundle,
            calls,
            stop: stopped,
            until: Instant::now() + until,
        };
        tokio::spawn(Arc::clone(&self.recordings).record(recorder));
        let target = format!("{kind}/{id}");
        self.audit
            .write(
                by,
                "room.record",
                &target,
                "ok",
                json!({ "seconds": seconds }),
            )
            .await?;
        Ok(recording)
    }

    /// A room's state now, and from now on each call.
    pub(super) async fn tap(&self, room: &RoomHandle, tap: Tap) -> Result<Bundle, Refusal> {
        let gone = || Refusal::no_room(room.kind(), room.id());
        let bundle = room.ask(|answer| Order::Tap(tap, answer)).await;
        let bundle = bundle.map_err(|_| gone())?;
        let failed = |text| {
            let text = format!("the rules cannot write their state down: {text}");
            Refusal::new(422, "snapshot_failed", text)
        };
        bundle.map(|bundle| *bundle).map_err(failed)
    }

    /// End the recording of a room.
    ///
    /// # Errors
    /// There is none.
    pub async fn stop_recording(&self, kind: &str, id: &str) -> Result<Recording, Refusal> {
        let key = (kind.to_owned(), id.to_owned());
        let running = self.recordings.lock().running.remove(&key);
        let not = || {
            let text = format!("room {id:?} of {kind} is not being recorded");
            Refusal::new(409, "not_recording", text)
        };
        let (answer, ended) = oneshot::channel();
        let running = running.ok_or_else(not)?;
        running.stop.send(answer).map_err(|_| not())?;
        ended.await.map_err(|error| Refusal::broken(&error))
    }

    /// The state of a room as a bundle without calls.
    ///
    /// # Errors
    /// There is no such room, or its rules fail at it.
    pub async fn snapshot(&self, kind: &str, id: &str) -> Result<Bytes, Refusal> {
        let room = self.room(kind, id)?;
        let (tap, calls) = mpsc::channel(1);
        drop(calls);
        let bundle = self.tap(&room, tap).await?;
        let recordings = Arc::clone(&self.recordings);
        let whole = tokio::task::spawn_blocking(move || recordings.with_code(bundle)).await;
        Ok(whole.map_err(|error| Refusal::broken(&error))??.to_bytes())
    }
}

impl Recordings {
    /// A number for a recording that is about to begin.
    fn reserve(
        &self,
        kind: &str,
        id: &str,
        stop: oneshot::Sender<oneshot::Sender<Recording>>,
    ) -> Result<u64, Refusal> {
        let mut inner = self.lock();
        let requested = inner.kept.values().filter(|r| r.reason == Reason::Request);
        if requested.count() >= MOST_REQUESTED {
            let text = format!("there are {MOST_REQUESTED} recordings; delete some");
            return Err(Refusal::new(429, "busy", text));
        }
        let key = (kind.to_owned(), id.to_owned());
        if inner.running.contains_key(&key) {
            let text = format!("room {id:?} of {kind} is being recorded already");
            return Err(Refusal::new(409, "already_recording", text));
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        inner.running.insert(key, Running { id: number, stop });
        Ok(number)
    }
}
