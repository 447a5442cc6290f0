//! Trials in which a device fails at any moment: the next attempts recover, nothing falls, and no
//! fault counts as an outcome.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use rmrl_cell::{
    AfterContact, Arm, Camera, DeviceError, Devices, FirstMotion, Gripper, Operator, PickPlace,
    PlateLocation, Recovery, SafetyConfig, SafetyEnvelope, StopSwitch, Task, TaskConfig, ToolPose,
};
use rmrl_core::{
    Env, Fault, FaultKind, GraspFailure, Outcome, PlanarPose, PoseAdjustment, RewardFunction,
    TrialId,
};
use rmrl_sim::{CellDistribution, SimulatedCamera, SimulatedCell, SimulationConfig};
use rmrl_vision::{
    CameraModel, ColorThresholdDetector, ColorThresholdSegmenter, Localizer, LocalizerConfig,
    RgbdFrame,
};

/// What fails, once.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Failure {
    /// The arm stops as if on contact and stays stopped until recovered.
    Collision,
    /// The arm does not answer in time; it has moved nevertheless.
    TimedOut,
    /// The gripper reports the opposite of what is true.
    WrongHold,
    /// The camera is unplugged.
    NoFrame,
    /// A hand covers the image.
    Covered,
    /// The stop switch is pressed during a motion, and the motion is completed.
    Stop,
    /// The stop switch is pressed during a motion, and the arm gives the motion up.
    StopMidway,
}

/// Fails at one call. Calls are counted from 1, over all clones.
#[derive(Clone)]
struct Fuse {
    failure: Failure,
    at: u32,
    armed: Arc<AtomicBool>,
    calls: Arc<AtomicU32>,
    stopped: Arc<Mutex<bool>>,
    operator_calls: Arc<AtomicU32>,
    switch: Arc<Mutex<StopSwitch>>,
    cell: SimulatedCell,
}

impl Fuse {
    /// Panics at a call that no device may receive after a stop.
    fn expect_not_stopped(&self) {
        let is_pressed = self.switch.lock().unwrap().is_pressed();
        assert!(
            !is_pressed,
            "{:?} {}: received a call although it was stopped",
            self.failure, self.at
        );
    }

    fn blows(&self, failures: &[Failure]) -> bool {
        self.armed.load(Ordering::Relaxed)
            && failures.contains(&self.failure)
            && self.calls.fetch_add(1, Ordering::Relaxed) + 1 == self.at
    }
}

/// A simulated device behind a fuse.
struct Failing<D: ?Sized> {
    device: Box<D>,
    fuse: Fuse,
}

impl Arm for Failing<dyn Arm> {
    fn move_to(&mut self, target: ToolPose, speed_m_s: f64) -> Result<ToolPose, DeviceError> {
        self.fuse.expect_not_stopped();
        if self.fuse.blows(&[Failure::Stop, Failure::StopMidway]) {
            self.fuse.switch.lock().unwrap().press("a test");
            if self.fuse.failure == Failure::StopMidway {
                let reason = "an emergency stop".to_string();
                return Err(DeviceError::Refused { device: "arm", reason });
            }
        }
        let mut stopped = self.fuse.stopped.lock().unwrap();
        if *stopped {
            let reason = "stopped and not recovered".to_string();
            return Err(DeviceError::Refused { device: "arm", reason });
        }
        if self.fuse.blows(&[Failure::Collision, Failure::TimedOut]) {
            return match self.fuse.failure {
                Failure::Collision => {
                    *stopped = true;
                    Err(DeviceError::Collision { at: self.device.pose()? })
                }
                _ => {
                    self.device.move_to(target, speed_m_s)?;
                    Err(DeviceError::TimedOut { device: "arm", timeout_secs: 10.0 })
                }
            };
        }
        self.device.move_to(target, speed_m_s)
    }

    fn pose(&mut self) -> Result<ToolPose, DeviceError> {
        self.device.pose()
    }

    fn recover(&mut self) -> Result<(), DeviceError> {
        self.fuse.expect_not_stopped();
        *self.fuse.stopped.lock().unwrap() = false;
        self.device.recover()
    }
}

