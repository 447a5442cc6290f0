//! The rim of a lid, which guides the lid onto its plate.

use std::f64::consts::PI;

use nalgebra::{Isometry3, Translation3, UnitQuaternion};
use rmrl_core::PlanarPose;

use crate::physics::block::Block;
use crate::scene::nest::{Nest, NestWalls};

/// The inside of the rim of a lid, which guides the lid onto its plate.
///
/// The rim is as deep as the lid sinks over the plate. Plates are simulated as cuboids of their footprint, so the rim is outside of
/// the lid's own cuboid by its clearance and thickness. Only items meet it, neither hand nor walls.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rim {
    /// The room for the plate between its faces, along the lid's x and y axes, in meters.
    pub inner_m: [f64; 2],
    /// The lead-in at its lower edge, at 45 degrees, in meters across and up. The rim is as thick.
    pub chamfer_m: f64,
}

impl Rim {
    /// Its walls and slopes below a height in the frame of its lid, both in meters: a tray upside down.
    pub(crate) fn blocks(&self, below_m: f64, depth_m: f64) -> Vec<Block> {
        let nest = Nest {
            inner_half_m: self.inner_m.map(|inner_m| 0.5 * inner_m),
            wall_height_m: depth_m,
            chamfer_m: self.chamfer_m,
            rail_height_m: depth_m,
            thickness_m: self.chamfer_m,
        };
        let NestWalls { walls, slopes } = nest.closed(PlanarPose::new(0.0, 0.0, 0.0), 0.0);
        let slopes = slopes
            .into_iter()
            .map(|(world_from_block, half_extents_m)| Block { world_from_block, half_extents_m });
        let lid_from_tray = Isometry3::from_parts(
            Translation3::new(0.0, 0.0, below_m),
            UnitQuaternion::from_euler_angles(PI, 0.0, 0.0),
        );
        let turned = |block: Block| Block {
            world_from_block: lid_from_tray * block.world_from_block,
            ..block
        };
        walls.iter().map(Block::upright).chain(slopes).map(turned).collect()
    }
}
