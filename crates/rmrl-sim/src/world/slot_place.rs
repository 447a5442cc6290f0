//! Where the slots of a laboratory truly are, and what stands around them.

use rmrl_cell::TaskConfig;
use rmrl_core::PlanarPose;
use rmrl_vision::PlateGeometry;

use crate::laboratory_config::{SimulatedLaboratory, SimulatedSlot, SlotWalls};
use crate::physics::block::Block;
use crate::physics::fixed_bodies::FixedBodies;
use crate::physics::hand_shape::HandShape;
use crate::scene::arm_truth::ArmTruth;
use crate::scene::cuboid::{Cuboid, Material, pose_in_frame};
use crate::scene::nest::{Nest, NestWalls};

/// A block below a surface reaches beyond a plate by this, in meters.
const BLOCK_MARGIN_M: f64 = 0.014;

/// The least thickness of the walls of a tray, in meters.
const WALL_M: f64 = 0.004;
/// Where fingers pass above the walls of a tray, these are as high as this share of the height at which plates are gripped.
const RAIL_SHARE: f64 = 0.5;
/// A hand works up to this far from a slot, in meters: half the diagonals of hand and plate, and some margin.
const AROUND_M: f64 = 0.125;
/// The same of an open place on the table, where a plate may be carried about: by 4 cm and 20 degrees.
const AROUND_OPEN_M: f64 = 0.2;
/// How long a level way in may be, in meters.
const APPROACH_M: f64 = 0.16;

/// Where a slot truly is.
#[derive(Debug, Clone)]
pub(crate) struct SlotPlace {
    pub name: String,
    /// The pose of a plate exactly in it.
    pub pose: PlanarPose,
    /// Height of its surface, in meters.
    pub surface_m: f64,
    /// Where the hand works there, at any height.
    pub zone: Cuboid,
}

/// Where all slots truly are, and what stands around them.
pub(crate) struct LaboratoryFixtures {
    pub slots: Vec<SlotPlace>,
    pub fixed: FixedBodies,
}

impl LaboratoryFixtures {
    pub(crate) fn build(
        laboratory: &SimulatedLaboratory,
        task: &TaskConfig,
        plate: PlateGeometry,
        arm: &ArmTruth,
    ) -> Self {
        let shape = laboratory.gripper.shape();
        let mut fixed = FixedBodies::default();
        let slots = laboratory.slots.iter().map(|slot| {
            let place = true_place(slot, task, arm, shape);
            add_walls(&mut fixed, slot, &place, (plate, task.grasp_height_m), shape);
            place
        });
        let slots = slots.collect();
        Self { slots, fixed }
    }
}

/// Where a slot truly is. The arm was taught it with the tool it has, so it is where that tool truly was; what stands on the
/// table stands on the table.
fn true_place(
    slot: &SimulatedSlot,
    task: &TaskConfig,
    arm: &ArmTruth,
    shape: HandShape,
) -> SlotPlace {
    let taught = task.release_pose(slot.tool, slot.surface_m);
    let truly = arm.true_tool(taught);
    let rise_m = if slot.surface_m > 0.0 { truly.z_m - taught.z_m } else { 0.0 };
    SlotPlace {
        name: slot.name.clone(),
        pose: truly.planar,
        surface_m: slot.surface_m + rise_m,
        zone: zone(truly.planar, shape, slot),
    }
}

/// Where the hand works at a slot.
fn zone(place: PlanarPose, shape: HandShape, slot: &SimulatedSlot) -> Cuboid {
    let is_open = matches!(slot.walls, SlotWalls::None) && slot.surface_m == 0.0;
    let around_m = if is_open { AROUND_OPEN_M } else { AROUND_M };
    let is_entered_level = matches!(slot.walls, SlotWalls::Boxes(_));
    let before_m = if is_entered_level { APPROACH_M } else { 0.0 };
    let back_m = before_m + shape.reach_m().max(around_m);
    Cuboid {
        pose: pose_in_frame(shape.frame(place), 0.5 * (around_m - back_m), 0.0),
        center_z_m: 0.0,
        half_extents_m: [0.5 * (around_m + back_m), around_m, 1.0],
        material: Material::Box,
    }
}

fn add_walls(
    fixed: &mut FixedBodies,
    slot: &SimulatedSlot,
    place: &SlotPlace,
    (plate, grip_height_m): (PlateGeometry, f64),
    shape: HandShape,
) {
    let block = || block_below(place, plate);
    match &slot.walls {
        SlotWalls::None => fixed.fixtures.extend(block()),
        SlotWalls::Nest { clearance_m, wall_height_m, chamfer_m } => {
            let half_m = [plate.length_m, plate.width_m].map(|side| 0.5 * side + clearance_m);
            let nest = Nest {
                inner_half_m: half_m,
                wall_height_m: *wall_height_m,
                chamfer_m: *chamfer_m,
                rail_height_m: RAIL_SHARE * grip_height_m,
                thickness_m: WALL_M.max(2.0 * chamfer_m),
            };
            let (pose, surface_m) = (place.pose, place.surface_m);
            let NestWalls { walls, slopes } = match shape {
                HandShape::Vertical => nest.for_fingers_from_above(pose, surface_m),
                HandShape::Bio { fingers_rad } => {
                    nest.for_fingers_over_one_side(pose, surface_m, fingers_rad)
                }
            };
            fixed.fixtures.extend(block().into_iter().chain(walls));
            let slopes = slopes.into_iter();
            fixed.chamfers.extend(slopes.map(|(world_from_block, half_extents_m)| Block {
                world_from_block,
                half_extents_m,
            }));
        }
        SlotWalls::Boxes(boxes) => {
            let rise_m = place.surface_m - slot.surface_m;
            fixed
                .fixtures
                .extend(boxes.iter().map(|one| moved(one, slot.tool, place.pose, rise_m)));
        }
    }
}

/// What a surface above the table lies on: a block from the table up.
fn block_below(place: &SlotPlace, plate: PlateGeometry) -> Option<Cuboid> {
    let half_m = [plate.length_m, plate.width_m].map(|side| 0.5 * side + BLOCK_MARGIN_M);
    (place.surface_m > 0.0).then(|| Cuboid {
        pose: place.pose,
        center_z_m: 0.5 * place.surface_m,
        half_extents_m: [half_m[0], half_m[1], 0.5 * place.surface_m],
        material: Material::Shelf,
    })
}

/// A cuboid that belongs to a slot which was taught at one pose and truly is at another.
fn moved(cuboid: &Cuboid, taught: PlanarPose, truly: PlanarPose, rise_m: f64) -> Cuboid {
    let [dx, dy] = [cuboid.pose.x_m - taught.x_m, cuboid.pose.y_m - taught.y_m];
    let (sin, cos) = taught.yaw_rad.sin_cos();
    let at = pose_in_frame(truly, cos * dx + sin * dy, cos * dy - sin * dx);
    let yaw_rad = truly.yaw_rad + cuboid.pose.yaw_rad - taught.yaw_rad;
    Cuboid { pose: PlanarPose { yaw_rad, ..at }, center_z_m: cuboid.center_z_m + rise_m, ..*cuboid }
}
