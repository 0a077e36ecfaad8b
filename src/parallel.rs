//! Work shared among threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Maps items on several threads, in order; every thread has a state of its own.
pub(crate) fn in_parallel<'a, T: Sync, S, R: Send>(
    items: &'a [T],
    threads: usize,
    state: impl Fn() -> S + Sync,
    map: impl Fn(&mut S, &'a T) -> R + Sync,
) -> Vec<R> {
    let share = items.len().div_ceil(threads.max(1)).max(1);
    std::thread::scope(|scope| {
        let work = |items: &'a [T]| {
            let (state, map) = (&state, &map);
            scope.spawn(move || {
                let mut state = state();
                items
                    .iter()
                    .map(|item| map(&mut state, item))
                    .collect::<Vec<R>>()
            })
        };
        let workers: Vec<_> = items.chunks(share).map(work).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("workers do not panic"))
            .collect()
    })
}

/// Maps a few large items on several threads, each taking the next one when it is done.
pub(crate) fn by_turns<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    map: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        let work = || {
            while let at = next.fetch_add(1, Ordering::Relaxed)
                && let Some(item) = items.get(at)
            {
                let result = (at, map(item));
                done.lock().expect("nobody panics with it").push(result);
            }
        };
        for _ in 1..threads.min(items.len()) {
            scope.spawn(work);
        }
        work();
    });
    let mut done = done.into_inner().expect("nobody panics with it");
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::by_turns;

    #[test]
    fn turns_come_back_in_order() {
        let items: Vec<u32> = (0..100).collect();
        for threads in [1, 2, 7, 200] {
            let doubled = by_turns(&items, threads, |n| n * 2);
            assert!(doubled.into_iter().eq((0..100).map(|n| n * 2)));
        }
        assert!(by_turns(&[], 3, |n: &u32| *n).is_empty());
    }
}
