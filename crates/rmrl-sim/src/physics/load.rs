//! What moves as one rigid body: a plate, with what lies on it.

use std::f64::consts::FRAC_PI_2;

use nalgebra::{Isometry3, Vector3};
use rmrl_core::{PlanarPose, wrap_angle};
use rmrl_vision::PlateGeometry;

use crate::physics::block::Block;
use crate::physics::rim::Rim;

/// Mass of the plate, in kilograms: polystyrene, empty.
const PLATE_MASS_KG: f64 = 0.06;

/// One item of a load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LoadPart {
    /// The pose of its center in the frame of the lowest part's.
    pub load_from_part: Isometry3<f64>,
    /// Half its extents, in meters.
    pub half_extents_m: [f64; 3],
    /// Its mass, in kilograms.
    pub mass_kg: f64,
    /// How far it sinks over an item that it lies on, in meters.
    pub nesting_m: f64,
    /// What guides it over an item that it is lowered onto.
    pub rim: Option<Rim>,
}

impl LoadPart {
    /// Its rim in the frame of the load.
    pub(crate) fn rim_blocks(&self) -> Vec<Block> {
        let Some(rim) = self.rim else { return Vec::new() };
        // The top of what it lies on meets it here.
        let below_m = self.nesting_m - self.half_extents_m[2];
        let in_load = |block: Block| Block {
            world_from_block: self.load_from_part * block.world_from_block,
            ..block
        };
        rim.blocks(below_m, self.nesting_m).into_iter().map(in_load).collect()
    }
}

/// What moves as one rigid body: a plate, with what lies on it. The lowest part comes first; its frame is that of the load.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Load {
    pub parts: Vec<LoadPart>,
}

impl Load {
    /// A plate alone.
    pub(crate) fn plate(geometry: PlateGeometry) -> Self {
        let part = LoadPart {
            load_from_part: Isometry3::identity(),
            half_extents_m: half_extents_m(geometry),
            mass_kg: PLATE_MASS_KG,
            nesting_m: 0.0,
            rim: None,
        };
        Self { parts: vec![part] }
    }

    /// Its mass, in kilograms.
    pub(crate) fn mass_kg(&self) -> f64 {
        self.parts.iter().map(|part| part.mass_kg).sum()
    }

    /// Its parts in the world.
    pub(crate) fn blocks(
        &self,
        world_from_load: &Isometry3<f64>,
    ) -> impl Iterator<Item = Block> + use<'_> {
        let world_from_load = *world_from_load;
        self.parts.iter().map(move |part| Block {
            world_from_block: world_from_load * part.load_from_part,
            half_extents_m: part.half_extents_m,
        })
    }

    /// How far it reaches across the jaws from the middle of a hand whose fingers are along the x axis of `fingers`, in
    /// meters.
    pub(crate) fn reach_across_jaws_m(
        &self,
        world_from_load: &Isometry3<f64>,
        fingers: PlanarPose,
    ) -> f64 {
        let reach_m = |block: Block| reach_across_jaws_m(&block, fingers);
        self.blocks(world_from_load).map(reach_m).fold(0.0, f64::max)
    }
}

/// Half the extents of a plate, in meters.
pub(crate) fn half_extents_m(geometry: PlateGeometry) -> [f64; 3] {
    [geometry.length_m, geometry.width_m, geometry.height_m].map(|extent| 0.5 * extent)
}

/// How far a level block reaches to both sides of the x axis of `fingers`, between two places along it, in meters: to +y and to
/// -y. `None` if it does not reach there.
pub(crate) fn sides_m(
    block: &Block,
    fingers: PlanarPose,
    [from_m, to_m]: [f64; 2],
) -> Option<[f64; 2]> {
    let PlanarPose { x_m, y_m, yaw_rad } = block.planar();
    let [dx, dy] = [x_m - fingers.x_m, y_m - fingers.y_m];
    let (sin, cos) = fingers.yaw_rad.sin_cos();
    let [along_m, across_m] = [cos * dx + sin * dy, cos * dy - sin * dx];
    // The two sides that are about along the fingers, as lines: half turns do not matter, quarter turns swap the extents.
    let turn_rad = wrap_angle(yaw_rad - fingers.yaw_rad);
    let quarters = (turn_rad / FRAC_PI_2).round();
    let [half_x, half_y, _] = block.half_extents_m;
    let is_swapped = quarters.rem_euclid(2.0) == 1.0;
    let [half_length_m, half_width_m] =
        if is_swapped { [half_y, half_x] } else { [half_x, half_y] };
    let slope_rad = turn_rad - quarters * FRAC_PI_2;
    let reach_m = half_length_m * slope_rad.cos();
    let [from_m, to_m] = [from_m.max(along_m - reach_m), to_m.min(along_m + reach_m)];
    if from_m >= to_m {
        return None;
    }
    let farthest_m = |side: f64| {
        let at = |place_m: f64| {
            half_width_m / slope_rad.cos()
                + side * (slope_rad.tan() * (place_m - along_m) + across_m)
        };
        at(from_m).max(at(to_m))
    };
    Some([farthest_m(1.0), farthest_m(-1.0)])
}

/// How far a block reaches across the jaws from the middle of a hand, in meters.
pub(crate) fn reach_across_jaws_m(block: &Block, fingers: PlanarPose) -> f64 {
    let (sin, cos) = fingers.yaw_rad.sin_cos();
    let across = Vector3::new(-sin, cos, 0.0);
    let middle = Vector3::new(fingers.x_m, fingers.y_m, 0.0);
    let offset = block.world_from_block.translation.vector - middle;
    across.dot(&offset).abs() + block.half_extent_m(across)
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use nalgebra::{Translation3, UnitQuaternion};

    use super::*;

    /// The sides of a turned plate are lines; between the pads they are nearer to the fingers' axis than its corners.
    #[test]
    fn the_sides_of_a_turned_plate_are_found_between_the_pads() {
        let fingers = PlanarPose::new(0.3, 0.1, 1.0);
        let block = |along_m: f64, across_m: f64, turn_rad: f64| Block {
            world_from_block: Isometry3::from_parts(
                Translation3::new(
                    fingers.x_m + along_m * 1f64.cos() - across_m * 1f64.sin(),
                    fingers.y_m + along_m * 1f64.sin() + across_m * 1f64.cos(),
                    0.0,
                ),
                UnitQuaternion::from_euler_angles(0.0, 0.0, 1.0 + turn_rad),
            ),
            half_extents_m: [0.064, 0.043, 0.007],
        };
        let pads = [-0.06, 0.0];
        for (turn_rad, half_m) in
            [(0.0, 0.043), (PI, 0.043), (FRAC_PI_2, 0.064), (-FRAC_PI_2, 0.064)]
        {
            let [left, right] = sides_m(&block(0.0, 0.002, turn_rad), fingers, pads).unwrap();
            assert!((left - half_m - 0.002).abs() < 1e-12, "{turn_rad}: {left}");
            assert!((right - half_m + 0.002).abs() < 1e-12, "{turn_rad}: {right}");
        }
        // Counterclockwise about its middle at the tips, its +y side is nearer behind them.
        let [left, right] = sides_m(&block(0.0, 0.0, 0.02), fingers, pads).unwrap();
        assert!((left - 0.043 / 0.02f64.cos()).abs() < 1e-12, "{left}");
        assert!((right - 0.043 / 0.02f64.cos() - 0.06 * 0.02f64.tan()).abs() < 1e-12, "{right}");
        assert_eq!(sides_m(&block(0.07, 0.0, 0.0), fingers, pads), None);
    }
}
