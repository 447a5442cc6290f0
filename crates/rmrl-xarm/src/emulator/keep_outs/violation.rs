//! What the judge of keep-outs reports.

use std::fmt;

/// A part that came nearer to a keep-out than it may: the nearest place of one motion.
#[derive(Debug, Clone, PartialEq)]
pub struct KeepOutViolation {
    /// The motion, as [`MotionRecord::number`](crate::emulator::MotionRecord::number) counts. While the arm follows
    /// targets or velocities without a queue, the number of the motion before.
    pub motion: u64,
    /// The name of the box, or `table`.
    pub keep_out: String,
    /// The part, such as `link 4`, `gripper body`, `blade` or `held plate`.
    pub part: &'static str,
    /// Their distance, in meters; negative inside the box, by how deep.
    pub distance_m: f64,
    /// The margin that was required there, in meters.
    pub margin_m: f64,
    /// The part's point that is nearest, in meters in the base's frame. Of a link, the middle of its nearest sphere.
    pub point_m: [f64; 3],
}

impl fmt::Display for KeepOutViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { motion, keep_out, part, distance_m, margin_m, .. } = self;
        let [distance_mm, margin_mm] = [distance_m * 1000.0, margin_m * 1000.0];
        write!(
            f,
            "keep-out \"{keep_out}\" violated by \"{part}\": {distance_mm:.1} mm instead of {margin_mm:.0} mm at \
             motion {motion}"
        )
    }
}
