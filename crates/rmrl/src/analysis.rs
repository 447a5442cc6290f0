//! What a run achieved, in numbers.

pub(crate) mod error_budget;
pub(crate) mod evaluate;
pub(crate) mod noise_floor;
pub(crate) mod summary;
