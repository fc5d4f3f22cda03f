//! What a connection does once it is in its room: read, count, answer pings.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::connection::Entered;
use crate::dialect::{Dialect, Heard, Seat};
use crate::outgoing::Outgoing;
use crate::recorder::Recorder;
use crate::sequence::{Arrival, Sequence};
use crate::stamp::Stamp;
use crate::websocket::{Inbox, Message, Opcode, goodbye, write_frame};

/// One read takes at most this.
const SCRATCH: usize = 64 << 10;

/// What every listener of a run shares.
pub(crate) struct Hall {
    /// The wire.
    pub(crate) dialect: Box<dyn Dialect>,
    /// Where arrivals go.
    pub(crate) recorder: Recorder,
    /// Number of this run.
    pub(crate) run: u32,
    /// Senders in each room.
    pub(crate) senders: u32,
}

/// How a connection came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// We left.
    Left,
    /// The server closed it, with a code and a reason.
    Closed(u16, String),
    /// It broke: end of the stream without a close frame, or an error.
    Broke(String),
}

/// What one listener has to tell in the end.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Where it sat.
    pub(crate) seat: Seat,
    /// How it ended.
    pub(crate) end: End,
    /// Messages of each sender of the room that arrived, without doubled ones.
    pub(crate) unique: Vec<u64>,
    /// Messages that arrived once more.
    pub(crate) doubled: u64,
    /// Messages that arrived after a later one of the same sender.
    pub(crate) late: u64,
    /// Messages of another room.
    pub(crate) strayed: u64,
    /// Complaints of the server, and the last of them.
    pub(crate) errors: u64,
    /// The last complaint.
    pub(crate) last_error: Option<String>,
}

/// Buffers that no connection needs for longer than one read; each worker thread has its own.
struct Scratch {
    bytes: Box<[u8]>,
    latencies: Vec<u64>,
}

thread_local! {
    static BUFFERS: RefCell<Scratch> = RefCell::new(Scratch {
        bytes: vec![0; SCRATCH].into_boxed_slice(),
        latencies: Vec::new(),
    });
}

/// Listens until `stop` turns true or the connection ends.
pub(crate) async fn listen(
    hall: Arc<Hall>,
    seat: Seat,
    mut incoming: OwnedReadHalf,
    inbox: Inbox,
    outgoing: Arc<Outgoing>,
    mut stop: watch::Receiver<bool>,
) -> Tally {
    let mut ear = Ear::new(hall, seat, Arc::clone(&outgoing), inbox);
    let end = {
        let mut flush = pin!(outgoing.flush());
        tokio::select! {
            end = hear_out(&mut ear, &mut incoming) => end,
            () = &mut flush => End::Broke("cannot write".to_owned()),
            _ = stop.wait_for(|stop| *stop) => End::Left,
        }
    };
    if !matches!(end, End::Broke(_)) {
        outgoing.send(&goodbye());
    }
    ear.tally.end = end;
    ear.finish()
}

/// Reads nothing until `stop`, and then what there is, to see what the server has done about it.
pub(crate) async fn doze(
    hall: Arc<Hall>,
    entered: Entered,
    mut stop: watch::Receiver<bool>,
    patience: Duration,
) -> Tally {
    let _ = stop.wait_for(|stop| *stop).await;
    let outgoing = Arc::new(entered.outgoing);
    let mut incoming = entered.incoming;
    let mut ear = Ear::new(hall, entered.seat, outgoing.clone(), entered.inbox);
    let heard = timeout(patience, hear_out(&mut ear, &mut incoming)).await;
    ear.tally.end = heard.unwrap_or(End::Left);
    outgoing.send(&goodbye());
    ear.finish()
}

async fn hear_out(ear: &mut Ear, incoming: &mut OwnedReadHalf) -> End {
    loop {
        let burst =
            poll_fn(|cx| BUFFERS.with_borrow_mut(|buffers| ear.poll_read(cx, incoming, buffers)));
        match burst.await {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(end)) => return end,
            Err(error) => return End::Broke(error.kind().to_string()),
        }
    }
}

