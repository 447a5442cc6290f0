//! An arm that tilts a calibration board, on the emulated controller.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod kinematic_plant;

use std::f64::consts::{FRAC_PI_2, PI};
use std::sync::Arc;

use kinematic_plant::KinematicPlant;
use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use rmrl_cell::{
    DeviceError, FlangeArm, GuardedFlange, MotionError, SafetyConfig, SafetyViolation, TiltEnvelope,
};
use rmrl_core::PlanarPose;
use rmrl_xarm::emulator::{
    EmulatedController, EmulatorConfig, MotionFault, MotionOutcome, Pace, RunningEmulator,
};
use rmrl_xarm::kinematics::ArmKinematics;
use rmrl_xarm::{ArmModel, Robot, XArmConfig, XArmFlange};

/// A controller whose tool is the flange, as during a calibration.
fn emulated(model: ArmModel, tcp_offset_mm_deg: [f64; 6]) -> (RunningEmulator, XArmFlange) {
    let plant = KinematicPlant::new(PlanarPose::new(0.35, 0.1, 0.0));
    let config = XArmConfig {
        host: "127.0.0.1".to_string(),
        model,
        tcp_offset_mm_deg,
        jaw_yaw_deg: 0.0,
        ..XArmConfig::default()
    };
    let controller = EmulatorConfig {
        arm: ArmKinematics::new(model),
        pace: Pace::AsFastAsPossible,
        flange_from_tool: config.flange_from_jaws(),
        watched_m: Some(config.fence_m),
        ..EmulatorConfig::default()
    };
    let running = EmulatedController::start(controller, plant.plant()).unwrap();
    let addresses = running.addresses().unwrap();
    let config = XArmConfig {
        control_port: addresses.control.port(),
        report_port: Some(addresses.rich.port()),
        standstill_secs: 0.0,
        ..config
    };
    let flange = XArmFlange::new(Arc::new(Robot::connect(config).unwrap()));
    (running, flange)
}

fn flange(x_m: f64, y_m: f64, tilt: Vector3<f64>, yaw_rad: f64) -> Isometry3<f64> {
    let down = UnitQuaternion::from_euler_angles(PI, 0.0, yaw_rad);
    let rotation = UnitQuaternion::from_scaled_axis(tilt) * down;
    Isometry3::from_parts(Translation3::new(x_m, y_m, 0.28), rotation)
}

fn off(a: &Isometry3<f64>, b: &Isometry3<f64>) -> [f64; 2] {
    let off = a.inverse() * b;
    [1000.0 * off.translation.vector.norm(), off.rotation.angle().to_degrees()]
}

#[test]
fn the_flange_tilts_in_a_place_and_reports_where_it_is() {
    for (model, tilts) in [
        (ArmModel::XArm6, vec![Vector3::x(), -Vector3::x(), Vector3::y(), -Vector3::y()]),
        // Five joints tilt in the vertical plane through the base and the flange.
        (ArmModel::XArm5, vec![Vector3::y(), -Vector3::y()]),
    ] {
        let (running, mut arm) = emulated(model, [0.0; 6]);
        for tilt in tilts {
            let upright = flange(0.45, 0.0, Vector3::zeros(), FRAC_PI_2);
            let tilted = flange(0.45, 0.0, 0.4 * tilt, FRAC_PI_2);
            arm.check_path(&[upright, tilted, upright]).unwrap();
            arm.move_flange(&upright, 0.1).unwrap();
            let sent = arm.move_flange(&tilted, 0.1).unwrap();
            let reported = arm.flange().unwrap();
            for pose in [sent, reported] {
                let [off_mm, off_deg] = off(&tilted, &pose);
                assert!(off_mm < 0.01 && off_deg < 0.01, "{model}: {off_mm} mm, {off_deg} degrees");
            }
            arm.move_flange(&upright, 0.1).unwrap();
        }
        let motions = running.recording().motions;
        assert!(motions.iter().all(|motion| motion.outcome == MotionOutcome::Finished));
    }
}

#[test]
fn lines_that_the_joints_cannot_follow_are_refused_before_anything_moves() {
    let (running, mut arm) = emulated(ArmModel::XArm5, [0.0; 6]);
    let aside = flange(0.3, 0.0, 0.4 * Vector3::x(), 0.0);
    let refused = arm.check_path(&[aside]).unwrap_err().to_string();
    assert!(refused.contains("line 1") && refused.contains("five joints"), "{refused}");
    let far = arm.check_path(&[flange(0.9, 0.0, Vector3::zeros(), 0.0)]).unwrap_err();
    assert!(matches!(far, DeviceError::Refused { .. }), "{far}");
    assert!(running.recording().motions.is_empty());
}

/// With a tool offset, the controller would lead the tool's point in a straight line, and the flange on a curve that
/// nobody has checked.
#[test]
fn an_arm_with_a_tool_offset_does_not_tilt() {
    let (running, mut arm) = emulated(ArmModel::XArm6, [0.0, 0.0, 150.0, 0.0, 0.0, 0.0]);
    let refused = arm.move_flange(&flange(0.3, 0.0, Vector3::zeros(), 0.0), 0.1).unwrap_err();
    assert!(refused.to_string().contains("tool offset"), "{refused}");
    assert!(running.recording().motions.is_empty());
}

#[test]
fn a_guarded_flange_stays_where_it_met_something() {
    let (running, arm) = emulated(ArmModel::XArm6, [0.0; 6]);
    let envelope = TiltEnvelope::new(SafetyConfig::default(), 0.1, &[], 0.02).unwrap();
    let mut guarded = GuardedFlange::new(Box::new(arm), envelope);
    let outside = guarded.move_to(&flange(0.58, 0.0, Vector3::zeros(), 0.0), 0.1).unwrap_err();
    let refused = SafetyViolation::CarriedOutside {
        axis: rmrl_cell::Axis::X,
        value_m: 0.63,
        margin_m: 0.02,
        limits_m: [0.15, 0.6],
    };
    assert!(outside.to_string().starts_with(&refused.to_string()[..40]), "{outside}");
    let upright = flange(0.4, 0.0, Vector3::zeros(), 0.0);
    guarded.move_to(&upright, 0.1).unwrap();
    running.faults().in_motion(2, 0.5, MotionFault::Collision);
    let tilted = flange(0.4, 0.0, 0.4 * Vector3::y(), 0.0);
    for _ in 0..2 {
        let met = guarded.move_to(&tilted, 0.1).unwrap_err();
        assert!(matches!(met, MotionError::Contact(_)), "{met}");
    }
    assert_eq!(running.recording().motions.len(), 2);
}
