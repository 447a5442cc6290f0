//! Motions of hand and jaws among the items of a laboratory, simulated only while anything may touch the one that moves.

use nalgebra::Isometry3;
use rmrl_cell::ToolPose;

use crate::physics::block::Block;
use crate::physics::fixed_bodies::FixedBodies;
use crate::physics::grasp_dynamics::{GraspDynamics, MotionEnd};
use crate::physics::hand::{CLOSED_HALF_OPENING_M, Hand};
use crate::physics::hand_near_load::HandNearLoad;
use crate::physics::hand_shape::HandShape;
use crate::physics::obstacles::Obstacles;
use crate::scene::appearance::PlateLook;
use crate::scene::cell_parameters::Friction;
use crate::world::items::Items;
use crate::world::state::WorldState;

/// Opening jaws are checked at points not farther apart than this, in meters.
const JAW_STEP_M: f64 = 0.000_1;
/// Fingers that hold something push what lies under it aside by up to this, in meters.
const PUSHED_ASIDE_M: f64 = 0.003;

/// What is still while an item moves, and how it does.
pub(crate) struct Stage {
    /// Walls, boards, lead-ins, and what lies around.
    pub fixed: FixedBodies,
    pub friction: Friction,
    pub shape: HandShape,
}

/// The physics between items, hand and fixtures. One item moves at a time, with all that lies on it; all others are fixed. It
/// acts on a [`WorldState`] whose plate is the item that moved last.
pub(crate) struct LaboratoryContact {
    stage: Stage,
    pub items: Items,
    /// The item that moves, or moved last, by its number.
    active: Option<usize>,
    /// Runs while anything may touch the item that moves.
    running: Option<Running>,
}

/// Running physics.
struct Running {
    dynamics: GraspDynamics,
    /// The items that move as one body, the lowest first.
    load: Vec<usize>,
    /// The items that do not move.
    others: Vec<usize>,
}

impl LaboratoryContact {
    pub(crate) fn new(stage: Stage, items: Items) -> Self {
        Self { stage, items, active: None, running: None }
    }

    /// The item that moves, or moved last.
    pub(crate) fn active(&self) -> Option<usize> {
        self.active
    }

    /// The shape of the hand.
    pub(crate) fn shape(&self) -> HandShape {
        self.stage.shape
    }

    /// How the item that moved last looks, with a lid if one lies on it.
    pub(crate) fn look_of_active(&self) -> PlateLook {
        self.active.map_or(PlateLook::PLAIN, |active| self.items.look(active))
    }

    /// Moves the hand, and what the jaws hold.
    pub(crate) fn move_hand(
        &mut self,
        state: &mut WorldState,
        arrival: ToolPose,
        speed_m_s: f64,
    ) -> MotionEnd {
        // A hand that comes up leaves what it came for.
        let comes_up = arrival.z_m > state.hand.tool.z_m;
        if !state.holds_plate
            && !comes_up
            && let Some(meant) = self.items.meant(arrival)
        {
            self.choose(state, meant);
        }
        let obstacles = self.obstacles(state, arrival);
        let blocked_at = obstacles.blocked_by_any_at(self.stage.shape, state.hand, arrival);
        let within = blocked_at.unwrap_or(arrival);
        let end = if state.holds_plate {
            self.move_load(state, within, speed_m_s)
        } else {
            self.move_empty_hand(state, within, speed_m_s)
        };
        if blocked_at.is_some() { MotionEnd::Contact } else { end }
    }

    fn move_load(&mut self, state: &mut WorldState, to: ToolPose, speed_m_s: f64) -> MotionEnd {
        let Some(dynamics) = self.dynamics(state) else {
            state.hand.tool = to;
            return MotionEnd::Arrived;
        };
        let end = dynamics.move_hand(to, speed_m_s);
        if !dynamics.holds_plate() {
            dynamics.settle();
        }
        self.update(state);
        end
    }

