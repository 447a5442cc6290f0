//! What happens between fingers, plate and walls, in rapier3d.
//!
//! The settings below hold a plate; rapier's defaults do not. They were found by comparing grasps
//! with MuJoCo and with a planar Coulomb solver; `tests/grasp_physics.rs` keeps that comparison.

use nalgebra::{Isometry3, Quaternion, Translation3, UnitQuaternion, Vector3};
use rapier3d::prelude::*;
use rmrl_cell::ToolPose;
use rmrl_core::{PlanarPose, wrap_angle};
use rmrl_vision::PlateGeometry;
use serde::{Deserialize, Serialize};

use crate::layout::{Cuboid, Material, on};
use crate::way::Way;

/// Time step, in seconds. At 1 ms the plate's final pose no longer changes with the step.
const TIME_STEP_SECS: f64 = 0.001;
/// Prediction distance, in metres. Rapier's default of 20 mm, and even 2 mm, makes walls push
/// before they are touched.
const PREDICTION_DISTANCE_M: f32 = 0.0002;
/// Contacts as springs: stiff enough for a plate held at 15 N to move by less than 0.1 mm.
const CONTACT_FREQUENCY_HZ: f32 = 120.0;
/// Their damping ratio.
const CONTACT_DAMPING_RATIO: f32 = 2.0;
/// Mass of the plate, in kilograms: polystyrene, empty.
const PLATE_MASS_KG: f32 = 0.06;
/// Half the width of the finger pads along the plate's long side, in metres.
pub(crate) const PAD_HALF_WIDTH_M: f64 = 0.025;
/// Half the thickness of the fingers, in metres.
pub(crate) const FINGER_HALF_THICKNESS_M: f64 = 0.005;
/// Half the height of the fingers, in metres.
pub(crate) const FINGER_HALF_HEIGHT_M: f64 = 0.02;
/// Half the extent of the hand above the fingers, in metres.
const PALM_HALF_EXTENTS_M: [f64; 3] = [0.035, 0.075, 0.03];
/// Closing jaws are simulated from this distance to the plate, in metres.
const JAW_MARGIN_M: f64 = 0.000_5;
/// Opening jaws let go of the plate within this distance, in metres.
const JAW_RELEASE_M: f64 = 0.003;
/// A held plate whose lowest point is this high above everything near its way meets nothing, in
/// metres: ten times what physics looks ahead.
const CLEARANCE_M: f64 = 0.002;
/// Farther than this from the tool's middle, nothing can meet a held plate, in metres.
const PLATE_REACH_M: f64 = 0.1;
/// Speed of each jaw, in metres per second.
const JAW_SPEED_M_S: f64 = 0.04;
/// The grip force at which the jaws stall, in newtons.
pub const GRIP_FORCE_N: f64 = 15.0;
/// How long the force must have stood before the grip counts as closed, in seconds.
const GRIP_HOLD_SECS: f64 = 0.1;
/// Below this force between a jaw and the plate nothing is held, in newtons.
const HELD_FORCE_N: f64 = 1.0;
/// Vertical force on the fingers at which the arm stops, in newtons.
const COLLISION_FORCE_N: f64 = 20.0;
/// A plate slower than this has come to rest, in metres and radians per second.
const REST_SPEED: f32 = 0.001;
/// How long a plate may take to come to rest, in seconds.
const MAX_SETTLE_SECS: f64 = 1.0;

/// The coefficients of friction of one cell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Friction {
    /// Between finger pads and plate.
    pub pads: f64,
    /// Between the plate and whatever it lies on or slides along.
    pub surfaces: f64,
}

/// The hand: where the tool is, and how far each jaw is from its middle.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Hand {
    /// The true pose of the tool, world frame.
    pub tool: ToolPose,
    /// Distance of each jaw's inner face from the middle, in metres.
    pub half_opening_m: f64,
}

impl Hand {
    /// The hand as cuboids: two fingers and the palm above them.
    pub(crate) fn cuboids(&self) -> [Cuboid; 3] {
        let finger = |side: f64| Cuboid {
            pose: on(self.tool.planar, 0.0, side * (self.half_opening_m + FINGER_HALF_THICKNESS_M)),
            center_z_m: self.tool.z_m + FINGER_HALF_HEIGHT_M,
            half_extents_m: [PAD_HALF_WIDTH_M, FINGER_HALF_THICKNESS_M, FINGER_HALF_HEIGHT_M],
            material: Material::Gripper,
        };
        let palm = Cuboid {
            pose: self.tool.planar,
            center_z_m: self.tool.z_m + 2.0 * FINGER_HALF_HEIGHT_M + PALM_HALF_EXTENTS_M[2],
            half_extents_m: PALM_HALF_EXTENTS_M,
            material: Material::Gripper,
        };
        [finger(1.0), finger(-1.0), palm]
    }
}

