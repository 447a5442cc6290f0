//! The envelope of an arm that tilts a calibration board.

use nalgebra::{Isometry3, Point3, Vector3};
use rmrl_core::{InvalidKey, PlanarPose};

use super::config::SafetyConfig;
use super::violation::{Axis, SafetyViolation};
use crate::{FlangeLine, ToolPose};

/// The largest tilt of a flange, in degrees: 25 for the views, and 2 for what a driver rounds.
pub const MAX_FLANGE_TILT_DEG: f64 = 27.0;

/// The highest speed of a flange that may be tilted, in meters per second.
pub const MAX_FLANGE_SPEED_M_S: f64 = 0.1;

/// A flange with a smaller tilt is upright, in degrees.
const UPRIGHT_DEG: f64 = 1.0;

/// Checks the lines of a flange that tilts a board: the flange and everything on it stay inside the workspace on the
/// whole line.
///
/// What is carried is given as points on the flange, and a margin around them. A box is convex, so whatever lies between
/// these points stays inside with them. The flange's own disc is added.
///
/// At most one end of a line is tilted: the arm tilts in a place, and is upright again before it goes to another one.
#[derive(Debug, Clone, PartialEq)]
pub struct TiltEnvelope {
    /// The limits of x, y and z, in meters.
    limits_m: [[f64; 2]; 3],
    max_speed_m_s: f64,
    carried: Vec<Point3<f64>>,
    margin_m: f64,
}

/// Half the diameter of what is at the end of an arm, in meters, and the points around it.
const FLANGE_RADIUS_M: f64 = 0.05;
const FLANGE_POINTS: u32 = 8;

/// Steps along a line: between two of them, a point on a circle of half a meter deviates from the straight way by less
/// than 0.1 mm.
const STEP_RAD: f64 = 0.03;
const STEP_M: f64 = 0.02;

/// An arm that was sent to a limit may stop this far beyond it, in meters.
const AT_LIMIT_M: f64 = 0.002;

impl TiltEnvelope {
    /// The envelope of `config`, with everything above `floor_m`, for `carried` points on the flange and all that is
    /// within `margin_m` of them.
    ///
    /// # Errors
    /// An invalid limit.
    pub fn new(
        config: SafetyConfig,
        floor_m: f64,
        carried: &[Point3<f64>],
        margin_m: f64,
    ) -> Result<Self, InvalidKey> {
        config.validate()?;
        let disc = (0..FLANGE_POINTS).map(|index| {
            let angle = std::f64::consts::TAU * f64::from(index) / f64::from(FLANGE_POINTS);
            Point3::new(FLANGE_RADIUS_M * angle.cos(), FLANGE_RADIUS_M * angle.sin(), 0.0)
        });
        let [low_m, high_m] = config.z_m;
        Ok(Self {
            limits_m: [config.x_m, config.y_m, [low_m.max(floor_m), high_m]],
            max_speed_m_s: config.max_speed_m_s.min(MAX_FLANGE_SPEED_M_S),
            carried: disc.chain(carried.iter().copied()).collect(),
            margin_m,
        })
    }

    /// The limits of x, y and z, in meters.
    pub fn limits_m(&self) -> [[f64; 2]; 3] {
        self.limits_m
    }

    /// Checks a straight line of the flange, on which it turns evenly, and its speed.
    ///
    /// # Errors
    /// Something on the flange would leave the workspace, the flange would be tilted too far or at both ends, or too
    /// fast.
    pub fn check_line(
        &self,
        from: &Isometry3<f64>,
        to: &Isometry3<f64>,
        speed_m_s: f64,
    ) -> Result<(), SafetyViolation> {
        for pose in [from, to] {
            let numbers = pose.translation.vector.iter().chain(pose.rotation.coords.iter());
            if !numbers.into_iter().all(|number| number.is_finite()) {
                return Err(SafetyViolation::NotANumber { target: place_of(pose) });
            }
        }
        let tilts_deg = [from, to].map(tilt_deg);
        let most_deg = tilts_deg[0].max(tilts_deg[1]);
        if most_deg > MAX_FLANGE_TILT_DEG {
            let max_deg = MAX_FLANGE_TILT_DEG;
            return Err(SafetyViolation::Tilt { tilt_deg: most_deg, max_deg });
        }
        if tilts_deg.iter().all(|tilt_deg| *tilt_deg > UPRIGHT_DEG) {
            return Err(SafetyViolation::TiltedAtBothEnds);
        }
        if !(speed_m_s > 0.0 && speed_m_s <= self.max_speed_m_s) {
            return Err(SafetyViolation::Speed { speed_m_s, max_m_s: self.max_speed_m_s });
        }
        let line = FlangeLine { from: *from, to: *to };
        let steps = line.steps(STEP_M, STEP_RAD);
        let mut share = 0.0;
        while share < 1.0 {
            // The arm is where it is: only leaving is refused.
            let tolerance_m = if share == 0.0 { AT_LIMIT_M } else { 0.0 };
            self.check_pose(&line.at(share), tolerance_m)?;
            share += 1.0 / steps;
        }
        self.check_pose(to, 0.0)
    }

