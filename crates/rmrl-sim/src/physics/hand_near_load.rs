//! Where on its path an empty hand may touch a load.

use rmrl_cell::ToolPose;

use crate::physics::block::Block;
use crate::physics::hand::Hand;
use crate::physics::hand_shape::HandShape;
use crate::physics::linear_motion::interpolate;
use crate::physics::obstacles::Obstacles;
use crate::scene::cuboid::Cuboid;

/// A hand that is this near may touch a load, in meters.
const NEAR_M: f64 = 0.001;
/// A hand that is deeper in a load than this does not press on it, but was put there, in meters: springs yield by less.
const INSIDE_M: f64 = 0.001;

/// The straight path of an empty hand beside a load.
pub(crate) struct HandNearLoad {
    shape: HandShape,
    hand: Hand,
    arrival: ToolPose,
    steps: usize,
    /// The load's parts, each with the upright cuboid around it.
    load: Vec<(Block, Cuboid)>,
}

impl HandNearLoad {
    pub(crate) fn new(
        shape: HandShape,
        hand: Hand,
        arrival: ToolPose,
        load: impl IntoIterator<Item = Block>,
    ) -> Self {
        let steps = Obstacles::steps(hand.tool, arrival);
        let load = load.into_iter().map(|block| (block, block.footprint())).collect();
        Self { shape, hand, arrival, steps, load }
    }

    /// The first part of the path on which the hand may touch the load.
    pub(crate) fn touching(&self) -> Option<[ToolPose; 2]> {
        let touches = |step: &usize| self.meets(*step, NEAR_M);
        let first = (0..=self.steps).find(touches)?;
        let free = (first..=self.steps).find(|step| !touches(step));
        let to = free.unwrap_or(self.steps).max(first + 1);
        Some([self.at(first.saturating_sub(1)), self.at(to)])
    }

    /// Whether the hand is inside of the load in the beginning.
    pub(crate) fn begins_inside(&self) -> bool {
        self.meets(0, -INSIDE_M)
    }

    /// Where a hand that is inside of the load has left it; `None` if it never does.
    pub(crate) fn left(&self) -> Option<ToolPose> {
        (1..=self.steps).find(|step| !self.meets(*step, -INSIDE_M)).map(|step| self.at(step))
    }

    fn at(&self, step: usize) -> ToolPose {
        match step {
            0 => self.hand.tool,
            step if step >= self.steps => self.arrival,
            step => interpolate(self.hand.tool, self.arrival, step as f64 / self.steps as f64),
        }
    }

    /// Whether the hand meets the load where both were larger by `margin_m`.
    fn meets(&self, step: usize, margin_m: f64) -> bool {
        let hand = Hand { tool: self.at(step), ..self.hand };
        self.shape.touching_cuboids(&hand).iter().any(|part| {
            let half_extents_m = part.half_extents_m.map(|half| half + margin_m);
            let part = Cuboid { half_extents_m, ..*part };
            self.load.iter().any(|(block, around)| {
                around.overlaps(&part) && block.overlaps(&Block::upright(&part))
            })
        })
    }
}
