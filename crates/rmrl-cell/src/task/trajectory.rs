//! The fixed, pre-planned path from above the plate to its place (Sec. 3.2).

use crate::ToolPose;

/// A fixed path to a place. It does not depend on the policy: whatever the plate's pose in the jaws, the tool goes
/// to the same poses.
#[derive(Debug, Clone, PartialEq)]
pub struct Trajectory {
    /// Where the tool goes after lifting, in order.
    pub via: Vec<ToolPose>,
    /// Where the tool is when it releases the plate.
    pub place: ToolPose,
    /// The height above everything at which the tool arrives over its place.
    pub travel_height_m: f64,
}

impl Trajectory {
    /// The waypoints from the lifted plate to above the place.
    pub fn to_above_place(&self) -> impl Iterator<Item = ToolPose> + '_ {
        self.via.iter().copied().chain([self.above_place()])
    }

    /// The tool above the place, at travel height.
    pub fn above_place(&self) -> ToolPose {
        self.place.at_height(self.travel_height_m)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rmrl_core::PlanarPose;

    #[test]
    fn the_path_passes_its_waypoints_and_ends_above_the_place() {
        let tool = |x_m, z_m| ToolPose::new(PlanarPose::new(x_m, 0.0, 0.0), z_m);
        let trajectory = Trajectory {
            via: vec![tool(0.1, 0.2), tool(0.2, 0.3)],
            place: tool(0.4, 0.05),
            travel_height_m: 0.25,
        };
        let path: Vec<_> = trajectory.to_above_place().collect();
        assert_eq!(path, [tool(0.1, 0.2), tool(0.2, 0.3), tool(0.4, 0.25)]);
    }
}
