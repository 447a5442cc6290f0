#![doc = include_str!("../README.md")]

pub mod kernels;
mod ops;

pub use kernels::AdamStep;
pub use ops::{
    Conv2dEpilogue, Conv2dOptions, GroupNormOptions, Moments, PackedConv2d, adam, conv2d,
    group_norm, max_pool2d,
};