impl Gripper for Failing<dyn Gripper> {
    /// Opens, and panics if that drops the plate.
    fn open(&mut self, width_m: f64) -> Result<(), DeviceError> {
        self.fuse.expect_not_stopped();
        let before = self.fuse.cell.truth();
        self.device.open(width_m)?;
        let fell_m = before.rise_m - self.fuse.cell.truth().rise_m;
        assert!(fell_m < 0.02, "{:?} {}: fell {fell_m} m", self.fuse.failure, self.fuse.at);
        Ok(())
    }

    fn close(&mut self) -> Result<(), DeviceError> {
        self.fuse.expect_not_stopped();
        self.device.close()
    }

    fn holds_object(&mut self) -> Result<bool, DeviceError> {
        let holds = self.device.holds_object()?;
        Ok(holds != self.fuse.blows(&[Failure::WrongHold]))
    }

    fn recover(&mut self) -> Result<(), DeviceError> {
        self.device.recover()
    }
}

impl Camera for Failing<dyn Camera> {
    fn capture(&mut self) -> Result<RgbdFrame, DeviceError> {
        if self.fuse.blows(&[Failure::NoFrame, Failure::Covered]) {
            if self.fuse.failure == Failure::NoFrame {
                let reason = "unplugged".to_string();
                return Err(DeviceError::Disconnected { device: "camera", reason });
            }
            let mut frame = self.device.capture()?;
            Arc::make_mut(&mut frame.color).fill(120);
            return Ok(frame);
        }
        self.device.capture()
    }

    fn model(&self) -> CameraModel {
        self.device.model()
    }
}

impl Operator for Failing<dyn Operator> {
    fn permit_motion(&mut self, motion: &FirstMotion) -> Result<(), DeviceError> {
        self.device.permit_motion(motion)
    }

    fn exchange_plate(&mut self, scene: u32) -> Result<(), DeviceError> {
        self.device.exchange_plate(scene)
    }

    fn put_plate_at_target(&mut self) -> Result<(), DeviceError> {
        self.device.put_plate_at_target()
    }

    fn put_plate_near(&mut self, pose: PlanarPose) -> Result<(), DeviceError> {
        self.fuse.operator_calls.fetch_add(1, Ordering::Relaxed);
        self.device.put_plate_near(pose)
    }
}

fn trial_over(devices: Devices, task: TaskConfig) -> PickPlace {
    let localizer = Localizer::new(
        LocalizerConfig::default(),
        Box::new(ColorThresholdDetector::default()),
        Box::new(ColorThresholdSegmenter::default()),
    );
    let mut trial = PickPlace::new(
        devices,
        SafetyEnvelope::new(SafetyConfig::default()).unwrap(),
        localizer.unwrap(),
        Task { config: task, placement_seed: 11 },
        RewardFunction::default(),
    )
    .unwrap();
    // Simulated cells are assembled like this. Tests below, and on the emulated arm, cover real ones.
    trial.after_contact(AfterContact::Recover);
    trial
}

/// A calibrated cell with its target recorded, one of whose devices fails at a later call.
fn failing_cell(failure: Failure, at: u32) -> (Fuse, PickPlace) {
    let task = TaskConfig::table();
    let config = SimulationConfig {
        cells: CellDistribution::PERFECT,
        // A small image is sufficient, and faster.
        camera: SimulatedCamera { width_px: 320, ..SimulatedCamera::default() },
        ..SimulationConfig::default()
    };
    let fuse = Fuse {
        failure,
        at,
        armed: Arc::default(),
        calls: Arc::default(),
        stopped: Arc::default(),
        operator_calls: Arc::default(),
        switch: Arc::default(),
        cell: SimulatedCell::new(&config, &task, 1, 1).unwrap(),
    };
    let Devices { camera, arm, gripper, operator } = fuse.cell.devices();
    let behind = || fuse.clone();
    let devices = Devices {
        camera: Box::new(Failing { device: camera, fuse: behind() }),
        arm: Box::new(Failing { device: arm, fuse: behind() }),
        gripper: Box::new(Failing { device: gripper, fuse: behind() }),
        operator: Box::new(Failing { device: operator, fuse: behind() }),
    };
    let mut trial = trial_over(devices, task);
    trial.recover_by(Recovery { first_wait_secs: 0.0, ..Recovery::default() });
    *fuse.switch.lock().unwrap() = trial.stop_switch();
    trial.record_target().unwrap();
    fuse.armed.store(true, Ordering::Relaxed);
    (fuse, trial)
}

