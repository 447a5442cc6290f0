//! The belief in words and numbers.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::estimate::Estimate;
use crate::geometry::{SCALE, SHIFT, TARGET_ALONG, TOOL_ACROSS, TOOL_TURN, TURN};

/// A value with its standard deviation, in the same unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The most probable value.
    pub value: f64,
    /// Its standard deviation.
    pub deviation: f64,
}

/// What a cell believes of its geometry: how far camera and tool are off from what they are configured to be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BeliefSummary {
    /// The carries that it was learned from.
    pub carries: u32,
    /// How far a plate truly lies from where the camera sees it, at the middle of the workspace, along x, in millimeters.
    pub camera_x_mm: Measured,
    /// The same along y.
    pub camera_y_mm: Measured,
    /// How far a plate is truly turned from how the camera sees it, counterclockwise, in degrees.
    pub camera_turn_deg: Measured,
    /// How much larger the world is than the camera sees it, in parts of a thousand.
    pub camera_scale_permille: Measured,
    /// Where along the fingers, from the configured tool, the middle of a plate on the target is, in millimeters.
    pub tool_along_mm: Measured,
    /// Where across the fingers the jaws truly close, from the configured tool, in millimeters.
    pub tool_across_mm: Measured,
    /// How far the jaws are truly turned from the configured tool, counterclockwise, in degrees.
    pub tool_turn_deg: Measured,
    /// The noise of a look that nothing spoils, in millimeters.
    pub look_mm: f64,
}

impl BeliefSummary {
    pub(crate) fn of(estimate: &Estimate, carries: u32) -> Self {
        let measured = |index: usize, unit: f64| Measured {
            value: unit * estimate.geometry.values[index],
            deviation: unit * estimate.covariance[(index, index)].max(0.0).sqrt(),
        };
        let degree = f64::to_degrees(1.0);
        Self {
            carries,
            camera_x_mm: measured(SHIFT, 1e3),
            camera_y_mm: measured(SHIFT + 1, 1e3),
            camera_turn_deg: measured(TURN, degree),
            camera_scale_permille: measured(SCALE, 1e3),
            tool_along_mm: measured(TARGET_ALONG, 1e3),
            tool_across_mm: measured(TOOL_ACROSS, 1e3),
            tool_turn_deg: measured(TOOL_TURN, degree),
            look_mm: 1e3 * estimate.look_deviation_m(),
        }
    }
}

impl Measured {
    /// `+0.3 ± 0.1`.
    fn words(self, digits: usize) -> String {
        format!("{:+.digits$} ± {:.digits$}", self.value, self.deviation)
    }

    fn negated(self) -> Self {
        Self { value: -self.value, ..self }
    }
}

impl BeliefSummary {
    /// Camera and tool in words: a name, and what is believed of it.
    pub fn in_words(&self) -> [(&'static str, String); 2] {
        let camera = format!(
            "sees plates {} mm in x, {} mm in y and {} degrees from where they lie",
            self.camera_x_mm.negated().words(1),
            self.camera_y_mm.negated().words(1),
            self.camera_turn_deg.negated().words(2),
        );
        let tool = format!(
            "is {} mm along and {} mm across the fingers and {} degrees from the configured one",
            self.tool_along_mm.words(1),
            self.tool_across_mm.words(1),
            self.tool_turn_deg.words(2),
        );
        [("camera", camera), ("tool", tool)]
    }
}

impl fmt::Display for BeliefSummary {
    /// In one line, as a person says it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [(_, camera), (_, tool)] = self.in_words();
        write!(f, "the camera {camera}; the tool {tool}")
    }
}
