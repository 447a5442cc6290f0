//! How a person has put the items of a laboratory into their slots.

use nalgebra::{Isometry3, Translation3, UnitQuaternion};
use rmrl_core::{PlanarPose, Rng, random_stream, standard_normal};

use crate::laboratory_config::{SimulatedItem, SimulatedLaboratory};
use crate::physics::fixed_bodies::FixedBodies;
use crate::physics::rim::Rim;
use crate::scene::cell_distribution::CellDistribution;
use crate::scene::cuboid::{Cuboid, Material, pose_in_frame};
use crate::world::items::{Item, ItemPlace, Items};
use crate::world::slot_place::SlotPlace;

/// How well a person puts an item into a slot: the standard deviation each way, in meters and radians.
const IN_SLOT: [f64; 2] = [0.002, 0.017_45];
/// How well a person puts an item on another, which has an edge to feel.
const ON_ITEM: [f64; 2] = [0.000_3, 0.003_5];
/// An item is not farther from the middle of the one below than this, in meters.
const MOST_ON_ITEM_M: f64 = 0.001;
/// A person leaves this much room to walls, in meters.
const ROOM_M: f64 = 0.000_1;
/// How many poses are tried before an item is put exactly into its slot.
const TRIES: usize = 200;

/// The items of a laboratory as a person has put them into their slots.
pub(super) fn initial_items(
    laboratory: &SimulatedLaboratory,
    slots: &[SlotPlace],
    fixed: &FixedBodies,
    cells: &CellDistribution,
    cell_seed: u64,
) -> Items {
    let mut items = Items { all: Vec::new(), places: Vec::new() };
    for (index, item) in laboratory.items.iter().enumerate() {
        items.all.push(Item {
            id: item.id.clone(),
            kind: item.kind,
            geometry: item.geometry,
            nesting_m: item.nesting_m,
            rim: item.rim,
            mass_kg: item.mass_kg,
            look: cells.draw_plate(cell_seed, item.look_scene),
        });
        items.places.push(None);
        let before = &laboratory.items[..index];
        let below = before.iter().rposition(|other| other.slot == item.slot);
        let slot = slots.iter().find(|slot| slot.name == item.slot);
        let mut rng = random_stream(cell_seed, "item", [index as u64, 0]);
        let place = match (below.and_then(|below| Some((below, items.block(below)?))), slot) {
            (Some((below, block)), _) => {
                let below_half_m = [block.half_extents_m[0], block.half_extents_m[1]];
                let pose = around(block.planar(), &mut rng, ON_ITEM, |error| {
                    error.x_m.hypot(error.y_m) < MOST_ON_ITEM_M
                        && item.rim.is_none_or(|rim| is_within(error, below_half_m, rim))
                });
                let bottom_m = block.top_m() - item.nesting_m;
                Some(ItemPlace::new(&lying(pose, bottom_m, item.geometry.height_m), Some(below)))
            }
            (None, Some(slot)) => {
                let taken: Vec<Cuboid> = fixed
                    .cuboids()
                    .chain(items.present().map(|(_, block)| block.footprint()))
                    .collect();
                let fits = |error: PlanarPose| {
                    let room = with_room(moved(slot.pose, error), slot.surface_m, item);
                    !taken.iter().any(|other| other.overlaps(&room))
                };
                let pose = around(slot.pose, &mut rng, IN_SLOT, fits);
                Some(ItemPlace::new(&lying(pose, slot.surface_m, item.geometry.height_m), None))
            }
            (None, None) => None,
        };
        items.places[index] = place;
    }
    items
}

/// A random pose around another, the first whose error is accepted.
fn around(
    middle: PlanarPose,
    rng: &mut Rng,
    [sd_m, sd_rad]: [f64; 2],
    accepts: impl Fn(PlanarPose) -> bool,
) -> PlanarPose {
    for _ in 0..TRIES {
        let [x, y, yaw] = [0; 3].map(|_| standard_normal(rng));
        let error = PlanarPose::new(sd_m * x, sd_m * y, sd_rad * yaw);
        if accepts(error) {
            return moved(middle, error);
        }
    }
    middle
}

/// Whether an item below, of these half extents, is between the faces of a rim.
fn is_within(error: PlanarPose, [half_x_m, half_y_m]: [f64; 2], rim: Rim) -> bool {
    let (sin, cos) = (error.yaw_rad.sin().abs(), error.yaw_rad.cos());
    let reach_x_m = error.x_m.abs() + half_x_m * cos + half_y_m * sin;
    let reach_y_m = error.y_m.abs() + half_y_m * cos + half_x_m * sin;
    2.0 * reach_x_m < rim.inner_m[0] && 2.0 * reach_y_m < rim.inner_m[1]
}

/// A pose that errs by `error` in the frame of the right one.
pub(super) fn moved(right: PlanarPose, error: PlanarPose) -> PlanarPose {
    let yaw_rad = right.yaw_rad + error.yaw_rad;
    PlanarPose { yaw_rad, ..pose_in_frame(right, error.x_m, error.y_m) }
}

/// The center of an item that lies level.
pub(super) fn lying(pose: PlanarPose, bottom_m: f64, height_m: f64) -> Isometry3<f64> {
    Isometry3::from_parts(
        Translation3::new(pose.x_m, pose.y_m, bottom_m + 0.5 * height_m),
        UnitQuaternion::from_euler_angles(0.0, 0.0, pose.yaw_rad),
    )
}

/// An item with some room around it, above its surface.
fn with_room(pose: PlanarPose, surface_m: f64, item: &SimulatedItem) -> Cuboid {
    let geometry = item.geometry;
    Cuboid {
        pose,
        center_z_m: surface_m + 0.5 * geometry.height_m + ROOM_M,
        half_extents_m: [
            0.5 * geometry.length_m + ROOM_M,
            0.5 * geometry.width_m + ROOM_M,
            0.5 * geometry.height_m,
        ],
        material: Material::Box,
    }
}
