//! The first motion after a program was started, which the operator has to permit.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::tool_pose::ToolPose;

/// The first motion: from where the arm stands straight up to travel height, then in a straight line home. A tool that stands in
/// a slot with a front leaves it backwards first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirstMotion {
    /// Where the tool is.
    pub from: ToolPose,
    /// How the tool leaves the slot in which it stands; absent if it stands in none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_of: Option<OutOfSlot>,
    /// The height to which the finger tips rise first, in meters; their own where they are above.
    pub rise_to_m: f64,
    /// Where the tool goes then.
    pub to: ToolPose,
    /// The tool's speed, in meters per second.
    pub speed_m_s: f64,
    /// What the operator should know before the answer: an error that waits at the controller, dangerous
    /// settings.
    pub notes: Vec<String>,
}

/// How a tool leaves a slot with a front: backwards, along the line on which it came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutOfSlot {
    /// The slot.
    pub slot: String,
    /// The height to which the tool rises first, in meters, if what it holds may lie on something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rise_to_m: Option<f64>,
    /// Where the line out of it ends, in the world frame, meters and radians.
    pub to: ToolPose,
    /// The speed, in meters per second.
    pub speed_m_s: f64,
}

/// Two heights or places that differ by less are the same, in meters.
const SAME_M: f64 = 1e-4;

impl FirstMotion {
    /// The motion from `from` over `travel_height_m` to `to`.
    pub fn new(from: ToolPose, travel_height_m: f64, to: ToolPose, speed_m_s: f64) -> Self {
        let rise_to_m = from.z_m.max(travel_height_m);
        Self { from, out_of: None, rise_to_m, to, speed_m_s, notes: Vec::new() }
    }

    /// The same motion of a tool that leaves a slot first.
    pub fn after(self, out_of: Option<OutOfSlot>) -> Self {
        Self { out_of, ..self }
    }

    /// Whether the tool is at its end already.
    pub fn is_none(&self) -> bool {
        self.out_of.is_none()
            && self.from.planar.distance_m(self.to.planar) < SAME_M
            && (self.from.z_m - self.to.z_m).abs() < SAME_M
            && self.rise_to_m - self.from.z_m < SAME_M
    }

    /// Where the tool goes first if it is at `here`: straight up; `None` if it is high enough.
    pub(crate) fn lift_from(&self, here: ToolPose) -> Option<ToolPose> {
        (here.z_m < self.rise_to_m - SAME_M).then(|| here.at_height(self.rise_to_m))
    }
}

impl fmt::Display for FirstMotion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, out_of, rise_to_m, to, speed_m_s, notes } = self;
        writeln!(f, "The tool is at {}.", place(*from))?;
        if let Some(OutOfSlot { slot, rise_to_m, to, speed_m_s }) = out_of {
            if let Some(rise_to_m) = rise_to_m {
                write!(f, "It lifts what it holds to z = {:.0} mm. ", 1000.0 * rise_to_m)?;
            }
            writeln!(f, "It leaves {slot} backwards to {}, at {speed_m_s} m/s.", place(*to))?;
        }
        match rise_to_m - from.z_m >= SAME_M {
            true => write!(
                f,
                "It rises straight up to z = {:.0} mm, then goes in a straight line",
                1000.0 * rise_to_m
            )?,
            false => f.write_str("It goes in a straight line")?,
        }
        write!(f, " to {}, at {speed_m_s} m/s, whatever stands in between.", place(*to))?;
        notes.iter().try_for_each(|note| write!(f, "\nNote: {note}."))
    }
}

fn place(at: ToolPose) -> String {
    let [x, y, z] = [at.planar.x_m, at.planar.y_m, at.z_m].map(|m| 1000.0 * m);
    let yaw_deg = at.planar.yaw_rad.to_degrees();
    format!("x = {x:.0} mm, y = {y:.0} mm, z = {z:.0} mm, turned by {yaw_deg:.0} degrees")
}

#[cfg(test)]
mod tests {
    use rmrl_core::PlanarPose;

    use super::*;

    fn tool(x_m: f64, y_m: f64, z_m: f64) -> ToolPose {
        ToolPose::new(PlanarPose::new(x_m, y_m, 0.0), z_m)
    }

    #[test]
    fn the_text_says_from_where_which_way_and_how_fast() {
        let home = tool(0.3, -0.2, 0.25);
        let mut motion = FirstMotion::new(tool(0.4, 0.1, 0.05), 0.12, home, 0.25);
        motion.notes.push("controller error 2 waits".to_string());
        assert_eq!(
            motion.to_string(),
            "The tool is at x = 400 mm, y = 100 mm, z = 50 mm, turned by 0 degrees.\n\
             It rises straight up to z = 120 mm, then goes in a straight line to x = 300 mm, y = -200 mm, \
             z = 250 mm, turned by 0 degrees, at 0.25 m/s, whatever stands in between.\n\
             Note: controller error 2 waits."
        );
        assert!(!motion.is_none());
        let out = OutOfSlot {
            slot: "hotel:1".to_string(),
            rise_to_m: None,
            to: tool(0.2, 0.1, 0.05),
            speed_m_s: 0.05,
        };
        let from_slot = motion.clone().after(Some(out)).to_string();
        assert_eq!(
            from_slot.lines().nth(1),
            Some(
                "It leaves hotel:1 backwards to x = 200 mm, y = 100 mm, z = 50 mm, turned by 0 degrees, at 0.05 m/s."
            )
        );
        assert!(from_slot.contains("\nIt rises straight up"), "{from_slot}");
        let above = FirstMotion::new(tool(0.4, 0.1, 0.2), 0.12, home, 0.25);
        assert!(above.rise_to_m == 0.2 && !above.to_string().contains("rises"), "{above}");
        assert!(FirstMotion::new(home, 0.12, home, 0.25).is_none());
        // From a home below travel height, the tool rises and returns.
        assert!(!FirstMotion::new(home, 0.3, home, 0.25).is_none());
    }
}
