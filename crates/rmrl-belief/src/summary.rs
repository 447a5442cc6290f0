//! The belief in words and numbers.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::estimate::Estimate;
use crate::geometry::{
    Geometry, PICTURE, Prior, SCALE, SHIFT, TARGET_ALONG, TOOL_ACROSS, TOOL_TURN, TURN,
};

/// A value with its standard deviation, in the same unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The most probable value.
    pub value: f64,
    /// Its standard deviation.
    pub deviation: f64,
}

/// What a cell believes of its geometry: how far camera and tool are off from what they are configured to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// How much a picture's look error counts, from 0 for nothing to 1 for what it says; what an error of 1 would be
    /// where no picture was read.
    pub picture_gain: Measured,
    /// The noise of a look that nothing spoils, in millimeters.
    pub look_mm: f64,
    /// The moves of the camera that were noticed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub camera_moves: Vec<CameraMove>,
}

/// A camera that was moved: how much farther a plate then lies from where the camera sees it, at the middle of the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CameraMove {
    /// The first carry whose look showed it, counted from 1.
    pub carry: u32,
    /// The trial in which it was noticed, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<u32>,
    /// Along x, in millimeters.
    pub x_mm: f64,
    /// Along y, in millimeters.
    pub y_mm: f64,
    /// Counterclockwise, in degrees.
    pub turn_deg: f64,
}

impl CameraMove {
    /// How a camera has been moved between two geometries, as a carry has shown.
    pub(crate) fn between(before: &Geometry, after: &Geometry, carry: u32) -> Self {
        let moved = after.values - before.values;
        Self {
            carry,
            trial: None,
            x_mm: 1e3 * moved[SHIFT],
            y_mm: 1e3 * moved[SHIFT + 1],
            turn_deg: moved[TURN].to_degrees(),
        }
    }
}

impl fmt::Display for CameraMove {
    /// As a person says it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { x_mm, y_mm, turn_deg, .. } = *self;
        write!(
            f,
            "plates seem to have moved by {:+.1} mm in x, {:+.1} mm in y and {:+.2} degrees",
            -x_mm, -y_mm, -turn_deg
        )
    }
}

impl BeliefSummary {
    pub(crate) fn of(estimate: &Estimate, carries: u32, camera_moves: Vec<CameraMove>) -> Self {
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
            picture_gain: Measured {
                value: 1.0 + estimate.geometry.values[PICTURE],
                ..measured(PICTURE, 1.0)
            },
            camera_moves,
            look_mm: 1e3 * estimate.look_deviation_m(),
        }
    }
}

/// The gain's deviation below which pictures were read: half of the prior's.
const READ_PICTURES: f64 = 0.25;
/// Farther from zero than this many standard deviations of the prior, an unknown is implausible.
const PLAUSIBLE: f64 = 3.0;

/// The unknown that is farthest beyond what is plausible, in words.
pub(crate) fn implausible(estimate: &Estimate, prior: &Prior, was_moved: bool) -> Option<String> {
    const CAMERA: &str = "calibrate the camera again (rmrl calibrate), and look whether its file is that of this camera and \
                          whether it hangs the right way round";
    const TOOL: &str = "measure the tool again, and look whether the plate lay in its target as it has to lie there";
    let deviation = prior.deviation();
    let degree = f64::to_degrees(1.0);
    [
        (SHIFT, "the camera sees plates off in x by", 1e3, "mm", CAMERA),
        (SHIFT + 1, "the camera sees plates off in y by", 1e3, "mm", CAMERA),
        (TURN, "the camera sees plates turned by", degree, "degrees", CAMERA),
        (SCALE, "the camera sees the world too small by", 1e2, "%", CAMERA),
        (TARGET_ALONG, "the tool is off along its fingers by", 1e3, "mm", TOOL),
        (TOOL_ACROSS, "the tool is off across its fingers by", 1e3, "mm", TOOL),
        (TOOL_TURN, "the tool is turned by", degree, "degrees", TOOL),
    ]
    .into_iter()
    .filter(|unknown| !was_moved || unknown.4 != CAMERA)
    .map(|unknown| (estimate.geometry.values[unknown.0].abs() / deviation[unknown.0], unknown))
    .filter(|(deviations, _)| *deviations > PLAUSIBLE)
    .max_by(|(a, _), (b, _)| a.total_cmp(b))
    .map(|(_, (index, what, scale, unit, fix))| {
        format!(
            "{what} {:.1} {unit}, expected at most {:.1} {unit}; {fix}",
            scale * estimate.geometry.values[index].abs(),
            scale * PLAUSIBLE * deviation[index]
        )
    })
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
    /// Camera and tool in words, and what else is known: a name, and what is believed of it.
    pub fn in_words(&self) -> Vec<(&'static str, String)> {
        let camera = format!(
            "sees plates {} mm in x, {} mm in y and {} degrees from where they lie",
            self.camera_x_mm.negated().words(2),
            self.camera_y_mm.negated().words(2),
            self.camera_turn_deg.negated().words(2),
        );
        let tool = format!(
            "is {} mm along and {} mm across the fingers and {} degrees from the configured one",
            self.tool_along_mm.words(2),
            self.tool_across_mm.words(2),
            self.tool_turn_deg.words(2),
        );
        let mut words = vec![("camera", camera), ("tool", tool)];
        if self.picture_gain.deviation < READ_PICTURES {
            let Measured { value, deviation } = self.picture_gain;
            let words_of_gain = format!(
                "count {value:.2} ± {deviation:.2} of what they say of the localizer's errors"
            );
            words.push(("pictures", words_of_gain));
        }
        for noticed in &self.camera_moves {
            let when = match noticed.trial {
                Some(trial) => format!("trial {trial}"),
                None => format!("carry {}", noticed.carry),
            };
            words.push(("camera was moved", format!("before {when}: {noticed}")));
        }
        words
    }
}

impl fmt::Display for BeliefSummary {
    /// In one line, as a person says it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (name, words)) in self.in_words().into_iter().enumerate() {
            let separator = if number == 0 { "" } else { "; " };
            write!(f, "{separator}the {name} {words}")?;
        }
        Ok(())
    }
}
