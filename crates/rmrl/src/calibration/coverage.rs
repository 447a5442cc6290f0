//! What the views of a held board cover so far, and what is still missing.

use nalgebra::{Isometry3, Vector3};
use rmrl_calibration::{PosedView, View};

/// The number of image regions each way.
const REGIONS: usize = 3;
/// The names of the image's regions, row by row.
const REGION_NAMES: [&str; REGIONS * REGIONS] = [
    "top left",
    "top",
    "top right",
    "left",
    "middle",
    "right",
    "bottom left",
    "bottom",
    "bottom right",
];
/// The names of the tilts, by the direction to which the flange's axis leans.
const TILT_NAMES: [&str; 4] =
    ["away from the robot", "to the robot's left", "towards the robot", "to the robot's right"];
/// A smaller tilt helps little, in degrees.
const LEAST_TILT_DEG: f64 = 12.0;

/// What makes a view differ from another one: dimensionless, and about 1 for a difference that is worth a view.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Signature([f64; 7]);

/// Differences that are worth a view, in meters and radians.
const WORTH_M: f64 = 0.08;
const WORTH_TILT_RAD: f64 = 0.17;
/// The weight of the direction in which the board points.
const WORTH_DIRECTION: f64 = 0.6;

impl Signature {
    /// Of a flange with a board.
    pub fn new(world_from_flange: &Isometry3<f64>, flange_from_middle: &Vector3<f64>) -> Self {
        let middle =
            world_from_flange.translation.vector + world_from_flange.rotation * flange_from_middle;
        let axis = world_from_flange.rotation * Vector3::z();
        let ahead = world_from_flange.rotation * Vector3::x();
        Self([
            middle.x / WORTH_M,
            middle.y / WORTH_M,
            middle.z / WORTH_M,
            axis.x / WORTH_TILT_RAD,
            axis.y / WORTH_TILT_RAD,
            ahead.x * WORTH_DIRECTION,
            ahead.y * WORTH_DIRECTION,
        ])
    }

    /// How much two views differ.
    pub fn distance(&self, other: &Self) -> f64 {
        let squares = self.0.iter().zip(other.0).map(|(a, b)| (a - b).powi(2));
        squares.sum::<f64>().sqrt()
    }
}

/// A view that differs less from another one adds little.
pub const TOO_SIMILAR: f64 = 0.7;

/// What views cover.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Coverage {
    regions: [bool; REGIONS * REGIONS],
    tilts: [bool; 4],
    heights_m: Option<[f64; 2]>,
}

impl Coverage {
    /// Of some views.
    pub fn of(views: &[PosedView]) -> Self {
        let mut coverage = Self::default();
        for posed in views {
            coverage.add(&posed.view, &posed.world_from_flange);
        }
        coverage
    }

    fn add(&mut self, view: &View, world_from_flange: &Isometry3<f64>) {
        for corner in &view.corners {
            let place = [corner.pixel.x, corner.pixel.y].map(|value| value + 0.5);
            let [column, row] = [0, 1].map(|axis| {
                let share = place[axis] / f64::from(view.size[axis]);
                ((share * REGIONS as f64).max(0.0) as usize).min(REGIONS - 1)
            });
            self.regions[REGIONS * row + column] = true;
        }
        let axis = world_from_flange.rotation * Vector3::z();
        if axis.angle(&-Vector3::z()).to_degrees() >= LEAST_TILT_DEG {
            // The flange leans to where its axis points, seen from above.
            let quarters = axis.y.atan2(axis.x) / std::f64::consts::FRAC_PI_2;
            self.tilts[(quarters.round() as i64).rem_euclid(4) as usize] = true;
        }
        let z_m = world_from_flange.translation.z;
        let [low, high] = self.heights_m.unwrap_or([z_m; 2]);
        self.heights_m = Some([low.min(z_m), high.max(z_m)]);
    }

    /// What is still missing, for people; nothing if the views suffice.
    pub fn missing(&self) -> Vec<String> {
        let names = |names: &[&'static str], have: &[bool]| -> Vec<&'static str> {
            names.iter().zip(have).filter(|(_, have)| !**have).map(|(name, _)| *name).collect()
        };
        let regions = names(&REGION_NAMES, &self.regions);
        let tilts = names(&TILT_NAMES, &self.tilts);
        let mut missing = Vec::new();
        if !regions.is_empty() {
            missing.push(format!("the board in the image's {}", regions.join(", ")));
        }
        if !tilts.is_empty() {
            missing.push(format!("the flange's axis tilted {}", tilts.join(", ")));
        }
        if self.heights_m.is_none_or(|[low, high]| high - low < LEAST_HEIGHTS_M) {
            missing.push("another height, 50 mm and more apart".to_string());
        }
        missing
    }
}

/// Views at one height hardly separate focal length and distance, in meters.
const LEAST_HEIGHTS_M: f64 = 0.05;

#[cfg(test)]
mod tests {
    use nalgebra::{Point2, Translation3, UnitQuaternion};

    use super::*;

    fn posed(u: f64, v: f64, tilt: [f64; 2], z_m: f64) -> PosedView {
        let tilt = UnitQuaternion::from_scaled_axis(Vector3::new(tilt[0], tilt[1], 0.0));
        let down = UnitQuaternion::from_euler_angles(std::f64::consts::PI, 0.0, 0.3);
        let view = View::whole("a.png", [640, 480], [Point2::new(u, v)], 0.5);
        let at = Translation3::new(0.3, 0.0, z_m);
        PosedView { view, world_from_flange: Isometry3::from_parts(at, tilt * down) }
    }

    #[test]
    fn missing_regions_tilts_and_heights_are_named() {
        let first = posed(10.0, 10.0, [0.0, 0.0], 0.2);
        let missing = Coverage::of(std::slice::from_ref(&first)).missing().join("; ");
        assert!(
            !missing.contains("top left") && missing.contains("image's top, top right"),
            "{missing}"
        );
        assert!(missing.contains("away from the robot") && missing.contains("another height"));
        // Turned about y by a positive angle, an axis that points down leans backward.
        let tilted = [first, posed(630.0, 470.0, [0.0, 0.3], 0.3)];
        let missing = Coverage::of(&tilted).missing().join("; ");
        assert!(!missing.contains("bottom right") && !missing.contains("towards the robot"));
        assert!(
            missing.contains("away from the robot") && !missing.contains("height"),
            "{missing}"
        );
        let mut all = Vec::new();
        for u in [10.0, 320.0, 630.0] {
            for v in [10.0, 240.0, 470.0] {
                for tilt in [[0.3, 0.0], [-0.3, 0.0], [0.0, 0.3], [0.0, -0.3]] {
                    all.push(posed(u, v, tilt, 0.2 + 1e-4 * u));
                }
            }
        }
        assert_eq!(Coverage::of(&all).missing(), Vec::<String>::new());
    }

    #[test]
    fn views_differ_by_place_tilt_and_direction() {
        let signature = |u: f64, tilt: [f64; 2]| {
            Signature::new(&posed(u, 0.0, tilt, 0.2).world_from_flange, &Vector3::x())
        };
        let one = signature(0.0, [0.0, 0.0]);
        assert_eq!(one.distance(&signature(9.0, [0.0, 0.0])), 0.0);
        assert!(one.distance(&signature(0.0, [0.0, 0.3])) > TOO_SIMILAR);
    }
}
