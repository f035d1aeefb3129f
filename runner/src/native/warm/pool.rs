//! The ready sandboxes of one launcher process, and the thread that makes them.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::call::Key;
use super::held::Held;
use super::take::Warmth;
use crate::native::cgroup::Room;
use crate::native::launcher::Cloner;
use crate::native::settings::RootFolder;

/// Orders that wait. One that finds no place is repeated by the next call.
const WAITING: usize = 4;

/// The program that was just called runs first: most have ended by then, and both would wait for the same locks of the
/// kernel (mounts, network namespaces).
const HEAD_START: Duration = Duration::from_millis(5);

/// One that nobody has called for so long holds memory, descriptors and its image's tree for nothing. The next call has others
/// made.
const UNUSED: Duration = Duration::from_secs(600);
/// How often that is looked at.
const LOOK: Duration = Duration::from_secs(60);

/// Gone when it is dropped, and with it every sandbox that still waits.
#[derive(Debug)]
pub(crate) struct Pool {
    shelf: Arc<Shelf>,
    cloner: Arc<Cloner>,
    maker: Mutex<Option<(SyncSender<Order>, JoinHandle<()>)>>,
    /// Whose thread makes them.
    program: u32,
}

/// What is ready, the oldest first.
#[derive(Debug)]
struct Shelf {
    held: Mutex<Vec<Held>>,
    most: usize,
    /// Whether nothing more is to be made.
    closing: AtomicBool,
}

/// Ready sandboxes that are to be there.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) key: Arc<Key>,
    /// The image's root folder.
    pub(super) root: OwnedFd,
    pub(super) lock: OwnedFd,
    pub(super) room: Room,
    count: usize,
}

impl Order {
    pub(super) fn new(
        key: &Arc<Key>,
        folder: &RootFolder,
        warmth: &Warmth,
        place: &Room,
    ) -> io::Result<Self> {
        Ok(Self {
            key: Arc::clone(key),
            root: folder.folder.try_clone()?,
            lock: warmth.lock.try_clone()?,
            room: place.clone(),
            count: warmth.count,
        })
    }
}

impl Pool {
    /// At most so many at once, whatever is ordered.
    pub(crate) fn new(cloner: Arc<Cloner>, most: usize) -> Self {
        let shelf = Arc::new(Shelf { held: Mutex::default(), most, closing: AtomicBool::new(false) });
        Self { shelf, cloner, maker: Mutex::new(None), program: std::process::id() }
    }

    /// How many are ready.
    pub(crate) fn ready(&self) -> usize {
        self.shelf.held().iter().filter(|held| !held.is_dead()).count()
    }

    /// How many there are at most.
    #[cfg(test)]
    pub(crate) fn most(&self) -> usize {
        self.shelf.most
    }

    /// One that is for this call.
    pub(super) fn take(&self, key: &Key) -> Option<Held> {
        let mut held = self.shelf.held();
        let place = held.iter().position(|held| held.is_for(key))?;
        Some(held.remove(place))
    }

    /// Has so many made as were ordered, meanwhile.
    pub(super) fn top_up(&self, order: Order) {
        if self.shelf.has(&order.key) >= order.count {
            return;
        }
        let mut maker = self.maker.lock().unwrap_or_else(PoisonError::into_inner);
        if maker.is_none() {
            let (filled, cloner) = (Arc::clone(&self.shelf), Arc::clone(&self.cloner));
            let (sender, orders) = sync_channel(WAITING);
            let named = thread::Builder::new().name("perry-sandbox-warm".to_owned());
            // Without a thread every call is launched in the ordinary way.
            *maker = named.spawn(move || filled.fill(&cloner, &orders)).ok().map(|thread| (sender, thread));
        }
        if let Some((sender, _)) = &*maker {
            // A full queue holds enough to do.
            sender.try_send(order).ok();
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let maker = self.maker.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        // A copy of the program that was forked off has no such thread, and its sandboxes are not that copy's to end.
        if self.program != std::process::id() {
            std::mem::forget(maker);
            return;
        }
        self.shelf.closing.store(true, Ordering::Release);
        if let Some((sender, thread)) = maker {
            drop(sender);
            // One that has panicked makes nothing any more either.
            thread.join().ok();
        }
    }
}

impl Shelf {
    fn held(&self) -> MutexGuard<'_, Vec<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has(&self, key: &Key) -> usize {
        self.held().iter().filter(|held| held.is_for(key)).count()
    }

    /// Until nobody can order any more.
    fn fill(&self, cloner: &Cloner, orders: &Receiver<Order>) {
        loop {
            match orders.recv_timeout(LOOK) {
                Ok(order) => {
                    thread::sleep(HEAD_START);
                    drop(self.sweep());
                    self.carry_out(cloner, &order);
                }
                Err(RecvTimeoutError::Timeout) => drop(self.sweep()),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// What cannot be made is ordered again by the next call, which learns why it cannot.
    fn carry_out(&self, cloner: &Cloner, order: &Order) {
        let wanted = order.count.min(self.most);
        while !self.closing.load(Ordering::Acquire) && self.has(&order.key) < wanted {
            let Ok(held) = Held::prepare(cloner, order, &self.closing) else { return };
            drop(self.put(held, &order.key));
        }
    }

    /// Takes out what is of no use: dead, or of a policy or image that nobody calls any more. It is dropped without the lock.
    fn sweep(&self) -> Vec<Held> {
        self.held().extract_if(.., |held| held.is_dead() || held.age() > UNUSED).collect()
    }

    /// Answers what had to make room: the oldest that is for other calls. It is dropped without the lock.
    fn put(&self, new: Held, key: &Key) -> Option<Held> {
        let mut held = self.held();
        let full = held.len() >= self.most;
        let other = held.iter().position(|held| !held.is_for(key)).filter(|_| full);
        let out = other.map(|place| held.remove(place));
        held.push(new);
        out
    }
}
