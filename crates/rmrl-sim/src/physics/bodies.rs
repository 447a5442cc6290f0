//! Plate, fingers and surroundings as rapier3d's bodies, and the forces between them.
//!
//! The settings below hold a plate; rapier's defaults do not. They were found by comparing grasps
//! with MuJoCo and with a planar Coulomb solver; `tests/grasp_physics.rs` keeps that comparison.

use nalgebra::{Isometry3, Quaternion, Translation3, UnitQuaternion, Vector3};
use rapier3d::prelude::*;
use rmrl_core::PlanarPose;

use crate::physics::block::Block;
use crate::physics::fixed_bodies::FixedBodies;
use crate::physics::hand::Hand;
use crate::physics::hand_shape::{HandPart, HandShape};
use crate::physics::load::{Load, LoadPart};
use crate::physics::load_motion::LoadMotion;
use crate::scene::cell_parameters::Friction;

/// Time step, in seconds. At 1 ms the plate's final pose no longer changes with the step.
pub(super) const TIME_STEP_SECS: f64 = 0.001;
/// Prediction distance, in meters. Rapier's default of 20 mm, and even 2 mm, makes walls push
/// before they are touched.
const PREDICTION_DISTANCE_M: f32 = 0.0002;
/// Contacts as springs: stiff enough for a plate held at 15 N to move by less than 0.1 mm.
const CONTACT_FREQUENCY_HZ: f32 = 120.0;
/// The same against what does not move, where that is stiff: a corner that is pressed on a wall at 20 N then yields by less
/// than 0.3 mm.
const FIXED_FREQUENCY_HZ: f32 = 360.0;
/// The least mass of a load, in kilograms: for it the frequency was found. Opening jaws throw a lighter load aside by tenths of
/// a millimeter, because their springs leave it one step apart; how heavy a lid is makes no other difference.
const LEAST_MASS_KG: f64 = 0.06;
/// Damping ratio of the contacts.
const CONTACT_DAMPING_RATIO: f32 = 2.0;
/// An item that lifts a load with less than this does not carry it, in newtons: a tenth of the weight of a plate.
const CARRIED_N: f32 = 0.06;
/// A plate slower than this has come to rest, in meters and radians per second.
const REST_SPEED: f32 = 0.001;

/// Table, walls, hand: what is no item.
const HARDWARE: Group = Group::GROUP_1;
/// Items that do not move.
const ITEMS: Group = Group::GROUP_2;
/// The load, where its parts nest over items.
const NESTING: Group = Group::GROUP_3;

/// What a load is simulated in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setting {
    /// A cell of a task: a table that reaches to 1 m, and everything yields as the jaws do.
    Task,
    /// A laboratory: a bench without an end, and what does not move yields by a ninth of that.
    Laboratory,
}

impl Setting {
    fn fixed_frequency_hz(self) -> f32 {
        match self {
            Self::Task => CONTACT_FREQUENCY_HZ,
            Self::Laboratory => FIXED_FREQUENCY_HZ,
        }
    }

    /// Half the length of the table, in meters.
    fn table_half_m(self) -> f32 {
        match self {
            Self::Task => 1.0,
            Self::Laboratory => 10.0,
        }
    }
}

/// A physics world with a load, a hand, a table and what stands on it.
pub(super) struct GraspBodies {
    world: PhysicsWorld,
    setting: Setting,
    shape: HandShape,
    load: RigidBodyHandle,
    /// The colliders of the load that the hand can touch.
    load_colliders: Vec<ColliderHandle>,
    /// Those of the items that do not move, in their order.
    item_colliders: Vec<ColliderHandle>,
    /// What of the hand may touch the load, the pads of the two jaws first.
    hand_bodies: Vec<HandBody>,
}

struct HandBody {
    body: RigidBodyHandle,
    collider: ColliderHandle,
    part: HandPart,
}

/// How a body moves at one moment.
pub(super) struct Velocity {
    pub linear_m_s: Vector3<f64>,
    /// About the vertical axis.
    pub yaw_rad_s: f64,
}

