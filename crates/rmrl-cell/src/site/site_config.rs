//! A site's configuration: where its slots are, how they are entered, and what counts as seated in them.

use rmrl_core::{Check, ConfigKeys, InvalidKey, PlanarPose};
use serde::{Deserialize, Serialize};

use crate::Seating;
use crate::task::SLOWEST_M_S;

/// How a slot is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Straight down, as on a bench.
    #[default]
    Above,
    /// By a level motion along the fingers, as into a hotel.
    Front,
}

/// The slots of a site: one above the other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(default, deny_unknown_fields)]
pub struct Slots {
    /// How many slots the site has. Default 1.
    #[key(at_least = 1, at_most = 1000)]
    pub count: u32,
    /// How far each slot is above the one before, in meters. Default 0: there is one.
    #[key(at_least = 0, at_most = 1)]
    pub pitch_m: f64,
}

impl Default for Slots {
    fn default() -> Self {
        Self { count: 1, pitch_m: 0.0 }
    }
}

/// A site, `[sites.NAME]`: its pose is that of the tool where it releases a plate in the first slot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[config(rules = Self::check_together)]
#[serde(deny_unknown_fields)]
pub struct SiteConfig {
    /// Position of the tool in a slot along x, in meters, as taught with the arm.
    #[key(at_least = -10, at_most = 10)]
    pub x_m: f64,
    /// Position along y, in meters.
    #[key(at_least = -10, at_most = 10)]
    pub y_m: f64,
    /// Rotation of the tool in a slot, in degrees. A slot that is entered from the front is entered in the direction in which
    /// the fingers point then: that of yaw_deg + xarm.jaw_yaw_deg.
    #[key(at_least = -360, at_most = 360)]
    pub yaw_deg: f64,
    /// Height of the surface in the first slot, in meters.
    #[key(at_least = -10, at_most = 10)]
    pub surface_m: f64,
    /// How it is entered: `above` or `front`. Default `above`.
    #[key(kind = "\"above\" or \"front\"")]
    #[serde(default)]
    pub access: Access,
    /// Its slots, one above the other. Default one.
    #[key(nested)]
    #[serde(default)]
    pub slots: Slots,
    /// How far outside of the slot the way in begins, in meters: above it, or before its front. Default 0.03 from above; a
    /// slot with a front needs its own, the depth of the slot and some more.
    #[key(above = 0, at_most = 1)]
    #[serde(default = "default_approach_m")]
    pub approach_m: f64,
    /// How far a plate is lifted off the surface of the slot before it moves level, in meters. Default 0.003.
    #[key(above = 0, at_most = 0.5)]
    #[serde(default = "default_lift_m")]
    pub lift_m: f64,
    /// Speed of the way in and out, in meters per second. Default 0.05.
    #[key(at_least = SLOWEST_M_S, at_most = 1)]
    #[serde(default = "default_speed_m_s")]
    pub speed_m_s: f64,
    /// How near fingers, gripper and plate may come to the keep-out boxes that have the site's own name, or to the table where
    /// there are none, in meters. Default 0.0005: what is left where a plate stands between walls.
    #[key(at_least = 0, at_most = 0.5)]
    #[serde(default = "default_entry_margin_m")]
    pub entry_margin_m: f64,
    /// How far the jaws open in a slot, in meters. Default task.jaw_opening_m; a slot with walls has less room.
    #[key(above = 0, at_most = 1)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jaw_opening_m: Option<f64>,
    /// The errors up to which a plate counts as seated.
    #[key(nested)]
    pub seating: Seating,
    /// Whether the camera sees plates in it. Default false.
    #[serde(default)]
    pub is_seen: bool,
    /// The labware that it takes, by name. Default all.
    #[key(max_len = 1000)]
    #[serde(default)]
    pub labware: Vec<String>,
    /// How many items lie on each other in a slot at most. Default 1.
    #[key(at_least = 1, at_most = 100)]
    #[serde(default = "default_capacity")]
    pub capacity: u32,
}

fn default_approach_m() -> f64 {
    0.03
}

fn default_lift_m() -> f64 {
    0.003
}

fn default_speed_m_s() -> f64 {
    0.05
}

fn default_entry_margin_m() -> f64 {
    0.000_5
}

fn default_capacity() -> u32 {
    1
}

