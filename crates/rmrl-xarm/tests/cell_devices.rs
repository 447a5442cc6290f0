//! Arm and gripper of a cell, over a controller that answers from a table.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod loopback;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use loopback::table::{Table, serve_table};
use rmrl_cell::{Arm, DeviceError, Gripper, ToolPose};
use rmrl_core::PlanarPose;
use rmrl_xarm::bio_gripper::{Generation, JawState};
use rmrl_xarm::{
    ArmModel, ArmState, BioGripperDevice, Claim, Command, Robot, Session, StateChange, XArm,
    XArmConfig, XArmError,
};

fn arm(table: Table) -> (XArm, Arc<Mutex<Table>>, XArmConfig) {
    let (config, table) = serve_table(table);
    let robot = Robot::connect(config.clone()).unwrap();
    (XArm::new(Arc::new(robot)), table, config)
}

fn target() -> ToolPose {
    ToolPose::new(PlanarPose::new(0.32, 0.05, 0.3), 0.15)
}

fn stops(table: &Mutex<Table>) -> usize {
    let stop = Command::SetState(StateChange::Stop);
    table.lock().unwrap().asked.iter().filter(|&asked| *asked == stop).count()
}

#[test]
fn three_firmwares_are_set_up_read_back_and_moved() {
    for (firmware, feedback, options, detection) in [
        ("1.9.0", false, false, None),
        ("1.12.10", false, true, Some(0)),
        ("2.5.0", true, true, Some(0)),
    ] {
        let (mut arm, table, config) = arm(Table::new(firmware));
        let sent = arm.move_to(target(), 0.1).unwrap();
        assert!(sent.planar.distance_m(target().planar) < 1e-6);
        assert!((arm.pose().unwrap().z_m - 0.15).abs() < 1e-6);
        assert!(arm.robot().report().is_some());
        let table = table.lock().unwrap();
        assert_eq!(table.reduced.boundary_mm, [620, 130, 370, -370, 420, -19]);
        assert!(table.reduced.fence && table.reduced.reduced);
        assert_eq!(table.sensitivity, config.collision_sensitivity);
        let asked = |command: &Command| table.asked.contains(command);
        assert_eq!(asked(&Command::SetFeedbackType(2)), feedback);
        assert!(asked(&Command::SetMode { mode: 0, detection }));
        let lines: Vec<_> = table
            .asked
            .iter()
            .filter_map(|asked| match asked {
                Command::MoveLine { options, limits, .. } => Some((options.is_some(), *limits)),
                _ => None,
            })
            .collect();
        let [(with_options, limits)] = lines[..] else { panic!("{lines:?}") };
        assert_eq!((with_options, limits.speed, limits.acceleration), (options, 100.0, 1000.0));
    }
}

#[test]
fn another_robot_and_an_old_firmware_are_refused() {
    let (config, table) = serve_table(Table::new("2.5.0"));
    let five = XArmConfig { model: ArmModel::XArm5, ..config.clone() };
    let claim = Claim::take(&config).unwrap();
    let error = Session::connect(five, &claim).unwrap_err();
    assert!(matches!(error, XArmError::WrongRobot { expected: "xArm 5", .. }), "{error}");
    assert!(error.to_string().contains("xarm.model = \"xarm6\""), "{error}");
    for version in ["6,6,XI1304,AC1304,v1.2.0", "v0.9"] {
        table.lock().unwrap().version = version.to_owned();
        let error = Session::connect(config.clone(), &claim).unwrap_err();
        assert!(matches!(error, XArmError::UnsupportedFirmware { .. }), "{error}");
    }
}

#[test]
fn a_collision_is_reported_with_its_place_and_recovered_from() {
    let (mut arm, table, _) = arm(Table::new("2.5.0"));
    table.lock().unwrap().error_on_line = 31;
    let error = arm.move_to(target(), 0.1).unwrap_err();
    let DeviceError::Collision { at } = error else { panic!("{error}") };
    assert!((at.z_m - 0.2).abs() < 1e-6);
    // Until it is recovered it stays where it is.
    let error = arm.move_to(target(), 0.1).unwrap_err();
    assert!(matches!(error, DeviceError::Collision { .. }), "{error}");
    table.lock().unwrap().asked.clear();
    arm.recover().unwrap();
    let asked = table.lock().unwrap().asked.clone();
    let order = [
        Command::CleanError,
        Command::CleanWarning,
        Command::MotionEnable { joint: 8, on: true },
        Command::SetMode { mode: 0, detection: Some(0) },
        Command::SetState(StateChange::Run),
    ];
    let sets = asked.into_iter().filter(|asked| order.contains(asked)).collect::<Vec<_>>();
    assert_eq!(sets, order);
    arm.move_to(target(), 0.1).unwrap();
}

