//! What stops the hand on its path, except the plate.

use rmrl_cell::ToolPose;
use rmrl_core::wrap_angle;

use crate::physics::hand::Hand;
use crate::physics::hand_shape::HandShape;
use crate::physics::linear_motion::interpolate;
use crate::scene::cuboid::Cuboid;

/// The path is checked at points not farther apart than this, in meters.
const STEP_M: f64 = 0.001;
/// The path is checked at points not more turned than this, in radians.
const STEP_RAD: f64 = 0.01;

/// Everything that the hand must not pass through: the table and what stands on it.
pub(crate) struct Obstacles(pub Vec<Cuboid>);

impl Obstacles {
    /// Where the hand, on its straight path to `arrival`, meets an obstacle; `None` if the path is
    /// free.
    pub(crate) fn blocked_at(
        &self,
        shape: HandShape,
        hand: Hand,
        arrival: ToolPose,
    ) -> Option<ToolPose> {
        let from = hand.tool;
        let lowest_m = from.z_m.min(arrival.z_m);
        let path_m = from.planar.distance_m(arrival.planar);
        let near: Vec<&Cuboid> = self
            .0
            .iter()
            .filter(|one| {
                let reach_m = one.half_extents_m[0].hypot(one.half_extents_m[1]) + shape.reach_m();
                one.top_m() > lowest_m && from.planar.distance_m(one.pose) < reach_m + path_m
            })
            .collect();
        if near.is_empty() && lowest_m >= 0.0 {
            return None;
        }
        let meets = |tool: ToolPose| {
            let parts = shape.cuboids(&Hand { tool, ..hand });
            tool.z_m < 0.0 || near.iter().any(|one| parts.iter().any(|part| part.overlaps(one)))
        };
        let steps = Self::steps(from, arrival);
        let at = |step: usize| interpolate(from, arrival, step as f64 / steps as f64);
        // A hand that touches something already may leave it.
        let free = (0..=steps).find(|step| !meets(at(*step)))?;
        let met = (free..=steps).find(|step| meets(at(*step)))?;
        Some(at(met - 1))
    }

    /// Whether any of these parts meets an obstacle.
    pub(crate) fn meet(&self, parts: &[Cuboid]) -> bool {
        self.0.iter().any(|one| parts.iter().any(|part| part.overlaps(one)))
    }

    /// In how many steps a straight path is checked.
    pub(crate) fn steps(from: ToolPose, to: ToolPose) -> usize {
        let distance_m = from.planar.distance_m(to.planar).hypot(to.z_m - from.z_m);
        let turn_rad = wrap_angle(to.planar.yaw_rad - from.planar.yaw_rad).abs();
        (distance_m / STEP_M).max(turn_rad / STEP_RAD).ceil().max(1.0) as usize
    }
}
