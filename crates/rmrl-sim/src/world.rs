//! The simulated cell's world: what its devices act on and report from.

use std::f64::consts::FRAC_PI_2;

use nalgebra::{Isometry3, Quaternion, Translation3, UnitQuaternion, Vector3};
use rand::RngExt;
use rmrl_cell::{DeviceError, Place, TaskConfig, TaskKind, ToolPose};
use rmrl_core::{PlanarPose, Rng, random_stream, wrap_angle};
use rmrl_vision::{CameraModel, PlateGeometry, RgbdFrame};
use serde::{Deserialize, Serialize};

use crate::clutter::draw_clutter;
use crate::dynamics::{
    CLOSED_HALF_OPENING_M, GraspDynamics, Hand, MotionEnd, OPEN_HALF_OPENING_M, plate_reach_m,
};
use crate::eye::Eye;
use crate::layout::{Cuboid, Material, on};
use crate::parameters::{CellDistribution, CellParameters, WORKSPACE_CENTER_M};
use crate::way::{between, distance_to_way_m};
use crate::{PlateLook, SimulationConfig, simulation::camera_over_workspace, simulation::places};

/// All of the world that outlasts a trial: what a real cell keeps by being there.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WorldState {
    /// The centre of the plate, world frame, in metres.
    plate_m: [f64; 3],
    /// Its rotation as a unit quaternion, `[x, y, z, w]`.
    plate_rotation: [f64; 4],
    /// Where the arm was last told to be.
    commanded: ToolPose,
    /// Where the hand truly is.
    hand: Hand,
    /// Whether the jaws hold the plate.
    holds_plate: bool,
    /// How many random streams the devices have used up.
    draws: u64,
    /// The scene whose plate lies in the cell; 0 for the plain one.
    scene: u32,
}

/// The plate as it truly lies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GroundTruth {
    /// The plate's pose in the plane.
    pub plate: PlanarPose,
    /// The pose of a plate exactly in its place.
    pub target: PlanarPose,
    /// How much higher than its place's surface the plate's centre lies than a seated one's, in
    /// metres.
    pub rise_m: f64,
    /// How far the plate is tilted, in radians.
    pub tilt_rad: f64,
    /// Whether the plate sits in its place: inside its walls, level, on its surface, the right way
    /// round.
    pub seated: bool,
    /// Where the arm would have to be told to pick so that the jaws close around the plate's
    /// middle.
    pub best_pick: PlanarPose,
}

impl GroundTruth {
    /// How far the plate is from its place, in metres.
    pub fn e_trans_m(&self) -> f64 {
        self.plate.distance_m(self.target)
    }

    /// How far it is turned from its place, in radians, counterclockwise.
    pub fn yaw_error_rad(&self) -> f64 {
        wrap_angle(self.plate.yaw_rad - self.target.yaw_rad)
    }
}

/// Hand and plate as they truly were at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HandTruth {
    /// The tool, between the jaws.
    pub tool: PlanarPose,
    /// The plate.
    pub plate: PlanarPose,
}

/// The last grasp as it truly was: what the jaws did to the plate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GraspTruth {
    /// Before the jaws closed.
    pub open: HandTruth,
    /// After they had closed.
    pub closed: HandTruth,
    /// Before they opened again; `None` if they did not, or no longer held the plate.
    pub released: Option<HandTruth>,
}

pub(crate) struct World {
    /// Seeds the noise of the devices, and nothing else.
    noise_seed: u64,
    cell_seed: u64,
    cells: CellDistribution,
    geometry: PlateGeometry,
    parameters: CellParameters,
    open_half_opening_m: f64,
    target: PlanarPose,
    target_surface_m: f64,
    target_clearance_m: f64,
    start_surface_m: f64,
    /// What the plate may come to touch.
    fixtures: Vec<Cuboid>,
    /// What stops the hand: fixtures and clutter, which lies where no plate gets to.
    obstacles: Vec<Cuboid>,
    camera: CameraModel,
    eye: Eye,
    state: WorldState,
    stopped: bool,
    /// The truth at each picture since the state was last remembered.
    pictured: Vec<GroundTruth>,
    /// The last grasp since then.
    grasp: Option<GraspTruth>,
    /// Running while anything may touch the plate.
    dynamics: Option<GraspDynamics>,
}

