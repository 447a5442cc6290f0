//! What is to be done: from where, to where, how fast, and what counts as done.

use std::fmt;

use rand::RngExt;
use rmrl_core::{PlanarPose, TrialId, random_stream};
use serde::{Deserialize, Serialize};

use crate::{ToolPose, Trajectory};

/// The paper's two tasks (Sec. 4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// Into a box of similar size on the table; judged by the measured error.
    #[default]
    Table,
    /// Into a slot on a shelf; judged by whether the plate sits in it.
    Shelf,
}

impl TaskKind {
    /// Both tasks.
    pub const ALL: [Self; 2] = [Self::Table, Self::Shelf];

    /// The name as commands and configurations spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Shelf => "shelf",
        }
    }

    /// What the robot has to do, in a few words.
    pub fn about(self) -> &'static str {
        match self {
            Self::Table => "into the box on the table",
            Self::Shelf => "into the slot on the shelf",
        }
    }
}

impl fmt::Display for TaskKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A pose of the plate in its place, as taught with the arm.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Position along x, in metres.
    pub x_m: f64,
    /// Position along y, in metres.
    pub y_m: f64,
    /// Rotation, in degrees.
    pub yaw_deg: f64,
    /// Height of the surface that the plate comes to rest on, in metres.
    pub surface_m: f64,
}

impl Place {
    /// The place as a pose in the plane.
    pub fn pose(&self) -> PlanarPose {
        PlanarPose::new(self.x_m, self.y_m, self.yaw_deg.to_radians())
    }
}

/// Where plates start: a rectangle and a range of yaw.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// From and to along x, in metres.
    pub x_m: [f64; 2],
    /// From and to along y, in metres.
    pub y_m: [f64; 2],
    /// From and to in yaw, in degrees.
    pub yaw_deg: [f64; 2],
}

impl Region {
    /// The middle of the region.
    pub fn center(&self) -> PlanarPose {
        let middle = |[from, to]: [f64; 2]| 0.5 * (from + to);
        PlanarPose::new(middle(self.x_m), middle(self.y_m), middle(self.yaw_deg).to_radians())
    }

    /// Half the region's extent in x, y and yaw, in metres, metres and radians.
    pub fn half_extent(&self) -> [f64; 3] {
        let half = |[from, to]: [f64; 2]| 0.5 * (to - from);
        [half(self.x_m), half(self.y_m), half(self.yaw_deg).to_radians()]
    }
}

/// When, by the camera, a placed plate counts as seated.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seating {
    /// Largest translation error, in metres.
    pub translation_m: f64,
    /// Largest yaw error, in degrees.
    pub yaw_deg: f64,
    /// Largest difference in height from the recorded target, in metres: a plate that rides on a
    /// wall of its slot lies higher.
    pub height_m: f64,
}

/// A task's configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskConfig {
    /// Which of the two.
    pub kind: TaskKind,
    /// Where plates start.
    pub start: Region,
    /// How far a trial's start may be from its scene's, in metres along x and y. The paper asks
    /// for similar initial states; a person putting a plate back is off by a few millimetres.
    pub start_jitter_m: f64,
    /// The same for yaw, in degrees.
    pub start_jitter_deg: f64,
    /// Height of the table under the start region, in metres.
    pub start_surface_m: f64,
    /// Where the plate is to be placed, as taught with the arm.
    pub place: Place,
    /// Where the tool passes between lifting and placing.
    #[serde(default)]
    pub via: Vec<Waypoint>,
    /// Where the tool waits while the camera looks: out of its view.
    pub home: Waypoint,
    /// Height of the finger tips above the surface when they grip, in metres.
    pub grasp_height_m: f64,
    /// How far above its surface the plate is let go, in metres.
    pub release_gap_m: f64,
    /// Height above the surface at which the tool slows down on its way to the plate, in metres.
    pub approach_height_m: f64,
    /// How far above the end of a descent the fingers or the plate may meet something, in metres:
    /// the plate's top, the walls of its place. Contact higher up is a fault, not an outcome.
    pub contact_height_m: f64,
    /// Height at which the tool travels, in metres.
    pub travel_height_m: f64,
    /// Speed of the tool in free space, in metres per second.
    pub travel_speed_m_s: f64,
    /// Speed where contact is expected, in metres per second.
    pub contact_speed_m_s: f64,
    /// The same for the first descent to a plate and the first one with a plate, each time a program
    /// begins: what is set up wrongly shows there. Default none, as later ones; a simulated cell has
    /// none, for an interrupted run would go on otherwise than one that was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_contact_speed_m_s: Option<f64>,
    /// How far the jaws open around a plate, in metres.
    pub jaw_opening_m: f64,
    /// How often in a row the gripper may find nothing to hold; the last of them ends the run, and a person
    /// has to look. A placed plate starts the count again. Default 3: one is chance, three are a gripper;
    /// untuned.
    #[serde(default = "default_max_misses")]
    pub max_misses: u32,
    /// When the plate counts as seated.
    pub seating: Seating,
}