/// Repeats a trial until it ends without a fault. Returns how it ended, and the faults.
fn complete(trial: &mut PickPlace, cell: &SimulatedCell, number: u32) -> (Outcome, Vec<Fault>) {
    let mut faults = Vec::new();
    for attempt in 1..=3 {
        let id = TrialId::new(number, attempt, number.div_ceil(2));
        let attempted = trial.reset(id).and_then(|observation| {
            trial.step(cell.truth().best_pick.relative_to(observation.estimated_pose))
        });
        match attempted {
            Ok(outcome) => return (outcome, faults),
            Err(fault) => faults.push(fault),
        }
    }
    panic!("trial {number} cannot be completed: {faults:?}");
}

/// Makes three trials of two scenes with a device that fails once: at its first call, in another cell
/// at its second, and so on to the last. Returns the number of calls, of faults, and of requests for
/// help to the operator.
fn fail_at_every_call(failure: Failure) -> (u32, usize, u32) {
    let (mut all_faults, mut operator_calls) = (0, 0);
    for at in 1.. {
        let (fuse, mut trial) = failing_cell(failure, at);
        for number in 1..=3 {
            let (outcome, faults) = complete(&mut trial, &fuse.cell, number);
            all_faults += faults.len();
            match outcome {
                Outcome::Placed(placement) => {
                    let truth = fuse.cell.truth();
                    let error_mm = 1000.0 * truth.plate.distance_m(truth.target);
                    let measured_mm = 1000.0 * placement.error.e_trans_m;
                    assert!(truth.seated && error_mm < 1.0, "{failure:?} {at}: {truth:?}");
                    assert!((error_mm - measured_mm).abs() < 0.5, "{failure:?} {at}: {truth:?}");
                }
                // Only a wrong report of the gripper can make a good grasp look like a bad one.
                Outcome::NotGrasped(why) => {
                    assert_eq!(failure, Failure::WrongHold, "{at}: trial {number}: {why}");
                    assert_ne!(why, GraspFailure::FingerOnPlate, "{at}: trial {number}");
                }
                Outcome::Judged(judgment) => panic!("a cell judges no action: {judgment:?}"),
            }
        }
        operator_calls += fuse.operator_calls.load(Ordering::Relaxed);
        let calls = fuse.calls.load(Ordering::Relaxed);
        if calls < at {
            return (calls, all_faults, operator_calls);
        }
    }
    unreachable!("the numbers do not end")
}

#[test]
fn an_arm_that_stops_anywhere_is_recovered_and_the_trial_repeated() {
    let (calls, faults, operator_calls) = fail_at_every_call(Failure::Collision);
    assert!(calls > 40, "{calls}");
    // Where contact is expected, stopping is no fault: the plate is released there.
    assert!(faults as u32 >= calls - 12 && faults as u32 <= calls, "{faults} of {calls}");
    assert_eq!(operator_calls, 0);
}

/// In a real cell an operator has to look first: nothing moves, nothing is cleared, the jaws stay as they are, and
/// another process resumes.
#[test]
fn unexpected_contact_waits_for_an_operator() {
    let mut contacts = 0;
    for at in 1.. {
        let (fuse, mut trial) = failing_cell(Failure::Collision, at);
        trial.after_contact(AfterContact::WaitForPerson);
        let target = fuse.cell.truth();
        for number in 1..=2 {
            let id = TrialId::new(number, 1, 1);
            let attempted = trial.reset(id).and_then(|observation| {
                let best = fuse.cell.truth().best_pick;
                trial.step(best.relative_to(observation.estimated_pose))
            });
            let Err(fault) = attempted else { continue };
            contacts += 1;
            assert_eq!(fault.kind, FaultKind::Contact, "{at}: {fault}");
            assert!(fault.kind.needs_operator());
            assert!(fault.reason.contains("A person has to look"), "{fault}");
            // From here arm and jaws panic at any call.
            *fuse.switch.lock().unwrap() = pressed();
            assert_eq!(trial.reset(id).unwrap_err(), fault);
            assert_eq!(trial.stand_down().unwrap_err(), fault);
            let mut next = trial_over(fuse.cell.devices(), TaskConfig::table());
            let seen =
                rmrl_cell::Target { pose: target.target, height_m: 0.00725, look_error_m: None };
            next.resume(seen, trial.plate_location());
            complete(&mut next, &fuse.cell, number);
            assert!(fuse.cell.truth().seated, "{at}");
            break;
        }
        if fuse.calls.load(Ordering::Relaxed) < at {
            assert!(contacts > 20, "{contacts}");
            return;
        }
    }
}

