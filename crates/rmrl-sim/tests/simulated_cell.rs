//! The trial of the paper on the simulated cell: what its devices report, and what is true.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

use rmrl_cell::{
    DeviceError, Devices, FirstMotion, Operator, PickPlace, PlateLocation, SafetyConfig,
    SafetyEnvelope, Task, TaskConfig, ToolPose,
};
use rmrl_core::{
    Env, FaultKind, GraspFailure, Outcome, PlanarPose, PoseAdjustment, RewardFunction, TrialId,
    random_stream,
};
use rmrl_sim::{CellDistribution, PlateLook, SensorNoise, SimulatedCell, SimulationConfig};
use rmrl_vision::{
    ColorThresholdDetector, ColorThresholdSegmenter, LocalizeError, Localizer, LocalizerConfig,
};

fn localizer() -> Localizer {
    Localizer::new(
        LocalizerConfig::default(),
        Box::new(ColorThresholdDetector::default()),
        Box::new(ColorThresholdSegmenter::default()),
    )
    .unwrap()
}

fn trial_on(cell: &SimulatedCell, task: &TaskConfig) -> PickPlace {
    trial_over(cell.devices(), task)
}

fn trial_over(devices: Devices, task: &TaskConfig) -> PickPlace {
    PickPlace::new(
        devices,
        SafetyEnvelope::new(SafetyConfig::default()).unwrap(),
        localizer(),
        Task { config: task.clone(), placement_seed: 11 },
        RewardFunction::default(),
    )
    .unwrap()
}

fn cell(config: &SimulationConfig, task: &TaskConfig, seed: u64) -> (SimulatedCell, PickPlace) {
    let cell = SimulatedCell::new(config, task, seed, seed).unwrap();
    let mut trial = trial_on(&cell, task);
    trial.record_target().unwrap();
    (cell, trial)
}

fn id(trial: u32, attempt: u32) -> TrialId {
    TrialId::new(trial, attempt, (trial - 1) / 4 + 1)
}

fn perfect() -> SimulationConfig {
    SimulationConfig { cells: CellDistribution::PERFECT, ..SimulationConfig::default() }
}

/// The embedded localizer has to be within 1.0 mm and 0.3 degrees on average over 200 poses of the
/// whole workspace, without noise and with perfect calibration. It is far better, and has to stay so.
#[test]
fn the_localizer_is_precise_over_the_whole_workspace() {
    let config = SimulationConfig { noise: SensorNoise::NONE, ..perfect() };
    let task = TaskConfig::table();
    let slot = TaskConfig::shelf().place;
    let cell = SimulatedCell::new(&config, &task, 1, 1).unwrap();
    let mut devices = cell.devices();
    let mut localizer = localizer();
    let mut rng = random_stream(3, "poses", [0, 0]);
    let mut uniform = |from: f64, to: f64| {
        use rand::RngExt;
        from + (to - from) * rng.random::<f64>()
    };
    let (mut distance_mm, mut turn_deg) = (0.0, 0.0);
    for index in 0..200 {
        let mut offset = || PoseAdjustment {
            dx_m: uniform(-0.008, 0.008),
            dy_m: uniform(-0.008, 0.008),
            dyaw_rad: uniform(-0.03, 0.03),
        };
        // In the box and on the shelf, where placed plates are measured, and all over the table.
        let (pose, surface_m) = match index % 5 {
            3 => (slot.pose().adjusted(offset()), slot.surface_m),
            4 => (cell.truth().target.adjusted(offset()), 0.0),
            _ => {
                let (x_m, y_m) = (uniform(0.15, 0.55), uniform(-0.30, 0.03));
                (PlanarPose::new(x_m, y_m, uniform(-1.0, 1.0)), 0.0)
            }
        };
        cell.put_plate(pose, surface_m);
        let frame = devices.camera.capture().unwrap();
        let found = localizer.localize(&frame, &devices.camera.model()).unwrap();
        let error = found.pose.relative_to(pose);
        distance_mm += 1000.0 * error.translation_m() / 200.0;
        turn_deg += error.dyaw_rad.to_degrees().abs() / 200.0;
        let height_m = surface_m + 0.00725;
        assert!((found.height_m - height_m).abs() < 0.002, "{pose:?}: height {}", found.height_m);
    }
    assert!(distance_mm < 0.25, "{distance_mm:.3} mm on average");
    assert!(turn_deg < 0.05, "{turn_deg:.3} degrees on average");
}

