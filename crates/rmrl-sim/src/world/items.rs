//! The items of a laboratory: where they are, and what lies on what.

use nalgebra::{Isometry3, Quaternion, Translation3, UnitQuaternion, Vector3};
use rmrl_cell::ToolPose;
use rmrl_vision::PlateGeometry;
use serde::{Deserialize, Serialize};

use crate::laboratory_config::ItemKind;
use crate::physics::block::Block;
use crate::physics::load::{Load, LoadPart, half_extents_m};
use crate::physics::rim::Rim;
use crate::scene::appearance::PlateLook;
use crate::scene::cuboid::Cuboid;

/// Fingers that are lower than an item's bottom by up to this still mean that item, in meters.
const BELOW_BOTTOM_M: f64 = 0.002;
/// An item that leans by less lies level, in radians.
const LEVEL_RAD: f64 = 0.02;
/// Items whose middle is farther from the tool than this are not meant, in meters.
const MEANT_M: f64 = 0.15;

/// What an item is.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub id: String,
    pub kind: ItemKind,
    pub geometry: PlateGeometry,
    pub nesting_m: f64,
    pub rim: Option<Rim>,
    pub mass_kg: f64,
    pub look: PlateLook,
}

/// Where an item is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct ItemPlace {
    /// Its center, world frame, in meters.
    center_m: [f64; 3],
    /// Its rotation as a unit quaternion, `[x, y, z, w]`.
    rotation: [f64; 4],
    /// The item that it lies on, by its number.
    pub lies_on: Option<usize>,
}

impl ItemPlace {
    pub(crate) fn new(world_from_item: &Isometry3<f64>, lies_on: Option<usize>) -> Self {
        Self {
            center_m: world_from_item.translation.vector.into(),
            rotation: world_from_item.rotation.coords.into(),
            lies_on,
        }
    }

    pub(crate) fn world_from_item(&self) -> Isometry3<f64> {
        let ([x, y, z], [i, j, k, w]) = (self.center_m, self.rotation);
        Isometry3::from_parts(
            Translation3::new(x, y, z),
            UnitQuaternion::from_quaternion(Quaternion::new(w, i, j, k)),
        )
    }
}

/// The items of a laboratory. Items are meant by their number in the list.
pub(crate) struct Items {
    pub all: Vec<Item>,
    /// Where each is; `None` for one that was taken away.
    pub places: Vec<Option<ItemPlace>>,
}

