//! Where the plate is, and how it gets to where a trial starts.

use rmrl_core::{Carry, Fault, FaultKind, GraspFailure, Look, PlanarPose};
use rmrl_vision::{Localization, LocalizeError, PlateGeometry};
use serde::{Deserialize, Serialize};

use super::cell_event::CellEvent;
use super::faults::{localization_fault, lost_plate, motion_fault};
use super::surfaces::Surfaces;
use super::target::Target;
use super::work_cell::WorkCell;
use crate::{GraspOutcome, Manipulator, MotionError, SafetyEnvelope, TaskConfig, ToolPose};

/// A plate that is seen farther than this from where it was before a missed grasp was moved, in meters and radians.
/// The localizer differs by 0.08 mm and 0.01 degrees at most over 20 frames of a resting plate in simulated cells; a
/// real camera may be ten times worse. Closing jaws take out what calibration and correction are off across them, which
/// is millimeters. A turn of 0.03 moves a plate's end by 2 mm.
const MOVED_M: f64 = 0.002;
const MOVED_RAD: f64 = 0.03;

/// Where the robot believes the plate to be. Part of the log, so that a resumed run knows it too.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlateLocation {
    /// Somewhere in view; the camera has to find it.
    Unknown,
    /// Released with the tool at this pose, so that the same pose grips it again.
    PutDown(ToolPose),
    /// Nowhere the robot could get it from; the operator has to put it back.
    Lost,
}

impl PlateLocation {
    /// What is left to believe once a localization has failed.
    pub(crate) fn after(error: &LocalizeError) -> Self {
        match error {
            LocalizeError::NoPlate { .. } => Self::Lost,
            _ => Self::Unknown,
        }
    }
}

/// How the robot brought the plate: a [`Carry`] that the camera has not looked at yet.
#[derive(Debug, Clone, Copy)]
struct Brought {
    seen_before: Option<Look>,
    grasped: PlanarPose,
    released: PlanarPose,
}

/// Keeps track of the plate, and brings it to where a trial starts.
pub(crate) struct PlateSearch {
    /// Where the plate is believed to be.
    pub location: PlateLocation,
    /// How often the gripper has found nothing to hold since a plate was last placed.
    misses: u32,
    /// Whether the robot itself put the plate down where it lies: a person puts it only near a pose.
    pub is_own_work: bool,
    /// Where the camera saw the plate where it lies now, if it looked.
    pub seen: Option<Look>,
    /// How the robot last brought the plate to where it lies, until the camera has looked at it there.
    brought: Option<Brought>,
    /// Whether the camera could not localize the plate where it lies.
    pub is_hidden: bool,
    pub surfaces: Surfaces,
    task: TaskConfig,
}

impl PlateSearch {
    /// A search that knows nothing of the plate yet.
    pub fn new(task: &TaskConfig, plate: PlateGeometry) -> Self {
        Self {
            location: PlateLocation::Unknown,
            misses: 0,
            is_own_work: false,
            seen: None,
            brought: None,
            is_hidden: false,
            surfaces: Surfaces::new(task, plate),
            task: task.clone(),
        }
    }

    /// A plate has been placed: the count of misses starts again.
    pub fn placed(&mut self) {
        self.misses = 0;
    }

    /// Forgets where the plate is. Returns what was believed.
    pub fn forget(&mut self) -> PlateLocation {
        self.seen = None;
        self.brought = None;
        std::mem::replace(&mut self.location, PlateLocation::Unknown)
    }

    /// Takes note of where the camera sees the plate at its start. Returns how the robot brought it there, if it did so
    /// since the camera last looked.
    pub fn note_seen(&mut self, seen: Look) -> Option<Carry> {
        self.seen = Some(seen);
        let Brought { seen_before, grasped, released } = self.brought.take()?;
        Some(Carry { seen_before, grasped, released, seen_after: seen })
    }

