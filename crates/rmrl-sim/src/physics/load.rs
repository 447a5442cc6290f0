//! What moves as one rigid body: a plate, with what lies on it.

use nalgebra::{Isometry3, Vector3};
use rmrl_core::PlanarPose;
use rmrl_vision::PlateGeometry;

use crate::physics::block::Block;

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
        };
        Self { parts: vec![part] }
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

/// How far a block reaches across the jaws from the middle of a hand, in meters.
pub(crate) fn reach_across_jaws_m(block: &Block, fingers: PlanarPose) -> f64 {
    let (sin, cos) = fingers.yaw_rad.sin_cos();
    let across = Vector3::new(-sin, cos, 0.0);
    let middle = Vector3::new(fingers.x_m, fingers.y_m, 0.0);
    let offset = block.world_from_block.translation.vector - middle;
    across.dot(&offset).abs() + block.half_extent_m(across)
}
