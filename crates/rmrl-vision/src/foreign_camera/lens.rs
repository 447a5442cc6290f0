//! Lens models by the names that programs give them.

use crate::Distortion;

use super::error::ForeignCameraError;
use super::tree::plain;

/// How a model's coefficients are used.
enum Model {
    /// Brown-Conrady in OpenCV's order; further coefficients only if they are zero.
    Brown,
    /// The same as Brown-Conrady if `p1` and `p2` are zero.
    ModifiedBrown,
    /// The same as a lens without distortion if all coefficients are zero.
    Straight,
}

/// The distortion of a lens. `model` is `None` if the file names none.
pub(super) fn distortion(
    camera: &str,
    model: Option<&str>,
    coefficients: &[f64],
) -> Result<Distortion, ForeignCameraError> {
    let refused = |with: bool| ForeignCameraError::Lens {
        camera: camera.to_string(),
        model: model.unwrap_or("OpenCV's").to_string(),
        coefficients: if with { format!(" with {coefficients:?}") } else { String::new() },
    };
    if let Some(broken) = coefficients.iter().find(|one| !one.is_finite()) {
        return Err(ForeignCameraError::Value {
            camera: camera.to_string(),
            key: "the coefficient".to_string(),
            found: broken.to_string(),
            expected: "a number",
        });
    }
    let at = |place: usize| coefficients.get(place).copied().unwrap_or(0.0);
    let distortion = Distortion { k1: at(0), k2: at(1), p1: at(2), p2: at(3), k3: at(4) };
    // k4 to k6, the thin prism and the tilt.
    let is_brown = coefficients.len() != 1 && coefficients.iter().skip(5).all(|one| *one == 0.0);
    let is_straight = coefficients.iter().all(|one| *one == 0.0);
    let is_usable = match model.map_or(Some(Model::Brown), of_name).ok_or_else(|| refused(false))? {
        Model::Brown => is_brown,
        Model::ModifiedBrown => is_brown && at(2) == 0.0 && at(3) == 0.0,
        Model::Straight => is_straight,
    };
    if is_usable { Ok(distortion) } else { Err(refused(true)) }
}

fn of_name(name: &str) -> Option<Model> {
    // pyrealsense2 writes `distortion.brown_conrady`; librealsense numbers its models.
    let name = plain(name);
    let name = name
        .strip_prefix("distortion")
        .or_else(|| name.strip_prefix("rs2distortion"))
        .unwrap_or(&name);
    match name {
        "plumbbob" | "rationalpolynomial" | "radtan" | "radialtangential" | "brownconrady"
        | "brown" | "opencv" | "pinhole" | "pinholeradtan" | "4" => Some(Model::Brown),
        "modifiedbrownconrady" | "1" => Some(Model::ModifiedBrown),
        "none" | "inversebrownconrady" | "" | "0" | "2" => Some(Model::Straight),
        _ => None,
    }
}
