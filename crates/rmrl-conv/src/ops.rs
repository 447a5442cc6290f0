//! The operations on burn's tensors, images with channels last: `[batch, height, width,
//! channels]`.
//!
//! On burn's CPU backend, with gradients or without, this crate computes them; on any other device
//! burn's own operations do.

mod adam;
mod conv2d;
mod group_norm;
mod max_pool2d;
mod primitive;

pub use adam::{Moments, adam};
pub use conv2d::{Conv2dOptions, Follow, PackedConv2d, conv2d};
pub use group_norm::{GroupNormOptions, group_norm};
pub use max_pool2d::max_pool2d;
