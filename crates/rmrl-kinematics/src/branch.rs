//! The closed form of shoulder and elbow.

use super::geometry::Geometry;

/// One of the four configurations of shoulder and elbow that reach the wrist.
#[derive(Clone, Copy)]
pub(super) struct Branch {
    /// The arm is turned away from the wrist and reaches over the head.
    pub backwards: bool,
    /// The sign of the elbow's bend.
    pub elbow: f64,
}

pub(super) const BRANCHES: [Branch; 4] = [
    Branch { backwards: false, elbow: -1.0 },
    Branch { backwards: false, elbow: 1.0 },
    Branch { backwards: true, elbow: -1.0 },
    Branch { backwards: true, elbow: 1.0 },
];

impl Branch {
    /// The angles of the chain's joints 2 and 3 that put the wrist so far ahead of the shoulder and so far
    /// below it; none where the wrist is out of reach.
    pub fn shoulder_and_elbow(
        self,
        geometry: &Geometry,
        ahead_m: f64,
        down_m: f64,
    ) -> Option<(f64, f64)> {
        let (upper_arm_m, offset_rad) = geometry.upper_arm();
        let upper_arm_rad = -offset_rad;
        let (forearm_m, forearm_rad) = geometry.forearm();
        let cos_bend = (ahead_m * ahead_m + down_m * down_m
            - upper_arm_m * upper_arm_m
            - forearm_m * forearm_m)
            / (2.0 * upper_arm_m * forearm_m);
        if !(-1.0..=1.0).contains(&cos_bend) {
            return None;
        }
        let bend_rad = self.elbow * cos_bend.acos();
        let (sin_bend, cos_bend) = bend_rad.sin_cos();
        let joint2_rad = f64::atan2(down_m, ahead_m)
            - f64::atan2(forearm_m * sin_bend, upper_arm_m + forearm_m * cos_bend)
            - upper_arm_rad;
        Some((joint2_rad, bend_rad + upper_arm_rad - forearm_rad))
    }
}
