//! What the controller knows of itself, and requests that it does not know.

use std::time::Instant;

use nalgebra::{Isometry3, Vector3};
use proptest::prelude::*;
use rmrl_xarm::ArmModel;
use rmrl_xarm::emulator::{EmulatorConfig, Firmware, Pace};
use rmrl_xarm::kinematics::ArmKinematics;

use super::raw_client::{
    INVALID, PATIENCE, PI, Raw, WARNING, bytes, floats, joint_motion, near, quick,
};

/// After one unknown request every later call of the vendor's software returned "uncleared warning".
#[test]
fn a_refused_request_leaves_the_next_ones_alone() {
    for firmware in [Firmware::new(1, 9, 0), Firmware::new(2, 5, 0)] {
        let mut raw = Raw::ready(EmulatorConfig { firmware, ..quick() }, 0);
        // Requests that nobody knows, one of newer firmware, and one for motors that the arm does not have.
        for (register, length) in [(99, 0), (190, 0), (231, 4), (103, 0), (112, 12)] {
            let (status, data) = raw.ask(register, &[]);
            assert_eq!((status, data), (INVALID | WARNING, vec![0; length]), "{register}");
            assert_eq!(raw.ask(41, &[]).0, 0, "after {register}");
            assert_eq!(raw.errors(), [0, 13]);
        }
        raw.ask(17, &[]);
        assert_eq!(raw.errors(), [0, 0]);
        assert_eq!(raw.ask(23, &joint_motion([0.3, -0.3, -0.9, 0.0, 1.2, 0.0])).0, 0);
        raw.rests();
        near(&raw.joints(), &[0.3, -0.3, -0.9, 0.0, 1.2, 0.0], 1e-5);
    }
    let old = EmulatorConfig { firmware: Firmware::new(1, 9, 0), ..quick() };
    let (status, data) = Raw::new(old).ask(67, &[]);
    assert_eq!((status & INVALID, data.len()), (INVALID, 112));
}

#[test]
fn what_the_controller_knows_of_poses() {
    let mut raw = Raw::ready(quick(), 0);
    let (status, data) = raw.ask(67, &[]);
    assert_eq!(status, 0);
    // Joint 1: offset, d, alpha, a.
    near(&floats(&data)[..4], &[0.0, 267.0, -PI / 2.0, 0.0], 1e-4);
    near(&floats(&data)[24..], &[0.0; 4], 0.0);
    assert_eq!(raw.ask(55, &[]), (0, vec![0; 28]));
    // From one pose to another: what leads there in the first one's frame.
    let turned = [100.0, 0.0, 0.0, 0.0, 0.0, PI / 2.0];
    let parameters = [bytes(&turned), bytes(&[100.0, 50.0, 0.0, 0.0, 0.0, PI / 2.0]), vec![0, 0]];
    near(&floats(&raw.ask(76, &parameters.concat()).1), &[50.0, 0.0, 0.0, 0.0, 0.0, 0.0], 1e-3);
    // A pose out of reach has no solution, in an answer of the usual length.
    let (status, data) = raw.ask(43, &bytes(&[5000.0, 0.0, 0.0, PI, 0.0, 0.0]));
    assert_eq!((status, data.len()), (INVALID | WARNING, 28));
    assert_eq!(raw.errors(), [0, 14]);
}

/// Every model's table leads to the flange of its kinematics, as the controller reports both.
#[test]
fn the_reported_parameters_are_the_arms() {
    for model in ArmModel::ALL {
        let config = EmulatorConfig { arm: ArmKinematics::new(model), ..quick() };
        let mut raw = Raw::new(config);
        let joints: Vec<f64> = raw.joints().iter().map(|angle| f64::from(*angle)).collect();
        let table: Vec<f64> = floats(&raw.ask(67, &[]).1).into_iter().map(f64::from).collect();
        let mut flange = Isometry3::identity();
        for (row, angle) in table.chunks(4).zip(joints).take(usize::from(model.axes())) {
            let [offset, d, alpha, a] = [row[0], row[1], row[2], row[3]];
            let turn = nalgebra::UnitQuaternion::from_euler_angles(0.0, 0.0, angle + offset);
            let along = nalgebra::Translation3::from(turn * Vector3::new(a, 0.0, d));
            let twist = nalgebra::UnitQuaternion::from_euler_angles(alpha, 0.0, 0.0);
            flange *= Isometry3::from_parts(along, turn * twist);
        }
        let at = flange.translation.vector;
        near(&raw.pose()[..3], &[at.x as f32, at.y as f32, at.z as f32], 0.01);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whatever the bytes, there is an answer, and time passes.
    #[test]
    fn no_request_stops_the_controller(
        requests in prop::collection::vec(
            (any::<u8>(), prop::collection::vec(any::<u8>(), 0..80), 0_u8..3),
            40,
        ),
        mode in 0_u8..8,
    ) {
        let pace = Pace::Times(50.0);
        let mut raw = Raw::new(EmulatorConfig { pace, ..quick() });
        for (index, (register, parameters, kind)) in requests.iter().enumerate() {
            if index % 8 == 0 {
                for (register, parameters) in [(16, vec![]), (11, vec![8, 1]), (19, vec![mode]), (12, vec![0])] {
                    raw.ask(register, &parameters);
                }
            }
            match kind {
                // Feedback would come between the answers.
                0 if *register != 254 => drop(raw.ask(*register, parameters)),
                // Of those that are known: a motion, a signal or a drive.
                1 => drop(raw.ask([21, 23, 27, 29, 30, 81, 82, 83, 93, 134, 142, 144, 147][usize::from(*register) % 13], parameters)),
                _ => drop(raw.exchange(0, &[&[1], parameters.as_slice()].concat())),
            }
        }
        let before = raw.running.recording().simulated_secs;
        let until = Instant::now() + PATIENCE;
        while raw.running.recording().simulated_secs <= before {
            prop_assert!(Instant::now() < until, "time stands still");
        }
    }
}