/// Somebody runs into an arm that stands, or it falls onto something without power.
#[test]
fn a_contact_outside_of_a_motion_is_left_to_an_operator() {
    let (mut arm, table, _) = arm(Table::new("2.5.0"));
    arm.move_to(target(), 0.1).unwrap();
    (table.lock().unwrap().error, table.lock().unwrap().state) = (31, ArmState::Stopped);
    for error in [arm.recover().unwrap_err(), arm.move_to(target(), 0.1).unwrap_err()] {
        assert!(error.needs_operator() && error.to_string().contains("met something"), "{error}");
    }
    assert_eq!(table.lock().unwrap().error, 31, "the error was not cleared");
    // Nor is a contact cleared that happens while the link is lost.
    let (mut arm, table, _) = self::arm(Table::new("2.5.0"));
    {
        let mut table = table.lock().unwrap();
        (table.closes_on_line, table.error) = (true, 0);
    }
    arm.move_to(target(), 0.1).unwrap_err();
    arm.move_to(target(), 0.1).unwrap();
    {
        let mut table = table.lock().unwrap();
        (table.closes_on_line, table.closes_with_error) = (true, 31);
    }
    let error = arm.move_to(target(), 0.1).unwrap_err();
    let error = if error.needs_operator() { error } else { arm.recover().unwrap_err() };
    assert!(error.needs_operator() && error.to_string().contains("met something"), "{error}");
    assert_eq!(table.lock().unwrap().error, 31, "the error was not cleared");
}

#[test]
fn a_pressed_button_and_the_stop_of_another_program_are_left_to_an_operator() {
    let (mut arm, table, config) = arm(Table::new("2.5.0"));
    (table.lock().unwrap().error, table.lock().unwrap().state) = (1, ArmState::Stopped);
    for error in [arm.move_to(target(), 0.1).unwrap_err(), arm.recover().unwrap_err()] {
        assert!(error.needs_operator(), "{error}");
    }
    assert_eq!(table.lock().unwrap().error, 1, "the error was not cleared");
    // The button is released and the error cleared at the controller's screen; the arm stands.
    table.lock().unwrap().error = 0;
    for error in [arm.move_to(target(), 0.1).unwrap_err(), arm.recover().unwrap_err()] {
        assert!(error.needs_operator(), "{error}");
    }
    // By connecting again the operator confirms that all is well.
    drop(arm);
    XArm::new(Arc::new(Robot::connect(config).unwrap())).move_to(target(), 0.1).unwrap();
}

#[test]
fn an_error_that_comes_again_is_given_up_after_bounded_attempts() {
    let (mut arm, table, _) = arm(Table::new("1.12.10"));
    {
        let mut table = table.lock().unwrap();
        (table.error, table.sticks, table.state) = (23, true, ArmState::Stopped);
        table.asked.clear();
    }
    let error = arm.recover().unwrap_err();
    assert!(matches!(error, DeviceError::Faulted { device: "arm", code: 23, .. }), "{error}");
    let table = table.lock().unwrap();
    let cleans = table.asked.iter().filter(|&asked| *asked == Command::CleanError).count();
    assert_eq!(cleans, 3);
}

