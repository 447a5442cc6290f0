//! The operations on burn's tensors, with images as `[batch, height, width, channels]` (channels last).
//!
//! On burn's CPU backend, with or without gradients, this crate computes them; on any other device, burn does.
//! `primitive.rs` converts between tensors and slices; the other files have one operation each.

mod adam;
mod conv2d;
mod group_norm;
mod max_pool2d;
mod primitive;

pub use adam::{Moments, adam};
pub use conv2d::{Conv2dEpilogue, Conv2dOptions, PackedConv2d, conv2d};
pub use group_norm::{GroupNormOptions, group_norm};
pub use max_pool2d::max_pool2d;