    /// Moves the hand without a load: physics runs only for the parts of the path on which it may touch one.
    fn move_empty_hand(
        &mut self,
        state: &mut WorldState,
        arrival: ToolPose,
        speed_m_s: f64,
    ) -> MotionEnd {
        loop {
            let load = self.load_blocks().unwrap_or_default();
            let path = HandNearLoad::new(self.stage.shape, state.hand, arrival, load);
            if path.begins_inside() {
                // A hand that was put there leaves it, and does not throw it away.
                self.end(state);
                let Some(left) = path.left() else { return MotionEnd::Contact };
                state.hand.tool = left;
                continue;
            }
            let Some([from, to]) = path.touching() else { break };
            if from != state.hand.tool {
                self.end(state);
                state.hand.tool = from;
            }
            let Some(dynamics) = self.dynamics(state) else { break };
            let end = dynamics.move_hand(to, speed_m_s);
            if end == MotionEnd::Arrived {
                dynamics.settle();
            }
            self.update(state);
            if end == MotionEnd::Contact || to == arrival {
                return end;
            }
        }
        self.end(state);
        state.hand.tool = arrival;
        MotionEnd::Arrived
    }

    /// Opens the jaws to `half_opening_m` or until something stops them, and lets what they held come to rest. Returns how far
    /// they are open.
    pub(crate) fn open_jaws(&mut self, state: &mut WorldState, half_opening_m: f64) -> f64 {
        let free_m = self.free_half_opening_m(state, half_opening_m);
        if state.holds_plate || self.running.is_some() {
            if let Some(dynamics) = self.dynamics(state) {
                dynamics.open_jaws(free_m);
            }
            self.update(state);
        } else {
            state.hand.half_opening_m = free_m;
        }
        free_m
    }

    /// How far the jaws open before they meet something that does not move.
    fn free_half_opening_m(&self, state: &WorldState, wanted_m: f64) -> f64 {
        let obstacles = self.obstacles(state, state.hand.tool);
        let from_m = state.hand.half_opening_m;
        let meets = |half_opening_m: f64| {
            let hand = Hand { half_opening_m, ..state.hand };
            obstacles.meet(&self.stage.shape.cuboids(&hand))
        };
        let steps = ((wanted_m - from_m) / JAW_STEP_M).ceil().max(0.0) as usize;
        let at = |step: usize| from_m + (wanted_m - from_m) * step as f64 / steps.max(1) as f64;
        let Some(free) = (0..=steps).find(|step| !meets(at(*step))) else { return wanted_m };
        match (free..=steps).find(|step| meets(at(*step))) {
            Some(met) => at(met - 1),
            None => wanted_m,
        }
    }

    /// How far apart the jaws are, in meters.
    pub(crate) fn opening_m(&self, state: &WorldState) -> f64 {
        let load = if state.holds_plate { self.load_blocks() } else { None };
        self.stage.shape.opening_m(&state.hand, load.unwrap_or_default())
    }

    /// Closes the jaws, on the item at their height if one is there.
    pub(crate) fn close_jaws(&mut self, state: &mut WorldState) {
        if state.holds_plate {
            return;
        }
        let meant = self.items.meant(state.hand.tool);
        if let Some(meant) = meant {
            self.choose(state, meant);
        }
        match meant.and_then(|_| self.dynamics(state)) {
            Some(dynamics) => {
                dynamics.close_jaws();
                self.update(state);
            }
            None => state.hand.half_opening_m = CLOSED_HALF_OPENING_M,
        }
    }

    /// Makes an item the one that moves.
    pub(crate) fn choose(&mut self, state: &mut WorldState, item: usize) {
        if self.active != Some(item) {
            self.end(state);
            self.active = Some(item);
        }
        self.show_active(state);
    }

    /// Ends the running physics, after its result has been written to `state` and to the items.
    pub(crate) fn end(&mut self, state: &mut WorldState) {
        if let Some(running) = &mut self.running {
            running.dynamics.come_to_rest();
        }
        self.update(state);
        self.running = None;
    }