/// Above the plate's top by less than this, fingers may touch it, in metres.
const CONTACT_ZONE_M: f64 = 0.002;
/// Farther from the plate's middle than this, they cannot, in metres.
const CONTACT_REACH_M: f64 = 0.15;
/// Fingers that pass the plate at this distance do not touch it, in metres (and radians of turn).
const BESIDE_M: f64 = 0.000_5;
/// No part of the hand is farther from the tool's middle than this, in metres.
const HAND_REACH_M: f64 = 0.09;
/// A plate higher than this above its place is not seated, in metres.
const SEATED_RISE_M: f64 = 0.001;
/// A plate tilted by more is not seated, in radians.
const SEATED_TILT_RAD: f64 = 0.02;
/// How well a person puts a plate back, in metres: the standard deviation each way.
const OPERATOR_ERROR_M: f64 = 0.002;

impl World {
    pub(crate) fn new(
        config: &SimulationConfig,
        task: &TaskConfig,
        cell_seed: u64,
        noise_seed: u64,
    ) -> Self {
        let parameters = config.cells.draw(cell_seed);
        let geometry = config.plate;
        let true_camera = camera_over_workspace(&config.camera);
        // The error turns about the middle of the workspace, where calibrations are made.
        let center = Translation3::new(WORKSPACE_CENTER_M[0], WORKSPACE_CENTER_M[1], 0.0);
        let believed_from_true = center * parameters.extrinsic_error * center.inverse();
        let camera = CameraModel {
            world_from_camera: believed_from_true * true_camera.world_from_camera,
            ..true_camera
        };

        let places = places(task);
        // The arm was taught its places with the tool it has, so that is where they truly are.
        let truly = |place: &Place| tool_of(place.pose(), parameters.tool_from_configured);
        let mut fixtures = Vec::new();
        for (kind, place) in &places {
            let pose = truly(place);
            match kind {
                TaskKind::Table => fixtures.extend(config.table_box.walls(
                    pose,
                    place.surface_m,
                    geometry,
                    Material::Box,
                )),
                TaskKind::Shelf => {
                    let slot = &config.shelf_slot;
                    fixtures.push(slot.board(pose, place.surface_m, geometry, Material::Shelf));
                    fixtures.extend(slot.walls(pose, place.surface_m, geometry, Material::Shelf));
                }
            }
        }
        let board = config.board.as_ref();
        let clutter = draw_clutter(config.cells.clutter, cell_seed, task, &config.camera, board);
        let obstacles =
            fixtures.iter().copied().chain(clutter.iter().map(|object| object.cuboid)).collect();
        let eye = Eye::new(config, cell_seed, &parameters, fixtures.clone(), clutter);
        let open_half_opening_m = 0.5 * task.jaw_opening_m;
        let home = task.home.tool_pose();
        let target = truly(&task.place);
        let start = task.start.center();
        Self {
            noise_seed,
            cell_seed,
            cells: config.cells,
            geometry,
            open_half_opening_m,
            target,
            target_surface_m: task.place.surface_m,
            target_clearance_m: match task.kind {
                TaskKind::Table => config.table_box.clearance_m,
                TaskKind::Shelf => config.shelf_slot.clearance_m,
            },
            start_surface_m: task.start_surface_m,
            fixtures,
            obstacles,
            camera,
            eye,
            state: WorldState {
                plate_m: [start.x_m, start.y_m, task.start_surface_m + 0.5 * geometry.height_m],
                plate_rotation: [0.0, 0.0, 0.0, 1.0],
                commanded: home,
                hand: Hand {
                    tool: ToolPose::new(
                        tool_of(home.planar, parameters.tool_from_configured),
                        home.z_m,
                    ),
                    half_opening_m: open_half_opening_m,
                },
                holds_plate: false,
                draws: 0,
                scene: 0,
            },
            stopped: false,
            pictured: Vec::new(),
            grasp: None,
            dynamics: None,
            parameters,
        }
    }

