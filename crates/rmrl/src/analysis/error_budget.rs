//! Where the final error of a placement comes from, by the simulator's truth.
//!
//! The plate is truly at `S`, seen at `P_e`, picked at `P_pick = P_e + a` and placed at `F` instead of
//! `G`. Let `E` map a true pose to the pose that a perfect localizer would report with the calibrated
//! camera, `B` be the pick at which the jaws would close around the plate's center, and `T(.)` map a
//! commanded pose of the tool to its true pose. An arm that picks at an offset `v` places at `-R v`,
//! with `R` the turn from the pick to the place. So
//!
//! ```text
//! localization  = -R (P_e - E S)            the localizer's error in a calibrated cell
//! calibration   = -R (E S - B)              camera and tool, together
//! correction    =  R (S - T(P_pick)) - localization - calibration
//!               = -R a + R (R(ψ_B) - R(ψ_pick)) t    with the tool's offset t
//! grasp         =  R_r (o_closed - o_open)  how the closing jaws moved the plate
//! placing       =  the arm's repeatability at both ends, slip on the way, release, settling
//! F - G         =  localization + calibration + correction + grasp + placing
//! ```
//!
//! with `o` the plate in the hand's frame, before and after the jaws closed, and `R_r` the hand at
//! the release. The sum of the first three is what the policy left: how far its correction is from
//! the best one, `B - P_e`. All vectors are in the frame of the place: x along the fingers, where only
//! the policy can remove an offset, y across them, where the closing jaws do.

use std::fmt;

use nalgebra::Point3;
use rmrl_core::{PlanarPose, PoseAdjustment, mean, wrap_angle};
use rmrl_sim::{ArmTruth, GraspTruth};
use rmrl_vision::CameraModel;
use serde::Serialize;

use super::camera_error::CameraError;
use crate::cell::world::World;
use crate::config::RunConfig;

/// What is true of a simulated cell.
///
/// The camera is asked for where it hangs at that moment, with its lens: one that drifts or was bumped is in the scene
/// whose plate lies in the cell. So budgets are to be made before the next scene. The report of a finished run makes
/// all of its budgets afterwards, with the camera of the last scene, and counts what the camera had not yet moved as
/// `localization`. `GroundTruth` and its best pick ask nothing of the camera.
#[derive(Clone)]
pub struct CellTruth {
    world: World,
    /// The camera as its calibration has it.
    calibrated: CameraModel,
    /// Where the arm truly puts its tool.
    arm: ArmTruth,
    /// The tool's height where it picks, in meters.
    grasp_height_m: f64,
    /// The target, `G`.
    target: PlanarPose,
    /// Height of a plate's center at its start, in meters.
    start_height_m: f64,
}

impl CellTruth {
    /// The truth of a cell whose calibrated camera is `camera`; `None` for a real cell.
    pub fn of(world: &World, camera: &CameraModel, config: &RunConfig) -> Option<Self> {
        Some(Self {
            calibrated: *camera,
            arm: world.arm_truth()?,
            grasp_height_m: config.task.start_surface_m + config.task.grasp_height_m,
            target: world.truth()?.target,
            start_height_m: config.start_height_m(),
            world: world.clone(),
        })
    }

    /// From true points to where the calibrated camera has them.
    fn believed_from_true(&self) -> CameraError {
        let true_camera = self.world.true_camera().expect("a simulator knows its camera");
        CameraError::new(true_camera, self.calibrated)
    }

    /// What a localizer without error would report of a plate at `plate`, `E S`.
    fn believed(&self, plate: PlanarPose) -> PlanarPose {
        let believed_from_true = self.believed_from_true();
        let at = Point3::new(plate.x_m, plate.y_m, self.start_height_m);
        let point = believed_from_true.of_point(at);
        PlanarPose::new(point.x, point.y, believed_from_true.of_yaw(at, plate.yaw_rad))
    }

    /// Where the arm has to pick a plate that a localizer without error reports at `seen`, `B E^-1`.
    pub(crate) fn best_pick_of_seen(&self, seen: PlanarPose) -> PlanarPose {
        let believed_from_true = self.believed_from_true();
        let about = Point3::new(seen.x_m, seen.y_m, self.start_height_m);
        let height_m = believed_from_true.of_point(about).z;
        let true_from_believed = believed_from_true.inverse();
        let at = Point3::new(seen.x_m, seen.y_m, height_m);
        let point = true_from_believed.of_point(at);
        let yaw_rad = true_from_believed.of_yaw(at, seen.yaw_rad);
        self.best_pick(PlanarPose::new(point.x, point.y, yaw_rad))
    }

