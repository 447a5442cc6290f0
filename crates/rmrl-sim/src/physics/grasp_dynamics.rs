//! What happens between fingers, plate and walls while the hand moves and the jaws close and open.

use nalgebra::{Isometry3, Translation3, UnitQuaternion};
use rmrl_cell::ToolPose;
use rmrl_core::wrap_angle;
use rmrl_vision::PlateGeometry;

use crate::physics::bodies::{GraspBodies, TIME_STEP_SECS, Velocity};
use crate::physics::fixed_bodies::FixedBodies;
use crate::physics::free_air::{FixtureOutline, FreeAir};
use crate::physics::hand::{CLOSED_HALF_OPENING_M, Hand};
use crate::physics::hand_shape::HandShape;
use crate::physics::linear_motion::LinearMotion;
use crate::physics::load::Load;
use crate::physics::load_air::LoadAir;
use crate::scene::cell_parameters::Friction;
use crate::scene::cuboid::Cuboid;

/// Closing jaws are simulated from this distance to the plate, in meters.
const JAW_MARGIN_M: f64 = 0.000_5;
/// Opening jaws let go of the plate within this distance, in meters.
const JAW_RELEASE_M: f64 = 0.003;
/// Speed of each jaw, in meters per second.
const JAW_SPEED_M_S: f64 = 0.04;
/// The grip force at which the jaws stall, in newtons.
const GRIP_FORCE_N: f64 = 15.0;
/// How long the force must have stood before the grip counts as closed, in seconds.
const GRIP_HOLD_SECS: f64 = 0.1;
/// Below this force between a jaw and the plate nothing is held, in newtons.
const HELD_FORCE_N: f64 = 1.0;
/// Vertical force on the fingers at which the arm stops, in newtons.
const COLLISION_FORCE_N: f64 = 20.0;
/// A hand presses on a load that it does not hold with more than this, in newtons.
const PRESSED_FORCE_N: f64 = 0.5;
/// A hand that is higher by this touches nothing, in meters.
const AWAY_M: f64 = 10.0;
/// How long a plate has to rest before it counts as settled, in seconds.
const REST_SECS: f64 = 0.05;
/// How long a plate may take to come to rest, in seconds.
const MAX_SETTLE_SECS: f64 = 1.0;

/// A plate among fingers, walls and a table, simulated while it may meet anything but the jaws that
/// hold it.
pub struct GraspDynamics {
    bodies: GraspBodies,
    hand: Hand,
    shape: HandShape,
    load: Load,
    fixed: FixedBodies,
    rules: Rules,
    /// Whether it was simulated at all since it began: only then there are forces.
    has_forces: bool,
}

/// What counts as near, and as contact.
#[derive(Debug, Clone, Copy)]
enum Rules {
    /// Fixtures are below a held plate or beside it, and contact ends descents only.
    Task { outline: FixtureOutline, geometry: PlateGeometry },
    /// Fixtures are anywhere around a load, and contact ends any motion.
    Laboratory,
}

/// How a motion of the hand ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MotionEnd {
    /// The hand reached its target.
    Arrived,
    /// The fingers met something from above, and the hand stopped.
    Contact,
}

impl GraspDynamics {
    /// A plate at rest at `world_from_plate` (its center), a hand, and what stands around them.
    pub fn new(
        surroundings: &[Cuboid],
        friction: Friction,
        geometry: PlateGeometry,
        world_from_plate: &Isometry3<f64>,
        hand: Hand,
    ) -> Self {
        let fixed = FixedBodies { fixtures: surroundings.to_vec(), ..FixedBodies::default() };
        let load = Load::plate(geometry);
        let shape = HandShape::Vertical;
        let bodies = GraspBodies::new(&fixed, friction, &load, world_from_plate, (shape, &hand));
        let rules = Rules::Task { outline: FixtureOutline::Rectangle, geometry };
        Self { bodies, hand, shape, load, fixed, rules, has_forces: false }
    }

    /// The same with another idea of what is near a held plate.
    pub(crate) fn with_outline(self, outline: FixtureOutline) -> Self {
        match self.rules {
            Rules::Task { geometry, .. } => {
                Self { rules: Rules::Task { outline, geometry }, ..self }
            }
            Rules::Laboratory => self,
        }
    }

