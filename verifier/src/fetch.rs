//! Several questions to one source at once, with the answers in the order of the questions.

use std::panic::resume_unwind;
use std::thread::{self, ScopedJoinHandle};

use crate::codes::Code;
use crate::core::guarded;
use crate::finding::Finding;

/// Most questions that a source far away is asked at once. Each answer is held in memory until it is its turn.
pub(crate) const AT_ONCE: usize = 4;

/// Asks every question, at most `at_once` at a time. An answer never depends on which came first.
pub(crate) fn each<Q: Sync, A: Send>(
    questions: &[Q],
    at_once: usize,
    ask: impl Fn(&Q) -> Result<A, Finding> + Sync,
) -> Vec<Result<A, Finding>> {
    let ask = |question: &Q| guarded(|| ask(question));
    let mut answers = Vec::with_capacity(questions.len());
    for some in questions.chunks(at_once.max(1)) {
        let [first, rest @ ..] = some else { continue };
        thread::scope(|scope| {
            // The first is asked on this thread; so is one for which there is no thread to be had.
            let others: Vec<_> = rest
                .iter()
                .map(|question| {
                    thread::Builder::new().spawn_scoped(scope, move || ask(question)).map_err(|_| question)
                })
                .collect();
            answers.push(ask(first));
            answers.extend(others.into_iter().map(|other| match other {
                Ok(handle) => handle.join().unwrap_or_else(|_| {
                    Err(Finding::new(Code::CoreBroke, "a panic while reading", "an answer"))
                }),
                Err(question) => ask(question),
            }));
        });
    }
    answers
}

/// Does two things at once, the second on this thread. A panic of the second is no answer, and is met again where the
/// answer is needed; one of the first goes on.
pub(crate) fn both<A: Send, B>(first: impl Fn() -> A + Sync, second: impl FnOnce() -> B) -> (A, Option<B>) {
    thread::scope(|scope| {
        let other = thread::Builder::new().spawn_scoped(scope, &first);
        let answer = guarded(|| Ok(second())).ok();
        match other.map(ScopedJoinHandle::join) {
            Ok(Ok(found)) => (found, answer),
            Ok(Err(panic)) => resume_unwind(panic),
            // There was no thread to be had.
            Err(_) => (first(), answer),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn answers_come_in_the_order_of_the_questions() {
        for at_once in [0, 1, 3, 100] {
            let answers = each(&[1, 2, 3, 4, 5, 6, 7], at_once, |it| Ok(it * 2));
            let answers: Vec<_> = answers.into_iter().map(|it| it.unwrap()).collect();
            assert_eq!(answers, [2, 4, 6, 8, 10, 12, 14]);
        }
        assert!(each::<u8, u8>(&[], 4, |_| Ok(1)).is_empty());
    }

    #[test]
    fn questions_are_asked_at_once() {
        // Three threads must meet here, or none comes back.
        let barrier = Barrier::new(3);
        assert_eq!(each(&[(); 3], 3, |()| Ok(barrier.wait().is_leader())).len(), 3);
    }

    #[test]
    fn two_things_are_done_at_once_and_a_panic_of_the_second_is_no_answer() {
        let barrier = Barrier::new(2);
        let wait = || barrier.wait().is_leader();
        let (first, second) = both(wait, wait);
        assert!(second.is_some_and(|second| first != second));
        assert_eq!(both(|| 1, || panic!("on purpose")), (1, None::<u8>));
    }

    #[test]
    fn a_panic_of_one_is_its_own_answer() {
        let answers = each(&[1, 2, 3], 3, |it| if *it == 2 { panic!("on purpose") } else { Ok(*it) });
        let codes: Vec<_> = answers.into_iter().map(|it| it.err().map(|finding| finding.code)).collect();
        assert_eq!(codes, [None, Some(Code::CoreBroke), None]);
    }
}
