//! Joint angles.

/// The angles of the joints in radians, from the base to the flange, as the controller counts and reports
/// them. The last angle of an xArm 5, which has five joints, is 0.
pub type Joints = [f64; 6];

/// The largest difference of a joint between two configurations, in radians.
pub(super) fn largest_difference(a: &Joints, b: &Joints) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}
