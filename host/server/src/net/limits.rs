//! How many sockets are open, in all and per client address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::telemetry;

/// Counts sockets against their bounds; shared by all listeners.
#[derive(Debug)]
pub struct Limits {
    max_sockets: usize,
    max_per_address: usize,
    open: Mutex<Open>,
    idle: Notify,
}

#[derive(Debug, Default)]
struct Open {
    sockets: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A place among all sockets; given back when dropped.
#[derive(Debug)]
pub struct SocketPermit {
    limits: Arc<Limits>,
}

/// A place among the sockets of one address; given back when dropped.
#[derive(Debug)]
pub struct AddressPermit {
    limits: Arc<Limits>,
    address: IpAddr,
}

impl Limits {
    /// Bounds for all sockets and for those of one address (an IPv6 /64 counts as one).
    #[must_use]
    pub fn new(max_sockets: usize, max_per_address: usize) -> Arc<Self> {
        Arc::new(Self {
            max_sockets,
            max_per_address,
            open: Mutex::default(),
            idle: Notify::new(),
        })
    }

    /// A place for one more socket, if there is one.
    #[must_use]
    pub fn socket(self: &Arc<Self>) -> Option<SocketPermit> {
        let mut open = self.lock();
        if open.sockets >= self.max_sockets {
            return None;
        }
        open.sockets += 1;
        telemetry::net().sockets.increment(1.0);
        Some(SocketPermit {
            limits: self.clone(),
        })
    }

    /// A place for one more socket of this address, if there is one.
    #[must_use]
    pub fn address(self: &Arc<Self>, address: IpAddr) -> Option<AddressPermit> {
        let address = counted_as(address);
        let mut open = self.lock();
        let count = open.by_address.entry(address).or_default();
        if *count >= self.max_per_address {
            return None;
        }
        *count += 1;
        Some(AddressPermit {
            limits: self.clone(),
            address,
        })
    }

    /// Sockets open now.
    #[must_use]
    pub fn sockets(&self) -> usize {
        self.lock().sockets
    }

    /// Waits until no socket is open.
    pub async fn drained(&self) {
        loop {
            let idle = self.idle.notified();
            if self.sockets() == 0 {
                return;
            }
            idle.await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SocketPermit {
    fn drop(&mut self) {
        let mut open = self.limits.lock();
        open.sockets -= 1;
        telemetry::net().sockets.decrement(1.0);
        if open.sockets == 0 {
            self.limits.idle.notify_waiters();
        }
    }
}

impl Drop for AddressPermit {
    fn drop(&mut self) {
        let mut open = self.limits.lock();
        if let Some(count) = open.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.by_address.remove(&self.address);
            }
        }
    }
}

/// Whoever has one IPv6 address has the whole /64.
pub(crate) fn counted_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_back() {
        let limits = Limits::new(2, 1);
        let first = limits.socket().unwrap();
        let second = limits.socket().unwrap();
        assert!(limits.socket().is_none());
        drop(first);
        assert_eq!(limits.sockets(), 1);
        assert!(limits.socket().is_some());
        drop(second);
    }

    #[test]
    fn one_network_is_one_address() {
        let limits = Limits::new(9, 1);
        let held = limits.address("2001:db8::1".parse().unwrap()).unwrap();
        assert!(limits.address("2001:db8::2".parse().unwrap()).is_none());
        assert!(limits.address("2001:db8:0:1::2".parse().unwrap()).is_some());
        drop(held);
        assert!(limits.address("2001:db8::2".parse().unwrap()).is_some());
        let mapped = limits.address("::ffff:10.0.0.1".parse().unwrap());
        assert!(mapped.is_some());
        assert!(limits.address("10.0.0.1".parse().unwrap()).is_none());
    }

    #[tokio::test]
    async fn drained_waits_for_the_last() {
        let limits = Limits::new(2, 1);
        limits.drained().await;
        let permit = limits.socket().unwrap();
        let mut drained = Box::pin(limits.drained());
        tokio::select! {
            biased;
            () = &mut drained => panic!("a socket is open"),
            () = std::future::ready(()) => {}
        }
        drop(permit);
        drained.await;
    }
}
