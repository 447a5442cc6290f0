//! Episodes of one step in a simulated cell, for Gymnasium.
//!
//! - `episode`: what an episode shows and what comes of it, whatever the task
//! - `placing`: the tasks of the paper, `table` and `shelf`: pick a plate and place it
//! - `transferring`: a plate between two sites of a laboratory, and a lid

mod episode;
mod placing;
mod transferring;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use numpy::PyArray1;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use rayon::{ThreadPool, ThreadPoolBuilder};
use rmrl::RunConfig;
use rmrl::rmrl_core::{PlanarPose, PoseAdjustment};

use self::episode::{EpisodeError, Episodes, Seen, Stepped};
use self::placing::{Placing, checked};
use self::transferring::{Task, Transferring};
use crate::arrays::{image_array, numbers};
use crate::configuration::resolve;
use crate::errors::{configuration_error, fault, runtime_error};

/// A simulated cell as a sequence of episodes of one step. Nothing is assembled before `start`.
#[pyclass(frozen, module = "rmrl_robot._native")]
pub struct Environment {
    config: RunConfig,
    /// The transfer that an episode makes; `None` for the tasks of the paper.
    transfer: Option<Task>,
    running: Mutex<Option<Running>>,
}

/// A cell at work, on a thread of its own: cells beside each other then take one core each, and none waits for another.
struct Running {
    thread: ThreadPool,
    episodes: Box<dyn Episodes>,
}

impl Running {
    fn start(config: &RunConfig, task: Option<&Task>, seed: u64) -> Result<Self, EpisodeError> {
        let thread = ThreadPoolBuilder::new().num_threads(1).build().map_err(EpisodeError::from)?;
        let episodes = thread.install(|| -> Result<Box<dyn Episodes>, EpisodeError> {
            Ok(match task {
                None => Box::new(Placing::start(config, seed)?),
                Some(task) => Box::new(Transferring::start(config, task, seed)?),
            })
        })?;
        Ok(Self { thread, episodes })
    }

    fn reset(&mut self, scene: Option<u32>) -> Result<Seen, EpisodeError> {
        let Self { thread, episodes } = self;
        thread.install(|| episodes.reset(scene))
    }

    fn step(&mut self, action: PoseAdjustment) -> Result<Stepped, EpisodeError> {
        let Self { thread, episodes } = self;
        thread.install(|| episodes.step(action))
    }
}

#[pymethods]
impl Environment {
    /// The cell of a configuration's assignments, with `difficulty` times the errors of camera, tool and arm. `transfer` is what
    /// a laboratory moves (`"plate"`, `"lid off"` or `"lid on"`), from which slot, and to which.
    ///
    /// # Errors
    /// `ConfigurationError` names the key and what was expected.
    #[new]
    #[pyo3(signature = (assignments, difficulty, transfer=None))]
    fn new(
        py: Python<'_>,
        assignments: Vec<String>,
        difficulty: f64,
        transfer: Option<(String, String, String)>,
    ) -> PyResult<Self> {
        let (transfer, config) = match transfer {
            None => (None, resolve(py, None, assignments)?),
            Some((what, from, to)) => {
                let (task, config) = Task::read((&what, &from, &to), &assignments)
                    .map_err(|error| configuration_error(py, &error))?;
                (Some(task), config)
            }
        };
        let config =
            checked(config, difficulty).map_err(|error| configuration_error(py, &error))?;
        Ok(Self { config, transfer, running: Mutex::new(None) })
    }

    /// The candidates of each dimension, in meters, meters and radians.
    fn candidates(&self) -> PyResult<Vec<Vec<f64>>> {
        let actions = self.config.action_space().map_err(|error| runtime_error(&error))?;
        Ok(actions.candidates().to_vec())
    }

    /// Height and width of the pictures, in pixels.
    fn image_size(&self) -> (u32, u32) {
        let width = self.config.simulation.camera.width_px;
        (width * 3 / 4, width)
    }

    /// The configuration as TOML, with every key.
    fn configuration(&self) -> String {
        self.config.to_toml()
    }

    /// Whether a cell is assembled.
    fn is_running(&self) -> bool {
        self.lock().is_some()
    }

    /// Assembles the cell, as it is before its first episode. `seed` decides the placements, and the noise of the devices.
    fn start(&self, py: Python<'_>, seed: u64) -> PyResult<()> {
        let started = py.detach(|| {
            let mut running = self.lock();
            // The thread of the cell before ends first.
            *running = None;
            *running = Some(Running::start(&self.config, self.transfer.as_ref(), seed)?);
            Ok(())
        });
        started.map_err(|error| raised(py, error))
    }