/// This program never pauses or resets the arm, nor moves it otherwise, nor changes its settings: if that happens,
/// another program is at work in the cell.
#[test]
fn what_another_program_does_is_left_to_an_operator() {
    let set_offset = |table: &mut Table| table.offset = [0.0; 6];
    let put_load_on = |table: &mut Table| table.load[0] = 0.1;
    let state = |state| move |table: &mut Table| table.state = state;
    type Change<'a> = (&'a str, &'a dyn Fn(&mut Table));
    let turn_joint = |table: &mut Table| table.joints[3] += 0.02;
    let take_off_fence = |table: &mut Table| table.reduced.fence = false;
    let narrow_joints = |table: &mut Table| table.reduced.joint_range_rad[2] = -0.5;
    let shift_base = |table: &mut Table| table.base_offset[2] = 25.0;
    let tilt = |table: &mut Table| table.gravity = [0.0, 1.0, 0.0];
    let simulate = |table: &mut Table| table.simulated = true;
    // Like a base offset that no report has.
    let shift_poses = |table: &mut Table| table.pose[2] += 20.0;
    let changes: [Change; 12] = [
        ("joint 4 stands 1.1°", &turn_joint),
        ("fence", &take_off_fence),
        ("joint range", &narrow_joints),
        ("base offset", &shift_base),
        ("direction of gravity", &tilt),
        ("simulated-robot mode", &simulate),
        ("20.0 mm", &shift_poses),
        ("reset", &state(ArmState::Reset)),
        ("stopped", &state(ArmState::Paused)),
        ("moved", &state(ArmState::Moving)),
        ("tool offset", &set_offset),
        ("load", &put_load_on),
    ];
    for (told, change) in changes {
        let (mut arm, table, config) = arm(Table::new("2.5.0"));
        arm.move_to(target(), 0.1).unwrap();
        change(&mut table.lock().unwrap());
        // The reports show it within a moment.
        std::thread::sleep(std::time::Duration::from_millis(100));
        table.lock().unwrap().asked.clear();
        for error in [arm.move_to(target(), 0.1).unwrap_err(), arm.recover().unwrap_err()] {
            assert!(error.needs_operator() && error.to_string().contains(told), "{told}: {error}");
        }
        let asked = table.lock().unwrap().asked.clone();
        let only_asks = |asked: &Command| {
            matches!(
                asked,
                Command::GetErrors
                    | Command::GetState
                    | Command::GetCommandCount
                    | Command::GetJointPositions
                    | Command::GetReducedState
                    | Command::GetTcpPose
            )
        };
        assert!(asked.iter().all(only_asks), "{told}: {asked:?}");
        // By connecting again the operator confirms that all is well, and it gives all settings again. An
        // operator has to set the others.
        drop(arm);
        {
            let mut table = table.lock().unwrap();
            (table.base_offset, table.simulated) = ([0.0; 6], false);
            table.state = ArmState::Stopped;
            table.gravity = [0.0, 0.0, -1.0];
            if told == "20.0 mm" {
                table.pose[2] -= 20.0;
            }
        }
        XArm::new(Arc::new(Robot::connect(config).unwrap())).move_to(target(), 0.1).unwrap();
    }
}

#[test]
fn a_line_that_another_program_pauses_is_aborted_and_the_next_one_is_not_begun() {
    for firmware in ["1.12.10", "2.5.0"] {
        let (mut arm, table, _) = arm(Table::new(firmware));
        table.lock().unwrap().pauses = true;
        let error = arm.move_to(target(), 0.02).unwrap_err();
        assert!(error.needs_operator(), "{error}");
        table.lock().unwrap().pauses = false;
        assert_eq!(table.lock().unwrap().state, ArmState::Stopped);
        assert!(arm.recover().unwrap_err().needs_operator());
        assert!(arm.move_to(target(), 0.02).unwrap_err().needs_operator());
    }
}

#[test]
fn after_a_stop_no_motion_begins_even_if_the_arm_is_ready_for_one() {
    let (mut arm, table, _) = arm(Table::new("2.5.0"));
    let mut gripper = BioGripperDevice::connect(Arc::clone(arm.robot())).unwrap();
    gripper.power_on().unwrap();
    arm.robot().stop().unwrap();
    {
        // As if the stop had not got through.
        let mut table = table.lock().unwrap();
        table.state = ArmState::Ready;
        table.asked.clear();
    }
    assert!(arm.move_to(target(), 0.1).unwrap_err().needs_operator());
    assert!(arm.recover().unwrap_err().needs_operator());
    assert!(gripper.open(0.1).unwrap_err().needs_operator());
    assert_eq!(table.lock().unwrap().asked, []);
}

#[test]
fn a_pose_that_was_not_reached_is_no_arrival() {
    for firmware in ["1.12.10", "2.5.0"] {
        let (mut arm, table, _) = arm(Table::new(firmware));
        table.lock().unwrap().off_mm = 0.6;
        let error = arm.move_to(target(), 0.1).unwrap_err().to_string();
        assert!(error.contains("0.60 mm"), "{error}");
        table.lock().unwrap().off_mm = 0.4;
        arm.move_to(target(), 0.1).unwrap();
    }
}

