//! What stands still while a load moves.

use crate::physics::block::Block;
use crate::scene::cuboid::Cuboid;

/// What stands still while a load moves.
#[derive(Debug, Clone, Default)]
pub(crate) struct FixedBodies {
    /// What stands upright.
    pub fixtures: Vec<Cuboid>,
    /// What stands tilted.
    pub chamfers: Vec<Block>,
    /// Items, but for the load.
    pub items: Vec<Block>,
}

impl FixedBodies {
    /// All of it, what is tilted as the upright cuboids around it.
    pub(crate) fn cuboids(&self) -> impl Iterator<Item = Cuboid> + '_ {
        let tilted = self.chamfers.iter().chain(&self.items).map(Block::footprint);
        self.fixtures.iter().copied().chain(tilted)
    }
}