/// Configurations from before the key existed have its default.
fn default_max_misses() -> u32 {
    3
}

/// A pose of the tool in a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waypoint {
    /// Position along x, in metres.
    pub x_m: f64,
    /// Position along y, in metres.
    pub y_m: f64,
    /// Height of the finger tips, in metres.
    pub z_m: f64,
    /// Rotation, in degrees.
    pub yaw_deg: f64,
}

impl Waypoint {
    /// The waypoint as a pose of the tool.
    pub fn tool_pose(&self) -> ToolPose {
        let planar = PlanarPose::new(self.x_m, self.y_m, self.yaw_deg.to_radians());
        ToolPose::new(planar, self.z_m)
    }
}

/// A value that makes no task.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{key} is {value}, expected {expected}")]
pub struct TaskConfigError {
    /// The configuration's key.
    pub key: &'static str,
    /// What was given.
    pub value: String,
    /// What was expected.
    pub expected: &'static str,
}

impl Default for TaskConfig {
    fn default() -> Self {
        Self::table()
    }
}

impl TaskConfig {
    /// The defaults of a task.
    pub fn of(kind: TaskKind) -> Self {
        match kind {
            TaskKind::Table => Self::table(),
            TaskKind::Shelf => Self::shelf(),
        }
    }

    /// The paper's training task: into the box on the table.
    pub fn table() -> Self {
        Self {
            kind: TaskKind::Table,
            start: Region { x_m: [0.26, 0.42], y_m: [-0.22, -0.04], yaw_deg: [-30.0, 30.0] },
            start_jitter_m: 0.003,
            start_jitter_deg: 1.5,
            start_surface_m: 0.0,
            place: Place { x_m: 0.46, y_m: 0.18, yaw_deg: 0.0, surface_m: 0.0 },
            via: Vec::new(),
            home: Waypoint { x_m: 0.16, y_m: -0.34, z_m: 0.38, yaw_deg: 0.0 },
            grasp_height_m: 0.002,
            release_gap_m: 0.001,
            approach_height_m: 0.03,
            // The plate is 14.5 mm high, the walls are 12 mm; and some margin.
            contact_height_m: 0.018,
            travel_height_m: 0.12,
            travel_speed_m_s: 0.25,
            contact_speed_m_s: 0.05,
            first_contact_speed_m_s: None,
            // 22 mm to each side of the plate, which no calibration error and exploring action add up
            // to; the BIO gripper opens to 150 mm.
            jaw_opening_m: 0.13,
            max_misses: default_max_misses(),
            seating: Seating {
                // The box is roomy: what counts on the table is the error itself, and the plate
                // is seated if it lies level anywhere in the box.
                translation_m: 0.015,
                yaw_deg: 5.0,
                height_m: 0.002,
            },
        }
    }

    /// The paper's second task: into the slot on the shelf.
    pub fn shelf() -> Self {
        Self {
            kind: TaskKind::Shelf,
            place: Place { x_m: 0.26, y_m: 0.19, yaw_deg: 0.0, surface_m: 0.08 },
            travel_height_m: 0.16,
            seating: Seating {
                // The slot leaves 3 mm to each side; 2 mm more for the measurement. A plate that
                // is not in the slot lies on its wall, which the height shows.
                translation_m: 0.005,
                yaw_deg: 3.0,
                height_m: 0.002,
            },
            ..Self::table()
        }
    }

