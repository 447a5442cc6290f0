//! From where the flange is to joint angles.
//!
//! The axes of joints 5 and 6 of an xArm 6 pass each other at 76 mm, so the wrist is not spherical and
//! there is no closed form. But the angle of joint 6 leaves a closed form for all others, and one equation
//! in that single angle remains: its roots over a full turn are all the ways to stand at a pose. A
//! UFACTORY 850, whose axes meet, is solved in the same way. The xArm 5 has a closed form of its own.

use std::f64::consts::{PI, TAU};

use nalgebra::{Isometry3, Vector3, Vector6};
use rmrl_core::wrap_angle;

use super::geometry::{Chain, Geometry, from_chain, to_chain};
use super::{ArmKinematics, Joints, KinematicsError, REACH_M, ROUNDING_RAD, planar};
use crate::ArmModel;

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
pub(super) struct Branch {
    /// Turned away from the wrist and reaching over the head.
    pub backwards: bool,
    /// The sign of the elbow's bend.
    pub elbow: f64,
}

pub(super) const BRANCHES: [Branch; 4] = [
    Branch { backwards: false, elbow: -1.0 },
    Branch { backwards: false, elbow: 1.0 },
    Branch { backwards: true, elbow: -1.0 },
    Branch { backwards: true, elbow: 1.0 },
];

impl Branch {
    /// Angles of the chain's joints 2 and 3 that put the wrist so far ahead of the shoulder and so far
    /// below it; nothing where it is out of reach.
    pub fn shoulder_and_elbow(
        self,
        geometry: &Geometry,
        ahead_m: f64,
        down_m: f64,
    ) -> Option<(f64, f64)> {
        let (upper_arm_m, offset_rad) = geometry.upper_arm();
        let upper_arm_rad = -offset_rad;
        let (forearm_m, forearm_rad) = geometry.forearm();
        let cos_bend = (ahead_m * ahead_m + down_m * down_m
            - upper_arm_m * upper_arm_m
            - forearm_m * forearm_m)
            / (2.0 * upper_arm_m * forearm_m);
        if !(-1.0..=1.0).contains(&cos_bend) {
            return None;
        }
        let bend_rad = self.elbow * cos_bend.acos();
        let (sin_bend, cos_bend) = bend_rad.sin_cos();
        let joint2_rad = f64::atan2(down_m, ahead_m)
            - f64::atan2(forearm_m * sin_bend, upper_arm_m + forearm_m * cos_bend)
            - upper_arm_rad;
        Some((joint2_rad, bend_rad + upper_arm_rad - forearm_rad))
    }
}

impl ArmKinematics {
    /// All joint angles that put the flange there, each within half a turn of zero but joint 3, whose
    /// range is `(-3/2 pi, pi/2]` as its limits are. Limits play no part yet, nor do further turns.
    ///
    /// Of 50 000 random configurations of an xArm 6 at least 0.001 from a singularity none was missing
    /// among the inverses of its pose; closer ones may be, and at one there may be infinitely many.
    pub fn all_inverses(&self, base_from_flange: &Isometry3<f64>) -> Vec<Joints> {
        let geometry = self.geometry();
        let mut found: Vec<Chain> = Vec::new();
        let mut find = |chain: Chain| {
            let chain = principal(chain);
            let same = |other: &Chain| {
                chain.iter().zip(other).all(|(a, b)| wrap_angle(a - b).abs() < SAME_RAD)
            };
            if !found.iter().any(same) {
                found.push(chain);
            }
        };
        match self.model {
            ArmModel::XArm5 => {
                planar::inverses(&geometry, base_from_flange).into_iter().for_each(find);
            }
            ArmModel::XArm6 | ArmModel::Uf850 => {
                for branch in BRANCHES {
                    for joint6_rad in roots(&geometry, base_from_flange, branch) {
                        let guess = residual(&geometry, base_from_flange, branch, joint6_rad);
                        let Some((_, guess)) = guess else { continue };
                        let Ok(chain) = refine(&geometry, base_from_flange, &guess) else {
                            continue;
                        };
                        find(chain);
                    }
                }
            }
        }
        found.iter().map(|chain| from_chain(self.model, chain)).collect()
    }