    /// A load at rest at `world_from_load`, and a hand of any shape, in a laboratory.
    pub(crate) fn in_laboratory(
        fixed: FixedBodies,
        friction: Friction,
        load: Load,
        world_from_load: &Isometry3<f64>,
        (shape, hand): (HandShape, Hand),
    ) -> Self {
        let bodies = GraspBodies::new(&fixed, friction, &load, world_from_load, (shape, &hand));
        let rules = Rules::Laboratory;
        Self { bodies, hand, shape, load, fixed, rules, has_forces: false }
    }

    /// The pose of the plate's center; of a load, that of its lowest part.
    pub fn world_from_plate(&self) -> Isometry3<f64> {
        self.bodies.world_from_load()
    }

    /// The hand.
    pub fn hand(&self) -> Hand {
        self.hand
    }

    /// Whether both jaws press on the plate.
    pub fn holds_plate(&self) -> bool {
        self.bodies.grip_force_n() > HELD_FORCE_N
    }

    /// The item that carries most of the load, by its number among the fixed ones, if any does; `None` before anything was
    /// simulated.
    pub(crate) fn item_below(&self) -> Option<Option<usize>> {
        self.has_forces.then(|| self.bodies.item_below())
    }

    /// Moves the hand in a straight line with a trapezoidal speed profile.
    ///
    /// A plate that is held firmly and meets nothing moves with the hand: simulated, it drifts by
    /// less than 0.01 mm a meter. So only the parts of the path near a surface are simulated.
    pub fn move_hand(&mut self, target: ToolPose, speed_m_s: f64) -> MotionEnd {
        let motion = LinearMotion::new(self.hand.tool, target, speed_m_s);
        let air = self.holds_firmly().then(|| self.air(&motion));
        let is_free = |tool: ToolPose| air.as_ref().is_some_and(|air| air.at(tool));
        let steps = (motion.duration_secs() / TIME_STEP_SECS).ceil() as usize;
        let at = |step: usize| motion.at_secs(step as f64 * TIME_STEP_SECS);
        // A hand that was stopped by a force may leave it, and not press on.
        let most_n = self.bodies.force_on_hand_n().max(COLLISION_FORCE_N);
        let mut step = 0;
        while step < steps {
            let free = (step..steps).take_while(|next| is_free(at(next + 1))).count();
            if free > 1 && is_free(at(step)) {
                step += free;
                let before = at(step - 1);
                self.carry(at(step), before);
                continue;
            }
            step += 1;
            self.hand.tool = at(step);
            self.step();
            if self.is_stopped(&motion, most_n) {
                return MotionEnd::Contact;
            }
        }
        self.hand.tool = target;
        MotionEnd::Arrived
    }

    fn is_stopped(&self, motion: &LinearMotion, most_n: f64) -> bool {
        match self.rules {
            Rules::Task { .. } => {
                motion.descends() && self.bodies.force_from_below_n() > COLLISION_FORCE_N
            }
            Rules::Laboratory => self.bodies.force_on_hand_n() > most_n,
        }
    }

    fn air(&self, motion: &LinearMotion) -> Air {
        let (tool, plate) = (self.hand.tool, self.world_from_plate());
        let FixedBodies { fixtures, .. } = &self.fixed;
        match self.rules {
            Rules::Task { outline, geometry } => {
                Air::Plate(FreeAir::new(outline, fixtures, motion, tool, &plate, geometry))
            }
            Rules::Laboratory => {
                Air::Load(LoadAir::new(&self.fixed, motion, tool, &self.load, &plate))
            }
        }
    }

    /// Whether both jaws press on the plate about as strongly as when they closed.
    fn holds_firmly(&self) -> bool {
        self.bodies.grip_force_n() > 0.5 * GRIP_FORCE_N
    }

    /// Moves the hand and the plate in it to `to`. `before` is where the hand was a time step
    /// earlier.
    fn carry(&mut self, to: ToolPose, before: ToolPose) {
        let frame = |tool: ToolPose| {
            Isometry3::from_parts(
                Translation3::new(tool.planar.x_m, tool.planar.y_m, tool.z_m),
                UnitQuaternion::from_euler_angles(0.0, 0.0, tool.planar.yaw_rad),
            )
        };
        let hand_from_plate = frame(self.hand.tool).inverse() * self.world_from_plate();
        let (plate, plate_before) = (frame(to) * hand_from_plate, frame(before) * hand_from_plate);
        let velocity = Velocity {
            linear_m_s: (plate.translation.vector - plate_before.translation.vector)
                / TIME_STEP_SECS,
            yaw_rad_s: wrap_angle(to.planar.yaw_rad - before.planar.yaw_rad) / TIME_STEP_SECS,
        };
        self.hand.tool = to;
        self.bodies.relocate(&plate, &velocity, &self.hand);
    }