/// A switch that belongs to no cell: only the devices of these tests read it.
fn pressed() -> StopSwitch {
    let switch = StopSwitch::default();
    switch.press("a contact");
    switch
}

#[test]
fn an_arm_that_does_not_answer_costs_one_attempt() {
    let (calls, faults, operator_calls) = fail_at_every_call(Failure::TimedOut);
    assert_eq!(faults as u32, calls);
    assert_eq!(operator_calls, 0);
}

/// Its report counts for the outcome, and never for releasing: see [`Failing::open`].
#[test]
fn a_gripper_that_is_wrong_once_drops_nothing() {
    let (calls, _, operator_calls) = fail_at_every_call(Failure::WrongHold);
    assert!(calls > 15, "{calls}");
    assert_eq!(operator_calls, 0);
}

#[test]
fn a_camera_that_is_unplugged_for_a_moment_costs_a_frame_and_no_attempt() {
    let (calls, faults, operator_calls) = fail_at_every_call(Failure::NoFrame);
    assert!(calls >= 6, "{calls}");
    assert_eq!((faults, operator_calls), (0, 0));
}

/// A camera that stays unplugged is tried a few times in every attempt. The arm waits at home meanwhile.
#[test]
fn a_camera_that_stays_unplugged_is_a_fault_with_the_arm_at_home() {
    let (fuse, mut trial) = failing_cell(Failure::Covered, u32::MAX);
    complete(&mut trial, &fuse.cell, 1);
    let task = TaskConfig::table();
    let Devices { arm, gripper, operator, .. } = fuse.cell.devices();
    let captures = Arc::new(AtomicU32::new(0));
    let camera =
        Box::new(Unplugged { device: fuse.cell.devices().camera, captures: Arc::clone(&captures) });
    let mut blind = trial_over(Devices { camera, arm, gripper, operator }, task.clone());
    blind.recover_by(Recovery { retries: 3, first_wait_secs: 0.0 });
    let target =
        rmrl_cell::Target { pose: fuse.cell.truth().target, height_m: 0.00725, look_error_m: None };
    blind.resume(target, trial.plate_location());
    let fault = blind.reset(TrialId::new(2, 1, 1)).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Device);
    assert!(fault.reason.contains("lost the camera"), "{fault}");
    assert_eq!(captures.load(Ordering::Relaxed), 4);
    blind.stand_down().unwrap();
    assert_eq!(fuse.cell.devices().arm.pose().unwrap(), task.home.tool_pose());
}

/// A camera that no longer answers.
struct Unplugged {
    device: Box<dyn Camera>,
    captures: Arc<AtomicU32>,
}

impl Camera for Unplugged {
    fn capture(&mut self) -> Result<RgbdFrame, DeviceError> {
        self.captures.fetch_add(1, Ordering::Relaxed);
        Err(DeviceError::Disconnected { device: "camera", reason: "unplugged".to_string() })
    }

    fn model(&self) -> CameraModel {
        self.device.model()
    }
}

/// Stops the arm at its first motion, in another cell at its second, and so on. Resumes each time as a
/// new process would, with a switch that is not pressed.
fn stop_at_every_motion(failure: Failure) {
    let mut stops = 0;
    for at in 1.. {
        let (fuse, mut trial) = failing_cell(failure, at);
        let target = fuse.cell.truth();
        for number in 1..=2 {
            let id = TrialId::new(number, 1, 1);
            let attempted = trial.reset(id).and_then(|observation| {
                let best = fuse.cell.truth().best_pick;
                trial.step(best.relative_to(observation.estimated_pose))
            });
            let Err(fault) = attempted else { continue };
            stops += 1;
            assert_eq!(fault.kind, FaultKind::Interrupted, "{failure:?} {at}: {fault}");
            assert!(fault.reason.contains("stopped by a test"), "{fault}");
            // From here the devices panic at any motion.
            assert_eq!(trial.reset(id).unwrap_err().kind, FaultKind::Interrupted);
            assert_eq!(trial.stand_down().unwrap_err().kind, FaultKind::Interrupted);
            let mut next = trial_over(fuse.cell.devices(), TaskConfig::table());
            let seen =
                rmrl_cell::Target { pose: target.target, height_m: 0.00725, look_error_m: None };
            next.resume(seen, trial.plate_location());
            complete(&mut next, &fuse.cell, number);
            assert!(fuse.cell.truth().seated, "{failure:?} {at}");
            break;
        }
        if fuse.calls.load(Ordering::Relaxed) < at {
            assert!(stops > 20, "{stops}");
            return;
        }
    }
}

