//! A plant without physics: a tool that goes where it is sent, and a plate that goes along.

use std::sync::{Arc, Mutex, MutexGuard};

use rmrl_cell::{Arm, DeviceError, Gripper, ToolPose};
use rmrl_core::PlanarPose;
use rmrl_xarm::emulator::Plant;

/// Clones share one table.
#[derive(Clone)]
pub struct KinematicPlant {
    table: Arc<Mutex<Table>>,
}

struct Table {
    tool: ToolPose,
    stopped: bool,
    jaws_m: f64,
    holds: bool,
    plate: PlanarPose,
    moves: u64,
}

/// A plate is so wide that jaws closing around it stop, in meters.
const PLATE_WIDTH_M: f64 = 0.085;
/// A plate is held when the tool was so near and so low, in meters.
const GRASP_REACH_M: f64 = 0.02;
const GRASP_HEIGHT_M: f64 = 0.02;

impl KinematicPlant {
    /// A tool above the table, and a plate at `plate`.
    pub fn new(plate: PlanarPose) -> Self {
        let table = Table {
            tool: ToolPose::new(PlanarPose::new(0.3, 0.0, 0.0), 0.2),
            stopped: false,
            jaws_m: 0.15,
            holds: false,
            plate,
            moves: 0,
        };
        Self { table: Arc::new(Mutex::new(table)) }
    }

    /// The plant of a controller.
    pub fn plant(&self) -> Plant {
        Plant { arm: Box::new(self.clone()), gripper: Box::new(self.clone()) }
    }

    /// The pose of the tool.
    #[allow(dead_code, reason = "not every user asks")]
    pub fn tool(&self) -> ToolPose {
        self.table().tool
    }

    /// The pose of the plate.
    #[allow(dead_code, reason = "not every user asks")]
    pub fn plate(&self) -> PlanarPose {
        self.table().plate
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().expect("nobody panics with the table in hand")
    }
}

impl Arm for KinematicPlant {
    fn move_to(&mut self, target: ToolPose, _: f64) -> Result<ToolPose, DeviceError> {
        let mut table = self.table();
        if table.stopped {
            let reason = "it met the table".to_string();
            return Err(DeviceError::Refused { device: "arm", reason });
        }
        if target.z_m < 0.0 {
            table.stopped = true;
            table.tool = target.at_height(0.0);
            return Err(DeviceError::Collision { at: table.tool });
        }
        table.moves += 1;
        table.tool = target;
        if table.holds {
            table.plate = target.planar;
        }
        Ok(target)
    }

    fn pose(&mut self) -> Result<ToolPose, DeviceError> {
        Ok(self.table().tool)
    }

    fn recover(&mut self) -> Result<(), DeviceError> {
        self.table().stopped = false;
        Ok(())
    }
}

impl Gripper for KinematicPlant {
    fn open(&mut self, width_m: f64) -> Result<(), DeviceError> {
        let mut table = self.table();
        table.jaws_m = width_m;
        table.holds = false;
        Ok(())
    }

    fn close(&mut self) -> Result<(), DeviceError> {
        let mut table = self.table();
        let near = table.tool.planar.distance_m(table.plate) < GRASP_REACH_M;
        table.holds = near && table.tool.z_m < GRASP_HEIGHT_M && table.jaws_m > PLATE_WIDTH_M;
        table.jaws_m = if table.holds { PLATE_WIDTH_M } else { 0.071 };
        Ok(())
    }

    fn holds_object(&mut self) -> Result<bool, DeviceError> {
        Ok(self.table().holds)
    }

    fn recover(&mut self) -> Result<(), DeviceError> {
        Ok(())
    }
}
