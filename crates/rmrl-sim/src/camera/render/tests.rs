use nalgebra::{Isometry3, Point3};
use rand::RngExt;
use rmrl_cell::{TaskConfig, ToolPose};
use rmrl_core::{PlanarPose, fnv1a, random_stream};
use rmrl_vision::{Distortion, PlateGeometry};

use super::looked_plate::LookedPlate;
use super::tile_scene::TileScene;
use super::*;
use crate::camera::moving_things::SeenPlate;
use crate::config::{SimulatedCamera, camera_over_workspace};
use crate::physics::hand::Hand;
use crate::scene::appearance::PlateLook;
use crate::scene::clutter::draw_clutter;
use crate::scene::cuboid::{Material, Paint};
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
const BLUE: PlateLook =
    PlateLook { brightness: 1.3, tint: 0.7, well_radius_m: 0.0031, ..PlateLook::PLAIN };

/// A cell by day, through a lens that distorts nothing.
fn renderer() -> Renderer {
    renderer_of(320, LIGHT, Distortion::default())
}

/// A lens that distorts ten times as much as the worst of the simulated ones.
const LENS: Distortion = Distortion { k1: 0.02, k2: 0.0, p1: -0.004, p2: 0.003, k3: 0.0 };

/// A cell under the lamp alone, through that lens.
fn renderer_at_night() -> Renderer {
    let window = Window { strength: 0.0, ..LIGHT.window };
    renderer_of(320, Light { window, ..LIGHT }, LENS)
}

fn renderer_of(width_px: u32, light: Light, lens: Distortion) -> Renderer {
    let receptacle = Receptacle { clearance_m: 0.003, wall_height_m: 0.012 };
    let place = TaskConfig::shelf().place;
    let geometry = PlateGeometry::default();
    let mut fixtures = receptacle.walls(place.pose(), place.surface_m, geometry, Material::Shelf);
    fixtures.push(receptacle.board(place.pose(), place.surface_m, geometry, Material::Shelf));
    let camera = SimulatedCamera { width_px, ..SimulatedCamera::default() };
    let room = crate::scene::clutter::ClutterRoom::of_task(&TaskConfig::shelf());
    let clutter = draw_clutter([6, 6], 1, room, camera.height_m, None);
    let mut camera = camera_over_workspace(&camera);
    camera.intrinsics.distortion = lens;
    Renderer::new(camera, &SceneView { fixtures, clutter, board: None, light })
}

/// A plate whose foot is at `z_m`, a little tilted.
fn plate_at(x_m: f64, y_m: f64, z_m: f64, yaw_rad: f64) -> SeenPlate {
    SeenPlate {
        world_from_plate: Isometry3::from_parts(
            nalgebra::Translation3::new(x_m, y_m, z_m + 0.00725),
            nalgebra::UnitQuaternion::from_euler_angles(0.05, 0.0, yaw_rad),
        ),
        geometry: PlateGeometry::default(),
        look: PlateLook::PLAIN,
    }
}

/// A plate whose foot is at `z_m`, level.
fn level_plate_at(x_m: f64, y_m: f64, z_m: f64, yaw_rad: f64) -> SeenPlate {
    let mut plate = plate_at(x_m, y_m, z_m, yaw_rad);
    plate.world_from_plate.rotation =
        nalgebra::UnitQuaternion::from_euler_angles(0.0, 0.0, yaw_rad);
    plate
}

fn with_look(plate: SeenPlate, look: PlateLook) -> SeenPlate {
    SeenPlate { look, ..plate }
}

/// A lid that lies alone, its foot at `z_m`.
fn lid_at(x_m: f64, y_m: f64, z_m: f64, yaw_rad: f64) -> Cuboid {
    Cuboid {
        pose: PlanarPose::new(x_m, y_m, yaw_rad),
        center_z_m: z_m + 0.004,
        half_extents_m: [0.0635, 0.0425, 0.004],
        material: Material::Object(Paint::White),
    }
}

fn hand_at(x_m: f64, y_m: f64, z_m: f64, yaw_rad: f64) -> Vec<Cuboid> {
    let tool = ToolPose::new(PlanarPose::new(x_m, y_m, yaw_rad), z_m);
    Hand { tool, half_opening_m: 0.045 }.cuboids().to_vec()
}

