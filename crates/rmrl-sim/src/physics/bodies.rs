//! Plate, fingers and surroundings as rapier3d's bodies, and the forces between them.
//!
//! The settings below hold a plate; rapier's defaults do not. They were found by comparing grasps
//! with MuJoCo and with a planar Coulomb solver; `tests/grasp_physics.rs` keeps that comparison.

use nalgebra::{Isometry3, Quaternion, Translation3, UnitQuaternion, Vector3};
use rapier3d::prelude::*;
use rmrl_core::PlanarPose;
use rmrl_vision::PlateGeometry;

use crate::physics::hand::{FINGER_HALF_HEIGHT_M, FINGER_HALF_THICKNESS_M, Hand, PAD_HALF_WIDTH_M};
use crate::scene::cell_parameters::Friction;
use crate::scene::cuboid::{Cuboid, pose_in_frame};

/// Time step, in seconds. At 1 ms the plate's final pose no longer changes with the step.
pub(super) const TIME_STEP_SECS: f64 = 0.001;
/// Prediction distance, in meters. Rapier's default of 20 mm, and even 2 mm, makes walls push
/// before they are touched.
const PREDICTION_DISTANCE_M: f32 = 0.0002;
/// Contacts as springs: stiff enough for a plate held at 15 N to move by less than 0.1 mm.
const CONTACT_FREQUENCY_HZ: f32 = 120.0;
/// Damping ratio of the contacts.
const CONTACT_DAMPING_RATIO: f32 = 2.0;
/// Mass of the plate, in kilograms: polystyrene, empty.
const PLATE_MASS_KG: f32 = 0.06;
/// A plate slower than this has come to rest, in meters and radians per second.
const REST_SPEED: f32 = 0.001;

/// A physics world with a plate, two fingers, a table and what stands on it.
pub(super) struct GraspBodies {
    world: PhysicsWorld,
    plate: RigidBodyHandle,
    plate_collider: ColliderHandle,
    fingers: [Finger; 2],
}

struct Finger {
    body: RigidBodyHandle,
    collider: ColliderHandle,
    /// +1 for the jaw on the tool's +y side, -1 for the other.
    side: f64,
}

/// How a body moves at one moment.
pub(super) struct Velocity {
    pub linear_m_s: Vector3<f64>,
    /// About the vertical axis.
    pub yaw_rad_s: f64,
}

impl GraspBodies {
    pub(super) fn new(
        surroundings: &[Cuboid],
        friction: Friction,
        geometry: PlateGeometry,
        world_from_plate: &Isometry3<f64>,
        hand: &Hand,
    ) -> Self {
        let mut world = empty_world();
        insert_surroundings(&mut world, surroundings, friction);
        let (plate, plate_collider) = insert_plate(&mut world, geometry, world_from_plate);
        let fingers = [1.0, -1.0].map(|side| insert_finger(&mut world, hand, side, friction));
        Self { world, plate, plate_collider, fingers }
    }

