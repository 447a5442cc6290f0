//! What stops the hand on its path, except the plate.

use rmrl_cell::ToolPose;
use rmrl_core::wrap_angle;

use crate::physics::block::Block;
use crate::physics::hand::Hand;
use crate::physics::hand_shape::HandShape;
use crate::physics::linear_motion::interpolate;
use crate::scene::cuboid::Cuboid;

/// The path is checked at points not farther apart than this, in meters.
const STEP_M: f64 = 0.001;
/// The path is checked at points not more turned than this, in radians.
const STEP_RAD: f64 = 0.01;

/// Everything that the hand must not pass through: the table and what stands on it.
#[derive(Default)]
pub(crate) struct Obstacles {
    /// What stands upright.
    pub upright: Vec<Cuboid>,
    /// What stands tilted.
    pub tilted: Vec<Block>,
}

/// One of them, or the table.
enum Obstacle<'a> {
    Table,
    Upright(&'a Cuboid),
    Tilted(&'a Block, Cuboid),
}

/// A straight path of the hand in small steps.
struct HandPath {
    shape: HandShape,
    hand: Hand,
    arrival: ToolPose,
    steps: usize,
}

impl Obstacles {
    /// Where the hand, on its straight path to `arrival`, meets an obstacle; `None` if the path is
    /// free.
    ///
    /// A hand that touches something already may leave it: before that it meets nothing.
    pub(crate) fn blocked_at(
        &self,
        shape: HandShape,
        hand: Hand,
        arrival: ToolPose,
    ) -> Option<ToolPose> {
        let path = HandPath::new(shape, hand, arrival);
        path.before_meeting(path.first_met(&self.near(&path))?)
    }

    /// The same where a hand that touches one thing may still meet others.
    pub(crate) fn blocked_by_any_at(
        &self,
        shape: HandShape,
        hand: Hand,
        arrival: ToolPose,
    ) -> Option<ToolPose> {
        let path = HandPath::new(shape, hand, arrival);
        let near = self.near(&path);
        let met = near.chunks(1).filter_map(|one| path.first_met(one)).min()?;
        path.before_meeting(met)
    }

    /// Whether any of these parts meets an obstacle.
    pub(crate) fn meet(&self, parts: &[Cuboid]) -> bool {
        let upright = self.upright.iter().map(Obstacle::Upright);
        let tilted = self.tilted.iter().map(Obstacle::tilted);
        upright.chain(tilted).any(|one| one.meets(parts))
    }

    /// In how many steps a straight path is checked.
    pub(crate) fn steps(from: ToolPose, to: ToolPose) -> usize {
        let distance_m = from.planar.distance_m(to.planar).hypot(to.z_m - from.z_m);
        let turn_rad = wrap_angle(to.planar.yaw_rad - from.planar.yaw_rad).abs();
        (distance_m / STEP_M).max(turn_rad / STEP_RAD).ceil().max(1.0) as usize
    }

    /// What the hand may meet on its path.
    fn near(&self, path: &HandPath) -> Vec<Obstacle<'_>> {
        let from = path.hand.tool;
        let lowest_m = from.z_m.min(path.arrival.z_m);
        let path_m = from.planar.distance_m(path.arrival.planar);
        let is_near = |one: &Cuboid| {
            let reach_m = one.half_extents_m[0].hypot(one.half_extents_m[1]) + path.shape.reach_m();
            one.top_m() > lowest_m && from.planar.distance_m(one.pose) < reach_m + path_m
        };
        let upright = self.upright.iter().filter(|one| is_near(one)).map(Obstacle::Upright);
        let tilted = self.tilted.iter().filter(|one| is_near(&one.footprint()));
        let table = (lowest_m < 0.0).then_some(Obstacle::Table);
        table.into_iter().chain(upright).chain(tilted.map(Obstacle::tilted)).collect()
    }
}

impl<'a> Obstacle<'a> {
    fn tilted(block: &'a Block) -> Self {
        Self::Tilted(block, block.footprint())
    }

    /// Whether any of the hand's parts meets it.
    fn meets(&self, parts: &[Cuboid]) -> bool {
        parts.iter().any(|part| match self {
            Self::Table => part.bottom_m() < 0.0,
            Self::Upright(cuboid) => part.overlaps(cuboid),
            Self::Tilted(block, around) => {
                part.overlaps(around) && block.overlaps(&Block::upright(part))
            }
        })
    }
}

impl HandPath {
    fn new(shape: HandShape, hand: Hand, arrival: ToolPose) -> Self {
        Self { shape, hand, arrival, steps: Obstacles::steps(hand.tool, arrival) }
    }

    fn at(&self, step: usize) -> ToolPose {
        interpolate(self.hand.tool, self.arrival, step as f64 / self.steps as f64)
    }

    /// The first step at which the hand meets any of these, after it left those that it touched in the beginning.
    fn first_met(&self, obstacles: &[Obstacle<'_>]) -> Option<usize> {
        if obstacles.is_empty() {
            return None;
        }
        let meets = |step: usize| {
            let tool = self.at(step);
            let parts = self.shape.cuboids(&Hand { tool, ..self.hand });
            obstacles.iter().any(|one| one.meets(&parts))
        };
        let free = (0..=self.steps).find(|step| !meets(*step))?;
        (free..=self.steps).find(|step| meets(*step))
    }

    fn before_meeting(&self, met: usize) -> Option<ToolPose> {
        Some(self.at(met.checked_sub(1)?))
    }
}
