//! NumPy arrays in and out, with their shapes and types checked.

use image::RgbImage;
use numpy::ndarray::Array3;
use numpy::{IntoPyArray, PyArray3, PyReadonlyArray3};
use numpy::{PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

/// A color image as an array, uint8 `[height, width, 3]`; copies the pixels.
pub fn image_array<'py>(py: Python<'py>, image: &RgbImage) -> Bound<'py, PyArray3<u8>> {
    let shape = (image.height() as usize, image.width() as usize, 3);
    let pixels = Array3::from_shape_vec(shape, image.as_raw().clone());
    pixels.expect("an RGB image has three bytes a pixel").into_pyarray(py)
}

/// The color image of an array: uint8 `[height, width, 3]`, of any strides, neither side 0. `name` is what a message calls it.
///
/// # Errors
/// `TypeError` or `ValueError` says what was given and what was expected.
pub fn rgb_image(value: &Bound<'_, PyAny>, name: &str) -> PyResult<RgbImage> {
    let expected = "expected a NumPy array of uint8 with the shape [height, width, 3]";
    let Ok(array) = value.cast::<PyUntypedArray>() else {
        let given = value.get_type().name()?;
        return Err(PyTypeError::new_err(format!("{name} is a {given}; {expected}")));
    };
    let Ok(pixels) = value.extract::<PyReadonlyArray3<'_, u8>>() else {
        let given = format!("{} {:?}", array.dtype().str()?, array.shape());
        return Err(PyTypeError::new_err(format!("{name} is {given}; {expected}")));
    };
    let (height, width, channels) = pixels.as_array().dim();
    let sides = u32::try_from(width).ok().zip(u32::try_from(height).ok());
    match sides {
        Some((width, height)) if channels == 3 && width > 0 && height > 0 => {
            let bytes = pixels.as_array().iter().copied().collect();
            Ok(RgbImage::from_raw(width, height, bytes).expect("there are as many bytes as pixels"))
        }
        _ => Err(PyValueError::new_err(format!(
            "{name} has the shape [{height}, {width}, {channels}]; {expected}"
        ))),
    }
}

/// `N` finite numbers of a sequence or an array. `meaning` names them and their units, such as `x_m, y_m, yaw_rad`.
///
/// # Errors
/// `TypeError` or `ValueError` says what was given and what was expected.
pub fn numbers<const N: usize>(
    value: &Bound<'_, PyAny>,
    name: &str,
    meaning: &str,
) -> PyResult<[f64; N]> {
    let expected = format!("expected {N} finite numbers: {meaning}");
    let shown = || value.repr().map_or_else(|_| "?".to_string(), |text| text.to_string());
    let listed: Vec<f64> = match value.call_method0("tolist") {
        Ok(list) => list.extract(),
        Err(_) => value.extract(),
    }
    .map_err(|_| PyTypeError::new_err(format!("{name} is {}; {expected}", shown())))?;
    match <[f64; N]>::try_from(listed) {
        Ok(all) if all.iter().all(|one| one.is_finite()) => Ok(all),
        _ => Err(PyValueError::new_err(format!("{name} is {}; {expected}", shown()))),
    }
}
