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
