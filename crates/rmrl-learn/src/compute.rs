//! The device a policy computes on.

use burn::tensor::Device;

use crate::config::{ComputeDevice, LearnConfigError};

impl ComputeDevice {
    /// Whether this build has the device.
    pub(crate) fn check(self) -> Result<(), LearnConfigError> {
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

    /// The device, with gradients: a model must be built on it to be trained.
    ///
    /// # Panics
    /// If this build does not have the device; [`Self::check`] says so beforehand.
    pub(crate) fn open(self) -> Device {
        match self {
            Self::Cpu => Device::flex(),
            #[cfg(feature = "cuda")]
            Self::Cuda => Device::cuda(burn::tensor::DeviceIndex::Default),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Device::wgpu(burn::tensor::DeviceKind::DefaultDevice),
            #[allow(unreachable_patterns)] // Builds with every device have no other.
            _ => panic!("the configuration was validated against this build's devices"),
        }
        .autodiff()
    }
}
