//! What stands in one cell: both tasks' places, and clutter.

use rmrl_cell::{Place, TaskConfig, TaskKind};
use rmrl_core::PlanarPose;

use crate::config::SimulationConfig;
use crate::ground_truth::TargetPlace;
use crate::scene::arm_truth::ArmTruth;
use crate::scene::clutter::{ClutterRoom, Object, draw_clutter};
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
            let (pose, surface_m) = true_place(task, *kind, place, arm);
            match kind {
                TaskKind::Table => {
                    let on_table = &config.table_box;
                    receptacles.extend(on_table.walls(pose, surface_m, plate, Material::Box));
                }
                TaskKind::Shelf => {
                    let slot = &config.shelf_slot;
                    receptacles.push(slot.board(pose, surface_m, plate, Material::Shelf));
                    receptacles.extend(slot.walls(pose, surface_m, plate, Material::Shelf));
                }
            }
        }
        let (pose, surface_m) = true_place(task, task.kind, &task.place, arm);
        let board = config.board.as_ref();
        let room = ClutterRoom::of_task(task);
        let view_height_m = config.camera.height_m;
        Self {
            receptacles,
            clutter: draw_clutter(config.cells.clutter, cell_seed, room, view_height_m, board),
            target: TargetPlace {
                pose,
                surface_m,
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

/// Where a place truly is: its pose and the height of its surface. The arm was taught its places with the tool it has, so
/// that is where they are, and the shelf is as high as the arm found it. The box stands on the table.
fn true_place(
    task: &TaskConfig,
    kind: TaskKind,
    place: &Place,
    arm: &ArmTruth,
) -> (PlanarPose, f64) {
    let taught = task.release_pose(place.pose(), place.surface_m);
    let truly = arm.true_tool(taught);
    let rise_m = match kind {
        TaskKind::Table => 0.0,
        TaskKind::Shelf => truly.z_m - taught.z_m,
    };
    (truly.planar, place.surface_m + rise_m)
}