#[test]
fn a_calibrated_cell_places_plates_without_any_correction() {
    let task = TaskConfig::table();
    let (cell, mut trial) = cell(&perfect(), &task, 1);
    for number in 1..=6 {
        trial.reset(id(number, 1)).unwrap();
        let outcome = trial.step(PoseAdjustment::NONE).unwrap();
        let placement = *outcome.placement().expect("the plate is placed");
        let truth = cell.truth();
        let error_mm = 1000.0 * truth.plate.distance_m(truth.target);
        assert!(error_mm < 0.4, "trial {number}: {error_mm:.2} mm");
        assert!(truth.seated && placement.seated);
        assert!((1000.0 * placement.error.e_trans_m - error_mm).abs() < 0.3);
    }
}

/// The devices of a cell report what they believe. The software's camera is not where the true one
/// is, and only the ground truth shows it.
#[test]
fn an_uncalibrated_cell_errs_and_its_truth_corrects_it() {
    let task = TaskConfig::table();
    for seed in 0..4 {
        let (cell, mut trial) = cell(&SimulationConfig::default(), &task, seed);
        let shift = trial.camera_model().position() - cell.true_camera().position();
        assert!(shift.norm() > 0.002, "cell {seed}: {shift}");
        let mut without = 0.0;
        let mut with = 0.0;
        for number in 1..=8 {
            let observation = trial.reset(id(number, 1)).unwrap();
            let truth = cell.truth();
            assert!(truth.plate.distance_m(observation.estimated_pose) > 0.0005);
            let adjustment = if number % 2 == 0 {
                truth.best_pick.relative_to(observation.estimated_pose)
            } else {
                PoseAdjustment::NONE
            };
            let outcome = trial.step(adjustment).unwrap();
            let error = outcome.placement().expect("the plate is placed").error.e_trans_m;
            if number % 2 == 0 { with += error } else { without += error }
        }
        assert!(with / 4.0 < 0.000_4, "cell {seed}: {:.2} mm", 250.0 * with);
        assert!(without > 1.5 * with, "cell {seed}: {without} against {with}");
    }
}

/// The effect of contact (see `grasp_physics.rs`) on the reward: an offset along the fingers stays and
/// costs reward; the jaws remove an offset across them and a small turn.
#[test]
fn the_reward_follows_the_offset_along_the_fingers() {
    let task = TaskConfig::table();
    let (cell, mut trial) = cell(&perfect(), &task, 1);
    let mut place = |number: u32, along_m: f64, across_m: f64, turn_rad: f64| {
        let observation = trial.reset(id(number, 1)).unwrap();
        let truth = cell.truth();
        let mut offset = PoseAdjustment { dx_m: along_m, dy_m: across_m, dyaw_rad: 0.0 }
            .rotated(truth.plate.yaw_rad);
        offset.dyaw_rad = turn_rad;
        let pick = truth.best_pick.adjusted(offset);
        let outcome = trial.step(pick.relative_to(observation.estimated_pose)).unwrap();
        outcome.placement().expect("the plate is placed").error.e_trans_m * 1000.0
    };
    for (number, along_mm) in [(1, -6.0), (2, -2.0), (3, 0.0), (4, 4.0), (5, 6.0f64)] {
        let error_mm = place(number, along_mm / 1000.0, 0.0, 0.0);
        assert!((error_mm - along_mm.abs()).abs() < 0.15, "{along_mm} along gave {error_mm:.2} mm");
    }
    for (number, across_mm) in [(6, -8.0), (7, 6.0)] {
        let error_mm = place(number, 0.0, across_mm / 1000.0, 0.0);
        assert!(error_mm < 0.4, "{across_mm} across gave {error_mm:.2} mm");
    }
    let error_mm = place(8, 0.0, 0.0, 0.03);
    assert!(error_mm < 0.4, "a turn gave {error_mm:.2} mm");
}

