//! How others reach a room: a mailbox with a lock and a bell around it.

use super::orders::Order;
use crate::fanout::Outlet;
use roost_room::{
    ConnectionId, Input, Intake, Knock, Limits, Mailbox, Parting, Payload, Program, Pushed,
    SessionId, Signal, Ticket, Topic,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use tokio::sync::{Notify, oneshot};

/// The answer to a signal.
pub type SignalAnswer = Result<Payload, String>;

/// What waits for a room.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) mailbox: Mailbox,
    /// Connections of those who ask to enter.
    pub(super) arriving: Vec<Outlet>,
    pub(super) acks: Vec<(Ticket, Result<(), String>)>,
    pub(super) signals: Vec<(u32, oneshot::Sender<SignalAnswer>)>,
    pub(super) orders: Vec<Order>,
    /// Whether a message wakes the room, or waits for its tick.
    pub(super) rings_for_messages: bool,
    next_signal: u32,
    closed: bool,
}

struct Shared {
    kind: Arc<str>,
    id: Arc<str>,
    post: Mutex<Post>,
    bell: Notify,
    space: Notify,
    status: RwLock<Status>,
}

/// What others may know of a room without asking it.
#[derive(Clone)]
pub struct Status {
    /// What rules it.
    pub program: Arc<dyn Program>,
    /// The first call of that program.
    pub since: u64,
    /// Members.
    pub members: u32,
    /// Why it has another program than it should.
    pub held_back: Option<String>,
}

/// The address of a room: cheap to clone, says nothing of where the room lives.
#[derive(Clone)]
pub struct RoomHandle(Arc<Shared>);

/// A room that is no longer there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the room is gone")]
pub struct Gone;

impl RoomHandle {
    pub(crate) fn new(
        kind: Arc<str>,
        id: Arc<str>,
        program: Arc<dyn Program>,
        limits: &Limits,
    ) -> Self {
        let post = Post {
            mailbox: Mailbox::new(limits),
            arriving: Vec::new(),
            acks: Vec::new(),
            signals: Vec::new(),
            orders: Vec::new(),
            rings_for_messages: true,
            next_signal: 0,
            closed: false,
        };
        Self(Arc::new(Shared {
            kind,
            id,
            post: Mutex::new(post),
            bell: Notify::new(),
            space: Notify::new(),
            status: RwLock::new(Status {
                program,
                since: 1,
                members: 0,
                held_back: None,
            }),
        }))
    }

    /// The kind of the room.
    #[must_use]
    pub fn kind(&self) -> &Arc<str> {
        &self.0.kind
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &Arc<str> {
        &self.0.id
    }

    /// What rules it at the moment.
    #[must_use]
    pub fn program(&self) -> Arc<dyn Program> {
        let status = self.0.status.read();
        Arc::clone(&status.unwrap_or_else(PoisonError::into_inner).program)
    }

    /// What others may know of it.
    #[must_use]
    pub fn status(&self) -> Status {
        let status = self.0.status.read();
        status.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut Status)) {
        let status = self.0.status.write();
        change(&mut status.unwrap_or_else(PoisonError::into_inner));
    }

    /// Whether both lead to the same room.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn post(&self) -> MutexGuard<'_, Post> {
        self.0.post.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ring(&self) {
        self.0.bell.notify_one();
    }

    pub(super) async fn rung(&self) {
        self.0.bell.notified().await;
    }

    /// Room was made in the mailbox.
    pub(super) fn made_space(&self) {
        self.0.space.notify_waiters();
    }

    /// No more post is taken; what waits is given back.
    pub(super) fn close(&self) -> Vec<Outlet> {
        let mut post = self.post();
        post.closed = true;
        let waiting = std::mem::take(&mut post.arriving);
        post.signals.clear();
        // Whoever waits for an answer learns that there is none.
        post.orders.clear();
        drop(post);
        self.made_space();
        waiting
    }

    /// Close, unless something waits. Tells whether it is closed now.
    pub(super) fn close_if_idle(&self) -> bool {
        let mut post = self.post();
        let idle =
            post.arriving.is_empty() && post.orders.is_empty() && !post.mailbox.is_waiting(true);
        post.closed |= idle;
        idle
    }

    /// Ask to enter. Waits while too many others ask.
    ///
    /// # Errors
    /// The room has gone; another may be opened under its name.
    pub async fn knock(&self, knock: Knock, outlet: Outlet) -> Result<(), Gone> {
        let mut waiting = Input::Knock(knock);
        loop {
            let space = self.0.space.notified();
            {
                let mut post = self.post();
                if post.closed {
                    return Err(Gone);
                }
                match post.mailbox.push_control(waiting) {
                    Ok(()) => {
                        post.arriving.push(outlet);
                        drop(post);
                        self.ring();
                        return Ok(());
                    }
                    Err(back) => waiting = *back,
                }
            }
            space.await;
        }
    }

