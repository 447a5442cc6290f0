//! The same on plain slices: no burn, no tensors.
//!
//! Everything is computed in 32 bits, on all threads of the rayon pool it is called in, in pieces that
//! depend on the shapes alone: one thread and many give the same bits. The instructions are chosen
//! when the program runs (AVX-512, AVX2 with FMA, NEON, or what every processor has), so other
//! processors may give other last bits.

// Loops over indices that are known to the compiler become registers; iterators over the same do not.
#![allow(clippy::needless_range_loop)]

mod adam;
mod conv;
mod direct;
mod group_norm;
mod jobs;
mod max_pool;
mod multiply;
mod panels;
mod room;
mod shape;
mod winograd;

pub use adam::{AdamStep, adam};
pub use conv::{Epilogue, PackedWeights, bias_gradient, forward, input_gradient, weight_gradient};
pub use group_norm::{
    Affine, GroupNormGradients, GroupNormShape, Statistics, group_norm, group_norm_gradients,
};
pub use max_pool::{max_pool, max_pool_gradient};
pub use shape::ConvShape;