/// Long blades, and a body far behind and above them.
fn long_hand_at(x_m: f64, y_m: f64, z_m: f64) -> Vec<Cuboid> {
    let part = |x: f64, y: f64, z: f64, half_extents_m: [f64; 3]| Cuboid {
        pose: PlanarPose::new(x_m + x, y_m + y, 0.0),
        center_z_m: z_m + z,
        half_extents_m,
        material: Material::Gripper,
    };
    vec![
        part(-0.04, 0.05, 0.008, [0.04, 0.004, 0.008]),
        part(-0.04, -0.05, 0.008, [0.04, 0.004, 0.008]),
        part(-0.15, 0.0, 0.04, [0.05, 0.083, 0.023]),
        part(-0.18, 0.0, 0.2, [0.04, 0.04, 0.14]),
    ]
}

fn only(plates: &[SeenPlate]) -> MovingThings<'_> {
    MovingThings { plates, bodies: &[], hand: &[] }
}

/// What is seen of a frame's pixel, or of the empty cell outside of the frame.
fn pixel(renderer: &Renderer, frame: &IdealFrame, u: usize, v: usize) -> ([f32; 3], f32, bool) {
    let empty = renderer.empty();
    let (of, index) = match frame.region.row(v) {
        Some(row) if (frame.region.left..frame.region.right).contains(&u) => {
            (frame, row.start + u - frame.region.left)
        }
        _ => (empty, v * empty.region.width() + u),
    };
    (of.color[index], of.depth_m[index], of.is_plate[index])
}

/// The pixel that sees a point.
fn pixel_of(renderer: &Renderer, x_m: f64, y_m: f64, z_m: f64) -> (usize, usize) {
    let point = Point3::new(x_m, y_m, z_m);
    let pixel = renderer.tracer.plane.camera.project(point).unwrap();
    (pixel.x.round() as usize, pixel.y.round() as usize)
}

/// Asserts that an image is that of brute force, which traces every pixel with all there is. All changes by what moves, and
/// by its shadows on the cell and on all else that moves, must lie within the pixels that are traced again.
fn assert_as_by_brute_force(renderer: &Renderer, things: &MovingThings<'_>) {
    let frame = renderer.render(things);
    let fixtures = renderer.empty.fixtures.iter().map(|fixture| fixture.body);
    let cuboids: Vec<RayBody> =
        fixtures.chain(things.bodies.iter().chain(things.hand).map(ray_body)).collect();
    let plates: Vec<LookedPlate> = things.plates.iter().map(LookedPlate::new).collect();
    let whole = renderer.empty().region;
    (whole.top..whole.bottom).into_par_iter().for_each(|v| {
        let all: Vec<&RayBody> = cuboids.iter().collect();
        let shading = vec![all.clone(); renderer.tracer.lighting.sources.len()];
        let scene = TileScene { seen: all, shading, plates: plates.iter().collect() };
        for u in whole.left..whole.right {
            let traced = renderer.tracer.trace_pixel(&scene, u, v);
            let expected = (traced.color, traced.depth_m, traced.is_plate);
            assert_eq!(pixel(renderer, &frame, u, v), expected, "pixel ({u}, {v}), {things:?}");
        }
    });
}

#[test]
fn nothing_changes_in_pixels_that_are_not_traced_again() {
    let lidded = with_look(plate_at(0.35, -0.15, 0.0, 0.6), LIDDED);
    let hand = hand_at(0.45, -0.05, 0.03, 0.4);
    let renderer = renderer();
    for (plate, hand) in [
        (lidded, &[][..]),
        (with_look(plate_at(0.26, 0.19, 0.08, 0.0), LIDDED), &[]),
        (plate_at(0.45, -0.05, 0.03, 0.4), &hand),
        (plate_at(0.62, 0.35, 0.0, 0.0), &[]),
    ] {
        assert_as_by_brute_force(&renderer, &MovingThings { hand, ..only(&[plate]) });
    }
}

/// Through a lens that bends the edges of shadows.
#[test]
fn nothing_changes_elsewhere_if_plates_shade_each_other() {
    let stack = [
        with_look(level_plate_at(0.40, -0.10, 0.0, 0.3), LIDDED),
        with_look(level_plate_at(0.405, -0.105, 0.017, 0.32), BLUE),
        level_plate_at(0.42, -0.09, 0.0315, 0.25),
    ];
    // Each nearer to the lamp and higher than the one before.
    let stairs = [0.0, 0.1, 0.2, 0.3]
        .map(|z_m| with_look(level_plate_at(0.3 + 0.4 * z_m, 0.1 + 0.3 * z_m, z_m, 0.1), LIDDED));
    let lids = [lid_at(0.25, -0.2, 0.0, 0.4), lid_at(0.25, -0.19, 0.008, 0.5)];
    let on_plate = [lid_at(0.40, -0.10, 0.0145, 0.4)];
    let (low, high) = (long_hand_at(0.36, -0.1, 0.02), long_hand_at(0.5, 0.2, 0.25));
    let renderer = renderer_of(320, LIGHT, LENS);
    for things in [
        only(&stack),
        MovingThings { bodies: &lids, ..only(&stairs) },
        MovingThings { bodies: &on_plate, hand: &low, ..only(&stack[..1]) },
        MovingThings { hand: &high, ..only(&stairs[1..]) },
        MovingThings { bodies: &lids, ..only(&[]) },
        MovingThings { hand: &high, ..only(&[]) },
    ] {
        assert_as_by_brute_force(&renderer, &things);
        let backwards: Vec<SeenPlate> = things.plates.iter().rev().copied().collect();
        let again = MovingThings { plates: &backwards, ..things };
        assert_eq!(digest(&renderer, &again), digest(&renderer, &things), "{things:?}");
    }
}

