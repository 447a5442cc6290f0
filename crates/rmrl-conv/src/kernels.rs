//! The operations on plain slices, without burn and its tensors.
//!
//! Everything is computed in 32 bits, on all threads of the current rayon pool, in chunks that depend on the
//! shapes alone: one thread and many give the same bits. The instructions are chosen when the program runs
//! (AVX-512, AVX2 with FMA, NEON, or the baseline), so other processors may give other last bits.
//!
//! From the top:
//! - `conv.rs`: a convolution and its gradients, by one of the two algorithms below.
//! - `winograd.rs`: Winograd's algorithm for 3 x 3 kernels at stride 1.
//! - `direct.rs`, `direct_weight_gradient.rs`: the sum over the window, for any kernel and stride.
//! - `gemm.rs`, `packing.rs`, `weight_layout.rs`: the matrix multiplications, and the order of their operands.
//! - `partition.rs`, `buffer_pool.rs`: chunks of work, and scratch buffers.
//! - `shape.rs`, `epilogue.rs`: the shape of a convolution, and what follows it.
//! - `group_norm.rs`, `max_pool.rs`, `adam.rs`: the other operations.

mod adam;
mod buffer_pool;
mod conv;
mod direct;
mod direct_weight_gradient;
mod epilogue;
mod gemm;
mod group_norm;
mod max_pool;
mod packing;
mod partition;
mod shape;
mod weight_layout;
mod winograd;

pub use adam::{AdamStep, adam};
pub use conv::{PackedWeights, bias_gradient, forward, input_gradient, weight_gradient};
pub use epilogue::Epilogue;
pub use group_norm::{
    Affine, GroupNormForward, GroupNormGradients, GroupNormShape, Statistics, group_norm,
    group_norm_gradients,
};
pub use max_pool::{max_pool, max_pool_gradient};
pub use shape::ConvShape;