    /// Where the arm has to pick a plate at `plate`, `B`.
    fn best_pick(&self, plate: PlanarPose) -> PlanarPose {
        self.arm.configured_tool(plate, self.grasp_height_m)
    }
}

/// The poses of one placement: estimated, commanded and true.
#[derive(Debug, Clone, Copy)]
pub struct PlacementPoses {
    /// Where the camera saw the plate, `P_e`.
    pub estimated: PlanarPose,
    /// Where the arm was commanded to pick, `P_pick`.
    pub pick: PlanarPose,
    /// Where the plate truly was, `S`.
    pub start: PlanarPose,
    /// Where the plate truly was at the end, `F`.
    pub end: PlanarPose,
    /// What truly happened between the jaws.
    pub grasp: GraspTruth,
}

/// The error of one placement, split into additive causes: vectors in the frame of the place.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PlacementBudget {
    /// The localizer's error.
    pub localization: PoseAdjustment,
    /// The calibration errors of camera and tool.
    pub calibration: PoseAdjustment,
    /// What the chosen action corrected of both.
    pub correction: PoseAdjustment,
    /// How the closing jaws moved the plate.
    pub grasp: PoseAdjustment,
    /// Repeatability of the arm, slip, release and settling.
    pub placing: PoseAdjustment,
}

impl PlacementBudget {
    /// The budget of a placement; `None` if the plate was not in the jaws when they opened.
    pub fn of(cell: &CellTruth, placed: &PlacementPoses) -> Option<Self> {
        let PlacementPoses { estimated, pick, start, end, grasp } = *placed;
        let released = grasp.released?;
        let tool = cell.arm.tool_from_configured();
        let turn_rad = released.tool.yaw_rad - (pick.yaw_rad + tool.yaw_rad);
        // An arm that picks at an offset v places at -R v.
        let arrives = |offset: PoseAdjustment| negated(offset).rotated(turn_rad);
        let best = cell.best_pick(start);
        let localization = arrives(estimated.relative_to(cell.believed(start)));
        let calibration = arrives(cell.believed(start).relative_to(best));
        let swing =
            difference(vector(tool).rotated(best.yaw_rad), vector(tool).rotated(pick.yaw_rad));
        let correction = sum([
            arrives(pick.relative_to(estimated)),
            PoseAdjustment { dyaw_rad: 0.0, ..swing }.rotated(turn_rad),
        ]);

        // The plate in the hand's frame, carried to the release.
        let in_hand = |tool: PlanarPose, plate: PlanarPose| {
            plate.relative_to(tool).rotated(released.tool.yaw_rad - tool.yaw_rad)
        };
        let open = in_hand(grasp.open.tool, start);
        let closed = in_hand(grasp.closed.tool, grasp.closed.plate);
        let carried = in_hand(released.tool, released.plate);
        let left_by_policy = sum([localization, calibration, correction]);
        let placing = sum([
            difference(open, left_by_policy),
            difference(carried, closed),
            released.tool.relative_to(cell.target),
            end.relative_to(released.plate),
        ]);
        let in_place = |vector: PoseAdjustment| PoseAdjustment {
            dyaw_rad: wrap_angle(vector.dyaw_rad),
            ..vector.rotated(-cell.target.yaw_rad)
        };
        Some(Self {
            localization: in_place(localization),
            calibration: in_place(calibration),
            correction: in_place(correction),
            grasp: in_place(difference(closed, open)),
            placing: in_place(placing),
        })
    }

    /// How far the correction is from the best one.
    pub fn left_by_policy(&self) -> PoseAdjustment {
        sum([self.localization, self.calibration, self.correction])
    }

    /// The final error, `F - G`.
    pub fn total(&self) -> PoseAdjustment {
        sum([self.left_by_policy(), self.grasp, self.placing])
    }
}

/// One cause over many placements.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cause {
    /// Root mean square of its length, in millimeters.
    pub rms_mm: f64,
    /// Its mean along the fingers, in millimeters: the part that is constant over placements.
    pub along_mm: f64,
    /// Its mean across the fingers, in millimeters.
    pub across_mm: f64,
    /// Root mean square of its yaw, in degrees.
    pub yaw_deg: f64,
}

impl Cause {
    fn of(vectors: &[PoseAdjustment]) -> Self {
        let mean_of = |value: &dyn Fn(&PoseAdjustment) -> f64| {
            mean(&vectors.iter().map(value).collect::<Vec<_>>())
        };
        Self {
            rms_mm: 1000.0 * mean_of(&|vector| vector.translation_m().powi(2)).sqrt(),
            along_mm: 1000.0 * mean_of(&|vector| vector.dx_m),
            across_mm: 1000.0 * mean_of(&|vector| vector.dy_m),
            yaw_deg: mean_of(&|vector| vector.dyaw_rad.powi(2)).sqrt().to_degrees(),
        }
    }
}