#[test]
fn an_arm_that_is_stopped_anywhere_stays_stopped_and_another_process_resumes() {
    stop_at_every_motion(Failure::Stop);
    stop_at_every_motion(Failure::StopMidway);
}

/// A plate with one side on an object is not picked up like a level one, and its pose is not guessed.
#[test]
fn a_plate_that_leans_waits_for_the_operator() {
    let (fuse, mut trial) = failing_cell(Failure::Covered, u32::MAX);
    complete(&mut trial, &fuse.cell, 1);
    let Devices { camera, arm, gripper, operator } = fuse.cell.devices();
    let leaning = Arc::new(AtomicBool::new(true));
    let camera = Box::new(Leaning { device: camera, leaning: Arc::clone(&leaning) });
    let mut next = trial_over(Devices { camera, arm, gripper, operator }, TaskConfig::table());
    let target =
        rmrl_cell::Target { pose: fuse.cell.truth().target, height_m: 0.00725, look_error_m: None };
    next.resume(target, trial.plate_location());
    let id = |attempt| TrialId::new(2, attempt, 1);
    let fault = next.reset(id(1)).unwrap_err();
    assert_eq!(fault.kind, FaultKind::LostPlate);
    assert!(fault.reason.contains("leans by"), "{fault}");
    assert_eq!(next.plate_location(), PlateLocation::Lost);
    // The operator lays it down.
    leaning.store(false, Ordering::Relaxed);
    next.reset(id(2)).unwrap();
}

/// A camera that sees everything lean by six degrees about the plate.
struct Leaning {
    device: Box<dyn Camera>,
    leaning: Arc<AtomicBool>,
}

impl Camera for Leaning {
    fn capture(&mut self) -> Result<RgbdFrame, DeviceError> {
        let mut frame = self.device.capture()?;
        if self.leaning.load(Ordering::Relaxed) {
            let focal_px = self.device.model().intrinsics.fx;
            let slope = 6f64.to_radians().tan();
            // Dark pixels show the plate; their middle keeps its depth.
            let (mut sum, mut count) = (0.0, 0.0);
            for (u, _, pixel) in frame.color.enumerate_pixels() {
                if pixel.0.iter().all(|level| *level < 60) {
                    (sum, count) = (sum + f64::from(u), count + 1.0);
                }
            }
            let middle = sum / count;
            for (u, _, depth) in frame.depth.enumerate_pixels_mut() {
                let rise = slope * (f64::from(u) - middle) / focal_px;
                depth.0[0] = (f64::from(depth.0[0]) * (1.0 - rise)).round() as u16;
            }
        }
        Ok(frame)
    }

    fn model(&self) -> CameraModel {
        self.device.model()
    }
}

/// Jaws whose status is stuck at holding, and which may be stuck themselves.
struct Claiming {
    device: Box<dyn Gripper>,
    closes: bool,
    lies: Arc<AtomicBool>,
}

impl Gripper for Claiming {
    fn open(&mut self, width_m: f64) -> Result<(), DeviceError> {
        self.device.open(width_m)
    }

    fn close(&mut self) -> Result<(), DeviceError> {
        let is_stuck = self.lies.load(Ordering::Relaxed) && !self.closes;
        if is_stuck { Ok(()) } else { self.device.close() }
    }

    fn holds_object(&mut self) -> Result<bool, DeviceError> {
        Ok(self.lies.load(Ordering::Relaxed) || self.device.holds_object()?)
    }

    fn recover(&mut self) -> Result<(), DeviceError> {
        self.device.recover()
    }
}

