//! The camera and the operator that an emulated cell serves.

use std::sync::{Arc, Mutex};

use rmrl_cell::{Camera, DeviceError, FirstMotion, Operator};
use rmrl_core::PlanarPose;
use rmrl_sim::SimulatedCell;
use rmrl_vision::{CameraModel, RgbdFrame};

/// A simulated cell whose operator gives one answer to every first motion, and remembers the motions.
#[derive(Clone)]
pub struct ServedCell {
    pub cell: SimulatedCell,
    pub answer: Result<(), DeviceError>,
    pub asked: Arc<Mutex<Vec<FirstMotion>>>,
}

impl Camera for ServedCell {
    fn capture(&mut self) -> Result<RgbdFrame, DeviceError> {
        self.cell.capture()
    }

    fn model(&self) -> CameraModel {
        self.cell.model()
    }
}

impl Operator for ServedCell {
    fn permit_motion(&mut self, motion: &FirstMotion) -> Result<(), DeviceError> {
        self.asked.lock().unwrap().push(motion.clone());
        self.answer.clone()
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
}