    /// Ends the running physics, drops its result, and continues with another item.
    pub(crate) fn discard(&mut self, active: Option<usize>) {
        self.running = None;
        self.active = active;
    }

    /// What of the laboratory stops the hand on the way to `arrival`: all but the load. Fingers that hold something push what
    /// lies under it aside by a little.
    fn obstacles(&self, state: &WorldState, arrival: ToolPose) -> Obstacles {
        let load = self.active.map(|base| self.items.with_all_on_it(base)).unwrap_or_default();
        let base = load.first().and_then(|base| self.items.block(*base));
        let below = match base {
            Some(base) if state.holds_plate => {
                let world_from_block =
                    arrival_from_here(state.hand.tool, arrival) * base.world_from_block;
                let arrived = Block { world_from_block, ..base };
                [base, arrived].map(|base| self.items.below(&load, &base)).concat()
            }
            _ => Vec::new(),
        };
        let others = self.items.present().filter(|(index, _)| !load.contains(index));
        let items = others.map(|(index, block)| {
            let [x, y, z] = block.half_extents_m;
            let aside_m = if below.contains(&index) { PUSHED_ASIDE_M } else { 0.0 };
            Block { half_extents_m: [x - aside_m, y - aside_m, z], ..block }
        });
        Obstacles {
            upright: self.stage.fixed.fixtures.clone(),
            tilted: self.stage.fixed.chamfers.iter().copied().chain(items).collect(),
        }
    }

    fn load_blocks(&self) -> Option<Vec<Block>> {
        let load = self.items.with_all_on_it(self.active?);
        Some(load.iter().filter_map(|index| self.items.block(*index)).collect())
    }

    /// The running physics; starts it if it does not run. `None` if there is nothing to move.
    fn dynamics(&mut self, state: &WorldState) -> Option<&mut GraspDynamics> {
        if self.running.is_none() {
            let indices = self.items.with_all_on_it(self.active?);
            let (load, world_from_load) = self.items.load(&indices)?;
            let (others, items) = self.items.others(&indices);
            let mut dynamics = GraspDynamics::in_laboratory(
                FixedBodies { items, ..self.stage.fixed.clone() },
                self.stage.friction,
                load,
                &world_from_load,
                (self.stage.shape, state.hand),
            );
            if state.holds_plate {
                // A state has no forces: the jaws press again on what they held.
                dynamics.close_jaws();
            }
            self.running = Some(Running { dynamics, load: indices, others });
        }
        self.running.as_mut().map(|running| &mut running.dynamics)
    }

    /// Writes the result of the running physics to `state` and to the items.
    fn update(&mut self, state: &mut WorldState) {
        let Some(Running { dynamics, load, others }) = &self.running else {
            return self.show_active(state);
        };
        state.hand = dynamics.hand();
        if let Some(below) = dynamics.item_below() {
            state.holds_plate = dynamics.holds_plate();
            let lies_on = below.map(|index| others[index]).filter(|_| !state.holds_plate);
            self.items.move_load(load, &dynamics.world_from_plate(), lies_on);
        }
        self.show_active(state);
    }

    /// Writes where the item that moved last is to `state`.
    fn show_active(&self, state: &mut WorldState) {
        let place = self.active.and_then(|active| self.items.places[active]);
        if let Some(place) = place {
            state.set_plate(&place.world_from_item());
        }
    }
}

fn arrival_from_here(here: ToolPose, arrival: ToolPose) -> Isometry3<f64> {
    let frame = |tool: ToolPose| {
        Isometry3::new(
            nalgebra::Vector3::new(tool.planar.x_m, tool.planar.y_m, tool.z_m),
            nalgebra::Vector3::z() * tool.planar.yaw_rad,
        )
    };
    frame(arrival) * frame(here).inverse()
}
