//! What all plots look like.

use plotters::style::RGBColor;
use rmrl_core::quantile;

pub(super) const BLUE: RGBColor = RGBColor(0x2f, 0x6f, 0xb7);
pub(super) const ORANGE: RGBColor = RGBColor(0xd9, 0x7a, 0x1e);
pub(super) const RED: RGBColor = RGBColor(0xc2, 0x3b, 0x3b);
pub(super) const GRAY: RGBColor = RGBColor(0x8a, 0x8f, 0x98);
pub(super) const BAND: RGBColor = RGBColor(0xf1, 0xf3, 0xf6);
pub(super) const INK: RGBColor = RGBColor(0x2a, 0x2e, 0x35);

/// A plot that could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("a plot could not be drawn: {0}")]
pub struct PlotError(String);

impl PlotError {
    /// Why it could not be drawn.
    pub(super) fn of(reason: &dyn std::error::Error) -> Self {
        Self(reason.to_string())
    }
}

/// The errors that the ends of an axis are chosen from: without the smallest, because chance makes some nearly zero, and a
/// logarithmic axis would be empty but for them.
pub(super) fn without_smallest(errors: &[f64]) -> Vec<f64> {
    let least = quantile(errors, 0.02);
    errors.iter().copied().filter(|error| *error >= least).collect()
}

/// The color of a plot for a page.
pub(super) fn rgb(color: RGBColor) -> [u8; 3] {
    [color.0, color.1, color.2]
}

/// A plot within a page. The name of its format is an address, and pages have none.
pub(super) fn inline(svg: &str) -> String {
    svg.replacen(" xmlns=\"http://www.w3.org/2000/svg\"", "", 1)
}
