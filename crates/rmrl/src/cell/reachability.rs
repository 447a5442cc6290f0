//! The proof, before the first motion, that the arm can reach every pose a run may send it to.

use std::f64::consts::{FRAC_PI_2, PI};
use std::sync::{Mutex, PoisonError};

use nalgebra::Isometry3;
use rmrl_cell::{SafetyEnvelope, SafetyViolation, TaskConfig, ToolPose};
use rmrl_core::{PlanarPose, wrap_angle};
use rmrl_xarm::kinematics::{ArmKinematics, Joints, ReachError, ReachMargins, ReachProof};
use rmrl_xarm::{ToolReading, XArmConfig};

use crate::config::RunConfig;

/// A pose or a line that the arm cannot reach.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PreflightError {
    /// The arm cannot reach a pose or follow a line.
    #[error("{what}: {reason}; {}", advice(other_yaw.as_ref()))]
    Reach {
        /// The configuration keys that the pose comes from.
        what: String,
        /// What fails.
        reason: Box<ReachError>,
        /// Another `xarm.jaw_yaw_deg` with which nothing fails, if the search found one.
        other_yaw: Option<OtherYaw>,
    },
    /// The candidates of the actions are invalid.
    #[error("actions: {0}")]
    Actions(#[from] rmrl_core::ActionSpaceError),
}

/// A tool turned about its axis, with which the arm can reach every pose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OtherYaw {
    /// The value of `xarm.jaw_yaw_deg`, in degrees.
    pub jaw_yaw_deg: f64,
    /// Whether the jaws close along the same line as before, as parallel jaws do after half a turn. After a quarter turn
    /// they hold plates by their other sides.
    pub same_line: bool,
    /// How far the joints stay from their limits then, in radians.
    pub least_limit_distance_rad: f64,
    /// How far the arm stays from singular configurations then.
    pub least_singularity_distance: f64,
}

impl OtherYaw {
    /// What to do, as a sentence.
    pub fn advice(&self) -> String {
        let turn = if self.same_line {
            "the jaws close along the same line, and the tool is turned by 180 degrees"
        } else {
            "only for a gripper that is screwed on a quarter turn further (measure xarm.tcp_offset_mm_deg again), or for \
             plates that lie a quarter turn further"
        };
        format!(
            "xarm.jaw_yaw_deg = {} would work ({:.1} degrees left to the nearest joint limit, {:.3} to the nearest \
             singularity): {turn}",
            self.jaw_yaw_deg,
            self.least_limit_distance_rad.to_degrees(),
            self.least_singularity_distance
        )
    }
}

fn advice(other_yaw: Option<&OtherYaw>) -> String {
    match other_yaw {
        Some(yaw) => yaw.advice(),
        None => "move the task's places, or mount the arm elsewhere".to_string(),
    }
}

