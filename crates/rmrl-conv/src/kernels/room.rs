//! Memory that is used again.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use aligned_vec::{AVec, ConstAlign};

/// Where a vector of the widest instructions begins, and a line of the cache.
type Numbers = AVec<f32, ConstAlign<64>>;

/// Rooms that nobody uses at the moment.
static FREE: Mutex<Vec<Numbers>> = Mutex::new(Vec::new());
/// How many are kept: more than one step of training has at once.
const KEPT: usize = 64;

/// Room for intermediate numbers, which begins with a line of the cache. A step of training needs the same hundred megabytes again and again;
/// asking the system for them, page by page, would take longer than much of the work in them.
pub(crate) struct Room {
    numbers: Numbers,
    len: usize,
}

impl Room {
    /// Room with any numbers in it.
    pub(crate) fn of_any(len: usize) -> Self {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |index: &usize| free[*index].len() >= len;
        // The smallest that is large enough, and not much too large.
        let best = (0..free.len()).filter(fits).min_by_key(|index| free[*index].len());
        let numbers = match best.filter(|index| free[*index].len() <= 2 * len + 1024) {
            Some(index) => free.swap_remove(index),
            None => {
                drop(free);
                let mut numbers = Numbers::new(0);
                numbers.resize(len, 0.0);
                numbers
            }
        };
        Self { numbers, len }
    }

    pub(crate) fn of_zeros(len: usize) -> Self {
        let mut room = Self::of_any(len);
        room.fill(0.0);
        room
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let numbers = std::mem::replace(&mut self.numbers, Numbers::new(0));
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        free.push(numbers);
        if free.len() > KEPT {
            let smallest = (0..free.len()).min_by_key(|index| free[*index].len());
            smallest.map(|index| free.swap_remove(index));
        }
    }
}

impl Deref for Room {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.numbers[..self.len]
    }
}

impl DerefMut for Room {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.numbers[..self.len]
    }
}
