//! Scratch buffers that are used again.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use aligned_vec::{AVec, ConstAlign};

/// Values aligned to a cache line, which also suits the widest vectors.
type Values = AVec<f32, ConstAlign<64>>;

/// The buffers that are not in use.
static FREE: Mutex<Vec<Values>> = Mutex::new(Vec::new());
/// The most free buffers that are kept: more than a training step uses at once.
const MAX_FREE: usize = 64;

/// A pooled, cache-line-aligned scratch buffer.
///
/// A training step needs the same hundred megabytes again and again. To request them from the system, page by
/// page, would take longer than much of the work in them.
pub(crate) struct PooledBuffer {
    values: Values,
    len: usize,
}

impl PooledBuffer {
    /// A buffer with arbitrary values.
    pub(crate) fn arbitrary(len: usize) -> Self {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |index: &usize| free[*index].len() >= len;
        // The smallest buffer that is large enough, unless it is much too large.
        let best = (0..free.len()).filter(fits).min_by_key(|index| free[*index].len());
        let values = match best.filter(|index| free[*index].len() <= 2 * len + 1024) {
            Some(index) => free.swap_remove(index),
            None => {
                drop(free);
                let mut values = Values::new(0);
                values.resize(len, 0.0);
                values
            }
        };
        Self { values, len }
    }

    /// A buffer of zeros.
    pub(crate) fn zeroed(len: usize) -> Self {
        let mut buffer = Self::arbitrary(len);
        buffer.fill(0.0);
        buffer
    }
}

impl Drop for PooledBuffer {
    fn drop(&mut self) {
        let values = std::mem::replace(&mut self.values, Values::new(0));
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        free.push(values);
        if free.len() > MAX_FREE {
            let smallest = (0..free.len()).min_by_key(|index| free[*index].len());
            smallest.map(|index| free.swap_remove(index));
        }
    }
}

impl Deref for PooledBuffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values[..self.len]
    }
}

impl DerefMut for PooledBuffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[..self.len]
    }
}
