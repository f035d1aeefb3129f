//! Who may go next: so many at a time, in the order in which they came.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use nix::sys::resource::{Resource, getrlimit};

/// Descriptors that one run may need at once in one process, with some to spare: pipes, report, record, cgroup files.
const EACH: u64 = 20;
/// Descriptors that a program keeps for itself.
const SPARE: u64 = 64;
/// More at once would only wait for the processors.
const MOST: u64 = 512;
/// More sandboxes that wait for a call would only take memory.
const MOST_READY: u64 = 64;

/// Lets a bounded number in.
#[derive(Debug)]
pub(super) struct Turns {
    numbers: Mutex<Numbers>,
    change: Condvar,
    most: u64,
}

#[derive(Debug, Default)]
struct Numbers {
    /// The next to come gets this number.
    next: u64,
    /// How many have left.
    left: u64,
}

/// One who is in.
#[derive(Debug)]
pub(crate) struct Turn<'a>(&'a Turns);

impl Turns {
    /// As many as this process has descriptors for; and how many sandboxes may wait for a call beside them, in one of
    /// every four places.
    pub(super) fn by_descriptors() -> (Self, usize) {
        let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((256, 256));
        let places = soft.saturating_sub(SPARE).div_euclid(EACH);
        let waiting = places.div_euclid(4).min(MOST_READY);
        let turns = Self::of(places.saturating_sub(waiting).clamp(1, MOST));
        (turns, usize::try_from(waiting).unwrap_or(0))
    }

    fn of(most: u64) -> Self {
        Self { numbers: Mutex::default(), change: Condvar::new(), most }
    }

    fn numbers(&self) -> MutexGuard<'_, Numbers> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until all who came before are in, and one more may be.
    pub(super) fn enter(&self) -> Turn<'_> {
        let mut numbers = self.numbers();
        let own = numbers.next;
        numbers.next = own.saturating_add(1);
        while own >= numbers.left.saturating_add(self.most) {
            numbers = self.change.wait(numbers).unwrap_or_else(PoisonError::into_inner);
        }
        Turn(self)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut numbers = self.0.numbers();
        numbers.left = numbers.left.saturating_add(1);
        self.0.change.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn no_more_than_the_bound_are_in_and_all_get_their_turn() {
        let (turns, inside, done) = (Turns::of(3), AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..40 {
                scope.spawn(|| {
                    let _turn = turns.enter();
                    assert!(inside.fetch_add(1, Ordering::SeqCst) < 3);
                    thread::yield_now();
                    inside.fetch_sub(1, Ordering::SeqCst);
                    done.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        assert_eq!(done.into_inner(), 40);
    }

    #[test]
    fn they_come_in_in_order() {
        let turns = Turns::of(1);
        let order = Mutex::new(Vec::new());
        let first = turns.enter();
        thread::scope(|scope| {
            for number in 0..10_u64 {
                let (turns, order) = (&turns, &order);
                scope.spawn(move || {
                    let _turn = turns.enter();
                    order.lock().unwrap().push(number);
                });
                while turns.numbers().next < number + 2 {
                    thread::yield_now();
                }
            }
            drop(first);
        });
        assert_eq!(order.into_inner().unwrap(), (0..10).collect::<Vec<_>>());
    }
}