    /// Forgets a carry that the camera has not looked at: a resumed run does not know of it either.
    pub fn drop_unseen_carry(&mut self) {
        self.brought = None;
    }

    /// Takes note that the camera does not localize the plate. One that the robot put down, and that the camera sees,
    /// though not well enough, lies where it was put: the robot brings it elsewhere by itself.
    pub fn note_unlocalized(&mut self, error: &LocalizeError) {
        let after = PlateLocation::after(error);
        let is_known = self.is_own_work && matches!(self.location, PlateLocation::PutDown(_));
        if !is_known || after == PlateLocation::Lost {
            self.location = after;
        }
        self.is_hidden = true;
    }

    /// Where the plate lies if the robot knows, and the camera has not failed to localize it there.
    pub fn visible_put_down(&self) -> Option<ToolPose> {
        match self.location {
            PlateLocation::PutDown(tool) if !self.is_hidden => Some(tool),
            _ => None,
        }
    }

    /// Picks the plate up, wherever it is now, and puts it down at `start`.
    pub fn bring_plate_to(&mut self, start: PlanarPose, cell: &mut WorkCell) -> Result<(), Fault> {
        let put_down = self.task.release_pose(start, self.task.start_surface_m);
        let above = put_down.at_height(self.task.travel_height_m);
        let in_hand = cell.manipulator.holds_object().map_err(motion_fault)?;
        let mut grasped = None;
        self.is_hidden = false;
        self.is_own_work = self.location != PlateLocation::Lost || in_hand;
        if self.location == PlateLocation::Lost && !in_hand {
            cell.go_home()?;
            cell.notify(CellEvent::NeedsOperator("put the plate back near its start"));
            cell.ask(|operator| operator.put_plate_near(start))?;
            self.forget();
        } else {
            if !in_hand {
                grasped = Some(self.pick_up_anywhere(cell)?);
            }
            self.forget();
            if !cell.manipulator.release([above], put_down).map_err(motion_fault)? {
                return Err(lost_plate("it slipped on the way back to its start".to_string()));
            }
        }
        self.location = PlateLocation::PutDown(put_down);
        let released = put_down.planar;
        self.brought =
            grasped.map(|(grasped, seen_before)| Brought { seen_before, grasped, released });
        Ok(())
    }

    /// Grasps the plate: where it was put down, else where the camera sees it. Returns the tool's pose, and where the
    /// camera saw the plate there.
    fn pick_up_anywhere(
        &mut self,
        cell: &mut WorkCell,
    ) -> Result<(PlanarPose, Option<Look>), Fault> {
        let seen = self.seen;
        if let PlateLocation::PutDown(tool) = self.forget() {
            let grasped = self.grasp(tool, &mut cell.manipulator).map_err(motion_fault)?;
            if let GraspOutcome::Held(commanded) = grasped {
                return Ok((commanded.planar, seen));
            }
            self.check_misses("")?;
        }
        // Unless the robot can fetch it from where the camera sees it, the operator has to.
        cell.go_home()?;
        let capture = cell.look()?;
        self.location = PlateLocation::Lost;
        let found = capture.plate()?;
        let tool = self.tool_over_seen_plate(found, cell.manipulator.arm().envelope())?;
        self.location = PlateLocation::Unknown;
        match self.grasp(tool, &mut cell.manipulator).map_err(motion_fault)? {
            GraspOutcome::Held(commanded) => Ok((commanded.planar, Some(capture.look_at(found)))),
            GraspOutcome::Failed(failure) => {
                self.location = PlateLocation::Lost;
                self.check_misses("")?;
                Err(lost_plate(format!("the robot could not pick it up again: {failure}")))
            }
        }
    }

