/// Why another program's file has no camera that can be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ForeignCameraError {
    /// The syntax is damaged.
    #[error("it is no {syntax}: {reason}")]
    Syntax {
        /// YAML, XML or JSON.
        syntax: &'static str,
        /// What is wrong, and where.
        reason: String,
    },
    /// Nothing in it is a camera.
    #[error(
        "it has no camera: expected a camera matrix (camera_matrix, K), fx, fy, cx, cy, or Kalibr's intrinsics"
    )]
    NoCamera,
    /// A value is missing.
    #[error("the camera {camera} has no {what}")]
    Missing {
        /// The camera's name.
        camera: String,
        /// What it lacks, and what to do.
        what: &'static str,
    },
    /// A value is invalid.
    #[error("the camera {camera} has {key} {found}, expected {expected}")]
    Value {
        /// The camera's name.
        camera: String,
        /// The key.
        key: String,
        /// Its value.
        found: String,
        /// The expected value.
        expected: &'static str,
    },
    /// The lens is of a model that this crate does not have.
    #[error(
        "the lens of the camera {camera} is {model}{coefficients}, but only Brown-Conrady with k1, k2, p1, p2, k3 is \
         known (plumb_bob, radtan); undistort its images, or calibrate it by `rmrl calibrate intrinsics`"
    )]
    Lens {
        /// The camera's name.
        camera: String,
        /// The model, as the file names it.
        model: String,
        /// The coefficients after the word `with`; empty if no coefficients could be used.
        coefficients: String,
    },
    /// The file has several cameras.
    #[error(
        "it has the cameras {names}; choose one: rmrl calibrate import FILE --name NAME --out camera.toml"
    )]
    Several {
        /// Their names.
        names: String,
    },
}
