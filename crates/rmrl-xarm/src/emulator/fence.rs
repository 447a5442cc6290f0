//! What the client may forbid: the fence, and reduced mode.

use nalgebra::Isometry3;

use super::error_code;
use crate::kinematics::Joints;

/// The fence and reduced mode.
#[derive(Debug, Clone)]
pub(super) struct Fence {
    pub on: bool,
    pub reduced: bool,
    /// Largest and smallest x, y and z of the tool.
    pub box_mm: [i32; 6],
    pub tool_speed_mm_s: f64,
    pub joint_speed_rad_s: f64,
    /// Smallest and largest angle of each of seven joints.
    pub joint_range_rad: [f64; 14],
}

impl Fence {
    /// Whether the tool may be there; otherwise the number of the error.
    pub fn check_tool(&self, tool: &Isometry3<f64>) -> Result<(), u8> {
        // A line along the fence is not beyond it.
        const ROUNDING_MM: f64 = 0.01;
        let at_mm = tool.translation.vector * 1000.0;
        let inside = (0..3).all(|axis| {
            let upper = f64::from(self.box_mm[2 * axis]) + ROUNDING_MM;
            let lower = f64::from(self.box_mm[2 * axis + 1]) - ROUNDING_MM;
            (lower..=upper).contains(&at_mm[axis])
        });
        if self.on && !inside { Err(error_code::BOUNDARY) } else { Ok(()) }
    }

    /// Whether the joints may stand so; otherwise the number of the error.
    pub fn check_joints(&self, joints: &Joints) -> Result<(), u8> {
        let range = &self.joint_range_rad;
        let inside =
            (0..6).all(|index| (range[2 * index]..=range[2 * index + 1]).contains(&joints[index]));
        if self.reduced && !inside { Err(error_code::JOINT_LIMIT) } else { Ok(()) }
    }
}
