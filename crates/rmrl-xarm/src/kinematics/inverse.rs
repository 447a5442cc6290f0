//! From where the flange is to joint angles.
//!
//! The axes of joints 5 and 6 pass each other at 76 mm, so the wrist is not spherical and there is no
//! closed form. But the angle of joint 6 leaves a closed form for all others, and one equation in
//! that single angle remains: its roots over a full turn are all the ways to stand at a pose.

use std::f64::consts::{PI, TAU};

use nalgebra::{Isometry3, Vector3, Vector6};
use rmrl_core::wrap_angle;

use super::{
    A3_M, A5_M, D1_M, D4_M, D6_M, Joints, KinematicsError, REACH_M, ROUNDING_RAD,
    SHOULDER_TO_ELBOW_M, XArm6,
};

/// Samples of joint 6 over a turn between which at most one root is expected.
const SAMPLES: u32 = 360;
/// Samples between two of those wherever a closer look is needed.
const EDGE_SAMPLES: u32 = 16;
/// Below this, a minimum of the equation's absolute value may touch zero.
const NEARLY_ZERO: f64 = 0.05;
/// Poses agree when they are closer than this, in 0.7 m and radians.
const AGREES: f64 = 1e-10;
/// Angles of joints that count as the same solution, in radians.
const SAME_RAD: f64 = 1e-5;

/// One of the four ways for shoulder and elbow to reach the wrist.
#[derive(Clone, Copy)]
struct Branch {
    /// Turned away from the wrist and reaching over the head.
    backwards: bool,
    /// The sign of the elbow's bend.
    elbow: f64,
}

const BRANCHES: [Branch; 4] = [
    Branch { backwards: false, elbow: -1.0 },
    Branch { backwards: false, elbow: 1.0 },
    Branch { backwards: true, elbow: -1.0 },
    Branch { backwards: true, elbow: 1.0 },
];

impl XArm6 {
    /// All joint angles that put the flange there, each in `(-pi, pi]` but joint 3, whose range is
    /// `(-3/2 pi, pi/2]` as its limits are. Limits play no part yet, nor do further turns.
    ///
    /// Of 50 000 random configurations at least 0.001 from a singularity none was missing among the
    /// inverses of its pose; closer ones may be, and at one there may be infinitely many.
    pub fn all_inverses(&self, base_from_flange: &Isometry3<f64>) -> Vec<Joints> {
        let mut found: Vec<Joints> = Vec::new();
        for branch in BRANCHES {
            for joint6_rad in roots(base_from_flange, branch) {
                let Some((_, guess)) = residual(base_from_flange, branch, joint6_rad) else {
                    continue;
                };
                let Ok(joints) = self.refine(base_from_flange, &guess) else { continue };
                let joints = principal(joints);
                let same = |other: &Joints| {
                    joints.iter().zip(other).all(|(a, b)| wrap_angle(a - b).abs() < SAME_RAD)
                };
                if !found.iter().any(same) {
                    found.push(joints);
                }
            }
        }
        found
    }

    /// Of all joint angles within the limits that put the flange there, full turns of joints
    /// included, those whose largest difference to `near` is smallest.
    ///
    /// # Errors
    /// The pose is out of reach, or only within reach beyond the limits.
    pub fn inverse_nearest(
        &self,
        base_from_flange: &Isometry3<f64>,
        near: &Joints,
    ) -> Result<Joints, KinematicsError> {
        let position = base_from_flange.translation.vector;
        let numbers = position.iter().chain(base_from_flange.rotation.coords.iter()).chain(near);
        if !numbers.into_iter().all(|number| number.is_finite()) {
            return Err(KinematicsError::NotANumber);
        }
        let mut best: Option<(f64, Joints)> = None;
        let mut refused: Option<(f64, KinematicsError)> = None;
        for mut joints in self.all_inverses(base_from_flange) {
            for (index, angle_rad) in joints.iter_mut().enumerate() {
                *angle_rad = self.nearest_turn(index, *angle_rad, near[index]);
            }
            match self.limits.check(&joints) {
                Ok(()) => {
                    let apart = largest_difference(&joints, near);
                    if best.is_none_or(|(least, _)| apart < least) {
                        best = Some((apart, joints));
                    }
                }
                Err(refusal) => {
                    let beyond = self.beyond_limits(&joints);
                    if refused.is_none_or(|(least, _)| beyond < least) {
                        refused = Some((beyond, refusal));
                    }
                }
            }
        }
        match (best, refused) {
            (Some((_, joints)), _) => Ok(joints),
            (None, Some((_, refusal))) => Err(refusal),
            (None, None) => Err(KinematicsError::OutOfReach { position_m: position.into() }),
        }
    }