/// Where the error of many placements comes from. Causes are `None` in a real cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ErrorBudget {
    /// The mean distance between two localizations of a resting plate, in millimeters: a lower bound of
    /// the localization error.
    pub noise_floor_mm: f64,
    /// The root mean square of the measured error, in millimeters; `None` without placements.
    pub measured_mm: Option<f64>,
    /// The localizer's error.
    pub localization: Option<Cause>,
    /// The calibration errors of camera and tool.
    pub calibration: Option<Cause>,
    /// What the chosen actions corrected of both.
    pub correction: Option<Cause>,
    /// The sum of the three: what the policy left.
    pub left_by_policy: Option<Cause>,
    /// How the closing jaws moved the plate.
    pub grasp: Option<Cause>,
    /// Repeatability of the arm, slip, release and settling.
    pub placing: Option<Cause>,
    /// The sum of all: the true error.
    pub total: Option<Cause>,
    /// The budget of each placement; empty in a real cell.
    pub placements: Vec<PlacementBudget>,
}

impl ErrorBudget {
    /// The budget of placements whose measured errors are `measured_m`, in meters.
    pub fn of(noise_floor_mm: f64, measured_m: &[f64], placements: Vec<PlacementBudget>) -> Self {
        let cause = |part: fn(&PlacementBudget) -> PoseAdjustment| {
            let vectors: Vec<PoseAdjustment> = placements.iter().map(part).collect();
            (!vectors.is_empty()).then(|| Cause::of(&vectors))
        };
        let squares: Vec<f64> = measured_m.iter().map(|error_m| error_m.powi(2)).collect();
        Self {
            noise_floor_mm,
            measured_mm: (!squares.is_empty()).then(|| 1000.0 * mean(&squares).sqrt()),
            localization: cause(|budget| budget.localization),
            calibration: cause(|budget| budget.calibration),
            correction: cause(|budget| budget.correction),
            left_by_policy: cause(PlacementBudget::left_by_policy),
            grasp: cause(|budget| budget.grasp),
            placing: cause(|budget| budget.placing),
            total: cause(PlacementBudget::total),
            placements,
        }
    }

    /// The causes with their titles, in the order in which they add up.
    pub fn causes(&self) -> [(&'static str, Option<Cause>); 7] {
        [
            ("localization", self.localization),
            ("calibration", self.calibration),
            ("correction", self.correction),
            ("= left by the policy", self.left_by_policy),
            ("grasp", self.grasp),
            ("placing", self.placing),
            ("= true error", self.total),
        ]
    }
}

impl fmt::Display for ErrorBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error budget")?;
        writeln!(
            f,
            "  {:<22} {:>8} {:>12} {:>13} {:>9}",
            "", "rms, mm", "mean along", "mean across", "rms, deg"
        )?;
        for (name, cause) in self.causes() {
            match cause {
                Some(Cause { rms_mm, along_mm, across_mm, yaw_deg }) => writeln!(
                    f,
                    "  {name:<22} {rms_mm:>8.2} {along_mm:>12.2} {across_mm:>13.2} {yaw_deg:>9.2}"
                )?,
                None if name == "localization" => {
                    writeln!(f, "  {name:<22} at least {:.3}", self.noise_floor_mm)?;
                }
                None => writeln!(f, "  {name:<22}  unknown")?,
            }
        }
        match self.measured_mm {
            Some(measured_mm) => writeln!(f, "  {:<22} {measured_mm:>8.2}", "measured error"),
            None => Ok(()),
        }
    }
}

/// A pose's offset from the origin.
fn vector(pose: PlanarPose) -> PoseAdjustment {
    PoseAdjustment { dx_m: pose.x_m, dy_m: pose.y_m, dyaw_rad: pose.yaw_rad }
}

fn negated(a: PoseAdjustment) -> PoseAdjustment {
    PoseAdjustment { dx_m: -a.dx_m, dy_m: -a.dy_m, dyaw_rad: -a.dyaw_rad }
}

fn difference(a: PoseAdjustment, b: PoseAdjustment) -> PoseAdjustment {
    sum([a, negated(b)])
}

/// The sum, component by component.
fn sum<const N: usize>(vectors: [PoseAdjustment; N]) -> PoseAdjustment {
    vectors.into_iter().fold(PoseAdjustment::NONE, |a, b| PoseAdjustment {
        dx_m: a.dx_m + b.dx_m,
        dy_m: a.dy_m + b.dy_m,
        dyaw_rad: a.dyaw_rad + b.dyaw_rad,
    })
}

