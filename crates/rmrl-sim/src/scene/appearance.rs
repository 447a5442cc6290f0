//! The look of a plate: its color, its wells, and its lid.

use rand::RngExt;
use rmrl_core::random_stream;

use crate::scene::cell_distribution::CellDistribution;

/// The look of one plate. It makes no difference to the physics: the body is the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlateLook {
    /// How bright its body and wells are, relative to a black plate.
    pub brightness: f64,
    /// From black, 0, to dark blue, 1.
    pub tint: f64,
    /// How bright the rims of its wells are, relative to those of a black plate.
    pub rim_brightness: f64,
    /// Radius of its wells, in meters.
    pub well_radius_m: f64,
    /// How far a lid raises its top, in meters; `None` without a lid.
    ///
    /// A lid rests on the plate and moves with it. The jaws grip below it, and its weight is
    /// neglected.
    pub lid_height_m: Option<f64>,
}

impl PlateLook {
    /// A black plate without a lid: the one that targets are recorded with.
    pub const PLAIN: Self = Self {
        brightness: 1.0,
        tint: 0.0,
        rim_brightness: 1.0,
        well_radius_m: 0.0033,
        lid_height_m: None,
    };
}

impl CellDistribution {
    /// Draws the plate of a scene in the cell of a seed. Before the first scene, 0, it is
    /// [`PlateLook::PLAIN`].
    pub fn draw_plate(&self, cell_seed: u64, scene: u32) -> PlateLook {
        if scene == 0 {
            return PlateLook::PLAIN;
        }
        let mut rng = random_stream(cell_seed, "plate", [u64::from(scene), 0]);
        let mut within = |[least, most]: [f64; 2]| least + (most - least) * rng.random::<f64>();
        // Drawn in any case, so that a scene's plate is the same with and without a lid.
        let lid_height_m = within(self.lid_height_m);
        let has_lid = within([0.0, 1.0]) < self.lid_share;
        PlateLook {
            brightness: within(self.plate_brightness),
            tint: within(self.plate_tint),
            rim_brightness: within(self.rim_brightness),
            well_radius_m: within(self.well_radius_m),
            lid_height_m: has_lid.then_some(lid_height_m),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lids_are_as_frequent_as_configured_and_a_scene_keeps_its_plate() {
        let distribution = CellDistribution::default();
        let plates: Vec<_> = (0..20)
            .flat_map(|seed| (1..=50).map(move |scene| (seed, scene)))
            .map(|(seed, scene)| distribution.draw_plate(seed, scene))
            .collect();
        let lidded = plates.iter().filter(|plate| plate.lid_height_m.is_some()).count();
        let share = lidded as f64 / plates.len() as f64;
        assert!((share - distribution.lid_share).abs() < 0.05, "{share}");
        assert_eq!(distribution.draw_plate(3, 7), distribution.draw_plate(3, 7));
        assert_ne!(distribution.draw_plate(3, 7), distribution.draw_plate(3, 8));

        let bare = CellDistribution { lid_share: 0.0, ..distribution };
        let plate = PlateLook { lid_height_m: None, ..distribution.draw_plate(3, 7) };
        assert_eq!(bare.draw_plate(3, 7), plate);
    }

    #[test]
    fn targets_and_perfect_cells_have_the_plain_plate() {
        assert_eq!(CellDistribution::default().draw_plate(1, 0), PlateLook::PLAIN);
        for scene in 0..20 {
            assert_eq!(CellDistribution::PERFECT.draw_plate(1, scene), PlateLook::PLAIN);
        }
    }
}
