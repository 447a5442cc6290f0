//! The camera as it truly hangs, and what it captures of the cell.

use nalgebra::Isometry3;
use rmrl_core::Rng;
use rmrl_vision::{CameraModel, RgbdFrame};

use super::camera_mount::CameraMount;
use super::d435_noise::D435;
use super::render::Renderer;
use super::render::hand_visibility::hand_in_view;
use super::scene_view::SceneView;
use crate::config::{SensorNoise, SimulationConfig, camera_over_workspace};
use crate::physics::hand::Hand;
use crate::scene::appearance::PlateLook;
use crate::scene::cell_parameters::CellParameters;
use crate::scene::clutter::Object;
use crate::scene::cuboid::Cuboid;

/// The true camera of a cell, where it hangs during one scene.
pub(crate) struct OverheadCamera {
    camera: CameraModel,
    renderer: Renderer,
    sensor: D435,
    mount: CameraMount,
    view: SceneView,
    errors: SensorErrors,
}

/// How the sensor of a cell errs.
#[derive(Clone, Copy)]
struct SensorErrors {
    noise: SensorNoise,
    depth_bias_m: f64,
}

impl OverheadCamera {
    pub(crate) fn new(
        config: &SimulationConfig,
        cell_seed: u64,
        parameters: &CellParameters,
        fixtures: Vec<Cuboid>,
        clutter: Vec<Object>,
    ) -> Self {
        let mut mounted = camera_over_workspace(&config.camera);
        mounted.intrinsics.distortion = parameters.lens;
        let mount = CameraMount::new(&config.camera, mounted, cell_seed);
        let camera = mount.in_scene(0);
        let view = SceneView {
            geometry: config.plate,
            fixtures,
            clutter,
            board: config.board,
            light: parameters.light,
        };
        let errors = SensorErrors { noise: config.noise, depth_bias_m: parameters.depth_bias_m };
        let (renderer, sensor) = renderer_and_sensor(camera, &view, errors);
        Self { camera, renderer, sensor, mount, view, errors }
    }

    /// The camera at its present place.
    pub(crate) fn camera(&self) -> CameraModel {
        self.camera
    }

    /// Moves the camera to where drift and bump have brought it by a scene.
    pub(crate) fn move_to_scene(&mut self, scene: u32) {
        let camera = self.mount.in_scene(scene);
        if camera != self.camera {
            self.camera = camera;
            (self.renderer, self.sensor) = renderer_and_sensor(camera, &self.view, self.errors);
        }
    }

    /// Takes a frame of the cell with a plate and the hand in it.
    pub(crate) fn capture(
        &self,
        world_from_plate: &Isometry3<f64>,
        look: &PlateLook,
        hand: &Hand,
        rng: &mut Rng,
    ) -> RgbdFrame {
        // A hand out of view casts no shadow here, even where its shadow would reach into a corner.
        let hand = hand_in_view(hand, &self.camera).then_some(hand);
        let ideal = self.renderer.render(world_from_plate, look, hand);
        self.sensor.expose(&ideal, rng)
    }
}

fn renderer_and_sensor(
    camera: CameraModel,
    view: &SceneView,
    errors: SensorErrors,
) -> (Renderer, D435) {
    let renderer = Renderer::new(camera, view);
    let sensor = D435::new(errors.noise, errors.depth_bias_m, renderer.empty());
    (renderer, sensor)
}