    /// Of all joint angles within the limits that put the flange there, full turns of joints
    /// included, those whose largest difference to `near` is smallest.
    ///
    /// # Errors
    /// The pose is out of reach, only within reach beyond the limits, or not to be held with five joints.
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
        self.check_plane(base_from_flange)?;
        let mut best: Option<(f64, Joints)> = None;
        let mut refused: Option<(f64, KinematicsError)> = None;
        for mut joints in self.all_inverses(base_from_flange) {
            self.turn_towards(&mut joints, near);
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
        let joints = match self.model {
            ArmModel::XArm5 => {
                self.check_plane(base_from_flange)?;
                let mut every = self.all_inverses(base_from_flange);
                every.iter_mut().for_each(|joints| *joints = nearest_turns(joints, from));
                let apart = |joints: &Joints| largest_difference(joints, from);
                let nearest = every.into_iter().min_by(|a, b| apart(a).total_cmp(&apart(b)));
                nearest.ok_or(KinematicsError::NotContinuous)?
            }
            ArmModel::XArm6 | ArmModel::Uf850 => {
                let guess = to_chain(self.model, from);
                from_chain(self.model, &refine(&self.geometry(), base_from_flange, &guess)?)
            }
        };
        if largest_difference(&joints, from) > JUMP_RAD {
            return Err(KinematicsError::NotContinuous);
        }
        Ok(joints)
    }

    /// Whether the arm's joints can hold a flange so at all.
    fn check_plane(&self, base_from_flange: &Isometry3<f64>) -> Result<(), KinematicsError> {
        match (self.model, planar::out_of_plane_rad(base_from_flange)) {
            (ArmModel::XArm5, Some(angle_rad)) => Err(KinematicsError::FiveJoints { angle_rad }),
            _ => Ok(()),
        }
    }

