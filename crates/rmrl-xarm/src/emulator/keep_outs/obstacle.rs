//! What stands where, and how far a point is from it.

use nalgebra::{Isometry3, Matrix3, Point3, Translation3, UnitQuaternion, Vector3};

use super::keep_outs_config::{EntryRegion, KeepOutBox, KeepOutTable, KeepOuts, TABLE};

/// A frame as a matrix and a shift, which turns points faster than a quaternion.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    turn: Matrix3<f64>,
    shift_m: Vector3<f64>,
}

impl Frame {
    /// Turns and shifts a point.
    pub fn apply(&self, point: &Vector3<f64>) -> Vector3<f64> {
        self.turn * point + self.shift_m
    }

    /// How far another frame's origin is, in meters.
    pub fn shift_to_m(&self, other: &Self) -> f64 {
        (other.shift_m - self.shift_m).norm()
    }

    /// The angle by which another frame is turned, in radians.
    pub fn turn_to_rad(&self, other: &Self) -> f64 {
        // Of matrices that differ little, the distance is more exact than the trace.
        let half_chord = (other.turn - self.turn).norm() / 8_f64.sqrt();
        2.0 * half_chord.min(1.0).asin()
    }

    /// This frame after another one.
    pub fn after(&self, first: &Self) -> Self {
        Self { turn: self.turn * first.turn, shift_m: self.apply(&first.shift_m) }
    }
}

impl From<Isometry3<f64>> for Frame {
    fn from(pose: Isometry3<f64>) -> Self {
        let turn = pose.rotation.to_rotation_matrix().into_inner();
        Self { turn, shift_m: pose.translation.vector }
    }
}

/// A shape that does not move.
#[derive(Debug, Clone, Copy)]
enum Solid {
    /// A box around its own origin, of these half extents in meters.
    Box { half_m: Vector3<f64> },
    /// All that is below its own origin.
    Below,
}

/// A box or the table, with its margins.
#[derive(Debug)]
pub(super) struct Obstacle {
    /// The name in reports.
    pub name: String,
    solid: Solid,
    own_from_base: Frame,
    margin_m: f64,
    regions: Vec<Region>,
}

impl Obstacle {
    /// All obstacles of a configuration.
    pub fn all(config: &KeepOuts) -> Vec<Self> {
        config
            .boxes
            .iter()
            .map(Self::of_box)
            .chain(config.table.iter().map(Self::of_table))
            .collect()
    }

    fn of_box(one: &KeepOutBox) -> Self {
        let base_from_own = upright(one.center_m, one.yaw_deg);
        Self {
            name: one.name.clone(),
            solid: Solid::Box { half_m: 0.5 * Vector3::from(one.size_m) },
            own_from_base: base_from_own.inverse().into(),
            margin_m: one.margin_m,
            regions: Region::all(&one.entered_within, one.entry_margin_m),
        }
    }

    fn of_table(table: &KeepOutTable) -> Self {
        Self {
            name: TABLE.to_string(),
            solid: Solid::Below,
            own_from_base: upright([0.0, 0.0, table.height_m], 0.0).inverse().into(),
            margin_m: table.margin_m,
            regions: Region::all(&table.entered_within, table.entry_margin_m),
        }
    }

    /// The margins of the arm's links and of the hand while the tool's point is there, in meters.
    pub fn margins_m(&self, tool_m: &Vector3<f64>) -> [f64; 2] {
        let entered = self.regions.iter().filter(|region| region.contains(tool_m));
        let hand_m = entered.map(|region| region.margin_m).reduce(f64::min);
        [self.margin_m, hand_m.unwrap_or(self.margin_m)]
    }

    /// From another frame to its own.
    pub fn own_from(&self, base_from_other: &Frame) -> Frame {
        self.own_from_base.after(base_from_other)
    }

    /// The distance of a point in its own frame, in meters; negative inside, by how deep.
    pub fn distance_m(&self, point_m: &Vector3<f64>) -> f64 {
        match self.solid {
            Solid::Below => point_m.z,
            Solid::Box { half_m } => {
                let beyond = point_m.abs() - half_m;
                // Outside, the distance from the nearest face, edge or corner; inside, from the nearest face.
                beyond.sup(&Vector3::zeros()).norm() + beyond.max().min(0.0)
            }
        }
    }
}

/// Where the tool's point enters a slot.
#[derive(Debug)]
struct Region {
    own_from_base: Isometry3<f64>,
    z_m: [f64; 2],
    radius_m: Option<f64>,
    half_m: Option<[f64; 2]>,
    /// The least distance of the hand, in meters.
    margin_m: f64,
}