    /// The pose of the plate's center.
    pub(super) fn world_from_plate(&self) -> Isometry3<f64> {
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

    /// Simulates one time step, in which the fingers move to where the hand is.
    pub(super) fn step(&mut self, hand: &Hand) {
        for finger in &self.fingers {
            let pose = finger_pose(hand, finger.side);
            self.world.bodies[finger.body].set_next_kinematic_position(pose);
        }
        self.world.step();
    }

    /// Puts plate and fingers somewhere else without simulating the motion.
    pub(super) fn relocate(
        &mut self,
        world_from_plate: &Isometry3<f64>,
        velocity: &Velocity,
        hand: &Hand,
    ) {
        let linear = velocity.linear_m_s;
        let body = &mut self.world.bodies[self.plate];
        body.set_position(to_rapier(world_from_plate), true);
        body.set_linvel(Vector::new(linear.x as f32, linear.y as f32, linear.z as f32), true);
        body.set_angvel(Vector::new(0.0, 0.0, velocity.yaw_rad_s as f32), true);
        for finger in &self.fingers {
            let pose = finger_pose(hand, finger.side);
            self.world.bodies[finger.body].set_position(pose, true);
        }
    }

    pub(super) fn plate_rests(&self) -> bool {
        let plate = &self.world.bodies[self.plate];
        plate.linvel().length() < REST_SPEED && plate.angvel().length() < REST_SPEED
    }

    /// The smaller of the two jaws' forces on the plate, in newtons.
    pub(super) fn grip_force_n(&self) -> f64 {
        let force =
            |finger: &Finger| self.normal_force_n(finger).map_or(0.0, |force| force.length());
        f64::from(force(&self.fingers[0]).min(force(&self.fingers[1])))
    }

    /// The vertical force between fingers and plate, in newtons: large only where a finger stands
    /// on the plate, because friction is not part of it.
    pub(super) fn force_from_below_n(&self) -> f64 {
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
}

fn empty_world() -> PhysicsWorld {
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
    // Otherwise a held plate creeps by 0.1 mm a meter: friction must also resist what the contact
    // springs push.
    parameters.friction_in_bias_pass = true;
    world
}

fn insert_surroundings(world: &mut PhysicsWorld, surroundings: &[Cuboid], friction: Friction) {
    let surface = |collider: ColliderBuilder| with_friction(collider, friction.surfaces);
    let fixed = world.insert_body(RigidBodyBuilder::fixed());
    let table = ColliderBuilder::cuboid(1.0, 1.0, 0.05).translation(Vector::new(0.0, 0.0, -0.05));
    world.insert_collider(surface(table), Some(fixed));
    for cuboid in surroundings {
        let [x, y, z] = cuboid.half_extents_m.map(|half| half as f32);
        let collider =
            ColliderBuilder::cuboid(x, y, z).position(upright_pose(cuboid.pose, cuboid.center_z_m));
        world.insert_collider(surface(collider), Some(fixed));
    }
}

fn insert_plate(
    world: &mut PhysicsWorld,
    geometry: PlateGeometry,
    world_from_plate: &Isometry3<f64>,
) -> (RigidBodyHandle, ColliderHandle) {
    let plate = world.insert_body(
        RigidBodyBuilder::dynamic().pose(to_rapier(world_from_plate)).can_sleep(false),
    );
    let cuboid = ColliderBuilder::cuboid(
        0.5 * geometry.length_m as f32,
        0.5 * geometry.width_m as f32,
        0.5 * geometry.height_m as f32,
    );
    // Friction belongs to what the plate touches: the larger of the two counts.
    let collider = with_friction(cuboid.mass(PLATE_MASS_KG), 0.0);
    (plate, world.insert_collider(collider, Some(plate)))
}

fn insert_finger(world: &mut PhysicsWorld, hand: &Hand, side: f64, friction: Friction) -> Finger {
    let body = world
        .insert_body(RigidBodyBuilder::kinematic_position_based().pose(finger_pose(hand, side)));
    let pad = ColliderBuilder::cuboid(
        PAD_HALF_WIDTH_M as f32,
        FINGER_HALF_THICKNESS_M as f32,
        FINGER_HALF_HEIGHT_M as f32,
    );
    let collider = world.insert_collider(with_friction(pad, friction.pads), Some(body));
    Finger { body, collider, side }
}

/// A collider that does not bounce. Of two that touch, the larger coefficient of friction counts.
fn with_friction(collider: ColliderBuilder, coefficient: f64) -> ColliderBuilder {
    collider
        .friction(coefficient as f32)
        .friction_combine_rule(CoefficientCombineRule::Max)
        .restitution(0.0)
}

fn finger_pose(hand: &Hand, side: f64) -> Pose {
    let offset_m = side * (hand.half_opening_m + FINGER_HALF_THICKNESS_M);
    let finger = pose_in_frame(hand.tool.planar, 0.0, offset_m);
    upright_pose(finger, hand.tool.z_m + FINGER_HALF_HEIGHT_M)
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