#[test]
fn a_finger_that_lands_on_the_plate_is_an_outcome_and_the_next_trial_succeeds() {
    // Jaws that clear the plate by 4 mm on each side.
    let task = TaskConfig { jaw_opening_m: 0.0935, ..TaskConfig::table() };
    let (_, mut trial) = cell(&perfect(), &task, 1);
    let observation = trial.reset(id(1, 1)).unwrap();
    let across = PoseAdjustment { dx_m: 0.0, dy_m: 0.008, dyaw_rad: 0.0 }
        .rotated(observation.estimated_pose.yaw_rad);
    let outcome = trial.step(across).unwrap();
    assert_eq!(outcome, Outcome::NotGrasped(GraspFailure::FingerOnPlate));
    assert_eq!(outcome.reward(), 0.0);
    trial.reset(id(2, 1)).unwrap();
    let outcome = trial.step(PoseAdjustment::NONE).unwrap();
    assert!(outcome.placement().is_some());
}

#[test]
fn an_action_beyond_the_envelope_is_refused_and_moves_nothing() {
    let task = TaskConfig::table();
    let (cell, mut trial) = cell(&perfect(), &task, 1);
    trial.reset(id(1, 1)).unwrap();
    let before = cell.remember();
    let fault = trial.step(PoseAdjustment { dx_m: 0.02, dy_m: 0.0, dyaw_rad: 0.0 }).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Refused);
    assert!(fault.reason.contains("20.00 mm"), "{fault}");
    assert_eq!(cell.remember(), before);
}

/// A plate that leaves the camera's view is lost, and its pose is not guessed. The operator puts it
/// back, and the trial is repeated.
#[test]
fn a_lost_plate_is_a_fault_and_is_put_back_for_the_next_attempt() {
    let task = TaskConfig::table();
    let (cell, mut trial) = cell(&perfect(), &task, 1);
    trial.reset(id(1, 1)).unwrap();
    cell.put_plate(PlanarPose::new(0.3, -1.0, 0.0), 0.0);
    // If the plate cannot be seen after a missed grasp, nothing is known about the grasp.
    let fault = trial.step(PoseAdjustment::NONE).unwrap_err();
    assert_eq!(fault.kind, FaultKind::LostPlate);
    assert!(fault.reason.contains("no plate"), "{fault}");
    trial.reset(id(1, 2)).unwrap();
    assert!(trial.step(PoseAdjustment::NONE).unwrap().placement().is_some());
}

/// A plate on another one, 14 mm higher, is not gripped as if it lay on the table, where fingers meet the lower one:
/// not at its start, not from there, and not in its target.
#[test]
fn a_plate_that_lies_on_another_one_is_refused() {
    const STACKED_M: f64 = 0.014;
    for task in [TaskConfig::table(), TaskConfig::shelf()] {
        for seed in 0..6 {
            let config = SimulationConfig::default();
            let (cell, mut trial) = cell(&config, &task, seed);
            let begun = Task { config: task.clone(), placement_seed: 11 };
            let start = begun.start(id(1, 1));
            let target = trial.record_target().unwrap();
            cell.put_plate(start, STACKED_M);
            let put_down = task.release_pose(start, 0.0);
            trial.resume(target, PlateLocation::PutDown(put_down));
            let fault = trial.reset(id(1, 1)).unwrap_err();
            assert_eq!(fault.kind, FaultKind::Localization);
            assert!(fault.reason.contains("does it lie on another plate"), "{fault}");

            // It is not picked up elsewhere, either: the operator has to bring it.
            trial.resume(target, PlateLocation::Unknown);
            let fault = trial.reset(id(1, 1)).unwrap_err();
            assert_eq!(fault.kind, FaultKind::LostPlate);
            assert!(fault.reason.contains("does it lie on another plate"), "{fault}");
            assert_eq!(trial.plate_location(), PlateLocation::Lost);

            struct Stacking(SimulatedCell, f64);
            impl Operator for Stacking {
                fn permit_motion(&mut self, _: &FirstMotion) -> Result<(), DeviceError> {
                    Ok(())
                }
                fn exchange_plate(&mut self, _: u32) -> Result<(), DeviceError> {
                    Ok(())
                }
                fn put_plate_at_target(&mut self) -> Result<(), DeviceError> {
                    self.0.put_plate(self.0.truth().target, self.1 + STACKED_M);
                    Ok(())
                }
                fn put_plate_near(&mut self, _: PlanarPose) -> Result<(), DeviceError> {
                    Ok(())
                }
            }
            let operator = Box::new(Stacking(cell.clone(), task.place.surface_m));
            let mut trial = trial_over(Devices { operator, ..cell.devices() }, &task);
            let fault = trial.record_target().unwrap_err();
            let reason = std::error::Error::source(&fault).unwrap().to_string();
            assert!(reason.contains("does it lie on another plate"), "{reason}");
        }
    }
}

