//! Going down and reloading: what the signals mean, and how everything hears of them.
//!
//! SIGTERM and SIGINT ask for a graceful end, a second one for an immediate end; SIGHUP reloads certificates.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// What everything that must hear of the end holds; clones hear the same.
#[derive(Debug, Clone)]
pub struct Shutdown {
    stop: watch::Receiver<bool>,
    force: watch::Receiver<bool>,
    reload: watch::Receiver<u64>,
}

/// Gives the word.
#[derive(Debug)]
pub struct ShutdownSender {
    stop: watch::Sender<bool>,
    force: watch::Sender<bool>,
    reload: watch::Sender<u64>,
}

impl Shutdown {
    /// A pair without signals, for tests and embedding.
    #[must_use]
    pub fn new() -> (ShutdownSender, Self) {
        let (stop, stopped) = watch::channel(false);
        let (force, forced) = watch::channel(false);
        let (reload, reloaded) = watch::channel(0);
        (
            ShutdownSender {
                stop,
                force,
                reload,
            },
            Self {
                stop: stopped,
                force: forced,
                reload: reloaded,
            },
        )
    }

    /// Listens to the process's signals.
    pub fn on_signals() -> io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let (sender, shutdown) = Self::new();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => sender.stop(),
                    _ = interrupt.recv() => sender.stop(),
                    _ = hangup.recv() => sender.reload(),
                }
            }
        });
        Ok(shutdown)
    }

    /// Becomes true when a graceful end has been asked for.
    #[must_use]
    pub fn stop(&self) -> watch::Receiver<bool> {
        self.stop.clone()
    }

    /// Waits for the wish for a graceful end.
    pub async fn stopped(&self) {
        // Without anybody to ask, nobody will ever stop us otherwise: end as well.
        let _ = self.stop.clone().wait_for(|stop| *stop).await;
    }

    /// Waits for the wish for an immediate end.
    pub async fn forced(&self) {
        let _ = self.force.clone().wait_for(|force| *force).await;
    }

    /// Changes with every wish to reload.
    #[must_use]
    pub fn reloads(&self) -> watch::Receiver<u64> {
        self.reload.clone()
    }
}

impl ShutdownSender {
    /// Asks for a graceful end; the second time for an immediate one.
    pub fn stop(&self) {
        if self.stop.send_replace(true) {
            self.force.send_replace(true);
        }
    }

    /// Asks for a reload of what can be reloaded.
    pub fn reload(&self) {
        self.reload.send_modify(|count| *count += 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_word_forces() {
        let (sender, shutdown) = Shutdown::new();
        sender.stop();
        shutdown.stopped().await;
        assert!(!*shutdown.force.borrow());
        sender.stop();
        shutdown.forced().await;
    }

    #[tokio::test]
    async fn every_reload_is_heard() {
        let (sender, shutdown) = Shutdown::new();
        let mut reloads = shutdown.reloads();
        sender.reload();
        reloads.changed().await.unwrap();
        assert!(!reloads.has_changed().unwrap());
    }
}
