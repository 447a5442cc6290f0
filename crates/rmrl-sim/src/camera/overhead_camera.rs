//! The camera as it truly hangs, and what it captures of the cell.

use rmrl_core::Rng;
use rmrl_vision::{CameraModel, PlateGeometry, RgbdFrame};

use super::camera_mount::CameraMount;
use super::d435_noise::D435;
use super::moving_things::MovingThings;
use super::render::Renderer;
use super::render::hand_visibility::hand_in_view;
use super::scene_view::SceneView;
use crate::config::{SensorNoise, SimulationConfig, camera_over_workspace};
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
    plate: PlateGeometry,
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
        let view = SceneView { fixtures, clutter, board: config.board, light: parameters.light };
        let errors = SensorErrors { noise: config.noise, depth_bias_m: parameters.depth_bias_m };
        let (renderer, sensor) = renderer_and_sensor(camera, &view, errors);
        Self { camera, renderer, sensor, mount, view, errors, plate: config.plate }
    }

    /// The camera at its present place.
    pub(crate) fn camera(&self) -> CameraModel {
        self.camera
    }

    /// The plate that the cell is configured for.
    pub(crate) fn plate(&self) -> PlateGeometry {
        self.plate
    }

    /// Moves the camera to where drift and bump have brought it by a scene.
    pub(crate) fn move_to_scene(&mut self, scene: u32) {
        let camera = self.mount.in_scene(scene);
        if camera != self.camera {
            self.camera = camera;
            (self.renderer, self.sensor) = renderer_and_sensor(camera, &self.view, self.errors);
        }
    }

    /// Takes a frame of the cell with plates, other bodies and the hand in it.
    pub(crate) fn capture(&self, things: &MovingThings<'_>, rng: &mut Rng) -> RgbdFrame {
        // A hand out of view casts no shadow here, even where its shadow would reach into a corner.
        let hand = if hand_in_view(things.hand, &self.camera) { things.hand } else { &[] };
        let ideal = self.renderer.render(&MovingThings { hand, ..*things });
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

#[cfg(test)]
mod tests {
    use nalgebra::{Isometry3, Translation3, UnitQuaternion};
    use rmrl_core::{PlanarPose, random_stream};

    use super::*;
    use crate::camera::moving_things::SeenPlate;
    use crate::scene::appearance::PlateLook;
    use crate::scene::cell_distribution::CellDistribution;
    use crate::scene::cuboid::{Material, Paint};

    const NOTHING: MovingThings<'static> = MovingThings { plates: &[], bodies: &[], hand: &[] };

    fn camera(config: &SimulationConfig, fixtures: Vec<Cuboid>) -> OverheadCamera {
        OverheadCamera::new(config, 1, &config.cells.draw(1), fixtures, Vec::new())
    }

    fn cuboid(
        [x_m, y_m, center_z_m]: [f64; 3],
        half_extents_m: [f64; 3],
        material: Material,
    ) -> Cuboid {
        Cuboid { pose: PlanarPose::new(x_m, y_m, 0.0), center_z_m, half_extents_m, material }
    }

    fn plate([x_m, y_m, foot_m]: [f64; 3], yaw_rad: f64, lid_height_m: Option<f64>) -> SeenPlate {
        let geometry = PlateGeometry::default();
        SeenPlate {
            world_from_plate: Isometry3::from_parts(
                Translation3::new(x_m, y_m, foot_m + 0.5 * geometry.height_m),
                UnitQuaternion::from_euler_angles(0.0, 0.0, yaw_rad),
            ),
            geometry,
            look: PlateLook { lid_height_m, ..PlateLook::PLAIN },
        }
    }

    #[test]
    fn the_empty_cell_is_captured_as_any_other_and_a_hand_out_of_view_changes_nothing() {
        let config = SimulationConfig {
            cells: CellDistribution::PERFECT,
            noise: SensorNoise::NONE,
            ..SimulationConfig::default()
        };
        let camera = camera(&config, Vec::new());
        let capture =
            |things: &MovingThings| camera.capture(things, &mut random_stream(1, "test", [0, 0]));
        let empty = capture(&NOTHING);
        // The lamp of this cell throws a shadow of the higher one into the image.
        for z_m in [0.1, 0.5] {
            let hand = [cuboid([-0.1, 0.0, z_m], [0.05, 0.2, 0.1], Material::Gripper)];
            let frame = capture(&MovingThings { hand: &hand, ..NOTHING });
            assert!(frame.color == empty.color && frame.depth == empty.depth);
        }
        let bodies = [cuboid([0.36, 0.0, 0.1], [0.05; 3], Material::Gripper)];
        let frame = capture(&MovingThings { bodies: &bodies, ..NOTHING });
        let depth = |frame: &RgbdFrame| frame.depth.get_pixel(320, 240).0[0];
        assert!(depth(&empty).abs_diff(800) <= 1 && depth(&frame).abs_diff(650) <= 1);
    }

    /// A hotel with two plates in it, a stack, a lidded plate, a lid alone, and a plate in long jaws.
    #[test]
    #[ignore = "saves a picture for people as rmrl-plates.png in the folder for temporary files"]
    fn a_picture_of_several_plates() {
        let board = |z_m: f64| cuboid([0.55, 0.28, z_m], [0.075, 0.055, 0.003], Material::Shelf);
        let wall =
            |y_m: f64| cuboid([0.55, 0.28 + y_m, 0.09], [0.075, 0.003, 0.09], Material::Shelf);
        let fixtures = vec![board(0.003), board(0.075), board(0.15), wall(0.055), wall(-0.055)];
        let lid = [0.0635, 0.0425, 0.004];
        let blade = |side: f64| {
            let at = [0.30, -0.23 + side * 0.047, 0.127];
            cuboid(at, [0.043, 0.0035, 0.008], Material::Gripper)
        };
        let frame = camera(&SimulationConfig::default(), fixtures).capture(
            &MovingThings {
                plates: &[
                    plate([0.55, 0.28, 0.153], 0.02, None),
                    plate([0.55, 0.28, 0.078], 0.0, Some(0.0025)),
                    plate([0.25, 0.20, 0.0], 0.5, None),
                    plate([0.252, 0.203, 0.0145], 0.56, None),
                    plate([0.254, 0.199, 0.029], 0.53, Some(0.0025)),
                    plate([0.52, -0.05, 0.0], 1.3, Some(0.0025)),
                    plate([0.34, -0.23, 0.12], 0.0, None),
                ],
                bodies: &[cuboid([0.33, 0.0, 0.004], lid, Material::Object(Paint::White))],
                hand: &[
                    blade(1.0),
                    blade(-1.0),
                    cuboid([0.21, -0.23, 0.15], [0.05, 0.083, 0.023], Material::Gripper),
                ],
            },
            &mut random_stream(1, "test", [0, 0]),
        );
        frame.color.save(std::env::temp_dir().join("rmrl-plates.png")).unwrap();
    }
}