#[test]
fn a_motion_that_does_not_end_is_stopped_and_the_next_one_runs() {
    for firmware in ["1.12.10", "2.5.0"] {
        let (mut arm, table, _) = arm(Table::new(firmware));
        table.lock().unwrap().never_ends = true;
        let before = stops(&table);
        let error = arm.move_to(target(), 0.25).unwrap_err();
        assert!(matches!(error, DeviceError::TimedOut { device: "arm", .. }), "{error}");
        assert_eq!(stops(&table), before + 1);
        table.lock().unwrap().never_ends = false;
        arm.move_to(target(), 0.25).unwrap();
    }
}

#[test]
fn a_button_pressed_during_a_motion_is_not_forgotten_when_the_error_is_cleared() {
    let (mut arm, table, _) = arm(Table::new("2.5.0"));
    table.lock().unwrap().error_on_line = 2;
    let error = arm.move_to(target(), 0.1).unwrap_err();
    assert!(error.needs_operator() && error.to_string().contains("emergency"), "{error}");
    table.lock().unwrap().error = 0;
    for error in [arm.move_to(target(), 0.1).unwrap_err(), arm.recover().unwrap_err()] {
        assert!(error.needs_operator(), "{error}");
    }
    assert_eq!(table.lock().unwrap().state, ArmState::Stopped);
}

#[test]
fn another_thread_stops_the_arm_and_it_stands() {
    let (mut arm, table, _) = arm(Table::new("2.5.0"));
    table.lock().unwrap().never_ends = true;
    let robot = Arc::clone(arm.robot());
    let moving = std::thread::spawn(move || (arm.move_to(target(), 0.02), arm));
    while table.lock().unwrap().state != ArmState::Moving {
        std::thread::yield_now();
    }
    assert!(robot.report().is_some(), "reports do not wait for the motion");
    robot.stop().unwrap();
    let (moved, mut arm) = moving.join().unwrap();
    assert!(moved.unwrap_err().needs_operator());
    assert!(arm.recover().unwrap_err().needs_operator());
    assert!(arm.move_to(target(), 0.02).unwrap_err().needs_operator());
}

#[test]
fn the_controllers_own_timer_is_set_before_a_line_and_cancelled_after_it() {
    for error in [0, 31] {
        let (config, table) = serve_table(Table::new("2.5.0"));
        let config = XArmConfig { stop_timer: true, ..config };
        let mut arm = XArm::new(Arc::new(Robot::connect(config).unwrap()));
        table.lock().unwrap().error_on_line = error;
        assert_eq!(arm.move_to(target(), 0.1).is_ok(), error == 0);
        let table = table.lock().unwrap();
        let timer = |command: &&Command| {
            matches!(
                command,
                Command::SetTimer { timer: 0, register: 12, params: [4, 0], .. }
                    | Command::CancelTimer(0)
                    | Command::MoveLine { .. }
            )
        };
        let kinds: Vec<_> =
            table.asked.iter().filter(timer).map(|command| command.register()).collect();
        // First the timer of a lost program is cancelled.
        assert_eq!(kinds, [0x48, 0x47, 0x15, 0x48]);
    }
}

#[test]
fn nothing_is_sent_for_an_invalid_motion() {
    let (mut arm, table, _) = arm(Table::new("2.5.0"));
    table.lock().unwrap().asked.clear();
    let here = target();
    for (pose, speed) in [
        (here.at_height(f64::NAN), 0.1),
        (here.at_height(f64::INFINITY), 0.1),
        (here, 0.0),
        (here, -0.1),
        (here, f64::NAN),
    ] {
        assert!(arm.move_to(pose, speed).is_err());
    }
    assert_eq!(table.lock().unwrap().asked, []);
}

#[test]
fn a_lost_link_is_told_once_and_made_again() {
    let (mut arm, table, _) = arm(Table::new("2.5.0"));
    table.lock().unwrap().closes_on_line = true;
    let before = stops(&table);
    let error = arm.move_to(target(), 0.1).unwrap_err();
    assert!(matches!(error, DeviceError::Disconnected { device: "arm", .. }), "{error}");
    assert_eq!(stops(&table), before + 1, "the line may have been under way");
    arm.move_to(target(), 0.1).unwrap();
    assert_eq!(stops(&table), before + 1);
}

