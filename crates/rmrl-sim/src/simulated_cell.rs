//! A simulated cell's devices, and its hidden truth.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmrl_cell::{
    Arm, Camera, DeviceError, Devices, FirstMotion, Gripper, Operator, TaskConfig, ToolPose,
};
use rmrl_core::PlanarPose;
use rmrl_vision::{CameraModel, RgbdFrame};

use crate::config::{SimulationConfig, SimulationConfigError};
use crate::ground_truth::{GraspTruth, GroundTruth};
use crate::item_truth::ItemTruth;
use crate::laboratory_config::SimulatedLaboratory;
use crate::laboratory_error::LaboratoryError;
use crate::scene::appearance::PlateLook;
use crate::scene::arm_truth::ArmTruth;
use crate::world::World;
use crate::world::laboratory::LaboratoryState;
use crate::world::state::WorldState;

/// One simulated cell. Clones share the same world, as devices on one table do.
#[derive(Clone)]
pub struct SimulatedCell {
    world: Arc<Mutex<World>>,
}

impl SimulatedCell {
    /// The cell of a seed, built for a task.
    ///
    /// `cell_seed` decides its calibration error, tool offset, depth bias, friction, light and bench,
    /// and the look of each scene's plate. `noise_seed` decides all noise of its devices.
    ///
    /// # Errors
    /// The first invalid value of the configuration, or of the task.
    pub fn new(
        config: &SimulationConfig,
        task: &TaskConfig,
        cell_seed: u64,
        noise_seed: u64,
    ) -> Result<Self, SimulationConfigError> {
        config.validate()?;
        config.check_task(task)?;
        let world = World::new(config, task, cell_seed, noise_seed);
        Ok(Self { world: Arc::new(Mutex::new(world)) })
    }

    /// A laboratory of a seed: items in slots instead of one plate and the places of the tasks. Heights, speeds and the jaws'
    /// opening are those of the task.
    ///
    /// A person has put the items into their slots, by the cell's seed: off by 2 mm and 1 degree (standard deviations) where
    /// the walls allow it. `truth` and `grasp` are about the item that the hand moved last, and there is no operator.
    ///
    /// # Errors
    /// The first invalid value of the configuration or of the laboratory.
    pub fn laboratory(
        config: &SimulationConfig,
        task: &TaskConfig,
        laboratory: &SimulatedLaboratory,
        cell_seed: u64,
        noise_seed: u64,
    ) -> Result<Self, SimulationConfigError> {
        config.validate()?;
        laboratory.validate()?;
        let world = World::laboratory(config, task, laboratory, cell_seed, noise_seed);
        Ok(Self { world: Arc::new(Mutex::new(world)) })
    }

    /// The items of a laboratory as they truly lie, without those that were taken away: for evaluation, never for a policy.
    pub fn items(&self) -> Vec<ItemTruth> {
        self.world().items()
    }

    /// A person takes an item away, with all that lies on it, also out of the jaws.
    ///
    /// # Errors
    /// There is no such item.
    pub fn take_away(&self, id: &str) -> Result<(), LaboratoryError> {
        self.world().take_away(id)
    }

    /// A person puts an item, with all that lies on it, into a slot: on what lies there, off by `error` in the slot's frame.
    ///
    /// # Errors
    /// There is no such item or slot.
    pub fn put_item(&self, id: &str, slot: &str, error: PlanarPose) -> Result<(), LaboratoryError> {
        self.world().put_item(id, slot, error)
    }

    /// All of a laboratory that outlasts a transfer.
    pub fn remember_laboratory(&self) -> LaboratoryState {
        self.world().remember_laboratory()
    }

    /// Restores a state that was remembered. What follows has the same bits as if nothing had been interrupted.
    ///
    /// # Errors
    /// The state is of a laboratory with another number of items.
    pub fn restore_laboratory(&self, state: &LaboratoryState) -> Result<(), LaboratoryError> {
        self.world().restore_laboratory(state)
    }

    /// Replaces the camera model that the software believes in by that of a calibration.
    ///
    /// # Errors
    /// The calibration is for images of another size.
    pub fn calibrate(&self, camera: CameraModel) -> Result<(), SimulationConfigError> {
        let size = |camera: &CameraModel| (camera.intrinsics.width, camera.intrinsics.height);
        let mut world = self.world();
        let (calibrated, simulated) = (size(&camera), size(&world.true_camera()));
        if calibrated != simulated {
            return Err(SimulationConfigError::CameraSize { calibrated, simulated });
        }
        world.calibrate(camera);
        Ok(())
    }