    /// The state from which [`Self::restore`] goes on with the same bits.
    ///
    /// The contact solver's memory is not part of it, so it is let go of here as well: a world
    /// that is restored and one that was never interrupted continue alike.
    pub(crate) fn remember(&mut self) -> WorldState {
        self.leave_contact();
        self.pictured.clear();
        self.grasp = None;
        self.state
    }

    pub(crate) fn pictured(&self) -> &[GroundTruth] {
        &self.pictured
    }

    pub(crate) fn grasp(&self) -> Option<GraspTruth> {
        self.grasp
    }

    pub(crate) fn tool_from_configured(&self) -> PlanarPose {
        self.parameters.tool_from_configured
    }

    pub(crate) fn restore(&mut self, state: WorldState) {
        self.dynamics = None;
        self.stopped = false;
        self.pictured.clear();
        self.grasp = None;
        self.state = state;
        self.eye.move_to_scene(state.scene);
    }

    /// The software's idea of the camera from now on.
    pub(crate) fn calibrate(&mut self, camera: CameraModel) {
        self.camera = camera;
    }

    pub(crate) fn camera(&self) -> CameraModel {
        self.camera
    }

    /// The camera as it truly hangs.
    pub(crate) fn true_camera(&self) -> CameraModel {
        self.eye.camera
    }

    pub(crate) fn capture(&mut self) -> RgbdFrame {
        let mut rng = self.draw();
        self.pictured.push(self.truth());
        let hand = self.hand();
        // A hand out of view takes its shadow along, though that may reach into a corner.
        let in_view = crate::render::hand_in_view(&hand, &self.eye.camera);
        let picture = self.eye.renderer.render(
            &self.world_from_plate(),
            &self.plate_look(),
            in_view.then_some(&hand),
        );
        self.eye.sensor.expose(&picture, &mut rng)
    }

    pub(crate) fn tool(&self) -> ToolPose {
        self.state.commanded
    }

    pub(crate) fn recover(&mut self) {
        self.stopped = false;
    }

    pub(crate) fn move_tool(
        &mut self,
        target: ToolPose,
        speed_m_s: f64,
    ) -> Result<ToolPose, DeviceError> {
        if self.stopped {
            return Err(DeviceError::Refused {
                device: "arm",
                reason: "it stopped on contact and was not recovered".to_string(),
            });
        }
        let arrival = self.true_arrival(target);
        let blocked_at = self.blocked_at(arrival);
        let within = blocked_at.unwrap_or(arrival);
        let end = if self.state.holds_plate {
            self.dynamics().move_hand(within, speed_m_s)
        } else {
            self.move_empty_hand(within, speed_m_s)
        };
        self.note_contact();
        let end = if blocked_at.is_some() { MotionEnd::Contact } else { end };
        match end {
            MotionEnd::Arrived => {
                self.state.hand.tool = arrival;
                self.state.commanded = target;
                Ok(target)
            }
            MotionEnd::Contact => {
                self.stopped = true;
                let stopped_at = self.state.hand.tool;
                let offset = self.parameters.tool_from_configured;
                self.state.commanded =
                    ToolPose::new(configured_of(stopped_at.planar, offset), stopped_at.z_m);
                Err(DeviceError::Collision { at: self.state.commanded })
            }
        }
    }

