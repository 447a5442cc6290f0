//! The simulated cell's world: what its devices act on and report from.

pub(crate) mod contact;
mod fixtures;
mod initial_items;
pub(crate) mod items;
pub(crate) mod laboratory;
pub(crate) mod laboratory_contact;
pub(crate) mod plate_contact;
mod seen;
pub(crate) mod slot_place;
pub(crate) mod state;

use nalgebra::{Isometry3, Translation3, UnitQuaternion};
use rmrl_cell::{DeviceError, TaskConfig, ToolPose};
use rmrl_core::{PlanarPose, Rng, random_stream, standard_normal};
use rmrl_vision::{CameraModel, Distortion, Intrinsics, RgbdFrame};

use crate::camera::moving_things::{MovingThings, SeenPlate};
use crate::camera::overhead_camera::OverheadCamera;
use crate::config::SimulationConfig;
use crate::ground_truth::{GraspTruth, GroundTruth, HandTruth, TargetPlace};
use crate::physics::free_air::FixtureOutline;
use crate::physics::grasp_dynamics::MotionEnd;
use crate::physics::hand::{CLOSED_HALF_OPENING_M, Hand, OPEN_HALF_OPENING_M};
use crate::physics::obstacles::Obstacles;
use crate::scene::appearance::PlateLook;
use crate::scene::arm_truth::ArmTruth;
use crate::scene::cell_distribution::CellDistribution;
use crate::scene::cell_parameters::CellParameters;
use crate::scene::layout::WORKSPACE_CENTER_M;
use crate::world::contact::Contact;
use crate::world::fixtures::Fixtures;
use crate::world::plate_contact::PlateContact;
use crate::world::seen::Seen;
use crate::world::slot_place::SlotPlace;
use crate::world::state::WorldState;

/// How well an operator puts a plate back, in meters: the standard deviation each way.
const OPERATOR_ERROR_M: f64 = 0.002;

/// Jaws that stop before their width by more than this have met something, in meters.
const JAWS_STOPPED_M: f64 = 0.000_5;
/// The standard deviation of the width that the gripper measures, in meters.
const WIDTH_NOISE_M: f64 = 0.000_1;

pub(crate) struct World {
    seeds: Seeds,
    cells: CellDistribution,
    parameters: CellParameters,
    surroundings: Surroundings,
    /// The camera as the software believes it to hang.
    believed_camera: CameraModel,
    /// The camera as it truly hangs.
    overhead: OverheadCamera,
    contact: Contact,
    /// The slots of a laboratory.
    slots: Vec<SlotPlace>,
    state: WorldState,
    /// Whether the arm stopped on contact and was not recovered.
    stopped: bool,
    record: TruthRecord,
}

/// What makes one cell.
struct CellParts {
    parameters: CellParameters,
    contact: Contact,
    overhead: OverheadCamera,
    target: TargetPlace,
    slots: Vec<SlotPlace>,
    state: WorldState,
}

struct Seeds {
    /// Seeds the looks of plates.
    cell: u64,
    /// Seeds the noise of the devices, and nothing else.
    noise: u64,
}

/// Where plates and jaws belong.
struct Surroundings {
    target: TargetPlace,
    start_surface_m: f64,
    /// The tool's height where it grips a plate at its start, in meters.
    grasp_height_m: f64,
    plate_height_m: f64,
    open_half_opening_m: f64,
}

/// What was true since the state was last remembered.
#[derive(Default)]
struct TruthRecord {
    /// The truth at each capture, oldest first.
    captures: Vec<GroundTruth>,
    /// The last grasp.
    grasp: Option<GraspTruth>,
}

impl World {
    pub(crate) fn new(
        config: &SimulationConfig,
        task: &TaskConfig,
        cell_seed: u64,
        noise_seed: u64,
    ) -> Self {
        let parameters = config.cells.draw(cell_seed);
        let fixtures = Fixtures::build(config, task, cell_seed, &parameters.arm);
        let obstacles = Obstacles { upright: fixtures.obstacles(), ..Obstacles::default() };
        let Fixtures { receptacles, clutter, target } = fixtures;
        let outline = match config.cells.round_fixtures {
            true => FixtureOutline::Circle,
            false => FixtureOutline::Rectangle,
        };
        let (friction, plate) = (parameters.friction, config.plate);
        let contact = PlateContact::new(obstacles, receptacles.clone(), friction, plate, outline);
        let overhead = OverheadCamera::new(config, cell_seed, &parameters, receptacles, clutter);
        let state = initial_state(config, task, &parameters.arm);
        let contact = Contact::Task(contact);
        let slots = Vec::new();
        let parts = CellParts { parameters, contact, overhead, target, slots, state };
        Self::assemble(config, task, parts, (cell_seed, noise_seed))
    }

