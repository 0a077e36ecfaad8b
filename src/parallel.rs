//! Work shared among threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::Builder;

/// Maps items on several threads, in order; every thread has a state of its own. Where the
/// system refuses a thread, this one does its share.
pub(crate) fn in_parallel<'a, T: Sync, S, R: Send>(
    items: &'a [T],
    threads: usize,
    state: impl Fn() -> S + Sync,
    map: impl Fn(&mut S, &'a T) -> R + Sync,
) -> Vec<R> {
    let share = items.len().div_ceil(threads.max(1)).max(1);
    let work = &|items: &'a [T]| {
        let mut state = state();
        let mapped = items.iter().map(|item| map(&mut state, item));
        mapped.collect::<Vec<R>>()
    };
    std::thread::scope(|scope| {
        let begin = |items: &'a [T]| {
            let thread = Builder::new().spawn_scoped(scope, move || work(items));
            thread.map_err(|_| items)
        };
        let shares: Vec<_> = items.chunks(share).map(begin).collect();
        shares
            .into_iter()
            .flat_map(|share| match share {
                Ok(thread) => thread.join().expect("workers do not panic"),
                Err(items) => work(items),
            })
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
    on_threads(threads.min(items.len()), || {
        while let at = next.fetch_add(1, Ordering::Relaxed)
            && let Some(item) = items.get(at)
        {
            let result = (at, map(item));
            done.lock().expect("nobody panics with it").push(result);
        }
    });
    let mut done = done.into_inner().expect("nobody panics with it");
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Works on all items at once, a thread for each.
pub(crate) fn at_once<T>(items: impl ExactSizeIterator<Item = T> + Send, work: impl Fn(T) + Sync) {
    let threads = items.len();
    let items = Mutex::new(items);
    let next = || items.lock().expect("nobody panics with it").next();
    on_threads(threads, || {
        while let Some(item) = next() {
            work(item);
        }
    });
}

/// Does the same on `n` threads, this one included: on fewer where the system refuses more.
pub(crate) fn on_threads(n: usize, work: impl Fn() + Sync) {
    std::thread::scope(|scope| {
        for _ in 1..n {
            if Builder::new().spawn_scoped(scope, &work).is_err() {
                break;
            }
        }
        work();
    });
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
