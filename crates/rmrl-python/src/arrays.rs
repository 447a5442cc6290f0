//! NumPy arrays in and out, with their shapes and types checked.

use image::RgbImage;
use numpy::ndarray::{Array2, Array3};
use numpy::{IntoPyArray, PyArray2, PyArray3};
use numpy::{PyReadonlyArray2, PyReadonlyArray3, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use rmrl::rmrl_vision::{DepthImage, Mask};

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

/// A depth image as an array, uint16 `[height, width]`, in millimeters, 0 where there is no depth; copies the pixels.
pub fn depth_array<'py>(py: Python<'py>, depth: &DepthImage) -> Bound<'py, PyArray2<u16>> {
    let shape = (depth.height() as usize, depth.width() as usize);
    let pixels = Array2::from_shape_vec(shape, depth.as_raw().clone());
    pixels.expect("a depth image has a number a pixel").into_pyarray(py)
}

/// The depth image of an array: uint16 `[height, width]`, of any strides, in millimeters.
///
/// # Errors
/// `TypeError` or `ValueError` says what was given and what was expected.
pub fn depth_image(value: &Bound<'_, PyAny>, name: &str) -> PyResult<DepthImage> {
    let expected =
        "expected a NumPy array of uint16 with the shape [height, width], in millimeters";
    let Ok(pixels) = value.extract::<PyReadonlyArray2<'_, u16>>() else {
        let given = match value.cast::<PyUntypedArray>() {
            Ok(array) => format!("{} {:?}", array.dtype().str()?, array.shape()),
            Err(_) => format!("a {}", value.get_type().name()?),
        };
        return Err(PyTypeError::new_err(format!("{name} is {given}; {expected}")));
    };
    let (height, width) = pixels.as_array().dim();
    match u32::try_from(width).ok().zip(u32::try_from(height).ok()) {
        Some((width, height)) if width > 0 && height > 0 => {
            let numbers = pixels.as_array().iter().copied().collect();
            Ok(DepthImage::from_raw(width, height, numbers).expect("as many numbers as pixels"))
        }
        _ => Err(PyValueError::new_err(format!(
            "{name} has the shape [{height}, {width}]; {expected}"
        ))),
    }
}

/// A mask as an array of an image's size, bool `[height, width]`.
pub fn mask_array<'py>(
    py: Python<'py>,
    mask: &Mask,
    (width, height): (u32, u32),
) -> Bound<'py, PyArray2<bool>> {
    let mut pixels = Array2::from_elem((height as usize, width as usize), false);
    for (u, v) in mask.pixels() {
        if let Some(pixel) = pixels.get_mut((v as usize, u as usize)) {
            *pixel = true;
        }
    }
    pixels.into_pyarray(py)
}

/// Rows of `N` numbers of an array of float64 `[count, N]`.
///
/// # Errors
/// `TypeError` says what was given and what was expected.
pub fn rows<const N: usize>(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Vec<[f64; N]>> {
    let expected = format!("expected a NumPy array of float64 with the shape [count, {N}]");
    let wrong = |given: String| PyTypeError::new_err(format!("{name} is {given}; {expected}"));
    let Ok(numbers) = value.extract::<PyReadonlyArray2<'_, f64>>() else {
        return Err(wrong(format!("a {}", value.get_type().name()?)));
    };
    let numbers = numbers.as_array();
    if numbers.ncols() != N {
        return Err(wrong(format!("of the shape {:?}", numbers.shape())));
    }
    Ok(numbers.rows().into_iter().map(|row| std::array::from_fn(|column| row[column])).collect())
}

/// Rows of numbers as an array, float64 `[count, N]`; rows that are `None` are NaN.
pub fn rows_array<const N: usize>(
    py: Python<'_>,
    rows: impl ExactSizeIterator<Item = Option<[f64; N]>>,
) -> Bound<'_, PyArray2<f64>> {
    let count = rows.len();
    let numbers = rows.flat_map(|row| row.unwrap_or([f64::NAN; N])).collect();
    let array = Array2::from_shape_vec((count, N), numbers);
    array.expect("each row has N numbers").into_pyarray(py)
}