    /// Camera, arm, gripper and the operator beside them.
    pub fn devices(&self) -> Devices {
        Devices {
            camera: Box::new(self.clone()),
            arm: Box::new(self.clone()),
            gripper: Box::new(self.clone()),
            operator: Box::new(self.clone()),
        }
    }

    /// The plate as it truly lies: for evaluation, never for a policy.
    pub fn truth(&self) -> GroundTruth {
        self.world().truth()
    }

    /// The truth at each capture since the state was last remembered, oldest first.
    pub fn truth_at_captures(&self) -> Vec<GroundTruth> {
        self.world().truth_at_captures().to_vec()
    }

    /// How the plate in the cell looks: for evaluation, never for a policy.
    pub fn plate_look(&self) -> PlateLook {
        self.world().plate_look()
    }

    /// What the last grasp since the state was last remembered truly did: for evaluation, never for a
    /// policy.
    pub fn grasp(&self) -> Option<GraspTruth> {
        self.world().grasp()
    }

    /// Where the arm truly puts its tool: for evaluation, never for a policy.
    pub fn arm_truth(&self) -> ArmTruth {
        self.world().arm()
    }

    /// The camera as it truly hangs: for evaluation, never for a policy.
    pub fn true_camera(&self) -> CameraModel {
        self.world().true_camera()
    }

    /// All of the world that outlasts a trial. Of a laboratory it is only what moved last: see
    /// [`Self::remember_laboratory`].
    pub fn remember(&self) -> WorldState {
        self.world().remember()
    }

    /// Restores a state that was remembered.
    pub fn restore(&self, state: WorldState) {
        self.world().restore(state);
    }

    /// Puts the plate at a pose on the surface at `surface_m`, as no device could.
    pub fn put_plate(&self, pose: PlanarPose, surface_m: f64) {
        self.world().put_plate(pose, surface_m);
    }

    fn world(&self) -> MutexGuard<'_, World> {
        // After a panic elsewhere the numbers are still valid.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Camera for SimulatedCell {
    fn capture(&mut self) -> Result<RgbdFrame, DeviceError> {
        Ok(self.world().capture())
    }

    fn model(&self) -> CameraModel {
        self.world().believed_camera()
    }
}

impl Arm for SimulatedCell {
    fn move_to(&mut self, target: ToolPose, speed_m_s: f64) -> Result<ToolPose, DeviceError> {
        self.world().move_tool(target, speed_m_s)
    }

    fn pose(&mut self) -> Result<ToolPose, DeviceError> {
        Ok(self.world().commanded_tool())
    }

    fn recover(&mut self) -> Result<(), DeviceError> {
        self.world().recover();
        Ok(())
    }
}

impl Gripper for SimulatedCell {
    fn open(&mut self, width_m: f64) -> Result<(), DeviceError> {
        self.world().open_jaws(width_m)
    }

    fn close(&mut self) -> Result<(), DeviceError> {
        self.world().close_jaws();
        Ok(())
    }

    fn holds_object(&mut self) -> Result<bool, DeviceError> {
        Ok(self.world().holds_plate())
    }

    fn measured_width_m(&mut self) -> Result<Option<f64>, DeviceError> {
        Ok(Some(self.world().measured_width_m()))
    }

    fn recover(&mut self) -> Result<(), DeviceError> {
        Ok(())
    }
}

impl Operator for SimulatedCell {
    /// Always permits motions: nobody can be hurt.
    fn permit_motion(&mut self, _: &FirstMotion) -> Result<(), DeviceError> {
        Ok(())
    }

    fn exchange_plate(&mut self, scene: u32) -> Result<(), DeviceError> {
        let mut world = self.world();
        world.has_operator()?;
        world.exchange_plate(scene);
        Ok(())
    }

    fn put_plate_at_target(&mut self) -> Result<(), DeviceError> {
        let mut world = self.world();
        world.has_operator()?;
        world.put_plate_at_target();
        Ok(())
    }

    fn put_plate_near(&mut self, pose: PlanarPose) -> Result<(), DeviceError> {
        let mut world = self.world();
        world.has_operator()?;
        world.put_plate_near(pose);
        Ok(())
    }

    fn seat_item(&mut self, item: &str, slot: &str) -> Result<(), DeviceError> {
        let seated = self.world().seat_item(item, slot);
        seated
            .map_err(|error| DeviceError::Refused { device: "operator", reason: error.to_string() })
    }
}