    /// Where the hand, on its straight way to `arrival`, meets something that stands in the cell;
    /// `None` if the way is free. The plate is not part of it: physics moves that.
    fn blocked_at(&self, arrival: ToolPose) -> Option<ToolPose> {
        let hand = self.hand();
        let from = hand.tool;
        let lowest_m = from.z_m.min(arrival.z_m);
        let way_m = from.planar.distance_m(arrival.planar);
        let near: Vec<&Cuboid> = self
            .obstacles
            .iter()
            .filter(|one| {
                let reach_m = one.half_extents_m[0].hypot(one.half_extents_m[1]) + HAND_REACH_M;
                one.top_m() > lowest_m && from.planar.distance_m(one.pose) < reach_m + way_m
            })
            .collect();
        if near.is_empty() && lowest_m >= 0.0 {
            return None;
        }
        let meets = |tool: ToolPose| {
            let parts = Hand { tool, ..hand }.cuboids();
            tool.z_m < 0.0 || near.iter().any(|one| parts.iter().any(|part| part.overlaps(one)))
        };
        let distance_m = way_m.hypot(arrival.z_m - from.z_m);
        let turn_rad = wrap_angle(arrival.planar.yaw_rad - from.planar.yaw_rad).abs();
        let steps = (distance_m / 0.001).max(turn_rad / 0.01).ceil().max(1.0) as usize;
        let at = |step: usize| between(from, arrival, step as f64 / steps as f64);
        // A hand that touches something already may leave it.
        let free = (0..=steps).find(|step| !meets(at(*step)))?;
        let met = (free..=steps).find(|step| meets(at(*step)))?;
        Some(at(met - 1))
    }

    /// Moves the hand without a plate: physics runs only for the part of the way on which the
    /// fingers may touch the plate.
    fn move_empty_hand(&mut self, arrival: ToolPose, speed_m_s: f64) -> MotionEnd {
        let from = self.hand().tool;
        let plate = self.world_from_plate();
        let zone_m = plate.translation.z + 0.5 * self.geometry.height_m + CONTACT_ZONE_M;
        let near = from.z_m.min(arrival.z_m) < zone_m
            && distance_to_way_m(from.planar, arrival.planar, self.planar_plate())
                < CONTACT_REACH_M;
        // Straight down or up around a plate that lies between the open jaws.
        let is_vertical = from.planar.distance_m(arrival.planar) < BESIDE_M
            && wrap_angle(from.planar.yaw_rad - arrival.planar.yaw_rad).abs() < BESIDE_M;
        let beside = plate_reach_m(&plate, self.geometry, arrival.planar) + 2.0 * BESIDE_M;
        let passes = is_vertical && beside < self.hand().half_opening_m;
        if !near || passes {
            self.leave_contact();
            self.state.hand.tool = arrival;
            return MotionEnd::Arrived;
        }
        // Where the way crosses the upper limit of the zone.
        let crossing = |share: f64| between(from, arrival, share).at_height(zone_m);
        let share = (zone_m - from.z_m) / (arrival.z_m - from.z_m);
        if from.z_m > zone_m {
            self.leave_contact();
            self.state.hand.tool = crossing(share);
            self.dynamics().move_hand(arrival, speed_m_s)
        } else if arrival.z_m > zone_m {
            let end = self.dynamics().move_hand(crossing(share), speed_m_s);
            self.leave_contact();
            self.state.hand.tool = arrival;
            end
        } else {
            self.dynamics().move_hand(arrival, speed_m_s)
        }
    }

    pub(crate) fn open_jaws(&mut self, width_m: f64) -> Result<(), DeviceError> {
        let half_opening_m = 0.5 * width_m;
        if !(CLOSED_HALF_OPENING_M..=OPEN_HALF_OPENING_M).contains(&half_opening_m) {
            return Err(DeviceError::Refused {
                device: "gripper",
                reason: format!(
                    "it opens from {:.0} to {:.0} mm, not to {:.1} mm",
                    2000.0 * CLOSED_HALF_OPENING_M,
                    2000.0 * OPEN_HALF_OPENING_M,
                    1000.0 * width_m
                ),
            });
        }
        let before = self.hand_truth();
        if let Some(grasp) = &mut self.grasp
            && self.state.holds_plate
        {
            grasp.released = Some(before);
        }
        if self.state.holds_plate || self.dynamics.is_some() {
            self.dynamics().open_jaws(half_opening_m);
            self.note_contact();
        } else {
            self.state.hand.half_opening_m = half_opening_m;
        }
        Ok(())
    }

