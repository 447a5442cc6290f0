//! Places and poses as configurations state them. No arm reaches 10 m, so a larger number is a slip of the unit.

use rmrl_core::{ConfigKeys, PlanarPose};
use serde::{Deserialize, Serialize};

use crate::ToolPose;

/// A pose of the plate in its place, as taught with the arm.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Position along x, in meters.
    #[key(at_least = -10, at_most = 10)]
    pub x_m: f64,
    /// Position along y, in meters.
    #[key(at_least = -10, at_most = 10)]
    pub y_m: f64,
    /// Rotation, in degrees.
    #[key(at_least = -360, at_most = 360)]
    pub yaw_deg: f64,
    /// Height of the surface that the plate comes to rest on, in meters.
    #[key(at_least = -10, at_most = 10)]
    pub surface_m: f64,
}

impl Place {
    /// The place as a pose in the plane.
    pub fn pose(&self) -> PlanarPose {
        PlanarPose::new(self.x_m, self.y_m, self.yaw_deg.to_radians())
    }
}

/// Where plates start: a rectangle and a range of yaw.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// From and to along x, in meters.
    #[key(interval, at_least = -10, at_most = 10)]
    pub x_m: [f64; 2],
    /// From and to along y, in meters.
    #[key(interval, at_least = -10, at_most = 10)]
    pub y_m: [f64; 2],
    /// From and to in yaw, in degrees.
    #[key(interval, at_least = -360, at_most = 360)]
    pub yaw_deg: [f64; 2],
}

impl Region {
    /// The middle of the region.
    pub fn center(&self) -> PlanarPose {
        let middle = |[from, to]: [f64; 2]| 0.5 * (from + to);
        PlanarPose::new(middle(self.x_m), middle(self.y_m), middle(self.yaw_deg).to_radians())
    }

    /// The pose at these shares of the region's extents in x, y and yaw, each from 0 to 1.
    pub fn at(&self, shares: [f64; 3]) -> PlanarPose {
        let within = |[from, to]: [f64; 2], share: f64| from + share * (to - from);
        let [x, y, yaw] = shares;
        let yaw_deg = within(self.yaw_deg, yaw);
        PlanarPose::new(within(self.x_m, x), within(self.y_m, y), yaw_deg.to_radians())
    }

    /// Half the region's extent in x, y and yaw, in meters, meters and radians.
    pub fn half_extent(&self) -> [f64; 3] {
        let half = |[from, to]: [f64; 2]| 0.5 * (to - from);
        [half(self.x_m), half(self.y_m), half(self.yaw_deg).to_radians()]
    }
}

/// A pose of the tool in a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(deny_unknown_fields)]
pub struct Waypoint {
    /// Position along x, in meters.
    #[key(at_least = -10, at_most = 10)]
    pub x_m: f64,
    /// Position along y, in meters.
    #[key(at_least = -10, at_most = 10)]
    pub y_m: f64,
    /// Height of the finger tips, in meters.
    #[key(at_least = -10, at_most = 10)]
    pub z_m: f64,
    /// Rotation, in degrees.
    #[key(at_least = -360, at_most = 360)]
    pub yaw_deg: f64,
}

impl Waypoint {
    /// The waypoint as a pose of the tool.
    pub fn tool_pose(&self) -> ToolPose {
        let planar = PlanarPose::new(self.x_m, self.y_m, self.yaw_deg.to_radians());
        ToolPose::new(planar, self.z_m)
    }
}