    /// Closes the jaws, mirrored, until both press with 15 N or nothing is between them; in a laboratory also until one presses
    /// with twice as much, because a wall holds what is between them. Independent jaws would not center the plate.
    pub fn close_jaws(&mut self) {
        // Nothing happens before the jaws come near the plate.
        let plate = self.world_from_plate();
        let reach_m =
            self.load.reach_across_jaws_m(&plate, self.shape.frame(self.hand.tool.planar));
        let near_m = (reach_m + JAW_MARGIN_M).max(CLOSED_HALF_OPENING_M);
        self.hand.half_opening_m = self.hand.half_opening_m.min(near_m);
        let mut held_secs = 0.0;
        while held_secs < GRIP_HOLD_SECS && self.hand.half_opening_m > CLOSED_HALF_OPENING_M {
            let load = self.jaw_load();
            if load >= 1.0 {
                held_secs += TIME_STEP_SECS;
            } else {
                // The jaws slow down as they meet resistance, and creep at the end.
                let speed_m_s = JAW_SPEED_M_S * (1.0 - load).clamp(0.02, 1.0);
                self.hand.half_opening_m -= speed_m_s * TIME_STEP_SECS;
            }
            self.step();
        }
    }

    /// How strongly the jaws press, as a share of what stalls them.
    fn jaw_load(&self) -> f64 {
        match self.rules {
            Rules::Task { .. } => self.bodies.grip_force_n() / GRIP_FORCE_N,
            // One motor moves both.
            Rules::Laboratory => {
                let [one, other] = self.bodies.jaw_forces_n();
                0.5 * (one + other) / GRIP_FORCE_N
            }
        }
    }

    /// Opens the jaws to `half_opening_m` and lets the plate come to rest.
    pub fn open_jaws(&mut self, half_opening_m: f64) {
        let clear_m = (self.hand.half_opening_m + JAW_RELEASE_M).min(half_opening_m);
        while self.hand.half_opening_m < clear_m {
            self.hand.half_opening_m =
                (self.hand.half_opening_m + JAW_SPEED_M_S * TIME_STEP_SECS).min(clear_m);
            self.step();
        }
        // From here the jaws touch nothing; the plate settles meanwhile.
        self.hand.half_opening_m = self.hand.half_opening_m.max(half_opening_m);
        self.settle();
    }

    /// Lets a load on which the hand presses from one side spring back, as if the hand were gone. Nothing real yields by as much
    /// as the springs between load, hand and table.
    pub(crate) fn spring_back(&mut self) {
        if self.holds_plate() || self.bodies.force_on_hand_n() < PRESSED_FORCE_N {
            return;
        }
        let hand = self.hand;
        self.hand.tool.z_m += AWAY_M;
        self.bodies.relocate_hand(&self.hand);
        self.settle();
        self.hand = hand;
        self.bodies.relocate_hand(&self.hand);
    }

    /// Lets what is not held come to rest.
    pub(crate) fn settle(&mut self) {
        let mut rest_secs = 0.0;
        let mut settle_secs = 0.0;
        while rest_secs < REST_SECS && settle_secs < MAX_SETTLE_SECS {
            self.step();
            let rests = self.bodies.load_rests();
            rest_secs = if rests { rest_secs + TIME_STEP_SECS } else { 0.0 };
            settle_secs += TIME_STEP_SECS;
        }
    }

    fn step(&mut self) {
        self.has_forces = true;
        self.bodies.step(&self.hand);
    }
}

/// Where what the jaws hold meets nothing.
enum Air {
    Plate(FreeAir),
    Load(LoadAir),
}

impl Air {
    fn at(&self, tool: ToolPose) -> bool {
        match self {
            Self::Plate(air) => air.at(tool),
            Self::Load(air) => air.at(tool),
        }
    }
}
