//! What closing jaws do to a plate, compared with an independent planar Coulomb solver.
//!
//! The expected offsets were computed beforehand by a quasi-static two-dimensional solver (Coulomb
//! friction at the pads, none at the table's scale of forces) for pads of 50 mm, a coefficient of
//! 0.4 and a plate of 127.76 x 85.48 mm. MuJoCo 3.17 agreed for pure offsets; for mixed ones
//! the three engines differ by 0.3 to 0.7 mm, which is the model's uncertainty.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

use std::f64::consts::PI;

use nalgebra::{Isometry3, Translation3, UnitQuaternion};
use rmrl_cell::ToolPose;
use rmrl_core::{PlanarPose, closing_slide_m};
use rmrl_sim::{Cuboid, Friction, GraspDynamics, Hand, Material, MotionEnd, Receptacle};
use rmrl_vision::PlateGeometry;

const FRICTION: Friction = Friction { pads: 0.4, surfaces: 0.3 };
/// A box that leaves 1.5 mm to each side of a centered plate.
const BOX: Receptacle = Receptacle { clearance_m: 0.0015, wall_height_m: 0.012 };
const BOX_AT: PlanarPose = PlanarPose { x_m: 0.25, y_m: 0.0, yaw_rad: 0.5 };
const OPEN_M: f64 = 0.01;

fn geometry() -> PlateGeometry {
    PlateGeometry::default()
}

fn open_half_opening_m() -> f64 {
    0.5 * geometry().width_m + OPEN_M
}

fn tool(x_m: f64, y_m: f64, z_m: f64, yaw_rad: f64) -> ToolPose {
    ToolPose::new(PlanarPose::new(x_m, y_m, yaw_rad), z_m)
}

/// A plate on the table with open jaws around it, off their middle by millimeters and degrees.
fn plate_off_center(dx_mm: f64, dy_mm: f64, yaw_deg: f64) -> GraspDynamics {
    plate_among(&BOX.walls(BOX_AT, 0.0, geometry(), Material::Box), dx_mm, dy_mm, yaw_deg)
}

/// The same among `walls`.
fn plate_among(walls: &[Cuboid], dx_mm: f64, dy_mm: f64, yaw_deg: f64) -> GraspDynamics {
    let world_from_plate = Isometry3::from_parts(
        Translation3::new(dx_mm / 1000.0, dy_mm / 1000.0, 0.5 * geometry().height_m),
        UnitQuaternion::from_euler_angles(0.0, 0.0, yaw_deg.to_radians()),
    );
    let hand = Hand { tool: tool(0.0, 0.0, 0.002, 0.0), half_opening_m: open_half_opening_m() };
    GraspDynamics::new(walls, FRICTION, geometry(), &world_from_plate, hand)
}

/// The plate's offset from a frame along and across the fingers and in yaw, its height above lying
/// flat, and its tilt.
struct PlateOffset {
    along_mm: f64,
    across_mm: f64,
    yaw_deg: f64,
    height_mm: f64,
    tilt_deg: f64,
}

fn offset_from(dynamics: &GraspDynamics, frame: PlanarPose, z_m: f64) -> PlateOffset {
    let plate = dynamics.world_from_plate();
    let (dx, dy) = (plate.translation.x - frame.x_m, plate.translation.y - frame.y_m);
    let (sin, cos) = frame.yaw_rad.sin_cos();
    let long_side = plate.rotation * nalgebra::Vector3::x();
    let up = plate.rotation * nalgebra::Vector3::z();
    PlateOffset {
        along_mm: 1000.0 * (cos * dx + sin * dy),
        across_mm: 1000.0 * (-sin * dx + cos * dy),
        yaw_deg: (long_side.y.atan2(long_side.x) - frame.yaw_rad).to_degrees(),
        height_mm: 1000.0 * (plate.translation.z - 0.5 * geometry().height_m - z_m),
        tilt_deg: up.z.clamp(-1.0, 1.0).acos().to_degrees(),
    }
}

fn carry_into_box(dynamics: &mut GraspDynamics) {
    let (x, y, yaw) = (BOX_AT.x_m, BOX_AT.y_m, BOX_AT.yaw_rad);
    for (target, speed) in [
        (tool(0.0, 0.0, 0.1, 0.0), 0.2),
        (tool(x, y, 0.1, yaw), 0.25),
        (tool(x, y, 0.003, yaw), 0.1),
    ] {
        assert_eq!(dynamics.move_hand(target, speed), MotionEnd::Arrived);
    }
    dynamics.open_jaws(open_half_opening_m());
    assert_eq!(dynamics.move_hand(tool(x, y, 0.1, yaw), 0.2), MotionEnd::Arrived);
}

