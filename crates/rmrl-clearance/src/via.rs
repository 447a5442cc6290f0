//! A way above, where a line itself is not clear.

use nalgebra::{Isometry3, Translation3};
use rmrl_cell::FlangeLine;
use rmrl_kinematics::Joints;

use crate::clearance::{Clearance, LineClearance};
use crate::clearance_error::ClearanceError;
use crate::held_plate::Hand;
use crate::pair::Allowed;

/// Heights are tried in steps of this, in meters: finer ones gain nothing, and each costs a few milliseconds.
const STEP_M: f64 = 0.005;

/// A way that is clear.
#[derive(Debug, Clone, PartialEq)]
pub struct Via {
    /// The flange's poses between the beginning and the end, in the base's frame; none where the direct line is clear.
    pub points: Vec<Isometry3<f64>>,
    /// The proofs of the lines, in the order in which they are moved: one, or up, across and down.
    pub lines: Vec<LineClearance>,
}

/// Why there is no way above.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ViaError {
    /// The direct line fails for a reason that no height changes.
    #[error(transparent)]
    Line(ClearanceError),
    /// Neither end may be higher than the envelope allows, or the range is empty.
    #[error("the tool is at z = {:.1} mm at one end of the line, and the way above may not be higher than {:.1} mm",
        1000.0 * end_m, 1000.0 * most_m)]
    NoRoom {
        /// The height of the higher end, in meters.
        end_m: f64,
        /// The greatest height of the tool's point, in meters.
        most_m: f64,
    },
    /// The way straight up from the beginning, or straight down to the end, is not clear; no greater height changes that.
    #[error("no way above is clear: the line straight {way} fails at a height of {:.1} mm: {reason}", 1000.0 * height_m)]
    Upright {
        /// `up from the beginning` or `down to the end`.
        way: &'static str,
        /// The height of the tool's point at the upper end of that line, in meters.
        height_m: f64,
        /// Why it fails.
        reason: Box<ClearanceError>,
    },
    /// The level line is not clear at any height.
    #[error("no way above is clear up to a height of {:.1} mm; there the level line fails: {reason}", 1000.0 * height_m)]
    Level {
        /// The greatest height that was tried, in meters.
        height_m: f64,
        /// Why the level line fails there.
        reason: Box<ClearanceError>,
    },
}

impl Clearance {
    /// A way that is clear: the direct line if it is, otherwise straight up, across on a level line, and straight down, at
    /// the lowest height in steps of 5 mm at which all three lines are proven.
    ///
    /// `tool_z_m` is the range of heights that the envelope allows the tool's point. The tool turns on the level line.
    /// Joints and allowances are as in [`Self::check_line`], and hold for all lines.
    ///
    /// # Errors
    /// There is no such way, and why.
    pub fn propose_via(
        &self,
        line: &FlangeLine,
        near: &Joints,
        hand: &Hand,
        allowed: &Allowed<'_>,
        tool_z_m: [f64; 2],
    ) -> Result<Via, ViaError> {
        let reason = match self.check_line(line, near, hand, allowed) {
            Ok(direct) => return Ok(Via { points: Vec::new(), lines: vec![direct] }),
            Err(reason) => reason,
        };
        let depends_on_height = matches!(
            reason,
            ClearanceError::TooNear(_)
                | ClearanceError::TooNearToArm(_)
                | ClearanceError::Path(_)
                | ClearanceError::NotBounded { .. }
        );
        if !depends_on_height {
            return Err(ViaError::Line(reason));
        }
        let way = Above { clearance: self, line: *line, near: *near, hand, allowed };
        way.lowest(tool_z_m)
    }
}

/// The ways above a line.
struct Above<'a> {
    clearance: &'a Clearance,
    line: FlangeLine,
    near: Joints,
    hand: &'a Hand,
    allowed: &'a Allowed<'a>,
}

impl Above<'_> {
    /// The lowest way within a range of heights of the tool's point.
    fn lowest(&self, [least_m, most_m]: [f64; 2]) -> Result<Via, ViaError> {
        let ends_m = [self.tool_z_m(&self.line.from), self.tool_z_m(&self.line.to)];
        let end_m = f64::max(ends_m[0], ends_m[1]);
        let lowest_m = f64::max(end_m, least_m);
        let mut refused = ViaError::NoRoom { end_m, most_m };
        for step in 0u32.. {
            let height_m = lowest_m + STEP_M * f64::from(step);
            // An end that is no number is no height, either.
            if height_m > most_m || !height_m.is_finite() || most_m.is_nan() {
                break;
            }
            match self.at(height_m)? {
                Ok(via) => return Ok(via),
                Err(reason) => {
                    refused = ViaError::Level { height_m, reason: Box::new(reason) };
                }
            }
        }
        Err(refused)
    }

    fn tool_z_m(&self, flange: &Isometry3<f64>) -> f64 {
        (flange * self.clearance.gripper().flange_from_tool).translation.z
    }

    /// The way at one height, or why its level line is not clear.
    ///
    /// # Errors
    /// An upright line is not clear. Those of greater heights contain it.
    fn at(&self, height_m: f64) -> Result<Result<Via, ClearanceError>, ViaError> {
        let FlangeLine { from, to } = self.line;
        let points = [from, to]
            .map(|flange| Translation3::new(0.0, 0.0, height_m - self.tool_z_m(&flange)) * flange);
        let check = |from: Isometry3<f64>, to: Isometry3<f64>, near: &Joints| {
            self.clearance.check_line(&FlangeLine { from, to }, near, self.hand, self.allowed)
        };
        let upright = |way, reason| ViaError::Upright { way, height_m, reason: Box::new(reason) };
        let up = check(from, points[0], &self.near)
            .map_err(|reason| upright("up from the beginning", reason))?;
        let across = match check(points[0], points[1], &up.end) {
            Ok(across) => across,
            Err(reason) => return Ok(Err(reason)),
        };
        let down = check(points[1], to, &across.end)
            .map_err(|reason| upright("down to the end", reason))?;
        Ok(Ok(Via { points: points.to_vec(), lines: vec![up, across, down] }))
    }
}