/// The camera corrects a wrong report of the gripper: a plate that was never picked up, and one that was
/// lost on the path, are no placements, wherever they lie.
#[test]
fn a_plate_that_the_gripper_claims_and_the_camera_sees_elsewhere_is_no_placement() {
    for (closes, where_seen) in [(false, "where it was to be picked"), (true, "mm from there")] {
        let task = TaskConfig::table();
        let config =
            SimulationConfig { cells: CellDistribution::PERFECT, ..SimulationConfig::default() };
        let cell = SimulatedCell::new(&config, &task, 1, 1).unwrap();
        let mut devices = cell.devices();
        let lies = Arc::new(AtomicBool::new(false));
        let device = devices.gripper;
        devices.gripper = Box::new(Claiming { device, closes, lies: Arc::clone(&lies) });
        let mut trial = trial_over(devices, task);
        trial.record_target().unwrap();
        trial.reset(TrialId::new(1, 1, 1)).unwrap();
        lies.store(true, Ordering::Relaxed);
        if closes {
            // Lost on the path, far from both its start and its target.
            let is_near = cell.truth().plate.x_m < 0.34;
            let (x_m, y_m) = if is_near { (0.41, -0.06) } else { (0.27, -0.2) };
            cell.put_plate(PlanarPose::new(x_m, y_m, 0.2), 0.0);
        }
        let fault = trial.step(PoseAdjustment::NONE).unwrap_err();
        assert_eq!(fault.kind, FaultKind::FalseGrasp, "{fault}");
        assert!(fault.reason.contains(where_seen), "{fault}");
        assert_eq!(trial.plate_location(), PlateLocation::Unknown);
        lies.store(false, Ordering::Relaxed);
        complete(&mut trial, &cell, 1);
        assert!(cell.truth().seated);
    }
}

/// Jaws that close as they should, and whose status is stuck at holding nothing.
struct Denying {
    device: Box<dyn Gripper>,
    lies: Arc<AtomicBool>,
}

impl Gripper for Denying {
    fn open(&mut self, width_m: f64) -> Result<(), DeviceError> {
        self.device.open(width_m)
    }

    fn close(&mut self) -> Result<(), DeviceError> {
        self.device.close()
    }

    fn holds_object(&mut self) -> Result<bool, DeviceError> {
        Ok(!self.lies.load(Ordering::Relaxed) && self.device.holds_object()?)
    }

    fn recover(&mut self) -> Result<(), DeviceError> {
        self.device.recover()
    }
}

/// A plate that closing jaws have moved was not missed. A plate that did not move may have been missed; after three
/// times in a row the operator has to look at the gripper.
#[test]
fn a_missed_grasp_is_checked_by_the_camera_and_counted() {
    let task = TaskConfig::table();
    let config =
        SimulationConfig { cells: CellDistribution::PERFECT, ..SimulationConfig::default() };
    let cell = SimulatedCell::new(&config, &task, 1, 1).unwrap();
    let mut devices = cell.devices();
    let lies = Arc::new(AtomicBool::new(false));
    devices.gripper = Box::new(Denying { device: devices.gripper, lies: Arc::clone(&lies) });
    let mut trial = trial_over(devices, task);
    trial.record_target().unwrap();
    let id = |trial, attempt| TrialId::new(trial, attempt, 1);
    let centered = |trial: &mut PickPlace, of: TrialId, does_lie: bool| {
        lies.store(false, Ordering::Relaxed);
        let observation = trial.reset(of).unwrap();
        lies.store(does_lie, Ordering::Relaxed);
        trial.step(cell.truth().best_pick.relative_to(observation.estimated_pose))
    };
    let missed = Ok(Outcome::NotGrasped(GraspFailure::Missed));
    for of in [id(1, 1), id(2, 1)] {
        assert_eq!(centered(&mut trial, of, true), missed);
        let seen = trial.evidence().after_miss.unwrap();
        assert!(seen.distance_m(cell.truth().plate) < 0.002, "{seen:?}");
        assert!(trial.evidence().end.is_some());
    }
    // A placed plate starts the count again.
    assert!(centered(&mut trial, id(3, 1), false).unwrap().placement().is_some());
    assert_eq!(centered(&mut trial, id(4, 1), true), missed);

    // The jaws remove an offset across them, which the camera sees: not an outcome.
    lies.store(false, Ordering::Relaxed);
    let observation = trial.reset(id(5, 1)).unwrap();
    lies.store(true, Ordering::Relaxed);
    let across = PoseAdjustment { dx_m: 0.0, dy_m: 0.006, dyaw_rad: 0.0 }
        .rotated(observation.estimated_pose.yaw_rad);
    let fault = trial.step(across).unwrap_err();
    assert_eq!(fault.kind, FaultKind::FalseGrasp, "{fault}");
    assert!(fault.reason.contains("the camera sees the plate moved by 6"), "{fault}");
    assert_eq!(trial.plate_location(), PlateLocation::Unknown);

    let fault = centered(&mut trial, id(5, 2), true).unwrap_err();
    assert_eq!(fault.kind, FaultKind::NothingHeld, "{fault}");
    assert!(fault.kind.needs_operator() && fault.reason.contains("look at the gripper"), "{fault}");
    assert!(fault.reason.contains("3 times in a row"), "{fault}");
}