impl Region {
    fn all(regions: &[EntryRegion], entry_margin_m: f64) -> Vec<Self> {
        regions.iter().map(|region| Self::new(region, entry_margin_m)).collect()
    }

    fn new(config: &EntryRegion, entry_margin_m: f64) -> Self {
        let [x, y] = config.center_m;
        Self {
            own_from_base: upright([x, y, 0.0], config.yaw_deg).inverse(),
            z_m: config.z_m,
            radius_m: config.radius_m,
            half_m: config.size_m.map(|size| size.map(|whole| 0.5 * whole)),
            margin_m: config.margin_m.unwrap_or(entry_margin_m),
        }
    }

    fn contains(&self, point_m: &Vector3<f64>) -> bool {
        let at = self.own_from_base * Point3::from(*point_m);
        let [lower, upper] = self.z_m;
        (lower..=upper).contains(&at.z)
            && self.radius_m.is_none_or(|radius_m| at.x.hypot(at.y) <= radius_m)
            && self.half_m.is_none_or(|[x, y]| at.x.abs() <= x && at.y.abs() <= y)
    }
}

/// A frame that is turned about the vertical.
fn upright([x, y, z]: [f64; 3], yaw_deg: f64) -> Isometry3<f64> {
    let turn = UnitQuaternion::from_euler_angles(0.0, 0.0, yaw_deg.to_radians());
    Isometry3::from_parts(Translation3::new(x, y, z), turn)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: f64, y: f64, z: f64) -> Vector3<f64> {
        Vector3::new(x, y, z)
    }

    fn distance_m(obstacle: &Obstacle, point: Vector3<f64>) -> f64 {
        obstacle.distance_m(&obstacle.own_from_base.apply(&point))
    }

    fn turned_box() -> KeepOutBox {
        KeepOutBox {
            name: "box".to_string(),
            center_m: [1.0, 2.0, 3.0],
            size_m: [0.4, 0.2, 0.6],
            yaw_deg: 90.0,
            margin_m: 0.02,
            entered_within: Vec::new(),
            entry_margin_m: 0.001,
        }
    }

    #[test]
    fn distances_from_faces_edges_corners_and_inside() {
        // Turned by 90 degrees it extends 0.1 along x, 0.2 along y and 0.3 along z to each side.
        let one = Obstacle::of_box(&turned_box());
        for (point, expected) in [
            (at(1.15, 2.0, 3.0), 0.05),
            (at(1.0, 2.25, 3.1), 0.05),
            (at(1.13, 2.24, 3.0), 0.05),
            (at(0.88, 1.77, 3.36), 0.07),
            (at(1.0, 2.0, 3.0), -0.1),
            (at(1.0, 2.0, 3.28), -0.02),
            (at(1.1, 2.0, 3.0), 0.0),
        ] {
            let got = distance_m(&one, point);
            assert!((got - expected).abs() < 1e-12, "{point:?}: {got}");
        }
        let table = KeepOutTable {
            height_m: 0.1,
            margin_m: 0.02,
            entered_within: Vec::new(),
            entry_margin_m: 0.0,
        };
        assert!((distance_m(&Obstacle::of_table(&table), at(3.0, 4.0, 0.07)) + 0.03).abs() < 1e-12);
    }

    #[test]
    fn only_in_a_region_and_only_for_the_hand_the_margin_is_smaller() {
        let cylinder = EntryRegion {
            center_m: [0.3, 0.1],
            z_m: [0.0, 0.2],
            radius_m: Some(0.01),
            size_m: None,
            yaw_deg: 0.0,
            margin_m: None,
        };
        let passage = EntryRegion {
            center_m: [0.5, 0.0],
            size_m: Some([0.2, 0.02]),
            radius_m: None,
            yaw_deg: 90.0,
            ..cylinder.clone()
        };
        // Where something is put down it touches.
        let touching = EntryRegion { z_m: [0.0, 0.05], margin_m: Some(-0.001), ..cylinder.clone() };
        let entered_within = vec![cylinder, passage, touching];
        let one = Obstacle::of_box(&KeepOutBox { entered_within, ..turned_box() });
        for (tool, is_inside) in [
            (at(0.309, 0.1, 0.1), true),
            (at(0.308, 0.108, 0.1), false),
            (at(0.3, 0.1, 0.21), false),
            (at(0.505, 0.09, 0.1), true),
            (at(0.59, 0.005, 0.1), false),
            (at(0.505, 0.09, -0.01), false),
        ] {
            let hand_m = if is_inside { 0.001 } else { 0.02 };
            assert_eq!(one.margins_m(&tool), [0.02, hand_m], "{tool:?}");
        }
        assert_eq!(one.margins_m(&at(0.3, 0.1, 0.04)), [0.02, -0.001]);
    }
}