impl GraspBodies {
    pub(super) fn new(
        (setting, fixed): (Setting, &FixedBodies),
        friction: Friction,
        load: &Load,
        world_from_load: &Isometry3<f64>,
        (shape, hand): (HandShape, &Hand),
    ) -> Self {
        let mut world = empty_world(setting);
        let item_colliders = insert_fixed(&mut world, (setting, fixed), friction);
        let (load, load_colliders) = insert_load(&mut world, load, world_from_load);
        let insert = |part| insert_hand_part(&mut world, part, (shape, hand), friction);
        let hand_bodies = shape.touching().into_iter().map(insert).collect();
        Self { world, setting, shape, load, load_colliders, item_colliders, hand_bodies }
    }

    /// The pose of the load: that of the center of its lowest part.
    pub(super) fn world_from_load(&self) -> Isometry3<f64> {
        let pose = self.world.bodies[self.load].position();
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

    /// Simulates one time step, in which the jaws move to where the hand is.
    pub(super) fn step(&mut self, hand: &Hand) {
        let before = LoadMotion::of(&self.world.bodies[self.load]);
        let hand_before =
            self.hand_bodies.iter().map(|one| *self.world.bodies[one.body].position());
        let hand_before: Vec<Pose> = hand_before.collect();
        self.move_hand_parts(hand);
        self.world.step();
        // Cells of a task keep their bits: there what is thrown is thrown.
        let repeats = self.setting == Setting::Laboratory;
        if repeats && before.is_thrown(&self.world.bodies[self.load]) {
            for (one, pose) in self.hand_bodies.iter().zip(hand_before) {
                self.world.bodies[one.body].set_position(pose, true);
            }
            self.move_hand_parts(hand);
            self.step_again(&before);
        }
    }

    /// Lets the parts of the hand move to where it is in the next time step.
    fn move_hand_parts(&mut self, hand: &Hand) {
        for one in &self.hand_bodies {
            let pose = part_pose(&one.part, self.shape, hand);
            self.world.bodies[one.body].set_next_kinematic_position(pose);
        }
    }

    /// Repeats a time step in which the solver of the contacts diverged: in two of 4,600 transfers it threw a load at 7 and 30 m/s
    /// out of jaws that held it. Without the impulses of the step before, with which it begins, it converged; if it does not, the
    /// load stays where it was.
    fn step_again(&mut self, before: &LoadMotion) {
        before.restore(&mut self.world.bodies[self.load]);
        let remembered = self.world.integration_parameters.warmstart_coefficient;
        self.world.integration_parameters.warmstart_coefficient = 0.0;
        self.world.step();
        if before.is_thrown(&self.world.bodies[self.load]) {
            before.restore(&mut self.world.bodies[self.load]);
        }
        self.world.integration_parameters.warmstart_coefficient = remembered;
    }

    /// Puts load and hand somewhere else without simulating the motion.
    pub(super) fn relocate(
        &mut self,
        world_from_load: &Isometry3<f64>,
        velocity: &Velocity,
        hand: &Hand,
    ) {
        let linear = velocity.linear_m_s;
        let body = &mut self.world.bodies[self.load];
        body.set_position(to_rapier(world_from_load), true);
        body.set_linvel(Vector::new(linear.x as f32, linear.y as f32, linear.z as f32), true);
        body.set_angvel(Vector::new(0.0, 0.0, velocity.yaw_rad_s as f32), true);
        self.relocate_hand(hand);
    }

    /// Puts the hand somewhere else without simulating the motion.
    pub(super) fn relocate_hand(&mut self, hand: &Hand) {
        for one in &self.hand_bodies {
            let pose = part_pose(&one.part, self.shape, hand);
            self.world.bodies[one.body].set_position(pose, true);
        }
    }

    pub(super) fn load_rests(&self) -> bool {
        let load = &self.world.bodies[self.load];
        load.linvel().length() < REST_SPEED && load.angvel().length() < REST_SPEED
    }

    /// The two jaws' forces on the load, in newtons.
    pub(super) fn jaw_forces_n(&self) -> [f64; 2] {
        [0, 1].map(|jaw| f64::from(self.normal_force_n(&self.hand_bodies[jaw]).length()))
    }

    /// The smaller of the two jaws' forces on the load, in newtons.
    pub(super) fn grip_force_n(&self) -> f64 {
        let [one, other] = self.jaw_forces_n();
        one.min(other)
    }

    /// The two jaws' forces on the load towards each other, in newtons: a finger that stands on it does not hold it.
    pub(super) fn squeezing_n(&self, hand: &Hand) -> [f64; 2] {
        let (sin, cos) = self.shape.frame(hand.tool.planar).yaw_rad.sin_cos();
        [0, 1].map(|jaw| {
            let pad = &self.hand_bodies[jaw];
            let force = self.normal_force_n(pad);
            pad.part.side * (cos * f64::from(force.y) - sin * f64::from(force.x))
        })
    }

    /// The vertical force between fingers and load, in newtons: large only where a finger stands
    /// on it, because friction is not part of it.
    pub(super) fn force_from_below_n(&self) -> f64 {
        self.hand_bodies.iter().map(|one| f64::from(self.normal_force_n(one).z.abs())).sum()
    }

    /// By how much more the load presses on the hand from one side than from the other, in newtons: about nothing while it is
    /// only held. Friction is not part of it.
    pub(super) fn force_on_hand_n(&self) -> f64 {
        let forces = self.hand_bodies.iter().map(|one| self.normal_force_n(one));
        f64::from(forces.sum::<Vector>().length())
    }

    /// The item that carries most of the load, by its number among those that do not move; `None` if none does.
    pub(super) fn item_below(&self) -> Option<usize> {
        let lifts_n = |item: &ColliderHandle| {
            let pairs = self.world.contact_pairs_with(*item);
            let up = |pair: &ContactPair| {
                let to_load = if pair.collider1 == *item { 1.0 } else { -1.0 };
                to_load * pair.total_impulse().z / self.world.integration_parameters.dt
            };
            pairs.map(up).sum::<f32>()
        };
        let lifting = self.item_colliders.iter().map(lifts_n).enumerate();
        let most = lifting.max_by(|a, b| a.1.total_cmp(&b.1))?;
        (most.1 > CARRIED_N).then_some(most.0)
    }

    /// The force of the load on a part of the hand, without friction, in newtons.
    fn normal_force_n(&self, one: &HandBody) -> Vector {
        let on_hand = |of_load: &ColliderHandle| {
            let pair = self.world.contact_pair(one.collider, *of_load)?;
            let force = pair.total_impulse() / self.world.integration_parameters.dt;
            // An impulse points to the second collider.
            Some(if pair.collider2 == one.collider { force } else { -force })
        };
        self.load_colliders.iter().filter_map(on_hand).sum()
    }
}

fn empty_world(setting: Setting) -> PhysicsWorld {
    let mut world = PhysicsWorld::new();
    world.gravity = Vector::new(0.0, 0.0, -9.81);
    let parameters = &mut world.integration_parameters;
    parameters.dt = TIME_STEP_SECS as f32;
    // Recycled contacts lag behind the fingers by up to 50 mm of motion: fatal for a grasp.
    parameters.contact_recycling = false;
    parameters.normalized_prediction_distance = PREDICTION_DISTANCE_M;
    let softness = SpringCoefficients::new(CONTACT_FREQUENCY_HZ, CONTACT_DAMPING_RATIO);
    parameters.contact_softness = softness;
    parameters.static_contact_softness =
        SpringCoefficients::new(setting.fixed_frequency_hz(), CONTACT_DAMPING_RATIO);
    parameters.friction_model = FrictionModel::Coulomb;
    // Otherwise a held plate creeps by 0.1 mm a meter: friction must also resist what the contact
    // springs push.
    parameters.friction_in_bias_pass = true;
    world
}

/// Inserts what does not move, and returns the colliders of items.
fn insert_fixed(
    world: &mut PhysicsWorld,
    (setting, fixed): (Setting, &FixedBodies),
    friction: Friction,
) -> Vec<ColliderHandle> {
    let surface = |collider: ColliderBuilder, group: Group| {
        in_group(with_friction(collider, friction.surfaces), group, Group::ALL)
    };
    let body = world.insert_body(RigidBodyBuilder::fixed());
    let half = setting.table_half_m();
    let table = ColliderBuilder::cuboid(half, half, 0.05).translation(Vector::new(0.0, 0.0, -0.05));
    world.insert_collider(surface(table, HARDWARE), Some(body));
    for cuboid in &fixed.fixtures {
        let pose = upright_pose(cuboid.pose, cuboid.center_z_m);
        let collider = cuboid_of(cuboid.half_extents_m).position(pose);
        world.insert_collider(surface(collider, HARDWARE), Some(body));
    }
    let mut insert = |block: &Block, group: Group| {
        let pose = to_rapier(&block.world_from_block);
        let collider = cuboid_of(block.half_extents_m).position(pose);
        world.insert_collider(surface(collider, group), Some(body))
    };
    for chamfer in &fixed.chamfers {
        insert(chamfer, HARDWARE);
    }
    fixed.items.iter().map(|item| insert(item, ITEMS)).collect()
}

/// Inserts a load, and returns those of its colliders that the hand can touch.
fn insert_load(
    world: &mut PhysicsWorld,
    load: &Load,
    world_from_load: &Isometry3<f64>,
) -> (RigidBodyHandle, Vec<ColliderHandle>) {
    let body = world
        .insert_body(RigidBodyBuilder::dynamic().pose(to_rapier(world_from_load)).can_sleep(false));
    let mut touchable = Vec::with_capacity(load.parts.len());
    let heavier = (LEAST_MASS_KG / load.mass_kg()).max(1.0);
    for part in &load.parts {
        // Friction belongs to what the load touches: the larger of the two counts.
        let collider = cuboid_of(part.half_extents_m).position(to_rapier(&part.load_from_part));
        let collider = with_friction(collider.mass((heavier * part.mass_kg) as f32), 0.0);
        if part.nesting_m == 0.0 {
            touchable.push(world.insert_collider(collider, Some(body)));
            continue;
        }
        let outside = in_group(collider, NESTING, HARDWARE);
        touchable.push(world.insert_collider(outside, Some(body)));
        world.insert_collider(in_group(upper_part(part), NESTING, ITEMS), Some(body));
        for block in part.rim_blocks() {
            let wall = cuboid_of(block.half_extents_m).density(0.0);
            let wall = with_friction(wall.position(to_rapier(&block.world_from_block)), 0.0);
            world.insert_collider(in_group(wall, NESTING, ITEMS), Some(body));
        }
    }
    (body, touchable)
}

/// What of a part lies on an item over which it has sunk.
fn upper_part(part: &LoadPart) -> ColliderBuilder {
    let [x, y, z] = part.half_extents_m;
    let up = Translation3::new(0.0, 0.0, 0.5 * part.nesting_m);
    let collider = cuboid_of([x, y, z - 0.5 * part.nesting_m]).density(0.0);
    with_friction(collider.position(to_rapier(&(part.load_from_part * up))), 0.0)
}

fn insert_hand_part(
    world: &mut PhysicsWorld,
    part: HandPart,
    (shape, hand): (HandShape, &Hand),
    friction: Friction,
) -> HandBody {
    let pose = part_pose(&part, shape, hand);
    let body = world.insert_body(RigidBodyBuilder::kinematic_position_based().pose(pose));
    let pad = with_friction(cuboid_of(part.half_extents_m), friction.pads);
    let collider = world.insert_collider(in_group(pad, HARDWARE, Group::ALL), Some(body));
    HandBody { body, collider, part }
}

fn cuboid_of(half_extents_m: [f64; 3]) -> ColliderBuilder {
    let [x, y, z] = half_extents_m.map(|half| half as f32);
    ColliderBuilder::cuboid(x, y, z)
}

fn in_group(collider: ColliderBuilder, group: Group, touches: Group) -> ColliderBuilder {
    collider.collision_groups(InteractionGroups::new(group, touches, InteractionTestMode::And))
}

/// A collider that does not bounce. Of two that touch, the larger coefficient of friction counts.
fn with_friction(collider: ColliderBuilder, coefficient: f64) -> ColliderBuilder {
    collider
        .friction(coefficient as f32)
        .friction_combine_rule(CoefficientCombineRule::Max)
        .restitution(0.0)
}

fn part_pose(part: &HandPart, shape: HandShape, hand: &Hand) -> Pose {
    let (pose, z_m) = part.place(shape, hand);
    upright_pose(pose, z_m)
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
