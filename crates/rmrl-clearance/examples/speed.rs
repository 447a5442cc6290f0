//! How long the check of a typical line takes: `cargo run --release -p rmrl-clearance --example speed`.

use std::time::Instant;

use nalgebra::{Isometry3, Vector3};
use rmrl_cell::{FlangeLine, ToolPose};
use rmrl_clearance::{
    Allowed, ArmBody, Clearance, ClearanceConfig, ClearanceError, GripperBody, Hand, HeldPlate,
    KeepOut,
};
use rmrl_core::PlanarPose;
use rmrl_kinematics::{Joints, pointing_down};

/// The flange for a tool's place, with the fingers pointing back to the base as they do by default.
fn flange(x_m: f64, y_m: f64, z_m: f64, yaw_deg: f64) -> Isometry3<f64> {
    let tool = ToolPose::new(PlanarPose::new(x_m, y_m, yaw_deg.to_radians()), z_m);
    pointing_down(tool) * GripperBody::bio().flange_from_tool.inverse()
}

fn keep_out(name: &str, center_m: [f64; 3], size_m: [f64; 3], yaw_deg: f64) -> KeepOut {
    KeepOut { name: name.to_string(), center_m, size_m, yaw_deg }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let keep_outs = vec![
        keep_out("reader", [0.75, 0.0, 0.05], [0.2, 0.3, 0.1], 10.0),
        keep_out("hotel", [0.1, 0.55, 0.25], [0.2, 0.15, 0.5], 0.0),
        keep_out("camera post", [0.65, -0.35, 0.4], [0.04, 0.04, 0.8], 45.0),
        keep_out("box", [0.35, 0.0, 0.03], [0.1, 0.06, 0.06], 0.0),
        keep_out("rack", [0.2, -0.5, 0.1], [0.3, 0.1, 0.2], -5.0),
        keep_out("shelf", [0.45, 0.45, 0.5], [0.3, 0.1, 0.02], 30.0),
    ];
    let config = ClearanceConfig { keep_outs, ..ClearanceConfig::default() };
    let clearance = Clearance::new(ArmBody::xarm6(), GripperBody::bio(), config)?;
    let plate = HeldPlate {
        along_fingers_m: 0.12776,
        across_fingers_m: 0.08548,
        height_m: 0.0144,
        lid_m: 0.0,
        beyond_tips_m: 0.0,
        grip_height_m: 0.003,
    };
    let hand = Hand { held: Some(plate), jaw_opening_m: 0.0855 };
    let line =
        FlangeLine { from: flange(0.35, -0.2, 0.15, 180.0), to: flange(0.35, 0.2, 0.15, 200.0) };
    println!(
        "a line of {:.0} mm, {:.0} degrees, 6 boxes",
        1000.0 * line.length_m(),
        line.turn_rad().to_degrees()
    );
    let mut near = clearance.arm().kinematics().ready();
    near[5] = std::f64::consts::PI;
    let first = report("from any joints", &clearance, &line, &near, &hand)?;
    report("from the joints at its beginning", &clearance, &line, &first, &hand)?;
    let low =
        FlangeLine { from: flange(0.35, -0.2, 0.075, 180.0), to: flange(0.35, 0.2, 0.075, 200.0) };
    let refused = clearance.check_line(&low, &near, &hand, &Allowed::default());
    println!(
        "lower: {}",
        refused.err().map_or_else(|| "clear".to_string(), |error| error.to_string())
    );
    let begun = Instant::now();
    let via = clearance.propose_via(&low, &near, &hand, &Allowed::default(), [0.0, 0.4])?;
    println!("a way above in {:.1} ms:", 1e3 * begun.elapsed().as_secs_f64());
    for point in &via.points {
        let tool: Vector3<f64> = (point * GripperBody::bio().flange_from_tool).translation.vector;
        println!("  tool at {:.3?} m", tool.as_slice());
    }
    Ok(())
}

/// Prints the time of a check and what it found. Returns the joints at the line's beginning.
fn report(
    name: &str,
    clearance: &Clearance,
    line: &FlangeLine,
    near: &Joints,
    hand: &Hand,
) -> Result<Joints, ClearanceError> {
    let checks = 100u32;
    let mut clear = clearance.check_line(line, near, hand, &Allowed::default())?;
    let begun = Instant::now();
    for _ in 0..checks {
        clear = clearance.check_line(line, near, hand, &Allowed::default())?;
    }
    let ms = 1e3 * begun.elapsed().as_secs_f64() / f64::from(checks);
    println!("{name}: {ms:.2} ms, {} places; least: {:?}", clear.samples, clear.least);
    Ok(clear.start)
}
