//! The device on which a policy computes.

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::error::LearnConfigError;

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
    /// Checks that this build has the device.
    pub(super) fn check(self) -> Result<(), LearnConfigError> {
        let missing = |value: &str, expected| {
            Err(LearnConfigError { key: "device", value: format!("\"{value}\""), expected })
        };
        match self {
            Self::Cpu => Ok(()),
            Self::Cuda if cfg!(feature = "cuda") => Ok(()),
            Self::Wgpu if cfg!(feature = "wgpu") => Ok(()),
            Self::Cuda => {
                missing("cuda", "\"cpu\": this build has no CUDA; build with `--features cuda`")
            }
            Self::Wgpu => {
                missing("wgpu", "\"cpu\": this build has no wgpu; build with `--features wgpu`")
            }
        }
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