/// Why the arm cannot go home from where it stands.
#[derive(Debug, thiserror::Error)]
pub enum StartPoseError {
    /// The tool is tilted, so it would not rise straight: the motion would turn it upright on the way.
    #[error(
        "the tool points {tilt_deg:.1} degrees from straight down; turn it upright by hand first, to within \
         {MAX_TILT_DEG} degrees"
    )]
    Tilted {
        /// How far the tool is tilted, in degrees.
        tilt_deg: f64,
    },
    /// The tool is outside the workspace.
    #[error(transparent)]
    Outside(#[from] SafetyViolation),
    /// The arm cannot reach home, or not from how its joints stand.
    #[error(transparent)]
    Way(#[from] PreflightError),
}

/// The largest tilt, in degrees, with which a tool still counts as upright.
pub(crate) const MAX_TILT_DEG: f64 = 10.0;

/// How far beyond the start region the robot may pick a plate up again, in meters and radians: the plate lies where the
/// camera sees it, and the calibration of the camera has an error.
const FETCH_MARGIN_M: f64 = 0.01;
const FETCH_MARGIN_RAD: f64 = 0.05;

/// Proves that the arm reaches, with a margin and in one configuration of its joints, every start in the region with
/// jitter and any action, the fixed path, home, and every straight line between two of them.
///
/// # Errors
/// The key of what is out of reach, the reason, and whether a tool turned about its axis would reach it.
pub fn prove_reach(config: &RunConfig) -> Result<ReachProof, PreflightError> {
    let (adjustment_m, adjustment_rad) = config.action_space()?.largest_adjustment();
    let named = poses(&config.task, adjustment_m, adjustment_rad);
    // Close enough to how the joints stand when a run starts.
    let start = ArmKinematics::new(config.xarm.model).ready();
    prove(config, &named, &start).map_err(|error| match error {
        PreflightError::Reach { what, reason, .. } => {
            PreflightError::Reach { what, reason, other_yaw: other_yaw(config, &named, &start) }
        }
        error => error,
    })
}

/// The yaw of a turned tool with which the arm reaches every pose: half a turn, or else a quarter to either side.
fn other_yaw(config: &RunConfig, named: &[(String, ToolPose)], start: &Joints) -> Option<OtherYaw> {
    [PI, FRAC_PI_2, -FRAC_PI_2].into_iter().find_map(|turn_rad| {
        let mut turned = config.clone();
        let yaw_rad = wrap_angle(config.xarm.jaw_yaw_deg.to_radians() + turn_rad);
        // As a person would write it in a file, without the rounding of radians.
        let jaw_yaw_deg = 1e-6 * (1e6 * yaw_rad.to_degrees()).round();
        turned.xarm.jaw_yaw_deg = jaw_yaw_deg;
        let proof = prove(&turned, named, start).ok()?;
        let ReachProof { least_limit_distance_rad, least_singularity_distance, .. } = proof;
        let same_line = turn_rad == PI;
        Some(OtherYaw {
            jaw_yaw_deg,
            same_line,
            least_limit_distance_rad,
            least_singularity_distance,
        })
    })
}

/// Proves that the arm gets from where it stands, with its joints at `joints`, straight up to travel height
/// and home. A tool that stands in a slot with a front leaves it first, to `left`.
///
/// # Errors
/// The tool is tilted or outside the workspace, or a pose on the path is out of reach.
pub fn prove_path_home(
    config: &RunConfig,
    envelope: &SafetyEnvelope,
    (tool, joints): (&ToolReading, &Joints),
    left: Option<ToolPose>,
) -> Result<ReachProof, StartPoseError> {
    let tilt_deg = tool.tilt_rad.to_degrees();
    // Not a number is not upright.
    if tilt_deg.is_nan() || tilt_deg > MAX_TILT_DEG {
        return Err(StartPoseError::Tilted { tilt_deg });
    }
    let here = tool.pose;
    envelope.check_start(here)?;
    let mut named = vec![("where the arm stands".to_string(), here)];
    named.extend(left.map(|left| ("before the slot in which the arm stands".to_string(), left)));
    let here = left.unwrap_or(here);
    if here.z_m < config.task.travel_height_m {
        let above = here.at_height(config.task.travel_height_m);
        named.push(("task.travel_height_m above where the arm stands".to_string(), above));
    }
    named.push(("task.home".to_string(), config.task.home.tool_pose()));
    Ok(prove(config, &named, joints)?)
}

/// Proves that the arm reaches all named poses, and every straight line between two of them.
pub(crate) fn prove(
    config: &RunConfig,
    named: &[(String, ToolPose)],
    start: &Joints,
) -> Result<ReachProof, PreflightError> {
    let poses: Vec<ToolPose> = named.iter().map(|(_, pose)| turned(*pose, &config.xarm)).collect();
    let arm = config.xarm.kinematics();
    let question = Question { arm, tool: config.xarm.flange_from_tool(), poses, start: *start };
    question.answer().map_err(|reason| {
        let name = |index: usize| named[index].0.as_str();
        let what = match reason {
            ReachError::Pose { index, .. } => name(index).to_string(),
            ReachError::Line { line, .. } | ReachError::OtherConfiguration { line, .. } => {
                format!("on the way from {} to {}", name(line.from), name(line.to))
            }
            ReachError::Singular { .. } | ReachError::NoPoses => "task".to_string(),
        };
        PreflightError::Reach { what, reason: Box::new(reason), other_yaw: None }
    })
}

/// The input of a proof.
#[derive(Clone, PartialEq)]
struct Question {
    arm: ArmKinematics,
    tool: Isometry3<f64>,
    poses: Vec<ToolPose>,
    start: Joints,
}

impl Question {
    /// Makes the proof, or returns it from a cache: a run needs it when its directory is created and again when its arm
    /// is about to move, and hundreds of thousands of poses take seconds.
    fn answer(self) -> Result<ReachProof, ReachError> {
        const MAX_CACHED: usize = 8;
        static PROVEN: Mutex<Vec<(Question, ReachProof)>> = Mutex::new(Vec::new());
        // A panic while the lock is held cannot leave half an entry.
        let proven = || PROVEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, proof)) = proven().iter().find(|(question, _)| *question == self) {
            return Ok(proof.clone());
        }
        let Self { arm, tool, poses, start } = &self;
        let proof = arm.prove_reach(tool, poses, start, ReachMargins::default())?;
        let mut proven = proven();
        proven.truncate(MAX_CACHED - 1);
        proven.insert(0, (self, proof.clone()));
        Ok(proof)
    }
}

/// The pose with the controller's yaw: the gripper may be mounted at an angle.
pub(crate) fn turned(pose: ToolPose, config: &XArmConfig) -> ToolPose {
    let planar = pose.planar;
    let yaw_rad = planar.yaw_rad + config.jaw_yaw_deg.to_radians();
    ToolPose::new(PlanarPose::new(planar.x_m, planar.y_m, yaw_rad), pose.z_m)
}