    /// Begins the next episode, in this scene or in the one that follows: the picture, uint8 `[H, W, 3]`, the pose in
    /// meters, meters and radians, and what is known beside them.
    #[pyo3(signature = (scene=None))]
    fn reset<'py>(&self, py: Python<'py>, scene: Option<u32>) -> PyResult<Bound<'py, PyTuple>> {
        let seen = self.while_running(py, |running| running.reset(scene))?;
        let image = image_array(py, &seen.image);
        (image, pose_array(py, seen.pose), seen.info(py)?).into_pyobject(py)
    }

    /// Ends the episode with a correction in meters, meters and radians: picture, pose, reward, and what came of it.
    fn step<'py>(
        &self,
        py: Python<'py>,
        action: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let action = correction(action)?;
        let stepped = self.while_running(py, |running| running.step(action))?;
        let image = image_array(py, &stepped.image);
        let pose = pose_array(py, stepped.pose);
        (image, pose, stepped.reward, stepped.info(py)?).into_pyobject(py)
    }

    /// Makes this many episodes with the same correction, in Rust alone; how long each took, in seconds. To compare with.
    fn time_episodes(
        &self,
        py: Python<'_>,
        count: u32,
        action: &Bound<'_, PyAny>,
    ) -> PyResult<Vec<f64>> {
        let action = correction(action)?;
        self.while_running(py, |running| {
            let mut times = Vec::new();
            for _ in 0..count {
                let began = Instant::now();
                running.reset(None)?;
                running.step(action)?;
                times.push(began.elapsed().as_secs_f64());
            }
            Ok(times)
        })
    }

    /// Ends the cell. Another `start` assembles another one.
    fn close(&self, py: Python<'_>) {
        py.detach(|| *self.lock() = None);
    }
}

impl Environment {
    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        // What a panic left is replaced by the next `start`.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The result of `work`, without the interpreter's lock.
    fn while_running<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Running) -> Result<T, EpisodeError> + Send,
    ) -> PyResult<T> {
        let worked = py.detach(|| self.lock().as_mut().map(work));
        let worked =
            worked.ok_or_else(|| PyRuntimeError::new_err("no cell: call `start` first"))?;
        worked.map_err(|error| raised(py, error))
    }
}

fn correction(action: &Bound<'_, PyAny>) -> PyResult<PoseAdjustment> {
    let [dx_m, dy_m, dyaw_rad] = numbers(action, "the action", "dx_m, dy_m, dyaw_rad")?;
    Ok(PoseAdjustment { dx_m, dy_m, dyaw_rad })
}

fn raised(py: Python<'_>, error: EpisodeError) -> PyErr {
    match error {
        EpisodeError::Fault(of_attempt) => fault(py, &of_attempt),
        other => runtime_error(&other),
    }
}

/// A pose as float64 `[3]`: meters, meters, radians.
fn pose_array(py: Python<'_>, pose: PlanarPose) -> Bound<'_, PyArray1<f64>> {
    PyArray1::from_slice(py, &[pose.x_m, pose.y_m, pose.yaw_rad])
}

/// A pose that may not be known: NaN then.
fn maybe_pose_array(py: Python<'_>, pose: Option<PlanarPose>) -> Bound<'_, PyArray1<f64>> {
    pose_array(py, pose.unwrap_or(PlanarPose { x_m: f64::NAN, y_m: f64::NAN, yaw_rad: f64::NAN }))
}

/// A correction that may not be known: NaN then.
fn correction_array(
    py: Python<'_>,
    correction: Option<PoseAdjustment>,
) -> Bound<'_, PyArray1<f64>> {
    let known = correction.map(|PoseAdjustment { dx_m, dy_m, dyaw_rad }| [dx_m, dy_m, dyaw_rad]);
    PyArray1::from_slice(py, &known.unwrap_or([f64::NAN; 3]))
}

impl Seen {
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let info = PyDict::new(py);
        info.set_item("trial", self.trial)?;
        info.set_item("scene", self.scene)?;
        info.set_item("faults", &self.faults)?;
        Ok(info)
    }
}

impl Stepped {
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let info = PyDict::new(py);
        let number = |value: Option<f64>| value.unwrap_or(f64::NAN);
        info.set_item("trial", self.trial)?;
        info.set_item("scene", self.scene)?;
        info.set_item("outcome", &self.outcome)?;
        info.set_item("reason", &self.reason)?;
        info.set_item("e_trans_m", number(self.error.map(|error| error.e_trans_m)))?;
        info.set_item("e_rot", number(self.error.map(|error| error.e_rot)))?;
        info.set_item("seated", self.seated)?;
        info.set_item("true_e_trans_m", number(self.truth.map(|truth| truth.e_trans_m)))?;
        info.set_item("true_yaw_error_rad", number(self.truth.map(|truth| truth.yaw_error_rad)))?;
        info.set_item("true_seated", self.truth.is_some_and(|truth| truth.seated))?;
        info.set_item("pick_pose", maybe_pose_array(py, self.pick_pose))?;
        info.set_item("final_pose", maybe_pose_array(py, self.final_pose))?;
        info.set_item("target_pose", pose_array(py, self.target_pose))?;
        info.set_item("correction", correction_array(py, Some(self.action)))?;
        info.set_item("deviation", correction_array(py, self.deviation))?;
        info.set_item("faults", &self.faults)?;
        Ok(info)
    }
}
