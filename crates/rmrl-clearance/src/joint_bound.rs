//! How far the joints move on a piece of a line, as a proof.
//!
//! The flange moves along the line with a constant twist `V` (velocity over 0.7 m, and angular velocity), so the joints obey
//! `q' = J(q)^-1 V`. With `M = J(c)^-1` at the middle `c` of a piece, `M J(q) = 1 + E(q)`. Let `H_j` be the derivative of the
//! Jacobian by joint `j` at `c`, and `L` a bound of its second derivative, which follows from the arm's lengths. Within a
//! ball of radius `r` about `q(c)`
//!
//! `|E| <= e(r) = r sqrt(sum_j |M H_j|^2) + |M| L r^2 / 2`,
//!
//! so `|q' - M V| <= e / (1 - e) |M V|` there. A piece of half the length `h` stays in the ball if `h |M V| / (1 - e(r)) <= r`:
//! then every joint `j` is within `h (|M V|_j + e / (1 - e) |M V|)` of `q(c)` on all of the piece. And while `e < 1` the
//! ball holds no second solution, so pieces that share an end also share the solution there.

use nalgebra::{Matrix6, Vector3, Vector6};
use rmrl_kinematics::Joints;

use crate::arm_body::{LinkFrames, axis};

/// A length that makes meters comparable to radians: about the reach of the arms.
const REACH_M: f64 = 0.7;

/// The motion of the flange along a line, for a step of 1 of the line's share, in the base's frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Twist {
    /// How far it moves, in meters.
    pub linear_m: Vector3<f64>,
    /// By how much it turns, in radians, about an axis through it.
    pub angular_rad: Vector3<f64>,
}

/// The joints' motion near one place on the line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalMotion {
    /// The velocity of each joint, in radians per share of the line.
    velocity: Vector6<f64>,
    /// The coefficients of `r` and `r^2` in `e(r)`.
    bend: [f64; 2],
}

/// Where the joints are on a piece of the line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JointBound {
    /// How far each joint is at most from where it is in the piece's middle, in radians.
    pub each_rad: Joints,
    /// How far all of them are, as a vector.
    pub ball_rad: f64,
    /// `e` of that ball.
    pub bend: f64,
}

/// The bound of the second derivative of the Jacobian, from the levers of `ArmBody::longest_levers_m`.
pub(crate) fn second_derivative(levers_m: &[f64; 6]) -> f64 {
    let mut sum = 0.0;
    for (joint, lever_m) in levers_m.iter().enumerate() {
        // The axis of a joint turns with the joints before it.
        let before = joint as f64;
        sum += before * before;
        // Triples of joints of which this is the outermost.
        let triples = (before + 1.0).powi(3) - before.powi(3);
        sum += triples * (lever_m / REACH_M).powi(2);
    }
    sum.sqrt()
}

impl LocalMotion {
    /// The motion where the links stand at `frames`; none where the arm is singular.
    pub fn at(frames: &LinkFrames, twist: &Twist, second_derivative: f64) -> Option<Self> {
        let flange = frames[6].translation.vector;
        let axes: [_; 6] = std::array::from_fn(|joint| axis(frames, joint));
        let moves = axes.map(|(unit, on_axis)| unit.cross(&(flange - on_axis)) / REACH_M);
        let columns: [_; 6] = std::array::from_fn(|joint| stack(&moves[joint], &axes[joint].0));
        let inverse = Matrix6::from_columns(&columns).try_inverse()?;
        let mut squares = 0.0;
        for (by, (turning, _)) in axes.iter().enumerate() {
            for (of, (unit, _)) in axes.iter().enumerate() {
                let (inner, outer) = (axes[of.min(by)].0, moves[of.max(by)]);
                let turned = if by < of { turning.cross(unit) } else { Vector3::zeros() };
                squares += (inverse * stack(&inner.cross(&outer), &turned)).norm_squared();
            }
        }
        let velocity = inverse * stack(&(twist.linear_m / REACH_M), &twist.angular_rad);
        let bend = [squares.sqrt(), 0.5 * inverse.norm() * second_derivative];
        bend.iter().chain(&velocity).all(|one| one.is_finite()).then_some(Self { velocity, bend })
    }