    pub(crate) fn close_jaws(&mut self) {
        let hand = self.hand();
        let plate = self.world_from_plate();
        let open = self.hand_truth();
        let around_plate = hand.tool.z_m < plate.translation.z + 0.5 * self.geometry.height_m
            && (hand.tool.planar.x_m - plate.translation.x)
                .hypot(hand.tool.planar.y_m - plate.translation.y)
                < CONTACT_REACH_M;
        if around_plate {
            self.dynamics().close_jaws();
            self.note_contact();
        } else {
            self.state.hand.half_opening_m = CLOSED_HALF_OPENING_M;
        }
        self.grasp = Some(GraspTruth { open, closed: self.hand_truth(), released: None });
    }

    pub(crate) fn holds_plate(&self) -> bool {
        self.state.holds_plate
    }

    pub(crate) fn exchange_plate(&mut self, scene: u32) {
        self.state.scene = scene;
        self.eye.move_to_scene(scene);
    }

    /// How the plate in the cell looks.
    pub(crate) fn plate_look(&self) -> PlateLook {
        self.cells.draw_plate(self.cell_seed, self.state.scene)
    }

    pub(crate) fn put_plate_at_target(&mut self) {
        self.exchange_plate(0);
        self.put_plate(self.target, self.target_surface_m);
    }

    pub(crate) fn put_plate_near(&mut self, pose: PlanarPose) {
        let mut rng = self.draw();
        let mut error = || OPERATOR_ERROR_M * standard_normal(&mut rng);
        let pose = PlanarPose::new(pose.x_m + error(), pose.y_m + error(), pose.yaw_rad);
        self.put_plate(pose, self.start_surface_m);
    }

    pub(crate) fn put_plate(&mut self, pose: PlanarPose, surface_m: f64) {
        self.leave_contact();
        self.state.holds_plate = false;
        self.state.hand.half_opening_m = self.open_half_opening_m;
        self.set_plate(&Isometry3::from_parts(
            Translation3::new(pose.x_m, pose.y_m, surface_m + 0.5 * self.geometry.height_m),
            UnitQuaternion::from_euler_angles(0.0, 0.0, pose.yaw_rad),
        ));
    }

    /// The plate's pose in the plane.
    fn planar_plate(&self) -> PlanarPose {
        let world_from_plate = self.world_from_plate();
        let long_side = world_from_plate.rotation * Vector3::x();
        PlanarPose::new(
            world_from_plate.translation.x,
            world_from_plate.translation.y,
            long_side.y.atan2(long_side.x),
        )
    }

    fn hand_truth(&self) -> HandTruth {
        HandTruth { tool: self.state.hand.tool.planar, plate: self.planar_plate() }
    }

    pub(crate) fn truth(&self) -> GroundTruth {
        let world_from_plate = self.world_from_plate();
        let up = world_from_plate.rotation * Vector3::z();
        let plate = self.planar_plate();
        let seated_height_m = self.target_surface_m + 0.5 * self.geometry.height_m;
        let rise_m = world_from_plate.translation.z - seated_height_m;
        let tilt_rad = up.z.clamp(-1.0, 1.0).acos();
        let deviation = plate.relative_to(self.target).rotated(-self.target.yaw_rad);
        let slack_m = self.target_clearance_m + SEATED_RISE_M;
        GroundTruth {
            plate,
            target: self.target,
            rise_m,
            tilt_rad,
            seated: rise_m.abs() < SEATED_RISE_M
                && tilt_rad < SEATED_TILT_RAD
                && deviation.dyaw_rad.abs() < FRAC_PI_2
                && deviation.dx_m.abs() < slack_m
                && deviation.dy_m.abs() < slack_m,
            best_pick: configured_of(plate, self.parameters.tool_from_configured),
        }
    }

