//! A task, and where its plates start.
//!
//! - `task_kind`: the paper's two tasks
//! - `task_config`: a task's configuration, with its defaults
//! - `places`: places and poses as configurations state them
//! - `trajectory`: the fixed path to the place

mod places;
mod task_config;
mod task_kind;
mod trajectory;

use rand::RngExt;
use rmrl_core::{PlanarPose, TrialId, random_stream};

pub use places::{Place, Region, Waypoint};
pub(crate) use task_config::SLOWEST_M_S;
pub use task_config::{Seating, TaskConfig};
pub use task_kind::TaskKind;
pub use trajectory::Trajectory;

/// A task with the seed that its start poses are drawn from.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// What is to be done.
    pub config: TaskConfig,
    /// The seed of scenes and starts; another seed is another set of placements.
    pub placement_seed: u64,
}

/// By how much a driver may round a commanded pose, in meters and radians.
const ROUNDING_M: f64 = 0.000_5;
const ROUNDING_RAD: f64 = 0.005;

/// By how much more each attempt after the second jitters, in meters and degrees.
const WIDER_M: f64 = 0.01;
const WIDER_DEG: f64 = 8.0;

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

    /// Whether a plate at `pose`, according to the arm, lies where a trial of this scene may start:
    /// within the jitter of the scene's initial pose.
    pub fn lies_at_start(&self, scene: u32, pose: PlanarPose) -> bool {
        let deviation = pose.relative_to(self.scene_start(scene));
        let within_m = self.config.start_jitter_m + ROUNDING_M;
        let within_rad = self.config.start_jitter_deg.to_radians() + ROUNDING_RAD;
        deviation.dx_m.abs() <= within_m
            && deviation.dy_m.abs() <= within_m
            && deviation.dyaw_rad.abs() <= within_rad
    }

    /// Whether two poses are the same but for what a driver rounds.
    pub(crate) fn is_same(a: PlanarPose, b: PlanarPose) -> bool {
        let deviation = a.relative_to(b);
        deviation.translation_m() <= ROUNDING_M && deviation.dyaw_rad.abs() <= ROUNDING_RAD
    }

    /// Where an attempt starts: the scene's initial pose, give or take the jitter. Later attempts jitter more, because
    /// what spoils a place (a glare, an edge in reach) is still there when the attempt before failed by it.
    pub fn start(&self, id: TrialId) -> PlanarPose {
        let wider = f64::from(id.attempt.saturating_sub(2));
        let jitter_m = self.config.start_jitter_m + wider * WIDER_M;
        let jitter_rad = (self.config.start_jitter_deg + wider * WIDER_DEG).to_radians();
        let place = [u64::from(id.trial), u64::from(id.attempt)];
        let mut rng = random_stream(self.placement_seed, "trial start", place);
        let mut jitter = |range: f64| range * (2.0 * rng.random::<f64>() - 1.0);
        let scene = self.scene_start(id.scene);
        let start = PlanarPose::new(
            scene.x_m + jitter(jitter_m),
            scene.y_m + jitter(jitter_m),
            scene.yaw_rad + jitter(jitter_rad),
        );
        if wider == 0.0 { start } else { self.within_region(start) }
    }

    /// The nearest pose of the start region.
    fn within_region(&self, pose: PlanarPose) -> PlanarPose {
        let region = &self.config.start;
        let within = |value: f64, [from, to]: [f64; 2]| value.clamp(from, to);
        let [least, most] = region.yaw_deg.map(f64::to_radians);
        PlanarPose::new(
            within(pose.x_m, region.x_m),
            within(pose.y_m, region.y_m),
            pose.yaw_rad.clamp(least, most),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trials_of_a_scene_start_close_together_and_scenes_apart() {
        let task = Task { config: TaskConfig::table(), placement_seed: 5 };
        let id = |trial, scene| TrialId::new(trial, 1, scene);
        let starts: Vec<_> = (1..=10).map(|trial| task.start(id(trial, 1))).collect();
        for start in &starts {
            let from_scene = start.relative_to(task.scene_start(1));
            assert!(from_scene.dx_m.abs() <= 0.003 && from_scene.dy_m.abs() <= 0.003);
            assert!(from_scene.dyaw_rad.to_degrees().abs() <= 1.5);
        }
        assert!(starts.windows(2).all(|pair| pair[0] != pair[1]));
        let region = &task.config.start;
        let mut farthest_m = 0.0f64;
        for trial in 1..=50 {
            let later = task.start(TrialId::new(trial, 5, trial));
            farthest_m = farthest_m.max(later.distance_m(task.scene_start(trial)));
            assert!((region.x_m[0]..=region.x_m[1]).contains(&later.x_m));
            assert!((region.y_m[0]..=region.y_m[1]).contains(&later.y_m));
        }
        assert!((0.015..0.047).contains(&farthest_m), "{farthest_m}");
        assert!(task.scene_start(1).distance_m(task.scene_start(2)) > 0.005);
        assert_eq!(task.start(id(3, 1)), task.start(id(3, 1)));
        for start in starts {
            assert!(task.lies_at_start(1, start) && !task.lies_at_start(2, start));
            let turned = PlanarPose::new(start.x_m, start.y_m, start.yaw_rad + 0.1);
            assert!(!task.lies_at_start(1, turned));
        }
    }
}
