//! The camera of a run, and the localizer that finds plates in its frames.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use nalgebra::{Point2, Point3};
use numpy::PyArray2;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rmrl::rmrl_core::{Fault, FaultKind};
use rmrl::rmrl_vision::{CameraFile, CameraModel, Localization, Localizer, RgbdFrame};
use rmrl::{Layers, RunConfig, localizer};

use crate::arrays::{depth_image, mask_array, rgb_image, rows, rows_array};
use crate::errors::{configuration_error, fault, run_error, runtime_error, with_sources};

/// A calibrated camera.
#[pyclass(frozen, module = "rmrl_robot._native")]
pub struct LoadedCamera(CameraModel);

#[pymethods]
impl LoadedCamera {
    /// The camera in the text of a camera file; errors name `path`.
    #[staticmethod]
    fn parse(text: &str, path: PathBuf) -> PyResult<Self> {
        let invalid = |error| PyValueError::new_err(with_sources(&error));
        let file = CameraFile::parse(text, &path).map_err(invalid)?;
        Ok(Self(file.overhead(&path).map_err(invalid)?))
    }

    /// The text of its file.
    fn to_toml(&self) -> String {
        CameraFile::from(self.0).to_toml()
    }

    /// Its intrinsics as JSON, and its pose `world_from_camera`: four rows of four numbers.
    fn values(&self) -> PyResult<(String, [[f64; 4]; 4])> {
        let CameraModel { intrinsics, world_from_camera } = self.0;
        let text = serde_json::to_string(&intrinsics).map_err(|error| runtime_error(&error))?;
        let matrix = world_from_camera.to_homogeneous();
        Ok((text, [0, 1, 2, 3].map(|row| [0, 1, 2, 3].map(|column| matrix[(row, column)]))))
    }

    /// The pixels that see points of the world: float64 `[count, 3]` in meters to `[count, 2]`, NaN where it sees none.
    fn project<'py>(&self, points_m: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let points = rows::<3>(points_m, "points_m")?;
        let pixel = |point: &[f64; 3]| self.0.project(Point3::from(*point)).map(Into::into);
        Ok(rows_array(points_m.py(), points.iter().map(pixel)))
    }

    /// The points of the world that pixels see at depths along the optical axis: float64 `[count, 3]`, which are u and v in
    /// pixels and the depth in meters, to `[count, 3]` in meters.
    fn unproject<'py>(&self, seen: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let pixels = rows::<3>(seen, "seen")?;
        let point = |[u, v, depth_m]: &[f64; 3]| {
            self.0.world_point(Point2::new(*u, *v), *depth_m).map(Into::into)
        };
        Ok(rows_array(seen.py(), pixels.iter().map(point)))
    }

    /// Where the rays of pixels meet the horizontal plane at a height: float64 `[count, 2]` to `[count, 3]` in meters.
    fn on_plane<'py>(
        &self,
        seen: &Bound<'py, PyAny>,
        height_m: f64,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let pixels = rows::<2>(seen, "seen")?;
        let point = |[u, v]: &[f64; 2]| {
            self.0.intersect_plane(Point2::new(*u, *v), height_m).map(Into::into)
        };
        Ok(rows_array(seen.py(), pixels.iter().map(point)))
    }
}

/// A localizer.
#[pyclass(frozen, module = "rmrl_robot._native")]
pub struct LoadedLocalizer(Mutex<Localizer>);

#[pymethods]
impl LoadedLocalizer {
    /// The localizer of the configuration file of a run.
    #[staticmethod]
    fn of_run(py: Python<'_>, configuration: PathBuf) -> PyResult<Self> {
        let load = || -> anyhow::Result<Localizer> { of_run(&configuration) };
        let loaded = py.detach(load).map_err(|error| run_error(py, &error))?;
        Ok(Self(Mutex::new(loaded)))
    }

    /// The localizer of a configuration: assignments over the defaults.
    #[staticmethod]
    fn configured(py: Python<'_>, assignments: Vec<String>) -> PyResult<Self> {
        let resolved = assignments
            .iter()
            .try_fold(Layers::default(), |layers, assignment| layers.with_assignment(assignment))
            .and_then(Layers::resolve)
            .map_err(|error| configuration_error(py, &error))?;
        let loaded = py.detach(|| localizer(&resolved.vision));
        Ok(Self(Mutex::new(loaded.map_err(|error| runtime_error(&error))?)))
    }

    /// The plate in a frame: uint8 `[height, width, 3]`, and uint16 `[height, width]` in millimeters.
    fn localize<'py>(
        &self,
        color: &Bound<'py, PyAny>,
        depth: &Bound<'py, PyAny>,
        camera: &LoadedCamera,
    ) -> PyResult<Bound<'py, PyDict>> {
        let py = color.py();
        let frame = RgbdFrame {
            color: Arc::new(rgb_image(color, "color")?),
            depth: depth_image(depth, "depth")?,
        };
        let size = frame.color.dimensions();
        let found = py.detach(|| {
            let mut localizer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            localizer.localize(&frame, &camera.0)
        });
        match found {
            Ok(found) => found_dict(py, &found, size),
            Err(error) => {
                let reason = with_sources(&error);
                Err(fault(py, &Fault { kind: FaultKind::Localization, reason }))
            }
        }
    }
}

fn of_run(configuration: &Path) -> anyhow::Result<Localizer> {
    Ok(localizer(&RunConfig::of_run(configuration)?.vision)?)
}

fn found_dict<'py>(
    py: Python<'py>,
    found: &Localization,
    size: (u32, u32),
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let (pose, seen, bounds) = (found.pose, found.in_image, found.bounding_box);
    dict.set_item("pose", [pose.x_m, pose.y_m, pose.yaw_rad])?;
    dict.set_item("height_m", found.height_m)?;
    dict.set_item("plate_in_image", [seen.u_px, seen.v_px, seen.diagonal_px])?;
    dict.set_item("bounding_box", [bounds.x_min, bounds.y_min, bounds.x_max, bounds.y_max])?;
    dict.set_item("score", found.score)?;
    dict.set_item("confidence", found.confidence)?;
    dict.set_item("depth_m", found.depth_m)?;
    dict.set_item("mask", mask_array(py, &found.mask, size))?;
    Ok(dict)
}
