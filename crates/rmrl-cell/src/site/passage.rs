//! How the tool enters a slot and leaves it again: straight lines, and the same line back.

use rmrl_core::PlanarPose;

use super::site_config::{Access, SiteConfig, Slot};
use crate::ToolPose;

/// What the tool does in the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It comes with open jaws, and leaves with what it gripped.
    Pick,
    /// It comes with a plate, and leaves with open jaws.
    Place,
}

/// A straight line of the tool within a passage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Where it begins.
    pub from: ToolPose,
    /// Where it ends.
    pub to: ToolPose,
}

/// The way of the tool into a slot and out of it again.
///
/// From above it comes straight down and goes straight up. From the front it moves level along its fingers, and never turns or
/// moves sideways in the slot. What it carries is lifted off the slot's surface while it moves level:
///
/// ```text
/// pick   outside -> at, jaws close, at -> lifted -> outside, lifted
/// place  outside, lifted -> lifted -> at, jaws open, at -> outside
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Passage {
    /// Where the way in begins: nothing outside of it is near the slot.
    pub begin: ToolPose,
    /// In the slot, above where the jaws close or open: the same as `at` where the tool comes with empty jaws, or leaves so.
    pub entered: ToolPose,
    /// Where the jaws close or open.
    pub at: ToolPose,
    /// In the slot, on the way out.
    pub leaving: ToolPose,
    /// Where the way out ends.
    pub end: ToolPose,
}

impl Passage {
    /// The passage to `slot` of `site`, in which a plate is gripped at a height above the slot's surface, in meters. The slot's
    /// tool is where the jaws close or open, also where it is corrected by a little. `fingers_rad` is the yaw of the fingers
    /// in the tool's frame: where they point when the tool's yaw is 0 (`xarm.jaw_yaw_deg`).
    pub fn new(
        site: &SiteConfig,
        slot: Slot,
        grip_height_m: f64,
        fingers_rad: f64,
        purpose: Purpose,
    ) -> Self {
        let tool = slot.tool;
        let at = ToolPose::new(tool, slot.surface_m + grip_height_m);
        let lifted = at.at_height(at.z_m + site.lift_m);
        let (entered, leaving) = match purpose {
            Purpose::Pick => (at, lifted),
            Purpose::Place => (lifted, at),
        };
        let outside = |within: ToolPose| match site.access {
            Access::Above => at.at_height(at.z_m + site.approach_m),
            Access::Front => {
                let (sin, cos) = (tool.yaw_rad + fingers_rad).sin_cos();
                let back_m = site.approach_m;
                let planar =
                    PlanarPose::new(tool.x_m - back_m * cos, tool.y_m - back_m * sin, tool.yaw_rad);
                ToolPose::new(planar, within.z_m)
            }
        };
        Self { begin: outside(entered), entered, at, leaving, end: outside(leaving) }
    }

    /// The lines of the way in, in order. Those without length are left out.
    pub fn way_in(&self) -> Vec<Line> {
        lines([self.begin, self.entered, self.at])
    }

    /// The lines of the way out, in order.
    pub fn way_out(&self) -> Vec<Line> {
        lines([self.at, self.leaving, self.end])
    }

    /// The way out without what was to be gripped, or with what could not be released: back along the way in.
    pub fn retreat(&self) -> Vec<Line> {
        lines([self.at, self.entered, self.begin])
    }
}

fn lines([first, second, third]: [ToolPose; 3]) -> Vec<Line> {
    let both = [Line { from: first, to: second }, Line { from: second, to: third }];
    both.into_iter().filter(|line| line.from != line.to).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Seating, site::Slots};

    fn site(access: Access) -> SiteConfig {
        SiteConfig {
            x_m: 0.3,
            y_m: 0.25,
            yaw_deg: 90.0,
            surface_m: 0.05,
            access,
            slots: Slots { count: 1, pitch_m: 0.0 },
            approach_m: 0.14,
            lift_m: 0.003,
            speed_m_s: 0.05,
            entry_margin_m: 0.000_5,
            jaw_opening_m: None,
            seating: Seating { translation_m: 0.002, yaw_deg: 1.0, height_m: 0.001 },
            is_seen: false,
            labware: Vec::new(),
            capacity: 1,
        }
    }

    fn passage(access: Access, purpose: Purpose) -> Passage {
        let site = site(access);
        let slot = site.slot(None).unwrap();
        Passage::new(&site, slot, 0.002, 0.0, purpose)
    }

    #[test]
    fn a_slot_with_a_front_is_entered_and_left_along_the_fingers() {
        for purpose in [Purpose::Pick, Purpose::Place] {
            let passage = passage(Access::Front, purpose);
            // The fingers point along y: the tool comes from less y.
            assert!((passage.begin.planar.y_m - 0.11).abs() < 1e-12);
            let all = [passage.way_in(), passage.way_out(), passage.retreat()].concat();
            for Line { from, to } in all {
                let is_level = (from.z_m - to.z_m).abs() < 1e-12;
                let is_upright = from.planar.distance_m(to.planar) < 1e-12;
                assert!(is_level != is_upright, "{from:?} {to:?}");
                assert!((from.planar.x_m - to.planar.x_m).abs() < 1e-12);
                assert!((from.planar.yaw_rad - to.planar.yaw_rad).abs() < 1e-12);
            }
        }
        // A plate never slides over the surface.
        let place = passage(Access::Front, Purpose::Place);
        assert!((place.entered.z_m - place.at.z_m - 0.003).abs() < 1e-12);
        assert!(
            (place.end.z_m - place.at.z_m).abs() < 1e-12,
            "jaws leave at the height they opened"
        );
        let pick = passage(Access::Front, Purpose::Pick);
        assert_eq!((pick.way_in().len(), pick.way_out().len()), (1, 2));
        assert!((pick.end.z_m - pick.at.z_m - 0.003).abs() < 1e-12);
    }

    /// A gripper whose fingers point to the base at a yaw of 0 comes from the other side.
    #[test]
    fn the_way_in_is_where_the_fingers_point() {
        let site = site(Access::Front);
        let slot = site.slot(None).unwrap();
        let turned = Passage::new(&site, slot, 0.002, std::f64::consts::PI, Purpose::Pick);
        assert!((turned.begin.planar.y_m - 0.39).abs() < 1e-12, "{:?}", turned.begin);
        assert!((turned.begin.planar.x_m - 0.3).abs() < 1e-12);
    }

    #[test]
    fn from_above_all_of_it_is_upright() {
        for purpose in [Purpose::Pick, Purpose::Place] {
            let passage = passage(Access::Above, purpose);
            assert!((passage.begin.z_m - 0.192).abs() < 1e-12 && passage.begin == passage.end);
            for Line { from, to } in [passage.way_in(), passage.way_out()].concat() {
                assert_eq!(from.planar, to.planar);
            }
        }
    }
}