    /// The joint angles that put the flange there and are reached from `from` without a jump: for
    /// poses that follow each other closely. Limits play no part.
    ///
    /// # Errors
    /// The pose is not there to be reached from `from`.
    pub fn follow(
        &self,
        base_from_flange: &Isometry3<f64>,
        from: &Joints,
    ) -> Result<Joints, KinematicsError> {
        // A step of the joints that no closely following pose needs.
        const JUMP_RAD: f64 = 0.5;
        let joints = self.refine(base_from_flange, from)?;
        if largest_difference(&joints, from) > JUMP_RAD {
            return Err(KinematicsError::NotContinuous);
        }
        Ok(joints)
    }

    /// Damped least squares from a guess.
    fn refine(
        &self,
        base_from_flange: &Isometry3<f64>,
        guess: &Joints,
    ) -> Result<Joints, KinematicsError> {
        const MAX_STEPS: u32 = 60;
        const LARGEST_STEP_RAD: f64 = 0.3;
        let error_at = |joints: &Joints| {
            let at = self.forward(joints);
            let apart = (base_from_flange.translation.vector - at.translation.vector) / REACH_M;
            let turn = (base_from_flange.rotation * at.rotation.inverse()).scaled_axis();
            Vector6::new(apart.x, apart.y, apart.z, turn.x, turn.y, turn.z)
        };
        let mut joints = *guess;
        let mut error = error_at(&joints);
        let mut damping = 1e-9;
        for _ in 0..MAX_STEPS {
            if error.norm() < AGREES {
                return Ok(joints);
            }
            let mut jacobian = self.jacobian(&joints);
            for mut row in jacobian.row_iter_mut().take(3) {
                row /= REACH_M;
            }
            let mut normal = jacobian.transpose() * jacobian;
            for index in 0..6 {
                normal[(index, index)] += damping;
            }
            let Some(factors) = normal.cholesky() else {
                damping *= 100.0;
                continue;
            };
            let mut step = factors.solve(&(jacobian.transpose() * error));
            let largest = step.amax();
            if largest > LARGEST_STEP_RAD {
                step *= LARGEST_STEP_RAD / largest;
            }
            let mut moved = joints;
            for (angle_rad, change_rad) in moved.iter_mut().zip(step.iter()) {
                *angle_rad += change_rad;
            }
            let moved_error = error_at(&moved);
            if moved_error.norm() < error.norm() {
                (joints, error) = (moved, moved_error);
                damping = (damping * 0.1).max(1e-12);
            } else if damping > 1e3 {
                break;
            } else {
                damping *= 100.0;
            }
        }
        Err(KinematicsError::NotContinuous)
    }

    /// The same angle with as many full turns more or less that it is nearest to `near_rad` within
    /// the joint's limits; unchanged where no turn is within them.
    fn nearest_turn(&self, index: usize, angle_rad: f64, near_rad: f64) -> f64 {
        let (lower, upper) = (self.limits.lower_rad[index], self.limits.upper_rad[index]);
        [-2.0, -1.0, 0.0, 1.0, 2.0]
            .map(|turns| angle_rad + turns * TAU)
            .into_iter()
            .filter(|turned| (lower - ROUNDING_RAD..=upper + ROUNDING_RAD).contains(turned))
            .min_by(|a, b| (a - near_rad).abs().total_cmp(&(b - near_rad).abs()))
            .unwrap_or(angle_rad)
    }

    fn beyond_limits(&self, joints: &Joints) -> f64 {
        (0..6)
            .map(|index| {
                (joints[index] - self.limits.upper_rad[index])
                    .max(self.limits.lower_rad[index] - joints[index])
                    .max(0.0)
            })
            .fold(0.0, f64::max)
    }
}

