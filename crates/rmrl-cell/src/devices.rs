//! The devices of a work cell, as the trial needs them.
//!
//! - `tool_pose`: where the tool is
//! - `device_error`: what a device may report instead of doing what it was asked
//! - `flange_arm`, `flange_line`: an arm that tilts a calibration board, and its lines
//! - `first_motion`: what the operator has to permit before anything moves

mod device_error;
mod first_motion;
mod flange_arm;
mod flange_line;
mod tool_pose;

use rmrl_core::PlanarPose;
use rmrl_vision::{CameraModel, RgbdFrame};

pub use device_error::DeviceError;
pub use first_motion::{FirstMotion, OutOfSlot};
pub use flange_arm::FlangeArm;
pub use flange_line::FlangeLine;
pub use tool_pose::ToolPose;

/// An overhead RGB-D camera.
pub trait Camera: Send {
    /// Takes one frame: color, and depth aligned to it.
    ///
    /// Both are exposed after the call, never taken from a queue: the frame shows what the arm did before the call,
    /// and is measured as its outcome.
    ///
    /// # Errors
    /// The camera is gone, or gave no frame in time.
    fn capture(&mut self) -> Result<RgbdFrame, DeviceError>;

    /// The camera as calibrated: intrinsics and extrinsics, as far as the software knows them.
    fn model(&self) -> CameraModel;
}

/// A robot arm that moves its tool, pointing down, in straight lines.
pub trait Arm: Send {
    /// Moves the tool in a straight line and returns when it has arrived.
    ///
    /// Returns the pose that was commanded, which a driver may have had to round.
    ///
    /// # Errors
    /// [`DeviceError::Collision`] if something was met on the way, or any other device error.
    fn move_to(&mut self, target: ToolPose, speed_m_s: f64) -> Result<ToolPose, DeviceError>;

    /// Where the tool is now.
    ///
    /// # Errors
    /// Any device error.
    fn pose(&mut self) -> Result<ToolPose, DeviceError>;

    /// Makes the arm movable again after a collision; does nothing where there was none.
    ///
    /// # Errors
    /// The arm cannot be brought back without an operator.
    fn recover(&mut self) -> Result<(), DeviceError>;
}

/// A parallel gripper that knows whether it holds something.
pub trait Gripper: Send {
    /// Opens until the jaws are `width_m` apart, in meters, and returns when they are.
    ///
    /// # Errors
    /// Any device error; a width that the gripper does not have is refused.
    fn open(&mut self, width_m: f64) -> Result<(), DeviceError>;

    /// Closes until the jaws meet resistance or each other.
    ///
    /// # Errors
    /// Any device error.
    fn close(&mut self) -> Result<(), DeviceError>;

    /// Whether the jaws hold an object now.
    ///
    /// # Errors
    /// Any device error.
    fn holds_object(&mut self) -> Result<bool, DeviceError>;

    /// How far apart the jaws are as the gripper measures it, in meters; `None` where it does not measure. `None` by default.
    ///
    /// # Errors
    /// Any device error.
    fn measured_width_m(&mut self) -> Result<Option<f64>, DeviceError> {
        Ok(None)
    }

    /// Makes the gripper usable again after an error of its own, with the jaws as they are; does nothing
    /// where there was none.
    ///
    /// # Errors
    /// The gripper cannot be brought back without an operator.
    fn recover(&mut self) -> Result<(), DeviceError>;

    /// Gives the gripper power, where it has none. The trial calls it only when the jaws are known to hold nothing,
    /// because they may move. Does nothing by default: most grippers have power or are switched on by hand.
    ///
    /// # Errors
    /// Any device error.
    fn power_on(&mut self) -> Result<(), DeviceError> {
        Ok(())
    }
}

/// The operator beside the cell, who does what the robot cannot.
pub trait Operator: Send {
    /// Permits the arm to make its first motion since a program was started, and all that follow. Before that,
    /// nothing is sent to the controller that changes anything.
    ///
    /// # Errors
    /// [`DeviceError::Declined`] if the answer was no; no operator came. The arm is not moved then.
    fn permit_motion(&mut self, motion: &FirstMotion) -> Result<(), DeviceError>;

    /// Makes sure that the plate in the cell is the one that belongs to `scene`: another of the same
    /// kind, or the same one with or without its lid, where the present one lies.
    ///
    /// The trial calls it when a scene begins, and again after an interruption: a plate that is there already
    /// stays. Where all scenes have the same plate, there is nothing to do.
    ///
    /// # Errors
    /// No operator came.
    fn exchange_plate(&mut self, scene: u32) -> Result<(), DeviceError>;

    /// Puts the plate exactly into its target, so that the target can be recorded.
    ///
    /// # Errors
    /// No operator came.
    fn put_plate_at_target(&mut self) -> Result<(), DeviceError>;

    /// Puts the lost plate back, near `pose`.
    ///
    /// # Errors
    /// No operator came.
    fn put_plate_near(&mut self, pose: PlanarPose) -> Result<(), DeviceError>;

    /// Makes sure that the item `item`, which lies in the slot `slot` of a site, lies there exactly where it should: the
    /// slot is learned from it. A plate that a person put there is nudged into its place.
    ///
    /// # Errors
    /// No operator came; nobody can be asked by default.
    fn seat_item(&mut self, item: &str, slot: &str) -> Result<(), DeviceError> {
        Err(DeviceError::NobodyToAsk {
            reason: format!("{item} has to lie in {slot} exactly where it should"),
        })
    }
}

/// The devices of one cell.
pub struct Devices {
    /// The overhead camera.
    pub camera: Box<dyn Camera>,
    /// The arm.
    pub arm: Box<dyn Arm>,
    /// The gripper at the arm's end.
    pub gripper: Box<dyn Gripper>,
    /// The operator beside the cell.
    pub operator: Box<dyn Operator>,
}