#[test]
fn jaws_center_a_plate_across_them_and_leave_it_along_them() {
    for (dx, dy, yaw, along) in [
        (0.0, 3.0, 0.0, 0.0),
        (0.0, -6.0, 0.0, 0.0),
        (2.0, 0.0, 0.0, 2.0),
        (-4.0, 0.0, 0.0, -4.0),
        (0.0, 0.0, 3.0, 0.0),
        // Mixed offsets, with the results of the planar solver.
        (1.0, 2.0, 2.0, 0.56),
        (-1.2, -2.0, -1.5, -1.69),
        (0.8, -3.0, 4.0, 1.57),
        (2.5, 3.0, -3.0, 3.31),
    ] {
        let mut dynamics = plate_off_center(dx, dy, yaw);
        dynamics.close_jaws();
        assert!(dynamics.holds_plate());
        let offset = offset_from(&dynamics, PlanarPose::default(), 0.0);
        let case = format!("({dx}, {dy}, {yaw}): along {:.3} mm", offset.along_mm);
        assert!((offset.along_mm - along).abs() < 0.1, "{case}, expected {along}");
        assert!(offset.across_mm.abs() < 0.03, "{case}, across {:.3}", offset.across_mm);
        assert!(offset.yaw_deg.abs() < 0.2, "{case}, yaw {:.3}", offset.yaw_deg);
    }
}

/// Hindsight labels rely on this formula.
#[test]
fn closing_jaws_slide_a_turned_plate_by_the_formula() {
    for (dx, dy, yaw) in [
        (0.0, 1.0, 0.5),
        (0.0, -3.0, 1.0),
        (2.0, 6.0, 1.0),
        (-1.0, 4.0, -3.0),
        (0.0, -6.0, -2.0),
        (1.0, 7.0, 0.25),
        (10.0, 6.0, 4.0),
        (-10.0, 4.0, 3.0),
        (8.0, -6.0, 2.0),
        (-10.0, -6.0, 4.0),
    ] {
        let mut dynamics = plate_among(&[], dx, dy, yaw);
        dynamics.close_jaws();
        let slide_mm = offset_from(&dynamics, PlanarPose::default(), 0.0).along_mm - dx;
        let expected_mm = 1000.0 * closing_slide_m(dx / 1000.0, dy / 1000.0, f64::to_radians(yaw));
        assert!(
            (slide_mm - expected_mm).abs() < 0.15,
            "({dx}, {dy}, {yaw}): {slide_mm} {expected_mm}"
        );
    }
}

/// With narrow pads and high friction a yawed plate stays locked; with the pads simulated here it
/// must align. Friction above pad half-width / plate half-width = 25 / 42.7 locks it again.
#[test]
fn high_friction_locks_a_yawed_plate() {
    let world_from_plate = Isometry3::from_parts(
        Translation3::new(0.0, 0.0, 0.5 * geometry().height_m),
        UnitQuaternion::from_euler_angles(0.0, 0.0, 3f64.to_radians()),
    );
    let hand = Hand { tool: tool(0.0, 0.0, 0.002, 0.0), half_opening_m: open_half_opening_m() };
    let sticky = Friction { pads: 0.8, ..FRICTION };
    let mut dynamics = GraspDynamics::new(&[], sticky, geometry(), &world_from_plate, hand);
    dynamics.close_jaws();
    let offset = offset_from(&dynamics, PlanarPose::default(), 0.0);
    assert!(offset.yaw_deg > 1.5, "the plate turned to {:.2} degrees", offset.yaw_deg);
}