    /// Take the place that was kept.
    pub fn confirm(&self, connection: ConnectionId) {
        self.control(Input::Confirm { connection });
    }

    /// A connection is gone.
    pub fn detach(&self, connection: ConnectionId, reason: Parting) {
        self.control(Input::Detach { connection, reason });
    }

    /// A session that does not know its number yet is gone.
    pub fn withdraw(&self, session: SessionId, reason: Parting) {
        self.control(Input::Withdraw { session, reason });
    }

    /// Something that is never turned away.
    fn control(&self, input: Input) {
        let mut post = self.post();
        // Only questions can be turned away, and these are none.
        let _ = post.mailbox.push_control(input);
        drop(post);
        self.ring();
    }

    /// Say something in a connection's name.
    #[must_use]
    pub fn say(
        &self,
        connection: ConnectionId,
        topic: &Topic,
        payload: &Payload,
        intake: Intake,
    ) -> Pushed {
        let mut post = self.post();
        let pushed = post
            .mailbox
            .push_message(connection, topic, payload, intake);
        let rings = post.rings_for_messages;
        drop(post);
        if rings && pushed != Pushed::Dropped {
            self.ring();
        }
        pushed
    }

    /// The same, waiting until there is room for it.
    pub async fn say_when_possible(
        &self,
        connection: ConnectionId,
        topic: &Topic,
        payload: &Payload,
    ) {
        loop {
            let space = self.0.space.notified();
            tokio::pin!(space);
            space.as_mut().enable();
            if self.post().closed
                || self.say(connection, topic, payload, Intake::Reliable) != Pushed::Full
            {
                return;
            }
            space.await;
        }
    }

    /// Tell the room of a user's new profile, waiting until there is room for it.
    pub async fn tell(&self, input: Input) {
        let mut waiting = input;
        loop {
            let space = self.0.space.notified();
            tokio::pin!(space);
            space.as_mut().enable();
            {
                let mut post = self.post();
                if post.closed {
                    return;
                }
                match post.mailbox.push_control(waiting) {
                    Ok(()) => break,
                    Err(back) => waiting = *back,
                }
            }
            space.await;
        }
        self.ring();
    }

    /// Ask the rules something. The answer comes within five seconds, or says why not.
    ///
    /// # Errors
    /// The room is gone, or too many ask.
    pub async fn signal(&self, name: String, body: Payload) -> Result<SignalAnswer, Gone> {
        let (answer, answered) = oneshot::channel();
        {
            let mut post = self.post();
            if post.closed {
                return Err(Gone);
            }
            post.next_signal = post.next_signal.wrapping_add(1);
            let id = post.next_signal;
            if post
                .mailbox
                .push_control(Input::Signal(Signal { id, name, body }))
                .is_err()
            {
                return Ok(Err("too many ask this room at the moment".to_owned()));
            }
            post.signals.push((id, answer));
        }
        self.ring();
        answered.await.map_err(|_| Gone)
    }

    /// Tell the room to do something. There are only a few of these at a time: they come from the host itself.
    ///
    /// # Errors
    /// The room has gone.
    pub fn order(&self, order: Order) -> Result<(), Gone> {
        let mut post = self.post();
        if post.closed {
            return Err(Gone);
        }
        post.orders.push(order);
        drop(post);
        self.ring();
        Ok(())
    }

    /// Tell it, and wait for its answer.
    ///
    /// # Errors
    /// The room has gone, or goes before it answers.
    pub async fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Result<T, Gone> {
        let (answer, answered) = oneshot::channel();
        self.order(order(answer))?;
        answered.await.map_err(|_| Gone)
    }

    /// Have the rules hear that the room ends, by an operator's wish.
    ///
    /// # Errors
    /// The room has gone.
    pub fn end(&self) -> Result<(), Gone> {
        let mut post = self.post();
        if post.closed {
            return Err(Gone);
        }
        // Only questions can be turned away, and this is none.
        let _ = post
            .mailbox
            .push_control(Input::End(roost_room::EndCause::Closed));
        drop(post);
        self.ring();
        Ok(())
    }

    pub(super) fn acknowledge(&self, ticket: Ticket, result: Result<(), String>) {
        self.post().acks.push((ticket, result));
        self.ring();
    }
}