    fn assemble(
        config: &SimulationConfig,
        task: &TaskConfig,
        parts: CellParts,
        (cell_seed, noise_seed): (u64, u64),
    ) -> Self {
        let CellParts { parameters, contact, overhead, target, slots, state } = parts;
        Self {
            seeds: Seeds { cell: cell_seed, noise: noise_seed },
            cells: config.cells,
            surroundings: Surroundings {
                target,
                start_surface_m: task.start_surface_m,
                grasp_height_m: task.start_surface_m + task.grasp_height_m,
                plate_height_m: config.plate.height_m,
                open_half_opening_m: 0.5 * task.jaw_opening_m,
            },
            believed_camera: believed_camera(overhead.camera(), &parameters),
            overhead,
            contact,
            slots,
            state,
            stopped: false,
            record: TruthRecord::default(),
            parameters,
        }
    }

    /// The state from which [`Self::restore`] continues with the same bits.
    ///
    /// The memory of the contact solver is not part of it, so the solver ends here as well: a world
    /// that is restored and one that was never interrupted continue alike.
    pub(crate) fn remember(&mut self) -> WorldState {
        self.contact.end(&mut self.state);
        self.record = TruthRecord::default();
        self.state
    }

    pub(crate) fn restore(&mut self, state: WorldState) {
        self.contact.discard();
        self.stopped = false;
        self.record = TruthRecord::default();
        self.state = state;
        self.overhead.move_to_scene(state.scene);
    }

    pub(crate) fn truth_at_captures(&self) -> &[GroundTruth] {
        &self.record.captures
    }

    pub(crate) fn grasp(&self) -> Option<GraspTruth> {
        self.record.grasp
    }

    pub(crate) fn arm(&self) -> ArmTruth {
        self.parameters.arm
    }

    /// Makes the software believe in another camera.
    pub(crate) fn calibrate(&mut self, camera: CameraModel) {
        self.believed_camera = camera;
    }

    pub(crate) fn believed_camera(&self) -> CameraModel {
        self.believed_camera
    }

    /// The camera as it truly hangs.
    pub(crate) fn true_camera(&self) -> CameraModel {
        self.overhead.camera()
    }

    pub(crate) fn capture(&mut self) -> RgbdFrame {
        let mut rng = self.next_stream();
        self.record.captures.push(self.truth());
        let Seen { plates, bodies, hand } = self.seen();
        let things = MovingThings { plates: &plates, bodies: &bodies, hand: &hand };
        self.overhead.capture(&things, &mut rng)
    }

    /// What moves before the camera.
    fn seen(&self) -> Seen {
        match &self.contact {
            Contact::Laboratory(contact) => contact.seen(&self.state),
            Contact::Task(_) => Seen {
                plates: vec![SeenPlate {
                    world_from_plate: self.state.world_from_plate(),
                    geometry: self.overhead.plate(),
                    look: self.plate_look(),
                }],
                bodies: Vec::new(),
                hand: self.state.hand.cuboids().to_vec(),
            },
        }
    }

    /// The pose that the arm reports.
    pub(crate) fn commanded_tool(&self) -> ToolPose {
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
        let end = self.contact.move_hand(&mut self.state, arrival, speed_m_s);
        if end == MotionEnd::Arrived {
            self.state.hand.tool = arrival;
            self.state.commanded = target;
            return Ok(target);
        }
        self.stopped = true;
        let stopped_at = self.state.hand.tool;
        self.state.commanded = self.parameters.arm.commanded(stopped_at);
        Err(DeviceError::Collision { at: self.state.commanded })
    }

    /// Where the tool truly arrives when it is commanded to `target`.
    fn true_arrival(&mut self, target: ToolPose) -> ToolPose {
        let mut rng = self.next_stream();
        let mut error = || self.parameters.repeatability_m * standard_normal(&mut rng);
        let ToolPose { planar, z_m } = self.parameters.arm.true_tool(target);
        ToolPose::new(
            PlanarPose::new(planar.x_m + error(), planar.y_m + error(), planar.yaw_rad),
            z_m,
        )
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
        if let Some(grasp) = &mut self.record.grasp
            && self.state.holds_plate
        {
            grasp.released = Some(before);
        }
        let opened_m = self.contact.open_jaws(&mut self.state, half_opening_m);
        if half_opening_m - opened_m > JAWS_STOPPED_M {
            return Err(DeviceError::Refused {
                device: "gripper",
                reason: format!(
                    "something stopped the jaws at {:.1} mm on their way to {:.1} mm",
                    2000.0 * opened_m,
                    1000.0 * width_m
                ),
            });
        }
        Ok(())
    }