/// The poses at the edges of what a trial needs, with the keys that they come from.
fn poses(task: &TaskConfig, adjustment_m: f64, adjustment_rad: f64) -> Vec<(String, ToolPose)> {
    let margin_m = adjustment_m + task.start_jitter_m + FETCH_MARGIN_M;
    let margin_rad = adjustment_rad + task.start_jitter_deg.to_radians() + FETCH_MARGIN_RAD;
    let across =
        |[from, to]: [f64; 2], margin: f64| [from - margin, 0.5 * (from + to), to + margin];
    let start = &task.start;
    let mut poses = vec![("task.home".to_string(), task.home.tool_pose())];
    for x_m in across(start.x_m, margin_m) {
        for y_m in across(start.y_m, margin_m) {
            for yaw_rad in across(start.yaw_deg.map(f64::to_radians), margin_rad) {
                let pick =
                    task.grasp_pose(PlanarPose::new(x_m, y_m, yaw_rad), task.start_surface_m);
                poses.push(("task.start".to_string(), pick));
                let above = pick.at_height(task.travel_height_m);
                poses.push(("task.start at task.travel_height_m".to_string(), above));
            }
        }
    }
    let trajectory = task.trajectory();
    for (index, waypoint) in trajectory.via.iter().enumerate() {
        poses.push((format!("task.via[{index}]"), *waypoint));
    }
    poses.push(("task.place".to_string(), trajectory.place));
    poses.push(("task.place at task.travel_height_m".to_string(), trajectory.above_place()));
    // The arm fetches the plate from where it was placed, which is off by as much as the pick was.
    let place = trajectory.place.planar;
    for x_m in across([place.x_m; 2], margin_m) {
        for y_m in across([place.y_m; 2], margin_m) {
            for yaw_rad in across([place.yaw_rad; 2], margin_rad) {
                let fetch = ToolPose::new(PlanarPose::new(x_m, y_m, yaw_rad), trajectory.place.z_m);
                poses.push(("around task.place".to_string(), fetch));
                let above = fetch.at_height(task.travel_height_m);
                poses.push(("around task.place at task.travel_height_m".to_string(), above));
            }
        }
    }
    poses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Layers;
    use rmrl_xarm::ArmModel;

    /// A real cell with the vendor's tool point and load for its BIO gripper, whose fingers point sideways. With the
    /// fingers ahead the arm comes too near to a singularity, with the fingers towards the base it does not. The proof
    /// once only said that it failed, and proposed to move the task's places.
    fn with_sideways_fingers(jaw_yaw_deg: f64) -> RunConfig {
        let text = include_str!("../../../../configs/xarm6.toml");
        Layers::default()
            .with_text("xarm6.toml", text)
            .unwrap()
            .with_assignment("xarm.tcp_offset_mm_deg = [159.5, 0.0, 59.5, 0.0, 0.0, 0.0]")
            .unwrap()
            .with_value("a test", "xarm.jaw_yaw_deg", jaw_yaw_deg)
            .resolve()
            .unwrap()
    }

    #[test]
    fn a_yaw_that_would_work_is_proposed() {
        let error = prove_reach(&with_sideways_fingers(0.0)).unwrap_err();
        let message = error.to_string();
        let PreflightError::Reach { reason, other_yaw: Some(yaw), .. } = error else {
            panic!("{message}");
        };
        let ReachError::Singular { distance, .. } = *reason else { panic!("{message}") };
        assert!((distance - 0.0196).abs() < 1e-4, "{message}");
        assert_eq!(yaw.jaw_yaw_deg, 180.0);
        assert!((yaw.least_singularity_distance - 0.065).abs() < 1e-3, "{message}");
        assert!(message.contains("xarm.jaw_yaw_deg = 180 would work ("), "{message}");
    }

    /// From 90 degrees half a turn leads to -90, which fails, too.
    #[test]
    fn a_quarter_turn_is_proposed_for_another_gripper_or_other_plates() {
        let error = prove_reach(&with_sideways_fingers(90.0)).unwrap_err();
        let message = error.to_string();
        let PreflightError::Reach { other_yaw: Some(yaw), .. } = error else { panic!("{message}") };
        assert_eq!((yaw.jaw_yaw_deg, yaw.same_line), (180.0, false));
        assert!(message.contains("= 180 would work ("), "{message}");
        assert!(message.contains("screwed on a quarter turn further"), "{message}");
    }

    #[test]
    fn no_yaw_is_proposed_if_none_would_work() {
        let mut config = with_sideways_fingers(180.0);
        config.task.place.x_m = 0.9;
        let message = prove_reach(&config).unwrap_err().to_string();
        assert!(message.contains("move the task's places"), "{message}");
    }

    #[test]
    fn an_xarm_5_reaches_on_the_table_what_an_xarm_6_reaches() {
        let mut config = RunConfig::for_task(Default::default());
        for model in [ArmModel::XArm6, ArmModel::XArm5] {
            config.xarm.model = model;
            let proof = prove_reach(&config).unwrap();
            assert!(proof.least_singularity_distance > 0.05, "{model}: {proof:?}");
        }
    }
}