/// The largest difference of a joint between two configurations, in radians.
pub(super) fn largest_difference(a: &Joints, b: &Joints) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// Angles of joint 6 at or near which the other joints may put the flange there.
fn roots(base_from_flange: &Isometry3<f64>, branch: Branch) -> Vec<f64> {
    let value = |angle_rad: f64| residual(base_from_flange, branch, angle_rad).map(|(f, _)| f);
    let angle = |sample: u32| -PI + TAU * f64::from(sample) / f64::from(SAMPLES);
    let mut curve: Vec<(f64, Option<f64>)> = Vec::with_capacity(SAMPLES as usize + 3);
    // One sample more at each end, to have neighbours there.
    for sample in 0..SAMPLES + 2 {
        let at_rad = angle(sample);
        let now = value(at_rad);
        if let Some(&(before_rad, before)) = curve.last()
            && before.is_some() != now.is_some()
        {
            // Where the wrist gets out of reach the equation has its steepest slopes: a closer look.
            let (inside, outside) =
                if now.is_some() { (at_rad, before_rad) } else { (before_rad, at_rad) };
            let edge = last_within(|angle_rad| value(angle_rad).is_some(), inside, outside);
            let share = |step: u32| (f64::from(step) / f64::from(EDGE_SAMPLES)).powi(2);
            let mut closer: Vec<f64> =
                (0..EDGE_SAMPLES).map(|step| edge + share(step) * (inside - edge)).collect();
            if now.is_none() {
                closer.reverse();
            }
            let mut looked: Vec<_> = closer.into_iter().map(|near| (near, value(near))).collect();
            // Between the edge and what is beyond it.
            let beyond = (edge, None);
            if now.is_some() {
                looked.insert(0, beyond)
            } else {
                looked.push(beyond)
            }
            curve.extend(looked);
        }
        curve.push((at_rad, now));
    }
    let mut roots = Vec::new();
    for window in curve.windows(3) {
        let [(previous_rad, previous), (at_rad, now), (next_rad, next)] = *window else {
            continue;
        };
        let Some(now) = now else { continue };
        if next.is_some_and(|next| now == 0.0 || now * next < 0.0) {
            roots.push(bisect(value, at_rad, next_rad));
        }
        // A root that only touches, or one at the edge.
        let lowest = |other: Option<f64>| other.is_none_or(|other| now.abs() <= other.abs());
        if now.abs() < NEARLY_ZERO && lowest(next) && lowest(previous) {
            roots.push(at_rad);
            // Or two roots between samples, with the same sign on either side.
            let closer = |step: u32, from: f64, to: f64| {
                from + f64::from(step) / f64::from(EDGE_SAMPLES) * (to - from)
            };
            for (from_rad, to_rad) in [(previous_rad, at_rad), (at_rad, next_rad)] {
                for step in 0..EDGE_SAMPLES {
                    let ends = [step, step + 1].map(|step| closer(step, from_rad, to_rad));
                    if let [Some(from), Some(to)] = ends.map(value)
                        && from * to < 0.0
                    {
                        roots.push(bisect(value, ends[0], ends[1]));
                    }
                }
            }
        }
    }
    roots
}

/// The last angle from `inside` towards `outside` at which something still holds.
fn last_within(holds: impl Fn(f64) -> bool, mut inside: f64, mut outside: f64) -> f64 {
    for _ in 0..40 {
        let middle = 0.5 * (inside + outside);
        if holds(middle) { inside = middle } else { outside = middle }
    }
    inside
}

/// Halves an interval at whose ends the value has other signs.
fn bisect(value: impl Fn(f64) -> Option<f64>, mut from: f64, mut to: f64) -> f64 {
    let Some(at_from) = value(from) else { return from };
    // Coarse: the root is refined in all joints afterwards.
    for _ in 0..12 {
        let middle = 0.5 * (from + to);
        match value(middle) {
            Some(at_middle) if at_middle * at_from > 0.0 => from = middle,
            Some(_) => to = middle,
            None => break,
        }
    }
    0.5 * (from + to)
}