/// The smallest half opening of the jaws: the BIO gripper closes to 71 mm.
pub(crate) const CLOSED_HALF_OPENING_M: f64 = 0.0355;
/// The largest half opening: the longer of the BIO gripper's two strokes ends at 150 mm.
pub(crate) const OPEN_HALF_OPENING_M: f64 = 0.075;

/// A plate among fingers, walls and a table, simulated while it may meet anything but the jaws that
/// hold it.
pub struct GraspDynamics {
    world: PhysicsWorld,
    plate: RigidBodyHandle,
    plate_collider: ColliderHandle,
    fingers: [Finger; 2],
    hand: Hand,
    geometry: PlateGeometry,
    surroundings: Vec<Cuboid>,
}

struct Finger {
    body: RigidBodyHandle,
    collider: ColliderHandle,
    /// +1 for the jaw on the tool's +y side, -1 for the other.
    side: f64,
}

/// How a motion of the hand ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MotionEnd {
    /// The hand is where it was sent.
    Arrived,
    /// The fingers met something from above, and the hand stopped.
    Contact,
}

impl GraspDynamics {
    /// A plate at rest at `world_from_plate` (its centre), a hand, and what stands around them.
    pub fn new(
        surroundings: &[Cuboid],
        friction: Friction,
        geometry: PlateGeometry,
        world_from_plate: &Isometry3<f64>,
        hand: Hand,
    ) -> Self {
        let mut world = PhysicsWorld::new();
        world.gravity = Vector::new(0.0, 0.0, -9.81);
        let parameters = &mut world.integration_parameters;
        parameters.dt = TIME_STEP_SECS as f32;
        // Recycled contacts lag behind the fingers by up to 50 mm of motion: fatal for a grasp.
        parameters.contact_recycling = false;
        parameters.normalized_prediction_distance = PREDICTION_DISTANCE_M;
        let softness = SpringCoefficients::new(CONTACT_FREQUENCY_HZ, CONTACT_DAMPING_RATIO);
        parameters.contact_softness = softness;
        parameters.static_contact_softness = softness;
        parameters.friction_model = FrictionModel::Coulomb;
        // Otherwise a held plate creeps by 0.1 mm a metre: friction must also resist what the contact
        // springs push.
        parameters.friction_in_bias_pass = true;

        let surface = |collider: ColliderBuilder| {
            collider
                .friction(friction.surfaces as f32)
                .friction_combine_rule(CoefficientCombineRule::Max)
                .restitution(0.0)
        };
        let fixed = world.insert_body(RigidBodyBuilder::fixed());
        let table =
            ColliderBuilder::cuboid(1.0, 1.0, 0.05).translation(Vector::new(0.0, 0.0, -0.05));
        world.insert_collider(surface(table), Some(fixed));
        for cuboid in surroundings {
            let [x, y, z] = cuboid.half_extents_m.map(|half| half as f32);
            let collider = ColliderBuilder::cuboid(x, y, z)
                .position(upright_pose(cuboid.pose, cuboid.center_z_m));
            world.insert_collider(surface(collider), Some(fixed));
        }

        let plate = world.insert_body(
            RigidBodyBuilder::dynamic().pose(to_rapier(world_from_plate)).can_sleep(false),
        );
        let plate_collider = world.insert_collider(
            ColliderBuilder::cuboid(
                0.5 * geometry.length_m as f32,
                0.5 * geometry.width_m as f32,
                0.5 * geometry.height_m as f32,
            )
            .mass(PLATE_MASS_KG)
            // Friction belongs to what the plate touches: the larger of the two counts.
            .friction(0.0)
            .friction_combine_rule(CoefficientCombineRule::Max)
            .restitution(0.0),
            Some(plate),
        );
        let fingers = [1.0, -1.0].map(|side| {
            let body = world.insert_body(
                RigidBodyBuilder::kinematic_position_based().pose(finger_pose(&hand, side)),
            );
            let collider = world.insert_collider(
                ColliderBuilder::cuboid(
                    PAD_HALF_WIDTH_M as f32,
                    FINGER_HALF_THICKNESS_M as f32,
                    FINGER_HALF_HEIGHT_M as f32,
                )
                .friction(friction.pads as f32)
                .friction_combine_rule(CoefficientCombineRule::Max)
                .restitution(0.0),
                Some(body),
            );
            Finger { body, collider, side }
        });
        Self {
            world,
            plate,
            plate_collider,
            fingers,
            hand,
            geometry,
            surroundings: surroundings.to_vec(),
        }
    }