#[test]
fn the_shelf_takes_centered_plates_and_jams_the_others() {
    let task = TaskConfig::shelf();
    let (cell, mut trial) = cell(&perfect(), &task, 1);
    for (number, along_mm, fits) in
        [(1, 0.0, true), (2, 2.0, true), (3, 6.0, false), (4, -6.0, false)]
    {
        let observation = trial.reset(id(number, 1)).unwrap();
        let truth = cell.truth();
        let along = PoseAdjustment { dx_m: along_mm / 1000.0, ..PoseAdjustment::NONE }
            .rotated(truth.plate.yaw_rad);
        let pick = truth.best_pick.adjusted(along);
        let outcome = trial.step(pick.relative_to(observation.estimated_pose)).unwrap();
        let placement = outcome.placement().expect("the plate is placed");
        let truth = cell.truth();
        assert_eq!(truth.seated, fits, "{along_mm} mm: {truth:?}");
        assert_eq!(placement.seated, fits, "{along_mm} mm: {placement:?}");
    }
}

/// The hand stops at what stands in the cell and stays stopped until recovered, like a real arm.
#[test]
fn the_hand_meets_the_shelf_from_above_and_from_the_side() {
    // Jaws narrow enough for the fingers to come down on the board.
    let task = TaskConfig { jaw_opening_m: 0.115, ..TaskConfig::table() };
    let cell = SimulatedCell::new(&perfect(), &task, 1, 1).unwrap();
    let mut arm = cell.devices().arm;
    let shelf = TaskConfig::shelf().place;
    let tool = |y_m: f64, z_m: f64| ToolPose::new(PlanarPose::new(shelf.x_m, y_m, 0.0), z_m);
    let stopped = |result| match result {
        Err(DeviceError::Collision { at }) => at,
        other => panic!("no collision: {other:?}"),
    };
    arm.move_to(tool(shelf.y_m, 0.2), 0.25).unwrap();
    let at = stopped(arm.move_to(tool(shelf.y_m, 0.01), 0.05));
    assert!((at.z_m - shelf.surface_m).abs() < 0.002, "{at:?}");
    assert!(matches!(arm.move_to(tool(shelf.y_m, 0.2), 0.25), Err(DeviceError::Refused { .. })));
    arm.recover().unwrap();
    arm.move_to(tool(shelf.y_m, 0.2), 0.25).unwrap();

    // From the side, the first finger stops at the board's edge.
    arm.move_to(tool(-0.1, 0.2), 0.25).unwrap();
    arm.move_to(tool(-0.1, 0.05), 0.25).unwrap();
    let at = stopped(arm.move_to(tool(shelf.y_m, 0.05), 0.25));
    let board_edge_m = shelf.y_m - (0.5 * 0.08548 + 0.003 + 0.004 + 0.010);
    let finger_m = at.planar.y_m + 0.5 * 0.115 + 0.010;
    assert!((finger_m - board_edge_m).abs() < 0.002, "{finger_m} {board_edge_m}");
}

