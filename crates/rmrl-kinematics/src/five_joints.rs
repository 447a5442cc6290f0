//! Five joints: an xArm 5, whose joints 2, 3 and 4 turn in one vertical plane.
//!
//! It has a closed form. Joint 1 turns the plane to the flange, ahead or over the head. The flange's axis must
//! lie in that plane. Its tilt in the plane is the sum of the three joints there, two of which reach the
//! wrist in two ways. The last joint turns the flange about its axis.

use nalgebra::{Isometry3, Vector3};

use super::branch::{BRANCHES, Branch};
use super::geometry::{Chain, Geometry};

/// The largest angle between the flange's axis and the plane that is ignored, in radians. It is more than the
/// rounding error of the controller's single-precision numbers, and 0.1 mm at the end of a plate.
const IN_PLANE_RAD: f64 = 1e-3;

/// The angle between the flange's axis and the vertical plane through the base and the flange, in radians;
/// none where five joints allow it.
pub(super) fn out_of_plane_rad(base_from_flange: &Isometry3<f64>) -> Option<f64> {
    let at = base_from_flange.translation.vector;
    let (sin1, cos1) = at.y.atan2(at.x).sin_cos();
    let axis = base_from_flange.rotation * Vector3::z();
    let out_rad = (axis.y * cos1 - axis.x * sin1).clamp(-1.0, 1.0).asin().abs();
    (out_rad > IN_PLANE_RAD).then_some(out_rad)
}

/// All angles of the chain, with joint 4 at zero, that put the flange at a pose. Over the base's axis, where
/// any angle of joint 1 is a solution, only that of zero.
pub(super) fn inverses(geometry: &Geometry, base_from_flange: &Isometry3<f64>) -> Vec<Chain> {
    if out_of_plane_rad(base_from_flange).is_some() {
        return Vec::new();
    }
    BRANCHES.into_iter().filter_map(|branch| inverse(geometry, base_from_flange, branch)).collect()
}

fn inverse(
    geometry: &Geometry,
    base_from_flange: &Isometry3<f64>,
    branch: Branch,
) -> Option<Chain> {
    let at = base_from_flange.translation.vector;
    let joint1_rad =
        if branch.backwards { f64::atan2(-at.y, -at.x) } else { f64::atan2(at.y, at.x) };
    let (sin1, cos1) = joint1_rad.sin_cos();
    let radial = Vector3::new(cos1, sin1, 0.0);

    // The axes of the frame after the chain's joint 5: x5 towards the axis of joint 6, z5 along it.
    let axis = base_from_flange.rotation * Vector3::z();
    let tilt_rad = f64::atan2(-axis.dot(&radial), -axis.z);
    let (sin_tilt, cos_tilt) = tilt_rad.sin_cos();
    let x5 = radial * cos_tilt - Vector3::z() * sin_tilt;
    let z5 = -radial * sin_tilt - Vector3::z() * cos_tilt;

    let wrist = at - z5 * geometry.d6_m - x5 * geometry.a5_m;
    let (joint2_rad, joint3_rad) =
        branch.shoulder_and_elbow(geometry, wrist.dot(&radial), geometry.d1_m - wrist.z)?;
    let joint5_rad = tilt_rad - joint2_rad - joint3_rad;
    let ahead = base_from_flange.rotation * Vector3::x();
    let joint6_rad = f64::atan2(ahead.dot(&z5.cross(&x5)), ahead.dot(&x5));
    Some([joint1_rad, joint2_rad, joint3_rad, 0.0, joint5_rad, joint6_rad])
}
