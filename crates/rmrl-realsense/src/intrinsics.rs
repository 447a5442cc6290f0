//! Converts librealsense's intrinsics to those of `rmrl-vision`.
//!
//! In both, the center of the first pixel is `(0, 0)`.

use rmrl_vision::{Distortion, Intrinsics, IntrinsicsError};

/// librealsense's lens models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DistortionModel {
    /// A rectified image.
    None,
    /// Brown-Conrady, as in OpenCV.
    BrownConrady,
    /// Brown-Conrady whose tangential part takes the radially distorted coordinates.
    ModifiedBrownConrady,
    /// Brown-Conrady that undistorts instead of distorting. A D435's color camera reports it, with all
    /// coefficients zero.
    InverseBrownConrady,
    /// A fish-eye lens, F-theta model.
    FTheta,
    /// A fish-eye lens, Kannala-Brandt model.
    KannalaBrandt,
}

/// A stream's intrinsics according to the device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct DeviceIntrinsics {
    /// Image width, in pixels.
    pub width: u32,
    /// Image height, in pixels.
    pub height: u32,
    /// Focal length along `u`, in pixels.
    pub fx: f32,
    /// Focal length along `v`, in pixels.
    pub fy: f32,
    /// Principal point, `u`.
    pub ppx: f32,
    /// Principal point, `v`.
    pub ppy: f32,
    /// The lens model of the coefficients.
    pub model: DistortionModel,
    /// `k1, k2, p1, p2, k3`.
    pub coefficients: [f32; 5],
}

/// Why a device's intrinsics cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub(crate) enum DeviceIntrinsicsError {
    /// The lens model is not Brown-Conrady.
    #[error(
        "the camera's lens model is {model:?} with {coefficients:?}, which is no Brown-Conrady; calibrate the camera and configure its intrinsics"
    )]
    Lens {
        /// The model.
        model: DistortionModel,
        /// The coefficients.
        coefficients: [f32; 5],
    },
    /// The intrinsics are invalid.
    #[error("the camera's intrinsics are invalid: {0}")]
    Invalid(#[from] IntrinsicsError),
}

impl TryFrom<DeviceIntrinsics> for Intrinsics {
    type Error = DeviceIntrinsicsError;

    /// Accepts Brown-Conrady lenses and lenses without distortion.
    ///
    /// The three kinds of Brown-Conrady are equal if all coefficients are zero, and the modified kind equals the plain
    /// one if `p1` and `p2` are zero. All other lenses are refused: treated as plain, an inverse lens would distort the
    /// image twice instead of not at all.
    fn try_from(device: DeviceIntrinsics) -> Result<Self, DeviceIntrinsicsError> {
        let [k1, k2, p1, p2, k3] = device.coefficients.map(f64::from);
        let straight = device.coefficients == [0.0; 5];
        let distortion = match device.model {
            DistortionModel::None => Distortion::default(),
            DistortionModel::BrownConrady => Distortion { k1, k2, p1, p2, k3 },
            DistortionModel::ModifiedBrownConrady if p1 == 0.0 && p2 == 0.0 => {
                Distortion { k1, k2, p1, p2, k3 }
            }
            DistortionModel::InverseBrownConrady if straight => Distortion::default(),
            model => {
                return Err(DeviceIntrinsicsError::Lens {
                    model,
                    coefficients: device.coefficients,
                });
            }
        };
        let intrinsics = Self {
            width: device.width,
            height: device.height,
            fx: device.fx.into(),
            fy: device.fy.into(),
            cx: device.ppx.into(),
            cy: device.ppy.into(),
            distortion,
        };
        intrinsics.validate()?;
        Ok(intrinsics)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::Point3;

    const D435: DeviceIntrinsics = DeviceIntrinsics {
        width: 640,
        height: 480,
        fx: 612.0,
        fy: 611.0,
        ppx: 321.5,
        ppy: 238.0,
        model: DistortionModel::InverseBrownConrady,
        coefficients: [0.0; 5],
    };

    const BENT: [f32; 5] = [0.12, -0.25, 0.001, -0.0007, 0.05];
    const RADIAL: [f32; 5] = [0.12, -0.25, 0.0, 0.0, 0.05];

    /// Expected pixels from `rs2_project_point_to_pixel` of pyrealsense2 2.59.1, in single precision.
    #[test]
    fn projection_agrees_with_librealsense() {
        use DistortionModel::{BrownConrady, InverseBrownConrady};
        for (model, coefficients, point, u, v) in [
            (BrownConrady, BENT, [0.1, -0.05, 0.8], 398.140_69, 199.750_02),
            (BrownConrady, BENT, [-0.35, 0.25, 0.8], 49.276_98, 432.215_64),
            (BrownConrady, BENT, [0.3, 0.3, 1.2], 476.181_67, 392.558_77),
            (InverseBrownConrady, [0.0; 5], [0.1, -0.05, 0.8], 398.0, 199.812_5),
        ] {
            let device = DeviceIntrinsics { model, coefficients, ..D435 };
            let pixel = Intrinsics::try_from(device).unwrap().project(Point3::from(point)).unwrap();
            assert!((pixel.x - u).abs() < 1e-4 && (pixel.y - v).abs() < 1e-4, "{pixel}");
        }
    }

    #[test]
    fn only_brown_conrady_and_lenses_without_distortion_are_accepted() {
        use DistortionModel as Model;
        for (model, coefficients, kept) in [
            (Model::None, [0.0; 5], true),
            (Model::BrownConrady, BENT, true),
            (Model::ModifiedBrownConrady, [0.0; 5], true),
            (Model::ModifiedBrownConrady, RADIAL, true),
            (Model::ModifiedBrownConrady, BENT, false),
            (Model::InverseBrownConrady, [0.0; 5], true),
            (Model::InverseBrownConrady, RADIAL, false),
            (Model::FTheta, [0.0; 5], false),
            (Model::KannalaBrandt, [0.0; 5], false),
        ] {
            let result = Intrinsics::try_from(DeviceIntrinsics { model, coefficients, ..D435 });
            assert_eq!(result.is_ok(), kept, "{model:?} {coefficients:?}: {result:?}");
            if let Err(error) = result {
                assert!(error.to_string().contains("calibrate"), "{error}");
            }
        }
    }

    #[test]
    fn invalid_intrinsics_are_refused() {
        for broken in [
            DeviceIntrinsics { fx: 0.0, ..D435 },
            DeviceIntrinsics { ppy: f32::NAN, ..D435 },
            DeviceIntrinsics {
                model: DistortionModel::BrownConrady,
                coefficients: [f32::NAN; 5],
                ..D435
            },
        ] {
            let error = Intrinsics::try_from(broken).unwrap_err();
            assert!(matches!(error, DeviceIntrinsicsError::Invalid(_)), "{error}");
        }
    }
}