/// The side of a post beside the camera is seen, though it reaches above the camera. A board higher than the sill of a
/// window casts a shadow.
#[test]
fn nothing_changes_elsewhere_if_something_is_as_high_as_camera_or_light() {
    let body = |[x_m, y_m]: [f64; 2], center_z_m: f64, half_extents_m: [f64; 3]| {
        let pose = PlanarPose::new(x_m, y_m, 0.3);
        Cuboid { pose, center_z_m, half_extents_m, material: Material::Gripper }
    };
    let posts = [body([0.45, 0.1], 0.5, [0.02, 0.02, 0.5])];
    assert_as_by_brute_force(&renderer(), &MovingThings { bodies: &posts, ..only(&[]) });
    let boards = [body([1.2, 0.17], 0.98, [0.02, 0.2, 0.06])];
    let camera = SimulatedCamera { width_px: 320, height_m: 1.2, ..SimulatedCamera::default() };
    let camera = camera_over_workspace(&camera);
    let view = SceneView { fixtures: vec![], clutter: vec![], board: None, light: LIGHT };
    assert_as_by_brute_force(
        &Renderer::new(camera, &view),
        &MovingThings { bodies: &boards, ..only(&[]) },
    );
}

#[test]
fn nothing_changes_elsewhere_whatever_moves() {
    let renderer = renderer_of(160, LIGHT, LENS);
    let mut rng = random_stream(1, "what moves", [0, 0]);
    for _ in 0..12 {
        let mut within = |from: f64, to: f64| from + (to - from) * rng.random::<f64>();
        let plates = [0.0, 0.1, 0.2, 0.3, 0.4].map(|z_m| {
            let (x_m, y_m) = (within(-0.1, 0.8), within(-0.5, 0.5));
            let look = if within(0.0, 1.0) < 0.5 { LIDDED } else { BLUE };
            with_look(plate_at(x_m, y_m, z_m + within(0.0, 0.05), within(-3.0, 3.0)), look)
        });
        let mut place = || (within(0.0, 0.7), within(-0.4, 0.4), within(0.0, 0.35));
        let bodies = [place(), place()].map(|(x_m, y_m, z_m)| lid_at(x_m, y_m, z_m, 9.0 * x_m));
        // Sometimes so high that the camera is beside it.
        let (x_m, y_m, z_m) = place();
        let hand = long_hand_at(x_m, y_m, 2.0 * z_m);
        let count = within(0.0, 5.99) as usize;
        let things = MovingThings { plates: &plates[..count], bodies: &bodies, hand: &hand };
        assert_as_by_brute_force(&renderer, &things);
    }
}

/// What is seen of the whole image.
fn digest(renderer: &Renderer, things: &MovingThings<'_>) -> u64 {
    let frame = renderer.render(things);
    fnv1a(renderer.empty().region.pixels().flat_map(|(u, v)| {
        let ([red, green, blue], depth_m, is_plate) = pixel(renderer, &frame, u, v);
        [red.to_bits(), green.to_bits(), blue.to_bits(), depth_m.to_bits(), u32::from(is_plate)]
    }))
}

