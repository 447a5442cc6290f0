//! How far closing jaws slide a plate along the fingers, in millimeters, for offsets of the plate
//! across the fingers (rows, mm) and turns (columns, degrees).
//!
//! `rmrl_core::closing_slide_m` was fitted to these tables.

use nalgebra::{Isometry3, Translation3, UnitQuaternion};
use rmrl_cell::ToolPose;
use rmrl_core::PlanarPose;
use rmrl_sim::{Friction, GraspDynamics, Hand};
use rmrl_vision::PlateGeometry;

fn main() {
    let geometry = PlateGeometry::default();
    let turns_deg = [-4.0, -2.0, -1.0, -0.5, -0.25, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0];
    for pads in [0.3, 0.375, 0.45] {
        println!("pads' friction {pads}");
        print!("{:>8}", "");
        turns_deg.iter().for_each(|turn| print!("{turn:>8.2}"));
        println!();
        for across_mm in [0.0, 1.0, 2.0, 4.0, 7.0, 10.0] {
            print!("{across_mm:>8.1}");
            for turn_deg in turns_deg {
                let turn_rad = f64::to_radians(turn_deg);
                let world_from_plate = Isometry3::from_parts(
                    Translation3::new(0.0, across_mm / 1000.0, 0.5 * geometry.height_m),
                    UnitQuaternion::from_euler_angles(0.0, 0.0, turn_rad),
                );
                let hand = Hand {
                    tool: ToolPose::new(PlanarPose::default(), 0.002),
                    half_opening_m: 0.065,
                };
                let friction = Friction { pads, surfaces: 0.3 };
                let mut grasp =
                    GraspDynamics::new(&[], friction, geometry, &world_from_plate, hand);
                grasp.close_jaws();
                print!("{:>8.2}", 1000.0 * grasp.world_from_plate().translation.x);
            }
            println!();
        }
    }
}
