//! Motions: circles, servo and velocity modes, recorded trajectories, and those that are refused.

use std::time::{Duration, Instant};

use nalgebra::Vector3;
use rmrl_xarm::emulator::{EmulatorConfig, Firmware, Pace};

use super::raw_client::{
    ERROR, INVALID, NOT_READY, PATIENCE, PI, Raw, WARNING, bytes, circle, joint_motion, line, near,
    quick, real_time,
};

/// The vendor's software from 1.18 on sends infinity for joints that shall stay: one joint could not be moved.
#[test]
fn an_infinite_joint_stays() {
    const STAY: f32 = f32::INFINITY;
    let mut raw = Raw::ready(quick(), 0);
    let before = raw.joints();
    assert_eq!(raw.ask(23, &joint_motion([0.3, STAY, STAY, STAY, STAY, STAY])).0, 0);
    raw.rests();
    let by = [bytes(&[STAY, STAY, -0.1, STAY, STAY, STAY, 0.0, 1.0, 10.0, 0.0, -1.0]), vec![1, 0]];
    assert_eq!(raw.ask(83, &by.concat()).0, 0);
    raw.rests();
    let mut expected = before.clone();
    (expected[0], expected[2]) = (0.3, before[2] - 0.1);
    near(&raw.joints(), &expected, 1e-5);
    // What is not a number moves nothing.
    let (status, _) = raw.ask(23, &joint_motion([f32::NAN; 6]));
    assert_eq!(status, INVALID | WARNING);

    let mut older = Raw::ready(EmulatorConfig { firmware: Firmware::new(2, 4, 100), ..quick() }, 0);
    assert_eq!(older.ask(23, &joint_motion([STAY; 6])).0, INVALID | WARNING);
    assert_eq!(older.errors(), [0, 12]);
}

#[test]
fn a_circle_passes_through_its_points() {
    let mut raw = Raw::ready(quick(), 0);
    raw.line(300.0, 0.0, 60.0);
    let points = [[300.0, 100.0, 60.0], [400.0, 100.0, 60.0]];
    assert_eq!(raw.ask(27, &circle(points, 50.0)).0, 0);
    raw.rests();
    near(&raw.pose()[..3], &[400.0, 100.0, 60.0], 0.01);
    // Two whole turns end where they began.
    assert_eq!(raw.ask(27, &circle([[400.0, 0.0, 60.0], [300.0, 0.0, 60.0]], 200.0)).0, 0);
    raw.rests();
    near(&raw.pose()[..3], &[400.0, 100.0, 60.0], 0.01);
    // A circle in the tool's frame: the first point is behind, the second one deeper.
    let parameters = circle([[-40.0, 0.0, 0.0], [0.0, 0.0, 40.0]], 100.0);
    let in_tool = [&parameters[..64], &[1, 0, 0]].concat();
    assert_eq!(raw.ask(27, &in_tool).0, 0);
    raw.rests();
    near(&raw.pose()[..3], &[400.0, 100.0, 60.0], 0.01);
    // Three points on one line: the vendor's error 32.
    raw.ask(27, &circle([[400.0, 110.0, 60.0], [400.0, 120.0, 60.0]], 100.0));
    raw.rests();
    assert_eq!(raw.errors()[0], 32);
    assert_eq!(raw.ask(13, &[]).0, ERROR | NOT_READY);
    near(&raw.pose()[..3], &[400.0, 100.0, 60.0], 0.01);
}

#[test]
fn a_paused_circle_continues_as_the_same_circle() {
    let mut raw = Raw::ready(EmulatorConfig { pace: Pace::Times(2.0), ..real_time() }, 0);
    raw.line(300.0, 0.0, 60.0);
    let points = [[300.0, 100.0, 60.0], [400.0, 100.0, 60.0]];
    assert_eq!(raw.ask(27, &circle(points, 100.0)).0, 0);
    let until = Instant::now() + PATIENCE;
    while raw.pose()[0] < 350.0 {
        assert!(Instant::now() < until);
    }
    raw.ask(12, &[3]);
    let paused = raw.pose();
    let from_center = Vector3::new(paused[0] - 350.0, paused[1] - 50.0, 0.0).norm();
    assert!((from_center - 5000.0_f32.sqrt()).abs() < 0.01, "{paused:?}");
    raw.ask(12, &[0]);
    raw.rests();
    near(&raw.pose()[..3], &[300.0, 0.0, 60.0], 0.01);
}