/// All pixels are those of the version that knew one plate only. Elsewhere, sines may differ in their last bit.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn images_of_one_plate_are_those_of_earlier_versions() {
    let (day, night) = (renderer(), renderer_at_night());
    let lidded_blue = PlateLook { lid_height_m: LIDDED.lid_height_m, ..BLUE };
    for (plate, look, hand, expected) in [
        (
            plate_at(0.35, -0.15, 0.0, 0.6),
            PlateLook::PLAIN,
            vec![],
            [0xe53c_a683_a37c_0b22, 0x72d3_82f2_aa07_b017],
        ),
        (
            plate_at(0.26, 0.19, 0.08, 0.0),
            LIDDED,
            vec![],
            [0x64f0_4a07_4e8b_aae1, 0xe1e8_4201_8e0f_7c7f],
        ),
        (
            plate_at(0.45, -0.05, 0.03, 0.4),
            lidded_blue,
            hand_at(0.45, -0.05, 0.03, 0.4),
            [0xd2c8_ca28_05bd_cb2f, 0x5afc_03ae_518f_3920],
        ),
        (
            plate_at(0.30, 0.05, 0.0, 2.0),
            LIDDED,
            hand_at(0.2, -0.2, 0.2, -1.0),
            [0x672b_8f21_9026_3454, 0xfc95_1b00_2649_0871],
        ),
        (
            plate_at(0.62, 0.35, 0.0, 0.0),
            PlateLook::PLAIN,
            hand_at(0.5, 0.3, 0.1, 0.3),
            [0x2b1b_3044_bae0_8119, 0x283d_fa9c_6c68_b21b],
        ),
        (
            plate_at(0.40, -0.10, 0.20, 0.3),
            lidded_blue,
            hand_at(0.40, -0.10, 0.25, 0.3),
            [0xe859_1c78_9059_60b3, 0xa773_e2fa_4033_0c7e],
        ),
    ] {
        let plates = [with_look(plate, look)];
        let things = MovingThings { plates: &plates, bodies: &[], hand: &hand };
        let found = [&day, &night].map(|renderer| digest(renderer, &things));
        assert_eq!(found, expected, "{plates:?}");
    }
}

#[test]
fn where_nothing_moves_the_cell_is_empty() {
    let renderer = renderer();
    let frame = renderer.render(&only(&[]));
    assert_eq!((frame.region, frame.color.len()), (PixelRegion::EMPTY, 0));
}

#[test]
fn plates_far_apart_look_as_each_does_alone() {
    let deep = PlateGeometry { height_m: 0.044, ..PlateGeometry::default() };
    let plates = [
        plate_at(0.20, -0.26, 0.0, 0.3),
        with_look(plate_at(0.50, -0.26, 0.0, -0.8), LIDDED),
        with_look(plate_at(0.22, 0.0, 0.0, 1.5), BLUE),
        SeenPlate { geometry: deep, ..level_plate_at(0.52, 0.02, 0.0148, 2.0) },
        with_look(plate_at(0.26, 0.24, 0.081, 0.0), LIDDED),
        plate_at(0.55, 0.3, 0.0, -2.6),
    ];
    for renderer in [renderer(), renderer_at_night()] {
        let together = renderer.render(&only(&plates));
        let alone = plates.map(|plate| renderer.render(&only(&[plate])));
        for (one, frame) in alone.iter().enumerate() {
            let on_plate = frame.is_plate.iter().filter(|is_plate| **is_plate).count();
            assert!(on_plate > 500, "{on_plate}");
            assert!(alone[..one].iter().all(|other| !other.region.overlaps(&frame.region)));
        }
        for (u, v) in renderer.empty().region.pixels() {
            let here = PixelRegion::pixel(u, v);
            // Outside of all regions the cell is empty, and so is any of these frames.
            let frame = alone.iter().find(|frame| frame.region.overlaps(&here));
            let expected = pixel(&renderer, frame.unwrap_or(&alone[0]), u, v);
            assert_eq!(pixel(&renderer, &together, u, v), expected, "pixel ({u}, {v})");
        }
    }
}