struct Ear {
    hall: Arc<Hall>,
    outgoing: Arc<Outgoing>,
    inbox: Inbox,
    sequences: Vec<Sequence>,
    tally: Tally,
}

impl Ear {
    fn new(hall: Arc<Hall>, seat: Seat, outgoing: Arc<Outgoing>, inbox: Inbox) -> Self {
        Self {
            sequences: vec![Sequence::default(); hall.senders as usize],
            hall,
            outgoing,
            inbox,
            tally: Tally {
                seat,
                end: End::Left,
                unique: Vec::new(),
                doubled: 0,
                late: 0,
                strayed: 0,
                errors: 0,
                last_error: None,
            },
        }
    }

    fn finish(mut self) -> Tally {
        self.tally.unique = self.sequences.iter().map(Sequence::unique).collect();
        self.tally
    }

    /// Reads once into the thread's own buffer and understands all of it before anything else may use that buffer.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        incoming: &mut OwnedReadHalf,
        buffers: &mut Scratch,
    ) -> Poll<io::Result<ControlFlow<End>>> {
        let mut buffer = ReadBuf::new(&mut buffers.bytes);
        ready!(Pin::new(incoming).poll_read(cx, &mut buffer))?;
        if buffer.filled().is_empty() {
            let end = End::Broke("end of stream".to_owned());
            return Poll::Ready(Ok(ControlFlow::Break(end)));
        }
        let hall = Arc::clone(&self.hall);
        let mut burst = Burst {
            now: hall.recorder.now(),
            arrived: 0,
            latencies: &mut buffers.latencies,
        };
        let mut inbox = std::mem::take(&mut self.inbox);
        let flow = inbox.feed(buffer.filled(), |message| {
            self.message(&hall, message, &mut burst)
        });
        self.inbox = inbox;
        hall.recorder
            .add(self.tally.seat.index, burst.arrived, burst.latencies);
        burst.latencies.clear();
        Poll::Ready(Ok(flow.unwrap_or_else(|error| {
            ControlFlow::Break(End::Broke(error.to_string()))
        })))
    }

    fn message(
        &mut self,
        hall: &Hall,
        message: Message<'_>,
        burst: &mut Burst<'_>,
    ) -> ControlFlow<End> {
        match message.opcode {
            Opcode::Close => {
                let (code, reason) = message.close_reason();
                return ControlFlow::Break(End::Closed(code, reason));
            }
            Opcode::Ping => {
                let mut pong = Vec::with_capacity(message.payload.len() + 6);
                write_frame(Opcode::Pong, message.payload, burst.now as u32, &mut pong);
                self.outgoing.send(&pong);
            }
            Opcode::Pong => {}
            Opcode::Text | Opcode::Binary => {
                hall.dialect
                    .hear(message, &mut |heard| self.heard(heard, burst));
            }
        }
        ControlFlow::Continue(())
    }

    fn heard(&mut self, heard: Heard, burst: &mut Burst<'_>) {
        match heard {
            Heard::Stamp(stamp) if stamp.run == self.hall.run => self.stamp(stamp, burst),
            Heard::Error(text) | Heard::Refused(text) => {
                self.tally.errors += 1;
                self.tally.last_error = Some(text);
            }
            Heard::Stamp(_) | Heard::Entered | Heard::Other => {}
        }
    }

    fn stamp(&mut self, stamp: Stamp, burst: &mut Burst<'_>) {
        let sequence = self.sequences.get_mut(stamp.sender as usize);
        let Some(sequence) = sequence.filter(|_| stamp.room == self.tally.seat.room) else {
            self.tally.strayed += 1;
            return;
        };
        match sequence.note(stamp.seq) {
            Arrival::Doubled => {
                self.tally.doubled += 1;
                return;
            }
            Arrival::Late => self.tally.late += 1,
            Arrival::InOrder => {}
        }
        burst.arrived += 1;
        if self.hall.recorder.measures(stamp.due) {
            burst.latencies.push(burst.now.saturating_sub(stamp.due));
        }
    }
}

/// What one read brings.
struct Burst<'a> {
    now: u64,
    arrived: u64,
    latencies: &'a mut Vec<u64>,
}