/// Frames, motions and localizations of a cell repeat bit for bit, also if the world is stored in
/// between and restored by another process.
#[test]
fn a_remembered_world_continues_with_the_same_bits() {
    let task = TaskConfig::table();
    let config = SimulationConfig::default();
    let run = |trial: &mut PickPlace, numbers: std::ops::RangeInclusive<u32>| {
        numbers
            .map(|number| {
                let observation = trial.reset(id(number, 1)).unwrap();
                let adjustment = PoseAdjustment {
                    dx_m: 0.001 * f64::from(number % 5) - 0.002,
                    ..PoseAdjustment::NONE
                };
                let outcome = trial.step(adjustment).unwrap();
                (observation.estimated_pose, outcome, observation.image)
            })
            .collect::<Vec<_>>()
    };
    let (_, mut uninterrupted) = cell(&config, &task, 5);
    let expected = run(&mut uninterrupted, 1..=6);

    let (first, mut trial) = cell(&config, &task, 5);
    let target = {
        let mut again = trial_on(&SimulatedCell::new(&config, &task, 5, 5).unwrap(), &task);
        again.record_target().unwrap()
    };
    let mut found = run(&mut trial, 1..=3);
    let state = serde_json::to_string(&first.remember()).unwrap();
    let plate_location = serde_json::to_string(&trial.plate_location()).unwrap();
    drop((first, trial));

    let second = SimulatedCell::new(&config, &task, 5, 5).unwrap();
    second.restore(serde_json::from_str(&state).unwrap());
    let mut trial = trial_on(&second, &task);
    trial.resume(target, serde_json::from_str(&plate_location).unwrap());
    found.extend(run(&mut trial, 4..=6));
    assert_eq!(found, expected);
}

/// A bumped camera stays where it is from its scene on, for all who ask: the images, the truth, and a world that another
/// process restores. The software believes the old place.
#[test]
fn a_bumped_camera_stays_bumped_when_the_world_is_restored() {
    let task = TaskConfig::table();
    let camera = rmrl_sim::SimulatedCamera {
        width_px: 320,
        bump_scene: 3,
        bump_m: 0.004,
        bump_turn_deg: 0.5,
        bump_tilt_deg: 0.2,
        ..SimulationConfig::default().camera
    };
    let config = SimulationConfig { camera, ..SimulationConfig::default() };
    let cell = SimulatedCell::new(&config, &task, 5, 5).unwrap();
    let mut devices = cell.devices();
    let (mounted, believed) = (cell.true_camera(), devices.camera.model());
    let mut states = Vec::new();
    for scene in 1..=5 {
        devices.operator.exchange_plate(scene).unwrap();
        let state = serde_json::to_string(&cell.remember()).unwrap();
        let frame = devices.camera.capture().unwrap();
        let moved = cell.true_camera().position() - mounted.position();
        let expected_m = if scene < 3 { 0.0 } else { 0.004 };
        assert!((moved.norm() - expected_m).abs() < 1e-12, "scene {scene}: {moved}");
        assert_eq!(devices.camera.model(), believed);
        states.push((state, frame, cell.true_camera()));
    }
    for (state, frame, camera) in states {
        let again = SimulatedCell::new(&config, &task, 5, 5).unwrap();
        again.restore(serde_json::from_str(&state).unwrap());
        assert_eq!(again.true_camera(), camera);
        assert_eq!(again.devices().camera.capture().unwrap().color, frame.color);
    }
}

#[test]
fn a_frame_of_another_size_is_refused() {
    let task = TaskConfig::table();
    let large = SimulatedCell::new(&perfect(), &task, 1, 1).unwrap();
    let config = SimulationConfig {
        camera: rmrl_sim::SimulatedCamera { width_px: 320, ..perfect().camera },
        ..perfect()
    };
    let small = SimulatedCell::new(&config, &task, 1, 1).unwrap();
    let frame = small.devices().camera.capture().unwrap();
    let error = localizer().localize(&frame, &large.devices().camera.model()).unwrap_err();
    assert!(matches!(error, LocalizeError::SizeMismatch { .. }), "{error}");
}

