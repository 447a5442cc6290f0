//! Inverse kinematics against forward kinematics.

use nalgebra::Vector3;
use proptest::prelude::*;
use rmrl_cell::ToolPose;
use rmrl_core::PlanarPose;

use super::*;
use crate::{JointLimits, pointing_down};

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
    fn every_configuration_of_five_joints_is_among_the_inverses(joints in within_limits(ArmModel::XArm5)) {
        check_round_trip(ArmModel::XArm5, &joints)?;
    }

    #[test]
    fn every_configuration_of_a_wrist_whose_axes_meet_is_among_the_inverses(joints in within_limits(ArmModel::Uf850)) {
        check_round_trip(ArmModel::Uf850, &joints)?;
    }

    /// A cell only uses tools that point straight down. There the xArm 5 has the joint angles of an xArm 6
    /// whose forearm does not roll.
    #[test]
    fn five_joints_hold_a_flange_straight_down_like_six_without_a_roll(
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
    // A tilt ahead is allowed, and so is the rounding error of single-precision numbers.
    let ahead = arm.follow(&tilted(Vector3::y_axis()), &joints).unwrap();
    assert!((ahead[3] - joints[3]).abs() > 0.05);
    let roll_rad = f64::from(std::f32::consts::PI);
    let turn = nalgebra::UnitQuaternion::from_euler_angles(roll_rad, 0.0, 0.3);
    let rounded = Isometry3::from_parts(down.translation, turn);
    assert!(largest_difference(&arm.follow(&rounded, &joints).unwrap(), &joints) < 1e-6);
}

/// Near the edge of the elbow's reach two configurations are so close to each other that a coarse search
/// found only one of them.
#[test]
fn neighbors_near_the_edge_of_reach_are_distinguished() {
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
    // It is singular, so the angles are only as exact as the root of the pose's error.
    const ROOT: f64 = 1e-4;
    let arm = ArmKinematics::default();
    let flange = arm.forward(&[0.0; 6]);
    let joints = arm.inverse_nearest(&flange, &[0.1; 6]).unwrap();
    assert!(largest_difference(&joints, &[0.0; 6]) < ROOT, "{joints:?}");
    // Another turn of joints 1 and 6 gives the same pose.
    let turned = [TAU, 0.0, 0.0, 0.0, 0.0, -TAU];
    let joints = arm.inverse_nearest(&flange, &turned).unwrap();
    assert!(largest_difference(&joints, &turned) < ROOT, "{joints:?}");
}

#[test]
fn out_of_reach_and_beyond_a_limit_are_different_errors() {
    let arm = ArmKinematics::default();
    let flange = |x_m, z_m| pointing_down(ToolPose::new(PlanarPose::new(x_m, 0.0, 0.0), z_m));
    let far = arm.inverse_nearest(&flange(0.9, 0.2), &[0.0; 6]).unwrap_err();
    assert!(matches!(far, KinematicsError::OutOfReach { .. }), "{far}");
    let limits = JointLimits { upper_rad: [0.0; 6], lower_rad: [-0.01; 6] };
    let tight = ArmKinematics { limits, ..arm };
    let refused = tight.inverse_nearest(&flange(0.4, 0.2), &[0.0; 6]).unwrap_err();
    assert!(matches!(refused, KinematicsError::JointLimit { .. }), "{refused}");
    let invalid = arm.inverse_nearest(&flange(f64::NAN, 0.2), &[0.0; 6]).unwrap_err();
    assert_eq!(invalid, KinematicsError::NotANumber);
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
