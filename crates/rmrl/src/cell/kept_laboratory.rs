//! A simulated laboratory that continues where it was when the next program is started, as a real one does by being there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rmrl_cell::{Arm, Camera, DeviceError, Devices, FirstMotion, Gripper, Operator, ToolPose};
use rmrl_core::PlanarPose;
use rmrl_files::{read_regular_file, write_atomically};
use rmrl_sim::{LaboratoryState, SimulatedCell};
use rmrl_vision::{CameraModel, RgbdFrame};

/// The largest state, in bytes.
const MOST_BYTES: u64 = 16 << 20;

/// A simulated laboratory whose state is in a file after every motion.
#[derive(Clone)]
pub(crate) struct KeptLaboratory {
    cell: SimulatedCell,
    file: Arc<PathBuf>,
}

impl KeptLaboratory {
    /// A laboratory that continues where the file says; as it is where there is no file.
    ///
    /// # Errors
    /// The file cannot be read, or is none; in words.
    pub fn open(cell: SimulatedCell, file: &Path) -> Result<Self, String> {
        match read_regular_file(file, MOST_BYTES) {
            Ok(bytes) => {
                let state: LaboratoryState = serde_json::from_slice(&bytes).map_err(|error| {
                    format!(
                        "{} is no state of a simulated laboratory: {error}; remove the folder to begin again",
                        file.display()
                    )
                })?;
                cell.restore_laboratory(&state).map_err(|error| {
                    format!("{}: {error}; remove the folder to begin again", file.display())
                })?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(format!("cannot read {}: {error}", file.display())),
        }
        Ok(Self { cell, file: Arc::new(file.to_path_buf()) })
    }

    /// Its devices.
    pub fn devices(&self) -> Devices {
        Devices {
            camera: Box::new(self.clone()),
            arm: Box::new(self.clone()),
            gripper: Box::new(self.clone()),
            operator: Box::new(self.clone()),
        }
    }

    /// Writes the state. A world that cannot be kept is a device that failed.
    fn keep(&self, device: &'static str) -> Result<(), DeviceError> {
        let state = serde_json::to_vec(&self.cell.remember_laboratory());
        let written = state
            .map_err(std::io::Error::other)
            .and_then(|bytes| write_atomically(&self.file, &bytes));
        written.map_err(|error| DeviceError::Disconnected {
            device,
            reason: format!("cannot write {}: {error}", self.file.display()),
        })
    }
}

impl Camera for KeptLaboratory {
    fn capture(&mut self) -> Result<RgbdFrame, DeviceError> {
        let frame = self.cell.capture();
        self.keep("camera")?;
        frame
    }

    fn model(&self) -> CameraModel {
        self.cell.model()
    }
}

impl Arm for KeptLaboratory {
    fn move_to(&mut self, target: ToolPose, speed_m_s: f64) -> Result<ToolPose, DeviceError> {
        let moved = self.cell.move_to(target, speed_m_s);
        self.keep("arm")?;
        moved
    }

    fn pose(&mut self) -> Result<ToolPose, DeviceError> {
        self.cell.pose()
    }

    fn recover(&mut self) -> Result<(), DeviceError> {
        Arm::recover(&mut self.cell)
    }
}

impl Gripper for KeptLaboratory {
    fn open(&mut self, width_m: f64) -> Result<(), DeviceError> {
        let opened = self.cell.open(width_m);
        self.keep("gripper")?;
        opened
    }

    fn close(&mut self) -> Result<(), DeviceError> {
        let closed = self.cell.close();
        self.keep("gripper")?;
        closed
    }

    fn holds_object(&mut self) -> Result<bool, DeviceError> {
        self.cell.holds_object()
    }

    fn measured_width_m(&mut self) -> Result<Option<f64>, DeviceError> {
        self.cell.measured_width_m()
    }

    fn recover(&mut self) -> Result<(), DeviceError> {
        Gripper::recover(&mut self.cell)
    }
}

impl Operator for KeptLaboratory {
    fn permit_motion(&mut self, motion: &FirstMotion) -> Result<(), DeviceError> {
        self.cell.permit_motion(motion)
    }

    fn exchange_plate(&mut self, scene: u32) -> Result<(), DeviceError> {
        self.cell.exchange_plate(scene)
    }

    fn put_plate_at_target(&mut self) -> Result<(), DeviceError> {
        self.cell.put_plate_at_target()
    }

    fn put_plate_near(&mut self, pose: PlanarPose) -> Result<(), DeviceError> {
        self.cell.put_plate_near(pose)
    }

    fn seat_item(&mut self, item: &str, slot: &str) -> Result<(), DeviceError> {
        let seated = self.cell.seat_item(item, slot);
        self.keep("operator")?;
        seated
    }
}