/// A plate that meets nothing moves with the hand, without simulation. With posts near its path, which
/// it might meet and does not, it is simulated, and the result is the same.
#[test]
fn a_held_plate_does_not_drift_while_it_is_carried() {
    let carry = |surroundings: &[Cuboid]| {
        let world_from_plate = Isometry3::from_parts(
            Translation3::new(0.0015, -0.002, 0.5 * geometry().height_m),
            UnitQuaternion::from_euler_angles(0.0, 0.0, 1f64.to_radians()),
        );
        let hand = Hand { tool: tool(0.0, 0.0, 0.002, 0.0), half_opening_m: open_half_opening_m() };
        let mut dynamics =
            GraspDynamics::new(surroundings, FRICTION, geometry(), &world_from_plate, hand);
        dynamics.close_jaws();
        dynamics.move_hand(tool(0.0, 0.0, 0.1, 0.0), 0.2);
        let lifted = offset_from(&dynamics, PlanarPose::default(), 0.1);
        for (x, y, yaw) in
            [(0.25, 0.1, 0.5), (0.1, -0.2, -0.8), (0.3, 0.3, PI / 2.0), (0.0, 0.0, 0.0)]
        {
            assert_eq!(dynamics.move_hand(tool(x, y, 0.1, yaw), 0.25), MotionEnd::Arrived);
        }
        assert!(dynamics.holds_plate());
        (lifted, offset_from(&dynamics, PlanarPose::default(), 0.1))
    };
    // Higher than the plate is carried, and nowhere nearer than 83 mm to the path of its middle.
    let post = |x: f64, y: f64| Cuboid {
        pose: PlanarPose::new(x, y, 0.0),
        center_z_m: 0.15,
        half_extents_m: [0.002, 0.002, 0.15],
        material: Material::Box,
    };
    let posts = [post(-0.06, 0.06), post(0.34, 0.12), post(0.02, -0.24)];
    for surroundings in [&[][..], &posts] {
        let (lifted, carried) = carry(surroundings);
        // Over 1.4 m and two radians of turns.
        assert!((carried.along_mm - lifted.along_mm).abs() < 0.02);
        assert!((carried.across_mm - lifted.across_mm).abs() < 0.02);
        assert!((carried.height_mm - lifted.height_mm).abs() < 0.03);
        assert!((carried.yaw_deg - lifted.yaw_deg).abs() < 0.05);
    }
}

#[test]
fn a_plate_drops_into_the_box_within_its_clearance_and_jams_beyond() {
    for along_mm in [-1.2, -0.5, 0.0, 0.8, 1.2] {
        let mut dynamics = plate_off_center(along_mm, 0.0, 0.0);
        dynamics.close_jaws();
        carry_into_box(&mut dynamics);
        let placed = offset_from(&dynamics, BOX_AT, 0.0);
        assert!(placed.height_mm.abs() < 0.1, "{along_mm}: {:.2} mm high", placed.height_mm);
        assert!(placed.tilt_deg < 0.2, "{along_mm}: tilted {:.2}", placed.tilt_deg);
        assert!((placed.along_mm - along_mm).abs() < 0.2, "{along_mm}: {:.2}", placed.along_mm);
    }
    for along_mm in [-3.0, -1.8, 1.8, 2.5] {
        let mut dynamics = plate_off_center(along_mm, 0.0, 0.0);
        dynamics.close_jaws();
        carry_into_box(&mut dynamics);
        let placed = offset_from(&dynamics, BOX_AT, 0.0);
        // One end rides on the 12 mm wall: the middle about 6 mm high, tilted 5.4 degrees.
        assert!(
            (placed.height_mm - 6.0).abs() < 0.3,
            "{along_mm}: {:.2} mm high",
            placed.height_mm
        );
        assert!((placed.tilt_deg - 5.4).abs() < 0.2, "{along_mm}: tilted {:.2}", placed.tilt_deg);
    }
}

#[test]
fn jaws_that_close_on_nothing_hold_nothing() {
    let mut dynamics = plate_off_center(200.0, 0.0, 0.0);
    dynamics.close_jaws();
    assert!(!dynamics.holds_plate());
}

#[test]
fn a_finger_above_the_plate_stops_the_hand_on_contact() {
    let mut dynamics = plate_off_center(0.0, 14.0, 0.0);
    // `plate_off_center` starts with the fingers beside the plate; here they come from above.
    let above = Hand { tool: tool(0.0, 0.0, 0.05, 0.0), half_opening_m: open_half_opening_m() };
    let world_from_plate = dynamics.world_from_plate();
    dynamics = GraspDynamics::new(&[], FRICTION, geometry(), &world_from_plate, above);
    assert_eq!(dynamics.move_hand(tool(0.0, 0.0, 0.002, 0.0), 0.05), MotionEnd::Contact);
    // On the plate's top at 14.5 mm, minus what finger, plate and table yield at 20 N.
    let stopped_mm = 1000.0 * dynamics.hand().tool.z_m;
    assert!((12.5..=14.5).contains(&stopped_mm), "stopped at {stopped_mm:.2} mm");
    assert_eq!(dynamics.move_hand(tool(0.0, 0.0, 0.05, 0.0), 0.05), MotionEnd::Arrived);
    let offset = offset_from(&dynamics, PlanarPose::default(), 0.0);
    assert!((offset.across_mm - 14.0).abs() < 0.5 && offset.tilt_deg < 0.5);
}

#[test]
fn the_same_grasp_gives_the_same_bits() {
    let place = || {
        let mut dynamics = plate_off_center(1.0, 2.0, 2.0);
        dynamics.close_jaws();
        carry_into_box(&mut dynamics);
        let pose = dynamics.world_from_plate();
        (pose.translation.vector.map(f64::to_bits), pose.rotation.coords.map(f64::to_bits))
    };
    assert_eq!(place(), place());
}