/// The hand never meets clutter, for any start and correction. Each seed's cell is tried at the
/// extremes of the starts.
#[test]
fn the_hand_never_meets_clutter() {
    for task in [TaskConfig::table(), TaskConfig::shelf()] {
        let crowded = CellDistribution { clutter: [30, 30], ..CellDistribution::default() };
        let config = SimulationConfig {
            cells: crowded,
            camera: rmrl_sim::SimulatedCamera { width_px: 160, ..perfect().camera },
            ..SimulationConfig::default()
        };
        let extremes = |[from, to]: [f64; 2], margin: f64| [from - margin, to + margin];
        // Jitter, calibration and the largest correction.
        let margin_m = 0.025;
        for seed in 0..20 {
            let mut arm = SimulatedCell::new(&config, &task, seed, seed).unwrap().devices().arm;
            let mut visit = |pose: PlanarPose, z_m: f64| {
                arm.move_to(task.home.tool_pose(), 0.25).unwrap();
                for z_m in [task.travel_height_m, z_m, task.travel_height_m] {
                    arm.move_to(ToolPose::new(pose, z_m), 0.25).unwrap();
                }
            };
            for x_m in extremes(task.start.x_m, margin_m) {
                for y_m in extremes(task.start.y_m, margin_m) {
                    for yaw_deg in [-40.0f64, 0.0, 40.0] {
                        // A plate lies in the region's middle, out of these corners.
                        visit(PlanarPose::new(x_m, y_m, yaw_deg.to_radians()), 0.02);
                    }
                }
            }
            visit(task.place.pose(), task.place.surface_m + 0.016);
        }
    }
}

/// A scene keeps its plate, and the target is measured with the plain one.
#[test]
fn plates_are_exchanged_between_scenes_and_never_within_a_trial() {
    let task = TaskConfig::table();
    let config = SimulationConfig::default();
    let (cell, mut trial) = cell(&config, &task, 4);
    assert_eq!(cell.plate_look(), PlateLook::PLAIN);
    let mut lids = 0;
    for number in 1..=12 {
        trial.reset(id(number, 1)).unwrap();
        let look = cell.plate_look();
        assert_eq!(look, config.cells.draw_plate(4, id(number, 1).scene));
        trial.step(PoseAdjustment::NONE).unwrap();
        assert_eq!(cell.plate_look(), look);
        lids += u32::from(look.lid_height_m.is_some());
    }
    trial.record_target().unwrap();
    assert_eq!(cell.plate_look(), PlateLook::PLAIN);
    trial.reset(id(12, 1)).unwrap();
    assert_eq!(cell.plate_look(), config.cells.draw_plate(4, 3));
    assert!(lids % 4 == 0, "{lids}");
}

/// The one plate in view is found with any clutter and under any light.
#[test]
fn plates_are_localized_on_any_bench() {
    use rand::RngExt;
    let task = TaskConfig::table();
    let mut localizer = localizer();
    let (mut lost, mut captures) = (Vec::new(), 0);
    for seed in 0..30 {
        let cell = SimulatedCell::new(&SimulationConfig::default(), &task, seed, seed).unwrap();
        let mut devices = cell.devices();
        let mut rng = random_stream(seed, "starts", [0, 0]);
        for scene in 1..=10 {
            devices.operator.exchange_plate(scene).unwrap();
            let mut within = |[from, to]: [f64; 2]| from + (to - from) * rng.random::<f64>();
            let pose = PlanarPose::new(
                within(task.start.x_m),
                within(task.start.y_m),
                within(task.start.yaw_deg).to_radians(),
            );
            cell.put_plate(pose, 0.0);
            let frame = devices.camera.capture().unwrap();
            captures += 1;
            if let Err(error) = localizer.localize(&frame, &devices.camera.model()) {
                lost.push(format!("cell {seed}, scene {scene}, {pose:?}: {error}"));
            }
        }
    }
    assert!(lost.len() * 200 <= captures, "{lost:#?}");
}