    /// The tool's pose that grips a plate where the camera sees it.
    fn tool_over_seen_plate(
        &self,
        found: &Localization,
        envelope: &SafetyEnvelope,
    ) -> Result<ToolPose, Fault> {
        let surface_m = self.surfaces.under(found).ok_or_else(|| {
            lost_plate(format!(
                "it was seen at a height of {:.0} mm, where there is no surface to lie on; does it lie on another \
                 plate?",
                1000.0 * found.height_m
            ))
        })?;
        let tool = self.task.grasp_pose(found.pose, surface_m);
        envelope
            .check_motion(tool, self.task.contact_speed_m_s)
            .map_err(|refusal| lost_plate(format!("it lies out of reach: {refusal}")))?;
        Ok(tool)
    }

    /// Grips the plate, and counts how often there was nothing to grip.
    pub fn grasp(
        &mut self,
        at: ToolPose,
        manipulator: &mut Manipulator,
    ) -> Result<GraspOutcome, MotionError> {
        let outcome = manipulator.grasp(at)?;
        if outcome == GraspOutcome::Failed(GraspFailure::Missed) {
            self.misses += 1;
        }
        Ok(outcome)
    }

    /// Checks with the camera a grasp of a plate at `start` that missed according to the gripper: a plate that was
    /// moved, or is not seen any more, was not missed.
    pub fn judge_miss(&mut self, start: PlanarPose, cell: &mut WorkCell) -> Result<(), Fault> {
        cell.go_home()?;
        let before = self.forget();
        let capture = cell.look()?;
        let found = match &cell.evidence.end.insert(capture).localization {
            Ok(found) => found,
            Err(error) => {
                if PlateLocation::after(error) == PlateLocation::Lost {
                    self.location = PlateLocation::Lost;
                }
                let reason = localization_fault(error).reason;
                self.check_misses(&format!(", and the camera does not see the plate: {reason}"))?;
                return Err(lost_plate(format!(
                    "the gripper reported that it missed it, and the camera does not see it: {reason}"
                )));
            }
        };
        let moved = found.pose.relative_to(start);
        let (moved_m, turned_rad) = (moved.translation_m(), moved.dyaw_rad.abs());
        cell.evidence.after_miss = Some(found.pose);
        let seen = format!(
            "the camera sees the plate moved by {:.1} mm and {:.1} degrees",
            1000.0 * moved_m,
            turned_rad.to_degrees()
        );
        self.check_misses(&format!("; {seen}"))?;
        if moved_m > MOVED_M || turned_rad > MOVED_RAD {
            return Err(Fault {
                kind: FaultKind::FalseGrasp,
                reason: format!(
                    "the gripper reported that it missed the plate, and {seen}; check gripper and jaws"
                ),
            });
        }
        self.surfaces.check_start_height(found.height_m)?;
        self.location = before;
        Ok(())
    }

    /// Ends the run where the gripper has found nothing to hold too often in a row. `seen` is what the camera
    /// sees, if it was asked.
    fn check_misses(&self, seen: &str) -> Result<(), Fault> {
        let misses = self.misses;
        if misses < self.task.max_misses {
            return Ok(());
        }
        let times =
            if misses == 1 { "once".to_string() } else { format!("{misses} times in a row") };
        Err(Fault {
            kind: FaultKind::NothingHeld,
            reason: format!(
                "the gripper reported {times} that it holds nothing{seen}; look at the gripper: its power, its \
                 jaws, and whether they reach the plate. Then start again (task.max_misses)"
            ),
        })
    }

    /// What is known of a plate seen in its place: the tool's pose that grips it as centrally as can be known, because
    /// camera errors that are the same for target and final pose cancel. Nothing of one that fell off its surface.
    pub fn location_after_place(
        &self,
        final_pose: PlanarPose,
        height_m: f64,
        target: Target,
    ) -> PlateLocation {
        if !target.is_level_with(height_m) {
            return PlateLocation::Unknown;
        }
        let place = self.task.place;
        let deviation = final_pose.relative_to(target.pose);
        let plate = place.pose().adjusted(deviation);
        PlateLocation::PutDown(self.task.grasp_pose(plate, place.surface_m))
    }
}
