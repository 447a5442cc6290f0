//! Where the camera of a cell hangs, scene by scene: its drift, and the bump that moves it once.

use std::f64::consts::TAU;

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use rand::RngExt;
use rmrl_core::random_stream;
use rmrl_vision::CameraModel;

use crate::config::SimulatedCamera;

/// Where the camera of a cell hangs, scene by scene. The scene decides it and nothing else does, so a run that is resumed
/// finds the camera where it was.
#[derive(Debug, Clone, Copy)]
pub(super) struct CameraMount {
    /// Where it hung first.
    mounted: CameraModel,
    /// How far it moves from scene to scene, in meters.
    drift_m: Vector3<f64>,
    /// `None` if nothing bumps it.
    bump: Option<Bump>,
}

/// How something bumps the camera.
#[derive(Debug, Clone, Copy)]
struct Bump {
    /// The first scene after it.
    scene: u32,
    /// How far it moves the camera, in the world's frame, in meters.
    shift_m: Vector3<f64>,
    /// How it turns the camera about a horizontal axis through its own position, in the world's frame.
    tilt: UnitQuaternion<f64>,
    /// How it turns the camera about its optical axis, in the camera's frame.
    turn: UnitQuaternion<f64>,
}

impl CameraMount {
    /// The camera of the cell of a seed, hung at `mounted`.
    pub(super) fn new(config: &SimulatedCamera, mounted: CameraModel, cell_seed: u64) -> Self {
        let drift_rad = TAU * random_stream(cell_seed, "camera drift", [0, 0]).random::<f64>();
        Self {
            mounted,
            drift_m: config.drift_m_per_scene * horizontal(drift_rad),
            bump: (config.bump_scene > 0).then(|| Bump::draw(config, cell_seed)),
        }
    }

    /// The camera as it hangs in a scene.
    pub(super) fn in_scene(&self, scene: u32) -> CameraModel {
        let mut camera = self.mounted;
        let world_from_camera = &mut camera.world_from_camera;
        world_from_camera.translation.vector += f64::from(scene) * self.drift_m;
        if let Some(bump) = self.bump.filter(|bump| bump.scene <= scene) {
            *world_from_camera = bump.of(world_from_camera);
        }
        camera
    }
}

impl Bump {
    fn draw(config: &SimulatedCamera, cell_seed: u64) -> Self {
        let mut rng = random_stream(cell_seed, "camera bump", [0, 0]);
        let shift_rad = TAU * rng.random::<f64>();
        let tilt_rad = TAU * rng.random::<f64>();
        let turn_deg =
            if rng.random::<bool>() { config.bump_turn_deg } else { -config.bump_turn_deg };
        Self {
            scene: config.bump_scene,
            shift_m: config.bump_m * horizontal(shift_rad),
            tilt: UnitQuaternion::from_scaled_axis(
                config.bump_tilt_deg.to_radians() * horizontal(tilt_rad),
            ),
            turn: UnitQuaternion::from_axis_angle(&Vector3::z_axis(), turn_deg.to_radians()),
        }
    }

    /// The camera after the bump: `(p, R)` becomes `(p + shift, tilt R turn)`.
    fn of(&self, world_from_camera: &Isometry3<f64>) -> Isometry3<f64> {
        Isometry3::from_parts(
            Translation3::from(world_from_camera.translation.vector + self.shift_m),
            self.tilt * world_from_camera.rotation * self.turn,
        )
    }
}

/// A horizontal unit vector, world frame.
fn horizontal(direction_rad: f64) -> Vector3<f64> {
    Vector3::new(direction_rad.cos(), direction_rad.sin(), 0.0)
}

#[cfg(test)]
mod tests {
    use nalgebra::{Point2, Point3};

    use super::*;
    use crate::config::camera_over_workspace;

    /// The pixels at which the camera sees a point of the table before and after a bump at scene 3.
    fn pixels(config: SimulatedCamera, seed: u64, point: Point3<f64>) -> [Point2<f64>; 2] {
        let config = SimulatedCamera { bump_scene: 3, ..config };
        let mounted = camera_over_workspace(&config);
        let mount = CameraMount::new(&config, mounted, seed);
        for scene in 0..3 {
            assert_eq!(mount.in_scene(scene), mounted);
        }
        assert_eq!(mount.in_scene(3), mount.in_scene(1000));
        [2, 3].map(|scene| mount.in_scene(scene).project(point).unwrap())
    }

    const HEIGHT_M: f64 = 0.8;
    const FOCAL_PX: f64 = 612.0;

    #[test]
    fn a_shift_moves_every_point_alike_and_each_seed_has_its_direction() {
        let config = SimulatedCamera { bump_m: 0.004, ..SimulatedCamera::default() };
        let mut moved = Vec::new();
        for seed in 0..4 {
            for point in [Point3::new(0.36, 0.0, 0.0), Point3::new(0.3, -0.2, 0.0)] {
                let [before, after] = pixels(config, seed, point);
                // By similar triangles: f d / h.
                let expected_px = FOCAL_PX * 0.004 / HEIGHT_M;
                assert!(((after - before).norm() - expected_px).abs() < 1e-9);
                moved.push(after - before);
            }
        }
        for pair in moved.chunks(2) {
            assert!((pair[0] - pair[1]).norm() < 1e-9);
        }
        assert!((moved[0] - moved[2]).norm() > 0.1);
    }

    #[test]
    fn a_turn_turns_the_picture_about_its_middle() {
        let config = SimulatedCamera { bump_turn_deg: 2.0, ..SimulatedCamera::default() };
        let middle = Point2::new(319.5, 239.5);
        let mut signs = [false; 2];
        for seed in 0..8 {
            let [before, after] = pixels(config, seed, Point3::new(0.36, 0.0, 0.0));
            assert!((before - middle).norm() < 1e-9 && (after - middle).norm() < 1e-9);
            let [before, after] = pixels(config, seed, Point3::new(0.46, 0.05, 0.0));
            let [from, to] = [before - middle, after - middle];
            assert!((from.norm() - to.norm()).abs() < 1e-9);
            let turn_rad = from.perp(&to).atan2(from.dot(&to));
            assert!((turn_rad.abs() - 2f64.to_radians()).abs() < 1e-12);
            signs[usize::from(turn_rad > 0.0)] = true;
        }
        assert_eq!(signs, [true; 2]);
    }

    #[test]
    fn a_tilt_moves_the_middle_by_the_focal_length_times_its_tangent() {
        let config = SimulatedCamera { bump_tilt_deg: 1.5, ..SimulatedCamera::default() };
        for seed in 0..4 {
            let [before, after] = pixels(config, seed, Point3::new(0.36, 0.0, 0.0));
            let expected_px = FOCAL_PX * 1.5f64.to_radians().tan();
            assert!(((after - before).norm() - expected_px).abs() < 1e-9);
        }
    }

    #[test]
    fn a_drifting_camera_is_bumped_where_it_has_drifted_to() {
        let config = SimulatedCamera {
            bump_scene: 5,
            bump_m: 0.003,
            drift_m_per_scene: 0.001,
            ..SimulatedCamera::default()
        };
        let mounted = camera_over_workspace(&config);
        let mount = CameraMount::new(&config, mounted, 7);
        let at = |scene: u32| mount.in_scene(scene).position() - mounted.position();
        assert!((at(4).norm() - 0.004).abs() < 1e-12);
        let bump = at(5) - at(4) * 1.25;
        assert!((bump.norm() - 0.003).abs() < 1e-12 && bump.z == 0.0);
        assert!((at(6) - at(5) - at(4) * 0.25).norm() < 1e-12);
    }
}