    fn hand(&self) -> Hand {
        self.state.hand
    }

    fn world_from_plate(&self) -> Isometry3<f64> {
        let [x, y, z] = self.state.plate_m;
        let [i, j, k, w] = self.state.plate_rotation;
        Isometry3::from_parts(
            Translation3::new(x, y, z),
            UnitQuaternion::from_quaternion(Quaternion::new(w, i, j, k)),
        )
    }

    fn set_plate(&mut self, world_from_plate: &Isometry3<f64>) {
        self.state.plate_m = world_from_plate.translation.vector.into();
        self.state.plate_rotation = world_from_plate.rotation.coords.into();
    }

    /// The running physics, started where the world stands.
    fn dynamics(&mut self) -> &mut GraspDynamics {
        let world_from_plate = self.world_from_plate();
        self.dynamics.get_or_insert_with(|| {
            GraspDynamics::new(
                &self.fixtures,
                self.parameters.friction,
                self.geometry,
                &world_from_plate,
                self.state.hand,
            )
        })
    }

    /// Takes over what the running physics did.
    fn note_contact(&mut self) {
        if let Some(dynamics) = &self.dynamics {
            let (world_from_plate, hand) = (dynamics.world_from_plate(), dynamics.hand());
            self.state.holds_plate = dynamics.holds_plate();
            self.state.hand = hand;
            self.set_plate(&world_from_plate);
        }
    }

    /// Ends the running physics.
    fn leave_contact(&mut self) {
        self.note_contact();
        self.dynamics = None;
    }

    /// Where the tool truly arrives when told to go to `target`.
    fn true_arrival(&mut self, target: ToolPose) -> ToolPose {
        let mut rng = self.draw();
        let mut error = || self.parameters.repeatability_m * standard_normal(&mut rng);
        let truly = tool_of(target.planar, self.parameters.tool_from_configured);
        ToolPose::new(
            PlanarPose::new(truly.x_m + error(), truly.y_m + error(), truly.yaw_rad),
            target.z_m,
        )
    }

    /// The next random stream of this world's devices.
    fn draw(&mut self) -> Rng {
        self.state.draws += 1;
        random_stream(self.noise_seed, "devices", [self.state.draws, 0])
    }
}

/// Where the true tool is when the configured one is at `configured`.
fn tool_of(configured: PlanarPose, tool_from_configured: PlanarPose) -> PlanarPose {
    let at = on(configured, tool_from_configured.x_m, tool_from_configured.y_m);
    PlanarPose::new(at.x_m, at.y_m, configured.yaw_rad + tool_from_configured.yaw_rad)
}

/// Where the configured tool is when the true one is at `tool`; the inverse of [`tool_of`].
fn configured_of(tool: PlanarPose, tool_from_configured: PlanarPose) -> PlanarPose {
    let turned = PlanarPose::new(tool.x_m, tool.y_m, tool.yaw_rad - tool_from_configured.yaw_rad);
    on(turned, -tool_from_configured.x_m, -tool_from_configured.y_m)
}

fn standard_normal(rng: &mut Rng) -> f64 {
    // Box-Muller
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tool_and_configured_pose_are_inverse() {
        let offset = PlanarPose::new(0.002, -0.001, 0.01);
        let configured = PlanarPose::new(0.3, -0.2, 2.5);
        let back = configured_of(tool_of(configured, offset), offset).relative_to(configured);
        assert!(back.translation_m() < 1e-12 && back.dyaw_rad.abs() < 1e-12);
        let moved = tool_of(PlanarPose::new(0.0, 0.0, std::f64::consts::FRAC_PI_2), offset);
        assert!((moved.x_m - 0.001).abs() < 1e-12 && (moved.y_m - 0.002).abs() < 1e-12);
    }
}
