//! Motions of hand and jaws, simulated only while anything may touch the plate.

use nalgebra::Isometry3;
use rmrl_cell::ToolPose;
use rmrl_core::{PlanarPose, wrap_angle};
use rmrl_vision::PlateGeometry;

use crate::physics::block::Block;
use crate::physics::free_air::FixtureOutline;
use crate::physics::grasp_dynamics::{GraspDynamics, MotionEnd};
use crate::physics::hand::{CLOSED_HALF_OPENING_M, Hand};
use crate::physics::hand_shape::HandShape;
use crate::physics::linear_motion::{distance_to_segment_m, interpolate};
use crate::physics::load::{half_extents_m, reach_across_jaws_m};
use crate::physics::obstacles::Obstacles;
use crate::scene::cell_parameters::Friction;
use crate::scene::cuboid::Cuboid;
use crate::world::state::WorldState;

/// Above the plate's top by less than this, fingers may touch it, in meters.
const CONTACT_ZONE_M: f64 = 0.002;
/// Farther from the plate's middle than this, they cannot, in meters.
const CONTACT_REACH_M: f64 = 0.15;
/// Fingers that pass the plate at this distance do not touch it, in meters (and radians of turn).
const BESIDE_M: f64 = 0.000_5;

/// The physics between plate, fingers and fixtures. It acts on a [`WorldState`].
pub(crate) struct PlateContact {
    /// What stops the hand.
    obstacles: Obstacles,
    /// What the plate may come to touch.
    fixtures: Vec<Cuboid>,
    friction: Friction,
    geometry: PlateGeometry,
    outline: FixtureOutline,
    /// Runs while anything may touch the plate.
    dynamics: Option<GraspDynamics>,
}

impl PlateContact {
    pub(crate) fn new(
        obstacles: Obstacles,
        fixtures: Vec<Cuboid>,
        friction: Friction,
        geometry: PlateGeometry,
        outline: FixtureOutline,
    ) -> Self {
        Self { obstacles, fixtures, friction, geometry, outline, dynamics: None }
    }

    /// Moves the hand, and the plate if the jaws hold it.
    pub(crate) fn move_hand(
        &mut self,
        state: &mut WorldState,
        arrival: ToolPose,
        speed_m_s: f64,
    ) -> MotionEnd {
        let blocked_at = self.obstacles.blocked_at(HandShape::Vertical, state.hand, arrival);
        let within = blocked_at.unwrap_or(arrival);
        let end = if state.holds_plate {
            self.dynamics(state).move_hand(within, speed_m_s)
        } else {
            self.move_empty_hand(state, within, speed_m_s)
        };
        self.update(state);
        if blocked_at.is_some() { MotionEnd::Contact } else { end }
    }

    /// Moves the hand without a plate: physics runs only for the part of the path on which the
    /// fingers may touch the plate.
    fn move_empty_hand(
        &mut self,
        state: &mut WorldState,
        arrival: ToolPose,
        speed_m_s: f64,
    ) -> MotionEnd {
        let from = state.hand.tool;
        let plate = state.world_from_plate();
        let zone_m = self.top_m(&plate) + CONTACT_ZONE_M;
        let near = from.z_m.min(arrival.z_m) < zone_m
            && distance_to_segment_m(from.planar, arrival.planar, state.planar_plate())
                < CONTACT_REACH_M;
        if !near || self.passes_beside(&plate, state.hand, arrival.planar) {
            self.end(state);
            state.hand.tool = arrival;
            return MotionEnd::Arrived;
        }
        // Where the path crosses the upper limit of the zone.
        let crossing = |share: f64| interpolate(from, arrival, share).at_height(zone_m);
        let share = (zone_m - from.z_m) / (arrival.z_m - from.z_m);
        if from.z_m > zone_m {
            self.end(state);
            state.hand.tool = crossing(share);
            self.dynamics(state).move_hand(arrival, speed_m_s)
        } else if arrival.z_m > zone_m {
            let end = self.dynamics(state).move_hand(crossing(share), speed_m_s);
            self.end(state);
            state.hand.tool = arrival;
            end
        } else {
            self.dynamics(state).move_hand(arrival, speed_m_s)
        }
    }

    /// Whether the hand goes straight down or up around a plate that lies between the open jaws.
    fn passes_beside(&self, plate: &Isometry3<f64>, hand: Hand, arrival: PlanarPose) -> bool {
        let from = hand.tool.planar;
        let is_vertical = from.distance_m(arrival) < BESIDE_M
            && wrap_angle(from.yaw_rad - arrival.yaw_rad).abs() < BESIDE_M;
        let beside = reach_across_jaws_m(&self.block(plate), arrival) + 2.0 * BESIDE_M;
        is_vertical && beside < hand.half_opening_m
    }

    /// Opens the jaws, and lets the plate come to rest if it was in contact.
    pub(crate) fn open_jaws(&mut self, state: &mut WorldState, half_opening_m: f64) {
        if state.holds_plate || self.dynamics.is_some() {
            self.dynamics(state).open_jaws(half_opening_m);
            self.update(state);
        } else {
            state.hand.half_opening_m = half_opening_m;
        }
    }

    /// How far apart the jaws are, in meters.
    pub(crate) fn opening_m(&self, state: &WorldState) -> f64 {
        let plate = self.block(&state.world_from_plate());
        HandShape::Vertical.opening_m(&state.hand, state.holds_plate.then_some(plate))
    }

    /// Closes the jaws, on the plate if it lies between them.
    pub(crate) fn close_jaws(&mut self, state: &mut WorldState) {
        let tool = state.hand.tool;
        let plate = state.world_from_plate();
        let around_plate = tool.z_m < self.top_m(&plate)
            && (tool.planar.x_m - plate.translation.x).hypot(tool.planar.y_m - plate.translation.y)
                < CONTACT_REACH_M;
        if around_plate {
            self.dynamics(state).close_jaws();
            self.update(state);
        } else {
            state.hand.half_opening_m = CLOSED_HALF_OPENING_M;
        }
    }

    /// Ends the running physics, after its result has been written to `state`.
    pub(crate) fn end(&mut self, state: &mut WorldState) {
        self.update(state);
        self.dynamics = None;
    }

    /// Ends the running physics and drops its result.
    pub(crate) fn discard(&mut self) {
        self.dynamics = None;
    }

    fn block(&self, world_from_plate: &Isometry3<f64>) -> Block {
        Block { world_from_block: *world_from_plate, half_extents_m: half_extents_m(self.geometry) }
    }

    /// The height of the plate's top, in meters.
    fn top_m(&self, world_from_plate: &Isometry3<f64>) -> f64 {
        world_from_plate.translation.z + 0.5 * self.geometry.height_m
    }

    /// The running physics; starts it from `state` if it does not run.
    fn dynamics(&mut self, state: &WorldState) -> &mut GraspDynamics {
        self.dynamics.get_or_insert_with(|| {
            GraspDynamics::new(
                &self.fixtures,
                self.friction,
                self.geometry,
                &state.world_from_plate(),
                state.hand,
            )
            .with_outline(self.outline)
        })
    }

    /// Writes the result of the running physics to `state`.
    fn update(&self, state: &mut WorldState) {
        if let Some(dynamics) = &self.dynamics {
            state.holds_plate = dynamics.holds_plate();
            state.hand = dynamics.hand();
            state.set_plate(&dynamics.world_from_plate());
        }
    }
}