#[test]
fn a_program_that_ends_with_a_motion_under_way_stops_the_arm() {
    let (config, table) = serve_table(Table::new("2.5.0"));
    let claim = Claim::take(&config).unwrap();
    let mut session = Session::connect(config, &claim).unwrap();
    let before = stops(&table);
    {
        let mut table = table.lock().unwrap();
        (table.never_ends, table.deaf_to_stops) = (true, 1);
    }
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        // The motion does not end, and the stop has no answer: the arm may still move.
        let error = session.move_to(target(), 0.25).unwrap_err();
        panic!("{error}");
    }));
    assert!(panicked.is_err());
    assert_eq!(stops(&table), before + 2, "again when the session was dropped");
    assert_eq!(table.lock().unwrap().state, ArmState::Stopped);
}

#[test]
fn both_grippers_open_and_close_and_report_what_they_hold() {
    for (generation, opens_mm, other_mm) in
        [(Generation::First, 150.0, 95.0), (Generation::Second, 95.0, 160.0)]
    {
        let mut table = Table::new("2.5.0");
        table.generation = generation;
        let (arm, table, _) = arm(table);
        let mut gripper = BioGripperDevice::connect(Arc::clone(arm.robot())).unwrap();
        assert_eq!(gripper.generation(), generation);
        // Its jaws would move, and might hold something.
        assert!(gripper.open(opens_mm / 1000.0).unwrap_err().needs_operator());
        assert!(gripper.close().unwrap_err().needs_operator());
        assert!(gripper.holds_object().unwrap_err().needs_operator());
        gripper.recover().unwrap();
        assert!(!table.lock().unwrap().registers.contains_key(&0x0100));
        gripper.power_on().unwrap();
        gripper.open(opens_mm / 1000.0).unwrap();
        assert!(!gripper.holds_object().unwrap());
        let error = gripper.open(other_mm / 1000.0).unwrap_err();
        assert!(matches!(error, DeviceError::Refused { device: "gripper", .. }), "{error}");
        gripper.close().unwrap();
        assert!(gripper.holds_object().unwrap());
        let closed = u16::try_from(generation.closed()).unwrap();
        assert_eq!(table.lock().unwrap().registers[&0x0700], closed);
        table.lock().unwrap().closed = JawState::Stopped;
        gripper.close().unwrap();
        assert!(!gripper.holds_object().unwrap());
    }
}

#[test]
fn a_gripper_reports_its_error_and_one_that_lost_its_plate_holds_none() {
    let (arm, table, _) = arm(Table::new("1.12.10"));
    let mut gripper = BioGripperDevice::connect(Arc::clone(arm.robot())).unwrap();
    gripper.power_on().unwrap();
    {
        let mut table = table.lock().unwrap();
        (table.gripper.jaws, table.gripper_error) = (JawState::Fault, 12);
    }
    assert!(!gripper.holds_object().unwrap());
    {
        let mut table = table.lock().unwrap();
        (table.closed, table.gripper_error) = (JawState::Fault, 11);
    }
    let error = gripper.close().unwrap_err();
    assert!(matches!(error, DeviceError::Faulted { device: "gripper", code: 11, .. }), "{error}");
}

#[test]
fn a_gripper_that_does_not_answer_is_an_error_of_the_controller() {
    let (arm, table, _) = arm(Table::new("2.5.0"));
    table.lock().unwrap().no_gripper = true;
    let error = BioGripperDevice::connect(Arc::clone(arm.robot())).unwrap_err();
    assert!(matches!(error, XArmError::Controller { number: 19, .. }), "{error}");
}