/// With joint 6 at an angle, how far the axes of joints 4 and 5 are from being perpendicular, as the
/// cosine between them, and all joint angles; nothing where the wrist is out of reach.
fn residual(
    base_from_flange: &Isometry3<f64>,
    branch: Branch,
    joint6_rad: f64,
) -> Option<(f64, Joints)> {
    let (sin6, cos6) = joint6_rad.sin_cos();
    // Where the axes of joints 4 and 5 meet, the axis of joint 5, and the way from it to that of 6.
    let wrist = base_from_flange * nalgebra::Point3::new(-A5_M * cos6, A5_M * sin6, -D6_M);
    let axis5 = base_from_flange.rotation * Vector3::new(-sin6, -cos6, 0.0);
    let towards6 = base_from_flange.rotation * Vector3::new(cos6, -sin6, 0.0);

    let ahead_m = wrist.x.hypot(wrist.y);
    let (joint1_rad, ahead_m) = if branch.backwards {
        (f64::atan2(-wrist.y, -wrist.x), -ahead_m)
    } else {
        (f64::atan2(wrist.y, wrist.x), ahead_m)
    };
    let down_m = D1_M - wrist.z;
    let upper_arm_m = SHOULDER_TO_ELBOW_M[0].hypot(SHOULDER_TO_ELBOW_M[1]);
    let upper_arm_rad = -SHOULDER_TO_ELBOW_M[1].atan2(SHOULDER_TO_ELBOW_M[0]);
    let (forearm_m, forearm_rad) = (A3_M.hypot(D4_M), D4_M.atan2(A3_M));
    let cos_bend =
        (ahead_m * ahead_m + down_m * down_m - upper_arm_m * upper_arm_m - forearm_m * forearm_m)
            / (2.0 * upper_arm_m * forearm_m);
    if !(-1.0..=1.0).contains(&cos_bend) {
        return None;
    }
    let bend_rad = branch.elbow * cos_bend.acos();
    let (sin_bend, cos_bend) = bend_rad.sin_cos();
    let joint2_rad = f64::atan2(down_m, ahead_m)
        - f64::atan2(forearm_m * sin_bend, upper_arm_m + forearm_m * cos_bend)
        - upper_arm_rad;
    let joint3_rad = bend_rad + upper_arm_rad - forearm_rad;

    // The frame of the forearm, in the base's: its z along the forearm, which joint 4 turns about.
    let (sin1, cos1) = joint1_rad.sin_cos();
    let (sin23, cos23) = (joint2_rad + joint3_rad).sin_cos();
    let radial = Vector3::new(cos1, sin1, 0.0);
    let x3 = radial * cos23 - Vector3::z() * sin23;
    let z3 = -radial * sin23 - Vector3::z() * cos23;
    let y3 = z3.cross(&x3);
    let joint4_rad = f64::atan2(axis5.dot(&x3), -axis5.dot(&y3));
    let (sin4, cos4) = joint4_rad.sin_cos();
    let x4 = x3 * cos4 + y3 * sin4;
    let joint5_rad = f64::atan2(towards6.dot(&z3), towards6.dot(&x4));
    let joints = [joint1_rad, joint2_rad, joint3_rad, joint4_rad, joint5_rad, joint6_rad];
    Some((axis5.dot(&z3), joints))
}