#[cfg(test)]
mod tests {
    use rmrl_cell::TaskKind;
    use rmrl_core::{Env, TrialId};

    use super::*;
    use crate::cell::assembly::Laboratory;

    fn close(a: PoseAdjustment, b: PoseAdjustment) -> bool {
        let left = difference(a, b);
        left.translation_m() < 1e-6 && wrap_angle(left.dyaw_rad).abs() < 1e-6
    }

    /// Budgets of a few placements in a laboratory. Each with its final error in the frame of the place
    /// and the distance of its pick from the best one.
    fn budgets(
        config: &RunConfig,
        adjustment: PoseAdjustment,
    ) -> Vec<(PlacementBudget, PoseAdjustment, f64)> {
        let mut laboratory = Laboratory::assemble(config, 1).unwrap();
        laboratory.trial.record_target().unwrap();
        let cell =
            CellTruth::of(&laboratory.world, &laboratory.trial.camera_model(), config).unwrap();
        let mut budgets = Vec::new();
        for trial in 1..=4 {
            let id = TrialId::new(trial, 1, trial);
            let estimated = laboratory.trial.reset(id).unwrap().estimated_pose;
            let before = laboratory.world.truth().unwrap();
            let outcome = laboratory.trial.step(adjustment).unwrap();
            let Some(placement) = outcome.placement() else { continue };
            let after = laboratory.world.truth().unwrap();
            let same = difference(vector(cell.best_pick(before.plate)), vector(before.best_pick));
            assert!(close(same, PoseAdjustment::NONE), "the same best pick");
            let placed = PlacementPoses {
                estimated,
                pick: placement.pick_pose,
                start: before.plate,
                end: after.plate,
                grasp: laboratory.world.grasp().unwrap(),
            };
            let total = after.plate.relative_to(after.target).rotated(-after.target.yaw_rad);
            let missed = placement.pick_pose.distance_m(before.best_pick);
            budgets.push((PlacementBudget::of(&cell, &placed).unwrap(), total, missed));
        }
        assert!(budgets.len() > 1);
        budgets
    }

    #[test]
    fn the_causes_add_up_to_the_true_error() {
        let action = PoseAdjustment { dx_m: 0.002, dy_m: -0.001, dyaw_rad: 0.02 };
        for kind in TaskKind::ALL {
            for seed in 0..2 {
                let config = RunConfig { seed, ..RunConfig::for_task(kind) };
                for (budget, total, missed_m) in budgets(&config, action) {
                    assert!(close(budget.total(), total), "{budget:?} {total:?}");
                    // What the policy left is the distance of its pick from the best one, except for
                    // the little that a turn about a tool's offset adds.
                    let left_m = budget.left_by_policy().translation_m();
                    assert!((left_m - missed_m).abs() < 0.000_2, "{left_m} {missed_m}");
                    let correction = budget.correction;
                    assert!((correction.translation_m() - 0.002_236).abs() < 0.000_2);
                    assert!((correction.dyaw_rad + 0.02).abs() < 1e-9);
                    assert!(budget.calibration.translation_m() > 0.000_5, "{budget:?}");
                    assert!(budget.localization.translation_m() < 0.001, "{budget:?}");
                    assert!(budget.placing.translation_m() < 0.001, "{budget:?}");
                }
            }
        }
    }

    /// In a cell without errors nothing is to be corrected, and every cause is small.
    #[test]
    fn a_perfect_cell_has_no_calibration_error() {
        let mut config = RunConfig::for_task(TaskKind::Table);
        config.simulation.cells = rmrl_sim::CellDistribution::PERFECT;
        for (budget, total, _) in budgets(&config, PoseAdjustment::NONE) {
            assert!(close(budget.total(), total));
            assert!(budget.calibration.translation_m() < 1e-9, "{budget:?}");
            assert_eq!(budget.correction.translation_m(), 0.0);
            assert!(budget.localization.translation_m() < 0.000_4, "{budget:?}");
        }
    }

    #[test]
    fn what_a_real_cell_cannot_know_is_unknown_and_not_zero() {
        let budget = ErrorBudget::of(0.033, &[0.003, 0.004], Vec::new());
        assert!(budget.causes().iter().all(|(_, cause)| cause.is_none()));
        assert!((budget.measured_mm.unwrap() - 12.5f64.sqrt()).abs() < 1e-9);
        let text = budget.to_string();
        assert!(text.contains("at least 0.033") && text.contains("unknown"), "{text}");
        assert!(!text.contains(" 0.00"), "{text}");
        assert!(serde_json::to_value(&budget).unwrap()["grasp"].is_null());
    }
}
