//! The memory that the bodies of webhooks may take together, and which of them gives way when it is used up.
//!
//! Bytes are counted, not bodies: a client that sends one byte and then nothing takes up one byte, so any number of such
//! clients keeps nobody out. If there is no room for more bytes, the body that has been arriving for longest gives way. A
//! proper client sends its body at once, so that is never its body. What has arrived is handled within moments and stays.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

/// The largest recorded event has 5 kB. Buffers grow by doubling, so up to twice as much is allocated.
const MOST_BYTES: usize = 32 * 1024 * 1024;

#[derive(Clone, Default)]
pub(crate) struct Bodies(Arc<Mutex<Shared>>);

#[derive(Default)]
struct Shared {
    bytes: usize,
    next: u64,
    /// In the order in which they began.
    arriving: BTreeMap<u64, Arriving>,
}

struct Arriving {
    bytes: usize,
    give_way: oneshot::Sender<()>,
}

/// The share of one body, until it is dropped.
pub(crate) struct Share {
    bodies: Bodies,
    id: u64,
    /// Once it has arrived.
    bytes: usize,
}

impl Bodies {
    /// For a body that begins to arrive. The receiver is told if it has to give way to another.
    pub(crate) fn begin(&self) -> (Share, oneshot::Receiver<()>) {
        let (give_way, told) = oneshot::channel();
        let mut shared = self.shared();
        let id = shared.next;
        shared.next += 1;
        shared.arriving.insert(id, Arriving { bytes: 0, give_way });
        (Share { bodies: self.clone(), id, bytes: 0 }, told)
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Makes room for more bytes of this body; false if it is this body that has to give way.
    pub(crate) fn grow(&self, bytes: usize) -> bool {
        let mut shared = self.bodies.shared();
        let Some(this) = shared.arriving.get_mut(&self.id) else { return false };
        this.bytes += bytes;
        shared.bytes += bytes;
        while shared.bytes > MOST_BYTES {
            let Some((id, slowest)) = shared.arriving.pop_first() else { break };
            shared.bytes -= slowest.bytes;
            if id == self.id {
                return false;
            }
            let _ = slowest.give_way.send(());
        }
        true
    }

    /// All of it is there: from now on it does not give way.
    pub(crate) fn arrived(&mut self) {
        if let Some(this) = self.bodies.shared().arriving.remove(&self.id) {
            self.bytes = this.bytes;
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut shared = self.bodies.shared();
        // Not there any more if it has arrived or given way.
        let arriving = shared.arriving.remove(&self.id).map_or(0, |this| this.bytes);
        shared.bytes -= arriving + self.bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;
    const MOST: usize = MOST_BYTES / MIB;

    fn held(bodies: &Bodies) -> usize {
        bodies.shared().bytes / MIB
    }

    #[test]
    fn many_slow_bodies_take_little() {
        let bodies = Bodies::default();
        let slow: Vec<_> = (0..10_000).map(|_| bodies.begin()).collect();
        assert!(slow.iter().all(|(share, _)| share.grow(1)));
        assert!(bodies.begin().0.grow(MIB));
    }

    #[test]
    fn the_body_that_began_first_gives_way_unless_it_has_arrived() {
        let bodies = Bodies::default();
        let mut all: Vec<_> = (0..MOST).map(|_| bodies.begin()).collect();
        assert!(all.iter().all(|(share, _)| share.grow(MIB)));
        all[0].0.arrived();
        let (new, _told) = bodies.begin();
        assert!(new.grow(MIB));
        assert_eq!(held(&bodies), MOST);
        let told: Vec<_> = all.iter_mut().map(|(_, told)| told.try_recv().is_ok()).collect();
        assert_eq!(told.iter().position(|told| *told), Some(1));
        assert_eq!(told.iter().filter(|told| **told).count(), 1);
        assert!(!all[1].0.grow(1), "it is over for this one");
        drop(all);
        assert_eq!(held(&bodies), 1);
        drop(new);
        assert_eq!(held(&bodies), 0);
    }

    #[test]
    fn when_all_have_arrived_the_newcomer_gives_way() {
        let bodies = Bodies::default();
        let mut all: Vec<_> = (0..MOST).map(|_| bodies.begin().0).collect();
        for share in &mut all {
            assert!(share.grow(MIB));
            share.arrived();
        }
        assert!(!bodies.begin().0.grow(1));
        all.pop();
        assert!(bodies.begin().0.grow(MIB));
        drop(all);
        assert_eq!(held(&bodies), 0);
    }
}
