//! The camera as it truly hangs, and what it sees of the cell.

use std::f64::consts::TAU;

use nalgebra::Vector3;
use rand::RngExt;
use rmrl_core::random_stream;
use rmrl_vision::{CameraModel, PlateGeometry};

use crate::clutter::Object;
use crate::layout::{Cuboid, TableBoard};
use crate::parameters::CellParameters;
use crate::render::{Light, Renderer};
use crate::sensor::Sensor;
use crate::simulation::camera_over_workspace;
use crate::{SensorNoise, SimulationConfig};

/// The true camera of a cell, where it hangs during one scene.
pub(crate) struct Eye {
    pub(crate) camera: CameraModel,
    pub(crate) renderer: Renderer,
    pub(crate) sensor: Sensor,
    /// Where it hung first.
    mounted: CameraModel,
    scene: u32,
    /// How far it moves from scene to scene, in metres.
    drift_m: Vector3<f64>,
    view: View,
}

/// What there is to see, and how it is seen.
struct View {
    geometry: PlateGeometry,
    fixtures: Vec<Cuboid>,
    clutter: Vec<Object>,
    board: Option<TableBoard>,
    light: Light,
    noise: SensorNoise,
    depth_bias_m: f64,
}

impl View {
    fn through(&self, camera: CameraModel) -> (Renderer, Sensor) {
        let renderer = Renderer::new(
            camera,
            self.geometry,
            &self.fixtures,
            &self.clutter,
            self.board,
            self.light,
        );
        let sensor = Sensor::new(self.noise, self.depth_bias_m, renderer.empty());
        (renderer, sensor)
    }
}

impl Eye {
    pub(crate) fn new(
        config: &SimulationConfig,
        cell_seed: u64,
        parameters: &CellParameters,
        fixtures: Vec<Cuboid>,
        clutter: Vec<Object>,
    ) -> Self {
        let camera = camera_over_workspace(&config.camera);
        let direction_rad = TAU * random_stream(cell_seed, "camera drift", [0, 0]).random::<f64>();
        let view = View {
            geometry: config.plate,
            fixtures,
            clutter,
            board: config.board,
            light: parameters.light,
            noise: config.noise,
            depth_bias_m: parameters.depth_bias_m,
        };
        let (renderer, sensor) = view.through(camera);
        Self {
            camera,
            renderer,
            sensor,
            mounted: camera,
            scene: 0,
            drift_m: config.camera.drift_m_per_scene
                * Vector3::new(direction_rad.cos(), direction_rad.sin(), 0.0),
            view,
        }
    }

    /// The camera sags on: as far as it has come by that scene.
    pub(crate) fn move_to_scene(&mut self, scene: u32) {
        if self.scene == scene || self.drift_m == Vector3::zeros() {
            return;
        }
        self.scene = scene;
        self.camera = self.mounted;
        self.camera.world_from_camera.translation.vector += f64::from(scene) * self.drift_m;
        (self.renderer, self.sensor) = self.view.through(self.camera);
    }
}