#[test]
fn servo_mode_follows_the_newest_target() {
    let mut raw = Raw::ready(quick(), 1);
    let mut joints = raw.joints();
    for _ in 0..5 {
        joints[0] += 0.02;
        assert_eq!(raw.ask(29, &bytes(&[joints.clone(), vec![1.0, 1.0, 0.0]].concat())).0, 0);
    }
    raw.rests();
    near(&raw.joints(), &joints, 1e-5);
    let mut pose = raw.pose();
    pose[2] += 9.0;
    assert_eq!(raw.ask(30, &bytes(&[pose.clone(), vec![100.0, 1000.0, 0.0]].concat())).0, 0);
    raw.rests();
    near(&raw.pose()[..3], &pose[..3], 1e-2);
    // Farther than 10 mm: not executed, by the vendor's manual.
    let far = [pose[0] + 11.0, pose[1], pose[2], pose[3], pose[4], pose[5], 100.0, 1000.0, 0.0];
    assert_eq!(raw.ask(30, &bytes(&far)).0, 0);
    raw.rests();
    near(&raw.pose()[..3], &pose[..3], 1e-2);
    // Relative, by the axis of the rotation, in the tool's frame: 5 mm down.
    let by = [bytes(&[0.0, 0.0, 5.0, 0.0, 0.0, 0.0, 100.0, 1000.0]), vec![1, 0, 0, 0, 1]].concat();
    assert_eq!(raw.ask(93, &by).0, 0);
    raw.rests();
    near(&raw.pose()[..3], &[pose[0], pose[1], pose[2] - 5.0], 1e-2);
    assert_eq!(raw.running.recording().driven, 7);
    // Beyond the limit of a joint: error 23, on the way.
    joints[1] = 3.0;
    raw.ask(29, &bytes(&[joints, vec![1.0, 1.0, 0.0]].concat()));
    raw.rests();
    assert_eq!(raw.errors()[0], 23);
}

#[test]
fn velocities_last_as_long_as_they_say() {
    let mut raw = Raw::ready(quick(), 4);
    let before = raw.joints();
    let velocity = |speeds: [f32; 7], secs: f32| [bytes(&speeds), vec![1], bytes(&[secs])].concat();
    assert_eq!(raw.ask(81, &velocity([0.5, 0.0, 0.0, 0.0, 0.0, -0.25, 0.0], 0.4)).0, 0);
    raw.rests();
    // Speeding up by 20 rad/s2 and down again takes as long, so half a radian per second for 0.4 s.
    near(
        &raw.joints(),
        &[before[0] + 0.2, before[1], before[2], before[3], before[4], before[5] - 0.1],
        0.02,
    );
    assert_eq!(raw.errors()[0], 0);

    raw.recover(5);
    let before = raw.pose();
    let velocity =
        |speeds: [f32; 6], in_tool: u8| [bytes(&speeds), vec![in_tool], bytes(&[0.5])].concat();
    assert_eq!(raw.ask(82, &velocity([0.0, 60.0, 0.0, 0.0, 0.0, 0.0], 0)).0, 0);
    raw.rests();
    near(&raw.pose()[..3], &[before[0], before[1] + 30.0, before[2]], 1.5);
    // Along the tool's axis, which points down.
    let before = raw.pose();
    assert_eq!(raw.ask(82, &velocity([0.0, 0.0, 40.0, 0.0, 0.0, 0.0], 1)).0, 0);
    raw.rests();
    near(&raw.pose()[..3], &[before[0], before[1], before[2] - 20.0], 1.5);
    // Into the fence: error 35.
    let sides = [600_i32, 100, 400, -400, 400, before[2] as i32 - 30];
    raw.ask(52, &sides.map(i32::to_le_bytes).concat());
    raw.ask(59, &[1]);
    raw.ask(82, &velocity([0.0, 0.0, -200.0, 0.0, 0.0, 0.0], 0));
    raw.rests();
    assert_eq!(raw.errors()[0], 35);

    let mut older = Raw::ready(EmulatorConfig { firmware: Firmware::new(1, 6, 8), ..quick() }, 0);
    assert_eq!(older.ask(82, &velocity([0.0; 6], 0)).0, INVALID | WARNING);
    assert_eq!(older.ask(19, &[5]).0 & INVALID, INVALID);
}

#[test]
fn a_velocity_without_an_end_continues_until_it_meets_something() {
    let mut raw = Raw::ready(EmulatorConfig { pace: Pace::Times(10.0), ..real_time() }, 5);
    // Down to the table: error 31.
    let down = [bytes(&[0.0, 0.0, -100.0, 0.0, 0.0, 0.0]), vec![0]].concat();
    assert_eq!(raw.ask(82, &down).0, 0);
    raw.rests();
    assert_eq!(raw.errors()[0], 31);
    raw.recover(5);
    raw.ask(82, &[bytes(&[0.0, 0.0, 50.0, 0.0, 0.0, 0.0]), vec![0]].concat());
    assert_eq!(raw.state(), 1);
    raw.ask(12, &[4]);
    let stopped = raw.pose();
    assert_eq!(raw.state(), 4);
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(raw.pose(), stopped);
}

#[test]
fn a_motion_of_another_mode_moves_nothing() {
    let velocity = [bytes(&[0.1; 7]), vec![1]].concat();
    for (mode, register, parameters) in [
        (0, 29, bytes(&[0.0; 10])),
        (0, 81, velocity),
        (1, 21, line([320.0, 0.0, 50.0, PI, 0.0, 0.0])),
        (2, 23, joint_motion([0.0; 6])),
        (6, 21, line([320.0, 0.0, 50.0, PI, 0.0, 0.0])),
        (7, 23, joint_motion([0.0; 6])),
    ] {
        let mut raw = Raw::ready(quick(), mode);
        let before = raw.joints();
        assert_eq!(raw.ask(register, &parameters).0, NOT_READY, "{register} in mode {mode}");
        raw.rests();
        assert_eq!(raw.joints(), before);
    }
    assert_ne!(Raw::new(quick()).ask(19, &[3]).0 & INVALID, 0);
}

