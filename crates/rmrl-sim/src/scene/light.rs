//! The light of a cell: a lamp above, a window beside, and ambient light.

use serde::{Deserialize, Serialize};

/// The light of one cell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Light {
    /// The middle of the lamp, world frame, in meters.
    pub lamp_m: [f64; 3],
    /// The lamp's radius, in meters. A larger lamp casts softer shadows.
    pub lamp_radius_m: f64,
    /// The share of ambient light, 0 to 1.
    pub ambient: f64,
    /// How bright a white sheet under the lamp would be, relative to the sensor's white.
    pub exposure: f64,
    /// The window beside the bench.
    pub window: Window,
    /// How much of the lamp's and the window's image the table shows.
    pub table_gloss: f64,
}

/// A window beside the bench.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The window's middle, world frame, in meters.
    pub center_m: [f64; 3],
    /// The window's radius, in meters.
    pub radius_m: f64,
    /// How much light it throws on the middle of the workspace, relative to the lamp's; 0 at night.
    pub strength: f64,
}