    /// Turns every joint by as many full turns that it is nearest to `near` within its limits.
    fn turn_towards(&self, joints: &mut Joints, near: &Joints) {
        for index in 0..usize::from(self.model.axes()) {
            joints[index] = self.nearest_turn(index, joints[index], near[index]);
        }
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

/// The same angles with as many full turns that each is nearest to `near`. Limits play no part.
fn nearest_turns(joints: &Joints, near: &Joints) -> Joints {
    std::array::from_fn(|index| near[index] + wrap_angle(joints[index] - near[index]))
}

/// The largest difference of a joint between two configurations, in radians.
pub(super) fn largest_difference(a: &Joints, b: &Joints) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// Damped least squares in the chain's six joints, from a guess.
fn refine(
    geometry: &Geometry,
    base_from_flange: &Isometry3<f64>,
    guess: &Chain,
) -> Result<Chain, KinematicsError> {
    const MAX_STEPS: u32 = 60;
    const LARGEST_STEP_RAD: f64 = 0.3;
    let error_at = |chain: &Chain| {
        let at = geometry.frames(chain)[6];
        let apart = (base_from_flange.translation.vector - at.translation.vector) / REACH_M;
        let turn = (base_from_flange.rotation * at.rotation.inverse()).scaled_axis();
        Vector6::new(apart.x, apart.y, apart.z, turn.x, turn.y, turn.z)
    };
    let mut chain = *guess;
    let mut error = error_at(&chain);
    let mut damping = 1e-9;
    for _ in 0..MAX_STEPS {
        if error.norm() < AGREES {
            return Ok(chain);
        }
        let mut jacobian = geometry.jacobian(&chain);
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
        let mut moved = chain;
        for (angle_rad, change_rad) in moved.iter_mut().zip(step.iter()) {
            *angle_rad += change_rad;
        }
        let moved_error = error_at(&moved);
        if moved_error.norm() < error.norm() {
            (chain, error) = (moved, moved_error);
            damping = (damping * 0.1).max(1e-12);
        } else if damping > 1e3 {
            break;
        } else {
            damping *= 100.0;
        }
    }
    Err(KinematicsError::NotContinuous)
}

/// Angles of joint 6 at or near which the other joints may put the flange there.
fn roots(geometry: &Geometry, base_from_flange: &Isometry3<f64>, branch: Branch) -> Vec<f64> {
    let value =
        |angle_rad: f64| residual(geometry, base_from_flange, branch, angle_rad).map(|(f, _)| f);
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
    geometry: &Geometry,
    base_from_flange: &Isometry3<f64>,
    branch: Branch,
    joint6_rad: f64,
) -> Option<(f64, Chain)> {
    let (sin6, cos6) = joint6_rad.sin_cos();
    // Where the axes of joints 4 and 5 meet, the axis of joint 5, and the way from it to that of 6.
    let &Geometry { d1_m, a5_m, d6_m, .. } = geometry;
    let wrist = base_from_flange * nalgebra::Point3::new(-a5_m * cos6, a5_m * sin6, -d6_m);
    let axis5 = base_from_flange.rotation * Vector3::new(-sin6, -cos6, 0.0);
    let towards6 = base_from_flange.rotation * Vector3::new(cos6, -sin6, 0.0);

    let ahead_m = wrist.x.hypot(wrist.y);
    let (joint1_rad, ahead_m) = if branch.backwards {
        (f64::atan2(-wrist.y, -wrist.x), -ahead_m)
    } else {
        (f64::atan2(wrist.y, wrist.x), ahead_m)
    };
    let (joint2_rad, joint3_rad) = branch.shoulder_and_elbow(geometry, ahead_m, d1_m - wrist.z)?;

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
fn principal(chain: Chain) -> Chain {
    let mut chain = chain.map(wrap_angle);
    if chain[2] > 0.5 * PI {
        chain[2] -= TAU;
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinematics::{JointLimits, pointing_down};
    use proptest::prelude::*;
    use rmrl_cell::ToolPose;
    use rmrl_core::PlanarPose;

    fn within_limits(model: ArmModel) -> impl Strategy<Value = Joints> {
        let limits = JointLimits::of(model);
        let axes = usize::from(model.axes());
        proptest::array::uniform6(0.0..1.0f64).prop_map(move |shares| {
            std::array::from_fn(|index| {
                let (lower, upper) = (limits.lower_rad[index], limits.upper_rad[index]);
                if index < axes { lower + shares[index] * (upper - lower) } else { 0.0 }
            })
        })
    }

    fn agree(a: &Isometry3<f64>, b: &Isometry3<f64>) -> bool {
        let apart = a.inverse() * b;
        apart.translation.vector.norm() < 1e-8 && apart.rotation.angle() < 1e-7
    }

    /// A configuration is among the inverses of its pose, and all of these put the flange there.
    fn check_round_trip(model: ArmModel, joints: &Joints) -> Result<(), TestCaseError> {
        let arm = ArmKinematics::new(model);
        prop_assume!(arm.distance_from_singularity(joints) > 1e-3);
        let flange = arm.forward(joints);
        let nearest = arm.inverse_nearest(&flange, joints).unwrap();
        prop_assert!(largest_difference(&nearest, joints) < 1e-5, "{joints:?} {nearest:?}");
        let followed = arm.follow(&flange, joints).unwrap();
        prop_assert!(largest_difference(&followed, joints) < 1e-5, "{joints:?} {followed:?}");
        for inverse in arm.all_inverses(&flange) {
            prop_assert!(agree(&arm.forward(&inverse), &flange), "{joints:?} {inverse:?}");
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn every_configuration_is_among_the_inverses_of_its_pose(
            joints in within_limits(ArmModel::XArm6),
        ) {
            check_round_trip(ArmModel::XArm6, &joints)?;
        }

        #[test]
        fn so_is_that_of_five_joints(joints in within_limits(ArmModel::XArm5)) {
            check_round_trip(ArmModel::XArm5, &joints)?;
        }

        #[test]
        fn so_is_that_of_a_wrist_whose_axes_meet(joints in within_limits(ArmModel::Uf850)) {
            check_round_trip(ArmModel::Uf850, &joints)?;
        }

        /// A tool that points straight down is all that a cell asks for; the 5 stands there as the 6
        /// does whose forearm does not roll.
        #[test]
        fn five_joints_hold_a_flange_straight_down_as_six_without_a_roll(
            ahead_m in 0.2..0.65f64,
            turn_rad in -3.0..3.0f64,
            z_m in 0.0..0.5f64,
            yaw_rad in -3.0..3.0f64,
        ) {
            let (five, six) = (ArmKinematics::new(ArmModel::XArm5), ArmKinematics::default());
            let planar =
                PlanarPose::new(ahead_m * turn_rad.cos(), ahead_m * turn_rad.sin(), yaw_rad);
            let flange = pointing_down(ToolPose::new(planar, z_m));
            let every = five.all_inverses(&flange);
            let squared_m2 = (ahead_m - 0.076).powi(2) + (z_m + 0.097 - 0.267).powi(2);
            if squared_m2.sqrt() > 0.2895 + 0.3512 {
                prop_assert!(every.is_empty());
            } else {
                // Elbow up and down, ahead; over the head the arm is too short for most.
                prop_assert!(every.len() >= 2, "{every:?}");
            }
            for [j1, j2, j3, j4, j5, none] in every {
                prop_assert_eq!(none, 0.0);
                prop_assert!(agree(&five.forward(&[j1, j2, j3, j4, j5, 0.0]), &flange));
                prop_assert!(agree(&six.forward(&[j1, j2, j3, 0.0, j4, j5]), &flange));
            }
        }
    }

    #[test]
    fn five_joints_do_not_tilt_a_flange_sideways() {
        let arm = ArmKinematics::new(ArmModel::XArm5);
        let down = pointing_down(ToolPose::new(PlanarPose::new(0.4, 0.0, 0.3), 0.2));
        let joints = arm.inverse_nearest(&down, &arm.ready()).unwrap();
        let tilted = |axis: nalgebra::Unit<Vector3<f64>>| {
            let turn = nalgebra::UnitQuaternion::from_axis_angle(&axis, 0.1);
            Isometry3::from_parts(down.translation, turn * down.rotation)
        };
        let sideways = tilted(Vector3::x_axis());
        for refused in [arm.inverse_nearest(&sideways, &joints), arm.follow(&sideways, &joints)] {
            let refused = refused.unwrap_err();
            let expected = "not reachable with five joints: the flange would tilt sideways by 5.7";
            assert!(refused.to_string().contains(expected), "{refused}");
        }
        // Ahead is another matter, and so is what single-precision numbers lose.
        let ahead = arm.follow(&tilted(Vector3::y_axis()), &joints).unwrap();
        assert!((ahead[3] - joints[3]).abs() > 0.05);
        let roll_rad = f64::from(std::f32::consts::PI);
        let turn = nalgebra::UnitQuaternion::from_euler_angles(roll_rad, 0.0, 0.3);
        let told = Isometry3::from_parts(down.translation, turn);
        assert!(largest_difference(&arm.follow(&told, &joints).unwrap(), &joints) < 1e-6);
    }

    /// Near the edge of the elbow's reach two ways of standing are so close to each other that a
    /// coarse search saw only one of them.
    #[test]
    fn neighbours_near_the_edge_of_reach_are_told_apart() {
        let arm = ArmKinematics::default();
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
        let arm = ArmKinematics::default();
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
        let arm = ArmKinematics::default();
        let flange = |x_m, z_m| pointing_down(ToolPose::new(PlanarPose::new(x_m, 0.0, 0.0), z_m));
        let far = arm.inverse_nearest(&flange(0.9, 0.2), &[0.0; 6]).unwrap_err();
        assert!(matches!(far, KinematicsError::OutOfReach { .. }), "{far}");
        let limits = JointLimits { upper_rad: [0.0; 6], lower_rad: [-0.01; 6] };
        let tight = ArmKinematics { limits, ..arm };
        let refused = tight.inverse_nearest(&flange(0.4, 0.2), &[0.0; 6]).unwrap_err();
        assert!(matches!(refused, KinematicsError::JointLimit { .. }), "{refused}");
        let lost = arm.inverse_nearest(&flange(f64::NAN, 0.2), &[0.0; 6]).unwrap_err();
        assert_eq!(lost, KinematicsError::NotANumber);
    }

    #[test]
    fn following_a_line_does_not_jump() {
        for model in ArmModel::ALL {
            let arm = ArmKinematics::new(model);
            let at = |y_m| pointing_down(ToolPose::new(PlanarPose::new(0.3, y_m, 0.0), 0.2));
            let mut joints = arm.inverse_nearest(&at(-0.3), &arm.ready()).unwrap();
            for step in 0..=300 {
                let next = arm.follow(&at(-0.3 + 0.002 * f64::from(step)), &joints).unwrap();
                assert!(largest_difference(&next, &joints) < 0.02, "{model}");
                joints = next;
            }
            let far = pointing_down(ToolPose::new(PlanarPose::new(-0.3, -0.3, 0.0), 0.2));
            assert_eq!(arm.follow(&far, &joints), Err(KinematicsError::NotContinuous), "{model}");
        }
    }
}