    /// Where the plate is.
    pub fn world_from_plate(&self) -> Isometry3<f64> {
        let pose = self.world.bodies[self.plate].position();
        let (t, r) = (pose.translation, pose.rotation);
        Isometry3::from_parts(
            Translation3::new(f64::from(t.x), f64::from(t.y), f64::from(t.z)),
            UnitQuaternion::from_quaternion(Quaternion::new(
                f64::from(r.w),
                f64::from(r.x),
                f64::from(r.y),
                f64::from(r.z),
            )),
        )
    }

    /// The hand.
    pub fn hand(&self) -> Hand {
        self.hand
    }

    /// Whether both jaws press on the plate.
    pub fn holds_plate(&self) -> bool {
        self.grip_force_n() > HELD_FORCE_N
    }

    /// Moves the hand in a straight line with a trapezoidal speed profile.
    ///
    /// A plate that is held firmly and meets nothing moves with the hand: simulated, it drifts by
    /// less than 0.01 mm a metre. So only the parts of the way near a surface are simulated.
    pub fn move_hand(&mut self, target: ToolPose, speed_m_s: f64) -> MotionEnd {
        let way = Way::new(self.hand.tool, target, speed_m_s);
        let free_above_m =
            if self.holds_firmly() { self.free_above_m(&way) } else { f64::INFINITY };
        let steps = (way.duration_secs() / TIME_STEP_SECS).ceil() as usize;
        let at = |step: usize| way.at_secs(step as f64 * TIME_STEP_SECS);
        let mut step = 0;
        while step < steps {
            let free = (step..steps).take_while(|next| at(next + 1).z_m > free_above_m).count();
            if free > 1 && at(step).z_m > free_above_m {
                step += free;
                let before = at(step - 1);
                self.carry(at(step), before);
                continue;
            }
            step += 1;
            self.hand.tool = at(step);
            self.step();
            if way.descends() && self.force_from_below_n() > COLLISION_FORCE_N {
                return MotionEnd::Contact;
            }
        }
        self.hand.tool = target;
        MotionEnd::Arrived
    }

    /// Whether both jaws press on the plate about as strongly as when they closed.
    fn holds_firmly(&self) -> bool {
        self.grip_force_n() > 0.5 * GRIP_FORCE_N
    }

