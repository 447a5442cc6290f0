//! How the machine's motions are judged by its keep-outs.

use super::keep_outs::{HandState, KeepOutViolation};
use super::machine::Machine;
use crate::kinematics::Joints;

impl Machine {
    /// Judges a piece of a motion. Returns the share of it after which the arm should stand, if it has to stop.
    pub fn judge_way(&mut self, from: &Joints, to: &Joints) -> Option<f64> {
        // A simulated robot moves in the controller alone.
        if self.simulated_robot {
            return None;
        }
        let judge = self.judge.as_mut()?;
        // The motion under way is recorded when it has ended.
        let recorded = self.recording.motions.len() as u64;
        let motion = self.motion.as_ref().map_or(recorded, |motion| motion.number);
        // A plant that does not say holds what it held.
        let before = judge.hand().is_some_and(|hand| hand.holds);
        let holds = self.gripper.holds(self.plant.gripper.as_mut()).unwrap_or(before);
        if holds
            && !before
            && let Some(source) = &self.config.held_plate
        {
            judge.set_held_plate(source.held());
        }
        let hand = HandState { jaw_opening_m: self.gripper.opening_m(), holds };
        judge.judge(motion, hand, [from, to])
    }

    /// Logs the violations of a motion that has ended.
    pub fn log_violations(&mut self) {
        if let Some(judge) = &mut self.judge {
            judge.log();
        }
    }

    /// The violations so far.
    pub fn violations(&self) -> Vec<KeepOutViolation> {
        self.judge.as_ref().map(|judge| judge.violations.clone()).unwrap_or_default()
    }
}
