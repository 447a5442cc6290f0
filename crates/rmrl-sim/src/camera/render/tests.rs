use rmrl_cell::{TaskConfig, ToolPose};
use rmrl_core::PlanarPose;

use super::tile_scene::TileScene;
use super::*;
use crate::config::{SimulatedCamera, camera_over_workspace};
use crate::scene::clutter::draw_clutter;
use crate::scene::cuboid::Material;
use crate::scene::layout::Receptacle;
use crate::scene::light::{Light, Window};

const LIGHT: Light = Light {
    lamp_m: [0.7, 0.3, 1.6],
    lamp_radius_m: 0.3,
    ambient: 0.45,
    exposure: 0.95,
    window: Window { center_m: [1.4, 0.2, 1.2], radius_m: 0.3, strength: 0.5 },
    table_gloss: 0.1,
};
const LIDDED: PlateLook = PlateLook { lid_height_m: Some(0.0025), ..PlateLook::PLAIN };

fn renderer() -> Renderer {
    let receptacle = Receptacle { clearance_m: 0.003, wall_height_m: 0.012 };
    let place = TaskConfig::shelf().place;
    let geometry = PlateGeometry::default();
    let mut fixtures = receptacle.walls(place.pose(), place.surface_m, geometry, Material::Shelf);
    fixtures.push(receptacle.board(place.pose(), place.surface_m, geometry, Material::Shelf));
    let camera = SimulatedCamera { width_px: 320, ..SimulatedCamera::default() };
    let room = crate::scene::clutter::ClutterRoom::of_task(&TaskConfig::shelf());
    let clutter = draw_clutter([6, 6], 1, room, camera.height_m, None);
    let camera = camera_over_workspace(&camera);
    Renderer::new(camera, &SceneView { geometry, fixtures, clutter, board: None, light: LIGHT })
}

fn plate_at(x_m: f64, y_m: f64, z_m: f64, yaw_rad: f64) -> Isometry3<f64> {
    Isometry3::from_parts(
        nalgebra::Translation3::new(x_m, y_m, z_m + 0.00725),
        nalgebra::UnitQuaternion::from_euler_angles(0.05, 0.0, yaw_rad),
    )
}

/// Every pixel, by brute force.
fn trace_all(renderer: &Renderer, scene: &TileScene) -> IdealFrame {
    let region = renderer.empty.frame.region;
    let mut frame =
        IdealFrame { region, color: Vec::new(), depth_m: Vec::new(), is_plate: Vec::new() };
    for traced in region.pixels().map(|(u, v)| renderer.tracer.trace_pixel(scene, u, v)) {
        frame.color.push(traced.color);
        frame.depth_m.push(traced.depth_m);
        frame.is_plate.push(traced.is_plate);
    }
    frame
}

/// Only some pixels of each image are traced again. All changes by the plate, the hand and their
/// shadows must lie within them.
#[test]
fn nothing_changes_in_pixels_that_are_not_traced_again() {
    let renderer = renderer();
    let hand =
        Hand { tool: ToolPose::new(PlanarPose::new(0.45, -0.05, 0.4), 0.03), half_opening_m: 0.05 };
    for (plate, hand) in [
        (plate_at(0.35, -0.15, 0.0, 0.6), None),
        (plate_at(0.26, 0.19, 0.08, 0.0), None),
        (plate_at(0.45, -0.05, 0.03, 0.4), Some(&hand)),
        (plate_at(0.62, 0.35, 0.0, 0.0), None),
    ] {
        let frame = renderer.render(&plate, &LIDDED, hand);
        let mut bodies: Vec<RayBody> =
            renderer.empty.fixtures.iter().map(|fixture| fixture.body).collect();
        for cuboid in hand.map(Hand::cuboids).iter().flatten() {
            bodies.push(ray_body(cuboid));
        }
        let plate = RayPlate::new(&plate, renderer.geometry, &LIDDED);
        let (all, albedos) = (bodies.iter().collect::<Vec<_>>(), Albedos::new(&LIDDED));
        let scene =
            TileScene { seen: all.clone(), shading: vec![all; 2], plate: Some((&plate, &albedos)) };
        let whole = trace_all(&renderer, &scene);
        let width = whole.region.width();
        for (index, color) in whole.color.iter().enumerate() {
            let (u, v) = (index % width, index / width);
            let region = frame.region;
            let stored = region
                .row(v)
                .filter(|_| (region.left..region.right).contains(&u))
                .map(|row| row.start + u - region.left);
            let (seen, depth_m) = match stored {
                Some(stored) => (frame.color[stored], frame.depth_m[stored]),
                None => (renderer.empty().color[index], renderer.empty().depth_m[index]),
            };
            assert_eq!(seen, *color, "pixel ({u}, {v})");
            assert_eq!(depth_m, whole.depth_m[index], "pixel ({u}, {v})");
        }
    }
}

#[test]
fn shadows_are_darker_than_the_lit_table_and_lighter_than_the_plate() {
    let renderer = renderer();
    let plate = plate_at(0.4, -0.1, 0.05, 0.0);
    let frame = renderer.render(&plate, &PlateLook::PLAIN, None);
    // The lamp hangs towards +x and +y, so the raised plate's shadow falls the other way.
    let beside = Point3::new(0.40 - 0.064 - 0.006, -0.1 - 0.015, 0.0);
    let brightness = |of: &IdealFrame| {
        let pixel = renderer.tracer.plane.camera.project(beside).unwrap();
        let row = of.region.row(pixel.y.round() as usize).unwrap();
        of.color[row.start + pixel.x.round() as usize - of.region.left][1]
    };
    let (lit, shadow) = (brightness(renderer.empty()), brightness(&frame));
    let pixels = frame.color.iter().zip(&frame.is_plate);
    let on_plate: Vec<f32> =
        pixels.filter(|(_, is_plate)| **is_plate).map(|(color, _)| color[1]).collect();
    let on_plate = on_plate.iter().sum::<f32>() / on_plate.len() as f32;
    assert!(shadow < 0.93 * lit, "{shadow} against {lit}");
    assert!(on_plate < 0.5 * shadow, "{on_plate} against {shadow}");
}