/// The upper plate lies 30 mm towards lamp and window, so a strip of the lower one can be seen, in its shadow.
#[test]
fn a_plate_on_another_one_hides_and_shades_it() {
    let renderer = renderer();
    let bright = PlateLook { brightness: 4.0, rim_brightness: 4.0, ..PlateLook::PLAIN };
    for (lower, upper) in [(bright, PlateLook::PLAIN), (LIDDED, bright), (bright, LIDDED)] {
        let rise_m = 0.0145 + lower.lid_height_m.unwrap_or(0.0);
        let lower = with_look(level_plate_at(0.40, -0.10, 0.0, 0.0), lower);
        let upper = with_look(level_plate_at(0.43, -0.10, rise_m, 0.0), upper);
        let frames =
            [&[lower, upper][..], &[lower], &[upper]].map(|plates| renderer.render(&only(plates)));
        let top_m = rise_m + 0.0145 + upper.look.lid_height_m.unwrap_or(0.0);
        let [left, top] = [pixel_of(&renderer, 0.490, -0.06, top_m)].map(|(u, v)| [u, v])[0];
        let (right, bottom) = pixel_of(&renderer, 0.370, -0.14, top_m);
        let hidden = PixelRegion { left, top, right, bottom };
        assert!(hidden.width() * hidden.height() > 1000);
        for (u, v) in hidden.pixels() {
            let [both, _, upper] = [0, 1, 2].map(|one| pixel(&renderer, &frames[one], u, v));
            assert_eq!(both, upper, "pixel ({u}, {v})");
        }
        // Within the reach of the window's shadow, 12 mm, and beyond it.
        for (x_m, least, most) in [(0.362, 0.5, 0.95), (0.342, 0.999, 1.001)] {
            let strip = (-12..=12).map(|step| {
                let (u, v) = pixel_of(&renderer, x_m, -0.10 + 0.003 * f64::from(step), 0.0145);
                let [both, lower] = [0, 1].map(|one| pixel(&renderer, &frames[one], u, v));
                assert!(both.2 && lower.2 && both.1 == lower.1, "pixel ({u}, {v})");
                [both.0[1], lower.0[1]]
            });
            let [both, lower] = strip.fold([0.0; 2], |sum, add| [sum[0] + add[0], sum[1] + add[1]]);
            let share = both / lower;
            assert!((least..most).contains(&share), "{x_m}: {share}");
        }
    }
}

/// A plate on a high shelf, between another one on the table and the lamp. It hides nothing of it.
#[test]
fn a_plate_high_above_shades_the_one_below() {
    let renderer = renderer_at_night();
    let below = level_plate_at(0.5, 0.2, 0.0, 0.0);
    let [alone, shaded] =
        [&[below][..], &[below, level_plate_at(0.54, 0.225, 0.3, 0.0)]].map(|plates| {
            let frame = renderer.render(&only(plates));
            let places = (-12..=12).flat_map(|x| (-8..=8).map(move |y| [x, y]));
            let levels = places.map(|[x, y]| {
                let [x_m, y_m] = [0.5 + 0.0045 * f64::from(x), 0.2 + 0.0045 * f64::from(y)];
                let (u, v) = pixel_of(&renderer, x_m, y_m, 0.0145);
                let (color, depth_m, is_plate) = pixel(&renderer, &frame, u, v);
                assert!(is_plate && depth_m > 0.78, "pixel ({u}, {v})");
                color[1]
            });
            levels.sum::<f32>()
        });
    assert!(shaded < 0.9 * alone, "{shaded} against {alone}");
}

#[test]
fn a_lid_that_lies_alone_is_seen_by_its_color_and_depth() {
    let renderer = renderer();
    for z_m in [0.0, 0.0145] {
        let plates = [level_plate_at(0.30, 0.1, 0.0, 0.4)];
        let plates = if z_m > 0.0 { &plates[..] } else { &[] };
        let bodies = [lid_at(0.30, 0.1, z_m, 0.4)];
        let frame = renderer.render(&MovingThings { bodies: &bodies, ..only(plates) });
        for (x_m, y_m) in [(0.30, 0.1), (0.33, 0.12), (0.26, 0.08)] {
            let (u, v) = pixel_of(&renderer, x_m, y_m, z_m + 0.008);
            let (color, depth_m, is_plate) = pixel(&renderer, &frame, u, v);
            let table = pixel(&renderer, renderer.empty(), u, v).0;
            assert!(color[1] > 1.05 * table[1], "{color:?} against {table:?}");
            let error_m = f64::from(depth_m) - (0.8 - z_m - 0.008);
            assert!(error_m.abs() < 1e-5 && !is_plate, "{depth_m}");
        }
    }
}

#[test]
fn shadows_are_darker_than_the_lit_table_and_lighter_than_the_plate() {
    let renderer = renderer();
    let frame = renderer.render(&only(&[plate_at(0.4, -0.1, 0.05, 0.0)]));
    // The lamp hangs towards +x and +y, so the raised plate's shadow falls the other way.
    let (u, v) = pixel_of(&renderer, 0.40 - 0.064 - 0.006, -0.1 - 0.015, 0.0);
    let shadow = pixel(&renderer, &frame, u, v).0[1];
    let lit = pixel(&renderer, renderer.empty(), u, v).0[1];
    let pixels = frame.color.iter().zip(&frame.is_plate);
    let on_plate: Vec<f32> =
        pixels.filter(|(_, is_plate)| **is_plate).map(|(color, _)| color[1]).collect();
    let on_plate = on_plate.iter().sum::<f32>() / on_plate.len() as f32;
    assert!(shadow < 0.93 * lit, "{shadow} against {lit}");
    assert!(on_plate < 0.5 * shadow, "{on_plate} against {shadow}");
}
