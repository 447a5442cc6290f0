//! The devices of a work cell, as the trial needs them.

use rmrl_core::PlanarPose;
use rmrl_vision::{CameraModel, RgbdFrame};
use serde::{Deserialize, Serialize};

use crate::FirstMotion;

/// A pose of the tool, which always points straight down.
///
/// World frame. The tool's point is midway between the finger tips, at their lower ends; at
/// `yaw_rad = 0` the jaws close along the world's y axis.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ToolPose {
    /// Position and rotation in the plane.
    pub planar: PlanarPose,
    /// Height of the finger tips, in metres.
    pub z_m: f64,
}

impl ToolPose {
    /// A tool pose from its parts.
    pub fn new(planar: PlanarPose, z_m: f64) -> Self {
        Self { planar, z_m }
    }

    /// The same pose at another height.
    #[must_use]
    pub fn at_height(self, z_m: f64) -> Self {
        Self { z_m, ..self }
    }
}

/// What a device may report instead of doing what it was asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DeviceError {
    /// The arm met something and stopped where it was. [`Arm::recover`] makes it movable again.
    #[error("the arm stopped on contact at z = {:.1} mm", at.z_m * 1000.0)]
    Collision {
        /// Where the tool stopped.
        at: ToolPose,
    },
    /// The device does not answer any more.
    #[error("lost the {device}: {reason}")]
    Disconnected {
        /// `camera`, `arm` or `gripper`.
        device: &'static str,
        /// What was noticed.
        reason: String,
    },
    /// The device answered, but did not finish in time.
    #[error("the {device} did not finish within {timeout_secs} s")]
    TimedOut {
        /// `camera`, `arm` or `gripper`.
        device: &'static str,
        /// How long was waited, in seconds.
        timeout_secs: f64,
    },
    /// The device refused the command.
    #[error("the {device} refused: {reason}")]
    Refused {
        /// `camera`, `arm` or `gripper`.
        device: &'static str,
        /// Its own words.
        reason: String,
    },
    /// The device has stopped with an error of its own. [`Arm::recover`] may help.
    #[error("the {device} has error {code}: {meaning}; {recovery}")]
    Faulted {
        /// `camera`, `arm` or `gripper`.
        device: &'static str,
        /// The device's number for it.
        code: u16,
        /// What that means.
        meaning: &'static str,
        /// What helps.
        recovery: &'static str,
    },
    /// The device stands until a person has been there: a stop button, a broken servo, or somebody
    /// who stopped it. Nothing the software does helps, and nothing may start it again.
    #[error("the {device} stands until a person has been there: {reason}")]
    NeedsPerson {
        /// `camera`, `arm` or `gripper`.
        device: &'static str,
        /// Its own words.
        reason: String,
    },
    /// The person beside the cell said no.
    #[error("the operator declined")]
    Declined,
    /// There is nobody who could be asked.
    #[error("nobody can be asked: {reason}")]
    NobodyToAsk {
        /// Why not.
        reason: String,
    },
}

impl DeviceError {
    /// Whether trying again cannot help: a person has to come first.
    pub fn needs_a_person(&self) -> bool {
        matches!(self, Self::NeedsPerson { .. } | Self::Declined | Self::NobodyToAsk { .. })
    }
}

/// An overhead RGB-D camera.
pub trait Camera: Send {
    /// Takes one picture: colour, and depth aligned to it.
    ///
    /// Both are exposed after the call, never taken from a queue: what the arm did before is in the
    /// picture, and what the picture shows is measured as its outcome.
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
    /// The arm cannot be brought back without a person.
    fn recover(&mut self) -> Result<(), DeviceError>;
}

/// A parallel gripper that knows whether it holds something.
pub trait Gripper: Send {
    /// Opens until the jaws are `width_m` apart, in metres, and returns when they are.
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

    /// Makes the gripper usable again after an error of its own, with the jaws as they are; does nothing
    /// where there was none.
    ///
    /// # Errors
    /// The gripper cannot be brought back without a person.
    fn recover(&mut self) -> Result<(), DeviceError>;

    /// Gives the gripper power, where it has none. Asked for only when the jaws are known to hold nothing,
    /// for they may move. Does nothing by default: most have power or are switched on by hand.
    ///
    /// # Errors
    /// Any device error.
    fn power_on(&mut self) -> Result<(), DeviceError> {
        Ok(())
    }
}

/// The person beside the cell, who does what the robot cannot.
pub trait Operator: Send {
    /// Lets the arm make its first motion since a program was started, and all that follow. Before that,
    /// the controller was sent nothing that changes anything.
    ///
    /// # Errors
    /// [`DeviceError::Declined`] if the answer was no; nobody came. The arm is not moved then.
    fn permit_motion(&mut self, motion: &FirstMotion) -> Result<(), DeviceError>;

    /// Sees to it that the plate in the cell is the one that belongs to `scene`: another of the same
    /// kind, or the same one with or without its lid, where the present one lies.
    ///
    /// Asked for when a scene begins, and again after an interruption: a plate that is there already
    /// stays. Where all scenes have the same plate, there is nothing to do.
    ///
    /// # Errors
    /// Nobody came.
    fn exchange_plate(&mut self, scene: u32) -> Result<(), DeviceError>;

    /// Puts the plate exactly into its target, for the target to be recorded.
    ///
    /// # Errors
    /// Nobody came.
    fn put_plate_at_target(&mut self) -> Result<(), DeviceError>;

    /// Puts the lost plate back, near `pose`.
    ///
    /// # Errors
    /// Nobody came.
    fn put_plate_near(&mut self, pose: PlanarPose) -> Result<(), DeviceError>;
}

/// All that a trial needs hands, eyes or help for.
pub struct Devices {
    /// The overhead camera.
    pub camera: Box<dyn Camera>,
    /// The arm.
    pub arm: Box<dyn Arm>,
    /// The gripper at its end.
    pub gripper: Box<dyn Gripper>,
    /// The person beside it.
    pub operator: Box<dyn Operator>,
}