    fn check_pose(
        &self,
        world_from_flange: &Isometry3<f64>,
        tolerance_m: f64,
    ) -> Result<(), SafetyViolation> {
        let margin_m = self.margin_m - tolerance_m;
        for point in &self.carried {
            let at = world_from_flange * point;
            for (axis, [min_m, max_m]) in [Axis::X, Axis::Y, Axis::Z].into_iter().zip(self.limits_m)
            {
                let value_m = at[axis as usize];
                if !(min_m + margin_m..=max_m - margin_m).contains(&value_m) {
                    return Err(SafetyViolation::CarriedOutside {
                        axis,
                        value_m,
                        margin_m: self.margin_m,
                        limits_m: [min_m, max_m],
                    });
                }
            }
        }
        Ok(())
    }
}

/// The angle of a flange from pointing straight down, in degrees.
fn tilt_deg(world_from_flange: &Isometry3<f64>) -> f64 {
    (world_from_flange.rotation * Vector3::z()).angle(&-Vector3::z()).to_degrees()
}

/// The place of a flange, for messages.
pub(super) fn place_of(world_from_flange: &Isometry3<f64>) -> ToolPose {
    let at = world_from_flange.translation.vector;
    let ahead = world_from_flange.rotation * Vector3::x();
    ToolPose::new(PlanarPose::new(at.x, at.y, ahead.y.atan2(ahead.x)), at.z)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::{Translation3, UnitQuaternion};
    use std::f64::consts::PI;

    fn flange(x_m: f64, y_m: f64, z_m: f64, tilt_deg: f64, yaw_deg: f64) -> Isometry3<f64> {
        let tilt = UnitQuaternion::from_scaled_axis(Vector3::y() * tilt_deg.to_radians());
        let down = UnitQuaternion::from_euler_angles(PI, 0.0, yaw_deg.to_radians());
        Isometry3::from_parts(Translation3::new(x_m, y_m, z_m), tilt * down)
    }

    fn envelope() -> TiltEnvelope {
        let board = [[0.1, -0.1], [0.1, 0.1], [0.3, -0.1], [0.3, 0.1]];
        let board = board.map(|[x, y]| Point3::new(x, y, 0.03));
        TiltEnvelope::new(SafetyConfig::default(), 0.1, &board, 0.02).unwrap()
    }

    fn refusal(from: Isometry3<f64>, to: Isometry3<f64>) -> String {
        envelope().check_line(&from, &to, 0.1).unwrap_err().to_string()
    }

    #[test]
    fn lines_with_the_whole_board_inside_are_allowed_and_others_name_what_leaves() {
        // The board sticks out to the left, and the arm tilts by 20 degrees in a place.
        let upright = flange(0.36, -0.1, 0.25, 0.0, 90.0);
        let tilted = flange(0.36, -0.1, 0.25, 20.0, 90.0);
        envelope().check_line(&upright, &tilted, 0.1).unwrap();
        envelope().check_line(&tilted, &upright, 0.1).unwrap();
        envelope().check_line(&upright, &flange(0.32, -0.05, 0.3, 0.0, 70.0), 0.1).unwrap();
        // The flange may be there, but not what is on it.
        let y = refusal(upright, flange(0.36, 0.1, 0.25, 0.0, 90.0));
        assert!(y.contains("y = ") && y.contains("workspace"), "{y}");
        let z = refusal(upright, flange(0.36, -0.1, 0.14, 0.0, 90.0));
        assert!(z.contains("z = "), "{z}");
        let x = refusal(upright, flange(0.36, -0.1, 0.25, 0.0, 0.0));
        assert!(x.contains("x = "), "{x}");
    }

    /// Both ends are inside, and in between the board swings out of the workspace.
    #[test]
    fn the_whole_line_is_checked() {
        let long = [Point3::new(0.3, 0.0, 0.0)];
        let envelope = TiltEnvelope::new(SafetyConfig::default(), 0.1, &long, 0.01).unwrap();
        let (left, right) = (flange(0.36, 0.0, 0.3, 0.0, 60.0), flange(0.36, 0.0, 0.3, 0.0, -60.0));
        for end in [left, right] {
            envelope.check_line(&end, &end, 0.1).unwrap();
        }
        let refused = envelope.check_line(&left, &right, 0.1).unwrap_err();
        let axis = matches!(refused, SafetyViolation::CarriedOutside { axis: Axis::X, .. });
        assert!(axis, "{refused}");
    }

    #[test]
    fn tilts_are_limited_and_every_tilt_begins_or_ends_upright() {
        let upright = flange(0.36, -0.1, 0.25, 0.0, 90.0);
        let by = |tilt_deg: f64| flange(0.36, -0.1, 0.25, tilt_deg, 90.0);
        assert!(refusal(upright, by(28.0)).contains("28.0 degrees"));
        assert!(refusal(by(28.0), upright).contains("28.0 degrees"));
        assert!(refusal(by(15.0), by(-15.0)).contains("upright"));
        let up = flange(0.36, -0.1, 0.25, 180.0, 90.0);
        assert!(refusal(upright, up).contains("180.0 degrees"));
    }

    #[test]
    fn fast_lines_and_numbers_that_are_none_are_refused() {
        let upright = flange(0.36, -0.1, 0.25, 0.0, 90.0);
        for speed_m_s in [0.0, 0.11, f64::NAN] {
            let refused = envelope().check_line(&upright, &upright, speed_m_s).unwrap_err();
            assert!(matches!(refused, SafetyViolation::Speed { .. }), "{refused}");
        }
        let nowhere = flange(f64::NAN, 0.0, 0.25, 0.0, 0.0);
        for (from, to) in [(nowhere, upright), (upright, nowhere)] {
            let refused = envelope().check_line(&from, &to, 0.1).unwrap_err();
            assert!(matches!(refused, SafetyViolation::NotANumber { .. }), "{refused}");
        }
    }
}
