//! Where things stand in a cell: the middle of the workspace, the tasks' places, and the walls of
//! the box on the table and of the shelf's slot.

use rmrl_cell::{Place, TaskConfig, TaskKind};
use rmrl_core::{ConfigKeys, PlanarPose};
use rmrl_vision::PlateGeometry;
use serde::{Deserialize, Serialize};

use crate::scene::cuboid::{Cuboid, Material, pose_in_frame};

/// The middle of the workspace, in meters. The camera hangs over it, and calibration errors turn
/// about it.
pub(crate) const WORKSPACE_CENTER_M: [f64; 2] = [0.36, 0.0];

/// The places of both tasks, because both stand in every cell: the chosen task's as configured, the
/// other's by default.
pub(crate) fn places(task: &TaskConfig) -> [(TaskKind, Place); 2] {
    TaskKind::ALL.map(|kind| {
        let place = if kind == task.kind { task.place } else { TaskConfig::of(kind).place };
        (kind, place)
    })
}

/// A place for a plate: walls around a surface, with some clearance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(deny_unknown_fields)]
pub struct Receptacle {
    /// The free room to each side of a centered plate, in meters.
    #[key(at_least = 0.0005, at_most = 0.03)]
    pub clearance_m: f64,
    /// Height of the walls above the surface, in meters.
    #[key(at_least = 0.001, at_most = 0.05)]
    pub wall_height_m: f64,
}

/// Thickness of the walls, in meters.
const WALL_THICKNESS_M: f64 = 0.004;
/// Length of the wall pieces at the corners of the long sides, in meters. Between them the sides
/// are open, so that the fingers can let go.
const CORNER_LENGTH_M: f64 = 0.024;
/// How far the shelf's board reaches beyond its walls, in meters.
const SHELF_MARGIN_M: f64 = 0.01;

impl Receptacle {
    /// The walls around `center` on a surface at `surface_m`: whole at the short sides, pieces at
    /// the corners of the long ones.
    pub fn walls(
        &self,
        center: PlanarPose,
        surface_m: f64,
        plate: PlateGeometry,
        material: Material,
    ) -> Vec<Cuboid> {
        let half = 0.5 * WALL_THICKNESS_M;
        let (inner_x, inner_y) = self.inner_half_extents(plate);
        let wall = |x: f64, y: f64, half_x: f64, half_y: f64| Cuboid {
            pose: pose_in_frame(center, x, y),
            center_z_m: surface_m + 0.5 * self.wall_height_m,
            half_extents_m: [half_x, half_y, 0.5 * self.wall_height_m],
            material,
        };
        let mut walls = Vec::with_capacity(6);
        for side in [-1.0, 1.0] {
            walls.push(wall(side * (inner_x + half), 0.0, half, inner_y + WALL_THICKNESS_M));
            for end in [-1.0, 1.0] {
                walls.push(wall(
                    end * (inner_x - 0.5 * CORNER_LENGTH_M),
                    side * (inner_y + half),
                    0.5 * CORNER_LENGTH_M,
                    half,
                ));
            }
        }
        walls
    }

    /// The board of a shelf whose top is at `surface_m`, from the table up.
    pub(crate) fn board(
        &self,
        center: PlanarPose,
        surface_m: f64,
        plate: PlateGeometry,
        material: Material,
    ) -> Cuboid {
        let (inner_x, inner_y) = self.inner_half_extents(plate);
        let margin = WALL_THICKNESS_M + SHELF_MARGIN_M;
        Cuboid {
            pose: center,
            center_z_m: 0.5 * surface_m,
            half_extents_m: [inner_x + margin, inner_y + margin, 0.5 * surface_m],
            material,
        }
    }

    fn inner_half_extents(&self, plate: PlateGeometry) -> (f64, f64) {
        (0.5 * plate.length_m + self.clearance_m, 0.5 * plate.width_m + self.clearance_m)
    }
}