    /// Checks every value.
    ///
    /// # Errors
    /// The first value that cannot be.
    pub fn validate(&self) -> Result<(), TaskConfigError> {
        let ranges = [
            ("start.x_m", self.start.x_m),
            ("start.y_m", self.start.y_m),
            ("start.yaw_deg", self.start.yaw_deg),
        ];
        for (key, [from, to]) in ranges {
            if !(from <= to && from.is_finite() && to.is_finite()) {
                return Err(TaskConfigError {
                    key,
                    value: format!("[{from}, {to}]"),
                    expected: "two rising numbers",
                });
            }
        }
        let positive = |value: f64| value > 0.0 && value.is_finite();
        let at_least_zero = |value: f64| value >= 0.0 && value.is_finite();
        let checks = [
            (
                "start_jitter_m",
                self.start_jitter_m,
                at_least_zero(self.start_jitter_m),
                "0 or more",
            ),
            (
                "start_jitter_deg",
                self.start_jitter_deg,
                at_least_zero(self.start_jitter_deg),
                "0 or more",
            ),
            (
                "contact_height_m",
                self.contact_height_m,
                self.contact_height_m > 0.0
                    && self.contact_height_m < self.approach_height_m - self.grasp_height_m,
                "a positive length below approach_height_m - grasp_height_m, where descents begin",
            ),
            ("jaw_opening_m", self.jaw_opening_m, positive(self.jaw_opening_m), "a positive width"),
            ("max_misses", f64::from(self.max_misses), self.max_misses >= 1, "1 or more"),
            (
                "grasp_height_m",
                self.grasp_height_m,
                at_least_zero(self.grasp_height_m),
                "0 or more",
            ),
            ("release_gap_m", self.release_gap_m, at_least_zero(self.release_gap_m), "0 or more"),
            (
                "travel_height_m",
                self.travel_height_m,
                self.travel_height_m >= self.place.surface_m + self.approach_height_m
                    && self.travel_height_m >= self.start_surface_m + self.approach_height_m,
                "at least approach_height_m above place.surface_m and start_surface_m",
            ),
            (
                "approach_height_m",
                self.approach_height_m,
                self.approach_height_m > self.grasp_height_m + self.release_gap_m,
                "more than grasp_height_m + release_gap_m",
            ),
            (
                "travel_speed_m_s",
                self.travel_speed_m_s,
                positive(self.travel_speed_m_s),
                "a positive speed",
            ),
            (
                "contact_speed_m_s",
                self.contact_speed_m_s,
                positive(self.contact_speed_m_s),
                "a positive speed",
            ),
            (
                "first_contact_speed_m_s",
                self.first_contact_speed_m_s.unwrap_or(self.contact_speed_m_s),
                self.first_contact_speed_m_s
                    .is_none_or(|speed| positive(speed) && speed <= self.contact_speed_m_s),
                "a positive speed, at most contact_speed_m_s",
            ),
            (
                "seating.translation_m",
                self.seating.translation_m,
                positive(self.seating.translation_m),
                "a positive length",
            ),
            (
                "seating.yaw_deg",
                self.seating.yaw_deg,
                positive(self.seating.yaw_deg),
                "a positive angle",
            ),
            (
                "seating.height_m",
                self.seating.height_m,
                positive(self.seating.height_m),
                "a positive length",
            ),
        ];
        match checks.into_iter().find(|(_, _, valid, _)| !valid) {
            Some((key, value, _, expected)) => {
                Err(TaskConfigError { key, value: value.to_string(), expected })
            }
            None => Ok(()),
        }
    }

    /// The tool's pose when it grips a plate at `plate` that lies on a surface at `surface_m`.
    pub fn grasp_pose(&self, plate: PlanarPose, surface_m: f64) -> ToolPose {
        ToolPose::new(plate, surface_m + self.grasp_height_m)
    }

    /// The tool's pose when it lets go of a plate over a surface at `surface_m`.
    pub fn release_pose(&self, plate: PlanarPose, surface_m: f64) -> ToolPose {
        ToolPose::new(plate, surface_m + self.grasp_height_m + self.release_gap_m)
    }