#[test]
fn the_newest_motion_replaces_the_one_before() {
    let mut raw = Raw::ready(EmulatorConfig { pace: Pace::Times(2.0), ..real_time() }, 7);
    raw.ask(21, &line([300.0, 300.0, 50.0, PI, 0.0, 0.0]));
    let until = Instant::now() + PATIENCE;
    while raw.pose()[1] < 20.0 {
        assert!(Instant::now() < until);
    }
    raw.ask(21, &line([350.0, 0.0, 50.0, PI, 0.0, 0.0]));
    raw.rests();
    near(&raw.pose()[..3], &[350.0, 0.0, 50.0], 0.01);
    assert_eq!(raw.running.recording().motions.len(), 2);
}

#[test]
fn a_recorded_trajectory_is_played_back() {
    let mut raw = Raw::ready(EmulatorConfig { pace: Pace::Times(10.0), ..real_time() }, 0);
    let name = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(81, 0);
        bytes
    };
    assert_eq!(raw.ask(62, &name("a.traj")).0, 0);
    assert_eq!(raw.ask(65, &[]).1, [6], "nothing was recorded");
    assert_ne!(raw.ask(64, &[1, 0, 0, 0, 1, 0, 0, 0]).0 & INVALID, 0, "nothing is loaded");
    raw.ask(61, &[1]);
    raw.line(300.0, 100.0, 100.0);
    raw.line(350.0, 100.0, 100.0);
    raw.ask(61, &[0]);
    let end = raw.joints();
    raw.ask(62, &name("a.traj"));
    assert_eq!(raw.ask(65, &[]).1, [5]);
    raw.ask(63, &name("b.traj"));
    assert_eq!(raw.ask(65, &[]).1, [3]);
    raw.ask(63, &name("a.traj"));
    assert_eq!(raw.ask(65, &[]).1, [2]);
    raw.line(400.0, -100.0, 200.0);
    assert_eq!(raw.ask(64, &[1, 0, 0, 0, 2, 0, 0, 0]).0, 0);
    assert_eq!(raw.state(), 1);
    raw.rests();
    near(&raw.joints(), &end, 1e-3);
    assert_eq!(raw.errors()[0], 0);
}

#[test]
fn one_free_joint_stops_the_arm() {
    let mut raw = Raw::ready(quick(), 0);
    raw.ask(18, &[1, 1]);
    assert_eq!(raw.state(), 4);
    raw.ask(12, &[0]);
    assert_ne!(raw.ask(23, &joint_motion([0.0; 6])).0 & NOT_READY, 0);
    raw.ask(11, &[1, 1]);
    raw.ask(12, &[0]);
    assert_eq!(raw.state(), 2);
}

/// Absurd coordinates kept the planner busy for minutes, and everybody else waiting.
#[test]
fn absurd_coordinates_are_refused_at_once() {
    let mut raw = Raw::ready(quick(), 0);
    for far in [1e4, 1e9, 1e30, f32::MAX, -f32::MAX] {
        let by_axis = [bytes(&[far, 0.0, 100.0, PI, 0.0, 0.0, 200.0, 2000.0, 0.0]), vec![0, 0]];
        let relative =
            [bytes(&[far, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 200.0, 2000.0, 0.0, -1.0]), vec![0, 0]];
        for (register, parameters) in [
            (21, line([far, 0.0, 100.0, PI, 0.0, 0.0])),
            (28, bytes(&[0.0, far, 0.0, 0.0, 0.0, 0.0, 200.0, 2000.0, 0.0])),
            (92, by_axis.concat()),
            (83, relative.concat()),
            (27, circle([[300.0, far, 100.0], [400.0, 0.0, 100.0]], 100.0)),
            // Almost on one line: a circle of many kilometers.
            (27, circle([[300.0, 100.0, 200.0], [300.0001, 200.0, 200.0]], 1000.0)),
        ] {
            let before = raw.pose();
            assert_eq!(raw.ask(register, &parameters).0, 0, "{register}");
            raw.rests();
            let [error, _] = raw.errors();
            assert!([21, 32].contains(&error), "{register} to {far}: {error}");
            assert_eq!(raw.pose(), before);
            raw.recover(0);
        }
        assert_ne!(
            raw.ask(27, &circle([[300.0, 9.0, 100.0], [400.0, 0.0, 100.0]], 1e30)).0 & INVALID,
            0
        );
    }
    // So does a tool that long.
    raw.ask(35, &bytes(&[0.0, 0.0, 1e30, 0.0, 0.0, 0.0]));
    raw.recover(0);
    raw.ask(21, &line([300.0, 0.0, 100.0, PI, 1.0, 0.0]));
    raw.rests();
    assert_eq!(raw.errors()[0], 21);
}