#[test]
fn a_hand_in_one_image_costs_a_frame_and_no_attempt() {
    let (calls, faults, operator_calls) = fail_at_every_call(Failure::Covered);
    assert!(calls >= 6, "{calls}");
    assert_eq!((faults, operator_calls), (0, 0));
}

/// If the camera cannot see the plate at all, the robot does not guess. It asks the operator for help once,
/// and resumes as soon as it sees the plate.
#[test]
fn a_plate_that_cannot_be_seen_is_a_fault_and_then_waits_for_the_operator() {
    let (fuse, mut trial) = failing_cell(Failure::Covered, u32::MAX);
    complete(&mut trial, &fuse.cell, 1);
    fuse.cell.put_plate(PlanarPose::new(0.3, -1.0, 0.0), 0.0);
    let id = |attempt| TrialId::new(2, attempt, 1);
    let fault = trial.reset(id(1)).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Localization);
    assert!(fault.reason.contains("no plate"), "{fault}");
    trial.reset(id(2)).unwrap();
    assert_eq!(fuse.operator_calls.load(Ordering::Relaxed), 1);
}

/// The operator has to fetch a plate in view that the arm must not reach for.
#[test]
fn a_plate_out_of_reach_is_lost_and_then_waits_for_the_operator() {
    let (fuse, mut trial) = failing_cell(Failure::Covered, u32::MAX);
    complete(&mut trial, &fuse.cell, 1);
    fuse.cell.put_plate(PlanarPose::new(0.13, 0.0, 0.0), 0.0);
    let id = |attempt| TrialId::new(2, attempt, 1);
    let fault = trial.reset(id(1)).unwrap_err();
    assert_eq!(fault.kind, FaultKind::LostPlate);
    assert!(fault.reason.contains("out of reach"), "{fault}");
    trial.reset(id(2)).unwrap();
    assert_eq!(fuse.operator_calls.load(Ordering::Relaxed), 1);
}

/// A plate on the table under the shelf is picked up there, not at the shelf's height.
#[test]
fn a_plate_that_fell_off_its_place_is_found_where_it_lies() {
    let task = TaskConfig::shelf();
    let config =
        SimulationConfig { cells: CellDistribution::PERFECT, ..SimulationConfig::default() };
    let cell = SimulatedCell::new(&config, &task, 1, 1).unwrap();
    let mut devices = cell.devices();
    let below = PlanarPose::new(0.42, -0.02, 0.1);
    devices.camera =
        Box::new(Falling { device: devices.camera, cell: cell.clone(), below, captures: 0 });
    let mut trial = trial_over(devices, task);
    trial.record_target().unwrap();
    let id = |number| TrialId::new(number, 1, 1);
    trial.reset(id(1)).unwrap();
    let outcome = trial.step(PoseAdjustment::NONE).unwrap();
    assert!(!outcome.placement().unwrap().seated);
    assert_eq!(trial.plate_location(), PlateLocation::Unknown);
    trial.reset(id(2)).unwrap();
    assert!(trial.step(PoseAdjustment::NONE).unwrap().placement().unwrap().seated);
}

/// A camera before whose third capture, the first trial's last, the plate falls off the shelf.
struct Falling {
    device: Box<dyn Camera>,
    cell: SimulatedCell,
    below: PlanarPose,
    captures: u32,
}

impl Camera for Falling {
    fn capture(&mut self) -> Result<RgbdFrame, DeviceError> {
        self.captures += 1;
        if self.captures == 3 {
            self.cell.put_plate(self.below, 0.0);
        }
        self.device.capture()
    }

    fn model(&self) -> CameraModel {
        self.device.model()
    }
}