    /// Takes the held plate along to where the hand is `to`, `before` being where it was a time step
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
        let way = (plate.translation.vector - plate_before.translation.vector) / TIME_STEP_SECS;
        let turn = wrap_angle(to.planar.yaw_rad - before.planar.yaw_rad) / TIME_STEP_SECS;
        self.hand.tool = to;
        let body = &mut self.world.bodies[self.plate];
        body.set_position(to_rapier(&plate), true);
        body.set_linvel(Vector::new(way.x as f32, way.y as f32, way.z as f32), true);
        body.set_angvel(Vector::new(0.0, 0.0, turn as f32), true);
        for finger in &self.fingers {
            let pose = finger_pose(&self.hand, finger.side);
            self.world.bodies[finger.body].set_position(pose, true);
        }
    }

    /// How high the tool has to be for the plate in its jaws to meet nothing anywhere along a way, in
    /// metres.
    fn free_above_m(&self, way: &Way) -> f64 {
        let highest_m = self
            .surroundings
            .iter()
            .filter(|cuboid| {
                let [x, y, _] = cuboid.half_extents_m;
                way.distance_m(cuboid.pose) < x.hypot(y) + PLATE_REACH_M
            })
            .map(Cuboid::top_m)
            .fold(0.0, f64::max);
        let plate = self.world_from_plate();
        let lowest_m = plate.translation.z - half_extent_m(&plate, self.geometry, Vector3::z());
        highest_m + CLEARANCE_M + self.hand.tool.z_m - lowest_m
    }

    /// Closes the jaws, mirrored, until both press with [`GRIP_FORCE_N`] or nothing is between
    /// them. Independent jaws would not centre the plate.
    pub fn close_jaws(&mut self) {
        // Nothing happens before the jaws come near the plate.
        let reach_m = plate_reach_m(&self.world_from_plate(), self.geometry, self.hand.tool.planar);
        let near_m = (reach_m + JAW_MARGIN_M).max(CLOSED_HALF_OPENING_M);
        self.hand.half_opening_m = self.hand.half_opening_m.min(near_m);
        let mut held_secs = 0.0;
        while held_secs < GRIP_HOLD_SECS && self.hand.half_opening_m > CLOSED_HALF_OPENING_M {
            let load = self.grip_force_n() / GRIP_FORCE_N;
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

    /// Opens the jaws to `half_opening_m` and lets the plate come to rest.
    pub fn open_jaws(&mut self, half_opening_m: f64) {
        let clear_m = (self.hand.half_opening_m + JAW_RELEASE_M).min(half_opening_m);
        while self.hand.half_opening_m < clear_m {
            self.hand.half_opening_m =
                (self.hand.half_opening_m + JAW_SPEED_M_S * TIME_STEP_SECS).min(clear_m);
            self.step();
        }
        // The rest of the way the jaws touch nothing; the plate settles meanwhile.
        self.hand.half_opening_m = self.hand.half_opening_m.max(half_opening_m);
        let mut rest_secs = 0.0;
        let mut settle_secs = 0.0;
        while rest_secs < 0.05 && settle_secs < MAX_SETTLE_SECS {
            self.step();
            let plate = &self.world.bodies[self.plate];
            let resting =
                plate.linvel().length() < REST_SPEED && plate.angvel().length() < REST_SPEED;
            rest_secs = if resting { rest_secs + TIME_STEP_SECS } else { 0.0 };
            settle_secs += TIME_STEP_SECS;
        }
    }

    /// The smaller of the two jaws' forces on the plate, in newtons.
    fn grip_force_n(&self) -> f64 {
        let force =
            |finger: &Finger| self.normal_force_n(finger).map_or(0.0, |force| force.length());
        f64::from(force(&self.fingers[0]).min(force(&self.fingers[1])))
    }

    /// The vertical force between fingers and plate, in newtons: large only where a finger stands
    /// on the plate, because friction is not part of it.
    fn force_from_below_n(&self) -> f64 {
        self.fingers
            .iter()
            .filter_map(|finger| self.normal_force_n(finger))
            .map(|force| f64::from(force.z.abs()))
            .sum()
    }

    fn normal_force_n(&self, finger: &Finger) -> Option<Vector> {
        let pair = self.world.contact_pair(finger.collider, self.plate_collider)?;
        Some(pair.total_impulse() / self.world.integration_parameters.dt)
    }

    fn step(&mut self) {
        for finger in &self.fingers {
            let pose = finger_pose(&self.hand, finger.side);
            self.world.bodies[finger.body].set_next_kinematic_position(pose);
        }
        self.world.step();
    }
}

/// How far the plate reaches across the jaws from the middle of a hand at `hand`, in metres.
pub(crate) fn plate_reach_m(
    world_from_plate: &Isometry3<f64>,
    geometry: PlateGeometry,
    hand: PlanarPose,
) -> f64 {
    let (sin, cos) = hand.yaw_rad.sin_cos();
    let across = Vector3::new(-sin, cos, 0.0);
    let offset = world_from_plate.translation.vector - Vector3::new(hand.x_m, hand.y_m, 0.0);
    across.dot(&offset).abs() + half_extent_m(world_from_plate, geometry, across)
}

/// How far the plate reaches from its own middle along a unit vector, in metres.
fn half_extent_m(
    world_from_plate: &Isometry3<f64>,
    geometry: PlateGeometry,
    direction: Vector3<f64>,
) -> f64 {
    let half = [geometry.length_m, geometry.width_m, geometry.height_m].map(|extent| 0.5 * extent);
    let axes = world_from_plate.rotation.to_rotation_matrix();
    (0..3).map(|axis| half[axis] * direction.dot(&axes.matrix().column(axis)).abs()).sum()
}

fn finger_pose(hand: &Hand, side: f64) -> Pose {
    let offset_m = side * (hand.half_opening_m + FINGER_HALF_THICKNESS_M);
    upright_pose(on(hand.tool.planar, 0.0, offset_m), hand.tool.z_m + FINGER_HALF_HEIGHT_M)
}

fn upright_pose(planar: PlanarPose, z_m: f64) -> Pose {
    Pose::from_parts(
        Vector::new(planar.x_m as f32, planar.y_m as f32, z_m as f32),
        Rotation::from_rotation_z(planar.yaw_rad as f32),
    )
}

fn to_rapier(isometry: &Isometry3<f64>) -> Pose {
    let (t, r) = (&isometry.translation.vector, &isometry.rotation);
    Pose::from_parts(
        Vector::new(t.x as f32, t.y as f32, t.z as f32),
        Rotation::from_xyzw(r.i as f32, r.j as f32, r.k as f32, r.w as f32),
    )
}