/// Every angle within a turn; that of joint 3 within the turn that its limits are in.
fn principal(joints: Joints) -> Joints {
    let mut joints = joints.map(wrap_angle);
    if joints[2] > 0.5 * PI {
        joints[2] -= TAU;
    }
    joints
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinematics::{JointLimits, pointing_down};
    use proptest::prelude::*;
    use rmrl_cell::ToolPose;
    use rmrl_core::PlanarPose;

    fn within_limits() -> impl Strategy<Value = Joints> {
        let limits = JointLimits::ANY_XARM6;
        proptest::array::uniform6(0.0..1.0f64).prop_map(move |shares| {
            std::array::from_fn(|index| {
                let (lower, upper) = (limits.lower_rad[index], limits.upper_rad[index]);
                lower + shares[index] * (upper - lower)
            })
        })
    }

    fn agree(a: &Isometry3<f64>, b: &Isometry3<f64>) -> bool {
        let apart = a.inverse() * b;
        apart.translation.vector.norm() < 1e-8 && apart.rotation.angle() < 1e-7
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn every_configuration_is_among_the_inverses_of_its_pose(joints in within_limits()) {
            let arm = XArm6::default();
            prop_assume!(arm.distance_from_singularity(&joints) > 1e-3);
            let flange = arm.forward(&joints);
            let nearest = arm.inverse_nearest(&flange, &joints).unwrap();
            prop_assert!(largest_difference(&nearest, &joints) < 1e-5, "{joints:?} {nearest:?}");
            for inverse in arm.all_inverses(&flange) {
                prop_assert!(agree(&arm.forward(&inverse), &flange), "{joints:?} {inverse:?}");
            }
        }
    }

    /// Near the edge of the elbow's reach two ways of standing are so close to each other that a
    /// coarse search saw only one of them.
    #[test]
    fn neighbours_near_the_edge_of_reach_are_told_apart() {
        let arm = XArm6::default();
        for joints in [
            [1.0891, 0.1128380037514467, -2.6962802063709086, -2.4071, -1.2679, -2.6778],
            [0.7125, 0.9791617880933567, -2.775950989984318, 0.6646, 2.5062, 2.5106],
            [-0.025, 1.9341938886973318, -2.6881236571713973, 0.7588, -1.4253, -0.3887],
        ] {
            let found = arm.all_inverses(&arm.forward(&joints));
            let is_it = |other: &Joints| largest_difference(other, &joints) < 1e-5;
            assert!(found.iter().any(is_it), "{joints:?}: {found:?}");
        }
    }

    #[test]
    fn the_zero_pose_leads_back_to_zero() {
        // It is singular, so that angles are known to the root of what poses are known to.
        const ROOT: f64 = 1e-4;
        let arm = XArm6::default();
        let flange = arm.forward(&[0.0; 6]);
        let joints = arm.inverse_nearest(&flange, &[0.1; 6]).unwrap();
        assert!(largest_difference(&joints, &[0.0; 6]) < ROOT, "{joints:?}");
        // A turn more of joints 1 and 6 stands at the same pose.
        let turned = [TAU, 0.0, 0.0, 0.0, 0.0, -TAU];
        let joints = arm.inverse_nearest(&flange, &turned).unwrap();
        assert!(largest_difference(&joints, &turned) < ROOT, "{joints:?}");
    }

    #[test]
    fn what_is_out_of_reach_is_told_from_what_limits_forbid() {
        let arm = XArm6::default();
        let flange = |x_m, z_m| pointing_down(ToolPose::new(PlanarPose::new(x_m, 0.0, 0.0), z_m));
        let far = arm.inverse_nearest(&flange(0.9, 0.2), &[0.0; 6]).unwrap_err();
        assert!(matches!(far, KinematicsError::OutOfReach { .. }), "{far}");
        let tight = XArm6 { limits: JointLimits { upper_rad: [0.0; 6], lower_rad: [-0.01; 6] } };
        let refused = tight.inverse_nearest(&flange(0.4, 0.2), &[0.0; 6]).unwrap_err();
        assert!(matches!(refused, KinematicsError::JointLimit { .. }), "{refused}");
        let lost = arm.inverse_nearest(&flange(f64::NAN, 0.2), &[0.0; 6]).unwrap_err();
        assert_eq!(lost, KinematicsError::NotANumber);
    }

    #[test]
    fn following_a_line_does_not_jump() {
        let arm = XArm6::default();
        let mut joints = arm
            .inverse_nearest(
                &pointing_down(ToolPose::new(PlanarPose::new(0.3, -0.3, 0.0), 0.2)),
                &[0.0; 6],
            )
            .unwrap();
        for step in 0..=300 {
            let y_m = -0.3 + 0.002 * f64::from(step);
            let flange = pointing_down(ToolPose::new(PlanarPose::new(0.3, y_m, 0.0), 0.2));
            let next = arm.follow(&flange, &joints).unwrap();
            assert!(largest_difference(&next, &joints) < 0.02);
            joints = next;
        }
        let far = pointing_down(ToolPose::new(PlanarPose::new(-0.3, -0.3, 0.0), 0.2));
        assert_eq!(arm.follow(&far, &joints), Err(KinematicsError::NotContinuous));
    }
}
