//! What stands in one cell: both tasks' places, and clutter.

use rmrl_cell::{TaskConfig, TaskKind};

use crate::config::SimulationConfig;
use crate::ground_truth::TargetPlace;
use crate::scene::arm_truth::ArmTruth;
use crate::scene::clutter::{Object, draw_clutter};
use crate::scene::cuboid::{Cuboid, Material};
use crate::scene::layout::places;

/// What stands in one cell.
pub(super) struct Fixtures {
    /// The box on the table and the shelf: what the plate may come to touch.
    pub receptacles: Vec<Cuboid>,
    /// What lies around them, where no plate gets to.
    pub clutter: Vec<Object>,
    /// The place of the cell's task.
    pub target: TargetPlace,
}

impl Fixtures {
    pub(super) fn build(
        config: &SimulationConfig,
        task: &TaskConfig,
        cell_seed: u64,
        arm: &ArmTruth,
    ) -> Self {
        let plate = config.plate;
        let mut receptacles = Vec::new();
        for (kind, place) in &places(task) {
            // The arm was taught its places with the tool it has, so that is where they truly are.
            let pose = arm.true_tool(task.release_pose(place.pose(), place.surface_m));
            match kind {
                TaskKind::Table => {
                    let on_table = &config.table_box;
                    receptacles.extend(on_table.walls(pose, place.surface_m, plate, Material::Box));
                }
                TaskKind::Shelf => {
                    let slot = &config.shelf_slot;
                    receptacles.push(slot.board(pose, place.surface_m, plate, Material::Shelf));
                    receptacles.extend(slot.walls(pose, place.surface_m, plate, Material::Shelf));
                }
            }
        }
        let board = config.board.as_ref();
        let view_height_m = config.camera.height_m;
        Self {
            receptacles,
            clutter: draw_clutter(config.cells.clutter, cell_seed, task, view_height_m, board),
            target: TargetPlace {
                pose: arm.true_tool(task.trajectory().place),
                surface_m: task.place.surface_m,
                clearance_m: match task.kind {
                    TaskKind::Table => config.table_box.clearance_m,
                    TaskKind::Shelf => config.shelf_slot.clearance_m,
                },
            },
        }
    }

    /// All that stops the hand.
    pub(super) fn obstacles(&self) -> Vec<Cuboid> {
        let clutter = self.clutter.iter().map(|object| object.cuboid);
        self.receptacles.iter().copied().chain(clutter).collect()
    }
}