    /// `e` of a ball with this radius.
    pub fn bend(&self, ball_rad: f64) -> f64 {
        (self.bend[0] + self.bend[1] * ball_rad) * ball_rad
    }

    /// The bound for the shares of the line within `half` of here; none where `e` would exceed `most`.
    pub fn within(&self, half: f64, most: f64) -> Option<JointBound> {
        let speed = self.velocity.norm();
        let straight_rad = half * speed;
        // The joints here solve the pose up to rounding.
        let mut ball_rad = straight_rad + 1e-9;
        for _ in 0..8 {
            let bend = self.bend(ball_rad);
            if bend > most {
                return None;
            }
            let needed_rad = straight_rad / (1.0 - bend);
            if needed_rad <= ball_rad {
                let aside = bend / (1.0 - bend) * speed;
                let each_rad =
                    std::array::from_fn(|joint| half * (self.velocity[joint].abs() + aside) + 1e-9);
                return Some(JointBound { each_rad, ball_rad, bend });
            }
            ball_rad = needed_rad * 1.02 + 1e-9;
        }
        None
    }
}

fn stack(above: &Vector3<f64>, below: &Vector3<f64>) -> Vector6<f64> {
    Vector6::new(above.x, above.y, above.z, below.x, below.y, below.z)
}

/// The distance of two configurations as vectors, in radians.
pub(crate) fn apart_rad(a: &Joints, b: &Joints) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use nalgebra::Isometry3;
    use proptest::prelude::*;
    use rmrl_cell::{FlangeLine, ToolPose};
    use rmrl_core::PlanarPose;
    use rmrl_kinematics::pointing_down;

    use super::*;
    use crate::arm_body::ArmBody;

    fn flange([x_m, y_m, z_m, yaw_rad]: [f64; 4]) -> Isometry3<f64> {
        pointing_down(ToolPose::new(PlanarPose::new(x_m, y_m, yaw_rad), z_m))
    }

    fn pose() -> impl Strategy<Value = [f64; 4]> {
        (0.3..0.6f64, -0.3..0.3f64, 0.1..0.5f64, -1.0..1.0f64)
            .prop_map(|(x, y, z, yaw)| [x, y, z, yaw])
    }

    proptest! {
        /// Followed in steps of a hundredth of a piece, no joint leaves its bound; and the bound is no empty promise.
        #[test]
        fn joints_stay_within_their_bound(from in pose(), to in pose(), share in 0.2..0.8f64) {
            let arm = ArmBody::xarm6();
            let line = FlangeLine { from: flange(from), to: flange(to) };
            let found = arm.kinematics().inverse_nearest(&line.at(share), &arm.kinematics().ready());
            let Ok(middle) = found else { return Ok(()) };
            let twist = Twist {
                linear_m: line.to.translation.vector - line.from.translation.vector,
                angular_rad: (line.to.rotation * line.from.rotation.inverse()).scaled_axis(),
            };
            let curvature = second_derivative(&arm.longest_levers_m());
            let motion = LocalMotion::at(&arm.frames(&middle), &twist, curvature);
            let Some(motion) = motion else { return Ok(()) };
            let mut half = 0.2;
            let bound = loop {
                match motion.within(half, 0.4) {
                    Some(bound) => break bound,
                    None => half *= 0.5,
                }
                if half < 1e-6 {
                    return Ok(());
                }
            };
            let mut most = [0f64; 6];
            for side in [-1.0, 1.0] {
                let mut joints = middle;
                for step in 1..=100 {
                    let at = line.at(share + side * half * f64::from(step) / 100.0);
                    joints = arm.kinematics().follow(&at, &joints).unwrap();
                    for (joint, most) in most.iter_mut().enumerate() {
                        *most = most.max((joints[joint] - middle[joint]).abs());
                        prop_assert!(*most <= bound.each_rad[joint], "joint {joint}: {most} {bound:?}");
                    }
                }
            }
            let moved_rad = apart_rad(&most, &[0.0; 6]);
            prop_assert!(bound.ball_rad < 2.0 * moved_rad + 1e-6, "{moved_rad} {bound:?}");
        }
    }
}
