//! What a Python camera captures.

use std::sync::Arc;

use numpy::{PyReadonlyArray2, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use rmrl::rmrl_vision::{DEPTH_UNIT_M, DepthImage, RgbdFrame};

use super::exceptions::shown;
use crate::arrays::rgb_image;

/// The frame of `(color, depth)`: uint8 `[height, width, 3]` in the order red, green, blue, and depth `[height, width]`, uint16 in
/// millimeters or float in meters. `size` is that of the camera's model, width and height in pixels.
///
/// # Errors
/// `TypeError` or `ValueError` says what was given and what was expected.
pub fn frame(value: &Bound<'_, PyAny>, size: (u32, u32)) -> PyResult<RgbdFrame> {
    let Ok((color, depth)) = value.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>() else {
        let expected = "expected the tuple (color, depth)";
        return Err(PyTypeError::new_err(format!("the frame is {}; {expected}", shown(value))));
    };
    let color = rgb_image(&color, "color")?;
    let depth = depth_image(&depth)?;
    for (name, given) in [("color", color.dimensions()), ("depth", depth.dimensions())] {
        if given != size {
            let [given, size] = [given, size].map(|(width, height)| format!("{width} x {height}"));
            return Err(PyValueError::new_err(format!(
                "{name} has {given} pixels; expected {size} (width x height), those of the camera's model"
            )));
        }
    }
    Ok(RgbdFrame { color: Arc::new(color), depth })
}

/// A depth image of an array `[height, width]`: uint16 in millimeters, or float32 or float64 in meters. What is not positive, not
/// finite, or beyond 65.535 m was not measured, and becomes 0.
fn depth_image(value: &Bound<'_, PyAny>) -> PyResult<DepthImage> {
    let expected =
        "expected a NumPy array [height, width], uint16 in millimeters or float32 in meters";
    let Ok(array) = value.cast::<PyUntypedArray>() else {
        let given = value.get_type().name()?;
        return Err(PyTypeError::new_err(format!("depth is a {given}; {expected}")));
    };
    if array.ndim() != 2 {
        return Err(PyValueError::new_err(format!(
            "depth has the shape {:?}; {expected}",
            array.shape()
        )));
    }
    let in_units = if let Ok(depth) = value.extract::<PyReadonlyArray2<'_, u16>>() {
        depth.as_array().iter().copied().collect()
    } else if let Ok(depth) = value.extract::<PyReadonlyArray2<'_, f32>>() {
        depth.as_array().iter().map(|meters| units(f64::from(*meters))).collect()
    } else if let Ok(depth) = value.extract::<PyReadonlyArray2<'_, f64>>() {
        depth.as_array().iter().map(|meters| units(*meters)).collect()
    } else {
        let given = array.dtype();
        return Err(PyTypeError::new_err(format!("depth is an array of {given}; {expected}")));
    };
    let [height, width] = [array.shape()[0], array.shape()[1]];
    let sides = u32::try_from(width).ok().zip(u32::try_from(height).ok());
    let image = sides.and_then(|(width, height)| DepthImage::from_raw(width, height, in_units));
    image.ok_or_else(|| PyValueError::new_err(format!("depth is too large; {expected}")))
}

/// Meters as units of a depth image.
fn units(meters: f64) -> u16 {
    let units = (meters / DEPTH_UNIT_M).round();
    // Not a number is not inside.
    if (1.0..=f64::from(u16::MAX)).contains(&units) { units as u16 } else { 0 }
}