    /// How far apart the jaws are, as the gripper measures it, in meters.
    pub(crate) fn measured_width_m(&mut self) -> f64 {
        let error_m = WIDTH_NOISE_M * standard_normal(&mut self.next_stream());
        self.contact.opening_m(&self.state) + error_m
    }

    pub(crate) fn close_jaws(&mut self) {
        let open = self.hand_truth();
        self.contact.close_jaws(&mut self.state);
        self.record.grasp = Some(GraspTruth { open, closed: self.hand_truth(), released: None });
    }

    pub(crate) fn holds_plate(&self) -> bool {
        self.state.holds_plate
    }

    pub(crate) fn exchange_plate(&mut self, scene: u32) {
        self.state.scene = scene;
        self.overhead.move_to_scene(scene);
    }

    /// How the plate in the cell looks.
    pub(crate) fn plate_look(&self) -> PlateLook {
        match &self.contact {
            Contact::Task(_) => self.cells.draw_plate(self.seeds.cell, self.state.scene),
            Contact::Laboratory(contact) => contact.look_of_active(),
        }
    }

    pub(crate) fn put_plate_at_target(&mut self) {
        self.exchange_plate(0);
        self.put_plate(self.surroundings.target.pose, self.surroundings.target.surface_m);
    }

    pub(crate) fn put_plate_near(&mut self, pose: PlanarPose) {
        let mut rng = self.next_stream();
        let mut error = || OPERATOR_ERROR_M * standard_normal(&mut rng);
        let pose = PlanarPose::new(pose.x_m + error(), pose.y_m + error(), pose.yaw_rad);
        self.put_plate(pose, self.surroundings.start_surface_m);
    }

    pub(crate) fn put_plate(&mut self, pose: PlanarPose, surface_m: f64) {
        self.contact.end(&mut self.state);
        self.state.holds_plate = false;
        self.state.hand.half_opening_m = self.surroundings.open_half_opening_m;
        let center_z_m = surface_m + 0.5 * self.surroundings.plate_height_m;
        self.state.set_plate(&Isometry3::from_parts(
            Translation3::new(pose.x_m, pose.y_m, center_z_m),
            UnitQuaternion::from_euler_angles(0.0, 0.0, pose.yaw_rad),
        ));
    }

    pub(crate) fn truth(&self) -> GroundTruth {
        self.surroundings.target.truth(
            &self.state.world_from_plate(),
            self.state.planar_plate(),
            self.surroundings.plate_height_m,
            |plate| self.parameters.arm.configured_tool(plate, self.surroundings.grasp_height_m),
        )
    }

    fn hand_truth(&self) -> HandTruth {
        HandTruth { tool: self.state.hand.tool.planar, plate: self.state.planar_plate() }
    }

    /// The next random stream of this world's devices.
    fn next_stream(&mut self) -> Rng {
        self.state.draws += 1;
        random_stream(self.seeds.noise, "devices", [self.state.draws, 0])
    }
}

/// The camera as its calibration places it: in the frame of the arm's base, with a lens that distorts nothing.
fn believed_camera(true_camera: CameraModel, parameters: &CellParameters) -> CameraModel {
    // The error turns about the middle of the workspace, where calibrations are made.
    let center = Translation3::new(WORKSPACE_CENTER_M[0], WORKSPACE_CENTER_M[1], 0.0);
    let mut believed_from_true = center * parameters.extrinsic_error * center.inverse();
    if let Some(table_from_arm) = parameters.arm.table_from_arm() {
        believed_from_true *= table_from_arm.inverse();
    }
    CameraModel {
        intrinsics: Intrinsics { distortion: Distortion::default(), ..true_camera.intrinsics },
        world_from_camera: believed_from_true * true_camera.world_from_camera,
    }
}

/// A plate in the middle of the region where plates start, and the hand at home, open.
fn initial_state(config: &SimulationConfig, task: &TaskConfig, arm: &ArmTruth) -> WorldState {
    let start = task.start.center();
    let home = task.home.tool_pose();
    WorldState::initial(
        [start.x_m, start.y_m, task.start_surface_m + 0.5 * config.plate.height_m],
        home,
        Hand { tool: arm.true_tool(home), half_opening_m: 0.5 * task.jaw_opening_m },
    )
}