/// A slot of a site.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slot {
    /// The tool's pose where it releases a plate, in the plane.
    pub tool: PlanarPose,
    /// Height of the surface, in meters.
    pub surface_m: f64,
}

/// A slot that a site does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SlotError {
    /// There is no slot of this number.
    #[error("it has no slot {number}; its slots are 1 to {count}")]
    NoSuchSlot {
        /// The number that was asked for.
        number: u32,
        /// The number of slots.
        count: u32,
    },
    /// It has several slots, and none was named.
    #[error("it has {count} slots: say which one, such as :1")]
    Unnamed {
        /// The number of slots.
        count: u32,
    },
}

impl SiteConfig {
    /// A slot by its number, counted from 1 at the bottom. A site with one slot needs no number.
    ///
    /// # Errors
    /// It has no such slot, or several and no number was given.
    pub fn slot(&self, number: Option<u32>) -> Result<Slot, SlotError> {
        let count = self.slots.count;
        let number = match number {
            None if count > 1 => return Err(SlotError::Unnamed { count }),
            number => number.unwrap_or(1),
        };
        if !(1..=count).contains(&number) {
            return Err(SlotError::NoSuchSlot { number, count });
        }
        Ok(Slot {
            tool: PlanarPose::new(self.x_m, self.y_m, self.yaw_deg.to_radians()),
            surface_m: self.surface_m + f64::from(number - 1) * self.slots.pitch_m,
        })
    }

    /// Whether it takes this labware.
    pub fn takes(&self, labware: &str) -> bool {
        self.labware.is_empty() || self.labware.iter().any(|name| name == labware)
    }

    fn check_together(&self, check: &Check<'_>) -> Result<(), InvalidKey> {
        let Slots { count, pitch_m } = self.slots;
        let expected = "above the lift, because there are several slots";
        let is_apart = count == 1 || pitch_m > self.lift_m;
        check.require("slots.pitch_m", pitch_m, is_apart, expected)?;
        let is_entered_level = count == 1 || self.access == Access::Front;
        let expected =
            "\"front\", because slots that lie above each other cannot be entered from above";
        check.require("access", "\"above\"", is_entered_level, expected)?;
        let expected = "less than the approach from above";
        let lifts_within = self.access == Access::Front || self.lift_m < self.approach_m;
        check.require("lift_m", self.lift_m, lifts_within, expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hotel() -> SiteConfig {
        let text = r#"
            x_m = 0.3
            y_m = 0.25
            yaw_deg = 90.0
            surface_m = 0.05
            access = "front"
            slots = { count = 4, pitch_m = 0.03 }
            approach_m = 0.14
            seating = { translation_m = 0.002, yaw_deg = 1.0, height_m = 0.001 }
            labware = ["96-well"]
        "#;
        toml::from_str(text).unwrap()
    }

    #[test]
    fn slots_are_counted_from_the_bottom() {
        let hotel = hotel();
        hotel.validate().unwrap();
        assert!((hotel.slot(Some(1)).unwrap().surface_m - 0.05).abs() < 1e-12);
        assert!((hotel.slot(Some(4)).unwrap().surface_m - 0.14).abs() < 1e-12);
        for (number, expected) in [
            (Some(0), "no slot 0; its slots are 1 to 4"),
            (Some(5), "no slot 5"),
            (None, "say which one"),
        ] {
            let error = hotel.slot(number).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let bench = SiteConfig { slots: Slots::default(), ..hotel };
        assert_eq!(bench.slot(None).unwrap(), bench.slot(Some(1)).unwrap());
        assert!(bench.takes("96-well") && !bench.takes("384-well"));
        assert!(SiteConfig { labware: Vec::new(), ..bench }.takes("384-well"));
    }

    #[test]
    fn keys_that_contradict_each_other_are_refused() {
        let several = Slots { count: 4, pitch_m: 0.03 };
        for (site, expected) in [
            (
                SiteConfig { slots: Slots { pitch_m: 0.0, ..several }, ..hotel() },
                "slots.pitch_m is 0",
            ),
            (SiteConfig { access: Access::Above, ..hotel() }, "cannot be entered from above"),
            (
                SiteConfig {
                    access: Access::Above,
                    slots: Slots::default(),
                    lift_m: 0.2,
                    ..hotel()
                },
                "lift_m is 0.2",
            ),
            (SiteConfig { speed_m_s: f64::NAN, ..hotel() }, "speed_m_s is NaN"),
        ] {
            let error = site.validate().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