/// The reports show whether the controller still has its settings. Without reports this is unknown.
#[test]
fn nothing_is_sent_on_reports_that_are_not_of_now_and_the_run_ends_when_they_stay_away() {
    let (mut arm, table, _) = arm(Table::new("2.5.0"));
    arm.move_to(target(), 0.1).unwrap();
    table.lock().unwrap().reports_are_silent = true;
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let here = target().at_height(0.16);
    table.lock().unwrap().asked.clear();
    let error = arm.move_to(here, 0.1).unwrap_err();
    assert!(error.needs_operator() && error.to_string().contains("no report"), "{error}");
    let lines = |table: &Mutex<Table>| {
        let is_line = |asked: &&Command| matches!(asked, Command::MoveLine { .. });
        table.lock().unwrap().asked.iter().filter(is_line).count()
    };
    assert_eq!(lines(&table), 0);
    // They come again while the link is made again: only time is lost.
    let theirs = Arc::clone(&table);
    let resume = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(300));
        theirs.lock().unwrap().reports_are_silent = false;
    });
    arm.move_to(here, 0.1).unwrap();
    assert_eq!(lines(&table), 1);
    resume.join().unwrap();
}

#[test]
fn without_reports_and_on_short_ones_nothing_is_set_up() {
    let (config, table) = serve_table(Table::new("2.5.0"));
    let deaf = XArmConfig { report_port: None, ..config.clone() };
    let error = Robot::connect(deaf).unwrap_err();
    assert!(matches!(error, XArmError::WithoutReports), "{error}");
    table.lock().unwrap().reports_are_short = true;
    let error = Robot::connect(config).unwrap_err();
    assert!(error.to_string().contains("xarm.report_port = 30002"), "{error}");
}

/// The installation that an operator has set in the controller is not overwritten, and prevents motions.
#[test]
fn an_arm_with_an_unsuitable_installation_is_refused_with_what_to_do() {
    type Change<'a> = (&'a str, &'a dyn Fn(&mut Table));
    let changes: [Change; 4] = [
        ("base offset is [0.0, 0.0, 25.0", &|table| table.base_offset[2] = 25.0),
        ("direction of gravity", &|table| table.gravity = [0.0, 0.0, 1.0]),
        ("simulated-robot mode is \"on\"", &|table| table.simulated = true),
        ("xarm.model", &|table| table.pose[0] += 20.0),
    ];
    for (told, change) in changes {
        let (config, table) = serve_table(Table::new("2.5.0"));
        change(&mut table.lock().unwrap());
        let error = Robot::connect(config).unwrap_err();
        assert!(error.needs_operator() && error.to_string().contains(told), "{told}: {error}");
        let is_line = |asked: &Command| matches!(asked, Command::MoveLine { .. });
        assert!(!table.lock().unwrap().asked.iter().any(is_line), "{told}");
    }
}

#[test]
fn a_gripper_that_counts_in_pulses_moves_no_jaw() {
    let (arm, table, _) = arm(Table::new("2.5.0"));
    let robot = Arc::clone(arm.robot());
    let mut gripper = BioGripperDevice::connect(Arc::clone(&robot)).unwrap();
    gripper.power_on().unwrap();
    gripper.open(0.1).unwrap();
    table.lock().unwrap().gripper_mode = Some(1);
    for error in [gripper.open(0.12).unwrap_err(), gripper.close().unwrap_err()] {
        assert!(
            error.needs_operator() && error.to_string().contains("control mode is 1"),
            "{error}"
        );
    }
    assert_eq!(table.lock().unwrap().registers[&0x0700], 100);
    drop(gripper);
    let error = BioGripperDevice::connect(robot).unwrap_err();
    assert!(matches!(error, XArmError::GripperMode { mode: 1 }), "{error}");
}

/// Early firmware of the second generation takes widths where the first takes its two positions.
#[test]
fn a_gripper_without_the_register_of_widths_is_moved_as_the_vendors_software_does() {
    for gripper_mode in [Some(0), None] {
        let mut table = Table::new("2.5.0");
        (table.lacks_width_register, table.gripper_mode) = (true, gripper_mode);
        let (arm, table, config) = arm(table);
        let mut gripper = BioGripperDevice::connect(Arc::clone(arm.robot())).unwrap();
        gripper.power_on().unwrap();
        // Another program has changed how hard it closes.
        table.lock().unwrap().registers.insert(0x0506, 100);
        for width_mm in [95, 120] {
            gripper.open(f64::from(width_mm) / 1000.0).unwrap();
            assert_eq!(table.lock().unwrap().registers[&0x0700], width_mm);
        }
        gripper.close().unwrap();
        let registers = table.lock().unwrap().registers.clone();
        assert_eq!(registers[&0x0700], 71);
        assert_eq!(registers[&0x0506], config.gripper.force_percent);
        assert_eq!(registers[&0x0303], config.gripper.speed);
    }
}
