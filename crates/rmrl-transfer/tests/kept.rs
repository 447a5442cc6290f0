//! A laboratory whose state is kept after every call of a device continues as one that was never interrupted.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod common;

use common::{Laboratory, TWO_PLATES, cell_over, simulated};
use rmrl_cell::{Arm, DeviceError, Devices, Gripper, ToolPose};
use rmrl_inventory::LocalDisk;
use rmrl_sim::SimulatedCell;
use rmrl_transfer::Ending;

/// Forgets all that a state does not have, after every call.
#[derive(Clone)]
struct Kept(SimulatedCell);

impl Kept {
    fn keep(&self) {
        let state = serde_json::to_string(&self.0.remember_laboratory()).unwrap();
        self.0.restore_laboratory(&serde_json::from_str(&state).unwrap()).unwrap();
    }
}

impl Arm for Kept {
    fn move_to(&mut self, target: ToolPose, speed_m_s: f64) -> Result<ToolPose, DeviceError> {
        let moved = self.0.move_to(target, speed_m_s);
        self.keep();
        moved
    }

    fn pose(&mut self) -> Result<ToolPose, DeviceError> {
        self.0.pose()
    }

    fn recover(&mut self) -> Result<(), DeviceError> {
        Arm::recover(&mut self.0)
    }
}

impl Gripper for Kept {
    fn open(&mut self, width_m: f64) -> Result<(), DeviceError> {
        let opened = self.0.open(width_m);
        self.keep();
        opened
    }

    fn close(&mut self) -> Result<(), DeviceError> {
        let closed = self.0.close();
        self.keep();
        closed
    }

    fn holds_object(&mut self) -> Result<bool, DeviceError> {
        self.0.holds_object()
    }

    fn measured_width_m(&mut self) -> Result<Option<f64>, DeviceError> {
        self.0.measured_width_m()
    }

    fn recover(&mut self) -> Result<(), DeviceError> {
        Gripper::recover(&mut self.0)
    }
}

#[test]
fn a_plate_that_is_held_is_held_by_the_next_program_too() {
    for seed in 1..=3 {
        let truth = simulated(&TWO_PLATES, seed);
        let kept = Kept(truth.clone());
        let devices =
            Devices { arm: Box::new(kept.clone()), gripper: Box::new(kept), ..truth.devices() };
        let dir = tempfile::tempdir().unwrap();
        let cell = cell_over(devices, dir.path(), &TWO_PLATES, LocalDisk);
        let mut laboratory = Laboratory { cell, truth };
        for (from, to) in [("hotel:1", "reader"), ("reader", "hotel:1"), ("bench", "hotel:2")] {
            let report = laboratory.transfer(from, to);
            assert_eq!(report.ending, Ending::Done, "seed {seed}: {report:?}");
        }
        let (slot, off_mm) = laboratory.lies("plate-1");
        assert!(slot == "hotel:1" && off_mm < 3.0, "seed {seed}: {slot} {off_mm}");
        let lid = laboratory.item("plate-2.lid");
        assert_eq!(lid.lies_on.as_deref(), Some("plate-2"));
    }
}