impl Items {
    /// The items that are in the laboratory, with their numbers.
    pub(crate) fn present(&self) -> impl Iterator<Item = (usize, Block)> + '_ {
        (0..self.all.len()).filter_map(|index| Some((index, self.block(index)?)))
    }

    /// An item's shape in the world.
    pub(crate) fn block(&self, index: usize) -> Option<Block> {
        let place = self.places[index]?;
        Some(self.block_at(index, place.world_from_item()))
    }

    pub(crate) fn block_at(&self, index: usize, world_from_block: Isometry3<f64>) -> Block {
        Block { world_from_block, half_extents_m: half_extents_m(self.all[index].geometry) }
    }

    /// What of an item that does not move others meet: without what reaches down beside an item below it.
    fn upper_part(&self, index: usize, whole: Block) -> Block {
        let nesting_m = self.all[index].nesting_m;
        let [x, y, z] = whole.half_extents_m;
        let up = Translation3::new(0.0, 0.0, 0.5 * nesting_m);
        Block {
            world_from_block: whole.world_from_block * up,
            half_extents_m: [x, y, z - 0.5 * nesting_m],
        }
    }

    /// The items that are in the laboratory, but for some: their numbers, and what of them others meet.
    pub(crate) fn others(&self, load: &[usize]) -> (Vec<usize>, Vec<Block>) {
        let others = self.present().filter(|(index, _)| !load.contains(index));
        others.map(|(index, whole)| (index, self.upper_part(index, whole))).unzip()
    }

    /// An item and all that lies on it, the lowest first.
    pub(crate) fn with_all_on_it(&self, base: usize) -> Vec<usize> {
        let mut load = vec![base];
        let mut next = 0;
        while next < load.len() {
            let below = load[next];
            let lies_on =
                |place: &Option<ItemPlace>| place.is_some_and(|one| one.lies_on == Some(below));
            let on_it = (0..self.all.len()).filter(|index| lies_on(&self.places[*index]));
            let new: Vec<usize> = on_it.filter(|index| !load.contains(index)).collect();
            load.extend(new);
            next += 1;
        }
        load
    }

    /// Items as one rigid body in the frame of the first.
    pub(crate) fn load(&self, indices: &[usize]) -> Option<(Load, Isometry3<f64>)> {
        let world_from_load = self.places[*indices.first()?]?.world_from_item();
        let part = |index: &usize| {
            let item = &self.all[*index];
            let world_from_part = self.places[*index]?.world_from_item();
            Some(LoadPart {
                load_from_part: world_from_load.inverse() * world_from_part,
                half_extents_m: half_extents_m(item.geometry),
                mass_kg: item.mass_kg,
                nesting_m: item.nesting_m,
                rim: item.rim,
            })
        };
        Some((Load { parts: indices.iter().filter_map(part).collect() }, world_from_load))
    }

    /// Moves items as one rigid body, so that the first is at `world_from_load` and lies on another.
    pub(crate) fn move_load(
        &mut self,
        indices: &[usize],
        world_from_load: &Isometry3<f64>,
        lies_on: Option<usize>,
    ) {
        let Some((base, on_it)) = indices.split_first() else { return };
        let Some(before) = self.places[*base] else { return };
        let after_from_before = world_from_load * before.world_from_item().inverse();
        self.places[*base] = Some(ItemPlace::new(world_from_load, lies_on));
        for index in on_it {
            if let Some(place) = &mut self.places[*index] {
                let moved = after_from_before * place.world_from_item();
                *place = ItemPlace::new(&moved, place.lies_on);
            }
        }
    }

    /// Whether the items of a load lie level, and on each other.
    pub(crate) fn lie_level(&self, indices: &[usize]) -> bool {
        let places = indices.iter().filter_map(|index| self.places[*index]);
        places.map(|place| tilt_rad(&place.world_from_item())).all(|tilt_rad| tilt_rad < LEVEL_RAD)
    }

    /// Puts the items of a load exactly on each other, the first at `world_from_load`.
    pub(crate) fn stack_exactly(&mut self, indices: &[usize], world_from_load: &Isometry3<f64>) {
        let Some((base, on_it)) = indices.split_first() else { return };
        let mut center = *world_from_load;
        let mut below = *base;
        self.places[below] = Some(ItemPlace::new(&center, None));
        for index in on_it {
            let [lower, item] = [below, *index].map(|index| &self.all[index]);
            let up_m = 0.5 * (lower.geometry.height_m + item.geometry.height_m) - item.nesting_m;
            center.translation.z += up_m;
            self.places[*index] = Some(ItemPlace::new(&center, Some(below)));
            below = *index;
        }
    }

    /// The height at which an item's bottom would be if it were put down on what lies below `footprint`, and the item there.
    pub(crate) fn top_below(&self, footprint: &Cuboid, load: &[usize]) -> Option<(f64, usize)> {
        let nesting_m = self.all[*load.first()?].nesting_m;
        let under = self.present().filter(|(index, other)| {
            !load.contains(index) && is_over(footprint, &other.footprint())
        });
        let tops = under.map(|(index, other)| (other.top_m() - nesting_m, index));
        tops.max_by(|a, b| a.0.total_cmp(&b.0))
    }

    /// The item that the fingers mean at a pose of the tool: the nearest at their height, and of those on each other the
    /// highest one.
    pub(crate) fn meant(&self, tool: ToolPose) -> Option<usize> {
        let is_at_height = |block: &Block| {
            block.bottom_m() - BELOW_BOTTOM_M <= tool.z_m && tool.z_m < block.top_m()
        };
        let near_m = |block: &Block| block.planar().distance_m(tool.planar);
        let candidates = || self.present().filter(|(_, block)| is_at_height(block));
        let (mut meant, nearest) =
            candidates().min_by(|a, b| near_m(&a.1).total_cmp(&near_m(&b.1)))?;
        if near_m(&nearest) > MEANT_M {
            return None;
        }
        let lies_on = |index: usize| self.places[index].and_then(|place| place.lies_on);
        while let Some((above, _)) = candidates().find(|(index, _)| lies_on(*index) == Some(meant))
        {
            meant = above;
        }
        Some(meant)
    }

    /// The items that a load hides from above, at one place of it.
    pub(crate) fn below(&self, load: &[usize], base: &Block) -> Vec<usize> {
        let footprint = base.footprint();
        let is_below = |(index, other): &(usize, Block)| {
            !load.contains(index)
                && other.world_from_block.translation.z < base.world_from_block.translation.z
                && is_over(&footprint, &other.footprint())
        };
        self.present().filter(is_below).map(|(index, _)| index).collect()
    }

    /// How an item looks, with a lid if one lies on it.
    pub(crate) fn look(&self, index: usize) -> PlateLook {
        let is_lid = |above: &usize| {
            let lies_on = self.places[*above].and_then(|place| place.lies_on);
            self.all[*above].kind == ItemKind::Lid && lies_on == Some(index)
        };
        let lid = (0..self.all.len()).find(is_lid);
        let rise_m = |lid: usize| self.all[lid].geometry.height_m - self.all[lid].nesting_m;
        PlateLook { lid_height_m: lid.map(rise_m), ..self.all[index].look }
    }
}

/// Whether two upright cuboids are above each other.
fn is_over(one: &Cuboid, other: &Cuboid) -> bool {
    let level = Cuboid { center_z_m: other.center_z_m, ..*one };
    level.overlaps(other)
}

/// The tilt of an item, in radians.
pub(crate) fn tilt_rad(world_from_item: &Isometry3<f64>) -> f64 {
    (world_from_item.rotation * Vector3::z()).z.clamp(-1.0, 1.0).acos()
}
