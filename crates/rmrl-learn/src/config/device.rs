//! The device on which a policy computes.

use burn::tensor::Device;
use rmrl_core::{Check, InvalidKey};
use serde::{Deserialize, Serialize};

/// Where the network computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComputeDevice {
    /// The processor. Bit-exact from run to run.
    #[default]
    Cpu,
    /// An NVIDIA GPU; needs the cargo feature `cuda`.
    Cuda,
    /// Any GPU, through wgpu; needs the cargo feature `wgpu`.
    Wgpu,
}

impl ComputeDevice {
    /// Checks that this build has the device, the value of `key`.
    ///
    /// # Errors
    /// It does not.
    pub(super) fn check(self, key: &str, check: &Check) -> Result<(), InvalidKey> {
        let (name, is_built_in, expected) = match self {
            Self::Cpu => return Ok(()),
            Self::Cuda => (
                "\"cuda\"",
                cfg!(feature = "cuda"),
                "\"cpu\": this build has no CUDA; build with `--features cuda`",
            ),
            Self::Wgpu => (
                "\"wgpu\"",
                cfg!(feature = "wgpu"),
                "\"cpu\": this build has no wgpu; build with `--features wgpu`",
            ),
        };
        check.require(key, name, is_built_in, expected)
    }

    /// Opens the device, with gradients: a model must be built on it to be trained.
    ///
    /// # Panics
    /// If this build does not have the device; [`Self::check`] reports that beforehand.
    pub(crate) fn open(self) -> Device {
        match self {
            Self::Cpu => Device::flex(),
            #[cfg(feature = "cuda")]
            Self::Cuda => Device::cuda(burn::tensor::DeviceIndex::Default),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Device::wgpu(burn::tensor::DeviceKind::DefaultDevice),
            #[allow(unreachable_patterns)] // A build with every device has no other pattern.
            _ => panic!("the configuration was validated against this build's devices"),
        }
        .autodiff()
    }
}