    /// The fixed path to the place.
    pub fn trajectory(&self) -> Trajectory {
        Trajectory {
            via: self.via.iter().map(Waypoint::tool_pose).collect(),
            place: self.release_pose(self.place.pose(), self.place.surface_m),
            travel_height_m: self.travel_height_m,
        }
    }
}

/// A task with the seed that its start poses are drawn from.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// What is to be done.
    pub config: TaskConfig,
    /// Seeds scenes and starts; another seed is another set of placements.
    pub placement_seed: u64,
}

/// What a driver may round a commanded pose by, in metres and radians.
const ROUNDING_M: f64 = 0.000_5;
const ROUNDING_RAD: f64 = 0.005;

impl Task {
    /// The initial pose of a scene, uniform over the start region.
    pub fn scene_start(&self, scene: u32) -> PlanarPose {
        let mut rng = random_stream(self.placement_seed, "scene start", [u64::from(scene), 0]);
        let mut uniform = |[from, to]: [f64; 2]| from + (to - from) * rng.random::<f64>();
        let region = &self.config.start;
        PlanarPose::new(
            uniform(region.x_m),
            uniform(region.y_m),
            uniform(region.yaw_deg).to_radians(),
        )
    }

    /// Whether a plate at `pose`, as the arm knows it, lies where a trial of this scene may start:
    /// within the jitter of the scene's initial pose.
    pub fn lies_at_start(&self, scene: u32, pose: PlanarPose) -> bool {
        let deviation = pose.relative_to(self.scene_start(scene));
        let within_m = self.config.start_jitter_m + ROUNDING_M;
        let within_rad = self.config.start_jitter_deg.to_radians() + ROUNDING_RAD;
        deviation.dx_m.abs() <= within_m
            && deviation.dy_m.abs() <= within_m
            && deviation.dyaw_rad.abs() <= within_rad
    }

    /// Where an attempt starts: the scene's initial pose, give or take the jitter.
    pub fn start(&self, id: TrialId) -> PlanarPose {
        let place = [u64::from(id.trial), u64::from(id.attempt)];
        let mut rng = random_stream(self.placement_seed, "trial start", place);
        let mut jitter = |range: f64| range * (2.0 * rng.random::<f64>() - 1.0);
        let scene = self.scene_start(id.scene);
        PlanarPose::new(
            scene.x_m + jitter(self.config.start_jitter_m),
            scene.y_m + jitter(self.config.start_jitter_m),
            scene.yaw_rad + jitter(self.config.start_jitter_deg.to_radians()),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trials_of_a_scene_start_close_together_and_scenes_apart() {
        let task = Task { config: TaskConfig::table(), placement_seed: 5 };
        let id = |trial, scene| TrialId { trial, attempt: 1, scene };
        let starts: Vec<_> = (1..=10).map(|trial| task.start(id(trial, 1))).collect();
        for start in &starts {
            let from_scene = start.relative_to(task.scene_start(1));
            assert!(from_scene.dx_m.abs() <= 0.003 && from_scene.dy_m.abs() <= 0.003);
            assert!(from_scene.dyaw_rad.to_degrees().abs() <= 1.5);
        }
        assert!(starts.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(task.scene_start(1).distance_m(task.scene_start(2)) > 0.005);
        assert_eq!(task.start(id(3, 1)), task.start(id(3, 1)));
        for start in starts {
            assert!(task.lies_at_start(1, start) && !task.lies_at_start(2, start));
            let turned = PlanarPose::new(start.x_m, start.y_m, start.yaw_rad + 0.1);
            assert!(!task.lies_at_start(1, turned));
        }
    }

    #[test]
    fn both_tasks_are_valid_and_nonsense_is_refused_by_key() {
        assert_eq!(TaskConfig::table().validate(), Ok(()));
        assert_eq!(TaskConfig::shelf().validate(), Ok(()));
        let mut low = TaskConfig::shelf();
        low.travel_height_m = 0.09;
        assert_eq!(low.validate().unwrap_err().key, "travel_height_m");
        let mut reversed = TaskConfig::table();
        reversed.start.yaw_deg = [30.0, -30.0];
        assert_eq!(reversed.validate().unwrap_err().key, "start.yaw_deg");
        let never = TaskConfig { max_misses: 0, ..TaskConfig::table() };
        assert_eq!(never.validate().unwrap_err().key, "max_misses");
    }
}
